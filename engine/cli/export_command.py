"""Define the command ``export``."""

from pathlib import Path
from typing import Annotated

import typer

from engine.cli.completion import DEFAULT_RUNS
from engine.cli.options import RunArgument, RunsOption

DEFAULT_EXPORTS = Path("exports")


def export(
    run: RunArgument,
    *,
    as_csv: Annotated[bool, typer.Option("--csv", help="CSV files, the only format")] = True,
    out: Annotated[
        Path, typer.Option("--out", metavar="DIR", help="Folder of all exports")
    ] = DEFAULT_EXPORTS,
    root: RunsOption = DEFAULT_RUNS,
) -> None:
    """Write orders, fills, trades, decisions, ledger and days of a run as CSV files.

    An account writes a folder a sleeve. Texts that a spreadsheet would run as formulas are escaped.
    """
    from data_feeds.atomic import storage_errors, write_atomically
    from engine.run_folder.csv_files import csv_files
    from engine.run_folder.read import is_account
    from engine.run_folder.run_names import find_run
    from engine.run_folder.schema import SLEEVES_FOLDER

    folder = find_run(run, root)
    sleeves = sorted((folder / SLEEVES_FOLDER).iterdir()) if is_account(folder) else [folder]
    files = {sleeve: csv_files(sleeve) for sleeve in sleeves}
    target = out / folder.name
    with storage_errors(target):
        for sleeve, held in files.items():
            place = target / sleeve.name if sleeve != folder else target
            for name, content in held.items():
                write_atomically(place / name, content)
                print(place / name)
    print(target)
