"""A line a hedge: reduced weights by month, bought hedges by their trades."""

import numpy as np
import pytest

from data_feeds.schema import ChannelKey, ChannelKind
from engine.config.models import RunMode
from engine.intents import Exit, Hedge, Rebalance
from engine.pages import run_rows
from engine.results.finished import RunRecord
from engine.results.hedges import hedge_lines
from engine.run_folder.schema import HedgeLine
from tests.engine import short_market
from tests.engine.audit.simulated import scripted
from tests.engine.option_market import CASH, CLOSED, CONTRACT, DAYS, OPENED, market

DAY = 86_400 * 10**9
# The last session of February and the first of March.
FEBRUARY_END = int(np.flatnonzero(DAYS.astype("M8[M]") == np.datetime64("2026-02"))[-1])


def record_of(closes, script, **sections):
    clock = ChannelKey("SPY", ChannelKind.BARS, "1d")
    return RunRecord(scripted(market(closes), script, clock, account=CASH, **sections))


def hold(weight, **overlays):
    return [Rebalance({"SPY": weight}, "to target", overlays=overlays)]


def test_what_is_held_back_earns_what_it_does_not_lose_month_by_month() -> None:
    # A weight of 30% of 100,000 taken off at 100: 90 at February's end, 108 when the hedge ends.
    closes = [100.0] * (FEBRUARY_END + 6)
    closes[FEBRUARY_END] = 90.0
    closes[FEBRUARY_END + 1 :] = [90.0, 108.0, 108.0, 120.0, 120.0]
    off = FEBRUARY_END + 3
    script = {0: hold(0.2, cash={"SPY": -0.3}), off: hold(0.5, cash={"SPY": 0.0})}
    (line,) = hedge_lines(record_of(closes, script))
    # February +30,000 x 0.10; March from 90 to 108: -30,000 x 0.18. Later no weight is reduced.
    assert (line.hedge, line.unit, line.count) == ("cash", "month", 2)
    assert line.benefit == pytest.approx(3_000.0)
    assert line.cost == pytest.approx(-5_400.0)
    assert line.net == pytest.approx(-2_400.0)
    assert line.days == pytest.approx((CLOSED[off] - CLOSED[0]) / DAY)


def test_a_guard_that_sells_everything_ends_what_is_held_back() -> None:
    # 30% taken off at 100; at 90 the account has lost 5% and is sold. The fall to 60 counts 0.
    script = {0: hold(0.5, cash={"SPY": -0.3})}
    halt = {"halt_at": 0.04, "ladder": (), "halt_days": None}
    closes = [100.0, 100.0, 90.0, 60.0, 60.0]
    record = record_of(closes, script, risk={"drawdown": halt})
    (line,) = hedge_lines(record)
    assert line.benefit == pytest.approx(0.3 * 100_000 * 0.10)
    assert line.days == pytest.approx((CLOSED[2] - CLOSED[0]) / DAY)


def test_each_hedge_counts_its_own_share() -> None:
    script = {0: hold(0.1, ladder={"SPY": -0.1}, cash={"SPY": -0.2})}
    closes = [100.0, 100.0, 95.0]
    cash, ladder = hedge_lines(record_of(closes, script))
    assert (cash.hedge, ladder.hedge) == ("cash", "ladder")
    assert cash.benefit == pytest.approx(0.2 * 100_000 * 0.05)
    assert ladder.benefit == pytest.approx(0.1 * 100_000 * 0.05)


def test_bought_hedges_are_judged_by_their_trades() -> None:
    script = {
        0: [Hedge(CONTRACT.id, 0.3, 0.5, "warned")],
        2: [Exit(CONTRACT.id, "calm")],
        4: [Hedge(CONTRACT.id, 0.3, 0.5, "warned again")],
    }
    closes = [100.0, 100.0, 92.0, 92.0, 92.0, 92.0, 97.0, 97.0]
    record = record_of(closes, script)
    gained, lost = record.trades
    assert gained.net_pnl > 0 > lost.net_pnl
    (line,) = hedge_lines(record)
    held = (OPENED[3] - OPENED[1]) + (record.end - OPENED[5])
    assert line == HedgeLine(
        "options",
        "trade",
        2,
        pytest.approx(held / DAY),
        pytest.approx(lost.net_pnl),
        pytest.approx(gained.net_pnl),
        pytest.approx(lost.net_pnl + gained.net_pnl),
    )
    assert ("options (synthetic prices)", "2 trades") in [
        row[:2] for row in run_rows.hedge_rows(record)
    ]


def test_a_fund_that_an_overlay_adds_is_judged_by_its_trades() -> None:
    script = {0: hold(0.1, inverse={"SPY": 0.1}), 2: hold(0.0, inverse={"SPY": 0.0})}
    record = record_of([100.0, 100.0, 90.0, 90.0], script)
    (line,) = hedge_lines(record)
    assert (line.hedge, line.unit, line.count) == ("inverse", "trade", 1)
    assert line.cost == pytest.approx(record.trades[0].net_pnl) == pytest.approx(-1_000.0)


def test_a_short_counts_no_long_trade_of_its_instrument() -> None:
    # Half is bought at 100 and sold at 104 for the book; then 20% is sold short and bought back.
    market = short_market.hours({"AAA": short_market.flat(100, 100, 104, 104, 104, 98, 98, 98)})
    short = [Rebalance({"AAA": -0.2}, "hedge", overlays={"short": {"AAA": -0.2}})]
    flat = [Rebalance({"AAA": 0.0}, "calm", overlays={"short": {"AAA": 0.0}})]
    script = {0: short_market.hold(a=0.5), 2: short_market.hold(a=0.0), 3: short, 5: flat}
    record = RunRecord(short_market.finished(market, script, RunMode.SPARSE))
    own, hedge = record.trades
    assert (own.direction, hedge.direction) == (1, -1)
    (line,) = hedge_lines(record)
    assert (line.hedge, line.unit, line.count) == ("short", "trade", 1)
    assert line.net == pytest.approx(hedge.net_pnl)


def test_without_hedges_there_is_no_line() -> None:
    assert hedge_lines(record_of([100.0] * 3, {0: [Rebalance({"SPY": 0.5}, "x")]})) == ()
    assert hedge_lines(record_of([100.0] * 3, {0: hold(0.5, cash={"SPY": 0.0})})) == ()


def test_option_prices_do_not_make_the_market_synthetic() -> None:
    record = record_of([100.0] * 4, {0: [Hedge(CONTRACT.id, 0.3, 0.5, "warned")]})
    assert not record.is_synthetic
    assert run_rows.data_label(record) == "observed data"
