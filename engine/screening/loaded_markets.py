"""The markets of a screening: one for each stretch of data that the engine would load for a set."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from data_feeds.catalog import Catalog
from data_feeds.dataset import Dataset
from data_feeds.instrument import Instrument
from engine.config.models import RunConfig
from engine.equity_curve import BillAccruals
from engine.playbook import Playbook, Requirements
from engine.run import PreparedRun, prepare_run
from engine.run_data import history_ns, memory_ns
from engine.screening.screened_market import ScreenedMarket
from engine.screening.support import UnscreenedError, market_reasons


@dataclass(frozen=True)
class SetRules:
    """Hold the playbook of a set and what it needs."""

    playbook: Playbook[Any]
    requirements: Requirements

    @cached_property
    def text(self) -> str:
        """Everything that the playbook needs, as one text."""
        needs = self.requirements
        return repr([_in_order(getattr(needs, item.name)) for item in fields(needs)])


@dataclass(frozen=True)
class LoadedMarket:
    """Hold a market and the run that loaded its data."""

    market: ScreenedMarket
    prepared: PreparedRun


class LoadedMarkets:
    """Load and hold the markets that the sets of one run trade in.

    Parameters are those of :class:`~engine.screening.screening_of_run.Screening`.

    Attributes
    ----------
    first : the market of the run itself
    instruments : the records of the data, by id
    """

    def __init__(
        self, prepared: PreparedRun, source: Catalog | Dataset | None, plugin_path: Path | None
    ) -> None:
        self._prepared, self._source, self._plugin_path = prepared, source, plugin_path
        self.first = ScreenedMarket(prepared.inputs, prepared.inputs.timeline())
        own = SetRules(prepared.playbook, prepared.requirements)
        key = self._key(own, prepared.inputs.config)
        self._held = {key: LoadedMarket(self.first, prepared)}
        self._refused: dict[str, str] = {}
        found = prepared.dataset if source is None else source
        self.instruments: Mapping[str, Instrument] = (
            found.instruments if isinstance(found, Dataset) else found.instruments()
        )

    def of(self, rules: SetRules, config: RunConfig) -> LoadedMarket:
        """Return the market that a set trades in, on the data that the engine would load for it.

        Raises
        ------
        UnscreenedError : the set trades another instrument, its market cannot be screened beside
            that of the run, or its data must be loaded and there is no source.
        """
        key = self._key(rules, config)
        if key in self._held:
            return self._held[key]
        if key not in self._refused:
            found = self._loaded(rules, config)
            if isinstance(found, LoadedMarket):
                self._held[key] = found
                return found
            self._refused[key] = found
        raise UnscreenedError(f"a swept set: {self._refused[key]}")

    def _key(self, rules: SetRules, config: RunConfig) -> str:
        """Return everything that decides which data a set reads, as one text."""
        needs, dataset = rules.requirements, self._prepared.dataset
        lengths = (history_ns(config, dataset, needs), memory_ns(config, needs))
        return repr((rules.text, lengths, config.venue.slippage.reads_activity))

    def _loaded(self, rules: SetRules, config: RunConfig) -> LoadedMarket | str:
        """Return a market, or why no set can be screened in it."""
        traded, own = rules.requirements.traded, self._prepared.requirements.traded
        if traded != own:
            # Another record brings another layer of risk and another currency.
            return f"it trades {', '.join(traded)}, and the run {', '.join(own)}"
        if self._source is None:
            return (
                "it needs other data than the run (warm-up, sizing windows, or the volumes of its "
                "slippage model); pass the source of the data"
            )
        prepared = prepare_run(config, self._source, self._plugin_path)
        reasons = market_reasons(prepared.inputs)
        if reasons:
            return "; ".join(reasons)
        market = ScreenedMarket(prepared.inputs, prepared.inputs.timeline())
        if not self._has_days_of_first(market):
            return "its days close at other instants than those of the run"
        return LoadedMarket(market, prepared)

    def _has_days_of_first(self, market: ScreenedMarket) -> bool:
        """Return whether a market has the days and the bill of the run's own."""
        return np.array_equal(market.days, self.first.days) and _are_equal(
            market.timeline.bill, self.first.timeline.bill
        )


def _are_equal(one: BillAccruals, other: BillAccruals) -> bool:
    return (
        np.array_equal(one.at, other.at)
        and np.array_equal(one.days, other.days)
        and np.array_equal(one.rate, other.rate, equal_nan=True)
    )


def _in_order(value: Any) -> Any:
    """Return sets and mappings as lists in a fixed order."""
    if isinstance(value, Mapping):
        return sorted(value.items(), key=repr)
    return sorted(value, key=repr) if isinstance(value, frozenset | set) else value
