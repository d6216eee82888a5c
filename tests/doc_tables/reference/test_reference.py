"""The reference pages: keys of a model, the command line, the rule language, each page current."""

import re
from collections import Counter
from enum import StrEnum

import pytest
from pydantic import BaseModel, Field

from data_feeds.strict_model import StrictModel
from doc_tables import reference
from doc_tables.blocks import DOCS, PageBlock, differences
from doc_tables.reference import commands, language
from doc_tables.reference.key_rows import KeyRow, ModelKeys
from doc_tables.reference.keys import pages
from doc_tables.reference.small_bars import evaluated
from engine.config.field_types import Duration, UtcDatetime
from strategies.rules.syntax import ExpressionError

ANCHOR = re.compile(r'<a id="([^"]+)">')


class Taste(StrEnum):
    SWEET = "sweet"
    SOUR = "sour"


class Slice(StrictModel):
    """A piece of the cake."""

    size: float = Field(gt=0, le=1, description="Share of the cake")


class Cake(StrictModel):
    taste: Taste = Field(Taste.SWEET, description="Its taste")
    baked: Duration | None = Field("30m", description="Time in the oven")
    eaten_at: UtcDatetime = Field(description="Instant | of the party")
    slices: tuple[Slice, ...] = Field((), min_length=1, description="Pieces")
    guests: dict[str, Slice] = Field(default_factory=dict, description="Pieces by guest")
    first: Slice
    candles: int | None = Field(None, ge=1, le=99, description="Candles")


def rows_of(model: type[BaseModel]) -> dict[str, KeyRow]:
    keys = ModelKeys.of([model])
    return {row.path: row for row in keys.rows(keys.roots[model])}


@pytest.mark.parametrize(
    ("key", "value", "default", "meaning"),
    [
        ("taste", "`sweet` or `sour`", "`sweet`", "Its taste"),
        ("baked", "duration or null", "`30m`", "Time in the oven"),
        ("eaten_at", "instant", "required", "Instant | of the party"),
        ("slices", "list of blocks, at least 1", "`[]`", "Pieces"),
        ("guests", "blocks by name", "`{}`", "Pieces by guest"),
        ("first", "keys below", "required", "A piece of the cake."),
        ("candles", "whole number >= 1, <= 99, or null", "`null`", "Candles"),
    ],
)
def test_a_key_s_row_says_value_default_and_meaning(
    key: str, value: str, default: str, meaning: str
) -> None:
    row = rows_of(Cake)[key]
    assert (row.value, row.default, row.meaning) == (value, default, meaning)


def test_a_block_s_keys_lie_below_the_key_that_holds_it() -> None:
    rows = rows_of(Cake)
    below = {key: [path for _, path in row.models] for key, row in rows.items() if row.models}
    assert below == {"slices": ["slices[]."], "guests": ["guests.NAME."], "first": ["first."]}


@pytest.fixture(scope="module")
def blocks() -> list[PageBlock]:
    return list(reference.sample())


def test_every_page_is_current(blocks: list[PageBlock]) -> None:
    told = [line for block in blocks for line in differences(block)]
    assert told == [], "run: python -m doc_tables reference"


def test_every_page_of_the_folder_is_made(blocks: list[PageBlock]) -> None:
    made = {block.page for block in blocks}
    assert {f"reference/{path.name}" for path in (DOCS / "reference").glob("*.md")} == made


def test_every_key_has_a_meaning_and_an_anchor_of_its_own(blocks: list[PageBlock]) -> None:
    keys = [block for block in blocks if block.name == "keys"]
    assert len(keys) == len(pages())
    for block in keys:
        rows = [line for line in block.lines if line.startswith("| ") and "`" in line]
        assert rows
        assert [line for line in rows if line.endswith("|  |")] == []
        found = Counter(ANCHOR.findall("\n".join(block.lines)))
        assert [name for name, times in found.items() if times > 1] == []


def test_the_keys_of_a_block_stand_on_one_page(blocks: list[PageBlock]) -> None:
    holding = [b.page for b in blocks if any("`risk.drawdown.halt_at`" in x for x in b.lines)]
    assert holding == ["reference/run.md"]


def test_every_command_is_listed_with_its_options(blocks: list[PageBlock]) -> None:
    (block,) = (block for block in blocks if block.name == "commands")
    called = [name for name, _ in commands.commands(commands.command_tree())]
    assert len(called) > 25
    assert [line[3:] for line in block.lines if line.startswith("## ")] == called
    assert "| `--set KEY=VALUE` |  | Change one value; may be repeated |" in block.lines


def test_an_exit_code_without_a_meaning_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands.exit_codes, "EXIT_NEW", 77, raising=False)
    with pytest.raises(SystemExit, match="says nothing about EXIT_NEW"):
        list(commands.blocks())


def test_a_function_without_an_example_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    left = {name: text for name, text in language.EXAMPLES.items() if name != "sma"}
    monkeypatch.setattr(language, "EXAMPLES", left)
    with pytest.raises(SystemExit, match="differ in sma"):
        list(language.blocks())


@pytest.mark.parametrize("name", language.EXAMPLES)
def test_an_example_uses_its_function_and_is_known_at_the_last_bar(name: str) -> None:
    text = language.EXAMPLES[name]
    assert f"{name}(" in text
    assert language._example(text)[1].split(", ")[-1] != "?"


def test_the_examples_are_computed_by_hand() -> None:
    # Closes 100, 110, 99, 108.9, 108.9, 130.68.
    assert evaluated("sma(btc.close, 2 bars)")[1:3] == ["105", "104.5"]
    # eth moves by twice the fraction: +20% where btc moves +10%.
    assert evaluated("beta(eth.close, btc.close, 3 bars)")[3:] == ["2", "2", "2"]
    assert evaluated("btc.close > 105") == ["false", "true", "false", "true", "true", "true"]
    with pytest.raises(ExpressionError):
        evaluated("gold.close > 1")
