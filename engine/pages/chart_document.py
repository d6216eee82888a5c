"""Write the data of a run's chart as small JSON, which ``assets/chart_data.js`` reads back.

Times are seconds since 1970 (UTC). Long columns of times are runs of equal steps, prices whole
numbers of ``10**-digits``, each candle relative to the close before it; a page with ten thousand
bars then needs no compression, which not every reader's browser and no two libraries do alike.
"""

import math
from collections.abc import Sequence
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.drawn_values import DrawnAs
from engine.price_chart import InstrumentChart, RunChart
from engine.price_chart.account_lines import AccountLines, moving_rows
from engine.price_chart.candles import Candles
from engine.price_chart.drawn_signals import DrawnLine
from engine.price_chart.fill_marks import FillMark
from engine.records import Trade

Floats = NDArray[np.float64]
SECOND_NS = 10**9
# Digits of a price's largest value; the tick of a liquid market needs six.
PRICE_DIGITS = 7
POINTS_OF_LINE = 12_000


class NumberedTexts:
    """Holds each text once; a mark names its sentences by number."""

    def __init__(self) -> None:
        self._places: dict[str, int] = {}

    def place(self, text: str) -> int:
        """Return the number of a text."""
        return self._places.setdefault(text, len(self._places))

    def all(self) -> list[str]:
        """Return every text, by its number."""
        return list(self._places)


def chart_document(
    chart: RunChart,
    trades: Sequence[Trade],
    *,
    currency: str,
    is_synthetic: bool,
    sell_offs: Sequence[tuple[int, int, int]] = (),
) -> dict[str, Any]:
    """Return the JSON of a chart; equal data give equal documents.

    ``sell_offs`` are shaded stretches as (high, confirmation, end), ns UTC.
    """
    texts = NumberedTexts()
    return {
        "start": seconds(chart.start),
        "end": seconds(chart.end),
        "clock": chart.clock,
        "currency": currency,
        "synthetic": is_synthetic,
        "instruments": [_instrument(item, texts) for item in chart.instruments],
        "account": _account(chart.account),
        "lines": [_line(line) for line in chart.lines],
        "stages": [
            [
                texts.place(span.title),
                span.place,
                span.instrument,
                seconds(span.from_at),
                seconds(span.until_at),
            ]
            for span in chart.stages
        ],
        "events": [
            [seconds(event.at), event.kind, event.instrument, texts.place(event.text), event.price]
            for event in chart.events
        ],
        "trades": [_trade(trade) for trade in trades],
        "sellOffs": [[seconds(at) for at in span] for span in sell_offs],
        "texts": texts.all(),
    }


def seconds(at: int) -> int:
    """Return an instant (ns UTC) in seconds since 1970."""
    return int(at) // SECOND_NS


def _instrument(chart: InstrumentChart, texts: NumberedTexts) -> dict[str, Any]:
    digits = price_digits(chart.candles)
    return {
        "name": chart.instrument,
        "quote": chart.quote,
        "digits": digits,
        "grid": seconds(chart.candles.grid_ns),
        "candles": _candles(chart.candles, digits),
        "marks": [_mark(mark, texts) for mark in chart.marks],
        "levels": [
            [
                level.plan_id,
                level.role.value,
                seconds(level.from_at),
                seconds(level.until_at),
                level.price,
            ]
            for level in chart.levels
        ],
    }


def price_digits(candles: Candles) -> int:
    """Return the decimals that show a price of the candles in seven digits.

    >>> flat = np.full(1, 65_000.5)
    >>> price_digits(Candles(np.ones(1, int), np.ones(1, int), flat, flat, flat, flat))
    2
    """
    whole = math.floor(math.log10(max(float(candles.high.max()), 1e-12))) + 1
    return max(PRICE_DIGITS - whole, 0)


def _candles(candles: Candles, digits: int) -> dict[str, Any]:
    """Return closes relative to the close before, the other prices relative to body and close."""
    opens, high, low, close = (
        np.round(values * 10**digits).astype(np.int64)
        for values in (candles.open, candles.high, candles.low, candles.close)
    )
    return {
        "closed": runs(np.diff(candles.closed_at // SECOND_NS, prepend=0)),
        "length": runs((candles.closed_at - candles.opened_at) // SECOND_NS),
        "close": np.diff(close, prepend=0).tolist(),
        "open": (opens - np.concatenate(([0], close[:-1]))).tolist(),
        "high": (high - np.maximum(opens, close)).tolist(),
        "low": (np.minimum(opens, close) - low).tolist(),
    }


def runs(values: NDArray[np.int64]) -> list[int]:
    """Return equal neighbours as value and count, one after the other.

    >>> runs(np.array([60, 60, 60, 90]))
    [60, 3, 90, 1]
    """
    return [x for value, same in groupby(values.tolist()) for x in (value, len(list(same)))]


def _mark(mark: FillMark, texts: NumberedTexts) -> list[Any]:
    return [
        seconds(mark.at),
        mark.price,
        mark.quantity,
        mark.role.value,
        mark.side,
        mark.direction,
        int(mark.adds),
        int(mark.is_part),
        mark.plan_id,
        mark.trade_id,
        texts.place(mark.reason),
        texts.place(mark.cap),
        [texts.place(line) for line in mark.lines],
    ]


def _trade(trade: Trade) -> list[Any]:
    return [
        trade.trade_id,
        trade.instrument,
        seconds(trade.entered_at),
        None if trade.open_at_end else seconds(trade.exited_at),
        trade.direction,
        short(trade.net_pnl, 2),
        short(trade.r_multiple, 2),
        trade.plan_id,
    ]


def _account(account: AccountLines) -> dict[str, Any]:
    return {
        "at": runs(np.diff(account.at // SECOND_NS, prepend=0)),
        "equity": _shorts(account.equity, 2),
        "drawdown": _shorts(account.drawdown, 6),
        "exposureAt": runs(np.diff(account.exposure_at // SECOND_NS, prepend=0)),
        "exposure": {name: _shorts(values, 4) for name, values in account.exposure.items()},
    }


def _line(line: DrawnLine) -> dict[str, Any]:
    """Return a line without the rows inside its flat parts; of many others every n-th stays."""
    at, value = line.at, line.value
    if line.declared.drawn_as is not DrawnAs.LEVEL:
        rows = moving_rows(value)
        rows = rows[:: max(-(-len(rows) // POINTS_OF_LINE), 1)]
        at, value = at[rows], value[rows]
    return {
        "title": line.declared.title,
        "as": line.declared.drawn_as.value,
        "instrument": line.declared.instrument,
        "unit": line.declared.unit,
        "at": runs(np.diff(at // SECOND_NS, prepend=0)),
        "value": [_digits(x) for x in value.tolist()],
    }


def _digits(value: float) -> float | None:
    return float(f"{value:.{PRICE_DIGITS}g}") if math.isfinite(value) else None


def short(value: float, digits: int) -> float | None:
    """Return a number with few decimals; None where it does not exist."""
    return round(value, digits) if math.isfinite(value) else None


def _shorts(values: Floats, digits: int) -> list[float | None]:
    return [short(value, digits) for value in values.tolist()]
