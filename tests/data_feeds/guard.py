"""Tests may connect to this computer only: any other address is an error."""

import ipaddress
import socket
from typing import Any

import pytest


class NetworkForbidden(RuntimeError):
    """A test tried to connect beyond the loopback interface.

    Not an OSError: clients take those for an outage and ask again.
    """


def forbid_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Restrict sockets and name resolution to the loopback interface.

    Covers everything in this process that goes through Python's ``socket``: requests, urllib,
    ccxt. A library with sockets of its own (curl) is not seen.

    Raises
    ------
    NetworkForbidden : later, at the call that would leave, with the address.
    """
    connect, connect_ex = socket.socket.connect, socket.socket.connect_ex
    sendto, getaddrinfo = socket.socket.sendto, socket.getaddrinfo

    def guarded_connect(self: socket.socket, address: Any) -> None:
        _check(self.family, address)
        connect(self, address)

    def guarded_connect_ex(self: socket.socket, address: Any) -> int:
        _check(self.family, address)
        return connect_ex(self, address)

    def guarded_sendto(self: socket.socket, data: Any, *where: Any) -> int:
        _check(self.family, where[-1])
        return sendto(self, data, *where)

    def guarded_getaddrinfo(host: Any, *args: Any, **kwargs: Any) -> Any:
        if not is_local(host):
            raise NetworkForbidden(_words(host))
        return getaddrinfo(host, *args, **kwargs)

    monkeypatch.setattr(socket.socket, "connect", guarded_connect)
    monkeypatch.setattr(socket.socket, "connect_ex", guarded_connect_ex)
    monkeypatch.setattr(socket.socket, "sendto", guarded_sendto)
    monkeypatch.setattr(socket, "getaddrinfo", guarded_getaddrinfo)


def is_local(host: Any) -> bool:
    """Return whether a host is this computer; None and "" are what servers bind to."""
    if isinstance(host, bytes):
        host = host.decode("ascii", errors="replace")
    if host in (None, "", "localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _check(family: int, address: Any) -> None:
    if family not in (socket.AF_INET, socket.AF_INET6):
        # AF_UNIX and the like do not leave the computer.
        return
    if not is_local(address[0]):
        raise NetworkForbidden(_words(address))


def _words(address: Any) -> str:
    return (
        f"a test wants to reach {address!r}; serve it on the loopback (tests/data_feeds/loopback)"
    )
