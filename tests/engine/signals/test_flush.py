"""The sequence on tapes made by hand, its mirror image, and a slow second implementation."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.signals.flush import FlushRules, FlushState, flush_sequences

NAN = float("nan")
# Idle, first flush, bounce, second flush, reclaimed, expired, invalidated.
N, F, B, S, R, E, X = FlushState

# Lookback 3 bars; ATR is 1 throughout, so multiples of it are points of price.
RULES = FlushRules(
    lookback_bars=3,
    flush_atr=1.0,
    volume_multiple=3.0,
    bounce_atr=1.0,
    second_flush_atr=0.5,
    needs_second_flush=True,
    level_is_support=False,
    bounce_bars=4,
    second_flush_bars=4,
    reclaim_bars=4,
    sequence_bars=14,
    reclaimed_bars=4,
)

# low, high, close, volume multiple, state. Support before row 5: min(100, 99.5, 98) = 98.
TAPE = [
    (100.0, 102.0, 101.0, 1.0, N),
    (100.0, 102.0, 101.0, 1.0, N),
    (100.0, 102.0, 101.0, 9.0, N),  # busy, but the lookback of 3 bars is not there yet
    (99.5, 101.0, 100.0, 5.0, N),  # 0.5 below support 100: not deep enough
    (98.0, 100.0, 98.5, 2.0, N),  # 1.5 below support 99.5, but only twice the volume
    (96.5, 98.5, 97.0, 4.0, F),  # 1.5 below support 98 on four times the volume
    (96.0, 97.2, 96.8, 2.0, F),  # a lower low; its high of 97.2 may have come before it
    (96.2, 96.9, 96.5, 1.0, F),  # high below 96 + 1
    (96.3, 97.5, 97.4, 1.0, B),  # high 97.5 >= 97
    (97.0, 98.5, 98.2, 1.0, B),  # low 97 above 96 + 0.5
    (96.5, 97.5, 96.7, 1.0, S),  # low at 96.5; it closes above 96, but never was below
    (95.5, 96.6, 95.8, 1.0, S),  # a lower low, no close above 96
    (95.6, 96.4, 96.1, 1.0, R),  # close above the first flush's low
    (95.9, 97.0, 96.9, 1.0, R),
    (95.4, 96.0, 95.7, 1.0, X),  # below the lowest low 95.5
    (95.6, 96.0, 95.9, 1.0, N),
]


def run(rows, rules=RULES, atr=1.0, direction=1):
    low, high, close, volume = (np.array(column) for column in list(zip(*rows, strict=True))[:4])
    return flush_sequences(
        high,
        low,
        close,
        previous_atr=np.full(len(low), atr),
        volume_multiple=volume,
        rules=rules,
        direction=direction,
    )


def states(rows, rules=RULES, **more):
    return [FlushState(state) for state in run(rows, rules, **more).state]


def test_the_tape_walks_from_idle_to_invalidated():
    assert states(TAPE) == [row[4] for row in TAPE]


def test_levels_belong_to_the_running_sequence():
    found = run(TAPE)
    nothing = [NAN] * 5
    np.testing.assert_array_equal(found.broken_support, [*nothing, *[98.0] * 10, NAN])
    np.testing.assert_array_equal(found.first_flush_low, [*nothing, 96.5, *[96.0] * 9, NAN])
    np.testing.assert_array_equal(
        found.bounce_high[8:15], [97.5, 98.5, 98.5, 98.5, 98.5, 98.5, 98.5]
    )
    # Waiting for the bounce its level follows the low, from the bar after the flush; then it stays.
    np.testing.assert_array_equal(found.bounce_level[5:10], [NAN, 97.5, 97.0, 97.0, 97.0])
    np.testing.assert_array_equal(found.second_flush_level[8:12], [NAN, 96.5, 96.5, 96.5])
    np.testing.assert_array_equal(found.second_flush_low[9:13], [NAN, 96.5, 95.5, 95.5])
    np.testing.assert_array_equal(found.flush_low[9:13], [96.0, 96.0, 95.5, 95.5])
    assert np.flatnonzero(found.is_reclaim).tolist() == [12]
    assert found.origin.tolist() == [-1] * 5 + [5] * 10 + [-1]
    # Since: the flush, its lower low, the bounce, the second flush, its lower low, the reclaim.
    assert found.rows_since.tolist() == [-1] * 5 + [0, 0, 1, 0, 1, 0, 0, 0, 1, 2, -1]


def test_the_broken_support_stays_while_the_lookback_moves_on():
    found = run(TAPE)
    assert found.support[11] == 96.3  # of rows 8 to 10
    assert found.broken_support[11] == 98.0


def quiet(rows, low=97.0, high=97.4, close=97.2):
    return [(low, high, close, 1.0)] * rows


START = [row[:4] for row in TAPE[:6]]  # ends on the first flush, low 96.5, bounce from 97.5
BOUNCED = [*START, (97.0, 97.6, 97.5, 1.0)]  # second flush from 97
FLUSHED = [*BOUNCED, (96.0, 96.8, 96.2, 1.0)]  # level 96.5, not reclaimed


def test_without_a_bounce_in_time_the_sequence_expires():
    assert states([*START, *quiet(6)])[5:] == [F, F, F, F, F, E, N]


def test_without_a_second_flush_in_time_the_sequence_expires():
    assert states([*BOUNCED, *quiet(6, low=97.1)])[6:] == [B, B, B, B, B, E, N]


def test_without_a_reclaim_in_time_the_sequence_expires():
    below = quiet(6, low=96.1, high=96.4, close=96.3)
    assert states([*FLUSHED, *below])[7:] == [S, S, S, S, S, E, N]


def test_a_lower_low_of_the_second_flush_gives_the_reclaim_its_time_again():
    below = quiet(3, low=96.1, high=96.4, close=96.3)
    again = (95.9, 96.4, 96.3, 1.0)
    assert states([*FLUSHED, *below, again, *below])[7:] == [S] * 8


def test_the_whole_sequence_has_its_own_limit():
    below = quiet(3, low=96.1, high=96.4, close=96.3)
    lower = [(95.9 - 0.1 * i, 96.4, 96.0, 1.0) for i in range(9)]
    # The first flush is row 5; row 19 is 14 bars later, row 20 one too many.
    found = states([*FLUSHED, *below, *lower, *below])
    assert found[19:22] == [S, E, N]


def test_a_reclaimed_sequence_is_followed_for_its_time():
    above = quiet(6, low=96.6, high=97.0, close=96.9)
    assert states([*FLUSHED, *above])[8:] == [R, R, R, R, R, E]


def test_a_hammer_reclaims_on_the_bar_of_its_own_low():
    # Low 96 below the level 96.5, close above it: lost and regained in one bar.
    assert states([*BOUNCED, (96.0, 97.0, 96.8, 1.0)])[7] is R


def test_a_second_flush_that_stops_above_the_level_reclaims_on_the_next_bar_at_the_earliest():
    assert states([*BOUNCED, (96.8, 97.5, 97.2, 1.0), (96.9, 97.5, 97.2, 1.0)])[7:] == [S, R]


def test_a_close_at_the_level_is_no_reclaim():
    assert states([*FLUSHED, (96.1, 96.9, 96.5, 1.0)])[8] is S


def test_the_broken_support_can_be_the_level():
    rules = RULES._replace(level_is_support=True)
    rows = [*FLUSHED, (96.1, 97.9, 97.9, 1.0), (97.5, 98.5, 98.1, 1.0)]
    assert states(rows, rules)[8:] == [S, R]
    assert run(rows, rules).reclaim_level[9] == 98.0


def test_the_first_flush_is_enough_when_configured_so():
    rules = RULES._replace(needs_second_flush=False)
    found = run([*START, (97.0, 97.6, 97.5, 1.0), (96.4, 97.0, 96.9, 1.0)], rules)
    assert found.state[6:].tolist() == [R, X]  # reclaimed on the bounce; then below 96.5
    assert np.isnan(found.second_flush_low).all()


def test_a_bar_that_ends_one_sequence_can_start_the_next():
    # Row 14 of the tape again, now deep (support 95.5, low 94.4) and busy.
    found = run([*[row[:4] for row in TAPE[:14]], (94.4, 96.0, 95.0, 3.0)])
    assert found.state[14] == F
    assert found.origin[14] == 14
    assert found.broken_support[14] == 95.5


def test_nothing_starts_while_atr_or_volume_is_unknown():
    assert states([row[:4] for row in TAPE], atr=NAN) == [N] * len(TAPE)
    unknown = [(low, high, close, NAN) for low, high, close, *_ in TAPE]
    assert states(unknown) == [N] * len(TAPE)


def test_the_mirror_image_is_the_same_on_negated_prices():
    mirrored = [(-high, -low, -close, volume) for low, high, close, volume, _ in TAPE]
    long, short = run(TAPE), run(mirrored, direction=-1)
    for name in ("state", "origin", "stage_row", "reclaim_row", "is_flush", "depth_atr"):
        np.testing.assert_array_equal(getattr(long, name), getattr(short, name))
    for name in (
        "support",
        "broken_support",
        "first_flush_low",
        "bounce_level",
        "bounce_high",
        "second_flush_level",
        "second_flush_low",
        "reclaim_level",
        "flush_low",
    ):
        np.testing.assert_array_equal(getattr(long, name), -getattr(short, name))


# A second implementation: it searches forward from each first flush instead of stepping ----------


def slow_states(low, high, close, volume, rules):  # noqa: C901, PLR0912
    """Return the state names by searching for each next event; ATR is 1."""
    rows, found, t = len(low), [N] * len(low), 0

    def flushes(at):
        if at < rules.lookback_bars:
            return False
        support = min(low[at - rules.lookback_bars : at])
        return support - low[at] >= rules.flush_atr and volume[at] >= rules.volume_multiple

    while t < rows:
        if not flushes(t):
            t += 1
            continue
        start = t
        support = min(low[start - rules.lookback_bars : start])
        phase, since, first, second = F, start, low[start], None
        found[start] = F
        while True:
            t += 1
            if t == rows:
                return found
            level = support if rules.level_is_support else first
            if phase is not R and t - start > rules.sequence_bars:
                phase = E
            elif phase is F and low[t] < first:
                first, since = low[t], t
            elif phase is F:
                if t - since > rules.bounce_bars:
                    phase = E
                elif high[t] >= first + rules.bounce_atr:
                    phase, since = B, t
            elif phase is B and t - since > rules.second_flush_bars:
                phase = E
            elif phase is B and low[t] <= first + rules.second_flush_atr:
                phase, since, second = S, t, low[t]
                if low[t] < level < close[t]:
                    phase, since = R, t
            elif phase is S:
                made_low = low[t] < second
                if made_low:
                    second, since = low[t], t
                if not made_low and t - since > rules.reclaim_bars:
                    phase = E
                elif close[t] > level and (low[t] < level or not made_low):
                    phase, since = R, t
            elif phase is R:
                if low[t] < min(first, second):
                    phase = X
                elif t - since > rules.reclaimed_bars:
                    phase = E
            found[t] = phase
            if phase in (E, X):
                break
        # The bar that ends a sequence may start the next one.
        t += 0 if flushes(t) else 1
    return found


STEPS = st.tuples(st.integers(-6, 6), st.integers(0, 4), st.integers(0, 4), st.integers(0, 6))


@settings(max_examples=300, deadline=None)
@given(
    st.lists(STEPS, min_size=20, max_size=120),
    st.booleans(),
)
def test_stepping_and_searching_agree_on_any_tape(steps, level_is_support):
    # Quarters of a point, so that ties with every level happen.
    middle = 1000 + np.cumsum([step[0] for step in steps]) / 4
    low = middle - np.array([step[1] for step in steps]) / 4
    high = middle + np.array([step[2] for step in steps]) / 4
    volume = np.array([step[3] for step in steps], dtype=float)
    rules = RULES._replace(level_is_support=level_is_support)
    found = run(list(zip(low, high, middle, volume, strict=True)), rules)
    assert found.state.tolist() == slow_states(low, high, middle, volume, rules)


@pytest.mark.parametrize("state", list(FlushState))
def test_random_tapes_reach_every_state(state):
    # The comparison above would be empty otherwise.
    rng = np.random.default_rng(1)
    middle = 1000 + np.cumsum(rng.integers(-6, 7, 2_000)) / 4
    spread = rng.integers(0, 5, (2, 2_000)) / 4
    rows = zip(
        middle - spread[0], middle + spread[1], middle, rng.integers(0, 7, 2_000) * 1.0, strict=True
    )
    assert state in run(list(rows)).state
