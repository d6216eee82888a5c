"""Whatever a text holds, it is a tree or one refusal with a place; no work grows without bound.

500 expressions; 20,000 with ``RISKOFF_SOAK=1``.
"""

import os
import random
import sys
from collections.abc import Callable, Iterator
from types import FrameType

import pytest

from strategies.rules.meaning import understand
from strategies.rules.names import Names, NameSettings
from strategies.rules.parse import MAX_CHARACTERS, MAX_DEPTH, MAX_NODES, parse
from strategies.rules.syntax import ExpressionError, Node, children
from tests.strategies.rules.hostile import FAMILIES, GOOD, hostile_expressions

CASES = 20_000 if os.environ.get("RISKOFF_SOAK") else 500
PIECES = 10
# Python calls of one parse: a constant and so many a character. Measured: 300 and 40.
CALLS, CALLS_A_CHARACTER = 2_000, 120

NAMES = Names.of(
    NameSettings(
        {"btc": "BTCUSDT-PERP@1h", "spy": "SPY@session"},
        {"vix": "VIX"},
        "btc@1h",
        {"vix_max": 25.0, "n": "atr(btc, 14 bars)", "look": 3.0},
    )
)


def piece(number: int) -> Iterator[str]:
    return hostile_expressions(number, CASES // PIECES)


def fresh(text: str) -> Node:
    """Return the tree of a text, never one of an earlier call."""
    return parse.__wrapped__(text)


def nodes(node: Node, depth: int = 1) -> Iterator[tuple[Node, int]]:
    yield node, depth
    for child in children(node):
        assert node.span.start <= child.span.start < child.span.end <= node.span.end
        yield from nodes(child, depth + 1)


def assert_bounded(node: Node, text: str) -> None:
    depths = [depth for _, depth in nodes(node)]
    assert len(depths) <= MAX_NODES
    assert max(depths) <= MAX_DEPTH
    assert 0 <= node.span.start < node.span.end <= len(text) <= MAX_CHARACTERS


def assert_helpful(error: ExpressionError, text: str) -> None:
    assert error.text == text
    assert 0 <= error.start <= error.end <= len(text)
    # Only the end of a text is a place without a letter.
    assert error.start < error.end or error.start == len(text)
    message = str(error)
    assert 5 < len(message) < 700
    assert message.isprintable()
    line, carets = error.pointed().split("\n")
    assert line.isprintable()
    assert len(line) <= 110
    assert set(carets.lstrip(" ")) == {"^"}


def test_the_families_are_drawn_alike_and_good_expressions_are_good():
    assert list(hostile_expressions(1, 50)) == list(hostile_expressions(1, 50))
    kinds = [understand(text, NAMES, plan_values=True).kind for text in GOOD]
    assert set(kinds) == {"truth", "number"}


@pytest.mark.parametrize("number", range(PIECES))
def test_every_text_is_a_tree_or_one_refusal_with_a_place(number: int):
    refused = 0
    for text in piece(number):
        try:
            node = fresh(text)
        except ExpressionError as error:
            refused += 1
            assert_helpful(error, text)
        else:
            assert_bounded(node, text)
    assert refused > CASES // PIECES // 2


@pytest.mark.parametrize("number", range(PIECES))
def test_every_text_has_a_meaning_or_one_refusal_with_a_place(number: int):
    for text in piece(number):
        try:
            understand(text, NAMES, "truth", plan_values=True)
        except ExpressionError as error:
            assert_helpful(error, text)


def calls_of(work: Callable[[], object]) -> int:
    """Return the number of Python functions that a piece of work calls."""
    count = 0

    def on_event(frame: FrameType, event: str, argument: object) -> None:
        nonlocal count
        count += event == "call"

    before = sys.getprofile()
    sys.setprofile(on_event)
    try:
        work()
    except ExpressionError:
        pass
    finally:
        sys.setprofile(before)
    return count


@pytest.mark.parametrize("number", range(PIECES))
def test_the_work_of_a_text_is_bounded_by_its_length(number: int):
    fresh("vix")  # builds the parser
    for text in list(piece(number))[:: PIECES // 2]:
        calls = calls_of(lambda text=text: fresh(text))
        assert calls <= CALLS + CALLS_A_CHARACTER * min(len(text), MAX_CHARACTERS), text[:200]


@pytest.mark.parametrize("whole", ["a", "(", "-", "a+", "f(a,", "x[1]", "not ", "a b ", "1 ", "a<"])
def test_twice_the_text_is_about_twice_the_work(whole: str):
    fresh("vix")
    short, long = (
        calls_of(lambda size=size: fresh((whole * size)[:size] + " a a")) for size in (240, 480)
    )
    assert long <= 2 * short + CALLS


def test_a_text_beyond_the_limit_is_refused_without_being_read():
    calls = {calls_of(lambda size=size: fresh("(" * size)) for size in (501, 1_000, 100_000)}
    assert len(calls) == 1
    assert calls.pop() < 20


def test_every_family_is_mostly_refused():
    for family in FAMILIES:
        refused = 0
        for seed in range(60):
            try:
                fresh(family(random.Random(seed)))
            except ExpressionError:
                refused += 1
        assert refused > 20, family.__name__
