"""The outcome of a simulation: its facts, and the equity curve that follows from them."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from engine.broker import resolve
from engine.broker.along_instants import NO_ROW
from engine.broker.simulator import Simulator
from engine.broker.timeline import Timeline
from engine.bt.session import Session
from engine.equity_curve import EquityCurve
from engine.kept_code import kept
from engine.records import SimulationOutcome

Floats = NDArray[np.float64]
# numpy adds up to seven numbers one after the other, eight and more in pairs.
PAIRED_FROM = 8


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
    """Return equity at bar closes, given by index, from the balances in force at each.

    Wallets and instruments are summed in their fixed order, as in ``resolve.account_equity``.
    """
    states = simulator.history.columns()
    # The first state is that of the first instant; of two at one index the later one is in force.
    first = np.append(np.searchsorted(closes, states.since), len(closes))
    held_for = np.diff(first)
    cash = [np.repeat(column, held_for) for column in states.cash.T]
    rates = [None if simulator.is_at_par else row[closes] for row in timeline.wallet_rates]
    valued = [_at_rate(held, rate) for held, rate in zip(cash, rates, strict=True)]
    booked = [np.repeat(column, held_for) for column in states.booked.T]
    equity = valued[0] + valued[1] + valued[2]
    unrealized, owned, notionals = [], [], []
    nothing = np.zeros(len(closes))
    for k, contract in enumerate(simulator.contracts):
        rate, mark = rates[simulator.wallets[k]], timeline.paths[k].mark[closes]
        quantity, average = (
            np.repeat(x[:, k], held_for) for x in (states.quantities, states.averages)
        )
        own = _position_values(int(contract.kind), contract.size, quantity, average, mark)
        value = _at_rate(own, rate)
        equity += value
        unrealized.append(value if contract.is_margined else nothing)
        owned.append(nothing if contract.is_margined else value)
        exposure = _at_rate(np.abs(quantity) * contract.unit_notionals(mark), rate)
        notionals.append(np.where(quantity != 0.0, exposure, 0.0))
    return EquityCurve(
        at=timeline.at[closes],
        equity=equity,
        venue_cash=cash[0],
        brokerage_cash=cash[1],
        unrealized=_total(unrealized),
        owned=_total(owned),
        gross_notional=_total(notionals),
        transit_cash=cash[2],
        venue_value=valued[0],
        brokerage_value=valued[1],
        transit_value=valued[2],
        revaluation=_total([v - b for v, b in zip(valued, booked, strict=True)]),
    )


def _at_rate(amounts: Floats, rate: Floats | None) -> Floats:
    """Return amounts in the account's currency; without a rate they are at par."""
    return amounts if rate is None else amounts * rate


def _total(columns: Sequence[Floats]) -> Floats:
    """Return the sum of columns, row by row, to the last bit as numpy adds the rows of a table."""
    if len(columns) >= PAIRED_FROM:
        return np.stack(columns, axis=1).sum(axis=1)  # type: ignore[no-any-return]
    total = np.zeros(len(columns[0]))
    for column in columns:
        total += column
    return total


@kept
def _position_values(
    kind: int, size: float, quantities: Floats, averages: Floats, marks: Floats
) -> Floats:
    """Return the part of equity of one instrument's position; 0 where nothing is held."""
    values = np.zeros(len(quantities))
    for i in range(len(quantities)):
        if quantities[i] != 0.0:
            values[i] = resolve.position_value(kind, size, quantities[i], averages[i], marks[i])
    return values
