"""The reader of run folders: rows, dataclasses, frames and documents agree."""

import dataclasses
import math

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from engine.daily_money import DailyMoney
from engine.equity_curve import EquityCurve
from engine.errors import ReportError
from engine.records import UNSET, OrderRow
from engine.results.contents import write_run
from engine.results.finished import RunRecord
from engine.run_folder.read import ResultFolder, RunFolder
from engine.run_folder.schema import (
    DAILY,
    DECISIONS,
    FILLS,
    GUARDS,
    LEDGER,
    ORDERS,
    OVERLAYS,
    TRADES,
    instant_of_row,
)
from engine.run_folder.seals import write_seals
from engine.run_folder.write import rows_table


@pytest.fixture(scope="module")
def finished(make_run):
    return make_run(hours=200)


@pytest.fixture(scope="module")
def record(finished):
    return RunRecord(finished)


@pytest.fixture
def folder(finished, tmp_path):
    return write_run(finished, tmp_path)


def same(left, right):
    """Return whether two rows are equal, NaN to NaN."""
    return repr(left) == repr(right)


def test_rows_are_read_back_as_the_dataclasses_that_were_written(folder, record):
    read, outcome = RunFolder(folder), record.run.outcome
    written = {
        ORDERS: outcome.orders, FILLS: outcome.fills, LEDGER: outcome.facts, TRADES: record.trades,
        DECISIONS: outcome.decisions, GUARDS: outcome.guard_events, OVERLAYS: outcome.overlays,
    }  # fmt: skip
    assert len(outcome.fills) > 0
    for table, rows in written.items():
        found = read.records(table)
        assert len(found) == len(rows)
        assert all(same(a, b) for a, b in zip(found, rows, strict=True)), table.name


def test_the_curve_and_the_numbers_are_read_back_as_they_were_written(folder, record):
    read = RunFolder(folder)
    for field in dataclasses.fields(EquityCurve):
        written = getattr(record.run.outcome.curve, field.name)
        assert getattr(read.curve, field.name).tolist() == written.tolist(), field.name
    assert read.metrics.keys() == record.metrics.keys()
    for name, value in record.metrics.items():
        both = (read.metrics[name], float(value))
        assert both[0] == both[1] or (math.isnan(both[0]) and not math.isfinite(both[1])), name


def test_the_money_of_days_is_read_back_as_it_was_written(folder, record):
    read = RunFolder(folder).money
    for field in dataclasses.fields(DailyMoney):
        written = getattr(record.money, field.name)
        assert getattr(read, field.name).tolist() == written.tolist(), field.name
    assert read.days.dtype == record.money.days.dtype
    assert read.excess.index.equals(record.money.days)


def test_returns_of_days_are_the_parts_over_the_equity_before():
    # A day with a gain, a day that loses everything, and a day without equity.
    money = DailyMoney(
        days=pd.DatetimeIndex(["2026-01-05", "2026-01-06", "2026-01-08"]).as_unit("ns"),
        ends=np.array([10, 20, 30], dtype=np.int64),
        before=np.array([100.0, 101.25, 0.0]),
        after=np.array([101.25, 0.0, 0.0]),
        trading=np.array([1.0, -101.5, 0.0]),
        interest=np.array([0.25, 0.25, 0.0]),
        bill=np.array([0.5, 1.0, 0.0]),
    )
    # (1 + 0.25 - 0.5) / 100, then (-101.5 + 0.25 - 1) / 101.25; zero without equity.
    assert money.excess.tolist() == [0.0075, -102.25 / 101.25, 0.0]
    assert money.returns.tolist() == pytest.approx([0.0125, -1.0, 0.0])


def changed(folder, name, change):
    path = folder / f"{name}.parquet"
    pq.write_table(change(pq.read_table(path)), path)
    write_seals(folder)
    return RunFolder(folder)


def test_days_that_are_not_the_days_of_equity_are_refused(folder, record):
    days = len(record.money.days)
    read = changed(folder, DAILY.name, lambda table: table.slice(1))
    with pytest.raises(ReportError, match=f"{days - 1} days, and equity has {days}"):
        _ = read.money


def test_a_missing_column_is_named(folder):
    read = changed(folder, DAILY.name, lambda table: table.drop_columns(["bill"]))
    with pytest.raises(ReportError, match=r"daily\.parquet: cannot be read \(no column bill\)"):
        _ = read.money
    read = changed(folder, FILLS.name, lambda table: table.drop_columns(["fee", "price"]))
    with pytest.raises(ReportError, match=r"fills\.parquet: cannot be read \(no column price, fee"):
        _ = read.fills


def test_an_order_that_still_works_has_no_end(folder, record):
    order = dataclasses.replace(record.run.outcome.orders[0], ended_at=UNSET)
    read = changed(folder, ORDERS.name, lambda _: rows_table(OrderRow, [order]))
    assert read.rows(ORDERS.name)[0]["ended_at"] is None
    assert same(read.orders, (order,))


def test_an_unknown_outcome_is_refused_with_the_known_ones(folder):
    def granted(table):
        place = table.column_names.index("outcome")
        return table.set_column(place, "outcome", pa.array(["granted"] * len(table)))

    read = changed(folder, DECISIONS.name, granted)
    said = r"outcome = 'granted'; known: approved, rejected, blocked\)"
    with pytest.raises(ReportError, match=said):
        _ = read.decisions


def test_an_unknown_column_of_a_cap_is_refused(folder):
    read = changed(folder, DECISIONS.name, lambda table: table.append_column("cap_luck", table[0]))
    with pytest.raises(ReportError, match="'luck' is no cap"):
        _ = read.decisions


def test_a_frame_has_the_rows_by_their_utc_instant(folder):
    read = RunFolder(folder)
    tables = sorted(path.stem for path in folder.glob("*.parquet"))
    assert len(tables) == 14
    for name in tables:
        frame, rows = read.frame(name), read.rows(name)
        assert len(frame) == len(rows)
        column = instant_of_row(name)
        if name == "hedges":
            assert column not in frame.index.names
            continue
        assert frame.index.name == column
        assert frame.index.dtype == "datetime64[ns, UTC]"
        if name != DAILY.name:
            assert list(frame.index) == [row[column] for row in rows]


def test_a_number_in_the_metrics_is_a_number(folder):
    (folder / "metrics.json").write_text('{"sharpe": "high"}')
    write_seals(folder)
    with pytest.raises(ReportError, match="sharpe = 'high' is no number"):
        _ = RunFolder(folder).metrics


def test_a_folder_without_seals_is_read_only_on_demand(folder):
    (folder / "seals.json").unlink()
    with pytest.raises(ReportError, match=r"seals\.json: is missing"):
        RunFolder(folder)
    read = RunFolder(folder, sealed=False)
    assert read.broken_seals() is None
    assert ResultFolder(folder, sealed=False).manifest == read.manifest
