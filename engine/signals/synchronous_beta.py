"""The rolling beta of one instrument to another, from closes at the same instants."""

import numpy as np
from numpy.typing import NDArray

from data_feeds.align import as_of
from data_feeds.clock import MINUTE_NS
from data_feeds.schema import Channel
from engine.signals.windows import Floats, last_rows, windowed_sum

# Closes of one session that differ by this much count as one instant (chosen).
SAME_INSTANT_NS = 15 * MINUTE_NS
# A variance below this share of the sum of squares is rounding.
NO_VARIANCE_SHARE = 1e-12


def lagged_beta(asset: Channel, market: Channel, closes: int) -> Floats:
    """Return the beta of an asset at each bar of the market, from the bars before it.

    At a bar, the last ``closes`` bars before it count at whose close the asset has one, too: a bar
    of the asset that closed at that instant, or up to 15 minutes earlier. Beta is the slope of
    the asset's log returns on the market's (covariance over variance, means subtracted), both
    from one such close to the next; ``closes`` closes give one return fewer. The close of the bar
    itself does not count. NaN until so many closes exist, and where the market did not move.

    Raises
    ------
    ValueError : ``closes`` is below 3, which gives no slope.
    """
    if closes < 3:
        raise ValueError(f"closes must be at least 3, not {closes}")
    found = as_of(asset, "close", market["closed_at"], SAME_INSTANT_NS)
    together = np.flatnonzero(found.is_fresh & (found.values > 0))
    x = np.diff(np.log(market["close"][together]))
    y = np.diff(np.log(found.values[together]))
    slopes = np.concatenate((np.full(min(1, len(together)), np.nan), _slope(x, y, closes - 1)))
    # The newest close of both before each bar.
    last = np.searchsorted(together, np.arange(len(market))) - 1
    betas: Floats = np.append(slopes, np.nan)[last]
    return betas


def _slope(x: Floats, y: Floats, window: int) -> Floats:
    """Return the slope of ``y`` on ``x`` over each window of returns."""
    first: NDArray[np.int64] = last_rows(len(x), window)

    def total(values: Floats) -> Floats:
        return windowed_sum(values, first)

    square = total(x * x)
    variance = square - total(x) ** 2 / window
    covariance = total(x * y) - total(x) * total(y) / window
    varies = variance > NO_VARIANCE_SHARE * square
    slopes: Floats = np.divide(covariance, variance, out=np.full(len(x), np.nan), where=varies)
    return slopes
