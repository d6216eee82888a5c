"""Drafted mappings: files of five formats give the rows that they mean."""

import json
import zipfile
from pathlib import Path

import pandas as pd
import pytest

from data_feeds.catalog import Catalog
from data_feeds.clock import utc_text
from data_feeds.errors import DataError, SchemaError
from data_feeds.schema import Channel, ChannelKey, ChannelKind
from data_feeds.sources.drafts import (
    DraftAnswers,
    MappingDraft,
    draft_mapping,
    draft_name,
    understood,
)
from data_feeds.sources.local_files import import_mapping
from tests.data_feeds.factory import ns

MIDNIGHT_MS = 1767571200000  # 2026-01-05T00:00Z
HOUR_MS = 3_600_000
ETF = {"kind": "etf", "calendar": "XNYS"}


def drafted(form: str, *files: Path, **answers: object) -> MappingDraft:
    given = DraftAnswers.model_validate({"instrument": "X", **answers})
    return draft_mapping(files, form, given, {})


def read(draft: MappingDraft, folder: Path) -> dict[str, Channel]:
    """Import by the drafted text, as the command does; return the channels by kind."""
    (folder / "draft.yaml").write_text(draft.text)
    catalog = Catalog(folder / "catalog")
    import_mapping(folder / "draft.yaml", catalog)
    return {entry.kind.value: catalog.read(entry.key) for entry in catalog.entries()}


def written(folder: Path, name: str, text: str) -> Path:
    (folder / name).write_text(text)
    return folder / name


def klines(factor: int = 1, volume: float = 5) -> str:
    """Return two hourly klines without header; the times count ``factor`` a millisecond."""
    return "".join(
        f"{at * factor},10,12,9,11,{volume},{(at + HOUR_MS) * factor - 1},55,3,1,11,0\n"
        for at in (MIDNIGHT_MS, MIDNIGHT_MS + HOUR_MS)
    )


HEADER = (
    "open_time,open,high,low,close,volume,close_time,quote_volume,count,"
    "taker_buy_volume,taker_buy_quote_volume,ignore\n"
)


@pytest.mark.parametrize("header", ["", HEADER])
@pytest.mark.parametrize("factor", [1, 1000], ids=["ms", "us"])
def test_binance_klines_open_at_their_time_in_either_unit(
    tmp_path: Path, header: str, factor: int
) -> None:
    file = written(tmp_path, "X-1h-2026-01.csv", header + klines(factor))
    bars = read(drafted("binance", file, kind="perp"), tmp_path)["bars"]
    assert bars.key.timeframe == "1h"
    assert bars["opened_at"].tolist() == [ns("2026-01-05T00:00"), ns("2026-01-05T01:00")]
    assert bars["volume"].tolist() == [5, 5]


def test_months_of_binance_become_one_channel(tmp_path: Path) -> None:
    # The spot file of December 2024 counts milliseconds, that of January 2025 microseconds.
    first = written(tmp_path, "a.csv", klines())
    moved = pd.read_csv(first, header=None)
    moved[[0, 6]] = (moved[[0, 6]] + 2 * HOUR_MS) * 1000
    moved.to_csv(tmp_path / "b.csv", header=False, index=False)
    bars = read(drafted("binance", first, tmp_path / "b.csv", kind="spot"), tmp_path)["bars"]
    assert [utc_text(at) for at in bars["opened_at"]] == [
        f"2026-01-05T0{hour}:00Z" for hour in range(4)
    ]


def test_binance_klines_without_volume_are_marks(tmp_path: Path) -> None:
    draft = drafted("binance", written(tmp_path, "m.csv", klines(volume=0)), kind="perp")
    assert list(read(draft, tmp_path)) == ["mark"]
    assert "no bar has volume: these are mark prices" in draft.remarks


def test_binance_funding_is_a_fraction_at_its_settlement(tmp_path: Path) -> None:
    text = f"calc_time,funding_interval_hours,last_funding_rate\n{MIDNIGHT_MS + 7},8,0.0001\n"
    file = written(tmp_path, "f.csv", text)
    funding = read(drafted("binance", file, kind="perp"), tmp_path)["funding"]
    assert funding["rate"].tolist() == [0.0001]
    assert funding["event_at"].tolist() == [ns("2026-01-05T00:00")]


YAHOO = """\
Date,Open,High,Low,Close,Adj Close,Volume
2026-01-05,10,12,9,11,8,5
2026-01-06,null,null,null,null,null,null
2026-01-07,11,13,10,12,9,6
"""


def test_yahoo_s_close_is_read_and_its_adjusted_close_is_not(tmp_path: Path) -> None:
    draft = drafted("yahoo", written(tmp_path, "x.csv", YAHOO), **ETF)
    bars = read(draft, tmp_path)["bars"]
    assert bars["close"].tolist() == [11, 12]
    assert utc_text(bars["opened_at"][0]) == "2026-01-05T14:30Z"
    assert utc_text(bars["available_at"][0]) == "2026-01-05T21:00Z"


YFINANCE = """\
Price,Close,High,Low,Open,Volume
Ticker,X,X,X,X,X
Date,,,,,
2026-01-05,11,12,9,10,5
2026-01-06,12,13,10,11,6
"""


def test_yfinance_without_adj_close_asks_whether_prices_contain_dividends(tmp_path: Path) -> None:
    file = written(tmp_path, "x.csv", YFINANCE)
    with pytest.raises(SchemaError, match="add --dividend-adjusted or --no-dividend-adjusted"):
        drafted("yahoo", file, **ETF)
    draft = drafted("yahoo", file, dividend_adjusted=True, **ETF)
    assert draft.instrument.dividend_adjusted
    assert read(draft, tmp_path)["bars"]["open"].tolist() == [10, 11]


def test_yfinance_s_history_has_dividends_and_midnights_of_new_york(tmp_path: Path) -> None:
    text = (
        "Date,Open,High,Low,Close,Volume,Dividends,Stock Splits\n"
        "2026-03-06 00:00:00-05:00,10,12,9,11,5,0.0,0.0\n"
        "2026-03-09 00:00:00-04:00,11,13,10,12,6,0.5,0.0\n"
    )
    file = written(tmp_path, "x.csv", text)
    channels = read(drafted("yahoo", file, dividend_adjusted=False, **ETF), tmp_path)
    assert utc_text(channels["bars"]["opened_at"][1]) == "2026-03-09T13:30Z"
    assert channels["dividends"]["amount"].tolist() == [0.5]
    assert "splits" not in channels


def test_yahoo_counts_volume_of_coins_in_dollars(tmp_path: Path) -> None:
    text = YAHOO.replace("\n2026-01-06,null,null,null,null,null,null", "").replace("-07", "-06")
    bars = read(drafted("yahoo", written(tmp_path, "x.csv", text), kind="spot"), tmp_path)["bars"]
    # The mean of 10, 12, 9 and 11 is 10.5: 5 dollars are 5 / 10.5 coins.
    assert bars["volume"][0] == pytest.approx(5 / 10.5)
    assert utc_text(bars["opened_at"][0]) == "2026-01-05T00:00Z"


@pytest.mark.parametrize(
    ("stamps", "opened"),
    [
        # New York opens at 09:30, 14:30 UTC in winter: 1767623400 s.
        (("1767623400", "1767709800"), "2026-01-05T14:30Z"),
        (("2026-01-05T09:30:00-05:00", "2026-01-06T09:30:00-05:00"), "2026-01-05T14:30Z"),
        (("2026-01-05", "2026-01-06"), "2026-01-05T14:30Z"),
    ],
)
def test_tradingview_s_daily_bars_are_sessions_in_each_time_format(
    tmp_path: Path, stamps: tuple[str, str], opened: str
) -> None:
    rows = "".join(f"{stamp},10,12,9,11,10.4,5\n" for stamp in stamps)
    file = written(tmp_path, "x.csv", "time,open,high,low,close,MA,Volume\n" + rows)
    bars = read(drafted("tradingview", file, **ETF), tmp_path)["bars"]
    assert bars.key.timeframe == "1d"
    assert [utc_text(bars[name][0]) for name in ("opened_at", "available_at")] == [
        opened, "2026-01-05T21:00Z",
    ]  # fmt: skip


def test_tradingview_s_instants_that_open_no_session_are_refused(tmp_path: Path) -> None:
    rows = "1767571200,10,12,9,11,5\n1767657600,10,12,9,11,5\n"
    file = written(tmp_path, "x.csv", "time,open,high,low,close,Volume\n" + rows)
    with pytest.raises(SchemaError, match="2026-01-05T00:00Z is no open of a session of XNYS"):
        read(drafted("tradingview", file, **ETF), tmp_path)
    around = read(drafted("tradingview", file, kind="spot"), tmp_path)["bars"]
    assert utc_text(around["opened_at"][0]) == "2026-01-05T00:00Z"


def test_tradingview_without_volume_says_how_to_export_it(tmp_path: Path) -> None:
    file = written(tmp_path, "x.csv", "time,open,high,low,close\n1767571200,10,12,9,11\n")
    with pytest.raises(SchemaError, match="show the indicator Volume"):
        drafted("tradingview", file, kind="perp")


def candles() -> list[list[float]]:
    return [[MIDNIGHT_MS, 10, 12, 9, 11, 5], [MIDNIGHT_MS + HOUR_MS, 11, 13, 10, 12, 6]]


def test_freqtrade_s_json_and_feather_give_the_same_rows(tmp_path: Path) -> None:
    listed = written(tmp_path, "X_USDT-1h.json", json.dumps(candles()))
    names = ["date", "open", "high", "low", "close", "volume"]
    table = pd.DataFrame(candles(), columns=names)
    table["date"] = pd.to_datetime(table["date"].astype("int64"), unit="ms", utc=True)
    table.to_feather(tmp_path / "X_USDT-1h.feather")
    found = []
    for file in (listed, tmp_path / "X_USDT-1h.feather"):
        folder = tmp_path / file.suffix
        folder.mkdir()
        bars = read(drafted("freqtrade", file, kind="spot"), folder)["bars"]
        found.append([bars[name].tolist() for name in ("opened_at", "open", "close", "volume")])
    assert found[0] == found[1]
    assert found[0][0] == [ns("2026-01-05T00:00"), ns("2026-01-05T01:00")]


def test_freqtrade_s_names_tell_marks_and_funding(tmp_path: Path) -> None:
    mark = written(tmp_path, "X_USDT_USDT-1h-mark.json", json.dumps(candles()))
    rates = [[MIDNIGHT_MS, 0.0001, 0, 0, 0, 0], [MIDNIGHT_MS + 8 * HOUR_MS, -0.0002, 0, 0, 0, 0]]
    paid = written(tmp_path, "X_USDT_USDT-8h-funding_rate.json", json.dumps(rates))
    channels = read(drafted("freqtrade", mark, paid, kind="perp"), tmp_path)
    assert channels["mark"]["close"].tolist() == [11, 12]
    assert channels["funding"]["rate"].tolist() == [0.0001, -0.0002]


FRED = "observation_date,X\n2026-01-05,4.2\n2026-01-06,.\n2026-01-07,4.3\n"


def test_fred_needs_a_time_of_publication_that_the_file_does_not_have(tmp_path: Path) -> None:
    file = written(tmp_path, "x.csv", FRED)
    with pytest.raises(SchemaError, match="X has no release rule: add --release-days"):
        drafted("fred", file, kind="series")
    draft = drafted("fred", file, kind="series", quote="percent", release_days=2)
    series = read(draft, tmp_path)["series"]
    assert series["value"].tolist() == [4.2, 4.3]
    # Two days after 5 January, 16:15 in New York.
    assert utc_text(series["available_at"][0]) == "2026-01-07T21:15Z"


def test_fred_s_known_series_take_the_rule_of_the_table(tmp_path: Path) -> None:
    file = written(
        tmp_path, "x.csv", FRED.replace("X", "DGS10").replace("observation_date", "DATE")
    )
    draft = drafted("fred", file, instrument="DGS10", kind="series", quote="percent")
    assert utc_text(read(draft, tmp_path)["series"]["available_at"][0]) == "2026-01-06T21:15Z"


def test_alfred_s_vintages_are_known_at_the_end_of_their_own_day(tmp_path: Path) -> None:
    text = (
        "date,value,realtime_start,realtime_end\n2025-12-01,100,2026-01-13,2026-02-12\n"
        "2026-01-01,103,2026-02-13,9999-12-31\n2025-12-01,101,2026-02-13,9999-12-31\n"
    )
    draft = drafted("fred", written(tmp_path, "x.csv", text), kind="series", quote="points")
    series = read(draft, tmp_path)["series"]
    assert series["value"].tolist() == [100, 101, 103]
    # 23:59 in New York is 04:59 UTC of the next day.
    assert [utc_text(at) for at in series["available_at"]] == [
        "2026-01-14T04:59Z", "2026-02-14T04:59Z", "2026-02-14T04:59Z",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("answers", "message"),
    [
        ({}, "a new id; say what it is with --kind .*also with --calendar"),
        ({"kind": "etf"}, "add --calendar, the exchange of its sessions"),
        ({"kind": "index"}, "add --calendar"),
        ({"kind": "perp", "calendar": "XNYS"}, "trade around the clock"),
        ({"kind": "series"}, "is of kind series, but yahoo has bars"),
    ],
)
def test_what_no_file_shows_is_asked_for(
    tmp_path: Path, answers: dict[str, str], message: str
) -> None:
    with pytest.raises(SchemaError, match=message):
        drafted("yahoo", written(tmp_path, "x.csv", YAHOO), **answers)


def test_a_file_of_fred_is_a_series_without_being_told(tmp_path: Path) -> None:
    file = written(tmp_path, "x.csv", "observation_date,X\n2026-01-05,4.1\n2026-01-06,.\n")
    draft = drafted("fred", file, quote="percent", release_days=1)
    assert draft.instrument.kind == "series"
    assert any(remark.startswith("known 1 day after") for remark in draft.remarks)


def test_a_file_with_another_separator_is_sent_to_a_mapping(tmp_path: Path) -> None:
    for text in (YAHOO.replace(",", ";"), YAHOO.replace(",", ";").replace(".", ",")):
        with pytest.raises(DataError, match=r'separator: ";".*stands in a mapping'):
            drafted("yahoo", written(tmp_path, "x.csv", text), **ETF)


def test_a_known_record_is_taken_and_not_contradicted(tmp_path: Path) -> None:
    file = written(tmp_path, "x.csv", YAHOO)
    known = {"X": drafted("yahoo", file, lot_size=0.5, **ETF).instrument}
    given = DraftAnswers.model_validate({"instrument": "X"})
    assert draft_mapping([file], "yahoo", given, known).instrument.lot_size == 0.5
    other = DraftAnswers.model_validate({"instrument": "X", "calendar": "XLON"})
    with pytest.raises(SchemaError, match="X is known with calendar XNYS"):
        draft_mapping([file], "yahoo", other, known)


@pytest.mark.parametrize("form", ["binance", "yahoo", "tradingview", "freqtrade"])
def test_a_file_of_another_format_is_refused_with_its_columns(tmp_path: Path, form: str) -> None:
    file = written(tmp_path, "x.csv", "a,b\n1,2\n")
    with pytest.raises(DataError, match=r"x\.csv: no .*a, b|no column Volume"):
        drafted(form, file, kind="perp")


def test_rows_clock_and_units_are_said(tmp_path: Path) -> None:
    draft = drafted("yahoo", written(tmp_path, "x.csv", YAHOO), **ETF)
    lines = understood(draft)
    assert lines[0] == "x.csv: 3 rows, X/bars/1d"
    assert lines[1].split("  ")[-1].strip() == "volume <- Volume"
    assert lines[4].split() == ["row", "2", "2026-01-07", "11.0", "13.0", "10.0", "12.0", "6.0"]
    assert lines[5] == "  clock: Date is the date of a session of XNYS; known at its close"
    assert lines[6] == (
        "  units: open, high, low, close in USD per unit; volume in units traded; label observed"
    )
    assert draft_name(draft.mapping) == "X_bars_1d.yaml"


def test_the_channel_s_name_becomes_a_file_name(tmp_path: Path) -> None:
    draft = drafted("yahoo", written(tmp_path, "x.csv", YAHOO), instrument="A/B=C", **ETF)
    assert draft_name(draft.mapping) == "A-B-C_bars_1d.yaml"
    assert ChannelKey("A/B=C", ChannelKind.BARS, "1d") == draft.mapping.files[0].channel_key(
        "A/B=C"
    )


def test_a_zip_of_the_archive_is_read_as_it_is_downloaded(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "X-1h-2026-01.zip", "w") as archive:
        archive.writestr("X-1h-2026-01.csv", klines())
    draft = drafted("binance", tmp_path / "X-1h-2026-01.zip", kind="perp")
    assert read(draft, tmp_path)["bars"]["close"].tolist() == [11, 11]
