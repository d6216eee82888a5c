"""Define the command ``stress``."""

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from engine.cli.options import (
    ConfigArgument,
    DaskOption,
    DataOption,
    JobsOption,
    JsonOption,
    PluginOption,
    SetOption,
)
from engine.cli.output import print_json, progress, working

if TYPE_CHECKING:
    from engine.stress import StressJob

DEFAULT_STRESS = Path("stress")


def stress(
    config: ConfigArgument,
    *,
    scenario: Annotated[
        str, typer.Option("--scenario", metavar="A|B|C", help="Scenario; see docs/scenarios.md")
    ],
    paths: Annotated[int, typer.Option("--paths", metavar="N", help="Number of paths")] = 200,
    days: Annotated[int, typer.Option("--days", metavar="N", help="Calendar days a path")] = 60,
    seed: Annotated[int, typer.Option("--seed", metavar="N", help="Seed of the paths")] = 0,
    tolerance: Annotated[
        float,
        typer.Option(
            "--tolerance", metavar="X", help="Count paths with a deeper drawdown; 0.15 is 15%"
        ),
    ] = 0.15,
    path: Annotated[
        int | None,
        typer.Option("--path", metavar="N", help="Write path N as a run with its page instead"),
    ] = None,
    jobs: JobsOption = None,
    dask: DaskOption = None,
    overrides: SetOption = None,
    out: Annotated[
        Path, typer.Option("--out", metavar="DIR", help="Folder of all stresses")
    ] = DEFAULT_STRESS,
    data: DataOption = None,
    plugin_path: PluginOption = None,
    as_json: JsonOption = False,
) -> None:
    """Run a playbook over many synthetic paths of a scenario; report the spread of results.

    The paths continue the data known at the config's data.end.
    """
    from engine.config_files import read_config

    checked = read_config(config, overrides, plugin_path, data)

    from data_feeds.load import open_source
    from engine.run_folder.write import check_writable
    from engine.stress import (
        PAGE_FILE,
        PICTURE_FILE,
        SUMMARY_FILE,
        publish_stress,
        run_stress,
        stress_job,
    )
    from engine.stress.job import check_numbers
    from engine.stress.path_runs import check_tolerance
    from engine.workers import Workers

    check_numbers(scenario, paths=paths, days=days, seed=seed)
    check_tolerance(tolerance)
    workers = Workers.chosen(jobs, dask)
    check_writable(out)
    started_at, clock = datetime.now(UTC), time.perf_counter()
    with working("reading data"):
        job = stress_job(
            checked,
            open_source(checked.data.source),
            scenario,
            paths=paths,
            days=days,
            seed=seed,
            plugin_path=None if plugin_path is None else plugin_path.resolve(),
        )
    if path is not None:
        _write_path(job, path, out, as_json=as_json)
        return
    with progress(f"scenario {scenario}", paths, unit="paths") as report:

        def told(fraction: float) -> None:
            report(round(fraction * paths), f"scenario {scenario}")

        result = run_stress(job, tolerance=tolerance, workers=workers, on_progress=told)
    seconds = time.perf_counter() - clock
    timing = {
        "started_at": started_at.isoformat(timespec="seconds"),
        "seconds": round(seconds, 3),
        "seconds_per_path": round(seconds / paths, 4),
        **({"dask": workers.dask} if workers.dask else {"jobs": workers.processes}),
    }
    with working("writing reports"):
        folder = publish_stress(result, out, timing=timing)
    page, picture = folder / PAGE_FILE, folder / PICTURE_FILE
    if as_json:
        import json

        from engine.stress import SUMMARY_JSON

        text = (folder / SUMMARY_JSON).read_text(encoding="utf-8")
        files = {"stress": str(folder), "page": str(page), "picture": str(picture)}
        print_json({**files, "summary": json.loads(text)})
        return
    print((folder / SUMMARY_FILE).read_text(encoding="utf-8"), end="")
    print(page)


def _write_path(job: "StressJob", number: int, out: Path, *, as_json: bool) -> None:
    """Write one path as a run folder and print its page."""
    from engine.pages.publish import SUMMARY_FILE, TEARSHEET_FILE, publish
    from engine.stress import path_run

    with working("running"):
        result = path_run(job, number)
    with working("writing reports"):
        folder = publish(result, out)
    page = folder / TEARSHEET_FILE
    if as_json:
        print_json({"run": str(folder), "page": str(page)})
        return
    print((folder / SUMMARY_FILE).read_text(encoding="utf-8"), end="")
    print(page)
