"""Define the commands ``strategies list`` and ``strategies show``."""

import json
from typing import Annotated, Any

import typer

from engine.cli.completion import playbook_names
from engine.cli.options import JsonOption, PluginOption
from engine.cli.output import print_columns, print_json

app = typer.Typer(help="List playbooks and their parameters.", no_args_is_help=True)


@app.command("list")
def list_command(plugin_path: PluginOption = None, as_json: JsonOption = False) -> None:
    """List playbooks by name without importing them."""
    from engine.plugins import list_playbooks

    entries = list_playbooks(plugin_path)
    if as_json:
        print_json([vars(entry) for entry in entries])
        return
    rows = [(entry.name, entry.target, entry.origin) for entry in entries]
    print_columns([("name", "class", "from"), *rows])


@app.command("show")
def show_command(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME",
            help="The playbook's name in a run file",
            autocompletion=playbook_names,
        ),
    ],
    plugin_path: PluginOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print a playbook's description and its parameters with their defaults."""
    from engine.plugins import load_playbook_class

    playbook = load_playbook_class(name, plugin_path)
    fields: dict[str, Any] = playbook.Params.model_json_schema()
    if as_json:
        print_json(fields)
        return
    print((playbook.__doc__ or name).strip())
    print()
    rows = [
        (key, _default(field, is_required=key in fields.get("required", ())), _about(field))
        for key, field in fields.get("properties", {}).items()
    ]
    print_columns([("parameter", "default", "meaning"), *rows])
    if playbook.risk_defaults:
        print()
        decided = [(key, json.dumps(value)) for key, value in playbook.risk_defaults.items()]
        print_columns([("risk", "default of this playbook"), *decided])


def _default(field: dict[str, Any], *, is_required: bool) -> str:
    """Return a parameter's default; a block has none to show, but may be left out."""
    if is_required:
        return "required"
    return _plain(field["default"]) if "default" in field else "optional"


def _plain(value: Any) -> str:
    """Return a default as YAML would write it."""
    return json.dumps(value) if not isinstance(value, str) else value


def _about(field: dict[str, Any]) -> str:
    return str(field.get("description", ""))
