"""Placebo tests: a planted effect is found, p-values are uniform without one, dates are valid."""

import numpy as np
import pytest

from engine.errors import ReportError
from engine.statistics import (
    Candidates,
    Missing,
    placebo_means,
    placebo_rows,
    placebo_test,
)

ROWS = 4_000


def candidates(events, rows=ROWS):
    return Candidates(np.arange(rows) * 1.0, np.zeros(rows, dtype=np.int64), np.array(events))


def walk(seed, horizon, drift_after=(), size=0.0, rows=ROWS):
    """Return moves over the horizon from every row of a random walk, plus ``size`` after events."""
    steps = np.random.default_rng(seed).normal(0.0, 1.0, rows + horizon)
    for row in drift_after:
        steps[row : row + horizon] += size / horizon
    path = np.concatenate(([0.0], np.cumsum(steps)))
    return path, (path[horizon:] - path[:-horizon])[:rows]


def p_value(events, moves, horizon, seed=0, draws=199):
    found = placebo_rows(
        candidates(events, len(moves)), np.isfinite(moves), horizon, draws=draws, seed=seed
    )
    means = placebo_means(moves[:, np.newaxis], found.rows)[:, 0]
    return placebo_test(moves[events].mean(), means, found.way).p_value, found.way


@pytest.mark.parametrize(("count", "way"), [(20, "apart"), (80, "rotated")])
def test_a_planted_effect_is_found(count, way):
    events = np.sort(np.random.default_rng(1).choice(ROWS, count, replace=False))
    _, moves = walk(2, 24, events, size=10.0)
    found, used = p_value(events, moves, 24, draws=999)
    assert used == way
    assert found <= 0.01


@pytest.mark.parametrize(("count", "horizon", "way"), [(20, 24, "apart"), (60, 60, "rotated")])
def test_without_an_effect_p_values_are_about_uniform(count, horizon, way):
    values = []
    for seed in range(300):
        draw = np.random.default_rng([seed, 1])
        events = np.sort(draw.choice(ROWS, count, replace=False))
        _, moves = walk(seed, horizon)
        found, used = p_value(events, moves, horizon, seed)
        assert used == way
        values.append(found)
    # Binomial, 300 draws: 0.05 +- 0.025 and 0.5 +- 0.06 are two standard errors.
    assert 0.01 <= np.mean(np.array(values) < 0.05) <= 0.085
    assert 0.4 <= np.mean(np.array(values) < 0.5) <= 0.6


def test_events_that_follow_a_fall_are_not_judged_by_dates_without_one():
    # On a random walk a fall predicts nothing. Dates without an event after them come before rises,
    # so that falls would look harmful by comparison.
    differences, low = [], 0
    for seed in range(150):
        path, moves = walk(seed, 48)
        fall = path[24:ROWS] - path[: ROWS - 24]
        rows = np.flatnonzero(fall < -10.0) + 24
        events = rows[np.concatenate(([True], np.diff(rows) > 24))]
        if len(events) < 5:
            continue
        found = placebo_rows(candidates(events), np.isfinite(moves), 48, draws=199, seed=seed)
        means = placebo_means(moves[:, np.newaxis], found.rows)[:, 0]
        differences.append(moves[events].mean() - means.mean())
        low += placebo_test(moves[events].mean(), means, found.way).p_value < 0.05
    error = np.std(differences) / np.sqrt(len(differences))
    assert abs(np.mean(differences)) < 2.5 * error
    assert low / len(differences) < 0.1


def test_no_placebo_date_lies_in_the_horizon_after_an_event():
    events = np.array([100, 105, 1_000, 3_000])
    usable = np.ones(ROWS, dtype=np.bool_)
    usable[2_000:2_500] = False
    found = placebo_rows(candidates(events), usable, 50, draws=500)
    assert found.way == "apart"
    assert found.rows.shape == (500, 4)
    for event in events:
        assert not ((found.rows >= event) & (found.rows < event + 50)).any()
    assert usable[found.rows].all()


def test_a_burst_moves_as_one():
    found = placebo_rows(candidates([100, 105, 1_000]), np.ones(ROWS, dtype=np.bool_), 50)
    assert (found.rows[:, 1] - found.rows[:, 0] == 5).all()
    assert len(np.unique(found.rows[:, 2] - found.rows[:, 0])) > 100


def test_rotation_keeps_the_pattern_and_never_leaves_it_in_place():
    rows = 100
    events = np.arange(0, 100, 10)
    found = placebo_rows(candidates(events, rows), np.ones(rows, dtype=np.bool_), 20)
    assert found.way == "rotated"
    shift = found.rows[:, :1] - events[0]
    assert ((found.rows - events - shift) % rows == 0).all()
    assert (shift % rows != 0).all()


def test_each_part_has_as_many_placebo_dates_as_events():
    part = np.repeat([0, 1, 2], 400)
    where = Candidates(np.tile(np.arange(400.0), 3), part, np.array([10, 200, 900]))
    found = placebo_rows(where, np.ones(1_200, dtype=np.bool_), 20, draws=50)
    assert (part[found.rows] == [0, 0, 2]).all()


def test_true_events_without_a_move_are_not_matched():
    usable = np.ones(ROWS, dtype=np.bool_)
    usable[1_000] = False
    assert placebo_rows(candidates([100, 1_000]), usable, 50, draws=9).rows.shape == (9, 1)
    usable[100] = False
    assert placebo_rows(candidates([100, 1_000]), usable, 50) == Missing("no events")


def test_a_window_of_a_few_dates_has_no_placebo():
    found = placebo_rows(candidates([1, 3], 10), np.ones(10, dtype=np.bool_), 5)
    assert found == Missing("10 date(s) in a window, 20 needed")


def test_the_same_seed_gives_the_same_dates():
    usable = np.ones(ROWS, dtype=np.bool_)
    one, again, other = (
        placebo_rows(candidates([100, 900]), usable, 50, draws=20, seed=seed).rows
        for seed in (1, 1, 2)
    )
    assert np.array_equal(one, again)
    assert not np.array_equal(one, other)


def test_means_leave_out_what_is_missing():
    moves = np.array([[1.0, np.nan], [3.0, np.nan], [np.nan, 5.0]])
    found = placebo_means(moves, np.array([[0, 1], [1, 2], [0, 0]]))
    assert found == pytest.approx(np.array([[2.0, np.nan], [3.0, 5.0], [1.0, np.nan]]), nan_ok=True)


def test_the_true_mean_counts_among_the_placebo_means():
    means = np.arange(1.0, 100.0)
    # Above all 99: (1 + 0) / 100 on its side, twice that for two sides.
    top = placebo_test(200.0, means, "apart")
    assert (top.rank, top.p_value, top.draws) == (1.0, 0.02, 99)
    # Three means lie at or below it; with itself they are four of a hundred
    low = placebo_test(3.5, means, "apart")
    assert (low.rank, low.p_value) == (0.04, 0.08)
    assert (low.low, low.high) == pytest.approx((3.45, 96.55))
    # The true mean equals every placebo mean: no evidence.
    assert placebo_test(0.0, np.zeros(99), "apart").p_value == 1.0


def test_impossible_settings_are_refused():
    with pytest.raises(ReportError, match="draws is 0"):
        placebo_rows(candidates([1]), np.ones(ROWS, dtype=np.bool_), 5, draws=0)
    with pytest.raises(ReportError, match="level is 1"):
        placebo_test(0.0, np.zeros(3), "apart", level=1.0)
