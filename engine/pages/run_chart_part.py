"""Make the part of a run's page that shows prices: a still picture, and the interactive chart."""

from collections.abc import Sequence
from dataclasses import dataclass

from engine.drawn_values import DrawnAs
from engine.formatting import signed
from engine.pages.chart_document import chart_document
from engine.pages.html import asset, embedded_json, embedded_script
from engine.price_chart import RunChart
from engine.records import OrderRole, Trade

SCRIPTS = ("chart_data.js", "chart_panels.js", "run_chart.js")
STYLE = "run_chart.css"
DAY_NS = 86_400 * 10**9
SPANS = ((1, "1 day"), (7, "1 week"), (30, "1 month"), (91, "3 months"), (365, "1 year"))
# Shape in chart_panels.js, and its words.
ROLE_WORDS = {
    OrderRole.TARGET: "target",
    OrderRole.STOP: "stop",
    OrderRole.EXIT: "exit or sale",
    OrderRole.GUARD: "closed by a guard",
    OrderRole.LIQUIDATION: "liquidation",
    OrderRole.SETTLEMENT: "settlement",
}
EVENT_WORDS = {
    "guard": "a guard tripped or was released",
    "refused": "refused or put off",
    "option": "option bought, sold or settled",
}


@dataclass(frozen=True)
class LiveChart:
    """The controls of the interactive chart, and its data and scripts, ready for the template.

    ``key`` holds (shape, words) of the marks that occur, ``stages`` (place, words), ``trades``
    (number, words), ``spans`` (days, words) of the range buttons, ``toggles`` (name, words) of what
    can be hidden. ``is_shaded``: sell-offs are shaded.
    """

    instruments: tuple[str, ...]
    trades: tuple[tuple[int, str], ...]
    spans: tuple[tuple[int, str], ...]
    toggles: tuple[tuple[str, str], ...]
    key: tuple[tuple[str, str], ...]
    stages: tuple[tuple[int, str], ...]
    is_shaded: bool
    data: str
    scripts: tuple[str, ...]


def live_chart(
    chart: RunChart,
    trades: Sequence[Trade],
    *,
    currency: str,
    is_synthetic: bool,
    sell_offs: Sequence[tuple[int, int, int]],
) -> LiveChart | None:
    """Return the interactive chart of a run; None where no instrument has a bar in the window."""
    if not chart.instruments:
        return None
    document = chart_document(
        chart, trades, currency=currency, is_synthetic=is_synthetic, sell_offs=sell_offs
    )
    days = (chart.end - chart.start) / DAY_NS
    spans = [span for span in SPANS if span[0] < days]
    shown = {item.instrument for item in chart.instruments}
    return LiveChart(
        instruments=tuple(item.instrument for item in chart.instruments),
        trades=tuple((t.trade_id, _trade_words(t)) for t in trades if t.instrument in shown),
        spans=(*spans, (0, "all")),
        toggles=tuple(_toggles(chart)),
        key=tuple(_key(chart)),
        stages=tuple(sorted({(span.place, span.title) for span in chart.stages})),
        is_shaded=bool(sell_offs),
        data=embedded_json(document),
        scripts=tuple(embedded_script(asset(name)) for name in SCRIPTS),
    )


def _trade_words(trade: Trade) -> str:
    side = "long" if trade.direction > 0 else "short"
    return f"{trade.trade_id}, {side} {trade.instrument}, {signed(trade.net_pnl)}"


def _toggles(chart: RunChart) -> list[tuple[str, str]]:
    """Return the parts that a reader can hide: orders' levels, stages, each declared line."""
    roles = {level.role for item in chart.instruments for level in item.levels}
    found = [("stops", "stops")] if OrderRole.STOP in roles else []
    if roles - {OrderRole.STOP}:
        found.append(("targets", "targets and resting entries"))
    if chart.stages:
        found.append(("stages", "stages"))
    over_price = [line.declared for line in chart.lines if line.declared.drawn_as != DrawnAs.PANEL]
    return found + [(title, title) for title in dict.fromkeys(item.title for item in over_price)]


def _key(chart: RunChart) -> list[tuple[str, str]]:
    """Return the shapes that occur with their words, and what colour and hollow marks mean."""
    marks = [mark for item in chart.instruments for mark in item.marks]
    key = []
    if any(mark.adds and mark.direction > 0 for mark in marks):
        key.append(("up", "long: entry or purchase"))
    if any(mark.adds and mark.direction < 0 for mark in marks):
        key.append(("down", "short: entry or sale"))
    reducing = {mark.role for mark in marks if not mark.adds}
    key += [(role.value, words) for role, words in ROLE_WORDS.items() if role in reducing]
    if any(mark.is_part for mark in marks):
        key.append(("target part", "hollow: a part of it"))
    kinds = {event.kind for event in chart.events}
    return key + [(kind, words) for kind, words in EVENT_WORDS.items() if kind in kinds]
