"""Every term of the search is needed: break one, and sparse no longer equals dense.

The search is compiled, so a mutation is a copy of its source in plain Python with one text
replaced, put in the place of the original. The broker, and with it the dense oracle, keeps the
originals.
"""

import functools
import inspect
import re
import textwrap
from types import ModuleType

import pytest

from engine.account import joint_search, sessions_in_step
from engine.broker import resolve, search
from engine.bt import session
from engine.config.models import RunMode
from engine.playbook_checks import outcome_difference
from engine.records import JointOutcome
from tests.engine.joint import assert_same, random_account
from tests.engine.random_cases import dense_outcome, make_case

COMPILED = re.compile(r"@(njit\(.*\)|kept|kept_inline)\n")
CONTROL_CASES = 40
CASES = 400
ACCOUNTS = range(0, 120, 3)

# (what is broken, text, its replacement); the text occurs once in its module or method.
RESOLVE = [
    (
        "a buy stop at the high",
        "high >= level if side > 0 else low",
        "high > level if side > 0 else low",
    ),
    ("a sell stop at the low", "side > 0 else low <= level", "side > 0 else low < level"),
    (
        "a buy limit at the low",
        "low <= level if side > 0 else high",
        "low < level if side > 0 else high",
    ),
    ("a sell limit at the high", "side > 0 else high >= level", "side > 0 else high > level"),
    (
        "a limit passed by two ticks",
        "level - side * beyond",
        "level - 2 * side * beyond",
    ),
    (
        "a stop passed by a tick",
        "level if kind == STOP else level",
        "level + side if kind == STOP else level",
    ),
    ("a long's liquidation at the mark's low", "mark_low <= level", "mark_low < level"),
    ("a short's liquidation at the mark's high", "mark_high >= level", "mark_high > level"),
]
SEARCH = [
    ("no wake", "i == forced or wake[i] or", "i == forced or"),
    ("no appointment", "i == forced or wake[i]", "wake[i]"),
    ("no end of day", " or day_end[i]:", ":"),
    ("no funding", "~np.isnan(p.funding_rate) | ~np.isnan(p.dividend)", "~np.isnan(p.dividend)"),
    (
        "no dividend",
        "~np.isnan(p.funding_rate) | ~np.isnan(p.dividend)",
        "~np.isnan(p.funding_rate)",
    ),
    (
        "no liquidation inside a bar",
        "resolve.liquidation_touched(quantity, level, low, high)",
        "False",
    ),
    (
        "no liquidation at the open",
        "or resolve.liquidation_touched(quantity, level, opens, opens)",
        "",
    ),
    (
        "no level inside a bar",
        "reaches[k, j], low, high)",
        "reaches[k, j], opens, opens)",
    ),
    (
        "no level at the open",
        "prices[k, j], opens, opens)",
        "prices[k, j], low, high)",
    ),
    (
        "an open that must be passed by a tick",
        "prices[k, j], opens, opens)",
        "reaches[k, j], opens, opens)",
    ),
    (
        "no reach of its own",
        "resolve.reach(kind, side, price, simulator.beyond[k])",
        "price - side * 1.0",
    ),
    (
        "the second market passed by two ticks",
        "simulator.beyond[k])",
        "simulator.beyond[0] * (k + 1))",
    ),
    ("only the first level", "in range(used[k])", "in range(min(used[k], 1))"),
    ("only the first instrument", "for k in range(len(quantities))", "for k in range(1)"),
    ("no daily loss", "equity <= loss_floor or", ""),
    ("no drawdown halt", " or equity <= highest * (1.0 - halt_drawdown)", ""),
    ("no new peak inside the stretch", "highest = max(peak, equity)", "highest = peak"),
    ("no peak carried on", "            peak = highest\n", ""),
    ("no working entry", "for order in plan.orders()", "for order in plan.orders()[1:]"),
    ("stops taken for limits", "if stop else resolve.LIMIT", "if False else resolve.LIMIT"),
    ("one instant too far", "in range(t + 1,", "in range(t + 2,"),
]
JOINT = [
    ("only the first instrument", "for k in range(len(marks))", "for k in range(1)"),
    ("no daily loss", "equity <= guards.loss_floor or", ""),
    ("no drawdown halt", " or equity <= highest * (1.0 - guards.halt_drawdown)", ""),
    ("no new peak inside the stretch", "highest = max(peak, equity)", "highest = peak"),
    ("no peak carried on", "        peak = highest\n", ""),
    ("one instant too far", "in range(t + 1,", "in range(t + 2,"),
]
SESSION = [
    (
        "no notice of fills",
        "next_index",
        "not simulator.is_settled()",
        "simulator.has_market_orders()",
    ),
    (
        "no waiting market order",
        "next_index",
        "not simulator.is_settled()",
        "simulator._synced != simulator.ledger.version",
    ),
    ("no peak handed back", "next_index", "self.risk.peak = peak\n", "pass\n"),
    ("no wake in position", "next_index", "self._wakes(),", "self._rows.wake_flat,"),
    ("no wake when flat", "next_index", "self._wakes(),", "self._rows.wake_in_position,"),
    (
        "two cross perps searched as one",
        "next_index",
        "or simulator.collateral.has_joint_levels()",
        "",
    ),
    (
        "no release of a guard",
        "_appointment",
        "self._first_of(self._closes, self.risk.next_release_at)",
        "len(self.timeline)",
    ),
    (
        "no appointment of the playbook",
        "_appointment",
        "min(index, self._first_of(self._rows.indices, self._rows.next_appointment))",
        "index",
    ),
]


def replaced(source: str, old: str, new: str) -> str:
    """Return the source with one text replaced; it must occur exactly once."""
    assert source.count(old) == 1, f"{source.count(old)} times in the source: {old!r}"
    return source.replace(old, new)


def plain(source: str, namespace: dict[str, object]) -> ModuleType:
    """Return source as a module of uncompiled functions that sees ``namespace`` first."""
    module = ModuleType("engine.broker.search")
    exec(COMPILED.sub("", source), module.__dict__)
    module.__dict__.update(namespace)
    return module


def use(patch: pytest.MonkeyPatch, search_source: str, resolve_source: str) -> None:
    """Let sessions search with these sources."""
    rules = plain(resolve_source, {})
    broken = plain(search_source, {"resolve": rules})

    def next_instant(*state: object) -> tuple[int, float]:
        index, peak = broken.next_instant(*state)
        # Compiled code returns plain numbers; numpy's would differ as text.
        return int(index), float(peak)

    patch.setattr(session, "next_instant", next_instant)
    for name in ("collect_levels", "search_tape"):
        patch.setattr(session, name, getattr(broken, name))


def first_detected() -> int | None:
    """Return the first case in which sparse differs from dense, None when none does."""
    for seed in range(CASES):
        if outcome_difference(dense_outcome(seed), make_case(seed).run(RunMode.SPARSE)):
            return seed
    return None


@functools.cache
def dense_account(first: int) -> JointOutcome:
    """Return the dense outcome of an account of three random cases."""
    return random_account((first, first + 1, first + 2), mode=RunMode.DENSE).joint


def agrees(first: int) -> bool:
    """Return whether sparse and dense outcome of an account are equal."""
    sparse = random_account((first, first + 1, first + 2)).joint
    try:
        assert_same(sparse, dense_account(first))
    except AssertionError:
        return False
    return True


SEARCH_SOURCE, RESOLVE_SOURCE = inspect.getsource(search), inspect.getsource(resolve)


def test_the_unbroken_copy_finds_what_the_compiled_search_finds(monkeypatch):
    use(monkeypatch, SEARCH_SOURCE, RESOLVE_SOURCE)
    for seed in range(CONTROL_CASES):
        assert not outcome_difference(dense_outcome(seed), make_case(seed).run(RunMode.SPARSE))


@pytest.mark.parametrize(("old", "new"), [pytest.param(*m[1:], id=m[0]) for m in RESOLVE])
def test_a_touch_that_misses_equality_is_noticed(monkeypatch, old, new):
    use(monkeypatch, SEARCH_SOURCE, replaced(RESOLVE_SOURCE, old, new))
    assert first_detected() is not None


@pytest.mark.parametrize(("old", "new"), [pytest.param(*m[1:], id=m[0]) for m in SEARCH])
def test_a_search_without_one_of_its_terms_is_noticed(monkeypatch, old, new):
    use(monkeypatch, replaced(SEARCH_SOURCE, old, new), RESOLVE_SOURCE)
    assert first_detected() is not None


def test_the_unbroken_copy_of_the_joint_search_finds_what_the_compiled_one_finds(monkeypatch):
    monkeypatch.setattr(
        sessions_in_step, "next_breach", plain(inspect.getsource(joint_search), {}).next_breach
    )
    assert all(agrees(first) for first in ACCOUNTS[:5])


@pytest.mark.parametrize(("old", "new"), [pytest.param(*m[1:], id=m[0]) for m in JOINT])
def test_a_joint_search_without_one_of_its_terms_is_noticed(monkeypatch, old, new):
    broken = plain(replaced(inspect.getsource(joint_search), old, new), {})
    monkeypatch.setattr(sessions_in_step, "next_breach", broken.next_breach)
    assert not all(agrees(first) for first in ACCOUNTS)


@pytest.mark.parametrize(("method", "old", "new"), [pytest.param(*m[1:], id=m[0]) for m in SESSION])
def test_a_session_that_skips_a_reason_to_stop_is_noticed(monkeypatch, method, old, new):
    source = textwrap.dedent(inspect.getsource(getattr(session.Session, method)))
    namespace = dict(vars(session))
    exec(replaced(source, old, new), namespace)
    monkeypatch.setattr(session.Session, method, namespace[method])
    assert first_detected() is not None
