"""Leveraged positions: open interest in base units, liquidation prints, discounts."""

import numpy as np

from data_feeds.align import as_of
from data_feeds.clock import MINUTE_NS
from data_feeds.schema import Channel
from engine.signals.windows import Floats, multiple_of_mean_before

# A quote value is divided by a price of the same instant; this allows for rounded stamps.
SAME_INSTANT_NS = 5 * MINUTE_NS


def open_interest_base(open_interest: Channel, *prices: Channel) -> Floats:
    """Return open interest in base units at each of the channel's rows.

    The source's own base value is used where it gives one; otherwise the quote value is divided by
    the close at that instant of the first of ``prices`` that has one (mark before last price). NaN
    where there is none: an older price would turn a fall of the price into a fall of positions.
    """
    base = open_interest["open_interest_base"].astype(np.float64)
    for channel in prices:
        price = as_of(channel, "close", open_interest["event_at"], SAME_INSTANT_NS)
        converted = open_interest["open_interest_quote"] / price.values
        base = np.where(np.isnan(base) & price.is_fresh, converted, base)
    return base


def liquidation_multiple(liquidations: Channel, direction: int, window_ns: int) -> Floats:
    """Return forced closes at each row over their mean in the window before, a multiple.

    ``direction`` +1 reads liquidated longs, -1 liquidated shorts.
    """
    side = "long_quote" if direction > 0 else "short_quote"
    return multiple_of_mean_before(liquidations["event_at"], liquidations[side], window_ns)


def premium(bars: Channel, reference: Channel) -> Floats:
    """Return last / reference - 1 at each reference bar's close; negative: a discount.

    Both prices are closes of the same instant; NaN where no bar closed at that instant, or where
    the bar became known later than the reference did.
    """
    if len(bars) == 0:
        return np.full(len(reference), np.nan)
    match = np.minimum(np.searchsorted(bars["closed_at"], reference["closed_at"]), len(bars) - 1)
    same = (bars["closed_at"][match] == reference["closed_at"]) & (
        bars["available_at"][match] <= reference["available_at"]
    )
    return np.where(same, bars["close"][match] / reference["close"] - 1, np.nan)
