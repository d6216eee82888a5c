"""Define what the rule language knows about a function: parameters, unit, memory, computation."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]
Rows: TypeAlias = NDArray[np.int64]
Flags: TypeAlias = NDArray[np.bool_]
Truths: TypeAlias = NDArray[np.int8]
Dates: TypeAlias = NDArray[np.datetime64]

ParameterKind: TypeAlias = Literal[
    "number", "truth", "bars", "window", "rows", "constant", "zone", "periods"
]
# The parts of these kinds have units.
WITH_UNIT: tuple[ParameterKind, ...] = ("number", "bars")
UNDECLARED = "undeclared"


class RowWindow:
    """The window of rows that ends at each row, of one length in rows or in time.

    Parameters
    ----------
    stale : true where the row before a window of time was too old when the window began; None:
        nowhere

    Attributes
    ----------
    length : rows in each full window; 0 where they differ
    """

    length = 0

    def __init__(self, first: Rows, full: Flags, stale: Flags | None = None) -> None:
        self._first, self._full, self._stale = first, full, stale
        self._shared: dict[tuple[str, int], tuple[Floats, Any]] = {}

    @classmethod
    def of_rows(cls, rows: int, length: int) -> "RowWindow":
        """Return the windows of the last ``length`` of so many rows.

        >>> window = RowWindow.of_rows(4, 3)
        >>> window.first.tolist(), window.full.tolist()
        ([0, 0, 0, 1], [False, False, True, True])
        """
        return _LastRows(rows, length)

    @property
    def first(self) -> Rows:
        """Return the first row inside each window, never above the row itself; never moves back."""
        return self._first

    @property
    def full(self) -> Flags:
        """Return false where the data do not fill the window.

        Its value is unknown there, except where the rows that are there decide it.
        """
        return self._full

    @cached_property
    def starts(self) -> Rows:
        """Return the first row of each window; -1 where the window is not full."""
        return np.where(self.full, self.first, np.int64(-1))

    @property
    def before(self) -> Rows:
        """Return the row just before each window; -1 where there is none, or it is too old.

        Of a window of time it stands for the value at the window's start.
        """
        row = np.maximum(self.starts - 1, -1)
        return row if self._stale is None else np.where(self._stale, np.int64(-1), row)

    @property
    def sizes(self) -> Rows:
        """Return the number of rows in each window."""
        return np.arange(1, len(self.first) + 1, dtype=np.int64) - self.first

    @property
    def full_size(self) -> Rows | int:
        """Return the number of rows in each full window, one number where all have the same."""
        return self.length or self.sizes

    def shared(self, name: str, x: Floats, compute: Callable[[Floats, "RowWindow"], Any]) -> Any:
        """Return a result over ``x`` in these windows, computed once for all functions.

        The result must not be changed.
        """
        # The values are kept too, so that no other array can take their place in memory.
        if (name, id(x)) not in self._shared:
            self._shared[name, id(x)] = x, compute(x, self)
        return self._shared[name, id(x)][1]


class _LastRows(RowWindow):
    """The windows of the last rows; most functions need no array of first rows."""

    def __init__(self, rows: int, length: int) -> None:
        self._rows, self.length = rows, length
        self._shared, self._stale = {}, None

    @cached_property
    def first(self) -> Rows:
        return np.maximum(np.arange(self._rows, dtype=np.int64) - (self.length - 1), 0)

    @cached_property
    def full(self) -> Flags:
        return np.arange(1, self._rows + 1, dtype=np.int64) >= self.length


@dataclass(frozen=True)
class PriceBars:
    """High, low and close of bars; one of them NaN makes the bar unknown."""

    high: Floats
    low: Floats
    close: Floats


@dataclass(frozen=True)
class RowTimes:
    """Instants and dates of rows, for functions that read the calendar.

    Attributes
    ----------
    at : int64 ns UTC; of clock rows the decision, of a channel's rows ``closed_at`` or ``event_at``
    dates : the trading date of each row; midnight ends a day
    calendar : ``24/7`` or an exchange_calendars name
    intraday : whether a date may have several rows; of all rows, or of each
    """

    at: Rows
    dates: Dates
    calendar: str
    intraday: bool | Flags = False


class RowsBefore(NamedTuple):
    """Rows before the present one that a value depends on.

    ``hard`` of them must be there for the value to be known. What lies more than ``soft`` rows back
    has a weight below 2e-9; the two are equal where nothing is recursive.
    """

    hard: int
    soft: int


@dataclass(frozen=True)
class Parameter:
    """One parameter of a function.

    Attributes
    ----------
    name : its word in messages and in the reference
    kind : ``number`` float64 a row, NaN unknown; ``truth`` int8 a row; ``bars`` PriceBars;
        ``window`` a length as RowWindow; ``rows`` a length as a whole number of rows; ``constant``
        a float; ``zone`` an IANA name; ``periods`` rows in a year, a float
    meaning : in plain words
    default : value where it is left out. None: it must be given, except ``zone`` and ``periods``,
        which then are those of the rows
    least : smallest length in rows or smallest constant
    repeats : whether it may be given again and again; only the last one may
    """

    name: str
    kind: ParameterKind
    meaning: str
    default: float | None = None
    least: int = 1
    repeats: bool = False

    @property
    def is_optional(self) -> bool:
        """Return whether the parameter may be left out."""
        return self.default is not None or self.kind in ("zone", "periods")


@dataclass(frozen=True)
class Function:
    """One function of the language.

    Attributes
    ----------
    summary : what it returns, one sentence
    formula : exact; ``x`` is the operand, ``n`` the rows of the window, ``x[k]`` k rows before
    unit_words, memory_words : unit and memory for readers
    source : author and year, or the standard name
    compute : takes the arguments in the order of ``parameters``, one array a row, and returns
        float64, NaN where unknown. With ``reads_clock`` the first argument is the clock's RowTimes
    unit : unit of the result, from the units of the arguments that have one, in their order
    memory : rows before the present one, from the lengths in rows, in their order
    one_unit : whether all arguments that have a unit must have the same one
    reads_clock : whether it runs over the clock's rows and their times
    selects : for a function that keeps some of its operand's rows: a flag for each of them. There
        ``compute`` is not called
    """

    name: str
    parameters: tuple[Parameter, ...]
    summary: str
    formula: str
    unit_words: str
    memory_words: str
    source: str
    compute: Callable[..., Floats]
    unit: Callable[[Sequence[str]], str]
    memory: Callable[[Sequence[int]], RowsBefore]
    one_unit: bool = False
    reads_clock: bool = False
    selects: Callable[[RowTimes], Flags] | None = None

    @property
    def selects_rows(self) -> bool:
        """Return whether the result has fewer rows than its operand."""
        return self.selects is not None

    @property
    def written(self) -> str:
        """Return the call as a reader writes it, e.g. ``sma(x, length)``."""
        names = [
            f"[{item.name}]" if item.is_optional else f"{item.name}{', ...' * item.repeats}"
            for item in self.parameters
        ]
        return f"{self.name}({', '.join(names)})"


# Units --------------------------------------------------------------------------------------------


def same_unit(units: Sequence[str]) -> str:
    """Return the first declared unit of the arguments.

    >>> same_unit(["undeclared", "price"])
    'price'
    """
    return next((unit for unit in units if unit != UNDECLARED), UNDECLARED)


def fixed_unit(unit: str) -> Callable[[Sequence[str]], str]:
    """Return the rule that the result always has this unit."""
    return lambda units: unit


# Memory -------------------------------------------------------------------------------------------


def window_memory(more: int = 0) -> Callable[[Sequence[int]], RowsBefore]:
    """Return the memory of one window of n rows: ``n - 1`` rows before, and ``more``."""
    return lambda lengths: RowsBefore(lengths[0] - 1 + more, lengths[0] - 1 + more)


def recursive_memory(times: int, more: int = 0) -> Callable[[Sequence[int]], RowsBefore]:
    """Return the memory of a recursion seeded by n rows: ``times x n`` rows, and ``more``."""
    return lambda lengths: RowsBefore(lengths[0] - 1 + more, times * lengths[0] + more)


def no_memory(lengths: Sequence[int]) -> RowsBefore:
    """Return the memory of a function of the present row alone."""
    return RowsBefore(0, 0)
