"""Faults of venues: the rows are the same, or the error says who must act."""

import json
import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from data_feeds.catalog import Catalog, TimeSpan
from data_feeds.clock import HOUR_NS, MINUTE_NS
from data_feeds.errors import PermanentSourceError, SchemaError, TransientSourceError
from data_feeds.fetch import Job, fetch
from data_feeds.schema import ChannelKey
from data_feeds.sources.ccxt_client import Exchange
from tests.data_feeds.factory import PERP, ns
from tests.data_feeds.loopback import binance, bybit, okx
from tests.data_feeds.loopback.server import Fault, Request, Response, as_json
from tests.data_feeds.sources.made_venue import (
    END,
    FUNDING,
    HOURS,
    INTEREST,
    LISTED,
    MARKET,
    MINUTES,
    MS,
    NOW,
    START,
    asked,
    expected_bars,
    rows,
    served,
)
from tests.data_feeds.test_catalog import contents

TIME_FIELD = {"bybit": "fundingRateTimestamp", "okx": "fundingTime"}
Distort = Callable[[Request, list[object]], list[object]]


@pytest.mark.parametrize("fault", list(Fault))
@pytest.mark.parametrize("path", [binance.KLINES, binance.INFO])
def test_rows_are_the_same_after_every_fault(fault: Fault, path: str) -> None:
    with served() as (source, loopback, waits):
        # An empty answer is no failure, so two empty answers in a row count as final.
        once = fault is Fault.EMPTY or (fault is Fault.DRIP and path == binance.INFO)
        loopback.fail([fault] if once else [fault, fault], path)
        found = rows(list(source.pages(MINUTES, START, END)))
        left = loopback.faults
    assert found == expected_bars(START, END, MINUTE_NS)
    assert left == []
    if fault in (Fault.BUSY, Fault.TEAPOT):
        # The venue asks for one second; backoff would begin with half a second.
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
        with pytest.raises(TransientSourceError, match=r"binanceusdm BTC/USDT:USDT: .*try again"):
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
    # The first answer lacks 300 rows; only their stretch is requested again.
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
        (0, 1_767_268_801_000, "off the timeframe's grid"),
        (4, "n/a", "no number"),
        (5, None, "no number"),
        (2, "1.0", "high 1 is below low"),
    ],
)
def test_rows_that_are_not_as_documented_are_refused(field: int, value: object, words: str) -> None:
    def broken(request: Request, found: list[object]) -> list[object]:
        row = binance.kline(int(request.query["startTime"]), binance.MINUTE_MS, MARKET.now)
        row[field] = value
        return [row, *found[1:]]

    with (
        served(replace(MARKET, distort=broken)) as (source, _, _),
        pytest.raises(SchemaError, match=words),
    ):
        list(source.pages(MINUTES, START, END))


def test_an_unknown_market_is_refused_with_its_neighbours() -> None:
    with (
        served(symbol="BTC/USD:USDT") as (source, _, waits),
        pytest.raises(PermanentSourceError, match=r"has no market 'BTC/USD:USDT'.*BTC/USDT:USDT"),
    ):
        list(source.pages(HOURS, START, END))
    assert waits == []


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


def test_the_venue_s_waiting_time_holds_for_one_attempt() -> None:
    with served() as (source, loopback, waits):
        source.venue_terms()

        def busy_then_broken(_: Request) -> Response:
            loopback.answer = MARKET
            loopback.fail([Fault.RESET])
            return Response(b"{}", 429, {"Retry-After": "30"})

        loopback.answer = busy_then_broken
        list(source.pages(HOURS, START, END))
    # 30 seconds as asked; then the connection broke, and the second backoff is 1 to 1.5 seconds.
    assert waits[0] == 30.0
    assert len(waits) == 2
    assert 1.0 <= waits[1] <= 1.5


def test_a_venue_that_asks_for_an_hour_is_left_alone_at_once() -> None:
    with served() as (source, loopback, waits):
        source.venue_terms()
        loopback.answer = lambda _: Response(b"{}", 429, {"Retry-After": "3600"})
        with pytest.raises(TransientSourceError) as caught:
            list(source.pages(HOURS, START, END))
    assert caught.value.retry_after_s == 3600.0
    assert waits == []


def stored(folder: Path) -> dict[str, bytes]:
    return {name: raw for name, raw in contents(folder).items() if not name.endswith(".lock")}


def test_a_fetch_that_was_refused_half_way_ends_with_the_same_bytes(tmp_path: Path) -> None:
    span = TimeSpan(started_at=LISTED, ended_at=ns("2026-01-15"))
    broken, whole = Catalog(tmp_path / "broken"), Catalog(tmp_path / "whole")
    with served() as (source, loopback, _):
        jobs = [Job(key, PERP, source, (span,)) for key in (MINUTES, FUNDING)]
        fetch(jobs, whole, lambda: NOW)

        def refusing(request: Request) -> Response | None:
            if request.path == binance.KLINES and len(loopback.requests) > refused_after:
                return as_json({"code": -1003, "msg": "Way too many requests; banned."}, 403)
            return MARKET(request)

        refused_after = len(loopback.requests) + 8
        loopback.answer = refusing
        first, second = fetch(jobs, broken, lambda: NOW)
        assert "banned" in first.problem
        assert (second.problem, second.rows) == ("", 3 * 14)
        assert 0 < first.rows < 14 * 1440 - 100
        loopback.answer = MARKET
        again, done = fetch(jobs, broken, lambda: NOW)
    assert (again.problem, again.rows) == ("", 14 * 1440 - 100 - first.rows)
    assert done.rows == 0
    assert stored(tmp_path / "broken") == stored(tmp_path / "whole")


def test_more_holes_than_can_be_asked_one_by_one_are_asked_together() -> None:
    # No row at every tenth minute: 100 holes in the first window.
    def sparse(_: Request, found: list[object]) -> list[object]:
        return [row for row in found if row[0] // binance.MINUTE_MS % 10]  # type: ignore[index]

    end = START + 1000 * MINUTE_NS
    with served(replace(MARKET, distort=sparse)) as (source, loopback, _):
        found = rows(list(source.pages(MINUTES, START, end)))
        queries = asked(loopback, binance.KLINES)
    whole = expected_bars(START, end, MINUTE_NS)
    assert found == [row for row in whole if int(row[0]) // MINUTE_NS % 10]
    assert len(found) == 900
    assert len(queries) == 2


def test_holes_asked_together_are_believed_only_when_no_row_came() -> None:
    answers = iter([lambda found: [row for row in found if row[0] // binance.MINUTE_MS % 10],
                    lambda found: found[:300]])  # fmt: skip

    def sparse_then_short(_: Request, found: list[object]) -> list[object]:
        change = next(answers, None)
        return found if change is None else change(found)

    # 100 holes, of which the second answer fills those of 300 minutes only.
    end = START + 1000 * MINUTE_NS
    with served(replace(MARKET, distort=sparse_then_short)) as (source, loopback, _):
        found = rows(list(source.pages(MINUTES, START, end)))
        assert len(asked(loopback, binance.KLINES)) == 3
    assert found == expected_bars(START, end, MINUTE_NS)


@pytest.mark.parametrize(
    ("key", "change", "words"),
    [
        (INTEREST, {"timestamp": None}, "a row has no time"),
        (FUNDING, {"fundingTime": None}, "a row has no time"),
        (FUNDING, {"fundingRate": None}, "a row has no number"),
        (FUNDING, {"symbol": "ETHUSDT"}, "answered for ETH.*instead of BTC/USDT:USDT"),
        (INTEREST, {"sumOpenInterest": None, "sumOpenInterestValue": None}, "T12:00Z has no amou"),
    ],
)
def test_points_that_are_not_as_documented_are_refused(
    key: ChannelKey, change: dict[str, object], words: str
) -> None:
    def changed(_: Request, found: list[dict[str, object]]) -> list[dict[str, object]]:
        return [{**row, **change} for row in found]

    with (
        served(replace(MARKET, distort=changed)) as (source, _, _),
        pytest.raises(SchemaError, match=words),
    ):
        list(source.pages(key, START, END))


@pytest.mark.parametrize("exchange", ["bybit", "okx"])
@pytest.mark.parametrize("key", [HOURS, FUNDING])
def test_rows_without_time_are_refused_at_every_venue(exchange: Exchange, key: ChannelKey) -> None:
    market = bybit.Bybit(NOW // MS) if exchange == "bybit" else okx.Okx(NOW // MS)

    def timeless(request: Request) -> Response | None:
        response = market(request)
        assert response is not None
        if "instruments" in request.path:
            return response
        document = json.loads(response.body)
        found = document["result"]["list"] if exchange == "bybit" else document["data"]
        for row in found:
            row[0 if key is HOURS else TIME_FIELD[exchange]] = ""
        return as_json(document)

    with (
        served(timeless, exchange) as (source, _, _),
        pytest.raises(SchemaError, match="a row has no time"),
    ):
        list(source.pages(key, ns("2026-01-10"), ns("2026-01-11")))


@pytest.mark.parametrize("exchange", ["bybit", "okx"])
@pytest.mark.parametrize("fault", list(Fault))
@pytest.mark.parametrize("path", ["instruments", "/market/"])
def test_rows_are_the_same_after_every_fault_of_other_venues(
    exchange: Exchange, fault: Fault, path: str
) -> None:
    market = bybit.Bybit(NOW // MS) if exchange == "bybit" else okx.Okx(NOW // MS)
    start, end = ns("2026-01-10"), ns("2026-01-11")
    with served(market, exchange) as (source, loopback, waits):
        # A slow answer is complete, so it is requested once.
        loopback.fail([fault] if fault is Fault.DRIP else [fault, fault], path)
        found = rows(list(source.pages(HOURS, start, end)))
        assert loopback.faults == []
    assert found == expected_bars(start, end, HOUR_NS, replace(MARKET, outage=(0, 0)))
    if fault in (Fault.BUSY, Fault.TEAPOT):
        assert min(waits) >= 1.0
    # A bare list is no answer of these venues.
    assert len(waits) == (0 if fault is Fault.DRIP else 2)


@pytest.mark.parametrize(
    ("exchange", "body", "error"),
    [
        ("bybit", {"retCode": 10001, "retMsg": "params error"}, PermanentSourceError),
        ("bybit", {"retCode": 10006, "retMsg": "Too many visits!"}, TransientSourceError),
        ("okx", {"code": "51001", "msg": "Instrument ID does not exist"}, PermanentSourceError),
        ("okx", {"code": "50011", "msg": "Too Many Requests"}, TransientSourceError),
    ],
)
def test_the_venue_s_own_codes_say_who_must_act(
    exchange: Exchange, body: dict[str, object], error: type[Exception]
) -> None:
    market = bybit.Bybit(NOW // MS) if exchange == "bybit" else okx.Okx(NOW // MS)
    with served(market, exchange) as (source, loopback, waits):
        source.venue_terms()
        loopback.answer = lambda _: as_json(body)
        with pytest.raises(error, match=str(body.get("retMsg", body.get("msg")))):
            list(source.pages(HOURS, ns("2026-01-10"), ns("2026-01-11")))
    assert len(waits) == (3 if error is TransientSourceError else 0)


@pytest.mark.parametrize("exchange", ["bybit", "okx"])
def test_another_wrapping_is_not_taken_for_no_rows(exchange: Exchange) -> None:
    market = bybit.Bybit(NOW // MS) if exchange == "bybit" else okx.Okx(NOW // MS)
    fine = {"retCode": 0, "retMsg": "OK", "code": "0"}
    with served(market, exchange) as (source, loopback, waits):
        source.venue_terms()
        strange = iter([{"rows": []}, {**fine, "rows": []}, {**fine, "result": []}])

        def wrapped(request: Request) -> Response | None:
            body = next(strange, None)
            return market(request) if body is None else as_json(body)

        loopback.answer = wrapped
        found = rows(list(source.pages(HOURS, ns("2026-01-10"), ns("2026-01-11"))))
    assert len(found) == 24
    assert len(waits) == 3


def test_an_answer_of_another_server_is_not_an_empty_answer() -> None:
    with served() as (source, loopback, waits):
        source.venue_terms()
        strange = iter([{"detail": "login"}, "<html>"])

        def portal(request: Request) -> Response | None:
            body = next(strange, None)
            return MARKET(request) if body is None else as_json(body)

        loopback.answer = portal
        found = rows(list(source.pages(MINUTES, START, END)))
    assert found == expected_bars(START, END, MINUTE_NS)
    assert len(waits) == 2
