"""Prices with dividends put back, and without the split adjustment a publisher made.

Bars from equity publishers are usually split-adjusted: every price before a split is divided by its
ratio, however long afterwards. That is right for returns and wrong for what an order paid that day.
"""

import numpy as np
from numpy.typing import NDArray

from data_feeds.clock import utc_text
from data_feeds.errors import SchemaError
from data_feeds.schema import Channel, ChannelKind
from data_feeds.splits import unscaled

Values = NDArray[np.float64]

_ADJUSTABLE = (ChannelKind.BARS, ChannelKind.MARK, ChannelKind.DIVIDENDS)


def total_return(bars: Channel, dividends: Channel | None) -> Values:
    """Return the growth of one unit of money held from the first close, dividends reinvested.

    ``growth[0] = 1`` and ``growth[t] = growth[t-1] * (close[t] + dividend[t]) / close[t-1]``, where
    ``dividend[t]`` is the sum of the amounts whose ex-date opens at or after the close of bar t-1
    and before that of bar t. A dividend is reinvested at the close of its ex-date, without tax.

    The index runs forward: a row depends on rows up to its own, so a dividend paid later changes no
    earlier value. Publishers' adjusted closes are scaled back from today and change all of them.

    Parameters
    ----------
    bars : prices in quote per share; any timeframe
    dividends : amounts in quote per share, ``event_at`` at the open of the ex-date, adjusted for
        the same splits as ``bars``; None for none. Those before the first close are left out.

    Returns
    -------
    A fraction of the first close for each bar, never NaN; empty without bars.

    Raises
    ------
    SchemaError : a channel of another kind was given.
    """
    _check_kind(bars, (ChannelKind.BARS, ChannelKind.MARK), "bars")
    paid = np.zeros(len(bars))
    if dividends is not None:
        _check_kind(dividends, (ChannelKind.DIVIDENDS,), "dividends")
        # A bar whose session is missing leaves its dividend to the next one: the holder got it.
        row = np.searchsorted(bars["closed_at"], dividends["event_at"], side="right")
        inside = row < len(bars)
        np.add.at(paid, row[inside], dividends["amount"][inside])
    growth = np.ones(len(bars))
    close = bars["close"]
    growth[1:] = np.cumprod((close[1:] + paid[1:]) / close[:-1])
    return growth


def as_traded(channel: Channel, splits: Channel | None) -> Channel:
    """Return split-adjusted rows as they were quoted on their day.

    Prices and dividend amounts of a row are multiplied, and its volume divided, by the product of
    the ratios of all splits after it. A bar that opens at a split's ``event_at`` already traded in
    new shares, so that split does not touch it.

    Parameters
    ----------
    channel : bars, marks or dividends, adjusted for exactly these splits
    splits : ``ratio`` in new shares per old share, 4.0 for four to one; None for none

    Raises
    ------
    SchemaError : a channel of another kind was given, or a ratio is not positive.
    """
    _check_kind(channel, _ADJUSTABLE, "channel")
    if splits is None or len(splits) == 0:
        return channel
    _check_kind(splits, (ChannelKind.SPLITS,), "splits")
    ratio = splits["ratio"]
    if not (ratio > 0).all():
        row = int(np.flatnonzero(~(ratio > 0))[0])
        raise SchemaError(
            f"{splits.key}: row {row} at {utc_text(splits['event_at'][row])}: ratio {ratio[row]:g} "
            "is not positive; write new shares per old share, e.g. 0.1 for one share for ten"
        )
    return unscaled(channel, splits)


def _check_kind(channel: Channel, kinds: tuple[ChannelKind, ...], name: str) -> None:
    if channel.key.kind not in kinds:
        raise SchemaError(
            f"{channel.key}: {name} must be a channel of kind {' or '.join(kinds)}, "
            f"not {channel.key.kind}"
        )
