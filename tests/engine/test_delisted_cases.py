"""A delisting settles in sparse as in dense mode, audits clean and shows in nothing before it.

Random cases; with ``RISKOFF_SOAK=1`` twenty times as many.
"""

import os
from collections import Counter
from pathlib import Path

import pytest

from engine.audit import audit_run, format_report
from engine.bt import simulate
from engine.config.models import RunMode
from engine.decision_terms import EndReason, RefusalRule
from engine.playbook_checks import outcome_difference
from engine.records import SimulationOutcome
from tests.engine.audit.simulated import written
from tests.engine.delisting_cases import (
    DelistedCase,
    before,
    delisted_case,
    delisted_mixed_case,
)

MORE = 20 if os.environ.get("RISKOFF_SOAK") else 1
CASES = 60
MIXED = 8
# What the cases of a default session hold together, so that equality means something.
LEAST = {
    "etf long settled": 3,
    "perp long settled": 2,
    "perp short settled": 4,
    "inverse short settled": 2,
    "settled at 0": 2,
    "entry ended": 3,
    "stop ended": 10,
    "target ended": 8,
    "refused afterwards": 60,
}
LEAST_MIXED = {"etf long settled": 2, "etf short settled": 1, "refused afterwards": 25}


def counted(drawn: DelistedCase, outcome: SimulationOutcome) -> Counter[str]:
    """Count what a delisting met in a run, and check what it may not meet."""
    name, at = drawn.instrument, drawn.settled_at
    item = drawn.case.dataset.instruments[name]
    kind = "inverse" if item.is_inverse else str(item.kind)
    seen: Counter[str] = Counter()
    for fill in outcome.fills:
        assert fill.instrument != name or fill.at <= at
        if fill.role == "settlement" and fill.instrument == name:
            side = "short" if fill.quantity > 0 else "long"
            seen[f"{kind} {side} settled"] += 1
            seen["settled at 0"] += fill.price == 0
            assert (fill.at, fill.fee, fill.slippage) == (at, 0.0, 0.0)
    for order in outcome.orders:
        if order.instrument == name and order.end_reason == EndReason.DELISTED:
            seen[f"{order.role} ended"] += 1
    for row in outcome.decisions:
        seen["refused afterwards"] += row.blocked_by == RefusalRule.DELISTED
    seen["venue losses"] += sum(f.kind == "venue_loss" and f.at == at for f in outcome.facts)
    return seen


def check(drawn: DelistedCase, outcome: SimulationOutcome, dense: SimulationOutcome, folder: Path):
    """Check one run against dense mode, the audit, and the run without the delisting."""
    differs = outcome_difference(dense, outcome)
    assert not differs, f"{folder.name}: {differs} differ"
    report = audit_run(folder, drawn.case.dataset)
    assert report.ok, f"{folder.name}: {format_report(report)}"
    at = drawn.settled_at
    assert before(outcome, at) == before(drawn.whole, at), folder.name


@pytest.mark.parametrize("first", range(0, CASES * MORE, CASES))
def test_one_of_two_instruments_is_delisted(first, tmp_path):
    seen: Counter[str] = Counter()
    for seed in range(first, first + CASES):
        drawn, folder = delisted_case(seed), tmp_path / f"case {seed}"
        if drawn is not None:
            outcome = written(drawn.case, folder)
            check(drawn, outcome, drawn.case.run(RunMode.DENSE), folder)
            seen.update(counted(drawn, outcome))
    few = {what: seen[what] for what, least in LEAST.items() if seen[what] < least}
    assert first > 0 or not few, f"too few of {few}; all: {dict(seen)}"


@pytest.mark.parametrize("first", range(0, MIXED * MORE, MIXED))
def test_one_of_all_kinds_of_contracts_is_delisted(first, tmp_path):
    seen: Counter[str] = Counter()
    for seed in range(first, first + MIXED):
        drawn, folder = delisted_mixed_case(seed), tmp_path / f"case {seed}"
        outcome = drawn.case.written(folder)
        check(drawn, outcome, simulate(drawn.case.inputs(RunMode.DENSE)), folder)
        seen.update(counted(drawn, outcome))
    few = {what: seen[what] for what, least in LEAST_MIXED.items() if seen[what] < least}
    assert first > 0 or not few, f"too few of {few}; all: {dict(seen)}"
