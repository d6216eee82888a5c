"""The JSON schema of a run file, from which an editor completes and explains keys."""

import json
from typing import Any

from engine.config.models import RunConfig


def run_schema() -> dict[str, Any]:
    """Return the JSON schema of a run's YAML; a venue may be written inline or named."""
    schema = RunConfig.model_json_schema()
    venue = schema["properties"]["venue"]
    description = venue.pop("description")
    schema["properties"]["venue"] = {
        "anyOf": [{"type": "string"}, venue],
        "description": description,
    }
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def run_schema_text() -> str:
    """Return the schema as it is stored in ``configs/schema/run.schema.json``."""
    return json.dumps(run_schema(), indent=2, sort_keys=True) + "\n"
