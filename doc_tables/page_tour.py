"""Photograph the page of the demo's run for docs/reading-the-page.md: result, chart, months."""

import io
import tempfile
from collections.abc import Iterator
from pathlib import Path

from PIL import Image

import riskoff
from doc_tables.blocks import DOCS, PageBlock
from doc_tables.demo_picture import opened

PICTURE = DOCS / "pictures" / "page-tour.png"
DRAWN = "document.querySelectorAll('#chart-svg *').length > 50"
# The heading of the first part below the picture, and the colours that are kept: a page has few.
BELOW, COLOURS = "#conditions", 48


def blocks(_: Path) -> Iterator[PageBlock]:
    """Run the demo, photograph its page and yield no table."""
    with tempfile.TemporaryDirectory() as folder:
        run = riskoff.run("demo", out=folder)
        with opened(run.page, DRAWN) as page:
            # One trade at close range: the whole window shows no bar.
            page.select_option("#chart-trade", index=1)
            box = page.locator(BELOW).first.bounding_box()
            if box is None:
                raise SystemExit(f"{run.page.name}: no heading {BELOW} on the run's page")
            photograph = page.screenshot(full_page=True)
    image = Image.open(io.BytesIO(photograph)).convert("RGB")
    upper = image.crop((0, 0, image.width, int(box["y"])))
    upper.quantize(COLOURS).save(PICTURE, optimize=True)
    yield from ()
