"""The main path: config and data in, everything that happened out. Read this file first.

    config --> playbook --> requirements --> dataset --> signals --> simulation --> causality check
                                             market state --------------^

Writing the run folder is ``engine.results``; pages are ``engine.pages``; several playbooks in
one account are ``engine.account.run``.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from data_feeds.catalog import Catalog
from data_feeds.dataset import Dataset
from engine.bt import SimulationInputs, simulate
from engine.causality import check_causality, check_state_causality, prepare
from engine.config.models import RunConfig
from engine.costs.market_activity import MarketActivity
from engine.market_state import MarketState
from engine.playbook import Playbook, Requirements, Signals
from engine.plugins import (
    configured_playbook,
    new_playbook,
    remember_modules,
    requirements_of,
)
from engine.reads import watching
from engine.records import SimulationOutcome
from engine.results.declared_reads import declared_reads, refuse_late_reads
from engine.results.finished import LookAheadCheck
from engine.run_data import StateInputs, load_state, load_window, stored_activity, with_listed
from engine.settle import settle


@dataclass(frozen=True)
class RunResult:
    """A finished run."""

    config: RunConfig
    dataset: Dataset
    playbook: Playbook[Any]
    requirements: Requirements
    signals: Signals
    outcome: SimulationOutcome
    market: MarketState | None = None
    activity: Mapping[str, MarketActivity] = field(default_factory=dict)
    look_ahead: LookAheadCheck | None = None


@dataclass(frozen=True)
class PreparedRun:
    """A run before its simulation: rules, data and signals are ready."""

    playbook: Playbook[Any]
    dataset: Dataset
    requirements: Requirements
    inputs: SimulationInputs
    state_inputs: StateInputs | None = None

    def with_config(self, config: RunConfig) -> "PreparedRun":
        """Return the run with another config that needs the same preparation."""
        return replace(self, inputs=replace(self.inputs, config=config))

    def simulated(self, on_progress: Callable[[float], None] | None = None) -> RunResult:
        """Simulate and return the finished run; raises the errors of :meth:`result`."""
        with watching() as watch:
            outcome = simulate(self.inputs, on_progress=on_progress)
        refuse_late_reads([self.playbook, self.inputs.playbook], watch.reads)
        return self.result(outcome)

    def result(self, outcome: SimulationOutcome) -> RunResult:
        """Prove that the decisions are causal and return the finished run.

        Raises
        ------
        PlaybookError : a signal depends on rows that were not known yet.
        SimulationError : the market state that risk reads depends on such rows.
        """
        signals, state_inputs = self.inputs.signals, self.state_inputs
        check = check_causality(self.playbook, self.dataset, self.requirements, signals, outcome)
        if state_inputs is not None and self.inputs.market is not None:
            channels = state_inputs.data.channels.values()
            check_state_causality(self.inputs.market, outcome, channels, state_inputs.again)
        return replace(self.without_proof(outcome), look_ahead=check)

    def without_proof(self, outcome: SimulationOutcome) -> RunResult:
        """Return the finished run without the proof; a caller that makes many runs proves a few."""
        inputs = self.inputs
        return RunResult(
            inputs.config,
            inputs.dataset,
            self.playbook,
            inputs.requirements,
            inputs.signals,
            outcome,
            inputs.market,
            inputs.activity,
        )


def run(
    config: RunConfig,
    source: Catalog | Dataset,
    *,
    plugin_path: Path | None = None,
    on_progress: Callable[[float], None] | None = None,
) -> RunResult:
    """Run one playbook over one window.

    Parameters
    ----------
    config : the run's configuration
    source : an open catalog, or a dataset in memory
    plugin_path : folder of local playbooks
    on_progress : called with the fraction done, 0 to 1

    Raises
    ------
    RiskoffError : bad config, data or playbook; see ``engine.errors`` for who must act.
    """
    return prepare_run(config, source, plugin_path).simulated(on_progress)


def prepare_run(
    config: RunConfig, source: Catalog | Dataset, plugin_path: Path | None = None
) -> PreparedRun:
    """Load the playbook and return a run that is ready to simulate."""
    return prepare_playbook(config, source, configured_playbook(config.playbook, plugin_path))


def prepare_playbook(
    config: RunConfig, source: Catalog | Dataset, playbook: Playbook[Any]
) -> PreparedRun:
    """Return a run of a loaded playbook that is ready to simulate."""
    config, playbook = settle(config, source, playbook)
    requirements = requirements_of(playbook)
    dataset = load_window(config, source, requirements)
    state_inputs = load_state(config, source)
    market = None if state_inputs is None else state_inputs.state()
    with watching() as watch:
        signals = prepare(playbook, dataset, requirements)
    traded, listing = with_listed(config, dataset, requirements, signals)
    # A fresh instance decides: ``prepare`` sees all rows and could store later ones on ``self``.
    decider = new_playbook(type(playbook), playbook.params, playbook.ignored)
    seen = remember_modules(type(playbook), watch.reads)
    decider.reads |= declared_reads(playbook, requirements) | playbook.reads | seen
    playbook.reads = decider.reads
    activity = stored_activity(config, source, requirements)
    inputs = SimulationInputs(config, traded, decider, signals, listing, market, activity)
    return PreparedRun(playbook, dataset, requirements, inputs, state_inputs)
