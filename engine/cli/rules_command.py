"""Define the commands ``rules check``, ``rules functions`` and ``rules values``."""

from typing import TYPE_CHECKING, Annotated

import typer

from engine.cli.completion import files_of
from engine.cli.options import ConfigArgument, DataOption, JsonOption, PluginOption, SetOption
from engine.cli.output import print_json, working

app = typer.Typer(
    help="Check rules in a config file; list the functions and values they may name.",
    no_args_is_help=True,
)

if TYPE_CHECKING:
    from engine.rule_language import RuleLanguage

# The playbook whose parameters hold expressions, by its name in a run file.
RULES = "rules"
EMBEDDED = "embedded"


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


@app.command("functions")
def functions_command(
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="One function, with everything about it")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """List the functions of expressions; of one function formula, unit, memory and source."""
    from dataclasses import asdict
    from difflib import get_close_matches

    from engine.cli.rule_listing import function_lines
    from engine.errors import ConfigError

    entries = _language().functions()
    if name is not None:
        names = [item.name for item in entries]
        if name not in names:
            close = get_close_matches(name, names, n=1)
            hint = f"did you mean {close[0]}?" if close else f"known: {', '.join(names)}"
            raise ConfigError(f"no function {name!r}; {hint}")
        entries = [item for item in entries if item.name == name]
    if as_json:
        print_json([asdict(item) for item in entries])
        return
    for line in function_lines(entries):
        print(line)


@app.command("values")
def values_command(
    config: Annotated[
        str | None,
        typer.Argument(
            metavar="[CONFIG]",
            help="A run: list what its file binds only",
            autocompletion=files_of("runs", "rules"),
        ),
    ] = None,
    overrides: SetOption = None,
    data: DataOption = None,
    plugin_path: PluginOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the values that expressions may name, with units and the stored rows.

    Without CONFIG and --data those of the embedded data.
    """
    from data_feeds.dataset import Dataset
    from data_feeds.load import held_keys, open_source
    from engine.cli.rule_listing import value_document, value_lines
    from engine.config_files import read_config
    from engine.plugins import configured_playbook
    from engine.rules_check import channel_ends

    params = None
    place = str(data or EMBEDDED)
    if config is not None:
        checked = read_config(config, overrides, plugin_path, data)
        place = str(checked.data.source)
        params = configured_playbook(checked.playbook, plugin_path).params
    source = open_source(place)
    records = source.instruments if isinstance(source, Dataset) else source.instruments()
    entries = _language().values(records, held_keys(source), params)
    ends = channel_ends(source)
    if as_json:
        print_json({"data": place, "values": value_document(entries, ends)})
        return
    for line in value_lines(entries, ends):
        print(line)


def _language() -> "RuleLanguage":
    """Return the language of the playbook of rules."""
    from engine.plugins import load_playbook_class

    found = load_playbook_class(RULES).language
    assert found is not None
    return found
