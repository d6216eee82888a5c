"""Start Debian's Chromium once for all tests of pages."""

import os
import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import sync_playwright

from tests.patience import HANGS_S

CHROMIUM = os.environ.get("RISKOFF_CHROMIUM") or shutil.which("chromium")
needs_chromium = pytest.mark.skipif(
    CHROMIUM is None, reason="no chromium in PATH (apt install chromium, or RISKOFF_CHROMIUM)"
)
WIDE, NARROW = {"width": 1250, "height": 900}, {"width": 390, "height": 844}
SERIOUS = ("serious", "critical")


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=["--no-sandbox", "--disable-gpu"],
            timeout=HANGS_S * 1_000,
        )
        yield running
        running.close()


def offline_context(browser: Any, **options: Any) -> Any:
    """Return a context without a network whose waits end a test that hangs only."""
    context = browser.new_context(offline=True, **options)
    context.set_default_timeout(HANGS_S * 1_000)
    return context
