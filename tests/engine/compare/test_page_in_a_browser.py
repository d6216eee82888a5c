"""Open the comparison's page in Chromium: offline, by keyboard, narrow, dark, printed, hostile."""

import json
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe

from engine.compare.matrix import COLUMNS, texts
from engine.compare.too_few import BLANKED
from tests.engine.chromium import NARROW, SERIOUS, WIDE, needs_chromium, offline_context
from tests.engine.compare.conftest import HOSTILE

pytestmark = needs_chromium
TRADE_NUMBERS = ("hit_rate", "average_r")


@pytest.fixture
def visit(browser, small) -> Iterator[Callable[..., Any]]:
    """Open the page offline; a console error or a request to the network fails the test."""
    contexts, complaints, asked = [], [], []

    def visit(path: Path = small.folder / "index.html", **options: Any) -> Any:
        context = offline_context(browser, **{"viewport": WIDE, **options})
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda m: complaints.append(m.text) if m.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(path.as_uri())
        if path.name == "index.html" and options.get("java_script_enabled") is not False:
            page.wait_for_function("document.querySelectorAll('.chart .main-svg').length >= 2")
        return page

    yield visit
    for context in contexts:
        context.close()
    assert complaints == []
    assert [url for url in asked if not url.startswith(("file:", "data:", "blob:"))] == []


def cell(page, key):
    return page.locator(f'td[data-cell="{key}"] button')


def test_the_page_opens_without_a_network_and_draws_every_episode(visit):
    page = visit()
    assert page.title() == "Small comparison (SYNTHETIC DATA)"
    assert "SYNTHETIC DATA" in page.locator(".synthetic").inner_text()
    assert page.locator(".chart").count() == 2
    # The phase before has no shade.
    for number, shaded in ((1, 2), (2, 3)):
        chart = page.locator(f"#chart-{number}")
        # Result, drawdown and exposure of the rows shown, and their trades.
        assert chart.locator(".scatterlayer .trace").count() >= 9
        assert chart.locator(".shapelayer path").count() == shaded
        assert chart.locator(".heatmaplayer image").count() == 1


def test_the_selectors_show_two_numbers_of_each_cell_and_blank_ratios_of_few_trades(visit, small):
    page = visit()
    document = json.loads((small.folder / "matrix.json").read_text())["cells"]
    first = cell(page, "reclaim/cascade").inner_text().split()
    assert len(first) == 2
    for column in COLUMNS:
        page.select_option("#metric", column.name)
        page.select_option("#beside", "trades")
        says = f"{column.title}: {column.says}."
        assert page.locator("#says").inner_text().startswith(says)
        for told in document:
            numbers = {c.name: math.nan if told[c.name] is None else told[c.name] for c in COLUMNS}
            # As shown, the parts of the excess return add up to it.
            expected = texts(numbers)
            button = cell(page, f"{told['row']}/{told['episode']}")
            text = "too few" if column.name in BLANKED else expected[column.name]
            # The same number chosen twice is shown once.
            second = [] if column.name == "trades" else [expected["trades"]]
            assert button.inner_text().split("\n") == [text, *second]
            # Both windows are a month: no ratio rests on enough days.
            reason = "of 30 trades" if column.name in TRADE_NUMBERS else "of 250 daily returns"
            title = button.get_attribute("title")
            assert reason in title if column.name in BLANKED else title == ""
    page.select_option("#beside", "")
    assert "\n" not in cell(page, "reclaim/cascade").inner_text()
    assert cell(page, "cash/crash").locator("xpath=..").get_attribute("style") == ""
    assert page.locator("#heat thead").inner_text().count("2020-03-02 to 2020-03-31") == 1


def test_risk_phases_and_prices_follow_their_selectors_and_lead_to_the_cell(visit, small):
    page = visit(viewport={"width": 1180, "height": 900})
    # Risk: six words a dot, hidden for the other measure.
    dots = page.locator("figure:visible a")
    assert dots.count() == 8
    assert "deepest drawdown" in dots.first.get_attribute("aria-label")
    page.select_option("#risk", "volatility")
    assert page.locator("figure:visible a").count() == 8
    dot = page.locator('figure:visible a[data-open="weights/crash"]')
    assert "volatility a year" in dot.get_attribute("aria-label")
    dot.press("Enter")
    assert page.locator("#panel-title").inner_text() == "Risky weights, crash"
    page.click("#panel-before")
    assert page.locator("#panel-title").inner_text() == "Risky weights, cascade"
    page.click("#panel-after")
    page.click("#panel-after")
    assert page.locator("#panel-title").inner_text() == "60/40, cascade"
    assert page.url.endswith("#cell/balanced/cascade")
    page.keyboard.press("Escape")

    # Phases: each number with the tint of its kind.
    phases = page.locator("#phase-map td.phase")
    for name, kind in (("drawdown", "bad"), ("exposure", "size"), ("return", "good")):
        page.select_option("#phase-number", name)
        shown = [told["texts"][name] for told in small.data["phase_cells"]]
        assert phases.all_inner_texts() == shown
        styles = [place.get_attribute("style") or "" for place in phases.all()]
        assert any(f"--{kind}" in style for style in styles)

    # Prices: a mark's reason by step, and back to the whole window.
    part = page.locator("section.episode").first
    assert "BTCUSDT-PERP" in part.locator(".price-choice").inner_text()
    steps = {name: part.get_by_role("button", name=name) for name in ("next fill", "whole window")}
    steps["next fill"].click()
    told = part.locator(".reason").inner_text()
    assert told.startswith("1 of ")
    assert "Decided 2026-0" in told
    assert page.locator("#chart-1 .hoverlayer .hovertext").count() == 1
    near = page.evaluate("document.querySelector('#chart-1').layout.xaxis.range")
    steps["whole window"].click()
    assert part.locator(".reason").inner_text() == ""
    assert page.locator("#chart-1 .hoverlayer .hovertext").count() == 0
    assert page.evaluate("document.querySelector('#chart-1').layout.xaxis.range") != near

    # The tables of money fit.
    widths = page.eval_on_selector_all(
        ".pair .wide", "all => all.map(e => e.scrollWidth - e.clientWidth)"
    )
    assert len(widths) == 4
    assert max(widths) <= 0


def test_good_and_bad_are_tinted_and_the_strongest_most(visit, small):
    page = visit()
    tints = {
        row: page.locator(f'td[data-cell="{row}/crash"]').get_attribute("style") or ""
        for row in ("weights", "balanced", "cash")
    }
    assert "--bad" in tints["weights"]
    assert "--good" in tints["cash"]
    strength = {row: float(style.split(",")[-1].strip(" );")) for row, style in tints.items()}
    returns = {row: small.matrix.records[row, "crash"].metrics["total_return"] for row in tints}
    assert sorted(tints, key=strength.get) == sorted(tints, key=lambda row: abs(returns[row]))
    assert min(strength.values()) > 0


def test_every_link_leads_to_a_file_and_back(visit, small):
    page = visit()
    links = page.eval_on_selector_all("a[href]", "all => all.map(a => a.getAttribute('href'))")
    files = [link for link in links if not link.startswith("#")]
    assert len(files) == 8 * 6
    assert all((small.folder / link).is_file() for link in files)
    page.click("text=reclaim-cascade-")
    page.wait_for_load_state()
    assert "tearsheet.html" in page.url
    page.click("text=all cells")
    page.wait_for_load_state()
    assert page.url.endswith("/index.html#cell/reclaim/cascade")
    assert page.locator("#panel").is_visible()


def test_a_cell_opens_closes_and_gives_the_focus_back_by_keyboard(visit, small):
    page = visit()
    button = cell(page, "reclaim/cascade")
    button.focus()
    page.keyboard.press("Enter")
    panel = page.locator("#panel")
    assert panel.is_visible()
    assert page.locator("#panel-numbers tbody tr").count() == len(COLUMNS)
    trades = small.matrix.records["reclaim", "cascade"].trades
    assert page.locator("#panel .trade").count() == len(trades) > 0
    numbers = page.locator("#panel-numbers").inner_text()
    assert "90% interval" in numbers
    assert " to " in numbers
    answer = page.locator("#panel-why-not details")
    assert answer.count() == 1
    answer.locator("summary").click()
    assert "2026-02-04 to 2026-02-06" in answer.inner_text()
    assert "Nearest miss" in answer.inner_text() or "entry" in answer.inner_text()
    assert "because:" in page.locator("#panel .trade").first.inner_text()
    page.keyboard.press("Escape")
    assert not panel.is_visible()
    assert button.evaluate("b => b === document.activeElement")


def test_the_first_tab_skips_the_contents_which_lead_to_every_section(visit):
    page = visit()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    assert page.locator(".skip").bounding_box()["x"] >= 0
    contents = page.get_by_role("navigation", name="Contents")
    assert contents.locator("a").all_inner_texts()[-2:] == ["Intervals", "Run folders"]
    for link in contents.locator("a").all():
        link.press("Enter")
        target = page.locator(f'[id="{link.get_attribute("href")[1:]}"]')
        # The bar stays in view and does not cover the heading.
        bar = page.locator(".bar").bounding_box()
        assert bar["y"] == 0
        assert target.bounding_box()["y"] == 0 or (
            bar["height"] <= target.bounding_box()["y"] < WIDE["height"]
        )


def test_names_with_tags_and_quotes_are_text_everywhere(visit):
    page = visit()
    assert page.evaluate("window.hacked") is None
    assert HOSTILE in page.locator("#heat tbody th").first.inner_text()
    assert HOSTILE in page.locator("#heat thead").inner_text()
    cell(page, "reclaim/cascade").click()
    assert HOSTILE in page.locator("#panel-title").inner_text()
    assert HOSTILE in page.locator("#chart-1 .legend").text_content()
    assert page.evaluate("window.hacked") is None


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
def test_no_serious_fault_for_screen_readers(visit, scheme, size):
    page = visit(viewport=size, color_scheme=scheme)
    assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]
    wide = "#heat, #phase-map, .across, .folders"
    parts = page.eval_on_selector_all(
        wide, "all => all.map(e => [e.id || e.className, e.scrollWidth - e.parentNode.clientWidth])"
    )
    assert len(parts) > 8
    assert [part for part in parts if part[1] > 0] == []
    for opened in (False, True):
        if opened:
            cell(page, "reclaim/cascade").click()
        found = Axe().run(page).response["violations"]
        worst = [
            (fault["id"], [node["html"][:200] for node in fault["nodes"]][:3])
            for fault in found
            if fault["impact"] in SERIOUS
        ]
        assert worst == []


def test_dark_mode_is_dark_and_follows_the_reader(visit):
    page = visit(color_scheme="dark")

    def lightness(selector, attribute):
        return page.eval_on_selector(
            selector,
            f"e => {{const m = getComputedStyle(e).{attribute}.match(/[0-9.]+/g); "
            "return (+m[0] + +m[1] + +m[2]) / 765}",
        )

    assert lightness("body", "backgroundColor") < 0.2
    assert lightness("#chart-1 .xtick text", "fill") > 0.7
    strips = "document.querySelector('#chart-1').data.find(t => t.type === 'heatmap').colorscale"
    assert page.evaluate(strips)[0][1] == "#37424c"
    page.emulate_media(color_scheme="light")
    page.wait_for_function(
        "getComputedStyle(document.querySelector('#chart-1 .xtick text')).fill.startsWith('rgb(29')"
    )
    assert lightness("body", "backgroundColor") > 0.9
    assert page.evaluate(strips)[0][1] == "#cfd8dc"


def test_print_leaves_out_what_paper_cannot_do(visit):
    page = visit(color_scheme="dark")
    page.emulate_media(media="print")
    ink = page.eval_on_selector("#chart-1 .xtick text", "e => getComputedStyle(e).fill")
    assert ink == "rgb(0, 0, 0)"
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    drawn = page.evaluate("[...document.querySelectorAll('.chart')].map(e => e.layout)")
    assert [(chart["width"], chart["font"]["color"]) for chart in drawn] == [(660, "#000")] * 2
    assert page.locator("details.printed").get_attribute("open") is not None
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.locator("details.printed").get_attribute("open") is None
    assert not page.locator("#metric").is_visible()
    assert page.locator("#heat").is_visible()
    assert len(page.pdf(format="A4")) > 50_000


def test_without_scripts_the_matrix_is_there(visit, small):
    page = visit(java_script_enabled=False)
    shown = cell(page, "weights/crash").inner_text().split()[0]
    value = small.matrix.records["weights", "crash"].metrics["total_return"]
    assert shown == f"{value * 100:+.2f}%"
    assert page.locator("noscript").count() == 1
