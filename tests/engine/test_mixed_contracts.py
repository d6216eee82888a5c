"""Runs with every kind of contract at once: sparse equals dense to the last bit, and audits clean.

16 random cases; with ``RISKOFF_SOAK=1`` there are 400.
"""

import os
from collections import Counter

import pytest

from engine.audit import audit_run, format_report
from engine.bt import simulate
from engine.config.models import RunMode
from engine.costs import SquareRootSlippage
from engine.intents import Hedge
from engine.playbook_checks import outcome_difference
from tests.engine.mixed_cases import kinds_of, mixed_case
from tests.engine.option_market import CONTRACT, EXPIRY, run

GROUP = 16
CASES = 400 if os.environ.get("RISKOFF_SOAK") else GROUP
# What the first 16 cases hold together, so that equality means something.
LEAST = {
    "linear entry": 20,
    "linear stop": 6,
    "linear target": 4,
    "linear liquidation": 4,
    "linear funding": 20,
    "inverse entry": 60,
    "inverse stop": 25,
    "inverse target": 20,
    "inverse liquidation": 5,
    "inverse funding": 14,
    "fund entry": 30,
    "fund exit": 20,
    "fund sold short": 10,
    "borrow_fee": 16,
    "rebate": 16,
    "dividend": 15,
    "option entry": 35,
    "option exit": 25,
    "option settlement": 7,
    "fills under range": 100,
    "fills under square_root": 90,
    "fills under fixed": 90,
    "stops that trailed": 28,
    "drawdown halt tripped": 5,
    "daily loss tripped": 14,
    "venue_loss": 20,
    "runs with rates that move": 5,
    "daily loss of a flat bitcoin wallet": 20,
    "drawdown halt of a flat bitcoin wallet": 2,
    "fund beside a perp: linear": 5,
    "fund beside a perp: inverse": 5,
}


@pytest.mark.parametrize("first", range(0, CASES, GROUP))
def test_sparse_equals_dense_and_audits_clean_over_all_contracts_costs_and_rates(first, tmp_path):
    seen: Counter[str] = Counter()
    for seed in range(first, first + GROUP):
        case = mixed_case(seed)
        outcome = case.written(tmp_path / str(seed))
        found = outcome_difference(simulate(case.inputs(RunMode.DENSE)), outcome)
        assert not found, f"case {seed}: {found} differ"
        report = audit_run(tmp_path / str(seed), case.dataset)
        assert report.ok, f"case {seed}: {format_report(report)}"
        seen.update(kinds_of(case, outcome))
    few = {what: seen[what] for what, least in LEAST.items() if seen[what] < least}
    assert first > 0 or not few, f"too few of {few}; all: {dict(seen)}"


def test_a_worthless_spread_settles_under_the_square_root_model():
    # Both puts end out of the money: the bar of the last session has a low of 0.
    closes = [100.0, *[96.0] * (EXPIRY - 2), *[130.0] * 4]
    costs = {"venue": {"slippage": SquareRootSlippage()}}
    outcome = run(closes, {0: [Hedge(CONTRACT.id, 0.4, 0.02, "hedge")]}, **costs)
    assert [(fill.role, fill.price) for fill in outcome.fills][1:] == [("settlement", 0.0)]
