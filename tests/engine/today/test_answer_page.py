"""The page of a day in Chromium: it fits a phone, is read aloud, and holds every part."""

from pathlib import Path

from axe_playwright_python.sync_playwright import Axe

from engine.config.market import MarketStateConfig
from engine.today import today_page, today_report
from tests.data_feeds.factory import ns
from tests.engine.chromium import NARROW, SERIOUS, needs_chromium, offline_context
from tests.engine.today.market_of_days import made_catalog, made_run


@needs_chromium
def test_the_page_fits_a_phone_in_dark_mode_and_has_every_part(browser, tmp_path: Path) -> None:
    catalog = made_catalog(tmp_path / "catalog")
    runs = [made_run(name, tmp_path, catalog) for name in ("dip", "break", "book")]
    report = today_report(catalog, MarketStateConfig(), runs, ns("2026-02-10T23:30"))
    file = tmp_path / "today.html"
    file.write_text(today_page(report))
    with offline_context(browser, viewport=NARROW, color_scheme="dark") as context:
        page = context.new_page()
        page.goto(file.as_uri())
        assert page.evaluate("document.documentElement.scrollWidth") <= NARROW["width"]
        said = "WAIT: the checklist asks for nothing; 3 of 4 steps are known."
        assert page.inner_text("h1") == said
        assert "Riskoff places no order" in page.inner_text("header")
        headings = page.eval_on_selector_all("h2", "all => all.map(e => e.innerText)")
        assert headings == [
            *("Checklist", "dip (rules)", "break (rules)", "book (fixed_weights)"),
            *("Steps of the checklist", "Inputs", "Next releases"),
        ]
        # One row an input, below the heading.
        rows = page.eval_on_selector_all("table", "all => all.map(e => e.tBodies[0].rows.length)")
        assert len(report.inputs) in rows
        worst = [
            fault["id"]
            for fault in Axe().run(page).response["violations"]
            if fault["impact"] in SERIOUS
        ]
        assert worst == []
