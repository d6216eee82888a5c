"""The journal: the reason for an entry, or against it, at each notable row.

A row is in the journal if the playbook marked it notable or if a decision was taken at it. A
playbook that decides by the session has every row in it: there are few, one a day.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from data_feeds.clock import DAY_NS, HOUR_NS, utc_text
from data_feeds.timeframe import Timeframe
from engine.conditions import NOT_SO, THIS_ROW, Condition, Reason, Truth
from engine.decision_terms import RISK_ADDING, BlockKind, DecisionOutcome, IntentKind
from engine.playbook import Requirements, Signals
from engine.records import Decision, SimulationOutcome
from engine.results.availability import Availability, AvailabilityHistory
from engine.results.failing import TRUTH_WORDS, gap, nearest_groups
from engine.run_folder.write import instants

QUIET_STATES = (Availability.FLAT.value,)
BOOK_STATES = (*QUIET_STATES, Availability.IN_POSITION.value)
NOTHING_DUE = "nothing due"


@dataclass(frozen=True)
class RowBlock:
    """The obstacle to an entry at one row.

    ``kind`` is "risk", "account", "condition", "playbook" (all required conditions held, the rules
    asked for nothing) or "" when an entry, a tranche, a hedge or a rebalancing was approved.
    """

    kind: BlockKind
    name: str


_PART_WORDS = {Truth.TRUE: "yes", Truth.FALSE: "no", Truth.UNKNOWN: "unknown"}
# Blocks of rows at which every required condition held, the nearest to an entry first.
_KINDS = (BlockKind.RISK, BlockKind.ACCOUNT, BlockKind.PLAYBOOK)


def nearness(row: Mapping[str, Any]) -> tuple[int, int, float, Any]:
    """Return the key that sorts journal rows by how near they came to an entry, nearest first.

    This is the only definition of the nearest miss. The key compares, in this order: the number of
    failed required conditions, in the group of the row that came nearest; if none failed, refused
    by risk before account not free before no intent; the distance of the failed number from its
    threshold, none last; the time.
    """
    failing, kind = row["required_failing"], row["blocked_kind"]
    order = _KINDS.index(kind) if not failing and kind in _KINDS else 0
    return failing, order, gap(failing, row["nearest_miss_distance"]), row["at"]


def best_of_setups(rows: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return each setup's nearest row, the nearest first.

    Rows without a setup give one row a UTC day.
    """
    best: dict[object, Mapping[str, Any]] = {}
    for row in sorted(rows, key=nearness):
        best.setdefault(row["setup"] or row["at"].date(), row)
    return list(best.values())


def decides_by_session(requirements: Requirements) -> bool:
    """Return whether the clock's bars are days; then the journal has every decision row."""
    return Timeframe(requirements.clock.timeframe).ns >= DAY_NS


def journal_rows(
    signals: Signals,
    decisions: Sequence[Decision],
    start: int,
    end: int,
    *,
    every_row: bool = False,
) -> Any:
    """Return the indices of the journal's rows inside ``[start, end]`` (int64 ns UTC)."""
    decided = np.asarray([decision.decided_at for decision in decisions], dtype=np.int64)
    worth = np.isin(signals.decided_at, decided) | every_row
    if signals.notable is not None:
        worth |= signals.notable
    inside = (signals.decided_at >= start) & (signals.decided_at <= end)
    return np.flatnonzero(worth & inside)


def conditions_table(
    signals: Signals,
    outcome: SimulationOutcome,
    history: AvailabilityHistory,
    start: int,
    end: int,
    *,
    every_row: bool = False,
) -> pa.Table:
    """Return the journal: state, block, nearest miss and every condition of each row."""
    rows = journal_rows(signals, outcome.decisions, start, end, every_row=every_row)
    at = signals.decided_at[rows]
    decisions = _decisions_by_instant(outcome.decisions)
    # The positions of a book of weights do not block its next rebalancing.
    book_from = min(
        (d.decided_at for d in outcome.decisions if d.intent == IntentKind.REBALANCE), default=None
    )
    states = [history.at_decision(instant) for instant in at.tolist()]
    failing = nearest_groups(signals.conditions, rows)
    has_groups = any(item.group for item in signals.conditions if item.required)
    blocks = [
        _block(
            decisions.get(instant, []),
            state.state,
            state.detail,
            failing[index].first,
            is_book=book_from is not None and instant >= book_from,
            has_groups=has_groups,
        )
        for index, (instant, state) in enumerate(zip(at.tolist(), states, strict=True))
    ]
    columns: dict[str, Any] = {
        "at": instants(at),
        "setup": pa.array(_setups(signals, rows), pa.string()),
        "state": pa.array([state.state for state in states], pa.string()),
        "plan_id": pa.array([state.plan_id for state in states], pa.int64()),
        "decisions": pa.array(
            [_decision_words(decisions.get(instant, [])) for instant in at.tolist()], pa.string()
        ),
        "blocked_kind": pa.array([block.kind for block in blocks], pa.string()),
        "blocked_by": pa.array([block.name for block in blocks], pa.string()),
        "nearest_miss": pa.array([found.nearest for found in failing], pa.string()),
        "nearest_miss_distance": pa.array([found.distance for found in failing], pa.float64()),
        "required_failing": pa.array([found.count for found in failing], pa.int64()),
    }
    if has_groups:
        columns["nearest_group"] = pa.array([found.group for found in failing], pa.string())
    for item in signals.conditions:
        words = [TRUTH_WORDS[value] for value in item.truth[rows].tolist()]
        columns[item.name] = pa.array(words, pa.string())
        columns[f"{item.name}.measured"] = pa.array(item.measured[rows], pa.float64())
        columns[f"{item.name}.threshold"] = pa.array(item.threshold[rows], pa.float64())
        if item.parts or item.reasons:
            columns[f"{item.name}.because"] = pa.array(because(item, rows, at), pa.string())
        if item.age_ns is not None:
            columns[f"{item.name}.age_hours"] = pa.array(_hours(item.age_ns[rows]), pa.float64())
    return pa.table(columns)


def because(item: Condition, rows: NDArray[np.int64], at: NDArray[np.int64]) -> list[str]:
    """Return the parts and the reasons of a condition at some rows, as text.

    ``at`` are the rows' instants. A part has its truth and the numbers it compares; a reason that
    arose earlier shows its instant.
    """
    told = [_parts(part, rows) for part in item.parts]
    told += [_reasons(found, rows, at) for found in item.reasons]
    return [", ".join(filter(None, words)) for words in zip(*told, strict=True)]


def _parts(part: Condition, rows: NDArray[np.int64]) -> list[str]:
    """Return a part's truth and numbers at some rows, as text; equal rows are worded once."""
    columns = (part.truth[rows], part.measured[rows], part.threshold[rows])
    lines = list(zip(*(column.tolist() for column in columns), strict=True))
    words = {line: _part(part, *line) for line in set(lines)}
    return [words[line] for line in lines]


def _part(part: Condition, truth: int, measured: float, threshold: float) -> str:
    told = f"{part.name} {_PART_WORDS[Truth(truth)]}"
    if math.isnan(measured) or math.isnan(threshold):
        return told
    unit = f" {part.unit}" if part.unit else ""
    return f"{told} ({measured:.6g} against {threshold:.6g}{unit})"


def _reasons(reason: Reason, rows: NDArray[np.int64], at: NDArray[np.int64]) -> list[str]:
    """Return a reason at some rows, as text; empty where it did not decide."""
    decided = reason.at[rows].tolist()
    when = {instant: f" at {utc_text(instant)}" for instant in set(decided)} | {THIS_ROW: ""}
    told = []
    for instant, now in zip(decided, at.tolist(), strict=True):
        if instant == NOT_SO:
            told.append("")
        else:
            told.append(reason.text + (" at this close" if instant == now else when[instant]))
    return told


def _hours(age_ns: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return ages in hours, NaN where an input was missing."""
    return np.where(age_ns < 0, np.nan, age_ns / HOUR_NS)


def _setups(signals: Signals, rows: Any) -> list[str]:
    if signals.setup is None:
        return [""] * len(rows)
    return [str(name) for name in signals.setup[rows]]


def _decisions_by_instant(decisions: Sequence[Decision]) -> dict[int, list[Decision]]:
    """Return the decisions of all instruments by instant."""
    grouped: dict[int, list[Decision]] = defaultdict(list)
    for decision in decisions:
        grouped[decision.decided_at].append(decision)
    return grouped


def _decision_words(decisions: Sequence[Decision]) -> str:
    return "; ".join(f"{d.decision_id} {d.intent} {d.outcome}" for d in decisions)


def _block(
    decisions: Sequence[Decision],
    state: str,
    detail: str,
    failing: str,
    *,
    is_book: bool,
    has_groups: bool,
) -> RowBlock:
    asked = [decision for decision in decisions if decision.intent in RISK_ADDING]
    if any(decision.outcome == DecisionOutcome.APPROVED for decision in asked):
        return RowBlock(BlockKind.NONE, "")
    if asked:
        return RowBlock(BlockKind.RISK, asked[0].blocked_by or asked[0].outcome)
    quiet = BOOK_STATES if is_book else QUIET_STATES
    if state not in quiet:
        return RowBlock(BlockKind.ACCOUNT, detail or state)
    # Groups of a book's conditions choose its weights; where none holds it keeps weights too.
    if failing and not (is_book and has_groups):
        return RowBlock(BlockKind.CONDITION, failing)
    return RowBlock(BlockKind.PLAYBOOK, NOTHING_DUE if is_book else "no intent")
