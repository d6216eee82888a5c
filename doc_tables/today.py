"""Make the blocks of docs/today.md: one answer as printed, and a week of answers on real data."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from data_feeds.load import open_source
from doc_tables.blocks import PageBlock
from engine.config.market import ChecklistStep, MarketStateConfig
from engine.config_files import read_config
from engine.today import (
    DEFAULT_RUNS,
    TodayReport,
    asked_instant,
    sentences,
    today_report,
    today_text,
)

PAGE = "today.md"
WEEK = {
    "Monday": "2026-02-02",
    "Tuesday": "2026-02-03",
    "Wednesday": "2026-02-04",
    "Thursday": "2026-02-05",
    "Friday": "2026-02-06",
}
STEPS = {step.value for step in ChecklistStep}
SHOWN_DAY, SHOWN_RUN = "2026-02-05", "reclaim_2026_1h"


def blocks(catalog: Path) -> Iterator[PageBlock]:
    """Yield the printed answer of one day, and the days of the week."""
    text = today_text(_report(catalog, SHOWN_DAY, (SHOWN_RUN,)))
    yield PageBlock(PAGE, "text", ["```", *text.rstrip().splitlines(), "```"])
    lines: list[str] = []
    for weekday, day in WEEK.items():
        lines += _day(weekday, _report(catalog, day, DEFAULT_RUNS))
    yield PageBlock(PAGE, "week", lines[:-1])


def _report(catalog: Path, day: str, runs: tuple[str, ...]) -> TodayReport:
    rules = MarketStateConfig()
    configs = [read_config(name, None, None, catalog) for name in runs]
    at = asked_instant(day, rules.decide_at)
    report = today_report(open_source(catalog), rules, configs, at)
    return replace(report, data=".data/catalog")


def _day(weekday: str, report: TodayReport) -> list[str]:
    """Return the section of one day: answer, changes, and each playbook with its orders."""
    market = report.market
    labels = f"tier {market.day.tier}, regime {market.day.regime}, driver {market.day.driver}"
    lines = [
        f"### {weekday} {market.day.date}: {report.verdict}",
        "",
        f"{labels[0].upper()}{labels[1:]}.",
        _changed(report),
        "",
    ]
    for playbook in report.playbooks:
        lines.append(f"- `{playbook.name}`: {sentences.state(playbook)}.")
        sent = sentences.sent_lines(playbook)
        lines += [f"  - {'; '.join(parts)}" for parts in sent]
        lines += [f"  - refused: {line}" for line in playbook.refused]
        if not sent:
            lines.append("  - nothing to send")
    return [*lines, ""]


def _changed(report: TodayReport) -> str:
    """Return the labels and steps that changed, and how many conditions did."""
    market = report.market
    labels = [f"{label} {before} -> {now}" for label, before, now in market.changes]
    steps = [sentences.flip_words(flip) for flip in market.flips if flip.name in STEPS]
    others = len(market.flips) - len(steps)
    return f"Changed: {'; '.join([*labels, *steps, f'{others} conditions'])}."
