"""One run up to its last bar: the same engine, with the window's end at the asked instant."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from data_feeds.catalog import Catalog
from data_feeds.clock import MINUTE_NS, datetime_ns, utc_datetime, utc_text
from data_feeds.errors import CoverageError
from data_feeds.load import stored_keys
from data_feeds.schema import ChannelKey
from data_feeds.timeframe import Timeframe
from data_feeds.trading_end import ended_by, without_delistings
from engine.config.models import RunConfig
from engine.errors import ConfigError
from engine.playbook import Requirements
from engine.plugins import configured_playbook, requirements_of
from engine.run import PreparedRun, RunResult, prepare_playbook
from engine.run_data import run_channels
from engine.settle import settle
from engine.today.ages import BAR_KINDS, bars_age, limited_ages, newest_fact
from engine.today.answer_data import InputAge
from engine.today.instants import due_close, next_close


@dataclass(frozen=True)
class RunToLastBar:
    """A run whose window ends at the last known bars.

    ``ended_at`` (ns UTC) is the asked instant, or lies before the first close that is lacking in
    bars or marks that the rules read: a bar may come late, but no decision is made without it.
    ``required`` are the ages of these bars, ``others`` those of further inputs for which
    the rules name a limit: beyond it a condition is unknown, and the run goes on.
    """

    result: RunResult
    ended_at: int
    required: tuple[InputAge, ...]
    others: tuple[InputAge, ...]

    @property
    def last_row(self) -> int:
        """Return the last decision row of the window."""
        rows = self.result.signals.decided_at
        return int(np.searchsorted(rows, self.ended_at, side="right")) - 1


def has_begun(config: RunConfig, at: int) -> bool:
    """Return whether the run of a config begins before an instant."""
    return at > datetime_ns(config.data.start)


def run_to_last_bar(
    config: RunConfig, source: Catalog, at: int, plugin_path: Path | None = None
) -> RunToLastBar:
    """Run a playbook from the start of its config to the last bars known at an instant.

    Nothing is closed at the end: positions stay open, and orders that wait for the next open stay
    working. The first close after the data follows from the calendars, so that the last close ends
    its day exactly where it does in a longer run.

    Raises
    ------
    ConfigError : the config starts at the instant or later.
    CoverageError : a required channel has no bar, or the bars do not reach back far enough.
    """
    start = datetime_ns(config.data.start)
    if not has_begun(config, at):
        raise ConfigError(
            f"{config.name}: begins at {utc_text(start)}, not before {utc_text(at)}; give an "
            "earlier data.start"
        )
    config, playbook = settle(config, source, configured_playbook(config.playbook, plugin_path))
    requirements = requirements_of(playbook)
    records = source.instruments()
    limits = playbook.longest_ages(playbook.params, without_delistings(records))
    newest = _newest_bars(config, source, requirements, at) | _awaited(
        source, requirements, limits, at
    )
    # No later bar of a delisted instrument is due.
    due = {k: v for k, v in newest.items() if ended_by(records[k.instrument], at) is None}
    lacking = [_lacking_close(source, key, closed) for key, closed in due.items()]
    end = min([at, *(close - MINUTE_NS for close in lacking if close <= at)])
    if end <= start:
        raise CoverageError(
            f"{config.name}: the bars end at {utc_text(min(newest.values()))}, before the run "
            f"begins at {utc_text(start)}"
        )
    prepared = prepare_playbook(_ending_at(config, end), source, playbook)
    required = tuple(bars_age(config.name, source, key, at) for key in sorted(due))
    limits = {key: limit for key, limit in limits.items() if key not in newest}
    others = limited_ages(config.name, source, limits, at)
    return RunToLastBar(with_next_close(prepared).simulated(), end, required, others)


def with_next_close(prepared: PreparedRun) -> PreparedRun:
    """Return a prepared run that knows from the calendars when the next bar will close."""
    inputs = prepared.inputs
    held, end = inputs.dataset.instruments, datetime_ns(inputs.config.data.end)
    closes = [
        next_close(
            held[name].calendar, Timeframe(bars.key.timeframe).ns, int(bars["closed_at"][-1])
        )
        for name, bars in inputs.bars.items()
        if len(bars) and held[name].expires_at is None and ended_by(held[name], end) is None
    ]
    last = max(int(bars["closed_at"][-1]) for bars in inputs.bars.values() if len(bars))
    following = min((close for close in closes if close > last), default=None)
    return replace(prepared, inputs=replace(inputs, next_close=following))


def _newest_bars(
    config: RunConfig, source: Catalog, requirements: Requirements, at: int
) -> dict[ChannelKey, int]:
    """Return the newest close known at an instant of every required channel of bars or marks."""
    required, _ = run_channels(config, source, requirements)
    found = {}
    for key, stored in stored_keys(source, required).items():
        if key.kind not in BAR_KINDS:
            continue
        newest = None if stored is None else newest_fact(source, stored, at)
        if newest is None and key not in requirements.late:
            raise CoverageError(f"{key}: no bar is known at {utc_text(at)}; fetch or import it")
        if newest is not None:
            found[key] = newest
    return found


def _awaited(
    source: Catalog, requirements: Requirements, limits: Mapping[ChannelKey, int], at: int
) -> dict[ChannelKey, int]:
    """Return the newest close of optional bars and marks whose next row the rules wait for.

    The rules read the last row as current up to their limit of age; beyond it they read none, and
    the run goes on without the channel. Where they name no limit, bars that are overdue are given
    up.
    """
    wanted = [key for key in requirements.optional if key.kind in BAR_KINDS]
    found = {}
    for key, stored in stored_keys(source, wanted).items():
        newest = None if stored is None else newest_fact(source, stored, at)
        if newest is None:
            continue
        calendar = source.instruments()[key.instrument].calendar
        due = due_close(calendar, Timeframe(key.timeframe).ns, at)
        if newest >= (at - limits[key] if key in limits else due):
            found[key] = newest
    return found


def _lacking_close(source: Catalog, key: ChannelKey, closed_at: int) -> int:
    """Return the close of the first bar that a channel lacks, given its newest stored close."""
    calendar = source.instruments()[key.instrument].calendar
    return next_close(calendar, Timeframe(key.timeframe).ns, closed_at)


def _ending_at(config: RunConfig, end: int) -> RunConfig:
    data = config.data.model_copy(update={"end": utc_datetime(end)})
    return config.model_copy(update={"data": data})
