"""Check that a playbook keeps the contract; its author runs the checks in a test."""

from engine.playbook_checks.checks import CheckReport, playbook_checks
from engine.playbook_checks.truncation import (
    Simulated,
    event_cuts,
    journal,
    outcome_difference,
    prefix_difference,
    redrawn_after,
    simulated,
)

__all__ = [
    "CheckReport",
    "Simulated",
    "event_cuts",
    "journal",
    "outcome_difference",
    "playbook_checks",
    "prefix_difference",
    "redrawn_after",
    "simulated",
]
