"""As-of joins, resampling and mark prices inside bars: the only code that fills values.

Every function is causal: a value at an instant depends only on rows available by then.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data_feeds.clock import DAY_NS, FIRST_MONDAY_NS, WEEK_NS, Instants
from data_feeds.errors import SchemaError
from data_feeds.schema import (
    Array,
    Channel,
    ChannelKey,
    ChannelKind,
    Provenance,
    time_columns,
)
from data_feeds.timeframe import Timeframe

Values = NDArray[np.float64]

# A ratio of mark to last price that is more than a day old no longer describes the market.
MAX_RATIO_AGE_NS = DAY_NS


@dataclass(frozen=True)
class AsOf:
    """Values of one column as they were known at each requested instant.

    ``values`` is NaN where no row was known yet. ``age_ns`` counts from the fact (a bar's close, a
    point's ``event_at``) to the instant, -1 without a row. ``is_fresh`` is false without a row or
    where the age is above the given limit. ``rows`` indexes the channel, -1 for none.
    """

    values: Values
    age_ns: Instants
    is_fresh: NDArray[np.bool_]
    rows: Instants


def as_of_rows(channel: Channel, decided_at: Instants) -> Instants:
    """Return, for each instant, the row of the latest fact known by then; -1 without one.

    If the latest fact has several vintages, the newest known vintage counts. A late revision of an
    older fact does not displace a newer fact.
    """
    known_at = channel["available_at"]
    fact_at = channel[time_columns(channel.key.kind)[0]]
    order = np.lexsort((fact_at, known_at))
    latest = np.maximum.accumulate(fact_at[order]) if len(order) else fact_at
    leads = np.where(fact_at[order] == latest, np.arange(len(order)), 0)
    best = order[np.maximum.accumulate(leads)] if len(order) else order
    found = np.searchsorted(known_at[order], decided_at, side="right") - 1
    rows = np.full(len(found), -1, dtype=np.int64)
    rows[found >= 0] = best[found[found >= 0]]
    return rows


def as_of(
    channel: Channel, column: str, decided_at: Instants, max_age_ns: int | None = None
) -> AsOf:
    """Return one column as known at each instant of ``decided_at`` (any order, int64 ns UTC).

    ``max_age_ns`` is the age of the fact above which a value is no longer fresh; None: any age.
    The stale value is still returned, with ``is_fresh`` false.
    """
    instants = np.asarray(decided_at, dtype=np.int64)
    rows = as_of_rows(channel, instants)
    known = rows >= 0
    values = np.full(len(rows), np.nan)
    values[known] = channel[column][rows[known]]
    facts = channel["closed_at" if "closed_at" in channel.columns else "event_at"]
    age = np.full(len(rows), -1, dtype=np.int64)
    age[known] = instants[known] - facts[rows[known]]
    fresh = known if max_age_ns is None else known & (age <= max_age_ns)
    return AsOf(values, age, fresh, rows)


def resample_bars(channel: Channel, to: Timeframe) -> Channel:
    """Return bars or marks of a longer timeframe, in UTC-aligned buckets (weeks from Monday).

    A bucket cut off at either end of the channel is left out. A bucket with missing bars is kept
    and labelled inferred. A bucket is available at its close; without its last bar, it is available
    when the next bar closes, because only that bar proves that the bucket has ended.

    Raises
    ------
    SchemaError : ``to`` is not a whole multiple of the channel's timeframe, or the bars are
        sessions, which fill no clock bucket.
    """
    step = Timeframe(channel.key.timeframe)
    if to.ns % step.ns:
        raise SchemaError(f"{channel.key}: cannot be resampled to {to}; name a multiple of {step}")
    if to == step:
        return channel
    if (channel["closed_at"] - channel["opened_at"] != step.ns).any():
        raise SchemaError(f"{channel.key}: bars of sessions are not resampled; import {to} bars")
    offset = FIRST_MONDAY_NS if to.ns % WEEK_NS == 0 else 0
    bucket = (channel["opened_at"] - offset) // to.ns
    first = np.flatnonzero(np.concatenate(([True], bucket[1:] != bucket[:-1])))[: len(channel)]
    opened = bucket[first] * to.ns + offset
    last = np.concatenate((first[1:], [len(channel)]))[: len(first)] - 1
    available = np.maximum(channel["available_at"][last], opened + to.ns)
    # The first row of the next bucket proves that an unfinished bucket has ended.
    proof = np.concatenate((channel["available_at"][first[1:]], [-1]))[: len(first)]
    unfinished = channel["closed_at"][last] < opened + to.ns
    available = np.where(unfinished, proof, available)
    whole = available >= 0
    if len(whole):
        whole[0] &= channel["opened_at"][0] == opened[0]
    columns = _aggregate(channel, first, last)
    missing = (last - first + 1) < to.ns // step.ns
    columns["label"] = np.where(
        missing, np.maximum(columns["label"], Provenance.INFERRED), columns["label"]
    ).astype(np.int8)
    columns |= {"opened_at": opened, "closed_at": opened + to.ns, "available_at": available}
    key = ChannelKey(channel.key.instrument, channel.key.kind, to.label)
    return Channel(key, {name: values[whole] for name, values in columns.items()})


def _aggregate(channel: Channel, first: Array, last: Array) -> dict[str, Array]:
    """Return OHLC, volume and the worst label of each run of rows ``first`` to ``last``."""
    if len(first) == 0:
        return {name: values[:0] for name, values in channel.columns.items()}
    columns: dict[str, Array] = {
        "open": channel["open"][first],
        "high": np.maximum.reduceat(channel["high"], first),
        "low": np.minimum.reduceat(channel["low"], first),
        "close": channel["close"][last],
        "label": np.maximum.reduceat(channel["label"], first),
    }
    if channel.key.kind is ChannelKind.BARS:
        columns["volume"] = np.add.reduceat(channel["volume"], first)
    return columns


@dataclass(frozen=True)
class MarkPath:
    """Mark price inside each bar, quote per base unit; ``inferred`` where the venue gave none."""

    open: Values
    high: Values
    low: Values
    close: Values
    inferred: NDArray[np.bool_]


def marks_on_bars(bars: Channel, mark: Channel | None) -> MarkPath:
    """Return the mark price path inside each bar.

    A mark bar with the bar's own bounds is used unchanged; finer marks are resampled first.
    Otherwise the path is inferred as the last price times ``ratio``: the close of the last mark bar
    completed at the bar's open, divided by the last price at that instant. The open and the close
    are exact where a mark bar opens or closes at that instant. High and low are clipped to the
    range of the enclosing mark bar. That range is known only later, so high and low serve
    liquidation and never a decision. Without a mark of the past day the path is the last price.

    The venue's mark goes on while bars are missing: the extremes of the mark bars wholly inside a
    hole widen the high and low of the next bar, which is then inferred. These extremes are older
    than that bar, and they also apply to a position opened at its open.
    """
    if mark is None or len(mark) == 0 or len(bars) == 0:
        last = {name: bars[name].copy() for name in ("open", "high", "low", "close")}
        return MarkPath(**last, inferred=np.ones(len(bars), dtype=np.bool_))
    after, highest, lowest = _extremes_in_holes(bars, mark)
    step, mark_step = Timeframe(bars.key.timeframe), Timeframe(mark.key.timeframe)
    if mark_step < step and step.ns % mark_step.ns == 0:
        mark = resample_bars(mark, step)
    opened, closed = bars["opened_at"], bars["closed_at"]
    ratio = _mark_ratio(bars, mark)
    path = {name: bars[name] * ratio for name in ("open", "high", "low", "close")}

    around = np.searchsorted(mark["opened_at"], opened, side="right") - 1
    inside = (around >= 0) & (mark["closed_at"][around] >= closed)
    for name in ("high", "low"):
        clipped = np.clip(path[name], mark["low"][around], mark["high"][around])
        path[name] = np.where(inside, clipped, path[name])
    opens = (around >= 0) & (mark["opened_at"][around] == opened)
    path["open"] = np.where(opens, mark["open"][around], path["open"])
    ending = np.minimum(np.searchsorted(mark["closed_at"], closed), len(mark) - 1)
    closes = mark["closed_at"][ending] == closed
    path["close"] = np.where(closes, mark["close"][ending], path["close"])

    exact = opens & closes & (around == ending)
    for name in ("high", "low"):
        path[name] = np.where(exact, mark[name][around], path[name])
    path["high"] = np.maximum.reduce([path["high"], path["open"], path["close"]])
    path["low"] = np.minimum.reduce([path["low"], path["open"], path["close"]])
    inferred = ~exact | (mark["label"][around] != Provenance.OBSERVED)
    path["high"][after] = np.maximum(path["high"][after], highest)
    path["low"][after] = np.minimum(path["low"][after], lowest)
    inferred[after] = True
    return MarkPath(**path, inferred=inferred)


def _extremes_in_holes(bars: Channel, mark: Channel) -> tuple[Instants, Values, Values]:
    """Return the bars after a hole with marks wholly inside it, and those marks' high and low."""
    ended, resumed = bars["closed_at"][:-1], bars["opened_at"][1:]
    first = np.searchsorted(mark["opened_at"], ended)
    stop = np.searchsorted(mark["closed_at"], resumed, side="right")
    holes = np.flatnonzero((resumed > ended) & (stop > first))
    # reduceat gives the runs first..stop and stop..first in turn; the last run may end at the end.
    edges = np.column_stack((first[holes], stop[holes])).ravel()
    highest = np.maximum.reduceat(np.append(mark["high"], -np.inf), edges)[::2]
    lowest = np.minimum.reduceat(np.append(mark["low"], np.inf), edges)[::2]
    return holes + 1, highest, lowest


def _mark_ratio(bars: Channel, mark: Channel) -> Values:
    """Return mark / last price as known at each bar's open; 1 if unknown or over a day old.

    A mark close counts only if a bar closes at the same instant: after a hole in the bars the two
    prices would have different times.
    """
    match = np.minimum(np.searchsorted(bars["closed_at"], mark["closed_at"]), len(bars) - 1)
    same = bars["closed_at"][match] == mark["closed_at"]
    known_at = np.maximum(mark["available_at"][same], bars["available_at"][match[same]])
    ratios = mark["close"][same] / bars["close"][match[same]]
    if len(ratios) == 0:
        return np.ones(len(bars))
    found = np.searchsorted(known_at, bars["opened_at"], side="right") - 1
    usable = (found >= 0) & (bars["opened_at"] - known_at[found] <= MAX_RATIO_AGE_NS)
    return np.where(usable, ratios[found], 1.0)
