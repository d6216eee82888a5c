"""Derive how much history a term needs, and how much of it a value remembers."""

import math
from dataclasses import dataclass

from engine.api import DAY_NS, HOUR_NS, ChannelKey, ChannelKind, history_days
from strategies.rules.functions.registry import FUNCTIONS
from strategies.rules.lengths import WindowLength
from strategies.rules.names import Names
from strategies.rules.sources import CLOCK, Rows, RowSource
from strategies.rules.terms import Term

# Calendar days of one session with its share of weekends, and of the longest closures.
_DAYS_A_SESSION, _CLOSURE_DAYS = 1.46, 10
# A published series may have one value a month.
_DAYS_A_POINT, _DAYS_A_MONTH = 31, 31
_FUNDING_NS = 8 * HOUR_NS
# No data are older; a longer time before a row would leave the range of int64.
_LONGEST_NS = 100 * 366 * DAY_NS


@dataclass(frozen=True)
class TermMemory:
    """The history before a decision row that a term reads.

    Attributes
    ----------
    clock_rows : rows of the clock without which its value is unknown
    memory_ns : time beyond which nothing changes its value, ns
    """

    clock_rows: int
    memory_ns: int

    def and_of(self, other: "TermMemory") -> "TermMemory":
        """Return the memory of both."""
        return TermMemory(
            max(self.clock_rows, other.clock_rows), max(self.memory_ns, other.memory_ns)
        )


def memory_of(term: Term, names: Names) -> TermMemory:
    """Return the history that a term reads; nested windows add up."""
    found = _memory(term, names, {})
    return TermMemory(found.clock_rows, min(found.memory_ns, _LONGEST_NS))


def channel_memory_ns(term: Term, names: Names, key: ChannelKey) -> int:
    """Return the history of one channel that a term reads, ns; 0 where it reads none.

    Only the windows around the channel count: beside a year of stocks, a day of bitcoin stays one.
    """
    return min(_of_channel(term, names, key, {}) or 0, _LONGEST_NS)


def _of_channel(
    term: Term, names: Names, key: ChannelKey, known: dict[Term, int | None]
) -> int | None:
    """Return the history of a channel that a term reads, ns; None where it does not read it."""
    if term in known:
        return known[term]
    inside = [_of_channel(argument, names, key, known) for argument in term.arguments]
    read = [found for found in inside if found is not None]
    if read or any(source.key == key for source in term.rows):
        _, soft, ns = _own_memory(term, names)
        longest = max([*read, _source_memory(term, names)])
        known[term] = longest + max(_rows_ns(soft, term, names), ns)
    else:
        known[term] = None
    return known[term]


def _memory(term: Term, names: Names, known: dict[Term, TermMemory]) -> TermMemory:
    if term not in known:
        known[term] = _with_arguments(term, names, known)
    return known[term]


def _with_arguments(term: Term, names: Names, known: dict[Term, TermMemory]) -> TermMemory:
    found = TermMemory(0, _source_memory(term, names))
    for argument in term.arguments:
        found = found.and_of(_memory(argument, names, known))
    hard, soft, ns = _own_memory(term, names)
    return TermMemory(
        found.clock_rows + (hard if _is_clock(term.rows, names) else 0),
        found.memory_ns + max(_rows_ns(soft, term, names), ns),
    )


def _rows_ns(rows: int, term: Term, names: Names) -> int:
    """Return the time that a number of a term's rows may take, ns."""
    if rows == 0:
        return 0
    if any(isinstance(item, WindowLength) and item.by_session for item in _lengths(term)):
        return math.ceil(rows * _DAYS_A_SESSION + _CLOSURE_DAYS) * DAY_NS
    return math.ceil(rows * row_ns(term.rows, names))


def _lengths(term: Term) -> tuple[object, ...]:
    """Return the lengths that a term's operation was given."""
    if term.operation == "call":
        slots = term.detail[1]
        assert isinstance(slots, tuple)
        return tuple(value for kind, value in slots if kind in ("window", "rows"))
    return term.detail if term.operation in ("for", "within") else ()


def _is_clock(rows: Rows, names: Names) -> bool:
    """Return whether rows are the clock's: decision rows, or the channel of its bars."""
    return rows in (CLOCK, (names.clock_source,))


def _own_memory(term: Term, names: Names) -> tuple[int, int, int]:
    """Return the rows before a row that must be there, those remembered, and the ns of windows."""
    step = row_ns(term.rows, names)
    match term.operation:
        case "lookback":
            back = term.detail[0]
            assert isinstance(back, int)
            return back, back, 0
        case "crosses":
            return 1, 1, 0
        case "for" | "within":
            rows = _rows(term.detail[0], step)
            return rows - 1, rows - 1, _ns(term.detail[0])
        case "call":
            return _of_call(term, step)
        case "column" if term.detail[0] == "flush":
            watch = names.settings.flush
            assert watch is not None
            return watch.memory_bars, watch.memory_bars, 0
    return 0, 0, 0


def _of_call(term: Term, step: float) -> tuple[int, int, int]:
    lengths = _lengths(term)
    before = FUNCTIONS[str(term.detail[0])].memory([_rows(value, step) for value in lengths])
    return before.hard, before.soft, max((_ns(value) for value in lengths), default=0)


def _rows(length: object, step: float) -> int:
    """Return a length in rows; of time as many as fill it."""
    assert isinstance(length, WindowLength)
    return length.rows or math.ceil(length.ns / step) + 1


def _ns(length: object) -> int:
    return length.ns if isinstance(length, WindowLength) else 0


def row_ns(rows: Rows, names: Names) -> float:
    """Return the time between two rows, ns; an upper estimate where it is not fixed."""
    return max((_source_ns(source, names) for source in rows), default=0.0)


def _source_ns(source: RowSource, names: Names) -> float:
    if source.kind == "clock":
        return _source_ns(names.clock_source, names)
    kind = None if source.key is None else source.key.kind
    if source.month_ends:
        found = float(_DAYS_A_MONTH * DAY_NS)
    elif source.by_session:
        found = _DAYS_A_SESSION * DAY_NS
    elif source.step_ns:
        closed = names.is_around_the_clock(source) is False
        # A session has 6.5 of 24 hours, five days of seven.
        found = source.step_ns * (5.5 if closed else 1.0)
    elif kind is ChannelKind.SERIES:
        found = float(_DAYS_A_POINT * DAY_NS)
    else:
        found = float(DAY_NS if kind is None else _FUNDING_NS)
    return found


def _source_memory(term: Term, names: Names) -> int:
    """Return the ns before a row that the row's own value reads: its age, the state's history."""
    found = 0
    for source in term.rows:
        if source.kind in ("clock", "plan"):
            continue
        if source.kind == "state":
            found = max(found, (history_days(names.settings.state) + _CLOSURE_DAYS) * DAY_NS)
        elif not _is_clock(term.rows, names):
            closure = _CLOSURE_DAYS * DAY_NS if source.is_daily else 0
            found = max(found, names.max_age_ns(source) + closure)
    return found
