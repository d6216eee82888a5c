"""Define the commands ``validate``, ``show-config`` and ``schema``."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from engine.cli.completion import ANY_CONFIG, files_of
from engine.cli.options import AnyConfigArgument, JsonOption, PluginOption, SetOption
from engine.cli.output import print_error, print_json, print_yaml

if TYPE_CHECKING:
    from pydantic import BaseModel


def validate(
    configs: Annotated[
        list[str],
        typer.Argument(
            metavar="CONFIG...",
            help="Files of runs, accounts, comparisons, sweeps, or names of shipped ones",
            autocompletion=files_of(*ANY_CONFIG),
        ),
    ],
    plugin_path: PluginOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check files of runs, accounts, comparisons and sweeps without running; list every problem.

    If the catalog of a run is there, the channels that it lacks are named, too.
    """
    from data_feeds.errors import RiskoffError
    from engine.errors import split_problems

    results = []
    worst = 0
    for config in configs:
        problems: list[str] = []
        missing: dict[str, list[str]] = {}
        try:
            missing = _missing(config, plugin_path)
        except RiskoffError as error:
            problems = split_problems(str(error))
            worst = max(worst, error.exit_code)
        results.append(
            {"config": config, "valid": not problems, "problems": problems, "missing": missing}
        )
        if not as_json and problems:
            print_error("\n".join(problems))
        elif not as_json:
            print(f"{config}: valid")
            for use, channels in missing.items():
                print(f"  not in the data, {use}: {', '.join(channels)}")
    if as_json:
        print_json(results)
    if worst:
        raise typer.Exit(worst)


def configs(as_json: JsonOption = False) -> None:
    """List the configs that other commands take: the shipped ones, and those in this folder."""
    from itertools import groupby

    from engine.config.config_list import COMMANDS, configs_in, shipped_configs

    own, unreadable = configs_in(Path())
    listed = [*own, *shipped_configs()]
    for problem in unreadable:
        print(f"cannot be read: {problem}", file=sys.stderr)
    if as_json:
        print_json([{**vars(item), "path": str(item.path)} for item in listed])
        return
    width = max(len(item.name) for item in listed)
    for kind, items in groupby(listed, key=lambda item: (item.kind, item.name.endswith(".yaml"))):
        place = "in this folder" if kind[1] else "shipped"
        print(f"{kind[0]}, {place}: {COMMANDS[kind[0]]}")
        for item in items:
            data = "real data" if item.needs_data else ""
            print(f"  {item.name:{width}}  {data:9}  {item.about}".rstrip())
        print()
    print("real data: needs a catalog (riskoff data fetch or import); the others run at once")


def _missing(config: str, plugin_path: Path | None) -> dict[str, list[str]]:
    """Check a file; return the channels that its run's catalog lacks, by their use.

    The result is empty without a catalog, and for accounts and comparisons.

    Raises
    ------
    RiskoffError : the file cannot be used.
    """
    from engine.config.models import RunConfig
    from engine.config_files import check_any, data_on_disk

    checked = check_any(config, plugin_path)
    source = data_on_disk(checked) if isinstance(checked, RunConfig) else None
    if source is None or not isinstance(checked, RunConfig):
        return {}
    from engine.missing_data import check_against_records

    required, optional = check_against_records(checked, source, plugin_path)
    found = {"required": [str(key) for key in required], "optional": [str(k) for k in optional]}
    return {use: channels for use, channels in found.items() if channels}


def show_config(
    config: AnyConfigArgument,
    overrides: SetOption = None,
    plugin_path: PluginOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print a run, account, comparison or sweep with overrides and every default filled in.

    Comments at the end name the keys of ``risk`` that the playbook or an instrument's record sets.
    """
    from engine.cli.risk_layers import risk_lines, settled_account, settled_run
    from engine.config.account import AccountConfig
    from engine.config.models import RunConfig
    from engine.config_files import find_any, read_any

    checked = read_any(config, overrides, plugin_path)
    if isinstance(checked, RunConfig):
        checked = settled_run(checked, plugin_path)
    elif isinstance(checked, AccountConfig):
        checked = settled_account(checked, plugin_path)
    document = checked.model_dump(mode="json")
    if as_json:
        print_json(document)
        return
    print_yaml(document)
    for line in risk_lines(find_any(config), overrides or (), plugin_path):
        print(f"# {line}")


def schema(
    account: Annotated[
        bool, typer.Option("--account", help="The schema of accounts with several playbooks")
    ] = False,
    compare: Annotated[bool, typer.Option("--compare", help="The schema of comparisons")] = False,
    sweep: Annotated[bool, typer.Option("--sweep", help="The schema of sweeps")] = False,
) -> None:
    """Print the JSON schema of run files, for an editor's completion.

    It completes the parameters of every playbook that is installed and can be loaded.
    """
    from engine.config.account import AccountConfig
    from engine.config.compare import CompareConfig
    from engine.config.json_schema import run_schema_text
    from engine.config.models import RunConfig
    from engine.config.sweep import SweepConfig

    if account + compare + sweep > 1:
        raise typer.TyperException("give one of --account, --compare and --sweep")
    model: type[AccountConfig | CompareConfig | SweepConfig | RunConfig] = RunConfig
    for wanted, other in ((account, AccountConfig), (compare, CompareConfig), (sweep, SweepConfig)):
        model = other if wanted else model
    print(run_schema_text(model, _params_models()), end="")


def _params_models() -> dict[str, type["BaseModel"]]:
    """Return the parameters of every installed playbook that can be loaded and described.

    A line on stderr tells why another one's parameters stay open.
    """
    from engine.plugins import list_playbooks, load_playbook_class

    found: dict[str, type[BaseModel]] = {}
    for name in dict.fromkeys(entry.name for entry in list_playbooks()):
        try:
            params = load_playbook_class(name).Params
            params.model_json_schema()
        except Exception as error:  # a plugin may raise anything
            told = " ".join(str(error).split())
            print(f"the parameters of {name} stay open: {told}", file=sys.stderr)
        else:
            found[name] = params
    return found
