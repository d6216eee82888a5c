"""Fake venues behind the real ccxt client, and their expected rows."""

from collections.abc import Iterator
from contextlib import contextmanager

from data_feeds.schema import VALUE_COLUMNS, ChannelKey, ChannelKind
from data_feeds.sources.ccxt_client import Exchange
from data_feeds.sources.ccxt_perps import CcxtPerps, Price
from data_feeds.sources.retry import RetryPolicy
from data_feeds.sources.source import Page
from tests.data_feeds.factory import PERP, ns
from tests.data_feeds.loopback.binance import Binance, price_at, volume_at
from tests.data_feeds.loopback.server import Answer, Loopback

MS = 10**6
LISTED = ns("2026-01-01")
# Half past: an hourly bar is unfinished, and a minute bar ends at this instant.
NOW = ns("2026-01-20T12:30")
OUTAGE = (ns("2026-01-02T05:10"), ns("2026-01-02T06:50"))
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
    """Yield the finished bars."""
    found: list[Row] = []
    for at in range(start, end - step + 1, step):
        ms = at // MS
        if market.trades_at(ms):
            p = price_at(ms)
            found.append((at, at + step, at + step, p, p + 3, p - 1, p + 2, volume_at(ms)))
    return found


def asked(loopback: Loopback, path: str) -> list[dict[str, str]]:
    """Return the queries of a path."""
    return [request.query for request in loopback.requests if request.path == path]
