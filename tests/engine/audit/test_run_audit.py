"""The audit passes a run worked out by hand, and fails when any row is altered."""

import math

import pytest

from engine.audit import audit_run, format_report
from engine.errors import ReportError

HOUR = 3_600 * 10**9
TABLES = ("orders", "fills", "ledger", "equity", "trades", "journal_decisions")
# Columns with a sign to flip; a zero has no sign.
SIGNED = {
    "orders": ("side", "quantity", "price", "filled"),
    "fills": ("quantity", "price", "raw_price", "slippage", "fee", "realized", "position_after"),
    "ledger": ("amount", "quantity", "rate"),
    "equity": ("equity", "venue_cash", "unrealized", "gross_notional"),
    "trades": ("direction", "quantity", "gross_pnl", "fees", "funding", "net_pnl", "r_multiple"),
    "journal_decisions": ("direction", "quantity", "equity"),
}


def deleted(rows, index):
    return rows[:index] + rows[index + 1 :]


def duplicated(rows, index):
    return rows[: index + 1] + rows[index:]


def shifted(rows, index):
    moved = {
        name: value + HOUR if (name == "at" or name.endswith("_at")) and value else value
        for name, value in rows[index].items()
    }
    return [*rows[:index], moved, *rows[index + 1 :]]


def flipped(rows, index, column):
    return [*rows[:index], {**rows[index], column: -rows[index][column]}, *rows[index + 1 :]]


@pytest.fixture
def folder(new_run, tmp_path):
    return new_run().write(tmp_path / "run")


def test_a_run_worked_by_hand_audits_clean(new_run, folder):
    report = audit_run(folder, new_run().data)
    assert report.findings == ()
    assert report.ok
    counted = {
        "orders": 9,
        "fills": 5,
        "funding payments": 2,
        "funding and dividend slots": 3,
        "touched stops": 1,
        "touched targets": 1,
        "touched liquidations": 1,
        "venue losses": 1,
        "points of the equity curve": 11,
        "trades": 2,
        "risk decisions": 4,
    }
    assert {name: report.checks[name] for name in counted} == counted


@pytest.mark.parametrize("change", [deleted, duplicated, shifted])
@pytest.mark.parametrize("table", TABLES)
def test_no_row_can_be_deleted_duplicated_or_shifted(new_run, folder, table, change):
    run = new_run()
    rows = run.tables[table]
    assert rows
    for index in range(len(rows)):
        run.write_table(folder, table, change(rows, index))
        assert not audit_run(folder, run.data).ok, (table, index)


@pytest.mark.parametrize("table", TABLES)
def test_no_sign_can_be_flipped(new_run, folder, table):
    run = new_run()
    rows = run.tables[table]
    flips = 0
    for index, row in enumerate(rows):
        for column in SIGNED[table]:
            value = row[column]
            is_open_question = table == "journal_decisions" and row["outcome"] == "blocked"
            if math.isnan(value) or value == 0 or (is_open_question and column == "direction"):
                continue
            run.write_table(folder, table, flipped(rows, index, column))
            assert not audit_run(folder, run.data).ok, (table, index, column)
            flips += 1
    assert flips >= len(rows)


def test_a_finding_says_what_was_expected_and_found(new_run, folder):
    run = new_run()
    rows = [dict(row) for row in run.tables["ledger"]]
    charged = next(row for row in rows if row["kind"] == "funding")
    charged["amount"] = 0.055
    run.write_table(folder, "ledger", rows)
    report = audit_run(folder, run.data)
    text = format_report(report)
    assert "expected -0.055, found 0.055" in text
    assert "funding at 2026-02-02T03:00Z" in text
    assert "2 funding payments" in text


def test_other_market_data_than_the_run_used_is_a_finding(new_run, folder):
    run = new_run()
    bars = run.data.bars("BTCUSDT-PERP", "1h")
    changed = {name: values.copy() for name, values in bars.columns.items()}
    changed["volume"] = changed["volume"] + 1
    channels = dict(run.data.channels) | {bars.key: type(bars)(bars.key, changed)}
    report = audit_run(folder, type(run.data)(run.data.instruments, channels))
    assert [finding.rule for finding in report.findings] == ["fingerprint of the market data"]


@pytest.mark.parametrize("name", ["fills.parquet", "manifest.json", "config.resolved.yaml"])
def test_a_missing_file_is_one_clear_error(new_run, folder, name):
    (folder / name).unlink()
    with pytest.raises(ReportError, match=name):
        audit_run(folder, new_run().data)


def test_a_truncated_table_is_one_clear_error(new_run, folder):
    path = folder / "fills.parquet"
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(ReportError, match=r"fills\.parquet"):
        audit_run(folder, new_run().data)
