"""How much of a result is luck: intervals, tests of a whole search, and when to say nothing.

Pure functions on arrays. A number that cannot be had is a :class:`Missing` with its reason, never
NaN; input that is no sample of returns (NaN, a wrong shape, an impossible setting) raises
:class:`~engine.errors.ReportError`.
"""

from engine.statistics.gates import MIN_DAYS, MIN_TRADES, enough
from engine.statistics.measures import Measure, daily_measures
from engine.statistics.samples import Missing
from engine.statistics.sharpe import (
    Moments,
    deflated_sharpe,
    expected_maximum_sharpe,
    minimum_track_record,
    moments,
    probabilistic_sharpe,
)

__all__ = [
    "MIN_DAYS",
    "MIN_TRADES",
    "Measure",
    "Missing",
    "Moments",
    "daily_measures",
    "deflated_sharpe",
    "enough",
    "expected_maximum_sharpe",
    "minimum_track_record",
    "moments",
    "probabilistic_sharpe",
]
