"""GET: answers, transient and permanent errors, truncated bodies."""

import datetime as dt
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import requests

from data_feeds.errors import PermanentSourceError, TransientSourceError
from data_feeds.sources.http import RETRIED_STATUS, HttpClient, retry_after
from data_feeds.sources.retry import RetryPolicy
from tests.data_feeds.loopback.server import Fault, Loopback, Request, Response
from tests.patience import HANGS_S

BODY = b"0123456789" * 20


class PreparedResponses:
    """Answers with prepared responses in order, then with the body."""

    def __init__(self, *responses: Response) -> None:
        self.responses = list(responses)

    def __call__(self, request: Request) -> Response | None:
        if request.path == "/nowhere":
            return None
        return self.responses.pop(0) if self.responses else Response(BODY)


@contextmanager
def served(*responses: Response) -> Iterator[tuple[HttpClient, Loopback, list[float]]]:
    """Serve responses on the loopback; the list gathers the waits between attempts."""
    waits: list[float] = []
    policy = RetryPolicy(attempts=3, sleep=waits.append)
    with Loopback(PreparedResponses(*responses)).running() as loopback:
        yield HttpClient(policy, timeout_s=HANGS_S), loopback, waits


def test_the_body_and_the_parameters_go_through_unchanged() -> None:
    with served() as (client, loopback, waits):
        assert client.get(f"{loopback.url}/file", {"symbol": "BTC/USDT", "n": "2"}) == BODY
    (request,) = loopback.requests
    assert (request.path, request.query) == ("/file", {"symbol": "BTC/USDT", "n": "2"})
    assert waits == []


def test_no_such_document_is_none_and_is_not_asked_again() -> None:
    with served() as (client, loopback, waits):
        assert client.get(f"{loopback.url}/nowhere") is None
    assert (len(loopback.requests), waits) == (1, [])


@pytest.mark.parametrize("status", sorted(RETRIED_STATUS))
def test_a_status_that_means_not_now_is_asked_again(status: int) -> None:
    with served(Response(b"", status), Response(b"", status)) as (client, loopback, waits):
        assert client.get(f"{loopback.url}/file") == BODY
    assert (len(loopback.requests), len(waits)) == (3, 2)


@pytest.mark.parametrize("status", sorted(RETRIED_STATUS))
def test_a_status_that_stays_is_a_transient_error(status: int) -> None:
    with (
        served(*[Response(b"", status)] * 3) as (client, loopback, _),
        pytest.raises(TransientSourceError, match=rf"/file: answered {status}; try again later"),
    ):
        client.get(f"{loopback.url}/file")
    assert len(loopback.requests) == 3


@pytest.mark.parametrize("status", [400, 401, 403, 410, 451])
def test_a_refusal_is_permanent_and_shows_the_start_of_the_answer(status: int) -> None:
    text = b"Service unavailable\n  from a restricted location " + b"x" * 500
    with (
        served(Response(text, status)) as (client, loopback, waits),
        pytest.raises(PermanentSourceError) as caught,
    ):
        client.get(f"{loopback.url}/file")
    start = f"{loopback.url}/file: answered {status}: "
    assert str(caught.value).startswith(
        f"{start}Service unavailable from a restricted location xxx"
    )
    # At most 200 characters of the answer, on one line
    assert len(str(caught.value)) == len(start) + 200
    assert (len(loopback.requests), waits) == (1, [])


def test_retry_after_in_seconds_is_waited_for() -> None:
    busy = Response(b"", 429, {"Retry-After": "17"})
    with served(busy) as (client, loopback, waits):
        assert client.get(f"{loopback.url}/file") == BODY
    assert waits == [17.0]


def test_retry_after_as_a_date_is_waited_for() -> None:
    until = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=90)
    busy = Response(b"", 503, {"Retry-After": f"{until:%a, %d %b %Y %H:%M:%S} GMT"})
    with served(busy) as (client, loopback, waits):
        assert client.get(f"{loopback.url}/file") == BODY
    # The header has whole seconds, and some time passes before it is read.
    assert len(waits) == 1
    assert 60 < waits[0] <= 90


def test_a_retry_after_that_is_too_long_fails_at_once() -> None:
    busy = Response(b"", 418, {"Retry-After": "86400"})
    with (
        served(busy) as (client, loopback, waits),
        pytest.raises(TransientSourceError, match="answered 418") as caught,
    ):
        client.get(f"{loopback.url}/file")
    assert caught.value.retry_after_s == 86_400.0
    assert (len(loopback.requests), waits) == (1, [])


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("2", 2.0),
        ("0.5", 0.5),
        ("-3", 0.0),
        ("soon", None),
        ("", None),
        ("nan", None),
        ("inf", None),
        ("Thu, 05 Feb 2026 12:01:30 GMT", 90.0),
        ("Thu, 05 Feb 2026 12:01:30 -0000", 90.0),
        ("Thu, 05 Feb 2026 13:00:10 +0100", 10.0),
        ("Thu, 05 Feb 2026 11:00:00 GMT", 0.0),
    ],
)
def test_retry_after_is_read_as_seconds_from_now(header: str | None, seconds: float | None) -> None:
    noon = dt.datetime(2026, 2, 5, 12, tzinfo=dt.UTC)
    assert retry_after(header, noon) == seconds


def test_a_connection_that_closes_in_the_body_is_asked_again() -> None:
    with served() as (client, loopback, waits):
        loopback.fail([Fault.RESET])
        assert client.get(f"{loopback.url}/file") == BODY
    assert (len(loopback.requests), len(waits)) == (2, 1)


def test_a_body_that_always_breaks_off_is_a_transient_error_and_never_half_an_answer() -> None:
    with served() as (client, loopback, _):
        loopback.fail([Fault.RESET] * 3)
        with pytest.raises(TransientSourceError, match="/file: "):
            client.get(f"{loopback.url}/file")


class Lenient(requests.Session):
    """Ignores a body that ends early, like urllib3 before 2.0."""

    def get(self, url: str, **_: object) -> requests.Response:
        answer = requests.Response()
        answer.status_code, answer.url, answer._content = 200, url, BODY[:50]
        answer.headers["Content-Length"] = "200"
        return answer


def test_a_body_shorter_than_announced_is_noticed_whatever_the_library_does() -> None:
    client = HttpClient(RetryPolicy(attempts=1), session=Lenient())
    with pytest.raises(TransientSourceError, match="50 of 200 bytes came"):
        client.get("http://127.0.0.1/file")


def test_a_body_in_small_pieces_is_whole() -> None:
    with served() as (client, loopback, waits):
        loopback.fail([Fault.DRIP])
        assert client.get(f"{loopback.url}/file") == BODY
    assert waits == []


def test_a_closed_port_is_a_transient_error() -> None:
    with socket.socket() as taken:
        # A bound port that does not listen refuses connections and stays reserved.
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/file"
        waits: list[float] = []
        client = HttpClient(RetryPolicy(attempts=3, sleep=waits.append), timeout_s=HANGS_S)
        with pytest.raises(TransientSourceError, match="/file: no answer: "):
            client.get(url)
    assert len(waits) == 2


def test_a_server_that_says_nothing_is_a_transient_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        client = HttpClient(RetryPolicy(attempts=1), timeout_s=0.05)
        with pytest.raises(TransientSourceError, match=r"no answer: .*timed out"):
            client.get(f"http://127.0.0.1:{silent.getsockname()[1]}/file")


@pytest.mark.parametrize("url", ["data.binance.vision/file", "ftp://127.0.0.1/file", "http://"])
def test_a_malformed_address_is_not_retried(url: str) -> None:
    waits: list[float] = []
    client = HttpClient(RetryPolicy(sleep=waits.append))
    with pytest.raises(PermanentSourceError, match="no address"):
        client.get(url)
    assert waits == []
