"""Rerun a playbook on data that end, or are redrawn, after an instant, and compare the past."""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from data_feeds.clock import datetime_ns
from data_feeds.dataset import Dataset
from data_feeds.schema import VALUE_COLUMNS, Channel, ChannelKind
from engine.bt import SimulationInputs, simulate
from engine.causality import beginnings, first_difference, prepare
from engine.config.models import RunConfig, RunMode
from engine.equity_curve import EquityCurve
from engine.playbook import Playbook, Requirements, Signals
from engine.records import FactKind, OrderRole, OrderRow, SimulationOutcome
from engine.results.availability import AvailabilityHistory
from engine.results.journal import conditions_table, decides_by_session
from engine.run_data import with_listed

PRICES = ("open", "high", "low", "close")
TABLES = ("orders", "fills", "facts", "decisions", "guard_events", "overlays", "trail_distances")
# Columns of an order that later data may change.
ORDER_FATE = ("status", "filled", "ended_at", "end_reason", "last_level", "best_price", "best_at")


@dataclass(frozen=True)
class Simulated:
    """Hold one playbook's run over one dataset."""

    config: RunConfig
    dataset: Dataset
    requirements: Requirements
    signals: Signals
    outcome: SimulationOutcome

    @property
    def window(self) -> tuple[int, int]:
        """Return start and end of the traded window, ns UTC."""
        data = self.config.data
        return datetime_ns(data.start), datetime_ns(data.end)

    def next_close(self, at: int) -> int | None:
        """Return the first close after an instant, ns UTC, None after the last one.

        A calendar tells it beforehand: whether a close ends its day is no knowledge of later data.
        """
        closes = self.outcome.curve.at
        following = int(np.searchsorted(closes, at, side="right"))
        return int(closes[following]) if following < len(closes) else None

    @cached_property
    def whole_journal(self) -> pa.Table:
        """Return the journal of conditions of the whole window."""
        return journal(self, self.window[1])


def simulated(
    playbook: Playbook[Any],
    dataset: Dataset,
    config: RunConfig,
    *,
    mode: RunMode = RunMode.SPARSE,
    signals: Signals | None = None,
    next_close: int | None = None,
) -> Simulated:
    """Prepare and simulate a playbook; given ``signals`` are used as they are.

    ``next_close`` is the first close after data that were cut (:meth:`Simulated.next_close`).
    """
    requirements = playbook.requirements(playbook.params)
    if signals is None:
        signals = prepare(playbook, dataset, requirements)
    config = config.model_copy(update={"mode": mode})
    traded, listing = with_listed(config, dataset, requirements, signals)
    inputs = SimulationInputs(config, traded, playbook, signals, listing, next_close=next_close)
    outcome = simulate(inputs)
    return Simulated(config, dataset, requirements, signals, outcome)


def redrawn_after(dataset: Dataset, at: int, seed: int) -> Dataset:
    """Return the dataset with every value that becomes known after ``at`` drawn anew.

    Times stay. A bar's prices are scaled by one factor, so that every bar remains a bar.
    """
    rng = np.random.default_rng(seed)
    channels = {key: _redrawn(dataset.channels[key], at, rng) for key in sorted(dataset.channels)}
    return dataset.having(channels)


def _redrawn(channel: Channel, at: int, rng: np.random.Generator) -> Channel:
    later = channel["available_at"] > at
    shared = rng.uniform(0.7, 1.4, int(later.sum()))
    signed = channel.key.kind in (ChannelKind.FUNDING, ChannelKind.SERIES)
    columns = dict(channel.columns)
    for name in VALUE_COLUMNS[channel.key.kind]:
        other = rng.uniform(-1.0 if signed else 0.1, 1.0 if signed else 4.0, len(shared))
        values = channel[name].copy()
        values[later] *= shared if name in PRICES else other
        columns[name] = values
    return Channel(channel.key, columns)


def event_cuts(whole: Simulated) -> list[int]:
    """Return the decision instants of every order, fill and funding payment, and one row around.

    The last decision before each channel's first row is included: a choice made with later rows in
    view shows there.

    An instant inside a traded bar stands for that bar's close: an order that filled at its open is
    a fact of the account before the bar's data are complete.
    """
    outcome, decided = whole.outcome, whole.signals.decided_at
    at = [order.decided_at for order in outcome.orders] + [fill.at for fill in outcome.fills]
    at += [fact.at for fact in outcome.facts if fact.kind == FactKind.FUNDING]
    row = np.searchsorted(decided, np.array(at, np.int64))
    rows = np.unique(np.concatenate([row - 1, row, row + 1]))
    cuts = decided[rows[(rows >= 0) & (rows < len(decided))]]
    start, end = whole.window
    begin = beginnings(whole.dataset, whole.requirements, decided)
    moved = {_clear_of_bars(whole, int(cut)) for cut in (*cuts, *begin) if cut > start}
    return sorted(cut for cut in moved if cut <= end)


def _clear_of_bars(whole: Simulated, at: int) -> int:
    """Return the first instant from ``at`` on that lies inside no traded bar."""
    traded = [
        whole.dataset.channels[key]
        for key in whole.requirements.channels
        if key.kind is ChannelKind.BARS and key.instrument in whole.requirements.traded
    ]
    before = -1
    while before != at:
        before = at
        for bars in traded:
            row = int(np.searchsorted(bars["opened_at"], at)) - 1
            if row >= 0:
                at = max(at, int(bars["closed_at"][row]))
    return at


def outcome_difference(a: SimulationOutcome, b: SimulationOutcome) -> str:
    """Return the first table or column in which two outcomes differ in any bit, "" for none."""
    for name in TABLES:
        # As text: it holds every bit of a float, and NaN equals itself.
        if repr(getattr(a, name)) != repr(getattr(b, name)):
            return name
    for column in fields(EquityCurve):
        one, other = getattr(a.curve, column.name), getattr(b.curve, column.name)
        if one.tobytes() != other.tobytes():
            return f"equity curve: {column.name}"
    return ""


def prefix_difference(whole: Simulated, part: Simulated, at: int) -> str:
    """Return the name of the first part that differs up to ``at`` between two runs, "" for none.

    Signals, conditions, decisions, what orders ask for, and equity are compared up to ``at``
    included; fills, cash flows and guards before it, because the bar that opens at ``at`` and the
    day that ends there belong to the future. Cash flows after the last close of ``part`` are left
    out: no mark would show them, so a run books none.
    """
    rows = int(np.searchsorted(whole.signals.decided_at, at, side="right"))
    found = first_difference(whole.signals, part.signals, rows)
    if found is not None:
        return found[0]
    booked = min(at - 1, int(part.outcome.curve.at[-1]))
    one_past, other_past = _past(whole, at, booked), _past(part, at, booked)
    for (name, one), (_, other) in zip(one_past, other_past, strict=True):
        if one != other:
            return name
    return _journal_difference(whole, part, at)


def _past(run: Simulated, at: int, booked: int) -> Iterator[tuple[str, object]]:
    outcome, curve = run.outcome, run.outcome.curve
    yield "decisions", repr([d for d in outcome.decisions if d.decided_at <= at])
    yield (
        "trail_distances",
        repr([row for row in outcome.trail_distances if row.at <= at]),
    )
    yield "overlays", repr([row for row in outcome.overlays if row.at <= at])
    yield "orders", [_asked(order) for order in outcome.orders if _was_sent(order, at)]
    yield "fills", repr([fill for fill in outcome.fills if fill.at < at])
    yield "facts", repr([fact for fact in outcome.facts if fact.at <= booked])
    yield "guard events", repr([event for event in outcome.guard_events if event.at < at])
    yield "equity", curve.equity[curve.at <= at].tobytes()


def _was_sent(order: OrderRow, at: int) -> bool:
    # The venue's own order can be one of the bar that opens at ``at``.
    return order.decided_at < at or (order.decided_at == at and order.role != OrderRole.LIQUIDATION)


def _asked(order: OrderRow) -> str:
    names = [item.name for item in fields(order) if item.name not in ORDER_FATE]
    return repr([getattr(order, name) for name in names])


def journal(run: Simulated, at: int) -> pa.Table:
    """Return the journal of conditions up to ``at``."""
    start, end = run.window
    history = AvailabilityHistory(run.outcome, run.requirements.leading, start, end)
    every_row = decides_by_session(run.requirements)
    return conditions_table(run.signals, run.outcome, history, start, at, every_row=every_row)


def _journal_difference(whole: Simulated, part: Simulated, at: int) -> str:
    # A journal's row does not depend on the rows after it: one journal serves all cuts.
    all_rows = whole.whole_journal
    known = int(np.searchsorted(all_rows["at"].to_numpy().astype(np.int64), at, side="right"))
    one, other = all_rows.slice(0, known), journal(part, at)
    if one.num_rows != other.num_rows:
        return "journal rows"
    for name in one.column_names:
        if not _same(_values(one, name), _values(other, name)):
            return f"journal column {name}"
    return ""


def _values(table: pa.Table, name: str) -> NDArray[Any]:
    values: NDArray[Any] = table[name].to_numpy()
    return values


def _same(a: NDArray[Any], b: NDArray[Any]) -> bool:
    return bool(np.array_equal(a, b, equal_nan=a.dtype.kind == "f"))
