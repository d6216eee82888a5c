"""Wallets in another currency than the account: equity moves while nothing is held."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from data_feeds.clock import DAY_NS
from data_feeds.errors import CoverageError
from data_feeds.instrument import Instrument, InstrumentKind
from data_feeds.schema import Channel, ChannelKey, ChannelKind, time_columns
from engine.account_rates import RateSteps, wallet_rates
from engine.benchmark.daily_returns import benchmark_returns
from engine.bt import simulate
from engine.config.currency_rates import CurrencyRate
from engine.config.models import RunMode, WalletsConfig
from engine.excess import bill_charges, daily_money
from engine.intents import Enter, Exit, Transfer
from engine.pages.run_rows import wallet_rows
from engine.records import FactKind, SimulationOutcome
from engine.testing import SPOT, START, candles, hour, play, points, table, table_config
from engine.trades import build_trades
from tests.engine.joint import play_together, script_inputs, woken_at

# ETH traded against BTC: the venue wallet holds bitcoin, equity is in dollars.
ETHBTC = Instrument(
    id="ETHBTC-SPOT", kind=InstrumentKind.SPOT, quote="BTC", asset="ETH", tick_size=1e-6,
    lot_size=0.001,
)  # fmt: skip
FLAT = (0.05, 0.05, 0.05, 0.05)
IN_DOLLARS: dict[str, Any] = {
    "currency": "USDT",
    "venue_currency": "BTC",
    "brokerage_currency": "USDT",
    "rates": {"BTC": {"series": "BTC-PRICE"}},
    "leverage_setting": None,
}


def market(prices: list[float], rows: list[tuple[float, ...]] | None = None, *extra: Channel):
    """Return hourly bars of ETH in BTC and of SPOT, and the price of BTC known at each close."""
    ether = candles(rows or [FLAT] * len(prices), instrument=ETHBTC.id)
    spot = candles([(100.0,) * 4] * len(prices), instrument=SPOT.id)
    known = [(hour(-1), prices[0]), *((hour(i + 1), price) for i, price in enumerate(prices))]
    price = points(ChannelKind.SERIES, "BTC-PRICE", known, column="value")
    return table(ether, spot, price, *extra, instruments=(SPOT, ETHBTC))


def run(
    prices: list[float],
    script: dict[int, list[Any]] | None = None,
    *,
    rows: list[tuple[float, ...]] | None = None,
    extra: tuple[Channel, ...] = (),
    cash: float = 2.0,
    risk: dict[str, Any] | None = None,
    **account: Any,
) -> SimulationOutcome:
    """Run a script sparse and dense with a wallet of bitcoin; both are equal."""
    data = market(prices, rows, *extra)
    clock = ChannelKey(ETHBTC.id, ChannelKind.BARS, "1h")
    return play(
        data,
        script or {},
        clock=clock,
        traded=(ETHBTC.id,),
        account={**IN_DOLLARS, "venue_cash": cash, **account},
        risk=risk or {},
    )


def test_equity_moves_with_the_rate_while_nothing_is_held():
    outcome = run([100.0, 110.0, 90.0, 95.0])
    curve = outcome.curve
    # 2 BTC at each close.
    assert curve.equity.tolist()[-4:] == [200.0, 220.0, 180.0, 190.0]
    assert curve.venue_cash.tolist()[-4:] == [2.0] * 4
    assert curve.venue_value.tolist() == curve.equity.tolist()
    assert curve.revaluation.tolist()[-4:] == [0.0, 20.0, -20.0, -10.0]
    (deposit,) = outcome.facts
    assert (deposit.amount, deposit.account_rate, deposit.value) == (2.0, 100.0, 200.0)


@pytest.mark.parametrize(("hours", "stale"), [(4, False), (3, True)])
def test_a_rate_older_than_its_max_age_is_refused_and_told(hours, stale):
    # One value, of the hour before the start; the last close is four hours later, the fourth bar's.
    data = market([100.0] * 4)
    only = points(ChannelKind.SERIES, "BTC-PRICE", [(hour(0), 100.0)], column="value")
    data = data.having({**data.channels, only.key: only})
    rates = {"BTC": {"series": "BTC-PRICE", "max_age": f"{hours}h"}}
    clock = ChannelKey(ETHBTC.id, ChannelKind.BARS, "1h")
    account = {**IN_DOLLARS, "rates": rates, "venue_cash": 2.0}
    if stale:
        with pytest.raises(CoverageError, match=r"rates\.BTC: .* at 2026-02-02T04:00.*max_age"):
            play(data, {}, clock=clock, traded=(ETHBTC.id,), account=account)
    else:
        play(data, {}, clock=clock, traded=(ETHBTC.id,), account=account)


def test_the_allowed_age_depends_on_the_source():
    # A week's exchange rates are published on the Monday after it; a market has a price a day.
    assert CurrencyRate(series="DEXUSEU").max_age == "14d"
    assert CurrencyRate(instrument="BTCUSDT-SPOT", timeframe="1h").max_age == "2d"
    with pytest.raises(ValueError, match="write par"):
        CurrencyRate.model_validate({"max_age": "1d"})


def test_the_change_of_equity_is_trades_interest_and_revaluation():
    # Buys 4 ETH at 0.05 BTC (0.2 BTC) and sells them at 0.06 BTC (0.24 BTC).
    rows = [FLAT, FLAT, (0.05, 0.06, 0.05, 0.06), (0.06, 0.06, 0.06, 0.06), FLAT, FLAT]
    prices = [100.0, 100.0, 110.0, 120.0, 130.0, 125.0]
    outcome = run(
        prices,
        {0: [Enter(ETHBTC.id, 1, 0.01, "in")], 2: [Exit(ETHBTC.id, "out")]},
        rows=rows,
        risk={"risk_fraction": 0.16, "notional_cap": 20.0},
    )
    entry, leave = (fact for fact in outcome.facts if fact.kind == FactKind.TRADE)
    # The cap of 20 USDT at 100 per BTC and 0.05 BTC per ETH: 4 ETH.
    assert (entry.quantity, entry.amount, entry.account_rate) == (4.0, pytest.approx(-0.2), 100.0)
    # The exit fills at an open: the rate known then is that of the last close.
    assert (leave.amount, leave.account_rate) == (pytest.approx(0.24), 110.0)
    (trade,) = build_trades(outcome)
    # -0.2 x 100 + 0.24 x 110 = 6.4; R = 0.04 BTC x 4 x 100.
    assert trade.net_pnl == pytest.approx(6.4)
    assert trade.initial_risk == pytest.approx(16.0)
    assert trade.r_multiple == pytest.approx(0.4)
    curve = outcome.curve
    # 2.04 BTC at 125, from 200.
    assert curve.equity[-1] - 200.0 == pytest.approx(55.0)
    # The cash alone: 2 BTC from 100 to 125, -0.2 from 100, +0.24 from 110.
    assert curve.revaluation[-1] == pytest.approx(2 * 25 - 0.2 * 25 + 0.24 * 15)
    assert curve.equity[-1] - 200.0 == pytest.approx(trade.net_pnl + curve.revaluation[-1])
    # While ETH is held its value in BTC counts at the rate of the close.
    assert curve.owned[curve.at == hour(3)].tolist() == [pytest.approx(4 * 0.06 * 110.0)]
    assert curve.gross_notional[curve.at == hour(3)].tolist() == [pytest.approx(26.4)]


def test_interest_of_a_bitcoin_wallet_is_paid_in_bitcoin():
    days = 3
    prices = [100.0 + i // 24 for i in range(24 * days)]
    rate = points(ChannelKind.SERIES, "RATE", [(START - DAY_NS, 36.5)], column="value")
    outcome = run(prices, extra=(rate,), venue_interest_series="RATE")
    paid = [fact for fact in outcome.facts if fact.kind == FactKind.INTEREST]
    # 36.5% of 2 BTC over 365 days, 0.002 a day, then on 2.002.
    assert [fact.amount for fact in paid] == [pytest.approx(0.002), pytest.approx(0.002002)]
    assert [fact.account_rate for fact in paid] == [100.0, 101.0]
    money = daily_money(
        outcome.curve, outcome.facts, [bill_charges(outcome.curve, outcome.bill)],
        start_equity=200.0,
    )  # fmt: skip
    assert money.interest.tolist() == [0.0, pytest.approx(0.2), pytest.approx(0.002002 * 101)]
    assert money.trading.tolist() == [0.0, 0.0, 0.0]
    change = money.interest + money.trading + money.revaluation
    assert change.tolist() == pytest.approx((money.after - money.before).tolist(), abs=1e-9)


LADDER = {"ladder": [{"drawdown": 0.04, "multiplier": 0.5}], "halt_at": 0.1, "halt_days": 1}


def quiet_pair(prices, script, wake, risk):
    """Return sparse and dense outcome of a playbook that is woken at a few rows."""
    found = []
    for mode in (RunMode.SPARSE, RunMode.DENSE):
        inputs = script_inputs(
            market(prices), script, traded=(ETHBTC.id,), mode=mode, risk=risk,
            account={**IN_DOLLARS, "venue_cash": 2.0},
        )  # fmt: skip
        found.append(simulate(woken_at(inputs, wake)))
    return found


def test_the_search_stops_where_the_rate_alone_trips_a_guard():
    # A week of hours: the rate falls 5% on the second day, 7% more on the fourth.
    prices = [100.0] * 30 + [95.0] * 50 + [88.0] * 88
    risk = {"drawdown": LADDER, "daily_loss": {"limit": 0.03}}
    script = {40: [Enter(ETHBTC.id, 1, 0.04, "in")]}
    sparse, dense = quiet_pair(prices, script, [40], risk)
    assert repr(sparse.guard_events) == repr(dense.guard_events)
    assert repr(sparse.decisions) == repr(dense.decisions)
    np.testing.assert_array_equal(sparse.curve.equity, dense.curve.equity)
    assert sparse.instants_visited < dense.instants_visited / 8
    tripped = [(e.guard, e.at) for e in sparse.guard_events if e.event == "tripped"]
    assert tripped == [
        ("daily loss", hour(31)),
        ("daily loss", hour(81)),
        ("drawdown halt", hour(81)),
    ]


def test_the_ladder_scales_an_entry_by_a_fall_of_the_rate():
    risk = {"drawdown": LADDER, "notional_cap": None, "risk_fraction": 0.01}
    sizes = []
    for fallen in (100.0, 95.0):
        prices = [100.0] * 30 + [fallen] * 30
        sparse, dense = quiet_pair(prices, {40: [Enter(ETHBTC.id, 1, 0.04, "in")]}, [40], risk)
        assert repr(sparse.decisions) == repr(dense.decisions)
        sizes.append(sparse.decisions[0].quantity)
    # 1% of 2 BTC over 0.01 BTC at the stop is 2 ETH at any rate; the rung of 4% halves it.
    assert sizes == [pytest.approx(2.0), pytest.approx(1.0)]


def test_sleeves_with_different_wallets_share_the_guards_of_the_sum():
    prices = [100.0] * 30 + [90.0] * 30
    data = market(prices)
    dollars = {"currency": "USDT", "venue_cash": 200.0}
    sections = (
        {"traded": (ETHBTC.id,), "account": {**IN_DOLLARS, "venue_cash": 2.0}},
        {"traded": (SPOT.id,), "account": dollars},
    )
    scripts = ({0: []}, {0: []})
    joint = play_together(
        data, *scripts, sections=sections, risk={"daily_loss": {"limit": 0.04}}, quiet=True
    )
    # 200 + 200 falls to 180 + 200: 5% of the sum, although neither sleeve holds anything.
    (trip,) = (event for event in joint.guard_events if event.event == "tripped")
    assert (trip.at, trip.equity) == (hour(31), 380.0)
    assert [curve.equity[-1] for curve in joint.curves] == [180.0, 200.0]
    assert all(s.instants_visited < s.instants_total / 4 for s in joint.sleeves)


def test_a_transfer_between_currencies_is_refused_with_its_reason():
    outcome = run([100.0] * 6, {1: [Transfer("brokerage", 0.5, "to the bank")]})
    (decision,) = outcome.decisions
    assert (decision.outcome, decision.blocked_by) == ("rejected", "not at par")
    assert (
        "hold BTC and USDT, which are not at par: a conversion is not modelled" in decision.reason
    )
    assert outcome.curve.venue_cash.tolist() == [2.0] * len(outcome.curve.at)


def test_cash_moves_between_wallets_of_one_currency_at_any_rate():
    # Both wallets hold BTC: 1 BTC is half of the equity at any rate.
    outcome = run(
        [100.0, 100.0, 120.0, 120.0],
        {1: [Transfer("brokerage", 0.5, "to the bank")]},
        brokerage_currency="BTC",
        transfer_days=0,
    )
    assert outcome.curve.brokerage_cash[-1] == pytest.approx(1.0)
    assert outcome.curve.equity[-1] == pytest.approx(240.0)
    assert outcome.curve.revaluation[-1] == pytest.approx(40.0)


# -- knowledge time ---------------------------------------------------------------------------


def fx(rows: list[tuple[float, float, float]]) -> Channel:
    """Return a series of (fact, known, value), hours after the table's start."""
    event, known = time_columns(ChannelKind.SERIES)
    columns = {
        event: np.array([hour(row[0]) for row in rows], np.int64),
        known: np.array([hour(row[1]) for row in rows], np.int64),
        "label": np.zeros(len(rows), np.int8),
        "value": np.array([row[2] for row in rows]),
    }
    return Channel(ChannelKey("FX", ChannelKind.SERIES), columns)


def equity_by(rows: list[tuple[float, float, float]]) -> list[float]:
    series = {"BTC": {"series": "FX"}}
    outcome = run([100.0] * 8, extra=(fx(rows),), rates=series)
    return outcome.curve.equity[outcome.curve.at > START].tolist()


def test_a_late_rate_changes_no_earlier_equity():
    early = [(-2, -1, 10.0)]
    assert equity_by(early) == [20.0] * 8
    # The fact of hour 2 is published at hour 5, and counts from there on.
    assert equity_by([*early, (2, 5, 11.0)]) == [20.0] * 4 + [22.0] * 4


def test_a_revised_rate_counts_from_its_publication():
    rows = [(-2, -1, 10.0), (2, 2, 11.0), (2, 6, 12.0)]
    assert equity_by(rows) == [20.0] + [22.0] * 4 + [24.0] * 3
    # A late revision of an older fact does not displace the newer one.
    assert equity_by([(-2, -1, 10.0), (-2, 6, 9.0), (2, 2, 11.0)]) == [20.0] + [22.0] * 7


def test_a_rate_that_is_unknown_at_the_start_is_refused_before_the_run():
    with pytest.raises(CoverageError, match=r"account\.rates\.BTC: FX/series is first known"):
        equity_by([(1, 1, 10.0)])


def test_a_rate_of_zero_is_refused():
    with pytest.raises(CoverageError, match=r"FX/series is 0\.0 at .*; a rate is above 0"):
        equity_by([(-2, -1, 10.0), (2, 2, 0.0)])


def test_an_account_in_bitcoin_reads_the_price_the_other_way_round():
    account = WalletsConfig.model_validate(
        {
            "currency": "BTC",
            "venue_currency": "USDT",
            "brokerage_currency": "BTC",
            "rates": {"USDT": {"instrument": SPOT.id, "timeframe": "1h"}},
        }
    )
    bitcoin = SPOT.model_copy(update={"asset": "BTC"})
    data = table(candles([(100.0,) * 4, (200.0,) * 4], instrument=SPOT.id), instruments=(bitcoin,))
    rates = wallet_rates(data, account, hour(1))
    assert rates.table(np.array([hour(1), hour(2)])).tolist() == [
        [0.01, 0.005],
        [1.0, 1.0],
        [1.0, 1.0],
    ]


def test_a_run_at_par_has_no_revaluation_at_all():
    data = table(candles([(100.0,) * 4] * 4))
    outcome = play(data, {}, account={"venue_cash": 0.1, "brokerage_cash": 0.2})
    assert outcome.curve.revaluation.tolist() == [0.0] * len(outcome.curve.at)
    assert table_config(data).account.rates == {}


# -- pages and benchmark ----------------------------------------------------------------------


def test_the_benchmark_counts_at_the_rate_known_at_the_end_of_each_day():
    bars = candles([(100.0,) * 4] * 24 + [(110.0,) * 4] * 24, instrument=SPOT.id)
    data = table(bars)
    days = pd.DatetimeIndex([START, START + DAY_NS])
    steps = RateSteps(np.array([START - 1, hour(30)]), np.array([2.0, 1.0]))
    # 100 at 2, then 110 at 1: -45%; the price alone gains 10%.
    moves = benchmark_returns(data, SPOT.id, days, START, steps)
    assert moves.tolist() == pytest.approx([0.0, 110 / 200 - 1])
    assert benchmark_returns(data, SPOT.id, days, START).tolist() == pytest.approx([0.0, 0.1])


def test_cash_whose_rate_moves_is_a_position_on_the_page():
    outcome = run([100.0, 110.0, 90.0, 95.0], brokerage_cash=10.0)
    account = WalletsConfig.model_validate({**IN_DOLLARS, "venue_cash": 2.0})
    config = SimpleNamespace(account=account)
    rows = wallet_rows(SimpleNamespace(run=SimpleNamespace(config=config, outcome=outcome)))
    # 2 BTC at 95 of 200 dollars; the brokerage's dollars are no position.
    assert rows[0][2] == "value, USDT"
    assert [row[:5] for row in rows[1:]] == [("venue", "2 BTC", "190", "95.00%", "100.00%")]
