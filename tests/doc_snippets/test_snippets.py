"""Commands, YAML and Python that the pages show fit the command line, the models and the door."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import riskoff
from data_feeds.yaml_text import parse_yaml
from tests.doc_snippets.command_lines import command_lines, problems, shipped_names
from tests.doc_snippets.pages import PAGES, ROOT, Snippet, snippets
from tests.doc_snippets.yaml_files import yaml_problems

FOUND = [snippet for page in PAGES for snippet in snippets(page)]
CHECKED = [snippet for snippet in FOUND if not snippet.reason]
NO_COMMANDS = ("python", "yaml", "json", "text", "mermaid")
COMMANDS = [
    (snippet, command)
    for snippet in CHECKED
    if snippet.language not in NO_COMMANDS
    for command in command_lines(snippet)
]


def of_language(language: str) -> list[Snippet]:
    return [snippet for snippet in CHECKED if snippet.language == language]


def by_page(snippets_: list[Snippet]) -> dict[str, list[Snippet]]:
    pages: dict[str, list[Snippet]] = {}
    for snippet in snippets_:
        pages.setdefault(snippet.page.relative_to(ROOT).as_posix(), []).append(snippet)
    return pages


def named_on_pages() -> Iterator[str]:
    """Yield the names of the runs and accounts whose files the pages show."""
    for snippet in of_language("yaml"):
        if snippet.text.startswith("name: "):
            yield str(parse_yaml(snippet.text).data["name"])


RUNS = shipped_names() | frozenset(named_on_pages())


def test_snippets_of_every_kind_are_found() -> None:
    assert len(COMMANDS) > 100
    assert len([snippet for snippet, _ in COMMANDS if snippet.language != "inline"]) > 40
    assert len(of_language("yaml")) > 8
    assert len(of_language("python")) > 4
    assert len({snippet.page for snippet in CHECKED}) > 25


def test_every_command_is_one_that_riskoff_has() -> None:
    told = [
        f"{snippet.place}: {command}: {problem}"
        for snippet, command in COMMANDS
        for problem in problems(command, RUNS, whole=snippet.language != "inline")
    ]
    assert told == []


@pytest.mark.parametrize("page", by_page(of_language("yaml")))
def test_yaml_fits_its_model(page: str, tmp_path: Path) -> None:
    told = [
        f"{snippet.place}: {problem}"
        for snippet in by_page(of_language("yaml"))[page]
        for problem in yaml_problems(snippet.text, tmp_path)
    ]
    assert told == []


@pytest.mark.parametrize("page", by_page(of_language("python")))
def test_python_parses_and_asks_riskoff_for_what_it_has(page: str) -> None:
    for snippet in by_page(of_language("python"))[page]:
        tree = ast.parse(snippet.text, snippet.place)
        asked = [
            node.attr
            for node in ast.walk(tree)
            if isinstance(node, ast.Attribute)
            and isinstance(node.value, ast.Name)
            and node.value.id == "riskoff"
        ]
        assert [name for name in asked if not hasattr(riskoff, name)] == [], snippet.place


@pytest.mark.parametrize(
    ("command", "problem"),
    [
        ("riskoff run demo --set risk.risk_fraction=0.005 --json", ""),
        ("riskoff -q run demo", ""),
        ("riskoff --install-completion", ""),
        ("riskoff explain demo@2 --trade 3", ""),
        ("riskoff explain three_playbooks/core", ""),
        ("riskoff run FILE --data=cat", ""),
        ("riskoff data fetch configs/data/episodes.yaml --dry-run", ""),
        ("riskoff fly", "no command fly"),
        ("riskoff data", "names no command of the group"),
        ("riskoff run", "takes 1 arguments or more, not 0"),
        ("riskoff run demo other", "takes 1 arguments or fewer, not 2"),
        ("riskoff run demo --fast", "no option --fast"),
        ("riskoff run demo --out", "--out without a value"),
        ("riskoff run demoo", "demoo: no such file; did you mean demo?"),
        ("riskoff audit nothing_of_the_kind", "no run of this name is made on any page"),
        ("riskoff run configs/runs/gone.yaml", "no file configs/runs/gone.yaml"),
        ("riskoff run demo --set risk.risk_fracton=0.005", "risk.risk_fracton"),
        ("riskoff run demo --set risk.risk_fraction=5", "risk.risk_fraction"),
        ("riskoff episodes show 1929", "1929: no such file"),
    ],
)
def test_a_wrong_command_is_found(command: str, problem: str) -> None:
    found = list(problems(command, RUNS, whole=True))
    assert (problem in found[0]) if problem else found == []


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("risk: {risk_fraction: 0.01}", ""),
        ("risk: {risk_fracton: 0.01}", "risk_fracton"),
        ("  tranches:\n  - {fraction: 0.5}\n  - {fraction: 0.5, after: 3 bars}", ""),
        ("calm: {when: vix < 25, unknown: pass}", ""),
        ("calm: {when: vixx < 25}", "vixx"),
        ("nonsense: 1", "nonsense"),
        ("- {id: X, kind: perp}", ""),
        ("- {id: X, kind: purple}", "kind"),
        ("a: [", "<text>:1"),
    ],
)
def test_wrong_yaml_is_found(text: str, problem: str, tmp_path: Path) -> None:
    found = list(yaml_problems(text, tmp_path))
    assert (problem in found[0]) if problem else found == []


def test_a_marker_needs_a_reason_and_speaks_of_the_next_block_only(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "<!-- not checked: the file is the reader's own -->\n\n```sh\nriskoff fly\n```\n"
        "```sh\nriskoff run demo  # a comment\n```\nand `riskoff runs`.\n"
    )
    found = list(snippets(page))
    assert [(s.language, bool(s.reason)) for s in found] == [
        ("sh", True),
        ("sh", False),
        ("inline", False),
    ]
    assert [list(command_lines(s)) for s in found[1:]] == [["riskoff run demo"], ["riskoff runs"]]
    page.write_text("<!-- not checked: so -->\n```sh\nx\n```\n")
    with pytest.raises(AssertionError, match="say why"):
        list(snippets(page))
    page.write_text("```sh\nx\n")
    with pytest.raises(AssertionError, match="has no end"):
        list(snippets(page))
