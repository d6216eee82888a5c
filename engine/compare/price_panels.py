"""The prices that a comparison draws: main instruments of each playbook, its fills and stops."""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from data_feeds.catalog import Catalog
from data_feeds.clock import MINUTE_NS
from data_feeds.dataset import Dataset
from data_feeds.errors import DataError
from data_feeds.load import load_dataset
from data_feeds.schema import ChannelKey
from engine.compare.record import CellRecord
from engine.episodes import Episode
from engine.price_chart import FillMark, FillMarks, InstrumentChart, instrument_chart
from engine.price_chart.stored_bars import explains_fills, traded_bar_keys
from engine.records import Fill, OrderRole

# Instruments of a playbook with the largest traded notional.
MAIN_INSTRUMENTS = 3
# Enough for single bars around some twenty trades, where the others are joined.
CANDLES = 1_000
DIGITS = 7


def price_panels(
    episode: Episode, cells: Sequence[CellRecord], source: Catalog | Dataset
) -> list[dict[str, Any]]:
    """Return a panel for each playbook and main instrument, by playbook; times are minutes UTC.

    A playbook whose bars are gone from the data, or have changed since it ran, has no panel.
    """
    panels = []
    for cell in cells:
        if cell.item.baseline:
            continue
        main = main_instruments(cell.files.fills)
        keys = traded_bar_keys(cell.files.manifest["channels"], main)
        data = _bars(source, keys, episode)
        marks = FillMarks(cell.files)
        for name in main:
            bars = data.channels.get(keys[name]) if name in keys else None
            fills = [fill for fill in cell.files.fills if fill.instrument == name]
            if bars is None or not explains_fills(bars, fills):
                continue
            chart = instrument_chart(
                cell.files, data.instruments[name], bars, marks=marks, most=CANDLES
            )
            if len(chart.candles):
                panels.append({"row": cell.row, **_panel(chart)})
    return panels


def main_instruments(fills: Iterable[Fill]) -> list[str]:
    """Return the most traded instruments by quantity x price, the largest first.

    The product is a notional of linear contracts only; it chooses and orders the panels.
    """
    traded: dict[str, float] = defaultdict(float)
    for fill in fills:
        traded[fill.instrument] += abs(fill.quantity) * fill.price
    return sorted(traded, key=lambda name: (-traded[name], name))[:MAIN_INSTRUMENTS]


def _bars(source: Catalog | Dataset, keys: Mapping[str, ChannelKey], episode: Episode) -> Dataset:
    try:
        return load_dataset(
            source, (), episode.start_at, episode.end_at, optional=list(keys.values())
        )
    except DataError:
        return Dataset({}, {})


def _panel(chart: InstrumentChart) -> dict[str, Any]:
    drawn = chart.candles
    return {
        "instrument": chart.instrument,
        "quote": chart.quote,
        "at": (drawn.closed_at // MINUTE_NS).tolist(),
        "close": _prices(drawn.close),
        "low": _prices(drawn.low),
        "high": _prices(drawn.high),
        "marks": [_mark(mark) for mark in chart.marks],
        "stops": [
            [level.from_at // MINUTE_NS, level.until_at // MINUTE_NS, _price(level.price)]
            for level in chart.levels
            if level.role is OrderRole.STOP
        ],
    }


def _mark(mark: FillMark) -> dict[str, Any]:
    return {
        "at": mark.at // MINUTE_NS,
        "price": _price(mark.price),
        "kind": "entry" if mark.adds else "stop" if mark.role is OrderRole.STOP else "exit",
        "long": mark.direction > 0,
        "text": "\n".join(filter(None, (mark.reason, mark.cap, *mark.lines))),
    }


def _prices(values: Any) -> list[float]:
    return [_price(value) for value in np.asarray(values).tolist()]


def _price(value: float) -> float:
    """Return a price with seven significant digits.

    >>> _price(64_250.123456)
    64250.12
    """
    return round(value, DIGITS - 1 - math.floor(math.log10(abs(value)))) if value else 0.0
