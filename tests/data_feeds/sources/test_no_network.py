"""The guard that restricts tests to this computer."""

import socket
import urllib.request
from pathlib import Path

import pytest
import requests

from data_feeds.sources.http import HttpClient
from data_feeds.sources.retry import RetryPolicy
from tests.data_feeds.guard import NetworkForbidden, forbid_network, is_local
from tests.data_feeds.loopback.server import Loopback, Response

# Addresses reserved for documentation do not answer, even if the guard fails.
ELSEWHERE = "192.0.2.1"
ELSEWHERE_6 = "2001:db8::1"


@pytest.fixture(autouse=True)
def _guarded(monkeypatch: pytest.MonkeyPatch) -> None:
    forbid_network(monkeypatch)


def test_no_socket_connects_elsewhere() -> None:
    with socket.socket() as one, pytest.raises(NetworkForbidden, match=r"192\.0\.2\.1"):
        one.connect((ELSEWHERE, 80))
    with socket.socket() as one, pytest.raises(NetworkForbidden, match=r"192\.0\.2\.1"):
        one.connect_ex((ELSEWHERE, 80))
    with pytest.raises(NetworkForbidden):
        socket.create_connection((ELSEWHERE, 80), timeout=0.01)


def test_no_datagram_leaves() -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as one:
        with pytest.raises(NetworkForbidden):
            one.sendto(b"?", (ELSEWHERE, 53))
        with pytest.raises(NetworkForbidden):
            one.sendto(b"?", 0, (ELSEWHERE, 53))


def test_no_other_name_is_resolved() -> None:
    for host in ("data.binance.vision", b"data.binance.vision", ELSEWHERE, ELSEWHERE_6):
        with pytest.raises(NetworkForbidden, match="serve it on the loopback"):
            socket.getaddrinfo(host, 443)


def test_clients_do_not_take_the_guard_for_an_outage() -> None:
    waits: list[float] = []
    client = HttpClient(RetryPolicy(sleep=waits.append))
    with pytest.raises(NetworkForbidden, match=r"data\.binance\.vision"):
        client.get("https://data.binance.vision/data")
    assert waits == []
    # Whatever proxy the environment names
    session = requests.Session()
    session.trust_env = False
    with session, pytest.raises(NetworkForbidden):
        session.get(f"http://{ELSEWHERE}/")
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with pytest.raises(NetworkForbidden):
        opener.open("http://example.org/")


def test_the_loopback_stays_open() -> None:
    with Loopback(lambda _: Response(b"here")).running() as loopback:
        assert HttpClient().get(f"{loopback.url}/") == b"here"
        port = int(loopback.url.rsplit(":", 1)[1])
        with socket.socket() as one:
            assert one.connect_ex(("localhost", port)) == 0


def test_unix_sockets_stay_open(tmp_path: Path) -> None:
    path = str(tmp_path / "s")
    with socket.socket(socket.AF_UNIX) as server, socket.socket(socket.AF_UNIX) as client:
        server.bind(path)
        server.listen()
        client.connect(path)


@pytest.mark.parametrize(
    ("host", "local"),
    [
        ("127.0.0.1", True),
        ("127.0.0.53", True),
        ("::1", True),
        ("localhost", True),
        (None, True),
        ("0.0.0.0", False),
        (ELSEWHERE, False),
        (ELSEWHERE_6, False),
        ("localhost.example.org", False),
    ],
)
def test_local_is_the_loopback_only(host: str | None, local: bool) -> None:
    assert is_local(host) is local


def test_the_guard_ends_with_its_test() -> None:
    before = socket.socket.connect
    with pytest.MonkeyPatch.context() as patch:
        forbid_network(patch)
        assert socket.socket.connect is not before
    assert socket.socket.connect is before
