"""Stamps: one instant for every notation, a date in its zone, or a refusal."""

from pathlib import Path

import pandas as pd
import pytest

from data_feeds.clock import utc_text
from data_feeds.errors import SchemaError
from data_feeds.schema import ChannelKey, ChannelKind
from tests.data_feeds.factory import ns
from tests.data_feeds.imports import BARS, GOOD_BARS, SERIES, imported, known_at, perp_bars


def test_an_open_stamp_starts_the_bar_and_a_close_stamp_ends_it(tmp_path: Path) -> None:
    opened = perp_bars(imported(tmp_path, BARS, bars=GOOD_BARS))
    assert utc_text(opened["opened_at"][0]) == "2026-02-06T00:00Z"
    assert utc_text(opened["available_at"][0]) == "2026-02-06T01:00Z"
    other = tmp_path / "other"
    other.mkdir()
    closes = BARS.replace("stamp: open", "stamp: close")
    closed = perp_bars(imported(other, closes, bars=GOOD_BARS))
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
