"""The command ``today`` against publishers on the loopback, with a clock of its own."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from data_feeds.catalog import Catalog
from data_feeds.clock import HOUR_NS, utc_text
from data_feeds.fetch.make_source import SourceOptions
from data_feeds.schema import ChannelKey, ChannelKind
from data_feeds.sources.retry import RetryPolicy
from engine.cli import today_command
from engine.cli.completion import asked_names
from engine.today import TodayReport, Verdict
from tests.data_feeds.factory import ns
from tests.data_feeds.loopback.binance import KLINES, Binance
from tests.data_feeds.loopback.fred import Fred
from tests.data_feeds.loopback.server import Fault, Loopback
from tests.engine.cli.command import Command, assert_one_clear_line
from tests.engine.today.market_of_days import FILES, ORIGIN, PERP, channels

# A Tuesday, 18:40 in New York, after the checklist's reading.
NOW = ns("2026-02-10T23:40")
MS = 10**6
LISTED = ns("2026-01-01")
HOURS = ChannelKey(PERP.id, ChannelKind.BARS, "1h")
PLAN = """
instruments:
  - {id: BTCUSDT-PERP, kind: perp, quote: USDT, tick_size: 0.1}
  - {id: DGS2, kind: series, quote: percent}
fetch:
  - source: ccxt
    symbol: BTC/USDT:USDT
    instrument: BTCUSDT-PERP
    channels: [bars/1h]
    start: 2026-01-01
  - source: fred
    instrument: DGS2
    start: 2026-01-01
"""
YIELDS = {"2026-02-06": [("2026-02-09", "3.57")], "2026-02-09": [("2026-02-10", "3.55")]}


@dataclass
class Publishers:
    """The loopback venues, and the clock that they and the command share."""

    binance: Loopback
    fred: Loopback
    now: int = NOW

    def move(self, hours: int) -> None:
        """Let time pass, at the venue too."""
        self.now += hours * HOUR_NS
        self.binance.answer = replace(self.binance.answer, now=self.now // MS)

    @property
    def asked(self) -> int:
        """Return the number of requests so far."""
        return len(self.binance.requests) + len(self.fred.requests)


@pytest.fixture
def publishers(monkeypatch: pytest.MonkeyPatch) -> Iterator[Publishers]:
    venue = Loopback(Binance(NOW // MS, LISTED // MS, (0, 0)))
    fred = Loopback(Fred("DGS2", YIELDS))
    with venue.running(), fred.running():
        found = Publishers(venue, fred)
        options = SourceOptions(
            now=lambda: found.now,
            policy=RetryPolicy(attempts=2, sleep=lambda _: None),
            base_urls={"ccxt": venue.url, "fred": fred.url},
        )
        monkeypatch.setattr(today_command, "source_options", lambda: options)
        yield found


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    """Return a folder with a plan, a run file and a catalog whose perp is yet to be fetched."""
    (tmp_path / "plan.yaml").write_text(PLAN)
    (tmp_path / "dip.yaml").write_text(FILES["dip"].replace("CATALOG", "catalog"))
    catalog = Catalog(tmp_path / "catalog")
    for owner, rows in channels():
        if owner.id != PERP.id:
            catalog.write(owner, [rows], ORIGIN)
    return tmp_path


ASK = ("today", "dip.yaml", "--data", "catalog")
FETCHING = (*ASK, "--plan", "plan.yaml")


def test_new_rows_are_fetched_once_and_then_the_new_ones_only(
    command: Command, desk: Path, publishers: Publishers
) -> None:
    done = command(*FETCHING)
    # The made venue's price jumps about: the checklist asks for less risk.
    assert (done.returncode, done.stderr) == (10, "")
    # Hours from 2026-01-01 to 2026-02-10T23:00Z: 40 days and 23 hours; two yields.
    assert f"Fetched {40 * 24 + 23 + 2} new rows of 2 of 2 channels." in done.stdout
    assert "REDUCE: the checklist asks for less risk; 3 of 4 steps are known." in done.stdout
    assert "Riskoff, Tuesday 2026-02-10 18:40 New York (2026-02-10T23:40Z)" in done.stdout
    assert "Riskoff places no order" in done.stdout
    assert "Fetched 0 new rows of 0 of 2 channels." in command(*FETCHING).stdout
    publishers.move(hours=3)
    assert "Fetched 3 new rows of 1 of 2 channels." in command(*FETCHING).stdout
    bars = Catalog(desk / "catalog").read(HOURS)
    assert utc_text(bars["closed_at"][-1]) == "2026-02-11T02:00Z"


def test_a_venue_that_is_down_is_told_and_stored_rows_serve_while_they_are_fresh(
    command: Command, desk: Path, publishers: Publishers
) -> None:
    assert command(*FETCHING).returncode == 10
    publishers.move(hours=5)
    publishers.binance.fail([Fault.ERROR] * 50, KLINES)
    done = command(*FETCHING)
    assert done.returncode == 10
    assert done.stdout.splitlines()[-1] == (
        "REDUCE: the checklist asks for less risk; 3 of 4 steps are known."
    )
    assert "FAILED BTCUSDT-PERP/bars/1h: " in done.stdout
    assert "the answer is from stored rows" in done.stdout
    # A day later the perp's hours are older than the checklist's limit.
    publishers.move(hours=40)
    publishers.binance.fail([Fault.ERROR] * 50, KLINES)
    late = command(*FETCHING)
    assert late.returncode == 3
    assert "DATA TOO OLD: do not act on this answer." in late.stdout
    assert "BTCUSDT-PERP/bars/1h ends at 2026-02-10T23:00Z" in late.stdout


def test_a_publisher_that_failed_twice_is_not_asked_again(
    command: Command, desk: Path, publishers: Publishers
) -> None:
    several = PLAN.replace("id: DGS2,", "id: DGS2, kind: series, quote: percent}\n  - {id: DFF,")
    several = several.replace("instrument: DGS2", "each: [DGS2, DFF, DGS10, DGS3MO]")
    several = several.replace(
        "fetch:",
        "".join(
            f"  - {{id: {name}, kind: series, quote: percent}}\n" for name in ("DGS10", "DGS3MO")
        )
        + "fetch:",
    )
    (desk / "plan.yaml").write_text(several)
    publishers.fred.fail([Fault.ERROR] * 50)
    done = command(*FETCHING)
    failed = [line for line in done.stdout.splitlines() if line.startswith("FAILED")]
    assert [line.split()[1] for line in failed] == [
        f"{name}/series:" for name in ("DGS2", "DFF", "DGS10", "DGS3MO")
    ]
    assert ["not asked" in line for line in failed] == [False, False, True, True]
    assert f"Fetched {40 * 24 + 23} new rows of 1 of 5 channels." in done.stdout
    # Two attempts for each of the first two.
    assert len(publishers.fred.requests) == 4


def test_without_a_catalog_the_failures_are_the_error(
    command: Command, desk: Path, publishers: Publishers
) -> None:
    publishers.fred.fail([Fault.ERROR] * 50)
    publishers.binance.fail([Fault.ERROR] * 50)
    done = command("today", "dip.yaml", "--data", "none", "--plan", "plan.yaml")
    assert (done.returncode, done.stdout) == (3, "")
    first, second = done.stderr.splitlines()
    assert first.startswith("error: BTCUSDT-PERP/bars/1h: ")
    assert second.startswith("error: DGS2/series: ")


def test_without_a_fetch_no_request_is_sent(
    command: Command, desk: Path, publishers: Publishers
) -> None:
    assert command(*FETCHING).returncode == 10
    asked = publishers.asked
    done = command(*ASK, "--no-fetch")
    assert (done.returncode, publishers.asked) == (10, asked)
    assert "Nothing was fetched" in done.stdout
    # Neither does an answer about the past.
    past = command(*FETCHING, "--asof", "2026-02-09")
    assert publishers.asked == asked
    assert "Checklist of 2026-02-09, read at 18:30 New York" in past.stdout


def test_json_and_page_hold_the_same_answer(
    command: Command, desk: Path, publishers: Publishers
) -> None:
    done = command(*FETCHING, "--json", "--page", "out/today.html")
    document = json.loads(done.stdout)
    assert (document["verdict"], document["exit_code"]) == ("reduce", 10)
    assert document["places_orders"] is False
    assert document["fetched"]["rows"]["DGS2/series"] == 2
    assert document["playbooks"][0]["name"] == "dip"
    page = (desk / "out" / "today.html").read_text()
    assert "<h1>REDUCE: the checklist asks for less risk; 3 of 4 steps are known.</h1>" in page
    assert "Riskoff places no order" in page


@pytest.mark.parametrize(
    ("verdict", "code"), [("wait", 0), ("reduce", 10), ("hedge", 11), ("data too old", 3)]
)
def test_each_answer_has_its_exit_code(
    verdict: str,
    code: int,
    command: Command,
    desk: Path,
    publishers: Publishers,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(TodayReport, "verdict", Verdict(verdict))
    assert command(*FETCHING, "--json").returncode == code


def test_a_name_that_means_nothing_is_one_clear_line(command: Command, desk: Path) -> None:
    text = assert_one_clear_line(command("today", "dipp", "--no-fetch", "--data", "catalog"), 2)
    assert text.startswith("dipp: no such file; ")
    text = assert_one_clear_line(command("today", "hold", "--no-fetch", "--data", "catalog"), 2)
    assert text.startswith("hold: a playbook without a run for today; name a run file")
    text = assert_one_clear_line(command(*ASK, "--asof", "monday"), 2)
    assert text.startswith("'monday' is not an instant")


def test_a_run_that_begins_later_is_told_beside_the_checklist(command: Command, desk: Path) -> None:
    done = command(*ASK, "--asof", "2025-08-01")
    assert "dip: not begun; the run begins at 2025-09-02T00:00Z, see data.start" in done.stdout
    assert "Checklist of 2025-08-01" in done.stdout
    # The made venue has no row of that day for the checklist.
    assert done.returncode == 3


def test_an_empty_catalog_says_how_to_get_data(command: Command, desk: Path) -> None:
    text = assert_one_clear_line(command("today", "dip.yaml", "--no-fetch", "--data", "none"), 3)
    assert text.startswith("none: no catalog here; ")


def test_a_playbook_stands_for_its_shipped_run(command: Command) -> None:
    options = ("--asof", "2026-02-05", "--data", "embedded", "--json")
    done = command("today", "liquidation_reclaim", *options)
    document = json.loads(done.stdout)
    (told,) = document["playbooks"]
    assert (told["name"], told["playbook"]) == ("reclaim_2026_1h", "liquidation_reclaim")
    assert document["is_synthetic"] is True
    assert document["fetched"] is None


def test_a_finished_run_is_asked_by_its_name(
    command: Command, desk: Path, publishers: Publishers
) -> None:
    assert command(*FETCHING).returncode == 10
    window = ("--set", "data.end=2026-01-15")
    assert command("run", "dip.yaml", "--data", "catalog", *window).returncode == 0
    asked = ("--no-fetch", "--data", "catalog", "--json")
    by_file, by_name = (
        json.loads(command("today", name, *asked).stdout)["playbooks"]
        for name in ("dip.yaml", "dip")
    )
    assert by_name == by_file


def test_a_shell_completes_runs_rules_and_playbooks(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs" / "rsi_two-0123456789ab").mkdir(parents=True)
    assert asked_names("rsi") == ["rsi_two", "rsi_two-0123456789ab"]
    assert asked_names("liquidation") == ["liquidation_reclaim"]
