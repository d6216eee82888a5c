"""Every file and module that a page names exists, and every link leads somewhere."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from ruamel.yaml import YAML

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
FOLDERS = "engine|data_feeds|strategies|tests|configs|docs|benchmarks|doc_tables"
FILE = re.compile(rf"`((?:{FOLDERS})/[\w/.-]+)`")
MODULE = re.compile(r"`((?:engine|data_feeds|strategies)(?:\.[a-z_]+)+)")
LINK = re.compile(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)")


def missing(page: Path) -> Iterator[str]:
    """Yield each file, module or link target of a page that does not exist."""
    text = page.read_text(encoding="utf-8")
    for name in FILE.findall(text):
        if not (ROOT / name).exists():
            yield name
    for name in MODULE.findall(text):
        # The last part may be a function of the module.
        paths = [ROOT / part.replace(".", "/") for part in (name, name.rpartition(".")[0])]
        if not any(path.is_dir() or path.with_suffix(".py").is_file() for path in paths):
            yield name
    for name in LINK.findall(text):
        if not (page.parent / name).exists():
            yield name


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_page_names_only_what_exists(page: Path) -> None:
    assert list(missing(page)) == []


def test_a_wrong_name_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "`engine/nothing.py`, `engine.nothing.at_all`, [here](gone.md), `engine/run.py`"
    )
    assert list(missing(page)) == ["engine/nothing.py", "engine.nothing.at_all", "gone.md"]


def entries(nav: object) -> Iterator[str]:
    """Yield the pages of a part of mkdocs.yml's `nav`."""
    if isinstance(nav, str):
        yield nav
    elif isinstance(nav, dict):
        for part in nav.values():
            yield from entries(part)
    elif isinstance(nav, list):
        for part in nav:
            yield from entries(part)


def test_every_page_of_docs_has_one_place_in_the_site() -> None:
    # The rest of the file has tags of Python, which the default loader keeps as they are.
    nav = list(entries(YAML().load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))["nav"]))
    pages = [path.relative_to(ROOT / "docs") for path in (ROOT / "docs").rglob("*.md")]
    notebooks = (ROOT / "docs" / "notebooks").glob("*.ipynb")
    own = ["index.md", "repository/CHANGELOG.md", "repository/CONTRIBUTING.md"]
    own += [f"notebooks/{path.stem}.md" for path in notebooks]
    assert sorted(nav) == sorted([*own, *(path.as_posix() for path in pages)])
