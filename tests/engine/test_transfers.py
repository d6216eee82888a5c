"""Transfers: cash leaves at once, arrives on a business morning and is never lost."""

import numpy as np
import pytest

from engine.broker.transfers import arrives_at
from engine.intents import Enter, Transfer
from engine.records import FactKind
from engine.testing import PERP, SPOT, amounts, candles, hour, play, series, table


def instant(text: str) -> int:
    return int(np.datetime64(text, "ns").astype(np.int64))


@pytest.mark.parametrize(
    ("sent", "days", "arrives"),
    [
        # Monday evening in New York is Tuesday in UTC.
        ("2026-02-03T02:00", 1, "2026-02-03T14:30"),
        ("2026-02-02T23:30", 1, "2026-02-03T14:30"),
        # Friday and Saturday: Monday.
        ("2026-02-06T23:30", 1, "2026-02-09T14:30"),
        ("2026-02-07T12:00", 1, "2026-02-09T14:30"),
        # Presidents' day is the 16th.
        ("2026-02-13T20:00", 1, "2026-02-17T14:30"),
        # Columbus day: the exchange is open, the Federal Reserve is not.
        ("2025-10-10T20:00", 1, "2025-10-14T13:30"),
        # Over the change to summer time.
        ("2026-03-06T20:00", 2, "2026-03-10T13:30"),
        ("2026-02-07T12:00", 0, "2026-02-07T12:00"),
    ],
)
def test_cash_arrives_on_the_morning_of_a_business_day(sent, days, arrives) -> None:
    assert arrives_at(instant(sent), days) == instant(arrives)


# Monday 2026-02-02T00:00Z on; sent at 03:00Z, Sunday evening in New York, it arrives at 14:30Z.
BARS = [(100.0, 101.0, 99.0, 100.0)] * 60
BOTH = {"venue_cash": 10_000.0, "brokerage_cash": 10_000.0}


def run(script, rows=BARS, **sections):
    account = {**BOTH, **sections.pop("account", {})}
    return play(table(candles(rows)), script, account=account, **sections)


def test_cash_in_transit_is_in_neither_wallet_and_in_the_equity() -> None:
    outcome = run({2: [Transfer("venue", 0.25, "more margin")]})
    curve = outcome.curve
    sent, arrived = np.searchsorted(curve.at, [hour(3), hour(14.5)], side="right")
    # 25% of 20,000.
    assert curve.brokerage_cash[sent - 1] == 10_000.0
    assert curve.brokerage_cash[sent:].tolist() == [5_000.0] * (len(curve.at) - sent)
    assert curve.transit_cash[sent:arrived].tolist() == [5_000.0] * (arrived - sent)
    assert curve.transit_cash[arrived:].sum() == 0.0
    assert curve.venue_cash[arrived:].tolist() == [15_000.0] * (len(curve.at) - arrived)
    assert set(curve.equity.tolist()) == {20_000.0}
    assert amounts(outcome, "transfer") == [-5_000.0, 5_000.0, -5_000.0, 5_000.0]
    facts = [fact for fact in outcome.facts if fact.kind == FactKind.TRANSFER]
    assert [fact.wallet for fact in facts] == ["brokerage", "transit", "transit", "venue"]
    # Each fact has its own time, though no bar opens at half past.
    assert [fact.at for fact in facts] == [hour(3), hour(3), hour(14.5), hour(14.5)]


def test_no_more_leaves_than_is_free() -> None:
    outcome = run({2: [Transfer("brokerage", 0.9, "all of it")]})
    (decision,) = outcome.decisions
    assert (decision.binding_cap, decision.quantity) == ("cash", 10_000.0)
    assert (decision.intent, decision.instrument, decision.direction) == (
        "transfer",
        "brokerage",
        -1,
    )
    assert outcome.curve.venue_cash[-1] == 0.0


def test_what_backs_a_position_or_a_working_entry_stays() -> None:
    # 10 BTC x 100 at setting 10: 100 of margin.
    enter = Enter(PERP.id, 1, stop=95.0, reason="in")
    at_once = run({2: [enter, Transfer("brokerage", 0.9, "rest")]})
    assert at_once.decisions[1].quantity == pytest.approx(9_900.0)
    later = run({2: [enter], 5: [Transfer("brokerage", 0.9, "rest")]})
    assert later.decisions[1].quantity == pytest.approx(9_900.0)


def test_an_empty_wallet_sends_nothing() -> None:
    outcome = run({2: [Transfer("venue", 0.5, "x")]}, account={"brokerage_cash": 0.0})
    (decision,) = outcome.decisions
    assert (decision.outcome, decision.blocked_by) == ("rejected", "no cash")
    assert amounts(outcome, "transfer") == []


def test_what_arrives_can_pay_for_what_opens_then() -> None:
    # Spot costs 100 a coin; the venue holds 50 until Monday morning.
    rows = [(100.0, 101.0, 99.0, 100.0)] * 60
    market = table(candles(rows, instrument=SPOT.id, timeframe="1h"))
    script = {
        2: [Transfer("venue", 0.5, "to buy")],
        10: [Enter(SPOT.id, 1, stop=95.0, reason="too early")],
        15: [Enter(SPOT.id, 1, stop=95.0, reason="arrived")],
    }
    account = {"venue_cash": 50.0, "brokerage_cash": 1_950.0}
    outcome = play(market, script, account=account, notional=1_000.0)
    bought = [d for d in outcome.decisions if d.intent == "enter"]
    assert [d.quantity for d in bought] == [0.5, 0.0]


def test_transfers_without_delay_arrive_at_once() -> None:
    outcome = run({2: [Transfer("venue", 0.25, "x")]}, account={"transfer_days": 0})
    assert outcome.curve.venue_cash[-1] == 15_000.0
    assert {fact.at for fact in outcome.facts if fact.kind == FactKind.TRANSFER} == {hour(3)}


def test_cash_that_has_not_arrived_at_the_end_is_still_there() -> None:
    outcome = run({50: [Transfer("venue", 0.25, "x")]})
    assert outcome.curve.transit_cash[-1] == 5_000.0
    assert outcome.curve.equity[-1] == 20_000.0


def test_several_transfers_arrive_in_turn() -> None:
    script = {
        2: [Transfer("venue", 0.1, "first")],
        5: [Transfer("venue", 0.1, "second")],
        7: [Transfer("brokerage", 0.1, "back")],
    }
    outcome = run(script)
    assert outcome.curve.transit_cash.max() == pytest.approx(6_000.0)
    assert outcome.curve.venue_cash[-1] == pytest.approx(10_000 + 4_000 - 2_000)


def test_cash_in_transit_earns_nothing() -> None:
    # 3.65% a year on Monday's and Tuesday's midnight balance of the brokerage.
    bill = series([(hour(0), 3.65)], "DGS3MO")
    account = {**BOTH, "interest_series": "DGS3MO"}
    outcome = play(table(candles(BARS), bill), {2: [Transfer("venue", 0.25, "x")]}, account=account)
    # 5,000 x 0.0365 / 365 for each day; nothing on the 5,000 under way.
    assert amounts(outcome, "interest") == pytest.approx([0.5, 0.5], abs=1e-3)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [(("exchange", 0.5), "to must be venue or brokerage"), (("venue", 0.0), "share must lie")],
)
def test_transfers_that_make_no_sense_are_refused(arguments, words) -> None:
    with pytest.raises(ValueError, match=words):
        Transfer(*arguments, "x")
