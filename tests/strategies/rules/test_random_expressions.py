"""Random expressions: the vectorized evaluator gives what a slow loop gives, and never looks ahead.

150 expressions; with ``RISKOFF_SOAK=1`` there are 5,000.
"""

import math
import os
from collections import Counter
from collections.abc import Iterator
from functools import lru_cache

import numpy as np
import pytest

from data_feeds.clock import MINUTE_NS
from strategies.rules.functions.registry import FUNCTIONS
from strategies.rules.parse import parse
from strategies.rules.syntax import Call, Crossing, Lasting, Logic, Node, children
from tests.strategies.rules.expression_cases import (
    ExpressionCase,
    decided_at,
    draw_case,
    evaluated,
    slow_values,
    term_of,
)
from tests.strategies.rules.small_market import redrawn_after

CASES = 5_000 if os.environ.get("RISKOFF_SOAK") else 150
BATCH = 25
ROWS = 16
CUTS = 1
# What the 150 cases must hold together, so that equality means something.
LEAST_TRUTHS = {0: 300, 1: 150, -1: 100}
LEAST_NUMBERS = {"known": 300, "unknown": 80}
LEAST_FUNCTION = 2
LEAST_NODE = 5


@lru_cache(maxsize=CASES)
def compared(seed: int) -> tuple[ExpressionCase, list[float]]:
    """Return a case and its slow values, computed once a session."""
    case = draw_case(seed, ROWS)
    return case, slow_values(case)


def same(found: float, wanted: float, *, is_truth: bool) -> bool:
    """Return whether two values agree: truths exactly, numbers to 1e-9 of their size."""
    if is_truth or math.isnan(wanted) or math.isnan(found):
        return bool(found == wanted or (math.isnan(found) and math.isnan(wanted)))
    return math.isclose(found, wanted, rel_tol=1e-9, abs_tol=1e-13)


@pytest.mark.parametrize("first", range(0, CASES, BATCH))
def test_the_vectorized_evaluator_gives_what_the_slow_one_gives(first: int) -> None:
    for seed in range(first, first + BATCH):
        case, wanted = compared(seed)
        found = evaluated(case, term_of(case), case.data)
        for row, value in zip(case.rows, wanted, strict=True):
            assert same(found[row], value, is_truth=case.is_truth), (
                f"case {seed} ({case.market}), row {row} of {case.clock}: {found[row]!r}, "
                f"slowly {value!r}: {case.text}"
            )


@pytest.mark.parametrize("first", range(0, CASES, BATCH))
def test_another_future_changes_no_bit_of_the_past(first: int) -> None:
    for seed in range(first, first + BATCH):
        case = draw_case(seed, ROWS)
        term, rng = term_of(case), np.random.default_rng(seed)
        instants = decided_at(case.data, case.clock)
        whole = evaluated(case, term, case.data)
        for decided in rng.choice(instants[len(instants) // 5 :], CUTS, replace=False).tolist():
            # A little before a decision, so that the cut falls between two rows, too.
            at = decided - int(rng.integers(0, 2)) * 30 * MINUTE_NS
            rows = int(np.searchsorted(instants, at, side="right"))
            for kind, other in (
                ("cut", case.data.cut(at)),
                ("redrawn", redrawn_after(case.data, at, seed)),
            ):
                found = evaluated(case, term, other)[:rows]
                changed = np.flatnonzero(
                    found.view(np.int64 if found.dtype == np.float64 else np.int8)
                    != whole[:rows].view(np.int64 if found.dtype == np.float64 else np.int8)
                )
                assert len(found) == rows
                assert not len(changed), (
                    f"case {seed} ({case.market}), {kind} at {at}: row {changed[0]} of "
                    f"{case.clock} was {whole[changed[0]]!r}, now {found[changed[0]]!r}: "
                    f"{case.text}"
                )


def test_the_cases_hold_every_function_node_and_truth() -> None:
    truths: Counter[float] = Counter()
    numbers: Counter[str] = Counter()
    functions: Counter[str] = Counter()
    nodes: Counter[str] = Counter()
    for seed in range(CASES):
        case, values = compared(seed)
        is_known = [not math.isnan(value) and value != -1 for value in values]
        if case.is_truth:
            truths.update(values)
        else:
            numbers.update("known" if known else "unknown" for known in is_known)
        # A function whose expression was unknown at every row has not been compared.
        if any(is_known):
            found = list(walk(parse(case.text)))
            functions.update({node.function for node in found if isinstance(node, Call)})
            nodes.update({kind_of(node) for node in found})
    assert {name for name in FUNCTIONS if functions[name] < LEAST_FUNCTION} == set()
    assert {name for name in NODES if nodes[name] < LEAST_NODE} == set(), nodes
    assert all(truths[truth] >= least for truth, least in LEAST_TRUTHS.items()), truths
    assert all(numbers[kind] >= least for kind, least in LEAST_NUMBERS.items()), numbers


NODES = (
    "Number",
    "Length",
    "Name",
    "Call",
    "Lookback",
    "Negative",
    "Arithmetic",
    "Comparing",
    "Crossing above",
    "Crossing below",
    "Logic and",
    "Logic or",
    "Negation",
    "Lasting for",
    "Lasting within",
)


def walk(node: Node) -> Iterator[Node]:
    """Yield a node and all nodes below it."""
    yield node
    for child in children(node):
        yield from walk(child)


def kind_of(node: Node) -> str:
    """Return the name of a node's kind, with its word where it has two."""
    word = {Crossing: "direction", Logic: "operator", Lasting: "mode"}.get(type(node))
    name = type(node).__name__
    return f"{name} {getattr(node, word)}" if word else name
