"""Check that every page is a template with all texts escaped, and no other module writes HTML."""

import ast
import re
from collections import Counter
from dataclasses import replace
from html.parser import HTMLParser
from importlib import import_module
from importlib.resources import files
from pathlib import Path

import pytest

import engine
from engine.benchmark.run_benchmark import held_returns
from engine.pages.html import (
    PageSection,
    embedded_json,
    embedded_script,
    render,
    with_contents,
)
from engine.pages.quantstats_part import quantstats_html
from engine.pages.run_page import run_page
from engine.results.finished import RunRecord
from tests.engine.pages.test_quantstats_part import YEARS, returns

HOSTILE = "<script>window.hacked=1</script> {{metrics}} \"quoted\" 'name' & co"
TEMPLATES = files("engine.pages") / "templates"
# SVG of matplotlib, tables of quantstats, and what the project ships or has made safe.
VOUCHED = {
    "chart", "chart_style", "data", "picture", "plotly", "quantstats.drawdowns",
    "quantstats.metrics", "script", "stylesheet",
}  # fmt: skip
# These read or mend the output of libraries; they make no element of their own.
READERS_OF_HTML = {"pages/charts.py", "pages/quantstats_part.py", "pages/html.py"}


class Texts(HTMLParser):
    """Collects the visible texts and the elements of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: Counter[str] = Counter()
        self.texts: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag, attrs) -> None:
        self.elements[tag] += 1

    def handle_data(self, data) -> None:
        self.texts.append(data)


@pytest.fixture(scope="module")
def hostile_page(make_run):
    run = make_run()
    decisions = tuple(replace(item, reason=HOSTILE) for item in run.outcome.decisions)
    run = replace(
        run,
        config=run.config.model_copy(update={"name": HOSTILE}),
        outcome=replace(run.outcome, decisions=decisions),
    )
    record = RunRecord(run)
    return run_page(record, held_returns(record), back='"><script>')


def test_tags_quotes_and_braces_in_a_name_are_text(hostile_page):
    page = Texts(hostile_page)
    # The chart's data and its three scripts; the reasons of decisions are among the data.
    assert page.elements["script"] == 4
    assert "<script>window" not in hostile_page
    assert "\\u003cscript\\u003ewindow.hacked" in hostile_page
    assert any(text.startswith(HOSTILE) for text in page.texts)
    assert "Sharpe" in page.texts


def test_an_address_cannot_end_its_attribute(hostile_page):
    assert 'href="&#34;&gt;&lt;script&gt;"' in hostile_page


def test_quantstats_escapes_the_name_of_a_benchmark():
    benchmark = returns(2).rename("<script>window.hacked=1</script>")
    (table,) = quantstats_html(
        ("metrics",), returns(1), benchmark, periods_per_year=365, years=YEARS
    )
    assert "hacked" in table
    assert "<script" not in table


def test_only_known_values_enter_a_template_unescaped():
    source = "".join(path.read_text() for path in TEMPLATES.iterdir())
    assert set(re.findall(r"\{\{\s*([\w.]+)\s*\|\s*safe\s*\}\}", source)) == VOUCHED
    assert source.count("safe") == len(re.findall(r"\|safe", source))
    assert "autoescape" not in source


def test_a_value_that_a_template_lacks_is_an_error():
    with pytest.raises(import_module("jinja2").UndefinedError, match="is undefined"):
        render("run.html.j2")


def test_every_heading_gets_an_id_and_a_place_in_the_contents():
    page = with_contents(
        '<h2 id="a">Price &amp;\n <b>equity</b></h2><h2>Two words</h2><h3>Part</h3>'
        '<h2 data-short="A &amp; B">Two Words</h2><h2>&lt;&gt;</h2><h2>two words</h2>'
    )
    assert page.sections == [
        PageSection("a", "Price & equity"),
        PageSection("two-words", "Two words"),
        PageSection("two-words-2", "A & B"),
        PageSection("section", "<>"),
        PageSection("two-words-3", "two words"),
    ]
    assert '<h2 id="a">' in page.html
    assert '<h2 id="two-words-2" data-short="A &amp; B">Two Words</h2>' in page.html


def test_an_id_made_of_a_heading_is_free_on_the_whole_page():
    page = with_contents(
        "<h2>Files</h2><h2>Top</h2><h2>Content</h2><h2>Panel</h2><h2 id='b'>Single</h2>"
        '<section id="files"></section><h2 id="top-2">Given</h2><h2>Data</h2>',
        '<dialog id="panel"></dialog><script id=\'data\'>var a = "<p id=\\"single\\">";</script>',
    )
    assert [section.id for section in page.sections] == [
        "files-2", "top-3", "content-2", "panel-2", "b", "top-2", "data-2",
    ]  # fmt: skip
    assert "<h2 id='b'>Single</h2>" in page.html


@pytest.mark.parametrize(
    "text",
    [
        "<script>var a = '<h2>No heading</h2>';</script>",
        "<!-- <h2>No heading</h2> -->",
        "<style>/* <h2>No heading</h2> */</style>",
    ],
)
def test_texts_that_are_no_html_stay_as_they_are(text):
    page = with_contents(f"<h2>One</h2>{text}<h2>Two</h2>")
    assert [section.id for section in page.sections] == ["one", "two"]
    assert text in page.html


def test_every_section_of_a_page_is_in_its_contents_once(hostile_page):
    places = re.findall(r'<h2 id="([^"]*)"', hostile_page)
    assert len(places) == len(set(places)) == hostile_page.count("<h2") > 5
    for place in places:
        assert hostile_page.count(f'href="#{place}"') == hostile_page.count(f'id="{place}"') == 1


def test_embedded_texts_cannot_end_their_element():
    assert "<" not in embedded_json({"name": "</script><!--"})
    assert "</script" not in embedded_script('var a = "</script>";')


def test_no_other_module_of_the_engine_writes_html():
    element = re.compile(r"</?(a|p|b|i|ul|li|td|th|tr|table|div|span|h[1-6]|html|style)\b[^<]*>")
    root = Path(engine.__file__).parent
    modules = {path.relative_to(root).as_posix(): path.read_text() for path in root.rglob("*.py")}
    writers = {
        f"{name}:{node.lineno}"
        for name, source in modules.items()
        if name not in READERS_OF_HTML
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Constant) and element.search(str(node.value))
    }
    assert len(modules) > 100
    assert writers == set()
