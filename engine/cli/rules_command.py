"""Define the commands ``rules check``, ``rules functions`` and ``rules values``."""

import typer

from engine.cli.options import ConfigArgument, DataOption, JsonOption, PluginOption, SetOption
from engine.cli.output import print_json, working

app = typer.Typer(
    help="Check rules in a config file; list the functions and values they may name.",
    no_args_is_help=True,
)

# The playbook whose parameters hold expressions, by its name in a run file.
RULES = "rules"


@app.command("check")
def check_command(
    config: ConfigArgument,
    overrides: SetOption = None,
    data: DataOption = None,
    plugin_path: PluginOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print a run's rules in plain words, what they need, and how often each condition was true.

    Nothing is simulated. It works for a run of every playbook; only some tell their rules in words.
    """
    from engine.config_files import read_config

    checked = read_config(config, overrides, plugin_path, data)

    from engine.rules_check import check_rules, report_lines

    with working("counting"):
        report = check_rules(checked, plugin_path)
    if as_json:
        print_json(report.document())
    else:
        for line in report_lines(report):
            print(line)
    if report.problem is not None:
        raise report.problem
