"""Make the observations of a term's rows: instants, common instants, windows, vintages."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.api import DAY_NS, Channel, ChannelKind, Dataset, utc_days
from strategies.rules.functions.function import RowTimes, RowWindow
from strategies.rules.functions.registry import FUNCTIONS
from strategies.rules.lengths import WindowLength, step_of
from strategies.rules.names import Names
from strategies.rules.sources import CLOCK, Rows, RowSource

Instants = NDArray[np.int64]
Places = NDArray[np.int64]

# A window of time may lack a twentieth of its bars.
_LEAST_SHARE = 0.95
# Newest row that everything knows: no limit.
NO_LIMIT = np.iinfo(np.int64).max
# Published sets without a calendar of their own follow New York's sessions.
_NEW_YORK_SESSIONS = "XNYS"


@dataclass(frozen=True, eq=False)
class Observations:
    """The observations of some rows, one a fact, in order of their facts.

    Attributes
    ----------
    fact_at : instant of the fact: a close, an event; of common instants the latest part's
    known_at : instant from which it is known, with all its parts
    places : of each source, the rows in its channel (or in the state)
    step_ns : length of the bars, 0 where the rows are no bars
    """

    fact_at: Instants
    known_at: Instants
    places: Mapping[RowSource, Places]
    step_ns: int

    def __len__(self) -> int:
        return len(self.fact_at)

    def window(self, length: WindowLength, max_age_ns: int) -> RowWindow:
        """Return the window of a length that ends at each row, the row included.

        A window of time holds the rows with a fact in ``(t - length, t]``. It is full if the rows
        reach back to its start and, of bars, at most a twentieth is missing. The row before it is
        stale if it is older than ``max_age_ns`` at the window's start.
        """
        if length.rows:
            return RowWindow.of_rows(len(self), length.rows)
        start = self.fact_at - length.ns
        first = _first_after(self.fact_at, start, length.ns, self.step_ns)
        if len(self) == 0:
            return RowWindow(first, np.zeros(0, dtype=np.bool_))
        full = self.fact_at[0] - self.step_ns <= start
        if self.step_ns:
            held = np.arange(1, len(self) + 1, dtype=np.int64) - first
            full &= held * self.step_ns >= _LEAST_SHARE * length.ns
        stale = start - self.fact_at[np.maximum(first - 1, 0)] > max_age_ns
        return RowWindow(first, full, stale)


@dataclass(frozen=True)
class RowJoin:
    """Tell the observation of some rows that counts at each decision row.

    ``found`` is -1 where none is known; ``fresh`` false there and where a part is too old.
    """

    found: Instants
    fresh: NDArray[np.bool_]
    age_ns: Instants
    all_fresh: bool
    is_identity: bool


def _first_after(fact_at: Instants, start: Instants, ns: int, step: int) -> Places:
    """Return the first row whose fact is later than each ``start``."""
    if not step:
        return np.searchsorted(fact_at, start, side="right").astype(np.int64)
    # Rows on a whole grid need no search.
    rows = np.arange(len(fact_at), dtype=np.int64)
    guess = np.maximum(rows - max(ns // step - 1, 0), 0)
    right = fact_at[guess] > start
    right &= (guess == 0) | (fact_at[np.maximum(guess - 1, 0)] <= start)
    wrong = np.flatnonzero(~right)
    if len(wrong):
        guess[wrong] = np.searchsorted(fact_at, start[wrong], side="right")
    return guess


def fact_column(channel: Channel) -> Instants:
    """Return the instant of each row's fact: the close of a bar, else ``event_at``."""
    found: Instants = channel["closed_at" if "closed_at" in channel.columns else "event_at"]
    return found


def is_ordered(channel: Channel) -> bool:
    """Return whether every fact has one row, and no fact becomes known before an earlier one.

    The answer chooses between two computations with equal results.
    """
    fact, known = fact_column(channel), channel["available_at"]
    return is_rising(fact) and bool(np.all(known[1:] >= known[:-1]))


def is_rising(instants: Instants) -> bool:
    """Return whether each instant is later than the one before."""
    return bool(np.all(instants[1:] > instants[:-1]))


def taken(values: Instants, places: Places) -> Instants:
    """Return the values at places that rise; all of them without a copy."""
    return values if len(places) == len(values) else values[places]


class Known:
    """Hold the facts known at one instant, each in its newest vintage.

    Parameters
    ----------
    state_times : returns dates and instants of the market state's rows
    clock : observations of the decision rows
    limit : the instant; rows that become known later are left out
    """

    def __init__(
        self,
        data: Dataset,
        names: Names,
        clock: Observations,
        state_times: Callable[[], tuple[NDArray[np.datetime64], Instants]],
        limit: int = NO_LIMIT,
    ) -> None:
        self.data, self.names, self.limit = data, names, limit
        self._clock, self._state_times = clock, state_times
        self._found: dict[Rows, Observations] = {CLOCK: clock}
        self._windows: dict[tuple[Rows, WindowLength], RowWindow] = {}

    def observations(self, rows: Rows) -> Observations:
        """Return the observations of some rows."""
        if rows not in self._found:
            make = self._of_source if len(rows) == 1 else self._common
            self._found[rows] = make(rows)
        return self._found[rows]

    def window(self, rows: Rows, length: WindowLength) -> RowWindow:
        """Return the windows of a length over some rows."""
        if (rows, length) not in self._windows:
            clock = self.names.clock_source
            sources = [clock if source.kind == "clock" else source for source in rows]
            age = max(self.names.max_age_ns(source) for source in sources)
            self._windows[rows, length] = self.observations(rows).window(length, age)
        return self._windows[rows, length]

    def places_in(self, part: Rows, whole: Rows) -> Places:
        """Return the observation of ``part`` at each observation of ``whole``; -1 where none is.

        Two daily sources meet by date, but by instant beside an intraday one. So the whole may join
        rows that the part does not.
        """
        inner, outer = self.observations(part), self.observations(whole)
        if len(inner) == 0:
            return np.full(len(outer), -1, dtype=np.int64)
        pairs = [(inner.places[source], outer.places[_same(source, whole)]) for source in part]
        own, wanted = pairs[0]
        found = np.minimum(np.searchsorted(own, wanted), len(own) - 1)
        for own, wanted in pairs:
            found = np.where(own[found] == wanted, found, -1)
        return found

    # One source --------------------------------------------------------------------------------

    def _of_source(self, rows: Rows) -> Observations:
        (source,) = rows
        if source.month_ends:
            return self._month_ends(source)
        step = step_of(rows, self.names)
        if source.kind == "state":
            _, decided_at = self._state_times()
            places = np.arange(len(decided_at), dtype=np.int64)
            return Observations(decided_at, decided_at, {source: places}, step)
        channel = None if source.key is None else self.data.channels.get(source.key)
        if channel is None:
            nothing = np.empty(0, dtype=np.int64)
            return Observations(nothing, nothing, {source: nothing}, step)
        places = self._newest(channel)
        return Observations(
            taken(fact_column(channel), places),
            taken(channel["available_at"], places),
            {source: places},
            step,
        )

    def _newest(self, channel: Channel) -> Places:
        """Return the newest known vintage of each fact."""
        if self.limit == NO_LIMIT:
            return np.arange(len(channel), dtype=np.int64)
        places = np.flatnonzero(channel["available_at"] <= self.limit)
        fact = fact_column(channel)[places]
        last = np.append(fact[1:] != fact[:-1], True)[: len(places)]
        newest: Places = places[last]
        return newest

    def _month_ends(self, source: RowSource) -> Observations:
        whole = RowSource(source.kind, source.key, source.by_session)
        found = self.observations((whole,))
        selects = FUNCTIONS["month_end"].selects
        assert selects is not None
        dates, calendar = self._dates(whole, found), self.calendar(whole)
        times = RowTimes(found.fact_at, dates, calendar, _share_dates(source, found.fact_at))
        kept = np.flatnonzero(selects(times))
        places = {source: found.places[whole][kept]}
        return Observations(found.fact_at[kept], found.known_at[kept], places, 0)

    def calendar(self, source: RowSource) -> str:
        """Return the calendar whose trading days a source's rows follow."""
        if source.key is None:
            return _NEW_YORK_SESSIONS
        calendar = self.names.calendar_of(source.key.instrument) or _NEW_YORK_SESSIONS
        # Records of published series say 24/7 where nobody looked up a calendar.
        return _NEW_YORK_SESSIONS if source.is_dated else calendar

    def _dates(self, source: RowSource, found: Observations) -> NDArray[np.datetime64]:
        """Return the date of each row; midnight ends a day, but begins the day of a series."""
        if source.kind == "state":
            dates: NDArray[np.datetime64] = self._state_times()[0][found.places[source]]
            return dates
        return utc_days(found.fact_at if source.is_dated else found.fact_at - 1)

    # Several sources ---------------------------------------------------------------------------

    def _common(self, rows: Rows) -> Observations:
        """Return the observations at which every source has one."""
        by_date = all(source.is_daily for source in rows)
        parts = [self.observations((source,)) for source in rows]
        keys = [
            self._match_keys(source, part) if by_date else part.fact_at
            for source, part in zip(rows, parts, strict=True)
        ]
        shared = keys[0]
        for other in keys[1:]:
            shared = shared[_held(other, shared)]
        chosen = [np.searchsorted(key, shared) for key in keys]
        fact = [part.fact_at[at] for part, at in zip(parts, chosen, strict=True)]
        known = [part.known_at[at] for part, at in zip(parts, chosen, strict=True)]
        places = {
            source: part.places[source][at]
            for source, part, at in zip(rows, parts, chosen, strict=True)
        }
        step = step_of(rows, self.names)
        return Observations(np.maximum.reduce(fact), np.maximum.reduce(known), places, step)

    def _match_keys(self, source: RowSource, found: Observations) -> Instants:
        """Return the midnight of the date of each bar or day; the instant of a series' value."""
        if source.is_bars or source.kind == "state":
            dates: Instants = self._dates(source, found).astype("datetime64[ns]").astype(np.int64)
            return dates
        return found.fact_at


def _share_dates(source: RowSource, fact_at: Instants) -> NDArray[np.bool_]:
    """Return whether the date of each row may have several rows.

    A series has no step: its rows share dates where the row before lies less than half a day back.
    """
    if source.key is None or source.key.kind is not ChannelKind.SERIES:
        return np.full(len(fact_at), not source.is_daily)
    shared = np.zeros(len(fact_at), dtype=np.bool_)
    shared[1:] = np.diff(fact_at) < DAY_NS // 2
    return shared


def _same(source: RowSource, rows: Rows) -> RowSource:
    """Return the source of some rows that reads the same channel."""
    return next(item for item in rows if (item.kind, item.key) == (source.kind, source.key))


def _held(keys: Instants, wanted: Instants) -> NDArray[np.bool_]:
    """Return whether each wanted key is among the sorted keys."""
    if len(keys) == 0:
        return np.zeros(len(wanted), dtype=np.bool_)
    at = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    held: NDArray[np.bool_] = keys[at] == wanted
    return held
