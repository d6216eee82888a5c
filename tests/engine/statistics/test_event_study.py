"""Paths worked by hand, clusters, and intervals against oracles."""

import math

import numpy as np
import pytest

from engine.errors import ReportError
from engine.statistics import (
    Elapsed,
    Missing,
    Sampling,
    Series,
    Sessions,
    clusters,
    event_paths,
    mean_interval,
    path_summary,
    proportion_interval,
    reaction,
)
from engine.statistics.path_summary import _resampled_medians

HOUR = 3_600 * 10**9
DAY = 24 * HOUR
FAST = Sampling(replications=500)
ONE = np.zeros(200, dtype=np.int64)


def hourly(*values, start=1):
    known_at = (np.arange(len(values)) + start) * HOUR
    held = np.isfinite(values)
    return Series(known_at[held], np.array(values, dtype=float)[held], HOUR)


def at(*hours):
    return np.array([round(hour * HOUR) for hour in hours], dtype=np.int64)


def test_a_price_path_is_relative_to_the_price_at_the_event():
    # 100, 80, 88, 120 known at hours 1 to 4; event at hour 2
    found = event_paths(
        hourly(100, 80, 88, 120), at(2), Elapsed(HOUR), [-1, 0, 1, 2], relative=True
    )
    assert found.moves[0] == pytest.approx([100 / 80 - 1, 0.0, 88 / 80 - 1, 120 / 80 - 1])


def test_a_yield_path_is_a_difference():
    found = event_paths(hourly(4.10, 4.00, 4.25), at(2), Elapsed(HOUR), [-1, 1], relative=False)
    assert found.moves[0] == pytest.approx([0.10, 0.25])


def test_a_path_starts_at_the_last_value_known_at_the_event_not_at_the_next():
    # The value known at hour 3 must not be the base of an event a nanosecond earlier.
    series = hourly(100, 80, 50)
    late = event_paths(series, at(3) - 1, Elapsed(HOUR), [1], relative=True)
    # Read one hour later, just before hour 4: 50 against 80.
    assert late.moves[0, 0] == pytest.approx(50 / 80 - 1)
    known = event_paths(series, at(3), Elapsed(HOUR), [-1], relative=True)
    assert known.moves[0, 0] == pytest.approx(80 / 50 - 1)


def test_what_becomes_known_after_the_event_changes_neither_base_nor_past():
    series = hourly(100, 80, 88, 120)
    changed = hourly(100, 80, 1, 1)
    offsets = [-1, 0]
    one = event_paths(series, at(2), Elapsed(HOUR), offsets, relative=True).moves
    other = event_paths(changed, at(2), Elapsed(HOUR), offsets, relative=True).moves
    assert np.array_equal(one, other)


def test_missing_values_are_nan_and_are_not_filled():
    series = hourly(100, 80, math.nan, math.nan, 120)
    found = event_paths(series, at(2, 9), Elapsed(HOUR), [1, 2, 3], relative=True)
    # A value counts for its step of an hour, ends included: hour 3 still reads hour 2's.
    assert found.moves[0] == pytest.approx([0.0, math.nan, 0.5], nan_ok=True)
    assert np.isnan(found.moves[1]).all()
    seen = reaction(found.moves[:, 1], found.position, 2, part=ONE[:2], sampling=FAST)
    assert (seen.events, seen.missing) == (0, 2)
    assert math.isnan(seen.mean)


def test_a_base_that_is_not_positive_has_no_relative_path():
    found = event_paths(hourly(0.0, 5.0), at(1), Elapsed(HOUR), [1], relative=True)
    assert np.isnan(found.moves).all()


def test_an_empty_series_gives_only_nan():
    nothing = Series(np.zeros(0, dtype=np.int64), np.zeros(0), HOUR)
    for ruler in (Elapsed(HOUR), Sessions(np.arange(4) * DAY)):
        assert np.isnan(event_paths(nothing, at(30), ruler, [0, 1], relative=False).moves).all()


# Monday to Friday of two weeks: days 0 to 4 and 7 to 11; a close is known at 21:00.
WEEKDAYS = np.array([0, 1, 2, 3, 4, 7, 8, 9, 10, 11])
WEEKS = Sessions(WEEKDAYS * DAY)


def closes(skip=()):
    kept = [day for day in WEEKDAYS if day not in skip]
    return Series(
        np.array(kept) * DAY + 21 * HOUR, np.array([100.0 + day for day in kept]), 5 * DAY
    )


def test_steps_of_sessions_skip_the_weekend():
    # Saturday: the first value is Friday's close, 104; the next session is Monday's, 107.
    found = event_paths(closes(), at(5 * 24 + 3), WEEKS, [-1, 0, 1, 2], relative=False)
    assert found.moves[0].tolist() == [-1.0, 0.0, 3.0, 4.0]


def test_the_step_after_an_evening_event_is_the_next_session_not_the_same_close():
    found = event_paths(closes(), at(24 + 22), WEEKS, [0, 1], relative=False)
    assert found.moves[0].tolist() == [0.0, 1.0]


def test_during_a_session_the_base_is_the_close_before():
    found = event_paths(closes(), at(24 + 15), WEEKS, [0, 1], relative=False)
    assert found.moves[0].tolist() == [0.0, 1.0]
    assert found.position.tolist() == [0.0]


def test_a_session_without_a_value_is_nan_and_the_next_keeps_its_place():
    found = event_paths(closes(skip=(2,)), at(24 + 22), WEEKS, [1, 2], relative=False)
    assert found.moves[0] == pytest.approx([math.nan, 2.0], nan_ok=True)


def test_steps_beyond_the_calendar_are_nan():
    found = event_paths(closes(), at(24 + 22), WEEKS, [-5, 99], relative=False)
    assert np.isnan(found.moves).all()


def test_a_path_may_start_at_the_next_close():
    # Event on Tuesday, before the close: Monday's close is known, Tuesday's is the next, 101.
    found = event_paths(closes(), at(24 + 15), WEEKS, [-1, 0, 1], relative=True, origin=1)
    assert found.moves[0] == pytest.approx([100 / 101 - 1, 0.0, 102 / 101 - 1])


@pytest.mark.parametrize("origin", [0, 1])
@pytest.mark.parametrize("hour", [23, 11 * 24 + 22])
def test_an_event_before_the_first_or_after_the_last_session_has_no_path(hour, origin):
    # Closes of days 0 to 11 are known; the ruler begins with day 1 and ends with the start of 11.
    inner = Sessions(WEEKDAYS[1:] * DAY)
    found = event_paths(closes(), at(hour), inner, [-1, 0, 1], relative=False, origin=origin)
    assert np.isnan(found.moves).all()
    # A day later, and a day earlier, the event lies on it.
    near = at(hour + 24 if hour < 24 else hour - 24)
    held = event_paths(closes(), near, inner, [0], relative=False)
    assert held.moves.tolist() == [[0.0]]


def test_values_out_of_order_are_refused():
    with pytest.raises(ReportError, match="known_at falls after row 0"):
        Series(np.array([2, 1]), np.zeros(2), HOUR)
    with pytest.raises(ReportError, match="one value an instant"):
        Series(np.array([1, 2]), np.zeros(3), HOUR)


def test_events_within_the_horizon_of_the_one_before_are_one_cluster():
    position = np.array([0.0, 4.0, 8.0, 20.0, 25.0])
    assert clusters(position, 5).tolist() == [0, 0, 0, 1, 2]
    assert clusters(position, 4).tolist() == [0, 1, 2, 3, 4]
    assert clusters(position, 13).tolist() == [0, 0, 0, 0, 0]
    assert clusters(position[:0], 5).tolist() == []


def test_events_of_different_parts_never_share_a_cluster():
    position, part = np.array([0.0, 1.0, 0.5]), np.array([0, 0, 1])
    assert clusters(position, 5, part).tolist() == [0, 0, 1]


def test_events_out_of_order_are_refused():
    with pytest.raises(ReportError, match="sort them"):
        clusters(np.array([1.0, 0.0]), 5)


def apart(count):
    return np.arange(count) * 100.0


def test_hits_are_moves_above_zero_with_a_score_interval():
    moves = np.array([0.01, 0.02, -0.01, 0.0, 0.03, 0.01, -0.02, 0.01, 0.02, 0.04])
    seen = reaction(moves, apart(10), 5, part=ONE[:10], sampling=FAST)
    # 7 of 10 rise; a move of zero does not count as a rise
    assert (seen.hits, seen.events, seen.clusters) == (7, 10, 10)
    assert seen.hit_rate == proportion_interval(7, 10)
    assert seen.mean == pytest.approx(0.011)
    assert seen.median == pytest.approx(0.01)


def test_the_hit_rates_interval_lies_around_it_where_clusters_do_not_divide_it():
    # 10 of 20 rise in 9 clusters: two of four events, five of two, two of one.
    position = np.repeat(np.arange(9) * 100.0, [4, 4, 2, 2, 2, 2, 2, 1, 1]) + np.tile([0, 1], 10)
    moves = np.tile([0.01, -0.01], 10)
    seen = reaction(moves, np.sort(position), 5, part=ONE[:20], sampling=FAST)
    assert (seen.hits, seen.events, seen.clusters) == (10, 20, 9)
    # Wilson with p = 1/2, n = 9: centre 1/2, half width z sqrt(1/4/9 + z^2/4/81) / (1 + z^2/9)
    # = 1.96 x 0.1991 / 1.4268 = 0.273
    assert (seen.hit_rate.low, seen.hit_rate.high) == pytest.approx((0.227, 0.773), abs=5e-4)
    assert seen.hit_rate.low + seen.hit_rate.high == pytest.approx(1.0)


def test_a_missing_move_lowers_the_count_and_moves_nothing_else():
    moves = np.array([0.01, 0.02, math.nan, -0.01, 0.03, 0.01, -0.02, 0.01, 0.02])
    held = np.isfinite(moves)
    seen = reaction(moves, apart(9), 5, part=ONE[:9], sampling=FAST)
    alone = reaction(moves[held], apart(9)[held], 5, part=ONE[:8], sampling=FAST)
    assert (seen.events, seen.missing) == (8, 1)
    assert (seen.mean, seen.interval, seen.hit_rate) == (alone.mean, alone.interval, alone.hit_rate)


def test_fewer_than_eight_independent_events_have_no_interval():
    seen = reaction(np.arange(7.0), apart(7), 5, part=ONE[:7], sampling=FAST)
    assert seen.mean == 3.0
    assert seen.interval == Missing("7 independent event(s), 8 needed")
    assert seen.hit_rate == seen.interval
    # Twenty events, but in four bursts
    bursts = np.repeat(np.arange(4) * 100.0, 5) + np.tile(np.arange(5.0), 4)
    seen = reaction(np.arange(20.0), bursts, 5, part=ONE[:20], sampling=FAST)
    assert (seen.events, seen.clusters) == (20, 4)
    assert isinstance(seen.interval, Missing)


def test_without_overlap_the_interval_is_the_bootstrap_of_events():
    moves = np.random.default_rng(3).normal(0.0, 1.0, 40)
    sampling = Sampling(replications=4_000)
    ours = reaction(moves, apart(40), 5, part=ONE[:40], sampling=sampling).interval
    plain = mean_interval(moves, replications=4_000)
    assert (ours.low, ours.high) == pytest.approx((plain.low, plain.high), abs=0.03)


def test_bursts_of_the_same_move_are_not_counted_as_evidence():
    # Twelve bursts of five equal moves are twelve observations, not sixty.
    moves = np.repeat(np.random.default_rng(4).normal(0.0, 1.0, 12), 5)
    bursts = np.repeat(np.arange(12) * 100.0, 5) + np.tile(np.arange(5.0), 12)
    seen = reaction(moves, bursts, 5, part=ONE[:60], sampling=FAST)
    plain = mean_interval(moves[::5], replications=4_000)
    naive = mean_interval(moves, replications=4_000)
    width = seen.interval.high - seen.interval.low
    assert width == pytest.approx(plain.high - plain.low, rel=0.15)
    assert width > 1.8 * (naive.high - naive.low)
    assert seen.hit_rate.observations == 12
    assert seen.hit_rate.estimate == (moves > 0).mean()


def test_equal_moves_have_no_interval():
    seen = reaction(np.full(9, 0.5), apart(9), 5, part=ONE[:9], sampling=FAST)
    assert seen.interval == Missing("all values are equal")


def test_the_same_seed_gives_the_same_interval():
    moves = np.random.default_rng(5).normal(0.0, 1.0, 20)
    one, again, other = (
        reaction(moves, apart(20), 5, part=ONE[:20], sampling=Sampling(seed, 0.95, 500)).interval
        for seed in (1, 1, 2)
    )
    assert one == again
    assert one != other


def test_resampled_medians_are_those_of_repeated_events():
    draw = np.random.default_rng(6)
    moves = np.append(draw.normal(0.0, 1.0, 9), math.nan)
    weights = draw.integers(0, 4, (50, 10))
    weights[0] = 0
    expected = [np.median(np.repeat(moves[:9], row[:9])) for row in weights[1:]]
    found = _resampled_medians(moves, weights)
    assert math.isnan(found[0])
    assert found[1:] == pytest.approx(expected)


def test_a_path_summary_counts_what_each_offset_rests_on():
    prices = np.cumprod(1 + np.random.default_rng(7).normal(0.0, 0.01, 1_000)) * 100
    prices[-90:] = math.nan
    events = np.arange(10) * 100 + 10
    paths = event_paths(hourly(*prices), at(*events), Elapsed(HOUR), range(-2, 21), relative=True)
    found = path_summary(paths, [5, 20], part=ONE[:10], sampling=FAST)
    # The tenth event lies at hour 910, the last price at hour 910.
    assert found.events.tolist() == [10] * 4 + [9] * 19
    assert found.clusters.tolist() == found.events.tolist()
    column = 10
    held = paths.moves[:9, column]
    assert found.mean[column] == pytest.approx(held.mean())
    assert found.median[column] == pytest.approx(np.median(held))
    assert found.lower[column] == pytest.approx(np.quantile(held, 0.25))
    assert found.mean_low[column] < held.mean() < found.mean_high[column]
    assert found.median_low[column] <= np.median(held) <= found.median_high[column]


def test_far_offsets_lose_their_interval_first():
    # Ten events 10 steps apart: independent at a horizon of 5, one cluster at 20.
    prices = np.cumprod(1 + np.random.default_rng(8).normal(0.0, 0.01, 200)) * 100
    events = at(*(np.arange(10) * 10 + 10))
    paths = event_paths(hourly(*prices), events, Elapsed(HOUR), range(21), relative=True)
    found = path_summary(paths, [5, 20], part=ONE[:10], sampling=FAST)
    assert np.isfinite(found.mean_low[1:6]).all()
    assert np.isnan(found.mean_low[6:]).all()
    assert np.isfinite(found.mean).all()
