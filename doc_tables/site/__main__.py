"""Build the documentation as a site; every broken link, anchor or page without a place fails.

    python -m doc_tables.site                    writes site/index.html
    python -m doc_tables.site --no-notebooks     shows notebooks without what their cells print

mkdocs-material lives in an environment of its own, ``.data/docs``, made from ``requirements.txt``
beside this file on first use. Read the site from its files or from any server: it loads nothing
from the network.
"""

import argparse
import sys
import time
from pathlib import Path

from benchmarks.peers.environments import python_of
from doc_tables.blocks import ROOT
from doc_tables.site.built import build, name_search, network_loads, strictness_faults
from doc_tables.site.executed import executed
from doc_tables.site.notebook_pages import NOTEBOOKS, load_notebook, notebook_page
from doc_tables.site.stage import site_path, stage

ENVIRONMENT = ROOT / ".data" / "docs"
PAGES = ENVIRONMENT / "pages"
SITE = ROOT / "site"
SETTINGS = ROOT / "mkdocs.yml"


def main() -> int:
    """Stage and build the site, and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m doc_tables.site", description=__doc__)
    parser.add_argument("--no-notebooks", action="store_true", help="execute no notebook")
    asked = parser.parse_args()
    python = python_of("requirements", ENVIRONMENT, Path(__file__).parent)
    count = stage(PAGES)
    for path in NOTEBOOKS:
        began = time.monotonic()
        found = load_notebook(path) if asked.no_notebooks else executed(path)
        page = (PAGES / site_path(path)).with_suffix(".md")
        page.write_text(notebook_page(found, path, page.parent), encoding="utf-8")
        print(f"{path.name}: {time.monotonic() - began:.0f} s", flush=True)
    told = [build(python, SETTINGS, SITE), *strictness_faults(python, SETTINGS, ENVIRONMENT)]
    name_search(SITE)
    told += [f"loads from the network: {found}" for found in network_loads(SITE)]
    if any(told):
        print(*filter(None, told), sep="\n")
        return 1
    print(f"{count} pages and pictures")
    print(SITE / "index.html")
    return 0


if __name__ == "__main__":
    sys.exit(main())
