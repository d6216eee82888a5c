"""Differences between two channels of one market."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from data_feeds.align import Values, resample_bars
from data_feeds.clock import DAY_NS, Instants, utc_index
from data_feeds.errors import SchemaError
from data_feeds.quality.quality_finding import (
    DEFAULT_LIMITS,
    PRICED,
    ROWS_AROUND,
    FindingKind,
    Limits,
    QualityFinding,
    deviating,
    fact_at,
)
from data_feeds.schema import Channel, ChannelKey, ChannelKind
from data_feeds.timeframe import Timeframe


def mark_findings(
    mark: Channel, bars: Channel, limits: Limits = DEFAULT_LIMITS
) -> list[QualityFinding]:
    """Return runs of mark closes far from the last price at the same instant: mark / last - 1."""
    _, left, right = np.intersect1d(
        mark["closed_at"], bars["closed_at"], assume_unique=True, return_indices=True
    )
    apart = mark["close"][left] / bars["close"][right] - 1
    return deviating(mark.take(left), apart, limits.mark_rate, FindingKind.MARK_DIVERGENCE, bars)


def timeframe_findings(
    finer: Channel, longer: Channel, limits: Limits = DEFAULT_LIMITS
) -> list[QualityFinding]:
    """Return differences between the bars of ``longer`` and ``finer`` bars resampled to them.

    Only complete buckets are compared, and only bars as long as their timeframe. The findings name
    ``finer``, with stretches in bars of ``longer``.
    """
    step = Timeframe(finer.key.timeframe).ns
    if (finer["closed_at"] - finer["opened_at"] != step).any():
        return []
    made = resample_bars(finer, Timeframe(longer.key.timeframe))
    first = np.searchsorted(finer["opened_at"], made["opened_at"])
    stop = np.searchsorted(finer["opened_at"], made["closed_at"])
    made = made.take(stop - first == Timeframe(longer.key.timeframe).ns // step)
    _, left, right = np.intersect1d(
        made["opened_at"], longer["opened_at"], assume_unique=True, return_indices=True
    )
    made, own = made.take(left), longer.take(right)
    named = Channel(finer.key, made.columns)
    prices = [made[name] / own[name] - 1 for name in ("open", "high", "low", "close")]
    found = deviating(
        named, _largest(prices), limits.timeframe_price_rate, FindingKind.OUTLIER, longer
    )
    if finer.key.kind is ChannelKind.BARS:
        # Idle bars are a separate finding; two zero volumes agree.
        larger = np.maximum(made["volume"], own["volume"])
        apart = (made["volume"] - own["volume"]) / np.where(larger > 0, larger, 1.0)
        limit = limits.timeframe_volume_rate
        found += deviating(named, apart, limit, FindingKind.VOLUME_MISMATCH, longer)
    return found


def peer_findings(
    one: Channel, other: Channel, limits: Limits = DEFAULT_LIMITS
) -> list[QualityFinding]:
    """Return deviations of ``one`` from another source of the same asset.

    Closes (values of a series) are divided by the peer's closes, and by the median of that ratio
    over the surrounding day, or 21 rows if that is longer; so a steady premium is no finding. Highs
    and lows are compared the same way. Rows are matched by instant, also marks with bars. Rows with
    a value that is not positive are left out.

    Raises
    ------
    SchemaError : the channels cannot be compared; see :func:`refuse_unlike`.
    """
    refuse_unlike(one.key, other.key)
    left, right = _matched(one, other)
    mine, peer = one.take(left), other.take(right)
    column = "close" if one.key.kind in PRICED else "value"
    usable = (mine[column] > 0) & (peer[column] > 0)
    mine, peer = mine.take(usable), peer.take(usable)
    if len(mine) == 0:
        return []
    ratio = mine[column] / peer[column]
    usual = _median_around(fact_at(mine), ratio)
    apart = ratio / usual - 1
    found = deviating(mine, apart, limits.peer_close_rate, FindingKind.OUTLIER, other)
    if one.key.kind in PRICED:
        reach = [mine[name] / peer[name] / usual - 1 for name in ("high", "low")]
        limit = limits.peer_range_rate
        found += deviating(mine, _largest(reach), limit, FindingKind.RANGE_OUTLIER, other)
    return found


def refuse_unlike(one: ChannelKey, other: ChannelKey) -> None:
    """Raise unless two channels can be peers: two series, or bars and marks of one timeframe.

    Raises
    ------
    SchemaError : one channel twice, prices against single values, or bars of two lengths.
    """
    kinds = {one.kind, other.kind}
    if one == other:
        problem = "a channel always agrees with itself; name a second source"
    elif not (kinds <= set(PRICED) or kinds == {ChannelKind.SERIES}):
        problem = (
            f"a peer of {one.kind} cannot be {other.kind}; "
            "compare bars or marks with bars or marks, and a series with a series"
        )
    elif one.timeframe != other.timeframe:
        problem = "peers need one timeframe; name bars of the same length"
    else:
        return
    raise SchemaError(f"{one} and {other}: {problem}")


def _matched(one: Channel, other: Channel) -> tuple[Instants, Instants]:
    """Return the row numbers in both channels of the same instants; of vintages the last."""
    mine, peer = fact_at(one)[::-1], fact_at(other)[::-1]
    _, left, right = np.intersect1d(mine, peer, return_indices=True)
    return len(mine) - 1 - left, len(peer) - 1 - right


def _median_around(at: Instants, ratio: Values) -> Values:
    """Return the median of the ratios within half a day, or ten usual steps, of each row."""
    step = int(np.median(np.diff(at))) if len(at) > 1 else 0
    window = pd.Timedelta(max(DAY_NS, ROWS_AROUND * step), unit="ns")
    series = pd.Series(ratio, index=utc_index(at))
    return series.rolling(window, center=True, closed="both").median().to_numpy()


def _largest(deviations: Sequence[Values]) -> Values:
    """Return each row's deviation farthest from zero, with its sign."""
    table = np.array(deviations)
    rows = np.arange(table.shape[1])
    largest: Values = table[np.argmax(np.abs(table), axis=0), rows]
    return largest
