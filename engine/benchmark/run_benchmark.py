"""Compute a run's benchmark on the run's days: weights, purchase costs and numbers."""

import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from data_feeds.align import as_of
from data_feeds.schema import ChannelKind
from engine.account_rates import PAR, RateSteps, currency_steps
from engine.benchmark.daily_returns import HeldBenchmark, benchmark_bars, mixed_returns
from engine.costs import NO_ACTIVITY, FillConditions
from engine.daily_money import DailyMoney
from engine.equity_curve import NO_BILL, BillAccruals
from engine.excess import bill_rates
from engine.metrics import cagr, max_drawdown, ratios, volatility
from engine.results.finished import RunRecord


def held_weights(record: RunRecord) -> Mapping[str, float]:
    """Return the weights of the configured benchmark, or of the leading instrument."""
    return record.run.config.report.held or {record.run.requirements.leading: 1.0}


def held_returns(record: RunRecord) -> HeldBenchmark | None:
    """Return the benchmark on the run's days; None without days."""
    return held_on(record, record.money, record.run.outcome.bill)


def held_on(record: RunRecord, days_of: DailyMoney, bill: BillAccruals) -> HeldBenchmark | None:
    """Return the run's benchmark on the days of an account; None without days.

    Purchases pay the fee and slippage of the run's venue; idle cash earns the run's interest.
    """
    days = days_of.days
    if len(days) == 0:
        return None
    weights, dataset = held_weights(record), record.run.dataset
    returns = mixed_returns(
        dataset,
        weights,
        days,
        record.start,
        until=record.end,
        costs={name: purchase_cost(record, name) for name in weights},
        idle=bill_rates(days, days_of.ends, _paid_on_cash(record, bill)),
        rates={name: _rate(record, name) for name in weights},
    )
    return HeldBenchmark(returns, bill_rates(days, days_of.ends, bill))


def _rate(record: RunRecord, name: str) -> RateSteps:
    """Return the account's currency per unit of an instrument's quote."""
    dataset, account = record.run.dataset, record.run.config.account
    item = dataset.instruments.get(name)
    if item is None:
        return PAR
    steps = currency_steps(dataset, account, item.quote, record.start)
    steps.refuse_stale(record.money.ends)
    return steps


def _paid_on_cash(record: RunRecord, bill: BillAccruals) -> BillAccruals:
    """Return the interest accruals of brokerage cash, at the bill's days; none where unpaid."""
    series = record.run.config.account.interest_series
    if series is None or not len(bill.at):
        return NO_BILL
    known = as_of(record.run.dataset.channel(series, ChannelKind.SERIES), "value", bill.at)
    return replace(bill, series=series, rate=known.values / 100)


def purchase_cost(record: RunRecord, name: str) -> float:
    """Return fee and slippage of a purchase at the window's start, a fraction of its notional.

    The slippage is the broker's for an order of negligible share of the bar's volume.
    """
    dataset = record.run.dataset
    # First, because its error names the instruments that have bars.
    bars = benchmark_bars(dataset, name, record.money.days)
    costs = record.run.config.venue.costs_of(dataset.instruments[name])
    row = max(int(np.searchsorted(bars["closed_at"], record.start, side="right")) - 1, 0)
    known = float((bars["high"][row] - bars["low"][row]) / bars["close"][row])
    held = record.run.activity.get(name)
    activity = NO_ACTIVITY if held is None else held.at(record.start)
    lost = costs.slippage.fraction(0.0, FillConditions(known, activity=activity))
    return lost + costs.taker_rate


def held_numbers(held: HeldBenchmark | None, periods: int, years: float) -> dict[str, float]:
    """Return the benchmark's numbers by their names in ``metrics.json``; NaN without days.

    ``periods`` are daily returns in a year, ``years`` the elapsed time of the window.
    """
    returns = np.asarray([] if held is None else held.returns, dtype=np.float64)
    excess = np.asarray([] if held is None else held.excess, dtype=np.float64)
    wealth = np.concatenate(([1.0], np.cumprod(1 + returns)))
    return {
        "total_return": float(wealth[-1] - 1) if len(returns) else math.nan,
        "excess_return": math.nan if held is None else held.excess_return,
        "volatility": volatility(returns, periods),
        "cagr": cagr(returns, years),
        "max_drawdown_days": max_drawdown(wealth) if len(returns) else math.nan,
        **ratios(excess, years=years, periods_per_year=periods),
    }
