"""Numbers that plain Backtrader gets wrong for a perp, each with ours beside it.

The wrong number comes first, so that a new version of the library that repairs one is noticed.
"""

import math

import backtrader as bt
import pytest

from data_feeds.errors import SchemaError
from data_feeds.instrument import Instrument, InstrumentKind
from engine.costs import RangeSlippage
from engine.intents import Enter, Exit, Target
from engine.ledger import Ledger
from engine.records import OrderKind
from engine.testing import PERP, SPOT, amounts, candles, fill_lines, funding, hour, play, table

FLAT = (100.0, 101.0, 99.0, 100.0)


def buys(size, **order):
    return {0: lambda strategy: strategy.buy(size=size, **order)}


def enter(direction=1, stop=50.0, instrument=PERP.id, **more):
    return Enter(instrument, direction, stop=stop, reason="test", **more)


# Brackets.


def test_bracket_children_sleep_through_the_entrys_own_bar(plain):
    # Bought at 100, the entry's bar falls through the stop at 95; later the price rises to 110.
    rows = [FLAT, (100, 101, 94, 96), (96, 111, 96, 110), FLAT]
    bracket = {
        0: lambda strategy: strategy.buy_bracket(
            size=10, exectype=bt.Order.Market, stopprice=95.0, limitprice=110.0
        )
    }
    # Backtrader: the stop is not active yet, and the trade wins 10 x 10 = 100.
    assert plain(rows, script=bracket).fills == [(1, 10, 100.0), (2, -10, 110.0)]
    # Ours: stopped in the entry's bar, a loss of 10 x 5 = 50.
    outcome = play(table(candles(rows)), {0: [enter(stop=95.0, targets=(Target(110.0, 1.0),))]})
    assert fill_lines(outcome) == [(1.0, "entry", 10.0, 100.0), (2.0, "stop", -10.0, 95.0)]


def test_two_exits_without_a_bracket_both_fill_and_turn_the_position_over(plain):
    rows = [FLAT, FLAT, (100, 111, 99, 105), (105, 106, 94, 95), FLAT]
    script = {
        0: lambda strategy: strategy.buy(size=10),
        1: lambda strategy: (
            strategy.sell(size=10, exectype=bt.Order.Limit, price=110.0),
            strategy.sell(size=10, exectype=bt.Order.Stop, price=95.0),
        ),
    }
    # Backtrader sells 20 of 10 held and is short without being asked.
    assert sum(size for _, size, _ in plain(rows, script=script).fills) == -10
    # Ours: the first exit ends the other.
    outcome = play(table(candles(rows)), {0: [enter(stop=95.0, targets=(Target(110.0, 1.0),))]})
    assert fill_lines(outcome)[1:] == [(3.0, "target", -10.0, 110.0)]
    assert outcome.fills[-1].position_after == 0.0


# Slippage.


def test_slippage_is_capped_at_the_bars_high(plain):
    # The bar opens at its high of 100: nothing above it was traded, and that is known too early.
    rows = [FLAT, (100, 100, 98, 99), FLAT]
    slipped = plain(rows, script=buys(10), prepare=lambda broker: broker.set_slippage_perc(0.01))
    assert slipped.fills == [(1, 10, 100.0)]
    # Ours: 100 x 1.01 = 101.
    venue = {"slippage": RangeSlippage(base_bps=100, range_share=0, impact=0)}
    outcome = play(table(candles(rows)), {0: [enter()]}, venue=venue)
    assert fill_lines(outcome) == [(1.0, "entry", 10.0, 101.0)]


def test_the_same_slippage_knob_has_two_defaults(plain):
    rows = [FLAT, (100, 102, 98, 99), FLAT]
    by_setter = bt.brokers.BackBroker()
    by_setter.set_slippage_perc(0.01)
    # One percent given to the constructor slips nothing at the open, given to the setter it does.
    by_constructor = plain(rows, script=buys(10), broker=bt.brokers.BackBroker(slip_perc=0.01))
    assert by_constructor.fills == [(1, 10, 100.0)]
    assert plain(rows, script=buys(10), broker=by_setter).fills == [(1, 10, 101.0)]
    # Ours has one knob and one meaning, at the open and inside the bar: 101, then 97 x 0.99 = 96.03
    # down to the tick.
    venue = {"slippage": RangeSlippage(base_bps=100, range_share=0, impact=0)}
    rows = [FLAT, (100, 102, 98, 99), (99, 100, 96, 97), FLAT]
    outcome = play(table(candles(rows)), {0: [enter(stop=97.0)]}, venue=venue)
    assert [fill.price for fill in outcome.fills] == [101.0, 96.0]


# Sizes and volume.


def test_sizes_are_cut_to_whole_units_so_half_a_bitcoin_is_none(plain):
    rows = [(60_000.0,) * 4] * 4
    assert bt.CommInfoBase().getsize(60_000.0, 30_000.0) == 0
    half = {0: lambda strategy: strategy.order_target_percent(target=0.5)}
    assert plain(rows, script=half, cash=60_000.0).fills == []
    # Ours: 30,000 / 60,000 = 0.5.
    outcome = play(
        table(candles(rows)),
        {0: [enter(stop=55_000.0)]},
        notional=30_000.0,
        account={"venue_cash": 60_000.0},
    )
    assert fill_lines(outcome) == [(1.0, "entry", 0.5, 60_000.0)]


def test_float_residue_leaves_a_position_that_is_true():
    position = bt.Position()
    for size in (0.1, 0.2, -0.3):
        position.update(size, 100.0)
    assert bool(position)
    assert 0 < position.size < 1e-16
    ledger = Ledger({PERP.id: PERP})
    for quantity in (0.1, 0.2, -0.3):
        ledger.trade(1, instrument=PERP.id, plan_id=1, fill_id=1, quantity=quantity, price=100.0)
    assert ledger.positions[PERP.id].quantity == 0.0


def test_volume_fillers_divide_to_whole_units_so_small_volumes_never_fill(plain):
    # 10% of 8 BTC is 0.8.
    rows = [(100, 101, 99, 100, 8.0)] * 5
    tenth = bt.fillers.FixedBarPerc(perc=10)
    never = plain(rows, script=buys(2), prepare=lambda broker: broker.set_filler(tenth))
    assert never.fills == []
    # Ours: 0.8, 0.8 and the last 0.4.
    outcome = play(
        table(candles(rows)), {0: [enter()]}, notional=200.0, venue={"participation_cap": 0.1}
    )
    assert [fill.quantity for fill in outcome.fills] == pytest.approx([0.8, 0.8, 0.4])


def test_without_a_filler_a_limit_at_the_low_buys_a_billion_units_of_one(plain):
    rows = [(100, 101, 99, 100, 1.0)] * 3
    billion = plain(
        rows,
        script=buys(1e9, exectype=bt.Order.Limit, price=99.0),
        prepare=lambda broker: broker.setcommission(margin=1e-9, mult=1.0),
    )
    assert billion.fills == [(1, 1e9, 99.0)]
    # Ours: 10% of 1.
    outcome = play(
        table(candles(rows)),
        {0: [enter(kind=OrderKind.LIMIT, price=99.0)]},
        venue={"participation_cap": 0.1, "limit_fill": "touch"},
    )
    assert outcome.fills[0].quantity == 0.1


# Margin.


def test_nothing_is_liquidated_and_equity_goes_negative(plain):
    # 1,000 at ten times: 100 units at 100; the price falls 40% and comes back.
    rows = [FLAT, FLAT, (60.0,) * 4, (60.0,) * 4, FLAT]
    result = plain(
        rows,
        script=buys(100),
        cash=1_000.0,
        prepare=lambda broker: broker.setcommission(leverage=10.0),
    )
    # Backtrader: 1,000 - 100 x 40 = -3,000, the position is kept, and "recovers".
    assert result.equity == [1_000.0, 1_000.0, -3_000.0, -3_000.0, 1_000.0]
    # Ours: liquidated at the open of 60; the principal is gone and stays gone.
    outcome = play(
        table(candles(rows)),
        {0: [enter(stop=98.5)]},
        notional=10_000.0,
        account={"venue_cash": 1_000.0},
    )
    assert outcome.fills[1].role == "liquidation"
    assert outcome.curve.equity.tolist() == [1_000.0, 1_000.0, 0.0, 0.0, 0.0]


def test_a_liquidation_hook_in_the_strategy_sees_closes_and_misses_the_wick(plain):
    # 10 at 100 with margin 100: liquidation at 90.3614. The bar wicks to 80 and closes at 92.
    rows = [FLAT, FLAT, (100, 101, 80, 92), (92, 105, 91, 104), FLAT]
    missed = []

    def hook(strategy):
        missed.append(strategy.data.close[0] <= 900 / 9.96)

    script = dict.fromkeys(range(1, 5), hook) | buys(10)
    result = plain(rows, script=script)
    assert missed == [False] * 4
    assert result.position.size == 10
    outcome = play(table(candles(rows)), {0: [enter()]})
    # 90.3614, sold in ticks of 0.1.
    assert fill_lines(outcome)[1] == (3.0, "liquidation", -10.0, 90.3)


@pytest.mark.parametrize(
    ("direction", "leverage", "wrong"),
    [(1, 1.0, 55.0), (-1, 1.0, -45.0), (1, 10.0, 95.5), (-1, 10.0, -94.5)],
)
def test_automargin_misstates_equity_while_a_position_is_open(plain, direction, leverage, wrong):
    # 10 units at 100, marked at 105: the truth is +50 for the long and -50 for the short.
    rows = [FLAT, FLAT, (100, 106, 99, 105), FLAT, FLAT]
    result = plain(
        rows,
        script={
            0: lambda s: (s.buy if direction > 0 else s.sell)(size=10),
            2: lambda s: s.close(),
        },
        prepare=lambda broker: broker.setcommission(
            commission=0.0,
            commtype=bt.CommInfoBase.COMM_PERC,
            stocklike=False,
            automargin=0.1,
            leverage=leverage,
        ),
    )
    assert result.equity[2] - 100_000.0 == pytest.approx(wrong)
    # Right again after closing, so that a test of the final profit finds nothing.
    assert result.equity[-1] == pytest.approx(100_000.0)
    far = 50.0 if direction > 0 else 150.0
    outcome = play(table(candles(rows)), {0: [enter(direction, stop=far)], 2: [Exit(PERP.id, "")]})
    assert outcome.curve.equity[2] - 100_000.0 == pytest.approx(50.0 * direction)
    assert outcome.curve.equity[-1] == pytest.approx(100_000.0)


def test_a_million_units_are_sold_short_on_a_thousand_of_cash(plain):
    sold = plain([FLAT] * 3, script={0: lambda s: s.sell(size=1e6)}, cash=1_000.0)
    assert sold.fills == [(1, -1e6, 100.0)]
    market = table(candles([FLAT] * 3, instrument=SPOT.id))
    outcome = play(market, {0: [enter(-1, stop=110.0, instrument=SPOT.id)]})
    assert outcome.fills == ()
    assert outcome.decisions[0].blocked_by == "no short"


def test_an_all_in_order_is_refused_whole_for_a_gap_of_a_tenth_of_a_percent(plain):
    rows = [FLAT, (100.1, 101, 99, 100), FLAT]
    refused = plain(rows, script=buys(10), cash=1_000.0)
    assert (refused.fills, refused.rejected) == ([], 1)
    # Ours: cut to 1,000 / 100.1 = 9.990.
    outcome = play(
        table(candles(rows, instrument=SPOT.id)),
        {0: [enter(stop=90.0, instrument=SPOT.id)]},
        account={"venue_cash": 1_000.0},
    )
    assert fill_lines(outcome) == [(1.0, "entry", 9.99, 100.1)]


# Funding and bad data.


class DailyFunding(bt.CommInfoBase):
    """Funding as far as Backtrader's credit interest can go: 0.1% of notional when asked."""

    params = (
        ("stocklike", False),
        ("commtype", bt.CommInfoBase.COMM_FIXED),
        ("margin", 10.0),
        ("interest_long", True),
        ("interest", 0.01),
    )

    def _get_credit_interest(self, data, size, price, days, dt0, dt1):
        return size * 100.0 * 0.001


def test_credit_interest_is_asked_once_a_date_and_misses_funding_slots(plain):
    rows = [FLAT] * 30
    result = plain(
        rows,
        script=buys(10),
        prepare=lambda broker: broker.addcommissioninfo(DailyFunding()),
    )
    # One change of date in 30 hours: 1.00 instead of three slots at 08:00, 16:00 and 00:00.
    assert 100_000.0 - result.equity[-1] == pytest.approx(1.0)
    slots = funding([(hour(8), 0.001), (hour(16), 0.001), (hour(24), 0.001)])
    outcome = play(table(candles(rows), slots), {0: [enter()]})
    assert amounts(outcome, "funding") == pytest.approx([-1.0, -1.0, -1.0])
    assert outcome.curve.equity[-1] == pytest.approx(100_000.0 - 3.0)


def test_one_bar_of_nan_makes_equity_nan_for_ever(plain):
    rows = [FLAT, FLAT, (math.nan,) * 4, FLAT, FLAT]
    result = plain(
        rows,
        script=buys(10),
        prepare=lambda broker: broker.setcommission(margin=10.0, mult=1.0),
    )
    assert [math.isnan(value) for value in result.equity] == [False, False, True, True, True]
    with pytest.raises(SchemaError, match="open nan is not a positive price"):
        table(candles(rows))


def test_an_entry_below_the_minimum_notional_is_refused_where_backtrader_fills_dust(plain):
    dust = plain([FLAT] * 3, script=buys(1e-9))
    assert dust.fills == [(1, 1e-9, 100.0)]
    least = Instrument(
        id=PERP.id, kind=InstrumentKind.PERP, tick_size=0.1, lot_size=0.001, min_notional=5.0
    )
    market = table(candles([FLAT] * 3), instruments=[least])
    outcome = play(market, {0: [enter()]}, notional=4.9)
    assert outcome.fills == ()
    assert outcome.decisions[0].blocked_by == "minimum size"
