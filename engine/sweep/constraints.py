"""Constraints of a sweep: comparisons of swept values, parsed here and never run by Python.

    constraint = every { "or" every }        every = part { "and" part }
    part = "(" constraint ")" | sum RELATION sum
    sum = product { ("+" | "-") product }    product = factor { ("*" | "/") factor }
    factor = NUMBER | TEXT | WORD | NAME | "-" factor | "(" sum ")"

RELATION is one of < <= > >= == !=, WORD one of true, false and null. A NAME is the path of a swept
value, or an end of it that no other swept path has.
"""

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from engine.errors import ConfigError
from engine.formatting import pointed
from engine.sweep.axes import SweepSpace

_TOKEN = re.compile(
    r"\s*(?:(?P<number>\d+(?:\.\d*)?(?:[eE][-+]?\d+)?|\.\d+)|(?P<text>\"[^\"]*\"|'[^']*')"
    r"|(?P<name>[A-Za-z_]\w*(?:\.\w+)*)|(?P<sign><=|>=|==|!=|[<>+\-*/()]))"
)
_RELATIONS: Mapping[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
    "==": operator.eq, "!=": operator.ne,
}  # fmt: skip
_ARITHMETIC: Mapping[str, Callable[[float, float], float]] = {
    "+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv,
}  # fmt: skip
_WORDS: Mapping[str, Any] = {"true": True, "false": False, "null": None}
MAX_LENGTH, MAX_DEPTH = 400, 40

Values = Mapping[str, Any]
Term = Callable[[Values], Any]


@dataclass(frozen=True)
class Constraint:
    """A parsed constraint: its text, and the function that decides about the values of a set."""

    text: str
    holds: Callable[[Values], bool]


def parsed_constraint(text: str, space: SweepSpace, place: str) -> Constraint:
    """Return the constraint that a text describes.

    ``place`` is the file and line of the text.

    Raises
    ------
    ConfigError : the text is no constraint, or names no swept value; a caret shows the part.
    """
    return Constraint(text, _Parser(text, space, place).whole())


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str
    start: int


class _Parser:
    """Reads one constraint from left to right."""

    def __init__(self, text: str, space: SweepSpace, place: str) -> None:
        self._text, self._place = text, place
        self._paths = [axis.path for axis in space.axes]
        self._at, self._depth = 0, 0
        if len(text) > MAX_LENGTH:
            raise ConfigError(f"{place}: a constraint has at most {MAX_LENGTH} letters")
        self._tokens = self._split(text)

    def whole(self) -> Callable[[Values], bool]:
        found = self._either()
        if self._next.kind != "end":
            raise self._wrong("'and', 'or' or the end is needed here")
        return found

    def _split(self, text: str) -> Sequence[_Token]:
        tokens, at = [], 0
        while text[at:].strip():
            match = _TOKEN.match(text, at)
            if match is None:
                start = at + len(text[at:]) - len(text[at:].lstrip())
                raise self._refused("is no part of a constraint", start, start + 1)
            kind = str(match.lastgroup)
            tokens.append(_Token(kind, match[kind], match.start(kind)))
            at = match.end()
        return [*tokens, _Token("end", "", len(text))]

    @property
    def _next(self) -> _Token:
        return self._tokens[self._at]

    def _take(self) -> _Token:
        token = self._next
        self._at += 1
        return token

    def _is_next(self, *texts: str) -> bool:
        return self._next.kind in ("sign", "name") and self._next.text in texts

    def _either(self) -> Callable[[Values], bool]:
        parts = [self._every()]
        while self._is_next("or"):
            self._take()
            parts.append(self._every())
        return lambda values: any(part(values) for part in parts)

    def _every(self) -> Callable[[Values], bool]:
        parts = [self._part()]
        while self._is_next("and"):
            self._take()
            parts.append(self._part())
        return lambda values: all(part(values) for part in parts)

    def _part(self) -> Callable[[Values], bool]:
        if self._is_next("(") and self._holds_relation():
            self._enter()
            inside = self._either()
            self._leave()
            return inside
        left, token = self._sum(), self._take()
        if token.kind != "sign" or token.text not in _RELATIONS:
            self._at -= 1
            raise self._wrong("a comparison (<, <=, >, >=, ==, !=) is needed here")
        return self._compared(left, token, self._sum())

    def _holds_relation(self) -> bool:
        """Return whether the bracket that begins here holds a comparison, or only a sum."""
        depth = 0
        for token in self._tokens[self._at :]:
            depth += {"(": 1, ")": -1}.get(token.text, 0) if token.kind == "sign" else 0
            if token.kind == "sign" and token.text in _RELATIONS:
                return True
            if depth == 0:
                return False
        return False

    def _compared(self, left: Term, token: _Token, right: Term) -> Callable[[Values], bool]:
        relation, is_equality = _RELATIONS[token.text], token.text in ("==", "!=")

        def holds(values: Values) -> bool:
            one, other = left(values), right(values)
            if not is_equality and not (_is_number(one) and _is_number(other)):
                raise self._refused(
                    f"orders {one!r} and {other!r}, which are not both numbers",
                    token.start,
                    token.start + len(token.text),
                )
            return relation(one, other)

        return holds

    def _sum(self) -> Term:
        return self._chain(("+", "-"), lambda: self._chain(("*", "/"), self._factor))

    def _chain(self, signs: tuple[str, ...], inner: Callable[[], Term]) -> Term:
        found = inner()
        while self._is_next(*signs):
            found = self._combined(found, self._take(), inner())
        return found

    def _combined(self, left: Term, token: _Token, right: Term) -> Term:
        combine = _ARITHMETIC[token.text]

        def value(values: Values) -> float:
            one, other = left(values), right(values)
            if not (_is_number(one) and _is_number(other)):
                why = f"computes with {one!r} and {other!r}, which are not both numbers"
                raise self._refused(why, token.start, token.start + 1)
            if combine is operator.truediv and other == 0:
                raise self._refused("divides by zero", token.start, token.start + 1)
            return combine(one, other)

        return value

    def _factor(self) -> Term:
        token = self._take()
        if token.kind == "sign" and token.text == "-":
            self._enter(0)
            inner = self._factor()
            self._depth -= 1
            return self._combined(lambda _: 0, token, inner)
        if token.kind == "sign" and token.text == "(":
            self._at -= 1
            self._enter()
            inside = self._sum()
            self._leave()
            return inside
        if token.kind == "number":
            number = float(token.text)
            return lambda _: number
        if token.kind == "text":
            written = token.text[1:-1]
            return lambda _: written
        if token.kind == "name" and token.text not in ("and", "or"):
            return self._named(token)
        self._at -= 1
        raise self._wrong("a number or a swept value is needed here")

    def _named(self, token: _Token) -> Term:
        if token.text in _WORDS:
            word = _WORDS[token.text]
            return lambda _: word
        found = [p for p in self._paths if p == token.text or p.endswith(f".{token.text}")]
        if len(found) != 1:
            known = ", ".join(self._paths)
            why = f"is several swept values: {', '.join(found)}" if found else "is not swept"
            end = token.start + len(token.text)
            raise self._refused(f"{token.text} {why}; swept are {known}", token.start, end)
        (path,) = found
        return lambda values: values[path]

    def _enter(self, brackets: int = 1) -> None:
        self._at += brackets
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise self._wrong(f"is nested deeper than {MAX_DEPTH}")

    def _leave(self) -> None:
        if not self._is_next(")"):
            raise self._wrong("')' is needed here")
        self._at += 1
        self._depth -= 1

    def _wrong(self, why: str) -> ConfigError:
        token = self._next
        return self._refused(why, token.start, token.start + max(len(token.text), 1))

    def _refused(self, why: str, start: int, end: int) -> ConfigError:
        shown = "\n".join(f"  {line}" for line in pointed(self._text, start, end).splitlines())
        return ConfigError(f"{self._place}: constraints: {why}\n{shown}")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
