"""List finished runs: the table of ``riskoff runs`` and of the local page."""

from collections.abc import Mapping, Sequence
from typing import Any

from engine.errors import ReportError
from engine.formatting import MISSING, json_number, number, signed_percent
from engine.run_folder.read import ResultFolder
from engine.run_folder.run_names import NamedRun

_DAY = len("2026-02-06")


def described(run: NamedRun) -> dict[str, Any]:
    """Return a run as JSON values: its handle, its time, its results.

    For a damaged folder ``damaged`` holds the reason, and every number is null.
    """
    manifest, metrics, damaged = _read(run)
    window = manifest.get("window") or {}
    return {
        "run": run.handle,
        "id": run.run_id,
        "kind": "account" if run.is_account else "run",
        "finished_at": run.finished_at.isoformat(timespec="seconds"),
        "start": window.get("start"),
        "end": window.get("end"),
        "data_label": manifest.get("data_label"),
        "total_return": metrics.get("total_return"),
        "max_drawdown_bars": metrics.get("max_drawdown_bars"),
        "trades": None if metrics.get("trades") is None else int(metrics["trades"]),
        "damaged": damaged,
        "folder": str(run.folder),
    }


def run_table(runs: Sequence[Mapping[str, Any]]) -> list[tuple[str, ...]]:
    """Return a heading row and one row a run."""
    table: list[tuple[str, ...]] = [
        ("run", "id", "finished", "window", "data", "return", "drawdown", "trades")
    ]
    for run in runs:
        ends = [str(run[end] or MISSING)[:_DAY] for end in ("start", "end")]
        table.append(
            (
                run["run"] + (" (account)" if run["kind"] == "account" else ""),
                run["id"],
                run["finished_at"][:16].replace("T", " ") + "Z",
                " to ".join(ends),
                run["data_label"] or "damaged",
                signed_percent(run["total_return"]),
                signed_percent(run["max_drawdown_bars"]),
                number(run["trades"]),
            )
        )
    return table


def _read(run: NamedRun) -> tuple[dict[str, Any], dict[str, Any], str | None]:
    """Return manifest, metrics and None; of a damaged folder two empty ones and the fault."""
    try:
        folder = ResultFolder(run.folder)
        metrics = {name: json_number(value) for name, value in folder.metrics.items()}
        return folder.manifest, metrics, None
    except (ReportError, OSError) as error:
        return {}, {}, str(error)
