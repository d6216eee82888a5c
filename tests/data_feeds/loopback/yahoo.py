"""A fake Yahoo Finance: chart answers of the v8 interface."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from data_feeds.calendar import session_bounds, sessions_between
from tests.data_feeds.loopback.server import Request, Response, as_json

CHART = "/v8/finance/chart/"
NS = 10**9
NOT_FOUND = "No data found, symbol may be delisted"


@dataclass
class Symbol:
    """One listed symbol: bars stamped in seconds, and its events by date."""

    name: str
    # Empty: Yahoo says that it trades all day, by New York's winter time.
    calendar: str = "XNYS"
    zone: str = "America/New_York"
    currency: str = "USD"
    # Stamp (s) -> open, high, low, close, volume; None is Yahoo's null.
    days: dict[int, Sequence[float | None]] = field(default_factory=dict)
    hours: dict[int, Sequence[float | None]] = field(default_factory=dict)
    dividends: dict[str, float] = field(default_factory=dict)
    splits: dict[str, tuple[int, int]] = field(default_factory=dict)


def opens(calendar: str, first: str, last: str) -> list[int]:
    """Return the opening times (s) of the sessions from ``first`` to ``last``."""
    sessions = sessions_between(calendar, np.datetime64(first), np.datetime64(last))
    return [int(at) // NS for at in session_bounds(calendar, sessions)[0]]


def stamp(calendar: str, date: str) -> int:
    """Return the opening time (s) of one session."""
    return opens(calendar, date, date)[0]


class Yahoo:
    """Serves charts of symbols, and the cookie and crumb that yfinance requests first."""

    def __init__(self, *symbols: Symbol) -> None:
        self.symbols = {symbol.name: symbol for symbol in symbols}
        self.refusal: Response | None = None

    def __call__(self, request: Request) -> Response | None:
        """Answer one request."""
        if request.path == "/v1/test/getcrumb":
            return Response(b"made-crumb", 200, {"Content-Type": "text/plain"})
        if request.path in ("", "/"):
            return Response(b"", 200)
        if not request.path.startswith(CHART):
            return None
        if self.refusal is not None and "period1" in request.query:
            return self.refusal
        symbol = self.symbols.get(request.path.removeprefix(CHART).replace("%5E", "^"))
        if symbol is None:
            return error(404, "Not Found", NOT_FOUND)
        return as_json({"chart": {"result": [chart(symbol, request.query)], "error": None}})


def error(status: int, code: str, description: str) -> Response:
    """Return a refusal in Yahoo's form."""
    reason = {"code": code, "description": description}
    return as_json({"chart": {"result": None, "error": reason}}, status)


def chart(symbol: Symbol, query: dict[str, str]) -> dict[str, Any]:
    """Return the result of one chart request."""
    interval = query["interval"]
    table = symbol.days if interval == "1d" else symbol.hours
    first, last = int(query.get("period1", 0)), int(query.get("period2", 2**40))
    stamps = sorted(at for at in table if first <= at < last)
    result: dict[str, Any] = {"meta": _meta(symbol, interval, stamps)}
    if not stamps:
        # Yahoo leaves the stamps out and sends one quote without columns.
        return result | {"indicators": {"quote": [{}], "adjclose": [{}]}}
    names = ("open", "high", "low", "close", "volume")
    quote = {name: [table[at][i] for at in stamps] for i, name in enumerate(names)}
    indicators: dict[str, Any] = {"quote": [quote]}
    if interval == "1d":
        # Yahoo's adjusted close is scaled back from today; our code must not read it.
        indicators["adjclose"] = [{"adjclose": [0.5] * len(stamps)}]
    events = _events(symbol, first, last)
    return result | {"timestamp": stamps, "indicators": indicators, "events": events}


def _events(symbol: Symbol, first: int, last: int) -> dict[str, Any]:
    paid = {stamp(symbol.calendar, date): amount for date, amount in symbol.dividends.items()}
    split = {stamp(symbol.calendar, date): ratio for date, ratio in symbol.splits.items()}
    return {
        "dividends": {
            str(at): {"amount": amount, "date": at}
            for at, amount in paid.items()
            if first <= at < last
        },
        "splits": {
            str(at): {
                "date": at,
                "numerator": new,
                "denominator": old,
                "splitRatio": f"{new}:{old}",
            }
            for at, (new, old) in split.items()
            if first <= at < last
        },
    }


def _meta(symbol: Symbol, interval: str, stamps: Sequence[int]) -> dict[str, Any]:
    meta: dict[str, Any] = {
        "currency": symbol.currency,
        "symbol": symbol.name,
        "instrumentType": "EQUITY",
        "exchangeTimezoneName": symbol.zone,
        "timezone": "EST",
        "gmtoffset": -18_000,
        "dataGranularity": interval,
        "priceHint": 2,
        "validRanges": ["1d", "5d", "1mo", "1y", "max"],
    }
    if interval != "1d" and stamps:
        days = np.unique(np.array(stamps, dtype="datetime64[s]").astype("datetime64[D]"))
        if symbol.calendar:
            opened, closed = session_bounds(symbol.calendar, days)
        else:
            days = np.append(days[0] - 1, days)
            opened = days.astype("datetime64[ns]").astype(np.int64) + 18_000 * NS
            closed = opened + 86_400 * NS
        meta["tradingPeriods"] = [
            [{"timezone": "EST", "gmtoffset": -18_000, "start": int(a) // NS, "end": int(b) // NS}]
            for a, b in zip(opened, closed, strict=True)
        ]
    return meta
