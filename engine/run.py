"""The main path: config and data in, everything that happened out. Read this file first.

    config --> playbook --> requirements --> dataset --> signals --> simulation --> causality check

Writing the run folder is ``engine.results``; pages are ``engine.reporting``.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data_feeds.catalog import Catalog
from data_feeds.dataset import Dataset
from data_feeds.load import load_dataset
from data_feeds.timeframe import Timeframe, parse_duration
from engine.bt import simulate
from engine.causality import check_causality, prepare
from engine.config.models import RunConfig
from engine.events import SimulationOutcome
from engine.playbook import Playbook, Requirements, Signals
from engine.plugins import load_playbook


@dataclass(frozen=True)
class RunResult:
    """A finished run."""

    config: RunConfig
    dataset: Dataset
    playbook: Playbook[Any]
    requirements: Requirements
    signals: Signals
    outcome: SimulationOutcome


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
    config : what to run
    source : an open catalog, or a dataset in memory
    plugin_path : folder of local playbooks
    on_progress : called with the fraction done, 0 to 1

    Raises
    ------
    RiskoffError : bad config, data or playbook; see ``engine.errors`` for who must act.
    """
    playbook = load_playbook(config.playbook.name, config.playbook.params, plugin_path)
    requirements = playbook.requirements(playbook.params)
    dataset = load_window(config, source, requirements)
    signals = prepare(playbook, dataset, requirements)
    outcome = simulate(config, dataset, playbook, signals, requirements, on_progress=on_progress)
    check_causality(playbook, dataset, requirements, signals, outcome)
    return RunResult(config, dataset, playbook, requirements, signals, outcome)


def load_window(
    config: RunConfig, source: Catalog | Dataset, requirements: Requirements
) -> Dataset:
    """Return the data of the configured window with the playbook's warm-up before it."""
    warmup = requirements.warmup_bars * Timeframe(requirements.clock.timeframe).ns
    windows = (config.risk.volatility_window, config.risk.participation_window)
    warmup = max(warmup, *(parse_duration(window) for window in windows))
    start, end = (int(x.timestamp()) * 10**9 for x in (config.data.start, config.data.end))
    dataset = load_dataset(
        source,
        requirements.channels,
        start,
        end,
        warmup,
        optional=requirements.optional,
    )
    lag = config.data.extra_lag
    return dataset if lag is None else dataset.delayed(parse_duration(lag))
