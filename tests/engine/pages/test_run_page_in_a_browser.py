"""Open a run's page in Chromium: narrow, dark, printed, and for screen readers."""

import pytest
from axe_playwright_python.sync_playwright import Axe

from engine.pages.publish import publish
from tests.engine.chromium import NARROW, SERIOUS, WIDE, needs_chromium, offline_context

pytestmark = needs_chromium


@pytest.fixture(scope="module")
def address(make_run, tmp_path_factory):
    folder = publish(make_run(), tmp_path_factory.mktemp("runs"))
    return (folder / "tearsheet.html").as_uri()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
def test_the_page_fits_the_screen_and_has_no_serious_fault(browser, address, size, scheme):
    with offline_context(browser, viewport=size, color_scheme=scheme) as context:
        page = context.new_page()
        page.goto(address)
        assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]
        worst = [
            (fault["id"], [node["html"][:200] for node in fault["nodes"]][:3])
            for fault in Axe().run(page).response["violations"]
            if fault["impact"] in SERIOUS
        ]
        assert worst == []


def test_dark_mode_has_light_text_in_our_chart_and_quantstats_stays_on_white(browser, address):
    with offline_context(browser, color_scheme="dark") as context:
        page = context.new_page()
        page.goto(address)
        colour = "e => getComputedStyle(e).{}"
        assert page.eval_on_selector("body", colour.format("backgroundColor")) == "rgb(20, 25, 31)"
        assert page.eval_on_selector("body", colour.format("color")) == "rgb(230, 234, 239)"
        ours, theirs = ".drawn svg", ".picture:not(.drawn) svg"
        behind = colour.format("backgroundColor")
        assert page.eval_on_selector(ours, behind) == "rgba(0, 0, 0, 0)"
        assert page.eval_on_selector(f"{ours} text", colour.format("fill")) == "rgb(230, 234, 239)"
        assert page.eval_on_selector(theirs, behind) == "rgb(255, 255, 255)"


def test_print_shows_whole_tables(browser, address):
    with offline_context(browser) as context:
        page = context.new_page()
        page.goto(address)
        page.emulate_media(media="print")
        heights = page.eval_on_selector_all(
            ".tall", "all => all.map(e => [e.clientHeight, e.scrollHeight])"
        )
        assert len(heights) > 5
        assert [pair for pair in heights if pair[0] < pair[1]] == []
