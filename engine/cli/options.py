"""Define arguments and options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

from engine.cli.completion import ANY_CONFIG, files_of, run_names

# The folder of one's own playbooks in a working folder.
OWN_PLAYBOOKS = Path("playbooks")


def own_playbooks() -> Path | None:
    """Return the folder of one's own playbooks; None where the working folder has none."""
    return OWN_PLAYBOOKS if OWN_PLAYBOOKS.is_dir() else None


ConfigArgument = Annotated[
    str,
    typer.Argument(
        metavar="CONFIG",
        help="A run's YAML file, or the name of a shipped run",
        autocompletion=files_of("runs", "rules"),
    ),
]
AccountArgument = Annotated[
    str,
    typer.Argument(
        metavar="CONFIG",
        help="An account's YAML file, or the name of a shipped account",
        autocompletion=files_of("accounts"),
    ),
]
AnyConfigArgument = Annotated[
    str,
    typer.Argument(
        metavar="CONFIG",
        help="A file of a run, account, comparison or sweep, or the name of a shipped one",
        autocompletion=files_of(*ANY_CONFIG),
    ),
]
RunArgument = Annotated[
    str,
    typer.Argument(
        metavar="RUN",
        help="A run: its name (the newest), NAME@2 (the one before it), the first digits of its id "
        "or its folder; an account's name with /SLEEVE for one sleeve",
        autocompletion=run_names,
    ),
]
RunsOption = Annotated[Path, typer.Option("--runs", metavar="DIR", help="Folder of all runs")]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Change one value; may be repeated"),
]
DataOption = Annotated[
    Path | None,
    typer.Option("--data", metavar="DIR", help="Catalog to read instead of the config's"),
]
CatalogOption = Annotated[Path, typer.Option("--data", metavar="DIR", help="The catalog's folder")]
PluginOption = Annotated[
    Path | None,
    typer.Option(
        "--plugin-path",
        metavar="DIR",
        help="Folder of your own playbooks (default: playbooks, if it is there)",
        callback=lambda given: given or own_playbooks(),
    ),
]
JobsOption = Annotated[
    int | None,
    typer.Option("--jobs", metavar="N", help="Number of processes (default: all processors)"),
]
DaskOption = Annotated[
    str | None,
    typer.Option("--dask", metavar="ADDRESS", help="Dask scheduler to use; see docs/scale.md"),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for another program")]
