"""Write the folder of a comparison: page, matrix as CSV and JSON, and a picture."""

import csv
import io
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from data_feeds.atomic import storage_errors, write_atomically
from data_feeds.clock import DAY_NS, midnight_ns
from engine.compare.cell_answers import PageAnswers
from engine.compare.cell_runs import CellOutcome
from engine.compare.cells import row_title
from engine.compare.matrix import Matrix, matrix_rows
from engine.compare.page_data import comparison_page
from engine.compare.record import CellRecord
from engine.config.compare import CompareConfig, RowConfig
from engine.episodes import Episode
from engine.pages.charts import INK, quiet_style, series_dates, thinned
from engine.pages.episode_picture import SHADES

PAGE, CSV, JSON, PICTURE = "index.html", "matrix.csv", "matrix.json", "matrix.png"
OUTPUTS = (PAGE, CSV, JSON, PICTURE)
PANEL_WIDTH, PANEL_HEIGHT, RESOLUTION = 5.2, 3.6, 110


def finished_matrix(
    config: CompareConfig, episodes: Iterable[Episode], outcomes: Iterable[CellOutcome]
) -> Matrix:
    """Return a comparison whose cells have run."""
    by_name, done = {episode.name: episode for episode in episodes}, list(outcomes)
    records = {
        (outcome.row, outcome.episode): CellRecord(
            outcome, config.rows[outcome.row], by_name[outcome.episode], outcome.folder
        )
        for outcome in done
        if outcome.folder is not None
    }
    return Matrix(config, tuple(by_name.values()), done, records)


def write_comparison(matrix: Matrix, answers: PageAnswers, folder: Path) -> Path:
    """Write page, matrix and picture beside the run folders; return the page.

    Raises
    ------
    ReportError : the folder cannot be written, or a run folder cannot be read
    """
    rows = list(matrix_rows(matrix.outcomes, matrix.records))
    document = {
        "name": matrix.config.name,
        "synthetic": matrix.synthetic,
        "cells": rows,
    }
    contents = {
        PICTURE: _picture(matrix),
        CSV: _csv(rows).encode(),
        JSON: (json.dumps(document, indent=2, allow_nan=False) + "\n").encode(),
        # Last, so that every file that the page names exists.
        PAGE: comparison_page(matrix, folder, answers).encode(),
    }
    with storage_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in contents.items():
            write_atomically(folder / name, content)
    return folder / PAGE


def _csv(rows: list[dict[str, Any]]) -> str:
    stream = io.StringIO()
    writer = csv.DictWriter(stream, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return stream.getvalue()


def _picture(matrix: Matrix) -> bytes:
    """Return the results of all rows, a panel an episode, as PNG."""
    with quiet_style() as mpl:
        count = len(matrix.episodes)
        figure = mpl.figure.Figure(figsize=(PANEL_WIDTH * count, PANEL_HEIGHT))
        panels = figure.subplots(1, count, squeeze=False)[0]
        figure.subplots_adjust(left=0.04, right=0.99, top=0.9, bottom=0.2, wspace=0.13)
        styles = {row: _style(place, item) for place, (row, item) in enumerate(_rows(matrix))}
        for axes, episode in zip(panels, matrix.episodes, strict=True):
            _draw_episode(axes, episode, matrix.of_episode(episode), styles)
        panels[0].set_ylabel("result, %")
        figure.legend(
            [mpl.lines.Line2D([], [], **style) for style in styles.values()],
            [row_title(item) for _, item in _rows(matrix)],
            loc="lower center",
            ncols=8,
            frameon=False,
            fontsize=8.5,
        )
        if matrix.synthetic:
            figure.text(0.99, 0.95, "SYNTHETIC DATA", ha="right", color="#a93226", weight="bold")
        stream = io.BytesIO()
        figure.savefig(stream, format="png", dpi=RESOLUTION, metadata={"Software": None})
        return stream.getvalue()


def _rows(matrix: Matrix) -> list[tuple[str, RowConfig]]:
    return list(matrix.config.rows.items())


def _style(place: int, item: RowConfig) -> dict[str, Any]:
    """Return the style of a row's line, the same in every episode."""
    line = {"linewidth": 0.9, "linestyle": "--"} if item.baseline else {"linewidth": 1.5}
    return {"color": f"C{place % 10}", **line}


def _draw_episode(
    axes: Any,
    episode: Episode,
    cells: Iterable[CellRecord],
    styles: Mapping[str, Mapping[str, Any]],
) -> None:
    for phase in episode.spans():
        edges = np.array([midnight_ns(phase.start), midnight_ns(phase.end) + DAY_NS])
        start, end = series_dates(edges)
        axes.axvspan(start, end, color=SHADES[phase.name], linewidth=0, zorder=0)
    for cell in cells:
        at, equity = thinned(cell.curve.at, cell.curve.equity)
        result = (equity / cell.start_equity - 1) * 100
        axes.plot(series_dates(at), result, **styles[cell.row])
    axes.set_title(f"{episode.name}: {episode.title}", fontsize=10, color=INK, loc="left")
    axes.margins(x=0)
    axes.tick_params(axis="x", labelrotation=25, labelsize=8)
