"""Evaluate terms over a dataset: each on its own rows, then joined onto the decision rows."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.api import Dataset
from strategies.rules import operations
from strategies.rules.columns import StateDays, channel_column, periods_of
from strategies.rules.functions.function import PriceBars, RowTimes
from strategies.rules.functions.registry import FUNCTIONS
from strategies.rules.lengths import WindowLength
from strategies.rules.names import Names
from strategies.rules.operations import Floats, Truths, Values
from strategies.rules.rows import (
    NO_LIMIT,
    Instants,
    Known,
    Observations,
    RowJoin,
    fact_column,
    is_ordered,
    is_rising,
    taken,
)
from strategies.rules.sources import CLOCK, Rows, RowSource
from strategies.rules.terms import Term

_DEFAULT_ZONES = {True: "America/New_York", False: "UTC"}


@dataclass(frozen=True)
class JoinedValues:
    """The numbers of a term at every decision row.

    ``values`` is NaN where unknown, an input older than its largest age included. ``age_ns`` is the
    age of the oldest input, -1 where one has not begun.
    """

    values: Floats
    age_ns: Instants


class Evaluator:
    """Evaluates the terms of one file; equal terms are computed once.

    Parameters
    ----------
    data : the channels; those that are not held have no observations
    names : of the file; calendars are read from the dataset's instruments
    decided_at : instants of the decision rows, one a bar of the clock, ns UTC
    """

    def __init__(self, data: Dataset, names: Names, decided_at: Instants) -> None:
        self.data = data
        self.names = names.with_records({**names.records, **data.instruments})
        self.decided_at = np.asarray(decided_at, dtype=np.int64)
        self.days = StateDays(data, self.names, self.decided_at)
        self._clock = self._clock_rows()
        self._known = self._known_at(NO_LIMIT)
        self._own: dict[Term, Any] = {}
        self._joined: dict[Term, Any] = {}
        self._joins: dict[Rows, RowJoin] = {}
        self._epochs: dict[Rows, list[int]] = {}
        self._ages: dict[frozenset[Rows], Instants] = {}

    # Results -----------------------------------------------------------------------------------

    def numbers(self, term: Term) -> JoinedValues:
        """Return a number at every decision row, with the age of its oldest input."""
        values = np.asarray(self.joined(term), dtype=np.float64)
        whole = np.broadcast_to(values, len(self.decided_at))
        return JoinedValues(whole, self.age_ns(term))

    def truths(self, term: Term) -> Truths:
        """Return a truth at every decision row, int8."""
        truth = np.asarray(self.joined(term), dtype=np.int8)
        return np.broadcast_to(truth, len(self.decided_at))

    def age_ns(self, term: Term) -> Instants:
        """Return the age of a term's oldest input at every decision row, -1 where one lacks."""
        joined = term.joined_rows
        if joined not in self._ages:
            ages = [self._join(rows).age_ns for rows in sorted(joined, key=str)]
            self._ages[joined] = reduce(_older, ages, np.zeros(len(self.decided_at), np.int64))
        return self._ages[joined]

    def remarks(self, terms: tuple[Term, ...]) -> tuple[str, ...]:
        """Return sentences about channels that never have an observation in common."""
        mixed = {item.rows for term in terms for item in term.parts() if len(item.rows) > 1}
        told = []
        for rows in sorted(mixed, key=str):
            parts = [len(self._known.observations((source,))) for source in rows]
            if all(parts) and not len(self._known.observations(rows)):
                names = " and ".join(str(source) for source in rows)
                told.append(f"{names} have no instant in common, so what compares them is unknown")
        return tuple(told)

    def joined(self, term: Term) -> Values:
        """Return a term at every decision row; of a constant its number."""
        if term.is_constant:
            return term.value
        if term not in self._joined:
            if term.rows == CLOCK:
                arguments = [self.joined(item) for item in term.arguments]
                self._joined[term] = self._computed(term, arguments, self._known)
            else:
                self._joined[term] = self._brought(term)
        found: Values = self._joined[term]
        return found

    # The join ----------------------------------------------------------------------------------

    def _brought(self, term: Term) -> Values:
        """Return a term of other rows as known at each decision row."""
        join, values = self._join(term.rows), self._events(term)
        if join.is_identity and join.all_fresh:
            return values
        return operations.taken(values, np.where(join.fresh, join.found, -1))

    def _events(self, term: Term) -> NDArray[Any]:
        """Return a term's value after each event at which its rows' knowledge changes."""
        epochs = self._epochs_of(term.rows)
        if not epochs:
            return self._on_rows(term, self._known, self._own)
        pieces = []
        for known, kept in self._each_epoch(term.rows, epochs):
            own: dict[Term, Any] = {}
            pieces.append(self._on_rows(term, known, own)[kept])
        return np.concatenate(pieces)

    def _join(self, rows: Rows) -> RowJoin:
        if rows not in self._joins:
            self._joins[rows] = self._joined_rows(rows)
        return self._joins[rows]

    def _joined_rows(self, rows: Rows) -> RowJoin:
        known_at, facts = self._event_times(rows)
        same = np.array_equal(known_at, self.decided_at) and is_rising(known_at)
        found = np.arange(len(known_at), dtype=np.int64)
        if not same:
            found = np.searchsorted(known_at, self.decided_at, side="right").astype(np.int64) - 1
        here = found >= 0
        age, fresh = np.zeros(len(found), dtype=np.int64), here
        # Common instants come as rarely as the rarest of their parts.
        limit = max(self.names.max_age_ns(source) for source in rows)
        for fact_at in facts.values():
            if len(fact_at) == 0:
                continue
            own = self.decided_at - (fact_at if same else fact_at[np.maximum(found, 0)])
            fresh = fresh & (own <= limit)
            np.maximum(age, own, out=age)
        age[~here] = -1
        return RowJoin(found, fresh, age, bool(fresh.all()), same)

    def _event_times(self, rows: Rows) -> tuple[Instants, dict[RowSource, Instants]]:
        """Return when each event becomes known, and the fact of each source then."""
        epochs = self._epochs_of(rows)
        if not epochs:
            found = self._known.observations(rows)
            return found.known_at, {source: self._facts(source, found) for source in rows}
        times: list[Instants] = []
        facts: dict[RowSource, list[Instants]] = {source: [] for source in rows}
        for (known, kept), begun_at in zip(self._each_epoch(rows, epochs), epochs, strict=True):
            found = known.observations(rows)
            times.append(np.maximum(found.known_at[kept], begun_at))
            for source in rows:
                facts[source].append(self._facts(source, found)[kept])
        return np.concatenate(times), {s: np.concatenate(pieces) for s, pieces in facts.items()}

    def _facts(self, source: RowSource, found: Observations) -> Instants:
        """Return the fact of one source at each observation."""
        places = found.places[source]
        if source.key is None:
            return self.days.times()[1][places]
        channel = self.data.channels.get(source.key)
        return found.fact_at if channel is None else taken(fact_column(channel), places)

    # Revisions ---------------------------------------------------------------------------------

    def _epochs_of(self, rows: Rows) -> list[int]:
        """Return the instants at which what is known changes other than by one more row.

        Between two of them the past stays as it is. Empty: it never changes, so that one
        computation over all rows gives each row's value as it was known.
        """
        if rows not in self._epochs:
            self._epochs[rows] = self._changes(rows)
        return self._epochs[rows]

    def _changes(self, rows: Rows) -> list[int]:
        channels = [self.data.channels.get(s.key) for s in rows if s.key is not None]
        held = [item for item in channels if item is not None and len(item)]
        unordered = [item for item in held if not is_ordered(item)]
        if not unordered:
            return []
        changes = [np.array([min(int(item["available_at"].min()) for item in held)])]
        for item in unordered:
            fact, known = fact_column(item), item["available_at"]
            order = np.lexsort((fact, known))
            fact, known = fact[order], known[order]
            latest = np.maximum.accumulate(fact)
            changes.append(known[1:][fact[1:] <= latest[:-1]])
        return sorted({int(at) for at in np.concatenate(changes)})

    def _each_epoch(
        self, rows: Rows, epochs: list[int]
    ) -> Iterator[tuple[Known, NDArray[np.int64]]]:
        """Yield what is known at the end of each epoch, and the observations that it adds.

        The first of them is the latest one when the epoch begins, as revised then.
        """
        for begun_at, next_at in zip(epochs, [*epochs[1:], NO_LIMIT], strict=True):
            known = self._known_at(next_at - 1)
            known_at = known.observations(rows).known_at
            before = np.flatnonzero(known_at <= begun_at)
            added = np.flatnonzero(known_at > begun_at)
            yield known, np.concatenate((before[-1:], added))

    def _known_at(self, limit: int) -> Known:
        return Known(self.data, self.names, self._clock, self.days.times, limit)

    # Values on rows ----------------------------------------------------------------------------

    def _on_rows(self, term: Term, known: Known, own: dict[Term, Any]) -> NDArray[Any]:
        """Return a term at each observation of its own rows."""
        if term not in own:
            arguments = [
                self._at_rows(item, term.rows, known, own)
                for item in term.arguments
                if item.operation != "bars"
            ]
            own[term] = self._computed(term, arguments, known)
        found: NDArray[Any] = own[term]
        return found

    def _at_rows(self, term: Term, rows: Rows, known: Known, own: dict[Term, Any]) -> Values:
        """Return a term at each observation of rows that hold its own."""
        if term.is_constant:
            return term.value
        values = self._on_rows(term, known, own)
        return (
            values
            if term.rows == rows
            else operations.taken(values, known.places_in(term.rows, rows))
        )

    def _computed(self, term: Term, arguments: list[Values], known: Known) -> NDArray[Any]:
        """Return the result of a term's operation on the values of its arguments."""
        rows, detail = len(known.observations(term.rows)), term.detail
        match term.operation:
            case "column":
                return self._column(term, known)
            case "call":
                return self._called(term, arguments, known)
            case "for" | "within":
                window = known.window(term.rows, _length(detail[0]))
                truth = np.asarray(arguments[0], dtype=np.int8)
                return operations.lasted(truth, window, whole=term.operation == "for")
            case "held" | "since_true":
                return self._lengths_so_far(term, arguments[0], known)
            case "crosses":
                return operations.crossed(str(detail[0]), arguments, rows)
            case _:
                return _of_one_row(term, arguments, rows)

    def _lengths_so_far(self, term: Term, truth: Values, known: Known) -> Floats:
        """Return how long a truth has held, or how long ago it last was true."""
        found, by_time = known.observations(term.rows), not _length(term.detail[0]).rows
        truths = _truth(truth, len(found))
        if term.operation == "since_true":
            return operations.since_true(truths, found.fact_at, by_time=by_time)
        return operations.held(truths, found.fact_at, step_ns=found.step_ns, by_time=by_time)

    def _column(self, term: Term, known: Known) -> NDArray[Any]:
        (source,) = term.rows
        if source.kind == "state":
            return self.days.column(term)
        return channel_column(self.data, self.names, term, known.observations(term.rows))

    def _called(self, term: Term, arguments: list[Values], known: Known) -> Floats:
        name, slots = term.detail
        assert isinstance(name, str)
        assert isinstance(slots, tuple)
        function = FUNCTIONS[name]
        given: list[Any] = [self._clock_times()] if function.reads_clock else []
        given += [self._argument(slot, term, arguments, known) for slot in slots]
        with np.errstate(all="ignore"):
            return function.compute(*given)

    def _argument(
        self, slot: tuple[str, Any], term: Term, arguments: list[Values], known: Known
    ) -> object:
        """Return one argument of a function from its slot."""
        kind, found = slot
        match kind:
            case "number" | "truth":
                dtype = np.float64 if kind == "number" else np.int8
                rows = len(known.observations(term.rows))
                given = np.asarray(arguments[found], dtype=dtype)
                # The same array again lets a window share what it computed of it.
                found = given if given.shape == (rows,) else np.broadcast_to(given, rows)
            case "bars":
                found = self._bars(term.arguments[found], term.rows, known)
            case "window":
                found = known.window(term.rows, _length(found))
            case "rows":
                found = _length(found).rows
            case "periods" if found is None:
                found = self._periods(term.rows, known)
            case "zone" if found is None:
                found = _DEFAULT_ZONES[self.names.clock_source.by_session]
        return found

    def _bars(self, term: Term, rows: Rows, known: Known) -> PriceBars:
        columns = (
            Term("column", (name,), (), term.rows, "number") for name in ("high", "low", "close")
        )
        return PriceBars(*(np.asarray(self._at_rows(c, rows, known, {})) for c in columns))

    def _periods(self, rows: Rows, known: Known) -> float:
        sources = [self.names.clock_source if s.kind == "clock" else s for s in rows]
        by_session = any(s.by_session or s.is_dated for s in sources)
        return periods_of(known.observations(rows).step_ns, by_session=by_session)

    # The clock ---------------------------------------------------------------------------------

    def _clock_rows(self) -> Observations:
        """Return the decision rows; the fact of each is the close of its bar."""
        source = self.names.clock_source
        assert source.key is not None
        bars = self.data.channels.get(source.key)
        if bars is None or len(bars) != len(self.decided_at):
            held = 0 if bars is None else len(bars)
            raise ValueError(
                f"{source.key}: {held} bars and {len(self.decided_at)} decisions; give one "
                "decision a bar of the clock"
            )
        places = {CLOCK[0]: np.arange(len(bars), dtype=np.int64)}
        return Observations(bars["closed_at"], self.decided_at, places, source.step_ns)

    def _clock_times(self) -> RowTimes:
        source = self.names.clock_source
        assert source.key is not None
        calendar = self._known.calendar(source)
        dates = (self._clock.fact_at - 1).astype("datetime64[ns]").astype("datetime64[D]")
        return RowTimes(self.decided_at, dates, calendar, not source.is_daily)


def _length(value: object) -> WindowLength:
    assert isinstance(value, WindowLength)
    return value


def _of_one_row(term: Term, arguments: list[Values], rows: int) -> NDArray[Any]:
    """Return an operation that reads its operands' present row alone, or one earlier row."""
    first, detail = arguments[0], term.detail
    match term.operation:
        case "arithmetic":
            found: NDArray[Any] = operations.arithmetic(str(detail[0]), *arguments)
        case "negative":
            found = -np.asarray(first)
        case "compare":
            found = operations.compared(str(detail[0]), *arguments)
        case "label":
            found = operations.labelled(str(detail[0]), np.asarray(first), _whole(detail[1]))
        case "not":
            found = operations.negated(_truth(first, rows))
        case "and" | "or":
            join = operations.both if term.operation == "and" else operations.either
            found = reduce(join, (_truth(item, rows) for item in arguments))
        case "lookback":
            found = operations.earlier(np.asarray(first), _whole(detail[0]))
        case _:
            assert term.operation in ("month_end", "same")
            found = np.asarray(first)
    return found


def _older(first: Instants, second: Instants) -> Instants:
    """Return the larger age at each row; -1 where one has not begun."""
    return np.where((first < 0) | (second < 0), -1, np.maximum(first, second))


def _whole(value: object) -> int:
    assert isinstance(value, int)
    return value


def _truth(values: Values, rows: int) -> Truths:
    return np.broadcast_to(np.asarray(values, dtype=np.int8), rows)
