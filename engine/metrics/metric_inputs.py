"""The input of the headline numbers: curve, days, trades and turnover of a run or an account."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np

from engine.daily_money import DailyMoney
from engine.equity_curve import EquityCurve
from engine.excess import daily_money, points_after
from engine.metrics.formulas import NAN, Floats, mean, ratio, ratios, window_years


class TradeResult(Protocol):
    """The fields of a closed or open plan that the metrics read; in account currency.

    ``net_pnl`` and ``funding`` are positive when received, ``fees`` and ``slippage_cost`` positive
    when paid; ``r_multiple`` is net PnL / R and NaN without a risk to divide by.
    """

    @property
    def net_pnl(self) -> float: ...
    @property
    def r_multiple(self) -> float: ...
    @property
    def fees(self) -> float: ...
    @property
    def funding(self) -> float: ...
    @property
    def slippage_cost(self) -> float: ...
    @property
    def liquidated(self) -> bool: ...


@dataclass(frozen=True)
class HeadlineInputs:
    """The input of every headline number.

    Attributes
    ----------
    start_equity : equity before the first bar, account currency
    curve : equity at the bar closes inside the window
    trades : one item a plan
    traded : notional of all executions, for the turnover; None: turnover is NaN
    money : the parts of each day
    years : elapsed time that makes growth and turnover annual
    periods_per_year : daily returns in a year, 365 around the clock, 252 of sessions
    """

    start_equity: float
    curve: EquityCurve
    trades: tuple[TradeResult, ...]
    traded: float | None
    money: DailyMoney
    years: float
    periods_per_year: float

    @property
    def end_equity(self) -> float:
        """Equity at the last bar close, account currency; without a bar, that of the start."""
        return float(self.curve.equity[-1]) if len(self.curve.equity) else self.start_equity

    @cached_property
    def bars(self) -> Floats:
        """Equity at the start and at each bar close, account currency."""
        return np.concatenate(([self.start_equity], self.curve.equity))

    @cached_property
    def days(self) -> Floats:
        """Simple returns of the days."""
        return self.money.values

    @cached_property
    def trading_return(self) -> float:
        """Result of price, costs, funding and dividends / equity at the start."""
        return ratio(math.fsum(self.money.trading), self.start_equity)

    @cached_property
    def interest_less_bill(self) -> float:
        """Interest of the cash less the bill on the whole equity / equity at the start."""
        return ratio(math.fsum(self.money.less_bill), self.start_equity)

    @cached_property
    def revaluation_return(self) -> float:
        """Change that the rates of currencies made to the cash / equity at the start."""
        return ratio(math.fsum(self.money.revaluation), self.start_equity)

    @cached_property
    def ratios(self) -> dict[str, float]:
        """Volatility, Sharpe, Sortino and Calmar ratio of daily excess returns, by name."""
        return ratios(
            self.money.excess_values, years=self.years, periods_per_year=self.periods_per_year
        )

    @cached_property
    def net_results(self) -> Floats:
        """Net result of each plan, account currency."""
        return np.array([trade.net_pnl for trade in self.trades], dtype=np.float64)

    @property
    def hit_rate(self) -> float:
        """Share of the plans with a net profit; NaN without a plan."""
        return mean(self.net_results > 0)

    @property
    def profit_factor(self) -> float:
        """Sum of the profits / sum of the losses; NaN without a loss."""
        net = self.net_results
        return ratio(float(net[net > 0].sum()), -float(net[net < 0].sum()))

    @property
    def average_r(self) -> float:
        """Mean of the R-multiples that exist; NaN without one."""
        multiples = np.array([trade.r_multiple for trade in self.trades], dtype=np.float64)
        return mean(multiples[~np.isnan(multiples)])

    @property
    def turnover(self) -> float:
        """Traded notional / mean equity, per year; NaN where none is given."""
        if self.traded is None or self.years == 0 or len(self.curve.equity) == 0:
            return NAN
        return ratio(self.traded, float(np.mean(self.curve.equity))) / self.years


def headline_inputs(
    curve: EquityCurve,
    trades: Iterable[TradeResult],
    *,
    periods_per_year: float,
    start_equity: float | None = None,
    traded: Iterable[float] | None = None,
    window: tuple[int, int] | None = None,
    money: DailyMoney | None = None,
) -> HeadlineInputs:
    """Return the input of the headline numbers of a run.

    Parameters
    ----------
    curve : equity at bar closes
    trades : one item a plan
    periods_per_year : daily returns in a year, 365 around the clock, 252 of sessions
    start_equity : equity before the first bar, account currency; None: the curve's first value
    traded : notional of each execution, for the turnover; None: turnover is NaN
    window : first and last instant traded, ns UTC; its elapsed days make growth and turnover
        annual, and points at or before its start are left out. None: every point, and the
        number of daily returns / ``periods_per_year``.
    money : the parts of each day; None: those of the curve, without interest and bill
    """
    start = start_equity
    if start is None:
        start = float(curve.equity[0]) if len(curve.equity) else NAN
    if window is not None:
        curve = points_after(curve, window[0])
    if money is None:
        money = daily_money(curve, start_equity=start)
    years = len(money.values) / periods_per_year if window is None else window_years(*window)
    return HeadlineInputs(
        start_equity=start,
        curve=curve,
        trades=tuple(trades),
        traded=None if traded is None else math.fsum(traded),
        money=money,
        years=years,
        periods_per_year=periods_per_year,
    )
