"""The paths of a stress with a trade and without one, and what their results say."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from engine.formatting import counted_noun, percent, percent_share, signed_percent
from engine.stress.measure import StressSummary, events
from engine.stress.path import PathRow

WORST = 5


@dataclass(frozen=True)
class PathGroups:
    """The rows of a stress, with and without a trade; each group in order of paths."""

    rows: tuple[PathRow, ...]

    @property
    def traded(self) -> tuple[PathRow, ...]:
        """Return the paths with a trade."""
        return tuple(row for row in self.rows if row.trades)

    @property
    def idle(self) -> tuple[PathRow, ...]:
        """Return the paths that never traded."""
        return tuple(row for row in self.rows if not row.trades)

    def worst(self, count: int = WORST) -> tuple[PathRow, ...]:
        """Return the paths of the lowest returns, the lowest first; ties by number."""
        return tuple(sorted(self.rows, key=lambda row: (row.total_return, row.path))[:count])


def stress_conclusions(groups: PathGroups, summary: StressSummary, scenario: str) -> list[str]:
    """Return the conclusions of a stress, five sentences."""
    counts = {name: sum(hit) for name, hit in events(groups.rows, summary.tolerance).items()}
    return [
        _spread(groups, summary, scenario, counts["loss"]),
        _idle(groups),
        f"{_of(counts['liquidation'], groups.rows)} had a liquidation, {counts['halt']} a drawdown "
        f"halt, and {counts['breach']} a drawdown of {100 * summary.tolerance:g}% or more.",
        _worst(groups, summary),
        "The paths are invented: these shares hold inside the scenario, which has no probability. "
        "No forecast follows, and more paths do not make the scenario truer.",
    ]


def _spread(groups: PathGroups, summary: StressSummary, scenario: str, lost: int) -> str:
    quantiles = summary.total_return.quantiles
    low, middle, high = (quantiles[share].estimate for share in (0.05, 0.5, 0.95))
    if len(groups.rows) == 1:
        return f"Under scenario {scenario} the only path returned {signed_percent(middle)}."
    returns = {signed_percent(row.total_return) for row in groups.rows}
    if len(returns) == 1:
        return (
            f"Under scenario {scenario} each of the {len(groups.rows):,} paths returned "
            f"{signed_percent(middle)}."
        )
    # Counted: of few paths the middle nine tenths are no nine of ten.
    inside = sum(low <= row.total_return <= high for row in groups.rows)
    return (
        f"Under scenario {scenario} the median path returned {signed_percent(middle)}; "
        f"{_of(inside, groups.rows)} ended between {signed_percent(low)} and "
        f"{signed_percent(high)}, the quantiles of 5% and 95%. {_of(lost, groups.rows)} lost money."
    )


def _idle(groups: PathGroups) -> str:
    idle, traded = groups.idle, groups.traded
    if not idle:
        count = len(groups.rows)
        return f"{'The only path' if count == 1 else f'Each of the {count:,} paths'} had a trade."
    told = f"{_of(len(idle), groups.rows)} never traded"
    if not traded:
        return f"{told}: the result says nothing about the rules."
    return (
        f"{told} and earned {signed_percent(_median(idle))} in the median; the median of the "
        f"{counted_noun(len(traded), 'path')} with a trade is {signed_percent(_median(traded))}."
    )


def _worst(groups: PathGroups, summary: StressSummary) -> str:
    (lowest,) = groups.worst(1)
    deepest = min(groups.rows, key=lambda row: (row.max_drawdown, row.path))
    return (
        f"The lowest return is {signed_percent(lowest.total_return)} (path {lowest.path}), the "
        f"deepest drawdown {percent(deepest.max_drawdown)} (path {deepest.path}); at "
        f"{percent(summary.level, 0)} confidence at most {percent_share(summary.worse_at_most, 1)} "
        "of the scenario's paths lie below each of them."
    )


def _of(count: int, rows: Sequence[PathRow]) -> str:
    """Return a count of paths with its share.

    >>> _of(1, [0] * 4), _of(1, [0] * 1_000), _of(999, [0] * 1_000)
    ('1 of 4 paths (25%)', '1 of 1,000 paths (<1%)', '999 of 1,000 paths (>99%)')
    """
    return f"{count:,} of {counted_noun(len(rows), 'path')} ({percent_share(count / len(rows))})"


def _median(rows: Sequence[PathRow]) -> float:
    return float(np.median([row.total_return for row in rows]))
