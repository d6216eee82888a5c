"""Constraints: a closed language over swept values, with an error that shows its part."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import ConfigError
from engine.sweep.axes import Axis, SweepSpace
from engine.sweep.constraints import parsed_constraint

PATHS = ("playbook.params.stop_atr", "playbook.params.target_atr", "a.side", "b.trail")
SPACE = SweepSpace(tuple(Axis(path, (1,), True) for path in PATHS))
VALUES = dict(zip(PATHS, (1.0, 2.0, "long", None), strict=True))


def holds(text, **values):
    given_ = VALUES | {path: values.get(path.rpartition(".")[2], VALUES[path]) for path in PATHS}
    return parsed_constraint(text, SPACE, "x.yaml:7").holds(given_)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("stop_atr < target_atr", True),
        ("playbook.params.stop_atr >= params.target_atr", False),
        ("stop_atr + 1 == target_atr", True),
        # Products bind first: 2 - 1 x 2 = 0.
        ("target_atr - stop_atr * 2 == 0", True),
        ("(target_atr - stop_atr) * 2 == 2", True),
        ("-stop_atr < 0", True),
        ("8 / 4 / 2 == 1", True),
        # 'and' binds before 'or'.
        ("stop_atr > 9 and stop_atr > 9 or target_atr == 2", True),
        ("stop_atr > 9 and (stop_atr > 9 or target_atr == 2)", False),
        ("side == 'long'", True),
        ('side != "long"', False),
        # The second part would order null, and is not reached.
        ("trail == null or trail < 1", True),
    ],
)
def test_a_constraint_is_decided_by_the_values_of_a_set(text, expected):
    assert holds(text) is expected


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("stop_atr", "a comparison"),
        ("stop_atr <", "a number or a swept value"),
        ("stop < 1", "stop is not swept; swept are playbook.params.stop_atr"),
        ("stop_atr < target_atr < 3", "'and', 'or' or the end"),
        ("stop_atr.__class__ == 1", "is not swept"),
        ("stop_atr(1) < 2", "a comparison"),
        ("lambda: 1 < 2", "is no part of a constraint"),
        ("stop_atr < 1; target_atr", "is no part of a constraint"),
        ("(stop_atr < 1", "')' is needed"),
        ("(" * 60 + "1" + ")" * 60 + " < 2", "nested deeper"),
        ("1 < " + "1" * 500, "at most 400 letters"),
    ],
)
def test_a_wrong_constraint_is_refused_with_file_and_line(text, told):
    with pytest.raises(ConfigError, match=r"^x\.yaml:7: ") as caught:
        holds(text)
    assert told in str(caught.value)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("trail < 1", "orders None and 1.0"),
        ("side + 1 < 2", "computes with 'long' and 1.0"),
        ("1 / (stop_atr - 1) < 2", "divides by zero"),
    ],
)
def test_values_that_cannot_be_compared_are_refused_at_their_sign(text, told):
    with pytest.raises(ConfigError, match=r"x\.yaml:7") as caught:
        holds(text)
    assert told in str(caught.value)
    assert str(caught.value).splitlines()[-1].strip() == "^"


def test_an_end_that_two_paths_share_is_ambiguous():
    space = SweepSpace((Axis("risk.cap", (1,), True), Axis("venue.cap", (1,), True)))
    with pytest.raises(ConfigError, match=r"several swept values: risk\.cap, venue\.cap"):
        parsed_constraint("cap < 1", space, "x.yaml:7")


@given(st.integers(-5, 5), st.integers(-5, 5), st.integers(1, 5))
def test_arithmetic_is_that_of_numbers(a, b, c):
    text = f"({a} + {b}) * 2 - {a} / {c} <= {b} - -{c}"
    assert holds(text) is ((a + b) * 2 - a / c <= b + c)
