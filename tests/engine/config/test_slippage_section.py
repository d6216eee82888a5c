import json

import pytest
from jsonschema import Draft202012Validator

from engine.config.json_schema import run_schema
from engine.config.load import load_run_config
from engine.config.venue import VenueConfig
from engine.costs import MODELS, RangeSlippage, SquareRootSlippage
from engine.errors import ConfigError

TABLE = [{"floor": 0, "rate": 0.01}]


def section(**written):
    return VenueConfig.model_validate({"maintenance": TABLE, "slippage": written}).slippage


def test_the_name_chooses_the_model():
    assert section(model="range") == RangeSlippage()
    assert section(model="square_root", coefficient=2.0) == SquareRootSlippage(coefficient=2.0)


@pytest.mark.parametrize(
    ("written", "model"),
    [
        ({"range_share": 0.1}, "range"),
        ({"impact": 0.5, "base_bps": 3}, "range"),
        ({"coefficient": 2}, "square_root"),
    ],
)
def test_without_a_name_the_keys_choose_it(written, model):
    assert section(**written).model == model


def test_a_stored_section_is_read_back_as_it_was():
    for model in MODELS:
        venue = VenueConfig(maintenance=TABLE, slippage=model(base_bps=7))
        again = VenueConfig.model_validate_json(venue.model_dump_json(), strict=True)
        assert again.slippage == venue.slippage


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        (
            ["venue.slippage.model=square_root", "venue.slippage.impact=1"],
            "impact is a key of the model range, and the model is square_root; take impact out, or "
            "write model: range",
        ),
        (
            ["venue.slippage.model=range", "venue.slippage.coefficient=1"],
            "coefficient is a key of the model square_root, and the model is range; take "
            "coefficient out, or write model: square_root",
        ),
        (["venue.slippage.model=cubic"], "model must be one of range, square_root, fixed"),
        (["venue.slippage.coefficient=11"], "venue.slippage.coefficient = 11: must be 10 or less"),
        (["venue.slippage.coeficient=1"], "venue.slippage.coeficient: unknown key"),
    ],
)
def test_a_wrong_section_is_refused_with_place_and_remedy(run_file, settings, line):
    with pytest.raises(ConfigError) as caught:
        load_run_config(run_file(), settings)
    (text,) = str(caught.value).splitlines()
    assert line in text
    assert "venue.slippage" in text
    assert "choice:" not in text


@pytest.mark.parametrize(
    "written",
    [{}, {"base_bps": 2}, {"range_share": 0.1}, {"model": "range"}, {"coefficient": 1}],
)
def test_the_editors_schema_accepts_what_a_run_accepts(written):
    schema = run_schema()
    found = schema["$defs"]["VenueConfig"]["properties"]["slippage"]
    assert [part["$ref"] for part in found["anyOf"]]
    whole = json.loads(json.dumps({**found, "$defs": schema["$defs"]}))
    assert Draft202012Validator(whole).is_valid(written)
    assert not Draft202012Validator(whole).is_valid({**written, "depth": 1})
