"""The outcome of a simulation: its facts, and the equity curve that follows from them."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from engine.broker import resolve
from engine.broker.simulator import Simulator, Snapshot
from engine.broker.timeline import NO_ROW, Timeline
from engine.bt.session import Session
from engine.equity_curve import EquityCurve
from engine.records import SimulationOutcome


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
    """Return the value of each open plan at the last marks: unrealized PnL for perps."""
    values, rates = {}, timeline.wallet_rates[:, -1]
    for k, (path, position) in enumerate(zip(timeline.paths, simulator.positions, strict=True)):
        if position.quantity != 0.0:
            value = position.contract.position_value(
                position.quantity, position.average_entry, float(path.mark[-1])
            )
            values[position.plan_id] = float(value * rates[simulator.wallets[k]])
    return values


def equity_curve(timeline: Timeline, simulator: Simulator, closes: NDArray[np.intp]) -> EquityCurve:
    """Return equity at bar closes, given by index, from the balances in force at each."""
    snapshots: list[Snapshot] = simulator.snapshots
    since = np.array([snapshot.t for snapshot in snapshots], np.int64)
    row = np.searchsorted(since, closes, side="right") - 1
    cash = np.array([(s.venue_cash, s.brokerage_cash, s.transit_cash) for s in snapshots])[row]
    booked = np.array([snapshot.booked for snapshot in snapshots])[row]
    quantities = np.array([snapshot.quantities for snapshot in snapshots])[row]
    averages = np.array([snapshot.averages for snapshot in snapshots])[row]
    marks = np.stack([path.mark[closes] for path in timeline.paths], axis=1)
    rates = timeline.wallet_rates[:, closes]
    wallets, kinds, sizes = simulator.wallets, simulator.kinds, simulator.sizes
    own = _position_values(quantities, averages, kinds, sizes, marks)
    paid = rates[wallets].T
    values = own * paid
    margined = np.array([contract.is_margined for contract in simulator.contracts])
    units = [contract.unit_notionals(marks[:, k]) for k, contract in enumerate(simulator.contracts)]
    notionals = np.abs(quantities) * np.stack(units, axis=1) * paid
    valued = cash * rates.T
    return EquityCurve(
        at=timeline.at[closes],
        equity=_equities(cash, rates, wallets, quantities, averages, kinds, sizes, marks),
        venue_cash=cash[:, 0],
        brokerage_cash=cash[:, 1],
        unrealized=np.where(margined, values, 0.0).sum(axis=1),
        owned=np.where(~margined, values, 0.0).sum(axis=1),
        gross_notional=np.where(quantities != 0.0, notionals, 0.0).sum(axis=1),
        transit_cash=cash[:, 2],
        venue_value=valued[:, 0],
        brokerage_value=valued[:, 1],
        transit_value=valued[:, 2],
        revaluation=(valued - booked).sum(axis=1),
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
    rates: NDArray[np.float64],
    wallets: NDArray[np.int64],
    quantities: NDArray[np.float64],
    averages: NDArray[np.float64],
    kinds: NDArray[np.int64],
    sizes: NDArray[np.float64],
    marks: NDArray[np.float64],
) -> NDArray[np.float64]:
    equity = np.empty(len(cash))
    for i in range(len(cash)):
        equity[i] = resolve.account_equity(
            i, cash[i], rates, wallets, quantities[i], averages[i], kinds, sizes, marks[i]
        )
    return equity
