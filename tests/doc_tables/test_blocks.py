"""Generated blocks of the pages in ``docs/``: replacing them, and finding lines that differ."""

from pathlib import Path

import pytest

from doc_tables import __main__ as command
from doc_tables import blocks
from doc_tables.blocks import PageBlock, differences, replace, table

PAGE = "before\n<!-- t begin -->\n\n| a |\n|---|\n| 1 |\n\n<!-- t end -->\nafter\n"


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(blocks, "DOCS", tmp_path)
    path = tmp_path / "page.md"
    path.write_text(PAGE)
    return path


def test_a_block_replaces_the_lines_between_its_markers_and_no_other(page: Path) -> None:
    replace(PageBlock("page.md", "t", table(("a", "b"), [("1", "2")])))
    assert page.read_text() == (
        "before\n<!-- t begin -->\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n<!-- t end -->\nafter\n"
    )


def test_writing_what_stands_there_changes_nothing(page: Path) -> None:
    replace(PageBlock("page.md", "t", table(("a",), [("1",)])))
    assert page.read_text() == PAGE


def test_a_sample_names_each_line_that_the_page_lacks(page: Path) -> None:
    assert list(differences(PageBlock("page.md", "t", ["| 1 |", ""]))) == []
    (found,) = differences(PageBlock("page.md", "t", ["| 1 |", "| 2 |"]))
    assert found == "docs/page.md, block t, has no line\n  | 2 |"


def test_a_line_outside_the_block_does_not_count(page: Path) -> None:
    assert list(differences(PageBlock("page.md", "t", ["after"])))


@pytest.mark.parametrize("text", ["no markers", PAGE + PAGE])
def test_a_page_needs_both_markers_once(page: Path, text: str) -> None:
    page.write_text(text)
    with pytest.raises(SystemExit, match=r"docs/page.md: needs the lines <!-- t begin -->"):
        replace(PageBlock("page.md", "t", []))


def test_the_check_fails_on_a_difference_and_on_nothing_compared(
    page: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(*lines: str) -> int:
        sample = {"page": lambda: iter([PageBlock("page.md", "t", lines)])}
        monkeypatch.setattr(command, "SAMPLES", sample)
        return command.check([])

    assert run("| 1 |") == 0
    assert run("| 1 |", "| 3 |") == 1
    assert "2 lines compared, 1 differ" in capsys.readouterr().out
    assert run() == 1


def test_the_flywheel_s_tables_are_those_of_its_page() -> None:
    blocks_ = list(command.SAMPLES["flywheel"]())
    assert sum(len(block.lines) for block in blocks_) > 0
    assert [line for block in blocks_ for line in differences(block)] == []


def test_the_check_refuses_a_page_that_needs_real_data(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["doc_tables", "findings", "--check"])
    with pytest.raises(SystemExit) as caught:
        command.main()
    assert caught.value.code == 2
    told = capsys.readouterr().err
    assert "findings needs real data; --check takes checklist, clusters, diff, flywheel" in told


def test_a_whole_block_allows_no_line_more_and_no_other_order(page: Path) -> None:
    same = ["| a |", "|---|", "| 1 |"]
    assert list(differences(PageBlock("page.md", "t", same, whole=True))) == []
    (extra,) = differences(PageBlock("page.md", "t", same[:2], whole=True))
    assert extra == "docs/page.md, block t, has one line too many\n  | 1 |"
    (order,) = differences(PageBlock("page.md", "t", same[::-1], whole=True))
    assert order == "docs/page.md, block t, has the lines in another order"
