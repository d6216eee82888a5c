"""Make a page of the site from a notebook: its words, its code, and what the code showed.

Notebooks are stored without outputs; the page takes them from a run at building time.
"""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from doc_tables.blocks import DOCS
from doc_tables.site.stage import site_text

NOTEBOOKS = sorted((DOCS / "notebooks").glob("*.ipynb"))
# pandas writes both on every table; the site has a style of its own.
PANDAS_TABLE = re.compile(r' border="1" class="dataframe"')
PANDAS_STYLE = re.compile(r"<style scoped>.*?</style>\s*", re.DOTALL)


def notebook_page(notebook: Mapping[str, Any], path: Path, folder: Path) -> str:
    """Return a notebook as Markdown; its pictures are written into the folder.

    ``path`` is the notebook's, from which its links lead.
    """
    name = path.stem
    parts: list[str] = []
    pictures = 0
    for cell in notebook["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            parts.append(site_text(source, path))
            continue
        parts.append(_fenced(source, "python"))
        for output in cell["outputs"]:
            svg = output.get("data", {}).get("image/svg+xml")
            if svg is None:
                parts += _shown(output)
                continue
            pictures += 1
            picture = folder / f"{name}-{pictures}.svg"
            picture.write_text("".join(svg), encoding="utf-8")
            parts.append(f"![The picture that the code above makes]({picture.name})")
    parts.append(f"[This page as a notebook]({name}.ipynb)")
    return "\n\n".join(parts) + "\n"


def load_notebook(path: Path) -> dict[str, Any]:
    """Return a notebook's values."""
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def _shown(output: Mapping[str, Any]) -> Iterator[str]:
    """Yield what a cell printed or returned: a table as HTML, all else as text."""
    data = output.get("data", {})
    if output["output_type"] == "stream":
        yield _fenced("".join(output["text"]), "text")
    elif "text/html" in data:
        html = PANDAS_STYLE.sub("", "".join(data["text/html"]))
        yield f'<div class="output" tabindex="0">\n{PANDAS_TABLE.sub("", html)}\n</div>'
    elif "text/plain" in data:
        yield _fenced("".join(data["text/plain"]), "text")


def _fenced(text: str, language: str) -> str:
    """Return a code block; its fence is longer than any in the text."""
    longest = max((len(run) for run in re.findall(r"`{3,}", text)), default=2)
    fence = "`" * (longest + 1)
    body = text.rstrip("\n")
    return f"{fence}{language}\n{body}\n{fence}"
