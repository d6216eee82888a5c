"""Check the daily returns of buy and hold on the account's days."""

from datetime import date

import numpy as np
import pandas as pd
import pytest

from data_feeds.dataset import Dataset
from data_feeds.delisting import Delisting
from data_feeds.instrument import Instrument, InstrumentKind
from data_feeds.schema import Channel, ChannelKey, ChannelKind
from engine.account_rates import RateSteps
from engine.benchmark.daily_returns import benchmark_bars, benchmark_returns, mixed_returns
from engine.config.models import ReportConfig
from engine.errors import ReportError

MIDNIGHT = int(pd.Timestamp("2026-02-06").as_unit("ns").value)
HOUR = 3_600 * 10**9


def data(closes, *, first_open=100.0, step_hours=12):
    count = len(closes)
    opened = MIDNIGHT + np.arange(count, dtype=np.int64) * step_hours * HOUR
    closes = np.array(closes)
    opens = np.concatenate(([first_open], closes[:-1]))
    columns = {
        "opened_at": opened,
        "closed_at": opened + step_hours * HOUR,
        "available_at": opened + step_hours * HOUR,
        "open": opens,
        "high": np.maximum(opens, closes),
        "low": np.minimum(opens, closes),
        "close": closes,
        "volume": np.ones(count),
        "label": np.zeros(count, dtype=np.int8),
    }
    key = ChannelKey("BTC", ChannelKind.BARS, "12h")
    return Dataset({}, {key: Channel(key, columns)})


def test_a_days_return_is_from_midnight_to_midnight_and_the_first_from_the_first_open():
    days = pd.date_range("2026-02-06", periods=2)
    # open 100, midnight closes 110 and 99: +10%, then -10%
    returns = benchmark_returns(data([105.0, 110.0, 120.0, 99.0]), "BTC", days, MIDNIGHT)
    assert returns.to_numpy() == pytest.approx([0.10, -0.10])


def test_a_start_inside_the_data_measures_from_the_last_close_known_then():
    days = pd.DatetimeIndex(["2026-02-07"])
    returns = benchmark_returns(
        data([105.0, 110.0, 120.0, 99.0]), "BTC", days, MIDNIGHT + 24 * HOUR
    )
    assert returns.to_numpy() == pytest.approx([99.0 / 110.0 - 1])


def test_a_day_without_bars_returns_nothing_and_the_next_one_catches_up():
    # Back-filling a missing benchmark books Monday's move on Saturday; here it stays on its day.
    held = data([105.0, 110.0, 120.0, 99.0])
    (key,) = held.channels
    holed = Dataset({}, {key: held.channels[key].take(np.array([0, 1]))})
    days = pd.date_range("2026-02-06", periods=3)
    assert benchmark_returns(holed, "BTC", days, MIDNIGHT).to_numpy() == pytest.approx([0.1, 0, 0])


def paid(held, kind, rows):
    """Return the data with income of BTC: (hours after the first open, amount or rate)."""
    at = np.array([MIDNIGHT + hours * HOUR for hours, _ in rows], np.int64)
    values = np.array([amount for _, amount in rows])
    key = ChannelKey("BTC", kind)
    column = {ChannelKind.DIVIDENDS: "amount", ChannelKind.FUNDING: "rate"}[kind]
    columns = {
        "event_at": at,
        "available_at": at,
        column: values,
        "label": np.zeros(len(at), dtype=np.int8),
    }
    return Dataset(held.instruments, {**held.channels, key: Channel(key, columns)})


def test_a_dividend_is_earned_on_its_day_by_whoever_held_before_it():
    # Midnight closes 110 and 99. The first open's dividend goes to the seller, that at 12:00 to the
    # holder: (110 + 5.5) / 100; that at 36 hours: (99 + 11) / 110.
    rows = [(0, 50.0), (12, 5.5), (36, 11.0), (48, 70.0)]
    held = paid(data([105.0, 110.0, 120.0, 99.0]), ChannelKind.DIVIDENDS, rows)
    days = pd.date_range("2026-02-06", periods=2)
    returns = benchmark_returns(held, "BTC", days, MIDNIGHT)
    assert returns.to_numpy() == pytest.approx([0.155, 0.0])
    # A start in between buys at the close of 110: what goes ex at that instant is the seller's.
    later = paid(held, ChannelKind.DIVIDENDS, [(24, 50.0), (30, 11.0)])
    one = benchmark_returns(later, "BTC", days[1:], MIDNIGHT + 24 * HOUR)
    assert one.to_numpy() == pytest.approx([0.0])


def test_prices_adjusted_for_dividends_contain_them_once():
    held = paid(data([105.0, 110.0, 120.0, 99.0]), ChannelKind.DIVIDENDS, [(12, 5.5)])
    adjusted = Instrument(
        id="BTC", kind=InstrumentKind.ETF, calendar="XNYS", dividend_adjusted=True
    )
    days = pd.date_range("2026-02-06", periods=2)
    returns = benchmark_returns(Dataset({"BTC": adjusted}, held.channels), "BTC", days, MIDNIGHT)
    assert returns.to_numpy() == pytest.approx([0.10, -0.10])


def test_a_perp_that_is_held_pays_its_funding():
    # 1% of the last close: 1.05 at 12:00 of the first day; at its midnight 2.2 of 110 are received.
    held = paid(data([105.0, 110.0, 120.0, 99.0]), ChannelKind.FUNDING, [(12, 0.01), (24, -0.02)])
    days = pd.date_range("2026-02-06", periods=2)
    returns = benchmark_returns(held, "BTC", days, MIDNIGHT)
    assert returns.to_numpy() == pytest.approx([0.10 - 0.0105, (99 + 2.2) / 110 - 1])


def test_the_first_purchase_and_what_restores_the_weights_cost_what_they_cost_the_run():
    # All in BTC: 100 buys 100 / 1.01 of it at 1%, and nothing is ever restored.
    days = pd.date_range("2026-02-06", periods=2)
    held = data([105.0, 110.0, 120.0, 99.0])
    alone = mixed_returns(held, {"BTC": 1.0}, days, MIDNIGHT, costs={"BTC": 0.01})
    assert alone.to_numpy() == pytest.approx([1.10 / 1.01 - 1, -0.10])
    # Half: 0.5% of the money at first. After +10% the half is 0.55 / 1.05 of it: 2.38 points too
    # much are sold for 1% of them. Nothing is restored after the last day.
    half = mixed_returns(held, {"BTC": 0.5}, days, MIDNIGHT, costs={"BTC": 0.01})
    sold = 0.55 / 1.05 - 0.5
    assert half.to_numpy() == pytest.approx([1.05 * (1 - 0.01 * sold) / 1.005 - 1, -0.05])


def test_the_rest_of_the_weights_earns_what_cash_earns():
    days = pd.date_range("2026-02-06", periods=2)
    idle = pd.Series([0.0, 0.001], index=days)
    returns = mixed_returns(
        data([105.0, 110.0, 120.0, 99.0]), {"BTC": 0.75}, days, MIDNIGHT, idle=idle
    )
    assert returns.to_numpy() == pytest.approx([0.075, -0.075 + 0.25 * 0.001])


def test_a_rate_that_moves_before_the_first_price_returns_nothing():
    # No price on the first day, while a unit of quote rises from 1.00 to 1.10; then 100 at 1.10
    # becomes 110 at 1.21: 1.1 x 1.1.
    rate = RateSteps(
        np.array([MIDNIGHT - 24 * HOUR, MIDNIGHT, MIDNIGHT + 24 * HOUR]), np.array([1.0, 1.1, 1.21])
    )
    days = pd.date_range("2026-02-05", periods=2)
    returns = benchmark_returns(data([105.0, 110.0]), "BTC", days, MIDNIGHT - 24 * HOUR, rate)
    assert returns.to_numpy() == pytest.approx([0.0, 0.21])


def ended(held: Dataset, last_day: str, price: float | None) -> Dataset:
    """Return data whose instrument is delisted."""
    record = Delisting(last_day=date.fromisoformat(last_day), final_price=price)
    item = Instrument(id="BTC", kind=InstrumentKind.SPOT, delisted=record)
    return Dataset({"BTC": item}, held.channels)


@pytest.mark.parametrize(("price", "second"), [(55.0, -0.5), (0.0, -1.0), (None, -0.1)])
def test_a_delisted_holding_is_settled_and_returns_nothing_afterwards(price, second):
    # 100 to 110 on the first day. The last close, 99 on the second, is not what is paid.
    held = ended(data([105.0, 110.0, 120.0, 99.0]), "2026-02-07", price)
    days = pd.date_range("2026-02-06", periods=4)
    returns = benchmark_returns(held, "BTC", days, MIDNIGHT)
    assert returns.to_numpy() == pytest.approx([0.10, second, 0.0, 0.0])
    # On days that end before it, nothing is known of it.
    early = benchmark_returns(held, "BTC", days[:1], MIDNIGHT)
    assert early.to_numpy() == pytest.approx([0.10])


def test_the_money_of_a_delisted_holding_is_cash_and_pays_no_cost():
    # Half in BTC, settled at 55: the day is half of -50%. Then all money earns what cash earns.
    held = ended(data([105.0, 110.0, 120.0, 99.0]), "2026-02-07", 55.0)
    days = pd.date_range("2026-02-06", periods=4)
    idle = pd.Series([0.0, 0.0, 0.001, 0.002], index=days)
    returns = mixed_returns(held, {"BTC": 0.5}, days, MIDNIGHT, costs={"BTC": 0.01}, idle=idle)
    sold = 0.55 / 1.05 - 0.5
    first = 1.05 * (1 - 0.01 * sold) / 1.005 - 1
    assert returns.to_numpy() == pytest.approx([first, -0.25, 0.001, 0.002])


def test_the_other_weights_of_a_mix_are_kept_after_a_delisting():
    held = ended(data([105.0, 110.0, 120.0, 99.0]), "2026-02-06", 0.0)
    (key,) = held.channels
    other = ChannelKey("SPY", ChannelKind.BARS, "12h")
    rows = data([100.0, 90.0, 90.0, 180.0]).channels[key]
    first = Channel(key, held.channels[key].take(slice(0, 2)).columns)
    both = Dataset(held.instruments, {key: first, other: Channel(other, rows.columns)})
    days = pd.date_range("2026-02-06", periods=2)
    returns = mixed_returns(both, {"BTC": 0.5, "SPY": 0.25}, days, MIDNIGHT)
    # BTC loses all, SPY -10%; then SPY doubles: a quarter of what is left.
    assert returns.to_numpy() == pytest.approx([-0.525, 0.25])


def test_the_loss_of_a_settlement_on_a_day_without_a_row_belongs_to_the_next_row():
    # Sessions of Friday and Monday; settled at 55 on Sunday the 8th: half of 110, shown on Monday.
    held = ended(data([105.0, 110.0, 120.0, 99.0, 99.0, 99.0]), "2026-02-08", 55.0)
    days = pd.DatetimeIndex(["2026-02-06", "2026-02-09", "2026-02-10"])
    idle = pd.Series([0.0, 0.0, 0.001], index=days)
    moved = benchmark_returns(held, "BTC", days, MIDNIGHT)
    assert moved.to_numpy() == pytest.approx([0.10, -0.5, 0.0])
    mixed = mixed_returns(held, {"BTC": 1.0}, days, MIDNIGHT, idle=idle)
    assert mixed.to_numpy() == pytest.approx([0.10, -0.5, 0.001])


def test_a_window_that_ends_inside_the_last_day_knows_nothing_of_its_settlement():
    # 12:00 of the second day: the account holds on at 120, and so does the benchmark.
    held = ended(data([105.0, 110.0, 120.0]), "2026-02-07", 55.0)
    days, noon = pd.date_range("2026-02-06", periods=2), MIDNIGHT + 36 * HOUR
    for returns in (
        benchmark_returns(held, "BTC", days, MIDNIGHT, until=noon),
        mixed_returns(held, {"BTC": 1.0}, days, MIDNIGHT, until=noon),
    ):
        assert returns.to_numpy() == pytest.approx([0.10, 120 / 110 - 1])
    over = benchmark_returns(held, "BTC", days, MIDNIGHT, until=noon + 12 * HOUR)
    assert over.to_numpy() == pytest.approx([0.10, -0.5])


def test_all_money_in_a_worthless_holding_is_lost():
    held = ended(data([105.0, 110.0, 120.0, 99.0]), "2026-02-07", 0.0)
    days = pd.date_range("2026-02-06", periods=3)
    returns = mixed_returns(held, {"BTC": 1.0}, days, MIDNIGHT, costs={"BTC": 0.01})
    assert returns.to_numpy() == pytest.approx([1.1 / 1.01 - 1, -1.0, 0.0])


def test_an_instrument_without_bars_is_refused():
    with pytest.raises(ReportError, match="no bars of 'SPY'"):
        benchmark_returns(data([1.0]), "SPY", pd.date_range("2026-02-06", periods=1), MIDNIGHT)


def test_a_mix_is_the_weighted_sum_of_days_and_leaves_the_rest_in_cash():
    held = data([105.0, 110.0, 120.0, 99.0])
    (key,) = held.channels
    other = ChannelKey("SPY", ChannelKind.BARS, "12h")
    rows = data([100.0, 90.0, 90.0, 180.0]).channels[key]
    both = Dataset({}, {**held.channels, other: Channel(other, rows.columns)})
    days = pd.date_range("2026-02-06", periods=2)
    returns = mixed_returns(both, {"BTC": 0.5, "SPY": 0.25}, days, MIDNIGHT)
    # BTC +10% and -10%, SPY -10% and +100%.
    assert returns.to_numpy() == pytest.approx([0.025, 0.20])
    assert returns.name == "50% BTC, 25% SPY"


@pytest.mark.parametrize("weights", [{"BTC": 1.2}, {"BTC": 0.5, "SPY": -0.1}, {"BTC": 0.0}])
def test_weights_that_borrow_or_sell_short_are_refused(weights):
    with pytest.raises(ValueError, match="benchmark weights must be above 0"):
        ReportConfig(benchmark=weights)


def test_bars_of_a_few_days_do_not_stand_for_the_window():
    # The finest bars end with the first day, at 110; taken for the whole window they say 0% then.
    held = data([105.0, 110.0, 120.0, 99.0])
    (key,) = held.channels
    finer = ChannelKey("BTC", ChannelKind.BARS, "1h")
    few = Channel(finer, held.channels[key].take(np.array([0, 1])).columns)
    both = Dataset({}, {**held.channels, finer: few})
    days = pd.date_range("2026-02-06", periods=2)
    assert benchmark_bars(both, "BTC").key == finer
    returns = benchmark_returns(both, "BTC", days, MIDNIGHT)
    assert returns.to_numpy() == pytest.approx([0.10, -0.10])
