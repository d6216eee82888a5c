"""Playbooks B and C over 2006 to 2026 on daily bars: audited, causal, and bitcoin joins late."""

from pathlib import Path

import pytest

from data_feeds.catalog import Catalog
from data_feeds.clock import DAY_NS
from engine.audit import audit_run
from engine.causality import beginnings
from engine.config.load import load_run_config
from engine.config.locations import find_config
from engine.decision_terms import RefusalRule
from engine.errors import RiskoffError
from engine.pages.publish import publish
from engine.run import run
from tests.data_feeds.factory import ns

COIN = "BTCUSD-DAILY"


def test_the_swing_over_twenty_years_audits_clean(real_catalog: Catalog, tmp_path: Path) -> None:
    result = run(load_run_config(find_config("swing_2006_2026", "runs")), real_catalog)
    assert len(result.outcome.fills) > 100
    assert {fill.instrument for fill in result.outcome.fills} == {"QQQ", "SPY"}
    # The check that a run makes of itself had the first rows of several channels to cut before.
    cuts = beginnings(result.dataset, result.requirements, result.signals.decided_at)
    assert len(cuts) > 3
    assert audit_run(publish(result, tmp_path), real_catalog).findings == ()


def test_the_hedged_book_over_twenty_years_keeps_bitcoins_weight_in_cash_until_it_begins(
    real_catalog: Catalog, tmp_path: Path
) -> None:
    result = run(load_run_config(find_config("hedged_2006_2026", "runs")), real_catalog)
    begins = ns("2014-09-17")
    bought = [fill for fill in result.outcome.fills if fill.instrument == COIN]
    refused = [d for d in result.outcome.decisions if d.blocked_by == RefusalRule.NOT_BEGUN]
    assert {d.instrument for d in refused} == {COIN}
    # Known at the close of its first day, asked for that evening; the size needs 20 days of volume,
    # which are complete on 7 October: the next time that the band is looked at is the 8th.
    first_close = begins + DAY_NS
    assert all(d.decided_at < first_close for d in refused)
    asked = [d for d in result.outcome.decisions if d.instrument == COIN]
    early = [d for d in asked if first_close <= d.decided_at < ns("2014-10-08")]
    assert {d.blocked_by for d in early} == {"volume unknown", "band rest"}
    assert early[0].reason.endswith(f"(asked: {COIN} begins)")
    assert bought[0].at == ns("2014-10-09")
    told = publish(result, tmp_path)
    times = len(refused)
    summary = (told / "summary.txt").read_text(encoding="utf-8")
    assert f"({times} times asked for)" in " ".join(summary.split())
    # Until then its 5% and the cushion lie in the venue wallet as cash.
    curve = result.outcome.curve
    before = curve.at < begins
    share = curve.venue_cash[before][-1] / curve.equity[before][-1]
    assert share == pytest.approx(0.07, abs=0.02)
    held = 1 - (curve.venue_cash + curve.brokerage_cash)[before] / curve.equity[before]
    assert held.max() < 0.95
    assert audit_run(told, real_catalog).findings == ()


@pytest.mark.parametrize(("fund", "first"), [("SH", "2006-06-21"), ("PSQ", "2006-06-21")])
def test_a_run_that_needs_a_fund_begins_at_its_first_bar(real_catalog, fund, first) -> None:
    hedge = f'playbook.params.hedges={{"inverse": {{"instrument": "{fund}"}}}}'
    early = load_run_config(find_config("hedged_2006_2026", "runs"), [hedge])
    with pytest.raises(RiskoffError, match=f"{fund}/bars/1d.*{first}"):
        run(early, real_catalog)
