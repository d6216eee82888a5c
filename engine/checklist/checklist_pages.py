"""The pages of the checklist: one day, and the history of many days."""

import math
from dataclasses import dataclass

import numpy as np

from engine.checklist.explained_day import ConditionLine, DayReport
from engine.checklist.history import summary_lines
from engine.checklist.history_chart import LEVEL_WORDS, history_chart
from engine.config.market import ChecklistStep
from engine.formatting import counted_noun, in_unit, number
from engine.market_state import TIERS, Action, Driver, MarketState, Regime
from engine.pages.html import render
from engine.signals.market.steps import STEPS, known_steps

LIMITS = (
    "The checklist says hedge, reduce or wait. It names no size and sends no order; a run with "
    "market tiers turns the risk tier into sizes.",
    "An unknown step counts neither for nor against; it is not counted as safe.",
    "Most thresholds are round numbers that somebody chose, some of them knowing these episodes: "
    "docs/checklist.md names the source of each.",
)
FILES = (
    ("history.parquet", "one row a day: labels, every condition, every measure"),
    ("history.png", "the chart as a picture"),
)
CHANGES = ("day", "action", "before", "risk tier", "regime", "driver")


@dataclass(frozen=True)
class StepSection:
    """One step of the checklist on a page: its headings, its truth, its conditions."""

    heading: str
    short: str
    truth: str
    conditions: list[tuple[str, ...]]


def day_page(
    report: DayReport,
    *,
    clock: str,
    data: str,
    is_synthetic: bool,
    links: tuple[tuple[str, str], ...] = (),
) -> str:
    """Return the page of a day.

    Parameters
    ----------
    report : the day
    clock : New York time of the decision
    data : the name of the data, and their end
    links : (words, address) of the pages beside this one
    """
    return render(
        "checklist_day.html.j2",
        page_title=f"{report.action}: the checklist of {report.date}",
        heading=f"{report.action}: the checklist of {report.date}",
        is_synthetic=is_synthetic,
        notes=[f"As known at {clock} New York ({report.known_at}). Data: {data}."],
        links=links,
        conclusions=day_conclusions(report),
        narrative=report.narrative,
        steps=[
            StepSection(
                f"{place}. {ChecklistStep(step.name).heading}",
                step.name.removeprefix("step_"),
                step.truth,
                [_condition(line) for line in read],
            )
            for place, (step, read) in enumerate(report.steps, start=1)
        ],
        limits=LIMITS,
    )


def day_conclusions(report: DayReport) -> list[str]:
    """Return the day's action and its reasons, three sentences."""
    by_truth = {
        truth: [ChecklistStep(step.name).heading for step, _ in report.steps if step.truth == truth]
        for truth in ("yes", "no", "unknown")
    }
    held, unknown = by_truth["yes"], by_truth["unknown"]
    rest = f"; unknown: {', '.join(unknown)}" if unknown else ""
    scores = ", ".join(f"{name} {number(score, 2)}" for name, score in report.scores.items())
    return [
        f"Action: {report.action}. {len(held)} of "
        f"{counted_noun(report.known_steps, 'known step')} hold{': ' if held else ''}"
        f"{', '.join(held)}{rest}.",
        f"Risk tier: {report.tier}. Regime: {report.regime}.",
        f"Driver: {report.driver} (strength of each: {scores}).",
    ]


def _condition(line: ConditionLine) -> tuple[str, ...]:
    numbers = [math.nan if x is None else x for x in (line.measured, line.threshold)]
    (measured, threshold), unit = in_unit(numbers, line.unit, 4)
    age = number(line.age_days, 3)
    return (line.name, line.truth, measured, threshold, unit, age, line.description)


def history_page(state: MarketState, *, data: str, is_synthetic: bool) -> str:
    """Return the page of many days; ``data`` names the data."""
    title = f"Risk-off checklist, {state.dates[0]} to {state.dates[-1]}"
    return render(
        "checklist_history.html.j2",
        page_title=title,
        heading=title,
        is_synthetic=is_synthetic,
        notes=[f"Data: {data}. One decision a day, at its evening in New York."],
        conclusions=history_conclusions(state),
        chart=history_chart(state),
        levels=LEVEL_WORDS,
        counts=summary_lines(state)[1:],
        changes=change_rows(state),
        limits=LIMITS,
        files_beside=FILES,
    )


def history_conclusions(state: MarketState) -> list[str]:
    """Return the conclusions of a history, four sentences."""
    days, last = len(state), len(state) - 1
    words = [f"{count_of(state, action)} {action.words}" for action in reversed(Action)]
    told = [f"Of {counted_noun(days, 'day')}: {', '.join(words)}."]
    begun = _begun(state.action, last)
    told.append(
        f"On the last day, {state.dates[last]}, the action is "
        f"{Action(int(state.action[last])).words}, since {state.dates[begun]}."
    )
    changes = len(change_rows(state)) - 1
    told.append(
        f"The action changed {counted_noun(changes, 'time')}, on average every "
        f"{number(days / changes, 3)} days."
        if changes
        else "The action never changed."
    )
    partly = int((known_steps(state.conditions) < len(STEPS)).sum())
    told.append(
        f"On {partly:,} of {counted_noun(days, 'day')} at least one of the four steps was unknown."
    )
    return told


def count_of(state: MarketState, action: Action) -> int:
    """Return the number of days with an action."""
    return int((state.action == action).sum())


def _begun(codes: "np.ndarray[tuple[int], np.dtype[np.int8]]", row: int) -> int:
    """Return the first row of the stretch of equal codes that holds a row."""
    other = np.flatnonzero(codes[: row + 1] != codes[row])
    return int(other[-1]) + 1 if len(other) else 0


def change_rows(state: MarketState) -> list[tuple[str, ...]]:
    """Return the days on which the action changed, the newest first, a heading row first."""
    rows: list[tuple[str, ...]] = [CHANGES]
    for row in (np.flatnonzero(np.diff(state.action)) + 1)[::-1].tolist():
        now, before = (Action(int(state.action[place])).words for place in (row, row - 1))
        rows.append(
            (
                str(state.dates[row]),
                now,
                before,
                TIERS[int(state.tier[row])].value,
                Regime(int(state.regime[row])).words,
                Driver(int(state.driver[row])).words,
            )
        )
    return rows
