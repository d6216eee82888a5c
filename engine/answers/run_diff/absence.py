"""Why a run has no trade at an instant at which another run decided one.

The evidence is searched in the order in which a trade comes about: window and instruments, the
risk decision, the order and its fill, the decision row, and the journal's row.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from engine.answers.row_sentences import CAP, against
from engine.answers.run_diff.causes import CauseKind, DiffCause
from engine.answers.run_diff.diff_side import ENTRY, DiffSide, differ, first_or_none
from engine.decision_terms import (
    BlockKind,
    DecisionOutcome,
    EndReason,
    GuardEventKind,
    GuardName,
    IntentKind,
    RefusalRule,
)
from engine.formatting import number
from engine.records import FillStage, OrderKind
from engine.results.availability import Availability
from engine.run_folder.read import Row, moment

TRUE = "true"
# Rules that refuse a size too small: the cap that made it so is the cause.
_TOO_SMALL = (RefusalRule.MINIMUM_SIZE, RefusalRule.MINIMUM_TICKET, RefusalRule.NO_CASH)
_TICK = timedelta(microseconds=1)


@dataclass(frozen=True)
class SoughtEntry:
    """An entry that one run decided and the other may lack.

    ``decision`` and ``fill`` (its first one) are None where the run has none.
    """

    at: datetime
    instrument: str
    direction: int
    decision: Row | None
    fill: Row | None


def entry_of_trade(side: DiffSide, trade: Row) -> SoughtEntry:
    """Return the entry that opened a trade."""
    return SoughtEntry(
        side.decided_at(trade),
        trade["instrument"],
        trade["direction"],
        side.decision_of(trade),
        first_or_none(side.entries(trade["plan_id"])),
    )


def entry_of_order(side: DiffSide, order: Row) -> SoughtEntry:
    """Return the entry of one order, for example of a tranche."""
    fills = side.entries(order["plan_id"])
    return SoughtEntry(
        order["decided_at"],
        order["instrument"],
        order["side"],
        side.decision_by_id.get(order["decision_id"]),
        first_or_none([row for row in fills if row["order_id"] == order["order_id"]]),
    )


def absence_causes(has: DiffSide, lacks: DiffSide, entry: SoughtEntry) -> tuple[DiffCause, ...]:
    """Return why ``lacks`` has no counterpart of an entry of ``has``, the first cause first.

    The causes after the first one would have been enough too, each alone.
    """
    at = entry.at
    outside = _outside(has, lacks, entry)
    if outside is not None:
        return (outside,)
    asked = lacks.asked_at.get((entry.instrument, at), [])
    if asked:
        return tuple(_of_decision(has, lacks, entry, decision) for decision in asked)
    if at not in lacks.decision_rows and at in has.decision_rows:
        return (_no_decision_row(lacks, at),)
    row = lacks.journal_at.get(at)
    found = list(_of_row(has, lacks, entry, row))
    return tuple(found) or (_unmarked(lacks, at),)


def _outside(has: DiffSide, lacks: DiffSide, entry: SoughtEntry) -> DiffCause | None:
    at, instrument = entry.at, entry.instrument
    if not lacks.start <= at <= lacks.end:
        window = f"{moment(lacks.start)} to {moment(lacks.end)}"
        text = f"{moment(at)} lies outside the window of {lacks.letter}, {window}"
        return DiffCause(CauseKind.WINDOW, "", text)
    if instrument not in lacks.states:
        text = f"{lacks.letter} does not trade {instrument}, {has.letter} does"
        return DiffCause(CauseKind.INSTRUMENT, instrument, text)
    return None


def _of_decision(has: DiffSide, lacks: DiffSide, entry: SoughtEntry, decision: Row) -> DiffCause:
    """Return why a decision at the same instant did not become the same trade."""
    if decision["outcome"] != DecisionOutcome.APPROVED:
        return _refusal(has, lacks, entry, decision)
    if decision["direction"] != entry.direction:
        word = "long" if decision["direction"] > 0 else "short"
        text = f"{lacks.letter} decided {word} at {moment(decision['decided_at'])}"
        return DiffCause(CauseKind.DIRECTION, word, text)
    orders = lacks.orders_of_decision.get(decision["decision_id"], [])
    order = first_or_none([row for row in orders if row["role"] == ENTRY])
    if order is None:
        text = f"{lacks.letter} approved {decision['intent']} and sent no entry order"
        return DiffCause(CauseKind.ORDER, "", text)
    if order["filled"] > 0:
        which = _plan_words(lacks, order["plan_id"])
        text = f"{which} of {lacks.letter} was open, and the order of this row added to it"
        return DiffCause(CauseKind.POSITION, which, text)
    return _unfilled(has, lacks, entry.fill, order)


def _plan_words(side: DiffSide, plan_id: int) -> str:
    """Return the trade of a plan in words, the plan itself where nothing was filled."""
    trade = side.trade_of_plan(plan_id)
    return f"plan {plan_id}" if trade is None else f"trade {trade['trade_id']}"


def _refusal(has: DiffSide, lacks: DiffSide, entry: SoughtEntry, decision: Row) -> DiffCause:
    by, letter = decision["blocked_by"] or decision["outcome"], lacks.letter
    cap = decision["binding_cap"]
    if by in _TOO_SMALL and cap:
        allowed = number(decision.get(f"{CAP}{cap}"))
        approved = entry.decision
        beside = "" if approved is None else f" ({has.letter}: {_cap_words(approved, cap)})"
        lot = number(lacks.lot(entry.instrument))
        text = f"{letter} refused the size: {by}; cap {cap} allows {allowed}, lot {lot}{beside}"
        return DiffCause(CauseKind.CAP, cap, text)
    if by in list(GuardName):
        return DiffCause(CauseKind.GUARD, by, _guard_words(lacks, by, decision["decided_at"]))
    kind = CauseKind.CASH if by == RefusalRule.NO_CASH else CauseKind.RULE
    reason = f": {decision['reason']}" if decision["reason"] else ""
    return DiffCause(kind, by, f"{letter} refused the entry by {by}{reason}")


def _cap_words(decision: Row, cap: str) -> str:
    allowed = decision.get(f"{CAP}{cap}")
    bound = f"bound by {decision['binding_cap']}" if decision["binding_cap"] != cap else "binds"
    return f"allows {number(allowed)}, {bound}, size {number(decision['quantity'])}"


def _guard_words(side: DiffSide, guard: str, at: datetime) -> str:
    """Return the guard that holds, since when, and why it tripped."""
    tripped = [
        row
        for row in side.guards
        if row["guard"] == guard and row["event"] == GuardEventKind.TRIPPED and row["at"] <= at
    ]
    if not tripped:
        return f"{guard} held in {side.letter}"
    last = tripped[-1]
    detail = f": {last['detail']}" if last["detail"] else ""
    return f"{guard} held in {side.letter} since {moment(last['at'])}{detail}"


def _unfilled(has: DiffSide, lacks: DiffSide, fill: Row | None, order: Row) -> DiffCause:
    """Return why an entry order of ``lacks`` filled nothing."""
    end = order["end_reason"] or order["status"]
    if end == EndReason.FREE_CASH:
        return DiffCause(CauseKind.CASH, "free cash", f"the entry of {lacks.letter} ended: {end}")
    level = "" if math.isnan(order["price"]) else f" at {number(order['price'], 8)}"
    text = f"the entry of {lacks.letter}, {order['kind']}{level}, filled nothing ({end})"
    theirs = None if fill is None else has.order_by_id.get(fill["order_id"])
    if fill is None or theirs is None:
        return DiffCause(CauseKind.ORDER, order["kind"], text)
    filled = f"{has.letter} filled at {number(fill['raw_price'], 8)} on {moment(fill['at'])}"
    rules = [side.files.manifest.get("fill_rule", {}).get("limit_fill") for side in (has, lacks)]
    is_touch = order["kind"] == OrderKind.LIMIT and fill["stage"] == FillStage.RANGE
    if is_touch and rules[0] != rules[1] and not differ(order["price"], theirs["price"]):
        told = f"{has.letter} {rules[0]}, {lacks.letter} {rules[1]}"
        return DiffCause(CauseKind.FILL_RULE, "limit_fill", f"{text}; {filled}: {told}")
    if order["kind"] != theirs["kind"]:
        filled += f" by a {theirs['kind']} order"
    elif differ(order["price"], theirs["price"]):
        filled += f" with its level at {number(theirs['price'], 8)}"
    return DiffCause(CauseKind.ORDER, order["kind"], f"{text}; {filled}")


def _no_decision_row(lacks: DiffSide, at: datetime) -> DiffCause:
    before, after = lacks.files.decision_rows_around(at)
    around = f"the rows around it are {moment(before)} and {moment(after)}"
    text = f"{lacks.letter} has no decision row at {moment(at)}: another clock or other data; "
    return DiffCause(CauseKind.DECISION_ROW, "", text + around)


def _of_row(
    has: DiffSide, lacks: DiffSide, entry: SoughtEntry, row: Row | None
) -> Iterator[DiffCause]:
    """Yield what stood against an entry at a decision row: account, conditions, the rules."""
    at = entry.at
    # A book of weights always holds positions; they prevent no rebalancing.
    if entry.decision is None or entry.decision["intent"] != IntentKind.REBALANCE:
        yield from _account(lacks, at, entry.instrument)
    if row is None:
        return
    yield from _conditions(has, lacks, at, row)
    if row["blocked_kind"] == BlockKind.PLAYBOOK:
        text = f"every required condition held in {lacks.letter}, and the rules asked for nothing"
        yield DiffCause(CauseKind.PLAYBOOK, row["blocked_by"], text)
    if row["blocked_kind"] in (BlockKind.NONE, BlockKind.RISK):
        text = f"{lacks.letter} decided otherwise at this row: {row['decisions']}"
        yield DiffCause(CauseKind.PLAYBOOK, "another decision", text)


def _account(lacks: DiffSide, at: datetime, instrument: str) -> Iterator[DiffCause]:
    """Yield what kept the account busy at a decision; a fill at that open comes after it."""
    before = at - _TICK
    state = next(
        (
            interval
            for interval in lacks.states.get(instrument, ())
            if interval["from_at"] <= before
            and (interval["until_at"] is None or before < interval["until_at"])
        ),
        None,
    )
    if state is None or state["state"] == Availability.FLAT:
        return
    if state["state"] in (Availability.IN_POSITION, Availability.PENDING):
        which = _plan_words(lacks, state["plan_id"])
        is_held = state["state"] == Availability.IN_POSITION
        what = "was open" if is_held else "had an entry order that worked"
        text = f"{which} of {lacks.letter} {what} since {moment(state['from_at'])}"
        yield DiffCause(CauseKind.POSITION, which, text)
        return
    by = state["detail"] or state["state"]
    yield DiffCause(CauseKind.GUARD, by, _guard_words(lacks, by, at))


def _conditions(has: DiffSide, lacks: DiffSide, at: datetime, row: Row) -> Iterator[DiffCause]:
    """Yield the required conditions that failed in one run, those that the other passed first.

    Of alternative groups the one that the other run entered by is judged.
    """
    theirs = has.journal_at.get(at)
    groups = [line.get("nearest_group") or "" for line in (theirs, row) if line is not None]
    group = next((name for name in groups if name in lacks.required), "")
    names: Sequence[str] = lacks.required.get(group, ())
    failed = [name for name in names if row.get(name) != TRUE]
    passed = [name for name in failed if _standing(has, theirs, name) != row.get(name)]
    both = [name for name in failed if name not in passed]
    for name in (*passed, *(both if row["blocked_kind"] == BlockKind.CONDITION else ())):
        here, there = row.get(name), _standing(has, theirs, name)
        text = f"{there} in {has.letter}, {here} in {lacks.letter}"
        sides = sorted(((has, theirs), (lacks, row)), key=lambda pair: pair[0].letter)
        numbers = "; ".join(
            f"{side.letter} {told}" for side, line in sides if (told := _numbers(side, line, name))
        )
        yield DiffCause(CauseKind.CONDITION, name, text + (f" ({numbers})" if numbers else ""))


def _standing(side: DiffSide, row: Row | None, name: str) -> str:
    """Return a condition's truth at a row, or why a run did not ask for it."""
    item = side.described.get(name)
    if item is None:
        return "no such condition"
    if item.get("left_out"):
        return "left out, counted as true"
    if not item["required"]:
        return "not required"
    return "not in the journal" if row is None else str(row.get(name))


def _numbers(side: DiffSide, row: Row | None, name: str) -> str:
    measured = None if row is None else row.get(f"{name}.measured")
    if row is None or measured is None or math.isnan(measured):
        return ""
    return against(measured, row.get(f"{name}.threshold"), side.described[name]["unit"])


def _unmarked(lacks: DiffSide, at: datetime) -> DiffCause:
    text = f"the journal of {lacks.letter} has no row at {moment(at)}: its rules did not mark it"
    before = [row for when, row in lacks.journal_at.items() if when < at]
    if before:
        last = max(before, key=lambda row: row["at"])
        by = f", blocked by {last['blocked_by']}" if last["blocked_by"] else ""
        text += f"; its row before is {moment(last['at'])}{by}"
    return DiffCause(CauseKind.UNMARKED, "", text)
