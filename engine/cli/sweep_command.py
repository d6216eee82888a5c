"""Define the command ``sweep``."""

import time
from datetime import UTC, datetime
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
from engine.cli.output import print_json, progress, working

if TYPE_CHECKING:
    from engine.sweep import DryRun

DEFAULT_SWEEPS = Path("sweeps")


def sweep(
    config: Annotated[
        str,
        typer.Argument(
            metavar="CONFIG",
            help="A sweep's YAML file, or the name of a shipped one",
            autocompletion=files_of("sweeps"),
        ),
    ],
    *,
    only_count: Annotated[
        bool, typer.Option("--dry-run", help="Say how many runs it makes and how long they take")
    ] = False,
    jobs: JobsOption = None,
    dask: DaskOption = None,
    overrides: SetOption = None,
    out: Annotated[
        Path, typer.Option("--out", metavar="DIR", help="Folder of all sweeps")
    ] = DEFAULT_SWEEPS,
    data: DataOption = None,
    plugin_path: PluginOption = None,
    as_json: JsonOption = False,
) -> None:
    """Run a playbook with many sets of values over many windows; choose one and judge it.

    An interrupted sweep continues where it stopped. Every set counts as a trial, also in later
    sweeps of the same playbook and data below the same folder.
    """
    from engine.config_files import read_sweep
    from engine.workers import Workers

    workers = Workers.chosen(jobs, dask)
    file = read_sweep(config, overrides, plugin_path, data)

    from engine.run_folder.write import check_writable
    from engine.sweep import (
        PAGE_FILE,
        SUMMARY_FILE,
        SUMMARY_JSON,
        draw_of,
        dry_run,
        publish_sweep,
        run_sweep,
        stored_parts,
        sweep_inputs,
        sweep_job,
    )

    check_writable(out)
    job = sweep_job(file, None if plugin_path is None else plugin_path.resolve())
    started_at, clock = datetime.now(UTC), time.perf_counter()
    with working("reading data"):
        inputs = sweep_inputs(job)
    if only_count:
        with working("running one set"):
            size = dry_run(job, inputs, stored_parts(job, inputs, out))
        _print_size(size, workers.processes, as_json=as_json)
        return
    with progress("running sets", draw_of(job).wanted, unit="sets") as report:
        result = run_sweep(job, inputs, out, workers=workers, on_sets=report)
    seconds = time.perf_counter() - clock
    timing = {
        "started_at": started_at.isoformat(timespec="seconds"),
        "seconds": round(seconds, 3),
        "jobs": workers.processes,
        "dask": workers.dask,
    }
    with working("writing the page"):
        folder = publish_sweep(result, out, timing=timing)
    if as_json:
        import json

        text = (folder / SUMMARY_JSON).read_text(encoding="utf-8")
        print_json({"sweep": str(folder), "summary": json.loads(text)})
        return
    print((folder / SUMMARY_FILE).read_text(encoding="utf-8"), end="")
    print(folder / PAGE_FILE)


def _print_size(size: "DryRun", processes: int, *, as_json: bool) -> None:
    seconds = size.seconds / processes
    if as_json:
        print_json(
            {
                "sets": size.sets,
                "stored": size.stored,
                "cells": size.cells,
                "runs": size.runs,
                "seconds_per_set": round(size.seconds_per_set, 4),
                "seconds": round(seconds, 1),
                "jobs": processes,
            }
        )
        return
    stored = f", {size.stored} of them already stored" if size.stored else ""
    print(f"{size.sets} sets{stored}, {size.cells} runs each: {size.runs} runs to make.")
    print(
        f"One set took {size.seconds_per_set:.3g} s: about {_duration(seconds)} with "
        f"{processes} processes, and the checks of the reported sets after that."
    )


def _duration(seconds: float) -> str:
    """Return a length of time in words.

    >>> _duration(41.0), _duration(600.0), _duration(9_000.0)
    ('41 seconds', '10 minutes', '2.5 hours')
    """
    if seconds < 120:
        return f"{seconds:.0f} seconds"
    if seconds < 7_200:
        return f"{seconds / 60:.0f} minutes"
    return f"{seconds / 3_600:.1f} hours"
