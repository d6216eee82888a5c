import math
import warnings
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest

from data_feeds.clock import DAY_NS, HOUR_NS
from engine.equity_curve import EquityCurve
from engine.excess import daily_money
from engine.metrics import (
    cagr,
    headline,
    headline_inputs,
    longest_drawdown_days,
    max_drawdown,
    relative_numbers,
    scaled,
    sharpe,
    sortino,
    volatility,
)

DAY_ONE = 20_000 * DAY_NS  # 2024-10-04


@dataclass(frozen=True)
class PlanResult:
    net_pnl: float
    r_multiple: float = math.nan
    fees: float = 0.0
    funding: float = 0.0
    slippage_cost: float = 0.0
    liquidated: bool = False


def headline_of_curve(curve, trades=(), **settings):
    return headline(headline_inputs(curve, trades, **settings))


def daily_returns(curve, **settings):
    return daily_money(curve, **settings).returns


def curve(at, equity, gross=None):
    at, equity = np.asarray(at, dtype=np.int64), np.asarray(equity, dtype=np.float64)
    zeros = np.zeros(len(at))
    gross = zeros if gross is None else np.asarray(gross, dtype=np.float64)
    return EquityCurve(at, equity, equity, zeros, zeros, zeros, gross, zeros)


def daily_curve(returns, start=1_000.0):
    at = DAY_ONE + (1 + np.arange(len(returns))) * DAY_NS
    return curve(at, start * np.cumprod(1 + np.asarray(returns)))


def random_returns(days=500):
    return np.random.default_rng(7).normal(0.0005, 0.02, days)


def test_a_close_at_midnight_belongs_to_the_day_that_it_ends():
    at = [DAY_ONE + 12 * HOUR_NS, DAY_ONE + DAY_NS, DAY_ONE + DAY_NS + HOUR_NS]
    returns = daily_returns(curve(at, [90.0, 110.0, 99.0]), start_equity=100.0)
    # 110 / 100 - 1 on the first day, 99 / 110 - 1 on the second
    assert returns.tolist() == pytest.approx([0.10, -0.10])
    assert [day.isoformat() for day in returns.index.date] == ["2024-10-04", "2024-10-05"]
    assert returns.index.tz is None


def test_the_first_day_is_measured_from_the_start_equity():
    at = [DAY_ONE + HOUR_NS, DAY_ONE + DAY_NS]
    assert daily_returns(curve(at, [98.0, 99.0]), start_equity=100.0).tolist() == pytest.approx(
        [-0.01]
    )
    # Without it the loss of the first bar would be missing: 99 / 98 - 1.
    assert daily_returns(curve(at, [98.0, 99.0])).iloc[0] == pytest.approx(99 / 98 - 1)


def test_new_york_days_end_at_new_york_midnight():
    # 2024-10-05 03:00Z is still the evening of 2024-10-04 in New York.
    at = [DAY_ONE + DAY_NS + 3 * HOUR_NS, DAY_ONE + DAY_NS + 5 * HOUR_NS]
    returns = daily_returns(curve(at, [101.0, 102.01]), tz="America/New_York", start_equity=100.0)
    assert returns.tolist() == pytest.approx([0.01, 0.01])
    assert len(daily_returns(curve(at, [101.0, 102.01]), start_equity=100.0)) == 1


def test_a_day_without_bars_has_no_return_and_loses_no_move():
    at = [DAY_ONE + DAY_NS, DAY_ONE + 4 * DAY_NS]
    returns = daily_returns(curve(at, [110.0, 121.0]), start_equity=100.0)
    assert returns.tolist() == pytest.approx([0.1, 0.1])


def test_growth_of_one_year_is_its_total_return():
    # 20% in 365 days
    returns = np.full(365, 1.2 ** (1 / 365) - 1)
    assert cagr(returns, 1.0) == pytest.approx(0.20)
    assert math.isnan(cagr(np.array([]), 1.0))
    assert math.isnan(cagr(np.array([0.1, -1.0]), 1.0))


def test_growth_of_hours_or_beyond_any_number_does_not_exist():
    assert math.isnan(cagr(np.array([0.01]), 0.5 / 365))
    # 100 times in a day would be 101 ** 365, about 1e731
    assert math.isnan(cagr(np.array([100.0]), 1 / 365))


def test_a_close_at_the_windows_start_makes_no_day_and_growth_takes_the_elapsed_days():
    # The bar that ends at the start, then two days of 10% and -5%: 1.045 in 2 days.
    at = [DAY_ONE, DAY_ONE + DAY_NS, DAY_ONE + 2 * DAY_NS]
    held = curve(at, [100.0, 110.0, 104.5], gross=[0.0, 50.0, 0.0])
    returns = daily_returns(held, start_equity=100.0, start=DAY_ONE)
    assert returns.tolist() == pytest.approx([0.10, -0.05])
    assert [day.isoformat() for day in returns.index.date] == ["2024-10-04", "2024-10-05"]
    # The last bar closed 71 days before the window's end.
    window = (DAY_ONE, DAY_ONE + 73 * DAY_NS)
    numbers = headline_of_curve(held, periods_per_year=252, start_equity=100.0, window=window)
    assert (numbers["days"], numbers["exposure"]) == (2, 0.5)
    # Growth is annualized by calendar days, ratios by the number of returns a year.
    assert numbers["cagr"] == pytest.approx(1.045**5 - 1)


def test_growth_of_less_than_thirty_days_is_no_growth_of_a_year():
    month = np.full(30, 0.001)
    assert cagr(month, 30 / 365) == pytest.approx(1.001**365 - 1)
    assert math.isnan(cagr(month[:-1], 29.99 / 365))
    short = headline_of_curve(daily_curve([0.01, -0.005] * 14), periods_per_year=365)
    assert math.isnan(short["cagr"])
    assert math.isnan(short["calmar"])
    assert math.isfinite(short["sharpe"])


def test_volatility_sharpe_and_sortino_by_hand():
    # Returns 1%, -1%, 3%: mean 1%, standard deviation sqrt((0 + 4 + 4) / 2)% = 2%
    returns = np.array([0.01, -0.01, 0.03])
    assert volatility(returns, 365) == pytest.approx(0.02 * math.sqrt(365))
    assert sharpe(returns, 365) == pytest.approx(0.5 * math.sqrt(365))
    # downside sqrt(0.0001 / 3)
    assert sortino(returns, 365) == pytest.approx(0.01 / math.sqrt(0.0001 / 3) * math.sqrt(365))


def test_ratios_without_variance_or_loss_do_not_exist():
    flat, steady = np.zeros(10), np.full(10, 0.001)
    assert math.isnan(sharpe(flat, 365))
    assert math.isnan(sharpe(steady, 365))
    assert math.isnan(sortino(steady, 365))
    assert volatility(flat, 365) == 0.0
    assert math.isnan(volatility(np.array([0.01]), 365))
    assert math.isnan(sortino(np.array([-0.01]), 365))


@pytest.mark.parametrize("size", [1e-9, 1e-6, 1e-4, 0.01, 5.0])
def test_ratios_of_a_constant_return_do_not_exist_at_any_scale(size):
    # Returns of equity that grows evenly differ by the rounding of equity: 1e-16 of it.
    equity = 1_000.0 * (1 + size) ** np.arange(40)
    grown = equity[1:] / equity[:-1] - 1
    for returns in (np.full(40, size), np.full(40, -size), grown):
        assert math.isnan(sharpe(returns, 365))
        assert math.isnan(sortino(returns, 365))
        assert math.isnan(relative_numbers(random_returns(len(returns)), returns, 365)["beta"])
        own = relative_numbers(returns, random_returns(len(returns)), 365)
        assert math.isnan(own["correlation"])


@pytest.mark.parametrize("scale", [1e-300, 1e-200, 1e-155, 1e-12, 1e-6, 1.0, 1e155, 1e200, 1e300])
def test_ratios_are_the_same_at_every_scale(scale):
    returns = random_returns()
    assert sharpe(returns * scale, 365) == pytest.approx(sharpe(returns, 365), rel=1e-9)
    assert sortino(returns * scale, 365) == pytest.approx(sortino(returns, 365), rel=1e-9)
    beside = relative_numbers(returns * scale, random_returns()[::-1] * scale, 365)
    usual = relative_numbers(returns, random_returns()[::-1], 365)
    for name in ("beta", "correlation"):
        assert beside[name] == pytest.approx(usual[name], rel=1e-9)
    # Against a benchmark of the usual size the slope has the returns' scale.
    apart = relative_numbers(returns * scale, random_returns()[::-1], 365)
    assert apart["beta"] == pytest.approx(usual["beta"] * scale, rel=1e-9)
    assert apart["correlation"] == pytest.approx(usual["correlation"], rel=1e-9)
    assert volatility(returns * scale, 365) == pytest.approx(
        volatility(returns, 365) * scale, rel=1e-9
    )


@pytest.mark.parametrize("scale", [1e-200, 1.0, 1e200])
def test_sharpe_and_sortino_by_hand_at_the_ends_of_what_a_number_can_be(scale):
    # 1, -1, 3: mean 1, deviation 2, downside sqrt(1 / 3).
    returns = np.array([1.0, -1.0, 3.0]) * scale
    assert sharpe(returns, 1.0) == pytest.approx(0.5)
    assert sortino(returns, 1.0) == pytest.approx(math.sqrt(3))
    assert volatility(returns, 1.0) == pytest.approx(2 * scale)
    assert math.isnan(sharpe(np.full(9, 0.1 * scale), 1.0))
    assert math.isnan(sortino(np.full(9, -0.1 * scale), 1.0))


def test_bringing_returns_to_one_size_rounds_nothing():
    returns = random_returns()
    units, power = scaled(returns)
    assert 1 <= abs(units).max() < 2
    assert (units * power).tolist() == returns.tolist()
    assert math.frexp(float(power))[0] == 0.5
    # Ratios of usual returns are the same without scaling, to the last bit.
    deviation = float(np.std(returns, ddof=1))
    assert volatility(returns, 365) == deviation * math.sqrt(365)
    assert sharpe(returns, 365) == float(np.mean(returns)) / deviation * math.sqrt(365)
    assert scaled(np.zeros(3))[0].tolist() == [0.0] * 3
    rows, powers = scaled(np.array([[1e-200, 0.0], [3.0, 1e200], [0.0, 0.0]]), axis=1)
    assert rows[:, 0].tolist() == [1e-200 / powers[0, 0], 3.0 / powers[1, 0], 0.0]
    assert powers.shape == (3, 1)


def test_ratios_of_an_excess_that_hardly_moves_do_not_exist():
    # A daily deviation of 1 bp is 0.19% a year, one of 0.1 bp is 0.02%.
    days = random_returns() / 0.02
    moving, still = headline_of(days * 1e-4), headline_of(days * 1e-5)
    assert moving["excess_volatility"] > 0.001 > still["excess_volatility"]
    for name in ("sharpe", "sortino", "calmar"):
        assert math.isfinite(moving[name])
        assert math.isnan(still[name])


def headline_of(returns):
    return headline_of_curve(daily_curve(returns), periods_per_year=365, start_equity=1_000.0)


def test_the_deepest_drawdown_is_seen_at_bars_even_when_days_hide_it():
    # 100, then 50 inside the day, 99 at its end
    at = [DAY_ONE + HOUR_NS, DAY_ONE + DAY_NS]
    numbers = headline_of_curve(curve(at, [50.0, 99.0]), periods_per_year=365, start_equity=100.0)
    assert numbers["max_drawdown_bars"] == pytest.approx(-0.50)
    assert numbers["max_drawdown_days"] == pytest.approx(-0.01)
    assert max_drawdown(np.array([1.0, 2.0])) == 0.0


def test_drawdown_days_run_from_the_peak_to_the_recovery_or_the_end():
    index = pd.date_range("2024-01-01", periods=6)
    # Below the start on days 1 and 2, recovered on day 3 (3 days), below again on days 5 and 6.
    recovered = pd.Series([-0.1, 0.0, 0.2, 0.0, -0.01, 0.0], index=index)
    assert longest_drawdown_days(recovered) == 3
    # Never recovered: from the start before day 1 to day 6.
    assert longest_drawdown_days(pd.Series([-0.1] * 6, index=index)) == 6
    assert longest_drawdown_days(pd.Series([0.1] * 6, index=index)) == 0
    assert math.isnan(longest_drawdown_days(pd.Series(dtype=float)))


def test_a_strategy_that_is_its_benchmark_has_beta_1_and_nothing_else():
    returns = np.array([0.01, -0.02, 0.03, 0.0])
    numbers = relative_numbers(returns, returns, 252, years=1.0)
    assert numbers["beta"] == pytest.approx(1)
    assert numbers["correlation"] == pytest.approx(1)
    assert numbers["alpha"] == pytest.approx(0, abs=1e-15)
    assert numbers["tracking_error"] == 0


def test_beta_alpha_and_tracking_error_by_hand():
    # Twice the benchmark and a tenth of a percent a day.
    market = np.array([0.01, -0.01, 0.02, -0.02])
    numbers = relative_numbers(2 * market + 0.001, market, 252, years=1.0)
    assert numbers["beta"] == pytest.approx(2)
    assert numbers["alpha"] == pytest.approx(0.252)
    assert numbers["correlation"] == pytest.approx(1)
    # The difference is the market + 0.001, with its deviation.
    deviation = math.sqrt((0.01**2 * 2 + 0.02**2 * 2) / 3)
    assert numbers["tracking_error"] == pytest.approx(deviation * math.sqrt(252))


def test_an_alpha_of_less_than_thirty_days_is_no_alpha_of_a_year():
    # Half the benchmark and 0.1% a day: 36.5% a year over thirty days, NaN over three.
    market = random_returns(30)
    month = relative_numbers(market / 2 + 0.001, market, 365)
    assert month["alpha"] == pytest.approx(0.365)
    for short in (3, 29):
        numbers = relative_numbers(market[:short] / 2 + 0.001, market[:short], 365)
        assert math.isnan(numbers["alpha"])
        assert numbers["beta"] == pytest.approx(0.5)
        assert math.isfinite(numbers["tracking_error"])
    # Elapsed days count, not returns: 21 sessions in 30 days are enough, in 29 days not.
    held = market[:21] / 2 + 0.001, market[:21]
    assert relative_numbers(*held, 252, years=30 / 365)["alpha"] == pytest.approx(0.252)
    assert math.isnan(relative_numbers(*held, 252, years=29 / 365)["alpha"])


def test_beside_a_benchmark_that_never_moves_only_the_tracking_error_exists():
    numbers = relative_numbers(np.array([0.01, -0.01]), np.zeros(2), 252)
    assert [name for name, value in numbers.items() if not math.isnan(value)] == ["tracking_error"]
    assert all(map(math.isnan, relative_numbers(np.array([0.01]), np.array([0.01]), 252).values()))


def of_trades(trades):
    return headline_of_curve(curve([], []), trades, periods_per_year=365, start_equity=1_000.0)


def test_trade_numbers_by_hand():
    plans = [
        PlanResult(300.0, 3.0, fees=5.0, funding=-1.0, slippage_cost=2.0),
        PlanResult(-100.0, -1.0, fees=5.0, funding=2.0, slippage_cost=1.0),
        PlanResult(-50.0, math.nan, liquidated=True),
        PlanResult(0.0, 0.0),
    ]
    numbers = of_trades(plans)
    assert numbers["trades"] == 4
    assert numbers["liquidations"] == 1
    assert numbers["hit_rate"] == 0.25
    assert numbers["profit_factor"] == pytest.approx(300 / 150)
    assert numbers["average_r"] == pytest.approx(2 / 3)
    assert numbers["expectancy"] == pytest.approx(37.5)
    assert (numbers["fees"], numbers["funding"], numbers["slippage"]) == (10.0, 1.0, 3.0)


def test_without_trades_counts_are_zero_and_ratios_do_not_exist():
    numbers = of_trades(())
    assert (numbers["trades"], numbers["fees"], numbers["net_pnl"]) == (0, 0, 0)
    for name in ("hit_rate", "profit_factor", "average_r", "expectancy"):
        assert math.isnan(numbers[name])
    assert math.isnan(of_trades([PlanResult(5.0)])["profit_factor"])


def test_exposure_counts_bars_with_a_position_and_turnover_is_per_year():
    at = DAY_ONE + (1 + np.arange(4)) * DAY_NS // 2
    equity = curve(at, [1_000.0] * 4, gross=[0.0, 200.0, 200.0, 200.0])
    numbers = headline_of_curve(equity, periods_per_year=365, traded=[200.0, 200.0])
    assert numbers["exposure"] == 0.75
    # 2 x 2 x 100 / 1,000 in 2 days, 182.5 times a year
    assert numbers["turnover"] == pytest.approx(0.4 * 182.5)
    assert math.isnan(headline_of_curve(equity, periods_per_year=365)["turnover"])


def test_an_account_that_never_moves_has_no_ratios_but_has_returns():
    at = DAY_ONE + (1 + np.arange(40)) * DAY_NS
    numbers = headline_of_curve(
        curve(at, [1_000.0] * 40), periods_per_year=365, start_equity=1_000.0
    )
    assert (numbers["total_return"], numbers["cagr"], numbers["volatility"]) == (0.0, 0.0, 0.0)
    for name in ("sharpe", "sortino", "calmar"):
        assert math.isnan(numbers[name])


def test_an_empty_curve_gives_no_numbers_and_no_error():
    numbers = headline_of_curve(curve([], []), periods_per_year=365, start_equity=1_000.0)
    assert numbers["total_return"] == 0.0
    assert numbers["days"] == 0
    assert math.isnan(numbers["cagr"])


@pytest.fixture(scope="module")
def quantstats_stats():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip("quantstats.stats")


@pytest.mark.parametrize("periods", [252, 365])
def test_headline_equals_quantstats_on_naive_daily_returns(quantstats_stats, periods):
    returns = random_returns()
    numbers = headline_of_curve(
        daily_curve(returns), periods_per_year=periods, start_equity=1_000.0
    )
    series = daily_returns(daily_curve(returns), start_equity=1_000.0)
    theirs = {
        "cagr": quantstats_stats.cagr(series, periods=periods),
        "volatility": quantstats_stats.volatility(series, periods=periods),
        "sharpe": quantstats_stats.sharpe(series, periods=periods),
        "sortino": quantstats_stats.sortino(series, periods=periods),
        "max_drawdown_days": quantstats_stats.max_drawdown(series),
        "calmar": quantstats_stats.calmar(series, periods=periods),
        "best_day": quantstats_stats.best(series),
        "worst_day": quantstats_stats.worst(series),
    }
    for name, value in theirs.items():
        assert numbers[name] == pytest.approx(value, abs=1e-12, rel=1e-12), name


def test_quantstats_default_of_252_reads_a_year_of_20_percent_as_13(quantstats_stats):
    # A year of daily crypto returns, alternating so that there is some variance.
    growth = 1.2 ** (1 / 365)
    returns = np.where(np.arange(365) % 2 == 0, growth * 1.001 - 1, growth / 1.001 - 1)
    returns[-1] = growth - 1
    series = daily_returns(daily_curve(returns), start_equity=1_000.0)
    # The wrong number: 1.2 ** (252 / 365) - 1 = 13.4%
    assert quantstats_stats.cagr(series) == pytest.approx(0.134, abs=0.0005)
    ours = headline_of_curve(daily_curve(returns), periods_per_year=365, start_equity=1_000.0)
    assert ours["cagr"] == pytest.approx(0.20)


def test_quantstats_reads_an_equity_curve_as_prices_and_loses_the_first_day(quantstats_stats):
    # Given the curve, it guesses "prices" and drops the loss of the first day: 0.9 is the start.
    equity = daily_curve([-0.10, 0.05, 0.05], start=1.5)
    values = pd.Series(equity.equity, index=pd.date_range("2024-10-04", periods=3))
    assert quantstats_stats.worst(values) == pytest.approx(0.05)
    assert headline_of_curve(equity, periods_per_year=365, start_equity=1.5)[
        "worst_day"
    ] == pytest.approx(-0.10)
