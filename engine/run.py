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
from data_feeds.load import held_keys, load_dataset, mark_key
from data_feeds.schema import ChannelKey, ChannelKind
from data_feeds.timeframe import Timeframe, parse_duration
from engine.bt import simulate
from engine.causality import check_causality, prepare
from engine.config.models import RunConfig
from engine.events import SimulationOutcome
from engine.playbook import Playbook, Requirements, Signals
from engine.plugins import load_playbook

BARS = ChannelKind.BARS


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
    # A fresh instance decides: what ``prepare`` saw of the future cannot hide on ``self``.
    decider = type(playbook)(playbook.params)
    outcome = simulate(config, dataset, decider, signals, requirements, on_progress=on_progress)
    check_causality(playbook, dataset, requirements, signals, outcome)
    return RunResult(config, dataset, playbook, requirements, signals, outcome)


def load_window(
    config: RunConfig, source: Catalog | Dataset, requirements: Requirements
) -> Dataset:
    """Return the data of the configured window with the playbook's warm-up before it.

    Beside what the playbook declares come the channels that the venue and the brokerage settle
    with (marks, funding and dividends of what is traded, the series that pays interest) and the
    bars of the report's benchmark.
    """
    warmup = requirements.warmup_bars * Timeframe(requirements.clock.timeframe).ns
    windows = (config.risk.volatility_window, config.risk.participation_window)
    warmup = max(warmup, *(parse_duration(window) for window in windows))
    start, end = (int(x.timestamp()) * 10**9 for x in (config.data.start, config.data.end))
    required = set(requirements.channels)
    if config.account.interest_series is not None:
        required.add(ChannelKey(config.account.interest_series, ChannelKind.SERIES))
    optional = requirements.optional | settlement_channels(source, requirements)
    if config.report.benchmark is not None:
        optional |= {
            key
            for key in held_keys(source)
            if (key.instrument, key.kind) == (config.report.benchmark, BARS)
        }
    dataset = load_dataset(source, required, start, end, warmup, optional=optional)
    lag = config.data.extra_lag
    return dataset if lag is None else dataset.delayed(parse_duration(lag))


def settlement_channels(
    source: Catalog | Dataset, requirements: Requirements
) -> frozenset[ChannelKey]:
    """Return the channels that move cash or mark positions, whatever the playbook reads."""
    keys = set()
    for name in requirements.traded:
        keys |= {ChannelKey(name, kind) for kind in (ChannelKind.FUNDING, ChannelKind.DIVIDENDS)}
        bars = [k for k in requirements.channels if (k.instrument, k.kind) == (name, BARS)]
        timeframe = min((k.timeframe for k in bars), key=Timeframe, default="1h")
        mark = mark_key(source, name, timeframe)
        if mark is not None:
            keys.add(mark)
    return frozenset(keys)
