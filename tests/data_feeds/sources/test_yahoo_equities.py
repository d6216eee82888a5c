"""Yahoo Finance through the real yfinance client, with all requests on the loopback."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yfinance
from curl_cffi import requests

from data_feeds.calendar import local_instants
from data_feeds.clock import DAY_NS, HOUR_NS, utc_text
from data_feeds.errors import PermanentSourceError, SchemaError, TransientSourceError
from data_feeds.instrument import Instrument, InstrumentKind
from data_feeds.schema import Channel, ChannelKey, ChannelKind, Provenance
from data_feeds.sources.retry import RetryPolicy
from data_feeds.sources.source import Page
from data_feeds.sources.yahoo_equities import Dates, Instants, KnownAt, YahooEquities
from tests.data_feeds.factory import ns
from tests.data_feeds.loopback.server import Fault, Loopback, Response, as_json
from tests.data_feeds.loopback.yahoo import CHART, Symbol, Yahoo, error, opens, stamp

SPY = Instrument(id="SPY", kind=InstrumentKind.ETF, quote="USD", calendar="XNYS", venue="NYSE Arca")
BARS = ChannelKey("SPY", ChannelKind.BARS, "1d")
HOURS = ChannelKey("SPY", ChannelKind.BARS, "1h")
DIVIDENDS = ChannelKey("SPY", ChannelKind.DIVIDENDS)
SPLITS = ChannelKey("SPY", ChannelKind.SPLITS)
SERIES = ChannelKey("SPY", ChannelKind.SERIES)
# Thanksgiving is Thursday 27 November 2025; Friday 28 closes at 13:00 in New York, 18:00 UTC.
FIRST, LAST = "2025-11-24", "2025-12-05"
NOW = ns("2026-02-02")
NOTHING_THEN = "Data doesn't exist for startDate = 1764000000, endDate = 1764900000"


@pytest.fixture(autouse=True)
def asked(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Record every address that reaches curl, and refuse all but the loopback."""
    addresses: list[str] = []
    genuine = requests.Session.request

    def watched(self: Any, method: Any, url: str, *args: Any, **kwargs: Any) -> Any:
        addresses.append(url)
        assert url.startswith("http://127.0.0.1:")
        return genuine(self, method, url, *args, **kwargs)

    monkeypatch.setattr(requests.Session, "request", watched)
    yield addresses
    assert all(url.startswith("http://127.0.0.1:") for url in addresses)


def bar(i: int) -> list[float | None]:
    """Return open, high, low, close and volume of the i-th bar."""
    return [100.0 + i, 102.0 + i, 99.0 + i, 101.0 + i, 1_000.0 + i]


def spy(name: str = "SPY", **changes: Any) -> Symbol:
    days = {at: bar(i) for i, at in enumerate(opens("XNYS", FIRST, LAST))}
    return Symbol(name, **{"days": days, **changes})


@contextmanager
def served(
    *symbols: Symbol,
    name: str = "SPY",
    now: int = NOW,
    instrument: Instrument = SPY,
    known_at: KnownAt | None = None,
) -> Iterator[tuple[YahooEquities, Loopback, list[float]]]:
    """Serve symbols on the loopback; the list gathers the waits between attempts."""
    waits: list[float] = []
    with Loopback(Yahoo(*symbols)).running() as loopback:
        source = YahooEquities(
            instrument,
            name,
            now=lambda: now,
            policy=RetryPolicy(attempts=3, sleep=waits.append),
            base_url=loopback.url,
            known_at=known_at,
            unit="points",
        )
        yield source, loopback, waits


def pages(source: YahooEquities, key: ChannelKey, first: str, end: str) -> list[Page]:
    return list(source.pages(key, ns(first), ns(end)))


def only(found: Sequence[Page]) -> Channel:
    """Return the rows of the one page that has some."""
    (rows,) = [page.rows for page in found if page.rows is not None]
    return rows


def texts(instants: Instants) -> list[str]:
    return [utc_text(int(at)) for at in instants]


def charts(loopback: Loopback) -> list[dict[str, str]]:
    """Return the queries for prices, without those for the symbol's time zone."""
    return [
        request.query
        for request in loopback.requests
        if request.path.startswith(CHART) and "period1" in request.query
    ]


def test_daily_bars_cover_their_sessions_and_are_known_at_the_close() -> None:
    with served(spy()) as (source, _, _):
        (page,) = pages(source, BARS, "2025-11-26", "2025-12-02")
    rows = only([page])
    assert texts(rows["opened_at"]) == [
        "2025-11-26T14:30Z",
        "2025-11-28T14:30Z",
        "2025-12-01T14:30Z",
    ]
    assert texts(rows["closed_at"]) == [
        "2025-11-26T21:00Z",
        "2025-11-28T18:00Z",
        "2025-12-01T21:00Z",
    ]
    assert rows["available_at"].tolist() == rows["closed_at"].tolist()
    # The third to fifth session of the table; the adjusted closes beside them are all 0.5.
    assert rows["open"].tolist() == [102.0, 103.0, 104.0]
    assert rows["high"].tolist() == [104.0, 105.0, 106.0]
    assert rows["low"].tolist() == [101.0, 102.0, 103.0]
    assert rows["close"].tolist() == [103.0, 104.0, 105.0]
    assert rows["volume"].tolist() == [1_002.0, 1_003.0, 1_004.0]
    assert rows["label"].tolist() == [Provenance.OBSERVED] * 3
    assert (page.covered_to, page.note) == (ns("2025-12-02"), "")


def test_dividends_and_splits_are_channels_of_their_own() -> None:
    symbol = spy(dividends={"2025-11-26": 1.75, "2025-12-01": 0.25}, splits={"2025-12-02": (3, 2)})
    with served(symbol) as (source, _, _):
        paid = only(pages(source, DIVIDENDS, FIRST, LAST))
        split = only(pages(source, SPLITS, FIRST, LAST))
        closes = only(pages(source, BARS, FIRST, LAST))["close"].tolist()
    assert texts(paid["event_at"]) == ["2025-11-26T14:30Z", "2025-12-01T14:30Z"]
    assert paid["available_at"].tolist() == paid["event_at"].tolist()
    # Three-for-two split: dividends before it were 1.5 times as much per share.
    assert paid["amount"].tolist() == [2.625, 0.375]
    assert texts(split["event_at"]) == ["2025-12-02T14:30Z"]
    assert split["ratio"].tolist() == [1.5]
    # Sessions before 2025-12-02, the sixth, were quoted at 1.5 times the price: 3 shares for 2.
    assert closes == [1.5 * (101 + i) for i in range(5)] + [106.0, 107.0, 108.0]


def test_the_session_under_way_is_left_out_with_its_dividend() -> None:
    symbol = spy(dividends={"2025-12-04": 1.0})
    for clock, sessions in (("2025-12-04T20:59", 7), ("2025-12-04T21:00", 8)):
        with served(symbol, now=ns(clock)) as (source, _, _):
            (bars,) = pages(source, BARS, FIRST, clock)
            (paid,) = pages(source, DIVIDENDS, FIRST, clock)
        assert bars.rows is not None
        assert len(bars.rows) == sessions
        assert bars.covered_to == paid.covered_to == bars.rows["closed_at"][-1]
        assert (paid.rows is None) == (sessions == 7)


def test_coverage_does_not_pass_a_session_whose_row_may_still_come() -> None:
    days = {at: bar(i) for i, at in enumerate(opens("XNYS", FIRST, "2025-12-03"))}
    with served(spy(days=days), now=ns("2025-12-05T12:00")) as (source, _, _):
        # Thursday's row is late.
        (page,) = pages(source, BARS, FIRST, "2025-12-05T12:00")
        assert page.covered_to == ns("2025-12-03T21:00")
        (page,) = pages(source, SERIES, FIRST, "2025-12-05T12:00")
        assert page.covered_to == ns("2025-12-04")
        # No row since then: final up to four days before now.
        (page,) = pages(source, BARS, "2025-12-04", "2025-12-05T12:00")
        assert (page.rows, page.covered_to) == (None, ns("2025-12-04"))
    with served(spy(days=days)) as (source, _, _):
        (page,) = pages(source, BARS, FIRST, "2025-12-05T12:00")
        assert page.covered_to == ns("2025-12-05T12:00")


def test_rows_outside_the_calendar_are_left_out_with_a_note() -> None:
    holiday = stamp("XNYS", "2025-11-26") + 86_400
    days = {at: bar(i) for i, at in enumerate(opens("XNYS", FIRST, LAST))}
    symbol = spy("DX-Y.NYB", days={**days, holiday: bar(9)})
    with served(symbol, name="DX-Y.NYB") as (source, _, _):
        (page,) = pages(source, BARS, FIRST, LAST)
    assert len(only([page])) == 8
    assert page.note == "rows left out: 1 outside the sessions of XNYS (2025-11-27)"


def test_rows_without_a_price_are_left_out_with_a_note_and_their_dividend_stays() -> None:
    symbol = spy(dividends={"2025-12-02": 0.5})
    symbol.days[stamp("XNYS", "2025-12-01")] = [None] * 5
    symbol.days[stamp("XNYS", "2025-12-02")] = [100.0, 101.0, None, 100.5, 10.0]
    symbol.days[stamp("XNYS", "2025-12-03")] = [0.0, 101.0, 99.0, 100.5, 10.0]
    with served(symbol) as (source, _, _):
        (page,) = pages(source, BARS, FIRST, LAST)
        paid = only(pages(source, DIVIDENDS, FIRST, LAST))
    assert texts(only([page])["opened_at"])[-2:] == ["2025-11-28T14:30Z", "2025-12-04T14:30Z"]
    assert page.note == ("rows left out: 3 without a price (2025-12-01, 2025-12-02, 2025-12-03)")
    assert paid["amount"].tolist() == [0.5]


def test_a_high_below_the_close_is_widened_and_the_bar_inferred() -> None:
    symbol = spy()
    symbol.days[stamp("XNYS", "2025-12-01")] = [100.0, 100.5, 99.0, 101.0, 10.0]
    symbol.days[stamp("XNYS", "2025-12-02")] = [100.0, 102.0, 100.5, 101.0, 10.0]
    with served(symbol) as (source, _, _):
        rows = only(pages(source, BARS, "2025-12-01", "2025-12-04"))
    assert rows["high"].tolist() == [101.0, 102.0, 108.0]
    assert rows["low"].tolist() == [99.0, 100.0, 105.0]
    assert rows["label"].tolist() == [Provenance.INFERRED, Provenance.INFERRED, Provenance.OBSERVED]


def hourly(*dates: str) -> dict[int, Sequence[float | None]]:
    """Return seven bars from 9:30 of each date; the last one is half an hour."""
    hour = HOUR_NS // 10**9
    begins = [stamp("XNYS", date) + i * hour for date in dates for i in range(7)]
    return {at: bar(i) for i, at in enumerate(begins)}


def test_hourly_bars_end_with_the_session() -> None:
    table = hourly("2025-11-26", "2025-11-28")
    # The auction at the close, and the last trade at an odd second.
    table[stamp("XNYS", "2025-11-26") + 23_400] = bar(50)
    table[stamp("XNYS", "2025-11-26") + 9_041] = bar(51)
    now = ns("2025-12-05")
    with served(spy(hours=table), now=now) as (source, _, _):
        rows = only(pages(source, HOURS, "2025-11-26", "2025-12-01"))
    assert texts(rows["opened_at"][5:9]) == [
        "2025-11-26T19:30Z",
        "2025-11-26T20:30Z",
        "2025-11-28T14:30Z",
        "2025-11-28T15:30Z",
    ]
    assert texts(rows["closed_at"][5:9]) == [
        "2025-11-26T20:30Z",
        "2025-11-26T21:00Z",
        "2025-11-28T15:30Z",
        "2025-11-28T16:30Z",
    ]
    # 14:30 to 18:00 on the short day: three hours and a half.
    assert len(rows) == 7 + 4
    assert utc_text(rows["available_at"][-1]) == "2025-11-28T18:00Z"


def test_rows_fetched_before_and_after_a_split_fit_together() -> None:
    # Yahoo adjusts rows before the split of 2025-12-02 from the start of that day on.
    split = {"2025-12-02": (10, 1)}
    for key, table in ((HOURS, {"hours": hourly("2025-11-26")}), (BARS, {}), (DIVIDENDS, {})):
        paid = {"2025-11-26": 1.5}
        with served(spy(dividends=paid, **table), now=ns("2025-12-01T22:00")) as (source, _, _):
            early = only(pages(source, key, "2025-11-26", "2025-11-27"))
        scaled = _tenth(spy(dividends={"2025-11-26": 0.15}, splits=split, **table))
        with served(scaled, now=ns("2025-12-02T15:00")) as (source, _, _):
            late = only(pages(source, key, "2025-11-26", "2025-11-27"))
        for name, values in early.columns.items():
            assert late[name] == pytest.approx(values, rel=1e-12), name


def _tenth(symbol: Symbol) -> Symbol:
    """Return Yahoo's table after a ten-for-one split: prices / 10, volumes x 10."""

    def scaled(row: Sequence[float | None]) -> list[float]:
        prices = [value for value in row if value is not None]
        return [*(price / 10 for price in prices[:4]), prices[4] * 10]

    tables = {"days": symbol.days, "hours": symbol.hours}
    return replace(symbol, **{n: {at: scaled(r) for at, r in t.items()} for n, t in tables.items()})


def test_the_hour_under_way_is_left_out() -> None:
    table = hourly("2025-11-26")
    with served(spy(hours=table), now=ns("2025-11-26T17:00")) as (source, _, _):
        (page,) = pages(source, HOURS, "2025-11-26", "2025-11-26T17:00")
    # 14:30, 15:30 are over; 16:30 is not.
    assert len(only([page])) == 2
    assert page.covered_to == ns("2025-11-26T16:30")


def test_bars_older_than_yahoo_keeps_are_not_asked_for() -> None:
    with served(spy(hours=hourly("2025-11-26")), now=ns("2025-12-05T09:00")) as (
        source,
        loopback,
        _,
    ):
        old, recent = pages(source, HOURS, "2020-01-01", "2025-12-01")
    # 729 days before 5 December 2025.
    assert (old.rows, utc_text(old.covered_to)) == (None, "2023-12-07T00:00Z")
    assert old.note == "Yahoo keeps 1h bars for 729 days only"
    assert len(only([recent])) == 7
    # The second request fetches the later splits.
    query, _ = charts(loopback)
    assert int(query["period1"]) == ns("2023-12-07") // 10**9


def test_a_window_before_yahoos_history_is_answered_without_a_request() -> None:
    with served(spy()) as (source, loopback, _):
        (page,) = pages(source, HOURS, "2019-01-01", "2020-01-01")
    assert (page.rows, page.covered_to) == (None, ns("2020-01-01"))
    assert loopback.requests == []


def test_one_minute_bars_are_asked_for_by_the_week() -> None:
    with served(spy(), now=ns("2025-12-05")) as (source, loopback, _):
        found = pages(source, ChannelKey("SPY", ChannelKind.BARS, "1m"), "2025-11-10", "2025-11-30")
    assert texts([page.covered_to for page in found]) == [
        "2025-11-17T00:00Z",
        "2025-11-24T00:00Z",
        "2025-11-30T00:00Z",
    ]
    spans = [int(query["period2"]) - int(query["period1"]) for query in charts(loopback)]
    # Yahoo refuses more than eight days.
    assert spans == [7 * 86_400, 7 * 86_400, 6 * 86_400]


def noon_of_the_next_day(dates: Dates) -> Instants:
    return local_instants(dates + np.timedelta64(1, "D"), "12:00", "America/New_York")


def test_a_series_holds_closes_by_date_known_by_its_rule() -> None:
    symbol = spy("^VIX")
    with served(symbol, name="^VIX", known_at=noon_of_the_next_day) as (source, loopback, _):
        rows = only(pages(source, SERIES, "2025-11-26", "2025-11-29"))
        assert charts(loopback) != []
    assert texts(rows["event_at"]) == ["2025-11-26T00:00Z", "2025-11-28T00:00Z"]
    assert texts(rows["available_at"]) == ["2025-11-27T17:00Z", "2025-11-29T17:00Z"]
    assert rows["value"].tolist() == [103.0, 104.0]
    with served(symbol, name="^VIX") as (source, _, _):
        rows = only(pages(source, SERIES, "2025-11-26", "2025-11-29"))
    assert texts(rows["available_at"]) == ["2025-11-26T21:00Z", "2025-11-28T18:00Z"]


@pytest.mark.parametrize("key", [BARS, DIVIDENDS, SPLITS, SERIES])
def test_pages_in_parts_hold_the_same_rows(key: ChannelKey) -> None:
    symbol = spy(
        dividends={"2025-11-26": 1.0, "2025-12-03": 2.0},
        splits={"2025-11-25": (2, 1), "2025-12-02": (1, 10)},
    )
    with served(symbol) as (source, _, _):
        whole = only(pages(source, key, FIRST, LAST))
        edges = [FIRST, "2025-11-26", "2025-11-28T14:30", "2025-12-02T21:00", LAST]
        found = [
            page.rows
            for first, end in pairwise(edges)
            for page in pages(source, key, first, end)
            if page.rows is not None
        ]
    for name, values in whole.columns.items():
        assert np.concatenate([part[name] for part in found]).tolist() == values.tolist()


@pytest.mark.parametrize("fault", list(Fault))
def test_rows_are_the_same_after_every_fault(fault: Fault) -> None:
    with served(spy(dividends={"2025-11-26": 1.0})) as (source, loopback, waits):
        clean = only(pages(source, BARS, FIRST, LAST))
        before = len(charts(loopback))
        loopback.fail([fault, fault], CHART)
        rows = only(pages(source, BARS, FIRST, LAST))
        requests_made = len(charts(loopback)) - before
    for name, values in clean.columns.items():
        assert rows[name].tolist() == values.tolist()
    # One more request fetches the later splits.
    assert requests_made == (2 if fault is Fault.DRIP else 4)
    # yfinance itself retries once after an error status; then our retries wait.
    by_status = fault in (Fault.BUSY, Fault.TEAPOT, Fault.ERROR)
    assert len(waits) == (0 if fault is Fault.DRIP else 1 if by_status else 2)
    if fault in (Fault.BUSY, Fault.TEAPOT):
        # The server asks for one second; backoff would begin with half a second.
        assert min(waits) >= 1.0


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (Fault.BUSY, "answered 429"),
        (Fault.ERROR, "answered 500"),
        (Fault.RESET, "no answer"),
        (Fault.TRUNCATED, "broke off"),
        (Fault.EMPTY, "is not a chart"),
    ],
)
def test_a_lasting_fault_ends_after_the_policy_s_attempts_and_is_not_remembered(
    fault: Fault, words: str
) -> None:
    with served(spy()) as (source, loopback, waits):
        loopback.fail([fault] * 20, CHART)
        with pytest.raises(TransientSourceError, match=f"Yahoo Finance SPY: .*{words}"):
            pages(source, BARS, FIRST, LAST)
        assert len(waits) == 2
        loopback.fail([])
        # yfinance caches answers about the past, also a status of 500.
        assert len(only(pages(source, BARS, FIRST, LAST))) == 8


def test_a_lost_answer_after_the_time_zone_s_is_no_empty_stretch() -> None:
    # yfinance first requests a new symbol's time zone, and that answer names the symbol.
    with served(spy("FRESH"), name="FRESH") as (source, loopback, _):
        loopback.fail([Fault.DRIP, *[Fault.RESET] * 9], CHART)
        with pytest.raises(TransientSourceError, match="FRESH: no answer"):
            pages(source, BARS, FIRST, LAST)


def test_an_unknown_symbol_is_refused_in_yahoo_s_words() -> None:
    with (
        served(spy(), name="SPYY") as (source, _, waits),
        pytest.raises(PermanentSourceError, match=r"SPYY: refused: No data found.*check"),
    ):
        pages(source, BARS, FIRST, LAST)
    assert waits == []


@pytest.mark.parametrize("refusal", [None, error(400, "Bad Request", NOTHING_THEN)])
def test_a_stretch_without_rows_is_empty_and_answered(refusal: Response | None) -> None:
    yahoo = Yahoo(spy())
    with served() as (source, loopback, waits):
        yahoo.refusal = refusal
        loopback.answer = yahoo
        (page,) = pages(source, BARS, "2001-01-01", "2001-06-01")
    assert (page.rows, page.covered_to, waits) == (None, ns("2001-06-01"), [])


def test_a_refusal_that_is_no_chart_is_final() -> None:
    yahoo = Yahoo(spy())
    with served() as (source, loopback, waits):
        yahoo.refusal = Response(b"Access denied", 403)
        loopback.answer = yahoo
        with pytest.raises(PermanentSourceError, match="answered 403: 'Access denied'"):
            pages(source, BARS, FIRST, LAST)
    assert waits == []


def test_a_chart_that_yfinance_cannot_read_is_a_schema_error() -> None:
    yahoo = Yahoo(spy())
    quote = {"open": [1.0]}
    chart = {"meta": {"symbol": "SPY"}, "timestamp": [1], "indicators": {"quote": [quote]}}
    with served() as (source, loopback, waits):
        yahoo.refusal = as_json({"chart": {"result": [chart], "error": None}})
        loopback.answer = yahoo
        with pytest.raises(SchemaError, match="cannot read the answer: KeyError"):
            pages(source, BARS, FIRST, LAST)
    assert waits == []


def test_the_epoch_is_no_missing_start() -> None:
    # yfinance treats a start of 0 as missing and requests one month.
    with served(spy()) as (source, loopback, _):
        list(source.pages(BARS, DAY_NS, 400 * DAY_NS))
    (query,) = charts(loopback)
    assert (int(query["period1"]), int(query["period2"])) == (-1, 401 * 86_400)


def test_every_request_of_yfinance_reaches_the_loopback(asked: list[str]) -> None:
    # A symbol without a known time zone, and a fault that makes yfinance ask for consent.
    with served(spy("NEW"), name="NEW") as (source, loopback, _):
        loopback.fail([Fault.ERROR], CHART)
        pages(source, BARS, FIRST, LAST)
        assert [url.removeprefix(loopback.url) or "/" for url in asked] == [
            request.path for request in loopback.requests
        ]
        assert "/v8/finance/chart/NEW" in loopback.requests[-1].path


def test_yfinance_writes_outside_the_home_directory_and_keeps_its_settings() -> None:
    with served(spy()) as (source, _, _):
        pages(source, BARS, FIRST, LAST)
    managers = ("_TzDBManager", "_CookieDBManager", "_ISINDBManager")
    for manager in managers:
        folder = Path(getattr(yfinance.cache, manager).get_location())
        assert folder.name.startswith("riskoff-yahoo-")
        assert folder.is_dir()
        assert not folder.is_relative_to(Path.home())
    assert yfinance.config.debug.hide_exceptions is True


@pytest.mark.parametrize(
    ("key", "words"),
    [
        (ChannelKey("SPY", ChannelKind.BARS, "4h"), "has bars of 1d, 1m, 2m, 5m, 15m, 30m, 1h"),
        (ChannelKey("SPY", ChannelKind.FUNDING), "has no funding; ask for bars"),
    ],
)
def test_channels_that_yahoo_lacks_are_refused(key: ChannelKey, words: str) -> None:
    with (
        served(spy()) as (source, loopback, _),
        pytest.raises(PermanentSourceError, match=words),
    ):
        pages(source, key, FIRST, LAST)
    assert loopback.requests == []


def test_origin_names_symbol_venue_and_terms() -> None:
    with served(spy()) as (source, _, _):
        bars, closes = source.origin(BARS), source.origin(SERIES)
    assert (bars.source, bars.venues, bars.unit) == ("Yahoo Finance SPY", ("NYSE Arca",), "")
    assert bars.licence == "Yahoo terms; personal use, no redistribution"
    assert closes.unit == "points"


def test_a_session_that_opens_the_evening_before_is_whole() -> None:
    # ICE US: the session of Thursday 2026-02-05 lasts from 20:00 on Wednesday to 18:00 New York,
    # 01:00 to 23:00 UTC: 22 hours.
    dollar = Instrument(id="DXY-INDEX", kind=InstrumentKind.INDEX, quote="points", calendar="IEPA")
    hours = range(int(ns("2026-02-05T00:00") // 10**9), int(ns("2026-02-06T03:00") // 10**9), 3_600)
    symbol = Symbol("DX-Y.NYB", calendar="", hours={at: bar(i) for i, at in enumerate(hours)})
    key = ChannelKey("DXY-INDEX", ChannelKind.BARS, "1h")
    with served(symbol, name="DX-Y.NYB", now=ns("2026-02-10"), instrument=dollar) as (source, _, _):
        found = pages(source, key, "2026-02-05", "2026-02-07")
    rows = only(found)
    opened = texts(rows["opened_at"])
    # 23:00 and 00:00 UTC belong to no session; 01:00 and 02:00 belong to Friday's session.
    assert opened[0] == "2026-02-05T01:00Z"
    assert opened[21:] == ["2026-02-05T22:00Z", "2026-02-06T01:00Z", "2026-02-06T02:00Z"]
