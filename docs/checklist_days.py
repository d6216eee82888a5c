"""Write the days and the picture of docs/checklist.md.

    make real-data
    .venv/bin/python docs/checklist_days.py

Verdicts and measures of ours; no market data are copied.
"""

import textwrap
from pathlib import Path

import numpy as np

from data_feeds.load import open_source
from engine.checklist import DayReport, day_report, history_picture, read_state, summary_lines
from engine.checklist.day import TITLES
from engine.config.market import MarketStateConfig
from engine.market_state import MarketState

ROOT = Path(__file__).parent.parent
PAGE, PICTURE = ROOT / "docs" / "checklist.md", ROOT / "docs" / "checklist.png"
BEGIN, END = "<!-- days begin -->", "<!-- days end -->"
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


def main() -> None:
    """Read the state once; replace the generated part of the page."""
    state, _ = read_state(open_source(ROOT / ".data" / "catalog"), MarketStateConfig(), FIRST, LAST)
    reports = [day_report(state, int(np.searchsorted(state.dates, np.datetime64(d)))) for d in DAYS]
    figure = history_picture(state, title="Risk-off checklist on real data")
    figure.savefig(PICTURE, format="png", dpi=90, metadata={"Software": None})
    before, rest = PAGE.read_text(encoding="utf-8").split(BEGIN)
    _, after = rest.split(END)
    parts = [*verdicts(reports), *counts(state), *narratives(reports)]
    PAGE.write_text("\n".join([before + BEGIN, "", *parts, END + after]), encoding="utf-8")


def verdicts(reports: list[DayReport]) -> list[str]:
    """A row a day."""
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
    return [line(head), line(["---"] * len(head)), *map(line, rows), ""]


def line(cells: object) -> str:
    return f"| {' | '.join(str(cell) for cell in cells)} |"  # type: ignore[attr-defined]


def counts(state: MarketState) -> list[str]:
    """How many days had each label."""
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
    """A paragraph a day."""
    lines = []
    for report in reports:
        lines += [f"### {report.date}", "", *textwrap.wrap(report.narrative, 100), ""]
    return lines


if __name__ == "__main__":
    main()
