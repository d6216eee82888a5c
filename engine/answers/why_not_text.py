"""Write the answer of ``why_not`` in plain words for a terminal."""

import math
from collections.abc import Sequence
from pathlib import Path

from engine.answers.refusals import Refusal
from engine.answers.row_sentences import LEFT_OUT, MARKS, against, age_words, apart
from engine.answers.why_not import (
    TRUE,
    UNKNOWN,
    ConditionResult,
    NearestMiss,
    OtherGroup,
    WhyNot,
    why_not,
)
from engine.decision_terms import BlockKind
from engine.formatting import MISSING, columns, in_unit, wrapped
from engine.results.nearness import NOTHING_DUE
from engine.run_folder.read import moment

SHOWN = 6


def explain_why_not(run_folder: Path, asked: str) -> str:
    """Return in plain words why a window had no entry; see :func:`why_not`."""
    return why_not_text(why_not(run_folder, asked))


def why_not_text(answer: WhyNot) -> str:
    """Return the answer in plain words, about 40 lines at most."""
    lines = [answer.title, *_window_lines(answer), *_action_lines(answer)]
    if answer.miss is None:
        lines += _no_journal_row(answer)
    else:
        lines += _miss_lines(answer, answer.miss)
    if answer.refusals:
        lines += ["", "Account and risk", *_refusal_lines(answer.refusals)]
    if answer.labels:
        lines += ["", "Data (labels count the whole run)"]
        lines += [line for label in answer.labels for line in wrapped(label)]
    return "\n".join(lines) + "\n"


def _window_lines(answer: WhyNot) -> list[str]:
    text = f"Decision rows: {answer.decision_rows}, in the journal: {answer.journal_rows}"
    if answer.journal_rows < answer.decision_rows:
        text += "; the playbook marked nothing at the others"
    return wrapped(f"{text}.")


def _action_lines(answer: WhyNot) -> list[str]:
    """Return fills and approvals apart: an order of the evening may fill on another day."""
    lines = ["Entries filled:" if answer.filled else "No entry filled."]
    lines += _first_lines(answer.filled, "fills.parquet")
    if answer.approved:
        lines += ["Entries approved:", *_first_lines(answer.approved, "journal_decisions.parquet")]
    return lines


def _first_lines(sentences: Sequence[str], file: str) -> list[str]:
    lines = [line for sentence in sentences[:SHOWN] for line in wrapped(sentence)]
    if len(sentences) > SHOWN:
        lines.append(f"  and {len(sentences) - SHOWN} more in {file}")
    return lines


def _no_journal_row(answer: WhyNot) -> list[str]:
    before, after = answer.neighbours
    return wrapped(
        "The journal has no row here: the playbook marked no bar and decided nothing. The row "
        f"before is at {moment(before)}, the next at {moment(after)}."
    )


def _miss_lines(answer: WhyNot, miss: NearestMiss) -> list[str]:
    required = miss.required
    others = [item for item in miss.conditions if not item.required]
    at = f"{moment(miss.at)}{f', setup {miss.setup}' if miss.setup else ''}"
    if not required:
        text = (
            "These rules require no condition. Weights and hedges follow the conditions below; "
            f"other inputs of the rules are not in the journal. At the window's last row, {at}:"
        )
        return ["", *wrapped(text), *_table(others, answer.journal_rows)]
    if answer.of_weights:
        return _weights_lines(answer, miss, at)
    label = "Every row has an approved entry; the first" if miss.acted else "Nearest miss"
    lines = ["", *_unindented(f"{label}: {at}. {_verdict(miss, len(required))}")]
    for item in miss.failing:
        because = f" ({item.because})" if item.because else ""
        lines += wrapped(f"{item.name}{_shortfall(item)}: {item.description}{because}", "- ")
    of_group = f" of {miss.group}" if miss.group else ""
    lines += ["", f"Required conditions{of_group} then, and over the window's journal rows"]
    lines += _table(required, answer.journal_rows)
    lines += _watched(others)
    lines += _other_lines(miss.others)
    instant = miss.at.strftime("%Y-%m-%dT%H:%M:%SZ")
    return [*lines, f"All numbers of that row: riskoff explain RUN --at {instant}"]


def _weights_lines(answer: WhyNot, miss: NearestMiss, at: str) -> list[str]:
    """Return the conditions that choose the weights, each with its words."""
    text = f"These rules hold weights, which the conditions below choose. At the last row, {at}:"
    lines = ["", *_unindented(text)]
    deciding = [item for item in miss.conditions if item.required]
    for item in deciding:
        because = f" ({item.because})" if item.because else ""
        truth = "" if item.truth == UNKNOWN else f" {item.truth}"
        told = f"{item.name}{truth}{_shortfall(item)}: {item.description}{because}"
        lines += wrapped(told, "- ")
    lines += ["", "The same conditions over the window's journal rows"]
    lines += _table(deciding, answer.journal_rows)
    return lines + _watched([item for item in miss.conditions if not item.required])


def _other_lines(others: Sequence[OtherGroup]) -> list[str]:
    """Return one sentence for each group that came less near, at its own nearest row."""
    if not others:
        return []
    lines = ["", "The other alternatives, each at its own nearest row of the window"]
    for other in others:
        text = f"{other.group}, {moment(other.at)}: "
        if other.failing:
            text += f"{len(other.failing)} of {other.required} failed: {', '.join(other.failing)}"
        else:
            text += f"all {other.required} held; {other.blocked}".rstrip("; ")
        if other.nearest:
            text += f"; nearest {other.nearest}, {apart(other.distance)}"
        lines += wrapped(text, "- ")
    return lines


def _unindented(sentence: str) -> list[str]:
    first, *others = wrapped(sentence)
    return [first.strip(), *others]


def _verdict(miss: NearestMiss, required: int) -> str:
    conditions = "required conditions" + (f" of {miss.group}" if miss.group else "")
    if miss.failing:
        return f"{len(miss.failing)} of {required} {conditions} failed:"
    if miss.blocked_by == NOTHING_DUE:
        return f"All {required} {conditions} held, but no rebalancing was due."
    held = f"All {required} {conditions} held, "
    if miss.acted:
        return f"{held}and the entry was approved."
    return held + {
        BlockKind.RISK: f"the risk module refused: {miss.blocked_by}.",
        BlockKind.ACCOUNT: f"but the account was not free: {miss.blocked_by}.",
    }.get(
        miss.blocked_kind,
        "but the rules asked for nothing; their other requirements are not in the journal.",
    )


def _shortfall(result: ConditionResult) -> str:
    if result.truth == UNKNOWN:
        return " unknown"
    if math.isnan(result.margin):
        return ""
    compared = against(result.measured, result.threshold, result.unit)
    return f" {compared}, {apart(result.distance)}"


def _table(results: Sequence[ConditionResult], rows: int) -> list[str]:
    table = [("", "", "measured", "threshold", "", "margin", "age", "failed", "unknown", "alone")]
    for result in results:
        known = not math.isnan(result.margin)
        compared = (result.measured, result.threshold, result.margin)
        numbers, unit = in_unit(compared, result.unit)
        margin = in_unit(compared, result.unit, 4)[0][-1]
        table.append(
            (
                LEFT_OUT if result.left_out else MARKS[result.truth],
                result.name,
                numbers[0] if known else MISSING,
                numbers[1] if known else MISSING,
                unit if known else "",
                f"{'+' if result.margin > 0 else ''}{margin}" if known else MISSING,
                age_words(result.age_hours),
                f"{result.failed}/{rows}",
                str(result.unknown),
                str(result.alone),
            )
        )
    return columns(table, left=2)


def _watched(results: Sequence[ConditionResult]) -> list[str]:
    """Return the names of the conditions that are not required, by truth."""
    lines = []
    for truth in (TRUE, "false", UNKNOWN):
        names = [result.name for result in results if result.truth == truth]
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
        lines += wrapped(f"{refusal.reason}; {times}{count}")
    if len(refusals) > SHOWN:
        lines.append(f"  and {len(refusals) - SHOWN} more in journal_account.parquet")
    return lines
