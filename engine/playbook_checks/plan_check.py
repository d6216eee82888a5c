"""Check that a declared bracket plan is what the playbook decides."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from data_feeds.clock import utc_text
from engine.bt import SimulationInputs, simulate
from engine.planned_playbook import PlannedPlaybook
from engine.playbook_checks.truncation import Simulated
from engine.records import SimulationOutcome
from engine.run_data import with_listed

# The instant of a row in each table, and the texts that a plan does not hold.
_INSTANTS = {"orders": "decided_at", "fills": "at", "decisions": "decided_at", "facts": "at"}
_TEXTS = {"orders": ("reason",), "fills": ("reason",), "decisions": ("reason", "setup")}


def plan_difference(whole: Simulated) -> str | None:
    """Return the first difference of a declared plan from the decisions of its playbook, or None.

    The engine plays the plan on the same signals; orders, fills, decisions and ledger facts must
    be the same, texts aside. A playbook without a plan has nothing to compare.
    """
    plan = whole.signals.plan
    if plan is None:
        return None
    traded, listing = with_listed(whole.config, whole.dataset, whole.requirements, whole.signals)
    playbook = PlannedPlaybook(plan)
    inputs = SimulationInputs(whole.config, traded, playbook, whole.signals, listing)
    return _first_difference(whole.outcome, simulate(inputs))


def _first_difference(own: SimulationOutcome, planned: SimulationOutcome) -> str | None:
    found = []
    for table, instant in _INSTANTS.items():
        pairs = zip(_rows(own, table), _rows(planned, table), strict=False)
        others = [getattr(a, instant) for a, b in pairs if repr(a) != repr(b)]
        found += [(at, table) for at in others[:1]]
        first, second = len(getattr(own, table)), len(getattr(planned, table))
        if not others and first != second:
            longer = _rows(own if first > second else planned, table)
            found.append((getattr(longer[min(first, second)], instant), table))
    if not found:
        return None
    at, table = min(found)
    return f"{table} at {utc_text(at)}"


def _rows(outcome: SimulationOutcome, table: str) -> list[Any]:
    """Return the rows of a table without their texts."""
    rows: Iterable[Any] = getattr(outcome, table)
    blank = dict.fromkeys(_TEXTS.get(table, ()), "")
    return [replace(row, **blank) for row in rows] if blank else list(rows)
