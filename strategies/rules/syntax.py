"""Define the syntax tree of an expression, and the error of a text that is none.

A node says where it stands in the text, and nothing about its meaning: names are not looked up
here. Nodes are equal if they mean the same, wherever they stand: spans are not compared.
"""

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from engine.api import pointed

Suffix: TypeAlias = Literal["", "%", "bp", "R"]
LengthUnit: TypeAlias = Literal["bars", "sessions", "m", "h", "d", "w"]
ArithmeticSign: TypeAlias = Literal["+", "-", "*", "/"]
ComparisonSign: TypeAlias = Literal["<", "<=", ">", ">=", "==", "!="]


@dataclass(frozen=True, slots=True)
class Span:
    """Mark a part of an expression: ``text[start:end]``."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Number:
    """A number as written: ``3%`` is 3 with the suffix ``%``. A minus sign is a :class:`Negative`.

    ``suffix`` is ``%``, ``bp`` (0.01%), ``R`` (the loss at the plan's first stop), or "".
    """

    value: float
    suffix: Suffix
    span: Span = field(compare=False)


@dataclass(frozen=True, slots=True)
class Length:
    """A length of time or of rows: ``20d``, ``14 bars``. ``count`` is above zero.

    ``m`` are minutes, ``h`` hours, ``d`` days, ``w`` weeks; ``rows`` are written as bars.
    """

    count: float
    unit: LengthUnit
    span: Span = field(compare=False)


@dataclass(frozen=True, slots=True)
class Text:
    """A text in quotes, without them."""

    value: str
    span: Span = field(compare=False)


@dataclass(frozen=True, slots=True)
class Flag:
    """``true`` or ``false``."""

    value: bool
    span: Span = field(compare=False)


@dataclass(frozen=True, slots=True)
class Name:
    """A name: ``btc@4h.close`` has the base ``btc``, timeframe ``4h`` and one field, ``close``.

    ``timeframe`` is "" if none is written.
    """

    base: str
    timeframe: str
    fields: tuple[str, ...]
    span: Span = field(compare=False)

    @property
    def written(self) -> str:
        """Return the name as in the file."""
        at = f"@{self.timeframe}" if self.timeframe else ""
        return ".".join((self.base + at, *self.fields))


@dataclass(frozen=True, slots=True)
class Call:
    """A function of the language with its arguments: ``sma(vix, 20 bars)``."""

    function: str
    arguments: tuple["Node", ...]
    span: Span = field(compare=False)


@dataclass(frozen=True, slots=True)
class Lookback:
    """The operand some of its own rows earlier: ``x[1]``, or ``x[k]`` with a named number."""

    operand: "Node"
    rows: int | str
    span: Span = field(compare=False)


@dataclass(frozen=True, slots=True)
class Negative:
    """The operand times -1."""

    operand: "Node"
    span: Span = field(compare=False)


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """Sum, difference, product or quotient of two numbers."""

    operator: ArithmeticSign
    left: "Node"
    right: "Node"
    span: Span = field(compare=False)


@dataclass(frozen=True, slots=True)
class Comparing:
    """A comparison of two terms: ``vix < 25``."""

    operator: ComparisonSign
    left: "Node"
    right: "Node"
    span: Span = field(compare=False)


@dataclass(frozen=True, slots=True)
class Crossing:
    """True at the row where ``left`` gets from one side of ``right`` to the other."""

    direction: Literal["above", "below"]
    left: "Node"
    right: "Node"
    span: Span = field(compare=False)


@dataclass(frozen=True, slots=True)
class Logic:
    """Two or more truths joined by ``and`` or by ``or``."""

    operator: Literal["and", "or"]
    parts: tuple["Node", ...]
    span: Span = field(compare=False)


@dataclass(frozen=True, slots=True)
class Negation:
    """``not`` of a truth."""

    operand: "Node"
    span: Span = field(compare=False)


@dataclass(frozen=True, slots=True)
class Lasting:
    """A truth at all (``for``) or at any (``within``) rows of a length, this row included."""

    mode: Literal["for", "within"]
    operand: "Node"
    length: Length | Name
    span: Span = field(compare=False)


Node: TypeAlias = (
    Number
    | Length
    | Text
    | Flag
    | Name
    | Call
    | Lookback
    | Negative
    | Arithmetic
    | Comparing
    | Crossing
    | Logic
    | Negation
    | Lasting
)


class ExpressionError(ValueError):
    """A text is no expression, or an expression has no meaning here.

    Attributes
    ----------
    text : the whole expression
    start, end : the part that is wrong, ``text[start:end]``
    message : what is wrong and what to do, one line
    """

    def __init__(self, text: str, start: int, end: int, message: str) -> None:
        super().__init__(text, start, end, message)
        self.text = text
        self.start = min(max(start, 0), len(text))
        self.end = min(max(end, self.start), len(text))
        self.message = message

    def __str__(self) -> str:
        return self.message

    def pointed(self) -> str:
        """Return two lines: the expression, and carets under the wrong part.

        >>> print(ExpressionError("vix = 25", 4, 5, "write ==").pointed())
        vix = 25
            ^
        """
        return pointed(self.text, self.start, self.end)


def children(node: Node) -> tuple[Node, ...]:
    """Return the nodes directly inside a node, in the order of the text.

    >>> children(Negation(Flag(True, Span(4, 8)), Span(0, 8)))
    (Flag(value=True, span=Span(start=4, end=8)),)
    """
    match node:
        case Call(arguments=inside) | Logic(parts=inside):
            return inside
        case Lookback(operand=operand) | Negative(operand=operand) | Negation(operand=operand):
            return (operand,)
        case Arithmetic() | Comparing() | Crossing():
            return (node.left, node.right)
        case Lasting():
            return (node.operand, node.length)
        case _:
            return ()
