"""Define the command ``diff``."""

from typing import Annotated

import typer

from engine.cli.completion import DEFAULT_RUNS, run_names
from engine.cli.exit_codes import EXIT_DIFFERS
from engine.cli.options import JsonOption, RunsOption
from engine.cli.output import print_json

_RUN = "a name, NAME@2, an id or a folder; an account's name with /SLEEVE"


def diff(
    run_a: Annotated[
        str,
        typer.Argument(metavar="RUN_A", help=f"The run before: {_RUN}", autocompletion=run_names),
    ],
    run_b: Annotated[
        str, typer.Argument(metavar="RUN_B", help="The run after", autocompletion=run_names)
    ],
    *,
    trade: Annotated[
        int | None,
        typer.Option("--trade", metavar="N", help="One trade in full, by its number in the list"),
    ] = None,
    every: Annotated[
        bool, typer.Option("--all", help="Every input, headline number and trade")
    ] = False,
    exit_code: Annotated[
        bool,
        typer.Option(
            "--exit-code", help=f"End with {EXIT_DIFFERS} if trades or headline numbers differ"
        ),
    ] = False,
    root: RunsOption = DEFAULT_RUNS,
    as_json: JsonOption = False,
) -> None:
    """Show which trades appeared, vanished or changed from one run to another, and by what."""
    from engine.answers.run_diff import diff_document, diff_runs, diff_text, trade_text
    from engine.run_folder.run_names import find_run

    if trade is not None and (every or as_json):
        raise typer.TyperException("give one of --trade N, --all and --json")
    shown_as = run_a, run_b
    found = diff_runs(find_run(run_a, root), find_run(run_b, root))
    if as_json:
        print_json(diff_document(found, shown_as))
    elif trade is not None:
        print(trade_text(found, trade), end="")
    else:
        print(diff_text(found, shown_as, every=every), end="")
    if exit_code and not found.is_same:
        raise typer.Exit(EXIT_DIFFERS)
