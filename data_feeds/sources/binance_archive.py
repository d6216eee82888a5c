"""Binance's public archive: zipped CSV files by month and by day, each with a checksum.

A day's file appears on the next day, a month's file in the first days of the next month. Bars are
read by month if the whole month is requested, else by day. Funding has only monthly files, open
interest only daily files. ``sources.binance_files`` reads the content of a file.
"""

import hashlib
from collections.abc import Iterator
from typing import Literal

import numpy as np

from data_feeds.catalog import Origin
from data_feeds.clock import DAY_NS, midnights_ns, utc_text
from data_feeds.errors import PermanentSourceError
from data_feeds.schema import (
    Channel,
    ChannelKey,
    ChannelKind,
    concatenated,
    empty_columns,
    time_columns,
)
from data_feeds.sources.binance_files import LAYOUTS, Layout, Period, in_order, read_file
from data_feeds.sources.http import HttpClient
from data_feeds.sources.source import Page
from data_feeds.timeframe import Timeframe

ArchiveMarket = Literal["um", "spot"]

ARCHIVE_URL = "https://data.binance.vision"
TIMEFRAMES = ("1m", "3m", "5m", "15m", "30m", "1h", "2h", "4h", "6h", "8h", "12h", "1d")
LICENCE = "Binance terms of use; no redistribution"
# A file that is still missing this long after its period does not exist.
PATIENCE_NS = 31 * DAY_NS
_FOLDERS: dict[ArchiveMarket, str] = {"um": "data/futures/um", "spot": "data/spot"}
# Venue names as in the API source, because both sources fill one channel.
_VENUES: dict[ArchiveMarket, str] = {"um": "binanceusdm", "spot": "binance"}
_NOTE_DAYS = "Binance's files come a day later; the last hours come from the API"
_NOTE_MONTHS = "Binance's funding files are monthly; the running month comes from the API"


class BinanceArchive:
    """Source of one market in Binance's archive. Rows are observed and known at close or event.

    Parameters
    ----------
    market : ``um`` (USD-M futures) or ``spot``
    symbol : the venue's name of the market, e.g. ``BTCUSDT``
    client : HTTP client
    base_url : address of the archive, without a slash at its end
    """

    def __init__(
        self, market: ArchiveMarket, symbol: str, client: HttpClient, *, base_url: str = ARCHIVE_URL
    ) -> None:
        self._market, self._symbol, self._client = market, symbol, client
        self._base_url = base_url

    @property
    def name(self) -> str:
        """Name of the source in messages."""
        return "Binance archive"

    def origin(self, key: ChannelKey) -> Origin:
        """Return publisher, licence and venue."""
        return Origin(
            source=f"{self.name} {self._symbol}", licence=LICENCE, venues=(_VENUES[self._market],)
        )

    def pages(self, key: ChannelKey, start: int, end: int) -> Iterator[Page]:
        """Yield the rows in ``[start, end)``, one page a file; see ``sources.source.Source``.

        A missing file is a hole if a later requested file exists, or if its period ended
        ``PATIENCE_NS`` before ``end`` (the market was not listed). Otherwise the file is not
        published yet, and the answer ends before it. A bar that closes after ``end`` is not in the
        answer.

        Missing bars of a monthly file are filled from daily files, and missing bars of daily files
        from the monthly file. A funding rate is stamped with its whole hour. Rows with an open
        interest of zero, a defect of the archive, are left out.

        Raises
        ------
        PermanentSourceError : the archive lacks the channel, or a checksum is missing or differs
            twice.
        TransientSourceError : still no answer after every retry.
        SchemaError : a file breaks Binance's documented format.
        """
        layout = self._layout(key)
        first, stop = _asked(key, start, end)
        carried = Channel(key, empty_columns(key, 0))
        answered, found = start, False
        late: int | None = None
        for period, rows in self._files(key, layout, (first, stop), end):
            if rows is None:
                if late is None and not _is_settled(period, end):
                    late = period.started_at
                continue
            found, late = True, None
            known = in_order(concatenated(key, [carried, rows]), f"{self.name} {key} {period.text}")
            covered = max(answered, min(period.ended_at, stop))
            yield Page(_between(known, answered, covered), covered)
            answered, carried = covered, _between(known, covered, stop)
        covered = stop if late is None else max(answered, late)
        note = "" if late is None else _NOTE_DAYS if layout.has_days else _NOTE_MONTHS
        if not found and first < stop:
            note = self._nothing(layout, start, stop)
        yield Page(_between(carried, answered, covered), covered, note)

    def _nothing(self, layout: Layout, start: int, stop: int) -> str:
        return (
            f"Binance's archive has no {layout.folder} of {self._symbol} from {utc_text(start)} "
            f"to {utc_text(stop)}: not listed then, not published yet, or another symbol"
        )

    def _layout(self, key: ChannelKey) -> Layout:
        """Return the layout of the channel's files; refuse channels that the archive lacks."""
        if key.kind not in LAYOUTS:
            raise PermanentSourceError(
                f"{key}: Binance's archive has no {key.kind}; it has {', '.join(LAYOUTS)}"
            )
        if self._market == "spot" and key.kind is not ChannelKind.BARS:
            raise PermanentSourceError(f"{key}: spot has bars only; ask market um for {key.kind}")
        if key.timeframe and key.timeframe not in TIMEFRAMES:
            raise PermanentSourceError(
                f"{key}: Binance's archive has no {key.timeframe} bars that we read; take one of "
                f"{', '.join(TIMEFRAMES)}"
            )
        return LAYOUTS[key.kind]

    # Which files

    def _files(
        self, key: ChannelKey, layout: Layout, asked: tuple[int, int], end: int
    ) -> Iterator[tuple[Period, Channel | None]]:
        """Yield the months and days of ``asked`` in order, with their rows or None for no file."""
        start, stop = asked
        if start >= stop:
            return
        # A row just after midnight may be in the file of the previous day.
        first = start - layout.spill_ns
        for month in _periods("M", first, stop):
            is_whole = start <= month.started_at and month.ended_at <= stop
            if layout.has_months and (is_whole or not layout.has_days):
                rows = self._month(key, layout, month)
                if rows is not None or not layout.has_days:
                    yield month, rows
                    continue
            days = _periods("D", max(first, month.started_at), min(stop, month.ended_at))
            if is_whole and _is_settled(month, end) and self._is_empty(key, layout, days):
                yield month, None
                continue
            # A whole month has no monthly file at this point.
            by_month = month if layout.has_months and not is_whole else None
            yield from self._days(key, layout, days, by_month)

    def _days(
        self, key: ChannelKey, layout: Layout, days: list[Period], month: Period | None
    ) -> Iterator[tuple[Period, Channel | None]]:
        """Yield days with their rows; the file of ``month`` gives bars that the daily files lack.

        Binance keeps daily files for some years only, e.g. for spot from March 2021 on, but all
        monthly files (binance-public-data, issue 60).
        """
        by_month: Channel | None = None
        for day in days:
            rows = self._rows(key, layout, day)
            if month is not None and (rows is None or len(rows) < _bars_a_day(key)):
                by_month, month = self._rows(key, layout, month), None
            if by_month is not None:
                rows = _filled(rows, _between(by_month, day.started_at, day.ended_at))
            yield day, rows

    def _is_empty(self, key: ChannelKey, layout: Layout, days: list[Period]) -> bool:
        """Return whether a month has no file on its first, middle and last day.

        So the years before a market's listing do not cost a request for each day.
        """
        probes = (days[0], days[len(days) // 2], days[-1])
        # Checksums are not probed: a file without a checksum must be refused, not skipped.
        return all(self._client.get(self._url(key, layout, day)) is None for day in probes)

    def _month(self, key: ChannelKey, layout: Layout, month: Period) -> Channel | None:
        """Return a monthly file's rows, plus bars that only the daily files have.

        Some monthly files lack whole days that daily files have, e.g. 2023-04-07 of BTCUSDT.
        """
        rows = self._rows(key, layout, month)
        if rows is None or not layout.has_days:
            return rows
        days = _periods("D", month.started_at, month.ended_at)
        edges = [day.started_at for day in days] + [month.ended_at]
        counts = np.diff(np.searchsorted(rows["opened_at"], edges))
        for n in np.flatnonzero(counts < _bars_a_day(key)):
            more = self._rows(key, layout, days[n])
            if more is not None:
                rows = _filled(rows, more)
        return rows

    def _url(self, key: ChannelKey, layout: Layout, period: Period) -> str:
        cut = "monthly" if len(period.text) == len("2024-01") else "daily"
        folders = [self._base_url, _FOLDERS[self._market], cut, layout.folder, self._symbol]
        if key.timeframe:
            folders.append(key.timeframe)
        stem = layout.stem or key.timeframe
        return "/".join([*folders, f"{self._symbol}-{stem}-{period.text}.zip"])

    # One file

    def _rows(self, key: ChannelKey, layout: Layout, period: Period) -> Channel | None:
        """Return one file's rows in order; None if the file does not exist."""
        url = self._url(key, layout, period)
        body = self._checked(url)
        return None if body is None else read_file(body, url, key, period)

    def _checked(self, url: str) -> bytes | None:
        """Return a file with a correct checksum, after a second download if needed."""
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
            f"{url}: checksum differs: file says {said[:64]!r}, got {got}; download again later"
        )


def _is_settled(period: Period, end: int) -> bool:
    """Return whether a file that is missing at ``end`` will never be published."""
    return period.ended_at <= end - PATIENCE_NS


def _asked(key: ChannelKey, start: int, end: int) -> tuple[int, int]:
    """Return the requested stretch from its first bar's open to its last close by ``end``.

    Kinds without a timeframe keep ``start`` and ``end``. If no bar fits, the second instant is
    ``end``.
    """
    if not key.timeframe:
        return start, end
    length = Timeframe(key.timeframe).ns
    first, stop = -(-start // length) * length, end // length * length
    return first, stop if stop >= start else end


def _periods(unit: Literal["M", "D"], first: int, stop: int) -> list[Period]:
    """Return the months or days that ``[first, stop)`` touches, in order."""
    begun = np.datetime64(first, "ns").astype(f"datetime64[{unit}]")
    last = np.datetime64(stop - 1, "ns").astype(f"datetime64[{unit}]")
    edges = np.arange(begun, last + 2)
    bounds = midnights_ns(edges).tolist()
    return [Period(str(edge), bounds[n], bounds[n + 1]) for n, edge in enumerate(edges[:-1])]


def _between(channel: Channel, first: int, stop: int) -> Channel:
    facts = channel[time_columns(channel.key.kind)[0]]
    return channel.take((facts >= first) & (facts < stop))


def _bars_a_day(key: ChannelKey) -> int:
    return DAY_NS // Timeframe(key.timeframe).ns


def _filled(rows: Channel | None, more: Channel) -> Channel | None:
    """Return bars in order, plus the bars of ``more`` that they lack; None without bars."""
    if len(more) == 0:
        return rows
    if rows is None:
        return more
    new = ~np.isin(more["opened_at"], rows["opened_at"])
    both = concatenated(rows.key, [rows, more.take(new)])
    return both.take(np.argsort(both["opened_at"], kind="stable"))
