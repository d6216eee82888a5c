"""A fake Binance USD-M: paths, formats, limits and refusals, one market, one outage."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from tests.data_feeds.loopback.server import Request, Response, as_json

SYMBOL = "BTCUSDT"
MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS
STEPS_MS = {"1m": MINUTE_MS, "5m": 5 * MINUTE_MS, "1h": HOUR_MS, "1d": DAY_MS}
KLINES = "/fapi/v1/klines"
MARK = "/fapi/v1/markPriceKlines"
INDEX = "/fapi/v1/indexPriceKlines"
FUNDING = "/fapi/v1/fundingRate"
OPEN_INTEREST = "/futures/data/openInterestHist"
BRACKETS = "/fapi/v1/leverageBracket"
INFO = "/fapi/v1/exchangeInfo"
SHIFTS = {KLINES: 0.0, MARK: 0.5, INDEX: 0.25}

Rows = list[Any]


@dataclass
class Binance:
    """Answers for one perp. Instants are ms UTC.

    Trading began at ``listed_at``; during ``outage`` there is nothing. ``distort`` may change the
    rows of an answer before it is sent.
    """

    now: int
    listed_at: int
    outage: tuple[int, int]
    distort: Callable[[Request, Rows], Rows] = lambda _, rows: rows

    def __call__(self, request: Request) -> Response | None:
        """Answer one request."""
        if request.path == INFO:
            return as_json({"timezone": "UTC", "serverTime": self.now, "symbols": [_market()]})
        if request.path == BRACKETS:
            return _brackets(request.query)
        feeds: dict[str, Callable[[dict[str, str]], Rows]]
        feeds = {FUNDING: self._funding, OPEN_INTEREST: self._open_interest}
        feeds |= {path: partial(self._klines, shift) for path, shift in SHIFTS.items()}
        feed = feeds.get(request.path)
        if feed is None:
            return None
        if request.query.get("pair" if request.path == INDEX else "symbol") != SYMBOL:
            return as_json({"code": -1121, "msg": "Invalid symbol."}, 400)
        kept_from = self.now - 30 * DAY_MS
        if request.path == OPEN_INTEREST and int(request.query["startTime"]) < kept_from:
            return as_json({"code": -1130, "msg": "parameter 'startTime' is invalid."}, 400)
        return as_json(self.distort(request, feed(request.query)))

    def trades_at(self, at: int) -> bool:
        """Return whether the venue was open."""
        return self.listed_at <= at < self.now and not self.outage[0] <= at < self.outage[1]

    def _stamps(self, query: dict[str, str], step: int) -> list[int]:
        first = max(-(-int(query["startTime"]) // step) * step, self.listed_at)
        last = min(int(query["endTime"]), self.now)
        return [at for at in range(first, last + 1, step) if self.trades_at(at)]

    def _klines(self, shift: float, query: dict[str, str]) -> Rows:
        step = STEPS_MS[query["interval"]]
        limit = min(int(query.get("limit", 500)), 1500)
        return [kline(at, step, self.now, shift) for at in self._stamps(query, step)[:limit]]

    def _funding(self, query: dict[str, str]) -> Rows:
        limit = min(int(query.get("limit", 100)), 1000)
        return [
            {
                "symbol": SYMBOL,
                # Late by up to six milliseconds, as at the venue.
                "fundingTime": at + at // HOUR_MS % 7,
                "fundingRate": f"{rate_at(at):.8f}",
                "markPrice": f"{price_at(at):.8f}",
            }
            for at in self._stamps(query, 8 * HOUR_MS)[:limit]
        ]

    def _open_interest(self, query: dict[str, str]) -> Rows:
        limit = min(int(query.get("limit", 30)), 500)
        return [
            {
                "symbol": SYMBOL,
                "sumOpenInterest": f"{interest_at(at):.8f}",
                "sumOpenInterestValue": f"{interest_at(at) * price_at(at):.8f}",
                "CMCCirculatingSupply": "19900000.00000000",
                "timestamp": at,
            }
            # A page that is too small holds the latest rows.
            for at in self._stamps(query, STEPS_MS[query["period"]])[-limit:]
        ]


def price_at(at: int) -> float:
    """Return a price that differs at nearly every minute of a day."""
    return 30_000.0 + at // MINUTE_MS % 1_237


def volume_at(at: int) -> float:
    """Return a volume in base units, exact in binary."""
    return 1.5 + at // MINUTE_MS % 64


def rate_at(at: int) -> float:
    """Return a funding rate, negative at times."""
    return (at // HOUR_MS % 11 - 3) * 1e-5


def interest_at(at: int) -> float:
    """Return an open interest in base units."""
    return 75_000.0 + at // MINUTE_MS % 509


def kline(at: int, step: int, now: int, shift: float = 0.0) -> list[Any]:
    """Return one row of /klines; the running bar differs from its final values."""
    price = price_at(at) + shift
    close = price + 2 if at + step <= now else price - 1
    volume = volume_at(at) if shift == 0 else 0
    prices = [f"{value:.2f}" for value in (price, price + 3, price - 1, close)]
    quote = f"{volume * price:.5f}"
    return [at, *prices, f"{volume:.3f}", at + step - 1, quote, 100, "0.5", "15000", "0"]


def _brackets(query: dict[str, str]) -> Response:
    if "signature" not in query:
        return as_json({"code": -2014, "msg": "API-key format invalid."}, 401)
    rows = [(0, 300_000, 0.004, 0.0), (300_000, 800_000, 0.005, 300.0)]
    rows.append((800_000, 3_000_000, 0.0065, 1500.0))
    brackets = [
        {
            "bracket": i + 1,
            "initialLeverage": 125 - 25 * i,
            "notionalCap": cap,
            "notionalFloor": floor,
            "maintMarginRatio": rate,
            "cum": cum,
        }
        for i, (floor, cap, rate, cum) in enumerate(rows)
    ]
    return as_json([{"symbol": SYMBOL, "notionalCoef": 1.0, "brackets": brackets}])


def _market() -> dict[str, Any]:
    return {
        "symbol": SYMBOL,
        "pair": SYMBOL,
        "contractType": "PERPETUAL",
        "deliveryDate": 4133404800000,
        "onboardDate": 1569398400000,
        "status": "TRADING",
        "maintMarginPercent": "2.5000",
        "requiredMarginPercent": "5.0000",
        "baseAsset": "BTC",
        "quoteAsset": "USDT",
        "marginAsset": "USDT",
        "pricePrecision": 2,
        "quantityPrecision": 3,
        "baseAssetPrecision": 8,
        "quotePrecision": 8,
        "underlyingType": "COIN",
        "underlyingSubType": ["PoW"],
        "triggerProtect": "0.0500",
        "liquidationFee": "0.012500",
        "marketTakeBound": "0.05",
        "filters": [
            {
                "filterType": "PRICE_FILTER",
                "minPrice": "556.80",
                "maxPrice": "4529764",
                "tickSize": "0.10",
            },
            {"filterType": "LOT_SIZE", "minQty": "0.001", "maxQty": "1000", "stepSize": "0.001"},
            {
                "filterType": "MARKET_LOT_SIZE",
                "minQty": "0.001",
                "maxQty": "120",
                "stepSize": "0.001",
            },
            {"filterType": "MAX_NUM_ORDERS", "limit": 200},
            {"filterType": "MIN_NOTIONAL", "notional": "100"},
        ],
        "orderTypes": ["LIMIT", "MARKET", "STOP"],
        "timeInForce": ["GTC", "IOC", "FOK"],
    }
