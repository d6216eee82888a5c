"""Draw the flush sequence on bars: the demo's first trade, as the engine made it."""

from dataclasses import dataclass

import numpy as np

from data_feeds.clock import DAY_NS, HOUR_NS
from doc_tables.blocks import PageBlock
from doc_tables.pictures.demo_run import FirstTrade
from doc_tables.pictures.drawing import SvgDrawing
from engine.records import OrderRole

NAME = "flush-sequence"
LEFT, RIGHT, TOP, BOTTOM = 16, 548, 96, 420
BEFORE_H, AFTER_H = 2.5, 0.75
# The stages that the picture names, in their order, by the words of the playbook.
STAGES = ("first flush", "bounce", "second flush", "reclaim")

# The levels of the playbook that it names.
SEEN = {
    "extreme of the first flush, to reclaim": "first flush, to reclaim",
    "extreme of the bounce": "extreme of the bounce",
    "broken level": "broken level",
}


@dataclass(frozen=True)
class _BarScale:
    """Places of instants (ns UTC) and prices (quote) in the picture."""

    start: int
    end: int
    low: float
    high: float

    def x(self, at: int) -> float:
        return round(LEFT + (RIGHT - LEFT) * (at - self.start) / (self.end - self.start), 1)

    def y(self, price: float) -> float:
        return round(BOTTOM - (BOTTOM - TOP) * (price - self.low) / (self.high - self.low), 1)


def block(found: FirstTrade) -> PageBlock:
    """Return the picture: bars, the stages behind them, the levels and the fills."""
    trade = found.trade
    start = trade.entered_at - int(BEFORE_H * HOUR_NS)
    end = trade.exited_at + int(AFTER_H * HOUR_NS)
    opened, closed = found.bars["opened_at"], found.bars["closed_at"]
    inside = np.flatnonzero((opened >= start) & (closed <= end))
    highs, lows = found.bars["high"][inside], found.bars["low"][inside]
    levels = [level.price for level in found.levels]
    scale = _BarScale(start, end, min(lows.min(), *levels) - 150, max(highs.max(), *levels) + 150)
    drawing = SvgDrawing(NAME)
    drawing.text(LEFT, 24, f"{trade.instrument}, the demo's first trade", "bold")
    drawing.text(
        LEFT, 42, "bars of 15 minutes, reconstructed: nothing here happened", "small muted"
    )
    _draw_stages(drawing, found, scale)
    for row in inside.tolist():
        _draw_bar(drawing, found, row, scale)
    _draw_levels(drawing, found, scale)
    for mark in found.marks:
        drawing.mark(
            scale.x(mark.at),
            scale.y(mark.price),
            "buy" if mark.side > 0 else "sell",
            up=mark.side > 0,
        )
    _draw_axis(drawing, scale)
    return drawing.block()


def _draw_stages(drawing: SvgDrawing, found: FirstTrade, scale: _BarScale) -> None:
    """Draw a band for each stage of the trade's sequence, its number and words above it."""
    entered = found.trade.entered_at
    near = {
        span.title: span
        for span in found.stages
        if span.title in STAGES and entered - DAY_NS < span.from_at <= entered
    }
    known = [near[title] for title in STAGES]
    assert known[-1].from_at == entered, "the entry follows the reclaim"
    for number, span in enumerate(known, start=1):
        until = min(span.until_at, scale.end)
        x, width = scale.x(span.from_at), scale.x(until) - scale.x(span.from_at)
        drawing.box(x, TOP - 4, width, BOTTOM - TOP + 4, f"stage{number}")
        drawing.text(x + 1, TOP - 8, f"{number}", "tiny")
    words = ", ".join(f"{number} {span.title}" for number, span in enumerate(known, start=1))
    drawing.text(LEFT, 62, f"Stages, each from the close at which it was known: {words}", "small")


def _draw_bar(drawing: SvgDrawing, found: FirstTrade, row: int, scale: _BarScale) -> None:
    bars = found.bars
    middle = scale.x(int(bars["opened_at"][row] + bars["closed_at"][row]) // 2)
    first, last = float(bars["open"][row]), float(bars["close"][row])
    style = "rise" if last >= first else "fall"
    drawing.line(
        middle, scale.y(float(bars["high"][row])), middle, scale.y(float(bars["low"][row])), style
    )
    top, tall = scale.y(max(first, last)), abs(scale.y(first) - scale.y(last))
    drawing.box(middle - 2.5, top, 5, max(round(tall, 1), 1), style)


def _draw_levels(drawing: SvgDrawing, found: FirstTrade, scale: _BarScale) -> None:
    """Draw stop and targets while they work, and the levels that the playbook saw."""
    entered = found.trade.entered_at
    labels: list[tuple[float, str, str]] = []
    for words, price in found.lines.items():
        if words in SEEN and scale.low <= price <= scale.high:
            y = scale.y(price)
            drawing.line(scale.x(entered - HOUR_NS), y, scale.x(entered), y, "dash")
            labels.append((price, SEEN[words], "small muted"))
    targets = 0
    for level in found.levels:
        style = "stop" if level.role is OrderRole.STOP else "target"
        drawing.line(
            scale.x(level.from_at),
            scale.y(level.price),
            scale.x(level.until_at),
            scale.y(level.price),
            style,
        )
        moved = level.role is OrderRole.STOP and level.from_at > entered
        targets += style == "target"
        words = f"target {targets}" if style == "target" else "stop, moved" if moved else "stop"
        labels.append((level.price, words, "small"))
    below = BOTTOM + 40.0
    for price, words, style in sorted(labels):
        y = min(scale.y(price) + 4, below - 15)
        drawing.text(RIGHT + 8, y, f"{words} {price:,.1f}", style)
        below = y


def _draw_axis(drawing: SvgDrawing, scale: _BarScale) -> None:
    drawing.line(LEFT, BOTTOM + 6, RIGHT, BOTTOM + 6, "edge")
    step = 3 * HOUR_NS
    for at in range(-(-scale.start // step) * step, scale.end, step):
        when = np.datetime_as_string(np.datetime64(at, "ns"), unit="m")
        drawing.line(scale.x(at), BOTTOM + 6, scale.x(at), BOTTOM + 11, "edge")
        drawing.text(scale.x(at), BOTTOM + 26, when[11:], "small muted", "middle")
    drawing.text(RIGHT + 8, BOTTOM + 26, f"UTC, {when[:10]}", "small muted")
