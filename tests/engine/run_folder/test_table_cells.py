"""Cells of stored tables as Python's own values."""

from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pytest

from engine.records import UNSET
from engine.run_folder.table_cells import (
    StoredColumns,
    TableRow,
    cells_of,
    numbers_of,
    row_cells,
)

# 1.5 s after the epoch, in each unit that divides it.
UNITS = {"ms": 1_500, "us": 1_500_000, "ns": 1_500_000_000}


@pytest.mark.parametrize("unit", UNITS)
def test_instants_of_every_unit_are_one_instant_and_empty_ones_have_none(unit):
    type_ = pa.timestamp(unit, tz="UTC")
    column = pa.chunked_array([pa.array([UNITS[unit], None], type_), pa.array([], type_)])
    assert row_cells(column) == [datetime(1970, 1, 1, 0, 0, 1, 500_000, tzinfo=UTC), None]
    assert cells_of(column) == [1_500_000_000, UNSET]


def test_parts_of_a_microsecond_are_cut_off_in_rows_only():
    column = pa.chunked_array([pa.array([1_999], pa.timestamp("ns", tz="UTC"))])
    assert row_cells(column) == [datetime(1970, 1, 1, 0, 0, 0, 1, tzinfo=UTC)]
    assert cells_of(column) == [1_999]


def test_an_empty_number_is_nan_and_chunks_follow_each_other():
    column = pa.chunked_array([pa.array([1.0, None]), pa.array([3.0])])
    np.testing.assert_array_equal(numbers_of(column), [1.0, np.nan, 3.0])
    assert len(numbers_of(pa.chunked_array([], pa.float64()))) == 0


def test_a_row_is_a_mapping_of_its_own_cells_and_makes_only_those_asked_for():
    columns = StoredColumns(pa.table({"a": [1, 2], "b": ["x", None]}))
    first, second = (TableRow(columns, place) for place in range(2))
    assert second["a"] == 2
    assert list(columns) == ["a"]
    assert dict(first) == {"a": 1, "b": "x"}
    assert second.get("b", "-") is None
    assert len(first) == 2
    assert "c" not in first
    with pytest.raises(KeyError, match="c"):
        first["c"]
