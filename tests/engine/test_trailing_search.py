"""Every term of the search for a trailing stop is needed: break one, and sparse differs from dense.

A mutation is a copy of the compiled source in plain Python with one text replaced; the dense oracle
keeps the original.
"""

import inspect

import pytest

from engine.broker import resolve, search, trailing
from engine.bt import session
from engine.config.models import RunMode
from engine.playbook_checks import outcome_difference
from tests.engine.random_cases import dense_outcome, make_case
from tests.engine.test_search_mutations import plain, replaced

# Stops trail in every third case.
CASES = range(0, 400, 3)
CONTROLS = range(0, 60, 3)
# Annotations are not needed, so that their names are not looked up.
TRAILED = "from __future__ import annotations\n" + inspect.getsource(trailing.trail_reached.py_func)
MOVED = inspect.getsource(resolve)

# (what is broken, text, its replacement)
SEARCH = [
    (
        "a level that does not move at closes",
        "raws[k], bests[k], after,",
        "raws[k], np.nan, after,",
    ),
    ("a level that stays inside bars", "bests[k], during,", "np.nan, during,"),
    ("no best close", "bests[k], close)", "bests[k], np.nan)"),
    ("no best extreme", "bests[k], extreme)", "bests[k], close)"),
    (
        "the low taken for the high",
        "high if direction > 0 else low",
        "low if direction > 0 else high",
    ),
    ("no touch inside a bar", "raws[k] + slack, low, high)", "raws[k] + slack, opens, opens)"),
    (
        "no touch at the open",
        "bool(resolve.stop_touched(side, raws[k] + slack, opens, opens))",
        "False",
    ),
    ("the side of the position", "side = -direction", "side = direction"),
    ("no signal", "opened[k, i], closed[k, i]", "during, after"),
    (
        "the distance of another instant",
        "after = opened[k, i], closed[k, i]",
        "after = opened[k, i], closed[k, i - 1]",
    ),
    ("a fraction taken for a distance", "during, fractions[k]", "during, np.nan"),
    (
        "no activation at closes",
        "after, fractions[k], beyonds[k])",
        "after, fractions[k], direction * np.inf)",
    ),
    ("only the first instrument", "if not used[k]:", "if k > 0 or not used[k]:"),
]


def use(patch, trailed, moved=MOVED):
    """Let sessions search with these sources."""
    rules = plain(moved, {})
    names = {name: value for name, value in vars(trailing).items() if name != "trail_reached"}
    broken = plain(trailed, {**names, "resolve": rules})
    found = plain(
        inspect.getsource(search), {"resolve": rules, "trail_reached": broken.trail_reached}
    )

    def next_instant(*state):
        index, peak = found.next_instant(*state)
        # Compiled code returns plain numbers; numpy's would differ as text.
        return int(index), float(peak)

    patch.setattr(session, "next_instant", next_instant)


def differs(seed):
    return outcome_difference(dense_outcome(seed), make_case(seed).run(RunMode.SPARSE))


def test_the_unbroken_copy_agrees_with_the_dense_runs(monkeypatch):
    use(monkeypatch, TRAILED)
    assert not any(differs(seed) for seed in CONTROLS)


@pytest.mark.parametrize(("old", "new"), [pytest.param(*m[1:], id=m[0]) for m in SEARCH])
def test_a_search_that_moves_a_trailing_stop_wrongly_is_noticed(monkeypatch, old, new):
    use(monkeypatch, replaced(TRAILED, old, new))
    assert any(differs(seed) for seed in CASES)
