"""Screening of one run: its market once, then any number of parameter sets."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from data_feeds.catalog import Catalog
from data_feeds.dataset import Dataset
from engine.bracket_plan import BracketPlan
from engine.causality import prepare
from engine.config.models import RunConfig
from engine.config.problems import validate_strict
from engine.errors import ConfigError
from engine.playbook import PlaybookParams, Requirements, Signals
from engine.plugins import new_playbook, settled_params
from engine.run import PreparedRun, prepare_run
from engine.screening.layout import Records
from engine.screening.screened import Screened
from engine.screening.screened_market import ScreenedMarket
from engine.screening.set_values import config_of, params_of, with_values
from engine.screening.simulation import PreparedSet, simulate_sets
from engine.screening.support import (
    UnscreenedError,
    config_reasons,
    input_reasons,
    plan_reasons,
    refused_paths,
    timeline_reasons,
)

KEPT_FILLS = 100_000
# Plans of parameters that were seen lately; a sweep over risk asks for one of them again and again.
KEPT_PLANS = 64
# Signals are whole columns over the rows; a sweep over stops needs one of them.
KEPT_SIGNALS = 4


def supports(prepared: PreparedRun) -> tuple[str, ...]:
    """Return why the engine must simulate a run; empty where it can be screened."""
    inputs = prepared.inputs
    reasons = config_reasons(inputs.config) + input_reasons(inputs)
    if not reasons and inputs.signals.plan is not None:
        reasons += timeline_reasons(inputs.timeline(), inputs.signals.plan)
    return tuple(reasons)


class Screening:
    """Simulate parameter sets of one prepared run by the compiled kernel.

    A set maps dotted paths of the run file to values, ``{"risk.risk_fraction": 0.01}``; paths that
    it leaves out keep the run's value.

    Parameters
    ----------
    prepared : the run
    source, plugin_path : where runs with another warm-up are loaded from; None: such sets are
        refused
    """

    def __init__(
        self,
        prepared: PreparedRun,
        source: Catalog | Dataset | None = None,
        plugin_path: Path | None = None,
    ) -> None:
        reasons = supports(prepared)
        if reasons:
            raise UnscreenedError(f"the engine must simulate this run: {'; '.join(reasons)}")
        self._prepared, self._source, self._plugin_path = prepared, source, plugin_path
        self._base = prepared.inputs.config
        self._playbook = prepared.playbook
        self._first = ScreenedMarket(prepared.inputs, prepared.inputs.timeline())
        self._markets = {_history(prepared.requirements): (self._first, prepared)}
        self._plans: dict[str, tuple[ScreenedMarket, BracketPlan]] = {}
        self._shared: dict[str, Signals] = {}

    @classmethod
    def of(
        cls,
        prepared: PreparedRun,
        source: Catalog | Dataset | None = None,
        plugin_path: Path | None = None,
    ) -> "Screening":
        """Return the screening of a prepared run.

        Raises
        ------
        UnscreenedError : the engine must simulate it; the text names every reason.
        """
        return cls(prepared, source, plugin_path)

    def refuses(self, paths: Iterable[str]) -> tuple[str, ...]:
        """Return which swept paths cannot be screened, with the reason; empty for none."""
        return refused_paths(paths)

    def screen(self, sets: Sequence[Mapping[str, Any]], *, daily: bool = True) -> Screened:
        """Return the results of sets, in their order; ``daily`` keeps the equity of each day.

        Raises
        ------
        ConfigError : a value of a set cannot be used.
        UnscreenedError : a set asks for rules that no bracket plan holds.
        """
        found = [self._prepared_set(values) for values in sets]
        markets = list(dict.fromkeys(market for market, _ in found))
        parts = {}
        for market in markets:
            places = [place for place, (own, _) in enumerate(found) if own is market]
            rows = [found[place][1] for place in places]
            parts[market] = (places, *self._simulated(market, rows, daily=daily))
        return Screened.joined(
            list(parts.values()),
            start_equity=[row.start_equity for _, row in found],
            days=self._first.days if daily else self._first.days[:0],
            window_ns=self._first.window_ns,
            bill=self._first.timeline.bill,
        )

    def fills(self, values: Mapping[str, Any]) -> Records:
        """Return the fills of one set as records, in order; see ``engine/screening/layout.py``."""
        market, row = self._prepared_set(values)
        return simulate_sets([row], market.tape, days=0, kept_fills=KEPT_FILLS)[2]

    def config(self, values: Mapping[str, Any]) -> RunConfig:
        """Return the run file's config of a set."""
        config = config_of(self._base, values)
        swept = params_of(values)
        if not swept:
            return config
        params = with_values(config.playbook.params, swept)
        return config.model_copy(
            update={"playbook": config.playbook.model_copy(update={"params": params})}
        )

    def _simulated(
        self, market: ScreenedMarket, rows: Sequence[PreparedSet], *, daily: bool
    ) -> tuple[Records, Any]:
        days = len(self._first.days) if daily else 0
        states, equity, _ = simulate_sets(rows, market.tape, days=days)
        return states, equity

    def _prepared_set(self, values: Mapping[str, Any]) -> tuple[ScreenedMarket, PreparedSet]:
        """Return a set in the form of the kernel, with the market that it trades in."""
        refused = self.refuses(values)
        if refused:
            raise UnscreenedError(f"a swept set: {'; '.join(refused)}")
        market, plan = self._planned(params_of(values))
        return market, market.prepared(plan, config_of(self._base, values))

    def _planned(self, swept: Mapping[str, Any]) -> tuple[ScreenedMarket, BracketPlan]:
        """Return the plan of swept parameters and the market whose history they read."""
        key = repr(sorted(swept.items()))
        if key not in self._plans:
            if len(self._plans) >= KEPT_PLANS:
                del self._plans[next(iter(self._plans))]
            self._plans[key] = self._new_plan(swept)
        return self._plans[key]

    def _new_plan(self, swept: Mapping[str, Any]) -> tuple[ScreenedMarket, BracketPlan]:
        params = self._params(swept)
        market, prepared = self._market_of(params, swept)
        plan = type(self._playbook).plan_of(params, self._signals(params, prepared, swept))
        if plan is None:
            raise UnscreenedError(f"the playbook declares no bracket plan for {dict(swept)}")
        reasons = plan_reasons(plan, market.name) + timeline_reasons(market.timeline, plan)
        if reasons:
            raise UnscreenedError(f"{dict(swept)}: {'; '.join(reasons)}")
        return market, plan

    def _signals(
        self, params: PlaybookParams, prepared: PreparedRun, swept: Mapping[str, Any]
    ) -> Signals:
        """Return signals of parameters, shared by all sets that differ in ``plan_params`` alone."""
        own = type(self._playbook).plan_params
        rest = [(path, v) for path, v in swept.items() if path.partition(".")[0] not in own]
        key = repr((_history(prepared.requirements), sorted(rest)))
        if key not in self._shared:
            if len(self._shared) >= KEPT_SIGNALS:
                del self._shared[next(iter(self._shared))]
            playbook = new_playbook(type(self._playbook), params, self._playbook.ignored)
            self._shared[key] = prepare(playbook, prepared.dataset, prepared.requirements)
        return self._shared[key]

    def _params(self, swept: Mapping[str, Any]) -> PlaybookParams:
        """Return the checked and settled parameters of a set."""
        model = type(self._playbook).Params
        given = with_values(self._playbook.params.model_dump(mode="json"), swept)
        try:
            params = validate_strict(model, given)
        except ValidationError as error:
            raise ConfigError(f"playbook.params of a swept set: {error}") from error
        return settled_params(type(self._playbook), params, self._prepared.dataset.instruments)

    def _market_of(
        self, params: PlaybookParams, swept: Mapping[str, Any]
    ) -> tuple[ScreenedMarket, PreparedRun]:
        """Return the market with the history that parameters need, as the engine would load it."""
        key = _history(type(self._playbook).requirements(params))
        if key not in self._markets:
            if self._source is None:
                raise UnscreenedError(
                    f"{dict(swept)} needs another warm-up than the run; pass the source of the data"
                )
            config = self.config({f"playbook.params.{name}": v for name, v in swept.items()})
            prepared = prepare_run(config, self._source, self._plugin_path)
            inputs = replace(prepared.inputs, config=self._base)
            self._markets[key] = (ScreenedMarket(inputs, inputs.timeline()), prepared)
        return self._markets[key]


def _history(requirements: Requirements) -> str:
    """Return everything in the requirements that changes the data of a run, as one key."""
    return repr(
        (
            requirements.clock,
            sorted(requirements.channels),
            sorted(requirements.optional),
            requirements.traded,
            requirements.warmup_bars,
            requirements.memory_ns,
            sorted(requirements.shorter_ns.items()),
        )
    )
