"""Staging the site's pages: where links of a repository's page lead inside the site."""

from pathlib import Path

import pytest

from doc_tables.blocks import DOCS, ROOT
from doc_tables.site import stage as staging
from doc_tables.site.built import name_search, network_loads
from doc_tables.site.stage import outside_fences, site_path, site_text, stage, targets

OWN_RULE = DOCS / "notebooks" / "own_rule.ipynb"
PAGE = DOCS / "playbooks" / "hedged_rebalance.md"


@pytest.mark.parametrize(
    ("source", "link", "led"),
    [
        (ROOT / "README.md", "docs/fills.md#a", "fills.md#a"),
        (ROOT / "README.md", "docs/demo.png", "demo.png"),
        (ROOT / "README.md", "CONTRIBUTING.md", "repository/CONTRIBUTING.md"),
        (DOCS / "fills.md", "../README.md", "index.md"),
        (DOCS / "fills.md", "playbooks/hedged_rebalance.md", "playbooks/hedged_rebalance.md"),
        (PAGE, "../fills.md", "../fills.md"),
        (PAGE, "liquidation_reclaim.md", "liquidation_reclaim.md"),
        (PAGE, "../../configs/runs/demo.yaml", "../repository/configs/runs/demo.yaml.md"),
        (DOCS / "python.md", "notebooks/own_rule.ipynb", "notebooks/own_rule.md"),
        (OWN_RULE, "first_trade.ipynb", "first_trade.md"),
        (ROOT / "CONTRIBUTING.md", "docs/performance.md", "../performance.md"),
    ],
)
def test_a_link_leads_to_the_same_file_inside_the_site(source: Path, link: str, led: str) -> None:
    assert site_text(f"see [it]({link}).", source) == f"see [it]({led})."


@pytest.mark.parametrize("link", ["https://example.com/a", "#here", "mailto:a@example.com"])
def test_other_links_stay(link: str) -> None:
    assert site_text(f"[it]({link})", PAGE) == f"[it]({link})"


@pytest.mark.parametrize("link", ["nothing.md", "../../../outside.md", "../"])
def test_a_link_to_no_file_of_the_repository_is_refused(link: str) -> None:
    with pytest.raises(SystemExit, match=r"docs/playbooks/hedged_rebalance\.md: the link to"):
        list(targets(f"[it]({link})", PAGE))


def test_code_is_no_link() -> None:
    text = "a\n```md\n[it](nothing.md)\n```\nb\n````\n```\n[it](nothing.md)\n````\nc"
    assert list(outside_fences(text)) == ["a", "b", "c"]
    assert site_text(text, PAGE) == text


def test_a_linked_file_is_a_page_with_its_text(tmp_path: Path) -> None:
    pages = tmp_path / "pages"
    assert stage(pages) > 40
    home = (pages / "index.md").read_text(encoding="utf-8")
    assert home.startswith("# Riskoff\n")
    linked = set(targets((DOCS / "rules-gallery.md").read_text(encoding="utf-8"), DOCS / "x.md"))
    files = [path for path in linked if path.suffix == ".yaml"]
    assert files
    for path in files:
        text = (pages / site_path(path)).read_text(encoding="utf-8")
        assert text.startswith(f"# `{path.relative_to(ROOT).as_posix()}`\n\n````yaml\n")
        assert path.read_text(encoding="utf-8").strip() in text


def test_two_home_pages_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "index.md").touch()
    monkeypatch.setattr(staging, "DOCS", tmp_path)
    with pytest.raises(SystemExit, match=r"the home page is README\.md"):
        stage(tmp_path / "pages")


@pytest.mark.parametrize(
    ("element", "loads"),
    [
        ('<script src="https://unpkg.com/x"></script>', True),
        ("<img alt=a src=//cdn.example.com/x.png>", True),
        ('<link rel="stylesheet" href="https://fonts.googleapis.com/css">', True),
        ('<link rel="canonical" href="https://example.com/">', False),
        ('<script src="../assets/x.js"></script>', False),
        ('<a href="https://example.com">', False),
    ],
)
def test_a_page_that_loads_from_another_host_is_found(
    tmp_path: Path, element: str, loads: bool
) -> None:
    (tmp_path / "page.html").write_text(f"<html>{element}</html>")
    assert bool(list(network_loads(tmp_path))) == loads


def test_the_search_dialog_gets_a_name_for_screen_readers(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text('<div class="md-search" role="dialog"></div>')
    name_search(tmp_path)
    assert page.read_text() == '<div class="md-search" role="dialog" aria-label="Search"></div>'


def test_a_site_without_pages_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="has no page"):
        list(network_loads(tmp_path))
