"""Gather the values of the comparison's page and render it: ``index.html``, one file."""

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from data_feeds.catalog import Catalog
from data_feeds.dataset import Dataset
from engine.answers.why_not_text import explain_why_not
from engine.compare.breakdown import HEDGES, PhaseResult, attribution, by_phase, hedges
from engine.compare.cell_runs import AUDIT_FILE, CellOutcome
from engine.compare.cells import row_title
from engine.compare.chart_data import episode_drawing
from engine.compare.inference import CellInference, cell_inference, family_inference
from engine.compare.inference_text import (
    INFERENCE_HEADING,
    family_lines,
    inference_note,
    inference_row,
    interval_texts,
)
from engine.compare.matrix import COLUMNS, texts, values
from engine.compare.record import CellRecord
from engine.compare.remarks import warnings_of
from engine.config.compare import CompareConfig
from engine.episodes import Episode, PhaseName
from engine.formatting import percent, signed_percent
from engine.pages.html import asset, embedded_json, embedded_script, render
from engine.run_folder.schema import CONFIG_FILE, MANIFEST_FILE, METRICS_FILE

FILES = (
    ("summary", "summary.txt"),
    ("config", CONFIG_FILE),
    ("manifest", MANIFEST_FILE),
    ("metrics", METRICS_FILE),
    ("audit", AUDIT_FILE),
)
FLUSHES = (PhaseName.FLUSH, PhaseName.SECOND_FLUSH)
PARTS = (
    "price", "slippage", "fees", "funding", "dividends", "borrow", "interest", "revaluation",
    "other",
)  # fmt: skip


@dataclass(frozen=True)
class Matrix:
    """A finished comparison: its config, episodes, outcomes and the records of its cells."""

    config: CompareConfig
    episodes: Sequence[Episode]
    outcomes: Sequence[CellOutcome]
    records: Mapping[tuple[str, str], CellRecord]

    @property
    def synthetic(self) -> bool:
        """Return whether a cell read generated data."""
        return any(record.is_synthetic for record in self.records.values())

    def of_episode(self, episode: Episode) -> list[CellRecord]:
        """Return the finished cells of an episode in the order of the rows."""
        names = [(row, episode.name) for row in self.config.rows]
        return [self.records[name] for name in names if name in self.records]


def comparison_page(matrix: Matrix, source: Catalog | Dataset, place: Path) -> str:
    """Return the page of a finished comparison.

    Parameters
    ----------
    matrix : the comparison
    source : the market data, for the strips of the market state and the lines of BTC and QQQ
    place : folder of the page, from which run folders are linked
    """
    config = matrix.config
    inference = {
        key: cell_inference(record, matrix.records, config)
        for key, record in matrix.records.items()
    }
    family = family_inference(matrix.records, config, [episode.name for episode in matrix.episodes])
    rows = [_row(matrix, name, place, inference) for name in config.rows]
    title = config.title or config.name
    return render(
        "comparison.html.j2",
        page_title=f"{title} (SYNTHETIC DATA)" if matrix.synthetic else title,
        heading=title,
        is_synthetic=matrix.synthetic,
        notes=(_subtitle(matrix),),
        warnings=warnings_of(matrix.records.values(), matrix.outcomes),
        metrics=COLUMNS,
        episodes=matrix.episodes,
        rows=rows,
        parts=PARTS,
        hedges=[
            name.replace("_", " ").replace("bought", "hedges bought:").replace("back", "back:")
            for name in HEDGES
        ],
        inference_note=inference_note(config, len(matrix.episodes)),
        inference_heading=INFERENCE_HEADING,
        inference_rows=[
            inference_row(matrix.records[key], item) for key, item in inference.items()
        ],
        family=family_lines(family, config),
        footer=_footer(matrix),
        data=embedded_json(_script_data(matrix, source, rows)),
        script=asset("comparison.js"),
        plotly=embedded_script(_plotly()),
    )


def _script_data(
    matrix: Matrix, source: Catalog | Dataset, rows: Sequence[Mapping[str, Any]]
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
        "drawings": {
            episode.name: episode_drawing(episode, matrix.of_episode(episode), source, config)
            for episode in matrix.episodes
        },
    }


def _plotly() -> str:
    return (files("plotly") / "package_data" / "plotly.min.js").read_text(encoding="utf-8")


def _row(
    matrix: Matrix, name: str, place: Path, inference: Mapping[tuple[str, str], CellInference]
) -> dict[str, Any]:
    item = matrix.config.rows[name]
    mine = [outcome for outcome in matrix.outcomes if outcome.row == name]
    records = [matrix.records.get((name, outcome.episode)) for outcome in mine]
    return {
        "title": row_title(item),
        "baseline": item.baseline,
        "cells": [
            _cell(outcome, record, row_title(item), place)
            | ({} if record is None else _intervals(inference[name, outcome.episode]))
            for outcome, record in zip(mine, records, strict=True)
        ],
        "phases": [_phase_block(record) for record in records if record is not None],
    }


def _intervals(inference: CellInference) -> dict[str, Any]:
    return {"intervals": interval_texts(inference)}


def _cell(
    outcome: CellOutcome, record: CellRecord | None, title: str, place: Path
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
    parts, hedged = attribution(record), hedges(record)
    baseline = record.item.baseline
    return {
        **shared,
        "values": {name: v if math.isfinite(v) else None for name, v in numbers.items()},
        "texts": texts(numbers),
        "parts": [signed_percent(parts[name]) for name in PARTS],
        "hedges": [signed_percent(hedged[name]) for name in HEDGES],
        "all_trades": len(record.trades),
        "folder": Path(os.path.relpath(record.folder, place)).as_posix(),
        "run": record.folder.name,
        "label": f"{record.files.manifest['data_label']} data",
        "audit": _audit_words(record),
        "files": FILES,
        "no_trades": "Trades of baselines are not listed." if baseline else "No trades.",
        "why_not": [] if baseline else _why_not(record),
        "no_why_not": "Baselines have no entry conditions."
        if baseline
        else "The episode has no flush.",
    }


def _why_not(record: CellRecord) -> list[dict[str, str]]:
    """Return the why-not answer of each flush of the episode."""
    answers = []
    for phase in record.episode.spans():
        if phase.name in FLUSHES:
            window = f"{phase.start}..{phase.end}"
            answers.append(
                {
                    "window": f"{phase.name.value}, {phase.start} to {phase.end}",
                    "text": explain_why_not(record.folder, window),
                }
            )
    return answers


def _audit_words(record: CellRecord) -> str:
    findings, checks = record.audit["findings"], sum(record.audit["checks"].values())
    if findings:
        return f"{len(findings)} differences in {checks:,} checks"
    return f"agrees, {checks:,} checks"


def _phase_block(record: CellRecord) -> dict[str, Any]:
    results = by_phase(record)

    def line(name: str, text: Any) -> tuple[str, list[str]]:
        return name, [text(result) for result in results]

    return {
        "episode": record.episode.name,
        "phases": [
            {"name": r.phase.name.value, "days": (r.phase.end - r.phase.start).days + 1}
            for r in results
        ],
        "lines": [
            line("return", lambda r: signed_percent(r.total_return)),
            line("deepest drawdown", lambda r: signed_percent(r.drawdown)),
            line("gross exposure", _exposure),
            line("trades entered", lambda r: str(r.trades)),
        ],
    }


def _exposure(result: PhaseResult) -> str:
    return percent(result.exposure, 1)


def _subtitle(matrix: Matrix) -> str:
    playbooks = sum(not item.baseline for item in matrix.config.rows.values())
    baselines = len(matrix.config.rows) - playbooks
    return (
        f"{playbooks} playbooks and {baselines} baselines over {len(matrix.episodes)} episodes: "
        f"{len(matrix.records)} runs, every one audited."
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
