"""Define the functions of the Python door; each does the work of a command without printing."""

import json
import time
from collections.abc import Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, overload

import numpy as np
import pandas as pd

from data_feeds.default_data import EMBEDDED
from data_feeds.load import open_source
from data_feeds.schema import Provenance
from engine.account.run import run_sleeves
from engine.checklist import day_report, format_day, history_table, read_state
from engine.compare import PAGE, run_comparison
from engine.config.load import load_state_config
from engine.config.locations import find_config
from engine.config_files import (
    AnyConfig,
    read_account,
    read_any,
    read_comparison,
    read_config,
    read_sweep,
)
from engine.door.difference import Difference
from engine.door.finished_account import Account
from engine.door.finished_comparison import Comparison
from engine.door.finished_run import Run
from engine.door.finished_sweep import Sweep
from engine.door.risk_off_day import RiskOffDay
from engine.episodes import Episode, shipped_episodes
from engine.errors import ConfigError, SimulationError
from engine.pages.account_page import publish_account
from engine.pages.publish import publish
from engine.run import run as simulate
from engine.run_folder.read import is_account
from engine.run_folder.run_names import find_run
from engine.run_folder.write import check_writable, timing_document
from engine.sweep import publish_sweep, run_sweep, sweep_inputs, sweep_job
from engine.workers import Workers

Settings = Mapping[str, Any]
RUNS, COMPARISONS, SWEEPS = Path("runs"), Path("compare"), Path("sweeps")


def run(
    config: str | Path,
    settings: Settings | None = None,
    *,
    data: str | Path | None = None,
    out: str | Path = RUNS,
    plugin_path: str | Path | None = None,
) -> Run:
    """Run one playbook, write its run folder and return the finished run.

    Parameters
    ----------
    config : a YAML file, or the name of a shipped run
    settings : values by dotted key that replace the file's: ``{"risk.risk_fraction": 0.005}``
    data : ``embedded`` or a catalog's folder; None takes the file's ``data.source``
    out : the folder of all runs
    plugin_path : a folder of local playbooks

    Raises
    ------
    RiskoffError : the config, the data or the playbook cannot be used; see ``engine.errors``.

    >>> result = run("demo", {"risk.risk_fraction": 0.005}, out=scratch)
    >>> result
    Run demo-...: return ..., deepest drawdown ..., ... trades
    >>> result.metrics.attrs["units"]["total_return"]
    'fraction'
    """
    root, plugins = Path(out), _path(plugin_path)
    checked = read_config(str(config), overrides(settings), plugins, _path(data))
    check_writable(root)
    started_at, clock = datetime.now(UTC), time.perf_counter()
    result = simulate(checked, open_source(checked.data.source), plugin_path=plugins)
    timing = timing_document(started_at, time.perf_counter() - clock)
    return Run(publish(result, root, timing=timing))


def account(
    config: str | Path,
    settings: Settings | None = None,
    *,
    data: str | Path | None = None,
    out: str | Path = RUNS,
    plugin_path: str | Path | None = None,
) -> Account:
    """Run several playbooks in one account, write its folder and return the finished account.

    Parameters and errors are those of :func:`run`.
    """
    root, plugins = Path(out), _path(plugin_path)
    checked = read_account(str(config), overrides(settings), plugins, _path(data))
    check_writable(root)
    started_at, clock = datetime.now(UTC), time.perf_counter()
    result = run_sleeves(checked, open_source(checked.data.source), plugin_path=plugins)
    timing = timing_document(started_at, time.perf_counter() - clock)
    return Account(publish_account(result, root, timing=timing))


def compare(
    config: str | Path,
    settings: Settings | None = None,
    *,
    data: str | Path | None = None,
    out: str | Path = COMPARISONS,
    jobs: int | None = None,
    dask: str | None = None,
    tearsheets: bool = True,
    plugin_path: str | Path | None = None,
) -> Comparison:
    """Run playbooks and baselines over episodes, write the page and return the comparison.

    A cell whose run is in the folder, with seals that hold, is not run again.

    Parameters
    ----------
    jobs : worker processes; None: one a processor
    dask : address of a Dask scheduler, ``tcp://host:port``, instead of ``jobs``
    tearsheets : whether every new run folder gets a page of its own
    others : see :func:`run`; ``out`` is the folder of all comparisons

    Raises
    ------
    SimulationError : a cell has no run, or the audit found differences in it; the page is written
        all the same, and the message names each such cell. RiskoffError : see :func:`run`.
    """
    checked = read_comparison(str(config), overrides(settings), _path(plugin_path), _path(data))
    workers = Workers.chosen(jobs, dask)
    folder = Path(out) / checked.name
    check_writable(folder)
    matrix = run_comparison(
        checked,
        folder,
        workers=workers,
        plugin_path=_path(plugin_path),
        tearsheets=tearsheets,
    )
    bad = [outcome.fault for outcome in matrix.outcomes if outcome.fault]
    if bad:
        raise SimulationError("\n".join(bad))
    return Comparison(matrix, folder / PAGE)


def sweep(
    config: str | Path,
    settings: Settings | None = None,
    *,
    data: str | Path | None = None,
    out: str | Path = SWEEPS,
    jobs: int | None = None,
    dask: str | None = None,
    plugin_path: str | Path | None = None,
) -> Sweep:
    """Run every set of a sweep, choose one, write the folder and return the finished sweep.

    Parameters
    ----------
    settings : values by dotted key that replace those of the sweep's file
    data : replaces the catalog of the base
    jobs, dask : see :func:`compare`
    others : see :func:`run`; ``out`` is the folder of all sweeps

    Raises
    ------
    SimulationError : a set that was run again with every check gave another result.
    RiskoffError : see :func:`run`; finished sets are kept, and the next call continues.
    """
    root, plugins = Path(out), _path(plugin_path)
    workers = Workers.chosen(jobs, dask)
    file = read_sweep(str(config), overrides(settings), plugins, _path(data))
    check_writable(root)
    job = sweep_job(file, None if plugins is None else plugins.resolve())
    result = run_sweep(job, sweep_inputs(job), root, workers=workers)
    return Sweep(publish_sweep(result, root))


@overload
def checklist(
    day: str | date,
    until: None = None,
    *,
    data: str | Path = EMBEDDED,
    config: str | Path = "default",
    settings: Settings | None = None,
) -> RiskOffDay: ...


@overload
def checklist(
    day: str | date,
    until: str | date,
    *,
    data: str | Path = EMBEDDED,
    config: str | Path = "default",
    settings: Settings | None = None,
) -> pd.DataFrame: ...


def checklist(
    day: str | date,
    until: str | date | None = None,
    *,
    data: str | Path = EMBEDDED,
    config: str | Path = "default",
    settings: Settings | None = None,
) -> RiskOffDay | pd.DataFrame:
    """Return the risk-off checklist of one day, or of every day to ``until`` as a frame.

    Parameters
    ----------
    day : the day, or the first one, as ``2026-02-05``
    until : the last day of a history
    data : ``embedded`` or a catalog's folder
    config : a YAML file of thresholds, or the name of a shipped one
    settings : values by dotted key that replace the file's

    Raises
    ------
    ConfigError : a text is no date, or the days are in the wrong order.
    DataError : the data cannot be used.

    >>> checklist("2026-02-05").action
    'hedge'
    """
    first, last = _day(day), _day(day if until is None else until)
    if last < first:
        raise ConfigError(f"until {last} lies before {first}; swap them")
    rules = load_state_config(find_config(str(config), "checklist"), overrides(settings))
    state, provenance = read_state(open_source(data), rules, first, last)
    is_synthetic = provenance is Provenance.SYNTHETIC
    if until is not None:
        frame: pd.DataFrame = history_table(state).to_pandas()
        frame.attrs["synthetic"] = is_synthetic
        return frame.set_index(pd.DatetimeIndex(frame.pop("date"), tz="UTC", name="date"))
    report = day_report(state, len(state) - 1, rules.conditions())
    label = f"{data}{' (SYNTHETIC DATA)' if is_synthetic else ''}"
    text = format_day(report, clock=rules.decide_at, data=label)
    return RiskOffDay(report, text, is_synthetic=is_synthetic)


def episodes() -> dict[str, Episode]:
    """Return the shipped episodes by name.

    >>> list(episodes())
    ['2020', '2022', '2026']
    """
    return {episode.name: episode for episode in shipped_episodes()}


def load(
    config: str | Path,
    settings: Settings | None = None,
    *,
    plugin_path: str | Path | None = None,
) -> AnyConfig:
    """Return the checked configuration of a run, an account, a comparison or a sweep.

    Errors are those of :func:`run`.

    >>> load("demo", {"risk.risk_fraction": 0.005}).risk.risk_fraction
    0.005
    """
    return read_any(str(config), overrides(settings), _path(plugin_path))


def open(result: str | Path, *, root: str | Path = RUNS) -> Run | Account:
    """Return a finished run or account by its name, id or folder.

    Parameters
    ----------
    result : ``demo`` (the newest), ``demo@2`` (the one before), an id of four or more digits, or a
        folder; ``/SLEEVE`` behind an account names one of its sleeves
    root : the folder of all runs

    Raises
    ------
    ReportError : there is no such folder, or a file in it is missing or altered.
    """
    folder = find_run(str(result), Path(root))
    return Account(folder) if is_account(folder) else Run(folder)


def diff(a: Run | str | Path, b: Run | str | Path, *, root: str | Path = RUNS) -> Difference:
    """Return the trades that appeared, vanished or changed from run A to run B, and by what.

    Parameters
    ----------
    a, b : runs, or their names, ids or folders as :func:`open` takes them
    root : the folder of all runs

    Raises
    ------
    ReportError : there is no such run, it is an account, or a file is missing or altered.

    >>> half = run("demo", {"risk.risk_fraction": 0.005}, out=scratch)
    >>> diff(half, half).is_same
    True
    """
    folders = [
        run_.folder if isinstance(run_, Run) else find_run(str(run_), Path(root)) for run_ in (a, b)
    ]
    return Difference(*folders)


def overrides(settings: Settings | None) -> list[str]:
    """Return settings as the command line's ``--set KEY=VALUE``.

    >>> overrides({"risk.risk_fraction": 0.005, "data.start": date(2026, 1, 1)})
    ['risk.risk_fraction=0.005', 'data.start="2026-01-01"']
    >>> overrides({"playbook.params.bars": np.int64(24)})
    ['playbook.params.bars=24']
    """
    return [f"{key}={json.dumps(value, default=_plain)}" for key, value in (settings or {}).items()]


def _plain(value: object) -> object:
    """Return a numpy number as Python's, any other value as text."""
    return value.item() if isinstance(value, np.number | np.bool_) else str(value)


def _path(value: str | Path | None) -> Path | None:
    return None if value is None else Path(value)


def _day(value: str | date) -> np.datetime64:
    try:
        return np.datetime64(date.fromisoformat(str(value)), "D")
    except ValueError as error:
        raise ConfigError(f"{value!r} is no date; write one as 2026-02-05") from error
