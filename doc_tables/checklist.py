"""Make the blocks of docs/checklist.md: conditions as declared, days on real data."""

import textwrap
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from data_feeds.load import open_source
from doc_tables.blocks import DOCS, PageBlock, table
from engine.checklist import DayReport, day_report, history_picture, read_state, summary_lines
from engine.config.market import ChecklistStep, Declaration, MarketStateConfig
from engine.config.market.declaration import (
    NOTE,
    AllOf,
    Combination,
    Computed,
    ThresholdRule,
)
from engine.market_state import MarketState

PICTURE = DOCS / "checklist.png"
FIRST, LAST = np.datetime64("2019-10-01"), np.datetime64("2026-04-30")
DAYS = (
    "2019-11-15",
    "2020-03-09",
    "2022-05-09",
    "2022-06-13",
    "2023-07-12",
    "2024-08-05",
    "2025-06-25",
    "2026-02-03",
    "2026-02-05",
)
# One with a step that is unknown, one in which most is known; the command prints any other.
TOLD = ("2024-08-05", "2026-02-05")


def blocks(catalog: Path) -> Iterator[PageBlock]:
    """Draw the picture; yield conditions and days. The state is read once."""
    yield from sample()
    config = MarketStateConfig()
    state, _ = read_state(open_source(catalog), config, FIRST, LAST)
    rows = np.searchsorted(state.dates, np.array(DAYS, dtype="datetime64[D]"))
    reports = [day_report(state, int(row), config.conditions()) for row in rows]
    figure = history_picture(state, title="Risk-off checklist on real data")
    figure.savefig(PICTURE, format="png", dpi=90, metadata={"Software": None})
    told = [report for report in reports if report.date in TOLD]
    lines = [*verdicts(reports), *counts(state), *narratives(told)]
    yield PageBlock("checklist.md", "days", lines[:-1])


def sample() -> Iterator[PageBlock]:
    """Yield the block that needs no data: every condition."""
    yield PageBlock("checklist.md", "conditions", conditions(MarketStateConfig()))


def conditions(config: MarketStateConfig) -> list[str]:
    """Return the table of conditions, in the order in which the checklist shows them."""
    declared = sorted(config.conditions(), key=lambda item: item.place)
    head = ("condition", "meaning", "true when", "setting", "source")
    lines = []
    for step in ChecklistStep:
        rows = [_condition(item) for item in declared if item.step is step]
        lines += [f"**{step.heading}**", "", *table(head, rows), ""]
    return lines[:-1]


def _condition(item: Declaration) -> tuple[str, ...]:
    rule, setting = item.rule, ""
    if isinstance(rule, ThresholdRule):
        limit = rule.threshold
        compared = f"{rule.relation.value} {limit.value:g} {rule.unit}"
        setting = f"`{limit.setting}`" if limit.setting else ""
    else:
        compared = "" if isinstance(rule, Computed) else _combined(rule)
    return f"`{item.name}`", item.words, compared, setting, _source(item.source)


def _combined(rule: Combination) -> str:
    parts = (
        f"`{part}`" if isinstance(part, str) else f"({_combined(part)})" for part in rule.parts
    )
    return (" and " if isinstance(rule, AllOf) else " or ").join(parts)


def _source(text: str) -> str:
    return text.replace(NOTE, "the note")


def verdicts(reports: list[DayReport]) -> list[str]:
    """Return the table of verdicts, one row a day."""
    steps = [ChecklistStep(step.name).heading.split(":")[0] for step, _ in reports[0].steps]
    head = ("day", *steps, "action", "tier", "regime", "driver")
    rows = [
        (
            r.date,
            *(step.truth for step, _ in r.steps),
            f"**{r.action}**",
            r.tier,
            r.regime,
            r.driver,
        )
        for r in reports
    ]
    return [*table(head, rows), ""]


def counts(state: MarketState) -> list[str]:
    """Return the number of days of each label."""
    told = summary_lines(state)
    book = state.conditions["single_risk_book"].truth
    return [
        f"Over {told[0]}:",
        "",
        *(f"- {text}" for text in told[1:]),
        f"- single risk book: {int((book == 1).sum())} days, not {int((book == 0).sum())}, "
        f"unknown {int((book == -1).sum())}",
        "",
    ]


def narratives(reports: list[DayReport]) -> list[str]:
    """Return one section a day."""
    lines = [
        "The words of some days; `riskoff checklist --asof DAY` prints those of any other.",
        "",
    ]
    for report in reports:
        lines += [f"### {report.date}", "", *textwrap.wrap(report.narrative, 100), ""]
    return lines
