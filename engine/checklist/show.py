"""A day of the checklist as a table for a terminal."""

import textwrap

from engine.checklist.explained_day import ConditionLine, DayReport
from engine.config.market import ChecklistStep
from engine.formatting import columns, number

WIDTH = 100


def format_day(report: DayReport, *, clock: str, data: str) -> str:
    """Return the table, the conclusion and the narrative."""
    lines = [
        f"Risk-off checklist of {report.date}, as known at {clock} New York ({report.known_at})",
        f"Data: {data}",
        "",
    ]
    lines += columns(day_rows(report), indent="")
    scores = ", ".join(f"{name} {number(score, 2)}" for name, score in report.scores.items())
    lines += [
        "",
        f"Action     {report.action} ({_known(report)})",
        f"Risk tier  {report.tier}",
        f"Regime     {report.regime}",
        f"Driver     {report.driver} ({scores})",
        "",
        *textwrap.wrap(report.narrative, WIDTH),
    ]
    return "\n".join(line.rstrip() for line in lines) + "\n"


def day_rows(report: DayReport) -> list[tuple[str, ...]]:
    """Return the five steps with what they read, the heading first."""
    rows: list[tuple[str, ...]] = [("", "holds", "measured", "threshold", "unit", "age, days")]
    for place, (step, read) in enumerate(report.steps, start=1):
        rows.append((f"{place} {ChecklistStep(step.name).heading}", step.truth, "", "", "", ""))
        rows += [_row(line) for line in read]
    rows.append((f"5 one action: {report.action}", _known(report), "", "", "", ""))
    return rows


def _known(report: DayReport) -> str:
    return f"{report.known_steps} of {len(report.steps)} steps are known"


def _row(line: ConditionLine) -> tuple[str, ...]:
    return (
        f"    {line.name}",
        line.truth,
        number(line.measured, 4),
        number(line.threshold, 4),
        line.unit,
        number(line.age_days, 3),
    )
