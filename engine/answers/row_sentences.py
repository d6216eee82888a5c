"""Write rows of a run's tables as sentences; trade, instant, day and why-not share them."""

import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import numpy as np

from engine.answers.account_money import account_currency, rates_of_fills, value_of
from engine.decision_terms import RiskTier
from engine.formatting import columns, in_unit, money, number, percent, signed
from engine.records import OrderRole
from engine.results.availability import Availability
from engine.results.failing import relative_distance, required_groups
from engine.run_folder.read import Row, RunFolder, moment
from engine.trailing_stop import StopMoves

MARKS = {"true": "yes", "false": "NO", "unknown": "?"}
LEFT_OUT = "out"  # the run counted it as true, whatever was measured
CAP = "cap_"
SIZE_AFTER = "size_after_"
BPS = 1e4
DAY_HOURS = 24
FINE = 0.001  # smaller distances are shown with more digits
SHOWN_PAYMENTS = 8
TIERS = (RiskTier.CAUTIOUS, RiskTier.DEFENSIVE)  # account tiers below normal, by rising drawdown
STATES = {
    Availability.FLAT: "flat and free to trade",
    Availability.PENDING: "an entry order was working",
    Availability.IN_POSITION: "in a position",
    Availability.COOL_DOWN: "cooling down after a loss",
    Availability.HALT: "halted by a guard",
}


def result_lines(trade: Row, currency: str) -> list[str]:
    """Return the trade's entry, exit and result, in the account's currency and in R."""
    side = "Long" if trade["direction"] > 0 else "Short"
    setup = f", setup {trade['setup']}" if trade["setup"] else ""
    entered = (
        f"{side} {number(trade['quantity'])} {trade['instrument']} at "
        f"{number(trade['average_entry'], 8)} on {moment(trade['entered_at'])}{setup}."
    )
    if trade["open_at_end"]:
        left = "Still open at the end of the run, valued at the last mark."
    else:
        reason = f": {trade['exit_reason']}" if trade["exit_reason"] else ""
        how = "LIQUIDATED" if trade["liquidated"] else f"Out by {trade['exit_roles']}"
        left = (
            f"{how} at {number(trade['average_exit'], 8)} on {moment(trade['exited_at'])} after "
            f"{number(trade['duration_hours'], 4)} hours{reason}."
        )
    in_r = ""
    if trade["initial_risk"] and trade["initial_risk"] > 0:
        stop = number(trade["initial_stop"])
        risk = f"{money(trade['initial_risk'])} {currency} at risk to the stop at {stop}"
        in_r = f" = {signed(trade['r_multiple'])} R ({risk})"
    parts = f"price {signed(trade['gross_pnl'])}, fees {signed(-trade['fees'])}"
    if trade["liquidation_fee"]:
        parts += f" (liquidation fee {signed(-trade['liquidation_fee'])} among them)"
    parts += f", funding {signed(trade['funding'])}"
    if trade["income"]:
        parts += f", dividends {signed(trade['income'])}"
    if trade["borrow_carry"]:
        parts += f", rebates less borrow fees {signed(trade['borrow_carry'])}"
    result = (
        f"Result {signed(trade['net_pnl'])} {currency}{in_r}: {parts}. "
        f"Slippage of {money(trade['slippage_cost'])} {currency} is inside the prices."
    )
    return [entered, left, result]


def condition_lines(described: Sequence[Mapping[str, Any]], row: Row) -> list[str]:
    """Return one line a condition: truth, measured value, threshold, distance, age, description.

    Required conditions come first, by group with the nearest group in front; then the others.
    """
    required = [item for item in described if item["required"]]
    nearest = row.get("nearest_group") or ""
    groups = sorted(required_groups(described), key=lambda group: group != nearest)
    standing = ", which came nearest" if row["required_failing"] else ", which held"
    sections = [("Required conditions", [item for item in required if not item.get("group", "")])]
    sections += [
        (
            f"Required conditions of {group}" + standing * (group == nearest),
            [item for item in required if item.get("group", "") == group],
        )
        for group in groups
        if group
    ]
    sections.append(("Other conditions", [item for item in described if not item["required"]]))
    lines = []
    for heading, items in sections:
        if items:
            lines += [heading, *columns([_condition(item, row) for item in items], left=6)]
    return lines


def age_words(hours: float | None) -> str:
    """Return the age of a condition's oldest input; None: it reads the bar that closed."""
    if hours is None:
        return "this bar"
    if math.isnan(hours):
        return "missing"
    return f"{number(hours, 3)}h" if hours < 2 * DAY_HOURS else f"{number(hours / DAY_HOURS, 3)}d"


def apart(distance: float) -> str:
    """Return how far a number is from its threshold.

    >>> apart(0.234), apart(0.00009), apart(0.0)
    ('23.4% apart', '0.009% apart', '0.0% apart')
    """
    digits = 1 if distance >= FINE or distance == 0 else 3
    return f"{percent(distance, digits)} apart"


def against(measured: float, threshold: float | None, unit: str) -> str:
    """Return a number beside its threshold, with their unit; fractions in percent or bp.

    >>> against(16.75, 25.0, "points"), against(-0.012, -0.03, "fraction")
    ('16.75 against 25 points', '-1.2% against -3%')
    >>> against(-3.27556e-06, 0.0003, "fraction")
    '-0.0327556 against 3 bp'
    """
    limit = math.nan if threshold is None else threshold
    (shown, beside), word = in_unit((measured, limit), unit)
    if word == "%":
        return f"{shown}% against {beside}{'' if math.isnan(limit) else '%'}"
    return f"{shown} against {beside} {word}".rstrip()


def _condition(item: Mapping[str, Any], row: Row) -> tuple[str, ...]:
    name = item["name"]
    measured, threshold = row[f"{name}.measured"], row[f"{name}.threshold"]
    shown = "" if _absent(measured) else against(measured, threshold, item["unit"])
    gap = "" if _absent(measured) or _absent(threshold) else apart(_distance(measured, threshold))
    mark = LEFT_OUT if item.get("left_out") else MARKS[row[name]]
    why = row.get(f"{name}.because") or ""
    age = age_words(_age_hours(row, name))
    return mark, name, shown, gap, age, item["description"] + (f": {why}" if why else "")


def _distance(measured: float, threshold: float) -> float:
    return float(relative_distance(np.array([measured]), np.array([threshold]))[0])


def _age_hours(row: Row, name: str) -> float | None:
    column = f"{name}.age_hours"
    if column not in row:
        return None
    return math.nan if row[column] is None else float(row[column])


def reason_line(decision: Row) -> str:
    """Return when and why an entry was decided, as a sentence."""
    return f"Decided {moment(decision['decided_at'])}: {decision['reason']}."


def later_line(decision: Row) -> str:
    """Return a decision about a plan that exists: its instant, intent, outcome and reason."""
    return (
        f"  {moment(decision['decided_at'])}  {decision['intent']} {decision['outcome']}: "
        f"{decision['reason']}"
    )


def cap_line(decision: Row, ladder: Sequence[float]) -> str:
    """Return how a cap led to the approved size of an entry; "" where no cap set it.

    ``ladder`` holds the factors of the drawdown rungs by rising drawdown.
    """
    name = decision["binding_cap"]
    if not name:
        return ""
    allowed = number(decision[f"{CAP}{name}"])
    times = _times(decision, ladder)
    return f"Size set by the cap {name}, which allows {allowed}: times {times}."


def decision_lines(decision: Row, ladder: Sequence[float]) -> list[str]:
    """Return a risk decision: the account, the stop, the size before and after every cap.

    ``ladder`` holds the factors of the drawdown rungs by rising drawdown.
    """
    head = (
        f"Risk decision {decision['decision_id']}: {decision['intent']} {decision['outcome']}"
        + (f" by {decision['blocked_by']}" if decision["blocked_by"] else "")
        + f" at equity {money(decision['equity'])}, drawdown {percent(decision['drawdown'])}, "
        f"tier {decision['tier'] or 'none'}. {decision['reason']}"
    ).rstrip()
    lines = [head if head.endswith(".") else head + "."]
    if not _absent(decision["risk_per_unit"]):
        lines.append(
            f"  Entry estimate {number(decision['entry_estimate'], 8)}, stop "
            f"{number(decision['stop'], 8)}: {number(decision['risk_per_unit'])} lost a unit at "
            "the stop, costs included."
        )
    applied = _applied_caps(decision)
    if not applied:
        return lines
    lines.append("  Size through the caps, base units:")
    before = math.inf
    table = []
    for name, allowed, after in applied:
        binding = "<- binds" if name == decision["binding_cap"] else ""
        table.append((name, f"allows {number(allowed)}", number(before), number(after), binding))
        before = after
    shown = [(name, allows, f"{b} -> {a}", mark) for name, allows, b, a, mark in table]
    lines += columns(shown, left=4, indent="    ")
    idle = [name for name in _cap_names(decision) if math.isinf(decision[f"{CAP}{name}"])]
    if idle:
        lines.append(f"    off or not concerned: {', '.join(idle)}")
    lines.append(
        f"  Times {_times(decision, ladder)}; leverage setting "
        f"{decision['leverage_setting'] or 'none'}."
    )
    return lines


def _times(decision: Row, ladder: Sequence[float]) -> str:
    """Return the step from the size that the caps leave to the approved size."""
    return (
        f"{number(decision['multiplier'])}{_factors(decision, ladder)} and floored to the lot: "
        f"{number(decision['quantity'])}"
    )


def _factors(decision: Row, ladder: Sequence[float]) -> str:
    """Return the factors of the multiplier: the account tier's and the playbook's."""
    tier = decision["tier"]
    if decision.get("market_tier"):
        market = decision["market_tier"]
        return f" (playbook's size x the stricter of account tier {tier} and market tier {market})"
    # All rungs below the second share one tier name, so that the rung is unknown.
    rungs = {RiskTier.NORMAL: 1.0, **dict(zip(TIERS, ladder, strict=False))}
    if tier not in rungs or (tier == TIERS[-1] and len(ladder) > len(TIERS)):
        return f" (playbook's size x tier {tier}'s factor)" if tier else ""
    own = decision["multiplier"] / rungs[tier]
    return f" (playbook's size {number(own)} x tier {tier} {number(rungs[tier])})"


def order_lines(run: RunFolder, plan_id: int) -> list[str]:
    """Return every order of a plan in the order of the table, each followed by its fills."""
    fills = [row for row in run.rows("fills") if row["plan_id"] == plan_id]
    orders = [row for row in run.rows("orders") if row["plan_id"] == plan_id]
    known = {order["order_id"] for order in orders}
    lines: list[str] = []
    told = fill_lines(run, fills)
    for order in orders:
        lines.append(order_line(order))
        # Folders of format 3 have no such column; `riskoff diff` reads them.
        if order.get("trail_moved"):
            lines.append(trail_line(order))
        lines += [told[f["fill_id"]] for f in fills if f["order_id"] == order["order_id"]]
    return lines + [told[fill["fill_id"]] for fill in fills if fill["order_id"] not in known]


def order_line(order: Row) -> str:
    """Return one order: instant, role, side, size, level and end."""
    side = "buy" if order["side"] > 0 else "sell"
    size = "all" if _absent(order["quantity"]) else number(order["quantity"])
    if not _absent(order["fraction"]):
        size = f"{percent(order['fraction'], 0)} of the entry"
    level = "" if _absent(order["price"]) else f" at {number(order['price'], 8)}"
    has_reason = order["end_reason"] not in ("", order["status"])
    end = f" ({order['end_reason']})" if has_reason else ""
    if order["role"] == OrderRole.SETTLEMENT:
        # An expiry or a delisting, which no decision explains.
        end = f" ({order['reason']})"
    return (
        f"  {moment(order['decided_at'])}  {order['role']}: {order['kind']} {side} {size}{level}, "
        f"{order['status']} {moment(order['ended_at'])}{end}"
    )


def trail_line(order: Row) -> str:
    """Return how a trailing stop moved: its last level, and the price and distance behind it."""
    level, start = number(order["last_level"], 8), number(order["price"], 8)
    sells = order["side"] < 0
    kind = "close" if order["trail_moved"] == StopMoves.AT_CLOSES else "price"
    away = f"the distance of signal {order['trail_signal']}"
    if not _absent(order["trail_fraction"]):
        away = percent(order["trail_fraction"], 2)
    elif not _absent(order["trail_distance"]):
        away = number(order["trail_distance"], 8)
    best = f"the {'highest' if sells else 'lowest'} {kind} since the entry"
    if not _absent(order["best_price"]):
        best = (
            f"the {'highest' if sells else 'lowest'} {kind} {number(order['best_price'], 8)} of "
            f"{moment(order['best_at'])}"
        )
    begins = ""
    if not _absent(order["trail_beyond"]):
        begins = f", once that has reached {number(order['trail_beyond'], 8)}"
    where = f"trailing stop at {level} (from {start})"
    if order["last_level"] == order["price"]:
        where = f"trailing stop, not moved from {start}"
    return f"    {where}: {away} {'below' if sells else 'above'} {best}{begins}"


def funding_lines(run: RunFolder, plan_id: int) -> list[str]:
    """Return the plan's funding payments, account currency, one line each; positive: received."""
    paid = [
        row for row in run.rows("ledger") if row["plan_id"] == plan_id and row["kind"] == "funding"
    ]
    if not paid:
        return ["Funding: no settlement fell into the time in position."]
    total = f"{signed(sum(value_of(row) for row in paid))} {account_currency(run)}"
    lines = [f"Funding settlements: {len(paid)}, {total} in all (positive: received)"]
    lines += [
        f"  {moment(row['at'])}  rate {percent(row['rate'], 4)} of {number(row['quantity'])} x "
        f"{number(row['price'], 8)}: {signed(value_of(row))}" + (" inferred" * row["inferred"])
        for row in paid[:SHOWN_PAYMENTS]
    ]
    if len(paid) > SHOWN_PAYMENTS:
        lines.append(f"  and {len(paid) - SHOWN_PAYMENTS} more in ledger.parquet")
    return lines


def account_line(run: RunFolder, at: datetime) -> str:
    """Return the account's state at an instant, with the equity of the last curve point."""
    interval = next(
        (
            row
            for row in run.rows("journal_account")
            if row["from_at"] <= at and (row["until_at"] is None or at < row["until_at"])
        ),
        None,
    )
    state = Availability.FLAT if interval is None else interval["state"]
    text = f"Account: {STATES[state]}"
    if interval is not None and interval["detail"]:
        text += f" ({interval['detail']} until {moment(interval['until_at'])})"
    if interval is not None and interval["plan_id"]:
        text += f" (plan {interval['plan_id']} since {moment(interval['from_at'])})"
    equity = run.equity_at(at)
    return text + ("." if equity is None else f"; equity {money(equity)} {account_currency(run)}.")


def fill_lines(run: RunFolder, fills: Sequence[Row]) -> Mapping[int, str]:
    """Return a line for each fill, by its number; money in the account's currency."""
    currency, rates = account_currency(run), rates_of_fills(run.rows("ledger"))
    return {
        fill["fill_id"]: _fill_line(fill, rates.get(fill["fill_id"], 1.0), currency)
        for fill in fills
    }


def _fill_line(fill: Row, rate: float, currency: str) -> str:
    """Return one fill: price, slippage, fee, result and the position after it."""
    where = "at the open" if fill["stage"] == "open" else "inside the bar"
    return (
        f"      filled {signed(fill['quantity'], 6).rstrip('0').rstrip('.')} at "
        f"{number(fill['price'], 8)} {moment(fill['at'])} {where}; before slippage "
        f"{number(fill['raw_price'], 8)} ({number(fill['slippage'] * BPS, 3)} bps), fee "
        f"{money(fill['fee'] * rate)}, realized {signed(fill['realized'] * rate)} {currency}, "
        f"position then "
        f"{number(fill['position_after'])}"
    )


def _cap_names(decision: Row) -> list[str]:
    return [key.removeprefix(CAP) for key in decision if key.startswith(CAP)]


def _applied_caps(decision: Row) -> list[tuple[str, float, float]]:
    """Return (name, allowed size, size after) of the finite caps, in the order applied."""
    return [
        (name, decision[f"{CAP}{name}"], decision[f"{SIZE_AFTER}{name}"])
        for name in _cap_names(decision)
        if math.isfinite(decision[f"{CAP}{name}"])
    ]


def _absent(value: float | None) -> bool:
    return value is None or math.isnan(value)
