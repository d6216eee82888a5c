"""Explain one instant of a run: the account, the conditions, what blocked an entry, decisions."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import pandas as pd

from engine.answers.row_sentences import account_line, condition_lines, decision_lines
from engine.answers.time_window import parse_instant
from engine.decision_terms import BlockKind, IntentKind
from engine.errors import ReportError
from engine.formatting import percent
from engine.results.journal import NOTHING_DUE
from engine.run_folder.read import Row, RunFolder, moment, run_title


def explain_at(run_folder: Path, instant: str | datetime) -> str:
    """Return what was true, what blocked and what was decided at one instant.

    ``instant`` is text such as ``2026-02-06T03:00Z`` or a datetime; without a zone it is UTC. The
    journal holds the bars worth a line; for any other bar its neighbours are named, and for an
    instant inside a bar the decision row before it is told.

    Raises
    ------
    ConfigError : not an instant.
    ReportError : not a run folder, or the instant lies outside the traded window.
    """
    files = RunFolder(run_folder)
    at = parse_instant(instant)
    _check_window(files, at)
    last, following = files.decision_rows_around(at)
    lines = [run_title(files, moment(at)), account_line(files, at)]
    if last != at:
        lines.append(_inside_a_bar(at, last, following))
        lines += _decisions(files, at)
    if last is not None:
        lines += _decision_row(files, last)
    return "\n".join(lines) + "\n"


def _inside_a_bar(
    at: pd.Timestamp, last: pd.Timestamp | None, following: pd.Timestamp | None
) -> str:
    after = (
        "the run ends without another" if following is None else f"the next at {moment(following)}"
    )
    if last is None:
        return f"{moment(at)} comes before the first decision row ({after})."
    return (
        f"{moment(at)} is inside a bar: rules are asked at its close. The last decision row before "
        f"it is at {moment(last)}, {after}. At {moment(last)}:"
    )


def _decision_row(files: RunFolder, at: pd.Timestamp) -> list[str]:
    journal = files.rows("journal_conditions")
    row = next((line for line in journal if line["at"] == at), None)
    if row is None:
        lines = _quiet(journal, at)
    else:
        lines = [*_verdict(files, row), "", *condition_lines(files.conditions, row)]
    return lines + _decisions(files, at)


def _decisions(files: RunFolder, at: pd.Timestamp) -> list[str]:
    return [
        line
        for row in files.rows("journal_decisions")
        if row["decided_at"] == at
        for line in ("", *decision_lines(row, files.drawdown_ladder))
    ]


def _check_window(files: RunFolder, at: pd.Timestamp) -> None:
    window = files.manifest["window"]
    start, end = pd.Timestamp(window["start"]), pd.Timestamp(window["end"])
    if not start <= at <= end:
        raise ReportError(
            f"{moment(at)} lies outside the run's window, {moment(start)} to {moment(end)}"
        )


def _verdict(files: RunFolder, row: Row) -> list[str]:
    decided = (d for d in files.rows("journal_decisions") if d["decided_at"] == row["at"])
    is_book = row["blocked_by"] == NOTHING_DUE or any(
        decision["intent"] == IntentKind.REBALANCE for decision in decided
    )
    what = "a rebalancing" if is_book else "an entry"
    by = row["blocked_by"]
    words = {
        BlockKind.NONE: f"{what.capitalize()} was approved.",
        BlockKind.RISK: f"The rules asked for {what}; the risk module refused: {by}.",
        BlockKind.ACCOUNT: f"No entry: the account was not free ({by}).",
        BlockKind.CONDITION: f"No entry: {by} failed.",
        BlockKind.PLAYBOOK: "No rebalancing was due."
        if is_book
        else "No entry: every required condition held, but the rules asked for nothing.",
    }
    lines = [words[row["blocked_kind"]]]
    if row["setup"]:
        lines[0] += f" Setup {row['setup']}."
    if row["blocked_kind"] and row["nearest_miss"]:
        lines.append(
            f"Nearest miss: {row['nearest_miss']}, "
            f"{percent(row['nearest_miss_distance'], 1)} from its threshold; "
            f"required conditions that failed: {row['required_failing']}."
        )
    return lines


def _quiet(journal: Sequence[Row], at: pd.Timestamp) -> list[str]:
    """Say that nothing was worth a line, and where the nearest lines are."""
    before = [row["at"] for row in journal if row["at"] < at]
    after = [row["at"] for row in journal if row["at"] > at]
    lines = ["Nothing worth a line: the playbook did not mark this bar and nothing was decided."]
    if before:
        lines.append(f"The line before is at {moment(max(before))}.")
    if after:
        lines.append(f"The next line is at {moment(min(after))}.")
    return lines
