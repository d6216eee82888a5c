"""Channels spliced from several files, and label columns."""

from pathlib import Path

import pytest

from data_feeds.catalog import Catalog
from data_feeds.clock import utc_text
from data_feeds.errors import (
    SchemaError,
    SourceError,
    YamlError,
)
from data_feeds.instrument import Instrument, InstrumentKind
from data_feeds.schema import ChannelKey, ChannelKind
from data_feeds.sources.local_files import import_mapping
from tests.data_feeds.imports import (
    BARS,
    GOOD_BARS,
    HEAD,
    SERIES,
    imported,
    perp_bars,
)

# Splices ------------------------------------------------------------------------------------------

MORE = BARS.replace("bars.csv", "more.csv") + "    fills: true\n"


def test_two_entries_for_one_channel_are_refused(tmp_path: Path) -> None:
    with pytest.raises(YamlError, match=r"P/bars/1h is filled by two entries.*fills: true"):
        imported(tmp_path, BARS + BARS, bars=GOOD_BARS)


def test_a_second_entry_fills_holes_and_ends_and_the_first_wins(tmp_path: Path) -> None:
    # The first has 00:00 and 03:00; the second all hours from 23:00 to 05:00.
    first = GOOD_BARS.replace("01:00", "03:00")
    more = "t,o,h,l,c,v\n" + "".join(
        f"{at}:00,20,23,19,22,1\n"
        for at in ["2026-02-05 23", *(f"2026-02-06 0{hour}" for hour in range(6))]
    )
    catalog = imported(tmp_path, BARS + MORE, bars=first, more=more)
    # 23:00 second, 00:00 first, 01:00 and 02:00 second, 03:00 first, 04:00 and 05:00 second.
    assert perp_bars(catalog)["close"].tolist() == [22, 11, 22, 22, 12, 22, 22]
    assert catalog.entry(perp_bars(catalog).key).gaps == ()


def test_a_bar_that_overlaps_one_of_the_first_is_left_out(tmp_path: Path) -> None:
    # Half an hour off, beside bars of 15:00-16:00 and 19:00-20:00: only 16:00-19:00 is free. Hours
    # of an exchange begin at the clock's or at the session's.
    first = GOOD_BARS.replace("00:00", "15:00").replace("01:00", "19:00")
    more = "t,o,h,l,c,v\n" + "".join(f"2026-02-06 {at}:30,20,23,19,22,1\n" for at in range(15, 19))
    mapping = (BARS + MORE).replace("instrument: P", "instrument: SPY")
    catalog = imported(tmp_path, mapping, bars=first, more=more)
    channel = catalog.read(ChannelKey("SPY", ChannelKind.BARS, "1h"))
    assert [utc_text(at) for at in channel["opened_at"]] == [
        f"2026-02-06T{at}Z" for at in ("15:00", "16:30", "17:30", "19:00")
    ]


POINTS = """\
  - path: points.csv
    instrument: P
    kind: liquidations
    timeframe: 1h
    stamp: close
    time: {column: t, zone: UTC}
    columns: {long_quote: l, short_quote: s}
    label: observed
"""


def test_points_fill_missing_steps_only(tmp_path: Path) -> None:
    # The first misses 03:00; the second's 01:30 lies between two of its steps.
    hours = (0, 1, 2, 4)
    first = "t,l,s\n" + "".join(f"2026-02-06 0{hour}:00,1,1\n" for hour in hours)
    more = "t,l,s\n" + "".join(f"2026-02-06 0{at},2,2\n" for at in ("1:30", "2:00", "3:00", "5:00"))
    mapping = POINTS + POINTS.replace("points.csv", "more.csv") + "    fills: true\n"
    catalog = imported(tmp_path, mapping, points=first, more=more)
    found = catalog.read(ChannelKey("P", ChannelKind.LIQUIDATIONS))
    assert found["long_quote"].tolist() == [1, 1, 1, 2, 1, 2]


def test_a_series_is_filled_on_dates_without_a_row(tmp_path: Path) -> None:
    mapping = SERIES + SERIES.replace("series.csv", "more.csv") + "    fills: true\n"
    catalog = imported(
        tmp_path,
        mapping,
        series="date,value\n2026-02-05,1\n2026-02-09,1\n",
        more="date,value\n2026-02-05,2\n2026-02-06,2\n2026-02-10,2\n",
    )
    found = catalog.read(ChannelKey("S", ChannelKind.SERIES))
    assert found["value"].tolist() == [1, 2, 1, 2]


def test_a_splice_names_its_sources_and_keeps_each_label(tmp_path: Path) -> None:
    first = BARS + "    source: A\n    licence: open\n    venues: [Binance]\n"
    more = MORE.replace("observed", "inferred") + (
        "    source: B\n    licence: open\n    venues: [OKX, Binance]\n    mix_venues: true\n"
    )
    catalog = imported(
        tmp_path, first + more, bars=GOOD_BARS, more=GOOD_BARS.replace("01:00", "02:00")
    )
    entry = catalog.entry(perp_bars(catalog).key)
    assert (entry.origin.source, entry.origin.licence) == ("A; B", "open")
    assert entry.origin.venues == ("Binance", "OKX")
    assert perp_bars(catalog)["label"].tolist() == [0, 0, 1]


@pytest.mark.parametrize(
    ("venues", "message"),
    [
        ("[OKX]", r"mapping.yaml:17: P/bars/1h is filled from Binance and from OKX.*mix_venues"),
        ("[]", "is filled from Binance and from a venue not named"),
    ],
)
def test_venues_are_not_mixed_by_accident(tmp_path: Path, venues: str, message: str) -> None:
    first = BARS + "    venues: [Binance]\n"
    with pytest.raises(YamlError, match=message):
        imported(tmp_path, first + MORE + f"    venues: {venues}\n", bars=GOOD_BARS)


@pytest.mark.parametrize(
    ("mapping", "message"),
    [
        (MORE, "has fills: true, but no entry before it"),
        (BARS + "    mix_venues: true\n", "mix_venues goes with fills"),
        (BARS + "    unit: BTC\n" + MORE + "    unit: USD\n", "different units .'BTC', 'USD'"),
    ],
)
def test_a_splice_that_makes_no_sense_is_refused(
    tmp_path: Path, mapping: str, message: str
) -> None:
    with pytest.raises(YamlError, match=message):
        imported(tmp_path, mapping, bars=GOOD_BARS, more=GOOD_BARS)


def test_a_splice_that_breaks_a_rule_names_the_second_entry(tmp_path: Path) -> None:
    # Friday's value of the first is out on Monday, Saturday's of the second a year later.
    late = SERIES.replace("lag_days: 1", "lag_days: 0").replace("kind: series", "kind: funding")
    late = late.replace("{value: value}", "{rate: value}").replace("instrument: S", "instrument: P")
    more = late.replace("lag_days: 0", "lag_days: 9").replace("series.csv", "more.csv")
    with pytest.raises(SchemaError, match=r"before that of the row before.*mapping.yaml:16\)"):
        imported(
            tmp_path,
            late + more + "    fills: true\n",
            series="date,value\n2026-02-05,0\n2026-02-09,0\n",
            more="date,value\n2026-02-04,0\n",
        )


# Labels and dividends -----------------------------------------------------------------------------

LABELLED = BARS.replace("    label: observed", "    label_column: {column: how}")


def labelled(words: tuple[str, str]) -> str:
    head, *rows = GOOD_BARS.splitlines()
    body = [f"{row},{word}" for row, word in zip(rows, words, strict=True)]
    return "\n".join([f"{head},how", *body, ""])


def test_rows_can_carry_their_own_label(tmp_path: Path) -> None:
    catalog = imported(tmp_path, LABELLED, bars=labelled(("inferred", "observed")))
    assert perp_bars(catalog)["label"].tolist() == [1, 0]


@pytest.mark.parametrize("word", ["guessed", "", "Observed"])
def test_a_label_that_is_no_label_is_refused(tmp_path: Path, word: str) -> None:
    with pytest.raises(SchemaError, match=r"bars.csv: row 1: column 'how' says"):
        imported(tmp_path, LABELLED, bars=labelled(("observed", word)))


def test_label_and_label_column_exclude_each_other(tmp_path: Path) -> None:
    with pytest.raises(YamlError, match=r"give label .* or label_column"):
        imported(tmp_path, LABELLED + "    label: observed\n", bars=GOOD_BARS)
    with pytest.raises(SourceError, match="no column 'how'"):
        imported(tmp_path, LABELLED, bars=GOOD_BARS)


def test_a_synthetic_instrument_s_label_column_says_synthetic_throughout(tmp_path: Path) -> None:
    mapping = LABELLED.replace("instrument: P", "instrument: MADE")
    with pytest.raises(SchemaError, match="says 'observed'; MADE takes synthetic"):
        imported(tmp_path, mapping, bars=labelled(("synthetic", "observed")))
    catalog = imported(tmp_path, mapping, bars=labelled(("synthetic", "synthetic")))
    assert catalog.entries()[0].labels["synthetic"] == 2


def test_dividends_of_adjusted_prices_are_refused(tmp_path: Path) -> None:
    entry = """\
  - path: dividends.csv
    instrument: QQQ
    kind: dividends
    stamp: session_date
    time: {column: d}
    columns: {amount: div}
    label: observed
"""
    (tmp_path / "dividends.csv").write_text("d,div\n2026-02-06,1\n")
    path = tmp_path / "mapping.yaml"
    catalog = Catalog(tmp_path / "catalog")
    path.write_text(HEAD + entry)
    assert len(import_mapping(path, catalog)) == 1
    path.write_text(HEAD.replace("{id: QQQ,", "{id: QQQ, dividend_adjusted: true,") + entry)
    with pytest.raises(YamlError, match=r"mapping.yaml:10: .*'QQQ' is dividend_adjusted.*twice"):
        import_mapping(path, catalog)


def test_only_shares_can_be_dividend_adjusted() -> None:
    with pytest.raises(ValueError, match="perp instruments pay no dividends"):
        Instrument(id="P", kind=InstrumentKind.PERP, dividend_adjusted=True)
