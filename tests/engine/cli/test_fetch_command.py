"""Check ``riskoff data fetch`` against publishers on the loopback."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from data_feeds.catalog import Catalog
from data_feeds.clock import text_ns, utc_text
from data_feeds.errors import SchemaError
from data_feeds.fetch import terms_files as terms
from data_feeds.fetch.make_source import SourceOptions
from data_feeds.schema import ChannelKey, ChannelKind
from data_feeds.sources.retry import RetryPolicy
from engine.cli import fetch_command
from engine.config.locations import CONFIGS_FOLDER
from tests.data_feeds.factory import ns
from tests.data_feeds.loopback.archive import Archive
from tests.data_feeds.loopback.fred import Fred
from tests.data_feeds.loopback.server import Loopback
from tests.engine.cli.command import Command

NOW = ns("2024-02-20T06:00")
YIELDS = ChannelKey("DGS10", ChannelKind.SERIES)
BARS = ChannelKey("BTCUSDT-PERP", ChannelKind.BARS, "1h")
PLAN = """
instruments:
  - {id: BTCUSDT-PERP, kind: perp, tick_size: 0.1}
  - {id: DGS10, kind: series, quote: percent}
windows:
  winter: {start: 2024-01-20, end: 2024-02-05}
fetch:
  - source: fred
    instrument: DGS10
  - source: binance_archive
    symbol: BTCUSDT
    instrument: BTCUSDT-PERP
    channels: [bars/1h]
"""
HISTORY = {
    "2024-01-19": [("2024-01-22", "4.15")],
    "2024-01-22": [("2024-01-23", "4.11")],
    "2024-02-02": [("2024-02-05", "4.03")],
}


@pytest.fixture
def publishers(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Loopback, Loopback]]:
    """Serve FRED and Binance's archive; waits between attempts take no time."""
    fred, archive = Loopback(Fred("DGS10", HISTORY)), Loopback(Archive())
    with fred.running(), archive.running():
        options = SourceOptions(
            now=lambda: NOW,
            policy=RetryPolicy(attempts=2, sleep=lambda _: None),
            base_urls={"fred": fred.url, "binance_archive": archive.url},
        )
        monkeypatch.setattr(fetch_command, "source_options", lambda: options)
        yield fred, archive


@pytest.fixture
def plan(tmp_path: Path) -> str:
    (tmp_path / "plan.yaml").write_text(PLAN)
    return "plan.yaml"


def test_a_plan_is_fetched_listed_and_sound(
    command: Command, plan: str, publishers: tuple[Loopback, Loopback], tmp_path: Path
) -> None:
    done = command("data", "fetch", plan, "--data", "catalog")
    assert (done.returncode, done.stderr) == (0, "")
    # 16 days of 24 hours; of the three yields the first lies before the window.
    assert done.stdout.splitlines() == [
        "DGS10/series: 2 new rows, from FRED DGS10 "
        "(FRED's CSV has the latest revisions only; a key brings the earlier ones)",
        "BTCUSDT-PERP/bars/1h: 384 new rows, from Binance archive",
    ]
    rows = Catalog(tmp_path / "catalog").read(YIELDS)
    # The first Federal Reserve business day after 2024-01-22, 16:15 in New York.
    assert utc_text(rows["available_at"][0]) == "2024-01-23T21:15Z"
    assert command("data", "verify", "--data", "catalog").returncode == 0


def test_what_is_stored_is_not_asked_for_again(
    command: Command, plan: str, publishers: tuple[Loopback, Loopback]
) -> None:
    command("data", "fetch", plan, "--data", "catalog")
    asked = [len(server.requests) for server in publishers]
    again = command("data", "fetch", plan, "--data", "catalog")
    assert again.returncode == 0
    assert [len(server.requests) for server in publishers] == asked
    assert "0 new rows" in again.stdout


def test_a_dry_run_asks_nobody_and_stores_nothing(
    command: Command, plan: str, publishers: tuple[Loopback, Loopback], tmp_path: Path
) -> None:
    done = command("data", "fetch", plan, "--data", "catalog", "--dry-run")
    window = "2024-01-20T00:00Z to 2024-02-05T00:00Z"
    assert done.stdout.splitlines() == [
        f"DGS10/series: FRED DGS10: {window}",
        f"BTCUSDT-PERP/bars/1h: Binance archive: {window}",
        "2 of 2 channels lack rows; no request was sent",
    ]
    assert all(server.requests == [] for server in publishers)
    assert not (tmp_path / "catalog").exists()
    command("data", "fetch", plan, "--data", "catalog")
    again = command("data", "fetch", plan, "--data", "catalog", "--dry-run", "--json")
    assert [row["asks"] for row in json.loads(again.stdout)] == [[], []]


def test_a_dry_run_says_whole_seconds(
    command: Command, plan: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    late = text_ns("2024-02-01T09:47:27") + 151_975_174
    options = SourceOptions(now=lambda: late)
    monkeypatch.setattr(fetch_command, "source_options", lambda: options)
    (tmp_path / plan).write_text(PLAN.replace(", end: 2024-02-05", ""))
    done = command("data", "fetch", plan, "--data", "catalog", "--dry-run")
    first = done.stdout.splitlines()[0]
    assert first == "DGS10/series: FRED DGS10: 2024-01-20T00:00Z to 2024-02-01T09:47:27Z"


def test_a_source_that_fails_ends_its_own_channel_and_the_command(
    command: Command, plan: str, publishers: tuple[Loopback, Loopback], tmp_path: Path
) -> None:
    fred, _ = publishers
    fred.answer = lambda _: None
    done = command("data", "fetch", plan, "--data", "catalog")
    assert done.returncode == 3
    assert "DGS10/series: FAILED, from FRED DGS10" in done.stdout
    assert done.stderr.startswith("error: DGS10/series: ")
    assert Catalog(tmp_path / "catalog").entry(BARS).rows == 384


def test_json_holds_what_the_lines_say(
    command: Command, plan: str, publishers: tuple[Loopback, Loopback]
) -> None:
    done = command("data", "fetch", plan, "--data", "catalog", "--json")
    found = json.loads(done.stdout)
    assert [(row["key"], row["rows"]) for row in found["channels"]] == [
        ("DGS10/series", 2), ("BTCUSDT-PERP/bars/1h", 384),
    ]  # fmt: skip
    assert found["terms"] == []


def test_the_shipped_plan_reaches_every_source_and_three_windows(command: Command) -> None:
    # A request to a publisher would fail the test.
    done = command("data", "fetch", "episodes", "--data", "none", "--dry-run", "--json")
    assert done.returncode == 0
    rows = {row["channel"]: row for row in json.loads(done.stdout)}
    assert len(rows) == 55
    assert len(rows["BTCUSDT-PERP/bars/5m"]["asks"]) == 3
    assert {row["source"].split()[0] for row in rows.values()} == {
        "Binance", "binanceusdm", "binance", "Yahoo", "FRED",
    }  # fmt: skip
    assert (CONFIGS_FOLDER / "data" / "episodes.yaml").is_file()


def test_a_series_without_a_release_rule_is_refused_before_anything_is_asked(
    command: Command, tmp_path: Path, publishers: tuple[Loopback, Loopback]
) -> None:
    (tmp_path / "plan.yaml").write_text(PLAN.replace("DGS10", "WALCL"))
    done = command("data", "fetch", "plan.yaml", "--data", "catalog")
    assert done.returncode == 3
    assert "no release rule" in done.stderr
    assert all(server.requests == [] for server in publishers)


def test_terms_that_fail_do_not_hide_what_was_fetched(
    command: Command,
    plan: str,
    publishers: tuple[Loopback, Loopback],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(*_: object) -> Iterator[Path]:
        yield tmp_path / "first.yaml"
        raise SchemaError("no leverage brackets came")

    monkeypatch.setattr(terms, "store_terms", broken)
    entry = "  - source: ccxt\n    symbol: BTC/USDT\n    terms: true\n    start: 2030-01-01\n"
    text = PLAN + entry + "    instrument: BTCUSDT-PERP\n    channels: [funding]\n"
    (tmp_path / "plan.yaml").write_text(text)
    done = command("data", "fetch", plan, "--data", "catalog")
    assert done.returncode == 3
    assert "BTCUSDT-PERP/bars/1h: 384 new rows" in done.stdout
    assert "venue terms of today" in done.stdout
    assert done.stderr == "error: venue terms: no leverage brackets came\n"
