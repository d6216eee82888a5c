"""HTTP GET for publishers without a client library, with transient and permanent errors."""

import datetime as dt
import math
from email.utils import parsedate_to_datetime

import requests
from requests.exceptions import InvalidSchema, InvalidURL, MissingSchema

from data_feeds.errors import PermanentSourceError, TransientSourceError
from data_feeds.sources.retry import RetryPolicy, ask

# Binance answers 418 to a client that ignored 429.
RETRIED_STATUS = frozenset({408, 418, 425, 429, 500, 502, 503, 504})
NOT_FOUND = 404


class HttpClient:
    """Client for GET with retries. ``timeout_s`` limits the wait for a connection and a byte."""

    def __init__(
        self,
        policy: RetryPolicy | None = None,
        *,
        timeout_s: float = 30.0,
        session: requests.Session | None = None,
    ) -> None:
        self._policy = policy or RetryPolicy()
        self._timeout_s = timeout_s
        self._session = session or requests.Session()

    def get(self, url: str, params: dict[str, str] | None = None) -> bytes | None:
        """Return the body, or None if the document does not exist (404).

        Raises
        ------
        TransientSourceError : no answer, or a retried status, after every attempt.
        PermanentSourceError : any other status; the text contains the start of the answer.
        """
        return ask(lambda: self._once(url, params), self._policy)

    def _once(self, url: str, params: dict[str, str] | None) -> bytes | None:
        try:
            answer = self._session.get(url, params=params, timeout=self._timeout_s)
            body = answer.content
        except (InvalidSchema, InvalidURL, MissingSchema) as error:
            raise PermanentSourceError(f"{url}: no address: {_short(str(error))}") from error
        except requests.RequestException as error:
            raise TransientSourceError(f"{url}: no answer: {_short(str(error))}") from error
        if answer.status_code == NOT_FOUND:
            return None
        if answer.status_code in RETRIED_STATUS:
            raise TransientSourceError(
                f"{url}: answered {answer.status_code}; try again later",
                retry_after(answer.headers.get("Retry-After")),
            )
        if not answer.ok:
            raise PermanentSourceError(
                f"{url}: answered {answer.status_code}: {_short(answer.text)}"
            )
        # urllib3 before 2.0 does not notice a body that ends before its announced length.
        announced = answer.headers.get("Content-Length")
        encoded = answer.headers.get("Content-Encoding")
        if announced is not None and not encoded and len(body) != int(announced):
            raise TransientSourceError(f"{url}: {len(body)} of {announced} bytes came")
        return body


def retry_after(header: str | None, now: dt.datetime | None = None) -> float | None:
    """Return the wait of a ``Retry-After`` header, seconds; None if absent or unreadable.

    >>> retry_after("2")
    2.0
    """
    if header is None:
        return None
    try:
        seconds = float(header)
        return max(seconds, 0.0) if math.isfinite(seconds) else None
    except ValueError:
        pass
    try:
        until = parsedate_to_datetime(header)
    except ValueError:
        return None
    if until.tzinfo is None:
        # "-0000" also means UTC.
        until = until.replace(tzinfo=dt.UTC)
    moment = now or dt.datetime.now(dt.UTC)
    return max((until - moment).total_seconds(), 0.0)


def _short(text: str, length: int = 200) -> str:
    line = " ".join(text.split())
    return line if len(line) <= length else line[: length - 1] + "…"
