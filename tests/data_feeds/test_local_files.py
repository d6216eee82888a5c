"""Importing files by a mapping: stamps, zones, release rules, and what is refused."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from data_feeds.catalog import Catalog
from data_feeds.errors import DataError, GapError, SchemaError, SourceError, YamlError
from data_feeds.schema import Channel, ChannelKey, ChannelKind, utc_text
from data_feeds.sources.local_files import import_mapping
from tests.data_feeds.factory import ns

HEAD = """\
instruments:
  - {id: P, kind: perp}
  - {id: S, kind: series}
  - {id: SPY, kind: etf, quote: USD, calendar: XNYS}
  - {id: QQQ, kind: etf, quote: USD, calendar: XNYS}
files:
"""
BARS = """\
  - path: bars.csv
    instrument: P
    kind: bars
    timeframe: 1h
    stamp: open
    time: {column: t, zone: UTC}
    columns: {open: o, high: h, low: l, close: c, volume: v}
    label: observed
"""
SERIES = """\
  - path: series.csv
    instrument: S
    kind: series
    stamp: reference_date
    time: {column: date}
    columns: {value: value}
    release: {lag_days: 1, at: "16:15", zone: America/New_York, business_days: FED}
    label: observed
"""
GOOD_BARS = """\
t,o,h,l,c,v
2026-02-06 00:00,10,12,9,11,5
2026-02-06 01:00,11,13,10,12,6
"""


def imported(folder: Path, mapping: str, **files: str) -> Catalog:
    for name, text in files.items():
        (folder / f"{name}.csv").write_text(text)
    (folder / "mapping.yaml").write_text(HEAD + mapping)
    catalog = Catalog(folder / "catalog")
    import_mapping(folder / "mapping.yaml", catalog)
    return catalog


def perp_bars(catalog: Catalog) -> Channel:
    return catalog.read(ChannelKey("P", ChannelKind.BARS, "1h"))


def known_at(catalog: Catalog, name: str = "S") -> list[str]:
    return [
        utc_text(at) for at in catalog.read(ChannelKey(name, ChannelKind.SERIES))["available_at"]
    ]


# Times --------------------------------------------------------------------------------------------


def test_an_open_stamp_starts_the_bar_and_a_close_stamp_ends_it(tmp_path: Path) -> None:
    opened = perp_bars(imported(tmp_path, BARS, bars=GOOD_BARS))
    assert utc_text(opened["opened_at"][0]) == "2026-02-06T00:00Z"
    assert utc_text(opened["available_at"][0]) == "2026-02-06T01:00Z"
    closed = perp_bars(imported(tmp_path, BARS.replace("stamp: open", "stamp: close")))
    assert utc_text(closed["opened_at"][0]) == "2026-02-05T23:00Z"
    assert utc_text(closed["available_at"][0]) == "2026-02-06T00:00Z"
    assert opened["close"].tolist() == [11, 12]


@pytest.mark.parametrize(
    ("time", "stamp"),
    [
        ("{column: t, zone: Asia/Seoul}", "2026-02-06T09:00:00"),
        ("{column: t}", "2026-02-06T00:00:00Z"),
        ("{column: t}", "2026-02-05T19:00:00-05:00"),
        ("{column: t, unit: s}", "1770336000"),
        ("{column: t, unit: ms}", "1770336000000"),
        ("{column: t, unit: ns}", "1770336000000000000"),
    ],
)
def test_every_way_to_write_a_time_gives_the_same_instant(
    tmp_path: Path, time: str, stamp: str
) -> None:
    mapping = BARS.replace("{column: t, zone: UTC}", time)
    catalog = imported(tmp_path, mapping, bars=f"t,o,h,l,c,v\n{stamp},10,12,9,11,5\n")
    assert perp_bars(catalog)["opened_at"].tolist() == [ns("2026-02-06T00:00")]


def test_parquet_times_in_microseconds_are_converted(tmp_path: Path) -> None:
    # pandas 3 defaults to microseconds; read as nanoseconds they would fall in January 1970.
    stamps = pd.DatetimeIndex(["2026-02-06T00:00Z"]).as_unit("us")
    row = {"o": [10.0], "h": [12.0], "l": [9.0], "c": [11.0], "v": [5]}
    pd.DataFrame({"t": stamps, **row}).to_parquet(tmp_path / "bars.parquet")
    catalog = imported(tmp_path, BARS.replace("bars.csv", "bars.parquet"))
    assert perp_bars(catalog)["opened_at"].tolist() == [ns("2026-02-06T00:00")]


@pytest.mark.parametrize(
    ("time", "stamp", "message"),
    [
        ("{column: t}", "2026-02-06 00:00", "carry no zone"),
        ("{column: t}", "1770336000", "numbers; say which"),
        ("{column: t, zone: UTC}", "06/02/2026", "is not a time"),
        ("{column: t, zone: America/New_York}", "2026-03-08 02:30", "America/New_York"),
        ("{column: t, zone: UTC}", "NaT", "'NaT' in column 't' is not a time"),
        ("{column: t, zone: UTC}", "", "row 0: no time in column 't'"),
        ("{column: t, zone: UTC}", "3000-01-01T00:00", r"bars.csv: row 0: '3000-01-01T00:00' in "),
        ("{column: t, unit: s}", "253402214400", "outside the years 1678 to 2261"),
        ("{column: t, unit: s}", "1e+20", "is not a time in s since 1970"),
        ("{column: t, unit: s}", "2026-02-06T00:00Z", "is not a time in s since 1970"),
        ("{column: t, zone: Atlantis/Main}", "2026-02-06 00:00", "zone 'Atlantis/Main' is unknown"),
    ],
)
def test_a_time_that_could_mean_two_things_is_refused(
    tmp_path: Path, time: str, stamp: str, message: str
) -> None:
    mapping = BARS.replace("{column: t, zone: UTC}", time)
    with pytest.raises(SchemaError, match=message):
        imported(tmp_path, mapping, bars=f"t,o,h,l,c,v\n{stamp},10,12,9,11,5\n")


def test_offsets_may_change_with_daylight_saving_but_not_be_missing(tmp_path: Path) -> None:
    # New York skips 02:00 on 2026-03-08: 01:00-05:00 is 06:00Z and 03:00-04:00 is 07:00Z.
    mapping = BARS.replace("{column: t, zone: UTC}", "{column: t}")
    values = ",10,12,9,11,5\n"
    first = f"t,o,h,l,c,v\n2026-03-08T01:00:00-05:00{values}2026-03-08T03:00:00"
    channel = perp_bars(imported(tmp_path, mapping, bars=first + "-04:00" + values))
    assert [utc_text(at) for at in channel["opened_at"]] == [
        "2026-03-08T06:00Z",
        "2026-03-08T07:00Z",
    ]
    with pytest.raises(SchemaError, match=r"row 1: '2026-03-08T03:00:00' .* carries no offset"):
        imported(tmp_path, mapping, bars=first + values)


@pytest.mark.parametrize(
    ("time", "stamp"),
    [
        # Berlin's 4 March begins at 23:00Z of 3 March, its 1 July at 22:00Z of 30 June.
        ("{column: date, zone: Europe/Berlin}", "2026-03-03T23:00:00Z"),
        ("{column: date, zone: Europe/Berlin}", "2026-03-04T00:00:00+01:00"),
        ("{column: date, zone: Europe/Berlin, unit: s}", "1772578800"),
        ("{column: date}", "2026-03-04T00:00:00Z"),
        ("{column: date, unit: s}", "1772582400"),
        ("{column: date}", "2026-03-04"),
        ("{column: date, zone: Europe/Berlin}", "2026-03-04"),
    ],
)
def test_a_date_stamp_is_the_date_that_begins_at_its_instant(
    tmp_path: Path, time: str, stamp: str
) -> None:
    mapping = SERIES.replace("{column: date}", time)
    catalog = imported(tmp_path, mapping, series=f"date,value\n{stamp},4.21\n")
    found = catalog.read(ChannelKey("S", ChannelKind.SERIES))
    assert utc_text(found["event_at"][0]) == "2026-03-04T00:00Z"
    # Published one business day after the date, 16:15 New York in winter.
    assert known_at(catalog) == ["2026-03-05T21:15Z"]


def test_a_date_begins_at_its_first_instant_where_clocks_change_at_midnight(tmp_path: Path) -> None:
    # Beirut skipped 00:00 to 01:00 on 2025-03-30: the day began at 22:00Z, as 01:00+03:00.
    mapping = SERIES.replace("{column: date}", "{column: date, zone: Asia/Beirut}")
    catalog = imported(tmp_path, mapping, series="date,value\n2025-03-29T22:00:00Z,4.21\n")
    found = catalog.read(ChannelKey("S", ChannelKind.SERIES))
    assert utc_text(found["event_at"][0]) == "2025-03-30T00:00Z"


def test_a_typed_date_stamp_keeps_its_own_zone(tmp_path: Path) -> None:
    dates = pd.DatetimeIndex(["2026-03-04", "2026-07-01"], tz="Europe/Berlin")
    pd.DataFrame({"date": dates, "value": [1.0, 2.0]}).to_parquet(tmp_path / "series.parquet")
    catalog = imported(tmp_path, SERIES.replace("series.csv", "series.parquet"))
    found = catalog.read(ChannelKey("S", ChannelKind.SERIES))
    assert [utc_text(at) for at in found["event_at"]] == ["2026-03-04T00:00Z", "2026-07-01T00:00Z"]


@pytest.mark.parametrize("time", ["{column: date}", "{column: date, zone: America/New_York}"])
def test_a_date_stamp_at_no_midnight_is_refused(tmp_path: Path, time: str) -> None:
    mapping = SERIES.replace("{column: date}", time)
    text = "date,value\n2026-03-03T23:00:00Z,4.21\n"
    with pytest.raises(SchemaError, match=r"row 0: '2026-03-03T23:00:00Z' .* is not midnight in"):
        imported(tmp_path, mapping, series=text)


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
    assert "mapping.yaml:7)" in str(caught.value)
    assert not (tmp_path / "catalog" / "index.json").exists()


def test_sort_puts_rows_in_order(tmp_path: Path) -> None:
    head, first, second = GOOD_BARS.splitlines(keepends=True)
    catalog = imported(tmp_path, BARS + "    sort: true\n", bars=head + second + first)
    assert perp_bars(catalog)["close"].tolist() == [11, 12]


def test_a_hole_is_a_fact_unless_the_mapping_limits_it(tmp_path: Path) -> None:
    text = GOOD_BARS.replace("01:00", "04:00")
    catalog = imported(tmp_path, BARS, bars=text)
    assert catalog.entry(perp_bars(catalog).key).missing_rows == 3
    with pytest.raises(GapError, match=r"3 rows missing from 2026-02-06T01:00Z.*was 2"):
        imported(tmp_path, BARS + "    max_gap_bars: 2\n", bars=text)


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
    with pytest.raises(SourceError, match=r"only \.csv"):
        imported(tmp_path, BARS.replace("bars.csv", "bars.xlsx"))
    with pytest.raises(SchemaError, match="no rows"):
        imported(tmp_path, BARS, bars="t,o,h,l,c,v\n")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "    stamp: open",
            "    stmp: open",
            r"mapping.yaml:11: files.0.stmp: unknown key; did you",
        ),
        ("stamp: open", "stamp: opne", r"mapping.yaml:11: files.0.stamp: .*'opne'"),
        ("timeframe: 1h", "timeframe: 1x", r"mapping.yaml:10: .*'1x' is not a duration"),
        ("instrument: P", "instrument: Q", r"mapping.yaml:8: instrument 'Q' is not defined"),
        ("volume: v", "volum: v", r"mapping.yaml:7: .*'volum' is no column of bars"),
        ("    label: observed\n", "", r"mapping.yaml:7: files.0.label: Field required"),
        ("stamp: open", "stamp: event", r"a bar is stamped open, close or session_date"),
        ("label: observed", "label: observed\n    release: {lag: 0m}", "known at its close"),
        ("kind: bars", "kind: bars\n    kind: mark", r"mapping.yaml:10: key 'kind' repeated"),
    ],
)
def test_a_wrong_mapping_names_the_line(tmp_path: Path, old: str, new: str, message: str) -> None:
    with pytest.raises(YamlError, match=message) as caught:
        imported(tmp_path, BARS.replace(old, new), bars=GOOD_BARS)
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 2


def test_a_series_without_a_release_rule_is_refused(tmp_path: Path) -> None:
    start = SERIES.index("    release:")
    with pytest.raises(YamlError, match="without a release rule nobody knows"):
        imported(tmp_path, SERIES[:start] + "    label: observed\n", series="date,value\n")


@pytest.mark.parametrize(
    "rule",
    ["{lag_days: 1}", "{lag: 1m, lag_days: 1}", "{lag: 1m, at: '10:00', zone: UTC}",
     "{lag_days: 1, at: '25:00', zone: UTC}", "{}", "{lag: soon}"],
)  # fmt: skip
def test_half_a_release_rule_is_refused(tmp_path: Path, rule: str) -> None:
    start = SERIES.index("    release:")
    mapping = SERIES[:start] + f"    release: {rule}\n    label: observed\n"
    with pytest.raises(YamlError, match=r"files\.0\.release"):
        imported(tmp_path, mapping, series="date,value\n2026-02-05,1\n")


def test_two_entries_for_one_channel_are_refused(tmp_path: Path) -> None:
    with pytest.raises(YamlError, match="P/bars/1h is filled by two entries"):
        imported(tmp_path, BARS + BARS, bars=GOOD_BARS)


def test_a_later_broken_file_keeps_the_channels_before_it(tmp_path: Path) -> None:
    with pytest.raises(DataError):
        imported(tmp_path, BARS + SERIES, bars=GOOD_BARS)
    catalog = Catalog(tmp_path / "catalog")
    assert [entry.instrument for entry in catalog.entries()] == ["P"]
    assert all(row.is_sound for row in catalog.verify())


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
