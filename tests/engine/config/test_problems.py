"""Check the remedy for keys of blocks that have names of the user's own, and the order."""

from collections.abc import Mapping

from pydantic import Field, ValidationError

from data_feeds.strict_model import StrictModel
from engine.config.problems import problem_lines, validate_strict
from engine.config.yaml_source import ConfigSource


class WateredPlant(StrictModel):
    liters: float = Field(description="Water a day")


class WateredGarden(StrictModel):
    beds: Mapping[str, Mapping[str, WateredPlant]]
    leaders: int = 0


def test_keys_inside_named_blocks_have_their_own_neighbours_in_the_order_of_the_file():
    data = {"leaders": "x", "beds": {"south": {"rose": {"litres": 2}}}}
    marks = {("leaders",): "f:1", ("beds", "south", "rose"): "f:4"}
    source = ConfigSource(data, marks, "f")
    try:
        validate_strict(WateredGarden, data)
    except ValidationError as error:
        found = problem_lines(error, WateredGarden, source)
    assert found == [
        'f:1: leaders = "x": must be a whole number',
        "f:4: beds.south.rose.liters: missing; add it (Water a day)",
        "f:4: beds.south.rose.litres: unknown key; did you mean beds.south.rose.liters?",
    ]
