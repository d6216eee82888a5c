"""Define the command ``compare``."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from engine.cli.completion import files_of
from engine.cli.options import (
    DaskOption,
    DataOption,
    JobsOption,
    JsonOption,
    PluginOption,
    SetOption,
)
from engine.cli.output import print_columns, print_json, progress

if TYPE_CHECKING:
    from engine.compare import CellOutcome, Matrix

DEFAULT_OUT = Path("compare")


def compare(
    config: Annotated[
        str,
        typer.Argument(
            metavar="CONFIG",
            help="A comparison's YAML file, or the name of a shipped one",
            autocompletion=files_of("compare"),
        ),
    ],
    *,
    overrides: SetOption = None,
    out: Annotated[
        Path, typer.Option("--out", metavar="DIR", help="Folder of all comparisons")
    ] = DEFAULT_OUT,
    data: DataOption = None,
    jobs: JobsOption = None,
    dask: DaskOption = None,
    tearsheets: Annotated[
        bool, typer.Option("--tearsheets/--no-tearsheets", help="Write a page for every new run")
    ] = True,
    plugin_path: PluginOption = None,
    as_json: JsonOption = False,
) -> None:
    """Run playbooks and baselines over episodes; write a page that compares them.

    A cell that has a run folder with intact seals is not run again.
    """
    from engine.config_files import read_comparison

    checked = read_comparison(config, overrides, plugin_path, data)

    from engine.compare import PAGE, run_comparison
    from engine.errors import SimulationError
    from engine.run_folder.write import check_writable
    from engine.workers import Workers

    workers = Workers.chosen(jobs, dask)
    folder = out / checked.name
    check_writable(folder)
    cells = len(checked.rows) * len(checked.episodes)
    with progress("running cells", cells, unit="cells") as report:
        matrix = run_comparison(
            checked,
            folder,
            workers=workers,
            plugin_path=plugin_path,
            tearsheets=tearsheets,
            on_done=_told(report),
        )
    page = folder / PAGE
    if as_json:
        moved = [outcome.set_aside for outcome in matrix.outcomes if outcome.set_aside]
        print_json({"page": str(page), "cells": _cells(matrix), "set_aside": moved})
    else:
        _print(matrix, page)
    bad = [outcome.fault for outcome in matrix.outcomes if outcome.fault]
    if bad:
        raise SimulationError("\n".join(bad))


def _told(report: Callable[[int, str], None]) -> "Callable[[int, CellOutcome], None]":
    def told(count: int, outcome: "CellOutcome") -> None:
        how = "no run" if outcome.problem else "was there" if outcome.reused else "done"
        report(count, f"{outcome.row} {outcome.episode}: {how}")

    return told


def _cells(matrix: "Matrix") -> list[dict[str, object]]:
    from engine.compare.matrix import matrix_rows

    return list(matrix_rows(matrix.outcomes, matrix.records))


def _print(matrix: "Matrix", page: Path) -> None:
    """Print return, deepest drawdown and trades of every cell, and the page's path."""
    from engine.compare.cells import row_title
    from engine.compare.matrix import texts, values

    if matrix.synthetic:
        print("*** SYNTHETIC DATA: nothing here happened ***")
    head = ("return, deepest drawdown, trades", *(episode.name for episode in matrix.episodes))
    rows = [head]
    for name, item in matrix.config.rows.items():
        cells = []
        for episode in matrix.episodes:
            record = matrix.records.get((name, episode.name))
            if record is None:
                cells.append("no run")
                continue
            said = texts(values(record))
            cells.append(f"{said['total_return']}  {said['max_drawdown']}  {said['trades']}")
        rows.append((row_title(item), *cells))
    print_columns(rows)
    for outcome in matrix.outcomes:
        if outcome.set_aside:
            print(f"{outcome.row}, {outcome.episode}: {outcome.set_aside}")
    print(page)
