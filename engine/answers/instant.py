"""Explain one instant of a run: the account, the conditions, what blocked an entry, decisions."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from engine.answers.row_sentences import account_line, condition_lines, decision_lines
from engine.answers.time_window import parse_instant
from engine.decision_terms import BlockKind, IntentKind
from engine.errors import ReportError
from engine.formatting import percent
from engine.results.nearness import NOTHING_DUE
from engine.run_folder.read import Row, RunFolder, moment, run_title


@dataclass(frozen=True)
class InstantStory:
    """One instant as lines of text, by topic; :meth:`text` joins them for a terminal.

    Attributes
    ----------
    account : the account's state and equity
    inside_bar : for an instant inside a bar: the decision rows around it, and decisions at the
        instant itself (of a guard); else empty
    verdict : the outcome at the decision row, or the neighbours of a row that the journal lacks
    conditions : every condition at the decision row; empty without a journal row
    decisions : risk decisions at the decision row
    """

    title: str
    account: str
    inside_bar: tuple[str, ...]
    verdict: tuple[str, ...]
    conditions: tuple[str, ...]
    decisions: tuple[str, ...]

    def text(self) -> str:
        """Return the story as a terminal shows it."""
        lines = [self.title, self.account, *self.inside_bar, *self.verdict]
        if self.conditions:
            lines += ["", *self.conditions]
        return "\n".join([*lines, *self.decisions]) + "\n"


def explain_at(run_folder: Path, instant: str | datetime) -> str:
    """Return one instant in plain words; see :func:`instant_story`."""
    return instant_story(run_folder, instant).text()


def instant_story(run_folder: Path, instant: str | datetime) -> InstantStory:
    """Return the account, the conditions, the block and the decisions at one instant.

    ``instant`` is text such as ``2026-02-06T03:00Z`` or a datetime; without a zone it is UTC. The
    journal holds only notable bars and bars with a decision; for any other bar the story names
    the neighbours in the journal. For an instant inside a bar it shows the decision row before.

    Raises
    ------
    ConfigError : not an instant.
    ReportError : not a run folder, or the instant lies outside the traded window.
    """
    run = RunFolder(run_folder)
    at = parse_instant(instant)
    _check_window(run, at)
    last, following = run.decision_rows_around(at)
    journal = run.rows("journal_conditions")
    row = next((line for line in journal if line["at"] == last), None)
    inside = () if last == at else (_inside_a_bar(at, last, following), *_decisions(run, at))
    if last is None:
        verdict = []
    else:
        verdict = _no_journal_row(journal, last) if row is None else _verdict(run, row)
    return InstantStory(
        title=run_title(run, moment(at)),
        account=account_line(run, at),
        inside_bar=inside,
        verdict=tuple(verdict),
        conditions=() if row is None else tuple(condition_lines(run.conditions, row)),
        decisions=() if last is None else tuple(_decisions(run, last)),
    )


def _inside_a_bar(at: datetime, last: datetime | None, following: datetime | None) -> str:
    after = (
        "the run ends without another" if following is None else f"the next at {moment(following)}"
    )
    if last is None:
        return f"{moment(at)} comes before the first decision row ({after})."
    return (
        f"{moment(at)} is inside a bar: rules decide at its close. The last decision row before "
        f"it is at {moment(last)}, {after}. At {moment(last)}:"
    )


def _decisions(run: RunFolder, at: datetime) -> list[str]:
    """Return the risk decisions at an instant, each after an empty line."""
    return [
        line
        for row in run.rows("journal_decisions")
        if row["decided_at"] == at
        for line in ("", *decision_lines(row, run.drawdown_ladder))
    ]


def _check_window(run: RunFolder, at: datetime) -> None:
    window = run.manifest["window"]
    start, end = datetime.fromisoformat(window["start"]), datetime.fromisoformat(window["end"])
    if not start <= at <= end:
        raise ReportError(
            f"{moment(at)} lies outside the run's window, {moment(start)} to {moment(end)}"
        )


def _verdict(run: RunFolder, row: Row) -> list[str]:
    """Return the outcome at a journal row, and its nearest miss."""
    decided = (d for d in run.rows("journal_decisions") if d["decided_at"] == row["at"])
    by = row["blocked_by"]
    of_weights = by == NOTHING_DUE or any(d["intent"] == IntentKind.REBALANCE for d in decided)
    wanted = "a rebalancing" if of_weights else "an entry"
    words = {
        BlockKind.NONE: f"{wanted.capitalize()} was approved.",
        BlockKind.RISK: f"The rules asked for {wanted}; the risk module refused: {by}.",
        BlockKind.ACCOUNT: f"No entry: the account was not free ({by}).",
        BlockKind.CONDITION: f"No entry: {by} failed.",
        BlockKind.PLAYBOOK: "No rebalancing was due."
        if of_weights
        else "No entry: every required condition held, but the rules asked for nothing.",
    }
    lines = [words[row["blocked_kind"]]]
    if row["setup"]:
        lines[0] += f" Setup {row['setup']}."
    if row["blocked_kind"] and row["nearest_miss"] and not of_weights:
        group = row.get("nearest_group") or ""
        lines.append(
            f"Nearest miss: {row['nearest_miss']}, "
            f"{percent(row['nearest_miss_distance'], 1)} from its threshold; "
            f"required conditions{f' of {group}' if group else ''} that failed: "
            f"{row['required_failing']}."
        )
    return lines


def _no_journal_row(journal: Sequence[Row], at: datetime) -> list[str]:
    """Return a sentence for a bar without a journal row, and the nearest rows of the journal."""
    before = [row["at"] for row in journal if row["at"] < at]
    after = [row["at"] for row in journal if row["at"] > at]
    lines = ["The journal has no row here: the playbook did not mark this bar and decided nothing."]
    if before:
        lines.append(f"The row before is at {moment(max(before))}.")
    if after:
        lines.append(f"The next row is at {moment(min(after))}.")
    return lines
