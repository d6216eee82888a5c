"""The folder of a sweep, written into a hidden folder first and renamed at the end."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from engine.formatting import json_number
from engine.pages.html import render
from engine.results.manifest import plain
from engine.run_folder.schema import CONFIG_FILE, RUN_ID_DIGITS, TIMING_FILE
from engine.run_folder.seals import document_digest
from engine.run_folder.write import staged, write_json, write_table, write_yaml
from engine.statistics import Missing
from engine.sweep.best_file import best_text
from engine.sweep.heat_maps import heat_maps
from engine.sweep.judged_words import held_out_rows, left_out_title, sensitivity_rows
from engine.sweep.judgement import Judgement, judged
from engine.sweep.parts import results_table
from engine.sweep.sweep_conclusions import sweep_conclusions
from engine.sweep.sweep_run import SweepResult
from engine.sweep.sweep_text import (
    METRIC_WORDS,
    about,
    best_rows,
    heading,
    summary_text,
    table_note,
    values_words,
    verdict,
)
from engine.sweep.walk_words import (
    is_same,
    walk_chart,
    walk_document,
    walk_rows,
)

PAGE_FILE, BEST_FILE = "report.html", "best.yaml"
SETS_FILE, RESULTS_FILE = "sets.parquet", "results.parquet"
SUMMARY_FILE, SUMMARY_JSON = "summary.txt", "summary.json"
FILES = (
    (BEST_FILE, "the chosen set as a run file"),
    (SETS_FILE, "one row a set: its values and its number"),
    (RESULTS_FILE, "one row a run"),
    (SUMMARY_JSON, "these numbers for programs"),
)


def publish_sweep(
    result: SweepResult, root: Path, *, timing: Mapping[str, Any] | None = None
) -> Path:
    """Write the folder of a sweep, ``<root>/<name>-<id>``, and return its path.

    The id is a hash of the sweep, its data and the code. Equal sweeps with equal earlier trials
    give equal bytes in every file but ``timing.json``.

    Raises
    ------
    ReportError : the folder cannot be written; nothing half-written is left.
    """
    final = root / sweep_folder_name(result)
    found = judged(result)
    with staged(final) as folder:
        write_table(results_table(result.results), folder / RESULTS_FILE)
        write_table(sets_table(result), folder / SETS_FILE)
        write_json(summary_document(result, found), folder / SUMMARY_JSON)
        write_yaml(plain(result.job.config), folder / CONFIG_FILE)
        texts = {
            SUMMARY_FILE: summary_text(result, found, final.name),
            PAGE_FILE: sweep_page(result, found, final.name),
        }
        if result.chosen is not None:
            words = [f"{heading(result)}, sweep {final.name}.", *verdict(result, found)]
            texts[BEST_FILE] = best_text(result.job.file, result.chosen.item, words)
        for name, text in texts.items():
            (folder / name).write_text(text, encoding="utf-8", newline="\n")
        if timing is not None:
            write_json(dict(timing), folder / TIMING_FILE)
    return final


def sweep_folder_name(result: SweepResult) -> str:
    """Return the name of a sweep's folder."""
    config = plain(result.job.config)
    digest = document_digest([config, result.inputs.document])[:RUN_ID_DIGITS]
    return f"{result.job.config.name}-{digest}"


def sets_table(result: SweepResult) -> pa.Table:
    """Return one row a set: its id, its values, its number, and how it was reported.

    A column of values that are not all numbers holds JSON.
    """
    items = [found.item for found in result.results]
    columns: dict[str, Any] = {"set_id": [item.set_id for item in items]}
    for axis in result.job.space.axes:
        values = [item.values[axis.path] for item in items]
        numeric = all(type(value) in (int, float) for value in values)
        columns[axis.path] = pa.array(
            map(float, values) if numeric else [json.dumps(value) for value in values]
        )
    place = result.choice.place
    columns |= {
        "number": result.choice.numbers,
        "plateau": result.choice.plateaus,
        "sets_around": [len(near) for near in result.near],
        "adaptive": list(result.adaptive),
        "checked": [number in result.checked for number in range(len(items))],
        "chosen": [number == place for number in range(len(items))],
    }
    return pa.table(columns)


def summary_document(result: SweepResult, found: Judgement | Missing) -> dict[str, Any]:
    """Return the content of ``summary.json``; null where a number does not exist."""
    chosen = result.chosen
    judgement = {"reason": found.reason} if isinstance(found, Missing) else _plain(asdict(found))
    sensitivity = [_plain(asdict(row)) for row in result.sensitivity]
    return {
        "synthetic": result.inputs.is_synthetic,
        "name": result.job.config.name,
        "playbook": result.inputs.playbook.name,
        "sets": len(result.results),
        "windows": dict(result.inputs.windows),
        "lacking": dict(result.job.lacking),
        "instruments": list(result.job.config.instruments),
        "rule": result.choice.rule.value,
        "metric": result.job.config.choose.metric.value,
        "chosen": None if chosen is None else {"set_id": chosen.item.set_id, **chosen.item.values},
        "judgement": judgement,
        "sensitivity": sensitivity,
        "walk_forward": {
            "anchored": walk_document(result.anchored.walk),
            "rolling": walk_document(result.rolling.walk),
        },
        "checked_sets": [result.results[place].item.set_id for place in result.checked],
        "inputs": result.inputs.document,
    }


def _plain(value: Any) -> Any:
    """Return a value for JSON; a number that does not exist is its reason."""
    if isinstance(value, Mapping):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    if isinstance(value, np.ndarray):
        return None  # a logit for each split: nobody reads thousands of numbers here
    return json_number(value) if isinstance(value, float) else value


def sweep_page(result: SweepResult, found: Judgement | Missing, name: str) -> str:
    """Return the HTML of a sweep's page."""
    axes = [("value", "levels"), *((a.path, _levels_text(a.levels)) for a in result.job.space.axes)]
    return render(
        "sweep.html.j2",
        page_title=heading(result),
        heading=heading(result),
        is_synthetic=result.inputs.is_synthetic,
        notes=about(result),
        conclusions=sweep_conclusions(
            found,
            result.sensitivity,
            chosen="" if result.chosen is None else values_words(result),
            metric=METRIC_WORDS[result.job.config.choose.metric],
            sets=len(result.results),
            windows=len(result.inputs.windows),
        ),
        verdict=verdict(result, found),
        best=best_rows(result),
        best_note=table_note(list(result.inputs.windows)),
        maps=heat_maps(result),
        metric=METRIC_WORDS[result.job.config.choose.metric].capitalize(),
        axes=axes,
        held_out=_held_out(result, found),
        chart=walk_chart(result),
        walks=_walks(result),
        sensitivity=sensitivity_rows(result),
        constraints=list(result.job.config.constraints),
        folder=name,
        files_beside=[item for item in FILES if item[0] != BEST_FILE or result.chosen is not None],
    )


def _held_out(
    result: SweepResult, found: Judgement | Missing
) -> list[tuple[str, list[tuple[str, ...]]]]:
    """Return the title and the rows of each kind of folds that exists."""
    if isinstance(found, Missing):
        return []
    kinds = (
        (left_out_title(result), found.left_out),
        ("Forward, anchored", found.forward),
        ("Forward, rolling", found.rolling),
    )
    return [
        (title, held_out_rows(result, folds))
        for title, folds in kinds
        if not isinstance(folds, Missing)
    ]


def _walks(result: SweepResult) -> list[tuple[str, list[tuple[str, ...]]]]:
    """Return the title and the rows of each walk-forward; equal ones are shown once."""
    title = "Anchored and rolling" if is_same(result) else "Anchored"
    forms = [(title, result.anchored.walk)]
    if not is_same(result):
        forms.append(("Rolling", result.rolling.walk))
    return [(title, walk_rows(walk)) for title, walk in forms if not isinstance(walk, Missing)]


def _levels_text(levels: tuple[Any, ...]) -> str:
    return ", ".join(str(level) for level in levels)
