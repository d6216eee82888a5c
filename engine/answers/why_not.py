"""What kept a playbook out: the nearest miss of a window, margins, what failed alone, refusals.

Everything is read from the run's journal, so it says what the run knew then, and nothing about rows
that the playbook did not mark.
"""

import math
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from engine.answers.row_sentences import STATES
from engine.answers.time_window import TimeWindow, checked, parse_span
from engine.decision_terms import RISK_ADDING, BlockKind, DecisionOutcome, IntentKind
from engine.formatting import number, percent
from engine.records import FillStage, OrderRole
from engine.results.availability import AccountState
from engine.results.journal import nearness, relative_distance
from engine.run_folder.read import Row, RunFolder, moment, run_title

ENTRY, OPEN = OrderRole.ENTRY.value, FillStage.OPEN.value
TRUE, UNKNOWN = "true", "unknown"
QUIET_STATE = AccountState.FLAT
BOOK_STATES = {QUIET_STATE, AccountState.IN_POSITION, AccountState.PENDING}


@dataclass(frozen=True)
class ConditionResult:
    """One condition at one row, and what became of it over the window.

    Attributes
    ----------
    truth : true, false, unknown
    left_out : the run counted it as true at every row, whatever was measured
    margin : measured less threshold in ``unit``, NaN where nothing was compared
    distance : abs(margin) / max(abs of both), a fraction
    age_hours : of its oldest input; NaN: one was missing; None: it reads the bar that just closed
    held, failed, unknown : journal rows of the window at which it was true, false, unknown
    alone : rows at which no other required condition failed
    because : what it is made of, or what else decided it, in words; "" for a plain comparison
    """

    name: str
    description: str
    unit: str
    required: bool
    left_out: bool
    truth: str
    measured: float
    threshold: float
    margin: float
    distance: float
    age_hours: float | None
    held: int
    failed: int
    unknown: int
    alone: int
    because: str = ""


@dataclass(frozen=True)
class NearestMiss:
    """The row that came nearest to an entry, every condition at it, required ones first.

    ``acted``: what adds risk was approved at it, so it is no miss; every row of the window is so.
    """

    at: pd.Timestamp
    setup: str
    blocked_kind: BlockKind
    blocked_by: str
    acted: bool
    gaps: tuple[ConditionResult, ...]

    @property
    def failing(self) -> tuple[ConditionResult, ...]:
        """The required conditions that did not hold."""
        return tuple(gap for gap in self.gaps if gap.required and gap.truth != TRUE)


@dataclass(frozen=True)
class Refusal:
    """What stood in the way beside conditions.

    Attributes
    ----------
    kind : risk (a guard or cap refused an intent) or account (not free)
    rows : risk: intents refused; account: journal rows decided in that state at which every
        required condition held, and nothing that adds was approved for the instrument
    """

    kind: BlockKind
    what: str
    rows: int
    first_at: pd.Timestamp
    last_at: pd.Timestamp


@dataclass(frozen=True)
class WhyNot:
    """The answer, for a page; ``why_not_words`` tells the same to a terminal.

    Attributes
    ----------
    decision_rows, told_rows : closes of the clock in the window, and those with a journal row
    decided : what adds risk and was approved in it, one line each, with what came of its order
    bought : entries that filled in it, one line each, whenever they were decided
    miss : None without a journal row
    refusals : by risk and guards, and rows at which the account was not free
    labels : where the data came from, one line each
    neighbours : nearest journal rows before and after, for a window without one
    """

    title: str
    span: TimeWindow
    decision_rows: int
    told_rows: int
    decided: tuple[str, ...]
    bought: tuple[str, ...]
    miss: NearestMiss | None
    refusals: tuple[Refusal, ...]
    labels: tuple[str, ...]
    neighbours: tuple[pd.Timestamp | None, pd.Timestamp | None]


def why_not(run_folder: Path, window: str) -> WhyNot:
    """Return what kept the playbook out in a window of its run.

    Parameters
    ----------
    run_folder : what ``riskoff run`` wrote
    window : ``2026-02-05`` (a UTC day), or ``FROM..TO`` with days or instants

    Raises
    ------
    ConfigError : not a window.
    ReportError : not a run folder, or the window lies outside the run's.
    """
    files = RunFolder(run_folder)
    span = checked(parse_span(window), files)
    journal = files.rows("journal_conditions")
    told = [row for row in journal if span.holds(row["at"])]
    decided = [row for row in files.rows("journal_decisions") if span.holds(row["decided_at"])]
    acted = [row for row in decided if _adds(row)]
    before = max((row["at"] for row in journal if row["at"] <= span.after), default=None)
    after = min((row["at"] for row in journal if row["at"] > span.until), default=None)
    return WhyNot(
        title=run_title(files, f"why not: {span.words}"),
        span=span,
        decision_rows=sum(span.holds(row["at"]) for row in files.rows("decision_rows")),
        told_rows=len(told),
        decided=tuple(action_line(row) + _outcome(files, row) for row in acted),
        bought=tuple(_bought_lines(files, span)),
        miss=_nearest(files.conditions, told, {row["decided_at"] for row in acted}),
        refusals=(*_refused(decided), *_not_free(files, span, told, acted)),
        labels=data_labels(files, span),
        neighbours=(before, after),
    )


def action_line(row: Row) -> str:
    """Return a decision in one line: when, what, on what, with which plan, why."""
    plan = f" (plan {row['plan_id']})" if row["plan_id"] else ""
    what = f"{row['intent']} {row['instrument']}".strip()
    blocked = f" by {row['blocked_by']}" if row["blocked_by"] else ""
    reason = f": {row['reason']}" if row["reason"] else ""
    return f"{moment(row['decided_at'])}  {what} {row['outcome']}{blocked}{plan}{reason}"


def gaps_at(
    described: Sequence[Mapping[str, Any]], row: Row, told: Sequence[Row]
) -> tuple[ConditionResult, ...]:
    """Return every condition at a row with its counts over some rows, required ones first."""
    required = [item["name"] for item in described if item["required"]]
    only = Counter(failing[0] for other in told if len(failing := _failing(required, other)) == 1)
    found = [_gap(item, row, told, only[item["name"]]) for item in described]
    return tuple(sorted(found, key=lambda gap: not gap.required))


def data_labels(files: RunFolder, span: TimeWindow) -> tuple[str, ...]:
    """Return the inputs of the conditions by how their values came about, one line a kind.

    Inputs that begin after the window, ended before it, or are not in the data, have lines of
    their own.
    """
    channels: Mapping[str, Mapping[str, Any]] = files.manifest.get("channels", {})
    inputs = dict.fromkeys(text for item in files.conditions for text in item.get("inputs", ()))
    groups: dict[str, list[str]] = {}
    for name in inputs:
        matching = {k: c for k, c in channels.items() if k == name or k.startswith(f"{name}/")}
        # The market state names instruments, and readings in words ("open interest") that have no
        # channel of their own; playbooks name full keys, whose kinds are lower case.
        if not matching and ("/" in name or name.upper() == name):
            groups.setdefault("not in the data", []).append(name)
        for key, channel in matching.items():
            groups.setdefault(_label(channel, span), []).append(key)
    return tuple(f"{kind}: {', '.join(dict.fromkeys(names))}" for kind, names in groups.items())


def _label(channel: Mapping[str, Any], span: TimeWindow) -> str:
    first = channel.get("first_at")
    if first is None:
        return "empty"
    if pd.Timestamp(first) > span.until:
        return "begins after the window"
    if pd.Timestamp(channel["last_at"]) < span.begins:
        return f"ended before the window (last {channel['last_at'][:10]})"
    rows = channel["rows"]
    weakest = [kind for kind in ("synthetic", "inferred") if channel.get(kind)]
    if not weakest:
        return "observed"
    return " and ".join(f"{percent(channel[kind] / rows, 0)} {kind}" for kind in weakest)


def _adds(row: Row) -> bool:
    return row["intent"] in RISK_ADDING and row["outcome"] == DecisionOutcome.APPROVED


def _outcome(files: RunFolder, decision: Row) -> str:
    """What came of the entry orders of a decision, in words; nothing where it made none."""
    orders = [
        row
        for row in files.rows("orders")
        if row["decision_id"] == decision["decision_id"] and row["role"] == ENTRY
    ]
    if not orders:
        return ""
    ids = {row["order_id"] for row in orders}
    at = [fill["at"] for fill in files.rows("fills") if fill["order_id"] in ids]
    if at:
        return f"; filled, the last of it {moment(max(at))}"
    return f"; never filled ({orders[0]['end_reason'] or orders[0]['status']})"


def _bought_lines(files: RunFolder, span: TimeWindow) -> list[str]:
    """The entries that filled, with when they were decided."""
    decided_at = {row["order_id"]: row["decided_at"] for row in files.rows("orders")}
    lines = []
    for fill in files.rows("fills"):
        if fill["role"] != ENTRY or not span.holds_fill(fill):
            continue
        plan = f" (plan {fill['plan_id']})" if fill["plan_id"] else ""
        lines.append(
            f"{moment(fill['at'])}  {fill['instrument']} {fill['quantity']:+,.10g} at "
            f"{number(fill['price'], 8)}{plan}, decided {moment(decided_at[fill['order_id']])}"
        )
    return lines


def _nearest(
    described: Sequence[Mapping[str, Any]], told: Sequence[Row], acted: Collection[pd.Timestamp]
) -> NearestMiss | None:
    """The row that came nearest; without required conditions the window's last.

    A row of ``acted``, at which what adds was approved, is no miss, unless all are.
    """
    missed = [row for row in told if row["at"] not in acted] or list(told)
    if not missed:
        return None
    judged = any(item["required"] for item in described)
    row = min(missed, key=nearness) if judged else missed[-1]
    gaps = gaps_at(described, row, told)
    return NearestMiss(
        row["at"],
        row["setup"],
        BlockKind(row["blocked_kind"]),
        row["blocked_by"],
        acted=row["at"] in acted,
        gaps=gaps,
    )


def _failing(required: Iterable[str], row: Row) -> list[str]:
    return [name for name in required if row[name] != TRUE]


def _gap(item: Mapping[str, Any], row: Row, told: Sequence[Row], alone: int) -> ConditionResult:
    name = item["name"]
    measured, threshold = _float(row[f"{name}.measured"]), _float(row[f"{name}.threshold"])
    truths = Counter(other[name] for other in told)
    distance = relative_distance(np.array([measured]), np.array([threshold]))[0]
    column = f"{name}.age_hours"
    return ConditionResult(
        name=name,
        description=item["description"],
        unit=item["unit"],
        required=item["required"],
        left_out=item.get("left_out", False),
        truth=row[name],
        measured=measured,
        threshold=threshold,
        margin=measured - threshold,
        distance=float(distance),
        age_hours=_float(row[column]) if column in row else None,
        held=truths[TRUE],
        failed=truths["false"],
        unknown=truths[UNKNOWN],
        alone=alone,
        because=row.get(f"{name}.because") or "",
    )


def _float(value: float | None) -> float:
    return math.nan if value is None else float(value)


def _refused(decided: Sequence[Row]) -> list[Refusal]:
    """What risk or a guard refused, by intent, instrument and reason."""
    groups: dict[str, list[pd.Timestamp]] = {}
    for row in decided:
        if row["intent"] in RISK_ADDING and row["outcome"] != DecisionOutcome.APPROVED:
            why = row["blocked_by"] or row["reason"] or "no reason noted"
            what = f"{row['intent']} {row['instrument']}".rstrip() + f" refused: {why}"
            groups.setdefault(what, []).append(row["decided_at"])
    return [Refusal(BlockKind.RISK, what, len(at), min(at), max(at)) for what, at in groups.items()]


def _not_free(
    files: RunFolder, span: TimeWindow, told: Sequence[Row], acted: Sequence[Row]
) -> list[Refusal]:
    """When an instrument's account was not free, and journal rows at which all else held."""
    found = []
    # A book of weights is in its positions all the time: that keeps nothing out.
    is_book = any(row["intent"] == IntentKind.REBALANCE for row in files.rows("journal_decisions"))
    quiet = BOOK_STATES if is_book else {QUIET_STATE}
    opens = {(row["instrument"], row["at"]) for row in files.rows("fills") if row["stage"] == OPEN}
    went_through = {(row["instrument"], row["decided_at"]) for row in acted}
    for row in files.rows("journal_account"):
        if row["state"] in quiet or not span.overlaps(row):
            continue
        by = f" ({row['detail']})" if row["detail"] else ""
        by += f" (plan {row['plan_id']})" if row["plan_id"] else ""
        inside = sum(
            not line["required_failing"]
            and _stood_in(row, line["at"], opens)
            and (row["instrument"], line["at"]) not in went_through
            for line in told
        )
        what = f"{row['instrument']} {STATES[row['state']]}{by}"
        until = span.until if row["until_at"] is None else row["until_at"]
        found.append(Refusal(BlockKind.ACCOUNT, what, inside, row["from_at"], until))
    return found


def _stood_in(interval: Row, at: pd.Timestamp, opens: Collection[tuple[str, pd.Timestamp]]) -> bool:
    """Return whether a decision at an instant was taken in an interval of ``journal_account``.

    What fills at an open follows the decisions of its instant, and so does what it changes.
    """
    instrument, began, ended = interval["instrument"], interval["from_at"], interval["until_at"]
    if at == began:
        return interval["state"] != AccountState.PENDING and (instrument, began) not in opens
    if at == ended:
        return (instrument, ended) in opens
    return bool(began < at and (ended is None or at < ended))
