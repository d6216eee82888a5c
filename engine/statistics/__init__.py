"""Statistics of results: intervals, tests of a whole search, and minimum sample sizes.

Pure functions on arrays. A number that does not exist is a :class:`Missing` with its reason, never
NaN; input that is no sample of returns (NaN, a wrong shape, an impossible setting) raises
:class:`~engine.errors.ReportError`.
"""

from engine.statistics.bootstrap import (
    Interval,
    block_days,
    difference_intervals,
    intervals,
    mean_interval,
    proportion_interval,
    quantile_interval,
    share_interval,
)
from engine.statistics.event_study import (
    MIN_CLUSTERS,
    Elapsed,
    Paths,
    Reaction,
    Sampling,
    Series,
    Sessions,
    clusters,
    event_paths,
    reaction,
    too_few,
)
from engine.statistics.measures import Measure, daily_measures
from engine.statistics.overfitting import Overfitting, backtest_overfitting
from engine.statistics.path_summary import PathSummary, path_summary, segments
from engine.statistics.placebo import (
    MIN_FREE,
    Candidates,
    Draws,
    Placebo,
    placebo_means,
    placebo_rows,
    placebo_test,
)
from engine.statistics.power import detectable
from engine.statistics.sample_size import MIN_DAYS, MIN_TRADES, enough, too_still
from engine.statistics.samples import Missing
from engine.statistics.sharpe import (
    Moments,
    deflated_sharpe,
    expected_maximum_sharpe,
    minimum_track_record,
    moments,
    probabilistic_sharpe,
    sharpe_interval,
)
from engine.statistics.sign_flips import (
    EXACT_CLUSTERS,
    LEAST_CLUSTERS,
    ClusterEffect,
    cluster_effect,
)
from engine.statistics.superior import Superiority, superior_ability

__all__ = [
    "EXACT_CLUSTERS",
    "LEAST_CLUSTERS",
    "MIN_CLUSTERS",
    "MIN_DAYS",
    "MIN_FREE",
    "MIN_TRADES",
    "Candidates",
    "ClusterEffect",
    "Draws",
    "Elapsed",
    "Interval",
    "Measure",
    "Missing",
    "Moments",
    "Overfitting",
    "PathSummary",
    "Paths",
    "Placebo",
    "Reaction",
    "Sampling",
    "Series",
    "Sessions",
    "Superiority",
    "backtest_overfitting",
    "block_days",
    "cluster_effect",
    "clusters",
    "daily_measures",
    "deflated_sharpe",
    "detectable",
    "difference_intervals",
    "enough",
    "event_paths",
    "expected_maximum_sharpe",
    "intervals",
    "mean_interval",
    "minimum_track_record",
    "moments",
    "path_summary",
    "placebo_means",
    "placebo_rows",
    "placebo_test",
    "probabilistic_sharpe",
    "proportion_interval",
    "quantile_interval",
    "reaction",
    "segments",
    "share_interval",
    "sharpe_interval",
    "superior_ability",
    "too_few",
    "too_still",
]
