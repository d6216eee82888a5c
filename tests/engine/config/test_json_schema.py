"""The JSON schemas: stored ones are current, shipped files fit, parameters are judged by name."""

import json
from functools import cache
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from referencing import Registry, Resource

from data_feeds.yaml_text import parse_yaml
from engine.config.account import AccountConfig
from engine.config.compare import CompareConfig
from engine.config.json_schema import run_schema, run_schema_text
from engine.config.locations import (
    ACCOUNT_SCHEMA_FILE,
    COMPARE_SCHEMA_FILE,
    CONFIGS_FOLDER,
    SCHEMA_FILE,
    SWEEP_SCHEMA_FILE,
)
from engine.config.models import RiskConfig, RunConfig
from engine.config.sweep import SweepConfig
from engine.plugins import load_playbook_class, shipped_playbooks

STORED = {
    RunConfig: (SCHEMA_FILE, "riskoff schema"),
    AccountConfig: (ACCOUNT_SCHEMA_FILE, "riskoff schema --account"),
    CompareConfig: (COMPARE_SCHEMA_FILE, "riskoff schema --compare"),
    SweepConfig: (SWEEP_SCHEMA_FILE, "riskoff schema --sweep"),
}
FOLDERS = {
    "runs": SCHEMA_FILE,
    "rules": SCHEMA_FILE,
    "accounts": ACCOUNT_SCHEMA_FILE,
    "compare": COMPARE_SCHEMA_FILE,
    "sweeps": SWEEP_SCHEMA_FILE,
}
SHIPPED = [
    pytest.param(file, schema, id=f"{folder}/{file.stem}")
    for folder, schema in FOLDERS.items()
    for file in sorted((CONFIGS_FOLDER / folder).glob("*.yaml"))
]


def shipped_params():
    return {name: load_playbook_class(name).Params for name in shipped_playbooks()}


@cache
def validator(file: Path) -> Draft202012Validator:
    schema = json.loads(file.read_text())
    Draft202012Validator.check_schema(schema)
    # The schema of sweeps refers to that of runs, which lies beside it.
    runs = Resource.from_contents(json.loads(SCHEMA_FILE.read_text()))
    return Draft202012Validator(schema, registry=Registry().with_resource(SCHEMA_FILE.name, runs))


def problems(document, file=SCHEMA_FILE) -> list[str]:
    """Return where a document does not fit a stored schema, with the reason."""
    return [
        f"{'.'.join(map(str, error.absolute_path))}: {error.message}"
        for error in validator(file).iter_errors(document)
    ]


def shipped(name, folder="runs"):
    return parse_yaml((CONFIGS_FOLDER / folder / f"{name}.yaml").read_text()).data


@pytest.mark.parametrize("model", STORED)
def test_the_stored_schema_is_current(model) -> None:
    file, command = STORED[model]
    assert file.read_text() == run_schema_text(model, shipped_params()), f"run: {command}"


@pytest.mark.parametrize("model", STORED)
def test_every_key_carries_a_description_for_the_editor(model) -> None:
    schema = json.loads(run_schema_text(model, shipped_params()))
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


@pytest.mark.parametrize(("file", "schema"), SHIPPED)
def test_a_shipped_file_fits_its_schema(file: Path, schema: Path) -> None:
    assert problems(parse_yaml(file.read_text()).data, schema) == []


@pytest.mark.parametrize(("file", "schema"), SHIPPED)
def test_a_shipped_file_names_its_schema_for_the_editor(file: Path, schema: Path) -> None:
    first = file.read_text().splitlines()[0]
    before, _, path = first.partition("$schema=")
    assert before == "# yaml-language-server: "
    assert (file.parent / path).resolve() == schema


@pytest.mark.parametrize("name", ["swing_2026", "demo", "hedged_2026", "weights_2020"])
def test_a_misspelt_parameter_is_refused_by_the_playbooks_name(name: str) -> None:
    document = shipped(name)
    document["playbook"].setdefault("params", {})["drawdwn"] = 0.1
    (problem,) = problems(document)
    assert problem.startswith("playbook.params: ")
    assert "'drawdwn' was unexpected" in problem


def test_a_parameter_out_of_its_range_is_refused() -> None:
    document = shipped("swing_2026")
    document["playbook"].setdefault("params", {})["drawdown"] = "deep"
    assert any(line.startswith("playbook.params.drawdown: ") for line in problems(document))


def test_parameters_of_another_playbook_stay_open() -> None:
    document = shipped("demo")
    document["playbook"] = {"name": "my_package.rules:Mine", "params": {"anything": [1, 2]}}
    assert problems(document) == []


def test_parameters_without_which_a_playbook_cannot_run_are_demanded() -> None:
    document = shipped("demo")
    document["playbook"] = {"name": "hold"}
    assert problems(document) == ["playbook: 'params' is a required property"]


def test_accounts_and_comparisons_judge_parameters_by_name_too() -> None:
    account, comparison = (
        shipped("three_playbooks", "accounts"),
        shipped("playbooks_by_episode", "compare"),
    )
    sleeve, row = next(iter(account["sleeves"])), next(iter(comparison["rows"]))
    account["sleeves"][sleeve]["playbook"].setdefault("params", {})["misspelt"] = 1
    comparison["rows"][row]["playbook"].setdefault("params", {})["misspelt"] = 1
    for document, schema, where in (
        (account, ACCOUNT_SCHEMA_FILE, f"sleeves.{sleeve}.playbook.params: "),
        (comparison, COMPARE_SCHEMA_FILE, f"rows.{row}.playbook.params: "),
    ):
        (problem,) = problems(document, schema)
        assert problem.startswith(where)
        assert "'misspelt' was unexpected" in problem
