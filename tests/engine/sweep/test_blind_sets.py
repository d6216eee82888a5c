"""Sets that an adaptive sampler drew never choose for a window that it saw, nor form a family."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.config.sweep import ChooseConfig
from engine.statistics import Missing
from engine.sweep.axes import Axis, SweepSpace
from engine.sweep.blind_sets import SEEN, blind_sets
from engine.sweep.family_tests import overfitting, superiority
from engine.sweep.held_out import forward, leave_one_out
from engine.sweep.judged_words import family_sentences, held_out_sentences
from engine.sweep.judgement import judged
from engine.sweep.set_choice import neighbours_of
from tests.engine.sweep.conftest import SWEEP
from tests.engine.sweep.test_held_out import matrix

SETS = 12
WAYS = (
    partial(leave_one_out, asked=ChooseConfig(), memory_days=5),
    partial(forward, asked=ChooseConfig(), memory_days=5),
    partial(forward, asked=ChooseConfig(), memory_days=5, last=1),
)


def noise(seed):
    draw = np.random.default_rng(seed)
    excess = matrix(*(draw.normal(0, 0.01, (30, SETS)) for _ in range(3)))
    space = SweepSpace((Axis("x", tuple(range(4)), True), Axis("y", (0, 1, 2), True)))
    return excess, list(space.grid()), space


@given(st.integers(0, 99), st.lists(st.booleans(), min_size=SETS, max_size=SETS))
def test_folds_are_those_of_a_sweep_without_the_adaptive_sets(seed, adaptive):
    excess, sets, space = noise(seed)
    blind = [place for place in range(SETS) if not adaptive[place]]
    # Adaptive sets earn a percent a day in every window, and any look at them would show.
    values = excess.values + np.where(adaptive, 0.01, 0.0)
    found = blind_sets(replace(excess, values=values), neighbours_of(space, sets), adaptive)
    if len(blind) < 2:
        assert {found.judged(way) for way in WAYS} == {SEEN}
        return
    smaller = replace(excess, values=excess.values[:, blind])
    near = neighbours_of(space, [sets[place] for place in blind])
    for way in WAYS:
        one, other = found.judged(way), way(smaller, near)
        assert [fold.place for fold in one.folds] == [blind[fold.place] for fold in other.folds]
        assert one.number == other.number
        assert [fold.beaten for fold in one.folds] == [fold.beaten for fold in other.folds]


def test_the_family_is_that_of_the_blind_sets_and_keeps_their_places():
    excess, sets, space = noise(0)
    values = excess.values.copy()
    values[:, 7] += 0.02
    # The first five were suggested: three sets are tested before place 7, which is found again.
    adaptive = [place < 5 for place in range(SETS)]
    found = blind_sets(replace(excess, values=values), neighbours_of(space, sets), adaptive)
    tested = superiority(found, seed=0)
    assert (tested.variants, tested.superior) == (7, (7,))
    assert overfitting(found).variants == 7


def test_without_blind_sets_every_judgement_says_that_the_sampler_saw_all_windows():
    excess, sets, space = noise(0)
    found = blind_sets(excess, neighbours_of(space, sets), [True] * SETS)
    assert overfitting(found) == superiority(found, seed=0) == SEEN
    assert isinstance(found.judged(WAYS[0]), Missing)


@pytest.mark.parametrize("way", WAYS)
def test_a_sweep_without_a_look_at_results_is_judged_by_all_sets(way):
    excess, sets, space = noise(1)
    near = neighbours_of(space, sets)
    assert blind_sets(excess, near, [False] * SETS).judged(way) == way(excess, near)


def test_the_verdict_of_an_adaptive_sweep_says_which_sets_count(toy):
    # The windows lie farther apart than the rules remember.
    text = SWEEP.replace("start: 2026-01-02, end: 2026-01-30", "start: 2025-11-03, end: 2025-11-28")
    result = toy.run("sampler.kind=tpe", "sampler.sets=5", "sampler.explore=3", text=text)
    assert result.adaptive == (False, False, False, True, True)
    found = judged(result)
    assert {fold.place for fold in (*found.left_out.folds, *found.forward.folds)} <= {0, 1, 2}
    said = " ".join([*family_sentences(result, found), *held_out_sentences(result, found)])
    assert "2 of 5 sets were drawn after a look at results in every window" in said
    assert "of the 3 blind sets (chance: 50%)" in said
