"""The local page: what it lists and opens, and what nobody gets from it."""

import http.client
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from data_feeds.default_data import EMBEDDED
from engine.pages.publish import TEARSHEET_FILE
from engine.results.contents import write_run
from engine.serving import LocalServer
from engine.serving.served_pages import list_page

PAGE = "<!DOCTYPE html><title>a page</title>"


@pytest.fixture
def root(tmp_path: Path, make_run) -> Path:
    """Return a working folder with a run, a comparison and a file of its owner's."""
    run = write_run(make_run(hours=60), tmp_path / "desk" / "runs")
    (run / TEARSHEET_FILE).write_text(PAGE)
    for page in ("compare/two rows/index.html", "sell-offs/index.html", "sweeps/empty/notes.md"):
        path = tmp_path / "desk" / page
        path.parent.mkdir(parents=True)
        path.write_text(PAGE)
    (tmp_path / "desk" / "secret.yaml").write_text("key: 1")
    (tmp_path / "outside.html").write_text("outside")
    return tmp_path / "desk"


@pytest.fixture
def server(root: Path) -> Iterator[LocalServer]:
    with LocalServer(root, EMBEDDED, 0) as made:
        thread = threading.Thread(target=made.serve_forever)
        thread.start()
        yield made
        made.shutdown()
        thread.join(60)


def asked(server: LocalServer, path: str, method: str = "GET", **headers: str):
    """Return status, headers and text of an answer."""
    connection = http.client.HTTPConnection("127.0.0.1", server.server_address[1], timeout=60)
    try:
        connection.request(method, path, headers=headers)
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read().decode()
    finally:
        connection.close()


def test_the_list_names_runs_and_finished_work_and_links_open(server: LocalServer, root: Path):
    status, headers, html = asked(server, "/")
    (run,) = (root / "runs").iterdir()
    assert (status, headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    for link in (f"/runs/{run.name}/{TEARSHEET_FILE}", "/compare/two%20rows/index.html"):
        assert f'href="{link}"' in html
        assert asked(server, link)[::2] == (200, PAGE)
    assert 'href="/sell-offs/index.html"' in html
    assert "Sweeps" not in html


def test_a_folder_without_work_says_how_to_begin(tmp_path: Path):
    assert "none yet: riskoff run demo" in list_page(tmp_path)


def test_pages_may_load_nothing_and_tell_nobody_where_they_are(server: LocalServer):
    headers = asked(server, "/")[1]
    assert headers["Content-Security-Policy"].startswith("default-src 'none';")
    assert (headers["X-Content-Type-Options"], headers["Referrer-Policy"]) == (
        "nosniff",
        "no-referrer",
    )


@pytest.mark.parametrize(
    "path",
    [
        "/secret.yaml",
        "/runs/../secret.yaml",
        "/runs/%2e%2e/secret.yaml",
        "/runs/..%2f..%2foutside.html",
        "//outside.html",
        "/runs",
        "/compare/two%20rows/absent.html",
        "/compare/%00",
        "/sweeps/empty/notes.md",
        "/link/index.html",
        "/compare/link/outside.html",
    ],
)
def test_nothing_outside_our_folders_is_answered(server: LocalServer, root: Path, path: str):
    (root / "compare" / "link").symlink_to(root.parent)
    assert asked(server, path)[0] == 404


def test_it_listens_on_this_machine_alone_and_takes_no_other_name(server: LocalServer):
    assert server.server_address[0] == "127.0.0.1"
    port = server.server_address[1]
    assert asked(server, "/", Host=f"attacker.example:{port}")[0] == 403
    assert asked(server, "/", Host=f"localhost:{port}")[0] == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_it_only_reads(server: LocalServer, root: Path, method: str):
    before = sorted(os.walk(root))
    assert asked(server, "/", method)[0] == 501
    assert sorted(os.walk(root)) == before


def test_head_has_the_headers_of_get_without_the_page(server: LocalServer):
    status, headers, text = asked(server, "/", "HEAD")
    assert (status, text) == (200, "")
    assert int(headers["Content-Length"]) == len(asked(server, "/")[2].encode())


def test_a_damaged_run_does_not_hide_the_others(server: LocalServer, root: Path, make_run):
    run = write_run(make_run(hours=70), root / "runs")
    (run / TEARSHEET_FILE).write_text(PAGE)
    (run / "metrics.json").write_text("{")
    status, _, html = asked(server, "/")
    assert status == 200
    assert html.count(TEARSHEET_FILE) == 2
    assert "damaged" in html


def test_the_checklist_of_the_last_day_and_of_a_day_and_a_day_that_is_none(server: LocalServer):
    status, _, html = asked(server, "/checklist")
    assert (status, "the checklist of 2026-04-15" in html) == (200, True)
    assert "SYNTHETIC DATA" in html
    assert "/checklist?day=2026-04-14" in html
    status, _, html = asked(server, "/checklist?day=2026-02-05")
    assert (status, "hedge: the checklist of 2026-02-05" in html) == (200, True)
    for day in ("soon", "1999-01-01"):
        assert asked(server, f"/checklist?day={day}")[0] == 404


def test_the_list_escapes_names(tmp_path: Path):
    page = tmp_path / "compare" / "<b>" / "index.html"
    page.parent.mkdir(parents=True)
    page.write_text(PAGE)
    html = list_page(tmp_path)
    assert "<b>" not in html
    assert "&lt;b&gt;" in html
