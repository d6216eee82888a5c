"""Read one file of Binance's archive, a zip with one CSV, as rows of a channel."""

import io
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import pandas as pd

from data_feeds.clock import MINUTE_NS, index_ns, text_ns, utc_text
from data_feeds.errors import SchemaError
from data_feeds.gate.time_grid import settlements
from data_feeds.schema import (
    VALUE_COLUMNS,
    Array,
    Channel,
    ChannelKey,
    ChannelKind,
    Provenance,
    empty_columns,
    time_columns,
    validate,
)
from data_feeds.timeframe import Timeframe

_REPORT = "report it to Binance"
# Spot files count microseconds from 2025 on; 1e14 ms is the year 5138, 1e14 us is 1973.
_LEAST_MICROSECONDS = 10**14
_METRICS_STEP_NS = 5 * MINUTE_NS
# Until this day a row of open interest is stamped with its snapshot's instant. From the file of
# this day on it is stamped with the start of the five minutes before (binance-public-data, issue
# 491). Without a correction newer rows would be known five minutes too early.
_STAMPED_BY_START = text_ns("2026-06-25")

_KLINES = (
    "open_time", "open", "high", "low", "close", "volume", "close_time", "quote_volume", "count",
    "taker_buy_volume", "taker_buy_quote_volume", "ignore",
)  # fmt: skip
_FUNDING = ("calc_time", "funding_interval_hours", "last_funding_rate")
_METRICS = (
    "create_time", "symbol", "sum_open_interest", "sum_open_interest_value",
    "count_toptrader_long_short_ratio", "sum_toptrader_long_short_ratio",
    "count_long_short_ratio", "sum_taker_long_short_vol_ratio",
)  # fmt: skip


@dataclass(frozen=True)
class Layout:
    """Layout of the files of one kind of channel: names, periods, columns.

    Parameters
    ----------
    folder : path part between ``monthly`` or ``daily`` and the symbol
    columns : column names of a file without a header; the first column is the time
    values : the columns of the kind's values, in the order of ``VALUE_COLUMNS``
    stem : part of a file's name between symbol and date; empty: the timeframe
    has_months, has_days : whether the archive has monthly and daily files
    spill_ns : a file's rows lie before the end of its period plus this time
    """

    folder: str
    columns: tuple[str, ...]
    values: tuple[str, ...]
    stem: str = ""
    has_months: bool = True
    has_days: bool = True
    spill_ns: int = 0


LAYOUTS: Mapping[ChannelKind, Layout] = MappingProxyType(
    {
        ChannelKind.BARS: Layout("klines", _KLINES, _KLINES[1:6]),
        ChannelKind.MARK: Layout("markPriceKlines", _KLINES, _KLINES[1:5]),
        ChannelKind.FUNDING: Layout(
            "fundingRate", _FUNDING, _FUNDING[2:], "fundingRate", has_days=False
        ),
        # A day's last row is stamped with the midnight that ends the day.
        ChannelKind.OPEN_INTEREST: Layout(
            "metrics", _METRICS, _METRICS[2:4], "metrics", False, spill_ns=_METRICS_STEP_NS
        ),
    }
)


@dataclass(frozen=True)
class Period:
    """Month or day of a file: its text in the file name, and its bounds, ns UTC."""

    text: str
    started_at: int
    ended_at: int


def read_file(body: bytes, url: str, key: ChannelKey, period: Period) -> Channel:
    """Return a file's rows, sorted, without duplicates, validated, inside its period.

    Raises
    ------
    SchemaError : the file is no zip with one CSV, a column is missing or not numeric, two rows of
        one instant differ, a bar does not open on a multiple of its timeframe, or a row breaks the
        channel's rules or lies outside the period. The text begins with ``url``.
    """
    layout = LAYOUTS[key.kind]
    frame = _read_csv(_unzipped(body, url), layout, url)
    columns = empty_columns(key, len(frame))
    for name, column in zip(VALUE_COLUMNS[key.kind], layout.values, strict=True):
        columns[name] = _numbers(frame[column], url)
    columns["label"] = np.full(len(frame), Provenance.OBSERVED, dtype=np.int8)
    columns |= _times(frame[layout.columns[0]], url, key, period)
    channel = Channel(key, columns)
    if key.kind is ChannelKind.OPEN_INTEREST:
        # A defect of the archive: a perpetual that trades has open positions.
        zero = (channel["open_interest_base"] == 0) | (channel["open_interest_quote"] == 0)
        channel = channel.take(~zero)
    channel = in_order(channel, url)
    try:
        validate(channel)
    except SchemaError as error:
        raise SchemaError(f"{url}: {error}") from error
    _check_period(channel, period, layout, url)
    return channel


def in_order(channel: Channel, where: str) -> Channel:
    """Return the rows sorted by time, without duplicates.

    Raises
    ------
    SchemaError : two rows of one instant differ; the text begins with ``where``.
    """
    facts = channel[time_columns(channel.key.kind)[0]]
    channel = channel.take(np.argsort(facts, kind="stable"))
    facts = channel[time_columns(channel.key.kind)[0]]
    again = np.flatnonzero(facts[1:] == facts[:-1]) + 1
    for name in VALUE_COLUMNS[channel.key.kind]:
        one, other = channel[name][again - 1], channel[name][again]
        differing = np.flatnonzero((one != other) & ~(np.isnan(one) & np.isnan(other)))
        if len(differing):
            row = int(differing[0])
            raise SchemaError(
                f"{where}: two rows at {utc_text(int(facts[again[row]]))}: {name} {one[row]:g} "
                f"and {other[row]:g}; {_REPORT}"
            )
    return channel.take(np.delete(np.arange(len(facts)), again)) if len(again) else channel


def _unzipped(body: bytes, url: str) -> bytes:
    """Return the content of a zip that holds one file."""
    try:
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            names = archive.namelist()
            if len(names) != 1:
                raise SchemaError(f"{url}: {len(names)} files in the zip, not one; {_REPORT}")
            return archive.read(names[0])
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise SchemaError(f"{url}: not a readable zip: {error}; {_REPORT}") from error


def _read_csv(raw: bytes, layout: Layout, url: str) -> pd.DataFrame:
    """Return a file's table; files of one kind come with and without a header."""
    has_header = not raw.lstrip()[:1].isdigit()
    try:
        frame = pd.read_csv(io.BytesIO(raw), header=0 if has_header else None)
    except ValueError as error:
        text = " ".join(str(error).split())
        raise SchemaError(f"{url}: not a readable CSV: {text}; {_REPORT}") from error
    if not has_header:
        if frame.shape[1] != len(layout.columns):
            raise SchemaError(
                f"{url}: {frame.shape[1]} columns without names; {layout.folder} files have "
                f"{len(layout.columns)}; {_REPORT}"
            )
        frame.columns = pd.Index(layout.columns)
    missing = [name for name in (layout.columns[0], *layout.values) if name not in frame.columns]
    if missing:
        raise SchemaError(
            f"{url}: no column {', '.join(missing)}; it has {', '.join(map(str, frame.columns))}"
        )
    return frame


def _numbers(column: "pd.Series[float]", url: str) -> Array:
    try:
        return pd.to_numeric(column).to_numpy(dtype=np.float64)
    except (ValueError, TypeError) as error:
        raise SchemaError(f"{url}: column {column.name!r}: {error}; {_REPORT}") from error


def _times(stamps: "pd.Series[int]", url: str, key: ChannelKey, period: Period) -> dict[str, Array]:
    """Return the kind's time columns; a row is known at its close or event."""
    if key.timeframe:
        opened, length = _count_ns(stamps, url), Timeframe(key.timeframe).ns
        off = np.flatnonzero(opened % length)
        if len(off):
            raise SchemaError(
                f"{url}: a bar opens at {utc_text(int(opened[off[0]]))}, not on a multiple of "
                f"{key.timeframe}; {_REPORT}"
            )
        closed = opened + length
        return {"opened_at": opened, "closed_at": closed, "available_at": closed.copy()}
    if key.kind is ChannelKind.FUNDING:
        # The stamp is the instant of computation, milliseconds after the hour of the payment.
        event = settlements(_count_ns(stamps, url))
    else:
        late = _METRICS_STEP_NS if period.started_at >= _STAMPED_BY_START else 0
        event = _stamps_ns(stamps, url) + late
    return {"event_at": event, "available_at": event.copy()}


def _count_ns(stamps: "pd.Series[int]", url: str) -> Array:
    """Return milliseconds or microseconds since the epoch as nanoseconds."""
    counts = stamps.to_numpy()
    if counts.dtype != np.int64:
        raise SchemaError(f"{url}: column {stamps.name!r}: not all whole numbers; {_REPORT}")
    nanoseconds: Array = counts * np.where(counts >= _LEAST_MICROSECONDS, 10**3, 10**6)
    return nanoseconds


def _stamps_ns(stamps: "pd.Series[int]", url: str) -> Array:
    """Return texts such as ``2024-02-05 00:05:00`` (UTC) as nanoseconds."""
    try:
        parsed = pd.to_datetime(stamps, format="%Y-%m-%d %H:%M:%S")
    except (ValueError, TypeError) as error:
        raise SchemaError(f"{url}: column {stamps.name!r}: {error}; {_REPORT}") from error
    if parsed.isna().any():
        raise SchemaError(f"{url}: column {stamps.name!r}: a row without a time; {_REPORT}")
    return index_ns(pd.DatetimeIndex(parsed))


def _check_period(channel: Channel, period: Period, layout: Layout, url: str) -> None:
    facts = channel[time_columns(channel.key.kind)[0]]
    end = period.ended_at + layout.spill_ns
    outside = np.flatnonzero((facts < period.started_at) | (facts >= end))
    if len(outside):
        raise SchemaError(
            f"{url}: a row of {utc_text(int(facts[outside[0]]))} in the file of {period.text}; "
            f"{_REPORT}"
        )
