"""Check the dating rule against hand-worked closes, a slow loop and properties."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import ReportError
from engine.sell_offs import Fall, cluster_numbers, date_falls


def rows(*closes, fall=0.10, regain=0.5):
    return [
        (f.high, f.confirmed, f.low, f.ended) for f in date_falls(closes, fall=fall, regain=regain)
    ]


def test_a_sell_off_is_confirmed_at_the_fall_and_ends_at_half_the_way_back():
    # 120 is the high; 108 = 120 x 0.9 confirms; 100 is the low; 100 + (120 - 100) / 2 = 110 ends.
    assert rows(100, 120, 109, 108, 100, 109, 110, 111) == [(1, 3, 4, 6)]


def test_a_fall_of_exactly_ten_percent_counts_and_a_tick_less_does_not():
    # 110 x 0.9 is 99.00000000000001 in floats: without room for rounding 99 counts by luck alone.
    assert rows(110, 99) == [(0, 1, 1, None)]
    assert rows(0.7, 0.63) == [(0, 1, 1, None)]
    assert rows(110, 99.01) == []


def test_exactly_half_the_fall_ends_it_and_a_tick_less_does_not():
    assert rows(100, 90, 94.99) == [(0, 1, 1, None)]
    assert rows(100, 90, 95) == [(0, 1, 1, 2)]


def test_of_equal_highs_the_last_and_of_equal_lows_the_first_counts():
    assert rows(100, 100, 95, 88, 90, 88, 94) == [(1, 3, 3, 6)]


def test_the_first_row_may_be_the_high():
    assert rows(100, 89, 95) == [(0, 1, 1, 2)]


def test_a_gap_through_confirmation_is_confirmed_where_it_is_seen():
    # From 100 to 70 in one close: no close at 90 exists.
    assert rows(100, 70, 85) == [(0, 1, 1, 2)]


def test_a_new_low_moves_the_end_down():
    # Low 90 would end at 95; low 80 ends at 90.
    assert rows(100, 90, 94, 80, 89, 90) == [(0, 1, 3, 5)]


def test_an_unfinished_sell_off_is_open():
    assert rows(100, 85, 84, 91) == [(0, 1, 2, None)]


def test_the_next_high_is_searched_from_the_end_on():
    # The first ends at 95; the next high is 95 itself, not the old 100: 85.5 = 95 x 0.9 confirms.
    assert rows(100, 90, 95, 85.5, 91) == [(0, 1, 1, 2), (2, 3, 3, 4)]


def test_legs_are_one_cluster_up_to_twenty_sessions_apart():
    falls = [Fall(0, 1, 1, 3), Fall(23, 24, 24, 26), Fall(47, 48, 48, 49)]
    # 23 - 3 = 20 sessions join; 47 - 26 = 21 do not.
    assert cluster_numbers(falls, np.arange(60)) == (1, 1, 2)


def test_missing_rows_count_as_sessions_between_legs():
    falls = [Fall(0, 1, 1, 2), Fall(3, 4, 4, 5)]
    assert cluster_numbers(falls, np.array([0, 1, 2, 23, 24, 25])) == (1, 2)


@pytest.mark.parametrize(
    ("closes", "settings", "said"),
    [
        ([100, float("nan"), 90], {}, "row 1 is nan"),
        ([100, 0.0], {}, "row 1 is 0.0"),
        ([[100, 90]], {}, "one dimension"),
        ([100, 90], {"fall": 10.0}, "fall is 10.0"),
        ([100, 90], {"regain": 0.0}, "regain is 0.0"),
    ],
)
def test_closes_that_are_no_prices_and_impossible_numbers_are_refused(closes, settings, said):
    with pytest.raises(ReportError, match=said):
        date_falls(closes, **{"fall": 0.10, **settings})


def test_no_close_gives_no_sell_off():
    assert date_falls([], fall=0.10) == ()


def slow_falls(closes, fall):
    """Return the same rows from the words of the rule, looking at whole slices each time."""
    found, start = [], 0
    while True:
        confirmed = next(
            (
                i
                for i in range(start, len(closes))
                if closes[i] <= 0.9999999999 * (1 - fall) * max(closes[start : i + 1])
                or np.isclose(
                    closes[i], (1 - fall) * max(closes[start : i + 1]), rtol=1e-11, atol=0
                )
            ),
            None,
        )
        if confirmed is None:
            return found
        top = max(closes[start:confirmed])
        high = max(i for i in range(start, confirmed) if closes[i] == top)
        for i in range(confirmed + 1, len(closes)):
            lowest = min(closes[confirmed : i + 1])
            half = (lowest + top) / 2
            if closes[i] >= half or np.isclose(closes[i], half, rtol=1e-11, atol=0):
                low = confirmed + closes[confirmed : i + 1].index(lowest)
                found.append((high, confirmed, low, i))
                start = i
                break
        else:
            low = confirmed + closes[confirmed:].index(min(closes[confirmed:]))
            return [*found, (high, confirmed, low, None)]


walks = st.lists(st.sampled_from([-12, -5, -3, -1, 0, 1, 3, 5, 12]), max_size=120).map(
    lambda steps: [max(10, x) for x in (100 + np.cumsum([0, *steps])).tolist()]
)


@given(walks, st.sampled_from([0.05, 0.10, 0.25]))
def test_the_rule_equals_a_slow_loop_over_its_words(closes, fall):
    fast = [(f.high, f.confirmed, f.low, f.ended) for f in date_falls(closes, fall=fall)]
    assert fast == slow_falls(closes, fall)


@given(walks, st.integers(1, 120))
def test_later_closes_change_no_sell_off_that_had_ended_and_no_confirmation(closes, cut):
    whole, known = date_falls(closes, fall=0.10), date_falls(closes[:cut], fall=0.10)
    ended = [item for item in known if item.ended is not None]
    assert list(whole[: len(ended)]) == ended
    for item, final in zip(known[len(ended) :], whole[len(ended) :], strict=False):
        assert (item.high, item.confirmed) == (final.high, final.confirmed)
    # Nothing is confirmed before its row is there.
    assert sum(item.confirmed < cut for item in whole) == len(known)


@given(walks)
def test_the_unit_of_the_closes_does_not_matter(closes):
    assert date_falls(np.array(closes) * 4.0, fall=0.10) == date_falls(closes, fall=0.10)
