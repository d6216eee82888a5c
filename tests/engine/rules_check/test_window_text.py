"""Ranges of numbers and held states as a trader reads them."""

import numpy as np

from engine.conditions import Condition, condition
from engine.rules_check.condition_counts import count_conditions
from engine.rules_check.state_counts import count_states
from engine.rules_check.window_text import range_lines, state_lines

HOUR = 3_600 * 10**9


def above(
    name: str,
    measured: list[float],
    threshold: float | list[float],
    unit: str,
    *parts: Condition,
) -> Condition:
    numbers, limit = np.array(measured), np.array(threshold, dtype=np.float64)
    return condition(
        name,
        numbers > limit,
        known=~np.isnan(numbers),
        measured=numbers,
        threshold=limit,
        unit=unit,
        description="",
        parts=parts,
    )


def ranges(*conditions: Condition) -> list[str]:
    at = np.arange(len(conditions[0].truth), dtype=np.int64) * HOUR
    return list(range_lines(count_conditions(conditions, at, 0, 99 * HOUR)))


def states(*held: int) -> list[str]:
    at = np.arange(len(held), dtype=np.int64) * HOUR
    return list(state_lines(count_states(["storm", "usual"], np.array(held, np.float64), at)))


def test_a_fixed_threshold_stands_beside_the_range() -> None:
    assert ranges(above("panic", [14.0, 17.5, 28.0], 30.0, "points"))[2:] == [
        "     compared  lowest  median  highest  threshold    unit",
        "  1  panic         14    17.5       28         30  points",
    ]


def test_a_moving_threshold_has_a_range_of_its_own_and_a_margin() -> None:
    # The margins are -2, -1 and -3: the highest one, -1, says how near it came.
    assert ranges(above("high", [10.0, 21.0, 30.0], [12.0, 22.0, 33.0], "quote"))[3:] == [
        "  1  high                           10      21       30      moves  quote",
        "       threshold                    12      22       33             quote",
        "       measured less threshold      -3      -2       -1          0  quote",
    ]


def test_small_fractions_are_in_basis_points() -> None:
    line = ranges(above("longs_pay", [-0.00001, 0.0001, 0.0002], 0.0003, "fraction"))[-1]
    assert line.split() == ["1", "longs_pay", "-0.1", "1", "2", "3", "bp"]


def test_parts_are_named_by_their_text_and_long_ones_are_cut() -> None:
    blank = [float("nan")] * 2
    part = above("vix < sma(vix, 20 bars) and more words", [1.0, 2.0], 3.0, "")
    head, line = ranges(above("calm", blank, float("nan"), "", part))[3:]
    assert head.rstrip() == "  1  calm"
    assert line.startswith("       vix < sma(vix, 20 bars) and more ...       1")


def test_a_part_that_is_a_condition_is_told_once() -> None:
    back = above("vix_back", [1.0, 2.0], 3.0, "points")
    none = above("no_exit", [float("nan")] * 2, float("nan"), "", back)
    (line,) = ranges(none, back)[3:]
    assert line.split()[:2] == ["2", "vix_back"]


def test_conditions_without_numbers_have_no_table() -> None:
    assert ranges(above("calm", [float("nan")], 1.0, "")) == []


def test_states_show_shares_spells_and_switches() -> None:
    assert states(-1, 1, 0, 1)[2:] == [
        "             held  spells  longest              first               last",
        "  storm     25.0%       1        1  1970-01-01T02:00Z  1970-01-01T02:00Z",
        "  usual     50.0%       2        1  1970-01-01T01:00Z  1970-01-01T03:00Z",
        "  none yet  25.0%       -        -                  -                  -",
        "  The state changes 2 times, first at 1970-01-01T02:00Z, last at 1970-01-01T03:00Z.",
    ]


def test_one_change_and_none_are_told_in_words() -> None:
    assert states(1, 0)[-1] == "  The state changes once, at 1970-01-01T01:00Z."
    assert states(1, 1)[-1] == "  The state never changes."
    assert states() == []
