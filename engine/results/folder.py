"""Writing a run folder: everything into a hidden sibling first, one rename at the end."""

import json
import math
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
from ruamel.yaml import YAML

from engine.errors import ReportError
from engine.records import Fact, Fill, GuardEvent, OrderRow, Overlay
from engine.results.availability import AccountInterval
from engine.results.finished import FinishedRun, RunInputs, RunRecord
from engine.results.hedges import HedgeLine, hedge_lines
from engine.results.manifest import manifest, resolved_config, run_id
from engine.results.pass_rates import rates_document
from engine.run_folder.schema import (
    CONDITIONS_FILE,
    CONFIG_FILE,
    MANIFEST_FILE,
    METRICS_FILE,
    TIMING_FILE,
)
from engine.run_folder.seals import write_seals
from engine.run_folder.tables import (
    curve_table,
    daily_table,
    decisions_table,
    instants,
    rows_table,
    write_table,
)
from engine.trades import Trade

PARTIAL_PREFIX = ".partial-"

AddReports = Callable[[RunRecord, Path], None]


def run_folder(run: RunInputs, root: Path) -> Path:
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
    final = run_folder(run, root)
    with staged(final) as folder:
        write_files(record, folder)
        if timing is not None:
            write_json(dict(timing), folder / TIMING_FILE)
        if add_reports is not None:
            add_reports(record, folder)
    return final


def check_writable(root: Path) -> None:
    """Raise before a long run what would be raised after it.

    Raises
    ------
    ReportError : ``root`` cannot be made or written to.
    """
    try:
        root.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=PARTIAL_PREFIX, dir=root):
            pass
    except OSError as error:
        raise _cannot_write(root, error) from error


def write_files(record: RunRecord, folder: Path) -> None:
    """Write every table and document except the reports."""
    for name, table in tables(record).items():
        write_table(table, folder / f"{name}.parquet")
    write_yaml(resolved_config(record.run), folder / CONFIG_FILE)
    write_json(manifest(record), folder / MANIFEST_FILE)
    write_json(
        {name: json_number(value) for name, value in record.metrics.items()}, folder / METRICS_FILE
    )
    write_json(rates_document(record.run.signals, record.rates), folder / CONDITIONS_FILE)


def tables(record: RunRecord) -> dict[str, pa.Table]:
    """Return the tables of a run by file name (without ``.parquet``)."""
    outcome = record.run.outcome
    return {
        "orders": rows_table(OrderRow, outcome.orders),
        "fills": rows_table(Fill, outcome.fills),
        "trades": rows_table(Trade, record.trades),
        "events": rows_table(Fact, outcome.facts),
        "guards": rows_table(GuardEvent, outcome.guard_events),
        "equity": curve_table(outcome.curve),
        "daily": daily_table(record.money),
        "journal_decisions": decisions_table(outcome.decisions),
        "journal_account": rows_table(AccountInterval, record.intervals),
        "journal_conditions": record.journal,
        "overlays": rows_table(Overlay, outcome.overlays),
        "hedges": rows_table(HedgeLine, hedge_lines(record)),
        "decision_rows": pa.table({"at": instants(record.decision_rows)}),
    }


def write_json(document: Any, path: Path) -> None:
    """Write indented JSON; NaN is refused because other programs cannot read it."""
    text = json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False)
    path.write_text(text + "\n", encoding="utf-8", newline="\n")


def write_yaml(document: dict[str, Any], path: Path) -> None:
    """Write plain YAML in the document's order."""
    with path.open("w", encoding="utf-8", newline="\n") as stream:
        _yaml().dump(document, stream)


@contextmanager
def staged(final: Path) -> Iterator[Path]:
    """Yield an empty hidden folder that becomes ``final`` when the block ends without an error.

    Its seals are the last file written (:mod:`engine.run_folder.seals`).

    An earlier ``final`` is replaced only then. On any error, Ctrl-C included, the hidden folder is
    removed and ``final`` is as it was.

    Raises
    ------
    ReportError : the file system refuses.
    """
    holder: Path | None = None
    try:
        final.parent.mkdir(parents=True, exist_ok=True)
        holder = Path(tempfile.mkdtemp(prefix=PARTIAL_PREFIX, dir=final.parent))
        # mkdtemp's own folder is private to the user; one made inside it has normal permissions.
        folder = holder / "new"
        folder.mkdir()
        yield folder
        write_seals(folder)
        _publish(folder, final, holder / "old")
    except OSError as error:
        raise _cannot_write(final, error) from error
    finally:
        if holder is not None:
            shutil.rmtree(holder, ignore_errors=True)


def _publish(folder: Path, final: Path, old: Path) -> None:
    replaced = final.exists()
    if replaced:
        final.rename(old)
    try:
        folder.rename(final)
    except BaseException:
        if replaced:
            old.rename(final)
        raise


def _cannot_write(path: Path, error: OSError) -> ReportError:
    reason = error.strerror or str(error)
    return ReportError(
        f"{path}: cannot write the run folder ({reason}); free space or choose another --out"
    )


def json_number(value: float) -> float | None:
    """Return a number for JSON: None for one that does not exist."""
    return value if math.isfinite(value) else None


def _yaml() -> YAML:
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    yaml.width = 100
    return yaml
