"""Macro series from FRED: the public CSV without a key, all revisions (ALFRED) with a key.

Without a key each date has its latest value, known at the instant of the release rule; for a
revised series this looks ahead. With a key each revision is a separate row.
"""

import socket
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError

import fredapi
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data_feeds.calendar import local_instants
from data_feeds.catalog import Origin
from data_feeds.clock import DAY_NS, NEW_YORK, Dates, Instants, midnight_ns, midnights_ns, utc_index
from data_feeds.errors import PermanentSourceError, SourceError, TransientSourceError
from data_feeds.schema import Channel, ChannelKey, ChannelKind, Provenance, validate
from data_feeds.sources.http import RETRIED_STATUS, HttpClient, retry_after
from data_feeds.sources.retry import RetryPolicy, ask
from data_feeds.sources.source import VINTAGES, Page

Values = NDArray[np.float64]
KnownAt = Callable[[Dates], Instants]

PUBLIC_DOMAIN = "public domain (US government)"
NO_REDISTRIBUTION = "{}: copyright, no redistribution"
# Licences by the start of the series id.
_LICENCES = {
    "BAML": NO_REDISTRIBUTION.format("ICE Data Indices"),
    "SP500": NO_REDISTRIBUTION.format("S&P Dow Jones Indices"),
    "DJIA": NO_REDISTRIBUTION.format("S&P Dow Jones Indices"),
    "NASDAQ": NO_REDISTRIBUTION.format("Nasdaq"),
    "VIXCLS": NO_REDISTRIBUTION.format("Cboe"),
    "VXNCLS": NO_REDISTRIBUTION.format("Cboe"),
    "DTWEXBGS": PUBLIC_DOMAIN,
    "DGS": PUBLIC_DOMAIN,
    "DFII": PUBLIC_DOMAIN,
    "DFF": PUBLIC_DOMAIN,
}
TIMEOUT_S = 30.0
# FRED refuses a request that spans more than 2000 vintages.
MOST_VINTAGES = 2_000
# A value may come days after its release time. Until then a missing value is not final, and a value
# that ALFRED dates later counts as late.
_LATE_NS = 7 * DAY_NS
_ONE_DAY = np.timedelta64(1, "D")
# No release rule waits longer for a reference date's value.
_LONGEST_LAG = np.timedelta64(400, "D")
_RELEASE_TYPES = {
    "realtime_start": "datetime64[s]",
    "date": "datetime64[s]",
    "value": "float64",
}


class FredMacro:
    """Source of one FRED series. ``event_at`` is midnight UTC of the reference date.

    Parameters
    ----------
    series_id : FRED's, e.g. ``DGS10``
    now : the present, ns UTC
    known_at : release rule: instants of publication of some reference dates' values, ns UTC
    api_key : key of the FRED API; None reads the public CSV
    client, policy : HTTP client of the CSV, retries of the API
    base_url, api_url : addresses of the CSV and of the API; None: fredapi's own
    unit : unit of the values, e.g. ``percent``
    release : ``known_at`` in words
    """

    def __init__(
        self,
        series_id: str,
        *,
        now: Callable[[], int],
        known_at: KnownAt,
        api_key: str | None = None,
        client: HttpClient | None = None,
        policy: RetryPolicy | None = None,
        base_url: str = "https://fred.stlouisfed.org",
        api_url: str | None = None,
        unit: str = "",
        release: str = "",
    ) -> None:
        self._release = release if api_key is None else f"{VINTAGES}; {release}"
        self._id, self._now, self._known_at, self._unit = series_id, now, known_at, unit
        self._policy = policy or RetryPolicy()
        self._client = client or HttpClient(self._policy)
        self._base_url, self._api_key = base_url, api_key
        self._fred: fredapi.Fred | None = None
        if api_key is not None:
            self._fred = fredapi.Fred(api_key)
            if api_url is not None:
                self._fred.root_url = api_url

    @property
    def name(self) -> str:
        """Name of the source in messages."""
        return f"{'FRED' if self._fred is None else 'ALFRED'} {self._id}"

    def origin(self, key: ChannelKey) -> Origin:
        """Return publisher, licence and unit."""
        return Origin(
            source=self.name,
            licence=licence(self._id),
            unit=self._unit,
            release=self._release,
        )

    def pages(self, key: ChannelKey, start: int, end: int) -> Iterator[Page]:
        """Yield the values of the dates in ``[start, end)``; see ``sources.source.Source``.

        Dates without a value are left out. With a key a page is one year of reference dates. The
        first value of a date, and each revision, is known at the rule's time of day on ALFRED's
        date, but never before the rule's instant. An unchanged value is no revision. A value that
        ALFRED held from the start of its archive is known by the rule alone.
        """
        if key.kind is not ChannelKind.SERIES:
            raise PermanentSourceError(f"{key}: FRED has series only, no {key.kind}")
        first, last = _date(-(-start // DAY_NS)), _date(-(-end // DAY_NS) - 1)
        if last < first:
            yield Page(None, end)
        elif self._fred is None:
            dates, values = self._latest(first, last)
            known = self._known_at(dates)
            covered = self._covered_to(dates, first, last, end)
            note = "FRED's CSV has the latest revisions only; a key brings the earlier ones"
            yield Page(_channel(key, dates, known, values), covered, note)
        else:
            yield from self._vintage_pages(key, first, last, end)

    def _covered_to(self, dates: Dates, first: np.datetime64, last: np.datetime64, end: int) -> int:
        """Return the instant up to which all due values have come, ns UTC, at most ``end``."""
        now = self._now()
        after = dates[-1] + _ONE_DAY if len(dates) else max(first, last - _LONGEST_LAG)
        waiting = np.arange(after, last + _ONE_DAY, dtype="datetime64[D]")
        if len(waiting) == 0:
            return end
        due = self._known_at(waiting) > now - _LATE_NS
        return min(end, midnight_ns(waiting[int(np.argmax(due))])) if due.any() else end

    # The latest revisions: the public CSV

    def _latest(self, first: np.datetime64, last: np.datetime64) -> tuple[Dates, Values]:
        def question() -> tuple[Dates, Values] | TransientSourceError:
            try:
                body = self._client.get(url, params)
            except TransientSourceError as error:
                # The client has retried already; only a broken body is requested again.
                return error
            if body is None:
                raise PermanentSourceError(f"{self.name}: no such series; check the id on FRED")
            return _parse_csv(body, self._id)

        url = f"{self._base_url}/graph/fredgraph.csv"
        params = {"id": self._id, "cosd": str(first), "coed": str(last)}
        answer = ask(question, self._policy)
        if isinstance(answer, TransientSourceError):
            raise TransientSourceError(f"{self.name}: {answer}", answer.retry_after_s) from answer
        return answer

    # Every revision: fredapi

    def _vintage_pages(
        self, key: ChannelKey, first: np.datetime64, last: np.datetime64, end: int
    ) -> Iterator[Page]:
        vintages = self._vintage_dates()
        covered = midnight_ns(first)
        for year in range(_year(first), _year(last) + 1):
            begun = max(first, np.datetime64(f"{year}-01-01"))
            stop = min(last, np.datetime64(f"{year}-12-31"))
            rows = self._vintages(begun, stop, vintages)
            dates, known, values, note = self._known(rows, vintages)
            stop_ns = end if stop == last else midnight_ns(stop + _ONE_DAY)
            # A year without values proves nothing about late values of the previous year.
            if len(dates) or covered >= midnight_ns(begun):
                covered = self._covered_to(dates, begun, stop, stop_ns)
            yield Page(_channel(key, dates, known, values), covered, note)

    def _vintage_dates(self) -> Dates:
        found = self._ask(lambda fred: fred.get_series_vintage_dates(self._id))
        if not found:
            raise PermanentSourceError(
                f"{self.name}: no vintages in ALFRED; leave the key out for the latest values"
            )
        return np.array(found, dtype="datetime64[D]")

    def _vintages(self, first: np.datetime64, last: np.datetime64, vintages: Dates) -> "_Vintages":
        """Return all revisions of some reference dates, in order, without unchanged values."""
        tables = []
        # A vintage before the first date cannot contain that date.
        since = vintages[max(int(np.searchsorted(vintages, first, side="right")) - 1, 0) :]
        for i in range(0, len(since), MOST_VINTAGES):
            later = since[i + MOST_VINTAGES : i + MOST_VINTAGES + 1]
            until = str(later[0] - _ONE_DAY) if len(later) else fredapi.Fred.latest_realtime_end
            tables.append(self._releases(str(since[i]), until, first, last))
        frame = pd.concat(tables) if tables else _no_releases()
        # An answer dates older values with its own first day.
        frame = frame.sort_values(["date", "realtime_start"], kind="stable")
        same_date = frame["date"] == frame["date"].shift()
        frame = frame[~(same_date & (frame["value"] == frame["value"].shift()))]
        return _Vintages(
            frame["date"].to_numpy().astype("datetime64[D]"),
            frame["realtime_start"].to_numpy().astype("datetime64[D]"),
            frame["value"].to_numpy(dtype=np.float64),
        )

    def _releases(
        self, since: str, until: str, first: np.datetime64, last: np.datetime64
    ) -> pd.DataFrame:
        # fredapi has no parameter for reference dates of a vintage request, but it copies the last
        # day into the address unchanged.
        window = f"{until}&observation_start={first}&observation_end={last}"
        found = self._ask(lambda fred: fred.get_series_all_releases(self._id, since, window))
        if len(found) == 0:
            return _no_releases()
        # A full stop becomes NaN in fredapi, and NaT in a pandas table with dates.
        given: pd.DataFrame = found[found["value"].notna()].astype(_RELEASE_TYPES)
        return given

    def _known(self, rows: "_Vintages", vintages: Dates) -> tuple[Dates, Instants, Values, str]:
        """Return dates, instants of publication and values, and a note about inherited values."""
        rule = self._known_at(rows.dates)
        released = _at_clock_of(rule, rows.released)
        # A value in the archive's first vintage, long after the rule's instant, was published
        # earlier.
        inherited = (rows.released <= vintages[0]) & (released - rule > _LATE_NS)
        known = np.where(inherited, rule, np.maximum(rule, released))
        # If the rule's instant merges two vintages, the later one counts.
        both = (rows.dates[1:] == rows.dates[:-1]) & (known[1:] <= known[:-1])
        kept = ~np.append(both, False)[: len(known)]
        note = (
            f"ALFRED's archive of {self._id} begins {vintages[0]}; older values are as of then, "
            "known by the release rule"
            if inherited.any()
            else ""
        )
        return rows.dates[kept], known[kept], rows.values[kept], note

    def _ask(self, question: Callable[[fredapi.Fred], Any]) -> Any:
        return ask(lambda: self._once(question), self._policy)

    def _once(self, question: Callable[[fredapi.Fred], Any]) -> Any:
        try:
            with _socket_timeout(TIMEOUT_S):
                return question(self._fred)
        except (ValueError, ET.ParseError, OSError, HTTPException) as error:
            raise self._judged(error) from error

    def _judged(self, error: BaseException) -> SourceError:
        """Return the error that an exception of fredapi means, without the key in its text."""
        refusal = _refusal(error)
        if refusal is not None and refusal.code in RETRIED_STATUS:
            return TransientSourceError(
                f"{self.name}: answered {refusal.code}; try again later",
                retry_after(refusal.headers.get("Retry-After")),
            )
        words = str(error).replace(self._api_key, "<key>") if self._api_key else str(error)
        if refusal is not None:
            return PermanentSourceError(
                f"{self.name}: answered {refusal.code}: {words}; check the series id and the key"
            )
        return TransientSourceError(f"{self.name}: no answer, or a broken one: {words}")


@dataclass(frozen=True)
class _Vintages:
    """Revisions in order: reference dates, release dates, values."""

    dates: Dates
    released: Dates
    values: Values


def licence(series_id: str) -> str:
    """Return the licence of a series' values.

    >>> licence("DGS10")
    'public domain (US government)'
    """
    for start, words in _LICENCES.items():
        if series_id.startswith(start):
            return words
    return f"see https://fred.stlouisfed.org/series/{series_id}"


def _parse_csv(body: bytes, series_id: str) -> tuple[Dates, Values]:
    """Return the dates with a value, and the values.

    Raises
    ------
    TransientSourceError : the text is truncated, or not this CSV.
    """
    text = body.decode("utf-8", errors="replace")
    header, _, rest = text.partition("\n")
    try:
        # The first column was named DATE until 2024.
        if header.strip().split(",") not in (["observation_date", series_id], ["DATE", series_id]):
            raise ValueError(f"its first line is {header[:80]!r}")
        if not text.endswith("\n"):
            raise ValueError("its last line is not complete")
        cells = [line.strip().split(",") for line in rest.splitlines()]
        filled = [(date, value) for date, value in cells if value not in ("", ".")]
        dates = np.array([date for date, _ in filled], dtype="datetime64[D]")
        return dates, np.array([float(value) for _, value in filled], dtype=np.float64)
    except ValueError as error:
        raise TransientSourceError(
            f"FRED {series_id}: the answer is not the CSV of this series: {error}"
        ) from error


def _at_clock_of(rule: Instants, dates: Dates) -> Instants:
    """Return the rule's New York times of day as instants on other dates."""
    local = utc_index(rule).tz_convert(NEW_YORK)
    clocks = np.array(local.strftime("%H:%M"), dtype=str)
    found = np.empty(len(dates), dtype=np.int64)
    for clock in np.unique(clocks):
        rows = clocks == clock
        found[rows] = local_instants(dates[rows], str(clock), NEW_YORK)
    return found


def _refusal(error: BaseException) -> HTTPError | None:
    """Return the HTTP error behind an error of fredapi, which keeps the text but no status."""
    found: BaseException | None = error
    while found is not None and not isinstance(found, HTTPError):
        found = found.__context__
    return found


@contextmanager
def _socket_timeout(seconds: float) -> Iterator[None]:
    """Limit socket waits inside a with block, because fredapi sets no timeout."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


def _channel(key: ChannelKey, dates: Dates, known_at: Instants, values: Values) -> Channel | None:
    """Return a valid channel; None without rows."""
    if len(dates) == 0:
        return None
    channel = Channel(
        key,
        {
            "event_at": midnights_ns(dates),
            "available_at": known_at,
            "value": values,
            "label": np.full(len(dates), Provenance.OBSERVED, dtype=np.int8),
        },
    )
    validate(channel)
    return channel


def _no_releases() -> pd.DataFrame:
    return pd.DataFrame(columns=list(_RELEASE_TYPES)).astype(_RELEASE_TYPES)


def _date(days: int) -> np.datetime64:
    return np.datetime64(days, "D")


def _year(date: np.datetime64) -> int:
    return int(str(date)[:4])
