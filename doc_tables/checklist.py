"""The days and the picture of docs/checklist.md, on real data."""

import textwrap
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from data_feeds.load import open_source
from doc_tables.blocks import DOCS, Block, table
from engine.checklist import DayReport, day_report, history_picture, read_state, summary_lines
from engine.checklist.day import TITLES
from engine.config.market import MarketStateConfig
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


def blocks(catalog: Path) -> Iterator[Block]:
    """Draw the picture and yield the days; the state is read once."""
    state, _ = read_state(open_source(catalog), MarketStateConfig(), FIRST, LAST)
    reports = [day_report(state, int(np.searchsorted(state.dates, np.datetime64(d)))) for d in DAYS]
    figure = history_picture(state, title="Risk-off checklist on real data")
    figure.savefig(PICTURE, format="png", dpi=90, metadata={"Software": None})
    lines = [*verdicts(reports), *counts(state), *narratives(reports)]
    yield Block("checklist.md", "days", lines[:-1])


def verdicts(reports: list[DayReport]) -> list[str]:
    """Return the table of verdicts, one row a day."""
    steps = [TITLES[step.name].split(":")[0] for step, _ in reports[0].steps]
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
    lines = []
    for report in reports:
        lines += [f"### {report.date}", "", *textwrap.wrap(report.narrative, 100), ""]
    return lines
