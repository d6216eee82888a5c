"""List the instants at which a run set its weights, with the reasons that the rules gave."""

from collections import defaultdict

from engine.decision_terms import DecisionOutcome, IntentKind
from engine.formatting import columns
from engine.run_folder.read import Row, RunFolder, moment

SHOWN_CHANGES = 20
# Bands and joins name each weight in a reason; the table has one line for all of a kind.
DETAIL = ":"


def weight_changes(run: RunFolder) -> list[Row]:
    """Return one approved decision for each instant at which weights were set, by time."""
    approved = [
        row
        for row in run.rows("journal_decisions")
        if row["intent"] == IntentKind.REBALANCE and row["outcome"] == DecisionOutcome.APPROVED
    ]
    first = {row["decided_at"]: row for row in reversed(approved)}
    return [first[at] for at in sorted(first)]


def change_lines(changes: list[Row]) -> list[str]:
    """Return how often weights were set for each reason, and the newest of these instants."""
    if not changes:
        return ["  none"]
    by_reason: dict[str, list[Row]] = defaultdict(list)
    for row in changes:
        by_reason[row["reason"].partition(DETAIL)[0]].append(row)
    table = [("reason", "times", "first", "last")]
    table += [
        (reason, f"{len(rows):,}", moment(rows[0]["decided_at"]), moment(rows[-1]["decided_at"]))
        for reason, rows in by_reason.items()
    ]
    newest = [(moment(row["decided_at"]), row["reason"]) for row in changes[-SHOWN_CHANGES:]]
    left = len(changes) - len(newest)
    more = [f"  and {left} earlier in journal_decisions.parquet"] if left else []
    return [*columns(table), "", *columns([("decided at", "reason"), *newest], left=2), *more]
