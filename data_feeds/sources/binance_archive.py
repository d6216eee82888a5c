"""Binance's public archive: zipped CSV files by month and by day, each with a checksum.

Files of a day appear on the next day, those of a month in the first days of the next one. Bars are
read by month where a month lies inside the question, by day elsewhere. Funding comes by month only,
open interest by day only.
"""

import hashlib
import io
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from data_feeds.catalog import Origin
from data_feeds.errors import PermanentSourceError, SchemaError
from data_feeds.schema import (
    VALUE_COLUMNS,
    Array,
    Channel,
    ChannelKey,
    ChannelKind,
    Provenance,
    empty_columns,
    time_columns,
    utc_text,
    validate,
)
from data_feeds.sources.http import HttpClient
from data_feeds.sources.source import Page
from data_feeds.timeframe import DAY_NS, MINUTE_NS, Timeframe

Market = Literal["um", "spot"]

ARCHIVE_URL = "https://data.binance.vision"
TIMEFRAMES = ("1m", "3m", "5m", "15m", "30m", "1h", "2h", "4h", "6h", "8h", "12h", "1d")
LICENCE = "Binance terms of use; no redistribution"
# A file that is missing so long after its day or month is not late, it does not exist.
PATIENCE_NS = 31 * DAY_NS
_FOLDERS: dict[Market, str] = {"um": "data/futures/um", "spot": "data/spot"}
_VENUES: dict[Market, str] = {"um": "Binance USD-M futures", "spot": "Binance spot"}
# Spot files count microseconds from 2025 on; 1e14 ms is the year 5138, 1e14 us is 1973.
_LEAST_MICROSECONDS = 10**14
_OI_STEP_NS = 5 * MINUTE_NS
# Until then a row of open interest is stamped with the instant of its snapshot, from the file of
# this day on with the start of the five minutes before it (binance-public-data, issue 491).
_OI_STAMPED_BY_START = np.datetime64("2026-06-25", "ns").astype(np.int64)

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
class _Layout:
    """How the files of one kind of channel are named and what they hold.

    ``columns`` name a file without a header. ``values`` are the columns of the kind's values, in
    its order. ``spill_ns`` is how far past midnight a file's rows may reach.
    """

    folder: str
    columns: tuple[str, ...]
    values: tuple[str, ...]
    stem: str = ""
    has_months: bool = True
    has_days: bool = True
    spill_ns: int = 0


_LAYOUTS = {
    ChannelKind.BARS: _Layout("klines", _KLINES, _KLINES[1:6]),
    ChannelKind.MARK: _Layout("markPriceKlines", _KLINES, _KLINES[1:5]),
    ChannelKind.FUNDING: _Layout(
        "fundingRate", _FUNDING, _FUNDING[2:], "fundingRate", has_days=False
    ),
    ChannelKind.OPEN_INTEREST: _Layout(
        "metrics", _METRICS, _METRICS[2:4], "metrics", has_months=False, spill_ns=_OI_STEP_NS
    ),
}
_NOTE_DAYS = "Binance's files come a day later; the last hours come from the API"
_NOTE_MONTHS = "Binance's funding files are monthly; the running month comes from the API"


@dataclass(frozen=True)
class _Period:
    """One month or day as file names write it, and its bounds, ns UTC."""

    text: str
    started_at: int
    ended_at: int

    def is_settled(self, end: int) -> bool:
        """Whether a file that is missing at ``end`` will not come any more."""
        return self.ended_at <= end - PATIENCE_NS


class BinanceArchive:
    """One market in Binance's archive. Rows are observed and known at the bar's close or the event.

    Parameters
    ----------
    market : ``um`` (USD-M futures) or ``spot``
    symbol : the venue's name of the market, e.g. ``BTCUSDT``
    client : asks for the files
    base_url : the archive's address, without a slash at its end
    """

    def __init__(
        self, market: Market, symbol: str, client: HttpClient, *, base_url: str = ARCHIVE_URL
    ) -> None:
        self._market, self._symbol, self._client = market, symbol, client
        self._base_url = base_url

    @property
    def name(self) -> str:
        """What people call it."""
        return "Binance archive"

    def origin(self, key: ChannelKey) -> Origin:
        """Return publisher, licence and venue."""
        return Origin(
            source=f"{self.name} {self._symbol}", licence=LICENCE, venues=(_VENUES[self._market],)
        )

    def pages(self, key: ChannelKey, start: int, end: int) -> Iterator[Page]:
        """Yield the rows in ``[start, end)``, a page for each file; see ``sources.source.Source``.

        A file that is missing is a hole when a later one of the question exists, or when its day
        or month ended ``PATIENCE_NS`` before ``end`` (the market was not listed yet, or no more).
        Otherwise it is not published yet and the answer ends before it. A bar that closes after
        ``end`` is not in the answer.

        A funding rate is stamped with its whole minute; the archive's stamps are milliseconds
        late. Open interest of zero is a defect of the archive: such rows are left out.

        Raises
        ------
        PermanentSourceError : not served here, no checksum, or a checksum that differs twice.
        SchemaError : a file is not what Binance documents.
        """
        layout = self._layout(key)
        stop = _last_final(key, start, end)
        answered, carried, found = start, Channel(key, empty_columns(key, 0)), False
        late: int | None = None
        for period, rows in self._files(key, layout, start, stop, end):
            if rows is None:
                if late is None and not period.is_settled(end):
                    late = period.started_at
                continue
            found, late = True, None
            merged = _in_order(_joined(carried, rows), period.text)
            covered = max(answered, min(period.ended_at, stop))
            yield Page(_between(merged, answered, covered), covered)
            answered, carried = covered, _between(merged, covered, stop)
        covered = stop if late is None else max(answered, late)
        note = self._note(layout, start, stop, found=found, is_late=late is not None)
        yield Page(_between(carried, answered, covered), covered, note)

    def _note(self, layout: _Layout, start: int, stop: int, *, found: bool, is_late: bool) -> str:
        if not found and start < stop:
            return (
                f"Binance's archive has no {layout.folder} of {self._symbol} from "
                f"{utc_text(start)} to {utc_text(stop)}: not listed then, or another symbol"
            )
        if not is_late:
            return ""
        return _NOTE_DAYS if layout.has_days else _NOTE_MONTHS

    def _layout(self, key: ChannelKey) -> _Layout:
        """Return how the channel's files are named, or refuse what the archive does not have."""
        if key.kind not in _LAYOUTS:
            raise PermanentSourceError(
                f"{key}: Binance's archive has no {key.kind}; it has {', '.join(_LAYOUTS)}"
            )
        if self._market == "spot" and key.kind is not ChannelKind.BARS:
            raise PermanentSourceError(f"{key}: spot has bars only; ask market um for {key.kind}")
        if key.timeframe and key.timeframe not in TIMEFRAMES:
            raise PermanentSourceError(
                f"{key}: Binance's archive has no {key.timeframe} bars; "
                f"it has {', '.join(TIMEFRAMES)}"
            )
        return _LAYOUTS[key.kind]

    # Which files

    def _files(
        self, key: ChannelKey, layout: _Layout, start: int, stop: int, end: int
    ) -> Iterator[tuple[_Period, Channel | None]]:
        """Yield the months and days of ``[start, stop)`` in order with their rows, or None."""
        if start >= stop:
            return
        # The row of midnight may lie in the file of the day before.
        first = start - layout.spill_ns
        for month in _periods("M", first, stop):
            is_whole = start <= month.started_at and month.ended_at <= stop
            if layout.has_months and (is_whole or not layout.has_days):
                rows = self._rows(key, layout, month)
                if rows is not None or not layout.has_days:
                    yield month, rows
                    continue
            days = _periods("D", max(first, month.started_at), min(stop, month.ended_at))
            if is_whole and month.is_settled(end) and self._is_empty(key, layout, days):
                yield month, None
                continue
            for day in days:
                yield day, self._rows(key, layout, day)

    def _is_empty(self, key: ChannelKey, layout: _Layout, days: list[_Period]) -> bool:
        """Whether a month has no file on its first, middle and last day.

        A market is not listed for years before it is; that must not cost a question for each day.
        """
        probes = (days[0], days[len(days) // 2], days[-1])
        urls = [f"{self._url(key, layout, day)}.CHECKSUM" for day in probes]
        return all(self._client.get(url) is None for url in urls)

    def _url(self, key: ChannelKey, layout: _Layout, period: _Period) -> str:
        cut = "monthly" if len(period.text) == len("2024-01") else "daily"
        stem = layout.stem or key.timeframe
        parts = [self._base_url, _FOLDERS[self._market], cut, layout.folder, self._symbol]
        if key.timeframe:
            parts.append(key.timeframe)
        return "/".join([*parts, f"{self._symbol}-{stem}-{period.text}.zip"])

    # One file

    def _rows(self, key: ChannelKey, layout: _Layout, period: _Period) -> Channel | None:
        """Return one file's rows, validated and in order; None when there is no such file."""
        url = self._url(key, layout, period)
        body = self._checked(url)
        if body is None:
            return None
        frame = _read_csv(_unzipped(body, url), layout, url)
        channel = _in_order(_channel(key, layout, frame, period, url), url)
        try:
            validate(channel)
        except SchemaError as error:
            raise SchemaError(f"{url}: {error}") from error
        facts = channel[time_columns(key.kind)[0]]
        outside = (facts < period.started_at) | (facts >= period.ended_at + layout.spill_ns + 1)
        if not layout.spill_ns:
            outside |= facts >= period.ended_at
        if outside.any():
            raise SchemaError(
                f"{url}: a row of {utc_text(facts[outside][0])} in the file of {period.text}; "
                "report it to Binance"
            )
        return channel

    def _checked(self, url: str) -> bytes | None:
        """Return a file whose checksum agrees, on a second download if need be."""
        said = got = ""
        for _ in range(2):
            body = self._client.get(url)
            if body is None:
                return None
            listed = self._client.get(f"{url}.CHECKSUM")
            if listed is None:
                raise PermanentSourceError(f"{url}: its .CHECKSUM is missing; try again later")
            words = listed.decode("ascii", errors="replace").split()
            said, got = words[0].lower() if words else "", hashlib.sha256(body).hexdigest()
            if said == got:
                return body
        raise PermanentSourceError(
            f"{url}: checksum differs: file says {said[:64]}, got {got}; download again later"
        )


def _last_final(key: ChannelKey, start: int, end: int) -> int:
    """Return the end of the last bar that closes by ``end``; ``end`` when no bar is cut by it."""
    if not key.timeframe:
        return end
    length = Timeframe(key.timeframe).ns
    stop = end // length * length
    return stop if stop >= start else end


def _periods(unit: Literal["M", "D"], first: int, stop: int) -> list[_Period]:
    """Return the months or days that ``[first, stop)`` touches, in order."""
    begun, last = (
        np.datetime64(at, "ns").astype(f"datetime64[{unit}]") for at in (first, stop - 1)
    )
    edges = np.arange(begun, last + 2)
    bounds = edges.astype("datetime64[ns]").astype(np.int64).tolist()
    return [_Period(str(edge), bounds[n], bounds[n + 1]) for n, edge in enumerate(edges[:-1])]


def _between(channel: Channel, first: int, stop: int) -> Channel:
    facts = channel[time_columns(channel.key.kind)[0]]
    return channel.take((facts >= first) & (facts < stop))


def _joined(one: Channel, other: Channel) -> Channel:
    columns: dict[str, Array] = {
        name: np.concatenate((values, other[name])) for name, values in one.columns.items()
    }
    return Channel(one.key, columns)


def _in_order(channel: Channel, where: str) -> Channel:
    """Return the rows sorted, equal ones once; rows of one instant that differ are refused."""
    facts = channel[time_columns(channel.key.kind)[0]]
    channel = channel.take(np.argsort(facts, kind="stable"))
    facts = channel[time_columns(channel.key.kind)[0]]
    again = np.flatnonzero(facts[1:] == facts[:-1]) + 1
    for name in VALUE_COLUMNS[channel.key.kind]:
        before, after = channel[name][again - 1], channel[name][again]
        differs = (before != after) & ~(np.isnan(before) & np.isnan(after))
        if differs.any():
            row = int(np.flatnonzero(differs)[0])
            raise SchemaError(
                f"{where}: two rows at {utc_text(facts[again[row]])}: {name} {before[row]:g} and "
                f"{after[row]:g}; report it to Binance"
            )
    return channel.take(np.delete(np.arange(len(facts)), again)) if len(again) else channel


# Reading a file


def _unzipped(body: bytes, url: str) -> bytes:
    """Return the one CSV of a zip."""
    try:
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            names = archive.namelist()
            if len(names) != 1:
                raise SchemaError(f"{url}: {len(names)} files in the zip, not one CSV")
            return archive.read(names[0])
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise SchemaError(f"{url}: not a readable zip: {error}; report it to Binance") from error


def _read_csv(raw: bytes, layout: _Layout, url: str) -> pd.DataFrame:
    """Return a file's columns by name. Older files have no header, newer ones do."""
    has_header = not raw.lstrip()[:1].isdigit()
    needed = (layout.columns[0], *layout.values)
    try:
        frame = pd.read_csv(
            io.BytesIO(raw), header=0 if has_header else None, float_precision="round_trip"
        )
    except (ValueError, UnicodeDecodeError) as error:
        raise SchemaError(f"{url}: not a readable CSV: {error}") from error
    if not has_header:
        if frame.shape[1] != len(layout.columns):
            raise SchemaError(
                f"{url}: {frame.shape[1]} columns without names; "
                f"{layout.folder} files have {len(layout.columns)}"
            )
        frame.columns = pd.Index(layout.columns)
    missing = [name for name in needed if name not in frame.columns]
    if missing:
        raise SchemaError(
            f"{url}: no column {', '.join(missing)}; it has {', '.join(map(str, frame.columns))}"
        )
    return frame


def _channel(  # noqa: PLR0917
    key: ChannelKey, layout: _Layout, frame: pd.DataFrame, period: _Period, url: str
) -> Channel:
    """Return a file's rows as they stand in it."""
    stamps = frame[layout.columns[0]]
    columns = empty_columns(key, len(frame))
    for name, column in zip(VALUE_COLUMNS[key.kind], layout.values, strict=True):
        columns[name] = _numbers(frame[column], column, url)
    columns["label"] = np.full(len(frame), Provenance.OBSERVED, dtype=np.int8)
    if key.timeframe:
        opened = _count_ns(stamps, url)
        length = Timeframe(key.timeframe).ns
        _check_grid(opened, length, key, url)
        columns["opened_at"], columns["closed_at"] = opened, opened + length
        columns["available_at"] = columns["closed_at"].copy()
        return Channel(key, columns)
    if key.kind is ChannelKind.FUNDING:
        event = _count_ns(stamps, url) // MINUTE_NS * MINUTE_NS
    else:
        event = _text_ns(stamps, url)
        if period.started_at >= _OI_STAMPED_BY_START:
            event = event + _OI_STEP_NS
    columns["event_at"], columns["available_at"] = event, event.copy()
    channel = Channel(key, columns)
    if key.kind is ChannelKind.OPEN_INTEREST:
        zero = (channel["open_interest_base"] == 0) | (channel["open_interest_quote"] == 0)
        return channel.take(~zero)
    return channel


def _numbers(column: "pd.Series[float]", name: str, url: str) -> Array:
    try:
        return pd.to_numeric(column).to_numpy(dtype=np.float64)
    except (ValueError, TypeError) as error:
        raise SchemaError(f"{url}: column {name!r}: {error}") from error


def _count_ns(stamps: "pd.Series[int]", url: str) -> Array:
    """Return milliseconds or microseconds since the epoch as nanoseconds."""
    counts = stamps.to_numpy()
    if counts.dtype != np.int64:
        raise SchemaError(f"{url}: column {stamps.name!r} is not a whole number throughout")
    nanoseconds: Array = counts * np.where(counts >= _LEAST_MICROSECONDS, 10**3, 10**6)
    return nanoseconds


def _text_ns(stamps: "pd.Series[str]", url: str) -> Array:
    try:
        parsed = pd.to_datetime(stamps, format="%Y-%m-%d %H:%M:%S")
    except (ValueError, TypeError) as error:
        raise SchemaError(f"{url}: column {stamps.name!r}: {error}") from error
    return parsed.to_numpy().astype("datetime64[ns]").astype(np.int64)


def _check_grid(opened: Array, length: int, key: ChannelKey, url: str) -> None:
    off = opened % length != 0
    if off.any():
        raise SchemaError(
            f"{url}: a bar opens at {utc_text(opened[off][0])}, not on a multiple of "
            f"{key.timeframe}; report it to Binance"
        )
