"""Make named conditions of terms: the numbers that were compared, their age, parts and reasons."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from engine.api import DAY_NS, HOUR_NS, Condition, Reason, Truth, reason, signals
from strategies.rules.evaluate import Evaluator
from strategies.rules.lengths import WindowLength
from strategies.rules.operations import Floats, Truths
from strategies.rules.sources import CLOCK, CONSTANT, STATE, Rows
from strategies.rules.terms import Term
from strategies.rules.units import UNDECLARED
from strategies.rules.vocabulary import LABELS

# Conditions name a price by its currency, as all playbooks do.
_UNIT_WORDS = {UNDECLARED: "", "price": "quote"}
_EQUALITY = ("==", "!=")


@dataclass(frozen=True)
class _Shown:
    """The numbers behind a truth; NaN where they do not decide it."""

    measured: Floats
    threshold: Floats
    unit: str = ""
    parts: tuple[Condition, ...] = ()
    reasons: tuple[Reason, ...] = ()


def named_condition(
    name: str,
    term: Term,
    evaluator: Evaluator,
    *,
    description: str,
    required: bool = True,
    group: str = "",
) -> Condition:
    """Return a truth at every decision row as a condition, with the numbers that decide it.

    A comparison shows its two numbers; ``for`` how long the truth has held, and the length;
    ``within`` how long ago it was last true, and the length. ``and`` and ``or`` have parts with
    numbers of their own. Where numbers do not decide, a reason says what does.

    Raises
    ------
    ValueError : the term reads values of an open plan, which no row has.
    """
    if term.needs_plan:
        raise ValueError(f"{name}: {term.text} reads values of an open plan; judge it in on_bar")
    return _condition(name, term, evaluator, description, (required, group), has_parts=True)


def _condition(
    name: str,
    term: Term,
    evaluator: Evaluator,
    description: str,
    role: tuple[bool, str],
    *,
    has_parts: bool,
) -> Condition:
    """Return a condition; ``role`` is whether it is required, and its group.

    A part has no parts of its own: no reader shows them, and named values used twice at every
    level would double them.
    """
    truth = evaluator.truths(term)
    shown = _shown(name, term, truth, evaluator, has_parts=has_parts)
    required, group = role
    return Condition(
        name,
        truth,
        _where_known(shown.measured, truth),
        shown.threshold,
        _UNIT_WORDS.get(shown.unit, shown.unit),
        description,
        required,
        inputs_of(term, evaluator),
        evaluator.age_ns(term) if term.joined_rows else None,
        parts=shown.parts,
        reasons=shown.reasons,
        group=group,
    )


def with_unknown_passing(item: Condition) -> tuple[Condition, Condition]:
    """Return a condition whose unknown rows count as true, and beside it the known one.

    The second one is not required; its name ends in ``_known``.
    """
    holds = signals.resolve(item.truth, unknown_passes=True)
    gate = replace(
        item,
        truth=np.where(holds, Truth.TRUE, Truth.FALSE).astype(np.int8),
        description=f"{item.description}; unknown passes",
    )
    return gate, replace(item, name=f"{item.name}_known", required=False)


def inputs_of(term: Term, evaluator: Evaluator) -> tuple[str, ...]:
    """Return the names of the data that a term reads, those of the market state included."""
    read = {str(key) for key in term.channels}
    for item in term.parts():
        read |= {str(key) for key in item.helpers if key in evaluator.data.channels}
        if item.operation == "column" and item.rows == STATE:
            read |= evaluator.days.inputs_of(item)
    return (*sorted(read), *(("market state",) if term.reads_state else ()))


def _where_known(measured: Floats, truth: Truths) -> Floats:
    unknown = truth == Truth.UNKNOWN
    return np.where(unknown, np.nan, measured) if unknown.any() else measured


def _nothing(evaluator: Evaluator) -> Floats:
    return np.broadcast_to(np.nan, len(evaluator.decided_at))


def _number(term: Term, evaluator: Evaluator) -> Floats:
    """Return a number at every decision row."""
    values = np.asarray(evaluator.joined(term), dtype=np.float64)
    return np.broadcast_to(values, len(evaluator.decided_at))


def _at_rows(term: Term, rows: Rows) -> Term:
    """Return a term as it enters an operation on other rows."""
    if rows == CLOCK or term.rows in (rows, CONSTANT):
        return term
    return Term("same", (), (term,), rows, term.kind, term.unit, term.text)


def _shown(
    name: str, term: Term, truth: Truths, evaluator: Evaluator, *, has_parts: bool
) -> _Shown:
    """Return the numbers, parts and reasons that decide a truth."""
    nothing = _nothing(evaluator)
    shown = _Shown(nothing, nothing)
    match term.operation:
        case "compare":
            shown = _of_comparison(term, truth, evaluator)
        case "crosses":
            shown = _of_crossing(term, truth, evaluator)
        case "for" | "within":
            shown = _of_length(term, evaluator)
            parts = _parts(term, evaluator) if has_parts else ()
            shown = replace(shown, parts=parts)
        case "label":
            label = _at_rows(term.arguments[0], term.rows)
            shown = replace(shown, reasons=_label_reasons(label, truth, evaluator))
        case "and" | "or" | "same" if has_parts:
            shown = replace(shown, parts=_parts(term, evaluator))
        case "not":
            operand = _at_rows(term.arguments[0], term.rows)
            inner = _condition(
                name, operand, evaluator, operand.text, (False, ""), has_parts=has_parts
            )
            shown = _Shown(inner.measured, inner.threshold, inner.unit, inner.parts, inner.reasons)
        case "column" if term.rows == STATE:
            shown = _of_state(term, evaluator)
        case "column":
            detail = ("flush", "stage")
            stage = Term("column", detail, (), term.rows, "label", "stage", "flush.stage")
            shown = replace(shown, reasons=_label_reasons(stage, truth, evaluator))
    return shown


def _parts(term: Term, evaluator: Evaluator) -> tuple[Condition, ...]:
    """Return the operands as conditions, each named by its text."""
    operands = (_at_rows(item, term.rows) for item in term.arguments)
    return tuple(
        _condition(item.text, item, evaluator, item.text, (False, ""), has_parts=False)
        for item in operands
    )


def _of_comparison(term: Term, truth: Truths, evaluator: Evaluator) -> _Shown:
    """Return the two numbers of a comparison; of ``==`` and ``!=`` a reason with them."""
    left, right = (_at_rows(item, term.rows) for item in term.arguments)
    if left.is_constant and not right.is_constant:
        left, right = right, left
    measured, threshold = _number(left, evaluator), _number(right, evaluator)
    unit = left.unit or right.unit
    if term.detail[0] not in _EQUALITY:
        return _Shown(measured, threshold, unit)
    known = truth != Truth.UNKNOWN
    equal = known & (measured == threshold)
    reasons = (
        reason(f"{left.text} is {right.text}", equal),
        reason(f"{left.text} is not {right.text}", known & ~equal),
    )
    return _Shown(np.full(len(truth), np.nan), threshold, unit, reasons=reasons)


def _of_crossing(term: Term, truth: Truths, evaluator: Evaluator) -> _Shown:
    """Return both sides of a crossing; a reason where the side was the same on the row before."""
    left, right = (_at_rows(item, term.rows) for item in term.arguments)
    measured, threshold = _number(left, evaluator), _number(right, evaluator)
    above = term.detail[0] == "above"
    with np.errstate(invalid="ignore"):
        beyond = measured > threshold if above else measured < threshold
    stayed = (truth == Truth.FALSE) & beyond
    measured = np.where(stayed, np.nan, measured)
    word = "above" if above else "below"
    text = f"{left.text} was {word} {right.text} on the row before"
    return _Shown(measured, threshold, left.unit or right.unit, reasons=(reason(text, stayed),))


def _of_length(term: Term, evaluator: Evaluator) -> _Shown:
    """Return how long a truth has held, or how long ago it was true, beside the length."""
    window = term.detail[0]
    assert isinstance(window, WindowLength)
    operation = "held" if term.operation == "for" else "since_true"
    so_far = Term(operation, (window,), term.arguments, term.rows, "number", "", term.text)
    scale, unit = (1, _row_word(term.rows)) if window.rows else _scale(window.ns)
    measured = _number(so_far, evaluator) / scale
    length = np.full(len(measured), (window.rows or window.ns) / scale)
    return _Shown(measured, length, unit)


def _row_word(rows: Rows) -> str:
    """Return the word for rows in a length: days of the state, sessions, bars."""
    if rows == STATE:
        return "days"
    return "sessions" if all(source.by_session for source in rows) else "bars"


def _scale(ns: int) -> tuple[int, str]:
    """Return the unit in which a length of time is shown, in ns, and its word."""
    return (DAY_NS, "days") if ns % DAY_NS == 0 else (HOUR_NS, "hours")


def _label_reasons(term: Term, truth: Truths, evaluator: Evaluator) -> tuple[Reason, ...]:
    """Return a reason for each word that the label was at rows where it decided."""
    codes = np.broadcast_to(
        np.asarray(evaluator.joined(term), dtype=np.int8), len(evaluator.decided_at)
    )
    known: NDArray[np.bool_] = truth != Truth.UNKNOWN
    return tuple(
        reason(f"{term.text} is {word.replace('_', ' ')}", known & (codes == code))
        for code, word in enumerate(LABELS[term.unit])
    )


def _of_state(term: Term, evaluator: Evaluator) -> _Shown:
    """Return the numbers that the market state compared."""
    name = str(term.detail[1])
    columns = (
        Term("column", (what, name), (), STATE, "number") for what in ("measured", "threshold")
    )
    measured, threshold = (_number(item, evaluator) for item in columns)
    return _Shown(measured, threshold, evaluator.days.unit_of(name))
