"""A server for one reader on this machine: GET and HEAD, from the working folder alone."""

import mimetypes
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

from data_feeds.errors import RiskoffError
from engine.serving.served_pages import CHECKLIST, FOLDERS, RUNS, checklist_page, list_page

HOST = "127.0.0.1"
# A page of another site that leads its own name to this machine is refused by the Host header.
HOSTS = ("127.0.0.1", "localhost")
# Pages link to their tables, which a browser saves.
TABLES = (".parquet", ".csv")
SUFFIXES = (".html", ".txt", ".png", ".svg", ".json", ".yaml", ".css", ".js", *TABLES)
# Pages carry their own styles and scripts and may load nothing from anywhere.
POLICY = (
    "default-src 'none'; img-src 'self' data:; style-src 'unsafe-inline'; "
    "script-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
)


class LocalServer(ThreadingHTTPServer):
    """Serves a working folder on the loopback address.

    Parameters
    ----------
    root : the working folder
    data : the catalog that the checklist reads, or ``embedded``
    port : 0 for a free one
    """

    def __init__(self, root: Path, data: str, port: int) -> None:
        self.root, self.data = root.resolve(), data
        super().__init__((HOST, port), _Handler)

    @property
    def address(self) -> str:
        """Return the address to open."""
        return f"http://{HOST}:{self.server_address[1]}/"


class _Handler(BaseHTTPRequestHandler):
    server: LocalServer
    server_version = "riskoff"
    sys_version = ""

    def do_GET(self) -> None:
        """Answer with a page."""
        self._answer(body=True)

    def do_HEAD(self) -> None:
        """Answer with the headers of a page."""
        self._answer(body=False)

    def log_message(self, *_: object) -> None:
        """Print nothing for a request."""

    def _answer(self, *, body: bool) -> None:
        status, kind, content = self._found()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Content-Security-Policy", POLICY)
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Referrer-Policy", "no-referrer")
        self.end_headers()
        if body:
            self.wfile.write(content)

    def _found(self) -> tuple[HTTPStatus, str, bytes]:
        """Return status, type and content of the answer."""
        if self.headers.get("Host", "").rpartition(":")[0] not in HOSTS:
            return _text(HTTPStatus.FORBIDDEN, "this server answers on its own address alone")
        asked = urlsplit(self.path)
        if asked.path == "/":
            return _page(list_page(self.server.root))
        if asked.path == CHECKLIST:
            day = parse_qs(asked.query).get("day", [None])[0]
            try:
                return _page(checklist_page(self.server.data, day))
            except (RiskoffError, ValueError) as error:
                return _text(HTTPStatus.NOT_FOUND, str(error))
        return self._file(unquote(asked.path))

    def _file(self, path: str) -> tuple[HTTPStatus, str, bytes]:
        """Return a file below one of our folders; a link or ``..`` leads nowhere outside."""
        root = self.server.root
        if "\0" in path:
            return _text(HTTPStatus.NOT_FOUND, "no such page")
        place = (root / path.lstrip("/")).resolve()
        inside = [root / folder for folder in (RUNS, *FOLDERS)]
        ours = any(place.is_relative_to(folder) for folder in inside)
        if not ours or place.suffix not in SUFFIXES or not place.is_file():
            return _text(HTTPStatus.NOT_FOUND, "no such page")
        kind = mimetypes.guess_type(place.name)[0] or "text/plain"
        kind = "text/plain" if place.suffix == ".yaml" else kind
        kind = "application/octet-stream" if place.suffix in TABLES else kind
        charset = "; charset=utf-8" if kind.startswith("text/") else ""
        return HTTPStatus.OK, f"{kind}{charset}", place.read_bytes()


def _page(html: str) -> tuple[HTTPStatus, str, bytes]:
    return HTTPStatus.OK, "text/html; charset=utf-8", html.encode()


def _text(status: HTTPStatus, words: str) -> tuple[HTTPStatus, str, bytes]:
    return status, "text/plain; charset=utf-8", f"{words}\n".encode()
