"""Build the documentation as a site; every broken link, anchor or page without a place fails.

    python -m doc_tables.site            writes site/index.html

mkdocs-material lives in an environment of its own, ``.data/docs/site``, made from
``requirements.txt`` beside this file on first use. Read the site from its files or from any server:
it loads nothing from the network.
"""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from benchmarks.peers.environments import python_of
from doc_tables.blocks import ROOT
from doc_tables.site.stage import stage

ENVIRONMENT = ROOT / ".data" / "docs"
PAGES = ENVIRONMENT / "pages"
SITE = ROOT / "site"
# A script, style, font, picture or frame that a browser would fetch while it opens the page.
LOADED = re.compile(
    r"<(?:script|img|iframe|source|video)\b[^>]*\ssrc=[\"']?(?:https?:)?//[^\"'\s>]+"
    r"|<link\b(?![^>]*rel=[\"']?canonical)[^>]*\shref=[\"']?(?:https?:)?//[^\"'\s>]+"
)


def main() -> int:
    """Stage and build the site, and return the exit code."""
    python = python_of("requirements", ENVIRONMENT, Path(__file__).parent)
    count = stage(PAGES)
    told = build(python, ROOT / "mkdocs.yml", SITE)
    if told:
        print(told)
        return 1
    loading = list(network_loads(SITE))
    if loading:
        print("a page must load nothing from the network:", *loading, sep="\n  ")
        return 1
    print(f"{count} pages and pictures")
    print(SITE / "index.html")
    return 0


def build(python: Path, settings: Path, site: Path) -> str:
    """Build the site of a settings file; return mkdocs's complaints, empty when it has none."""
    # Not --quiet: it drops warnings before --strict counts them, and every broken link passes.
    command = [str(python), "-m", "mkdocs", "build", "--strict", "--clean"]
    done = subprocess.run(
        [*command, "--config-file", str(settings), "--site-dir", str(site)],
        cwd=ROOT,
        # Silences an advertisement.
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    if not done.returncode:
        return ""
    lines = done.stderr.splitlines() + done.stdout.splitlines()
    return "\n".join(line for line in lines if not line.startswith("INFO"))


def network_loads(site: Path) -> Iterator[str]:
    """Yield each element of the built pages that a browser would fetch from another host.

    Raises
    ------
    SystemExit : the folder has no page.
    """
    pages = sorted(site.rglob("*.html"))
    if not pages:
        raise SystemExit(f"{site} has no page")
    for page in pages:
        for found in LOADED.findall(page.read_text(encoding="utf-8")):
            yield f"{page.relative_to(site)}: {found}"


if __name__ == "__main__":
    sys.exit(main())
