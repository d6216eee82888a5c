"""The headline numbers derived again, with formulas of the audit's own.

A metric is one entry of ``FORMULAS``: its name in ``metrics.json``, and its value from the tables
that the other checks have derived. A number without a formula is a finding, and so is a formula
without a number.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, pairwise

from data_feeds.calendar import ALWAYS_OPEN
from data_feeds.clock import DAY_NS
from engine.audit.audited_run import AuditedRun
from engine.audit.daily import DayParts, day_parts, start_value
from engine.audit.findings import FindingRecorder
from engine.equity_curve import EquityCurve
from engine.records import Trade

METRICS = "metrics"
NAN = math.nan
DAYS_A_YEAR, SESSIONS_A_YEAR = 365, 252
# A spread below this share of the returns' size is rounding of equal returns.
NO_SPREAD = 1e-6
# NaN: ratios of an excess that moves less than this a year, and growth over fewer days.
LEAST_SPREAD, LEAST_DAYS = 0.001, 30
# Allowed for rounding of thousands of products and roots; the numbers may have any size.
RELATIVE, ABSOLUTE = 1e-8, 1e-11


@dataclass(frozen=True)
class MeasuredRun:
    """The inputs of the headline numbers of a run or of an account.

    Attributes
    ----------
    start_equity : value of the cash before the first bar, account currency
    start, end : the window traded, ns UTC
    curve : equity at bar closes
    trades : rows of the table of trades
    traded : notional of each execution, account currency
    periods : daily returns in a year
    parts : the parts of each day's change of equity, by days since the epoch
    """

    start_equity: float
    start: int
    end: int
    curve: EquityCurve
    trades: Sequence[Trade]
    traded: Sequence[float]
    periods: int
    parts: Mapping[int, DayParts]

    @cached_property
    def points(self) -> list[tuple[int, float, float]]:
        """Instant, equity and gross notional of the closes inside the window."""
        rows = zip(
            self.curve.at.tolist(),
            self.curve.equity.tolist(),
            self.curve.gross_notional.tolist(),
            strict=True,
        )
        return [row for row in rows if row[0] > self.start]

    @cached_property
    def day_ends(self) -> dict[int, float]:
        """The last equity of each UTC day (days since the epoch); midnight ends the day before."""
        return {(at - 1) // DAY_NS: equity for at, equity, _ in self.points}

    @cached_property
    def returns(self) -> list[float]:
        """Simple return of each day that has a close; an account at zero returns nothing."""
        pairs = pairwise(self.path)
        return [after / before - 1 if before != 0 else 0.0 for before, after in pairs]

    @cached_property
    def path(self) -> list[float]:
        """Equity before the first day and after each."""
        return [self.start_equity, *self.day_ends.values()]

    @cached_property
    def excess(self) -> list[float]:
        """The return of each day in excess of the bill, of the equity before the day."""
        gained = zip(self.path, self.day_ends, strict=False)
        return [self.parts[day].over_bill / e if e != 0 else 0.0 for e, day in gained]

    def share(self, amounts: Callable[[DayParts], Sequence[float]]) -> float:
        """Return amounts of all days over the equity at the start."""
        flat = [amount for part in self.parts.values() for amount in amounts(part)]
        return _over(math.fsum(flat), self.start_equity)

    @cached_property
    def wealth(self) -> list[float]:
        """The worth of one unit of cash before the first day and after each."""
        return list(accumulate(self.returns, lambda held, gain: held * (1 + gain), initial=1.0))

    @property
    def years(self) -> float:
        """Elapsed days of the window over 365."""
        return (self.end - self.start) / DAY_NS / DAYS_A_YEAR

    def total(self, column: str) -> float:
        """Return the sum of a column of the trades, quote."""
        return math.fsum(getattr(row, column) for row in self.trades)


def check_metrics(
    found: Mapping[str, float], measured: MeasuredRun, recorder: FindingRecorder
) -> None:
    """Check that each headline number is the tables' number and has a formula."""
    for name in FORMULAS.keys() | found.keys():
        line = recorder.line(METRICS, name)
        if name not in FORMULAS:
            line.equal("has a formula in the audit", True, False)
        elif name not in found:
            line.equal("is written", True, False)
        else:
            expected = FORMULAS[name](measured)
            size = 0.0 if math.isnan(expected) else abs(expected)
            line.near(f"{name} again", expected, found[name], ABSOLUTE + RELATIVE * size)
    recorder.count("headline numbers", len(found))


def measured_runs(runs: Sequence[AuditedRun], curve: EquityCurve) -> MeasuredRun:
    """Return the inputs of the numbers of one run, or of the sleeves of an account.

    ``curve`` is the run's own, or the sum of the sleeves'.
    """
    first = runs[0].files
    return MeasuredRun(
        start_equity=sum(start_value(run) for run in runs),
        start=first.start,
        end=first.end,
        curve=curve,
        trades=[row for run in runs for row in run.files.trades],
        traded=[notional for run in runs for notional in traded_notionals(run)],
        periods=max(_periods(run) for run in runs),
        parts=day_parts(runs, curve),
    )


def traded_notionals(run: AuditedRun) -> list[float]:
    """Return the notional of each execution at the rate of its instant."""
    return [
        run.markets[fill.instrument].rules.value(fill.quantity, fill.price)
        * run.values.of_instrument(run.markets[fill.instrument].instrument, fill.at)
        for fill in run.files.fills
        if fill.instrument in run.markets
    ]


def _periods(run: AuditedRun) -> int:
    """Return the daily returns in a year: as configured, else by what is traded."""
    configured = run.files.config.report.periods_per_year
    if configured is not None:
        return configured
    markets = (run.markets[name] for name in run.files.traded if name in run.markets)
    around_the_clock = any(market.instrument.calendar == ALWAYS_OPEN for market in markets)
    return DAYS_A_YEAR if around_the_clock else SESSIONS_A_YEAR


def _end_equity(of: MeasuredRun) -> float:
    return of.points[-1][1] if of.points else of.start_equity


def _growth(end: float, of: MeasuredRun) -> float:
    if not of.returns or not end > 0 or of.years * DAYS_A_YEAR < LEAST_DAYS - 1e-6:
        return NAN
    # A few lucky hours over a whole year are no number.
    return end ** (1 / of.years) - 1 if math.log(end) / of.years < 700 else NAN


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values) if values else NAN


def _spread(values: Sequence[float]) -> float:
    """Return the sample standard deviation, NaN for fewer than two values."""
    if len(values) < 2:
        return NAN
    middle = _mean(values)
    # Unlike a sum of squares, a length neither vanishes nor overflows.
    return math.hypot(*(x - middle for x in values)) / math.sqrt(len(values) - 1)


def _size(values: Sequence[float]) -> float:
    return math.hypot(*values) / math.sqrt(len(values)) if values else NAN


def _moves(of: MeasuredRun) -> bool:
    """Return whether the excess moves enough for a ratio."""
    return _spread(of.excess) * math.sqrt(of.periods) >= LEAST_SPREAD


def _sharpe(of: MeasuredRun) -> float:
    if not _moves(of) or not _spread(of.excess) > NO_SPREAD * _size(of.excess):
        return NAN
    return _mean(of.excess) / _spread(of.excess) * math.sqrt(of.periods)


def _sortino(of: MeasuredRun) -> float:
    if math.isnan(_sharpe(of)):
        return NAN
    loss = _size([min(x, 0.0) for x in of.excess])
    if not loss > NO_SPREAD * _size(of.excess):
        return NAN
    return _mean(of.excess) / loss * math.sqrt(of.periods)


def _calmar(of: MeasuredRun) -> float:
    worth = list(accumulate(of.excess, lambda held, gain: held * (1 + gain), initial=1.0))
    if not _moves(of) or not -_deepest(worth) > NO_SPREAD * _size(of.excess):
        return NAN
    return _growth(worth[-1], of) / -_deepest(worth)


def _deepest(path: Sequence[float]) -> float:
    """Return the lowest value over the highest one before it, less 1; zero or negative."""
    peaks = accumulate(path, max)
    return min((min(x / peak - 1, 0.0) for x, peak in zip(path, peaks, strict=True)), default=NAN)


def _longest_below_peak(of: MeasuredRun) -> float:
    """Return the most days from a peak to its recovery, or to the end; the start is a peak."""
    if not of.returns:
        return NAN
    days = list(of.day_ends)
    peak, peak_day, longest, below = 1.0, days[0] - 1, 0, False
    for day, held in zip(days, of.wealth[1:], strict=True):
        if held < peak:
            longest, below = max(longest, day - peak_day), True
            continue
        longest = max(longest, day - peak_day) if below else longest
        peak, peak_day, below = held, day, False
    return float(longest)


def _over(amount: float, base: float) -> float:
    return amount / base if base > 0 else NAN


def _turnover(of: MeasuredRun) -> float:
    if not of.points or of.years == 0:
        return NAN
    return _over(math.fsum(of.traded), _mean([equity for _, equity, _ in of.points])) / of.years


def _share(flags: Sequence[bool]) -> float:
    return sum(flags) / len(flags) if flags else NAN


def _multiples(of: MeasuredRun) -> list[float]:
    return [row.r_multiple for row in of.trades if not math.isnan(row.r_multiple)]


def _profit_factor(of: MeasuredRun) -> float:
    nets = [row.net_pnl for row in of.trades]
    return _over(math.fsum(max(x, 0.0) for x in nets), -math.fsum(min(x, 0.0) for x in nets))


FORMULAS: Mapping[str, Callable[[MeasuredRun], float]] = {
    "start_equity": lambda of: of.start_equity,
    "end_equity": _end_equity,
    "total_return": lambda of: _over(_end_equity(of), of.start_equity) - 1,
    "cagr": lambda of: _growth(of.wealth[-1], of),
    "volatility": lambda of: _spread(of.returns) * math.sqrt(of.periods),
    "excess_return": lambda of: of.share(lambda day: [day.over_bill]),
    "trading_return": lambda of: of.share(lambda day: day.trading),
    "interest_less_bill": lambda of: of.share(lambda d: [*d.interest, *(-x for x in d.bill)]),
    "revaluation_return": lambda of: of.share(lambda day: day.revaluation),
    "interest_return": lambda of: of.share(lambda day: day.interest),
    "bill_return": lambda of: of.share(lambda day: day.bill),
    "excess_volatility": lambda of: _spread(of.excess) * math.sqrt(of.periods),
    "sharpe": _sharpe,
    "sortino": _sortino,
    "max_drawdown_bars": lambda of: _deepest([of.start_equity, *(row[1] for row in of.points)]),
    "max_drawdown_days": lambda of: _deepest(of.wealth),
    "drawdown_days": _longest_below_peak,
    "calmar": _calmar,
    "best_day": lambda of: max(of.returns, default=NAN),
    "worst_day": lambda of: min(of.returns, default=NAN),
    "days": lambda of: float(len(of.returns)),
    "exposure": lambda of: _share([notional > 0 for _, _, notional in of.points]),
    "turnover": _turnover,
    "trades": lambda of: float(len(of.trades)),
    "liquidations": lambda of: float(sum(row.liquidated for row in of.trades)),
    "hit_rate": lambda of: _share([row.net_pnl > 0 for row in of.trades]),
    "profit_factor": _profit_factor,
    "average_r": lambda of: _mean(_multiples(of)),
    "expectancy": lambda of: _mean([row.net_pnl for row in of.trades]),
    "net_pnl": lambda of: of.total("net_pnl"),
    "fees": lambda of: of.total("fees"),
    "funding": lambda of: of.total("funding"),
    "slippage": lambda of: of.total("slippage_cost"),
}
