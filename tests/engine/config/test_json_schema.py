import json

import pytest

from engine.config.account import AccountConfig
from engine.config.compare import CompareConfig
from engine.config.json_schema import run_schema, run_schema_text
from engine.config.locations import ACCOUNT_SCHEMA_FILE, COMPARE_SCHEMA_FILE, SCHEMA_FILE
from engine.config.models import RiskConfig, RunConfig


def test_the_stored_schema_is_current() -> None:
    assert SCHEMA_FILE.read_text() == run_schema_text(), "run: riskoff schema"


def test_the_stored_schema_of_accounts_is_current() -> None:
    text = run_schema_text(AccountConfig)
    assert ACCOUNT_SCHEMA_FILE.read_text() == text, "run: riskoff schema --account"


def test_the_stored_schema_of_comparisons_is_current() -> None:
    text = run_schema_text(CompareConfig)
    assert COMPARE_SCHEMA_FILE.read_text() == text, "run: riskoff schema --compare"


@pytest.mark.parametrize("model", [RunConfig, AccountConfig, CompareConfig])
def test_every_key_carries_a_description_for_the_editor(model) -> None:
    schema = json.loads(run_schema_text(model))
    blocks = [schema, *schema["$defs"].values()]
    silent = [
        name
        for block in blocks
        for name, field in block.get("properties", {}).items()
        if "description" not in field and "$ref" not in field
    ]
    assert silent == []


def test_the_schema_accepts_a_named_venue_and_an_inline_one() -> None:
    choices = run_schema()["properties"]["venue"]["anyOf"]
    assert {"type": "string"} in choices
    assert any("$ref" in choice for choice in choices)


def test_unknown_keys_are_refused_in_every_block() -> None:
    risk = run_schema()["$defs"][RiskConfig.__name__]
    assert risk["additionalProperties"] is False
