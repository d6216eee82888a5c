"""List the reasons for no entry beside conditions: refusals by risk, and a busy account."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from engine.answers.row_sentences import STATES
from engine.answers.time_window import TimeWindow
from engine.decision_terms import RISK_ADDING, BlockKind, DecisionOutcome, IntentKind
from engine.records import FillStage
from engine.results.availability import Availability
from engine.run_folder.read import Row, RunFolder

OPEN = FillStage.OPEN.value
FREE_STATE = Availability.FLAT
STATES_OF_WEIGHTS = {FREE_STATE, Availability.IN_POSITION, Availability.PENDING}


@dataclass(frozen=True)
class Refusal:
    """A reason for no entry beside conditions: a refusal by risk, or an account that was busy.

    Attributes
    ----------
    kind : ``risk`` (a guard or cap refused an intent) or ``account`` (not free)
    reason : the refusal in words
    rows : risk: intents refused; account: journal rows decided in that state at which every
        required condition was true, without an approved entry in the instrument
    """

    kind: BlockKind
    reason: str
    rows: int
    first_at: datetime
    last_at: datetime


def holds_weights(run: RunFolder) -> bool:
    """Return whether a run's playbook asked for weights."""
    return any(row["intent"] == IntentKind.REBALANCE for row in run.rows("journal_decisions"))


def chooses_weights(run: RunFolder) -> bool:
    """Return whether groups of conditions choose the weights that a run's playbook asks for."""
    has_groups = any(item["required"] and item.get("group") for item in run.conditions)
    return has_groups and holds_weights(run)


def refused(decided: Sequence[Row]) -> list[Refusal]:
    """Return the entries that risk or a guard refused, by intent, instrument and reason."""
    groups: dict[str, list[datetime]] = {}
    for row in decided:
        if row["intent"] in RISK_ADDING and row["outcome"] != DecisionOutcome.APPROVED:
            why = row["blocked_by"] or row["reason"] or "no reason noted"
            refused = f"{row['intent']} {row['instrument']}".rstrip() + f" refused: {why}"
            groups.setdefault(refused, []).append(row["decided_at"])
    return [
        Refusal(BlockKind.RISK, reason, len(at), min(at), max(at)) for reason, at in groups.items()
    ]


def not_free(
    run: RunFolder, window: TimeWindow, inside: Sequence[Row], approved: Sequence[Row]
) -> list[Refusal]:
    """Return each spell in which the account was not free for an instrument.

    Each counts the journal rows in it at which every required condition was true.
    """
    found = []
    # A playbook of weights always holds positions; they prevent no rebalancing.
    free = STATES_OF_WEIGHTS if holds_weights(run) else {FREE_STATE}
    opens = {(row["instrument"], row["at"]) for row in run.rows("fills") if row["stage"] == OPEN}
    entered = {(row["instrument"], row["decided_at"]) for row in approved}
    for row in run.rows("journal_account"):
        if row["state"] in free or not window.overlaps(row):
            continue
        by = f" ({row['detail']})" if row["detail"] else ""
        by += f" (plan {row['plan_id']})" if row["plan_id"] else ""
        count = sum(
            not line["required_failing"]
            and _is_decided_in(row, line["at"], opens)
            and (row["instrument"], line["at"]) not in entered
            for line in inside
        )
        reason = f"{row['instrument']} {STATES[row['state']]}{by}"
        until = window.until if row["until_at"] is None else row["until_at"]
        found.append(Refusal(BlockKind.ACCOUNT, reason, count, row["from_at"], until))
    return found


def _is_decided_in(interval: Row, at: datetime, opens: Collection[tuple[str, datetime]]) -> bool:
    """Return whether a decision at an instant was taken in an interval of ``journal_account``.

    A fill at an open follows the decisions of its instant, and so does its change of the state.
    """
    instrument, began, ended = interval["instrument"], interval["from_at"], interval["until_at"]
    if at == began:
        return interval["state"] != Availability.PENDING and (instrument, began) not in opens
    if at == ended:
        return (instrument, ended) in opens
    return bool(began < at and (ended is None or at < ended))
