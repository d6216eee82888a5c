"""Parse the text of an expression into a syntax tree. Nothing is evaluated, nothing looked up.

The only module that knows lark. The parser is LALR: its time grows with the length of the text, and
neither it nor the walks over its tree recurse.
"""

import math
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, Literal, NoReturn, cast

from lark import Lark, Token, Transformer_NonRecursive
from lark.exceptions import UnexpectedCharacters, UnexpectedToken, VisitError

from strategies.rules.problems import chained, diagnose, shown
from strategies.rules.syntax import (
    Arithmetic,
    ArithmeticSign,
    Call,
    Comparing,
    ComparisonSign,
    Crossing,
    ExpressionError,
    Flag,
    Lasting,
    Length,
    LengthUnit,
    Logic,
    Lookback,
    Name,
    Negation,
    Negative,
    Node,
    Number,
    Span,
    Suffix,
    Text,
    children,
)

MAX_CHARACTERS = 500
MAX_DEPTH = 30
MAX_NODES = 200
MAX_LOOKBACK = 100_000
MAX_QUOTED = 80
RESERVED_WORDS = frozenset({"and", "or", "not", "for", "within", "crosses", "true", "false"})

_GRAMMAR = Path(__file__).with_name("grammar.lark")
_SHORTER = "give a part of it a name under let, and use the name here"


@lru_cache(maxsize=4096)
def parse(text: str) -> Node:
    """Return the syntax tree of an expression.

    Raises
    ------
    ExpressionError : the text is no expression, or it is longer than 500 characters, nested deeper
        than 30 levels, or has more than 200 parts.

    >>> parse("vix < 25").operator
    '<'
    """
    if len(text) > MAX_CHARACTERS:
        raise ExpressionError(
            text,
            MAX_CHARACTERS,
            len(text),
            f"{len(text)} characters; an expression may have {MAX_CHARACTERS}; {_SHORTER}",
        )
    try:
        tree = _parser().parse(text)
    except UnexpectedCharacters as error:
        raise diagnose(text, error.pos_in_stream or 0, error.allowed or frozenset()) from None
    except UnexpectedToken as error:
        at_end = error.token.type == "$END"
        position = len(text) if at_end else error.token.start_pos or 0
        raise diagnose(text, position, frozenset(error.expected)) from None
    try:
        node: Node = _Builder(text).transform(tree)
    except VisitError as error:
        raise error.orig_exc from None
    _check_size(text, node)
    return node


@cache
def _parser() -> Lark:
    grammar = _GRAMMAR.read_text(encoding="utf-8")
    return Lark(grammar, parser="lalr", lexer="contextual", maybe_placeholders=False)


def _check_size(text: str, node: Node) -> None:
    waiting, n_nodes = [(node, 1)], 0
    while waiting:
        here, depth = waiting.pop()
        n_nodes += 1
        if depth > MAX_DEPTH:
            what = f"nested deeper than {MAX_DEPTH} levels here; {_SHORTER}"
            raise ExpressionError(text, here.span.start, here.span.end, what)
        waiting += [(child, depth + 1) for child in reversed(children(here))]
    if n_nodes > MAX_NODES:
        what = f"{n_nodes} parts; an expression may have {MAX_NODES}; {_SHORTER}"
        raise ExpressionError(text, 0, len(text), what)


@dataclass(frozen=True, slots=True)
class _Part:
    """Hold a node, and the part of the text that it takes with its parentheses."""

    node: Node
    start: int
    end: int
    grouped: bool = False

    @property
    def span(self) -> Span:
        return Span(self.start, self.end)


@dataclass(frozen=True, slots=True)
class _Sign:
    """Hold the words between two compared terms: ``<`` or ``crosses above``."""

    text: str
    start: int
    end: int


class _Builder(Transformer_NonRecursive[Token, Any]):
    """Turn lark's tree into ours, from the leaves up; method names are those of the grammar."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text

    def start(self, parts: list[_Part]) -> Node:
        return parts[0].node

    def either(self, parts: list[_Part]) -> _Part:
        return self._logic("or", parts)

    def every(self, parts: list[_Part]) -> _Part:
        return self._logic("and", parts)

    def _logic(self, operator: Literal["and", "or"], parts: list[_Part]) -> _Part:
        span = Span(parts[0].start, parts[-1].end)
        return _part(Logic(operator, tuple(part.node for part in parts), span))

    def negation(self, parts: list[Any]) -> _Part:
        word, operand = parts
        if isinstance(operand.node, Lasting) and not operand.grouped:
            length = operand.node.length.span
            inner = self._slice(Span(operand.start, length.start)).rstrip("( ")
            self._refuse(
                word.start_pos,
                operand.end,
                f"`not ... {operand.node.mode}` has two readings; write "
                f"not ({self._slice(operand)}), or "
                f"(not {inner.removesuffix(operand.node.mode).rstrip()}) "
                f"{operand.node.mode} {self._slice(length)}",
            )
        return _part(Negation(operand.node, Span(word.start_pos, operand.end)))

    def lasting(self, parts: list[Any]) -> _Part:
        operand, mode, length = parts
        if isinstance(operand.node, Lasting) and not operand.grouped:
            self._refuse(
                mode.start_pos,
                length.end,
                f"a second length; write ({self._slice(operand)}) {mode} {self._slice(length)}",
            )
        if not isinstance(length.node, Length | Name):
            self._refuse(
                length.start,
                length.end,
                f"not a length; write for example {mode} 3d or {mode} 5 bars",
            )
        mode_text = cast(Literal["for", "within"], str(mode))
        span = Span(operand.start, length.end)
        return _part(Lasting(mode_text, operand.node, length.node, span))

    def relation(self, words: list[Token]) -> _Sign:
        text = " ".join(str(word) for word in words)
        return _Sign(text, words[0].start_pos or 0, words[-1].end_pos or 0)

    def compared(self, parts: list[Any]) -> _Part:
        left, sign, right = parts[:3]
        span = Span(left.start, parts[-1].end)
        if len(parts) > 3:
            terms = [self._slice(part) for part in parts[::2]]
            what = chained(terms, [sign.text for sign in parts[1::2]])
            self._refuse(parts[3].start, parts[3].end, what)
        if sign.text.startswith("crosses"):
            side = cast(Literal["above", "below"], sign.text.split()[-1])
            return _part(Crossing(side, left.node, right.node, span))
        return _part(Comparing(cast(ComparisonSign, sign.text), left.node, right.node, span))

    def arithmetic(self, parts: list[Any]) -> _Part:
        left, sign, right = parts
        span = Span(left.start, right.end)
        return _part(Arithmetic(cast(ArithmeticSign, str(sign)), left.node, right.node, span))

    def negative(self, parts: list[Any]) -> _Part:
        sign, operand = parts
        return _part(Negative(operand.node, Span(sign.start_pos, operand.end)))

    def lookback(self, parts: list[Any]) -> _Part:
        operand, index, closing = parts
        rows = self._rows(self._slice(operand), index)
        return _part(Lookback(operand.node, rows, Span(operand.start, closing.end_pos)))

    def _rows(self, operand: str, index: _Part) -> int | str:
        node = index.node
        if isinstance(node, Negative):
            back = self._slice(node.operand.span)
            how = "one row" if back == "1" else f"{back} rows"
            what = f"looks {how} ahead; {operand}[{back}] is the value {how} before"
        elif isinstance(node, Name) and not node.fields and not node.timeframe:
            return node.base
        elif not isinstance(node, Number) or node.suffix or not node.value.is_integer():
            what = f"write a whole number of rows, for example {operand}[1], or the name of one"
        elif node.value > MAX_LOOKBACK:
            what = f"looks back too far; the limit is {MAX_LOOKBACK:,} rows"
        else:
            return int(node.value)
        return self._refuse(index.start, index.end, what)

    def call(self, parts: list[Any]) -> _Part:
        called, *arguments, closing = parts
        name = called.node
        if not isinstance(name, Name) or called.grouped:
            product = "; write * to multiply" if isinstance(name, Number) else ""
            what = f"only the name of a function may stand before (...){product}"
            self._refuse(called.start, called.end, what)
        if name.fields or name.timeframe:
            value, _, function = name.written.rpartition(".")
            self._refuse(
                called.start,
                called.end,
                f"a value has no functions; write {function or name.base}({value or name.written}"
                ", ...)",
            )
        nodes = tuple(part.node for part in arguments)
        return _part(Call(name.base, nodes, Span(called.start, closing.end_pos)))

    def field(self, parts: list[Any]) -> NoReturn:
        operand, dot, name = parts
        if isinstance(operand.node, Lookback):
            inner = self._slice(operand.node.operand.span)
            hint = f"; write {inner}.{name.node.written}[{operand.node.rows}]"
        else:
            hint = "; a column stands at a name, as in btc.close"
        self._refuse(dot.start_pos, name.end, f"only a name has parts{hint}")

    def grouped(self, parts: list[Any]) -> _Part:
        opening, inside, closing = parts
        return _Part(inside.node, opening.start_pos, closing.end_pos, grouped=True)

    def NUMBER(self, token: Token) -> _Part:
        suffix = next((end for end in ("%", "bp", "R") if token.endswith(end)), "")
        digits = token.removesuffix(suffix)
        value = float(digits)
        span = _span(token)
        if math.isinf(value):
            self._refuse(span.start, span.end, "too large for a number; the limit is about 1e308")
        if value == 0 and any(digit in "123456789" for digit in digits.lower().partition("e")[0]):
            self._refuse(span.start, span.end, "too small for a number; write 0")
        return _part(Number(value, cast(Suffix, suffix), span))

    def LENGTH(self, token: Token) -> _Part:
        count = token.rstrip("abcdefghijklmnopqrstuvwxyz \t\r\n")
        word = token[len(count) :].strip()
        unit = word if len(word) == 1 else "sessions" if word.startswith("session") else "bars"
        span, value = _span(token), float(count)
        if value == 0 or math.isinf(value):
            self._refuse(span.start, span.end, "a length must be above 0 and finite")
        if len(unit) > 1 and not value.is_integer():
            self._refuse(span.start, span.end, f"write a whole number of {unit}")
        return _part(Length(value, cast(LengthUnit, unit), span))

    def TEXT(self, token: Token) -> _Part:
        span = _span(token)
        for place, letter in enumerate(token):
            if not letter.isprintable():
                at = span.start + place
                self._refuse(at, at + 1, f"{shown(letter)} cannot stand in a text")
        return _part(Text(str(token)[1:-1], span))

    def FLAG(self, token: Token) -> _Part:
        return _part(Flag(token == "true", _span(token)))

    def NAME(self, token: Token) -> _Part:
        name, *fields = token.split(".")
        base, _, timeframe = name.partition("@")
        return _part(Name(base, timeframe, tuple(fields), _span(token)))

    def _slice(self, part: _Part | Span) -> str:
        """Return a part of the expression on one line, a long one cut."""
        line = " ".join(self.text[part.start : part.end].split())
        return line if len(line) <= MAX_QUOTED else f"{line[:MAX_QUOTED]}..."

    def _refuse(self, start: int, end: int, what: str) -> NoReturn:
        raise ExpressionError(self.text, start, end, what)


def _part(node: Node) -> _Part:
    return _Part(node, node.span.start, node.span.end)


def _span(token: Token) -> Span:
    return Span(token.start_pos or 0, token.end_pos or 0)
