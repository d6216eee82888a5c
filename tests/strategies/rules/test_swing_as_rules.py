"""Playbook B written as a rule file gives B's orders on the three real episodes.

No order differs. What differs is how the runs tell it: the names of conditions and the reasons.
The file states three settings of B that are not the language's defaults: the age of 4 days that
bars may have, B's risk section, and bitcoin's windows in hours.
"""

from collections import Counter
from pathlib import Path

import pytest

from engine.decision_terms import DecisionOutcome, IntentKind
from engine.records import SimulationOutcome
from tests.strategies.conftest import RealRun

FILE = Path(__file__).parent / "swing_as_rules.yaml"
EPISODES = ("swing_2020", "swing_2022", "swing_2026")


def outcomes(episode: str, real_run: RealRun) -> tuple[SimulationOutcome, SimulationOutcome]:
    """Return the outcomes of B and of the rule file over an episode."""
    own = real_run(episode)
    window = [
        f"data.start={own.config.data.start:%Y-%m-%d}",
        f"data.end={own.config.data.end:%Y-%m-%d}",
    ]
    rules = real_run(str(FILE), *window)
    for part in ("risk", "account", "venue"):
        assert getattr(rules.config, part) == getattr(own.config, part)
    return own.outcome, rules.outcome


def asked(outcome: SimulationOutcome) -> list[tuple[object, ...]]:
    """Return each decision: instant, instrument, intent, what became of it, and its size."""
    return [
        (d.decided_at, d.instrument, d.intent, d.outcome, d.blocked_by, repr(d.stop), d.multiplier)
        for d in outcome.decisions
    ]


def ordered(outcome: SimulationOutcome) -> list[tuple[object, ...]]:
    """Return each order: instant, instrument, side, role, kind, and quantity and price exactly."""
    return [
        (o.decided_at, o.instrument, o.side, o.role, o.kind, repr(o.quantity), repr(o.price))
        for o in outcome.orders
    ]


@pytest.mark.parametrize("episode", EPISODES)
def test_the_rule_file_gives_the_orders_of_playbook_b(episode: str, real_run: RealRun) -> None:
    own, rules = outcomes(episode, real_run)
    assert asked(rules) == asked(own)
    assert ordered(rules) == ordered(own)
    assert rules.curve.equity.tolist() == own.curve.equity.tolist()


def test_the_three_episodes_hold_every_kind_of_order_of_playbook_b(real_run: RealRun) -> None:
    approved: Counter[object] = Counter()
    for episode in EPISODES:
        own, rules = outcomes(episode, real_run)
        approved += Counter(
            d.intent for d in rules.decisions if d.outcome is DecisionOutcome.APPROVED
        )
        assert {fill.instrument for fill in own.fills} == {"QQQ", "BTCUSDT-PERP"}
    assert approved[IntentKind.ENTER] >= 10, approved
    assert approved[IntentKind.ADD] >= 5, approved
    assert approved[IntentKind.MOVE_STOP] >= 10, approved
    assert approved[IntentKind.EXIT] >= 5, approved
