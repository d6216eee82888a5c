"""Samplers: deterministic, each set once, constraints kept, from the levels of the file."""

import numpy as np
import pytest

from engine.config.sweep import LevelSpan, SamplerConfig
from engine.errors import ConfigError
from engine.sweep.axes import Axis, SweepSpace
from engine.sweep.constraints import parsed_constraint
from engine.sweep.optuna_draws import AdaptiveDraws
from engine.sweep.samplers import listed_sets

SPACE = SweepSpace((Axis("x", tuple(range(8)), True), Axis("y", tuple(range(8)), True)))
BELOW = parsed_constraint("x < y", SPACE, "x.yaml:1")
ADAPTIVE = ("tpe", "nsga2", "cmaes")


def places(kind, rules=(), **more):
    config = SamplerConfig(kind=kind, **more)
    return [item.places for item in listed_sets(config, SPACE, rules).sets]


def adaptive_places(kind, number, *, sets=24, explore=8, batch=4, rules=()):
    """Return the batches of an adaptive sampler that is told ``number`` of each set's places."""
    config = SamplerConfig(kind=kind, sets=sets, explore=explore, batch=batch)
    draw = AdaptiveDraws(config, SPACE, rules)
    found = []
    while batch_ := draw.ask():
        found.append((draw.is_adaptive, [item.places for item in batch_]))
        draw.tell([number(*item.places) for item in batch_])
    return found


def test_the_grid_has_every_combination_the_last_axis_moves_first():
    found = places("grid")
    assert found[:9] == [(0, y) for y in range(8)] + [(1, 0)]
    assert len(set(found)) == 64
    # 8 x 7 / 2 pairs ascend.
    assert len(places("grid", [BELOW])) == 28


@pytest.mark.parametrize("kind", ["random", "sobol"])
def test_a_seed_always_draws_the_same_sets_and_each_once(kind):
    found = places(kind, sets=20)
    assert found == places(kind, sets=20)
    assert found != places(kind, sets=20, seed=1)
    assert len(set(found)) == 20
    assert places(kind, sets=10) == found[:10]


@pytest.mark.parametrize("kind", ["random", "sobol"])
def test_drawn_sets_fulfil_the_constraints_and_run_out_quietly(kind):
    found = places(kind, [BELOW], sets=60)
    assert all(x < y for x, y in found)
    assert len(found) == 28


def test_sobol_covers_every_level_of_each_axis_sooner_than_chance():
    # 16 points of a scrambled Sobol sequence put two into each eighth of an axis.
    config = SamplerConfig(kind="sobol", sets=16)
    wide = SweepSpace((Axis("x", tuple(range(8)), True), Axis("y", tuple(range(50)), True)))
    found = np.array([item.places for item in listed_sets(config, wide, ()).sets])
    assert np.bincount(found[:, 0], minlength=8).tolist() == [2] * 8


def test_constraints_that_no_set_fulfils_are_an_error():
    never = parsed_constraint("x > 99", SPACE, "x.yaml:1")
    with pytest.raises(ConfigError, match="no set fulfils them: x > 99"):
        listed_sets(SamplerConfig(), SPACE, [never])


def test_a_grid_beyond_the_limit_names_the_way_out():
    huge = SweepSpace(tuple(Axis(f"a{n}", tuple(range(100)), True) for n in range(3)))
    with pytest.raises(ConfigError, match=r"1,000,000 sets.*sobol"):
        listed_sets(SamplerConfig(), huge, ())


@pytest.mark.parametrize("kind", ADAPTIVE)
def test_an_adaptive_sampler_repeats_its_draws_and_explores_first(kind):
    first = adaptive_places(kind, lambda x, y: -((x - 5) ** 2) - y)
    assert first == adaptive_places(kind, lambda x, y: -((x - 5) ** 2) - y)
    assert [flag for flag, _ in first] == [False, True, True, True, True]
    assert [len(batch) for _, batch in first] == [8, 4, 4, 4, 4]
    every = [place for _, batch in first for place in batch]
    assert len(set(every)) == 24


@pytest.mark.parametrize("kind", ADAPTIVE)
def test_an_adaptive_sampler_keeps_the_constraints_and_takes_missing_numbers(kind):
    found = adaptive_places(kind, lambda x, y: float("nan") if x else y, rules=[BELOW], sets=20)
    assert all(x < y for _, batch in found for x, y in batch)


def test_results_decide_what_an_adaptive_sampler_draws():
    one = adaptive_places("tpe", lambda x, y: -x)
    other = adaptive_places("tpe", lambda x, y: x)
    assert one[0] == other[0]
    mean = [np.mean([x for _, batch in found[1:] for x, _ in batch]) for found in (one, other)]
    assert mean[0] < mean[1]


@pytest.mark.parametrize(
    ("written", "levels"),
    [
        ({"from": 0.1, "to": 0.7, "step": 0.2}, (0.1, 0.3, 0.5, 0.7)),
        ({"from": 1, "to": 6, "step": 2}, (1, 3, 5)),
        ({"from": 0, "to": 1, "count": 5}, (0.0, 0.25, 0.5, 0.75, 1.0)),
        ({"from": 0.001, "to": 0.1, "log": True, "count": 3}, (0.001, 0.01, 0.1)),
    ],
)
def test_a_span_gives_its_levels_without_rounding_dust(written, levels):
    found = LevelSpan.model_validate(written).levels()
    assert found == levels
    assert [type(value) for value in found] == [type(value) for value in levels]
