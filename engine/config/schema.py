"""JSON schemas of files of runs and accounts: an editor completes and explains keys from them."""

import json
from typing import Any

from engine.config.models import RunConfig
from engine.config.sleeves import SleevesConfig


def run_schema(model: type[RunConfig | SleevesConfig] = RunConfig) -> dict[str, Any]:
    """Return the JSON schema of a YAML file; a venue may be written inline or named."""
    schema = model.model_json_schema()
    venue = schema["properties"]["venue"]
    description = venue.pop("description")
    schema["properties"]["venue"] = {
        "anyOf": [{"type": "string"}, venue],
        "description": description,
    }
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def run_schema_text(model: type[RunConfig | SleevesConfig] = RunConfig) -> str:
    """Return the schema as it is stored in ``configs/schema``."""
    return json.dumps(run_schema(model), indent=2, sort_keys=True) + "\n"
