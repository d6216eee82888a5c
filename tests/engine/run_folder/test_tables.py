"""Parquet tables of a run."""

import dataclasses

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from engine.excess import DailyMoney
from engine.records import Decision, Fact, Fill, GuardEvent, OrderRow
from engine.run_folder.tables import (
    INSTANT,
    curve_table,
    daily_money_of,
    daily_table,
    decisions_table,
    instants,
    rows_table,
    write_table,
)


def one_trade(new_book):
    book = new_book()
    book.decide(2.0, stop=90.0)
    book.fill("entry", 2.0, 100.0)
    book.mark(105.0)
    book.fill("stop", -2.0, 95.0)
    book.mark(95.0)
    return book.outcome()


def test_columns_are_the_fields_in_order_and_instants_are_utc_timestamps(new_book):
    table = rows_table(Fill, one_trade(new_book).fills)
    assert table.column_names == [field.name for field in dataclasses.fields(Fill)]
    assert table.schema.field("at").type == INSTANT
    assert table.schema.field("bar_opened_at").type == INSTANT
    assert table.schema.field("quantity").type == pa.float64()
    assert table.schema.field("inferred").type == pa.bool_()


def test_an_empty_table_has_the_same_types_as_a_full_one(new_book):
    outcome = one_trade(new_book)
    for kind, rows in ((Fill, outcome.fills), (OrderRow, outcome.orders), (Fact, outcome.facts)):
        assert rows_table(kind, ()).schema == rows_table(kind, rows).schema


def test_instants_not_yet_come_and_never_to_come_are_empty_cells():
    assert instants([0, -1, 2**62, 2**63 - 1]).null_count == 4
    assert instants([1_770_000_000 * 10**9]).null_count == 0


def test_instants_keep_nanoseconds():
    # pandas 3 defaults to microseconds; the table must not lose the last digits
    assert instants([1_770_000_000_123_456_789]).cast(pa.int64()).to_pylist() == [
        1_770_000_000_123_456_789
    ]


def test_each_cap_has_what_it_allowed_and_the_size_after_it(new_book):
    book = new_book()
    book.decide(1.0, stop=90.0, caps=(("risk", 5.0), ("leverage", 8.0), ("lot_floor", 4.9)))
    book.decide(1.0, stop=90.0, caps=(("risk", 3.0), ("participation", 2.0)))
    book.mark(100.0)

    rows = decisions_table(book.outcome().decisions).to_pylist()

    # the size after a cap is the smallest so far: 5, min(5, 8) = 5, min(5, 4.9) = 4.9
    assert [rows[0][f"size_after_{cap}"] for cap in ("risk", "leverage", "lot_floor")] == [
        5,
        5,
        4.9,
    ]
    assert rows[0]["cap_leverage"] == 8.0
    assert np.isnan(rows[0]["cap_participation"])
    assert rows[1]["size_after_participation"] == 2.0
    assert "caps" not in rows[0]


def test_the_curve_is_written_point_by_point(new_book):
    curve = one_trade(new_book).curve
    table = curve_table(curve)
    assert table.column("equity").to_pylist() == curve.equity.tolist()
    assert table.column("at").cast(pa.int64()).to_pylist() == curve.at.tolist()


def test_equal_rows_give_equal_bytes_and_a_changed_cell_does_not(new_book, tmp_path):
    outcome = one_trade(new_book)
    changed = (dataclasses.replace(outcome.fills[0], fee=9.0), *outcome.fills[1:])
    for name, fills in (("a", outcome.fills), ("b", outcome.fills), ("c", changed)):
        write_table(rows_table(Fill, fills), tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert (tmp_path / "a").read_bytes() != (tmp_path / "c").read_bytes()
    assert pq.read_table(tmp_path / "a").schema.metadata is None


def test_guard_and_decision_tables_can_be_empty():
    assert decisions_table(()).num_rows == 0
    assert "decided_at" in decisions_table(()).column_names
    assert rows_table(GuardEvent, ()).schema.field("until").type == INSTANT
    assert rows_table(Decision, ()).schema.field("stop").type == pa.float64()


@pytest.fixture
def three_days():
    """A day that gains, one that loses everything, and one without anything."""
    return DailyMoney(
        days=pd.DatetimeIndex(["2026-01-05", "2026-01-06", "2026-01-08"]).as_unit("ns"),
        ends=np.array([10, 20, 30], dtype=np.int64),
        before=np.array([100.0, 101.25, 0.0]),
        after=np.array([101.25, 0.0, 0.0]),
        trading=np.array([1.0, -101.5, 0.0]),
        interest=np.array([0.25, 0.25, 0.0]),
        bill=np.array([0.5, 1.0, 0.0]),
    )


def test_the_money_of_days_is_read_back_as_it_was_written(three_days, tmp_path):
    path = tmp_path / "daily.parquet"
    write_table(daily_table(three_days), path)
    read = daily_money_of(pq.read_table(path), three_days.ends)
    for field in dataclasses.fields(DailyMoney):
        written = getattr(three_days, field.name)
        assert getattr(read, field.name).tolist() == written.tolist(), field.name
    assert read.days.dtype == three_days.days.dtype
    # (1 + 0.25 - 0.5) / 100, then (-101.5 + 0.25 - 1) / 101.25; nothing of nothing.
    assert read.excess.tolist() == [0.0075, -102.25 / 101.25, 0.0]
    assert read.returns.tolist() == pytest.approx([0.0125, -1.0, 0.0])
    assert read.excess.index.equals(three_days.days)


def test_days_that_are_not_those_of_equity_or_without_a_column_are_refused(three_days):
    table = daily_table(three_days)
    with pytest.raises(ValueError, match="2 days, and equity has 3"):
        daily_money_of(table.slice(1), three_days.ends)
    with pytest.raises(KeyError, match="bill"):
        daily_money_of(table.drop_columns(["bill"]), three_days.ends)
