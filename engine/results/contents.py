"""The contents of a run folder: tables and documents composed from a finished run."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from engine.results.finished import FinishedRun, RunInputs, RunRecord
from engine.results.hedges import hedge_lines
from engine.results.manifest import manifest, resolved_config, run_id
from engine.results.pass_rates import rates_document
from engine.run_folder.schema import (
    ACCOUNT_STATES,
    CONDITION_ROWS,
    CONDITIONS_FILE,
    CONFIG_FILE,
    DAILY,
    DECISION_ROWS,
    DECISIONS,
    EQUITY,
    FILLS,
    GUARDS,
    HEDGES,
    LEDGER,
    MANIFEST_FILE,
    ORDERS,
    OVERLAYS,
    TIMING_FILE,
    TRADES,
    TRAIL_DISTANCES,
    TableOf,
)
from engine.run_folder.write import (
    curve_table,
    daily_table,
    decisions_table,
    instants,
    rows_table,
    staged,
    write_json,
    write_metrics,
    write_table,
    write_yaml,
)

AddReports = Callable[[RunRecord, Path], None]


def folder_of(run: RunInputs, root: Path) -> Path:
    """Return the folder that a run is written to: ``<root>/<name>-<run id>``."""
    return root / run_folder_name(run)


def run_folder_name(run: RunInputs) -> str:
    """Return ``<name>-<run id>``."""
    return f"{run.config.name}-{run_id(run)}"


def write_run(
    run: FinishedRun,
    root: Path,
    *,
    add_reports: AddReports | None = None,
    timing: Mapping[str, Any] | None = None,
) -> Path:
    """Write the run folder and return its path.

    Parameters
    ----------
    run : the finished run
    root : folder of all runs, made when absent
    add_reports : called with the record and the unpublished folder; adds summary and pages
    timing : when and how long the run took, for ``timing.json``; everything else is byte-identical
        for equal inputs

    Raises
    ------
    ReportError : the folder cannot be written (read-only, full); nothing half-written is left.
    """
    record = RunRecord(run)
    final = folder_of(run, root)
    with staged(final) as folder:
        write_files(record, folder)
        if timing is not None:
            write_json(dict(timing), folder / TIMING_FILE)
        if add_reports is not None:
            add_reports(record, folder)
    return final


def write_files(record: RunRecord, folder: Path) -> None:
    """Write every table and document except the reports."""
    for name, table in tables(record).items():
        write_table(table, folder / f"{name}.parquet")
    write_yaml(resolved_config(record.run), folder / CONFIG_FILE)
    write_json(manifest(record), folder / MANIFEST_FILE)
    write_metrics(record.metrics, folder)
    write_json(rates_document(record.run.signals, record.rates), folder / CONDITIONS_FILE)


def tables(record: RunRecord) -> dict[str, pa.Table]:
    """Return the tables of a run by file name (without ``.parquet``)."""
    outcome = record.run.outcome
    by_row: tuple[tuple[TableOf[Any], Sequence[Any]], ...] = (
        (ORDERS, outcome.orders),
        (FILLS, outcome.fills),
        (TRADES, record.trades),
        (LEDGER, outcome.facts),
        (GUARDS, outcome.guard_events),
        (ACCOUNT_STATES, record.intervals),
        (OVERLAYS, outcome.overlays),
        (HEDGES, hedge_lines(record)),
        (TRAIL_DISTANCES, outcome.trail_distances),
    )
    return {table.name: rows_table(table.row_type, rows) for table, rows in by_row} | {
        EQUITY: curve_table(outcome.curve),
        DAILY.name: daily_table(record.money),
        DECISIONS.name: decisions_table(outcome.decisions),
        CONDITION_ROWS: record.journal,
        DECISION_ROWS: pa.table({"at": instants(record.decision_rows)}),
    }
