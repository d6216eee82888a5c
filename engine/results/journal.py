"""The journal: the reason for an entry, or against it, at each notable row.

A row is in the journal if the playbook marked it notable or if a decision was taken at it. A
playbook that decides by the session has every row in it: there are few, one a day.
"""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from data_feeds.clock import DAY_NS, HOUR_NS, utc_text
from data_feeds.timeframe import Timeframe
from engine.conditions import NOT_SO, THIS_ROW, Condition, Reason, Truth
from engine.decision_terms import RISK_ADDING, BlockKind, DecisionOutcome, IntentKind
from engine.playbook import Requirements, Signals
from engine.records import Decision, SimulationOutcome
from engine.results.availability import Availability, AvailabilityHistory
from engine.results.failing import TRUTH_WORDS, FailingRows, nearest_groups
from engine.results.nearness import NOTHING_DUE
from engine.run_folder.schema import AccountInterval
from engine.run_folder.write import instants

QUIET_STATES = (Availability.FLAT.value,)
BOOK_STATES = (*QUIET_STATES, Availability.IN_POSITION.value)


@dataclass(frozen=True)
class RowBlock:
    """The obstacle to an entry at one row.

    ``kind`` is "risk", "account", "condition", "playbook" (all required conditions held, the rules
    asked for nothing) or "" when an entry, a tranche, a hedge or a rebalancing was approved.
    """

    kind: BlockKind
    name: str


_BETWEEN = ", "
# Words by the number of a truth; the unknown one, -1, counts from the end.
_TRUTHS = (TRUTH_WORDS[Truth.FALSE], TRUTH_WORDS[Truth.TRUE], TRUTH_WORDS[Truth.UNKNOWN])
_PART_WORDS = {Truth.TRUE: "yes", Truth.FALSE: "no", Truth.UNKNOWN: "unknown"}


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
    decided = _DecidedRows.of(outcome.decisions, at)
    intervals, places = history.at_decisions(at)
    failing = nearest_groups(signals.conditions, rows)
    has_groups = any(item.group for item in signals.conditions if item.required)
    # The positions of a book of weights do not block its next rebalancing.
    book_from = min(
        (d.decided_at for d in outcome.decisions if d.intent == IntentKind.REBALANCE), default=None
    )
    is_book = np.full(len(at), False) if book_from is None else at >= book_from
    blocks = _blocks(decided, intervals, places, failing, is_book, has_groups=has_groups)
    columns: dict[str, Any] = {
        "at": instants(at),
        "setup": _setups(signals, rows),
        "state": _chosen([str(found.state) for found in intervals], places),
        "plan_id": pa.array([found.plan_id for found in intervals], pa.int64()).take(places),
        "decisions": decided.words(),
        "blocked_kind": blocks[0],
        "blocked_by": blocks[1],
        "nearest_miss": _chosen([*failing.names, ""], failing.nearest),
        "nearest_miss_distance": pa.array(failing.distance, pa.float64()),
        "required_failing": pa.array(failing.count, pa.int64()),
    }
    if has_groups:
        columns["nearest_group"] = _chosen(failing.groups, failing.group)
    for item in signals.conditions:
        columns[item.name] = _chosen(_TRUTHS, item.truth[rows])
        columns[f"{item.name}.measured"] = _numbers(item.measured[rows])
        columns[f"{item.name}.threshold"] = _numbers(item.threshold[rows])
        if item.parts or item.reasons:
            columns[f"{item.name}.because"] = because(item, rows, at)
        if item.age_ns is not None:
            columns[f"{item.name}.age_hours"] = _numbers(_hours(item.age_ns[rows]))
    return pa.table(columns)


def because(item: Condition, rows: NDArray[np.int64], at: NDArray[np.int64]) -> pa.Array:
    """Return the parts and the reasons of a condition at some rows, as text.

    ``at`` are the rows' instants. A part has its truth and the numbers it compares; a reason that
    arose earlier shows its instant.
    """
    told = [_parts(part, rows) for part in item.parts]
    told += [_reasons(found, rows, at) for found in item.reasons]
    # pyarrow 26 drops the rows whose parts are all null: each row starts with an empty part.
    empty = _chosen([""], np.zeros(len(rows), np.int64))
    joined = pc.binary_join_element_wise(empty, *told, _BETWEEN, null_handling="skip")
    return pc.utf8_slice_codeunits(joined, len(_BETWEEN))


def _parts(part: Condition, rows: NDArray[np.int64]) -> pa.Array:
    """Return a part's truth and numbers at some rows, as text; equal rows are worded once."""
    columns = (part.truth[rows], part.measured[rows], part.threshold[rows])
    lines = list(zip(*(column.tolist() for column in columns), strict=True))
    words = {line: _part(part, *line) for line in set(lines)}
    return pa.array([words[line] for line in lines], pa.string())


def _part(part: Condition, truth: int, measured: float, threshold: float) -> str:
    told = f"{part.name} {_PART_WORDS[Truth(truth)]}"
    if math.isnan(measured) or math.isnan(threshold):
        return told
    unit = f" {part.unit}" if part.unit else ""
    return f"{told} ({measured:.6g} against {threshold:.6g}{unit})"


def _reasons(reason: Reason, rows: NDArray[np.int64], at: NDArray[np.int64]) -> pa.Array:
    """Return a reason at some rows, as text; null where it did not decide."""
    decided = reason.at[rows]
    when, places = np.unique(decided, return_inverse=True)
    words = [
        None if instant == NOT_SO else reason.text + _when(instant) for instant in when.tolist()
    ]
    now = (decided == at) & (decided != NOT_SO)
    return _chosen([*words, f"{reason.text} at this close"], np.where(now, len(words), places))


def _when(instant: int) -> str:
    return "" if instant == THIS_ROW else f" at {utc_text(instant)}"


def _chosen(words: Sequence[str | None], places: NDArray[Any]) -> pa.Array:
    """Return the word of each place as a column; places below 0 count from the end."""
    return pa.array(words, pa.string()).take(
        pa.array(np.where(places < 0, places + len(words), places))
    )


def _numbers(values: NDArray[Any]) -> pa.Array:
    return pa.array(values.astype(np.float64, copy=False), pa.float64())


def _hours(age_ns: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return ages in hours, NaN where an input was missing."""
    return np.where(age_ns < 0, np.nan, age_ns / HOUR_NS)


def _setups(signals: Signals, rows: NDArray[np.int64]) -> pa.Array:
    if signals.setup is None:
        return _chosen([""], np.zeros(len(rows), np.int64))
    return pa.array(signals.setup[rows].astype(np.object_), pa.string())


@dataclass(frozen=True)
class _DecidedRows:
    """The decisions of the journal's rows that have any, by row."""

    rows: int
    decisions: Mapping[int, Sequence[Decision]]

    @classmethod
    def of(cls, decisions: Sequence[Decision], at: NDArray[np.int64]) -> "_DecidedRows":
        """Return the decisions at the rows of some instants."""
        grouped: dict[int, list[Decision]] = defaultdict(list)
        for decision in decisions:
            grouped[decision.decided_at].append(decision)
        rows = np.flatnonzero(np.isin(at, np.array(list(grouped), np.int64))).tolist()
        return cls(len(at), {row: grouped[int(at[row])] for row in rows})

    def words(self) -> pa.Array:
        """Return each row's decisions as text, "" without one."""
        told = [
            "; ".join(f"{d.decision_id} {d.intent} {d.outcome}" for d in found)
            for found in self.decisions.values()
        ]
        places = np.full(self.rows, len(told))
        places[list(self.decisions)] = np.arange(len(told))
        return _chosen([*told, ""], places)


def _blocks(
    decided: _DecidedRows,
    intervals: Sequence[AccountInterval],
    places: NDArray[np.int64],
    failing: FailingRows,
    is_book: NDArray[np.bool_],
    *,
    has_groups: bool,
) -> tuple[pa.Array, pa.Array]:
    """Return kind and name of each row's obstacle to an entry.

    ``places`` are those of the rows' ``intervals``.
    """
    blocks = [RowBlock(BlockKind.PLAYBOOK, words) for words in ("no intent", NOTHING_DUE)]
    chosen = is_book.astype(np.int64)
    # Groups of a book's conditions choose its weights; where none holds it keeps weights too.
    failed = failing.count > 0
    if has_groups:
        failed &= ~is_book
    chosen = np.where(failed, len(blocks) + failing.first, chosen)
    blocks += [RowBlock(BlockKind.CONDITION, name) for name in failing.names]
    states = np.array([found.state for found in intervals], np.object_)
    quiet, of_book = np.isin(states, QUIET_STATES)[places], np.isin(states, BOOK_STATES)[places]
    chosen = np.where(np.where(is_book, of_book, quiet), chosen, len(blocks) + places)
    blocks += [RowBlock(BlockKind.ACCOUNT, found.detail or found.state) for found in intervals]
    for row, decisions in decided.decisions.items():
        block = _decided_block(decisions)
        if block is not None:
            chosen[row] = len(blocks)
            blocks.append(block)
    kinds, names = [str(block.kind) for block in blocks], [str(block.name) for block in blocks]
    return _chosen(kinds, chosen), _chosen(names, chosen)


def _decided_block(decisions: Sequence[Decision]) -> RowBlock | None:
    """Return the block of a row at which an entry was asked for, None where none was."""
    asked = [decision for decision in decisions if decision.intent in RISK_ADDING]
    if any(decision.outcome == DecisionOutcome.APPROVED for decision in asked):
        return RowBlock(BlockKind.NONE, "")
    if asked:
        return RowBlock(BlockKind.RISK, asked[0].blocked_by or asked[0].outcome)
    return None
