"""Values of an open plan: read at a decision, and combined with the parts that have rows.

A term with plan values is split. Its largest parts without them are computed in ``prepare`` like
any other signal. The small rest is computed at each decision with the same operations, on arrays
of one row, so that three-valued logic is the same everywhere.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.api import DAY_NS, HOUR_NS, PositionView, Truth
from strategies.rules import operations
from strategies.rules.functions.registry import FUNCTIONS
from strategies.rules.terms import Term

# Price moves and risks below this share of the price are rounding errors of the ticks.
_NO_DISTANCE = 1e-12
_TWO_DAYS = 2 * DAY_NS

# The plan value that is known without a plan.
EQUITY_DRAWDOWN = "equity.drawdown"
PLAN_VALUES = (
    *("position.age", "position.age_rows", "position.r", "position.best_r"),
    *("position.drawdown", "entry", "stop", EQUITY_DRAWDOWN),
)

Reading = Mapping[str, float]
Scalar = NDArray[Any]


@dataclass
class PlanTrack:
    """Remember an open plan's first stop, and its best at the decisions so far.

    ``best_mark`` is the highest mark of a long plan, the lowest of a short one.
    """

    first_stop: float
    best_r: float = -np.inf
    best_mark: float = np.nan

    def see(self, position: PositionView) -> None:
        """Update the best values at a decision row."""
        sign = 1.0 if position.quantity > 0 else -1.0
        self.best_r = max(self.best_r, self.r(position))
        if np.isnan(self.best_mark) or sign * (position.mark - self.best_mark) > 0:
            self.best_mark = position.mark

    def r(self, position: PositionView) -> float:
        """Return how far the mark is beyond the average entry, in distances to the first stop."""
        sign = 1.0 if position.quantity > 0 else -1.0
        distance = abs(position.average_entry - self.first_stop)
        if not distance > _NO_DISTANCE * position.average_entry:
            return float("nan")
        return sign * (position.mark - position.average_entry) / distance

    def drawdown(self, position: PositionView) -> float:
        """Return the loss of price from the plan's best mark, a fraction, 0 or negative."""
        sign = 1.0 if position.quantity > 0 else -1.0
        return sign * (position.mark / self.best_mark - 1.0)


def plan_reading(
    position: PositionView, track: PlanTrack, *, now: int, age_rows: int, equity_drawdown: float
) -> dict[str, float]:
    """Return every plan value of a position at a decision row, by its name in the language."""
    return {
        "position.age": float(now - position.entered_at),
        "position.age_rows": float(age_rows),
        "position.r": track.r(position),
        "position.best_r": track.best_r,
        "position.drawdown": track.drawdown(position),
        "entry": position.average_entry,
        "stop": position.stop,
        EQUITY_DRAWDOWN: equity_drawdown,
    }


def prepared_parts(term: Term) -> Iterator[Term]:
    """Yield the largest parts of a term that need no plan, constants left out, each once."""
    seen: set[Term] = set()
    for part in _prepared(term):
        if part not in seen:
            seen.add(part)
            yield part


def _prepared(term: Term) -> Iterator[Term]:
    if not term.needs_plan:
        if not term.is_constant and term.kind in ("number", "truth"):
            yield term
        return
    for argument in term.arguments:
        yield from _prepared(argument)


def part_name(place: str, number: int) -> str:
    """Return the name of the signal that holds a part of the expression at a place."""
    return f"{place} part {number}"


@dataclass(frozen=True)
class PlanTerm:
    """A term with plan values, and the names of the signals that hold its prepared parts."""

    term: Term
    parts: Mapping[Term, str]

    @classmethod
    def of(cls, term: Term, place: str) -> "PlanTerm":
        """Return the term of the expression at a place."""
        named = {p: part_name(place, i + 1) for i, p in enumerate(prepared_parts(term))}
        return cls(term, named)

    def reads_only(self, name: str) -> bool:
        """Return whether no other plan value than the named one stands in the term."""
        return {str(p.detail[0]) for p in self.term.parts() if p.operation == "plan"} == {name}

    def number(self, signal: Callable[[str], float], reading: Reading) -> float:
        """Return the number at a decision row; NaN while unknown."""
        return float(self._value(self.term, signal, reading)[0])

    def truth(self, signal: Callable[[str], float], reading: Reading) -> Truth:
        """Return the truth at a decision row."""
        return Truth(int(self._value(self.term, signal, reading)[0]))

    def _value(self, term: Term, signal: Callable[[str], float], reading: Reading) -> Scalar:
        if term in self.parts:
            return _scalar(term, signal(self.parts[term]))
        if term.is_constant:
            return _scalar(term, term.value)
        if term.operation == "plan":
            return np.array([reading[str(term.detail[0])]])
        arguments = [self._value(item, signal, reading) for item in term.arguments]
        return _computed(term, arguments)

    def told(self, signal: Callable[[str], float], reading: Reading) -> str:
        """Return why the truth holds, as measured: ``position.age 10.04 d > 10d``."""
        return self._told(self.term, signal, reading)

    def _told(self, term: Term, signal: Callable[[str], float], reading: Reading) -> str:
        if not term.needs_plan:
            return term.text
        if term.operation == "not":
            return f"not ({self._told(term.arguments[0], signal, reading)})"
        if term.operation in ("and", "or"):
            # Of alternatives only those that hold are a reason.
            held = [
                item
                for item in term.arguments
                if term.operation == "and" or self._value(item, signal, reading)[0] == Truth.TRUE
            ]
            return f" {term.operation} ".join(self._told(item, signal, reading) for item in held)
        if term.operation != "compare":
            return term.text
        left, right = (self._measured(item, signal, reading) for item in term.arguments)
        return f"{left} {term.detail[0]} {right}"

    def _measured(self, term: Term, signal: Callable[[str], float], reading: Reading) -> str:
        if term.is_constant:
            return term.text
        return f"{term.text} {value_words(float(self._value(term, signal, reading)[0]), term)}"


def part_values(part: Term, truth_or_number: NDArray[Any]) -> NDArray[np.float64]:
    """Return a prepared part as a signal: numbers as they are, unknown truths as NaN."""
    if part.kind == "number":
        return np.asarray(truth_or_number, dtype=np.float64)
    return np.where(truth_or_number == Truth.UNKNOWN, np.nan, truth_or_number.astype(np.float64))


def _scalar(term: Term, value: float) -> Scalar:
    if term.kind == "number":
        return np.array([value])
    return np.array([Truth.UNKNOWN if np.isnan(value) else int(value)], dtype=np.int8)


def _computed(term: Term, arguments: list[Scalar]) -> Scalar:
    """Return the result of an operation on one row."""
    match term.operation:
        case "arithmetic":
            return operations.arithmetic(str(term.detail[0]), *arguments)
        case "negative":
            return np.asarray(-arguments[0])
        case "compare":
            return operations.compared(str(term.detail[0]), *arguments)
        case "not":
            return operations.negated(arguments[0])
        case "and" | "or":
            join = operations.both if term.operation == "and" else operations.either
            found = arguments[0]
            for other in arguments[1:]:
                found = join(found, other)
            return found
        case "call":
            return _called(term, arguments)
    raise AssertionError(f"{term.operation} of plan values")


def _called(term: Term, arguments: list[Scalar]) -> Scalar:
    """Return a function of one row, such as min(stop, entry)."""
    name, slots = term.detail
    assert isinstance(name, str)
    assert isinstance(slots, tuple)
    given = [arguments[place] if kind in ("number", "truth") else place for kind, place in slots]
    with np.errstate(all="ignore"):
        return FUNCTIONS[name].compute(*given)


def value_words(value: float, term: Term) -> str:
    """Return a value with its unit, short enough for the reason of a decision."""
    if np.isnan(value):
        return "unknown"
    if term.unit == "duration":
        return f"{value / DAY_NS:.4g} d" if value >= _TWO_DAYS else f"{value / HOUR_NS:.4g} h"
    if term.unit == "rows":
        return f"{value:.0f} rows"
    if term.unit == "R":
        return f"{value:.4g} R"
    if term.unit == "fraction":
        return f"{value:.4%}"
    return f"{value:,.6g}" if abs(value) < 1_000 else f"{value:,.2f}"
