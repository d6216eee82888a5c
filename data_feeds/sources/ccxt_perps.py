"""Perpetual swaps, spot and index bars from crypto venues' APIs through ccxt.

Pages of a venue may be short, overlapping, repeated or empty. Each hole in a window is requested
once more; a row that still does not come does not exist.
"""

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

import numpy as np

from data_feeds.catalog import Origin
from data_feeds.clock import DAY_NS, HOUR_NS, MINUTE_NS, utc_text
from data_feeds.errors import PermanentSourceError, SchemaError
from data_feeds.gate.time_grid import settlements
from data_feeds.schema import (
    VALUE_COLUMNS,
    Channel,
    ChannelKey,
    ChannelKind,
    empty_columns,
    time_columns,
    validate,
)
from data_feeds.sources.ccxt_client import MS, CcxtMarket, Exchange
from data_feeds.sources.retry import RetryPolicy
from data_feeds.sources.source import Page
from data_feeds.sources.venue_terms import VenueTerms, terms_of
from data_feeds.timeframe import Timeframe

Price = Literal["last", "mark", "index"]
Values = tuple[float, ...]
Rows = dict[int, Values]
Stretch = tuple[int, int]

PUBLISHERS = {"binanceusdm": "Binance", "binance": "Binance", "bybit": "Bybit", "okx": "OKX"}
OPEN_INTEREST_STEP = "5m"
OPEN_INTEREST_STEP_NS = 5 * MINUTE_NS
# Up to this many holes in a window are requested one by one; more in one request.
MANY_HOLES = 20
# Rows in one answer that a venue's endpoints of the kind always grant, also for old stretches.
_MOST_BARS = {"binanceusdm": 1_000, "binance": 1_000, "bybit": 1_000, "okx": 100}
_MOST_FUNDING = {"binanceusdm": 1_000, "binance": 1_000, "bybit": 200, "okx": 100}
_MOST_OPEN_INTEREST = {"binanceusdm": 500, "binance": 500, "bybit": 200}
# No venue settles more often than hourly, and these venues settle at least every eight hours.
_SHORTEST_FUNDING_NS = HOUR_NS
_LONGEST_FUNDING_NS = 8 * HOUR_NS
# A point is published shortly after its stamp; until then it does not count as missing.
_FUNDING_DELAY_NS = 5 * MINUTE_NS
_OPEN_INTEREST_DELAY_NS = 10 * MINUTE_NS
# Binance refuses a request that begins more than 30 days ago by its own clock (code -1130); the
# hour is a margin for a running fetch. OKX gives no rows before about three months.
_KEPT: dict[tuple[str, ChannelKind], tuple[int, str]] = {
    ("binanceusdm", ChannelKind.OPEN_INTEREST): (30 * DAY_NS - HOUR_NS, "30 days"),
    ("binance", ChannelKind.OPEN_INTEREST): (30 * DAY_NS - HOUR_NS, "30 days"),
    ("okx", ChannelKind.FUNDING): (95 * DAY_NS, "about three months"),
}
_WORDS = {
    ChannelKind.OPEN_INTEREST: "open interest",
    ChannelKind.FUNDING: "funding rates",
    ChannelKind.MARK: "mark prices",
}


@dataclass(frozen=True)
class _Feed:
    """Parameters of the requests for one channel.

    A window holds ``most`` steps of ``step_ns``. Rows farther apart than ``spacing_ns`` may enclose
    a hole. ``final_to`` (ns UTC) is the end of final rows. ``ask`` returns stamps and values of the
    rows in a window ``[at, stop)``, and perhaps other rows.
    """

    step_ns: int
    spacing_ns: int
    most: int
    final_to: int
    ask: Callable[[int, int], Iterable[tuple[int, Values]]]


class CcxtPerps:
    """Source of one market of one venue; see ``sources.source.Source``.

    Parameters
    ----------
    exchange, symbol : ccxt's names, e.g. ``binanceusdm`` and ``BTC/USDT:USDT``
    now : the present, ns UTC
    policy : retries of a request
    base_url : another host that serves the venue's paths; None: the venue
    api_key, secret : keys for Binance's leverage brackets; all other data are public
    bars_price : price of the bars; index and mark bars have volume 0
    """

    def __init__(
        self,
        exchange: Exchange,
        symbol: str,
        *,
        now: Callable[[], int],
        policy: RetryPolicy | None = None,
        base_url: str | None = None,
        api_key: str | None = None,
        secret: str | None = None,
        bars_price: Price = "last",
    ) -> None:
        self._exchange, self._symbol, self._now = exchange, symbol, now
        self._bars_price: Price = bars_price
        self._market = CcxtMarket(
            exchange,
            symbol,
            now=now,
            policy=policy or RetryPolicy(),
            base_url=base_url,
            api_key=api_key,
            secret=secret,
        )

    @property
    def name(self) -> str:
        """Name of the source in messages."""
        return f"{self._exchange} API"

    def origin(self, key: ChannelKey) -> Origin:
        """Return publisher, licence and venue; the units are canonical, so ``unit`` is empty."""
        publisher = PUBLISHERS[self._exchange]
        return Origin(
            source=self.name,
            licence=f"{publisher} terms; no redistribution",
            venues=(self._exchange,),
        )

    def venue_terms(self) -> VenueTerms:
        """Return today's filters, fees and, where the venue shows them, leverage brackets.

        Raises
        ------
        TransientSourceError, PermanentSourceError : as ``pages``.
        """
        return terms_of(self._market, self._now())

    def pages(self, key: ChannelKey, start: int, end: int) -> Iterator[Page]:
        """Yield the facts in ``[start, end)``, in windows of the venue's page size.

        Bars are returned after their close, with volume in base units. A funding rate is known at
        its settlement, open interest at its stamp. Rows outside the window are dropped, and
        repeated rows count once. Two rows of one stamp with different values are refused: only an
        unfinished bar may change, and unfinished bars are left out before.
        """
        feed = self._feed(key, end)
        at, kept = self._kept_from(key, start, feed.step_ns)
        if feed.final_to <= start:
            yield Page(None, start)
            return
        if kept:
            yield Page(None, min(at, feed.final_to), kept)
        is_bar = key.kind in (ChannelKind.BARS, ChannelKind.MARK)
        at = _up(at, feed.step_ns) if is_bar else at
        if at >= feed.final_to and not kept:
            yield Page(None, feed.final_to)
        while at < feed.final_to:
            stop = min(at + feed.most * feed.step_ns, feed.final_to)
            rows = self._window(key, feed, at, stop)
            yield Page(_channel(key, rows, feed.step_ns) if rows else None, stop)
            at = stop

    def _kept_from(self, key: ChannelKey, start: int, step_ns: int) -> tuple[int, str]:
        """Return the venue's first instant, at least ``start``, and a note if it is later."""
        kept_ns, words = _KEPT.get((self._exchange, key.kind), (None, ""))
        if kept_ns is None:
            return start, ""
        first = _up(self._now() - kept_ns, step_ns)
        if first <= start:
            return start, ""
        return first, (
            f"{self._exchange} keeps {words} of {_WORDS[key.kind]}; "
            f"nothing before {utc_text(first)} can be had"
        )

    def _window(self, key: ChannelKey, feed: _Feed, at: int, stop: int) -> Rows:
        """Return the rows in ``[at, stop)``; request missing rows once more."""
        rows: Rows = {}
        self._fill(key, feed, rows, (at, stop), (at, stop))
        believed: set[Stretch] = set()
        while holes := [hole for hole in _holes(rows, at, stop, feed) if hole not in believed]:
            asked = holes[:1] if len(holes) <= MANY_HOLES else holes
            before = len(rows)
            self._fill(key, feed, rows, (at, stop), (asked[0][0], asked[-1][1]))
            if len(rows) == before:
                believed.update(asked)
        return rows

    def _fill(
        self, key: ChannelKey, feed: _Feed, rows: Rows, window: Stretch, asked: Stretch
    ) -> None:
        """Add the answer for one stretch of a window to its rows."""
        for stamp, values in feed.ask(*asked):
            if window[0] <= stamp < window[1]:
                self._add(key, rows, stamp, values)

    def _add(self, key: ChannelKey, rows: Rows, stamp: int, values: Values) -> None:
        known = rows.setdefault(stamp, values)
        if not np.array_equal(known, values, equal_nan=True):
            raise SchemaError(
                f"{self.name}: {key} at {utc_text(stamp)} came twice, as {known} and {values}; "
                "a finished row must not change; fetch again, and tell the venue if it stays so"
            )

    # What each kind asks

    def _feed(self, key: ChannelKey, end: int) -> _Feed:
        if key.kind not in (
            ChannelKind.BARS,
            ChannelKind.MARK,
            ChannelKind.FUNDING,
            ChannelKind.OPEN_INTEREST,
        ):
            raise PermanentSourceError(
                f"{key}: {self._exchange} does not publish the history of {key.kind}; "
                "leave the channel out, or bring your own file"
            )
        is_contract = bool(self._market.market()["contract"])
        price = "mark" if key.kind is ChannelKind.MARK else self._bars_price
        if not is_contract and (key.kind is not ChannelKind.BARS or price != "last"):
            raise PermanentSourceError(
                f"{key}: {self._symbol} is a spot market of {self._exchange}, which has "
                f"no {_WORDS.get(key.kind, f'{price} prices')}; ask its perpetual swap"
            )
        until = min(end, self._now())
        if key.kind is ChannelKind.FUNDING:
            return self._funding(until)
        if key.kind is ChannelKind.OPEN_INTEREST:
            return self._open_interest(key, until)
        return self._bars(key, price, until)

    def _bars(self, key: ChannelKey, price: str, until: int) -> _Feed:
        step_ns = Timeframe(key.timeframe).ns
        label = self._market.timeframe(step_ns) if step_ns <= DAY_NS else None
        if label is None:
            raise PermanentSourceError(
                f"{key}: {self._exchange} has no bars of {key.timeframe} that begin on UTC days; "
                "ask a shorter timeframe it has, at most 1d, and build them from it"
            )
        most = _MOST_BARS[self._exchange]

        def question(at: int, stop: int) -> Iterable[tuple[int, Values]]:
            # Some venues include the end in the window.
            params: dict[str, Any] = {"until": stop // MS - 1}
            if price != "last":
                params["price"] = price
            answer = self._market.ask(
                lambda client: client.fetch_ohlcv(self._symbol, label, at // MS, most, params)
            )
            return [self._bar(key, row, step_ns, price) for row in answer]

        final = until // step_ns * step_ns
        return _Feed(step_ns, step_ns, most, final, question)

    def _bar(self, key: ChannelKey, row: list[Any], step_ns: int, price: str) -> tuple[int, Values]:
        stamp = self._stamp(key, row[0], row)
        if stamp % step_ns:
            raise SchemaError(
                f"{self.name}: {key}: a bar opens at {utc_text(stamp)}, off the timeframe's grid; "
                "fetch again, or ask another timeframe"
            )
        values = row[1:5] if key.kind is ChannelKind.MARK else row[1:6]
        if key.kind is ChannelKind.BARS and price != "last":
            # A computed price has no volume; venues send zero, nothing or a flag here.
            values = [*row[1:5], 0.0]
        return stamp, self._numbers(key, values, row)

    def _funding(self, until: int) -> _Feed:
        most = _MOST_FUNDING[self._exchange]

        def question(at: int, stop: int) -> Iterable[tuple[int, Values]]:
            bound = {"after": stop // MS} if self._exchange == "okx" else {"until": stop // MS - 1}
            answer = self._market.ask(
                lambda client: client.fetch_funding_rate_history(
                    self._symbol, at // MS, most, bound
                )
            )
            return [self._rate(row) for row in answer]

        final = min(until, self._now() - _FUNDING_DELAY_NS)
        return _Feed(_SHORTEST_FUNDING_NS, _LONGEST_FUNDING_NS, most, final, question)

    def _rate(self, row: dict[str, Any]) -> tuple[int, Values]:
        key = ChannelKey(self._symbol, ChannelKind.FUNDING)
        stamp = self._stamp(key, row.get("timestamp"), row)
        # Stamps are milliseconds late (…00003 ms); the position at the full hour pays.
        return int(settlements(np.array([stamp]))[0]), self._numbers(
            key, [row.get("fundingRate")], row
        )

    def _open_interest(self, key: ChannelKey, until: int) -> _Feed:
        if self._exchange == "okx":
            raise PermanentSourceError(
                f"{key}: okx publishes the history of open interest by currency, all its contracts "
                "together, not by contract; take it from another venue"
            )
        most = _MOST_OPEN_INTEREST[self._exchange]

        def question(at: int, stop: int) -> Iterable[tuple[int, Values]]:
            answer = self._market.ask(
                lambda client: client.fetch_open_interest_history(
                    self._symbol, OPEN_INTEREST_STEP, at // MS, most, {"until": stop // MS - 1}
                )
            )
            return [self._interest(key, row) for row in answer]

        final = min(until, self._now() - _OPEN_INTEREST_DELAY_NS)
        return _Feed(OPEN_INTEREST_STEP_NS, OPEN_INTEREST_STEP_NS, most, final, question)

    def _interest(self, key: ChannelKey, row: dict[str, Any]) -> tuple[int, Values]:
        stamp = self._stamp(key, row.get("timestamp"), row)
        base, quote = row.get("openInterestAmount"), row.get("openInterestValue")
        if base is None and quote is None:
            raise SchemaError(f"{self.name}: {key} at {utc_text(stamp)} has no amount; fetch again")
        return stamp, tuple(math.nan if value is None else float(value) for value in (base, quote))

    def _stamp(self, key: ChannelKey, stamp_ms: Any, row: object) -> int:
        if not isinstance(stamp_ms, int) or stamp_ms <= 0:
            raise SchemaError(
                f"{self.name}: {key}: a row has no time: {row}; "
                "the venue's format may have changed: update ccxt"
            )
        if isinstance(row, dict) and row.get("symbol") != self._symbol:
            raise SchemaError(
                f"{self.name}: {key}: the venue answered for {row.get('symbol')} "
                f"instead of {self._symbol}; fetch again"
            )
        return stamp_ms * MS

    def _numbers(self, key: ChannelKey, values: list[Any], row: object) -> Values:
        if any(value is None for value in values):
            raise SchemaError(
                f"{self.name}: {key}: a row has no number where one belongs: {row}; "
                "the venue's format may have changed: update ccxt"
            )
        return tuple(float(value) for value in values)


def _up(at: int, step_ns: int) -> int:
    """Return the first multiple of ``step_ns`` at or after ``at``."""
    return -(-at // step_ns) * step_ns


def _holes(rows: Rows, at: int, stop: int, feed: _Feed) -> list[Stretch]:
    """Return the stretches of a window with apparently missing rows."""
    before = _up(at, feed.spacing_ns) - feed.spacing_ns
    edges = [before, *sorted(rows), stop]
    return [
        (max(at, last + feed.step_ns), following)
        for last, following in pairwise(edges)
        if following - last > feed.spacing_ns
    ]


def _channel(key: ChannelKey, rows: Rows, step_ns: int) -> Channel:
    """Return rows as a valid channel, in order of time."""
    stamps = sorted(rows)
    columns = empty_columns(key, len(rows))
    first, *later = time_columns(key.kind)
    columns[first][:] = stamps
    known_ns = step_ns if key.kind in (ChannelKind.BARS, ChannelKind.MARK) else 0
    for name in later:
        columns[name][:] = columns[first] + known_ns
    for i, name in enumerate(VALUE_COLUMNS[key.kind]):
        columns[name][:] = [rows[stamp][i] for stamp in stamps]
    columns["label"][:] = 0
    channel = Channel(key, columns)
    validate(channel)
    return channel
