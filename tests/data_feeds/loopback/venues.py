"""Binance USD-M, Bybit and OKX as far as the clients ask: their paths, limits and JSON.

The market is made from instants alone: five-minute bars that drift up, an outage of three hours,
funding every eight hours, open interest every five minutes.
"""

from collections.abc import Callable, Iterable
from typing import Any

from tests.data_feeds.factory import ns
from tests.data_feeds.loopback.server import Request, Response, as_json

MS = 1_000_000
MINUTE = 60_000
LISTED = ns("2025-12-20") // MS
OUTAGE = (ns("2026-01-02T06:00") // MS, ns("2026-01-02T09:00") // MS)
LATE_MS = 3
DAY = 24 * 60 * MINUTE

Spoil = Callable[[list[Any]], list[Any]]


def price_at(at: int) -> float:
    """Return the last price at an instant, ms."""
    return 90_000 + at // MINUTE % 997


def bar_at(at: int, length: int, shift: float = 0.0) -> tuple[float, float, float, float, float]:
    """Return open, high, low, close and volume of the bar that opens at ``at``, ms."""
    first, last = price_at(at) + shift, price_at(at + length) + shift
    return first, max(first, last) + 1.5, min(first, last) - 1.5, last, 10 + at // length % 13


def opens(first: int, stop: int, length: int) -> Iterable[int]:
    """Yield the bars' openings in ``[first, stop)``, ms, that exist."""
    begin = -(-max(first, LISTED) // length) * length
    for at in range(begin, stop, length):
        if not OUTAGE[0] <= at < OUTAGE[1]:
            yield at


LENGTHS = {"5m": 5 * MINUTE, "1h": 60 * MINUTE, "1d": DAY, "60": 60 * MINUTE, "5": 5 * MINUTE,
           "1H": 60 * MINUTE}  # fmt: skip


class Binance:
    """The answers of ``fapi.binance.com`` at a given present (ms).

    ``spoil`` changes the next answers' rows, one function each, before they are sent.
    """

    def __init__(self, now_ms: int) -> None:
        self.now_ms = now_ms
        self.spoil: list[Spoil] = []

    def __call__(self, request: Request) -> Response | None:
        """Answer one request; None is a 404."""
        found = {
            "/fapi/v1/exchangeInfo": self._exchange_info,
            "/fapi/v1/klines": lambda q: self._klines(q, 0.0),
            "/fapi/v1/markPriceKlines": lambda q: self._klines(q, 2.0),
            "/fapi/v1/indexPriceKlines": lambda q: self._klines(q, 3.0),
            "/fapi/v1/fundingRate": self._funding,
            "/futures/data/openInterestHist": self._open_interest,
            "/fapi/v1/leverageBracket": self._brackets,
        }.get(request.path)
        return None if found is None else found(request.query)

    def _rows(self, rows: list[Any]) -> Response:
        return as_json(self.spoil.pop(0)(rows) if self.spoil else rows)

    def _klines(self, query: dict[str, str], shift: float) -> Response:
        length, limit = LENGTHS[query["interval"]], int(query.get("limit", 500))
        stop = min(int(query.get("endTime", self.now_ms)) + 1, self.now_ms)
        rows = []
        for at in list(opens(int(query["startTime"]), stop, length))[:limit]:
            o, h, low, c, v = (f"{value:.2f}" for value in bar_at(at, length, shift))
            rows.append([at, o, h, low, c, v, at + length - 1, "0", 1, "0", "0", "0"])
        return self._rows(rows)

    def _funding(self, query: dict[str, str]) -> Response:
        first, stop = int(query["startTime"]), int(query.get("endTime", self.now_ms)) + 1
        limit = int(query.get("limit", 100))
        rows = [
            {
                "symbol": "BTCUSDT",
                "fundingTime": at + LATE_MS,
                "fundingRate": f"{rate_at(at):.8f}",
                "markPrice": "90000.0",
            }
            for at in range(
                -(-LISTED // (8 * 60 * MINUTE)) * 8 * 60 * MINUTE, self.now_ms, DAY // 3
            )
            if first <= at + LATE_MS < stop
        ]
        return self._rows(rows[:limit])

    def _open_interest(self, query: dict[str, str]) -> Response:
        first, stop = int(query["startTime"]), int(query.get("endTime", self.now_ms)) + 1
        if first < self.now_ms - 30 * DAY:
            return as_json({"code": -1130, "msg": "parameter 'startTime' is invalid."}, 400)
        length, limit = LENGTHS[query["period"]], int(query.get("limit", 30))
        begin = -(-max(first, LISTED) // length) * length
        rows = [
            {
                "symbol": "BTCUSDT",
                "sumOpenInterest": f"{interest_at(at):.3f}",
                "sumOpenInterestValue": f"{interest_at(at) * price_at(at):.4f}",
                "timestamp": at,
            }
            for at in range(begin, min(stop, self.now_ms), length)
        ]
        return self._rows(rows[:limit])

    def _brackets(self, query: dict[str, str]) -> Response:
        assert query["signature"]
        tiers = [
            {
                "bracket": 1 + i,
                "initialLeverage": 125 - i,
                "notionalCap": cap,
                "notionalFloor": floor,
                "maintMarginRatio": rate,
                "cum": cum,
            }
            for i, (floor, cap, rate, cum) in enumerate(
                [(0, 300_000, 0.004, 0.0), (300_000, 800_000, 0.005, 300.0),
                 (800_000, 3_000_000, 0.0065, 1_500.0)]
            )
        ]  # fmt: skip
        return as_json([{"symbol": "BTCUSDT", "brackets": tiers}])

    def _exchange_info(self, _: dict[str, str]) -> Response:
        market = {
            "symbol": "BTCUSDT", "pair": "BTCUSDT", "contractType": "PERPETUAL",
            "deliveryDate": 4133404800000, "onboardDate": LISTED, "status": "TRADING",
            "baseAsset": "BTC", "quoteAsset": "USDT", "marginAsset": "USDT", "pricePrecision": 2,
            "quantityPrecision": 3, "underlyingType": "COIN", "orderTypes": ["LIMIT", "MARKET"],
            "timeInForce": ["GTC"],
            "filters": [
                {"filterType": "PRICE_FILTER", "minPrice": "0.10", "maxPrice": "1000000",
                 "tickSize": "0.10"},
                {"filterType": "LOT_SIZE", "minQty": "0.001", "maxQty": "1000",
                 "stepSize": "0.001"},
                {"filterType": "MIN_NOTIONAL", "notional": "100"},
            ],
        }  # fmt: skip
        return as_json({"timezone": "UTC", "serverTime": self.now_ms, "symbols": [market]})


def rate_at(at: int) -> float:
    """Return the funding rate settled at an instant, ms."""
    return (at // (8 * 60 * MINUTE) % 7 - 2) * 1e-5


def interest_at(at: int) -> float:
    """Return open interest at an instant, ms, base units."""
    return 80_000 + at // MINUTE % 1_440


class Bybit:
    """``api.bybit.com``: rows newest first, wrapped in a result."""

    def __init__(self, now_ms: int) -> None:
        self.now_ms = now_ms

    def __call__(self, request: Request) -> Response | None:
        """Answer one request; None is a 404."""
        query = request.query
        if request.path == "/v5/market/instruments-info":
            return self._result({"category": query["category"], "list": [_BYBIT_MARKET],
                                 "nextPageCursor": ""})  # fmt: skip
        if request.path in ("/v5/market/kline", "/v5/market/mark-price-kline"):
            length, limit = LENGTHS[query["interval"]], int(query["limit"])
            stop = min(int(query["end"]) + 1, self.now_ms)
            rows = [
                [str(at), *(f"{value:.2f}" for value in bar_at(at, length)), "0"]
                for at in list(opens(int(query["start"]), stop, length))[:limit]
            ]
            return self._result({"symbol": "BTCUSDT", "category": "linear", "list": rows[::-1]})
        if request.path == "/v5/market/funding/history":
            first, stop = int(query["startTime"]), int(query["endTime"])
            rows = [
                {"symbol": "BTCUSDT", "fundingRate": f"{rate_at(at):.8f}",
                 "fundingRateTimestamp": str(at)}
                for at in range(LISTED, self.now_ms, DAY // 3)
                if first <= at <= stop
            ]  # fmt: skip
            return self._result({"category": "linear", "list": rows[::-1]})
        return None

    def _result(self, result: dict[str, Any]) -> Response:
        return as_json(
            {"retCode": 0, "retMsg": "OK", "result": result, "retExtInfo": {}, "time": self.now_ms}
        )


_BYBIT_MARKET = {
    "symbol": "BTCUSDT", "contractType": "LinearPerpetual", "status": "Trading",
    "baseCoin": "BTC", "quoteCoin": "USDT", "settleCoin": "USDT", "launchTime": "1585526400000",
    "deliveryTime": "0", "deliveryFeeRate": "", "priceScale": "2", "fundingInterval": 480,
    "unifiedMarginTrade": True, "copyTrading": "both", "isPreListing": False,
    "leverageFilter": {"minLeverage": "1", "maxLeverage": "100.00", "leverageStep": "0.01"},
    "priceFilter": {"minPrice": "0.10", "maxPrice": "1999999.80", "tickSize": "0.10"},
    "lotSizeFilter": {"maxOrderQty": "1190", "minOrderQty": "0.001", "qtyStep": "0.001",
                      "minNotionalValue": "5"},
}  # fmt: skip


class Okx:
    """``www.okx.com``: newest first; volume in contracts, base units and quote."""

    def __init__(self, now_ms: int) -> None:
        self.now_ms = now_ms

    def __call__(self, request: Request) -> Response | None:
        """Answer one request; None is a 404."""
        query = request.query
        if request.path == "/api/v5/public/instruments":
            return self._data([_OKX_MARKET])
        if request.path in ("/api/v5/market/candles", "/api/v5/market/history-candles"):
            length = LENGTHS[query["bar"]]
            stop = min(int(query["after"]), self.now_ms)
            rows = []
            for at in opens(int(query["before"]) + 1, stop, length):
                o, h, low, c, v = bar_at(at, length)
                rows.append([str(at), *(f"{value:.2f}" for value in (o, h, low, c, v * 100, v)),
                             "0", "1"])  # fmt: skip
            # The newest of the range come first, and no more than asked for.
            return self._data(rows[::-1][: int(query["limit"])])
        if request.path == "/api/v5/public/funding-rate-history":
            first, stop = int(query["before"]), int(query.get("after", self.now_ms))
            rows = [
                {"instType": "SWAP", "instId": "BTC-USDT-SWAP", "fundingRate": "0.5",
                 "realizedRate": f"{rate_at(at):.8f}", "fundingTime": str(at)}
                for at in range(LISTED, self.now_ms, DAY // 3)
                if first < at < stop
            ]  # fmt: skip
            return self._data(rows[::-1][: int(query.get("limit", 100))])
        return None

    def _data(self, rows: list[Any]) -> Response:
        return as_json({"code": "0", "msg": "", "data": rows})


_OKX_MARKET = {
    "instType": "SWAP", "instId": "BTC-USDT-SWAP", "uly": "BTC-USDT", "instFamily": "BTC-USDT",
    "baseCcy": "", "quoteCcy": "", "settleCcy": "USDT", "ctVal": "0.01", "ctMult": "1",
    "ctValCcy": "BTC", "ctType": "linear", "state": "live", "tickSz": "0.1", "lotSz": "0.01",
    "minSz": "0.01", "listTime": "1611916828000", "expTime": "", "lever": "100",
    "maxLmtSz": "100000000", "maxMktSz": "12000", "alias": "", "category": "1", "optType": "",
    "stk": "",
}  # fmt: skip
