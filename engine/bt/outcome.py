"""The outcome of a simulation: its facts, and the equity curve that follows from them."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from engine.broker import resolve
from engine.broker.simulator import Simulator, Snapshot
from engine.broker.timeline import NO_ROW, Timeline
from engine.bt.session import Session
from engine.records import EquityCurve, SimulationOutcome


def simulation_outcome(session: Session) -> SimulationOutcome:
    """Return the facts of a session whose timeline is done."""
    timeline, simulator, risk = session.timeline, session.simulator, session.risk
    simulator.trailing.catch_up(simulator.trailing_levels(), len(timeline) - 1)
    orders = tuple(order.row() for order in simulator.book.orders)
    return SimulationOutcome(
        orders=orders,
        fills=tuple(simulator.execution.fills),
        facts=tuple(simulator.ledger.facts),
        decisions=tuple(risk.decisions),
        guard_events=tuple(risk.guard_events),
        curve=equity_curve(timeline, simulator, np.flatnonzero(timeline.has_close)),
        instants_total=len(timeline),
        instants_visited=session.visited,
        inferred_mark_bars=sum(_count_inferred(timeline)),
        mark_bars=sum(int((path.closing != NO_ROW).sum()) for path in timeline.paths),
        open_values=open_values(timeline, simulator),
        overlays=tuple(session.overlays),
        bill=timeline.bill,
        trail_distances=simulator.trailing.distances(orders),
    )


def _count_inferred(timeline: Timeline) -> list[int]:
    return [
        int(path.marks.inferred[path.closing[path.closing != NO_ROW]].sum())
        for path in timeline.paths
        if path.contract.is_margined
    ]


def open_values(timeline: Timeline, simulator: Simulator) -> dict[int, float]:
    """Return the value of each open plan at the last marks, quote: unrealized PnL for perps."""
    values = {}
    for path, position in zip(timeline.paths, simulator.positions, strict=True):
        if position.quantity != 0.0:
            mark = float(path.mark[-1])
            values[position.plan_id] = position.contract.position_value(
                position.quantity, position.average_entry, mark
            )
    return values


def equity_curve(timeline: Timeline, simulator: Simulator, closes: NDArray[np.intp]) -> EquityCurve:
    """Return equity at bar closes, given by index, from the balances in force at each."""
    snapshots: list[Snapshot] = simulator.snapshots
    since = np.array([snapshot.t for snapshot in snapshots], np.int64)
    row = np.searchsorted(since, closes, side="right") - 1
    venue = np.array([snapshot.venue_cash for snapshot in snapshots])[row]
    brokerage = np.array([snapshot.brokerage_cash for snapshot in snapshots])[row]
    transit = np.array([snapshot.transit_cash for snapshot in snapshots])[row]
    quantities = np.array([snapshot.quantities for snapshot in snapshots])[row]
    averages = np.array([snapshot.averages for snapshot in snapshots])[row]
    marks = np.stack([path.mark[closes] for path in timeline.paths], axis=1)
    held = quantities != 0.0
    kinds, sizes = simulator.kinds, simulator.sizes
    values = _position_values(quantities, averages, kinds, sizes, marks)
    margined = np.array([contract.is_margined for contract in simulator.contracts])
    unrealized = np.where(margined, values, 0.0).sum(axis=1)
    owned = np.where(~margined, values, 0.0).sum(axis=1)
    units = [contract.unit_notionals(marks[:, k]) for k, contract in enumerate(simulator.contracts)]
    gross = np.where(held, np.abs(quantities) * np.stack(units, axis=1), 0.0).sum(axis=1)
    equity = _equities(venue + brokerage + transit, quantities, averages, kinds, sizes, marks)
    return EquityCurve(
        timeline.at[closes], equity, venue, brokerage, unrealized, owned, gross, transit
    )


@njit(cache=True)
def _position_values(
    quantities: NDArray[np.float64],
    averages: NDArray[np.float64],
    kinds: NDArray[np.int64],
    sizes: NDArray[np.float64],
    marks: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return each position's part of equity, (instant, instrument); 0 where nothing is held."""
    values = np.zeros(quantities.shape)
    for i in range(len(quantities)):
        for k in range(len(kinds)):
            if quantities[i, k] != 0.0:
                values[i, k] = resolve.position_value(
                    kinds[k], sizes[k], quantities[i, k], averages[i, k], marks[i, k]
                )
    return values


@njit(cache=True)
def _equities(  # noqa: PLR0917 - compiled code takes no keywords
    cash: NDArray[np.float64],
    quantities: NDArray[np.float64],
    averages: NDArray[np.float64],
    kinds: NDArray[np.int64],
    sizes: NDArray[np.float64],
    marks: NDArray[np.float64],
) -> NDArray[np.float64]:
    equity = np.empty(len(cash))
    for i in range(len(cash)):
        equity[i] = resolve.account_equity(
            cash[i], quantities[i], averages[i], kinds, sizes, marks[i]
        )
    return equity
