"""A fake OKX with one linear swap of 0.01 BTC: strings, at most 100 rows, newest first."""

from dataclasses import dataclass
from typing import Any

from tests.data_feeds.loopback.binance import HOUR_MS, price_at, rate_at, volume_at
from tests.data_feeds.loopback.server import Request, Response, as_json

SWAP = "BTC-USDT-SWAP"
CONTRACT_BASE = 0.01
MOST = 100
UNTRADED = {
    (f"market/{age}{kind}-candles", name)
    for age in ("", "history-")
    for kind, name in (("mark-price", SWAP), ("index", "BTC-USDT"))
}
STEPS_MS = {"5m": HOUR_MS // 12, "1H": HOUR_MS}


@dataclass
class Okx:
    """Answers for one swap that traded from the beginning; ``now`` is ms UTC."""

    now: int

    def __call__(self, request: Request) -> Response | None:
        """Answer one request."""
        name = request.path.removeprefix("/api/v5/")
        query = request.query
        if name == "public/instruments":
            return _wrapped([_market()])
        if name == "public/funding-rate-history":
            return _wrapped([_rate(at) for at in self._stamps(query, 8 * HOUR_MS)])
        if name in ("market/candles", "market/history-candles"):
            step = STEPS_MS[query["bar"]]
            return _wrapped(
                [_candle(at, at + step <= self.now) for at in self._stamps(query, step)]
            )
        # Index candles are asked by pair, mark prices by contract; both have no volumes.
        if (name, query["instId"]) in UNTRADED:
            step = STEPS_MS[query["bar"]]
            rows = [_candle(at, at + step <= self.now) for at in self._stamps(query, step)]
            return _wrapped([[*row[:5], row[8]] for row in rows])
        return None

    def _stamps(self, query: dict[str, str], step: int) -> list[int]:
        # "before" is the older end and "after" the newer one; both are left out.
        first = int(query["before"]) // step * step + step
        last = min(int(query["after"]) - 1, self.now)
        return list(range(first, last + 1, step))[::-1][: min(int(query["limit"]), MOST)]


def _candle(at: int, finished: bool) -> list[str]:
    price, volume = price_at(at), volume_at(at)
    prices = [str(value) for value in (price, price + 3, price - 1, price + 2)]
    contracts = str(volume / CONTRACT_BASE)
    return [str(at), *prices, contracts, str(volume), str(volume * price), str(int(finished))]


def _rate(at: int) -> dict[str, str]:
    rate = f"{rate_at(at):.8f}"
    return {
        "instType": "SWAP",
        "instId": SWAP,
        "fundingRate": "0.0001",
        "realizedRate": rate,
        "fundingTime": str(at),
        "method": "current_period",
    }


def _wrapped(rows: list[Any]) -> Response:
    return as_json({"code": "0", "msg": "", "data": rows})


def _market() -> dict[str, str]:
    return {
        "instType": "SWAP",
        "instId": SWAP,
        "uly": "BTC-USDT",
        "instFamily": "BTC-USDT",
        "category": "1",
        "baseCcy": "",
        "quoteCcy": "",
        "settleCcy": "USDT",
        "ctVal": "0.01",
        "ctMult": "1",
        "ctValCcy": "BTC",
        "ctType": "linear",
        "optType": "",
        "stk": "",
        "listTime": "1573557408000",
        "expTime": "",
        "lever": "100",
        "tickSz": "0.1",
        "lotSz": "0.01",
        "minSz": "0.01",
        "maxLmtSz": "100000000",
        "state": "live",
        "alias": "",
    }
