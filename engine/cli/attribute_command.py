"""Define the command ``attribute``."""

from pathlib import Path
from typing import Annotated

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
from engine.cli.output import print_json, working

DEFAULT_ATTRIBUTIONS = Path("attributions")


def attribute(
    config: ConfigArgument,
    *,
    overrides: SetOption = None,
    out: Annotated[
        Path, typer.Option("--out", metavar="DIR", help="Folder of all attributions")
    ] = DEFAULT_ATTRIBUTIONS,
    jobs: JobsOption = None,
    dask: DaskOption = None,
    data: DataOption = None,
    plugin_path: PluginOption = None,
    as_json: JsonOption = False,
) -> None:
    """Run again without each required condition in turn and show its gain or cost."""
    from engine.config_files import read_config

    checked = read_config(config, overrides, plugin_path, data)

    from engine.attribution import PAGE_FILE, write_attribution
    from engine.attribution import attribute as attributed
    from engine.run_folder.write import check_writable
    from engine.workers import Workers

    workers = Workers.chosen(jobs, dask)
    check_writable(out)
    with working("running") as report:
        found = attributed(checked, plugin_path=plugin_path, workers=workers, on_progress=report)
    folder = write_attribution(found, out)
    if as_json:
        print_json({"folder": str(folder), **found.document()})
        return
    print(found.text(), end="")
    print(folder / PAGE_FILE)
