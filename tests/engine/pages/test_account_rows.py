"""Check an account's ladders, caps and transfers against the decisions and facts of its sleeves."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from data_feeds.embedded import embedded_catalog
from engine.account.folder import AccountRecord
from engine.account.run import run_sleeves
from engine.config.load import load_account_config
from engine.decision_terms import RISK_ADDING, Cap, DecisionOutcome, RiskTier
from engine.pages.account_rows import (
    cap_rows,
    ladders_of,
    rung_rows,
    shared_assumptions,
    transfer_rows,
)
from engine.records import Fact, FactKind
from tests.engine.cli.test_account_command import ACCOUNT
from tests.engine.cli.toy import PLUGIN

NAME = "plugin_of_account_rows"
LADDER = "{ladder: [{drawdown: 0.00002, multiplier: 0.5}, {drawdown: 0.0002, multiplier: 0.25}]"
DRAWDOWN = f"risk.drawdown={LADDER}, halt_at: 0.05}}"


@pytest.fixture(scope="module")
def record(tmp_path_factory) -> AccountRecord:
    """Return an account of two toys over three days, with a ladder that small losses reach."""
    folder: Path = tmp_path_factory.mktemp("account")
    (folder / f"{NAME}.py").write_text(PLUGIN)
    (folder / "account.yaml").write_text(ACCOUNT.replace("PLUGIN", NAME))
    off = "sleeves.calm.risk.drawdown=null"
    config = load_account_config(folder / "account.yaml", [DRAWDOWN, off])
    return AccountRecord(run_sleeves(config, embedded_catalog(), plugin_path=folder))


def test_the_rung_at_a_decision_is_the_tier_that_the_decision_recorded(record):
    ladders = {
        name: ladder for names, ladder in ladders_of(record).items() for name in names.split(", ")
    }
    assert set(ladders) == {"account", "bold", "calm"}
    by_factor = {1.0: RiskTier.NORMAL, 0.5: RiskTier.CAUTIOUS, 0.25: RiskTier.DEFENSIVE}
    seen = set()
    for name, sleeve in record.records.items():
        ladder = ladders[name]
        for decision in sleeve.run.outcome.decisions:
            if decision.intent not in RISK_ADDING:
                continue
            row = int(np.searchsorted(ladder.at, decision.decided_at, side="right")) - 1
            tier = by_factor[float(ladder.factor[row])] if row >= 0 else RiskTier.NORMAL
            assert decision.tier == tier, (name, decision.decided_at)
            seen.add(tier)
    assert len(seen) > 1


def test_shares_of_time_on_the_rungs_add_up(record):
    shares: dict[str, float] = {}
    for name, _, share, *_ in rung_rows(ladders_of(record))[1:]:
        shares[name] = shares.get(name, 0.0) + float(share.rstrip("%"))
    assert len(shares) > 0
    for total in shares.values():
        assert total == pytest.approx(100.0, abs=0.15)


def test_caps_are_counted_by_sleeve_with_their_owner(record):
    heading, *rows = cap_rows(record)
    assert heading == ("cap", "set by", "bold", "calm")
    found = {(row[0], row[1]): sum(map(int, row[2:])) for row in rows}
    recount: dict[tuple[str, str], int] = {}
    for sleeve in record.records.values():
        for decision in sleeve.run.outcome.decisions:
            if decision.outcome is DecisionOutcome.APPROVED and decision.intent in RISK_ADDING:
                cap = Cap.named(str(decision.binding_cap))
                key = (cap.rule, cap.scope.value)
                recount[key] = recount.get(key, 0) + 1
    assert found == recount
    assert ("leverage", "account") in found


def test_an_assumption_of_one_sleeve_names_it(record):
    told = shared_assumptions(record)
    assert len(told) == len(set(told))
    assert any(not line.startswith(("bold: ", "calm: ")) for line in told)


def test_cash_is_counted_where_it_leaves_and_not_where_it_arrives():
    def moved(number, at, wallet, amount, kind=FactKind.TRANSFER):
        return Fact(number, at, kind, wallet, amount)

    day = 86_400 * 10**9
    facts = [
        moved(1, day, "venue", -100.0),
        moved(2, day, "transit", 100.0),
        moved(3, 2 * day, "transit", -100.0),
        moved(4, 2 * day, "brokerage", 100.0),
        moved(5, 3 * day, "venue", -50.5),
        moved(6, 3 * day, "transit", 50.5),
        moved(7, 4 * day, "venue", -7.0, FactKind.FEE),
        moved(8, 5 * day, "brokerage", -20.0),
    ]
    sleeve = SimpleNamespace(run=SimpleNamespace(outcome=SimpleNamespace(facts=facts)))
    assert transfer_rows(SimpleNamespace(records={"core": sleeve}))[1:] == [
        ("core", "venue", "brokerage", "2", "150.50", "1970-01-02T00:00Z", "1970-01-04T00:00Z"),
        ("core", "brokerage", "venue", "1", "20.00", "1970-01-06T00:00Z", "1970-01-06T00:00Z"),
    ]
