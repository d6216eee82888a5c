"""Bars that open inside an outage of the venue fill nothing; runs and audit say so."""

from datetime import timedelta

import numpy as np
import pytest

from data_feeds.clock import HOUR_NS, utc_datetime
from data_feeds.dataset import Dataset
from data_feeds.outages import Outage
from data_feeds.schema import ChannelKey, ChannelKind, Provenance
from data_feeds.trading_terms import TradingTerms
from engine.audit import format_report
from engine.intents import Enter, Exit
from engine.results.finished import RunRecord
from engine.results.manifest import assumptions
from engine.testing import PERP, START, candles, fill_lines, marks, play, table
from tests.engine.audit.simulated import audited_run, scripted
from tests.engine.inverse_market import XBT

CALM = (100, 101, 99, 100)
CLOCK = ChannelKey(PERP.id, ChannelKind.BARS, "1h")
FIRST = utc_datetime(START)


def down(since: float, until: float) -> Outage:
    """Return an outage by hours after the start of the table."""
    ends = (FIRST + timedelta(hours=hours) for hours in (since, until))
    return Outage(**dict(zip(("since", "until"), ends, strict=True)), source="test")


def market(rows, *outages, mark=None, terms=()) -> Dataset:
    instrument = PERP.model_copy(update={"outages": outages, "terms": terms})
    calm = marks([CALM] * len(rows)) if mark is None else mark
    return table(candles(rows), calm, instruments=[instrument])


def long(stop: float = 50.0):
    return [Enter(PERP.id, 1, stop=stop, reason="test")]


def test_an_entry_waits_for_the_first_bar_that_opens_after_the_outage():
    # Decided at 01:00; the bars of 01:00 and 02:00 open inside [00:30, 03:00).
    rows = [CALM] * 3 + [(103, 104, 102, 103)] * 3
    outcome = play(market(rows, down(0.5, 3)), {0: long()}, clock=CLOCK)
    assert fill_lines(outcome)[0][:2] == (3.0, "entry")
    assert fill_lines(outcome)[0][3] == 103.0


def test_a_stop_touched_inside_an_outage_fills_at_the_next_open():
    rows = [CALM, CALM, (100, 101, 80, 85), (84, 85, 83, 84), CALM]
    # Without the outage the stop fills inside the bar of 02:00, at its level.
    free = fill_lines(play(market(rows), {0: long(90.0)}, clock=CLOCK))
    assert free[-1] == (3.0, "stop", -10.0, 90.0)
    late = fill_lines(play(market(rows, down(1.5, 2.5)), {0: long(90.0)}, clock=CLOCK))
    assert late[-1] == (3.0, "stop", -10.0, 84.0)


def test_a_stop_that_the_outage_hid_and_the_price_left_stays():
    rows = [CALM, CALM, (100, 101, 80, 95), CALM, CALM]
    outcome = play(market(rows, down(1.5, 2.5)), {0: long(90.0)}, clock=CLOCK)
    assert [role for _, role, _, _ in fill_lines(outcome)] == ["entry"]


def test_a_bar_that_opened_before_the_outage_keeps_its_fills():
    rows = [CALM, CALM, (100, 101, 80, 85), CALM, CALM]
    outcome = play(market(rows, down(2.1, 3)), {0: long(90.0)}, clock=CLOCK)
    assert fill_lines(outcome)[-1] == (3.0, "stop", -10.0, 90.0)


def test_an_exit_waits_too():
    rows = [CALM] * 4 + [(97, 98, 96, 97)] * 2
    script = {0: long(), 1: [Exit(PERP.id, reason="out")]}
    outcome = play(market(rows, down(2, 4)), script, clock=CLOCK)
    assert fill_lines(outcome)[-1] == (4.0, "exit", -10.0, 97.0)


def test_the_mark_liquidates_inside_an_outage():
    # 10 x 100 at 10x: margin 100; liquidated at (100 - 10) / (1 - 0.004) = 90.36.
    rows, quiet = [CALM] * 5, [CALM] * 5
    quiet[2] = (100, 101, 85, 100)
    data = market(rows, down(1.5, 3), mark=marks(quiet))
    assert fill_lines(play(data, {0: long()}, clock=CLOCK))[-1][:2] == (3.0, "liquidation")


def test_slippage_after_an_outage_reads_the_last_bar_in_which_orders_filled():
    wide = (100, 130, 70, 100)
    rows = [CALM, wide, wide, CALM, CALM]
    venue = {"slippage": {"base_bps": 0, "range_share": 0.1, "impact": 0}}
    outcome = play(market(rows, down(1, 3)), {1: long()}, clock=CLOCK, venue=venue)
    # At 03:00: (101 - 99) / 100 x 10% = 0.2%, and not (130 - 70) / 100 x 10% = 6%.
    assert fill_lines(outcome)[0][3] == pytest.approx(100.2)


# The audit ----------------------------------------------------------------------------------------

FALL = [CALM, CALM, (100, 101, 80, 85), (84, 85, 83, 84), CALM]


def test_a_run_through_an_outage_audits_clean(tmp_path):
    data = market(FALL, down(1.5, 2.5))
    report = audited_run(scripted(data, {0: long(90.0)}, CLOCK), data, tmp_path / "run")
    assert not report.findings, format_report(report)


def test_the_audit_finds_a_run_that_ignored_the_outage(tmp_path):
    """The run's market had no outage, the audited one has: its stop filled where none could."""
    blind, data = market(FALL), market(FALL, down(1.5, 2.5))
    report = audited_run(scripted(blind, {0: long(90.0)}, CLOCK), data, tmp_path / "run")
    assert "a bar with trades" in format_report(report)


# Assumptions --------------------------------------------------------------------------------------


def said(data: Dataset, script) -> str:
    data = data.in_force(FIRST.date())
    return "\n".join(assumptions(RunRecord(scripted(data, script, CLOCK))))


def test_assumptions_name_outages_inside_the_window_and_count_their_bars():
    text = said(market([CALM] * 6, down(1.5, 3.5), down(50, 51)), {0: long()})
    assert text.count("the venue was down from") == 1
    assert "2 bars open inside it, and no order fills there" in text


def test_assumptions_say_that_a_mark_is_a_stand_in():
    mark = marks([CALM] * 6)
    inferred = mark.columns | {"label": np.full(6, Provenance.INFERRED, np.int8)}
    stand_in = market([CALM] * 6, mark=type(mark)(mark.key, inferred))
    assert "is a stand-in and not the venue's record" in said(stand_in, {0: long()})
    assert "stand-in" not in said(market([CALM] * 6, mark=mark), {0: long()})


def test_assumptions_bound_the_funding_that_is_not_in_the_data():
    # START is midnight. Held from 01:00 to 21:00: settlements at 04:00, 12:00 and 20:00.
    hours = TradingTerms(
        since="2020-01-01", source="test", funding_hours=(4, 12, 20), funding_cap=0.00375
    )
    script = {0: long(), 20: [Exit(PERP.id, reason="out")]}
    assert START % (24 * HOUR_NS) == 0
    text = said(market([CALM] * 48, terms=(hours,)), script)
    # 10 x 100 x 0.375% = 3.75 a settlement, three of them.
    assert "3 settlements with a position could have moved 11.25 USDT at most" in text
    assert "at most 0.375% of the position's value" in text


def test_the_bound_takes_a_higher_cap_from_its_own_day():
    day = (FIRST + timedelta(days=1)).date()
    terms = (
        TradingTerms(since="2020-01-01", source="a", funding_hours=(4,), funding_cap=0.001),
        TradingTerms(since=day, source="b", funding_cap=0.002),
    )
    text = said(market([CALM] * 48, terms=terms), {0: long()})
    # 1,000 x (0.1% + 0.2%) = 3.
    assert "2 settlements with a position could have moved 3.00 USDT at most" in text


def test_a_perp_whose_terms_give_no_hours_has_no_bound():
    text = said(market([CALM] * 6), {0: long()})
    assert "has no funding in the data: no funding was paid or received.\n" in text + "\n"
    assert "settlements with a position" not in text


def test_a_settlement_applies_to_the_position_before_the_fills_of_its_instant():
    hours = TradingTerms(since="2020-01-01", source="a", funding_hours=(1, 3), funding_cap=0.001)
    # Entered at the open of 01:00, out at the open of 03:00: only 03:00 counts.
    script = {0: long(), 2: [Exit(PERP.id, reason="out")]}
    assert "1 settlement with" in said(market([CALM] * 6, terms=(hours,)), script)


def test_assumptions_say_how_an_inverse_perp_counts_and_is_liquidated():
    rows = [(8_000.0, 8_050.0, 7_950.0, 8_000.0, 1e6)] * 6
    data = table(candles(rows, instrument=XBT.id), instruments=[XBT])
    clock = ChannelKey(XBT.id, ChannelKind.BARS, "1h")
    account = {"venue_cash": 100.0, "brokerage_cash": 0.0}
    finished = scripted(data, {}, clock, account=account)
    text = "\n".join(assumptions(RunRecord(finished)))
    assert "XBTUSD counts contracts of 1 USD and settles in BTC, its maintenance margin" in text
    assert "a liquidated position loses its whole margin" in text
    assert "at the bankruptcy price for a liquidation" in text
