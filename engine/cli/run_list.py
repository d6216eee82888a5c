"""The table of ``riskoff runs``."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from engine.reporting.text import MISSING, number, signed_percent
from engine.results.folder import MANIFEST_FILE, METRICS_FILE
from engine.results.run_names import NamedRun

_DAY = len("2026-02-06")


def described(run: NamedRun) -> dict[str, Any]:
    """Return a run as JSON values: how to name it, when, what it made; null where not readable."""
    manifest, metrics = _document(run, MANIFEST_FILE), _document(run, METRICS_FILE)
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
        "folder": str(run.folder),
    }


def run_table(runs: Sequence[Mapping[str, Any]]) -> list[tuple[str, ...]]:
    """Return a row a run with a heading row first."""
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
                run["data_label"] or "cannot be read",
                signed_percent(run["total_return"]),
                signed_percent(run["max_drawdown_bars"]),
                number(run["trades"]),
            )
        )
    return table


def _document(run: NamedRun, name: str) -> dict[str, Any]:
    """Return a document of the folder; empty where it is damaged, which other commands tell."""
    try:
        found = json.loads((run.folder / name).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
