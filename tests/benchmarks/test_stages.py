"""Stages add up to the whole time, and every wrapped function exists."""

import builtins
import importlib
from itertools import count

import pytest

from benchmarks.growth import GrowthSize, by_bars, by_orders, timed
from benchmarks.machine import processor_model
from benchmarks.stages import IMPORTS, REST, StageClock, found
from benchmarks.waterfall import COMMANDS, STAGES, bars, medians


def ticking(*ticks):
    """Return a clock that shows one number a reading."""
    return iter(ticks).__next__


def test_an_inner_stage_does_not_count_in_the_outer_one():
    # Started after 2 s; outer from 3 to 10, inner in it from 4 to 9, the end at 11.
    clock = StageClock(ticking(2.0, 2.0, 3.0, 4.0, 9.0, 10.0, 11.0))
    with clock.stage("outer"), clock.stage("inner"):
        pass
    assert clock.finished() == {IMPORTS: 2.0, REST: 2.0, "outer": 2.0, "inner": 5.0}


def test_a_stage_ends_when_its_function_raises():
    clock = StageClock(map(float, count()).__next__)
    with pytest.raises(ValueError, match="no"), clock.stage("outer"):
        raise ValueError("no")
    before = clock.finished()["outer"]
    assert clock.finished()["outer"] == before


class Wrapped:
    """Two kinds of functions to wrap."""

    def method(self, number):
        return self, number

    @classmethod
    def made(cls, number):
        return cls, number


def test_methods_and_class_methods_keep_their_owner(monkeypatch):
    for name in ("method", "made"):
        monkeypatch.setattr(Wrapped, name, vars(Wrapped)[name])
    clock, one = StageClock(), Wrapped()
    clock.wrap(f"{__name__}:Wrapped.method", "calls")
    clock.wrap(f"{__name__}:Wrapped.made", "calls")
    assert one.method(1) == (one, 1)
    assert (Wrapped.made(2), one.made(3)) == ((Wrapped, 2), (Wrapped, 3))
    assert clock.finished()["calls"] > 0


def test_imports_are_counted_where_they_happen(monkeypatch):
    monkeypatch.setattr(builtins, "__import__", builtins.__import__)
    monkeypatch.setattr(importlib, "import_module", importlib.import_module)
    clock = StageClock()
    clock.count_imports()
    before = clock.finished()[IMPORTS]
    importlib.import_module("this_module_is_loaded".replace("this_module_is_loaded", "colorsys"))
    assert clock.finished()[IMPORTS] > before


@pytest.mark.parametrize("command", COMMANDS)
def test_every_function_of_a_stage_exists(command):
    for _, places in STAGES[command]:
        for place in places:
            assert callable(found(place)[2])


def test_a_function_that_is_gone_is_named():
    with pytest.raises(LookupError, match=r"engine\.run:gone"):
        found("engine.run:gone")


def test_a_stage_that_a_round_lacks_took_nothing():
    assert medians([{"a": 1.0}, {"a": 2.0, "b": 4.0}, {"a": 6.0}]) == {"a": 2.0, "b": 0.0}


def test_the_longest_stage_comes_first_and_the_shortest_share_a_row():
    lines = bars({"short": 0.001, "long": 3.0, "half": 1.5})
    assert [line.split(" | ")[0].strip("| ") for line in lines[2:]] == [
        "long",
        "half",
        "all others",
    ]
    assert [line.count("█") for line in lines[2:]] == [30, 15, 0]


def test_growth_doubles_bars_or_orders_and_keeps_the_other():
    assert by_bars(8_000, 3) == [
        GrowthSize(2_000, 20),
        GrowthSize(4_000, 40),
        GrowthSize(8_000, 80),
    ]
    assert by_orders(5_000, 20, 2) == [GrowthSize(5_000, 40), GrowthSize(5_000, 20)]
    # From row 1,000 on: 4,000 / 40 and 4,000 / 20 orders.
    assert [timed(size)[0] for size in by_orders(5_000, 20, 2)] == [100, 200]


def test_the_processor_has_a_name(tmp_path):
    told = tmp_path / "cpuinfo"
    told.write_text("processor : 0\nmodel name : Some Processor\n")
    assert processor_model(told) == "Some Processor"
    assert processor_model(tmp_path / "missing")
