"""Files as people have them: other marks, headers, suffixes, indices, missing values, vintages."""

import gzip
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from data_feeds.catalog import Catalog
from data_feeds.errors import SchemaError, SourceError, YamlError
from data_feeds.schema import ChannelKey, ChannelKind
from data_feeds.sources.local_files import import_mapping
from tests.data_feeds.factory import ns
from tests.data_feeds.imports import BARS, GOOD_BARS, HEAD, SERIES, imported, known_at, perp_bars

NUMBERED = (
    BARS.replace("column: t", "column: '1'")
    .replace("open: o", "open: '2'").replace("high: h", "high: '3'").replace("low: l", "low: '4'")
    .replace("close: c", "close: '5'").replace("volume: v", "volume: '6'")
)  # fmt: skip


def plain(catalog: Catalog) -> None:
    """Check that the bars are those of ``GOOD_BARS``."""
    bars = perp_bars(catalog)
    assert bars["opened_at"].tolist() == [ns("2026-02-06T00:00"), ns("2026-02-06T01:00")]
    assert bars["open"].tolist() == [10, 11]
    assert bars["close"].tolist() == [11, 12]
    assert bars["volume"].tolist() == [5, 6]


@pytest.mark.parametrize(
    ("mapping", "text"),
    [
        (NUMBERED + "    read: {header_lines: 0}\n", GOOD_BARS.split("\n", 1)[1]),
        (BARS + "    read: {separator: ';'}\n", GOOD_BARS.replace(",", ";")),
        (BARS + "    read: {separator: tab}\n", GOOD_BARS.replace(",", "\t")),
        (BARS + "    read: {skip_lines: 2}\n", "Exported by me\n\n" + GOOD_BARS),
        (
            BARS + "    read: {header_lines: 3}\n",
            GOOD_BARS.replace("v\n", "v\nTicker,P,P,P,P,P\nDate,,,,,\n"),
        ),
        (
            BARS + "    read: {skip_lines: 1, header_lines: 2}\n",
            GOOD_BARS.replace("t,o", "Exported by me\nt,o").replace("v\n", "v\n,$,$,$,$,\n"),
        ),
        (
            BARS.replace("zone: UTC", "zone: UTC, format: '%d.%m.%Y %H:%M'"),
            GOOD_BARS.replace("2026-02-06", "06.02.2026"),
        ),
        (
            BARS.replace("zone: UTC", "format: '%Y%m%d %H:%M %z'"),
            GOOD_BARS.replace("2026-02-06", "20260206").replace(":00,", ":00 +0000,"),
        ),
        (BARS.replace(", zone: UTC", ""), GOOD_BARS.replace(":00,", ":00:00 UTC,")),
    ],
    ids=["no header", "semicolon", "tab", "lines above", "three header lines",
         "a line above and two header lines", "date format", "format with offset", "UTC in words"],
)  # fmt: skip
def test_each_spelling_gives_the_rows_of_the_plain_file(
    tmp_path: Path, mapping: str, text: str
) -> None:
    plain(imported(tmp_path, mapping, bars=text))


def test_a_decimal_comma_and_marks_between_thousands_are_read(tmp_path: Path) -> None:
    mapping = BARS + "    read: {separator: ';', decimal: ',', thousands: '.'}\n"
    rows = "t;o;h;l;c;v\n2026-02-06 00:00;60.000,5;1.060.001;59000;60.000,25;,5\n"
    bars = perp_bars(imported(tmp_path, mapping, bars=rows))
    assert [bars[name][0] for name in ("open", "high", "low", "close", "volume")] == [
        60_000.5, 1_060_001, 59_000, 60_000.25, 0.5,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("read", "value"),
    [
        # With "," between thousands 1,5 is no number. pandas reads it as 15.
        ("{separator: ';', thousands: ','}", "1,5"),
        ("{separator: ';', decimal: ',', thousands: '.'}", "1.5"),
        ("{separator: ';', decimal: ','}", "1.5"),
        ("{separator: ';'}", "1,5"),
    ],
)
def test_a_number_in_another_spelling_is_refused_by_row_and_value(
    tmp_path: Path, read: str, value: str
) -> None:
    rows = GOOD_BARS.replace(",", ";").replace("12;6", f"12;{value}")
    message = rf"bars\.csv: row 1: column 'v': '{value}' is no number with decimal .*set read:"
    with pytest.raises(SchemaError, match=message):
        imported(tmp_path, BARS + f"    read: {read}\n", bars=rows)


@pytest.mark.parametrize(
    ("read", "message"),
    [
        ("{separator: ';;'}", "separator is one character"),
        ("{decimal: ','}", "separator, decimal and thousands must differ"),
        ("{encoding: latin-99}", "encoding 'latin-99' is unknown"),
        ("{header_line: 0}", "did you mean 'header_lines'"),
    ],
)
def test_marks_that_contradict_each_other_are_refused(
    tmp_path: Path, read: str, message: str
) -> None:
    with pytest.raises(YamlError, match=message):
        imported(tmp_path, BARS + f"    read: {read}\n", bars=GOOD_BARS)


@pytest.mark.parametrize("end", [",", ",7"])
def test_rows_with_more_values_than_names_are_refused(tmp_path: Path, end: str) -> None:
    # pandas takes the times as an index and the opens as times: every column would be shifted.
    head, *rows = GOOD_BARS.splitlines()
    text = "\n".join([head, *(row + end for row in rows)])
    with pytest.raises(SourceError, match="more values than the header has names"):
        imported(tmp_path, BARS, bars=text)
    plain(imported(tmp_path, NUMBERED + "    read: {skip_lines: 1, header_lines: 0}\n", bars=text))


@pytest.mark.parametrize(("mark", "word"), [(";", '";"'), ("\t", "tab")])
@pytest.mark.parametrize("decimal", [".", ","])
def test_another_separator_in_the_header_is_named(
    tmp_path: Path, mark: str, word: str, decimal: str
) -> None:
    text = GOOD_BARS.replace(",", mark).replace(".", decimal)
    with pytest.raises(SourceError) as refused:
        imported(tmp_path, BARS, bars=text)
    assert f'read: {{separator: {word}, decimal: ","}}' in str(refused.value)
    assert "number the columns" not in str(refused.value)
    read = f"    read: {{separator: {word}, decimal: '{decimal}'}}\n"
    plain(imported(tmp_path, BARS + read, bars=text))


def test_another_encoding_is_named_by_the_mapping(tmp_path: Path) -> None:
    (tmp_path / "bars.csv").write_bytes(GOOD_BARS.replace(",v", ",für").encode("latin-1"))
    mapping = BARS.replace("volume: v", "volume: für")
    with pytest.raises(SourceError, match=r"name its encoding, e\.g\. read: {encoding: latin-1}"):
        imported(tmp_path, mapping)
    plain(imported(tmp_path, mapping + "    read: {encoding: latin-1}\n"))


@pytest.mark.parametrize("date", ["2026-02-06 UTC", "2026-02-06 00:00 GMT", "2026-02-06T00:00 utc"])
def test_utc_in_words_is_an_offset_of_dates_too(tmp_path: Path, date: str) -> None:
    catalog = imported(tmp_path, SERIES, series=f"date,value\n{date},4.21\n")
    assert known_at(catalog) == ["2026-02-09T21:15Z"]


def test_missing_values_of_the_federal_reserve_are_dropped(tmp_path: Path) -> None:
    rows = "date,value\n2026-02-04,4.2\n2026-02-05,.\n2026-02-06,ND\n2026-02-09,\n2026-02-10,4.3\n"
    catalog = imported(tmp_path, SERIES + "    drop_missing: true\n", series=rows)
    assert catalog.read(ChannelKey("S", ChannelKind.SERIES))["value"].tolist() == [4.2, 4.3]
    other = SERIES + "    drop_missing: true\n    read: {missing: [holiday]}\n"
    (tmp_path / "other").mkdir()
    words = imported(tmp_path / "other", other, series=rows.replace("ND", "holiday"))
    assert words.read(ChannelKey("S", ChannelKind.SERIES))["value"].tolist() == [4.2, 4.3]


# Kinds of files -----------------------------------------------------------------------------------


def frame() -> pd.DataFrame:
    table = pd.DataFrame({"o": [10.0, 11], "h": [12.0, 13], "l": [9.0, 10], "c": [11.0, 12]})
    table["v"] = [5, 6]
    table.index = pd.DatetimeIndex(["2026-02-06T00:00Z", "2026-02-06T01:00Z"], name="t")
    return table


def by_file(folder: Path, name: str, mapping: str = BARS) -> Catalog:
    return imported(folder, mapping.replace("bars.csv", name))


@pytest.mark.parametrize("name", ["bars.parquet", "BARS.PARQUET", "bars.pq"])
def test_a_time_index_of_parquet_is_a_column(tmp_path: Path, name: str) -> None:
    frame().to_parquet(tmp_path / name)
    plain(by_file(tmp_path, name))


def test_an_index_without_a_name_is_the_column_index(tmp_path: Path) -> None:
    frame().rename_axis(None).to_parquet(tmp_path / "bars.parquet")
    plain(by_file(tmp_path, "bars.parquet", BARS.replace("column: t", "column: index")))


def test_an_index_beside_a_column_of_its_name_is_left_out(tmp_path: Path) -> None:
    table = frame().assign(t=frame().index)
    table.index = pd.Index([7, 8], name="t")
    table.to_parquet(tmp_path / "bars.parquet")
    plain(by_file(tmp_path, "bars.parquet"))


@pytest.mark.parametrize("name", ["bars.feather", "bars.arrow", "Bars.Feather"])
def test_feather_files_are_read(tmp_path: Path, name: str) -> None:
    frame().reset_index().to_feather(tmp_path / name)
    plain(by_file(tmp_path, name))


@pytest.mark.parametrize("name", ["bars.CSV", "bars.csv.gz", "BARS.CSV.GZ"])
def test_suffixes_count_in_either_case(tmp_path: Path, name: str) -> None:
    raw = GOOD_BARS.encode()
    (tmp_path / name).write_bytes(gzip.compress(raw) if name.lower().endswith("gz") else raw)
    plain(by_file(tmp_path, name))


@pytest.mark.parametrize("name", ["bars.json", "bars.json.gz"])
def test_json_rows_are_lists_with_numbered_columns_or_objects(tmp_path: Path, name: str) -> None:
    def write(rows: list[object]) -> None:
        raw = json.dumps(rows).encode()
        (tmp_path / name).write_bytes(gzip.compress(raw) if name.endswith("gz") else raw)

    at = 1770336000000
    write([[at, 10, 12, 9, 11, 5], [at + 3_600_000, 11, 13, 10, 12, 6]])
    mapping = NUMBERED.replace("zone: UTC", "unit: ms")
    plain(by_file(tmp_path, name, mapping))
    stamped = frame().reset_index().assign(t=["2026-02-06 00:00", "2026-02-06 01:00"])
    write(stamped.to_dict("records"))
    (tmp_path / "again").mkdir()
    (tmp_path / name).rename(tmp_path / "again" / name)
    plain(by_file(tmp_path / "again", name))


@pytest.mark.parametrize("text", ["{}", "[1, 2]", "not json"])
def test_json_that_is_no_list_of_rows_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "bars.json").write_text(text)
    with pytest.raises(SourceError, match=r"bars\.json: cannot be read"):
        by_file(tmp_path, "bars.json")


# Vintages and dividends ---------------------------------------------------------------------------

VINTAGES = """\
  - path: series.csv
    instrument: S
    kind: series
    stamp: reference_date
    time: {column: date}
    published: {column: realtime_start}
    release: {lag_days: 0, at: "08:30", zone: America/New_York}
    columns: {value: value}
    label: observed
    sort: true
"""


def test_each_vintage_is_known_on_its_own_date_of_publication(tmp_path: Path) -> None:
    rows = (
        "date,value,realtime_start\n2026-01-01,100,2026-02-11\n"
        "2026-01-01,102,2026-03-11\n2026-02-01,101,2026-03-11\n"
    )
    catalog = imported(tmp_path, VINTAGES, series=rows)
    # 08:30 in New York is 13:30 UTC in winter and 12:30 UTC from 8 March on.
    assert known_at(catalog) == ["2026-02-11T13:30Z", "2026-03-11T12:30Z", "2026-03-11T12:30Z"]
    assert catalog.read(ChannelKey("S", ChannelKind.SERIES))["value"].tolist() == [100, 102, 101]


def test_a_publication_with_its_instant_needs_no_rule(tmp_path: Path) -> None:
    mapping = VINTAGES.replace(VINTAGES.splitlines(keepends=True)[6], "")
    rows = "date,value,realtime_start\n2026-01-01,100,2026-02-11T13:30:00Z\n"
    assert known_at(imported(tmp_path, mapping, series=rows)) == ["2026-02-11T13:30Z"]


@pytest.mark.parametrize(
    "published", ["{column: realtime_start}", "{column: realtime_start, zone: UTC}"]
)
def test_a_date_of_publication_without_an_hour_is_refused(tmp_path: Path, published: str) -> None:
    # Known at midnight, the value would be known hours before its publication.
    mapping = VINTAGES.replace(VINTAGES.splitlines(keepends=True)[6], "")
    mapping = mapping.replace("{column: realtime_start}", published)
    rows = "date,value,realtime_start\n2026-01-01,100,2026-02-11\n"
    with pytest.raises(SchemaError, match=r"realtime_start.* (holds dates|carry no zone)"):
        imported(tmp_path, mapping, series=rows)


DIVIDENDS = """\
  - path: paid.csv
    instrument: SPY
    kind: dividends
    stamp: session_date
    time: {column: date}
    columns: {amount: amount}
    label: observed
"""


def test_an_ordinary_and_a_special_dividend_of_one_ex_date_are_added(tmp_path: Path) -> None:
    rows = "date,amount\n2026-03-20,1.5\n2026-06-18,1.6\n2026-06-18,2\n"
    (tmp_path / "paid.csv").write_text(rows)
    (tmp_path / "mapping.yaml").write_text(HEAD + DIVIDENDS)
    catalog = Catalog(tmp_path / "catalog")
    (report,) = import_mapping(tmp_path / "mapping.yaml", catalog)
    paid = catalog.read(ChannelKey("SPY", ChannelKind.DIVIDENDS))["amount"]
    assert np.allclose(paid, [1.5, 1.6 + 2])
    assert report.notes == ("paid.csv: dividends of one ex-date are added",)


def test_the_same_dividend_twice_on_one_ex_date_is_refused(tmp_path: Path) -> None:
    rows = "date,amount\n2026-06-18,1.6\n2026-06-18,1.6\n"
    with pytest.raises(SchemaError, match=r"two dividends of 1\.6 with the ex-date 2026-06-18"):
        imported(tmp_path, DIVIDENDS, paid=rows)
