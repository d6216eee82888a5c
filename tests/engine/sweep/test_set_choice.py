"""The plateau: a lower quartile over one grid step around, by hand and by a plain loop."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.config.sweep import ChoiceRule
from engine.sweep.axes import Axis, SweepSpace
from engine.sweep.set_choice import choose, edges_of, neighbours_of, plateaus_of, ranked

NAN, INF = float("nan"), float("inf")


def line(count, *, ordered=True):
    space = SweepSpace((Axis("x", tuple(range(count)), is_ordered=ordered),))
    return space, list(space.grid())


def chosen(numbers, rule=ChoiceRule.PLATEAU, *, ordered=True):
    space, sets = line(len(numbers), ordered=ordered)
    return choose(np.array(numbers), neighbours_of(space, sets), rule)


def test_a_flat_top_wins_over_a_higher_peak_between_bad_sets():
    # Lower quartiles: of (0, 9) 2.25, (0, 9, 0) 0, (9, 0, 3) 1.5, (0, 3, 4) 1.5, (3, 4, 3) 3,
    # (4, 3) 3.25.
    numbers = [0.0, 9.0, 0.0, 3.0, 4.0, 3.0]
    found = chosen(numbers)
    assert found.plateaus.tolist() == [2.25, 0.0, 1.5, 1.5, 3.0, 3.25]
    assert (found.place, found.rule) == (5, ChoiceRule.PLATEAU)
    assert chosen(numbers, ChoiceRule.PEAK).place == 1


def test_the_neighbourhood_of_a_set_is_one_level_on_every_axis_corners_included():
    space = SweepSpace((Axis("x", (1, 2, 3, 4), True), Axis("y", (1, 2, 3), True)))
    sets = list(space.grid())
    near = neighbours_of(space, sets)
    middle = next(n for n, item in enumerate(sets) if item.places == (1, 1))
    around = {sets[place].places for place in near[middle]}
    assert around == set(itertools.product((0, 1, 2), (0, 1, 2)))
    corner = next(n for n, item in enumerate(sets) if item.places == (0, 0))
    assert len(near[corner]) == 4


def test_two_choices_without_an_order_are_never_neighbours():
    space = SweepSpace((Axis("x", (1, 2), True), Axis("side", ("long", "short"), False)))
    sets = list(space.grid())
    for item, near in zip(sets, neighbours_of(space, sets), strict=True):
        assert {sets[place].values["side"] for place in near} == {item.values["side"]}
        assert len(near) == 2


def test_a_set_without_a_number_is_never_chosen_and_pulls_its_neighbours_down():
    # 1 stands in for the missing number: of (5, 1) the quartile is 2, of (1, 1) 1, of (1, 1, 1) 1.
    found = chosen([5.0, NAN, 1.0, 1.0])
    assert np.isnan(found.plateaus[1])
    assert found.plateaus[[0, 2, 3]].tolist() == [2.0, 1.0, 1.0]
    assert found.place == 0


@pytest.mark.parametrize("rule", list(ChoiceRule))
def test_a_set_that_only_gains_is_chosen_among_losers(rule):
    # Sets 0 and 3 gain every day; -63 stands in for their numbers in every quartile.
    found = chosen([INF, -63.0, -63.0, INF], rule)
    assert found.place == 0
    assert found.plateaus.tolist() == [-63.0] * 4
    assert ranked(found) == [0, 3, 1, 2]


def test_an_infinite_number_counts_as_the_highest_finite_one_around_it():
    # 4 stands in: quartiles of (4, 1) 1.75, (4, 1, 4) 2.5, (1, 4, 4) 2.5, (4, 4) 4.
    found = chosen([INF, 1.0, 4.0, INF])
    assert found.plateaus.tolist() == [1.75, 2.5, 2.5, 4.0]
    assert found.place == 3


def test_sets_that_all_gain_without_a_fall_are_equal():
    assert (chosen([INF, INF]).place, chosen([INF, INF]).plateaus.tolist()) == (0, [INF, INF])


def test_without_neighbours_the_peak_is_chosen_and_said():
    found = chosen([1.0, 3.0, 2.0], ordered=False)
    assert (found.place, found.rule) == (1, ChoiceRule.PEAK)


def test_without_a_single_number_nothing_is_chosen():
    assert chosen([NAN, NAN]).place is None


def test_of_equal_plateaus_the_higher_number_wins_then_the_first_set():
    assert chosen([2.0, 2.0, 2.0]).place == 0
    # All quartiles of (1, 1, 1, 3) are 1 but the last: 1.5.
    assert chosen([1.0, 1.0, 1.0, 3.0]).place == 3


@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(0, 2)), min_size=1,
             max_size=25, unique=True),
    st.randoms(use_true_random=False),
)  # fmt: skip
def test_plateaus_equal_those_of_a_plain_loop(places, random):
    axes = (Axis("a", (0, 1, 2, 3), True), Axis("b", (0, 1, 2, 3), True), Axis("c", "xyz", False))
    space = SweepSpace(axes)
    sets = [space.at(place) for place in places]
    numbers = np.array([random.random() for _ in sets])
    expected = []
    for one in places:
        near = [
            number
            for other, number in zip(places, numbers, strict=True)
            if abs(one[0] - other[0]) <= 1 and abs(one[1] - other[1]) <= 1 and one[2] == other[2]
        ]
        expected.append(np.quantile(near, 0.25) if len(near) > 1 else NAN)
    np.testing.assert_allclose(plateaus_of(numbers, neighbours_of(space, sets)), expected)


@pytest.mark.parametrize(
    ("places", "edges"), [((0, 0), ("x",)), ((1, 1), ()), ((2, 0), ("x",)), ((1, 0), ())]
)
def test_the_ends_of_ordered_axes_are_edges(places, edges):
    space = SweepSpace((Axis("x", (1, 2, 3), True), Axis("y", ("a", "b"), False)))
    assert edges_of(space.at(places), space) == edges
