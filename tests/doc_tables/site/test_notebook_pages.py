"""Notebooks: stored clean, and made into pages with what their cells showed."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from doc_tables.blocks import DOCS
from doc_tables.site.notebook_pages import NOTEBOOKS, load_notebook, notebook_page

PATH = DOCS / "notebooks" / "own_rule.ipynb"


def cell(source: str, outputs: Sequence[dict[str, Any]] | None = None) -> dict[str, Any]:
    if outputs is None:
        return {"cell_type": "markdown", "source": source}
    return {"cell_type": "code", "source": [source], "outputs": outputs}


def shown(**data: object) -> dict[str, Any]:
    kinds = {name.replace("_", "/"): value for name, value in data.items()}
    return {"output_type": "execute_result", "data": kinds}


def page(*cells: dict[str, Any], folder: Path) -> str:
    return notebook_page({"cells": list(cells)}, PATH, folder)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_stored_notebook_has_code_and_no_output(path: Path) -> None:
    cells = load_notebook(path)["cells"]
    code = [item for item in cells if item["cell_type"] == "code"]
    assert len(code) > 4
    assert all(item["outputs"] == [] and item["execution_count"] is None for item in code)
    assert len({item["id"] for item in cells}) == len(cells)
    # The kernel of the environment that executes it, whatever its author's was called.
    assert load_notebook(path)["metadata"]["kernelspec"]["name"] == "python3"


def test_there_are_two_notebooks() -> None:
    assert [path.stem for path in NOTEBOOKS] == ["first_trade", "own_rule"]


def test_words_code_and_text_follow_each_other(tmp_path: Path) -> None:
    printed = {"output_type": "stream", "text": ["one\n", "two\n"]}
    found = page(cell("# Title"), cell("1 + 1", [printed, shown(text_plain="2")]), folder=tmp_path)
    assert found.startswith(
        "# Title\n\n```python\n1 + 1\n```\n\n```text\none\ntwo\n```\n\n```text\n2\n```\n\n"
    )
    assert found.endswith("[This page as a notebook](own_rule.ipynb)\n")


def test_a_table_stands_without_the_style_of_pandas(tmp_path: Path) -> None:
    html = '<style scoped>\n.dataframe {}\n</style>\n<table border="1" class="dataframe"></table>'
    found = page(cell("frame", [shown(text_html=html, text_plain="frame")]), folder=tmp_path)
    assert '<div class="output" tabindex="0">\n<table></table>\n</div>' in found
    assert "```text" not in found


def test_a_picture_becomes_a_file_beside_the_page(tmp_path: Path) -> None:
    output = {"output_type": "display_data", "data": {"image/svg+xml": ["<svg>", "</svg>"]}}
    found = page(cell("plot()", [output]), folder=tmp_path)
    assert "(own_rule-1.svg)" in found
    assert (tmp_path / "own_rule-1.svg").read_text() == "<svg></svg>"


def test_links_of_words_lead_inside_the_site(tmp_path: Path) -> None:
    words = cell("[a](../sell-offs.md), [b](first_trade.ipynb), [c](../../README.md)")
    found = page(words, folder=tmp_path)
    assert found.startswith("[a](../sell-offs.md), [b](first_trade.md), [c](../index.md)\n")


def test_a_fence_is_longer_than_any_inside_it(tmp_path: Path) -> None:
    found = page(cell("text = '```'", []), folder=tmp_path)
    assert found.startswith("````python\ntext = '```'\n````\n")


def test_a_notebook_is_read_as_its_file_says(tmp_path: Path) -> None:
    path = tmp_path / "x.ipynb"
    path.write_text(json.dumps({"cells": []}), encoding="utf-8")
    assert load_notebook(path) == {"cells": []}
