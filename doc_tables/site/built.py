"""Run mkdocs on the staged pages, and look through what it built."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from doc_tables.blocks import ROOT

# A script, style, font, picture or frame that a browser would fetch while it opens the page.
LOADED = re.compile(
    r"<(?:script|img|iframe|source|video)\b[^>]*\ssrc=[\"']?(?:https?:)?//[^\"'\s>]+"
    r"|<link\b(?![^>]*rel=[\"']?canonical)[^>]*\shref=[\"']?(?:https?:)?//[^\"'\s>]+"
)


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


def strictness_faults(python: Path, settings: Path, folder: Path) -> Iterator[str]:
    """Yield each fault that a build with these settings would let pass, of three planted ones."""
    pages, site = folder / "faulty", folder / "faulty-site"
    shutil.rmtree(pages, ignore_errors=True)
    pages.mkdir()
    (pages / "index.md").write_text("# Home\n\n[a](gone.md) [b](#gone-too)\n", encoding="utf-8")
    (pages / "lonely.md").write_text("# Nowhere\n", encoding="utf-8")
    planted = folder / "faulty.yml"
    lines = (f"INHERIT: {settings}", f"docs_dir: {pages}", "nav: [index.md]", "extra_css: []")
    planted.write_text("\n".join(lines), encoding="utf-8")
    told = build(python, planted, site)
    for fault in ("gone.md", "#gone-too", "lonely.md"):
        if fault not in told:
            yield f"mkdocs lets a planted fault pass: {fault}; is the build strict? It told: {told}"


def name_search(site: Path) -> None:
    """Name the search dialog of each page, which the theme leaves without a name."""
    for page in site.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        named = text.replace('role="dialog"', 'role="dialog" aria-label="Search"', 1)
        page.write_text(named, encoding="utf-8")


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
