"""The end of a delisted instrument: its instant, the rows after it, and what a window must hold."""

from datetime import date
from pathlib import Path

import pytest

from data_feeds.catalog import Catalog
from data_feeds.clock import DAY_NS, HOUR_NS
from data_feeds.dataset import Dataset
from data_feeds.delisting import Delisting
from data_feeds.errors import CoverageError, SchemaError
from data_feeds.instrument import Instrument
from data_feeds.load import load_dataset
from data_feeds.quality import FindingKind, findings
from data_feeds.schema import Channel, ChannelKey, ChannelKind
from data_feeds.sources.local_files import import_mapping
from data_feeds.trading_end import (
    FinalSettlement,
    bars_due_until,
    final_settlement,
    trading_end,
    until_delisting,
    without_delistings,
)
from tests.data_feeds.factory import PERP, bars, ns
from tests.data_feeds.imports import BARS
from tests.data_feeds.test_splits import CLOSED, KEY, STOCK, days, splits

T0 = ns("2026-02-01T00:00")
HOURS = ChannelKey(PERP.id, ChannelKind.BARS, "1h")


def gone(item: Instrument, last_day: str, price: float | None = None) -> Instrument:
    record = Delisting(last_day=date.fromisoformat(last_day), final_price=price)
    return item.model_copy(update={"delisted": record})


def hourly(count: int) -> Channel:
    at = [T0 + i * HOUR_NS for i in range(count)]
    return bars(at, [(1, 1, 1, 1, 1)] * count)


def held(count: int, last_day: str, price: float | None = None) -> Dataset:
    return Dataset({PERP.id: gone(PERP, last_day, price)}, {HOURS: hourly(count)})


# The instant --------------------------------------------------------------------------------------


def test_around_the_clock_the_last_day_ends_at_midnight_utc():
    assert trading_end(gone(PERP, "2026-02-02")) == ns("2026-02-03T00:00")
    assert trading_end(PERP) is None


def test_an_exchange_ends_with_the_last_session_up_to_the_day():
    # Saturday the 8th: the session of Friday the 7th ended at 20:00 UTC. An early close counts.
    assert trading_end(gone(STOCK, "2024-06-08")) == ns("2024-06-07T20:00")
    assert trading_end(gone(STOCK, "2024-07-03")) == ns("2024-07-03T17:00")


def test_a_last_day_beyond_the_published_schedule_is_told_as_such():
    with pytest.raises(SchemaError, match="after the published schedule of calendar XNYS"):
        trading_end(gone(STOCK, "2099-06-08"))


def test_a_settlement_needs_a_window_that_holds_the_last_day():
    rows, item = hourly(30), gone(PERP, "2026-02-02", 0.5)
    end = ns("2026-02-03T00:00")
    assert final_settlement(item, rows, end) == FinalSettlement(T0 + 30 * HOUR_NS, 0.5)
    assert final_settlement(item, rows, end - 1) is None
    assert final_settlement(PERP, rows, end) is None
    assert final_settlement(gone(PERP, "2026-01-20"), rows, end) is None


def test_bars_that_end_before_the_last_session_settle_nothing():
    # A day early at the later price would be wrong by a day; a record a day off is as wrong.
    item, end = gone(PERP, "2026-02-02", 0.5), T0 + 9 * DAY_NS
    for count in (20, 24):
        with pytest.raises(CoverageError, match="PERP was delisted after 2026-02-02") as caught:
            final_settlement(item, hourly(count), end)
    assert "the bars end at 2026-02-02T00:00Z" in str(caught.value)
    assert final_settlement(item, hourly(25), end) == FinalSettlement(T0 + 25 * HOUR_NS, 0.5)


def test_a_session_without_bars_before_the_end_is_refused_on_an_exchange_too():
    # The last day is Wednesday the 12th; the bars end with Friday the 7th.
    item, end = gone(STOCK, "2024-06-12", 12.0), int(CLOSED[-1])
    with pytest.raises(CoverageError, match="its last session from 2024-06-12T13:30Z"):
        final_settlement(item, days([100.0] * 5), end)
    assert final_settlement(item, days([100.0] * 8), end) == FinalSettlement(int(CLOSED[7]), 12.0)


def test_marks_stay_that_are_under_way_when_trading_ends():
    # Funding is paid at a mark bar's open: a week's mark opened before the end is in force.
    week = bars([T0, T0 + 7 * DAY_NS], [(1, 1, 1, 1)] * 2, "1w", ChannelKind.MARK)
    kept = until_delisting(week, gone(PERP, "2026-02-02"))
    assert kept["opened_at"].tolist() == [T0]
    assert len(until_delisting(bars([T0], [(1, 1, 1, 1, 1)], "1w"), gone(PERP, "2026-02-02"))) == 0


def test_bars_are_due_until_the_last_one_of_the_last_day():
    item, end = gone(PERP, "2026-02-02"), T0 + 9 * DAY_NS
    assert bars_due_until(item, hourly(30), end) == T0 + 30 * HOUR_NS
    # Nothing at all on the last day: its bars are missing.
    assert bars_due_until(item, hourly(20), end) == T0 + 2 * DAY_NS
    assert bars_due_until(PERP, hourly(20), end) == end


def test_records_without_a_delisting_are_shown_as_they_are():
    records = {PERP.id: PERP}
    assert without_delistings(records) is records
    both = without_delistings({PERP.id: gone(PERP, "2026-02-02"), "NV": STOCK})
    assert [item.delisted for item in both.values()] == [None, None]


# A run's window -----------------------------------------------------------------------------------


def test_a_window_may_end_after_the_last_day():
    data = load_dataset(held(30, "2026-02-02"), [HOURS], T0 + DAY_NS, T0 + 9 * DAY_NS)
    assert data.bars(PERP.id, "1h")["closed_at"][-1] == T0 + 30 * HOUR_NS


def test_bars_after_the_last_day_are_left_out():
    data = load_dataset(held(90, "2026-02-02"), [HOURS], T0 + DAY_NS, T0 + 9 * DAY_NS)
    assert data.bars(PERP.id, "1h")["closed_at"][-1] == T0 + 2 * DAY_NS


def test_bars_that_end_days_before_the_last_day_are_refused():
    window = (T0 + DAY_NS, T0 + 9 * DAY_NS)
    with pytest.raises(CoverageError, match="PERP was delisted after 2026-02-06") as caught:
        load_dataset(held(30, "2026-02-06"), [HOURS], *window)
    assert "import the bars up to 2026-02-07T00:00Z" in str(caught.value)
    assert "begin the window" not in str(caught.value)


def test_a_window_that_ends_in_the_last_day_is_told_to_hold_it():
    with pytest.raises(CoverageError, match="end it at 2026-02-03T00:00Z or later"):
        load_dataset(held(30, "2026-02-02"), [HOURS], T0 + DAY_NS, T0 + 40 * HOUR_NS)


def test_a_longer_bar_that_trading_left_unfinished_is_refused_where_orders_fill_in_it():
    days_key = ChannelKey(PERP.id, ChannelKind.BARS, "1d")
    window = (T0 + DAY_NS, T0 + 9 * DAY_NS)
    # Trading stopped at 06:00 of the last day: no bar of that day is made.
    with pytest.raises(CoverageError, match="inside a bar of 1d") as caught:
        load_dataset(held(30, "2026-02-02"), [days_key], *window)
    assert "ended at 2026-02-02T06:00Z" in str(caught.value)
    assert "read bars of 1h" in str(caught.value)
    # Orders fill in the hours where those are read too, and a whole day is made.
    both = load_dataset(held(30, "2026-02-02"), [HOURS, days_key], T0, window[1])
    assert both.bars(PERP.id, "1h")["closed_at"][-1] == T0 + 30 * HOUR_NS
    whole = load_dataset(held(48, "2026-02-02"), [days_key], *window)
    assert whole.bars(PERP.id, "1d")["closed_at"][-1] == T0 + 2 * DAY_NS
    # A window that ends before the last day is over knows nothing of it.
    load_dataset(held(30, "2026-02-02"), [days_key], T0, T0 + 30 * HOUR_NS)


def test_a_window_after_the_last_day_is_refused():
    with pytest.raises(CoverageError, match="begin the window before that day, or leave") as caught:
        load_dataset(held(30, "2026-02-02"), [HOURS], T0 + 4 * DAY_NS, T0 + 9 * DAY_NS)
    assert "or later" not in str(caught.value)


def test_without_a_record_the_error_names_it():
    data = Dataset({PERP.id: PERP}, {HOURS: hourly(30)})
    with pytest.raises(CoverageError, match="write delisted with its last_day into the"):
        load_dataset(data, [HOURS], T0 + DAY_NS, T0 + 9 * DAY_NS)


def test_the_final_price_counts_in_the_shares_of_the_first_bar():
    # Ten for one on the 10th: 12 a new share are 120 a first share.
    item = gone(STOCK, "2024-06-12", 12.0)
    rows = days([1200.0] * 5 + [120.0] * 3)
    source = Dataset({"NV": item}, {KEY: rows, splits().key: splits()})
    window = ([KEY], int(rows["opened_at"][1]), int(CLOSED[-1]))
    loaded = load_dataset(source, *window)
    record = loaded.instruments["NV"].delisted
    assert record is not None
    assert record.final_price == pytest.approx(120.0)
    # Loaded again, as for a stressed or a swept run, it is the same price.
    again = load_dataset(loaded, *window).instruments["NV"].delisted
    assert again is not None
    assert again.final_price == pytest.approx(120.0)


# Import and verify --------------------------------------------------------------------------------

MAPPING = """\
instruments:
  - {{id: P, kind: perp, delisted: {{last_day: {day}, final_price: 0.5, reason: closed}}}}
files:
"""
ROWS = """\
t,o,h,l,c,v
2026-02-05 22:00,10,12,9,11,5
2026-02-05 23:00,10,12,9,11,5
2026-02-06 00:00,10,12,9,11,0
2026-02-06 01:00,11,13,10,12,0
"""


def write(folder: Path, day: str) -> tuple[Path, Catalog]:
    (folder / "bars.csv").write_text(ROWS)
    mapping = folder / "mapping.yaml"
    mapping.write_text(MAPPING.format(day=day) + BARS)
    return mapping, Catalog(folder / "catalog")


def test_an_import_leaves_later_bars_out_and_says_so(tmp_path: Path):
    mapping, catalog = write(tmp_path, "2026-02-05")
    (report,) = import_mapping(mapping, catalog)
    assert report.notes == ("bars.csv: 2 bars after 2026-02-05, the last day, left out",)
    assert report.entry.rows == 2
    record = catalog.instruments()["P"].delisted
    assert record == Delisting(last_day=date(2026, 2, 5), final_price=0.5, reason="closed")


def test_an_import_that_drops_the_record_says_so(tmp_path: Path):
    mapping, catalog = write(tmp_path, "2026-02-05")
    import_mapping(mapping, catalog)
    bare = mapping.read_text().replace(", delisted: {last_day: 2026-02-05, final_price: 0.5, ", "")
    mapping.write_text(bare.replace("reason: closed}", ""))
    (report,) = import_mapping(mapping, catalog)
    assert "P is no longer recorded as delisted after 2026-02-05" in "; ".join(report.notes)
    (again,) = import_mapping(mapping, catalog)
    assert "no longer" not in "; ".join(again.notes)


def test_a_file_with_later_bars_only_is_refused(tmp_path: Path):
    mapping, catalog = write(tmp_path, "2026-01-05")
    with pytest.raises(SchemaError, match="all 4 rows for P/bars/1h come after 2026-01-05"):
        import_mapping(mapping, catalog)


def test_verify_tells_of_stored_bars_after_the_last_day():
    found = [f for f in findings(held(90, "2026-02-02")) if f.kind is FindingKind.AFTER_DELISTING]
    assert [(str(f.key), f.rows) for f in found] == [(str(HOURS), 42)]
    assert "runs leave them out" in found[0].text()


def test_a_record_without_a_delisting_is_stored_as_before():
    # Fingerprints of older runs stay.
    assert "delisted" not in PERP.model_dump_json()
    item = gone(PERP, "2026-02-02", 0.0)
    assert Instrument.model_validate_json(item.model_dump_json()) == item


def test_the_words_of_a_delisting_name_its_reason():
    assert Delisting(last_day=date(2026, 2, 2)).words == "delisted"
    assert Delisting(last_day=date(2026, 2, 2), reason="merger").words == "delisted: merger"
