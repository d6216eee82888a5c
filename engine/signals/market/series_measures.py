"""Measures of a series: its level, moves, speed and highs, from session to session, on days."""

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import product

import numpy as np

from engine.config.market.declaration import (
    Measure,
    SeriesFromHigh,
    SeriesLevel,
    SeriesMove,
    SeriesSinceHigh,
    SeriesSpeed,
)
from engine.signals.market.grid import Floats
from engine.signals.market.point_in_time import MarketInputs
from engine.signals.market.readings import PreferredSources, Reading, oldest
from engine.signals.market.rolling import (
    change,
    highest,
    ratio,
    rows_since_extreme,
    slope,
    usual_change,
)

POLICY_PATH = "policy_path"


@dataclass(frozen=True)
class SeriesMeasures:
    """Computes the measures of series that declarations name."""

    inputs: MarketInputs
    _read: dict[str, PreferredSources] = field(default_factory=dict)

    def quantity(self, name: str) -> PreferredSources:
        """Return a series by its field of ``inputs``, or the policy path."""
        if name not in self._read:
            if name == POLICY_PATH:
                self._read[name] = self._policy_path()
            else:
                self._read[name] = self.inputs.series(getattr(self.inputs.config.inputs, name))
        return self._read[name]

    def reading(self, measure: Measure) -> Reading:
        """Return the reading of a measure of a series, one number a day."""
        match measure:
            case SeriesLevel(series=name):
                return self.quantity(name).reading
            case SeriesMove(series=name, sessions=sessions, is_fraction=relative):
                return self.move(name, sessions, relative=relative)
            case SeriesSpeed(series=name):
                return self.speed(name, measure.change, measure.history)
            case SeriesFromHigh(series=name, sessions=sessions):
                return self._on_sessions(name, lambda level: level / highest(level, sessions))
            case SeriesSinceHigh(series=name, extreme=window):
                return self._on_sessions(
                    name, lambda level: rows_since_extreme(level, window, top=True)
                )
        raise TypeError(f"{measure} is no measure of a series")

    def move(self, name: str, sessions: int, *, relative: bool = False) -> Reading:
        """Return the change over some sessions: a fraction, or in the series' unit."""
        return self._on_sessions(name, lambda level: change(level, sessions, relative=relative))

    def speed(self, name: str, sessions: int, history: int, *, relative: bool = False) -> Reading:
        """Return a change over the usual size of such changes in the history before."""

        def measure(level: Floats) -> Floats:
            moved = change(level, sessions, relative=relative)
            return ratio(moved, usual_change(moved, history, least=history // 2))

        return self._on_sessions(name, measure)

    def is_quiet(self, measure: SeriesSinceHigh, sessions: float) -> Reading:
        """Return 1 where the last high is some sessions old and the slope is not up, else 0."""

        def quiet(level: Floats) -> Floats:
            since = rows_since_extreme(level, measure.extreme, top=True)
            holds = (since >= sessions) & (slope(level, measure.slope) <= 0)
            # Known where the sessions since the high are known, so that both come from one source.
            return np.where(np.isfinite(since), holds, np.nan)

        return self._on_sessions(measure.series, quiet)

    def _on_sessions(self, name: str, measure: Callable[[Floats], Floats]) -> Reading:
        """Return a measure of the values at the sessions, on days."""
        grid = self.inputs.grid
        return self.quantity(name).measured(lambda v: grid.on_days(measure(v[grid.sessions])))

    def _policy_path(self) -> PreferredSources:
        """Return the 2-year yield less the policy rate, points: the path that the market prices."""
        pairs = product(self.quantity("two_year").readings, self.quantity("policy_rate").readings)
        return PreferredSources(
            tuple(
                Reading(
                    two_year.value - policy.value,
                    oldest(two_year.age_ns, policy.age_ns),
                    (*two_year.inputs, *policy.inputs),
                )
                for two_year, policy in pairs
            )
        )
