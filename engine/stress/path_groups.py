"""The paths of a stress by what happened on them: traded or never, liquidated, halted."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from engine.formatting import percent, signed_percent
from engine.stress.measure import StressSummary
from engine.stress.path import PathRow

WORST = 5


@dataclass(frozen=True)
class PathGroups:
    """The rows of a stress, split by what happened on a path; each group in order of paths."""

    rows: tuple[PathRow, ...]

    @property
    def traded(self) -> tuple[PathRow, ...]:
        """Return the paths with a trade."""
        return tuple(row for row in self.rows if row.trades)

    @property
    def idle(self) -> tuple[PathRow, ...]:
        """Return the paths that never traded."""
        return tuple(row for row in self.rows if not row.trades)

    @property
    def liquidated(self) -> tuple[PathRow, ...]:
        """Return the paths with a liquidation."""
        return tuple(row for row in self.rows if row.liquidations)

    @property
    def halted(self) -> tuple[PathRow, ...]:
        """Return the paths on which the drawdown halt tripped."""
        return tuple(row for row in self.rows if row.halts)

    def worst(self, count: int = WORST) -> tuple[PathRow, ...]:
        """Return the paths of the lowest returns, the lowest first; ties by number."""
        return tuple(sorted(self.rows, key=lambda row: (row.total_return, row.path))[:count])


def stress_conclusions(groups: PathGroups, summary: StressSummary, scenario: str) -> list[str]:
    """Return the conclusions of a stress, five sentences."""
    return [
        _spread(groups, scenario),
        _idle(groups),
        _ruined(groups, summary),
        _worst(groups, summary),
        "The paths are invented: these shares hold inside the scenario, which has no probability. "
        "No forecast follows, and more paths do not make the scenario truer.",
    ]


def _spread(groups: PathGroups, scenario: str) -> str:
    returns = [row.total_return for row in groups.rows]
    low, middle, high = np.quantile(returns, (0.05, 0.5, 0.95)).tolist()
    lost = sum(value < 0 for value in returns)
    return (
        f"Under scenario {scenario} the median path returned {signed_percent(middle)}; nine of ten "
        f"lie between {signed_percent(low)} and {signed_percent(high)}. "
        f"{_of(lost, groups.rows)} lost money."
    )


def _idle(groups: PathGroups) -> str:
    idle, traded = groups.idle, groups.traded
    if not idle:
        return f"Every one of the {len(groups.rows)} paths had a trade."
    told = f"{_of(len(idle), groups.rows)} never traded"
    if not traded:
        return f"{told}: the result says nothing about the rules."
    return (
        f"{told} and earned {signed_percent(_median(idle))} in the median; the median of the "
        f"{_paths(len(traded))} with a trade is {signed_percent(_median(traded))}."
    )


def _ruined(groups: PathGroups, summary: StressSummary) -> str:
    deep = sum(-row.max_drawdown >= summary.tolerance for row in groups.rows)
    return (
        f"{_of(len(groups.liquidated), groups.rows)} had a liquidation, "
        f"{len(groups.halted)} a drawdown halt, and {deep} a drawdown of "
        f"{100 * summary.tolerance:g}% or more."
    )


def _worst(groups: PathGroups, summary: StressSummary) -> str:
    (lowest,) = groups.worst(1)
    deepest = min(groups.rows, key=lambda row: (row.max_drawdown, row.path))
    return (
        f"The lowest return is {signed_percent(lowest.total_return)} (path {lowest.path}), the "
        f"deepest drawdown {percent(deepest.max_drawdown)} (path {deepest.path}); at "
        f"{percent(summary.level, 0)} confidence at most {percent(summary.worse_at_most, 1)} of "
        "the scenario's paths lie below either."
    )


def _of(count: int, rows: Sequence[PathRow]) -> str:
    """Return a count of paths with its share.

    >>> _of(1, [0] * 4)
    '1 of 4 paths (25%)'
    """
    return f"{count} of {_paths(len(rows))} ({percent(count / len(rows), 0)})"


def _paths(count: int) -> str:
    return f"{count:,} path{'' if count == 1 else 's'}"


def _median(rows: Sequence[PathRow]) -> float:
    return float(np.median([row.total_return for row in rows]))
