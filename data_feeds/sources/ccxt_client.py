"""One market of a venue through ccxt, with transient and permanent errors distinguished."""

import difflib
import re
from collections.abc import Callable
from typing import Any, Literal, TypeVar
from urllib.parse import urlsplit

import ccxt

from data_feeds.clock import SECOND_NS
from data_feeds.errors import PermanentSourceError, SchemaError, TransientSourceError
from data_feeds.sources.http import RETRIED_STATUS, retry_after
from data_feeds.sources.retry import RetryPolicy, ask

Answer = TypeVar("Answer")
Exchange = Literal["binanceusdm", "binance", "bybit", "okx"]

TIMEOUT_MS = 30_000
MS = 10**6
_CLIENT_ERRORS = range(400, 500)
_SERVER_ERROR = 500


class CcxtMarket:
    """One market of one venue. Every request goes through ``ask``, the only place of retries.

    Parameters
    ----------
    exchange, symbol : ccxt's names, e.g. ``binanceusdm`` and ``BTC/USDT:USDT``
    now : the present, ns UTC
    policy : retries of a request
    base_url : scheme and host instead of the venue's; ccxt's pause between requests is then off.
        None: the venue's own address
    api_key, secret : keys for Binance's signed requests; other venues never receive them
    """

    def __init__(
        self,
        exchange: Exchange,
        symbol: str,
        *,
        now: Callable[[], int],
        policy: RetryPolicy,
        base_url: str | None = None,
        api_key: str | None = None,
        secret: str | None = None,
    ) -> None:
        self.exchange, self.symbol, self._policy = exchange, symbol, policy
        is_binance = exchange.startswith("binance")
        self.has_key = is_binance and api_key is not None and secret is not None
        self._client = _client(exchange, symbol, base_url)
        self._client.milliseconds = lambda: now() // MS
        self._market: dict[str, Any] | None = None
        if self.has_key:
            self._client.apiKey, self._client.secret = api_key, secret

    def ask(self, question: Callable[[Any], Answer]) -> Answer:
        """Return the answer of ``question``, a function of ccxt's client.

        Raises
        ------
        TransientSourceError : no answer after every attempt.
        PermanentSourceError : the venue refuses.
        SchemaError : ccxt could not read the answer.
        """
        return ask(lambda: self._once(question), self._policy)

    def market(self) -> dict[str, Any]:
        """Return ccxt's description of the market; only the first call asks the venue.

        Raises
        ------
        PermanentSourceError : the venue has no such market; the text names similar ones.
        """
        if self._market is None:
            markets = self.ask(self._markets)
            if self.symbol not in markets:
                similar = difflib.get_close_matches(self.symbol, markets, 3, 0.5)
                raise PermanentSourceError(
                    f"{self.exchange} has no market {self.symbol!r}; "
                    f"nearest: {', '.join(similar) or 'none'}"
                )
            self._market = dict(markets[self.symbol])
        return self._market

    def timeframe(self, length_ns: int) -> str | None:
        """Return the venue's label of a bar length; None if the venue lacks such bars."""
        for label in self._client.timeframes:
            if self._client.parse_timeframe(label) * SECOND_NS == length_ns:
                return str(label)
        return None

    def _markets(self, client: Any) -> dict[str, Any]:
        markets: dict[str, Any] = client.load_markets()
        if not markets:
            # An empty list of markets is a temporary fault of the venue.
            raise ccxt.BadResponse(f"{self.exchange} sent an empty list of markets")
        return markets

    def _once(self, question: Callable[[Any], Answer]) -> Answer:
        self._client.last_response_headers = {}
        try:
            return question(self._client)
        except ccxt.BaseError as error:
            raise self._sorted(error) from error
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
            raise SchemaError(
                f"{self.exchange} {self.symbol}: ccxt could not read the answer "
                f"({type(error).__name__}: {error}); the venue's format may have changed: "
                "update ccxt"
            ) from error

    def _sorted(self, error: ccxt.BaseError) -> TransientSourceError | PermanentSourceError:
        status = getattr(getattr(error.__context__, "response", None), "status_code", None)
        text = f"{self.exchange} {self.symbol}: {_plain(error)}"
        # ccxt also calls 403, 404 and 451 "not available", but a retry would fail again.
        refused = status in _CLIENT_ERRORS and status not in RETRIED_STATUS
        if isinstance(error, ccxt.ExchangeNotAvailable) and refused:
            return PermanentSourceError(f"{text}; the venue refuses requests from here")
        if isinstance(error, ccxt.OperationFailed):
            headers = self._client.last_response_headers or {}
            wait = retry_after(headers.get("Retry-After"))
            return TransientSourceError(f"{text}; try again later", wait)
        if isinstance(error, ccxt.AuthenticationError | ccxt.PermissionDenied):
            return PermanentSourceError(f"{text}; check the venue's key and its permissions")
        return PermanentSourceError(text)


def _client(exchange: Exchange, symbol: str, base_url: str | None) -> Any:
    client = getattr(ccxt, exchange)({"enableRateLimit": base_url is None, "timeout": TIMEOUT_MS})
    client.options["maxRetriesOnFailure"] = 0
    client.options["fetchMarkets"] = {"types": [_market_type(exchange, symbol)]}
    # Currencies need a signed request on some venues, and this source does not use them.
    client.has["fetchCurrencies"] = False
    # Margin pairs are not used either, and a key without margin rights is refused.
    client.options["fetchMargins"] = False
    if base_url is not None:
        client.urls["api"] = _moved(client.urls["api"], base_url)
    # ccxt silently drops rows without a time or of another market; CcxtPerps refuses them.
    client.filter_by_since_limit = client.filter_by_symbol_since_limit = _all_rows
    handle_errors = client.handle_errors

    def checked(status: int, reason: str, url: str, method: str, *rest: Any) -> Any:
        # Some venue clients read the body first and treat a body without a code as a refusal.
        if status in RETRIED_STATUS or status >= _SERVER_ERROR:
            raise ccxt.NetworkError(f"{exchange} {method} {url} {status} {reason}")
        _, body, answer, *_ = rest
        # ccxt silently returns no rows for a body that is no JSON or not the venue's.
        if status < _CLIENT_ERRORS.start and not _is_venues(exchange, answer):
            raise ccxt.BadResponse(f"{exchange} sent no answer of its own, but {body}")
        return handle_errors(status, reason, url, method, *rest)

    client.handle_errors = checked
    return client


def _all_rows(rows: list[Any], *_: object, **__: object) -> list[Any]:
    return rows


def _is_venues(exchange: Exchange, answer: Any) -> bool:
    """Return whether a decoded body has rows at the venue's place, or the venue's error."""
    if exchange.startswith("binance"):
        return isinstance(answer, list) or (
            isinstance(answer, dict) and bool({"symbols", "code"} & set(answer))
        )
    code, place = ("retCode", "result") if exchange == "bybit" else ("code", "data")
    if not isinstance(answer, dict) or code not in answer:
        return False
    if str(answer[code]) != "0":
        return True
    rows = answer.get(place)
    return isinstance(rows, dict) and "list" in rows if exchange == "bybit" else place in answer


def _market_type(exchange: Exchange, symbol: str) -> str:
    """Return the venue's market list that contains a symbol."""
    pair, _, settle = symbol.partition(":")
    if exchange == "binanceusdm":
        return "linear"
    if not settle:
        return "spot"
    if exchange == "okx":
        return "swap"
    return "linear" if pair.partition("/")[2] == settle else "inverse"


def _moved(urls: Any, base_url: str) -> Any:
    """Return ccxt's tree of addresses with another host."""
    if isinstance(urls, dict):
        return {name: _moved(part, base_url) for name, part in urls.items()}
    return base_url + urlsplit(urls).path


def _plain(error: Exception, length: int = 200) -> str:
    # The query of a signed request must not appear in a log.
    text = re.sub(r"\?\S*", "", " ".join(str(error).split()))
    words = f"{type(error).__name__}: {text}"
    return words if len(words) <= length else words[: length - 1] + "…"
