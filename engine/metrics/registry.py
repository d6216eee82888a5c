"""The headline numbers of a run or an account, each declared once.

``metrics.json``, ``summary.txt``, the pages, the comparison and ``docs/results.md`` read this list.
The audit has formulas of its own and does not import it.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum, StrEnum

from engine.formatting import adding_up, money, number, or_none, percent, signed, signed_percent
from engine.metrics.formulas import (
    NAN,
    cagr,
    longest_drawdown_days,
    max_drawdown,
    mean,
    ratio,
    volatility,
    wealth,
)
from engine.metrics.metric_inputs import HeadlineInputs

EXCESS = ("excess_return", "trading_return", "interest_less_bill", "revaluation_return")


class MetricUnit(StrEnum):
    """The unit of a headline number in ``metrics.json``."""

    ACCOUNT_CURRENCY = "account currency"
    FRACTION = "fraction"
    FRACTION_A_YEAR = "fraction a year"
    RATIO = "ratio"
    R = "R"
    COUNT = "count"
    DAYS = "days"
    TIMES_A_YEAR = "times a year"


class Better(IntEnum):
    """The direction in which a number is better."""

    MORE = 1
    NEITHER = 0
    LESS = -1


class IntervalSample(StrEnum):
    """The sample from which the interval of a number is resampled."""

    NO_SAMPLE = ""
    RETURNS = "daily returns"
    EXCESS = "daily excess returns"
    TRADES = "trades"


@dataclass(frozen=True)
class Metric:
    """One headline number.

    Attributes
    ----------
    name : key in ``metrics.json``
    title : name on pages and in texts
    unit : of the value
    better : the direction in which it is better
    says : its meaning, without a full stop
    compute : the function of its value; NaN where the number does not exist
    text : the value as pages and texts show it
    interval_from : sample of its interval; ``NO_SAMPLE``: it has no interval
    on_pages : part of the table at the top of summary, tearsheet and account page
    compared : a column of a comparison
    shown_if_zero : False: a zero has no row in that table
    """

    name: str
    title: str
    unit: MetricUnit
    better: Better
    says: str
    compute: Callable[[HeadlineInputs], float]
    text: Callable[[float], str]
    interval_from: IntervalSample = IntervalSample.NO_SAMPLE
    on_pages: bool = False
    compared: bool = False
    shown_if_zero: bool = True


def _one_digit_percent(value: float) -> str:
    return percent(value, 1)


def _three_digits(value: float) -> str:
    return number(value, 3)


def _signed_ratio(value: float) -> str:
    return or_none(value, signed)


def _growth(value: float) -> str:
    return or_none(value, percent)


def _signed_growth(value: float) -> str:
    return or_none(value, signed_percent)


METRICS: Sequence[Metric] = (
    Metric(
        "start_equity", "equity at the start", MetricUnit.ACCOUNT_CURRENCY, Better.NEITHER,
        "cash deposited before the first bar",
        lambda of: of.start_equity, money,
    ),
    Metric(
        "end_equity", "equity at the end", MetricUnit.ACCOUNT_CURRENCY, Better.MORE,
        "equity at the last bar close",
        lambda of: of.end_equity, money, on_pages=True,
    ),
    Metric(
        "total_return", "total return", MetricUnit.FRACTION, Better.MORE,
        "equity at the end / equity at the start - 1, not annualized",
        lambda of: ratio(of.end_equity, of.start_equity) - 1, signed_percent,
        IntervalSample.RETURNS, on_pages=True, compared=True,
    ),
    Metric(
        "cagr", "return a year", MetricUnit.FRACTION_A_YEAR, Better.MORE,
        "compound growth a year of 365 elapsed days; none over less than 30 days",
        lambda of: cagr(of.days, of.years), _signed_growth, on_pages=True,
    ),
    Metric(
        "excess_return", "excess return", MetricUnit.FRACTION, Better.MORE,
        "trading, interest less the bill, and revaluation of cash / equity at the start",
        lambda of: of.trading_return + of.interest_less_bill + of.revaluation_return,
        signed_percent,
        on_pages=True, compared=True,
    ),
    Metric(
        "trading_return", "excess from trading", MetricUnit.FRACTION, Better.MORE,
        "price, costs, funding and dividends / equity at the start",
        lambda of: of.trading_return, signed_percent, on_pages=True, compared=True,
    ),
    Metric(
        "interest_less_bill", "excess from interest", MetricUnit.FRACTION, Better.MORE,
        "(interest paid on cash - what the whole equity would have earned in bills) / equity at "
        "the start",
        lambda of: of.interest_less_bill, signed_percent, on_pages=True, compared=True,
    ),
    Metric(
        "revaluation_return", "excess from revaluation", MetricUnit.FRACTION, Better.MORE,
        "change of the rates of currencies on the cash of the wallets / equity at the start",
        lambda of: of.revaluation_return, signed_percent,
        on_pages=True, compared=True, shown_if_zero=False,
    ),
    Metric(
        "interest_return", "interest", MetricUnit.FRACTION, Better.MORE,
        "interest paid on cash / equity at the start",
        lambda of: ratio(math.fsum(of.money.interest), of.start_equity), signed_percent,
    ),
    Metric(
        "bill_return", "return of the bill", MetricUnit.FRACTION, Better.NEITHER,
        "what the whole equity would have earned in bills / equity at the start",
        lambda of: ratio(math.fsum(of.money.bill), of.start_equity), signed_percent,
    ),
    Metric(
        "volatility", "volatility a year", MetricUnit.FRACTION_A_YEAR, Better.LESS,
        "standard deviation (n - 1) of daily returns, annualized",
        lambda of: volatility(of.days, of.periods_per_year), percent,
        IntervalSample.RETURNS, on_pages=True,
    ),
    Metric(
        "excess_volatility", "volatility of the excess a year", MetricUnit.FRACTION_A_YEAR,
        Better.LESS,
        "standard deviation (n - 1) of daily excess returns, annualized",
        lambda of: of.ratios["excess_volatility"], percent,
    ),
    Metric(
        "sharpe", "Sharpe", MetricUnit.RATIO, Better.MORE,
        "mean / standard deviation of daily excess returns, annualized",
        lambda of: of.ratios["sharpe"], _signed_ratio,
        IntervalSample.EXCESS, on_pages=True, compared=True,
    ),
    Metric(
        "sortino", "Sortino", MetricUnit.RATIO, Better.MORE,
        "mean / downside deviation over all days of daily excess returns, annualized",
        lambda of: of.ratios["sortino"], _signed_ratio,
        IntervalSample.EXCESS, on_pages=True, compared=True,
    ),
    Metric(
        "max_drawdown_bars", "deepest drawdown, bars", MetricUnit.FRACTION, Better.MORE,
        "lowest equity / highest equity so far - 1 at bar closes, zero or negative",
        lambda of: max_drawdown(of.bars), percent, on_pages=True, compared=True,
    ),
    Metric(
        "max_drawdown_days", "deepest drawdown, days", MetricUnit.FRACTION, Better.MORE,
        "lowest equity / highest equity so far - 1 at day ends, zero or negative",
        lambda of: max_drawdown(wealth(of.days)), percent, IntervalSample.RETURNS, on_pages=True,
    ),
    Metric(
        "drawdown_days", "longest drawdown", MetricUnit.DAYS, Better.LESS,
        "most days from a peak to its recovery or to the end",
        lambda of: longest_drawdown_days(of.money.returns), number,
    ),
    Metric(
        "calmar", "Calmar", MetricUnit.RATIO, Better.MORE,
        "compound growth a year / deepest drawdown of daily excess returns",
        lambda of: of.ratios["calmar"], _signed_ratio, IntervalSample.EXCESS, compared=True,
    ),
    Metric(
        "best_day", "best day", MetricUnit.FRACTION, Better.MORE,
        "highest daily return",
        lambda of: float(of.days.max()) if len(of.days) else NAN, signed_percent,
    ),
    Metric(
        "worst_day", "worst day", MetricUnit.FRACTION, Better.MORE,
        "lowest daily return",
        lambda of: float(of.days.min()) if len(of.days) else NAN, signed_percent,
    ),
    Metric(
        "days", "days", MetricUnit.COUNT, Better.NEITHER,
        "daily returns",
        lambda of: float(len(of.days)), number,
    ),
    Metric(
        "exposure", "time in position", MetricUnit.FRACTION, Better.NEITHER,
        "share of bar closes with a position",
        lambda of: mean(of.curve.gross_notional > 0), _one_digit_percent,
        on_pages=True, compared=True,
    ),
    Metric(
        "turnover", "turnover", MetricUnit.TIMES_A_YEAR, Better.NEITHER,
        "traded notional / mean equity, a year of 365 elapsed days",
        lambda of: of.turnover, number,
    ),
    Metric(
        "trades", "trades", MetricUnit.COUNT, Better.NEITHER,
        "plans with a fill, those open at the end included",
        lambda of: float(len(of.trades)), number, on_pages=True, compared=True,
    ),
    Metric(
        "hit_rate", "hit rate", MetricUnit.FRACTION, Better.MORE,
        "share of the trades with a net profit",
        lambda of: of.hit_rate, _one_digit_percent,
        IntervalSample.TRADES, on_pages=True, compared=True,
    ),
    Metric(
        "average_r", "average R", MetricUnit.R, Better.MORE,
        "mean net result of the trades, in units of the loss at the initial stop",
        lambda of: of.average_r, signed, IntervalSample.TRADES, on_pages=True, compared=True,
    ),
    Metric(
        "expectancy", "expectancy", MetricUnit.ACCOUNT_CURRENCY, Better.MORE,
        "mean net result of the trades",
        lambda of: mean(of.net_results), signed,
    ),
    Metric(
        "profit_factor", "profit factor", MetricUnit.RATIO, Better.MORE,
        "sum of the net profits / sum of the net losses of the trades; none without a loss",
        lambda of: of.profit_factor, _three_digits, on_pages=True,
    ),
    Metric(
        "net_pnl", "net result of the trades", MetricUnit.ACCOUNT_CURRENCY, Better.MORE,
        "sum of the net results of the trades",
        lambda of: math.fsum(of.net_results), signed,
    ),
    Metric(
        "fees", "fees", MetricUnit.ACCOUNT_CURRENCY, Better.LESS,
        "fees of the trades, positive when paid",
        lambda of: math.fsum(trade.fees for trade in of.trades), money,
    ),
    Metric(
        "slippage", "slippage", MetricUnit.ACCOUNT_CURRENCY, Better.LESS,
        "slippage of the trades, positive when paid; it is already inside the prices",
        lambda of: math.fsum(trade.slippage_cost for trade in of.trades), money,
    ),
    Metric(
        "funding", "funding", MetricUnit.ACCOUNT_CURRENCY, Better.MORE,
        "funding of the trades, positive when received",
        lambda of: math.fsum(trade.funding for trade in of.trades), signed,
    ),
    Metric(
        "liquidations", "liquidations", MetricUnit.COUNT, Better.LESS,
        "plans that the venue closed",
        lambda of: float(sum(trade.liquidated for trade in of.trades)), number, compared=True,
    ),
)  # fmt: skip


@dataclass(frozen=True)
class RelativeMetric:
    """One number of :func:`~engine.metrics.formulas.relative_numbers`; fields as in ``Metric``.

    ``needs_moves``: it does not exist where either excess hardly moves.
    """

    name: str
    title: str
    unit: MetricUnit
    says: str
    text: Callable[[float], str]
    needs_moves: bool


RELATIVE_METRICS: Sequence[RelativeMetric] = (
    RelativeMetric(
        "beta", "beta to the benchmark", MetricUnit.RATIO,
        "slope of the excess returns on those of the benchmark",
        _signed_ratio, needs_moves=True,
    ),
    RelativeMetric(
        "alpha", "alpha a year", MetricUnit.FRACTION_A_YEAR,
        "mean excess return - beta x mean excess return of the benchmark; none over less than 30 "
        "days",
        _signed_growth, needs_moves=True,
    ),
    RelativeMetric(
        "correlation", "correlation with the benchmark", MetricUnit.RATIO,
        "of the daily excess returns",
        _signed_ratio, needs_moves=True,
    ),
    RelativeMetric(
        "tracking_error", "tracking error a year", MetricUnit.FRACTION_A_YEAR,
        "standard deviation (n - 1) of the difference of both excess returns, annualized",
        _growth, needs_moves=False,
    ),
)  # fmt: skip


def headline(inputs: HeadlineInputs) -> dict[str, float]:
    """Return the headline numbers by name; NaN where a number does not exist."""
    return {metric.name: metric.compute(inputs) for metric in METRICS}


def rounded_excess(numbers: Mapping[str, float]) -> dict[str, float]:
    """Return the numbers with the excess return and its parts rounded to add up as shown.

    Raises
    ------
    SimulationError : the parts do not add up to the excess return.
    """
    shown = adding_up(*(numbers[name] for name in EXCESS))
    return {**numbers, **dict(zip(EXCESS, shown, strict=True))}
