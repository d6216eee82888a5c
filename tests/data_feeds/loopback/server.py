"""A small HTTP server on the loopback interface, with faults on request."""

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit


@dataclass(frozen=True)
class Request:
    """One GET: the path, and the query with its first value by name."""

    path: str
    query: dict[str, str]


@dataclass(frozen=True)
class Response:
    """Answer of the server."""

    body: bytes
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


def as_json(document: Any, status: int = 200) -> Response:
    """Return a document as a JSON response."""
    return Response(json.dumps(document).encode(), status, {"Content-Type": "application/json"})


class Fault(Enum):
    """Fault of one answer; the next request is served normally unless another fault is queued.

    RESET closes the connection in the middle of the body. TRUNCATED announces and sends half of the
    body (broken JSON). DRIP sends the body in tiny pieces. BUSY is 429 with ``Retry-After: 1``,
    TEAPOT is 418, ERROR is 500, EMPTY an empty JSON list.
    """

    BUSY = "busy"
    TEAPOT = "teapot"
    ERROR = "error"
    RESET = "reset"
    TRUNCATED = "truncated"
    DRIP = "drip"
    EMPTY = "empty"


Answer = Callable[[Request], Response | None]


class Loopback:
    """A server on 127.0.0.1 whose answers come from ``answer``; None is a 404.

    ``requests`` remembers what was asked. ``faults`` are used up, one for each request whose path
    contains ``fault_path``.
    """

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.requests: list[Request] = []
        self.faults: list[Fault] = []
        self.fault_path = ""
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True

    @property
    def url(self) -> str:
        """Base address without a slash at its end."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def fail(self, faults: Sequence[Fault], path: str = "") -> None:
        """Queue faults for the next requests with ``path`` in their path."""
        with self._lock:
            self.faults, self.fault_path = list(faults), path

    def next_fault(self, path: str) -> Fault | None:
        """Return the fault of a request and remove it from the queue."""
        with self._lock:
            if self.faults and self.fault_path in path:
                return self.faults.pop(0)
            return None

    @contextmanager
    def running(self) -> Iterator["Loopback"]:
        """Serve inside a with block."""
        thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            thread.join()
            self._server.server_close()


def _handler(loopback: Loopback) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # Without this a kept-alive connection waits 40 ms for each answer.
        disable_nagle_algorithm = True

        def log_message(self, *_: object) -> None:
            """Print nothing."""

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            query = {name: values[0] for name, values in parse_qs(parts.query).items()}
            request = Request(parts.path, query)
            loopback.requests.append(request)
            fault = loopback.next_fault(parts.path)
            self._send(_response(loopback, request, fault), fault)

        def _send(self, response: Response, fault: Fault | None = None) -> None:
            body = response.body
            if fault is Fault.TRUNCATED:
                body = body[: len(body) // 2]
            self.send_response(response.status)
            for name, value in response.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if fault is Fault.RESET:
                self.wfile.write(body[: len(body) // 2])
                self.close_connection = True
                return
            piece = max(len(body) // 50, 1) if fault is Fault.DRIP else max(len(body), 1)
            for i in range(0, len(body), piece):
                self.wfile.write(body[i : i + piece])
                self.wfile.flush()

    return Handler


def _response(loopback: Loopback, request: Request, fault: Fault | None) -> Response:
    if fault in _STATUS:
        return Response(b"{}", *_STATUS[fault])
    if fault is Fault.EMPTY:
        return as_json([])
    return loopback.answer(request) or Response(b"not here", 404)


_STATUS: dict[Fault | None, tuple[int, dict[str, str]]] = {
    Fault.BUSY: (429, {"Retry-After": "1"}),
    Fault.TEAPOT: (418, {"Retry-After": "1"}),
    Fault.ERROR: (500, {}),
}
