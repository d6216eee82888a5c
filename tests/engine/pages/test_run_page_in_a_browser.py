"""Open a run's page in Chromium: narrow, dark, printed, and for screen readers."""

import re
from dataclasses import replace
from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from axe_playwright_python.sync_playwright import Axe

from engine.pages.publish import publish
from engine.serving.local_server import POLICY
from tests.engine.chromium import NARROW, SERIOUS, WIDE, needs_chromium, offline_context
from tests.engine.price_chart.two_plans import two_plans

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


def test_the_chart_shows_fills_and_tells_the_reason_of_each(browser, address, make_run):
    requests, faults = [], []
    with offline_context(browser, viewport=WIDE) as context:
        page = context.new_page()
        page.on("request", lambda request: requests.append(request.url))
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.goto(address)
        assert page.is_visible("#chart-svg")
        assert not page.is_visible(".still")
        fills = make_run().outcome.fills
        assert page.get_attribute("#marks", "data-count") == str(len(fills)) == "12"
        assert page.locator("path.candle").count() >= 2
        whole = page.inner_text("#chart-range")
        # A trade's number in the table zooms to it and tells the reason of its entry.
        page.click('a[data-trade="2"]')
        page.wait_for_selector("#ring")
        assert page.inner_text("#chart-range") != whole
        assert page.get_attribute("#marks", "data-count") == "3"
        detail = page.inner_text("#chart-detail")
        assert "Trade 2, long: entry" in detail
        assert ": reclaim of the first flush low." in detail
        assert "Size set by the cap risk" in detail
        # The pointer over the mark tells the same; the link leads to the row of the table.
        ring = page.locator("#ring").bounding_box()
        page.mouse.move(ring["x"] + ring["width"] / 2, ring["y"] + ring["height"] / 2)
        assert "reclaim of the first flush low" in page.inner_text("#chart-tip")
        page.click("#chart-detail a")
        assert page.url.endswith("#trade-2")
        # By keys: the next mark is the trade's target, a part; Home shows the whole window again.
        page.focus("#chart")
        page.keyboard.press("n")
        assert "target (part)" in page.inner_text("#chart-detail")
        page.keyboard.press("Home")
        page.wait_for_function(
            "text => document.getElementById('chart-range').textContent === text", arg=whole
        )
        # Paper shows the still picture.
        page.emulate_media(media="print")
        assert page.is_visible(".still svg")
        assert not page.is_visible("#chart-svg")
        # An address with a trade opens on it.
        page.emulate_media(media="screen")
        page.goto("about:blank")
        page.goto(f"{address}#trade-3")
        assert "Trade 3" in page.inner_text("#chart-detail")
        above = "Math.abs(document.getElementById('chart-part').getBoundingClientRect().top) < 150"
        page.wait_for_function(above)
    assert faults == []
    assert [url for url in requests if not url.startswith(("file:", "about:", "data:"))] == []


def test_views_keep_the_chosen_mark_and_hidden_charts_draw_nothing_broken(browser, address):
    faults = []
    drawn = "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
    dates_end = (
        "Math.max(...[...document.querySelectorAll('#chart-svg .tick.date')]"
        ".map(e => e.getBBox()).map(b => b.x + b.width)) - "
        "document.getElementById('chart').clientWidth"
    )
    with offline_context(browser, viewport=WIDE) as context:
        page = context.new_page()
        page.on("console", lambda line: faults.append(line.text) if line.type == "error" else None)
        page.goto(address)

        def view():
            page.evaluate(drawn)
            return [pd.Timestamp(t) for t in page.inner_text("#chart-range").split(" to ")]

        whole = view()
        # From the whole window the next mark zooms: 30 bars lie on each side of it.
        page.click('[data-act="next"]')
        start, end = view()
        assert end - start < (whole[1] - whole[0]) / 3
        decided = re.search(r"Decided (\S+ \S+Z)", page.inner_text("#chart-detail"))
        chosen = pd.Timestamp(decided[1])
        assert abs(start + (end - start) / 2 - chosen) <= pd.Timedelta("5min")
        # Away from it and back: the span has the mark in its middle, or begins with the window.
        page.focus("#chart")
        for _ in range(12):
            page.keyboard.press("ArrowRight")
            view()
            assert page.evaluate(dates_end) <= 0.5
        assert page.locator("#ring").count() == 0
        page.click('[data-span="1"]')
        start, end = view()
        assert end - start == pd.Timedelta("1D")
        assert start == max(chosen - pd.Timedelta("12h"), whole[0])
        assert page.locator("#ring").count() == 1
        # A shorter and a longer view around it hold it too.
        page.click('[data-act="in"]')
        view()
        assert page.locator("#ring").count() == 1
        # The share of equity is named with its instant, and told for the pointer's instant.
        names = page.locator("#chart-svg .name").evaluate_all("all => all.map(e => e.textContent)")
        (share,) = [name for name in names if name.startswith("position, share of equity")]
        assert f"; at the right edge, {page.inner_text('#chart-range').split(' to ')[1]}: " in share
        page.hover("#ring", force=True)
        assert re.search(r"position BTCUSDT-PERP \d+%", page.inner_text("#chart-readout"))
        # Paper, a hidden box and a sliver of one leave no broken shape, and the chart comes back.
        page.emulate_media(media="print")
        page.evaluate(drawn)
        page.emulate_media(media="screen")
        for width in ("0", "3px", "60px", ""):
            page.evaluate("width => document.getElementById('chart').style.width = width", width)
            page.evaluate(drawn)
        page.wait_for_selector("#ring")
    assert faults == []


def test_small_shares_have_ticks_and_lines_end_at_their_panel(browser, tmp_path):
    run, faults = two_plans(), []
    bars = len(run.signals.decided_at)
    # A funding rate of some thousandths of a percent, and a level that leaves the prices both ways.
    mood = np.linspace(-2e-5, 0.0, bars)
    support = np.array([99.0, 160.0, 99.0, -40.0] * bars)[:bars]
    drawn = tuple(
        replace(one, unit="fraction") if one.name == "mood" else one for one in run.signals.drawn
    )
    values = {**run.signals.values, "mood": mood, "support": support}
    run = replace(run, signals=replace(run.signals, values=values, drawn=drawn))
    address = (publish(run, tmp_path) / "tearsheet.html").as_uri()
    with offline_context(browser, viewport=WIDE) as context:
        page = context.new_page()
        page.on("console", lambda line: faults.append(line.text) if line.type == "error" else None)
        page.goto(address)
        ticks = page.locator("#chart-svg .tick").evaluate_all("all => all.map(e => e.textContent)")
        assert {"-0.002%", "0.000%"} <= set(ticks)
        assert [tick for tick in ticks if re.fullmatch(r"-0(\.0*)?%?", tick)] == []
        # What is drawn of each line, its clip applied, stays in the frame of a panel.
        boxes = page.evaluate(
            """() => {
              const box = e => { const b = e.getBBox(); return [b.y, b.y + b.height]; };
              const frames = [...document.querySelectorAll('#chart-svg rect.frame')].map(box);
              const lane = box(document.querySelector('#chart-svg rect.lane'));
              return [...document.querySelectorAll('#chart-svg path.value:not(.whole)')].map(e => {
                const id = e.parentNode.getAttribute('clip-path').slice(5, -1);
                const clip = box(document.getElementById(id).firstChild);
                return [clip, lane, frames.some(f => f[0] <= clip[0] + 1 && clip[1] <= f[1] + 1),
                  box(e)];
              });
            }"""
        )
        assert len(boxes) >= 4
        assert all(inside and clip[0] >= lane[1] - 1 for clip, lane, inside, _ in boxes)
        # The level itself does reach beyond: without the clip it would cross the lane of marks.
        assert min(line[0] for *_, line in boxes) < boxes[0][1][1]
        page.check("#chart-log")
        page.wait_for_function(
            "document.querySelector('.name').textContent.includes('logarithmic')"
        )
        page.evaluate("new Promise(done => requestAnimationFrame(done))")
    assert faults == []


def test_ticks_are_written_with_the_digits_of_their_step(browser, address):
    # Each pair of panel ends gives two ticks or more, each told apart, none of them "-0".
    with offline_context(browser) as context:
        page = context.new_page()
        page.goto(address)
        told = page.evaluate(
            """ends => ends.map(([low, high]) => {
              const { ticks } = ChartPanels.scale(low, high, 0, 58, false);
              return ticks.map(t => [t, ChartPanels.grouped(t, ChartPanels.decimals(ticks))]);
            })""",
            [[-2e-5, 1e-6], [-0.3, 0.01], [0, 9.9], [-1, 0.4], [99_990, 100_600], [0.0121, 0.0131]],
        )
        for ticks in told:
            assert len(ticks) >= 2
            for value, words in ticks:
                assert float(words.replace(",", "")) == pytest.approx(value, abs=1e-9)
                assert not re.fullmatch(r"-0(\.0*)?", words)


def test_levels_stages_panels_and_a_short_are_drawn(browser, tmp_path):
    # Two plans by hand, see two_plans.py: stops at 90, 98 and 112, targets at 104 and 120.
    file = publish(two_plans(), tmp_path) / "tearsheet.html"
    address, html = file.as_uri(), file.read_text()
    with offline_context(browser, viewport=WIDE) as context:
        page = context.new_page()
        page.goto(address)

        def count(role):
            return page.locator(f"path.level-{role}").get_attribute("data-count")

        assert (count("stop"), count("target"), count("entry")) == ("3", "1", "1")
        assert page.locator("path.value.level").count() == 1
        bands = page.locator("rect.band").evaluate_all("all => all.map(e => e.classList[2])")
        assert bands == ["stage-0", "stage-1", "stage-0"]
        drawn = page.locator("#chart-svg text").evaluate_all("all => all.map(e => e.textContent)")
        for words in ("flush", "reclaim", "support", "mood of the market", "resting entry", "stop"):
            assert words in drawn
        # No word beside a line covers another one, and the position changes in steps.
        boxes = page.locator("#price-panel text.label").evaluate_all(
            "all => all.map(e => e.getBBox()).map(b => [b.x, b.y, b.x + b.width, b.y + b.height])"
        )
        assert len(boxes) >= 5
        for one, other in combinations(boxes, 2):
            apart = one[2] <= other[0] or other[2] <= one[0]
            assert apart or one[3] <= other[1] + 3 or other[3] <= one[1] + 3, (one, other)
        path = page.locator("path.value.chosen").get_attribute("d")
        corners = re.findall(r"([MLH])([\d.]+)", path)
        assert len(corners) > 4
        for (kind, x), (_, before) in zip(corners[1:], corners[:-1], strict=True):
            assert kind == "H" or x == before
        assert page.locator("#marks path.mark.down").count() == 1
        assert page.locator("#marks path.mark.target.part").count() == 1
        # As `riskoff serve` sends it: its policy allows the page's own scripts and nothing else.
        faults = []
        page.on("console", lambda line: faults.append(line.text) if line.type == "error" else None)
        page.route(
            "http://served.test/*",
            lambda route: route.fulfill(
                body=html, content_type="text/html", headers={"Content-Security-Policy": POLICY}
            ),
        )
        page.goto("http://served.test/run#trade-2")
        assert "Trade 2, short: entry" in page.inner_text("#chart-detail")
        assert faults == []
        page.goto(address)
        page.uncheck('[data-toggle="stops"]')
        page.uncheck('[data-toggle="stages"]')
        page.wait_for_function("document.querySelector('rect.band') === null")
        assert count("stop") == "0"


def test_without_scripts_the_still_picture_stands_in_the_page(browser, address):
    with offline_context(browser, java_script_enabled=False) as context:
        page = context.new_page()
        page.goto(address)
        assert page.is_visible(".still svg")
        assert not page.is_visible("#chart-svg")


def test_print_shows_whole_tables_in_black_on_white_also_in_dark_mode(browser, address):
    with offline_context(browser, color_scheme="dark") as context:
        page = context.new_page()
        page.goto(address)
        page.emulate_media(media="print")
        heights = page.eval_on_selector_all(
            ".tall", "all => all.map(e => [e.clientHeight, e.scrollHeight])"
        )
        assert len(heights) > 5
        assert [pair for pair in heights if pair[0] < pair[1]] == []
        colours = "e => [getComputedStyle(e).color, getComputedStyle(e).backgroundColor]"
        assert page.eval_on_selector("body", colours) == ["rgb(0, 0, 0)", "rgb(255, 255, 255)"]
        assert not page.locator(".bar").is_visible()
