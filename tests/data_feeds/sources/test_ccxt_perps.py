"""Crypto venues through the real ccxt client and fake venues on the loopback."""

import math
from dataclasses import replace

import numpy as np
import pytest

from data_feeds.clock import DAY_NS, HOUR_NS, MINUTE_NS, utc_text
from data_feeds.errors import PermanentSourceError
from data_feeds.schema import ChannelKey, ChannelKind
from data_feeds.sources.source import Page
from tests.data_feeds.factory import PERP, ns
from tests.data_feeds.loopback import binance, bybit, okx
from tests.data_feeds.loopback.binance import interest_at, price_at, rate_at
from tests.data_feeds.loopback.server import Request, Response, as_json
from tests.data_feeds.sources.made_venue import (
    END,
    FUNDING,
    HOURS,
    INTEREST,
    LIQUIDATIONS,
    LISTED,
    MARKET,
    MARKS,
    MINUTES,
    MS,
    NOW,
    OUTAGE,
    START,
    asked,
    expected_bars,
    rows,
    served,
)


def test_bars_are_the_venue_s_and_the_outage_is_left_empty() -> None:
    with served() as (source, loopback, waits):
        pages = list(source.pages(MINUTES, START, END))
    # 41 hours 40 minutes less the outage of 100 minutes.
    assert len(rows(pages)) == 2500 - 100
    assert rows(pages) == expected_bars(START, END, MINUTE_NS)
    assert [page.covered_to for page in pages] == [
        START + 1000 * MINUTE_NS,
        START + 2000 * MINUTE_NS,
        END,
    ]
    assert waits == []
    # Three windows, and one more request with the bounds of the hole.
    queries = asked(loopback, binance.KLINES)
    assert len(queries) == 4
    again = queries[2]
    assert int(again["startTime"]) * MS == OUTAGE[0]
    assert int(again["endTime"]) * MS == OUTAGE[1] - MS


def test_an_unfinished_bar_is_left_out() -> None:
    start = ns("2026-01-20T09:00")
    with served() as (source, _, _):
        pages = list(source.pages(HOURS, start, NOW))
        # Until 11:59 the bar that begins at 11:00 has not ended either.
        cut = list(source.pages(HOURS, start, ns("2026-01-20T11:59")))
        none = list(source.pages(HOURS, ns("2026-01-20T12:00"), NOW))
    assert [utc_text(int(row[0])) for row in rows(pages)] == [
        "2026-01-20T09:00Z",
        "2026-01-20T10:00Z",
        "2026-01-20T11:00Z",
    ]
    assert rows(pages) == expected_bars(start, NOW, HOUR_NS)
    assert pages[-1].covered_to == ns("2026-01-20T12:00")
    assert (len(rows(cut)), cut[-1].covered_to) == (2, ns("2026-01-20T11:00"))
    assert none == [Page(None, ns("2026-01-20T12:00"))]


def test_a_question_between_two_bars_is_answered_up_to_the_second() -> None:
    with served() as (source, _, _):
        pages = list(source.pages(HOURS, ns("2026-01-05T10:20"), ns("2026-01-05T11:10")))
    assert pages == [Page(None, ns("2026-01-05T11:00"))]


def test_bars_in_parts_are_the_bars_of_the_whole() -> None:
    middle = START + 777 * MINUTE_NS
    with served() as (source, _, _):
        parts = [
            row
            for first, end in ((START, middle), (middle, END))
            for row in rows(list(source.pages(MINUTES, first, end)))
        ]
    assert parts == expected_bars(START, END, MINUTE_NS)


def test_before_the_listing_there_is_nothing_and_no_end_of_asking() -> None:
    with served() as (source, loopback, _):
        pages = list(source.pages(HOURS, ns("2025-10-01"), ns("2026-01-01T06:00")))
    # 92 days and 6 hours are 2214 hours: two empty windows, and six rows in the third.
    assert [0 if page.rows is None else len(page.rows) for page in pages] == [0, 0, 6]
    assert pages[-1].covered_to == ns("2026-01-01T06:00")
    # Each window is requested once more.
    assert len(asked(loopback, binance.KLINES)) == 6


def test_mark_and_index_prices_come_from_their_own_paths() -> None:
    start, end = ns("2026-01-05"), ns("2026-01-05T03:00")
    with served(price="index") as (source, loopback, _):
        marks = rows(list(source.pages(MARKS, start, end)))
        index = rows(list(source.pages(HOURS, start, end)))
        paths = {request.path for request in loopback.requests}
    trades = expected_bars(start, end, HOUR_NS)
    # The fake venue quotes marks 0.5 and the index 0.25 above its trades.
    assert marks == [(*row[:3], *(p + 0.5 for p in row[3:7])) for row in trades]
    assert index == [(*row[:3], *(p + 0.25 for p in row[3:7]), 0.0) for row in trades]
    assert paths == {binance.INFO, binance.MARK, binance.INDEX}


def test_funding_is_known_at_its_settlement_without_the_venue_s_milliseconds() -> None:
    with served() as (source, _, _):
        pages = list(source.pages(FUNDING, ns("2026-01-05"), ns("2026-01-07")))
    found = rows(pages)
    # 5 and 6 January, three times a day; the 7th's first one is not before the end.
    stamps = [ns("2026-01-05") + 8 * i * HOUR_NS for i in range(6)]
    assert found == [(at, at, pytest.approx(rate_at(at // MS), abs=1e-12)) for at in stamps]
    assert min(row[2] for row in found) < 0 < max(row[2] for row in found)
    assert pages[-1].covered_to == ns("2026-01-07")


def test_a_window_of_funding_fits_one_answer_even_if_it_settles_every_hour() -> None:
    start, end = ns("2025-11-01"), ns("2026-01-16")
    with served() as (source, _, _):
        pages = list(source.pages(FUNDING, start, end))
    with served(bybit.Bybit(NOW // MS), "bybit") as (source, _, _):
        bybit_pages = list(source.pages(FUNDING, ns("2026-01-01"), end))
    # 76 days are 1824 hours: 1000 and 824; 15 days are 360 hours: 200 and 160.
    assert [page.covered_to for page in pages] == [start + 1000 * HOUR_NS, end]
    assert len(rows(pages)) == 15 * 3
    assert [page.covered_to for page in bybit_pages] == [ns("2026-01-01") + 200 * HOUR_NS, end]
    assert len(rows(bybit_pages)) == 15 * 3


def test_funding_of_the_last_minutes_may_still_come() -> None:
    now = ns("2026-01-06T08:02")
    market = replace(MARKET, now=now // MS, distort=lambda _, found: found[:-1])
    with served(market, now=now) as (source, _, _):
        pages = list(source.pages(FUNDING, ns("2026-01-06"), now))
    # Settled two minutes ago and not published yet.
    assert pages[-1].covered_to == ns("2026-01-06T07:57")


def test_open_interest_is_in_base_and_quote() -> None:
    start = ns("2026-01-05")
    with served() as (source, _, _):
        pages = list(source.pages(INTEREST, start, start + 2 * DAY_NS))
    found = rows(pages)
    # 2 days of 288; at most 500 an answer.
    assert [0 if page.rows is None else len(page.rows) for page in pages] == [500, 76]
    stamps = [start + 5 * i * MINUTE_NS for i in range(576)]
    assert [row[:2] for row in found] == [(at, at) for at in stamps]
    base = np.array([interest_at(at // MS) for at in stamps])
    quote = base * [price_at(at // MS) for at in stamps]
    np.testing.assert_allclose([row[2] for row in found], base, rtol=1e-12)
    np.testing.assert_allclose([row[3] for row in found], quote, rtol=1e-12)
    assert [page.note for page in pages] == ["", ""]


def test_open_interest_older_than_the_venue_keeps_is_answered_with_a_note() -> None:
    now = ns("2026-03-01T00:02")
    market = replace(MARKET, now=now // MS)
    with served(market, now=now) as (source, _, _):
        pages = list(source.pages(INTEREST, LISTED, now))
        early = list(source.pages(INTEREST, LISTED, ns("2026-01-15")))
    # 30 days less one hour before 00:02 on 1 March is 01:02 on 30 January: from 01:05 on.
    first = ns("2026-01-30T01:05")
    assert (pages[0].rows, pages[0].covered_to) == (None, first)
    assert "keeps 30 days of open interest; nothing before 2026-01-30T01:05Z" in pages[0].note
    assert rows(pages)[0][0] == first
    # The statistics of the last ten minutes may not be published yet.
    assert pages[-1].covered_to == now - 10 * MINUTE_NS
    assert len(rows(pages)) == (now - 10 * MINUTE_NS - first) // (5 * MINUTE_NS) + 1
    assert [(page.rows, page.covered_to) for page in early] == [(None, ns("2026-01-15"))]


@pytest.mark.parametrize(
    ("key", "words"),
    [
        (LIQUIDATIONS, "does not publish the history of liquidations"),
        (ChannelKey(PERP.id, ChannelKind.BARS, "1w"), "at most 1d"),
        (ChannelKey(PERP.id, ChannelKind.BARS, "7m"), "has no bars of 7m"),
    ],
)
def test_channels_that_a_venue_lacks_are_refused_in_words(key: ChannelKey, words: str) -> None:
    with served() as (source, _, _), pytest.raises(PermanentSourceError, match=words):
        list(source.pages(key, START, END))


def test_bybit_bars_marks_funding_and_open_interest() -> None:
    start, end = ns("2026-01-05"), ns("2026-01-07")
    with served(bybit.Bybit(NOW // MS), "bybit") as (source, loopback, _):
        fives = ChannelKey(PERP.id, ChannelKind.BARS, "1m")
        bars = rows(list(source.pages(fives, start, end)))
        marks = rows(list(source.pages(MARKS, start, end)))
        funding = rows(list(source.pages(FUNDING, start, end)))
        interest = rows(list(source.pages(INTEREST, start, end)))
        terms = source.venue_terms()
        windows = asked(loopback, bybit.KLINES)
    assert bars == expected_bars(start, end, MINUTE_NS)
    # 2880 minutes in windows of 1000, each answered whole.
    assert len(windows) == 3
    assert marks == [row[:7] for row in expected_bars(start, end, HOUR_NS)]
    assert [row[0] for row in funding] == [start + 8 * i * HOUR_NS for i in range(6)]
    assert [row[2] for row in funding] == pytest.approx([rate_at(int(r[0]) // MS) for r in funding])
    # Linear contracts: open interest in base units only.
    assert len(interest) == 2 * 288
    assert all(row[2] == interest_at(int(row[0]) // MS) for row in interest)
    assert all(math.isnan(row[3]) for row in interest)
    # 2,000,000 x (0.0056 - 0.005) = 1200
    assert [b.deduction for b in terms.brackets] == pytest.approx([0.0, 1200.0])
    assert terms.min_notional == 5.0


def test_okx_bars_marks_and_funding() -> None:
    start, end = ns("2026-01-10"), ns("2026-01-20T12:30")
    with served(okx.Okx(NOW // MS), "okx") as (source, loopback, _):
        bars = rows(list(source.pages(HOURS, start, end)))
        marks = rows(list(source.pages(MARKS, start, end)))
        funding = list(source.pages(FUNDING, start, ns("2026-01-15")))
        terms = source.venue_terms()
        paths = [request.path for request in loopback.requests]
    # Volume in BTC, not in contracts of 0.01 BTC.
    assert bars == expected_bars(start, end, HOUR_NS, replace(MARKET, outage=(0, 0)))
    # 252 hours, 100 an answer.
    assert sum("market/candles" in path or "history-candles" in path for path in paths) == 3
    assert marks == [row[:7] for row in bars]
    assert [row[0] for row in rows(funding)] == [start + 8 * i * HOUR_NS for i in range(15)]
    assert rows(funding)[1][2] == pytest.approx(rate_at((start + 8 * HOUR_NS) // MS))
    # 0.01 contracts of 0.01 BTC
    assert terms.lot_size == pytest.approx(0.0001)
    assert terms.note == "okx counts its tiers in contracts, not in quote"


def test_index_bars_have_no_volume_where_the_venue_sends_none() -> None:
    start, end = ns("2026-01-10"), ns("2026-01-11")
    with served(okx.Okx(NOW // MS), "okx", price="index") as (source, _, _):
        found = rows(list(source.pages(HOURS, start, end)))
    assert found == [(*row[:7], 0.0) for row in expected_bars(start, end, HOUR_NS)]


def test_okx_keeps_three_months_of_funding_and_no_open_interest_by_contract() -> None:
    with served(okx.Okx(NOW // MS), "okx") as (source, _, _):
        (page,) = source.pages(FUNDING, ns("2025-01-01"), ns("2025-02-01"))
        assert "about three months of funding rates" in page.note
        with pytest.raises(PermanentSourceError, match="by currency"):
            list(source.pages(INTEREST, START, END))


def test_origin_names_venue_and_licence() -> None:
    with served() as (source, _, _):
        origin = source.origin(HOURS)
    assert source.name == origin.source == "binanceusdm API"
    assert (origin.licence, origin.venues) == ("Binance terms; no redistribution", ("binanceusdm",))


def test_spot_bars_have_their_own_path_and_spot_has_no_funding() -> None:
    # The fake perp with the paths and the description of a spot market.
    info = {"symbol": "BTCUSDT", "status": "TRADING", "baseAsset": "BTC", "quoteAsset": "USDT"}

    def spot(request: Request) -> Response | None:
        if request.path == "/api/v3/exchangeInfo":
            return as_json({"symbols": [{**info, "isSpotTradingAllowed": True, "filters": []}]})
        return MARKET(Request(request.path.replace("/api/v3", "/fapi/v1"), request.query))

    # A key changes nothing: public requests stay unsigned.
    with served(spot, "binance", "BTC/USDT", keyed=True) as (source, loopback, _):
        assert rows(list(source.pages(MINUTES, START, END))) == expected_bars(START, END, MINUTE_NS)
        assert len(asked(loopback, "/api/v3/klines")) == 4
        for key in (FUNDING, INTEREST, MARKS):
            with pytest.raises(PermanentSourceError, match="is a spot market of binance"):
                list(source.pages(key, START, END))
        terms = source.venue_terms()
    assert (terms.brackets, terms.note) == ((), "spot markets have no brackets")
