"""Define the typed terms of an expression; equal terms are computed once."""

from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from engine.api import ChannelKey
from strategies.rules.sources import CLOCK, CONSTANT, PLAN, Rows, RowSource, together
from strategies.rules.syntax import ExpressionError, Span
from strategies.rules.units import FRACTION, PERCENT, SHARES, WrongUnit, share_in


class NoMeaning(ValueError):
    """A name or a use of it has no meaning; the text says what to write."""


TermKind: TypeAlias = Literal["number", "truth", "label", "length", "bars", "text"]


@dataclass(frozen=True, eq=False)
class Term:
    """A checked part of an expression.

    Attributes
    ----------
    operation : what makes the value from ``arguments``, e.g. ``column``, ``arithmetic``, ``call``
    detail : what else the operation needs: a column's name, an operator, a window
    arguments : terms of the operands, in order
    rows : the observations that the term has a value for
    kind : number, truth, label; length, bars and text stand only as arguments of functions
    unit : of a number, a word of ``data_feeds.units`` or "x" (ratio), "" (plain number)
    text : the term as written in the file
    helpers : channels read besides the rows' own, used if the data hold them
    """

    operation: str
    detail: tuple[Hashable, ...]
    arguments: tuple["Term", ...]
    rows: Rows
    kind: TermKind
    unit: str = ""
    text: str = ""
    helpers: frozenset[ChannelKey] = frozenset()
    _key: tuple[Hashable, ...] = field(init=False, repr=False)
    _hash: int = field(init=False, repr=False)

    def __post_init__(self) -> None:
        key = (self.operation, self.detail, self.arguments, self.rows)
        object.__setattr__(self, "_key", key)
        object.__setattr__(self, "_hash", hash(key))

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if not isinstance(other, Term) or self._hash != other._hash:
            return False
        return self._key == other._key

    @property
    def is_constant(self) -> bool:
        """Return whether the term is a number, truth or length written in the file."""
        return self.operation == "constant"

    @property
    def value(self) -> float:
        """Return the number of a constant."""
        assert self.is_constant
        number = self.detail[0]
        assert isinstance(number, int | float)
        return float(number)

    @property
    def needs_plan(self) -> bool:
        """Return whether the term reads values of an open plan."""
        return any(item.operation == "plan" for item in self.parts())

    @property
    def reads_state(self) -> bool:
        """Return whether the term reads the market state."""
        return any(source.kind == "state" for item in self.parts() for source in item.rows)

    @property
    def channels(self) -> frozenset[ChannelKey]:
        """Return the channels of the term's rows, without helpers and the state's channels."""
        sources = (source for item in self.parts() for source in item.rows)
        return frozenset(source.key for source in sources if source.key is not None)

    @property
    def joined_rows(self) -> frozenset[Rows]:
        """Return the rows that are joined onto the decision rows to make the term's value."""
        found: set[Rows] = set()
        seen: set[Term] = set()
        waiting = [self]
        while waiting:
            term = waiting.pop()
            if term in seen:
                continue
            seen.add(term)
            if term.rows in (CLOCK, PLAN):
                waiting.extend(term.arguments)
            elif term.rows != CONSTANT:
                found.add(term.rows)
        return frozenset(found)

    def parts(self) -> Iterator["Term"]:
        """Yield the term and every term inside it, each once."""
        seen: set[Term] = set()
        waiting = [self]
        while waiting:
            term = waiting.pop()
            if term not in seen:
                seen.add(term)
                yield term
                waiting.extend(term.arguments)

    def sources(self) -> frozenset[RowSource]:
        """Return every source whose rows any part of the term has."""
        return frozenset(source for item in self.parts() for source in item.rows)


def constant(value: float, unit: str = "", text: str = "") -> Term:
    """Return the term of a number written in the file."""
    return Term("constant", (value,), (), CONSTANT, "number", unit, text or f"{value:g}")


def truth_constant(*, holds: bool, text: str) -> Term:
    """Return the term of a truth that the file alone decides."""
    # A pair, so that the number 1 and "true" are different terms.
    return Term("constant", (int(holds), "truth"), (), CONSTANT, "truth", "", text)


KINDS = {
    "number": "a number",
    "truth": "true or false",
    "label": "a label",
    "length": "a length",
    "bars": "the bars of an instrument",
    "text": "a text",
}


def rows_of(terms: tuple[Term, ...], *, common: bool) -> Rows:
    """Return the rows of an operation on several terms.

    Equal rows stay. Different rows become the clock's, or ``common`` instants inside a window.
    """
    found = {term.rows for term in terms} - {CONSTANT}
    if not found:
        return CONSTANT
    if PLAN in found:
        return PLAN
    if len(found) == 1:
        return found.pop()
    return CLOCK if CLOCK in found or not common else together(*found)


def share_resolved(term: Term, unit: str = "") -> Term:
    """Return a constant written with % or bp as a number of a unit; any other term unchanged."""
    if not term.is_constant or term.unit not in SHARES:
        return term
    told = "percent" if unit == "percent" else "fraction"
    return constant(share_in(term.value, term.unit, unit), told, term.text)


def demand(term: Term, wanted: str) -> None:
    if wanted == "price":
        demand(term, "number")
        if term.unit in (*SHARES, FRACTION, PERCENT):
            raise NoMeaning(
                f"{term.text} is a share, not a price; write a share of one, such as "
                "0.95 * btc.close"
            )
        return
    if term.kind == wanted:
        return
    hint = {
        "truth": "; compare it, for example vix < 25",
        "length": "; write for example 20d or 14 bars",
        "number": "",
    }.get(wanted, "")
    raise NoMeaning(f"{term.text} is {KINDS[term.kind]}, not {KINDS[wanted]}{hint}")


class PointedAt:
    """Turns errors of meaning inside a block into errors at a part of the text."""

    def __init__(self, text: str, span: Span) -> None:
        self.text, self.span = text, span

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, NoMeaning | WrongUnit):
            raise ExpressionError(self.text, self.span.start, self.span.end, str(error)) from error
