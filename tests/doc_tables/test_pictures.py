"""The pictures of the docs: inside their frames, current, and drawn from what they show."""

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from doc_tables.blocks import DOCS, differences
from doc_tables.pictures import instant, layers
from doc_tables.pictures.drawing import SvgDrawing, wrapped

FOLDER = DOCS / "pictures"
FILES = sorted(FOLDER.glob("*.svg"))
NAMES = ["flush-sequence", "layers", "one-instant", "sizing-caps"]
SPACE = "{http://www.w3.org/2000/svg}"


def test_every_picture_stands_on_a_page() -> None:
    assert [path.stem for path in FILES] == NAMES
    pages = "".join(path.read_text(encoding="utf-8") for path in DOCS.rglob("*.md"))
    assert [path.name for path in FILES if f"pictures/{path.name})" not in pages] == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_picture_is_inside_its_frame_and_loads_nothing(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    root = ElementTree.fromstring(text)
    _, _, width, height = map(float, root.attrib["viewBox"].split())
    boxes = [item.attrib for item in root.iter(f"{SPACE}rect")][1:]
    assert boxes
    for box in boxes:
        assert float(box["x"]) >= 0
        assert float(box["x"]) + float(box["width"]) <= width
        assert float(box["y"]) + float(box["height"]) <= height
    for item in root.iter(f"{SPACE}text"):
        assert 0 < float(item.attrib["y"]) < height
        # A letter is about seven pixels wide; a middle or an end lies at x.
        if "text-anchor" not in item.attrib:
            assert float(item.attrib["x"]) + 5.6 * len(item.text or "") < width, item.text
    assert "http" not in text.replace(SPACE[1:-1], "")
    assert "prefers-color-scheme:dark" in text
    assert root.find(f"{SPACE}title") is not None
    # Colours come from the style, which knows light and dark.
    assert re.findall(r'(?:fill|stroke)="', text) == []


@pytest.mark.parametrize("block", [layers.block(), instant.block()], ids=lambda block: block.page)
def test_a_picture_of_the_code_is_current(block) -> None:
    assert list(differences(block)) == [], "run: python -m doc_tables pictures"


def test_the_layers_are_those_of_the_contract() -> None:
    drawn = "\n".join(layers.block().lines)
    for container in ("engine", "data_feeds"):
        found = layers.layers(container)
        assert len(found) > 10
        assert [x for row in found for x in row.split(" | ") if x not in drawn] == []


def test_an_unknown_package_has_no_layers() -> None:
    with pytest.raises(LookupError, match="no contract of layers inside tests"):
        layers.layers("tests")


def test_a_table_of_other_than_five_steps_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "one-instant.md").write_text("| 1 | **Bars close.** All | `x` |\n")
    monkeypatch.setattr(instant, "DOCS", tmp_path)
    with pytest.raises(SystemExit, match="the table has 1 steps"):
        instant.block()


def test_words_are_escaped_and_wrapped() -> None:
    drawing = SvgDrawing("x")
    drawing.text(1, 2, "a < b & c")
    assert drawing.block().lines == ['<text x="1" y="2">a &lt; b &amp; c</text>']
    assert wrapped("one two three", 8) == ["one two", "three"]
    assert wrapped("incomprehensible", 8) == ["incomprehensible"]
