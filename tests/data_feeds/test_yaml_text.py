"""The strict YAML reader: accepted values, and refusals with their line."""

import math
import re
from datetime import date, datetime
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from ruamel.yaml import YAML
from ruamel.yaml.constructor import ConstructorError
from ruamel.yaml.error import YAMLError

from data_feeds.errors import YamlError
from data_feeds.yaml_text import MAX_BYTES, TextPlace, load_yaml, parse_yaml


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("4e-4", 0.0004),
        ("1:30", "1:30"),
        ("off", "off"),
        ("no", "no"),
        ("true", True),
        ("~", None),
        ("", None),
        ("010", 10),
        ("-.inf", -math.inf),
        ("1_000", "1_000"),
        ("2026-02-05", "2026-02-05"),
        ("'5'", "5"),
        ("[1, 2.5, x]", [1, 2.5, "x"]),
    ],
)
def test_scalars_follow_yaml_1_2_core_rules(text: str, value: object) -> None:
    assert parse_yaml(f"key: {text}\n").data == {"key": value}


# Scalars that ruamel's own YAML 1.2 loader reads otherwise: its value, or its error.
OTHERWISE_IN_RUAMEL = {
    "1_000": 1000,
    "1_": 1,
    "1_000.5": 1000.5,
    "0x1F": 31,
    "0o14": 12,
    "0b11": 3,
    "2026-02-05": date(2026, 2, 5),
    "2026-02-05 14:00:00": datetime(2026, 2, 5, 14),
    "=": ConstructorError,
    "<<": ConstructorError,
    "._": ValueError,
}


@pytest.mark.parametrize(("text", "other"), OTHERWISE_IN_RUAMEL.items())
def test_numbers_and_dates_that_ruamel_alone_would_convert_stay_text(
    text: str, other: object
) -> None:
    assert parse_yaml(f"key: {text}\n").data == {"key": text}
    loader = YAML(typ="safe", pure=True)
    if isinstance(other, type):
        with pytest.raises(other):
            loader.load(f"key: {text}\n")
    else:
        assert loader.load(f"key: {text}\n") == {"key": other}


@given(st.text("0123456789+-.eE_:xobinfNaAutrlsd ~", max_size=8))
def test_every_other_scalar_has_the_value_of_ruamels_loader(text: str) -> None:
    # Underscores, other bases and dates differ, see above.
    assume(not re.search("_|0[xob]", text) and not re.match(r"\d{4}-", text.strip()))
    source = f"key: {text}\n"
    try:
        expected = YAML(typ="safe", pure=True).load(source)
    except (YAMLError, ValueError):
        assume(False)
    assume(isinstance(expected, dict) and list(expected) == ["key"])
    assume(not isinstance(expected["key"], dict | list))
    found = parse_yaml(source).data["key"]
    assert (type(found), repr(found)) == (type(expected["key"]), repr(expected["key"]))


def test_a_key_is_text_as_written() -> None:
    assert list(parse_yaml("01: a\nnull: b\n1.0: c\n").data) == ["01", "null", "1.0"]


def test_nan_is_read_as_a_number() -> None:
    assert math.isnan(parse_yaml("key: .nan").data["key"])


def test_lines_name_every_key_and_item() -> None:
    document = parse_yaml("a:\n  b: 1\n  c:\n    - x\n    - d: 2\n")
    assert document.lines[("a", "c", 1, "d")] == 5
    assert document.line(("a", "c", 1, "missing")) == 5
    assert document.line(("nowhere",)) == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nb: 2\na: 3\n", "f.yaml:3: key 'a' repeated; first written on line 1"),
        ("a:\n\tb: 1\n", "f.yaml:2: a tab"),
        ("- 1\n", "f.yaml:1: the top level"),
        ("", "f.yaml:1: empty"),
        ("a: !!python/object:os.system x\n", "f.yaml:1: tag"),
        ("a: 1\n---\nb: 2\n", "f.yaml:2: a second document"),
        ("a: *missing\n", "f.yaml:1: alias"),
        ("a: &x [*x]\n", "f.yaml:1: alias"),
        ("a: [1, 2\nb: 3\n", "f.yaml:2:"),
        ("? [1]\n: 2\n", "f.yaml:1: a key must be plain text"),
        ("a: " + "[" * 60 + "]" * 60, "f.yaml:1: nested deeper"),
        ("a: \x01\n", "f.yaml"),
    ],
)
def test_a_refusal_names_its_line(text: str, message: str) -> None:
    with pytest.raises(YamlError) as caught:
        parse_yaml(text, "f.yaml")
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


def test_alias_bomb_is_refused_before_it_expands() -> None:
    rows = ["a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1]"]
    rows += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 12)]
    with pytest.raises(YamlError, match=r"aliases expand to more than 100 values"):
        parse_yaml("\n".join(rows))


def test_a_small_alias_is_a_copy() -> None:
    data = parse_yaml("a: &x {k: [1]}\nb: *x\n").data
    data["a"]["k"].append(2)
    assert data["b"] == {"k": [1]}


def test_values_that_a_caller_changes_are_read_again_as_written() -> None:
    text = "a: {b: [1, 2]}"
    parse_yaml(text).data["a"]["b"].append(3)
    assert parse_yaml(text).data == {"a": {"b": [1, 2]}}
    assert parse_yaml(text, "other.yaml").path == Path("other.yaml")


def test_missing_huge_and_binary_files_are_one_line(tmp_path: Path) -> None:
    with pytest.raises(YamlError, match="cannot read"):
        load_yaml(tmp_path / "none.yaml")
    huge = tmp_path / "huge.yaml"
    huge.write_text("#" * (MAX_BYTES + 1))
    with pytest.raises(YamlError, match="bytes"):
        load_yaml(huge)
    binary = tmp_path / "binary.yaml"
    binary.write_bytes(b"a: 1\nb: \xff\n")
    with pytest.raises(YamlError, match=r"binary\.yaml:2: not UTF-8"):
        load_yaml(binary)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("a: vix < 25   # calm", TextPlace(1, 4, True)),
        ("a:\n    vix < 25", TextPlace(2, 5, True)),
        ('a: "vix < 25"', TextPlace(1, 5, True)),
        ("a: 'vix < 25'", TextPlace(1, 5, True)),
        ("a: &calm vix < 25", TextPlace(1, 10, True)),
        ('a: &calm "vix < 25"', TextPlace(1, 11, True)),
        ("é: 1\r\na:  vix < 25", TextPlace(2, 5, True)),
        ("{b: 1, a: vix < 25}", TextPlace(1, 11, True)),
        # An escape is longer in the file than in the value.
        ('a: "vix \\u003c 25"', TextPlace(1, 5, False)),
        ("a: 'it''s'", TextPlace(1, 5, False)),
    ],
)
def test_a_scalar_of_one_line_has_the_place_of_its_first_letter(
    text: str, place: TextPlace
) -> None:
    assert parse_yaml(text).places["a",] == place


@pytest.mark.parametrize(
    "text", ["a: |\n  vix < 25\n", "a: >-\n  vix\n  < 25\n", "a: vix\n  < 25\n"]
)
def test_a_text_of_several_lines_has_a_line_only(text: str) -> None:
    document = parse_yaml(text)
    assert ("a",) not in document.places
    assert document.line(("a",)) == 1


def test_items_and_values_inside_blocks_have_places() -> None:
    document = parse_yaml("a:\n  - {price: n * 2}\n  - x\n")
    assert document.places["a", 0, "price"] == TextPlace(2, 13, True)
    assert document.places["a", 1] == TextPlace(3, 5, True)


@pytest.mark.parametrize(
    ("text", "line", "rewrite"),
    [
        ("a: {calm: sma(vix, 20 bars) < 25}", 1, '"sma(vix, 20 bars) < 25"'),
        ("a:\n  {b: 1, calm: max(a, min(b, c)) < 25, d: 2}", 2, '"max(a, min(b, c)) < 25"'),
        (
            'a: {b: count(state.action == "wait", 3d) > 1}',
            1,
            "'count(state.action == \"wait\", 3d) > 1'",
        ),
        ("a: [1, max(b, 2)]", 1, '"max(b, 2)"'),
        # The reader sees a second key, `2) < 3`.
        ("a: {max(b, 2) < 3}", 1, '"max(b, 2) < 3"'),
    ],
)
def test_a_comma_inside_parentheses_and_braces_is_refused_with_the_rewrite(
    text: str, line: int, rewrite: str
) -> None:
    with pytest.raises(YamlError) as caught:
        parse_yaml(text, "f.yaml")
    assert str(caught.value).startswith(f"f.yaml:{line}: ")
    assert f"write {rewrite} in quotes, or write the block as one" in str(caught.value)


def test_parentheses_that_close_may_stand_inside_braces() -> None:
    text = "a: {b: atr(btc) < 2, c: \"max(d, 1)\", e: [abs(f), '(']}"
    assert parse_yaml(text).data["a"] == {
        "b": "atr(btc) < 2",
        "c": "max(d, 1)",
        "e": ["abs(f)", "("],
    }
    # Outside braces a comma cuts nothing.
    assert parse_yaml("a: sma(vix, 20 bars) < 25 (").data == {"a": "sma(vix, 20 bars) < 25 ("}


@pytest.mark.parametrize(
    ("text", "remedy"),
    [
        ("a: {b: x[1]}", "in quotes of the other kind"),
        ("a: [f(x)[1]]", "in quotes of the other kind"),
        ('a: "wait" == state.action', "begin with another word"),
        ("a: vix: < 25", "one key and one ': '"),
    ],
)
def test_a_text_that_signs_of_yaml_cut_short_is_refused_with_a_remedy(
    text: str, remedy: str
) -> None:
    with pytest.raises(YamlError, match=f"^f.yaml:1: .*{remedy}"):
        parse_yaml(text, "f.yaml")


@pytest.mark.parametrize(
    ("text", "remedy"),
    [
        ("a:\n  b: 1\n c: 2", "in the column of the lines it belongs with"),
        ("a:\n  b: 1\n  - c", "'- ' before all items"),
        ("a:\n  b: 1\n    c: 2", "lines indented under it"),
    ],
)
def test_a_line_in_a_wrong_column_is_refused_with_a_remedy(text: str, remedy: str) -> None:
    with pytest.raises(YamlError, match=f"^f.yaml:3: .*{remedy}"):
        parse_yaml(text, "f.yaml")
