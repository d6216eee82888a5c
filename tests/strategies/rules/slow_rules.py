"""Evaluate an expression slowly and obviously, from the words of the language alone.

For one decision row the evaluator looks only at what was known at its instant, and computes the
value of one observation at a time, by recursion over the syntax tree. It shares no code with
``strategies.rules`` but the syntax tree, and is written in plain Python loops.

An expression has *rows*: none (a constant), the observations of one or more channels (several:
those of their common instants), or the decision rows of the clock. Values: a float, NaN where
unknown; a truth is -1 unknown, 0 or 1.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

from data_feeds.clock import DAY_NS, HOUR_NS, MINUTE_NS, WEEK_NS, local_datetime
from data_feeds.schema import ChannelKey, ChannelKind
from data_feeds.timeframe import Timeframe
from strategies.rules.parse import parse
from strategies.rules.syntax import (
    Arithmetic,
    Call,
    Comparing,
    Crossing,
    Flag,
    Lasting,
    Length,
    Logic,
    Lookback,
    Name,
    Negation,
    Negative,
    Node,
    Number,
    Text,
)
from tests.strategies.rules.slow_functions import (
    ELEMENTWISE,
    ENDS_ONLY,
    OF_RETURNS,
    RECURSIVE,
    WINDOWED,
    true_range,
)
from tests.strategies.rules.slow_names import OF_THE_INSTANT, NamedRows
from tests.strategies.rules.slow_rows import (
    BARS,
    Rows,
    trading_days_left,
)

NAN = float("nan")
UNIT_NS = {"m": MINUTE_NS, "h": HOUR_NS, "d": DAY_NS, "w": WEEK_NS}


class SlowRules(NamedRows):
    """Evaluates expressions at single decision rows; ``decided_at`` are their instants."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._values: dict[tuple[Node, bool, int, int], float] = {}
        self._sequences: dict[tuple[Node, bool, int, int], list[float]] = {}

    def value(self, text: str, row: int) -> float:
        """Return the value of an expression at one decision row, as the last step joins it."""
        return self.joined(parse(text), row, common=False)

    def forget(self) -> None:
        """Drop the values of earlier expressions; the rows stay."""
        self._rows.clear()
        self._values.clear()
        self._sequences.clear()

    # Values ---------------------------------------------------------------------------------------

    def joined(self, node: Node, row: int, *, common: bool) -> float:
        """Return the newest value of a term at a clock row; unknown where it is too old."""
        rows = self.rows_of(node, common=common)
        if rows.constant:
            return self._value(node, row, 0, common=common)
        if rows.clock:
            return self._value(node, row, row, common=common)
        known = self.facts(rows, row)
        if not known:
            return self._unknown(node)
        oldest = max(self._limit(key, rows) for key in rows.keys)
        for key, index in known[-1].items():
            # A common row may be as old as the longest age allowed to one of its parts.
            if self.decided_at[row] - self._fact(key, index) > oldest:
                return self._unknown(node)
        return self._value(node, row, len(known) - 1, common=common)

    def _value(self, node: Node, row: int, i: int, *, common: bool) -> float:
        """Return observation ``i`` of a node's own rows, as known at a decision row."""
        rows = self.rows_of(node, common=common)
        if rows.clock:
            row = i  # What was decided then stays.
        key = (node, common, -1 if self._stays(rows) else row, i)
        if key not in self._values:
            found = self._computed(node, row, i, common=common)
            self._values[key] = found if self._is_truth(node) or math.isfinite(found) else NAN
        return self._values[key]

    def _inside(self, child: Node, rows: Rows, row: int, i: int, *, common: bool) -> float:
        """Return a child's value at observation ``i`` of the rows of what contains it."""
        own = self.rows_of(child, common=common)
        if own.constant:
            return self._value(child, row, 0, common=common)
        if rows.clock:
            return self.joined(child, i, common=common)
        if own == rows:
            return self._value(child, row, i, common=common)
        # The child is observed in some of the channels: find the observation of this instant.
        part = {key: self.facts(rows, row)[i][key] for key in own.keys}
        index = self._position(own, row)[frozenset(part.items())]
        return self._value(child, row, index, common=common)

    def _computed(  # noqa: C901, PLR0911, PLR0912 - one case a node
        self, node: Node, row: int, i: int, *, common: bool
    ) -> float:
        rows = self.rows_of(node, common=common)

        def at(child: Node) -> float:
            return self._inside(child, rows, row, i, common=common)

        match node:
            case Number():
                return node.value * {"": 1.0, "%": 0.01, "bp": 0.0001, "R": 1.0}[node.suffix]
            case Flag():
                return int(node.value)
            case Name():
                return self._named(node, row, i, common=common)
            case Negative():
                return -at(node.operand)
            case Negation():
                truth = at(node.operand)
                return truth if truth == -1 else 1 - truth
            case Arithmetic():
                return _arithmetic(node.operator, at(node.left), at(node.right))
            case Comparing():
                return _compared(node.operator, at(node.left), at(node.right))
            case Logic():
                join = _all if node.operator == "and" else _any
                return join([at(part) for part in node.parts])
            case Crossing():
                return self._crossing(node, rows, row, i, common=common)
            case Lasting():
                return self._lasting(node, rows, row, i, common=common)
            case Lookback():
                back = self._whole(node.rows)
                if back > i and not rows.constant:
                    return self._unknown(node)
                return self._inside(node.operand, rows, row, max(i - back, 0), common=True)
            case Call():
                return self._called(node, rows, row, i, common=common)
        raise TypeError(node)

    def _whole(self, rows: int | str) -> int:
        if isinstance(rows, int):
            return rows
        number = self.lets[rows]
        assert isinstance(number, Number)
        return int(number.value)

    def _named(self, node: Name, row: int, i: int, *, common: bool) -> float:
        if node.base in self.lets:
            return self._value(self.lets[node.base], row, i, common=common)
        source = self._source(node)
        rows = self.rows_of(node, common=common)
        observed = self.facts(rows, row)[i]
        if node.fields == ("total_return",):
            return self._total_return(source[0][0], row, i)
        values = [self._stored(key)[column][observed[key]] for key, column in source]
        return values[0] if len(values) == 1 else _arithmetic("/", *values) - 1

    def _total_return(self, key: ChannelKey, row: int, i: int) -> float:
        """Return the close with dividends reinvested; one paid at a bar's open counts in it."""
        bars, known = self._stored(key), self._known_rows(key, row)
        paid_key = ChannelKey(key.instrument, ChannelKind.DIVIDENDS)
        paid = self._stored(paid_key)
        value = bars["close"][known[0]]
        for before, now in pairwise(known[: i + 1]):
            amount = sum(
                paid["amount"][index]
                for index in self._known_rows(paid_key, row)
                if bars["closed_at"][before] < paid["event_at"][index] <= bars["closed_at"][now]
            )
            value *= (bars["close"][now] + amount) / bars["close"][before]
        return value

    def _crossing(self, node: Crossing, rows: Rows, row: int, i: int, *, common: bool) -> float:
        sign, other = (">", "<=") if node.direction == "above" else ("<", ">=")

        def compared(operator: str, index: int) -> int:
            if index < 0:
                return -1
            left = self._inside(node.left, rows, row, index, common=common)
            right = self._inside(node.right, rows, row, index, common=common)
            return _compared(operator, left, right)

        return _all([compared(sign, i), compared(other, i - 1)])

    def _lasting(self, node: Lasting, rows: Rows, row: int, i: int, *, common: bool) -> float:
        first, full = self._window(rows, row, i, node.length)
        truths = [
            self._inside(node.operand, rows, row, j, common=common) for j in range(first, i + 1)
        ]
        return (_all if node.mode == "for" else _any)(truths if full else [*truths, -1])

    # Windows --------------------------------------------------------------------------------------

    def _length(self, node: Node) -> Length:
        if isinstance(node, Name):
            node = self.lets[node.base]
        assert isinstance(node, Length), node
        return node

    def _window(self, rows: Rows, row: int, i: int, length: Node) -> tuple[int, bool]:
        """Return the first observation of the window that ends at ``i``, and whether it is full."""
        written = self._length(length)
        if written.unit in ("bars", "sessions"):
            first = i - int(written.count) + 1
            return max(first, 0), first >= 0
        long = int(written.count * UNIT_NS[written.unit])
        start = self._at(rows, row, i) - long
        first = i
        while first > 0 and self._at(rows, row, first - 1) > start:
            first -= 1
        step = self._step(rows)
        reached = self._at(rows, row, 0) - step <= start
        return first, reached and (i - first + 1) * step >= 0.95 * long * (step > 0)

    def _is_stale(self, rows: Rows, row: int, window: tuple[int, int], length: Node) -> bool:
        """Return whether the row before a window of time was too old when the window began."""
        written, (first, i) = self._length(length), window
        if written.unit in ("bars", "sessions"):
            return False
        start = self._at(rows, row, i) - int(written.count * UNIT_NS[written.unit])
        keys = [self.clock] if rows.clock else rows.keys
        oldest = max(self._limit(key, rows) for key in keys)
        return start - self._at(rows, row, first - 1) > oldest

    def _step(self, rows: Rows) -> int:
        """Return the timeframe of rows that are bars, the coarsest of several; 0 for points."""
        keys = [self.clock] if rows.clock else list(rows.keys)
        if any(key.kind not in BARS for key in keys):
            return 0
        return max(Timeframe(key.timeframe).ns for key in keys)

    def _count_of_rows(self, rows: Rows, length: Node) -> int:
        """Return a length as a number of rows, for functions without a hard window."""
        written = self._length(length)
        if written.unit in ("bars", "sessions"):
            return int(written.count)
        return round(written.count * UNIT_NS[written.unit] / self._step(rows))

    # Functions ------------------------------------------------------------------------------------

    def _called(  # noqa: PLR0911 - one case a kind of function
        self, node: Call, rows: Rows, row: int, i: int, *, common: bool
    ) -> float:
        name, arguments = node.function, node.arguments
        if name in ELEMENTWISE:
            parts = [self._inside(each, rows, row, i, common=common) for each in arguments]
            return ELEMENTWISE[name](*parts)
        if name in OF_THE_INSTANT:
            return self._of_the_instant(node, i)
        if name == "month_end":
            own = self.rows_of(arguments[0], common=True)
            key = frozenset(self.facts(rows, row)[i].items())
            return self._value(arguments[0], row, self._position(own, row)[key], common=True)
        if name in RECURSIVE:
            return self._recursive(node, rows, row, i)
        lengths = [each for each in arguments if self._is_length(each)]
        values = [each for each in arguments if not self._is_length(each)]
        first, full = self._window(rows, row, i, lengths[0])
        before = int(name in OF_RETURNS)
        columns = [
            [
                self._inside(child, rows, row, j, common=True)
                for j in range(max(first - before, 0), i + 1)
            ]
            for child in values
            if not self.rows_of(child, common=True).constant
        ]
        extra = [
            self._value(child, row, 0, common=True)
            for child in values
            if self.rows_of(child, common=True).constant
        ]
        if name in ("count", "since"):
            return WINDOWED[name](columns[0], full)
        if not full or first - before < 0:
            return NAN
        if name in ENDS_ONLY:
            if self._is_stale(rows, row, (first, i), lengths[0]):
                return NAN
            columns = [[column[0], column[-1]] for column in columns]
        if any(math.isnan(value) for column in columns for value in column):
            return NAN
        return WINDOWED[name](*columns, *extra, **self._year(name, rows))

    def _year(self, name: str, rows: Rows) -> dict[str, float]:
        if name != "realized_vol":
            return {}
        key = self.clock if rows.clock else min(rows.keys)
        if self.data.instruments[key.instrument].calendar != "24/7":
            return {"periods_per_year": 252.0}
        return {"periods_per_year": 365 * DAY_NS / self._step(rows)}

    def _is_length(self, node: Node) -> bool:
        named = isinstance(node, Name) and node.base in self.lets
        return isinstance(self.lets[node.base] if named else node, Length)

    def _recursive(self, node: Call, rows: Rows, row: int, i: int) -> float:
        if self._stays(rows):
            row = len(self.decided_at) - 1
        key = (node, True, row, i if rows.clock else -1)
        if key not in self._sequences:
            lengths = [
                self._count_of_rows(rows, each) for each in node.arguments if self._is_length(each)
            ]
            last = i if rows.clock else self._count(rows, row) - 1
            if node.function == "atr":
                (bars,) = rows.keys
                stored, known = self._stored(bars), self._known_rows(bars, row)
                values = true_range(
                    *([stored[c][k] for k in known] for c in ("high", "low", "close"))
                )
            else:
                values = [
                    self._inside(node.arguments[0], rows, row, j, common=True)
                    for j in range(last + 1)
                ]
            self._sequences[key] = RECURSIVE[node.function](values, *lengths)
        return self._sequences[key][i]

    def _of_the_instant(self, node: Call, row: int) -> float:
        calendar = self.data.instruments[self.clock.instrument].calendar
        if node.function == "days_to_month_end":
            return trading_days_left(calendar, self._date(self.clock, row))
        zone = "UTC" if calendar == "24/7" else "America/New_York"
        if node.arguments:
            (text,) = node.arguments
            assert isinstance(text, Text)
            zone = text.value
        local = local_datetime(self.decided_at[row], ZoneInfo(zone))
        return local.isoweekday() if node.function == "weekday" else local.hour


def _all(truths: Sequence[float]) -> int:
    if any(truth == 0 for truth in truths):
        return 0
    return -1 if any(truth == -1 for truth in truths) else 1


def _any(truths: Sequence[float]) -> int:
    if any(truth == 1 for truth in truths):
        return 1
    return -1 if any(truth == -1 for truth in truths) else 0


_COMPARISONS: Mapping[str, Callable[[float, float], bool]] = {
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
}


def _compared(operator: str, left: float, right: float) -> int:
    if math.isnan(left) or math.isnan(right):
        return -1
    return int(_COMPARISONS[operator](left, right))


def _arithmetic(operator: str, left: float, right: float) -> float:
    match operator:
        case "+":
            return left + right
        case "-":
            return left - right
        case "*":
            return left * right
    return NAN if right == 0 else left / right
