"""Draw the layers as the contract in pyproject.toml holds them."""

import tomllib
from collections.abc import Sequence

from doc_tables.blocks import ROOT, PageBlock
from doc_tables.pictures.drawing import SvgDrawing, wrapped

NAME, ROW = "layers", 19
# Left edge and width of the two columns, and the letters that fit into one row of them.
LEFT_COLUMN, RIGHT_COLUMN = (16, 262, 38), (294, 450, 68)
ENGINE, MARKET = "engine", "data_feeds"


def layers(container: str) -> Sequence[str]:
    """Return the layers of a package from the top down, as the contract writes them."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    for contract in project["tool"]["importlinter"]["contracts"]:
        if contract.get("containers") == [container]:
            found: Sequence[str] = contract["layers"]
            return found
    raise LookupError(f"pyproject.toml has no contract of layers inside {container}")


def block() -> PageBlock:
    """Return the picture: the engine's layers; beside them the playbooks and the market's."""
    drawing = SvgDrawing(NAME)
    left, width, _ = LEFT_COLUMN
    drawing.box(left, 16, width, 74)
    drawing.text(left + 12, 40, "strategies", "bold")
    drawing.lines(left + 12, 60, ("rules; they import engine.api", "and nothing else"), "small")
    lowest = _package(drawing, 16, ENGINE, "orders, books, results, pages", RIGHT_COLUMN)
    _package(drawing, 106, MARKET, "what was known when", LEFT_COLUMN)
    drawing.text(left, lowest + 8, "Imports point down; names on one line do not see each other.")
    drawing.text(left, lowest + 26, "The engine imports the market's layers, never the reverse.")
    return drawing.block()


def _package(
    drawing: SvgDrawing, top: float, name: str, words: str, column: tuple[int, int, int]
) -> float:
    """Draw one package from a height on, and return the height below it."""
    left, width, letters = column
    rows = [wrapped(layer.replace("|", "·"), letters) for layer in layers(name)]
    height = 44 + sum(ROW + 13 * (len(lines) - 1) + 3 for lines in rows)
    drawing.box(left, top, width, height)
    drawing.text(left + 12, top + 22, name, "bold")
    drawing.text(left + 100, top + 22, words, "small")
    y = top + 34
    for lines in rows:
        tall = ROW + 13 * (len(lines) - 1)
        drawing.box(left + 10, y, width - 20, tall, "row")
        for row, line in enumerate(lines):
            drawing.text(left + 18, y + 13 + 13 * row, line, "tiny")
        y += tall + 3
    return top + height + 16
