"""Imports by a mapping: release rules, all or nothing, refusals."""

import errno
import os
from pathlib import Path

import numpy as np
import pytest

from data_feeds import atomic
from data_feeds.catalog import Catalog
from data_feeds.clock import utc_text
from data_feeds.errors import (
    DataError,
    GapError,
    SchemaError,
    SourceError,
    StorageError,
    YamlError,
)
from data_feeds.schema import ChannelKey, ChannelKind
from data_feeds.sources.local_files import import_mapping
from tests.data_feeds.imports import (
    BARS,
    GOOD_BARS,
    SERIES,
    imported,
    known_at,
    perp_bars,
    stored_files,
)


@pytest.mark.parametrize(
    ("rule", "date", "expected"),
    [
        # Friday's yield is out on Monday at 16:15 New York, 21:15 UTC in winter.
        ('{lag_days: 1, at: "16:15", zone: America/New_York, business_days: FED}',
         "2026-02-06", "2026-02-09T21:15Z"),
        # The clocks change on Sunday 2026-03-08: 20:15 UTC.
        ('{lag_days: 1, at: "16:15", zone: America/New_York, business_days: FED}',
         "2026-03-06", "2026-03-09T20:15Z"),
        # The exchange trades on Columbus Day, the Federal Reserve publishes the day after.
        ('{lag_days: 1, at: "16:15", zone: America/New_York, business_days: FED}',
         "2025-10-10", "2025-10-14T20:15Z"),
        ('{lag_days: 1, at: "12:00", zone: UTC}', "2026-02-06", "2026-02-07T12:00Z"),
        ('{lag_days: 0, at: "00:10", zone: UTC}', "2026-02-06", "2026-02-06T00:10Z"),
        # Next Monday; a Monday counts to the one after; a holiday (2026-01-19) moves to Tuesday.
        ('{weekday: monday, at: "16:15", zone: UTC, business_days: FED}',
         "2026-02-06", "2026-02-09T16:15Z"),
        ('{weekday: monday, at: "16:15", zone: UTC, business_days: FED}',
         "2026-02-02", "2026-02-09T16:15Z"),
        ('{weekday: monday, at: "16:15", zone: UTC, business_days: FED}',
         "2026-01-16", "2026-01-20T16:15Z"),
        ("{lag: 15m}", "2026-02-06", "2026-02-06T00:15Z"),
    ],
)  # fmt: skip
def test_release_rules(tmp_path: Path, rule: str, date: str, expected: str) -> None:
    start = SERIES.index("    release:")
    mapping = SERIES[:start] + f"    release: {rule}\n    label: observed\n"
    catalog = imported(tmp_path, mapping, series=f"date,value\n{date},4.21\n")
    assert known_at(catalog) == [expected]


def test_a_session_date_becomes_the_exchange_s_hours(tmp_path: Path) -> None:
    rows = "symbol,d,o,h,l,c,v,div\n" + "".join(
        f"{symbol},{day},10,11,9,10,5,{dividend}\n"
        for symbol in ("SPY", "QQQ")
        for day, dividend in (("2025-11-26", 0), ("2025-11-28", 1.5))
    )
    common = """\
    each: [SPY, QQQ]
    stamp: session_date
    time: {column: d}
    symbol_column: symbol
    label: observed
"""
    mapping = (
        "  - path: etf.csv\n    kind: bars\n    timeframe: 1d\n"
        "    columns: {open: o, high: h, low: l, close: c, volume: v}\n" + common
        + "  - path: etf.csv\n    kind: dividends\n    columns: {amount: div}\n"
        "    drop_zero: true\n" + common
    )  # fmt: skip
    catalog = imported(tmp_path, mapping, etf=rows)
    for symbol in ("SPY", "QQQ"):
        bars = catalog.read(ChannelKey(symbol, ChannelKind.BARS, "1d"))
        # The day after Thanksgiving closes at 13:00 New York.
        assert [utc_text(at) for at in bars["available_at"]] == [
            "2025-11-26T21:00Z",
            "2025-11-28T18:00Z",
        ]
        dividends = catalog.read(ChannelKey(symbol, ChannelKind.DIVIDENDS))
        assert utc_text(dividends["event_at"][0]) == "2025-11-28T14:30Z"
        assert dividends["amount"].tolist() == [1.5]
        assert catalog.entry(bars.key).gaps == ()


def test_an_hourly_sum_is_known_at_the_end_of_its_hour(tmp_path: Path) -> None:
    mapping = """\
  - path: oi.csv
    instrument: P
    kind: open_interest
    timeframe: 1h
    stamp: open
    time: {column: t, zone: UTC}
    columns: {open_interest_quote: oi}
    scale: {open_interest_quote: 1.0e+6}
    label: inferred
"""
    catalog = imported(tmp_path, mapping, oi="t,oi\n2026-02-06 00:00,9020\n")
    channel = catalog.read(ChannelKey("P", ChannelKind.OPEN_INTEREST))
    assert utc_text(channel["available_at"][0]) == "2026-02-06T01:00Z"
    assert channel["open_interest_quote"].tolist() == [9.02e9]
    assert np.isnan(channel["open_interest_base"]).all()
    assert channel["label"].tolist() == [1]


# Rows ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("2026-02-06 00:00,11,13,10,12,6", r"row 1 .*not after the row before.*sort: true"),
        ("2026-02-06 00:30,11,13,10,12,6", r"row 1 .*overlaps"),
        ("2026-02-06 01:00,,13,10,12,6", r"row 1 at 2026-02-06T01:00Z: open nan"),
        ("2026-02-06 01:00,11,9,10,12,6", r"row 1 .*high 9 is below low 10|high 9 is below low"),
        ("2026-02-06 01:00,-11,13,10,12,6", r"row 1 .*open -11"),
        ("2026-02-06 01:00,eleven,13,10,12,6", r"column 'o'.*eleven"),
    ],
)
def test_broken_rows_are_refused_with_file_and_mapping_line(
    tmp_path: Path, row: str, message: str
) -> None:
    text = GOOD_BARS.splitlines(keepends=True)
    with pytest.raises(SchemaError, match=message) as caught:
        imported(tmp_path, BARS, bars="".join(text[:2]) + row + "\n")
    assert "bars.csv" in str(caught.value)
    assert "mapping.yaml:8)" in str(caught.value)
    assert not (tmp_path / "catalog" / "index.json").exists()


def test_sort_puts_rows_in_order(tmp_path: Path) -> None:
    head, first, second = GOOD_BARS.splitlines(keepends=True)
    catalog = imported(tmp_path, BARS + "    sort: true\n", bars=head + second + first)
    assert perp_bars(catalog)["close"].tolist() == [11, 12]


def test_decimals_remove_the_residue_of_computed_prices(tmp_path: Path) -> None:
    # The low lies 7e-15 above the open: two roundings of one price.
    text = GOOD_BARS.replace("10,12,9,11,5", "56.9572,58,56.957200000000007,57,5")
    with pytest.raises(SchemaError, match=r"low 56\.9572 is above open or close"):
        imported(tmp_path, BARS, bars=text)
    catalog = imported(tmp_path, BARS + "    decimals: 4\n", bars=text)
    assert perp_bars(catalog)["low"].tolist() == [56.9572, 10]


def test_a_hole_is_a_fact_unless_the_mapping_limits_it(tmp_path: Path) -> None:
    text = GOOD_BARS.replace("01:00", "04:00")
    catalog = imported(tmp_path, BARS, bars=text)
    assert catalog.entry(perp_bars(catalog).key).missing_rows == 3
    with pytest.raises(GapError, match=r"3 rows missing from 2026-02-06T01:00Z.*was 2"):
        imported(tmp_path, BARS + "    max_gap_bars: 2\n", bars=text)


SESSIONS = """\
  - path: etf.csv
    instrument: SPY
    kind: bars
    timeframe: 1h
    stamp: open
    time: {column: t, zone: America/New_York}
    columns: {open: o, high: h, low: l, close: c, volume: v}
    label: observed
"""


def session_closes(folder: Path, *clocks: str) -> list[str]:
    rows = "".join(f"{clock},10,10,10,10,5\n" for clock in clocks)
    catalog = imported(folder, SESSIONS, etf="t,o,h,l,c,v\n" + rows)
    bars = catalog.read(ChannelKey("SPY", ChannelKind.BARS, "1h"))
    assert bars["available_at"].tolist() == bars["closed_at"].tolist()
    return [utc_text(at) for at in bars["closed_at"]]


def test_the_last_bar_of_a_session_ends_at_its_close(tmp_path: Path) -> None:
    # Thursday closes at 16:00 New York, the day after Thanksgiving at 13:00, Monday at 16:00.
    assert session_closes(
        tmp_path, "2025-11-26 14:30", "2025-11-26 15:30", "2025-11-28 12:30", "2025-12-01 15:30"
    ) == ["2025-11-26T20:30Z", "2025-11-26T21:00Z", "2025-11-28T18:00Z", "2025-12-01T21:00Z"]


def test_a_closing_auction_is_no_sign_of_other_hours(tmp_path: Path) -> None:
    assert session_closes(tmp_path, "2025-11-26 15:30", "2025-11-26 16:00") == [
        "2025-11-26T21:00Z",
        "2025-11-26T22:00Z",
    ]


@pytest.mark.parametrize("other", ["2025-11-28 08:30", "2025-11-28 18:30", "2025-11-28 13:30"])
def test_in_a_file_with_other_hours_a_bar_over_the_close_keeps_its_length(
    tmp_path: Path, other: str
) -> None:
    # Before the open, after the close, where the bar over it ends.
    clocks = sorted(["2025-11-28 12:30", "2025-12-01 10:30", other])
    assert "2025-11-28T18:30Z" in session_closes(tmp_path, *clocks)


@pytest.mark.parametrize(
    ("stray", "kept"),
    [
        ("2025-11-27 10:30", 0),  # Thanksgiving
        ("2025-11-29 11:30", 0),  # a Saturday
        ("2025-11-26 17:00", 0),  # an hour after the close
        ("2025-11-26 05:30", 0),  # hours before the open
        ("2025-11-26 16:30", 1),  # where that day's last bar ends: it may hold later prices
    ],
)
def test_a_stray_row_changes_no_other_session(tmp_path: Path, stray: str, kept: int) -> None:
    days = ["2025-11-24", "2025-11-25", "2025-11-26", "2025-12-01"]
    clocks = [f"{day} {clock}" for day in days for clock in ("14:30", "15:30")]
    found = session_closes(tmp_path, *sorted([*clocks, stray]))
    # 16:00 in New York is 21:00Z in winter.
    assert sum(at.endswith("T21:00Z") for at in found) == 4 - kept
    assert ("2025-11-26T21:30Z" in found) == bool(kept)


def test_missing_values_are_refused_or_dropped_by_order(tmp_path: Path) -> None:
    text = "date,value\n2026-02-05,4.21\n2026-02-06,.\n2026-02-09,4.19\n"
    with pytest.raises(SchemaError, match="column 'value'"):
        imported(tmp_path, SERIES, series=text)
    catalog = imported(tmp_path, SERIES + "    drop_missing: true\n", series=text)
    found = catalog.read(ChannelKey("S", ChannelKind.SERIES))
    assert found["value"].tolist() == [4.21, 4.19]


def test_start_leaves_earlier_rows_out(tmp_path: Path) -> None:
    text = "date,value\n1900-01-02,9\n2026-02-05,4.21\n"
    with pytest.raises(SchemaError, match="1900-01-02"):
        imported(tmp_path, SERIES, series=text)
    catalog = imported(tmp_path, SERIES + '    start: "2026-01-01"\n', series=text)
    assert catalog.entries()[0].rows == 1


# Files and mappings -------------------------------------------------------------------------------


def test_files_that_cannot_be_read_are_source_errors(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"bars.csv: no such file"):
        imported(tmp_path, BARS)
    with pytest.raises(SourceError, match="no column 't'; it has a, b"):
        imported(tmp_path, BARS, bars="a,b\n1,2\n")
    (tmp_path / "bars.parquet").write_bytes(b"PAR1 cut short")
    with pytest.raises(SourceError, match=r"bars.parquet: cannot be read"):
        imported(tmp_path, BARS.replace("bars.csv", "bars.parquet"))
    with pytest.raises(SourceError, match="cannot be read"):
        imported(tmp_path, BARS, bars="")
    (tmp_path / "bars.xlsx").write_bytes(b"")
    with pytest.raises(SourceError, match=r"names no kind of file that is read: "):
        imported(tmp_path, BARS.replace("bars.csv", "bars.xlsx"))
    with pytest.raises(SchemaError, match="no rows"):
        imported(tmp_path, BARS, bars="t,o,h,l,c,v\n")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "    stamp: open",
            "    stmp: open",
            r"mapping.yaml:12: files.0.stmp: unknown key; did you",
        ),
        ("stamp: open", "stamp: opne", r"mapping.yaml:12: files.0.stamp: .*'opne'"),
        ("timeframe: 1h", "timeframe: 1x", r"mapping.yaml:11: .*'1x' is not a duration"),
        ("instrument: P", "instrument: Q", r"mapping.yaml:9: instrument 'Q' is not defined"),
        ("volume: v", "volum: v", r"mapping.yaml:8: .*'volum' is no column of bars"),
        ("    label: observed\n", "", r"mapping.yaml:8: files.0: give label .* or label_col"),
        ("stamp: open", "stamp: event", r"a bar is stamped open, close or session_date"),
        ("label: observed", "label: observed\n    release: {lag: 0m}", "known at its close"),
        ("label: observed", "label: observed\n    start: hello", r"start: .*no date.*'hello'"),
        ("label: observed", "label: observed\n    start: '2020-13-01'", "no date; write YYYY"),
        ("label: observed", "label: observed\n    start: '20200101'", "no date; write YYYY"),
        ("kind: bars", "kind: bars\n    kind: mark", r"mapping.yaml:11: key 'kind' repeated"),
    ],
)
def test_a_wrong_mapping_names_the_line(tmp_path: Path, old: str, new: str, message: str) -> None:
    with pytest.raises(YamlError, match=message) as caught:
        imported(tmp_path, BARS.replace(old, new), bars=GOOD_BARS)
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 2


def without_rule(release: str = "") -> str:
    """Return the series' entry without a rule, or with another line in its place."""
    start = SERIES.index("    release:")
    return SERIES[:start] + release + "    label: observed\n"


def known_series(folder: Path, release: str) -> str:
    """Return an entry of a series that the release table knows."""
    (folder / "known.yaml").write_text("instruments:\n  - {id: DGS10, kind: series}\n")
    entry = without_rule(release).replace("instrument: S", "instrument: DGS10")
    return entry + "instrument_files: [known.yaml]\n"


def test_a_series_without_a_release_rule_is_refused(tmp_path: Path) -> None:
    message = r"mapping.yaml:8: no release rule for 'S'.*its publication time is unknown"
    with pytest.raises(YamlError, match=message):
        imported(tmp_path, without_rule(), series="date,value\n")


@pytest.mark.parametrize(
    ("release", "expected"),
    [
        # Nothing said: H.15 on the next business day. The variant: Treasury, the same evening.
        ("", "2026-02-09T21:15Z"),
        ("    release: treasury\n", "2026-02-06T23:00Z"),
        ("    release: {lag: 15m}\n", "2026-02-06T00:15Z"),
        ("    release: {session_close: XNYS}\n", "2026-02-06T21:00Z"),
    ],
)
def test_a_known_series_needs_no_rule(tmp_path: Path, release: str, expected: str) -> None:
    mapping = known_series(tmp_path, release)
    catalog = imported(tmp_path, mapping, series="date,value\n2026-02-06,4.21\n")
    assert known_at(catalog, "DGS10") == [expected]


def test_an_unknown_variant_names_its_line(tmp_path: Path) -> None:
    mapping = known_series(tmp_path, "    release: tresury\n")
    with pytest.raises(YamlError, match=r"mapping.yaml:14: release 'tresury' is no variant"):
        imported(tmp_path, mapping, series="date,value\n")


@pytest.mark.parametrize(
    "rule",
    ["{lag_days: 1}", "{lag: 1m, lag_days: 1}", "{lag: 1m, at: '10:00', zone: UTC}",
     "{lag_days: 1, at: '25:00', zone: UTC}", "{}", "{lag: soon}", "[treasury]"],
)  # fmt: skip
def test_half_a_release_rule_is_refused(tmp_path: Path, rule: str) -> None:
    start = SERIES.index("    release:")
    mapping = SERIES[:start] + f"    release: {rule}\n    label: observed\n"
    with pytest.raises(YamlError, match=r"files\.0\.release"):
        imported(tmp_path, mapping, series="date,value\n2026-02-05,1\n")


def test_a_synthetic_instrument_takes_synthetic_rows_only(tmp_path: Path) -> None:
    mapping = BARS.replace("instrument: P", "instrument: MADE").replace("bars.csv", "made.csv")
    for label in ("observed", "inferred"):
        with pytest.raises(YamlError, match=rf"mapping.yaml:\d+: .*'MADE' is synthetic.* {label}"):
            imported(tmp_path, mapping.replace("observed", label), made=GOOD_BARS)
    catalog = imported(tmp_path, mapping.replace("observed", "synthetic"), made=GOOD_BARS)
    assert catalog.entries()[0].labels["synthetic"] == 2


def test_a_later_broken_file_leaves_the_catalog_as_it_was(tmp_path: Path) -> None:
    catalog = imported(tmp_path, BARS, bars=GOOD_BARS)
    before = stored_files(catalog)
    with pytest.raises(DataError):
        imported(tmp_path, BARS + SERIES, bars=GOOD_BARS.replace("11,5", "11,6"))
    assert stored_files(catalog) == before
    assert all(row.is_sound for row in catalog.verify())


def test_an_import_refused_at_its_first_file_makes_no_folder(tmp_path: Path) -> None:
    with pytest.raises(SourceError):
        imported(tmp_path, BARS)
    assert not (tmp_path / "catalog").exists()


@pytest.mark.parametrize("failing_write", [1, 2, 3])
@pytest.mark.parametrize(
    "failure", [KeyboardInterrupt(), OSError(errno.ENOSPC, "No space left on device")]
)
def test_an_import_that_dies_replaces_no_channel(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing_write: int, failure: BaseException
) -> None:
    # Two channels and the index make three files.
    text = "date,value\n2026-02-05,4.21\n"
    catalog = imported(tmp_path, BARS + SERIES, bars=GOOD_BARS, series=text)
    before = stored_files(catalog)
    real = os.replace
    calls = 0

    def dying(source: str, target: Path) -> None:
        nonlocal calls
        calls += 1
        if calls == failing_write:
            raise failure
        real(source, target)

    monkeypatch.setattr(atomic.os, "replace", dying)
    is_full = isinstance(failure, OSError)
    (tmp_path / "bars.csv").write_text(GOOD_BARS.replace("11,5", "11,6"))
    (tmp_path / "series.csv").write_text(text.replace("4.21", "4.22"))
    with pytest.raises(StorageError if is_full else KeyboardInterrupt) as caught:
        import_mapping(tmp_path / "mapping.yaml", catalog, replace=True)
    monkeypatch.undo()
    assert calls == failing_write
    assert stored_files(catalog) == before
    assert not is_full or "the catalog is unchanged" in str(caught.value)


def test_progress_and_reports_name_every_channel(tmp_path: Path) -> None:
    imported(tmp_path, BARS, bars=GOOD_BARS)
    seen: list[tuple[str, int, int]] = []
    reports = import_mapping(
        tmp_path / "mapping.yaml",
        Catalog(tmp_path / "catalog"),
        root=tmp_path,
        progress=lambda *step: seen.append(step),
    )
    assert seen == [("P/bars/1h", 1, 1)]
    assert [str(report.key) for report in reports] == ["P/bars/1h"]
    assert reports[0].entry.rows == 2


def test_the_mapping_in_the_docs_is_imported_as_it_stands(tmp_path: Path) -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "data.md").read_text()
    (tmp_path / "mapping.yaml").write_text(page.split("```yaml\n")[1].split("```")[0])
    (tmp_path / "perp_1h.csv").write_text(GOOD_BARS.replace("t,o", "date,o"))
    (tmp_path / "dgs10.csv").write_text("date,value\n2026-02-06,4.21\n")
    catalog = Catalog(tmp_path / "catalog")
    import_mapping(tmp_path / "mapping.yaml", catalog)
    assert known_at(catalog, "DGS10") == ["2026-02-09T21:15Z"]


@pytest.mark.parametrize(
    ("timeframe", "stamp"), [("1d", "close"), ("1d", "open"), ("1h", "session_date")]
)
def test_a_daily_bar_of_an_exchange_is_stamped_by_its_session(
    tmp_path: Path, timeframe: str, stamp: str
) -> None:
    # By the clock the bar of 2026-02-06, dated at midnight, would be known 21 hours too early.
    mapping = (
        f"  - path: etf.csv\n    instrument: SPY\n    kind: bars\n    timeframe: {timeframe}\n"
        f"    stamp: {stamp}\n    time: {{column: d, zone: UTC}}\n    label: observed\n"
        "    columns: {open: o, high: h, low: l, close: c, volume: v}\n"
    )
    with pytest.raises(YamlError, match="a daily bar of XNYS is stamped session_date, a shorter"):
        imported(tmp_path, mapping, etf="d,o,h,l,c,v\n2026-02-06,1,1,1,1,1\n")
