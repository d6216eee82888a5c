"""Photograph the demo's page for the README: the matrix, return against risk, the first episode."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from doc_tables.blocks import DOCS, PageBlock
from engine.compare import run_comparison
from engine.config.load import load_compare_config
from engine.config.locations import find_config
from engine.plugins import load_playbook_class

PICTURE = DOCS / "demo.png"
SIZE = {"width": 1180, "height": 900}
FIRST, LAST = "section[aria-labelledby=matrix]", "section.episode"
DRAWN = "document.querySelectorAll('.chart .main-svg').length >= 2"


def blocks(catalog: Path) -> Iterator[PageBlock]:
    """Run the demo's comparison, photograph its page and yield no table."""
    config = load_compare_config(
        find_config("playbooks_by_episode", "compare"),
        params_model=lambda name: load_playbook_class(name).Params,
    )
    with tempfile.TemporaryDirectory() as folder:
        run_comparison(config, Path(folder), tearsheets=False)
        _photograph(Path(folder) / "index.html")
    yield from ()


def _photograph(page_file: Path) -> None:
    with opened(page_file, DRAWN) as page:
        # The bar of contents would lie over the picture.
        page.add_style_tag(content=".bar{display:none}")
        page.screenshot(path=PICTURE, clip=_clip(page), full_page=True)  # type: ignore[arg-type]


@contextmanager
def opened(page_file: Path, drawn: str) -> Iterator[Page]:
    """Yield a page in a browser without a network, once ``drawn`` is true in it.

    Raises
    ------
    SystemExit : there is no Chromium.
    """
    browser_file = os.environ.get("RISKOFF_CHROMIUM") or shutil.which("chromium")
    if browser_file is None:
        raise SystemExit("no chromium in PATH: install it, or set RISKOFF_CHROMIUM")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=browser_file, args=["--no-sandbox", "--disable-gpu"]
        )
        page = browser.new_context(viewport=SIZE, offline=True).new_page()  # type: ignore[arg-type]
        page.goto(page_file.as_uri())
        page.wait_for_function(drawn)
        yield page
        browser.close()


def _clip(page: Page) -> dict[str, float]:
    """Return the part of the page from the matrix to the end of the first episode."""
    first, last = (page.locator(name).first.bounding_box() for name in (FIRST, LAST))
    if first is None or last is None:
        raise SystemExit("the demo's page has no matrix or no episode to photograph")
    return {
        "x": 0,
        "y": first["y"],
        "width": SIZE["width"],
        "height": last["y"] + last["height"] - first["y"],
    }
