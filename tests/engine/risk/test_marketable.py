"""Check orders that the market has reached: sized at the likely fill, bounded at the worst.

The last price is 100; an entry buys for a notional of 1,000 unless a test says otherwise.
"""

import pytest

from data_feeds.instrument import Instrument, InstrumentKind
from engine.audit import format_report
from engine.costs import RangeSlippage
from engine.intents import Add, Enter, Target
from engine.records import OrderKind
from engine.testing import PERP, SPOT, candles, fill_lines, play, table
from tests.engine.test_shared_cash import audited, finished

FLAT = (100.0, 101.0, 99.0, 100.0)
# 0.05% of 100,000 is a risk of 50.
SMALL_RISK = {"notional": None, "risk": {"risk_fraction": 0.0005}}


def limit(price, stop, direction=1, **more):
    return Enter(PERP.id, direction, stop, "test", kind=OrderKind.LIMIT, price=price, **more)


def stop_entry(price, stop, direction=1, **more):
    return Enter(PERP.id, direction, stop, "test", kind=OrderKind.STOP, price=price, **more)


def played(intent, *rows, **sections):
    return play(table(candles([FLAT, *(rows or (FLAT, FLAT))])), {0: [intent]}, **sections)


# Limits.


def test_a_limit_far_beyond_the_market_is_sized_at_the_last_price():
    # 1,000 / 100 = 10, not 1,000 / 2,300 = 0.434.
    outcome = played(limit(2_300.0, 50.0))
    assert outcome.decisions[0].entry_estimate == 100.0
    assert fill_lines(outcome) == [(1.0, "entry", 10.0, 100.0)]


def test_the_risk_of_a_marketable_limit_is_measured_from_the_last_price():
    # 50 / (100 - 95) = 10, not 50 / (210 - 95) = 0.434.
    assert fill_lines(played(limit(210.0, 95.0), **SMALL_RISK)) == [(1.0, "entry", 10.0, 100.0)]


@pytest.mark.parametrize(
    ("opens", "bought"),
    [
        (100.0, 10.0),
        (99.0, 10.0),
        (101.0, 8.333),  # 50 / 6
        (150.0, 0.909),  # 50 / 55
        (210.0, 0.434),  # 50 / 115: at the limit
    ],
)
def test_at_a_worse_open_no_more_is_bought_than_the_risk_asked_for_carries(opens, bought):
    row = (opens, opens + 1, opens - 1, opens)
    outcome = played(limit(210.0, 95.0), row, row, **SMALL_RISK)
    assert fill_lines(outcome) == [(1.0, "entry", bought, opens)]
    assert bought * abs(opens - 95.0) <= 50.0
    entry = outcome.orders[0]
    assert entry.risk_limit == 50.0
    assert entry.status == ("filled" if bought == 10.0 else "cancelled")


def test_a_limit_that_the_open_leaves_behind_fills_at_its_own_price_within_the_risk():
    # Opens at 220, above the limit, and falls back through it: 50 / 115 at 210.
    outcome = played(limit(210.0, 95.0), (220, 221, 205, 206), FLAT, **SMALL_RISK)
    assert fill_lines(outcome)[0] == (2.0, "entry", 0.434, 210.0)


def test_parts_of_a_marketable_limit_share_the_risk_asked_for():
    # The open of 100 fills 4 by volume: R 20. At 106 the other 30 carry 30 / 11 = 2.727.
    rows = [(100, 101, 99, 100, 40), (100, 106, 99, 106, 40), (106, 107, 105, 106)]
    outcome = play(
        table(candles(rows)),
        {0: [limit(210.0, 95.0)]},
        venue={"participation_cap": 0.1},
        **SMALL_RISK,
    )
    assert fill_lines(outcome) == [(1.0, "entry", 4.0, 100.0), (2.0, "entry", 2.727, 106.0)]
    risk = 4 * 5 + 2.727 * 11
    assert risk <= 50.0
    assert outcome.orders[0].end_reason == "the risk asked for does not carry the rest"


def test_a_short_limit_below_the_market_is_the_mirror_image():
    # 50 / (105 - 100) = 10; at an open of 60 it is 50 / (105 - 60) = 1.111.
    short = limit(60.0, 105.0, -1)
    assert fill_lines(played(short, **SMALL_RISK)) == [(1.0, "entry", -10.0, 100.0)]
    low = (60.0, 61.0, 59.0, 60.0)
    assert fill_lines(played(short, low, low, **SMALL_RISK)) == [(1.0, "entry", -1.111, 60.0)]


@pytest.mark.parametrize(
    ("price", "direction", "estimate"),
    [
        (210.0, 1, 100.5),  # 100 x 1.005
        (100.3, 1, 100.3),  # a limit never fills beyond its own price
        (100.0, 1, 100.0),
        (99.0, 1, 99.0),  # rests: its own price
        (60.0, -1, 99.5),
        (99.8, -1, 99.8),
        (101.0, -1, 101.0),
    ],
)
def test_the_estimate_is_the_last_price_with_slippage_and_at_most_the_limit(
    price, direction, estimate
):
    intent = limit(price, 50.0 if direction > 0 else 150.0, direction)
    outcome = played(
        intent, venue={"slippage": RangeSlippage(base_bps=50, range_share=0, impact=0)}
    )
    assert outcome.decisions[0].entry_estimate == estimate
    # 1,000 / estimate in lots of 0.001
    assert outcome.decisions[0].quantity == pytest.approx(1_000 / estimate, abs=1e-3)
    assert (outcome.orders[0].risk_limit == 20_000.0) is (estimate != price)


def test_slippage_of_the_estimate_reads_range_and_multiplier():
    # (0.001 + 0.1 x (101 - 99) / 100) x 2 = 0.006; the impact depends on the size and is left out.
    outcome = played(
        limit(210.0, 50.0, slippage_multiplier=2.0),
        venue={"slippage": RangeSlippage(base_bps=10, range_share=0.1, impact=0.1)},
        risk={"participation_window": "1h"},
    )
    assert outcome.decisions[0].entry_estimate == pytest.approx(100.6)


def test_a_marketable_limit_is_expected_to_pay_the_taker_fee():
    # 50 / (5 + 0.01 x 100 + 0.01 x 95) = 7.194 with the taker's 1% both ways.
    fees = {"maker_fee_bps": 0, "taker_fee_bps": 100}
    outcome = played(limit(210.0, 95.0), venue=fees, **SMALL_RISK)
    assert outcome.decisions[0].quantity == 7.194
    # A resting limit pays the maker fee of 0 on its entry: 50 / (4 + 0.01 x 95) = 10.101.
    resting = played(limit(99.0, 95.0), venue=fees, **SMALL_RISK)
    assert resting.decisions[0].quantity == 10.101


@pytest.mark.parametrize(
    ("intent", "rule"),
    [
        (limit(210.0, 95.0, targets=(Target(110.0, 1.0),)), ""),  # above where it fills
        (limit(210.0, 95.0, targets=(Target(99.0, 1.0),)), "target side"),
        (limit(210.0, 150.0), "stop side"),  # above where it fills
        (limit(60.0, 105.0, -1, targets=(Target(90.0, 1.0),)), ""),
        (limit(60.0, 95.0, -1), "stop side"),
        (stop_entry(60.0, 50.0, targets=(Target(80.0, 1.0),)), "target side"),
        (stop_entry(60.0, 95.0), ""),
        (stop_entry(140.0, 105.0, -1), ""),
        (stop_entry(140.0, 95.0, -1), "stop side"),
    ],
)
def test_the_levels_of_a_marketable_order_are_checked_where_it_fills(intent, rule):
    decision = played(intent).decisions[0]
    assert (decision.blocked_by, decision.outcome) == (rule, "rejected" if rule else "approved")


@pytest.mark.parametrize("rule", ["through", "touch"])
@pytest.mark.parametrize("side", [1, -1])
@pytest.mark.parametrize(
    "row",
    [
        (106.0, 107.0, 102.0, 104.0),
        (106.0, 107.0, 104.0, 104.5),  # does not come to the target
        (106.0, 107.0, 94.0, 96.0),  # comes to the stop later
    ],
)
def test_a_target_that_the_fill_has_passed_is_no_loss(row, side, rule, tmp_path) -> None:
    # Expected at 100, filled at the limit of 105; a sale at 103 or better fills there at once.
    opened, high, low, close = row
    bars = row if side > 0 else (200 - opened, 200 - low, 200 - high, 200 - close)
    price, stop, aim = (105.0, 95.0, 103.0) if side > 0 else (95.0, 105.0, 97.0)
    intent = limit(price, stop, side, targets=(Target(aim, 1.0),))
    data = table(candles([FLAT, bars, FLAT]))
    account = {"venue_cash": 100_000.0, "brokerage_cash": 0.0}
    done = finished(
        data, {0: [intent]}, notional=1_000.0, venue={"limit_fill": rule}, account=account
    )
    assert fill_lines(done.outcome) == [
        (2.0, "entry", side * 10.0, price),
        (2.0, "target", side * -10.0, price),
    ]
    report = audited(done, data, tmp_path / "run")
    assert report.ok, format_report(report)


def test_what_volume_leaves_of_a_passed_target_waits_for_the_next_open(tmp_path) -> None:
    # A bar of 150 fills 15: the entry's 10 and 5 of the target; the open of 104 takes the rest.
    data = table(
        candles(
            [
                (100.0, 101.0, 99.0, 100.0, 150.0),
                (106.0, 107.0, 102.0, 104.0, 150.0),
                (104.0, 105.0, 103.0, 104.0, 150.0),
            ]
        )
    )
    intent = limit(105.0, 95.0, targets=(Target(103.0, 1.0),))
    account = {"venue_cash": 100_000.0, "brokerage_cash": 0.0}
    venue = {"participation_cap": 0.1}
    done = finished(data, {0: [intent]}, notional=1_000.0, venue=venue, account=account)
    assert fill_lines(done.outcome) == [
        (2.0, "entry", 10.0, 105.0),
        (2.0, "target", -5.0, 105.0),
        (2.0, "target", -5.0, 104.0),
    ]
    report = audited(done, data, tmp_path / "run")
    assert report.ok, format_report(report)


# Cash.


def test_margin_is_reserved_at_the_limit():
    # 1,000 x 10 / 200 = 50, though 100 would fit at the last price.
    outcome = played(limit(200.0, 99.0), account={"venue_cash": 1_000.0}, notional=None)
    decision = outcome.decisions[0]
    assert (decision.binding_cap, decision.quantity) == ("margin", 50.0)


def test_the_margin_of_a_short_limit_is_reserved_where_it_fills():
    # It sells at 100, above its limit: 1,000 x 10 / 100.
    outcome = played(limit(60.0, 101.0, -1), account={"venue_cash": 1_000.0}, notional=None)
    decision = outcome.decisions[0]
    assert (decision.binding_cap, decision.quantity) == ("margin", 100.0)


def test_spot_is_paid_for_at_the_limit():
    intent = Enter(SPOT.id, 1, 95.0, "test", kind=OrderKind.LIMIT, price=200.0)
    market = table(candles([FLAT] * 3, instrument=SPOT.id))
    outcome = play(market, {0: [intent]}, account={"venue_cash": 1_000.0}, notional=None)
    decision = outcome.decisions[0]
    # 1,000 / 200; at the last price 10 would fit.
    assert (decision.binding_cap, decision.quantity) == ("cash", 5.0)
    assert fill_lines(outcome) == [(1.0, "entry", 5.0, 100.0)]


def test_what_a_working_limit_has_reserved_is_not_free_for_the_next_entry():
    # The perp's limit of 200 sets 2.5 x 200 / 10 = 50 aside, its notional counts at 100.
    rows = [FLAT, FLAT, FLAT]
    market = table(candles(rows), candles(rows, instrument=SPOT.id))
    spot = Enter(SPOT.id, 1, 95.0, "test")
    outcome = play(
        market, {0: [limit(200.0, 99.0), spot]}, account={"venue_cash": 1_000.0}, notional=250.0
    )
    perp, owned = outcome.decisions
    assert (perp.quantity, owned.quantity) == (2.5, 2.5)
    tight = play(
        market, {0: [limit(200.0, 99.0), spot]}, account={"venue_cash": 250.0}, notional=250.0
    )
    # 250 - 50 = 200 for spot at 100.
    assert tight.decisions[1].quantity == 2.0
    assert tight.decisions[1].binding_cap == "cash"


# Stops.


def test_a_stop_entry_that_the_market_has_passed_is_sized_at_the_last_price():
    # 1,000 / 100 = 10, not 1,000 / 60 = 16.666.
    outcome = played(stop_entry(60.0, 50.0))
    assert outcome.decisions[0].entry_estimate == 100.0
    assert fill_lines(outcome) == [(1.0, "entry", 10.0, 100.0)]


def test_its_risk_is_measured_from_the_last_price():
    # 50 / (100 - 50) = 1, not 50 / (60 - 50) = 5; short 50 / (150 - 100), not 50 / (150 - 140).
    assert fill_lines(played(stop_entry(60.0, 50.0), **SMALL_RISK))[0][2] == 1.0
    assert fill_lines(played(stop_entry(140.0, 150.0, -1), **SMALL_RISK))[0][2] == -1.0


def test_a_stop_entry_that_waits_is_sized_at_its_trigger():
    # 50 / (102 - 97) = 10
    assert played(stop_entry(102.0, 97.0), **SMALL_RISK).decisions[0].quantity == 10.0


# Tranches.


def test_the_first_tranche_of_a_marketable_limit_has_its_share_of_the_risk():
    # Half of 10 at 100; at an open of 150 half of the risk carries 25 / 55 = 0.454.
    half = limit(210.0, 95.0, fraction=0.5)
    assert fill_lines(played(half, **SMALL_RISK)) == [(1.0, "entry", 5.0, 100.0)]
    dear = (150.0, 151.0, 149.0, 150.0)
    assert fill_lines(played(half, dear, dear, **SMALL_RISK)) == [(1.0, "entry", 0.454, 150.0)]


def test_a_tranche_added_to_a_marketable_limit_is_sized_at_the_last_price():
    outcome = play(
        table(candles([FLAT] * 4)),
        {0: [limit(210.0, 95.0, fraction=0.5)], 1: [Add(PERP.id, 0.5, "second")]},
        **SMALL_RISK,
    )
    assert fill_lines(outcome) == [(1.0, "entry", 5.0, 100.0), (2.0, "entry", 5.0, 100.0)]


def test_a_size_multiplier_scales_the_risk_that_bounds_the_fill():
    # A quarter of 10; at 150 a quarter of the risk: 12.5 / 55 = 0.227.
    dear = (150.0, 151.0, 149.0, 150.0)
    outcome = played(limit(210.0, 95.0, size_multiplier=0.25), dear, dear, **SMALL_RISK)
    assert fill_lines(outcome) == [(1.0, "entry", 0.227, 150.0)]


def test_a_risk_that_carries_no_lot_at_the_open_rejects_the_entry():
    whole = Instrument(id=PERP.id, kind=InstrumentKind.PERP, tick_size=0.1, lot_size=1.0)
    dear = (150.0, 151.0, 149.0, 150.0)
    market = table(candles([FLAT, dear, dear]), instruments=[whole])
    outcome = play(market, {0: [limit(210.0, 95.0)]}, **SMALL_RISK)
    assert outcome.fills == ()
    assert (outcome.orders[0].status, outcome.orders[1].status) == ("rejected", "cancelled")
