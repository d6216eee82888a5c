"""Funding slots: who pays, on which position, at which mark. Tables hold 10 units from 100."""

import pytest

from engine.contracts.linear_perp import LinearPerp
from engine.intents import Enter, Exit
from engine.testing import PERP, amounts, candles, funding, hour, marks, play, table

FLAT = (100.0, 101.0, 99.0, 100.0)


def enter(direction=1, stop=None):
    far = 50.0 if direction > 0 else 150.0
    return Enter(PERP.id, direction, stop=far if stop is None else stop, reason="test")


def facts(outcome):
    return [fact for fact in outcome.facts if fact.kind == "funding"]


@pytest.mark.parametrize(
    ("direction", "rate", "amount"),
    # 10 x 102 x 0.0001 = 0.102, at the mark's open of 102 and not at the last price.
    [(1, 0.0001, -0.102), (-1, 0.0001, 0.102), (1, -0.0001, 0.102), (-1, -0.0001, -0.102)],
)
def test_longs_pay_a_positive_rate_to_shorts_at_the_marks_open(direction, rate, amount):
    market = table(
        candles([FLAT] * 4),
        marks([FLAT, FLAT, (102, 103, 98, 100), FLAT]),
        funding([(hour(2), rate)]),
    )
    outcome = play(market, {0: [enter(direction)]})
    (paid,) = facts(outcome)
    assert (paid.amount, paid.at, paid.price) == (pytest.approx(amount), hour(2), 102.0)
    assert (paid.quantity, paid.rate, paid.inferred) == (10.0 * direction, rate, False)
    assert outcome.curve.venue_cash[-1] == pytest.approx(100_000 + amount)


def test_a_rate_of_zero_is_a_payment_of_nothing_and_not_an_absence():
    market = table(candles([FLAT] * 4), marks([FLAT] * 4), funding([(hour(2), 0.0)]))
    assert amounts(play(market, {0: [enter()]}), "funding") == [0.0]


def test_a_position_opened_at_the_funding_instant_pays_nothing():
    market = table(candles([FLAT] * 3), marks([FLAT] * 3), funding([(hour(1), 0.001)]))
    outcome = play(market, {0: [enter()]})
    assert outcome.fills[0].at == hour(1)
    assert facts(outcome) == []


def test_a_position_closed_at_the_funding_instant_still_pays():
    market = table(candles([FLAT] * 4), marks([FLAT] * 4), funding([(hour(2), 0.001)]))
    outcome = play(market, {0: [enter()], 1: [Exit(PERP.id, "out")]})
    assert outcome.fills[1].at == hour(2)
    assert amounts(outcome, "funding") == [pytest.approx(-1.0)]  # 10 x 100 x 0.001


def test_a_position_stopped_inside_the_bar_before_the_slot_pays_nothing():
    market = table(
        candles([FLAT, (100, 101, 94, 95), FLAT]), marks([FLAT] * 3), funding([(hour(2), 0.001)])
    )
    outcome = play(market, {0: [enter(stop=95.0)]})
    assert outcome.fills[1].at == hour(2)
    assert facts(outcome) == []


def test_every_record_is_paid_once_whatever_the_interval():
    # 2 h, then 4 h apart, then one inside a bar.
    slots = [(hour(4), 0.001), (hour(6), 0.001), (hour(10), -0.002), (hour(11), 0.001)]
    two, rows = {"timeframe": "2h"}, [FLAT] * 8
    market = table(candles(rows, **two), marks(rows, **two), funding(slots))
    outcome = play(market, {0: [enter()]})
    assert [fact.at for fact in facts(outcome)] == [at for at, _ in slots]
    assert amounts(outcome, "funding") == pytest.approx([-1.0, -1.0, 2.0, -1.0])


def test_inside_a_bar_the_last_completed_mark_is_used_and_labelled_inferred():
    market = table(
        candles([FLAT] * 4, timeframe="2h"),
        marks([FLAT, (100, 104, 99, 103), (102, 110, 98, 100), FLAT], timeframe="2h"),
        funding([(hour(5), 0.001)]),
    )
    (paid,) = facts(play(market, {0: [enter()]}))
    # The mark bar of hours 2 and 3 closed at 103; the one that is open now is not known.
    assert (paid.price, paid.inferred) == (103.0, True)
    assert paid.amount == pytest.approx(-1.03)


def test_without_marks_the_last_completed_close_is_used_and_labelled_inferred():
    # The bar before closed at 100; the next one's open of 98 is not a completed price yet.
    market = table(candles([FLAT, FLAT, (98, 99, 97, 98), FLAT]), funding([(hour(2), 0.001)]))
    (paid,) = facts(play(market, {0: [enter()]}))
    assert (paid.price, paid.inferred, paid.amount) == (100.0, True, pytest.approx(-1.0))


@pytest.mark.parametrize(("mark_low", "liquidated"), [(90.5, True), (90.6, False)])
def test_funding_beyond_the_free_wallet_eats_the_margin_and_moves_the_liquidation_price(
    mark_low, liquidated
):
    # Wallet 101, margin 100, free 1. Funding 1,000 x 0.3% = 3: 1 from the wallet, 2 from the
    # margin. P = (1,000 - 98) / 9.96 = 90.5622 instead of 90.3614.
    market = table(
        candles([FLAT] * 5),
        marks([FLAT, FLAT, FLAT, (100, 101, mark_low, 100), FLAT]),
        funding([(hour(2), 0.003)]),
    )
    outcome = play(market, {0: [enter(stop=98.5)]}, account={"venue_cash": 101.0})
    (paid,) = facts(outcome)
    assert (paid.amount, paid.from_margin) == (pytest.approx(-3.0), pytest.approx(2.0))
    assert [fill.raw_price for fill in outcome.fills[1:]] == [
        pytest.approx(902 / 9.96)
    ] * liquidated


def test_funding_that_the_free_wallet_pays_leaves_the_liquidation_price():
    market = table(
        candles([FLAT] * 5),
        marks([FLAT, FLAT, FLAT, (100, 101, 90.5, 100), FLAT]),
        funding([(hour(2), 0.003)]),
    )
    outcome = play(market, {0: [enter()]})
    assert facts(outcome)[0].from_margin == 0.0
    assert len(outcome.fills) == 1


def test_a_record_at_the_windows_last_instant_is_not_due():
    # No mark follows it: the curve would end at an equity that the facts contradict.
    slots = [(hour(3), 0.001), (hour(4), 0.001)]
    market = table(candles([FLAT] * 4), marks([FLAT] * 4), funding(slots))
    outcome = play(market, {0: [enter()]})
    assert amounts(outcome, "funding") == [pytest.approx(-1.0)]
    assert outcome.curve.venue_cash[-1] == pytest.approx(sum(f.amount for f in outcome.facts))


def test_funding_is_part_of_what_a_plan_earns():
    market = table(candles([FLAT] * 5), marks([FLAT] * 5), funding([(hour(2), 0.001)]))
    outcome = play(
        market,
        {0: [enter()], 2: [Exit(PERP.id, "out")], 3: [enter()]},
        risk={"cool_down": "2h"},
    )
    # Bought and sold at 100, but funding cost 1: a losing plan, so the cool-down blocks the next.
    assert outcome.decisions[-1].blocked_by == "cool-down"


def test_the_formula_has_the_sign_of_the_payer():
    # 2 x 30,000 x 0.0001 = 6, paid by the long and received by the short.
    perp = LinearPerp("USDT")
    assert perp.funding(2.0, 30_000.0, 0.0001) == pytest.approx(-6.0)
    assert perp.funding(-2.0, 30_000.0, 0.0001) == pytest.approx(6.0)


@pytest.mark.parametrize("late_ns", [0, 18_000_000, -1_000_000, 59 * 10**9])
def test_a_settlement_stamped_beside_its_hour_is_paid_at_the_hour(late_ns):
    # 10 x 102 x 0.001 at hour 2, by the position of hour 1; the one of hour 2 pays nothing.
    market = table(
        candles([FLAT] * 4),
        marks([FLAT, FLAT, (102, 103, 98, 100), FLAT]),
        funding([(hour(2) + late_ns, 0.001)]),
    )
    (paid,) = facts(play(market, {0: [enter()]}))
    assert (paid.at, paid.price, paid.amount) == (hour(2), 102.0, pytest.approx(-1.02))
    entered = play(market, {1: [enter()]})
    assert entered.fills[0].at == hour(2)
    assert facts(entered) == []
