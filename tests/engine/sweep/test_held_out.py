"""Leave one window out: chosen elsewhere, judged there; and the tests of the whole family."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.config.sweep import ChoiceRule, ChooseConfig, SweepMetric
from engine.statistics import Missing
from engine.sweep.blind_sets import blind_sets
from engine.sweep.daily_excess import DailyExcess
from engine.sweep.family_tests import MAX_RATIOS, SPLITS, blocks_of, overfitting, superiority
from engine.sweep.held_out import forward, leave_one_out, training_rows

PEAK = ChooseConfig(rule=ChoiceRule.PEAK, metric=SweepMetric.EXCESS_RETURN)


def matrix(*windows, gap=100):
    """Return windows of daily excess, shape (days, sets) each, ``gap`` days between two."""
    lengths = [len(window) for window in windows]
    firsts = np.cumsum([0, *(length + gap for length in lengths[:-1])])
    days = [np.datetime64("2026-01-01") + first + np.arange(n)
            for first, n in zip(firsts, lengths, strict=True)]  # fmt: skip
    names = tuple("abcdefgh"[: len(windows)])
    codes = np.repeat(np.arange(len(windows)), lengths)
    return DailyExcess(np.concatenate(windows), np.concatenate(days), codes, names, names, 100)


def alone(sets):
    return [np.array([place]) for place in range(sets)]


def all_blind(excess):
    count = excess.values.shape[1]
    return blind_sets(excess, alone(count), [False] * count)


def test_each_window_is_judged_by_the_set_that_the_others_chose():
    # Sums of the sets by window: a (3, 1), b (1, 2), c (0, 4) percent.
    a, b, c = (np.array([[x, y], [x, y]]) / 200 for x, y in ((3, 1), (1, 2), (0, 4)))
    found = leave_one_out(matrix(a, b, c), alone(2), PEAK, memory_days=10)
    # Sums without a: (1, 6), the second; without b: (3, 5), the second; without c: (4, 3).
    assert [fold.place for fold in found.folds] == [1, 1, 0]
    assert [fold.excess for fold in found.folds] == pytest.approx([0.01, 0.02, 0.0])
    assert [fold.beaten for fold in found.folds] == [0.0, 1.0, 0.0]
    # Six days with the sum 0.03, a hundred days a year.
    assert found.number == pytest.approx(0.03 / 6 * 100)


def test_days_within_the_rules_memory_of_the_left_out_window_are_not_used():
    a, b = np.array([[0.0, 1.0]] * 4), np.array([[1.0, 0.0]] * 4)
    near = leave_one_out(matrix(a, b, gap=3), alone(2), PEAK, memory_days=5)
    # Two windows of four days, three days apart: five days of memory reach two of the other's days.
    assert [fold.dropped for fold in near.folds] == [2, 2]
    assert [fold.dropped for fold in leave_one_out(matrix(a, b), alone(2), PEAK, 5).folds] == [0, 0]


def test_a_memory_that_leaves_no_day_to_choose_on_is_the_reason():
    found = leave_one_out(matrix(np.ones((4, 2)), np.ones((4, 2)), gap=3), alone(2), PEAK, 9)
    # The first day of b is 7 days after the first of a: 9 days of memory reach all four.
    assert found == Missing(
        "the rules remember 9 days, which leaves 0 of the 4 days that choose for a"
    )


def test_the_window_that_is_judged_never_decides():
    draw = np.random.default_rng(3)
    windows = [draw.normal(0, 0.01, (20, 5)) for _ in range(3)]
    before = leave_one_out(matrix(*windows), alone(5), PEAK, 0)
    windows[1] = draw.normal(0, 1.0, (20, 5))
    after = leave_one_out(matrix(*windows), alone(5), PEAK, 0)
    assert before.folds[1].place == after.folds[1].place


def test_windows_of_one_cluster_are_left_out_together():
    a, b, c = (np.array([[x, y], [x, y]]) for x, y in ((1, 0), (5, 0), (0, 1)))
    excess = replace(matrix(a, b, c), clusters=("one", "one", "two"))
    found = leave_one_out(excess, alone(2), PEAK, memory_days=0)
    assert [(fold.window, fold.place) for fold in found.folds] == [("a, b", 1), ("c", 0)]


@given(st.lists(st.booleans(), min_size=2, max_size=40), st.integers(0, 6))
def test_the_days_used_are_all_those_farther_away_than_the_memory(inside, memory):
    held = np.array(inside)
    if not held.any():
        return
    grid = np.datetime64("2026-01-01") + np.arange(len(held))
    expected = [min(abs(day - other) for other in np.flatnonzero(held)) > memory
                for day in range(len(held))]  # fmt: skip
    assert training_rows(grid, held, memory).tolist() == expected


def test_forward_chooses_on_earlier_windows_alone():
    # Per day of each window: (1, 0), (0, 3), (5, 0), (0, 0).
    windows = [np.array([[x, y], [x, y]]) for x, y in ((1, 0), (0, 3), (5, 0), (0, 0))]
    anchored = forward(matrix(*windows), alone(2), PEAK, 0)
    # Sums before b (1, 0), before c (1, 3), before d (6, 3).
    assert [(fold.window, fold.place) for fold in anchored.folds] == [("b", 0), ("c", 1), ("d", 0)]
    rolling = forward(matrix(*windows), alone(2), PEAK, 0, last=1)
    assert [fold.place for fold in rolling.folds] == [0, 1, 0]
    later = [*windows[:2], windows[2] * -9, windows[3]]
    assert forward(matrix(*later), alone(2), PEAK, 0).folds[:1] == anchored.folds[:1]


def test_one_window_cannot_be_left_out():
    found = leave_one_out(matrix(np.ones((5, 2))), alone(2), PEAK, 0)
    assert isinstance(found, Missing)


@given(st.integers(1, 60), st.integers(2, 200_000))
def test_blocks_are_shared_out_equally_and_cross_no_window(count, sets):
    windows = np.repeat(np.arange(count), 3)
    codes, blocks = blocks_of(windows, sets)
    groups = len(np.unique(codes))
    assert blocks % 2 == 0
    assert blocks % groups == 0
    assert blocks == 4 or SPLITS[blocks] * sets <= MAX_RATIOS
    # A window lies in one group as a whole.
    assert all(len(np.unique(codes[windows == window])) == 1 for window in range(count))


def test_worthless_sets_look_overfitted_and_beat_nothing():
    noise = np.random.default_rng(0).normal(0, 0.01, (300, 12))
    excess = matrix(noise[:150], noise[150:])
    assert 0.2 < overfitting(all_blind(excess)).probability < 0.9
    assert superiority(all_blind(excess), seed=0).consistent > 0.05


def test_a_set_that_always_earns_is_found_again_and_beats_the_bill():
    noise = np.random.default_rng(0).normal(0, 0.01, (300, 12))
    noise[:, 4] += 0.005
    excess = matrix(noise[:150], noise[150:])
    assert overfitting(all_blind(excess)).probability == 0.0
    assert superiority(all_blind(excess), seed=0).superior == (4,)
