"""Random rule files: sparse equals dense to the bit, the audit finds nothing, nothing looks ahead.

30 files; with ``RISKOFF_SOAK=1`` there are 300, and all of them pass the checks for playbooks.
"""

import os
from collections import Counter
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest

from data_feeds.clock import DAY_NS, utc_datetime
from data_feeds.dataset import Dataset
from data_feeds.trading_terms import MaintenanceBracket
from engine.bt import simulate
from engine.config.models import (
    DataConfig,
    PlaybookConfig,
    RiskConfig,
    RunConfig,
    RunMode,
    WalletsConfig,
)
from engine.config.problems import validate_strict
from engine.config.venue import VenueConfig
from engine.decision_terms import DecisionOutcome
from engine.playbook_checks import outcome_difference, playbook_checks
from engine.plugins import new_playbook
from engine.records import SimulationOutcome
from engine.run import PreparedRun, RunResult, prepare_run
from strategies.rules import Rules, RulesParams
from tests.engine.audit.simulated import audited_run
from tests.slippage import RANGE
from tests.strategies.rules.random_rule_files import RandomRuleFile
from tests.strategies.rules.small_market import END, START, known_at_close, small_market
from tests.strategies.truncation import first_leak

SOAK = bool(os.environ.get("RISKOFF_SOAK"))
FILES = 300 if SOAK else 30
BATCH = 10
FIRST = START + 35 * DAY_NS
# The checks for playbooks run a file some hundred times, so their window is a week.
CHECKED = tuple(range(FILES)) if SOAK else (1, 3, 5)
CHECKED_END = START + 42 * DAY_NS
CUTS = 2
# What the 30 files must hold together, so that equality means something.
LEAST = {
    "trailing stops that moved": 200,
    "files with weights": 5,
    "files with two trades on one instrument": 3,
    "entries long": 100,
    "entries short": 20,
    "tranches added": 20,
    "stops moved": 20,
    "exits by stop": 50,
    "exits by target": 20,
    "exits by a condition": 50,
    "rebalances": 50,
    "state switches": 20,
}


@dataclass(frozen=True)
class PlayedFile:
    """A random file's run, sparse and dense."""

    prepared: PreparedRun
    sparse: SimulationOutcome
    dense: SimulationOutcome


@lru_cache(maxsize=1)
def market() -> Dataset:
    """Return the small market with every bar known at its close."""
    return known_at_close(small_market())


def config(seed: int, end: int = END) -> RunConfig:
    """Return the run of a random file from :data:`FIRST` on."""
    return RunConfig(
        name="random",
        data=DataConfig(start=utc_datetime(FIRST), end=utc_datetime(end)),
        playbook=PlaybookConfig(name="rules", params=RandomRuleFile(seed).params()),
        account=WalletsConfig(
            venue_cash=100_000.0,
            brokerage_cash=100_000.0,
            currency="USD",
            rates={"USDT": "par"},
        ),
        venue=VenueConfig(maintenance=(MaintenanceBracket(floor=0.0, rate=0.004),), slippage=RANGE),
        risk=RiskConfig(
            risk_fraction=0.02,
            target_volatility=None,
            participation_cap=None,
            cool_down=None,
            max_trades_per_day=None,
            market_tiers={},
        ),
    )


@lru_cache(maxsize=FILES)
def played(seed: int) -> PlayedFile:
    """Return the run of a random file, simulated once a session."""
    prepared = prepare_run(config(seed), market())
    sparse, dense = (_simulated(prepared, mode) for mode in (RunMode.SPARSE, RunMode.DENSE))
    return PlayedFile(prepared, sparse, dense)


def _simulated(prepared: PreparedRun, mode: RunMode) -> SimulationOutcome:
    inputs, rules = prepared.inputs, prepared.playbook
    fresh = new_playbook(type(rules), rules.params, rules.ignored)
    settings = inputs.config.model_copy(update={"mode": mode})
    return simulate(replace(inputs, config=settings, playbook=fresh))


@pytest.mark.parametrize("first", range(0, FILES, BATCH))
def test_sparse_equals_dense_to_the_last_bit(first: int) -> None:
    for seed in range(first, first + BATCH):
        run = played(seed)
        found = outcome_difference(run.dense, run.sparse)
        assert not found, f"file {seed}: {found} differ"


@pytest.mark.parametrize("first", range(0, FILES, BATCH))
def test_the_audit_finds_nothing(first: int, tmp_path: Path) -> None:
    for seed in range(first, first + BATCH):
        run = played(seed)
        inputs = run.prepared.inputs
        finished = RunResult(
            inputs.config,
            inputs.dataset,
            run.prepared.playbook,
            run.prepared.requirements,
            inputs.signals,
            run.sparse,
        )
        report = audited_run(finished, market(), tmp_path / str(seed))
        assert report.findings == (), f"file {seed}: {report.findings[0]}"


@pytest.mark.parametrize("first", range(0, FILES, BATCH))
def test_later_data_change_no_signal(first: int) -> None:
    for seed in range(first, first + BATCH):
        prepared = played(seed).prepared
        decided = prepared.inputs.signals.decided_at
        cuts = np.random.default_rng(seed).choice(decided[decided > FIRST], CUTS, replace=False)
        held = prepared.requirements.channels | prepared.requirements.optional
        rules = Rules(prepared.playbook.params)
        leak = first_leak(rules, prepared.dataset.only(held), cuts.tolist())
        assert leak is None, f"file {seed}: {leak}"


@pytest.mark.parametrize("seed", CHECKED)
def test_the_files_pass_the_checks_for_playbooks(seed: int) -> None:
    run = config(seed, CHECKED_END)
    params = validate_strict(RulesParams, run.playbook.params)
    report = playbook_checks(Rules, params, market().cut(CHECKED_END), config=run)
    assert report.cuts


def test_the_files_hold_every_kind_of_order() -> None:
    counts: Counter[str] = Counter()
    for seed in range(FILES):
        counts += _counted(played(seed))
    short = {name: counts[name] for name, least in LEAST.items() if counts[name] < least}
    assert not short, f"too few of {short}; all: {dict(counts)}"


def _counted(run: PlayedFile) -> Counter[str]:
    """Count what happened in one file's run."""
    counts: Counter[str] = Counter()
    params = run.prepared.playbook.params
    traded = [trade.instrument for trade in params.trades.values()]
    counts["files with weights"] = bool(params.weights)
    counts["files with two trades on one instrument"] = len(set(traded)) < len(traded)
    names = {"add": "tranches added", "move_stop": "stops moved", "exit": "exits by a condition"}
    for decision in run.sparse.decisions:
        if decision.outcome is not DecisionOutcome.APPROVED:
            continue
        if decision.intent == "enter":
            counts[f"entries {'long' if decision.direction > 0 else 'short'}"] += 1
        elif decision.intent == "rebalance":
            counts["rebalances"] += 1
        elif decision.intent in names:
            counts[names[decision.intent]] += 1
    for order in run.sparse.orders:
        has_moved = bool(order.trail_moved) and order.last_level != order.price
        counts["trailing stops that moved"] += has_moved
    for fill in run.sparse.fills:
        if fill.role in ("stop", "target"):
            counts[f"exits by {fill.role}"] += 1
    if params.weights:
        signals = run.prepared.inputs.signals
        state = signals.values["state"][signals.decided_at >= FIRST]
        counts["state switches"] = int((np.diff(state) != 0).sum())
    return counts
