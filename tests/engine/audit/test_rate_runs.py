"""Runs whose wallets have currencies with moving rates audit clean; altered rows do not."""

import dataclasses
import shutil
from collections import Counter
from datetime import timedelta

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from data_feeds.clock import HOUR_NS, datetime_ns
from data_feeds.schema import Channel
from engine.audit import audit_run, format_report
from engine.records import FactKind
from tests.engine.audit.simulated import cut, new_case, written
from tests.engine.random_rates import VENUE_RATE, in_francs

RUNS = 9
LEAST = {"fills": 80, "funding": 15, "interest": 10, "liquidations": 2, "guards while flat": 3}


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Return case, folder and outcome of each random run in francs."""
    root = tmp_path_factory.mktemp("rates")
    made = []
    for seed in range(RUNS):
        case = cut(in_francs(new_case(seed)))
        made.append((case, root / str(seed), written(case, root / str(seed))))
    return made


def test_runs_with_moving_rates_audit_clean(runs):
    seen = Counter()
    for case, folder, outcome in runs:
        report = audit_run(folder, case.dataset)
        assert report.ok, f"seed {case.seed}: {format_report(report)[:3000]}"
        seen["fills"] += len(outcome.fills)
        seen["liquidations"] += sum(fill.role == "liquidation" for fill in outcome.fills)
        for kind in (FactKind.FUNDING, FactKind.INTEREST):
            seen[kind.value] += sum(fact.kind == kind for fact in outcome.facts)
        flat = set(outcome.curve.at[outcome.curve.gross_notional == 0].tolist())
        seen["guards while flat"] += sum(
            event.at in flat and event.event == "tripped" for event in outcome.guard_events
        )
    assert not {what: seen[what] for what, least in LEAST.items() if seen[what] < least}


@pytest.fixture(scope="module")
def one(runs):
    """Return case and folder of the run with the most payments of funding."""
    case, folder, _ = max(runs, key=lambda made: sum(f.kind == "funding" for f in made[2].facts))
    return case, folder


def rules(report):
    """Return table and rule of each finding, without those of seals and hashes."""
    return {(f.table, f.rule) for f in report.findings if f.table != "manifest"}


def altered(folder, target, table, change):
    """Copy a run folder with one table changed; return the copy."""
    shutil.copytree(folder, target)
    path = target / f"{table}.parquet"
    rows = pq.read_table(path).to_pylist()
    schema = pq.read_table(path).schema
    pq.write_table(pa.Table.from_pylist(change(rows), schema=schema), path)
    return target


def some_row(rows):
    """Return the index of a funding fact, which belongs to a position."""
    return next(i for i, row in enumerate(rows) if row["kind"] == "funding")


def changed(rows, i, **values):
    return [{**row, **values} if n == i else row for n, row in enumerate(rows)]


LEDGER_CHANGES = {
    "deleted": lambda rows, i: rows[:i] + rows[i + 1 :],
    "doubled": lambda rows, i: [*rows[: i + 1], *rows[i:]],
    "shifted": lambda rows, i: changed(rows, i, at=rows[i]["at"] + timedelta(hours=1)),
    "sign of the amount": lambda rows, i: changed(rows, i, amount=-rows[i]["amount"]),
    "sign of the rate": lambda rows, i: changed(rows, i, account_rate=-rows[i]["account_rate"]),
    "rate of a neighbour": lambda rows, i: changed(
        rows, i, account_rate=rows[i]["account_rate"] * 1.001
    ),
}


@pytest.mark.parametrize("what", LEDGER_CHANGES)
def test_a_changed_row_of_the_ledger_is_found(one, tmp_path, what):
    case, folder = one
    change = LEDGER_CHANGES[what]
    bad = altered(folder, tmp_path / "run", "ledger", lambda rows: change(rows, some_row(rows)))
    assert any(table == "ledger" for table, _ in rules(audit_run(bad, case.dataset)))


@pytest.mark.parametrize(
    ("table", "column", "rule"),
    [
        ("equity", "venue_value", "venue value"),
        ("equity", "brokerage_value", "brokerage value"),
        ("equity", "revaluation", "revaluation"),
        ("equity", "unrealized", "unrealized"),
        ("daily", "revaluation", "revaluation"),
        ("trades", "initial_risk", "initial_risk"),
        ("trades", "net_pnl", "net_pnl"),
    ],
)
def test_a_value_at_another_rate_is_found(one, tmp_path, table, column, rule):
    case, folder = one

    def change(rows):
        i = max(range(len(rows)), key=lambda n: abs(rows[n][column]))
        return changed(rows, i, **{column: rows[i][column] * 1.01 + 0.02})

    bad = altered(folder, tmp_path / "run", table, change)
    assert (table, rule) in rules(audit_run(bad, case.dataset))


def with_rate_rows(case, change):
    """Return the dataset with other rows of the venue's rate."""
    key = next(key for key in case.dataset.channels if key.instrument == VENUE_RATE)
    channel = case.dataset.channels[key]
    columns = change({name: values.copy() for name, values in channel.columns.items()})
    return dataclasses.replace(
        case.dataset, channels={**case.dataset.channels, key: Channel(key, columns)}
    )


def rate_row(columns, case, folder):
    """Return the row of a rate known at once, the last one before the wallet's largest value."""
    rows = pq.read_table(folder / "equity.parquet", columns=["at", "venue_value"]).to_pylist()
    largest = max(rows, key=lambda row: abs(row["venue_value"]))
    start, end = datetime_ns(case.config.data.start), datetime_ns(largest["at"])
    prompt = columns["available_at"] == columns["event_at"]
    inside = (columns["event_at"] > start) & (columns["event_at"] <= end)
    return int(np.flatnonzero(prompt & inside)[-1])


def taken(columns, rows):
    return {name: values[rows] for name, values in columns.items()}


def deleted(columns, i):
    return taken(columns, np.delete(np.arange(len(columns["value"])), i))


def doubled(columns, i):
    """Return the rows with the one before standing again in the place of one."""
    columns["value"][i] = columns["value"][i - 1]
    return columns


def shifted(columns, i):
    columns["available_at"][i] += 5 * HOUR_NS
    return columns


def flipped(columns, i):
    columns["value"][i] *= -1
    return columns


@pytest.mark.parametrize("change", [deleted, doubled, shifted, flipped])
def test_a_changed_row_of_the_rates_is_found(one, change):
    case, folder = one
    data = with_rate_rows(case, lambda columns: change(columns, rate_row(columns, case, folder)))
    found = rules(audit_run(folder, data))
    assert ("equity", "venue value") in found
    assert ("equity", "equity") in found
