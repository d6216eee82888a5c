"""The tables that are written to a run folder."""

import dataclasses

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from engine.records import Decision, Fact, Fill, GuardEvent, OrderRow
from engine.run_folder.write import (
    INSTANT,
    curve_table,
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
