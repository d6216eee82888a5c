"""Make the JSON schemas of configuration files, which editors use for completion."""

import json
from typing import Any

from engine.config.account import AccountConfig
from engine.config.compare import CompareConfig
from engine.config.models import RunConfig

Config = RunConfig | AccountConfig | CompareConfig


def run_schema(model: type[Config] = RunConfig) -> dict[str, Any]:
    """Return the JSON schema of a YAML file; a venue may be written inline or named."""
    schema = model.model_json_schema()
    venue = schema["properties"]["venue"]
    description = venue.pop("description")
    schema["properties"]["venue"] = {
        "anyOf": [{"type": "string"}, venue],
        "description": description,
    }
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def run_schema_text(model: type[Config] = RunConfig) -> str:
    """Return the schema as it is stored in ``configs/schema``."""
    return json.dumps(run_schema(model), indent=2, sort_keys=True) + "\n"
