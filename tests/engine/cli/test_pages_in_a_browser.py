"""Open a page of every kind in Chromium: wide and narrow, light and dark, with axe-core."""

from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe

from engine.attribution import write_attribution
from engine.serving.served_pages import list_page
from tests.engine.attribution.test_attribution_page import FOUND
from tests.engine.chromium import NARROW, SERIOUS, WIDE, needs_chromium, offline_context
from tests.engine.cli.command import Command
from tests.engine.cli.test_account_command import ACCOUNT
from tests.engine.stress.toy import write_project
from tests.engine.sweep.conftest import SMALL

pytestmark = needs_chromium
DAYS = ("--from", "2026-01-20", "--to", "2026-02-10")


@pytest.fixture
def desk(tmp_path: Path, command: Command, toy_project: Path, toy_name: str) -> Path:
    """Return a working folder with one page of every kind, and the list of them."""
    (tmp_path / "account.yaml").write_text(ACCOUNT.replace("PLUGIN", toy_name))
    toy = ("--plugin-path", "plugins")
    stressed = tmp_path / "stressed"
    stressed.mkdir()
    write_project(stressed, f"stressed_{toy_name}")
    (stressed / "sweep.yaml").write_text(SMALL)
    mine = ("--plugin-path", "stressed/plugins")
    short = ("--scenario", "B", "--paths", "3", "--days", "20", "--jobs", "1")
    for line in (
        ("account", "account.yaml", *toy),
        ("stress", "stressed/run.yaml", *mine, *short),
        ("sweep", "stressed/sweep.yaml", *mine, "--jobs", "1"),
        ("study", "2026", "--event", "flush"),
        ("checklist", "--asof", "2026-02-05", "--out", "checklist"),
        ("checklist", *DAYS),
    ):
        done = command(*line)
        assert (done.returncode, done.stderr) == (0, ""), line
    write_attribution(FOUND, tmp_path / "attributions")
    (tmp_path / "list.html").write_text(list_page(tmp_path))
    return tmp_path


def test_every_kind_of_page_fits_and_has_no_serious_fault(browser, desk: Path):
    pages = [desk / "list.html", *desk.glob("runs/*/account.html"), *desk.glob("s*/*/report.html")]
    pages += [*desk.glob("*/*/index.html"), *desk.glob("*/index.html"), *desk.glob("*/2026*.html")]
    assert len(pages) == 8
    faults = []
    for size, scheme in ((WIDE, "light"), (NARROW, "dark")):
        with offline_context(browser, viewport=size, color_scheme=scheme) as context:
            page = context.new_page()
            for path in pages:
                page.goto(path.as_uri())
                name = (path.relative_to(desk).as_posix(), scheme)
                if page.evaluate("document.documentElement.scrollWidth") > size["width"]:
                    faults.append((*name, "wider than the screen"))
                found = Axe().run(page).response["violations"]
                faults += [
                    (*name, fault["id"], fault["nodes"][0]["html"][:200])
                    for fault in found
                    if fault["impact"] in SERIOUS
                ]
                dark = page.eval_on_selector_all(
                    ".drawn svg [style*='#ffffff']", "all => all.length"
                )
                assert dark == 0, name
    assert faults == []
