"""Explain why a playbook did not trade in a window: nearest miss, conditions, refusals.

The answer is read from the run's journal: it holds values known at the time, and no rows that the
playbook did not mark.
"""

import math
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from engine.answers.refusals import Refusal, chooses_weights, not_free, refused
from engine.answers.time_window import TimeWindow, parse_window, traded_part
from engine.conditions import failed_alone
from engine.decision_terms import RISK_ADDING, BlockKind, DecisionOutcome
from engine.formatting import number, percent
from engine.records import OrderRole
from engine.results.failing import Failing, failing_of_row, relative_distance, required_groups
from engine.results.nearness import nearness
from engine.run_folder.read import Row, RunFolder, moment, run_title

ENTRY = OrderRole.ENTRY.value
TRUE, UNKNOWN = "true", "unknown"


@dataclass(frozen=True)
class ConditionResult:
    """One condition at one journal row, and its counts over the window.

    Attributes
    ----------
    truth : true, false, unknown
    left_out : the run counted it as true at every row, whatever it measured
    margin : measured less threshold in ``unit``, NaN where nothing was compared
    distance : abs(margin) / max(abs(measured), abs(threshold)), a fraction
    age_hours : of its oldest input; NaN: an input was missing; None: it reads the closed bar only
    held, failed, unknown : journal rows of the window at which it was true, false, unknown
    alone : journal rows at which it alone of the required conditions of its group failed
    because : its parts or its other reasons, in words; "" for a plain comparison
    group : of its alternative, see ``engine.conditions.Condition``
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
    group: str = ""


@dataclass(frozen=True)
class OtherGroup:
    """Another group of required conditions, for example another trade, at its own nearest row.

    Attributes
    ----------
    at : its nearest row among the journal rows of the window without an approved entry
    failing : its required conditions that were not true there, of ``required`` in all
    nearest, distance : the false one nearest to its threshold, "" and NaN for none
    blocked : where none failed, the reason of the row for no entry
    """

    group: str
    at: datetime
    failing: tuple[str, ...]
    required: int
    nearest: str
    distance: float
    blocked: str


@dataclass(frozen=True)
class NearestMiss:
    """The journal row nearest to an entry, with every condition at it, required ones first.

    ``acted``: True when an entry was approved at this row, so that it is not a miss; every journal
    row of the window is then such a row. ``group``: the group of conditions that came nearest, ""
    for a playbook without groups; ``others`` are the other groups, the nearest first.
    """

    at: datetime
    setup: str
    blocked_kind: BlockKind
    blocked_by: str
    acted: bool
    conditions: tuple[ConditionResult, ...]
    group: str = ""
    others: tuple[OtherGroup, ...] = ()

    @property
    def required(self) -> tuple[ConditionResult, ...]:
        """Return the required conditions of the group that came nearest."""
        own = ("", self.group)
        return tuple(item for item in self.conditions if item.required and item.group in own)

    @property
    def failing(self) -> tuple[ConditionResult, ...]:
        """Return the required conditions of that group that were not true."""
        return tuple(item for item in self.required if item.truth != TRUE)


@dataclass(frozen=True)
class WhyNot:
    """The answer as data; ``why_not_text`` writes it for a terminal.

    Attributes
    ----------
    decision_rows, journal_rows : closes of the clock in the window, and those with a journal row
    approved : entries and additions approved in the window, one line each, with the order's end
    filled : entries filled in the window, one line each, whenever they were decided
    miss : None without a journal row
    refusals : refusals by risk and guards, and spells in which the account was not free
    labels : origin of the data, one line each
    neighbours : nearest journal rows before and after, for a window without one
    of_weights : conditions choose weights; ``miss`` is then the last row of the window
    """

    title: str
    window: TimeWindow
    decision_rows: int
    journal_rows: int
    approved: tuple[str, ...]
    filled: tuple[str, ...]
    miss: NearestMiss | None
    refusals: tuple[Refusal, ...]
    labels: tuple[str, ...]
    neighbours: tuple[datetime | None, datetime | None]
    of_weights: bool = False


def why_not(run_folder: Path, asked: str) -> WhyNot:
    """Return the reasons for no entry in a window of a run.

    Parameters
    ----------
    run_folder : folder that ``riskoff run`` wrote
    asked : ``2026-02-05`` (a UTC day), or ``FROM..TO`` with days or instants

    Raises
    ------
    ConfigError : ``asked`` is not a window.
    ReportError : not a run folder, or the window lies outside the run's.
    """
    run = RunFolder(run_folder)
    window = traded_part(parse_window(asked), run)
    journal = run.rows("journal_conditions")
    inside = [row for row in journal if window.holds(row["at"])]
    decided = [row for row in run.rows("journal_decisions") if window.holds(row["decided_at"])]
    approved = [row for row in decided if _is_approved_entry(row)]
    before = max((row["at"] for row in journal if row["at"] <= window.after), default=None)
    of_weights = chooses_weights(run)
    after = min((row["at"] for row in journal if row["at"] > window.until), default=None)
    return WhyNot(
        title=run_title(run, f"why not: {window.words}"),
        window=window,
        decision_rows=sum(window.holds(row["at"]) for row in run.rows("decision_rows")),
        journal_rows=len(inside),
        approved=tuple(action_line(row) + _end_of_order(run, row) for row in approved),
        filled=tuple(_filled_lines(run, window)),
        miss=_nearest(
            run.conditions, inside, {row["decided_at"] for row in approved}, of_weights=of_weights
        ),
        refusals=(*refused(decided), *not_free(run, window, inside, approved)),
        labels=data_labels(run, window),
        neighbours=(before, after),
        of_weights=of_weights,
    )


def action_line(row: Row) -> str:
    """Return a decision in one line: instant, intent, instrument, outcome, plan, reason."""
    plan = f" (plan {row['plan_id']})" if row["plan_id"] else ""
    intent = f"{row['intent']} {row['instrument']}".strip()
    blocked = f" by {row['blocked_by']}" if row["blocked_by"] else ""
    reason = f": {row['reason']}" if row["reason"] else ""
    return f"{moment(row['decided_at'])}  {intent} {row['outcome']}{blocked}{plan}{reason}"


def conditions_at(
    described: Sequence[Mapping[str, Any]], row: Row, inside: Sequence[Row]
) -> tuple[ConditionResult, ...]:
    """Return every condition at a row with its counts over the window, required ones first.

    ``described`` are the run's conditions, ``inside`` the journal rows of the window.
    """
    required = [item["name"] for item in described if item["required"]]
    failed = {name: np.array([other[name] != TRUE for other in inside]) for name in required}
    alone = failed_alone(failed, required_groups(described))
    counts = Counter({name: int(rows.sum()) for name, rows in alone.items()})
    results = [_result(item, row, inside, counts[item["name"]]) for item in described]
    return tuple(sorted(results, key=lambda result: not result.required))


def data_labels(run: RunFolder, window: TimeWindow) -> tuple[str, ...]:
    """Return the inputs of the conditions by data label, one line a label.

    Inputs that begin after the window, that ended before it, or that the data lack, have separate
    lines.
    """
    channels: Mapping[str, Mapping[str, Any]] = run.manifest.get("channels", {})
    inputs = dict.fromkeys(text for item in run.conditions for text in item.get("inputs", ()))
    groups: dict[str, list[str]] = {}
    for name in inputs:
        matching = {k: c for k, c in channels.items() if k == name or k.startswith(f"{name}/")}
        # The market state names instruments, and also readings ("open interest") that have no
        # channel. Playbooks name full keys, whose kinds are lower case.
        if not matching and ("/" in name or name.upper() == name):
            groups.setdefault("not in the data", []).append(name)
        for key, channel in matching.items():
            groups.setdefault(_label(channel, window), []).append(key)
    return tuple(f"{kind}: {', '.join(dict.fromkeys(names))}" for kind, names in groups.items())


def _label(channel: Mapping[str, Any], window: TimeWindow) -> str:
    first = channel.get("first_at")
    if first is None:
        return "empty"
    if datetime.fromisoformat(first) > window.until:
        return "begins after the window"
    if datetime.fromisoformat(channel["last_at"]) < window.begins:
        return f"ended before the window (last {channel['last_at'][:10]})"
    rows = channel["rows"]
    weakest = [kind for kind in ("synthetic", "inferred") if channel.get(kind)]
    if not weakest:
        return "observed"
    return " and ".join(f"{percent(channel[kind] / rows, 0)} {kind}" for kind in weakest)


def _is_approved_entry(row: Row) -> bool:
    return row["intent"] in RISK_ADDING and row["outcome"] == DecisionOutcome.APPROVED


def _end_of_order(run: RunFolder, decision: Row) -> str:
    """Return how the entry orders of a decision ended; "" where it made none."""
    orders = [
        row
        for row in run.rows("orders")
        if row["decision_id"] == decision["decision_id"] and row["role"] == ENTRY
    ]
    if not orders:
        return ""
    ids = {row["order_id"] for row in orders}
    at = [fill["at"] for fill in run.rows("fills") if fill["order_id"] in ids]
    if at:
        return f"; filled, the last of it {moment(max(at))}"
    return f"; never filled ({orders[0]['end_reason'] or orders[0]['status']})"


def _filled_lines(run: RunFolder, window: TimeWindow) -> list[str]:
    """Return the entries that filled in the window, with the instants of their decisions."""
    decided_at = {row["order_id"]: row["decided_at"] for row in run.rows("orders")}
    lines = []
    for fill in run.rows("fills"):
        if fill["role"] != ENTRY or not window.holds_fill(fill):
            continue
        plan = f" (plan {fill['plan_id']})" if fill["plan_id"] else ""
        lines.append(
            f"{moment(fill['at'])}  {fill['instrument']} {fill['quantity']:+,.10g} at "
            f"{number(fill['price'], 8)}{plan}, decided {moment(decided_at[fill['order_id']])}"
        )
    return lines


def _nearest(
    described: Sequence[Mapping[str, Any]],
    inside: Sequence[Row],
    approved_at: Collection[datetime],
    *,
    of_weights: bool,
) -> NearestMiss | None:
    """Return the journal row nearest to an entry; the last one for weights or without them.

    A row with an approved entry is not a miss; only where all rows have one, one is returned.
    """
    missed = [row for row in inside if row["at"] not in approved_at] or list(inside)
    if not missed:
        return None
    judged = any(item["required"] for item in described) and not of_weights
    row = min(missed, key=nearness) if judged else missed[-1]
    group = row.get("nearest_group") or ""
    others = [
        _other_group(other, required, missed)
        for other, required in required_groups(described).items()
        if other != group
    ]
    return NearestMiss(
        row["at"],
        row["setup"],
        BlockKind(row["blocked_kind"]),
        row["blocked_by"],
        acted=row["at"] in approved_at,
        conditions=conditions_at(described, row, inside),
        group=group,
        others=tuple(other for _, other in sorted(others, key=lambda pair: pair[0])),
    )


def _other_group(
    group: str, required: Sequence[str], missed: Sequence[Row]
) -> tuple[tuple[Any, ...], OtherGroup]:
    """Return a group at the row at which it came nearest, after its key of nearness there."""
    seen = ((row, failing_of_row(row, group, required)) for row in missed)
    keyed = [(nearness({**row, **_as_nearest(found)}), row, found) for row, found in seen]
    key, row, found = min(keyed, key=lambda item: item[0])
    failing = tuple(name for name in required if row[name] != TRUE)
    blocked = "" if failing else f"{row['blocked_kind']}: {row['blocked_by']}"
    return key, OtherGroup(
        group, row["at"], failing, len(required), found.nearest, found.distance, blocked
    )


def _as_nearest(found: Failing) -> dict[str, Any]:
    return {"required_failing": found.count, "nearest_miss_distance": found.distance}


def _result(
    item: Mapping[str, Any], row: Row, inside: Sequence[Row], alone: int
) -> ConditionResult:
    name = item["name"]
    measured, threshold = _float(row[f"{name}.measured"]), _float(row[f"{name}.threshold"])
    truths = Counter(other[name] for other in inside)
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
        group=item.get("group", ""),
    )


def _float(value: float | None) -> float:
    return math.nan if value is None else float(value)
