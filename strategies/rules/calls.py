"""Understand a call: arguments by the function's parameters, rows, lengths and unit."""

from typing import Protocol, TypeAlias
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np

from strategies.rules.functions.function import WITH_UNIT, Function, Parameter
from strategies.rules.functions.registry import FUNCTIONS
from strategies.rules.lengths import WindowLength, row_count, window_length
from strategies.rules.names import Names
from strategies.rules.sources import CLOCK, CONSTANT, Rows, RowSource
from strategies.rules.syntax import Call, Length, Name, Node, Span
from strategies.rules.terms import (
    NoMeaning,
    PointedAt,
    Term,
    constant,
    demand,
    rows_of,
    share_resolved,
)
from strategies.rules.units import UNDECLARED, matched
from strategies.rules.vocabulary import nearest

# One parameter of a call: the place of its term, or the value itself.
Slot: TypeAlias = tuple[str, int | float | str | WindowLength | None]

_LENGTHS = ("window", "rows")


class CallReader(Protocol):
    """The part of a reader that a call needs."""

    names: Names

    def read(self, node: Node, *, common: bool) -> Term:
        """Return the term of a node."""

    def of_kind(self, node: Node, kind: str, *, common: bool) -> Term:
        """Return a term that must have a kind."""

    def at(self, span: Span) -> PointedAt:
        """Return a block whose errors point to a part of the text."""

    def written(self, node: Node) -> str:
        """Return the text of a node."""


def is_elementwise(function: Function) -> bool:
    """Return whether a function reads one row of its operands alone."""
    kinds = {item.kind for item in function.parameters}
    return not (kinds & set(_LENGTHS) or function.reads_clock or function.selects_rows)


def called(reader: "CallReader", node: Call, *, common: bool) -> Term:
    """Return the term of a call.

    Raises
    ------
    ExpressionError : no such function, or an argument that it does not take.
    """
    with reader.at(node.span):
        function = _function(node)
        given = _given(function, node)
    inside = common or not is_elementwise(function)
    terms: list[Term] = []
    slots: list[Slot] = []
    for parameter, argument in given:
        if parameter.kind in _LENGTHS or argument is None:
            slots.append((parameter.kind, parameter.default))
            continue
        with reader.at(argument.span):
            slots.append(_slot(reader, parameter, argument, terms, common=inside))
    with reader.at(node.span):
        terms = _in_one_unit(function, terms)
        rows = CLOCK if function.reads_clock else rows_of(tuple(terms), common=inside)
    slots = [
        _length_slot(reader, slot, pair, rows) if pair[0].kind in _LENGTHS else slot
        for slot, pair in zip(slots, given, strict=True)
    ]
    with reader.at(node.span):
        _check_periods(slots, rows, reader.names)
    units = [item.unit or UNDECLARED for item in terms if item.kind in WITH_UNIT]
    plain = bool(units) and all(not item.unit for item in terms if item.kind in WITH_UNIT)
    unit = function.unit(units)
    unit = "" if plain and unit == UNDECLARED else unit
    if function.selects_rows:
        with reader.at(node.span):
            return _selected(terms[0], rows, reader.written(node))
    term = Term(
        "call", (function.name, tuple(slots)), tuple(terms), rows, "number", unit,
        reader.written(node),
    )  # fmt: skip
    if rows != CONSTANT:
        return term
    with reader.at(node.span):
        return _folded(term, function)


def _function(node: Call) -> Function:
    if node.function not in FUNCTIONS:
        known = ", ".join(sorted(FUNCTIONS))
        raise NoMeaning(
            f"no function {node.function}{nearest(node.function, FUNCTIONS)}; functions are {known}"
        )
    return FUNCTIONS[node.function]


def _given(function: Function, node: Call) -> list[tuple[Parameter, Node | None]]:
    """Return each parameter with its argument, None where it is left out."""
    parameters, arguments = list(function.parameters), list(node.arguments)
    if parameters and parameters[-1].repeats:
        parameters += [parameters[-1]] * (len(arguments) - len(parameters))
    if len(arguments) > len(parameters):
        raise NoMeaning(
            f"{function.name} takes {len(parameters)} arguments, not {len(arguments)}: "
            f"{function.written}"
        )
    missing = [item for item in parameters[len(arguments) :] if not item.is_optional]
    if missing:
        raise NoMeaning(
            f"{function.name} needs its {missing[0].name} ({missing[0].meaning}): "
            f"{function.written}"
        )
    padded = [*arguments, *[None] * (len(parameters) - len(arguments))]
    return list(zip(parameters, padded, strict=True))


def _slot(
    reader: "CallReader", parameter: Parameter, node: Node, terms: list[Term], *, common: bool
) -> Slot:
    """Return the slot of an argument that is no length; a term is added to ``terms``."""
    term = reader.read(node, common=common)
    if parameter.kind == "zone":
        demand(term, "text")
        return "zone", _zone(str(term.detail[0]))
    if parameter.kind in ("constant", "periods"):
        demand(term, "number")
        if not term.is_constant:
            raise NoMeaning(f"{term.text}: {parameter.name} is a number in the file, not a value")
        number = share_resolved(term).value
        if number < parameter.least:
            raise NoMeaning(f"{parameter.name} is {parameter.least} at least, not {number:g}")
        return parameter.kind, number
    if parameter.kind == "bars" and term.kind == "number" and term.rows and isinstance(node, Name):
        base, _, field = node.written.rpartition(".")
        if node.base in reader.names.settings.instruments and field:
            raise NoMeaning(f"{term.text} is a number, not the bars of an instrument; write {base}")
    demand(term, parameter.kind)
    terms.append(term)
    return parameter.kind, len(terms) - 1


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise NoMeaning(f'no time zone "{name}"; write for example "America/New_York"') from error
    return name


def _length_slot(
    reader: "CallReader", slot: Slot, pair: tuple[Parameter, Node | None], rows: Rows
) -> Slot:
    """Return the slot of a length, which depends on the rows of the operands."""
    parameter, node = pair
    if node is None:
        assert parameter.default is not None
        return parameter.kind, WindowLength(int(parameter.default))
    with reader.at(node.span):
        term = reader.read(node, common=False)
        if term.kind == "number" and term.is_constant:
            raise NoMeaning(f"{term.text} is a plain number; write {term.text} bars")
        demand(term, "length")
        length = term.detail[0]
        assert isinstance(length, Length)
        read = row_count if parameter.kind == "rows" else window_length
        found = read(length, rows, reader.names)
        if found.rows and found.rows < parameter.least:
            raise NoMeaning(
                f"{parameter.name} is {parameter.least} rows at least, not {found.rows}"
            )
    return parameter.kind, found


def _check_periods(slots: list[Slot], rows: Rows, names: Names) -> None:
    """Refuse to guess the rows in a year of bars inside the sessions of an exchange."""
    if ("periods", None) not in slots:
        return
    for source in rows:
        held = names.clock_source if source.kind == "clock" else source
        if not held.is_daily and names.is_around_the_clock(held) is False:
            raise NoMeaning(
                f"bars of {held} come in sessions only; write how many there are in a year, for "
                "example 252 * 78 for 5m bars of New York"
            )


def _in_one_unit(function: Function, terms: list[Term]) -> list[Term]:
    """Return the terms with numbers written in % resolved; refuse units that do not agree."""
    units = [item.unit for item in terms if item.kind in WITH_UNIT and not item.is_constant]
    unit = units[0] if units else ""
    if function.one_unit:
        for other in units[1:]:
            unit = matched(unit, other)
    return [share_resolved(item, unit if function.one_unit else "") for item in terms]


def _selected(term: Term, rows: Rows, text: str) -> Term:
    """Return the operand at the last trading day of each month only."""
    kept = tuple(
        RowSource(source.kind, source.key, source.by_session, month_ends=True) for source in rows
    )
    if rows == CONSTANT or any(source.kind in ("clock", "plan") for source in rows):
        raise NoMeaning(
            f"{term.text} has no rows of its own; name a value of one channel, such as spy.close"
        )
    return Term("month_end", (), (term,), kept, "number", term.unit, text)


def _folded(term: Term, function: Function) -> Term:
    """Return the constant that a function of constants makes."""
    arrays = [np.array([item.value]) for item in term.arguments]
    value = float(function.compute(*arrays)[0])
    if not np.isfinite(value):
        raise NoMeaning(f"{term.text} has no value")
    return constant(value, term.unit, term.text)
