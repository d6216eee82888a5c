"""Trades added up again from ledger facts, fills and the last marks."""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence

from data_feeds.instrument import Wallet
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
        rates = _rates(fills[plan], run)
        _check_shape(row, line, fills[plan], decisions.get(plan), market, rates[0])
        cash = _by_kind(facts[plan], run) | {OPEN_VALUE: _open_value(plan, run)}
        _check_money(row, line, list(zip(fills[plan], rates, strict=True)), cash, market)


def _open_value(plan: int, run: AuditedRun) -> float:
    """Return the open profit (perp) or value (owned) of a plan's open position."""
    at = run.last_at
    final = run.replay.through(at, ReplayStep.RANGE)
    mine = {name: held for name, held in final.holdings.items() if held.plan_id == plan}
    values = position_values(Books(at, ReplayStep.MARK, {}, mine), run, at)
    return values[0] + values[1]


def _rates(fills: Sequence[Fill], run: AuditedRun) -> list[float]:
    """Return the account's currency per unit of each fill's money; 1 for an unknown instrument."""
    return [
        run.values.of_instrument(run.markets[fill.instrument].instrument, fill.at)
        if fill.instrument in run.markets
        else 1.0
        for fill in fills
    ]


def _unit(market: InstrumentData, rate: float) -> float:
    """Return the unit of a trade's money, which is in the account's currency."""
    return market.quote_unit if rate == 1 else 1.0


def _average(fills: Sequence[Fill], rules: PositionRules) -> float:
    return rules.mean_price([(fill.quantity, fill.price) for fill in fills])


def _check_shape(  # noqa: PLR0917 - one trade and all that it is made of
    row: Trade,
    line: CheckedRow,
    fills: Sequence[Fill],
    decision: Decision | None,
    market: InstrumentData,
    rate: float,
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
        # A short inverse perp loses its R when the coin has risen to the stop.
        dearer = max(decision.stop / first.price, 1.0) if rules.face and rate != 1 else 1.0
        risk = rules.loss(entered, _average(entries, rules), decision.stop) * rate * dearer
        line.amount("initial_risk", risk, row.initial_risk, _unit(market, rate))


def _by_kind(facts: Sequence[Fact], run: AuditedRun) -> dict[str, float]:
    """Return the cash a plan moved, by kind of fact, each at the rate of its instant."""
    totals: dict[str, float] = defaultdict(float)
    wallets = {wallet.value: wallet for wallet in Wallet}
    for fact in facts:
        if fact.wallet in wallets:
            totals[fact.kind] += fact.amount * run.values.of(wallets[fact.wallet], fact.at)
    return totals


def _check_money(
    row: Trade,
    line: CheckedRow,
    fills: Sequence[tuple[Fill, float]],
    cash: Mapping[str, float],
    market: InstrumentData,
) -> None:
    open_value = cash[OPEN_VALUE]
    rules, unit = market.rules, _unit(market, fills[0][1])
    moved = {kind.value: cash.get(kind.value, 0.0) for kind in FactKind}
    net = sum(moved.values()) + open_value
    expected = {
        "gross_pnl": moved[FactKind.TRADE] + open_value,
        "fees": -moved[FactKind.FEE] - moved[FactKind.LIQUIDATION_FEE],
        "liquidation_fee": -moved[FactKind.LIQUIDATION_FEE],
        "funding": moved[FactKind.FUNDING],
        "income": moved[FactKind.DIVIDEND],
        "borrow_carry": moved[FactKind.BORROW_FEE] + moved[FactKind.REBATE],
        "slippage_cost": sum(
            rules.loss(fill.quantity, fill.raw_price, fill.price) * rate for fill, rate in fills
        ),
        "net_pnl": net,
    }
    for column, amount in expected.items():
        line.amount(column, amount, getattr(row, column), unit)
    risk = row.initial_risk
    multiple = net / risk if risk > 0 else math.nan
    slack = line.recorder.amount_tolerance * unit / risk if risk > 0 else 0.0
    line.number("r_multiple", multiple, row.r_multiple, slack)
