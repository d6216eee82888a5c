"""Check by machine that a playbook keeps the contract.

from engine.playbook_checks import playbook_checks

def test_my_playbook_keeps_the_contract():
    playbook_checks(MyPlaybook, MyParams(), my_dataset)
"""

from dataclasses import dataclass
from datetime import datetime
from io import StringIO
from typing import Any

import numpy as np
from pydantic import ValidationError
from ruamel.yaml import YAML

from data_feeds.clock import datetime_ns, parse_duration, utc_datetime, utc_text
from data_feeds.dataset import Dataset
from data_feeds.errors import RiskoffError
from data_feeds.schema import ChannelKey
from data_feeds.timeframe import Timeframe
from data_feeds.trading_terms import MaintenanceBracket
from data_feeds.yaml_text import parse_yaml
from engine.causality import first_difference, named_arrays, prepare
from engine.conditions import Truth, alternatives, comparison_hides, entry_truth, failed_alone
from engine.config.models import DataConfig, PlaybookConfig, RiskConfig, RunConfig, RunMode
from engine.config.problems import validate_strict
from engine.config.venue import VenueConfig
from engine.costs import RangeSlippage
from engine.decision_terms import RISK_ADDING, IntentKind
from engine.errors import ConfigError, PlaybookContractError, PlaybookError
from engine.playbook import Playbook, PlaybookParams, Signals
from engine.playbook_checks.plan_check import plan_difference
from engine.playbook_checks.truncation import (
    Simulated,
    event_cuts,
    outcome_difference,
    prefix_difference,
    redrawn_after,
    simulated,
)
from engine.plugins import new_playbook, settled_params
from engine.records import Decision

MAINTENANCE_RATE = 0.004
HISTORY_ENTRIES = 10
# An exponential average never forgets entirely; this much of a number may be older.
HISTORY_TOLERANCE = 1e-6


@dataclass(frozen=True)
class CheckReport:
    """Count the events that the checks used; few events prove little.

    Attributes
    ----------
    entries : approved entries of the whole run, purchases of rebalancings included
    cuts : instants after which data were removed, and then redrawn
    absent : optional channels that were removed one by one
    idle : required conditions that were not always true and changed nothing when left out;
        another condition or rule may have blocked the same rows
    """

    entries: int
    cuts: int
    absent: tuple[ChannelKey, ...]
    idle: tuple[str, ...] = ()


def playbook_checks(
    playbook_cls: type[Playbook[Any]],
    params: PlaybookParams,
    dataset: Dataset,
    *,
    config: RunConfig | None = None,
) -> CheckReport:
    """Run every check on one dataset; raise at the first that fails.

    Parameters
    ----------
    playbook_cls, params : playbook to check
    dataset : data on which it trades, with the warm-up at the front
    config : account, venue, risk and window; by default the shipped defaults from the end of the
        warm-up to the last bar

    Raises
    ------
    PlaybookContractError : a rule is broken; the text names the rule and the instant.
    PlaybookError : the playbook raised.
    """
    check = _Check(playbook_cls, params, dataset, config)
    check.params_survive_yaml()
    whole = check.runs_repeat()
    check.conditions_show_what_they_compare(whole)
    check.plan_is_what_is_decided(whole)
    check.instances_share_nothing(whole)
    check.nothing_before_warmup()
    check.warmup_is_enough(whole)
    cuts = check.later_data_change_nothing(whole)
    absent = check.absent_channels_are_unknown(whole)
    idle = check.required_conditions_decide(whole)
    entries = len({(d.decided_at, d.plan_id) for d in _adding(whole) if d.plan_id > 0})
    return CheckReport(entries, cuts, absent, idle)


class _Check:
    """Hold one playbook and dataset; each method is one check."""

    def __init__(
        self,
        playbook_cls: type[Playbook[Any]],
        params: PlaybookParams,
        dataset: Dataset,
        config: RunConfig | None,
    ) -> None:
        params = settled_params(playbook_cls, params, dataset.instruments)
        self._cls, self._params, self._dataset = playbook_cls, params, dataset
        self._requirements = playbook_cls.requirements(params)
        missing = sorted(self._requirements.channels - set(dataset.channels))
        if missing:
            raise ConfigError(f"playbook_checks: the dataset lacks {missing[0]}; add it")
        self._config = config or self._default_config(self._requirements.warmup_bars)
        self._dataset = dataset.in_force(self._config.data.start.date())

    def conditions_show_what_they_compare(self, whole: Simulated) -> None:
        """Check that the numbers beside a condition explain its truth, or are NaN with a reason."""
        for item in whole.signals.conditions:
            hidden = np.flatnonzero(comparison_hides(item))
            if len(hidden) and not item.left_out:
                row = int(hidden[0])
                at = utc_text(int(whole.signals.decided_at[row]))
                raise self._broken(
                    f"the condition {item.name} is {Truth(int(item.truth[row])).name.lower()} at "
                    f"{at} beside {item.measured[row]:g} against {item.threshold[row]:g}, which "
                    "other rows contradict: pass NaN where these numbers do not decide, and name "
                    "the deciding ones by api.reason or parts"
                )

    def plan_is_what_is_decided(self, whole: Simulated) -> None:
        """Check that a declared bracket plan gives the same orders as the playbook itself."""
        name = plan_difference(whole)
        if name:
            raise self._broken(
                f"the declared plan gives other {name} than on_bar and on_fill; declare what they "
                "decide, or no plan"
            )

    def params_survive_yaml(self) -> None:
        """Check that params written as YAML and read back are equal."""
        text = StringIO()
        YAML(typ="safe").dump(self._params.model_dump(mode="json"), text)
        try:
            again = validate_strict(type(self._params), parse_yaml(text.getvalue()).data)
        except (RiskoffError, ValidationError) as error:
            raise self._broken(f"params cannot be read back from YAML: {error}") from error
        if again != self._params:
            raise self._broken(f"params change on the way through YAML: {self._params} -> {again}")

    def runs_repeat(self) -> Simulated:
        """Check that two runs and a dense run are equal, and that the data do not change."""
        whole = self._run(self._dataset)
        for mode in (RunMode.SPARSE, RunMode.DENSE):
            other = self._run(self._dataset, mode=mode)
            found = first_difference(whole.signals, other.signals, len(whole.signals.decided_at))
            name = found[0] if found else outcome_difference(whole.outcome, other.outcome)
            if name:
                what = "a second run" if mode is RunMode.SPARSE else "a dense run"
                raise self._broken(f"{what} gives other {name}")
        fresh = self._dataset.having(self._dataset.channels)
        if fresh.fingerprint != self._dataset.fingerprint:
            raise self._broken("the playbook changed the data it was given")
        return whole

    def instances_share_nothing(self, whole: Simulated) -> None:
        """Check that a run of one instance does not change the run of an earlier instance."""
        first, second = self._cls(self._params), self._cls(self._params)
        decided, start = whole.signals.decided_at, datetime_ns(self._config.data.start)
        inside = decided[decided >= start]
        half = int(inside[len(inside) // 2])
        simulated(second, self._dataset.cut(half), self._config)
        after = simulated(first, self._dataset, self._config)
        name = outcome_difference(whole.outcome, after.outcome)
        if name:
            raise self._broken(f"another instance's run changes {name}; state must be its own")

    def nothing_before_warmup(self) -> None:
        """Check that the playbook enters nothing during its declared warm-up."""
        warmup = self._requirements.warmup_bars
        early = self._run(self._dataset, config=self._default_config(0))
        decided = early.signals.decided_at
        first_at = int(decided[min(warmup, len(decided) - 1)])
        hasty = [d for d in early.outcome.decisions if d.intent == IntentKind.ENTER]
        if hasty and hasty[0].decided_at < first_at:
            raise self._broken(
                f"enters at {utc_text(hasty[0].decided_at)}, before its own warm-up of {warmup} "
                f"bars ends at {utc_text(first_at)}"
            )

    def warmup_is_enough(self, whole: Simulated) -> None:
        """Check that the declared history alone gives equal signals to ``HISTORY_TOLERANCE``."""
        signals, clock = whole.signals, self._dataset.channels[self._requirements.clock]
        memory_ns = self._requirements.memory_ns
        entries = sorted({d.decided_at for d in _adding(whole)})
        for at in entries[:HISTORY_ENTRIES]:
            row = int(np.searchsorted(signals.decided_at, at))
            first = max(row - self._requirements.warmup_bars, 0)
            first = min(first, int(np.searchsorted(clock["opened_at"], at - memory_ns)))
            recent = _bars_from(self._dataset, int(clock["opened_at"][first]))
            part = prepare(self._cls(self._params), recent, self._requirements)
            shorter = named_arrays(part)
            for name, values in named_arrays(signals).items():
                if not _agree(values[row], shorter[name][row - first]):
                    raise self._broken(
                        f"{name} at {utc_text(at)} is {values[row]}, but "
                        f"{shorter[name][row - first]} from the declared warm-up of "
                        f"{self._requirements.warmup_bars} bars; declare more"
                    )

    def later_data_change_nothing(self, whole: Simulated) -> int:
        """Check that removed or redrawn later data change nothing up to each event."""
        cuts = event_cuts(whole)
        for at in cuts:
            for verb, other, next_close in (
                ("removed", self._dataset.cut(at), whole.next_close(at)),
                ("redrawn", redrawn_after(self._dataset, at, seed=at % 1_000_003), None),
            ):
                part = self._run(other, next_close=next_close)
                name = prefix_difference(whole, part, at)
                if name:
                    raise self._broken(
                        f"{name} up to {utc_text(at)} changes when the data after it are {verb}; "
                        "it looks ahead"
                    )
        return len(cuts)

    def absent_channels_are_unknown(self, whole: Simulated) -> tuple[ChannelKey, ...]:
        """Check that no condition changes silently without an optional channel.

        Allowed are an error of ours, an unknown condition, or other inputs named by a condition.
        """
        optional = sorted(self._requirements.optional - self._requirements.channels)
        held = [key for key in optional if key in self._dataset.channels]
        for key in held:
            channels = {k: c for k, c in self._dataset.channels.items() if k != key}
            dataset = self._dataset.having(channels)
            try:
                other = prepare(self._cls(self._params), dataset, self._requirements)
            except PlaybookError as error:
                if isinstance(error.__cause__, Exception):
                    raise self._broken(f"without the optional {key}: {error}") from error
                continue
            except RiskoffError:
                continue
            changed = unknown = False
            for one, without in zip(whole.signals.conditions, other.conditions, strict=True):
                differs = one.truth != without.truth
                changed |= bool(differs.any())
                unknown |= bool((without.truth[differs] == Truth.UNKNOWN).any())
                # A basket without one member names its remaining members.
                unknown |= bool(differs.any()) and one.inputs != without.inputs
            if changed and not unknown:
                raise self._broken(
                    f"without the optional {key} conditions change, but none becomes unknown or "
                    "names other inputs"
                )
        return tuple(held)

    def required_conditions_decide(self, whole: Simulated) -> tuple[str, ...]:
        """Return the required conditions that change nothing when they are left out.

        One that is true at every row need not. Raises where one alone fails at a row, of its group
        and with no other group complete, and the conditions alone decide: every row at which all
        of one group hold is a wake.
        """
        signals = whole.signals
        required = [item for item in signals.conditions if item.required]
        warm = np.arange(len(signals.decided_at)) >= self._requirements.warmup_bars
        holds = {item.name: item.truth == Truth.TRUE for item in required}
        wakes = signals.wake_flat
        groups = alternatives((item.name, item.group) for item in required)
        ready = warm & (entry_truth(required) == Truth.TRUE) if required else warm
        complete = wakes is not None and bool(wakes[ready].all())
        only = failed_alone({name: ~rows for name, rows in holds.items()}, groups)
        idle = []
        for item in required:
            playbook = new_playbook(self._cls, self._params, (item.name,))
            without = prepare(playbook, self._dataset, self._requirements)
            alone = warm & only[item.name] & (item.truth == Truth.FALSE) & ~ready
            if holds[item.name][warm].all() or _decides(signals, without, item.name):
                continue
            if complete and alone.any():
                at = utc_text(int(signals.decided_at[np.flatnonzero(alone)[0]]))
                raise self._broken(
                    f"the required condition {item.name} decides nothing: it alone fails at {at}, "
                    "and leaving it out changes no signal; decide by what "
                    "api.leave_out(conditions, self.ignored) returns"
                )
            idle.append(item.name)
        return tuple(idle)

    def _run(
        self,
        dataset: Dataset,
        *,
        mode: RunMode = RunMode.SPARSE,
        config: RunConfig | None = None,
        next_close: int | None = None,
    ) -> Simulated:
        playbook, config = self._cls(self._params), config or self._config
        return simulated(playbook, dataset, config, mode=mode, next_close=next_close)

    def _default_config(self, warmup_bars: int) -> RunConfig:
        clock = self._dataset.channels[self._requirements.clock]
        first, last = int(clock["opened_at"][0]), int(clock["closed_at"][-1])
        risk = RiskConfig()
        windows = (risk.volatility_window, risk.participation_window)
        warmup = warmup_bars * Timeframe(self._requirements.clock.timeframe).ns
        start = first + max(warmup, *(parse_duration(window) for window in windows))
        if warmup_bars == 0:
            start = first
        if start >= last:
            raise ConfigError(
                f"playbook_checks: the data end at {utc_text(last)}, before the warm-up ends at "
                f"{utc_text(start)}; give more data"
            )
        return RunConfig(
            name="playbook_checks",
            data=DataConfig(start=_utc(start), end=_utc(last)),
            playbook=PlaybookConfig(name=self._cls.name),
            venue=VenueConfig(
                maintenance=(MaintenanceBracket(floor=0.0, rate=MAINTENANCE_RATE),),
                # The square-root model refuses entries in the first days of an author's data.
                slippage=RangeSlippage(),
            ),
            risk=risk,
        )

    def _broken(self, what: str) -> PlaybookContractError:
        return PlaybookContractError(f"playbook {self._cls.name}: {what}")


def _adding(run: Simulated) -> list[Decision]:
    """Return the decisions that add risk, those of rebalancings included."""
    return [d for d in run.outcome.decisions if d.intent in RISK_ADDING]


def _bars_from(dataset: Dataset, opened_at: int) -> Dataset:
    """Return the dataset without bars and marks that open earlier."""
    channels = {
        key: channel.take(channel["opened_at"] >= opened_at) if key.timeframe else channel
        for key, channel in dataset.channels.items()
    }
    return dataset.having(channels)


def _decides(signals: Signals, without: Signals, name: str) -> bool:
    """Return whether leaving a condition out changes anything but the condition itself."""
    own = f"condition {name}"
    whole, other = named_arrays(signals), named_arrays(without)
    return any(
        not np.array_equal(values, other[key], equal_nan=np.issubdtype(values.dtype, np.floating))
        for key, values in whole.items()
        if key != own and not key.startswith(f"{own} (")
    )


def _agree(a: Any, b: Any) -> bool:
    if isinstance(a, np.floating):
        return bool(np.isclose(a, b, rtol=HISTORY_TOLERANCE, atol=0.0, equal_nan=True))
    return bool(a == b)


def _utc(at: int) -> datetime:
    return utc_datetime(at)
