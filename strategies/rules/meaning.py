"""Understand an expression: names looked up, kinds and units checked, rows of every part known."""

import math
from collections.abc import Callable, Mapping
from typing import ClassVar, Literal, TypeAlias

from strategies.rules.calls import called
from strategies.rules.lengths import UNIT_NS, window_length
from strategies.rules.names import Names
from strategies.rules.operations import compared
from strategies.rules.parse import parse
from strategies.rules.sources import CONSTANT, PLAN
from strategies.rules.syntax import (
    Arithmetic,
    Call,
    Comparing,
    Crossing,
    ExpressionError,
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
    Span,
    Text,
)
from strategies.rules.terms import (
    KINDS,
    NoMeaning,
    PointedAt,
    Term,
    constant,
    demand,
    rows_of,
    share_resolved,
    truth_constant,
)
from strategies.rules.units import (
    UNDECLARED,
    changes_scale,
    check_size,
    matched,
    product,
    quotient,
)
from strategies.rules.vocabulary import LABELS, ORDERED_LABELS, nearest

Wanted: TypeAlias = Literal["truth", "number", "price", "length", "any"]

# Of the message about named values that need themselves.
CIRCLE, ARROW = "let: a value needs itself: ", " -> "
MAX_LOOKBACK = 100_000
_SWAPPED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "==": "==", "!=": "!="}


def understand(
    text: str,
    names: Names,
    wants: Wanted = "any",
    *,
    plan_values: bool = False,
    let: str | None = None,
) -> Term:
    """Return the typed term of an expression.

    Parameters
    ----------
    names : of the file; with records, units and calendars are checked too
    wants : kind that the expression must have
    plan_values : whether ``position.*``, ``entry``, ``stop`` and ``equity.drawdown`` may be used
    let : the named value that the expression is, which it may not need itself

    Raises
    ------
    ExpressionError : the text is no expression, or a part of it has no meaning here.
    """
    lets = () if let is None else (let,)
    reader = _ExpressionReader(text, names, plan_values=plan_values, lets=lets)
    node = parse(text)
    term = reader.read(node, common=False)
    with reader.at(node.span):
        if wants != "any":
            demand(term, wants)
    return share_resolved(term)


class _ExpressionReader:
    """Reads one expression.

    ``lets`` are the named values being read, to find a circle; ``known`` those already read, so
    that each is read once however often it is named.
    """

    def __init__(
        self,
        text: str,
        names: Names,
        *,
        plan_values: bool,
        lets: tuple[str, ...] = (),
        known: dict[tuple[str, bool], Term] | None = None,
    ) -> None:
        self.text, self.names = text, names
        self.plan_values, self.lets = plan_values, lets
        self.known = {} if known is None else known

    def at(self, span: Span) -> PointedAt:
        """Return a block whose errors point to a part of the text."""
        return PointedAt(self.text, span)

    def written(self, node: Node) -> str:
        """Return the text of a node."""
        return self.text[node.span.start : node.span.end]

    def read(self, node: Node, *, common: bool) -> Term:
        """Return the term of a node; ``common``: inside the operand of a window."""
        if isinstance(node, Call):
            return called(self, node, common=common)
        if isinstance(node, Lookback):
            return self.lookback(node)
        if isinstance(node, Number | Flag | Text | Length):
            return self.written_value(node)
        return self._READ[type(node)](self, node, common=common)

    def written_value(self, node: Number | Flag | Text | Length) -> Term:
        """Return the term of a value that stands in the text."""
        text = self.written(node)
        if isinstance(node, Number):
            return constant(node.value, node.suffix, text)
        if isinstance(node, Flag):
            return truth_constant(holds=node.value, text=text)
        if isinstance(node, Text):
            return Term("text", (node.value,), (), CONSTANT, "text", "", text)
        return Term("length", (node,), (), CONSTANT, "length", "", text)

    def truth(self, node: Node, *, common: bool) -> Term:
        """Return a term that must be true or false."""
        return self.of_kind(node, "truth", common=common)

    def number(self, node: Node, *, common: bool) -> Term:
        """Return a term that must be a number."""
        return self.of_kind(node, "number", common=common)

    def of_kind(self, node: Node, kind: str, *, common: bool) -> Term:
        """Return a term that must have a kind."""
        term = self.read(node, common=common)
        with self.at(node.span):
            demand(term, kind)
        return term

    # Names -------------------------------------------------------------------------------------

    def name(self, node: Name, *, common: bool) -> Term:
        """Return the term of a bound name, or of a named value of ``let``."""
        if node.base not in self.names.settings.lets:
            with self.at(node.span):
                return self.names.term_of(node, plan_values=self.plan_values)
        with self.at(node.span):
            if node.fields or node.timeframe:
                raise NoMeaning(f"{node.base} is a named value; write {node.base} alone")
            if node.base in self.lets:
                circle = (*self.lets[self.lets.index(node.base) :], node.base)
                raise NoMeaning(CIRCLE + ARROW.join(circle))
            return self.let(node.base, common=common)

    def let(self, name: str, *, common: bool) -> Term:
        """Return the term of a named value."""
        given = self.names.settings.lets[name]
        if not isinstance(given, str):
            return constant(float(given), "", name)
        if (name, common) in self.known:
            return self.known[name, common]
        inner = _ExpressionReader(
            given,
            self.names,
            plan_values=self.plan_values,
            lets=(*self.lets, name),
            known=self.known,
        )
        try:
            term = inner.read(parse(given), common=common)
        except ExpressionError as error:
            text = error.message
            raise NoMeaning(text if text.startswith("let") else f"let {name}: {text}") from error
        self.known[name, common] = term
        return term

    def length(self, node: Node) -> Length:
        """Return a written length, or the one that a name of ``let`` stands for."""
        term = self.of_kind(node, "length", common=False)
        found = term.detail[0]
        assert isinstance(found, Length)
        return found

    # Operations --------------------------------------------------------------------------------

    def negation(self, node: Negation, *, common: bool) -> Term:
        """Return "not" of a truth."""
        operand = self.truth(node.operand, common=common)
        if operand.is_constant:
            return truth_constant(holds=not operand.value, text=self.written(node))
        return Term("not", (), (operand,), operand.rows, "truth", "", self.written(node))

    def logic(self, node: Logic, *, common: bool) -> Term:
        """Return truths joined by "and" or by "or"."""
        parts = tuple(self.truth(part, common=common) for part in node.parts)
        rows = rows_of(parts, common=common)
        if all(part.is_constant for part in parts):
            join = all if node.operator == "and" else any
            holds = join(part.value for part in parts)
            return truth_constant(holds=holds, text=self.written(node))
        return Term(node.operator, (), parts, rows, "truth", "", self.written(node))

    def negative(self, node: Negative, *, common: bool) -> Term:
        """Return the operand times -1; of a number in the file the number itself."""
        operand = self.number(node.operand, common=common)
        if operand.is_constant:
            return constant(-operand.value, operand.unit, self.written(node))
        text = self.written(node)
        return Term("negative", (), (operand,), operand.rows, "number", operand.unit, text)

    def arithmetic(self, node: Arithmetic, *, common: bool) -> Term:
        """Return a sum, difference, product or quotient."""
        left = self.number(node.left, common=common)
        right = self.number(node.right, common=common)
        with self.at(node.span):
            if node.operator in "+-":
                left, right = share_resolved(left, right.unit), share_resolved(right, left.unit)
                unit = matched(left.unit, right.unit)
            else:
                left, right = share_resolved(left), share_resolved(right)
                unit = _scaled_unit(node.operator, left, right)
        rows = rows_of((left, right), common=common)
        if node.operator == "-" and left.unit == "x" and right.is_constant:
            unit = "fraction"
        if left.is_constant and right.is_constant:
            return self.folded(node, left, right, unit)
        both, text = (left, right), self.written(node)
        return Term("arithmetic", (node.operator,), both, rows, "number", unit, text)

    def folded(self, node: Arithmetic, left: Term, right: Term, unit: str) -> Term:
        """Return the constant that two constants make."""
        a, b = left.value, right.value
        with self.at(node.span):
            if node.operator == "/" and b == 0:
                raise NoMeaning("division by zero")
            value = {"+": a + b, "-": a - b, "*": a * b, "/": a / (b or 1.0)}[node.operator]
            if not math.isfinite(value):
                raise NoMeaning("the result is too large for a number; the limit is about 1e308")
        return constant(value, unit, self.written(node))

    def comparing(self, node: Comparing, *, common: bool) -> Term:
        """Return a comparison of two numbers, two labels, or an age with a length."""
        for word, other in ((node.left, node.right), (node.right, node.left)):
            with self.at(word.span):
                self.names.refuse_bare_word(word, other)
        left, right = (self.read(part, common=common) for part in (node.left, node.right))
        with self.at(node.span):
            if "label" in (left.kind, right.kind):
                return self.labels(node, left, right)
            if "length" in (left.kind, right.kind):
                left, right = _aged(left, right)
            for term in (left, right):
                demand(term, "number")
            left, right = _alike(left, right)
        rows = rows_of((left, right), common=common)
        both, text = (left, right), self.written(node)
        if left.is_constant and right.is_constant:
            truth = compared(node.operator, left.value, right.value)
            return truth_constant(holds=bool(truth[0] == 1), text=text)
        return Term("compare", (node.operator,), both, rows, "truth", "", text)

    def labels(self, node: Comparing, left: Term, right: Term) -> Term:
        """Return the comparison of a label with one of its words."""
        operator = node.operator
        if left.kind != "label":
            left, right, operator = right, left, _SWAPPED[operator]  # type: ignore[assignment]
        known = LABELS[left.unit]
        if right.kind != "text":
            raise NoMeaning(
                f'{left.text} is one of the words {", ".join(known)}; write "{known[0]}"'
            )
        word = str(right.detail[0]).strip().lower().replace(" ", "_")
        if word not in known:
            raise NoMeaning(
                f'{left.text} is never "{right.detail[0]}"{nearest(word, known)}; '
                f"its words are {', '.join(known)}"
            )
        if operator not in ("==", "!=") and left.unit not in ORDERED_LABELS:
            raise NoMeaning(f"{left.text} has no order; compare it with == or !=")
        detail = (operator, known.index(word))
        return Term("label", detail, (left,), left.rows, "truth", "", self.written(node))

    def crossing(self, node: Crossing, *, common: bool) -> Term:
        """Return whether the left number crosses the right one at a row."""
        left = self.number(node.left, common=common)
        right = self.number(node.right, common=common)
        with self.at(node.span):
            left, right = _alike(left, right)
            rows = rows_of((left, right), common=common)
            if rows in (CONSTANT, PLAN):
                raise NoMeaning(
                    "a crossing compares with the row before; constants and values of an open "
                    "plan have none"
                )
        both, text = (left, right), self.written(node)
        return Term("crosses", (node.direction,), both, rows, "truth", "", text)

    def lasting(self, node: Lasting, *, common: bool) -> Term:
        """Return whether a truth held for, or within, a length of its own rows."""
        operand = self.truth(node.operand, common=common)
        length = self.length(node.length)
        with self.at(node.length.span):
            window = window_length(length, operand.rows, self.names)
        detail = (window, self.written(node.length))
        return Term(node.mode, detail, (operand,), operand.rows, "truth", "", self.written(node))

    def lookback(self, node: Lookback) -> Term:
        """Return the operand some of its own rows earlier."""
        operand = self.read(node.operand, common=True)
        with self.at(node.span):
            if operand.kind not in ("number", "truth", "label"):
                raise NoMeaning(f"{operand.text} is {KINDS[operand.kind]}, which has no rows")
            if operand.rows in (CONSTANT, PLAN):
                raise NoMeaning(f"{operand.text} has no rows to look back on")
            back = self.back(node)
        if back == 0:
            return operand
        kind, unit = operand.kind, operand.unit
        return Term("lookback", (back,), (operand,), operand.rows, kind, unit, self.written(node))

    def back(self, node: Lookback) -> int:
        """Return the rows of a look back, a whole number or a named one."""
        if isinstance(node.rows, int):
            return node.rows
        if node.rows not in self.names.settings.lets:
            raise NoMeaning(
                f"nothing is named {node.rows}{nearest(node.rows, self.names.settings.lets)}"
            )
        term = self.let(node.rows, common=False)
        if not term.is_constant or term.value != int(term.value) or term.value < 0:
            raise NoMeaning(f"[{node.rows}] needs a whole number of rows, 0 or more")
        if term.value > MAX_LOOKBACK:
            raise NoMeaning(f"[{node.rows}] looks {term.value:,.0f} rows back; at most 100,000")
        return int(term.value)

    _READ: ClassVar[Mapping[type, Callable[..., Term]]] = {
        Name: name,
        Negative: negative,
        Negation: negation,
        Arithmetic: arithmetic,
        Comparing: comparing,
        Crossing: crossing,
        Logic: logic,
        Lasting: lasting,
    }


def _scaled_unit(sign: str, left: Term, right: Term) -> str:
    """Return the unit of a product or a quotient, not checked after a change of scale."""
    sides = [(left, right), (right, left)] if sign == "*" else [(left, right)]
    for term, factor in sides:
        plain = factor.is_constant and not factor.unit
        if plain and changes_scale(term.unit, factor.value):
            return UNDECLARED
    return (product if sign == "*" else quotient)(left.unit, right.unit)


def _alike(left: Term, right: Term) -> tuple[Term, Term]:
    """Return two numbers in one unit; a plain number of an unlikely size is refused."""
    left, right = share_resolved(left, right.unit), share_resolved(right, left.unit)
    matched(left.unit, right.unit)
    for value, other in ((left, right), (right, left)):
        if value.is_constant and value.unit == "" and not other.is_constant:
            check_size(_last_word(other.text), other.unit, value.value)
    return left, right


def _last_word(text: str) -> str:
    return text.upper() if text.isidentifier() else text


def _aged(left: Term, right: Term) -> tuple[Term, Term]:
    """Return an age and the length it is compared with as numbers: ns, or rows of the clock."""
    if left.kind == "length" and right.kind != "length":
        second, first = _aged(right, left)
        return first, second
    length = right.detail[0]
    if left.detail != ("position.age",) or not isinstance(length, Length):
        raise NoMeaning(f"{right.text} is a length; only position.age is compared with one")
    if length.unit in ("bars", "sessions"):
        counted = Term("plan", ("position.age_rows",), (), PLAN, "number", "rows", left.text)
        return counted, constant(length.count, "rows", right.text)
    return left, constant(length.count * UNIT_NS[length.unit], "duration", right.text)
