"""Equities, ETFs and indices from Yahoo Finance: bars, dividends, splits, closes as a series.

Yahoo adjusts prices, volumes and dividends for every split up to the day of the request, but not
prices for dividends. This source returns rows as quoted on their day. So a later split changes no
stored row, and rows fetched before and after a split fit together.
"""

import atexit
import shutil
import tempfile
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pandas as pd
import yfinance
from curl_cffi import requests
from numpy.typing import NDArray
from yfinance.data import YfData
from yfinance.exceptions import YFPricesMissingError

from data_feeds.calendar import session_bounds, sessions_between
from data_feeds.catalog import Origin
from data_feeds.clock import (
    DAY_NS,
    SECOND_NS,
    Dates,
    Instants,
    day_start_ns,
    index_ns,
    midnights_ns,
)
from data_feeds.errors import PermanentSourceError, SchemaError, TransientSourceError
from data_feeds.instrument import Instrument, InstrumentKind
from data_feeds.schema import (
    VALUE_COLUMNS,
    Array,
    Channel,
    ChannelKey,
    ChannelKind,
    Provenance,
    time_columns,
    validate,
)
from data_feeds.sources.http import RETRIED_STATUS, retry_after
from data_feeds.sources.retry import RetryPolicy, ask
from data_feeds.sources.source import Page
from data_feeds.splits import unscaled
from data_feeds.timeframe import Timeframe

KnownAt = Callable[[Dates], Instants]

LICENCE = "Yahoo terms; personal use, no redistribution"
TIMEOUT_S = 30.0
# Days of history that Yahoo serves for each bar length; daily bars go back to the listing.
KEPT_DAYS = {"1m": 29, "2m": 59, "5m": 59, "15m": 59, "30m": 59, "1h": 729}
# Longest stretch of one-minute bars in one answer; other lengths have no such limit.
_MINUTE_BARS_DAYS = 7
# A session's row may come days after its close; until then a missing row is not final.
_LATE_NS = 4 * DAY_NS

_CHART = "/v8/finance/chart/"
# Yahoo's text for a known symbol without rows in the window.
_NOTHING_THEN = "data doesn't exist for startdate"
# Other columns have our names with a capital letter.
_YAHOO_COLUMNS = {"amount": "Dividends", "ratio": "Stock Splits", "value": "Close"}
_PRICES = ["Open", "High", "Low", "Close"]
_ACTIONS = (ChannelKind.DIVIDENDS, ChannelKind.SPLITS)


class YahooEquities:
    """Source of one symbol of Yahoo Finance.

    Daily bars cover the sessions of the instrument's calendar and are known at their close. A
    dividend or split counts from the open of its ex-date. A series holds daily closes, dated by
    midnight UTC of the session's date.

    Parameters
    ----------
    instrument : gives the calendar and the name of its channels
    symbol : Yahoo's, e.g. ``SPY``, ``^VIX``, ``DX-Y.NYB``
    now : the present, ns UTC; an unfinished bar is left out
    known_at : instants of publication of some dates' closes, ns UTC, for series; None: the close
    base_url : address to use instead of all Yahoo hosts
    unit : unit of a series' values, e.g. ``points``
    release : ``known_at`` in words
    """

    def __init__(
        self,
        instrument: Instrument,
        symbol: str,
        *,
        now: Callable[[], int],
        policy: RetryPolicy | None = None,
        base_url: str | None = None,
        known_at: KnownAt | None = None,
        unit: str = "",
        release: str = "",
    ) -> None:
        self._instrument, self._symbol, self._unit = instrument, symbol, unit
        self._release = release
        self._now, self._known_at = now, known_at
        self._policy = policy or RetryPolicy()
        self._base_url = base_url

    @property
    def name(self) -> str:
        """Name of the source in messages."""
        return f"Yahoo Finance {self._symbol}"

    def origin(self, key: ChannelKey) -> Origin:
        """Return publisher, licence, venue and, for a series, the unit."""
        venues = (self._instrument.venue,) if self._instrument.venue else ()
        is_series = key.kind is ChannelKind.SERIES
        return Origin(
            source=self.name,
            licence=LICENCE,
            unit=self._unit if is_series else "",
            splits="as_traded" if self._has_splits(key) else "",
            venues=venues,
            release=self._release if is_series else "",
        )

    def pages(self, key: ChannelKey, start: int, end: int) -> Iterator[Page]:
        """Yield the rows in ``[start, end)``, ns UTC; see ``data_feeds.sources.source.Source``.

        Rows outside the calendar's sessions and rows without a price are left out with a note. A
        high or low that does not enclose open and close is widened to them, and the bar is labelled
        inferred.
        """
        interval, now, first = _interval(key), self._now(), start
        if interval in KEPT_DAYS:
            # Whole days keep the limit independent of the time of day.
            kept_from = day_start_ns(now) - KEPT_DAYS[interval] * DAY_NS
            first = min(max(start, kept_from), end)
        if first > start:
            note = f"Yahoo keeps {interval} bars for {KEPT_DAYS[interval]} days only"
            yield Page(None, first, note)
        step = _MINUTE_BARS_DAYS * DAY_NS if interval == "1m" else max(end - start, 1)
        covered = first
        for begun in range(first, end, step):
            stop = min(begun + step, end)
            frame = self._frame(begun, stop, interval)
            rows = None if frame is None else self._inside(frame, key, begun, stop)
            covered = max(covered, _covered_to(rows, key.kind, stop, now))
            yield self._as_traded(self._page(key, rows, covered), key, now)

    def _has_splits(self, key: ChannelKey) -> bool:
        """Return whether Yahoo adjusts a channel's rows for splits."""
        is_share = self._instrument.kind is InstrumentKind.ETF
        return is_share and key.kind in (ChannelKind.BARS, ChannelKind.DIVIDENDS)

    def _as_traded(self, page: Page, key: ChannelKey, now: int) -> Page:
        """Return a page's rows as quoted on their day; fetch the splits since its first row."""
        if page.rows is None or not self._has_splits(key):
            return page
        first = int(page.rows[time_columns(key.kind)[0]][0])
        frame = self._frame(first, now, "1d")
        days = None if frame is None else _rows(frame, self._instrument.calendar, "1d", first, now)
        if days is None:
            return page
        # A split of the running session counts too: Yahoo adjusts from its first minute on.
        split = days.take((days.frame[_yahoo_column("ratio")] > 0).to_numpy())
        record = ChannelKey(key.instrument, ChannelKind.SPLITS)
        if len(split.dates) == 0:
            return page
        return replace(page, rows=unscaled(page.rows, _channel(record, split, None)))

    def _inside(self, frame: pd.DataFrame, key: ChannelKey, start: int, end: int) -> "_Rows | None":
        rows = _rows(frame, self._instrument.calendar, _interval(key), start, end)
        if rows is None:
            return None
        facts = _facts(rows, key.kind)
        return rows.take((facts >= start) & (facts < end))

    def _page(self, key: ChannelKey, rows: "_Rows | None", covered_to: int) -> Page:
        if rows is None:
            return Page(None, covered_to)
        wanted = _facts(rows, key.kind) < covered_to
        if key.kind in _ACTIONS:
            wanted &= (rows.frame[_yahoo_column(VALUE_COLUMNS[key.kind][0])] > 0).to_numpy()
        else:
            wanted &= rows.priced
        found = rows.take(wanted)
        channel = _channel(key, found, self._known_at) if len(found.dates) else None
        return Page(channel, covered_to, rows.note)

    def _frame(self, start: int, end: int, interval: str) -> pd.DataFrame | None:
        """Return yfinance's table around a window; None if Yahoo has no rows there."""
        # One more day on either side covers sessions that begin on another UTC date.
        margin_s = 86_400 if interval == "1d" else 0
        # yfinance treats a start of 0 as missing.
        first = start // SECOND_NS - margin_s or -1
        last = -(-end // SECOND_NS) + margin_s
        return ask(lambda: self._once(first, last, interval), self._policy)

    def _once(self, first_s: int, last_s: int, interval: str) -> pd.DataFrame | None:
        session = _session(self._base_url)
        # yfinance caches answers about the past, also refusals and broken answers.
        YfData.cache_get.cache_clear()
        session.chart = None
        debug = yfinance.config.debug
        hidden, debug.hide_exceptions = debug.hide_exceptions, False
        try:
            with warnings.catch_warnings():
                # yfinance 1.7 uses pandas behaviour that pandas 3.1 deprecates.
                warnings.simplefilter("ignore", pd.errors.Pandas4Warning)
                ticker = yfinance.Ticker(self._symbol, session=session)
                return _asked(ticker, first_s, last_s, interval)
        # yfinance also raises arbitrary Python errors on unusual answers.
        except Exception as error:
            self._judge(session.chart, error)
            return None
        finally:
            debug.hide_exceptions = hidden

    def _judge(self, answer: requests.Response | None, error: Exception) -> None:
        """Raise the error of Yahoo's last answer about prices, unless it means "no rows"."""
        if answer is None:
            raise TransientSourceError(f"{self.name}: no answer: {error}") from error
        if answer.status_code in RETRIED_STATUS:
            raise TransientSourceError(
                f"{self.name}: answered {answer.status_code}; try again later",
                retry_after(answer.headers.get("Retry-After")),
            ) from error
        chart = self._chart(answer)
        if chart["error"]:
            words = str(chart["error"].get("description"))
            if _NOTHING_THEN in words.lower():
                return
            text = f"{self.name}: refused: {words}; check the symbol on finance.yahoo.com"
            raise PermanentSourceError(text) from error
        if not isinstance(error, YFPricesMissingError) or not chart["result"]:
            text = f"{self.name}: yfinance cannot read the answer: {error!r}; try a newer yfinance"
            raise SchemaError(text) from error

    def _chart(self, answer: requests.Response) -> dict[str, Any]:
        """Return the chart document of an answer; raise if the answer is none."""
        try:
            chart = answer.json()["chart"]  # type: ignore[no-untyped-call]
            return {"error": chart["error"], "result": chart["result"]}
        except (ValueError, TypeError, KeyError) as error:
            begins = repr(answer.text[:80])
            if answer.status_code >= 400:
                text = f"{self.name}: answered {answer.status_code}: {begins}"
                raise PermanentSourceError(text) from error
            text = f"{self.name}: the answer broke off or is not a chart: {begins}"
            raise TransientSourceError(text) from error


def _asked(ticker: yfinance.Ticker, first_s: int, last_s: int, interval: str) -> pd.DataFrame:
    """Return the table of a window: prices adjusted for splits only, with actions."""
    found: pd.DataFrame = ticker.history(
        start=first_s,
        end=last_s,
        interval=interval,
        auto_adjust=False,
        actions=True,
        keepna=True,
        timeout=TIMEOUT_S,
    )
    return found


class _Session(requests.Session[requests.Response]):
    """The session type that yfinance expects; ``chart`` is the last answer about prices.

    ``base_url`` replaces every host, also those for cookies and consent.
    """

    def __init__(self, base_url: str | None) -> None:
        super().__init__(impersonate="chrome")
        self.chart: requests.Response | None = None
        self._replacing = base_url

    def request(self, method: Any, url: str, *args: Any, **kwargs: Any) -> requests.Response:
        """Send a request and keep the answer if it is about prices."""
        if self._replacing is not None:
            url = self._replacing + urlsplit(url).path
        if _CHART not in url:
            return super().request(method, url, *args, **kwargs)
        self.chart = None
        self.chart = super().request(method, url, *args, **kwargs)
        return self.chart


@cache
def _session(base_url: str | None) -> _Session:
    """Return the session of an address; there is one, because yfinance has one cookie crumb."""
    yfinance.set_tz_cache_location(_cache_folder())
    return _Session(base_url)


@cache
def _cache_folder() -> str:
    """Return a folder for yfinance's caches that is removed at exit."""
    folder = tempfile.mkdtemp(prefix="riskoff-yahoo-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


@dataclass(frozen=True)
class _Rows:
    """yfinance's rows inside sessions, with bounds; ``priced`` flags rows with all prices."""

    note: str
    frame: pd.DataFrame
    dates: Dates
    opened: Instants
    closed: Instants
    priced: NDArray[np.bool_]

    def take(self, rows: NDArray[np.bool_]) -> "_Rows":
        columns: tuple[Array, ...] = (self.dates, self.opened, self.closed, self.priced)
        return _Rows(self.note, self.frame[rows], *(values[rows] for values in columns))


def _rows(frame: pd.DataFrame, calendar: str, interval: str, start: int, end: int) -> _Rows | None:
    """Return a table's rows inside the calendar's sessions; None without rows.

    The note names the dates left out in ``[start, end)``.
    """
    index = pd.DatetimeIndex(frame.index)
    dates = index.tz_localize(None).to_numpy().astype("datetime64[D]")
    if len(dates) == 0:
        return None
    stamps = index_ns(index)
    if interval == "1d":
        held = np.isin(dates, sessions_between(calendar, dates.min(), dates.max()))
        outside, dates = dates[~held], dates[held]
        opened, closed = session_bounds(calendar, dates)
    else:
        of, opened, closed = _sessions_of(stamps, dates, calendar)
        step = Timeframe(interval).ns
        # Yahoo adds the closing auction and the last trade so far as separate rows.
        held = (stamps >= opened) & (stamps < closed) & ((stamps - opened) % step == 0)
        outside = dates[(stamps < opened) | (stamps > closed)]
        dates = of[held]
        opened, closed = stamps[held], np.minimum(stamps + step, closed)[held]
    notes = _named(f"outside the sessions of {calendar}", outside, start, end)
    frame = frame[held]
    priced = np.all(frame[_PRICES].to_numpy() > 0, axis=1)
    notes += _named("without a price", dates[~priced], start, end)
    note = f"rows left out: {'; '.join(notes)}" if notes else ""
    return _Rows(note, frame, dates, opened, closed, priced) if len(dates) else None


def _sessions_of(stamps: Instants, dates: Dates, calendar: str) -> tuple[Dates, Instants, Instants]:
    """Return the last session opened at or before each stamp: its date, open and close.

    A session may open on the evening before its date. Stamps before the first session get the first
    session.
    """
    day = np.timedelta64(1, "D")
    sessions = sessions_between(calendar, dates.min() - 7 * day, dates.max() + day)
    opened, closed = session_bounds(calendar, sessions)
    row = np.maximum(np.searchsorted(opened, stamps, side="right") - 1, 0)
    return sessions[row], opened[row], closed[row]


def _yahoo_column(name: str) -> str:
    return _YAHOO_COLUMNS.get(name, name.capitalize())


def _named(what: str, dates: Dates, start: int, end: int, most: int = 5) -> list[str]:
    """Return a phrase that counts and names the dates of a window; none for no dates."""
    midnights = midnights_ns(dates)
    dates = dates[(midnights >= day_start_ns(start)) & (midnights < end)]
    if len(dates) == 0:
        return []
    names = list(np.unique(dates).astype(str))
    more = f" and {len(names) - most} more dates" if len(names) > most else ""
    return [f"{len(dates)} {what} ({', '.join(names[:most])}{more})"]


def _facts(rows: _Rows, kind: ChannelKind) -> Instants:
    """Return the first time column of the rows."""
    if kind is ChannelKind.SERIES:
        return midnights_ns(rows.dates)
    return rows.opened


def _covered_to(rows: _Rows | None, kind: ChannelKind, end: int, now: int) -> int:
    """Return the instant before which all rows are final, ns UTC, at most ``end``.

    Rows of the last days may still come, with their dividends; then the coverage ends after the
    last finished bar.
    """
    if end <= now - _LATE_NS:
        return end
    finished = None if rows is None else rows.priced & (rows.closed <= now)
    if rows is None or finished is None or not finished.any():
        return min(end, now - _LATE_NS)
    if kind is ChannelKind.SERIES:
        return min(end, int(_facts(rows, kind)[finished][-1]) + DAY_NS)
    return min(end, int(rows.closed[finished][-1]))


def _channel(key: ChannelKey, rows: _Rows, known_at: KnownAt | None) -> Channel:
    """Return the rows as a valid channel."""
    is_bar = key.kind is ChannelKind.BARS
    fact, known = _facts(rows, key.kind), rows.opened if key.kind in _ACTIONS else rows.closed
    if key.kind is ChannelKind.SERIES and known_at is not None:
        known = known_at(rows.dates)
    times = (fact, rows.closed, known) if is_bar else (fact, known)
    columns: dict[str, Array] = dict(zip(time_columns(key.kind), times, strict=True))
    for name in VALUE_COLUMNS[key.kind]:
        columns[name] = rows.frame[_yahoo_column(name)].to_numpy(dtype=np.float64)
    columns["label"] = np.full(len(fact), Provenance.OBSERVED, dtype=np.int8)
    if is_bar:
        _enclose(columns)
    validate(channel := Channel(key, columns))
    return channel


def _enclose(columns: dict[str, Array]) -> None:
    """Widen highs and lows to enclose open and close, in place; such a bar is inferred."""
    high = np.maximum.reduce([columns[name] for name in ("open", "high", "close")])
    low = np.minimum.reduce([columns[name] for name in ("open", "low", "close")])
    widened = (high != columns["high"]) | (low != columns["low"])
    columns["high"], columns["low"] = high, low
    columns["label"] = np.where(widened, Provenance.INFERRED, columns["label"]).astype(np.int8)


def _interval(key: ChannelKey) -> str:
    """Return Yahoo's label of a channel's bar length; raise for channels that Yahoo lacks."""
    if key.kind in (*_ACTIONS, ChannelKind.SERIES):
        return "1d"
    if key.kind is not ChannelKind.BARS:
        raise PermanentSourceError(
            f"{key}: Yahoo Finance has no {key.kind}; ask for bars, dividends, splits or series"
        )
    if key.timeframe != "1d" and key.timeframe not in KEPT_DAYS:
        raise PermanentSourceError(
            f"{key}: Yahoo Finance has bars of 1d, {', '.join(KEPT_DAYS)}; ask for one of these"
        )
    return key.timeframe
