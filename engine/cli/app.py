"""The ``riskoff`` command: what it offers, and how it ends."""

import signal
import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Annotated

import typer

from engine.cli import config_commands, data_commands, run_commands, strategy_commands
from engine.cli.failures import EXIT_INTERRUPTED, report_failure

EXIT_TERMINATED = 143

app = typer.Typer(
    name="riskoff",
    help="Event-driven backtests of sell-off playbooks: from a YAML file to audited books.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("run")(run_commands.run)
app.command("validate")(config_commands.validate)
app.command("show-config")(config_commands.show_config)
app.command("schema")(config_commands.schema)
app.command("audit")(run_commands.audit)
app.command("explain")(run_commands.explain)
app.add_typer(strategy_commands.app, name="strategies")
app.add_typer(data_commands.app, name="data")


def _print_version(wanted: bool) -> None:
    if wanted:
        try:
            print(f"riskoff {version('riskoff')}")
        except PackageNotFoundError:
            print("riskoff, from a checkout that is not installed")
        raise typer.Exit


@app.callback()
def _root(
    show_version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    """Options of the command itself."""


def execute(arguments: Sequence[str]) -> int:
    """Return the exit code of one command line; every failure is one clear line on stderr."""
    try:
        code = app(list(arguments), prog_name="riskoff", standalone_mode=False)
        sys.stdout.flush()
        # Typer turns Ctrl-C into this exit code by itself.
        if code == EXIT_INTERRUPTED:
            raise KeyboardInterrupt
    except (Exception, KeyboardInterrupt) as error:
        return report_failure(error)
    return code if isinstance(code, int) else 0


def main() -> None:
    """Run the command line of this process."""
    # A polite kill removes what is half-written, as Ctrl-C does.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(EXIT_TERMINATED))
    sys.exit(execute(sys.argv[1:]))
