"""Register the commands of ``riskoff``."""

from importlib.metadata import PackageNotFoundError, version
from typing import Annotated

import typer

from engine.cli import (
    attribute_command,
    checklist_command,
    compare_command,
    config_commands,
    data_commands,
    diff_command,
    episode_commands,
    export_command,
    init_command,
    rules_command,
    run_commands,
    sell_off_command,
    serve_command,
    strategy_commands,
    stress_command,
    study_command,
    sweep_command,
    today_command,
)
from engine.cli.output import last_line_only

app = typer.Typer(
    name="riskoff",
    help="Event-driven backtests of sell-off playbooks: from a YAML file to audited books.",
    epilog="Exit codes: 0 done, 1 bug, 2 file or option, 3 data, 4 playbook, 5 simulation, "
    "6 report, 7 differs (diff --exit-code); today: 0 wait, 10 reduce, 11 hedge, 3 data too old.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("init")(init_command.init)
app.command("run")(run_commands.run)
app.command("account")(run_commands.account)
app.command("compare")(compare_command.compare)
app.command("sell-offs")(sell_off_command.sell_offs)
app.command("stress")(stress_command.stress)
app.command("sweep")(sweep_command.sweep)
app.command("validate")(config_commands.validate)
app.command("configs")(config_commands.configs)
app.command("show-config")(config_commands.show_config)
app.command("schema")(config_commands.schema)
app.command("runs")(run_commands.runs)
app.command("audit")(run_commands.audit)
app.command("explain")(run_commands.explain)
app.command("export")(export_command.export)
app.command("diff")(diff_command.diff)
app.command("attribute")(attribute_command.attribute)
app.command("serve")(serve_command.serve)
app.command("checklist")(checklist_command.checklist)
app.command("today")(today_command.today)
app.command("study")(study_command.study)
app.add_typer(strategy_commands.app, name="strategies")
app.add_typer(rules_command.app, name="rules")
app.add_typer(data_commands.app, name="data")
app.add_typer(episode_commands.app, name="episodes")


def _print_version(wanted: bool) -> None:
    if wanted:
        try:
            print(f"riskoff {version('riskoff')}")
        except PackageNotFoundError:
            print("riskoff, from a checkout that is not installed")
        raise typer.Exit


@app.callback()
def _root(
    context: typer.Context,
    show_version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
    quiet: Annotated[
        bool,
        typer.Option(
            "--quiet", "-q", help="Print the last line only (the page that was written), or JSON."
        ),
    ] = False,
) -> None:
    """Accept the options of ``riskoff`` itself."""
    if quiet:
        context.with_resource(last_line_only())
