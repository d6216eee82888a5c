"""Find the changes of a trade that two runs have, and the first cause of each."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from engine.answers.row_sentences import BPS, CAP
from engine.answers.run_diff.absence import absence_causes, entry_of_order, entry_of_trade
from engine.answers.run_diff.causes import CauseKind, DiffCause
from engine.answers.run_diff.diff_side import SAME, DiffSide, differ
from engine.decision_terms import Cap, CapScope, EndReason
from engine.formatting import money, number, signed
from engine.records import FillStage, OrderKind, OrderRole
from engine.run_folder.read import Row, moment

HALF_A_CENT = 0.005
_TRAIL = ("trail_distance", "trail_fraction", "trail_signal", "trail_beyond")
SOLVED = 1e-6  # fraction; sizes are solved for, so that a budget is met to some digits only


@dataclass(frozen=True)
class TradeChange:
    """One property of a trade with its value in each run, as text."""

    name: str
    a: str
    b: str

    def text(self) -> str:
        """Return the change as ``size 0.3 -> 0.15``."""
        return f"{self.name} {self.a} -> {self.b}"


def trade_changes(a: DiffSide, x: Row, b: DiffSide, y: Row) -> tuple[TradeChange, ...]:
    """Return the properties that differ, in the order of a trade's life; empty: the same trade."""
    pairs = (
        ("decided", moment(a.decided_at(x)), moment(b.decided_at(y))),
        ("in", moment(x["entered_at"]), moment(y["entered_at"])),
        ("tranches", str(x["tranches"]), str(y["tranches"])),
        ("out", _out(x), _out(y)),
    )
    texts = {name: TradeChange(name, *both) for name, *both in pairs if both[0] != both[1]}
    numbers = {
        name: TradeChange(name, number(x[column], 8), number(y[column], 8))
        for name, column in (
            ("size", "quantity"),
            ("stop", "initial_stop"),
            ("entry", "average_entry"),
            ("exit", "average_exit"),
        )
        if differ(x[column], y[column])
    }
    amounts = {
        name: TradeChange(name, money(x.get(column, 0.0)), money(y.get(column, 0.0)))
        for name, column in (
            ("price result", "gross_pnl"),
            ("fees", "fees"),
            ("slippage", "slippage_cost"),
            ("funding", "funding"),
            ("income", "income"),
            ("borrow", "borrow_carry"),
        )
        if differ(x.get(column, 0.0), y.get(column, 0.0))
    }
    found = texts | numbers | amounts
    order = ("decided", "in", "size", "tranches", "stop", "entry", "out", "exit", *amounts)
    return tuple(found[name] for name in order if name in found)


def _out(trade: Row) -> str:
    if trade["open_at_end"]:
        return "open at the end"
    return f"{trade['exit_roles']} {moment(trade['exited_at'])}"


def change_causes(a: DiffSide, x: Row, b: DiffSide, y: Row, earlier: str) -> tuple[DiffCause, ...]:
    """Return the causes of the changes of one trade, the first in its life first.

    ``earlier`` names the first trade that differed before this one, "" where there is none.
    """
    found = list(_causes(a, x, b, y, earlier))
    return tuple(found) or (DiffCause(CauseKind.UNKNOWN, "", "the folders hold no cause"),)


def _causes(a: DiffSide, x: Row, b: DiffSide, y: Row, earlier: str) -> Iterator[DiffCause]:
    at_a, at_b = a.decided_at(x), b.decided_at(y)
    if at_a < at_b:
        yield from absence_causes(a, b, entry_of_trade(a, x))
    elif at_b < at_a:
        yield from absence_causes(b, a, entry_of_trade(b, y))
    decision_a, decision_b = a.decision_of(x), b.decision_of(y)
    if decision_a is not None and decision_b is not None:
        costs_differ = a.cost_terms(x["instrument"]) != b.cost_terms(x["instrument"])
        yield from _sizing(decision_a, decision_b, earlier, costs_differ=costs_differ)
    trails = [_trail(side, row["plan_id"]) for side, row in ((a, x), (b, y))]
    if trails[0] != trails[1]:
        text = f"the stop {trails[0]} -> {trails[1]}"
        yield DiffCause(CauseKind.STOP, "trailing", text)
    yield from _entry(a, x, b, y)
    entered = list(_rates(a.entries(x["plan_id"]), b.entries(y["plan_id"])))
    yield from entered
    yield from _exit(a, x, b, y)
    told = {cause.name for cause in entered}
    left = _rates(a.exits(x["plan_id"]), b.exits(y["plan_id"]))
    yield from (cause for cause in left if cause.name not in told)
    yield from _payments(x, y)


def _trail(side: DiffSide, plan_id: int) -> str:
    """Return how the first stop of a plan trails, in words; equal terms have equal words."""
    stops = [row for row in side.orders_of_plan(plan_id) if row["role"] == OrderRole.STOP]
    if not stops or not stops[0].get("trail_moved"):
        return "does not trail"
    terms = [
        f"{key.removeprefix('trail_')} {stops[0][key]}" for key in _TRAIL if _is_set(stops[0], key)
    ]
    return f"trails {stops[0]['trail_moved']}, {', '.join(terms)}"


def _is_set(order: Row, column: str) -> bool:
    value = order.get(column)
    return bool(value) and not (isinstance(value, float) and math.isnan(value))


def _sizing(da: Row, db: Row, earlier: str, *, costs_differ: bool) -> Iterator[DiffCause]:
    """Yield what made the decided sizes differ: stop, price, factor, cap, costs, equity.

    ``costs_differ``: the settings of costs are not the same.
    """
    found: list[DiffCause] = []
    for kind, name, column in (
        (CauseKind.STOP, "", "stop"),
        (CauseKind.PRICE, "price at the decision", "entry_estimate"),
    ):
        if differ(da[column], db[column]):
            told = f"{number(da[column], 8)} -> {number(db[column], 8)}"
            found.append(DiffCause(kind, name, f"{name or 'stop'} {told}"))
    has_levels = bool(found)
    if differ(da["quantity"], db["quantity"]):
        if differ(da["multiplier"], db["multiplier"]):
            found.append(_multiplier(da, db))
        found += _caps(da, db, has_cause=bool(found))
        if not has_levels and _cost_moved(da, db, costs_differ=costs_differ):
            told = f"{number(da['risk_per_unit'])} -> {number(db['risk_per_unit'])}"
            text = f"loss of a unit at the same stop {told}: fees and slippage in the sizing"
            found.append(DiffCause(CauseKind.COST, "in sizing", text))
        if differ(da["equity"], db["equity"]):
            found.append(_equity(da, db, earlier, only=not found))
        if not found:
            text = f"the decided size {number(da['quantity'])} -> {number(db['quantity'])}"
            found.append(DiffCause(CauseKind.UNKNOWN, "size", text))
    yield from found


def _cost_moved(da: Row, db: Row, *, costs_differ: bool) -> bool:
    """Return whether costs changed the loss of a unit at the same stop.

    Slippage grows with the size. Without other settings of costs, a loss of a unit that rose or
    fell with the size follows from the size.
    """
    if not differ(da["risk_per_unit"], db["risk_per_unit"]):
        return False
    grew = db["risk_per_unit"] > da["risk_per_unit"]
    return costs_differ or grew != (db["quantity"] > da["quantity"])


def _multiplier(da: Row, db: Row) -> DiffCause:
    told = f"{number(da['multiplier'])} -> {number(db['multiplier'])}"
    for name, column in (("account", "tier"), ("market", "market_tier")):
        if da.get(column) != db.get(column):
            tiers = f"{da.get(column) or 'none'} -> {db.get(column) or 'none'}"
            return DiffCause(CauseKind.TIER, name, f"{name} tier {tiers}, factor {told}")
    return DiffCause(CauseKind.TIER, "factor", f"factor of playbook and tier {told}")


def _caps(da: Row, db: Row, *, has_cause: bool) -> Iterator[DiffCause]:
    """Yield the cap that made the sizes differ, unless it only moved with equity."""
    cap_a, cap_b = da["binding_cap"], db["binding_cap"]
    if cap_a != cap_b:
        smaller = cap_b if db["quantity"] < da["quantity"] else cap_a
        yield DiffCause(CauseKind.CAP, smaller, f"{_cap(da, db, cap_a)}; {_cap(da, db, cap_b)}")
    elif cap_a == Cap.RISK:
        # The budget is a fraction of equity: the fraction is the setting.
        if differ(_budget(da), _budget(db), SOLVED):
            yield DiffCause(CauseKind.CAP, cap_a, _cap(da, db, cap_a))
    elif cap_a and not has_cause:
        allowed_a, allowed_b = da.get(f"{CAP}{cap_a}"), db.get(f"{CAP}{cap_b}")
        if differ(allowed_a, allowed_b) and not _moves_with_equity(da, db, cap_a):
            yield DiffCause(CauseKind.CAP, cap_a, _cap(da, db, cap_a))


def _budget(decision: Row) -> float:
    """Return the fraction of equity that the cap ``risk`` allowed to lose at the stop."""
    allowed, loss = decision[f"{CAP}{Cap.RISK}"], decision["risk_per_unit"]
    return float(allowed * loss / decision["equity"]) if decision["equity"] else math.nan


def _moves_with_equity(da: Row, db: Row, cap: str) -> bool:
    """Return whether a cap moved in the direction of equity, by no more than equity.

    The caps of an intent follow weights and holdings, which move with equity.
    """
    if not differ(da["equity"], db["equity"]):
        return False
    if cap in list(Cap) and Cap.named(cap).scope is CapScope.INTENT:
        return True
    allowed_a, allowed_b = da.get(f"{CAP}{cap}"), db.get(f"{CAP}{cap}")
    if not allowed_a or not allowed_b:
        return False
    scale, moved = db["equity"] / da["equity"], allowed_b / allowed_a
    return bool(min(1.0, scale) * (1 - SAME) <= moved <= max(1.0, scale) * (1 + SAME))


def _cap(da: Row, db: Row, cap: str) -> str:
    allowed = f"{number(da.get(f'{CAP}{cap}'))} -> {number(db.get(f'{CAP}{cap}'))}"
    return f"cap {cap} allows {allowed}"


def _equity(da: Row, db: Row, earlier: str, *, only: bool) -> DiffCause:
    told = f"equity {money(da['equity'])} -> {money(db['equity'])}"
    since = f" since {earlier}, the first trade that differed" if earlier else " before any trade"
    return DiffCause(CauseKind.EQUITY, "", ("only " if only else "also ") + told + since)


def _entry(a: DiffSide, x: Row, b: DiffSide, y: Row) -> Iterator[DiffCause]:
    """Yield what made the fills of two entries differ: the order's end, its level, the price."""
    fills_a, fills_b = a.entries(x["plan_id"]), b.entries(y["plan_id"])
    orders = [
        side.order_by_id.get(fills[0]["order_id"]) for side, fills in ((a, fills_a), (b, fills_b))
    ]
    if orders[0] is not None and orders[1] is not None:
        yield from _entry_orders(a, orders[0], b, orders[1])
    if x["tranches"] != y["tranches"]:
        yield from _tranches(a, x, b, y)
    first_a, first_b = fills_a[0], fills_b[0]
    if first_a["at"] != first_b["at"] and a.decided_at(x) == b.decided_at(y):
        later, fill = (b, first_b) if first_b["at"] > first_a["at"] else (a, first_a)
        text = f"the entry of {later.letter} filled later, on {moment(fill['at'])}"
        yield DiffCause(CauseKind.ORDER, "entry", text + _rule_words(a, b))
    elif differ(first_a["raw_price"], first_b["raw_price"]):
        told = f"{number(first_a['raw_price'], 8)} -> {number(first_b['raw_price'], 8)}"
        yield DiffCause(CauseKind.PRICE, "entry", f"entry price before slippage {told}")


def _tranches(a: DiffSide, x: Row, b: DiffSide, y: Row) -> Iterator[DiffCause]:
    """Yield the causes of the first tranche that only one of the two runs bought."""
    orders_a, orders_b = (
        {side.order_by_id[fill["order_id"]]["decided_at"]: fill["order_id"] for fill in fills}
        for side, fills in ((a, a.entries(x["plan_id"])), (b, b.entries(y["plan_id"])))
    )
    alone = sorted(orders_a.keys() ^ orders_b.keys())
    if alone:
        has, lacks, orders = (a, b, orders_a) if alone[0] in orders_a else (b, a, orders_b)
        order = has.order_by_id[orders[alone[0]]]
        yield from absence_causes(has, lacks, entry_of_order(has, order))


def _entry_orders(a: DiffSide, order_a: Row, b: DiffSide, order_b: Row) -> Iterator[DiffCause]:
    shares = [row["filled"] / row["quantity"] for row in (order_a, order_b)]
    if differ(*shares):
        side, order = (b, order_b) if shares[1] < shares[0] else (a, order_a)
        end = order["end_reason"] or order["status"]
        kind = CauseKind.CASH if end == EndReason.FREE_CASH else CauseKind.ORDER
        told = f"{number(order['filled'])} of {number(order['quantity'])}"
        yield DiffCause(kind, "entry", f"the entry of {side.letter} filled {told}: {end}")
    if differ(order_a["price"], order_b["price"]):
        told = f"{number(order_a['price'], 8)} -> {number(order_b['price'], 8)}"
        yield DiffCause(CauseKind.ORDER, "entry level", f"level of the entry order {told}")


def _rule_words(a: DiffSide, b: DiffSide) -> str:
    rules = [side.files.manifest.get("fill_rule", {}).get("limit_fill") for side in (a, b)]
    return "" if rules[0] == rules[1] else f" (limit_fill {rules[0]} -> {rules[1]})"


def _exit(a: DiffSide, x: Row, b: DiffSide, y: Row) -> Iterator[DiffCause]:
    """Yield the first exit that differs: its event, its level, its price."""
    fills_a, fills_b = a.exits(x["plan_id"]), b.exits(y["plan_id"])
    for place in range(max(len(fills_a), len(fills_b))):
        fill_a = fills_a[place] if place < len(fills_a) else None
        fill_b = fills_b[place] if place < len(fills_b) else None
        found = _exit_pair(a, fill_a, b, fill_b)
        if found is not None:
            yield found
            return


def _exit_pair(
    a: DiffSide, fill_a: Row | None, b: DiffSide, fill_b: Row | None
) -> DiffCause | None:
    if fill_a is None or fill_b is None:
        return _event(a, fill_a, b, fill_b)
    same_event = fill_a["role"] == fill_b["role"] and fill_a["at"] == fill_b["at"]
    if not same_event:
        return _event(a, fill_a, b, fill_b)
    if differ(fill_a["raw_price"], fill_b["raw_price"]):
        told = f"{number(fill_a['raw_price'], 8)} -> {number(fill_b['raw_price'], 8)}"
        text = f"{fill_a['role']} price before slippage {told}"
        return DiffCause(CauseKind.EXIT, fill_a["role"], text)
    return None


def _event(a: DiffSide, fill_a: Row | None, b: DiffSide, fill_b: Row | None) -> DiffCause:
    """Return the exit event that one run has first and the other later, in another way or not."""
    sides = [(side, fill) for side, fill in ((a, fill_a), (b, fill_b)) if fill is not None]
    side, fill = min(sides, key=lambda pair: (pair[1]["at"], pair[0].letter))
    other_side = b if side is a else a
    other = fill_b if side is a else fill_a
    text = f"{side.letter} left by {_fill_words(fill)}; {other_side.letter} "
    text += "held on" if other is None else f"by {_fill_words(other)}"
    if other is None and fill["at"] > other_side.end:
        text = f"{other_side.letter} ends at {moment(other_side.end)}, before the exit of "
        return DiffCause(CauseKind.WINDOW, "", f"{text}{side.letter} by {_fill_words(fill)}")
    rule = _rule_words(a, b)
    order = side.order_by_id.get(fill["order_id"])
    if rule and order is not None and _is_touch(fill, order):
        return DiffCause(CauseKind.FILL_RULE, "limit_fill", text + rule)
    guard = fill["reason"] if fill["role"] == OrderRole.GUARD else ""
    return DiffCause(CauseKind.GUARD if guard else CauseKind.EXIT, guard or fill["role"], text)


def _is_touch(fill: Row, order: Row) -> bool:
    return bool(order["kind"] == OrderKind.LIMIT and fill["stage"] == FillStage.RANGE)


def _fill_words(fill: Row) -> str:
    reason = f" ({fill['reason']})" if fill["reason"] and fill["role"] != OrderRole.STOP else ""
    words = f"{fill['role']}{reason} at {number(fill['raw_price'], 8)}"
    return f"{words} on {moment(fill['at'])}"


def _rates(fills_a: Sequence[Row], fills_b: Sequence[Row]) -> Iterator[DiffCause]:
    """Yield the rates of costs that differ between fills of one role, the first fill of each."""
    for name, column in (("fee", "fee_rate"), ("slippage", "slippage")):
        for fill_a, fill_b in zip(fills_a, fills_b, strict=False):
            if fill_a["role"] == fill_b["role"] and differ(fill_a[column], fill_b[column]):
                told = f"{number(fill_a[column] * BPS, 4)} -> {number(fill_b[column] * BPS, 4)} bps"
                where = f"{fill_a['role']}, {fill_a['liquidity']} -> {fill_b['liquidity']}"
                yield DiffCause(CauseKind.COST, name, f"{name} {told} ({where})")
                break


def _payments(x: Row, y: Row) -> Iterator[DiffCause]:
    """Yield payments of a plan that differ by more than its size."""
    payments = (("funding", "funding"), ("dividends", "income"), ("borrow", "borrow_carry"))
    for name, column in payments:
        ratio = y["quantity"] / x["quantity"] if x["quantity"] else 1.0
        paid_a, paid_b = x.get(column, 0.0), y.get(column, 0.0)
        if abs(paid_b - paid_a * ratio) > HALF_A_CENT:
            told = f"{signed(paid_a)} -> {signed(paid_b)}"
            yield DiffCause(CauseKind.INCOME, name, f"{name} {told}")
