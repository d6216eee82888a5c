"""Make the tables of docs/attribution.md: the effect of each condition of A and B, on real data."""

import math
import statistics
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

from data_feeds.load import open_source
from doc_tables.blocks import RUNS, PageBlock, table
from engine.attribution import Attribution, attribute
from engine.audit import audit_run, format_report
from engine.config.load import load_run_config
from engine.pages.publish import publish
from engine.results.finished import RunRecord
from engine.run import run
from engine.workers import Workers

PLAYBOOKS = {
    "Playbook A": ("reclaim_2020", "reclaim_2022", "reclaim_2026_1h"),
    "Playbook B": ("swing_2020", "swing_2022", "swing_2026"),
}


@dataclass(frozen=True)
class Audited:
    """Hold an attribution with clean audits; ``results`` of the full rules' trades, fractions."""

    found: Attribution
    results: tuple[float, ...]


def audited(job: tuple[str, str]) -> Audited:
    """Attribute a shipped run on a catalog, and audit the full rules and every variant."""
    name, where = job
    path, source = RUNS / f"{name}.yaml", open_source(where)
    found = attribute(load_run_config(path, [f"data.source={where}"]), source, workers=Workers())
    results: tuple[float, ...] = ()
    returns = {"": found.full.total_return} | {e.condition: e.total_return for e in found.effects}
    for condition, expected in returns.items():
        settings = [f"data.source={where}", f"playbook.ignore=[{condition}]"]
        result = run(load_run_config(path, settings), source)
        record = RunRecord(result)
        if not condition:
            results = tuple(trade.net_pnl / record.start_equity for trade in record.trades)
        with tempfile.TemporaryDirectory() as folder:
            report = audit_run(publish(result, Path(folder)), source)
        if not report.ok or record.metrics["total_return"] != expected:
            raise SystemExit(f"{name} without {condition or 'nothing'}:\n{format_report(report)}")
    return Audited(found, results)


def summary(title: str, runs: Sequence[Attribution], results: Sequence[float]) -> list[str]:
    """Return the points that each condition earned in every window, beside those of chance.

    ``results`` of single trades, fractions of the starting equity, give the yardstick.
    """
    spread = statistics.stdev(results)
    names = {effect.condition: effect for found in runs for effect in found.effects}
    points = f"{100 * spread:.2f}"
    told = [
        f"**{title}**. The {len(results)} trades of the full rules have a standard deviation of "
        f"{points} points of return each, so n entries that differ move a return by about {points} "
        "x sqrt(n) by chance alone. Points that each condition earned; in brackets n, and the "
        "points as a multiple of that:",
        "",
    ]
    lines = []
    for name, any_effect in names.items():
        cells = []
        for found in runs:
            (effect,) = [e for e in found.effects if e.condition == name]
            differ = effect.trades_in + effect.trades_gone
            cell = f"{_points(effect.return_earned)} ({differ}"
            if differ:
                cell += f"; {abs(effect.return_earned) / (spread * math.sqrt(differ)):.1f}"
            cells.append(f"{cell})")
        lines.append((f"`{name}`{' *' if any_effect.core else ''}", *cells))
    head = ("condition", *(f"`{found.name}`" for found in runs))
    return [*told, *table(head, lines), ""]


def _points(fraction: float) -> str:
    return _signed(100 * fraction)


def _signed(value: float) -> str:
    # Rounded first: a difference of nothing has no sign.
    return f"{round(value, 2) + 0.0:+.2f}"


def blocks(catalog: Path) -> Iterator[PageBlock]:
    """Yield the page's tables; the runs go in two processes."""
    names = [name for runs in PLAYBOOKS.values() for name in runs]
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        made = pool.map(audited, [(name, str(catalog)) for name in names])
        found = dict(zip(names, made, strict=True))
    lines: list[str] = []
    for title, runs in PLAYBOOKS.items():
        results = [result for name in runs for result in found[name].results]
        lines += summary(title, [found[name].found for name in runs], results)
    yield PageBlock("attribution.md", "results", lines[:-1])
