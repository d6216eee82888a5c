"""Trades: every plan that was filled, as one row, with its money taken from the ledger.

Money is in the account's currency, each ledger amount at the rate of its instant. A trade's net
result is the sum of its plan's ledger amounts plus the value of a position that is still open. The
sum over all trades, the amounts without a plan (interest) and the revaluation of cash is the change
of equity.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

import numpy as np

from data_feeds.clock import HOUR_NS
from data_feeds.schema import Channel
from engine.contracts import Contract
from engine.contracts.linear_perp import LinearPerp
from engine.errors import SimulationError
from engine.records import (
    UNSET,
    Decision,
    Fact,
    FactKind,
    Fill,
    OrderRole,
    OrderRow,
    SimulationOutcome,
    Trade,
)

# The smallest lot is 1e-12; a smaller quantity is a rounding residue.
FLAT = 1e-12
# Prices of a run whose contracts are not named count as money of one unit.
_PRICED_IN_QUOTE = LinearPerp("")
_FEES = (FactKind.FEE.value, FactKind.LIQUIDATION_FEE.value)

PlanRow = TypeVar("PlanRow", Fill, Fact)


def build_trades(
    outcome: SimulationOutcome,
    bars: Mapping[str, Channel] | None = None,
    contracts: Mapping[str, Contract] | None = None,
) -> tuple[Trade, ...]:
    """Return one trade for each plan with a fill, in the order of their first fill.

    Parameters
    ----------
    outcome : the outcome of the simulation
    bars : the bars that each instrument's orders filled in, in which ``bars_held`` is counted. An
        instrument without them is assumed to have bars without a hole: right for a market open
        around the clock, wrong across the nights of an exchange
    contracts : the contract of each instrument; None: every instrument is priced in quote

    Raises
    ------
    SimulationError : several plans are open at the end and one has no value.
    """
    fills = by_plan(outcome.fills)
    facts = by_plan(fact for fact in outcome.facts if not fact.memo)
    orders = {order.order_id: order for order in outcome.orders}
    decisions = {decision.decision_id: decision for decision in outcome.decisions}
    values = _open_values(outcome, fills)
    return tuple(
        _trade(
            number,
            plan_fills,
            facts.get(plan_id, []),
            entry_order=orders[plan_fills[0].order_id],
            decision=decisions.get(orders[plan_fills[0].order_id].decision_id),
            open_value=values.get(plan_id, 0.0),
            bars=None if bars is None else bars.get(plan_fills[0].instrument),
            contract=_PRICED_IN_QUOTE if contracts is None else contracts[plan_fills[0].instrument],
        )
        for number, (plan_id, plan_fills) in enumerate(fills.items(), start=1)
    )


def unassigned_amount(facts: Iterable[Fact], kind: FactKind) -> float:
    """Return the cash of one kind that belongs to no plan, in the account's currency."""
    return sum(
        fact.value
        for fact in facts
        if fact.plan_id <= 0 and not fact.memo and fact.kind == kind.value
    )


def by_plan(rows: Iterable[PlanRow]) -> dict[int, list[PlanRow]]:
    """Return the rows of each plan, plans in the order of their first row."""
    grouped: dict[int, list[PlanRow]] = defaultdict(list)
    for row in rows:
        grouped[row.plan_id].append(row)
    return dict(grouped)


def _open_values(
    outcome: SimulationOutcome, fills: Mapping[int, Sequence[Fill]]
) -> dict[int, float]:
    still_open = [plan for plan, rows in fills.items() if abs(rows[-1].position_after) > FLAT]
    if len(still_open) == 1:
        return {still_open[0]: float(outcome.curve.unrealized[-1] + outcome.curve.owned[-1])}
    missing = [plan for plan in still_open if plan not in outcome.open_values]
    if missing:
        raise SimulationError(
            f"{len(still_open)} plans are open at the end and plan {missing[0]} has no value; "
            "the simulation must give open_values"
        )
    return {plan: outcome.open_values[plan] for plan in still_open}


def _trade(
    number: int,
    fills: Sequence[Fill],
    facts: Sequence[Fact],
    *,
    entry_order: OrderRow,
    decision: Decision | None,
    open_value: float,
    bars: Channel | None,
    contract: Contract,
) -> Trade:
    first, last = fills[0], fills[-1]
    entries = [fill for fill in fills if fill.role == OrderRole.ENTRY.value]
    exits = [fill for fill in fills if fill.role != OrderRole.ENTRY.value]
    is_open = abs(last.position_after) > FLAT
    entered = sum(abs(fill.quantity) for fill in entries)
    average_entry = _average_price(entries, contract)
    initial_stop = decision.stop if decision is not None else float("nan")
    rates = {fact.fill_id: fact.account_rate for fact in facts if fact.kind == FactKind.TRADE.value}
    # R has the rate of the first entry, or the dearer one of an inverse contract at its stop. An
    # account in the contract's own currency values nothing.
    rate = rates.get(first.fill_id, 1.0)
    rate = rate if rate == 1.0 else contract.worst_rate(rate, first.price, initial_stop)
    initial_risk = contract.unit_distance(average_entry, initial_stop) * entered * rate
    # Subtracting from zero avoids -0 in tables.
    fees = 0.0 - _total(facts, *_FEES)
    gross = _total(facts, FactKind.TRADE.value) + open_value
    net = sum(fact.value for fact in facts) + open_value
    return Trade(
        trade_id=number,
        plan_id=first.plan_id,
        decision_id=entry_order.decision_id,
        instrument=first.instrument,
        direction=1 if first.quantity > 0 else -1,
        setup=decision.setup if decision is not None else "",
        entered_at=first.at,
        exited_at=UNSET if is_open else last.at,
        duration_hours=float("nan") if is_open else (last.at - first.at) / HOUR_NS,
        bars_held=_bars_between(first, last, bars),
        quantity=max(abs(fill.position_after) for fill in fills),
        tranches=len({fill.order_id for fill in entries}),
        average_entry=average_entry,
        average_exit=_average_price(exits, contract),
        initial_stop=initial_stop,
        initial_risk=initial_risk,
        leverage_setting=entry_order.leverage_setting,
        gross_pnl=gross,
        fees=fees,
        liquidation_fee=0.0 - _total(facts, FactKind.LIQUIDATION_FEE.value),
        funding=_total(facts, FactKind.FUNDING.value),
        borrow_carry=_total(facts, FactKind.BORROW_FEE.value, FactKind.REBATE.value),
        income=_total(facts, FactKind.DIVIDEND.value, FactKind.INTEREST.value),
        slippage_cost=sum(
            contract.profit(fill.quantity, fill.raw_price, fill.price)
            * rates.get(fill.fill_id, 1.0)
            for fill in fills
        ),
        net_pnl=net,
        r_multiple=net / initial_risk if initial_risk > 0 else float("nan"),
        exit_roles="+".join(dict.fromkeys(fill.role for fill in exits)),
        exit_reason=_exit_reason(exits, entry_order.reason),
        liquidated=any(fill.role == OrderRole.LIQUIDATION.value for fill in exits),
        open_at_end=is_open,
    )


def _exit_reason(exits: Iterable[Fill], entry_reason: str) -> str:
    """Return why the plan was closed, empty for the first stop and targets: they have no own."""
    reasons = dict.fromkeys(fill.reason for fill in exits)
    return "; ".join(reason for reason in reasons if reason not in ("", entry_reason))


def _total(facts: Iterable[Fact], *kinds: str) -> float:
    return sum((fact.value for fact in facts if fact.kind in kinds), start=0.0)


def _average_price(fills: Sequence[Fill], contract: Contract) -> float:
    quantity = sum(abs(fill.quantity) for fill in fills)
    if quantity == 0:
        return float("nan")
    values = (abs(fill.quantity) * contract.unit_value(fill.price) for fill in fills)
    return contract.price_of(sum(values) / quantity)


def _bars_between(first: Fill, last: Fill, bars: Channel | None) -> int:
    """Return the number of bars from the first fill's bar to the last fill's, both counted."""
    if bars is not None:
        before = int(np.searchsorted(bars["opened_at"], first.bar_opened_at))
        through = int(np.searchsorted(bars["closed_at"], last.bar_closed_at, side="right"))
        return through - before
    length = first.bar_closed_at - first.bar_opened_at
    return round((last.bar_closed_at - first.bar_opened_at) / length) if length > 0 else 0
