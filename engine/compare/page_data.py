"""Gather the values of the comparison's page and render it: ``index.html``, one file."""

import math
import os
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from engine.compare.across_table import AcrossLine, AcrossTable
from engine.compare.cell_answers import PageAnswers
from engine.compare.cell_runs import AUDIT_FILE, CellOutcome
from engine.compare.cells import row_title
from engine.compare.conclusions import conclusions, facts_of, not_compared
from engine.compare.inference_text import INFERENCE_HEADING, inference_note
from engine.compare.matrix import COLUMNS, Matrix, texts, values
from engine.compare.money_tables import left_out_note, money_tables
from engine.compare.phase_map import PHASE_NUMBERS, PhaseMap, phase_map, shown_numbers
from engine.compare.record import CellRecord
from engine.compare.remarks import warnings_of
from engine.compare.risk_return import HEIGHT, RISKS, WIDTH, risk_pictures
from engine.compare.too_few import BLANK_NOTE, sample_of, too_few
from engine.formatting import counted_noun, percent
from engine.pages.html import asset, embedded_json, embedded_script, render
from engine.run_folder.schema import CONFIG_FILE, MANIFEST_FILE, METRICS_FILE

FILES = (
    ("summary", "summary.txt"),
    ("config", CONFIG_FILE),
    ("manifest", MANIFEST_FILE),
    ("metrics", METRICS_FILE),
    ("audit", AUDIT_FILE),
)
SCRIPTS = ("comparison.js", "comparison_charts.js")
# The number beside the return, until the reader chooses another one.
BESIDE = "max_drawdown"


def comparison_page(matrix: Matrix, place: Path, answers: PageAnswers) -> str:
    """Return the page of a finished comparison.

    Parameters
    ----------
    matrix : the comparison
    place : folder of the page, from which run folders are linked
    answers : statistics, why-not answers and charts
    """
    config = matrix.config
    rows = [_row(matrix, name, place, answers) for name in config.rows]
    title = config.title or config.name
    money, phases = money_tables(matrix), phase_map(matrix)
    return render(
        "comparison.html.j2",
        page_title=f"{title} (SYNTHETIC DATA)" if matrix.synthetic else title,
        heading=title,
        is_synthetic=matrix.synthetic,
        notes=(_subtitle(matrix),),
        conclusions=page_conclusions(matrix, answers),
        warnings=warnings_of(matrix.records.values(), matrix.outcomes),
        metrics=COLUMNS,
        beside=BESIDE,
        blank_note=BLANK_NOTE,
        episodes=matrix.episodes,
        drawings={episode.name: answers.drawing(episode.name) for episode in matrix.episodes},
        titles={name: row_title(item) for name, item in config.rows.items()},
        rows=rows,
        risks=RISKS,
        risk_pictures=risk_pictures(matrix),
        risk_size=(WIDTH, HEIGHT),
        phase_numbers=PHASE_NUMBERS,
        phases=phases,
        money=money.tables,
        money_note=left_out_note(money.left_out),
        inference_note=inference_note(config),
        inference=inference_tables(matrix, answers),
        family=answers.family,
        without_tearsheet=sum(not r.has_tearsheet for r in matrix.records.values()),
        footer=_footer(matrix),
        data=embedded_json(_script_data(matrix, answers, rows, phases)),
        scripts=[asset(name) for name in SCRIPTS],
        plotly=embedded_script(_plotly()),
    )


def page_conclusions(matrix: Matrix, answers: PageAnswers) -> list[str]:
    """Return the sentences at the head of the page."""
    config, facts = matrix.config, facts_of(matrix, answers.cell)
    return conclusions(
        facts,
        reference=row_title(config.rows[config.reference]),
        level=config.level,
        absent=not_compared(matrix, facts),
    )


def inference_tables(matrix: Matrix, answers: PageAnswers) -> list[AcrossTable]:
    """Return the intervals and probabilities of each row: numbers down, episodes across."""
    tables = []
    for row, item in matrix.config.rows.items():
        records = [
            matrix.records[row, episode.name]
            for episode in matrix.episodes
            if (row, episode.name) in matrix.records
        ]
        told = [answers.cell(record)["statistics"] for record in records]
        if told:
            # The first text of a cell is its name.
            columns = zip(INFERENCE_HEADING[1:], *(texts[1:] for texts in told), strict=True)
            lines = tuple(AcrossLine(name, cells) for name, *cells in columns)
            names = tuple(record.episode.name for record in records)
            tables.append(AcrossTable(row_title(item), item.baseline, names, lines))
    return tables


def _script_data(
    matrix: Matrix, answers: PageAnswers, rows: Sequence[Mapping[str, Any]], phases: PhaseMap
) -> dict[str, Any]:
    """Return the values that the page's script reads as JSON."""
    config = matrix.config
    return {
        "metrics": [
            {"name": m.name, "title": m.title, "says": m.says, "better": m.better} for m in COLUMNS
        ],
        "reference": config.reference,
        "interval_head": f"{percent(config.level, 0)} interval",
        "episodes": [episode.name for episode in matrix.episodes],
        "rows": [
            {"name": name, "title": row_title(item), "baseline": item.baseline}
            for name, item in config.rows.items()
        ],
        "cells": [cell for row in rows for cell in row["cells"]],
        "phase_numbers": shown_numbers(),
        "phase_cells": phases.values(),
        "drawings": {episode.name: answers.drawing(episode.name) for episode in matrix.episodes},
    }


def _plotly() -> str:
    return (files("plotly") / "package_data" / "plotly.min.js").read_text(encoding="utf-8")


def _row(matrix: Matrix, name: str, place: Path, answers: PageAnswers) -> dict[str, Any]:
    item = matrix.config.rows[name]
    mine = [outcome for outcome in matrix.outcomes if outcome.row == name]
    records = [matrix.records.get((name, outcome.episode)) for outcome in mine]
    return {
        "title": row_title(item),
        "baseline": item.baseline,
        "cells": [
            _cell(outcome, record, row_title(item), place, answers)
            for outcome, record in zip(mine, records, strict=True)
        ],
    }


def _cell(
    outcome: CellOutcome, record: CellRecord | None, title: str, place: Path, answers: PageAnswers
) -> dict[str, Any]:
    shared = {
        "key": f"{outcome.row}/{outcome.episode}",
        "row": outcome.row,
        "title": title,
        "episode": outcome.episode,
        "problem": outcome.problem,
    }
    if record is None:
        return shared
    numbers = values(record)
    baseline, answer = record.item.baseline, answers.cell(record)
    return {
        **shared,
        "values": {name: v if math.isfinite(v) else None for name, v in numbers.items()},
        "texts": texts(numbers),
        "too_few": too_few(sample_of(record)),
        "all_trades": len(record.trades),
        "folder": Path(os.path.relpath(record.folder, place)).as_posix(),
        "run": record.folder.name,
        "label": f"{record.files.manifest['data_label']} data",
        "audit": _audit_words(record),
        "files": FILES,
        "no_trades": "Trades of baselines are not listed." if baseline else "No trades.",
        "why_not": answer["why_not"],
        "no_why_not": "Baselines have no entry conditions."
        if baseline
        else "The episode has no flush.",
        "intervals": answer["intervals"],
        **({} if record.has_tearsheet else {"no_tearsheet": True}),
    }


def _audit_words(record: CellRecord) -> str:
    findings, checks = record.audit["findings"], sum(record.audit["checks"].values())
    if findings:
        return f"{counted_noun(len(findings), 'difference')} in {checks:,} checks"
    return f"agrees, {checks:,} checks"


def _subtitle(matrix: Matrix) -> str:
    playbooks = sum(not item.baseline for item in matrix.config.rows.values())
    baselines = len(matrix.config.rows) - playbooks
    return (
        f"{counted_noun(playbooks, 'playbook')} and {counted_noun(baselines, 'baseline')} over "
        f"{counted_noun(len(matrix.episodes), 'episode')}: "
        f"{counted_noun(len(matrix.records), 'run')}, every one audited."
    )


def _footer(matrix: Matrix) -> str:
    return (
        "Returns, drawdowns and ratios are those of each run's metrics.json; Sharpe and Sortino "
        "take 365 days a year for rows that trade around the clock and 252 for the others. "
        f"{_bill(matrix)} Regime, "
        "action and risk tier are the checklist's, as known on the evening of each day. "
        f"Data: {matrix.config.source}."
    )


def _bill(matrix: Matrix) -> str:
    """Return the sentence that names the bill of ratios and tests."""
    names = sorted({record.bill for record in matrix.records.values()})
    if not any(names):
        return "Ratios and tests are in excess of 0: the data hold no bill."
    bills = " or ".join(filter(None, names))
    some = "" if all(names) else ", and of 0 where a run had none"
    return f"Ratios and tests are in excess of the bill ({bills}, known the day before{some})."
