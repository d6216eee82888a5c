"""Checks of decisions and orders: approval, size, price grid, status and end."""

import math
from collections import defaultdict
from collections.abc import Sequence

from data_feeds.instrument import Instrument
from engine.audit.audited_run import AuditedRun
from engine.audit.cash_and_equity import equity_at
from engine.audit.channels import InstrumentData
from engine.audit.fills import VENUE_MADE
from engine.audit.findings import CheckedRow, when
from engine.audit.replay import FLAT
from engine.audit.venue_formulas import on_grid
from engine.decision_terms import RISK_ADDING, Cap, DecisionOutcome, IntentKind
from engine.records import UNSET, Decision, Fill, OrderKind, OrderRole, OrderRow, OrderStatus

ORDERS, DECISIONS, GUARDS = "orders", "journal_decisions", "guards"
# A stop that slips farther than this is not asked about by the bound on a limit of R.
MOST_SLIPPAGE = 0.5
# The role of the one order of an approved change, where it differs from the intent's name.
ROLES = {
    IntentKind.ADD: OrderRole.ENTRY.value,
    IntentKind.HEDGE: OrderRole.ENTRY.value,
    IntentKind.MOVE_STOP: OrderRole.STOP.value,
}


def check_decisions(run: AuditedRun) -> None:
    """Check that decisions count from 1, obey their caps and note the account's equity."""
    files, recorder = run.files, run.recorder
    recorder.count("risk decisions", len(files.decisions))
    orders: dict[int, list[OrderRow]] = defaultdict(list)
    for order in files.orders:
        orders[order.decision_id].append(order)
    previous = 0
    for number, row in enumerate(files.decisions, start=1):
        line = recorder.line(DECISIONS, f"decision {row.decision_id}")
        line.equal("decision ids count from 1", number, row.decision_id)
        if row.decided_at < previous:
            line.instant("decisions in order", previous, row.decided_at)
        previous = max(previous, row.decided_at)
        line.amount("equity at the decision", equity_at(run, row.decided_at), row.equity)
        _check_size(row, line)
        _check_still_trades(row, run, line)
        mine = [o for o in orders[row.decision_id] if o.role not in VENUE_MADE]
        if row.outcome != DecisionOutcome.APPROVED:
            line.equal("orders of a refused intent", 0, len(mine))
        elif row.intent == IntentKind.ENTER:
            _check_plan(row, line, mine)
        elif row.intent == IntentKind.TRANSFER:
            line.equal("orders of a transfer", 0, len(mine))
        else:
            role = ROLES.get(row.intent, str(row.intent))
            if row.intent == IntentKind.REBALANCE:
                # Caps bound purchases; a sale has none.
                role = OrderRole.ENTRY.value if row.caps else OrderRole.EXIT.value
            line.equal("orders of an approved change", [role], [order.role for order in mine])
            if role == OrderRole.ENTRY.value and mine:
                line.number("size of its tranche order", row.quantity, mine[0].quantity)
            if row.intent == IntentKind.MOVE_STOP and mine:
                line.number("level of its stop order", row.stop, mine[0].price)


def _check_still_trades(row: Decision, run: AuditedRun, line: CheckedRow) -> None:
    """Check that nothing adds risk in an instrument after its expiry or its last bar."""
    market = run.markets.get(row.instrument)
    if market is None or row.outcome != DecisionOutcome.APPROVED:
        return
    settled_at, _ = market.settlement
    is_over = 0 < settled_at <= row.decided_at
    if is_over and row.intent in RISK_ADDING and row.caps:
        line.differs(
            "no entry after the instrument's end",
            expected=f"a refusal from {when(settled_at)} on",
            found=f"found {row.outcome}",
        )


def _check_size(row: Decision, line: CheckedRow) -> None:
    if not row.quantity >= 0:
        line.number("unsigned quantity", abs(row.quantity), row.quantity)
    # A refused exit without a position has no direction.
    if row.direction not in (1, -1) and row.outcome == DecisionOutcome.APPROVED:
        line.equal("direction", "+1 or -1", row.direction)
    if row.outcome != DecisionOutcome.APPROVED or not row.caps:
        return
    smallest = min(size for _, size in row.caps)
    if row.quantity > smallest * (1 + 1e-9) + FLAT:
        line.number("size within every cap", smallest, row.quantity)


def _check_plan(row: Decision, line: CheckedRow, orders: Sequence[OrderRow]) -> None:
    """Check that an approved entry has one entry order of its size and one stop at its level."""
    entries = [order for order in orders if order.role == OrderRole.ENTRY.value]
    stops = [order for order in orders if order.role == OrderRole.STOP.value]
    line.equal("entry orders of an approved entry", 1, len(entries))
    line.equal("stop orders of an approved entry", 1, len(stops))
    for order in entries:
        line.number("size of its entry order", row.quantity, order.quantity)
    for order in stops:
        line.number("level of its stop order", row.stop, order.price)
    shares = [order.fraction for order in orders if order.role == OrderRole.TARGET.value]
    if shares:
        line.number("fractions of its targets add to 1", 1.0, sum(shares))
    if not row.direction * (row.entry_estimate - row.stop) > 0:
        line.differs(
            "the stop lies on the losing side",
            expected=f"direction x (entry {row.entry_estimate:,.8g} - stop {row.stop:,.8g}) > 0",
            found=f"direction is {row.direction}",
        )


def check_orders(run: AuditedRun) -> None:
    """Check that each order comes from an approved decision and agrees with its fills."""
    files, recorder = run.files, run.recorder
    decisions = {row.decision_id: row for row in files.decisions}
    fills: dict[int, list[Fill]] = defaultdict(list)
    for fill in files.fills:
        fills[fill.order_id].append(fill)
    recorder.count("orders", len(files.orders))
    for number, order in enumerate(files.orders, start=1):
        market = run.markets.get(order.instrument)
        line = recorder.line(ORDERS, f"order {order.order_id}")
        line.equal("order ids count from 1", number, order.order_id)
        if order.role not in VENUE_MADE:
            decision = decisions.get(order.decision_id)
            _check_approval(order, line, decision)
            if decision is not None and market is not None:
                _check_risk_limit(order, line, decision, run, market)
        if market is not None:
            _check_grid(order, line, market.instrument, decisions.get(order.decision_id))
        else:
            line.equal("a traded instrument", sorted(run.markets), order.instrument)
        _check_end(order, line, fills[order.order_id])


def _check_approval(order: OrderRow, line: CheckedRow, decision: Decision | None) -> None:
    if decision is None or decision.outcome != DecisionOutcome.APPROVED:
        found = "there is none" if decision is None else f"it is {decision.outcome}"
        line.differs(
            "an approved decision",
            expected=f"decision {order.decision_id} approved",
            found=found,
        )
        return
    line.instant("decided_at of its decision", decision.decided_at, order.decided_at)
    line.equal("plan of its decision", decision.plan_id, order.plan_id)
    line.equal("instrument of its decision", decision.instrument, order.instrument)
    side = decision.direction if order.role == OrderRole.ENTRY.value else -decision.direction
    line.equal("side of its decision", side, order.side)
    line.equal(
        "leverage setting of its decision",
        decision.leverage_setting,
        order.leverage_setting,
    )


def _check_risk_limit(
    order: OrderRow, line: CheckedRow, decision: Decision, run: AuditedRun, market: InstrumentData
) -> None:
    """Check the risk limit of a limit entry that was sized at a better price than its own.

    The limit is risk_fraction x equity x multiplier x the tranche's share of its plan, in the
    currency in which the instrument settles. A loss in coins is valued at the dearest rate on its
    way, so that of an inverse perp is at most that, and at least that at the dearer of entry and
    stop, slippage included.
    """
    share = run.files.config.risk.risk_fraction
    is_limit = order.role == OrderRole.ENTRY.value and order.kind == OrderKind.LIMIT.value
    if not is_limit or decision.entry_estimate == order.price:
        if not math.isnan(order.risk_limit):
            line.equal("limit of R", "none", order.risk_limit)
        return
    caps = dict(decision.caps)
    tranche = caps.pop(Cap.TRANCHE, math.inf)
    part = tranche / min(caps.values()) if math.isfinite(tranche) else 1.0
    rate = run.values.of_instrument(market.instrument, order.decided_at)
    asked = share * decision.equity / rate * decision.multiplier * part
    unit = run.unit_at(market, order.decided_at)
    if not market.rules.face:
        line.amount("limit of R", asked, order.risk_limit, unit)
        return
    close = market.price(max(market.last_closed(order.decided_at), 0), "close")
    dearest = max(decision.entry_estimate, decision.stop, close) * (1 + MOST_SLIPPAGE)
    bounded = min(max(order.risk_limit, asked * close / dearest), asked)
    line.amount("limit of R in coins", bounded, order.risk_limit, unit)


def _check_grid(
    order: OrderRow, line: CheckedRow, venue: Instrument, decision: Decision | None
) -> None:
    """Check lot multiple, tick grid and, for entries, the minimum notional."""
    is_entry = order.role == OrderRole.ENTRY.value
    if is_entry or not math.isnan(order.quantity):
        if not (order.quantity > 0 and on_grid(order.quantity, venue.lot_size)):
            line.equal("whole lots", f"a multiple of {venue.lot_size:g}", order.quantity)
        estimate = math.nan if decision is None else decision.entry_estimate
        # The smallest order value is in quote; a contract of an inverse perp has a fixed one.
        each = venue.contract_value if venue.is_inverse else estimate
        if is_entry and order.quantity * each < venue.min_notional:
            line.number("minimum notional", venue.min_notional, order.quantity * each)
    has_level = order.kind != OrderKind.MARKET.value and order.role not in VENUE_MADE
    if has_level and not (order.price > 0 and on_grid(order.price, venue.tick_size)):
        line.equal("tick grid", f"a multiple of {venue.tick_size:g}", order.price)


def _check_end(order: OrderRow, line: CheckedRow, fills: Sequence[Fill]) -> None:
    """Check that status, filled quantity and end agree with the fills."""
    filled = sum(abs(fill.quantity) for fill in fills)
    line.number("filled is the sum of its fills", filled, order.filled, FLAT)
    status = order.status
    known = [member.value for member in OrderStatus]
    if status not in known:
        line.equal("status", known, status)
    # A partial exit ends with the position, too.
    flat = bool(fills) and fills[-1].position_after == 0 and order.role != OrderRole.ENTRY.value
    wanted = filled if flat or math.isnan(order.quantity) else order.quantity
    if status == OrderStatus.FILLED.value:
        line.number("a filled order's quantity", wanted, order.filled, FLAT)
        last = max((fill.at for fill in fills), default=UNSET)
        line.instant("ends with its last fill", last, order.ended_at)
    elif status == OrderStatus.REJECTED.value:
        line.equal("fills of a rejected order", 0, len(fills))
    elif not math.isnan(order.quantity) and filled >= wanted - FLAT:
        line.equal("status when all is filled", "filled", status)


def check_guards(run: AuditedRun) -> None:
    """Check that the equity of each guard event is the equity at its instant."""
    files, recorder = run.files, run.recorder
    instants = set(files.curve.at.tolist()) | {row.decided_at for row in files.decisions}
    recorder.count("guard events", len(files.guards))
    previous = 0
    for number, row in enumerate(files.guards):
        if row.at < previous:
            recorder.line(GUARDS, f"row {number + 1}").instant("in order of time", previous, row.at)
        previous = max(previous, row.at)
        if row in files.guards[:number]:
            line = recorder.line(GUARDS, f"{row.guard} {row.event} at {when(row.at)}")
            line.equal("an event happens once", "one row", "a second")
        # A cool-down starts at the instant of a losing fill and reads no equity.
        if math.isnan(row.equity):
            continue
        line = recorder.line(GUARDS, f"{row.guard} {row.event} at {when(row.at)}")
        if row.at in instants:
            line.amount("equity at the event", equity_at(run, row.at), row.equity)
        else:
            line.equal("instant of a guard", "a bar close or a decision", when(row.at))
