"""The ledger of trials: every set that was ever run counts, whatever its file was called.

A trial is a set of rules and numbers: playbook, parameters, risk, account and venue. Its hash
leaves out names, windows, the data's place and report settings. The ledger lies beside the sweeps,
a file a sweep, and is written before the results of a batch, so that an interrupted sweep counts,
too. It is kept when a sweep's folder is deleted.

The trials of a sweep are those of the same playbook on the same kind of data (synthetic or
recorded), on a window that shares a day with one of the sweep's, and an instrument with it. All
rule files are one playbook: their expressions make different trials, and all of them count.
"""

import io
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from data_feeds.atomic import storage_errors, write_atomically
from data_feeds.parquet_tables import read_table
from engine.config.sweep import SweepMetric
from engine.config.sweep_file import key_path
from engine.errors import ReportError
from engine.results.manifest import plain
from engine.run_folder.seals import document_digest
from engine.run_folder.write import rows_table, write_table
from engine.sweep.axes import ParameterSet
from engine.sweep.daily_excess import daily_excess, numbers_of
from engine.sweep.set_runs import SetResult
from engine.sweep.sweep_inputs import SweepInputs
from engine.sweep.sweep_job import SweepJob

TRIALS_FOLDER = "trials"
HASH_DIGITS = 20
# Parts of a run that are no trial of their own: another window shows the same rules.
NO_TRIAL = ("data", "mode", "name", "report", "seed", "sleeve_of")


@dataclass(frozen=True)
class TrialRow:
    """One set of a sweep.

    ``seen`` holds the windows as ``START END``, joined by commas, ``traded`` the instruments,
    joined by commas; ``sharpe`` is per day over all cells of its sweep, NaN without one.
    ``adaptive`` sets were drawn because of earlier results.
    """

    trial: str
    playbook: str
    synthetic: bool
    seen: str
    traded: str
    adaptive: bool
    sharpe: float


@dataclass(frozen=True)
class TrialCount:
    """The trials that count for a sweep, its own included.

    ``sharpes`` are the ratios per day of those that no earlier result had suggested.
    """

    count: int
    earlier: int
    sharpes: tuple[float, ...]


class TrialRecorder:
    """Writes the trials of one sweep as its results come."""

    def __init__(self, ledger: "TrialLedger", job: SweepJob, inputs: SweepInputs) -> None:
        self._ledger, self._inputs = ledger, inputs
        self._names = TrialNames(job, inputs)
        cells = sorted({(cell.start, cell.end) for cell in job.cells})
        self._seen = ",".join(f"{start} {end}" for start, end in cells)
        self.rows = {row.trial: row for stem, row in ledger.rows() if stem == inputs.results_id}
        self.is_adaptive = False

    def record_missing(self, results: Sequence[SetResult]) -> None:
        """Add the trials of results that the ledger lacks, for instance after it was deleted."""
        lacking = [found for found in results if self._names.name(found.item) not in self.rows]
        if lacking:
            self.record(lacking)

    def record(self, results: Sequence[SetResult]) -> None:
        """Add the trials of some results and write the ledger's file."""
        for found in results:
            excess = daily_excess([found], self._inputs.windows, 1).values
            row = TrialRow(
                trial=self._names.name(found.item),
                playbook=self._names.playbook,
                synthetic=self._inputs.is_synthetic,
                seen=self._seen,
                traded=",".join(self._inputs.traded),
                adaptive=self.is_adaptive,
                sharpe=float(numbers_of(excess, SweepMetric.SHARPE, 1)[0]),
            )
            self.rows[row.trial] = row
        self._ledger.write(self._inputs.results_id, list(self.rows.values()))


class TrialNames:
    """Names the trial of each set of one sweep."""

    def __init__(self, job: SweepJob, inputs: SweepInputs) -> None:
        document = plain(job.run_config(job.first_set, job.cells[0]))
        for key in NO_TRIAL:
            document.pop(key, None)
        if job.config.instruments:
            _put(document, key_path(job.config.instrument_path), "")
        rules = inputs.playbook
        self.playbook = f"{rules.__module__}:{rules.__qualname__}"
        document["playbook"]["name"] = self.playbook
        self._document = document
        self._rules = rules_digest(rules)

    def name(self, item: ParameterSet) -> str:
        """Return the hash of a set's rules and numbers."""
        for path, value in item.values.items():
            _put(self._document, key_path(path), value)
        return document_digest([_floats(self._document), self._rules])[:HASH_DIGITS]


def rules_digest(playbook: type) -> str:
    """Return sha256 over the module of a playbook and its package; changed rules are new trials."""
    module = sys.modules[playbook.__module__]
    file = getattr(module, "__file__", None)
    if file is None:
        return ""
    inner = playbook.__module__.count(".") > 1
    paths = sorted(Path(file).parent.rglob("*.py")) if inner else [Path(file)]
    digest = sha256()
    for path in paths:
        digest.update(path.read_bytes())
    return digest.hexdigest()


class TrialLedger:
    """All trials below one folder of sweeps."""

    def __init__(self, root: Path) -> None:
        self.folder = root / TRIALS_FOLDER

    def write(self, results_id: str, rows: Sequence[TrialRow]) -> None:
        """Store the trials of a sweep in place of those stored for it before."""
        stream = io.BytesIO()
        write_table(rows_table(TrialRow, rows), stream)
        with storage_errors(self.folder):
            write_atomically(self._path(results_id), stream.getvalue())

    def rows(self) -> list[tuple[str, TrialRow]]:
        """Return all trials with the id of their sweep.

        Raises
        ------
        ReportError : a file cannot be read; its trials would not count.
        """
        found = []
        for path in sorted(self.folder.glob("*.parquet")):
            try:
                rows = read_table(path).to_pylist()
                found += [(path.stem, TrialRow(**_whole(row))) for row in rows]
            except (OSError, ValueError, TypeError) as error:
                raise ReportError(
                    f"{path}: cannot be read ({error}); its trials would not count: restore the "
                    "file, or delete it if its sweep never ran"
                ) from error
        return found

    def count(self, results_id: str, own: Sequence[TrialRow]) -> TrialCount:
        """Return the trials that count for a sweep whose own trials are ``own``, at least one."""
        mine = {row.trial: row for row in own}
        others: dict[str, TrialRow] = {}
        for stem, row in self.rows():
            if stem != results_id and row.trial not in mine and _shares(row, own[0]):
                others.setdefault(row.trial, row)
        counted = [*mine.values(), *others.values()]
        sharpes = [row.sharpe for row in counted if not row.adaptive and np.isfinite(row.sharpe)]
        return TrialCount(len(counted), len(others), tuple(sharpes))

    def _path(self, results_id: str) -> Path:
        return self.folder / f"{results_id}.parquet"


def _shares(row: TrialRow, own: TrialRow) -> bool:
    """Return whether two trials saw one playbook on one day of one instrument."""
    if (row.playbook, row.synthetic) != (own.playbook, own.synthetic):
        return False
    spans = [[span.split() for span in item.seen.split(",")] for item in (row, own)]
    days = any(a[0] < b[1] and b[0] < a[1] for a in spans[0] for b in spans[1])
    return days and bool(set(row.traded.split(",")) & set(own.traded.split(",")))


def _whole(row: Mapping[str, Any]) -> dict[str, Any]:
    return {key: float("nan") if value is None else value for key, value in row.items()}


def _put(document: Any, path: Sequence[str], value: Any) -> None:
    """Write a value into a document; blocks that are switched off are created."""
    for step in path[:-1]:
        inner = document[int(step)] if isinstance(document, list) else document.get(step)
        if inner is None:
            inner = document[step] = {}
        document = inner
    if isinstance(document, list):
        document[int(path[-1])] = value
    else:
        document[path[-1]] = value


def _floats(value: Any) -> Any:
    """Return a document with every number as a float: 1 and 1.0 are one level."""
    if isinstance(value, Mapping):
        return {key: _floats(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_floats(inner) for inner in value]
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value
