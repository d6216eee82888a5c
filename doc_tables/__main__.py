"""Write the generated blocks and pictures of ``docs/``, or check those that need no real data.

    python -m doc_tables [PAGE ...]      write: all pages take about an hour on two cores
    python -m doc_tables --check         recompute a sample of each synthetic block and compare

Every run behind a table is audited; one that does not audit clean stops the command. The tables
hold our own results; no market data are copied.
"""

import argparse
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from doc_tables import (
    attribution,
    checklist,
    cluster_sizes,
    demo_picture,
    findings,
    flywheel,
    metrics,
    page_tour,
    pictures,
    playbooks,
    real_results,
    reconstruction,
    reference,
    rules_gallery,
    rules_page,
    run_diff,
    sell_offs,
    sleeves,
    statistics_sizes,
    stress,
    sweeps,
    today,
)
from doc_tables.blocks import ROOT, PageBlock, differences, replace

# Each gets the folder of the catalog of real data.
WRITERS: Mapping[str, Callable[[Path], Iterator[PageBlock]]] = {
    "attribution": attribution.blocks,
    "checklist": checklist.blocks,
    "clusters": cluster_sizes.blocks,
    "demo": demo_picture.blocks,
    "diff": run_diff.blocks,
    "findings": findings.blocks,
    "flywheel": flywheel.blocks,
    "page-tour": page_tour.blocks,
    "pictures": pictures.blocks,
    "playbooks": playbooks.blocks,
    "real-results": real_results.blocks,
    "reconstruction": reconstruction.blocks,
    "reference": reference.blocks,
    "results": metrics.blocks,
    "rules": rules_page.blocks,
    "rules-gallery": rules_gallery.blocks,
    "sell-offs": sell_offs.blocks,
    "sleeves": sleeves.blocks,
    "statistics": statistics_sizes.blocks,
    "stress": stress.blocks,
    "sweeps": sweeps.blocks,
    "today": today.blocks,
}
# Each needs no real data and takes less than a minute.
SAMPLES: Mapping[str, Callable[[], Iterator[PageBlock]]] = {
    "checklist": checklist.sample,
    "clusters": cluster_sizes.sample,
    "diff": run_diff.sample,
    "flywheel": flywheel.sample,
    "pictures": pictures.sample,
    "playbooks": playbooks.sample,
    "reference": reference.sample,
    "results": metrics.sample,
    "rules": rules_page.sample,
    "statistics": statistics_sizes.sample,
    "stress": stress.sample,
}


def main() -> int:
    """Write or check, and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m doc_tables", description=__doc__)
    parser.add_argument("pages", nargs="*", metavar="PAGE", help=f"of {', '.join(WRITERS)}")
    parser.add_argument("--check", action="store_true", help="write nothing, fail on a difference")
    parser.add_argument("--data", type=Path, default=ROOT / ".data" / "catalog")
    asked = parser.parse_args()
    unknown = sorted(set(asked.pages) - set(WRITERS))
    if unknown:
        parser.error(f"no page {', '.join(unknown)}; there are {', '.join(WRITERS)}")
    unsampled = sorted(set(asked.pages) - set(SAMPLES)) if asked.check else []
    if unsampled:
        parser.error(f"{', '.join(unsampled)} needs real data; --check takes {', '.join(SAMPLES)}")
    return check(asked.pages) if asked.check else write(asked.pages, asked.data.resolve())


def write(pages: list[str], catalog: Path) -> int:
    """Replace the blocks of the named pages, or of all."""
    for page in pages or WRITERS:
        began = time.monotonic()
        for block in WRITERS[page](catalog):
            replace(block)
        print(f"{page}: {time.monotonic() - began:.0f} s", flush=True)
    return 0


def check(pages: list[str]) -> int:
    """Compare a sample of the named pages' blocks, or of all, with what is computed now."""
    failed = compared = 0
    for page in pages or SAMPLES:
        began = time.monotonic()
        for block in SAMPLES[page]():
            found = list(differences(block))
            print(*found, sep="\n", end="\n" if found else "")
            failed += len(found)
            compared += sum(bool(line) for line in block.lines)
        print(f"{page}: {time.monotonic() - began:.0f} s", flush=True)
    print(f"{compared} lines compared, {failed} differ")
    if failed:
        print("run `python -m doc_tables PAGE`; if numbers changed, say in CHANGELOG.md why")
    return 0 if compared and not failed else 1


if __name__ == "__main__":
    sys.exit(main())
