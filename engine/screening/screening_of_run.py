"""Screening of one run: its market once, then any number of parameter sets."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from data_feeds.catalog import Catalog
from data_feeds.dataset import Dataset
from engine.bracket_plan import BracketPlan
from engine.causality import prepare
from engine.config.models import RunConfig
from engine.config.problems import param_problem_texts, validate_strict
from engine.config.yaml_source import given_params
from engine.errors import ConfigError
from engine.playbook import Signals
from engine.playbook_risk import default_risk
from engine.plugins import new_playbook, param_problems, requirements_of, settled_params
from engine.run import PreparedRun
from engine.screening.layout import Records
from engine.screening.loaded_markets import LoadedMarket, LoadedMarkets, SetRules
from engine.screening.screened import Screened
from engine.screening.screened_market import ScreenedMarket
from engine.screening.set_values import config_of, params_of, with_values
from engine.screening.simulation import PreparedSet, fills_of, simulate_sets
from engine.screening.support import (
    UnscreenedError,
    config_reasons,
    input_reasons,
    plan_reasons,
    refused_paths,
    timeline_reasons,
)

Key = TypeVar("Key")
Value = TypeVar("Value")

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
    source, plugin_path : where the data of sets that need others than the run are loaded from (a
        longer warm-up or sizing window, volumes of a slippage model); None: such sets are refused
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
        self._base = prepared.inputs.config
        self._playbook = prepared.playbook
        self._markets = LoadedMarkets(prepared, source, plugin_path)
        self._first = self._markets.first
        self._rules: dict[str, SetRules] = {}
        self._plans: dict[tuple[str, ScreenedMarket], BracketPlan] = {}
        self._shared: dict[tuple[str, ScreenedMarket], Signals] = {}

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
        """Return the swept paths that cannot be screened, with the reason; empty for none."""
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
        return fills_of(row, market.tape)

    def config(self, values: Mapping[str, Any]) -> RunConfig:
        """Return the run file's config of a set."""
        return _with_params(config_of(self._base, values), params_of(values))

    def _simulated(
        self, market: ScreenedMarket, rows: Sequence[PreparedSet], *, daily: bool
    ) -> tuple[Records, Any]:
        days = len(self._first.days) if daily else 0
        states, equity, _ = simulate_sets(rows, market.tape, days=days)
        return states, equity

    def _prepared_set(self, values: Mapping[str, Any]) -> tuple[ScreenedMarket, PreparedSet]:
        """Return a set in the form of the kernel, with the market that it trades in."""
        _refuse("a swept set", self.refuses(values))
        config, swept = config_of(self._base, values), params_of(values)
        _refuse("a swept set", config_reasons(config))
        key = repr(sorted(swept.items()))
        rules = _kept(self._rules, key, KEPT_PLANS, lambda: self._new_rules(swept))
        found = self._markets.of(rules, _with_params(config, swept))
        market = found.market
        place = (key, market)
        plan = _kept(self._plans, place, KEPT_PLANS, lambda: self._new_plan(rules, found, swept))
        return market, market.prepared(plan, config)

    def _new_rules(self, swept: Mapping[str, Any]) -> SetRules:
        """Return the checked and settled parameters of a set, and what they need.

        Raises
        ------
        ConfigError : the parameters cannot be used.
        UnscreenedError : they change the defaults of the risk section.
        """
        playbook = type(self._playbook)
        given = with_values(self._playbook.params.model_dump(mode="json"), swept)
        try:
            params = validate_strict(playbook.Params, given)
        except ValidationError as error:
            raise ConfigError(f"playbook.params of a swept set: {error}") from error
        problems = param_problems(playbook, params)
        if problems:
            told = param_problem_texts(problems, given_params(playbook.name, given))
            raise ConfigError("\n".join(told))
        params = settled_params(playbook, params, self._markets.instruments)
        own = self._playbook.params
        if default_risk(playbook, params) != default_risk(playbook, own):
            raise UnscreenedError(f"{dict(swept)} changes the playbook's defaults of risk")
        made = new_playbook(playbook, params, self._playbook.ignored)
        return SetRules(made, requirements_of(made))

    def _new_plan(
        self, rules: SetRules, found: LoadedMarket, swept: Mapping[str, Any]
    ) -> BracketPlan:
        """Return the plan of a set on the data of its market."""
        signals = self._signals(rules, found, swept)
        plan = type(self._playbook).plan_of(rules.playbook.params, signals)
        if plan is None:
            raise UnscreenedError(f"the playbook declares no bracket plan for {dict(swept)}")
        market = found.market
        reasons = plan_reasons(plan, market.name) + market.reasons(plan)
        _refuse(str(dict(swept)), reasons)
        return plan

    def _signals(self, rules: SetRules, found: LoadedMarket, swept: Mapping[str, Any]) -> Signals:
        """Return signals of parameters, shared by all sets that differ in ``plan_params`` alone."""
        own = type(self._playbook).plan_params
        rest = [(path, v) for path, v in swept.items() if path.partition(".")[0] not in own]
        place, run = (repr(sorted(rest)), found.market), found.prepared
        return _kept(
            self._shared,
            place,
            KEPT_SIGNALS,
            lambda: prepare(rules.playbook, run.dataset, run.requirements),
        )


def _refuse(what: str, reasons: Iterable[str]) -> None:
    """Raise an error that names the reasons, if there are any."""
    told = "; ".join(reasons)
    if told:
        raise UnscreenedError(f"{what}: {told}")


def _with_params(config: RunConfig, swept: Mapping[str, Any]) -> RunConfig:
    """Return a config with swept parameters of the playbook."""
    if not swept:
        return config
    params = with_values(config.playbook.params, swept)
    playbook = config.playbook.model_copy(update={"params": params})
    return config.model_copy(update={"playbook": playbook})


def _kept(held: dict[Key, Value], key: Key, most: int, made: Callable[[], Value]) -> Value:
    """Return the value of a key, made at its first use; ``most`` values are kept, the newest."""
    if key not in held:
        if len(held) >= most:
            del held[next(iter(held))]
        held[key] = made()
    return held[key]
