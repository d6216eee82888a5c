"""Choose the values of a file that the page of a run draws, and the instrument of each price.

They are numbers that a rule uses, each computed for its rule anyway: what a file names in ``let``,
and the prices that an entry compares, such as the high of twenty days.
"""

from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from engine.api import ChannelKind, DrawnAs, DrawnValue
from strategies.rules.bindings import BoundRules
from strategies.rules.evaluate import Evaluator
from strategies.rules.terms import Term
from strategies.rules.written import written_expressions

_PRICES = frozenset({"open", "high", "low", "close"})
# Stages and depth of the flush detector are no prices.
_FLUSH_PRICES = frozenset(
    {"support", "broken_support", "first_low", "second_low", "bounce_high", "reclaim_level", "low"}
)
_LONGEST = 40
# A function of a price that is a price on the same scale.
_KEEPS_PRICE = frozenset({"sma", "ema", "wilder", "highest", "lowest", "min", "max"})


def drawn_values(
    rules: BoundRules, evaluator: Evaluator
) -> tuple[tuple[DrawnValue, ...], Mapping[str, NDArray[np.float64]]]:
    """Return the drawn values of a file, and their numbers by name, one a decision row."""
    clock = rules.clock_key.instrument
    known = {clock, *(rules.params.instrument_id(name) for name in rules.params.instruments)}
    shown = known & ({clock} | _traded(rules))
    declared: dict[str, DrawnValue] = {}
    numbers: dict[str, NDArray[np.float64]] = {}
    done: set[Term] = set()
    for title, term, is_named in _candidates(rules):
        instrument = price_instrument(term)
        name = f"drawn {title}"
        if term in done or not (is_named or instrument) or instrument not in {*shown, ""}:
            continue
        done.add(term)
        kind = DrawnAs.LINE if instrument else DrawnAs.PANEL
        declared[name] = DrawnValue(name, title, kind, instrument, term.unit)
        numbers[name] = evaluator.numbers(term).values
    return tuple(declared.values()), numbers


def _traded(rules: BoundRules) -> set[str]:
    params = rules.params
    names = {trade.instrument for trade in params.trades.values()}
    names |= {name for state in params.weights.values() for _, name, _ in state.shares}
    return {params.instrument_id(name) for name in names}


def _candidates(rules: BoundRules) -> Iterator[tuple[str, Term, bool]]:
    """Yield title, term and whether ``let`` names it, of numbers that a rule of the file uses.

    A value that no rule uses has no warm-up of its own, so it is left out.
    """
    used = {part for term in rules.terms.values() for part in term.parts()}
    for item in written_expressions(rules.params):
        if item.place[0] == "let":
            term = rules.understood(item)
            if term in used and _is_drawn(term):
                yield _named(str(item.place[1]), item.text), term, True
    for place, term in rules.terms.items():
        if "enter" in place or "when" in place:
            for part in term.parts():
                if part.operation in ("compare", "crosses"):
                    for side in part.arguments:
                        if side.operation != "column" and _is_drawn(side):
                            yield side.text, side, False


def _named(name: str, text: str) -> str:
    """Return a name with its expression, without a long one.

    >>> _named("n", "atr(btc, 14 bars)")
    'n: atr(btc, 14 bars)'
    """
    return f"{name}: {text}" if len(text) <= _LONGEST else name


def _is_drawn(term: Term) -> bool:
    return term.kind == "number" and not term.is_constant and not term.needs_plan


def price_instrument(term: Term) -> str:
    """Return the instrument whose price a number is, "" for any other number.

    A price plus or less another number is a price; the difference of two prices is none.
    """
    found = [price_instrument(part) for part in term.arguments]
    match term.operation:
        case "column":
            return _of_column(term)
        case "lookback" | "month_end":
            return found[0]
        case "call" if term.detail[0] in _KEEPS_PRICE:
            owners = set(found) - {""}
            return owners.pop() if len(owners) == 1 else ""
        case "arithmetic":
            return _of_arithmetic(term, *found)
    return ""


def _of_arithmetic(term: Term, left: str, right: str) -> str:
    """Return the instrument of a sum, difference, product or quotient of which one is a price."""
    sign = term.detail[0]
    if sign in ("+", "-"):
        # The right side of a difference is the part that is taken away.
        return "" if left and right else left or (right if sign == "+" else "")
    if term.arguments[1].is_constant:
        return left
    return right if sign == "*" and term.arguments[0].is_constant else ""


def _of_column(term: Term) -> str:
    (source,) = term.rows
    if source.key is None or source.key.kind not in (ChannelKind.BARS, ChannelKind.MARK):
        return ""
    what = term.detail
    is_price = what[0] in _PRICES or (what[0] == "flush" and what[-1] in _FLUSH_PRICES)
    return source.key.instrument if is_price else ""
