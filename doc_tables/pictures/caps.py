"""Draw the caps that made a size, with the numbers of the demo's first trade."""

import math

from doc_tables.blocks import PageBlock
from doc_tables.pictures.demo_run import FirstTrade
from doc_tables.pictures.drawing import SvgDrawing

NAME, LEFT, WIDTH = "sizing-caps", 150, 500
CAP = "cap_"


def block(trade: FirstTrade) -> PageBlock:
    """Return the picture: a bar a cap on a logarithmic axis, then the size that is left."""
    decision = trade.decision
    caps = {
        name.removeprefix(CAP): value
        for name, value in decision.items()
        if name.startswith(CAP) and isinstance(value, float) and math.isfinite(value)
    }
    binding, multiplier = str(decision["binding_cap"]), float(decision["multiplier"])
    size = float(decision["quantity"])
    low, high = math.log10(size) - 0.15, math.log10(max(caps.values())) + 0.05

    def width(value: float) -> float:
        return round(WIDTH * (math.log10(value) - low) / (high - low), 1)

    drawing = SvgDrawing(NAME)
    drawing.text(
        16, 26, f"{trade.trade.instrument}: the caps of the demo's first trade, base units", "bold"
    )
    y = 44
    for name, value in caps.items():
        style = "binding" if name == binding else "row"
        drawing.text(LEFT - 12, y + 17, name, "bold" if name == binding else "", "end")
        drawing.box(LEFT, y, width(value), 24, style)
        drawing.text(LEFT + width(value) + 8, y + 17, f"{value:,.4g}", "small")
        y += 32
    cut = LEFT + width(caps[binding])
    drawing.line(cut, 40, cut, y + 4, "dash")
    left = caps[binding] * multiplier
    steps = (
        ("smallest cap", caps[binding], f"{caps[binding]:,.4g}: {binding} binds"),
        (
            "x size factor",
            left,
            f"{left:,.4g}: times {multiplier:g}, the playbook's and the tier's",
        ),
        ("sent", size, f"{size:,g}: rounded down to the lot"),
    )
    y += 8
    for name, value, words in steps:
        drawing.text(LEFT - 12, y + 15, name, "", "end")
        drawing.box(LEFT, y, width(value), 20, "size")
        drawing.text(LEFT + width(value) + 8, y + 15, words, "small")
        y += 28
    drawing.text(
        LEFT,
        y + 16,
        "Logarithmic axis. Caps that are off, or have no bound here, are left out.",
        "small muted",
    )
    return drawing.block()
