"""Crypto venues through the real ccxt client, against made venues on the loopback."""

import math
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from ruamel.yaml import YAML

from data_feeds.catalog import Catalog, Span
from data_feeds.errors import PermanentSourceError, SchemaError, TransientSourceError
from data_feeds.fetch import Job, fetch
from data_feeds.schema import VALUE_COLUMNS, ChannelKey, ChannelKind, utc_text
from data_feeds.sources.ccxt_client import Exchange
from data_feeds.sources.ccxt_perps import CcxtPerps, Price
from data_feeds.sources.retry import RetryPolicy
from data_feeds.sources.source import Page
from data_feeds.sources.venue_terms import brackets_of
from data_feeds.timeframe import DAY_NS, HOUR_NS, MINUTE_NS
from tests.data_feeds.factory import PERP, ns
from tests.data_feeds.loopback import binance, bybit, okx
from tests.data_feeds.loopback.binance import (
    Binance,
    interest_at,
    price_at,
    rate_at,
    volume_at,
)
from tests.data_feeds.loopback.server import Answer, Fault, Loopback, Request, Response, as_json
from tests.data_feeds.test_catalog import contents

# tenacity 9.2 announces another name for a parameter of its backoff.
pytestmark = pytest.mark.filterwarnings("ignore:The 'initial' parameter:DeprecationWarning")

MS = 10**6
LISTED = ns("2026-01-01")
# Half past: a bar of one hour is under way, and one of one minute ends at this instant.
NOW = ns("2026-01-20T12:30")
OUTAGE = (ns("2026-01-02T03:10"), ns("2026-01-02T04:50"))
MARKET = Binance(NOW // MS, LISTED // MS, (OUTAGE[0] // MS, OUTAGE[1] // MS))
SYMBOL = "BTC/USDT:USDT"

MINUTES = ChannelKey(PERP.id, ChannelKind.BARS, "1m")
HOURS = ChannelKey(PERP.id, ChannelKind.BARS, "1h")
MARKS = ChannelKey(PERP.id, ChannelKind.MARK, "1h")
FUNDING = ChannelKey(PERP.id, ChannelKind.FUNDING)
INTEREST = ChannelKey(PERP.id, ChannelKind.OPEN_INTEREST)
LIQUIDATIONS = ChannelKey(PERP.id, ChannelKind.LIQUIDATIONS)

# Two windows of 1000 minutes and one of 500; the outage is in the second.
START, END = ns("2026-01-01T12:00"), ns("2026-01-03T05:40")
Row = tuple[float, ...]
Distort = Callable[[Request, list[object]], list[object]]


@contextmanager
def served(
    answer: Answer = MARKET,
    exchange: Exchange = "binanceusdm",
    symbol: str = SYMBOL,
    *,
    now: int = NOW,
    keyed: bool = False,
    price: Price = "last",
) -> Iterator[tuple[CcxtPerps, Loopback, list[float]]]:
    """Serve a venue on the loopback; the list gathers the waits between attempts."""
    waits: list[float] = []
    with Loopback(answer).running() as loopback:
        source = CcxtPerps(
            exchange,
            symbol,
            now=lambda: now,
            policy=RetryPolicy(attempts=4, sleep=waits.append),
            base_url=loopback.url,
            api_key="key" if keyed else None,
            secret="secret" if keyed else None,
            bars_price=price,
        )
        yield source, loopback, waits


def rows(pages: list[Page]) -> list[Row]:
    """Return all rows as times and values."""
    found: list[Row] = []
    for page in pages:
        if page.rows is not None:
            key = page.rows.key
            names = [name for name in page.rows.columns if name != "label"]
            assert set(VALUE_COLUMNS[key.kind]) <= set(names)
            found += zip(*(page.rows[name].tolist() for name in names), strict=True)
    return found


def expected_bars(start: int, end: int, step: int, market: Binance = MARKET) -> list[Row]:
    """Return the bars that ended, one by one."""
    found: list[Row] = []
    for at in range(start, end - step + 1, step):
        ms = at // MS
        if market.trades_at(ms):
            p = price_at(ms)
            found.append((at, at + step, at + step, p, p + 3, p - 1, p + 2, volume_at(ms)))
    return found


def asked(loopback: Loopback, path: str) -> list[dict[str, str]]:
    return [request.query for request in loopback.requests if request.path == path]


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
    # Three windows, and one more question over the hole, with the hole's own bounds.
    queries = asked(loopback, binance.KLINES)
    assert len(queries) == 4
    again = queries[1 + 1]
    assert int(again["startTime"]) * MS == OUTAGE[0]
    assert int(again["endTime"]) * MS == OUTAGE[1] - MS


@pytest.mark.parametrize("fault", list(Fault))
@pytest.mark.parametrize("path", [binance.KLINES, binance.INFO])
def test_rows_are_the_same_after_every_fault(fault: Fault, path: str) -> None:
    with served() as (source, loopback, waits):
        # An empty answer is no failure, so two in succession are believed.
        loopback.fail([fault] if fault is Fault.EMPTY else [fault, fault], path)
        found = rows(list(source.pages(MINUTES, START, END)))
        left = loopback.faults
    assert found == expected_bars(START, END, MINUTE_NS)
    assert left == []
    if fault in (Fault.BUSY, Fault.TEAPOT):
        # The venue asked for one second; backoff would begin with half of one.
        assert len(waits) == 2
        assert min(waits) >= 1.0
    if fault is Fault.DRIP:
        assert waits == []


@pytest.mark.parametrize("path", [binance.FUNDING, binance.OPEN_INTEREST])
@pytest.mark.parametrize("fault", list(Fault))
def test_points_are_the_same_after_every_fault(fault: Fault, path: str) -> None:
    key = FUNDING if path == binance.FUNDING else INTEREST
    with served() as (source, loopback, _):
        clean = rows(list(source.pages(key, START, END)))
        loopback.fail([fault], path)
        assert rows(list(source.pages(key, START, END))) == clean
        assert loopback.faults == []
    assert len(clean) == (5 if key is FUNDING else 500 - 20)


@pytest.mark.parametrize("fault", [Fault.BUSY, Fault.ERROR, Fault.TRUNCATED, Fault.RESET])
def test_a_lasting_fault_ends_after_the_attempts_of_the_policy(fault: Fault) -> None:
    with served() as (source, loopback, waits):
        loopback.fail([fault] * 10, binance.KLINES)
        with pytest.raises(TransientSourceError, match="binanceusdm BTC/USDT:USDT: .*try again"):
            list(source.pages(MINUTES, START, END))
        assert len(asked(loopback, binance.KLINES)) == 4
    assert len(waits) == 3


def earlier_rows_too(request: Request, found: list[object]) -> list[object]:
    step = binance.STEPS_MS[request.query["interval"]]
    at = int(request.query["startTime"])
    before = [binance.kline(at - i * step, step, MARKET.now) for i in (3, 2, 1)]
    after = [binance.kline(int(request.query["endTime"]) + 1, step, MARKET.now)]
    return [*before, *found, *after]


def shuffled(request: Request, found: list[object]) -> list[object]:
    return random.Random(len(found)).sample(found, len(found))


def every_row_twice(request: Request, found: list[object]) -> list[object]:
    return [row for row in found for _ in range(2)]


def first_rows_only(request: Request, found: list[object]) -> list[object]:
    return found[:300]


def last_rows_only(request: Request, found: list[object]) -> list[object]:
    return found[-300:]


@pytest.mark.parametrize(
    "distort",
    [earlier_rows_too, shuffled, every_row_twice, first_rows_only, last_rows_only],
)
def test_rows_are_the_same_however_pages_are_cut_and_ordered(distort: Distort) -> None:
    with served(replace(MARKET, distort=distort)) as (source, _, _):
        found = rows(list(source.pages(MINUTES, START, END)))
    assert found == expected_bars(START, END, MINUTE_NS)


def test_rows_that_one_answer_left_out_come_with_the_next() -> None:
    lost = iter([slice(100, 400), slice(0, 0), slice(700, 701)])

    def holed(_: Request, found: list[object]) -> list[object]:
        gone = next(lost, None)
        return found if gone is None else found[: gone.start] + found[gone.stop :]

    with served(replace(MARKET, distort=holed)) as (source, loopback, _):
        end = START + 900 * MINUTE_NS
        found = rows(list(source.pages(MINUTES, START, end)))
        queries = asked(loopback, binance.KLINES)
    assert found == expected_bars(START, end, MINUTE_NS)
    # The first answer lacks 300 rows; only their stretch is asked again.
    bounds = [(int(q["startTime"]) * MS - START, int(q["endTime"]) * MS - START) for q in queries]
    assert bounds == [
        (0, 900 * MINUTE_NS - MS),
        (100 * MINUTE_NS, 400 * MINUTE_NS - MS),
    ]


def test_a_finished_row_that_comes_with_two_values_is_refused() -> None:
    def changed(_: Request, found: list[object]) -> list[object]:
        other = [*found[5]]  # type: ignore[misc]
        other[4] = "1.00"
        return [*found, other]

    with (
        served(replace(MARKET, distort=changed)) as (source, _, _),
        pytest.raises(SchemaError, match=r"2026-01-01T12:05Z came twice"),
    ):
        list(source.pages(MINUTES, START, END))


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        (0, None, "no time"),
        (0, 1_767_268_801_000, "off the timeframe's grid"),
        (4, "n/a", "no number"),
        (5, None, "no number"),
        (2, "1.0", "high 1 is below low"),
    ],
)
def test_rows_that_are_not_as_documented_are_refused(field: int, value: object, words: str) -> None:
    def broken(_: Request, found: list[object]) -> list[object]:
        row = [*found[0]]  # type: ignore[misc]
        row[field] = value
        return [row, *found[1:]]

    with (
        served(replace(MARKET, distort=broken)) as (source, _, _),
        pytest.raises(SchemaError, match=words),
    ):
        list(source.pages(MINUTES, START, END))


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
    # Each is asked again, once.
    assert len(asked(loopback, binance.KLINES)) == 6


def test_mark_and_index_prices_come_from_their_own_paths() -> None:
    start, end = ns("2026-01-05"), ns("2026-01-05T03:00")
    with served(price="index") as (source, loopback, _):
        marks = rows(list(source.pages(MARKS, start, end)))
        index = rows(list(source.pages(HOURS, start, end)))
        paths = {request.path for request in loopback.requests}
    trades = expected_bars(start, end, HOUR_NS)
    # The made venue quotes marks 0.5 and the index 0.25 above its trades.
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
    # The statistics of the last ten minutes may still be under way.
    assert pages[-1].covered_to == now - 10 * MINUTE_NS
    assert len(rows(pages)) == (now - 10 * MINUTE_NS - first) // (5 * MINUTE_NS) + 1
    assert [(page.rows, page.covered_to) for page in early] == [(None, ns("2026-01-15"))]


def test_an_unknown_market_is_refused_with_its_neighbours() -> None:
    with (
        served(symbol="BTC/USD:USDT") as (source, _, waits),
        pytest.raises(PermanentSourceError, match=r"has no market 'BTC/USD:USDT'.*BTC/USDT:USDT"),
    ):
        list(source.pages(HOURS, START, END))
    assert waits == []


@pytest.mark.parametrize(
    ("key", "words"),
    [
        (LIQUIDATIONS, "does not publish the history of liquidations"),
        (ChannelKey(PERP.id, ChannelKind.BARS, "1w"), "at most 1d"),
        (ChannelKey(PERP.id, ChannelKind.BARS, "7m"), "has no bars of 7m"),
    ],
)
def test_what_a_venue_does_not_have_is_refused_in_words(key: ChannelKey, words: str) -> None:
    with served() as (source, _, _), pytest.raises(PermanentSourceError, match=words):
        list(source.pages(key, START, END))


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (400, {"code": -1121, "msg": "Invalid symbol."}, "Invalid symbol"),
        (401, {"code": -2014, "msg": "API-key format invalid."}, "check the venue's key"),
        (451, {"code": 0, "msg": "restricted location"}, "refuses requests from here"),
    ],
)
def test_a_refusal_is_not_asked_again(status: int, body: dict[str, object], words: str) -> None:
    with served() as (source, loopback, waits):
        source.venue_terms()
        loopback.answer = lambda _: as_json(body, status)
        with pytest.raises(PermanentSourceError, match=words):
            list(source.pages(HOURS, START, END))
    assert waits == []


def test_a_venue_that_asks_for_an_hour_is_left_alone_at_once() -> None:
    with served() as (source, loopback, waits):
        source.venue_terms()
        loopback.answer = lambda _: Response(b"{}", 429, {"Retry-After": "3600"})
        with pytest.raises(TransientSourceError) as caught:
            list(source.pages(HOURS, START, END))
    assert caught.value.retry_after_s == 3600.0
    assert waits == []


def test_the_terms_without_a_key_have_no_brackets_and_say_why() -> None:
    with served() as (source, _, _):
        terms = source.venue_terms()
    assert (terms.as_of, terms.tick_size, terms.lot_size) == ("2026-01-20", 0.1, 0.001)
    assert terms.min_notional == 100.0
    assert (terms.brackets, terms.note) == ((), "needs BINANCE_API_KEY")
    assert "# maintenance: needs BINANCE_API_KEY" in terms.as_yaml()


def test_the_terms_with_a_key_have_the_venue_s_brackets_and_deductions() -> None:
    with served(keyed=True) as (source, loopback, _):
        terms = source.venue_terms()
        (query,) = asked(loopback, binance.BRACKETS)
    assert "signature" in query
    # The venue's own "cum": 300,000 x 0.001 = 300, and 300 + 800,000 x 0.0015 = 1500.
    assert [(b.floor, b.rate) for b in terms.brackets] == [
        (0, 0.004),
        (300_000, 0.005),
        (800_000, 0.0065),
    ]
    assert [b.deduction for b in terms.brackets] == pytest.approx([0.0, 300.0, 1500.0])


def test_the_terms_as_yaml_have_the_form_of_a_venue_file() -> None:
    with served(keyed=True) as (source, _, _):
        text = source.venue_terms().as_yaml()
    assert text.startswith("# binanceusdm, BTC/USDT:USDT, as of 2026-01-20.\n")
    assert "today's brackets stand for the past" in text
    assert "#   tick_size: 0.1\n#   lot_size: 0.001\n#   min_notional: 100\n" in text
    assert YAML(typ="safe").load(text) == {
        "name": "binanceusdm",
        "maker_fee_bps": 2.0,
        "taker_fee_bps": 5.0,
        "maintenance": [
            {"floor": 0, "rate": 0.004},
            {"floor": 300_000, "rate": 0.005},
            {"floor": 800_000, "rate": 0.0065},
        ],
    }


def test_a_signed_question_that_fails_does_not_show_its_signature() -> None:
    with served(keyed=True) as (source, loopback, _):
        loopback.fail([Fault.ERROR] * 4, binance.BRACKETS)
        with pytest.raises(TransientSourceError) as caught:
            source.venue_terms()
    assert binance.BRACKETS in str(caught.value)
    assert "signature" not in str(caught.value)


def test_brackets_must_begin_at_zero_and_be_fractions() -> None:
    with pytest.raises(SchemaError, match="begins at 10"):
        brackets_of([(10.0, 0.01)], "X")
    with pytest.raises(SchemaError, match="no fractions"):
        brackets_of([(0.0, 1.5)], "X")


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


def stored(folder: Path) -> dict[str, bytes]:
    return {name: raw for name, raw in contents(folder).items() if not name.endswith(".lock")}


def test_a_fetch_that_was_refused_half_way_ends_with_the_same_bytes(tmp_path: Path) -> None:
    span = Span(started_at=LISTED, ended_at=ns("2026-01-15"))
    broken, whole = Catalog(tmp_path / "broken"), Catalog(tmp_path / "whole")
    with served() as (source, loopback, _):
        jobs = [Job(key, PERP, source, (span,)) for key in (MINUTES, FUNDING)]
        fetch(jobs, whole, NOW)

        def refusing(request: Request) -> Response | None:
            if request.path == binance.KLINES and len(loopback.requests) > refused_after:
                return as_json({"code": -1003, "msg": "Way too many requests; banned."}, 403)
            return MARKET(request)

        refused_after = len(loopback.requests) + 8
        loopback.answer = refusing
        first, second = fetch(jobs, broken, NOW)
        assert "banned" in first.problem
        assert (second.problem, second.rows) == ("", 3 * 14)
        assert 0 < first.rows < 14 * 1440 - 100
        loopback.answer = MARKET
        again, done = fetch(jobs, broken, NOW)
    assert (again.problem, again.rows) == ("", 14 * 1440 - 100 - first.rows)
    assert done.rows == 0
    assert stored(tmp_path / "broken") == stored(tmp_path / "whole")
