"""A fake Bybit with one linear perp: newest rows first, inside ``result``."""

from dataclasses import dataclass
from typing import Any

from tests.data_feeds.loopback.binance import (
    HOUR_MS,
    SYMBOL,
    interest_at,
    price_at,
    rate_at,
    volume_at,
)
from tests.data_feeds.loopback.server import Request, Response, as_json

KLINES = "/v5/market/kline"
MARK = "/v5/market/mark-price-kline"
FUNDING = "/v5/market/funding/history"
OPEN_INTEREST = "/v5/market/open-interest"


@dataclass
class Bybit:
    """Answers for one perp that traded from the beginning; ``now`` is ms UTC."""

    now: int

    def __call__(self, request: Request) -> Response | None:
        """Answer one request."""
        query = request.query
        if request.path == "/v5/market/instruments-info":
            listed = [] if query.get("status") == "PreLaunch" else [_market()]
            return _wrapped(listed, nextPageCursor="")
        if request.path == "/v5/market/risk-limit":
            return _wrapped(_risk_limits())
        if request.path in (KLINES, MARK):
            return _wrapped(self._klines(query, traded=request.path == KLINES), symbol=SYMBOL)
        if request.path == FUNDING:
            stamps = self._stamps(query["startTime"], query["endTime"], 8 * HOUR_MS)
            rows = [
                {
                    "symbol": SYMBOL,
                    "fundingRate": f"{rate_at(at):.8f}",
                    "fundingRateTimestamp": str(at),
                }
                for at in stamps[: int(query["limit"])]
            ]
            return _wrapped(rows)
        if request.path == OPEN_INTEREST:
            step = {"5min": HOUR_MS // 12}[query["intervalTime"]]
            stamps = self._stamps(query["startTime"], query["endTime"], step)
            rows = [
                {"openInterest": f"{interest_at(at):.8f}", "timestamp": str(at)}
                for at in stamps[: int(query["limit"])]
            ]
            return _wrapped(rows, symbol=SYMBOL, nextPageCursor="")
        return None

    def _stamps(self, start: str, end: str, step: int) -> list[int]:
        first, last = -(-int(start) // step) * step, min(int(end), self.now)
        return list(range(first, last + 1, step))[::-1]

    def _klines(self, query: dict[str, str], *, traded: bool) -> list[Any]:
        step = int(query["interval"]) * 60_000
        # The venue returns 200 rows by default.
        stamps = self._stamps(query["start"], query["end"], step)[: int(query.get("limit", 200))]
        rows = []
        for at in stamps:
            price = price_at(at)
            prices = [str(value) for value in (price, price + 3, price - 1, price + 2)]
            volume = [str(volume_at(at)), str(volume_at(at) * price)] if traded else []
            rows.append([str(at), *prices, *volume])
        return rows


def _wrapped(rows: list[Any], **more: str) -> Response:
    result = {"category": "linear", "list": rows, **more}
    return as_json({"retCode": 0, "retMsg": "OK", "result": result, "retExtInfo": {}, "time": 0})


def _risk_limits() -> list[Any]:
    rows = [(1, "2000000", "0.005"), (2, "2600000", "0.0056")]
    return [
        {
            "id": number,
            "symbol": SYMBOL,
            "riskLimitValue": value,
            "maintenanceMargin": rate,
            "initialMargin": "0.01",
            "isLowestRisk": int(number == 1),
            "maxLeverage": "100.00",
            "mmDeduction": "",
        }
        for number, value, rate in rows
    ]


def _market() -> dict[str, Any]:
    return {
        "symbol": SYMBOL,
        "contractType": "LinearPerpetual",
        "status": "Trading",
        "baseCoin": "BTC",
        "quoteCoin": "USDT",
        "settleCoin": "USDT",
        "launchTime": "1585526400000",
        "deliveryTime": "0",
        "deliveryFeeRate": "",
        "priceScale": "2",
        "leverageFilter": {"minLeverage": "1", "maxLeverage": "100.00", "leverageStep": "0.01"},
        "priceFilter": {"minPrice": "0.10", "maxPrice": "1999999.80", "tickSize": "0.10"},
        "lotSizeFilter": {
            "maxOrderQty": "1190.000",
            "minOrderQty": "0.001",
            "qtyStep": "0.001",
            "minNotionalValue": "5",
        },
        "unifiedMarginTrade": True,
        "fundingInterval": 480,
    }
