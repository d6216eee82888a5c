"""Find the bars in which a stored run traded, and check that they are still the same."""

from collections.abc import Collection, Iterable

import numpy as np

from data_feeds.schema import Channel, ChannelKey, ChannelKind
from data_feeds.timeframe import Timeframe
from engine.records import Fill, OrderRole

OTHER_PRICES = (OrderRole.LIQUIDATION, OrderRole.SETTLEMENT)
# A raw price at a bar's extreme may differ from it in the last bits.
ROUNDING = 1e-9


def traded_bar_keys(channels: Iterable[str], traded: Collection[str]) -> dict[str, ChannelKey]:
    """Return the finest bars that a run read of each instrument that it traded."""
    found: dict[str, ChannelKey] = {}
    for text in channels:
        instrument, kind, *timeframe = text.split("/")
        if kind != ChannelKind.BARS or instrument not in traded:
            continue
        key = ChannelKey(instrument, ChannelKind.BARS, *timeframe)
        held = found.get(instrument)
        if held is None or Timeframe(key.timeframe).ns < Timeframe(held.timeframe).ns:
            found[instrument] = key
    return found


def explains_fills(bars: Channel, fills: Iterable[Fill]) -> bool:
    """Return whether the raw price of each order's fill lies inside the fill's bar.

    Liquidations and settlements are left aside: their prices come from the mark or the underlying.
    """
    checked = [fill for fill in fills if fill.role not in OTHER_PRICES]
    opened_at = np.array([fill.bar_opened_at for fill in checked], dtype=np.int64)
    price = np.array([fill.raw_price for fill in checked])
    if len(bars) == 0:
        return not checked
    rows = np.minimum(np.searchsorted(bars["opened_at"], opened_at), len(bars) - 1)
    low, high = bars["low"][rows] * (1 - ROUNDING), bars["high"][rows] * (1 + ROUNDING)
    same = bars["opened_at"][rows] == opened_at
    return bool(np.all(same & (low <= price) & (price <= high)))
