"""Say an expression in plain English."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from strategies.rules.function_phrases import PHRASES
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

_COLUMNS = {
    "open": "open",
    "high": "high",
    "low": "low",
    "close": "close",
    "volume": "volume",
    "total_return": "close with dividends reinvested",
    "mark": "mark price",
}
# Values of an instrument that have no bars of their own.
_POINTS = {
    "funding": "funding rate of {}",
    "open_interest": "open interest of {}",
    "long_liquidations": "forced closes of longs in {}",
    "short_liquidations": "forced closes of shorts in {}",
}
_LABELS = {
    "action": "checklist's action",
    "tier": "risk tier",
    "regime": "market's regime",
    "driver": "market's driver",
}
FLUSH_WORDS = {
    "first_flush": "the flush detector stands at its first flush",
    "bounce": "the flush detector stands at the bounce",
    "second_flush": "the flush detector stands at its second flush",
    "reclaimed": "the flush is reclaimed",
    "stage": "the stage of the flush",
    "support": "the support below the flush",
    "broken_support": "the support that the flush broke",
    "first_low": "the low of the first flush",
    "second_low": "the low of the second flush",
    "bounce_high": "the high of the bounce",
    "reclaim_level": "the level to reclaim",
    "low": "the low of the flush",
    "depth": "the depth of the flush in ATR",
}
PLAN_WORDS = {
    "position.age": "the age of the plan",
    "position.r": "the plan's result in R",
    "position.best_r": "the plan's best result in R so far",
    "position.drawdown": "the price's fall from its best since the entry",
    "entry": "the entry price",
    "stop": "the plan's stop",
    "equity.drawdown": "the drawdown of the equity",
}
_SIGNS = {"+": "plus", "-": "minus", "*": "times", "/": "divided by"}
_COMPARED = {
    "<": "is below",
    "<=": "is at most",
    ">": "is above",
    ">=": "is at least",
    "==": "is",
    "!=": "is not",
}
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_ONE_WORD = (Number, Length, Name, Call, Text, Flag)


@dataclass(frozen=True)
class Vocabulary:
    """The words for the names that a file binds.

    Attributes
    ----------
    instruments : short name -> id and timeframe, e.g. ``("BTCUSDT-PERP", "1h")``
    series : short name -> id
    lets : short name -> its tree
    state : name of a condition of the market state -> its meaning when true
    zone : of ``hour()`` and ``weekday()`` where none is written
    """

    instruments: Mapping[str, tuple[str, str]]
    series: Mapping[str, str] = field(default_factory=dict)
    lets: Mapping[str, Node] = field(default_factory=dict)
    state: Mapping[str, str] = field(default_factory=dict)
    zone: str = "UTC"

    def bars(self, base: str, timeframe: str) -> str:
        """Return the words for an instrument's bars: ``BTCUSDT-PERP 1h``."""
        name, own = self.instruments[base]
        return f"{name} {timeframe or own}".rstrip()

    def of_bars(self, base: str, timeframe: str, word: str) -> str:
        """Return the words for one number of a bar: ``1h close of BTCUSDT-PERP``."""
        name, own = self.instruments[base]
        return f"{timeframe or own} {word} of {name}".lstrip()


def say(node: Node, words: Vocabulary) -> str:
    """Return an expression as a noun phrase, or as a clause where it is a truth."""
    return _SAYS[type(node)](node, words)


def say_length(length: Length | Name, words: Vocabulary) -> str:
    """Return a length in words: ``20 days``, ``1 bar``; a named one with its name behind it."""
    if isinstance(length, Name):
        return say(length, words)
    word = _UNITS.get(length.unit, length.unit)
    return f"{length.count:g} {word.removesuffix('s') if length.count == 1 else word}"


def listed(items: Sequence[str], last: str) -> str:
    """Return items with commas and a word before the last one.

    >>> listed(["a", "b", "c"], "and")
    'a, b and c'
    """
    if len(items) < 2:
        return "".join(items)
    return f"{', '.join(items[:-1])} {last} {items[-1]}"


def _say_number(node: Number, words: Vocabulary) -> str:
    if node.suffix == "bp":
        return f"{node.value:g} basis point{'' if node.value == 1 else 's'}"
    return f"{node.value:g}{' R' if node.suffix == 'R' else node.suffix}"


def _say_name(node: Name, words: Vocabulary) -> str:
    base, column = node.base, ".".join(node.fields)
    if base in words.lets and not node.fields:
        return _say_let(base, words)
    if base in words.series:
        return words.series[base]
    if base in words.instruments:
        return _say_instrument(node, column, words)
    if base == "state":
        return _say_state(column, words)
    if base == "flush":
        return FLUSH_WORDS.get(column, node.written)
    return PLAN_WORDS.get(node.written, node.written)


def _say_let(name: str, words: Vocabulary) -> str:
    """Return a named number or length with its value; any other value by its name."""
    node = words.lets[name]
    inner = node.operand if isinstance(node, Negative) else node
    if isinstance(inner, Number | Length | Flag):
        return f"{say(node, words)} ({name})"
    return name


def _say_instrument(node: Name, column: str, words: Vocabulary) -> str:
    name = words.instruments[node.base][0]
    if not column:
        return words.bars(node.base, node.timeframe)
    if column in _POINTS:
        return f"the {_POINTS[column].format(name)}"
    if column == "basis":
        return f"the {words.of_bars(node.base, node.timeframe, 'basis')} to its spot market"
    word = _COLUMNS.get(column, column)
    return f"the {words.of_bars(node.base, node.timeframe, word)}"


def _say_state(column: str, words: Vocabulary) -> str:
    if column in _LABELS:
        return f"the {_LABELS[column]}"
    if column in words.state:
        return f"{words.state[column]} (state.{column})"
    return f"state.{column}"


def _say_lookback(node: Lookback, words: Vocabulary) -> str:
    if node.rows == 0:
        return say(node.operand, words)
    rows = "one row" if node.rows == 1 else f"{node.rows} rows"
    if isinstance(node.operand, Name):
        return f"{say(node.operand, words)} {rows} earlier"
    if isinstance(node.operand, Call):
        return f"{say(node.operand, words)}, {rows} earlier"
    return f"({say(node.operand, words)}), {rows} earlier"


def _part(node: Node, words: Vocabulary) -> str:
    """Return an operand, in parentheses where its end would be unclear."""
    told = say(node, words)
    return told if isinstance(node, _ONE_WORD) and ", " not in told else f"({told})"


def _say_arithmetic(node: Arithmetic, words: Vocabulary) -> str:
    left, right = _part(node.left, words), _part(node.right, words)
    # a + b + c and a * b * c read from left to right without parentheses.
    plain = "+-*/" if node.operator in "+-" else "*/"
    if isinstance(node.left, Negative) or (
        isinstance(node.left, Arithmetic) and node.left.operator in plain
    ):
        left = say(node.left, words)
    if isinstance(node.right, Arithmetic) and node.operator in "+-":
        right = say(node.right, words) if node.right.operator in "*/" else right
    return f"{left} {_SIGNS[node.operator]} {right}"


def _say_comparing(node: Comparing, words: Vocabulary) -> str:
    return f"{_left(node.left, words)} {_COMPARED[node.operator]} {say(node.right, words)}"


def _left(node: Node, words: Vocabulary) -> str:
    """Return the left side of a comparison, in parentheses where it ends in a clause."""
    told = say(node, words)
    return f"({told})" if isinstance(node, Lookback) and ", " in told else told


def _say_crossing(node: Crossing, words: Vocabulary) -> str:
    left, right = _left(node.left, words), say(node.right, words)
    return f"{left} crosses {node.direction} {right}"


def _say_logic(node: Logic, words: Vocabulary) -> str:
    return f" {node.operator} ".join(_joined(part, words) for part in node.parts)


def _joined(part: Node, words: Vocabulary) -> str:
    """Return a part of an "and" or "or", marked off where it has such a word of its own."""
    told = say(part, words)
    if isinstance(part, Name) and part.base == "state" and " (" in told:
        meaning, _, name = told.rpartition(" (")
        return f'"{meaning}" ({name}'
    return f"({told})" if isinstance(part, Logic | Lasting) else told


def _say_lasting(node: Lasting, words: Vocabulary) -> str:
    told = say(node.operand, words)
    told = f"({told})" if isinstance(node.operand, Logic | Lasting) else told
    length = say_length(node.length, words)
    if node.mode == "for":
        return f"{told}, at every row of the last {length}"
    return f"{told}, at least once in the last {length}"


def _say_call(node: Call, words: Vocabulary) -> str:
    if node.function in ("hour", "weekday") and not node.arguments:
        return PHRASES[node.function]([words.zone])
    told = [
        say(item, words)
        if isinstance(item, (*_ONE_WORD, Comparing, Crossing)) or node.function in _WHOLE
        else f"({say(item, words)})"
        for item in node.arguments
    ]
    phrase = PHRASES.get(node.function)
    if phrase is None:
        return f"{node.function}({', '.join(told)})"
    return phrase(told)


# Functions whose phrase itself shows where an argument ends.
_WHOLE = ("abs", "log")

_SAYS: Mapping[type, Callable[..., str]] = {
    Number: _say_number,
    Length: say_length,
    Text: lambda node, words: f'"{node.value}"',
    Flag: lambda node, words: "true" if node.value else "false",
    Name: _say_name,
    Call: _say_call,
    Lookback: _say_lookback,
    Negative: lambda node, words: (
        f"minus {_part(node.operand, words)}"
        if not isinstance(node.operand, Number)
        else f"-{_say_number(node.operand, words)}"
    ),
    Arithmetic: _say_arithmetic,
    Comparing: _say_comparing,
    Crossing: _say_crossing,
    Logic: _say_logic,
    Negation: lambda node, words: f"it is not so that {_operand(node.operand, words)}",
    Lasting: _say_lasting,
}


def _operand(node: Node, words: Vocabulary) -> str:
    told = say(node, words)
    return f"({told})" if isinstance(node, Logic | Lasting) else told
