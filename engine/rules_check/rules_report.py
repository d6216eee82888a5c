"""Check the rules of one run against its data, without simulating anything."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from data_feeds.catalog import Catalog
from data_feeds.clock import datetime_ns, utc_text
from data_feeds.dataset import Dataset
from data_feeds.errors import DataError
from data_feeds.load import open_source
from data_feeds.schema import ChannelKey, Provenance
from data_feeds.trading_end import without_delistings
from engine.causality import prepare
from engine.config.models import RunConfig
from engine.plugins import AnyPlaybook, configured_playbook, requirements_of
from engine.rules_check.account_guards import guard_sentences
from engine.rules_check.channel_needs import ChannelNeed, channel_needs
from engine.rules_check.condition_counts import WindowCounts, count_conditions
from engine.rules_check.state_counts import StateCounts, count_states
from engine.run_data import load_window
from engine.settle import settle


@dataclass(frozen=True)
class RulesReport:
    """The rules of a run in words, what they need, and how often their conditions were true.

    Attributes
    ----------
    sentences : the rules in plain words, a line each; empty where the playbook has none
    warmup_bars : decision rows before the window that the signals need
    needs : every channel that the playbook reads
    counts : None where the data do not cover the window
    states : how often each state of weights was held; None where the playbook names no states
    remarks : sentences of the playbook about wrong or absent inputs
    guards : sentences about the guards of the account that can overrule the rules
    problem : why nothing was counted, None where it was
    has_data : false where the data could not be opened at all
    synthetic : true where a channel that was read holds synthetic rows
    """

    run: str
    playbook: str
    start: str
    end: str
    source: str
    clock: ChannelKey
    warmup_bars: int
    sentences: tuple[str, ...]
    needs: tuple[ChannelNeed, ...]
    counts: WindowCounts | None
    remarks: tuple[str, ...] = ()
    problem: DataError | None = None
    has_data: bool = True
    synthetic: bool = False
    states: StateCounts | None = None
    guards: tuple[str, ...] = ()

    def document(self) -> dict[str, Any]:
        """Return the report for JSON; instants are ISO texts."""
        return {
            "run": self.run,
            "playbook": self.playbook,
            "window": {"start": self.start, "end": self.end},
            "data": self.source,
            "synthetic": self.synthetic,
            "rules": list(self.sentences),
            "clock": str(self.clock),
            "warmup_bars": self.warmup_bars,
            "needs": [_need(item) for item in self.needs],
            "counts": None if self.counts is None else _counts(self.counts),
            "states": None if self.states is None else _states(self.states),
            "remarks": list(self.remarks),
            "guards": list(self.guards),
            "problem": None if self.problem is None else str(self.problem),
        }


def check_rules(config: RunConfig, plugin_path: Path | None = None) -> RulesReport:
    """Return the report of a run whose file is already checked.

    Raises
    ------
    ConfigError : the instruments' records show that the rules cannot be meant so.
    PlaybookError : the playbook failed.
    """
    playbook = configured_playbook(config.playbook, plugin_path)
    missing: DataError | None = None
    try:
        source: Catalog | Dataset = open_source(config.data.source)
    except DataError as error:
        # Without data the rules can still be told.
        missing, source = error, Dataset({}, {})
    held = source.instruments if isinstance(source, Dataset) else source.instruments()
    records = without_delistings(held)
    if missing is None:
        config, playbook = settle(config, source, playbook)
    needs = requirements_of(playbook)
    report = RulesReport(
        run=config.name,
        playbook=playbook.name,
        start=config.data.start.isoformat(),
        end=config.data.end.isoformat(),
        source=str(config.data.source),
        clock=needs.clock,
        warmup_bars=needs.warmup_bars,
        sentences=tuple(type(playbook).sentences(playbook.params, records)),
        needs=channel_needs(needs, source, {}),
        counts=None,
        problem=missing,
        has_data=missing is None,
        guards=guard_sentences(config.risk),
    )
    if missing is not None:
        return report
    ages = type(playbook).longest_ages(playbook.params, records)
    return _measured(report, config, playbook, source, ages)


def _measured(
    report: RulesReport,
    config: RunConfig,
    playbook: AnyPlaybook,
    source: Catalog | Dataset,
    ages: Mapping[ChannelKey, int],
) -> RulesReport:
    """Return the report completed by what is read from the data."""
    needs = requirements_of(playbook)
    try:
        dataset = load_window(config, source, needs)
    except DataError as error:
        return replace(report, needs=channel_needs(needs, source, ages), problem=error)
    signals = prepare(playbook, dataset, needs)
    start, end = map(datetime_ns, (config.data.start, config.data.end))
    at = signals.decided_at
    inside = (at >= start) & (at <= end)
    rows = at[inside]
    names = signals.state_names
    read = dataset.only(needs.channels | needs.optional).channels.values()
    return replace(
        report,
        needs=channel_needs(needs, source, ages, dataset, rows),
        counts=count_conditions(signals.conditions, at, start, end),
        states=count_states(names, signals.values["state"][inside], rows) if names else None,
        remarks=signals.remarks,
        synthetic=any(np.any(rows["label"] == Provenance.SYNTHETIC) for rows in read),
    )


def _need(item: ChannelNeed) -> dict[str, Any]:
    written = asdict(item)
    limit = written.pop("max_age_ns")
    return {
        **written,
        "first_at": _instant(item.first_at),
        "last_at": _instant(item.last_at),
        "max_age_hours": None if limit is None else limit / 3.6e12,
    }


def _counts(counts: WindowCounts) -> dict[str, Any]:
    names = [item.name for item in counts.conditions]
    return {
        "decision_rows": counts.rows,
        "first_at": _instant(counts.first_at if counts.rows else None),
        "last_at": _instant(counts.last_at if counts.rows else None),
        "conditions": [
            {**asdict(item), "first_known_at": _instant(item.first_known_at)}
            for item in counts.conditions
        ],
        "both_true": {
            name: dict(zip(names, row, strict=True))
            for name, row in zip(names, counts.together.tolist(), strict=True)
        },
        "passing": [
            {
                **asdict(item),
                "first_at": _instant(item.first_at),
                "last_at": _instant(item.last_at),
            }
            for item in counts.passing
        ],
    }


def _states(counts: StateCounts) -> dict[str, Any]:
    written = asdict(counts)
    for item in (written, *written["states"]):
        for key in ("first_at", "last_at", "first_switch_at", "last_switch_at"):
            if key in item:
                item[key] = _instant(item[key])
    return written


def _instant(at: int | None) -> str | None:
    return None if at is None else utc_text(at)
