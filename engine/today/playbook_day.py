"""One playbook at its last bar: state, setup, conditions, positions, orders."""

import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from data_feeds.catalog import Catalog
from data_feeds.clock import HOUR_NS, datetime_ns, utc_text
from data_feeds.errors import DataError
from data_feeds.instrument import Instrument, InstrumentKind
from data_feeds.schema import Channel, Provenance
from data_feeds.trading_end import ended_by
from engine.broker.timeline import execution_bars
from engine.conditions import Condition, Truth
from engine.config.models import RunConfig
from engine.contracts import contract_of
from engine.formatting import json_number
from engine.playbook import Signals
from engine.results.availability import Availability, AvailabilityHistory
from engine.results.journal import because
from engine.run import RunResult
from engine.today.answer_data import ConditionNow, InstrumentNow, PlaybookDay
from engine.today.orders_now import OrdersNow, refusals, trailing_stops, transfers
from engine.today.to_last_bar import RunToLastBar, has_begun, run_to_last_bar
from engine.trades import FLAT

TRUTHS = {Truth.TRUE: "yes", Truth.FALSE: "no", Truth.UNKNOWN: "unknown"}
DELISTED = "delisted, trades no more"
STATES = {
    Availability.FLAT: "flat, free to trade",
    Availability.PENDING: "flat, an entry order works",
    Availability.IN_POSITION: "in a position",
    Availability.COOL_DOWN: "flat, cooling down after a loss",
    Availability.HALT: "flat, halted by a guard",
}


def playbook_day(
    config: RunConfig, source: Catalog, at: int, plugin_path: Path | None = None
) -> PlaybookDay:
    """Return a playbook's state at an instant; data that are missing or too old are its problem.

    Errors of the config and of the playbook are raised, as by a run.
    """
    bare = PlaybookDay(
        name=config.name,
        playbook=config.playbook.name,
        begun_at=utc_text(datetime_ns(config.data.start)),
        venue_cash=config.account.venue_cash,
        brokerage_cash=config.account.brokerage_cash,
        currency=config.account.currency or "",
    )
    if not has_begun(config, at):
        return replace(bare, is_begun=False)
    try:
        run = run_to_last_bar(config, source, at, plugin_path)
    except DataError as error:
        return replace(bare, problem=str(error))
    return _told(bare, run, at, _earlier_levels(config, source, run, plugin_path))


def _earlier_levels(
    config: RunConfig, source: Catalog, run: RunToLastBar, plugin_path: Path | None
) -> dict[int, float]:
    """Return the level of each working trailing stop one bar earlier, by order number.

    The level follows from the whole path of the price, so that the run is made again to that bar.
    """
    bars = traded_bars(run.result)
    found: dict[int, float] = {}
    for order in trailing_stops(run.result.outcome):
        closes = bars[order.instrument]["closed_at"]
        if len(closes) < 2 or order.decided_at > closes[-2] or order.order_id in found:
            continue
        earlier = run_to_last_bar(config, source, int(closes[-2]), plugin_path).result.outcome
        found |= {item.order_id: item.last_level for item in trailing_stops(earlier)}
    return found


def _told(
    bare: PlaybookDay, run: RunToLastBar, at: int, earlier: Mapping[int, float]
) -> PlaybookDay:
    account = run.result.config.account
    result, outcome = run.result, run.result.outcome
    row = run.last_row
    decided_at = int(result.signals.decided_at[row])
    bars = traded_bars(result)
    orders = OrdersNow(outcome, bars, result.dataset.instruments, at, earlier)
    to_send, working = orders.split(decided_at)
    return replace(
        bare,
        currency=account.currency or "",
        venue_currency=account.venue_currency or account.currency or "",
        brokerage_currency=account.brokerage_currency or account.currency or "",
        rows_to=utc_text(max(int(rows["closed_at"][-1]) for rows in bars.values())),
        decided_at=utc_text(decided_at),
        equity=json_number(float(outcome.curve.equity[-1])),
        in_transit=float(outcome.curve.transit_value[-1]),
        setup="" if result.signals.setup is None else str(result.signals.setup[row]),
        stage=_stage(result.signals, row),
        conditions=tuple(_condition(item, row, decided_at) for item in result.signals.conditions),
        instruments=tuple(
            item
            for item in (_instrument(result, *entry, run.ended_at) for entry in bars.items())
            if item.quantity or not _has_expired(result, item.instrument, at)
        ),
        to_send=to_send,
        to_cancel=orders.to_cancel(decided_at),
        transfers=tuple(transfers(outcome, decided_at)),
        working=working,
        refused=tuple(refusals(outcome, decided_at)),
        inputs=(*run.required, *run.others),
        is_synthetic=result.dataset.provenance is Provenance.SYNTHETIC,
        problem=_too_old(run, row),
    )


def traded_bars(result: RunResult) -> dict[str, Channel]:
    """Return the bars that the orders of each traded instrument fill in, where there are any."""
    channels = tuple(result.requirements.channels)
    bars = {
        name: execution_bars(result.dataset, channels, name)
        for name in sorted(result.requirements.traded)
    }
    return {name: rows for name, rows in bars.items() if len(rows)}


def _too_old(run: RunToLastBar, row: int) -> str:
    """Return why nobody should act on a run: a bar is due, or age makes a condition unknown."""
    found = [
        f"{item.channel} ends at {item.newest}, a later bar is due"
        for item in run.required
        if item.is_stale
    ]
    unknown = [
        item
        for item in run.result.signals.conditions
        if item.required and not item.left_out and item.truth[row] == Truth.UNKNOWN
    ]
    ended = {item.channel: item.newest for item in run.others if item.is_stale and item.newest}
    for item in unknown:
        old = [f"{name} ends at {ended[name]}" for name in item.inputs if name in ended]
        if old:
            found.append(f"{item.name} is unknown because {', '.join(old)}")
        elif _is_too_old(item, row):
            found.append(f"{item.name} is unknown because its newest input is too old")
    return "; ".join(found)


def _is_too_old(item: Condition, row: int) -> bool:
    """Return whether a condition's oldest input is older than at any row where it was known."""
    if item.age_ns is None:
        return False
    known = item.age_ns[: row + 1][item.truth[: row + 1] != Truth.UNKNOWN]
    return len(known) > 0 and bool(item.age_ns[row] > known.max())


def _has_expired(result: RunResult, name: str, at: int) -> bool:
    """Return whether an option's trading has ended."""
    expires_at = result.dataset.instruments[name].expires_at
    return expires_at is not None and expires_at <= at


def _price_unit(instrument: Instrument) -> str:
    """Return the unit of an instrument's prices."""
    per = " per contract" if instrument.kind is InstrumentKind.OPTION else ""
    return f"{instrument.quote}{per}"


def _stage(signals: Signals, row: int) -> str:
    """Return the name of the state that the rules are in, "" where they name none."""
    states = signals.values.get("state")
    if states is None or not signals.state_names or not math.isfinite(float(states[row])):
        return ""
    place = int(states[row])
    return signals.state_names[place] if place >= 0 else ""


def _condition(item: Condition, row: int, decided_at: int) -> ConditionNow:
    measured, threshold = float(item.measured[row]), float(item.threshold[row])
    age = None if item.age_ns is None or item.age_ns[row] < 0 else int(item.age_ns[row])
    return ConditionNow(
        name=item.name,
        truth="left out" if item.left_out else TRUTHS[Truth(int(item.truth[row]))],
        required=item.required,
        group=item.group,
        measured=json_number(measured),
        threshold=json_number(threshold),
        away=json_number(measured - threshold),
        unit=item.unit,
        age_hours=None if age is None else age / HOUR_NS,
        description=item.description,
        because=_because(item, row, decided_at),
    )


def _because(item: Condition, row: int, decided_at: int) -> str:
    """Return the parts and reasons of a condition as the journal words them, "" without any."""
    if not (item.parts or item.reasons):
        return ""
    told = because(item, np.array([row]), np.array([decided_at])).to_pylist()
    return told[0] or ""


def _instrument(result: RunResult, name: str, bars: Channel, ended_at: int) -> InstrumentNow:
    """Return the state of one instrument after the last bar, a fill at its close included."""
    outcome = result.outcome
    start = datetime_ns(result.config.data.start)
    state = AvailabilityHistory(outcome, name, start, ended_at).at_decision(ended_at)
    fills = [fill for fill in outcome.fills if fill.instrument == name]
    quantity = fills[-1].position_after if fills else 0.0
    held = abs(quantity) > FLAT
    is_over = ended_by(result.dataset.instruments[name], ended_at) is not None
    value = outcome.open_values.get(fills[-1].plan_id) if held else None
    return InstrumentNow(
        instrument=name,
        state=DELISTED if is_over else STATES[Availability(state.state)],
        detail=state.detail,
        quantity=quantity if held else 0.0,
        average_entry=fills[-1].average_entry_after if held else None,
        is_margined=contract_of(result.dataset.instruments[name]).is_margined,
        value=value,
        close=float(bars["close"][-1]),
        closed_at=utc_text(int(bars["closed_at"][-1])),
        price_unit=_price_unit(result.dataset.instruments[name]),
    )
