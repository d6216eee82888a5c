"""Check ``data list`` and ``data verify`` on a small catalog with known faults."""

import json
from datetime import date
from pathlib import Path

import pytest

from data_feeds.catalog import Catalog, Origin
from data_feeds.clock import DAY_NS, HOUR_NS
from data_feeds.delisting import Delisting
from data_feeds.instrument import Instrument, InstrumentKind
from data_feeds.schema import Channel, ChannelKey, ChannelKind
from engine.cli.listing import axis, listed
from engine.cli.output import print_columns
from tests.data_feeds.factory import PERP, bars, ns, series
from tests.data_feeds.quality_cases import SPOT, funding
from tests.engine.cli.command import Command, assert_one_clear_line, riskoff

START = ns("2026-02-02")
FLAT = (100, 100, 100, 100, 1)
SOURCE = Origin(source="An exchange with a long name that nobody needs to read on a phone")
YIELD = Instrument(id="DGS10", kind=InstrumentKind.SERIES)
SETTLED = funding([START + hour * HOUR_NS for hour in range(0, 48, 8)])


def two_days(*, without: tuple[int, ...] = (), idle: tuple[int, ...] = ()) -> Channel:
    """Return 48 hourly bars, some of them missing, some without volume."""
    held = [hour for hour in range(48) if hour not in without]
    rows = [(*FLAT[:4], 0) if hour in idle else FLAT for hour in held]
    return bars([START + hour * HOUR_NS for hour in held], rows)


@pytest.fixture
def catalog(tmp_path: Path) -> Catalog:
    """Return a catalog of bars with two holes and an idle hour, and of an older yield."""
    catalog = Catalog(tmp_path / "catalog")
    catalog.write(PERP, [two_days(without=(5, 30, 31), idle=(10,))], SOURCE)
    days = [ns("1990-01-01"), START + DAY_NS]
    catalog.write(YIELD, [series(days, days, [8.0, 4.2])], SOURCE)
    return catalog


@pytest.fixture
def sound_catalog(tmp_path: Path) -> Catalog:
    catalog = Catalog(tmp_path / "catalog")
    catalog.write(PERP, [two_days(), SETTLED], SOURCE)
    return catalog


# List ---------------------------------------------------------------------------------------------


def test_list_names_delisted_instruments(tmp_path: Path, command: Command) -> None:
    ended = Delisting(last_day=date(2026, 2, 3), final_price=0.5, reason="venue closed")
    gone = PERP.model_copy(update={"delisted": ended})
    Catalog(tmp_path / "catalog").write(gone, [two_days(), SETTLED], SOURCE)
    done = command("data", "list", "--data", "catalog")
    told = f"{PERP.id}: delisted after 2026-02-03 (venue closed), settled at 0.5"
    assert done.stdout.splitlines()[-1] == told
    documents = json.loads(command("data", "list", "--data", "catalog", "--json").stdout)
    assert documents[0]["delisted"] == {
        "last_day": "2026-02-03",
        "final_price": 0.5,
        "reason": "venue closed",
    }


@pytest.mark.usefixtures("catalog")
def test_list_draws_coverage_on_the_axis_of_the_bars(command: Command) -> None:
    done = command("data", "list", "--data", "catalog")
    assert (done.returncode, done.stderr) == (0, "")
    head, bars_line, yield_line = done.stdout.splitlines()
    assert head.split() == ["channel", "rows", "2026", "coverage", "gaps", "values", "source"]
    # 48 hours in 40 cells, 1.2 hours each. Hour 5 is missing: of cell 4, [4.8, 6), a sixth is left.
    # Hours 30 and 31 are all of cell 25, [30, 31.2), and two thirds of cell 26, [31.2, 32.4).
    cells = slice(head.index("2026"), head.index("2026") + 40)
    assert bars_line[cells] == "████▁" + "█" * 20 + " ▃" + "█" * 13
    assert "2 (3 rows)" in bars_line
    assert "2026-02-02T00:00Z to 2026-02-04T00:00Z" in bars_line
    # The yield's last day is half-way.
    assert yield_line[cells] == "█" * 20 + " " * 20
    assert "1990-01-01T00:00Z" in yield_line


@pytest.mark.usefixtures("catalog")
def test_json_has_what_the_table_has(command: Command) -> None:
    done = command("data", "list", "--data", "catalog", "--json")
    entry, series_entry = json.loads(done.stdout)
    named = ("instrument", "kind", "timeframe", "rows", "missing_rows", "parts", "covered")
    assert [entry[name] for name in named] == ["BTCUSDT-PERP", "bars", "1h", 45, 3, 1, []]
    assert (entry["first_at"], entry["last_at"]) == (START, START + 48 * HOUR_NS)
    assert (entry["first_at_utc"], entry["last_at_utc"]) == (
        "2026-02-02T00:00Z",
        "2026-02-04T00:00Z",
    )
    assert entry["labels"] == {"observed": 45, "inferred": 0, "synthetic": 0}
    assert [gap["rows"] for gap in entry["gaps"]] == [1, 2]
    (run,) = entry["idle"]
    assert run == {
        "started_at": START + 10 * HOUR_NS,
        "ended_at": START + 11 * HOUR_NS,
        "rows": 1,
    }
    assert entry["origin"]["source"] == SOURCE.source
    assert series_entry["gaps"] == []


@pytest.mark.usefixtures("catalog")
@pytest.mark.parametrize(
    ("width", "headings", "cells"),
    [
        (1000, "channel rows 2026 coverage gaps values source", 40),
        # Two blanks before each of 20 for the name, 4 rows, 38 coverage, 10 gaps, 8 values: 90.
        # Dates instead of times take 24: 76. Without values 66, without dates 40, without gaps 28.
        (130, "channel rows 2026 coverage gaps values", 40),
        (100, "channel rows 2026 coverage gaps values", 24),
        (80, "channel rows 2026 coverage gaps", 14),
        (60, "channel rows 2026 gaps", 20),
        (40, "channel rows 2026", 12),
    ],
)
def test_a_listing_fits_its_terminal(
    command: Command, monkeypatch: pytest.MonkeyPatch, width: int, headings: str, cells: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    head, *lines = command("data", "list", "--data", "catalog").stdout.splitlines()
    assert max(len(line) for line in (head, *lines)) <= width
    assert head.split() == headings.split()
    # The second line's bar is half full.
    assert lines[1].count("█") == cells // 2


@pytest.mark.usefixtures("catalog")
def test_since_moves_the_left_end_of_the_axis(command: Command) -> None:
    done = command("data", "list", "--data", "catalog", "--since", "2026-02-03")
    # From hour 24 on: 0.6 hours a cell; hours 30 and 31 are cells 10, 11, 12 and a third of 13.
    head, line, _ = done.stdout.splitlines()
    start = head.index("2026")
    assert line[start : start + 40] == "█" * 10 + "   ▅" + "█" * 26
    late = command("data", "list", "--data", "catalog", "--since", "2030-01-01")
    assert late.returncode == 0


def test_a_terminal_without_block_characters_gets_plain_ones(
    tmp_path: Path, catalog: Catalog
) -> None:
    done = riskoff("data", "list", "--data", catalog.path, cwd=tmp_path, PYTHONIOENCODING="ascii")
    assert (done.returncode, done.stderr) == (0, "")
    assert "####." + "#" * 20 + " ." + "#" * 13 in done.stdout
    assert done.stdout.isascii()


def test_an_axis_of_series_alone_begins_with_the_oldest(tmp_path: Path) -> None:
    catalog = Catalog(tmp_path / "catalog")
    days = [ns("1990-01-01"), ns("2020-01-01")]
    catalog.write(YIELD, [series(days, days, [8.0, 1.9])])
    assert axis(catalog.entries()) == (days[0], days[1])


def test_an_empty_catalog_is_a_line_of_headings(capsys: pytest.CaptureFixture[str]) -> None:
    print_columns(listed([], 100, None))
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith("channel")


# Verify -------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("catalog")
def test_verify_lists_findings_and_succeeds(command: Command) -> None:
    done = command("data", "verify", "--data", "catalog")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        "BTCUSDT-PERP/bars/1h: 45 rows, sound, 3 findings",
        "  gap: 2",
        "    2026-02-02T05:00Z to 2026-02-02T06:00Z: 1 bar missing",
        "    2026-02-03T06:00Z to 2026-02-03T08:00Z: 2 bars missing",
        "  zero volume: 1",
        "    2026-02-02T10:00Z to 2026-02-02T11:00Z: 1 bar without volume",
        "DGS10/series: 2 rows, sound",
        "BTCUSDT-PERP/funding: not there, 1 finding",
        "  missing funding: 1",
        "    2026-02-02T00:00Z to 2026-02-04T00:00Z: 6 settlements missing",
        "2 of 2 channels sound, 4 findings in 2 channels",
    ]


def test_of_many_findings_the_first_three_are_shown_unless_all_are_asked_for(
    tmp_path: Path, command: Command
) -> None:
    Catalog(tmp_path / "catalog").write(PERP, [two_days(without=(3, 6, 9, 12, 15)), SETTLED])
    lines = command("data", "verify", "--data", "catalog").stdout.splitlines()
    assert lines[1:6] == [
        "  gap: 5",
        "    2026-02-02T03:00Z to 2026-02-02T04:00Z: 1 bar missing",
        "    2026-02-02T06:00Z to 2026-02-02T07:00Z: 1 bar missing",
        "    2026-02-02T09:00Z to 2026-02-02T10:00Z: 1 bar missing",
        "    and 2 more; --all prints them",
    ]
    lines = command("data", "verify", "--data", "catalog", "--all").stdout.splitlines()
    assert len(lines) == 1 + 1 + 5 + 2


@pytest.mark.usefixtures("catalog")
def test_verify_as_json_nests_findings_in_channels(command: Command) -> None:
    done = command("data", "verify", "--data", "catalog", "--json")
    first, second, absent = json.loads(done.stdout)
    assert (first["key"], first["rows"], first["problem"]) == ("BTCUSDT-PERP/bars/1h", 45, "")
    assert [(f["kind"], f["rows"]) for f in first["findings"]] == [
        ("gap", 1),
        ("zero_volume", 1),
        ("gap", 2),
    ]
    assert second["findings"] == []
    assert set(absent) == set(first)
    assert (absent["key"], absent["files"], absent["rows"]) == ("BTCUSDT-PERP/funding", 0, 0)
    assert [(f["kind"], f["rows"]) for f in absent["findings"]] == [("missing_funding", 6)]


@pytest.mark.usefixtures("catalog")
def test_strict_fails_after_the_findings_are_printed(command: Command) -> None:
    done = command("data", "verify", "--data", "catalog", "--strict")
    assert done.returncode == 3
    assert done.stdout.count(" missing") == 3 + 1
    assert done.stderr.startswith("error: catalog: 4 findings in 2 channels; ")


@pytest.mark.usefixtures("sound_catalog")
def test_strict_succeeds_on_sound_data(command: Command) -> None:
    done = command("data", "verify", "--data", "catalog", "--strict")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("2 of 2 channels sound, 0 findings in 0 channels\n")


@pytest.mark.usefixtures("catalog")
def test_hashes_only_says_that_nothing_was_searched(command: Command) -> None:
    done = command("data", "verify", "--data", "catalog", "--hashes-only")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        "BTCUSDT-PERP/bars/1h: 45 rows, sound, not searched",
        "DGS10/series: 2 rows, sound, not searched",
        "2 of 2 channels sound, not searched for bad data",
    ]
    done = command("data", "verify", "--data", "catalog", "--hashes-only", "--json")
    assert [row["findings"] for row in json.loads(done.stdout)] == [None, None]


@pytest.mark.usefixtures("catalog")
@pytest.mark.parametrize("other", ["--strict", "--peer=DGS10/series=DGS10/series"])
def test_hashes_only_is_refused_with_what_needs_a_search(command: Command, other: str) -> None:
    done = command("data", "verify", "--data", "catalog", "--hashes-only", other)
    line = assert_one_clear_line(done, 2)
    assert f"{other.partition('=')[0]} needs a search" in line


def test_a_broken_file_is_an_error_before_any_finding(catalog: Catalog, command: Command) -> None:
    (stored,) = (catalog.path / "channels" / "DGS10").glob("*.parquet")
    stored.write_bytes(stored.read_bytes()[:-1])
    done = command("data", "verify", "--data", "catalog")
    assert done.returncode == 3
    assert done.stdout.splitlines() == [
        "BTCUSDT-PERP/bars/1h: 45 rows, sound, not searched",
        "DGS10/series: 2 rows, BROKEN, not searched",
        "1 of 2 channels sound, not searched for bad data",
    ]
    (line,) = done.stderr.splitlines()
    assert stored.name in line


def test_declared_peers_are_compared_each(tmp_path: Path, command: Command) -> None:
    catalog = Catalog(tmp_path / "catalog")
    days = [START + i * DAY_NS for i in range(10)]
    values = [20.0] * 10
    values[3] = 30
    for name, held in (("VIX", values), ("VIXCLS", [20.0] * 10), ("VIXY", values)):
        instrument = Instrument(id=name, kind=InstrumentKind.SERIES)
        catalog.write(instrument, [series(days, days, held, name)])
    peers = ("--peer", "VIX/series=VIXCLS/series", "--peer", "VIX/series=VIXY/series")
    done = command("data", "verify", "--data", "catalog", *peers)
    assert "prices of 1 value up to +50.00% from VIXCLS/series" in done.stdout
    typo = command("data", "verify", "--data", "catalog", "--peer", "VIX/series=VIXCL/series")
    line = assert_one_clear_line(typo, 2)
    assert "'VIXCL/series' is no channel of catalog; did you mean VIXCLS/series?" in line


@pytest.mark.usefixtures("catalog")
def test_bars_are_not_compared_with_a_series(command: Command) -> None:
    pair = "BTCUSDT-PERP/bars/1h=DGS10/series"
    line = assert_one_clear_line(command("data", "verify", "--data", "catalog", "--peer", pair), 3)
    assert line == (
        "BTCUSDT-PERP/bars/1h and DGS10/series: a peer of bars cannot be series; "
        "compare bars or marks with bars or marks, and a series with a series"
    )


def test_prices_are_compared_between_venues(sound_catalog: Catalog, command: Command) -> None:
    rows = [FLAT] * 48
    rows[20] = (100, 110, 100, 110, 1)
    at = [START + hour * HOUR_NS for hour in range(48)]
    key = ChannelKey(SPOT.id, ChannelKind.BARS, "1h")
    sound_catalog.write(SPOT, [Channel(key, bars(at, rows).columns)])
    done = command("data", "verify", "--data", "catalog")
    # The perp is named, the spot bar is the odd one: 100 / 110 - 1 = -9.09%.
    assert (
        "2026-02-02T20:00Z to 2026-02-02T21:00Z: "
        "prices of 1 bar up to -9.09% from BTCUSDT-SPOT/bars/1h" in done.stdout
    )
