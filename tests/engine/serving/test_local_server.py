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


@pytest.mark.parametrize("name", ["metrics.json", "manifest.json", "seals.json"])
def test_a_run_whose_files_hold_other_things_is_listed_as_damaged(root: Path, make_run, name):
    run = write_run(make_run(hours=70), root / "runs")
    (run / name).write_text("[]")
    html = list_page(root)
    assert html.count("<tr><td>") == 2 + 2
    assert "damaged" in html


def page_at(root: Path, path: str, title: str, *, day: int) -> None:
    place = root / path
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(f"<!DOCTYPE html><title>{title}</title>")
    os.utime(place, (day * 86_400, day * 86_400))


def test_each_kind_is_listed_with_titles_and_dates_the_newest_first(tmp_path: Path):
    page_at(tmp_path, "stress/old-1/index.html", "under scenario A &amp; more", day=1)
    page_at(tmp_path, "stress/new-2/index.html", "under scenario B", day=3)
    page_at(tmp_path, "stress/path-3/tearsheet.html", "one path", day=2)
    page_at(tmp_path, "study/index.html", "Event study of 2020", day=1)
    page_at(tmp_path, "attributions/a/index.html", "What each condition earned", day=1)
    page_at(tmp_path, "checklist/index.html", "Risk-off checklist", day=1)
    page_at(tmp_path, "checklist/2026-02-05.html", "hedge", day=2)
    page_at(tmp_path, "today/friday.html", "Today: wait", day=1)
    page_at(tmp_path, "checklist/notes.html", "of the owner", day=3)
    page_at(tmp_path, "sweeps/.partial/report.html", "unfinished", day=1)
    html = list_page(tmp_path)
    order = ["Stress", "under scenario B", "one path", "under scenario A &amp; more"]
    order += ["Attributions", "Studies", "Event study of 2020", "Checklist", "2026-02-05"]
    order += ["friday", "Today: wait"]
    body = html[html.index("<main") :]
    places = [body.index(words) for words in order[:4]]
    assert places == sorted(places)
    for words in order:
        assert words in body
    assert "1970-01-04 00:00" in body
    assert "of the owner" not in body
    assert "unfinished" not in body
    assert "Sweeps" not in body


def test_a_folder_of_an_earlier_version_is_listed_and_opens_what_it_has(tmp_path: Path):
    for path in ("stress/a/summary.txt", "attributions/b/attribution.json", "study/study.json"):
        page_at(tmp_path, path, "", day=1)
    html = list_page(tmp_path)
    for path in ("stress/a/summary.txt", "attributions/b/attribution.json", "study/study.json"):
        assert f'href="/{path}"' in html


def test_a_file_that_is_no_page_does_not_break_the_list(tmp_path: Path):
    page_at(tmp_path, "stress/good/index.html", "the good one", day=1)
    broken = tmp_path / "stress" / "broken" / "index.html"
    broken.parent.mkdir()
    broken.write_bytes(b"\xff\x00\xfe" * 100)
    (tmp_path / "stress" / "gone").symlink_to(tmp_path / "nowhere")
    (tmp_path / "study").write_text("a file where a folder should be")
    html = list_page(tmp_path)
    assert "the good one" in html
    assert "no page; opens index.html" in html


def test_a_folder_that_cannot_be_listed_is_told_and_hides_no_other(tmp_path: Path, monkeypatch):
    page_at(tmp_path, "stress/good/index.html", "the good one", day=1)
    (tmp_path / "sweeps").mkdir()
    honest = Path.iterdir

    def refused(path):
        if path.name == "sweeps":
            raise PermissionError(13, "Permission denied")
        return honest(path)

    monkeypatch.setattr(Path, "iterdir", refused)
    html = list_page(tmp_path)
    assert "the good one" in html
    assert "sweeps: cannot be listed (Permission denied)" in html


def test_tables_that_a_page_links_to_are_saved(server: LocalServer, root: Path):
    (root / "compare" / "two rows" / "matrix.csv").write_text("a,b")
    status, headers, text = asked(server, "/compare/two%20rows/matrix.csv")
    assert (status, headers["Content-Type"], text) == (200, "application/octet-stream", "a,b")


def test_an_account_is_listed_and_opens(root: Path, make_run):
    account = write_run(make_run(hours=80), root / "runs")
    (account / "account.resolved.yaml").write_text("name: x")
    (account / "account.html").write_text(PAGE)
    assert f'href="/runs/{account.name}/account.html"' in list_page(root)


def test_the_list_escapes_names(tmp_path: Path):
    page = tmp_path / "compare" / "<b>" / "index.html"
    page.parent.mkdir(parents=True)
    page.write_text(PAGE)
    html = list_page(tmp_path)
    assert "<b>" not in html
    assert "&lt;b&gt;" in html
