"""Trades added up again from ledger facts, fills and the last marks."""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence

from engine.audit.audited_run import AuditedRun
from engine.audit.cash_and_equity import position_values
from engine.audit.channels import InstrumentData
from engine.audit.contract_formulas import PositionRules
from engine.audit.findings import CheckedRow
from engine.audit.replay import FLAT, Books, ReplayStep
from engine.decision_terms import IntentKind
from engine.records import UNSET, Decision, Fact, FactKind, Fill, OrderRole, Trade

TRADES = "trades"
# The key of a plan's open position beside the kinds of its facts.
OPEN_VALUE = "open value"


def check_trades(run: AuditedRun) -> None:
    """Check that each filled plan is one trade whose money is the plan's ledger facts."""
    files, recorder = run.files, run.recorder
    fills: dict[int, list[Fill]] = defaultdict(list)
    facts: dict[int, list[Fact]] = defaultdict(list)
    for fill in files.fills:
        fills[fill.plan_id].append(fill)
    for fact in files.facts:
        if not fact.memo:
            facts[fact.plan_id].append(fact)
    plans = [row.plan_id for row in files.trades]
    recorder.count("trades", len(plans))
    recorder.line(TRADES, "plan_id").equal("one row a filled plan, in order", list(fills), plans)
    decisions = {
        row.plan_id: row for row in reversed(files.decisions) if row.intent == IntentKind.ENTER
    }
    for number, row in enumerate(files.trades, start=1):
        plan = row.plan_id
        line = recorder.line(TRADES, f"trade {row.trade_id}")
        line.equal("trade ids count from 1", number, row.trade_id)
        market = run.markets.get(row.instrument)
        if plan not in fills or market is None:
            continue
        _check_shape(row, line, fills[plan], decisions.get(plan), market)
        cash = _by_kind(facts[plan]) | {OPEN_VALUE: _open_value(plan, run)}
        _check_money(row, line, fills[plan], cash, market)


def _open_value(plan: int, run: AuditedRun) -> float:
    """Return the open profit (perp) or value (owned) of a plan's open position, quote."""
    at = run.last_at
    final = run.replay.through(at, ReplayStep.RANGE)
    mine = {name: held for name, held in final.holdings.items() if held.plan_id == plan}
    values = position_values(Books(at, ReplayStep.MARK, {}, mine), run.markets, at)
    return values[0] + values[1]


def _average(fills: Sequence[Fill], rules: PositionRules) -> float:
    return rules.mean_price([(fill.quantity, fill.price) for fill in fills])


def _check_shape(
    row: Trade,
    line: CheckedRow,
    fills: Sequence[Fill],
    decision: Decision | None,
    market: InstrumentData,
) -> None:
    rules = market.rules
    first, last = fills[0], fills[-1]
    is_open = abs(last.position_after) > FLAT
    direction = 1 if first.quantity > 0 else -1
    line.equal("instrument", first.instrument, row.instrument)
    line.equal("direction", direction, row.direction)
    line.instant("entered_at", first.at, row.entered_at)
    line.instant("exited_at", UNSET if is_open else last.at, row.exited_at)
    line.equal("open_at_end", is_open, row.open_at_end)
    entries = [fill for fill in fills if fill.role == OrderRole.ENTRY.value]
    exits = [fill for fill in fills if fill.role != OrderRole.ENTRY.value]
    size = max(abs(fill.position_after) for fill in fills)
    line.number("quantity", size, row.quantity, FLAT)
    line.equal("tranches", len({fill.order_id for fill in entries}), row.tranches)
    line.number("average_entry", _average(entries, rules), row.average_entry)
    line.number("average_exit", _average(exits, rules), row.average_exit)
    liquidated = any(fill.role == OrderRole.LIQUIDATION.value for fill in exits)
    line.equal("liquidated", liquidated, row.liquidated)
    if decision is not None:
        line.equal("decision_id", decision.decision_id, row.decision_id)
        entered = sum(abs(fill.quantity) for fill in entries)
        risk = rules.loss(entered, _average(entries, rules), decision.stop)
        line.amount("initial_risk", risk, row.initial_risk, market.quote_unit)


def _by_kind(facts: Sequence[Fact]) -> dict[str, float]:
    """Return the cash a plan moved, by kind of fact, quote."""
    totals: dict[str, float] = defaultdict(float)
    for fact in facts:
        totals[fact.kind] += fact.amount
    return totals


def _check_money(
    row: Trade,
    line: CheckedRow,
    fills: Sequence[Fill],
    cash: Mapping[str, float],
    market: InstrumentData,
) -> None:
    open_value = cash[OPEN_VALUE]
    rules, unit = market.rules, market.quote_unit
    moved = {kind.value: cash.get(kind.value, 0.0) for kind in FactKind}
    net = sum(moved.values()) + open_value
    expected = {
        "gross_pnl": moved[FactKind.TRADE] + open_value,
        "fees": -moved[FactKind.FEE] - moved[FactKind.LIQUIDATION_FEE],
        "liquidation_fee": -moved[FactKind.LIQUIDATION_FEE],
        "funding": moved[FactKind.FUNDING],
        "income": moved[FactKind.DIVIDEND],
        "borrow_carry": moved[FactKind.BORROW_FEE] + moved[FactKind.REBATE],
        "slippage_cost": sum(rules.loss(f.quantity, f.raw_price, f.price) for f in fills),
        "net_pnl": net,
    }
    for column, amount in expected.items():
        line.amount(column, amount, getattr(row, column), unit)
    risk = row.initial_risk
    multiple = net / risk if risk > 0 else math.nan
    slack = line.recorder.amount_tolerance * unit / risk if risk > 0 else 0.0
    line.number("r_multiple", multiple, row.r_multiple, slack)
