"""The answer of ``why_not`` in plain words for a terminal."""

import math
from collections.abc import Sequence
from pathlib import Path

from engine.answers.row_sentences import LEFT_OUT, MARKS
from engine.answers.why_not import (
    TRUE,
    UNKNOWN,
    ConditionResult,
    NearestMiss,
    Refusal,
    WhyNot,
    why_not,
)
from engine.decision_terms import BlockKind
from engine.formatting import MISSING, columns, number, percent, wrapped
from engine.results.journal import NOTHING_DUE
from engine.run_folder.read import moment

DAY_HOURS = 24
SHOWN = 6


def explain_why_not(run_folder: Path, window: str) -> str:
    """Return in plain words what kept the playbook out in a window; see :func:`why_not`."""
    return why_not_text(why_not(run_folder, window))


def why_not_text(answer: WhyNot) -> str:
    """Return the answer in plain words, about 40 lines at most."""
    lines = [answer.title, *_window_lines(answer), *_action_lines(answer)]
    if answer.miss is None:
        lines += _silent(answer)
    else:
        lines += _miss_lines(answer, answer.miss)
    if answer.refusals:
        lines += ["", "Account and risk", *_refusal_lines(answer.refusals)]
    if answer.labels:
        lines += ["", "Data (labels count the whole run)"]
        lines += [line for label in answer.labels for line in wrapped(label)]
    return "\n".join(lines) + "\n"


def _window_lines(answer: WhyNot) -> list[str]:
    text = f"Decision rows: {answer.decision_rows}, in the journal: {answer.told_rows}"
    if answer.told_rows < answer.decision_rows:
        text += "; the playbook marked nothing at the others"
    return wrapped(f"{text}.")


def _action_lines(answer: WhyNot) -> list[str]:
    """What was bought and what was decided: an order of the evening fills on another day."""
    lines = ["Filled in it:" if answer.bought else "Nothing was bought."]
    lines += _some(answer.bought, "fills.parquet")
    if answer.decided:
        lines += ["Decided in it:", *_some(answer.decided, "journal_decisions.parquet")]
    return lines


def _some(told: Sequence[str], file: str) -> list[str]:
    lines = [line for text in told[:SHOWN] for line in wrapped(text)]
    if len(told) > SHOWN:
        lines.append(f"  and {len(told) - SHOWN} more in {file}")
    return lines


def _silent(answer: WhyNot) -> list[str]:
    before, after = answer.neighbours
    return wrapped(
        "The journal has no row here: the playbook marked nothing and decided nothing. The row "
        f"before is at {moment(before)}, the next at {moment(after)}."
    )


def _miss_lines(answer: WhyNot, miss: NearestMiss) -> list[str]:
    required = [gap for gap in miss.gaps if gap.required]
    others = [gap for gap in miss.gaps if not gap.required]
    at = f"{moment(miss.at)}{f', setup {miss.setup}' if miss.setup else ''}"
    if not required:
        text = (
            "These rules require no condition: weights and hedges follow the statements below, and "
            f"what else they read is not in the journal. At the window's last row, {at}:"
        )
        return ["", *wrapped(text), *_table(others, answer.told_rows)]
    what = "No row without an approved buy; the first" if miss.acted else "Nearest miss"
    lines = ["", *_unindented(f"{what}: {at}. {_verdict(miss, len(required))}")]
    for gap in miss.failing:
        because = f" ({gap.because})" if gap.because else ""
        lines += wrapped(f"{gap.name}{_shortfall(gap)}: {gap.description}{because}", "- ")
    lines += ["", "Required conditions then, and over the window's journal rows"]
    lines += _table(required, answer.told_rows)
    lines += _watched(others)
    instant = miss.at.strftime("%Y-%m-%dT%H:%M:%SZ")
    return [*lines, f"All numbers of that row: riskoff explain RUN --at {instant}"]


def _unindented(sentence: str) -> list[str]:
    first, *others = wrapped(sentence)
    return [first.strip(), *others]


def _verdict(miss: NearestMiss, required: int) -> str:
    if miss.failing:
        return f"{len(miss.failing)} of {required} required conditions failed:"
    if miss.blocked_by == NOTHING_DUE:
        return f"All {required} required conditions held, but no rebalancing was due."
    held = f"All {required} required conditions held, "
    if miss.acted:
        return f"{held}and what it asked for was approved."
    return held + {
        BlockKind.RISK: f"the risk module refused: {miss.blocked_by}.",
        BlockKind.ACCOUNT: f"but the account was not free: {miss.blocked_by}.",
    }.get(
        miss.blocked_kind,
        "but the rules asked for nothing; what they want beside conditions is not in the journal.",
    )


def _shortfall(gap: ConditionResult) -> str:
    if gap.truth == UNKNOWN:
        return " unknown"
    if math.isnan(gap.margin):
        return ""
    unit = f" {gap.unit}" if gap.unit else ""
    return (
        f" {number(gap.measured)} against {number(gap.threshold)}{unit}, "
        f"{percent(gap.distance, 1)} apart"
    )


def _table(gaps: Sequence[ConditionResult], rows: int) -> list[str]:
    table = [("", "", "measured", "threshold", "", "margin", "age", "failed", "unknown", "alone")]
    for gap in gaps:
        known = not math.isnan(gap.margin)
        table.append(
            (
                LEFT_OUT if gap.left_out else MARKS[gap.truth],
                gap.name,
                number(gap.measured) if known else MISSING,
                number(gap.threshold) if known else MISSING,
                gap.unit if known else "",
                f"{'+' if gap.margin > 0 else ''}{number(gap.margin, 4)}" if known else MISSING,
                _age(gap.age_hours),
                f"{gap.failed}/{rows}",
                str(gap.unknown),
                str(gap.alone),
            )
        )
    return columns(table, left=2)


def _age(hours: float | None) -> str:
    if hours is None:
        return "this bar"
    if math.isnan(hours):
        return "missing"
    return f"{number(hours, 3)}h" if hours < 2 * DAY_HOURS else f"{number(hours / DAY_HOURS, 3)}d"


def _watched(gaps: Sequence[ConditionResult]) -> list[str]:
    """The conditions that decide nothing by themselves, by truth."""
    lines = []
    for truth in (TRUE, "false", UNKNOWN):
        names = [gap.name for gap in gaps if gap.truth == truth]
        if names:
            lines += wrapped(f"watched, {truth}: {', '.join(names)}")
    return lines


def _refusal_lines(refusals: Sequence[Refusal]) -> list[str]:
    lines = []
    for refusal in refusals[:SHOWN]:
        times = moment(refusal.first_at)
        if refusal.last_at != refusal.first_at:
            times += f" to {moment(refusal.last_at)}"
        count = f"; {refusal.rows} times"
        if refusal.kind == BlockKind.ACCOUNT:
            count = f"; all conditions held at {refusal.rows} rows" if refusal.rows else ""
        lines += wrapped(f"{refusal.what}; {times}{count}")
    if len(refusals) > SHOWN:
        lines.append(f"  and {len(refusals) - SHOWN} more in journal_account.parquet")
    return lines
