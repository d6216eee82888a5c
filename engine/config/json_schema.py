"""Make the JSON schemas of configuration files, which editors use for completion."""

import json
from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from engine.config.account import AccountConfig
from engine.config.compare import CompareConfig
from engine.config.locations import SCHEMA_FILE
from engine.config.models import PlaybookConfig, RunConfig
from engine.config.sweep import SweepConfig

Config = RunConfig | AccountConfig | CompareConfig | SweepConfig
ParamModels = Mapping[str, type[BaseModel]]

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_MODE: Literal["validation"] = "validation"


def run_schema(
    model: type[Config] = RunConfig, params: ParamModels | None = None
) -> dict[str, Any]:
    """Return the JSON schema of a YAML file; a venue may be written inline or named.

    Parameters
    ----------
    model : of the file
    params : model of ``playbook.params`` by the playbook's name; the parameters of a playbook of
        another name stay open
    """
    named = dict(sorted((params or {}).items()))
    # One call for all models: classes that share a name get two names in the definitions.
    if model is SweepConfig:
        return _sweep_schema()
    found, shared = models_json_schema([(each, _MODE) for each in (model, *named.values())])
    definitions = shared["$defs"]
    schema = _resolved(found[model, _MODE], definitions, remove=True)
    venue = schema["properties"]["venue"]
    description = venue.pop("description")
    schema["properties"]["venue"] = {
        "anyOf": [{"type": "string"}, venue],
        "description": description,
    }
    if named:
        references = {name: found[each, _MODE] for name, each in named.items()}
        _name_playbooks(definitions[PlaybookConfig.__name__], references, definitions)
    return {"$schema": _DIALECT, **schema, "$defs": definitions}


def run_schema_text(model: type[Config] = RunConfig, params: ParamModels | None = None) -> str:
    """Return the schema as it is stored in ``configs/schema``."""
    return json.dumps(run_schema(model, params), indent=2, sort_keys=True) + "\n"


def _sweep_schema() -> dict[str, Any]:
    """Return the schema of a sweep; a base written inline follows the schema of runs beside it."""
    schema = SweepConfig.model_json_schema(mode=_MODE)
    schema["properties"]["base"]["anyOf"] = [{"type": "string"}, {"$ref": SCHEMA_FILE.name}]
    return {"$schema": _DIALECT, **schema}


def _name_playbooks(
    playbook: dict[str, Any], params: Mapping[str, Any], definitions: dict[str, Any]
) -> None:
    """Let the schema of a playbook offer the known names, and judge parameters by the name."""
    name = playbook["properties"]["name"]
    # Without the second branch an editor would refuse a playbook of one's own.
    name["anyOf"] = [{"enum": list(params)}, {"type": name.pop("type")}]
    playbook["allOf"] = [
        {
            "if": {"properties": {"name": {"const": known}}, "required": ["name"]},
            "then": {
                "properties": {"params": reference},
                "required": ["params"] if _resolved(reference, definitions).get("required") else [],
            },
        }
        for known, reference in params.items()
    ]


def _resolved(
    reference: Mapping[str, Any], definitions: dict[str, Any], *, remove: bool = False
) -> dict[str, Any]:
    """Return the definition that a reference names; with ``remove`` it is taken out."""
    name = reference["$ref"].rpartition("/")[2]
    found: dict[str, Any] = definitions.pop(name) if remove else definitions[name]
    return found
