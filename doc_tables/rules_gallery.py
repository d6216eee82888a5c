"""Make the tables of docs/rules-gallery.md: every file of configs/rules on real data, audited."""

import tempfile
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from data_feeds.load import open_source
from doc_tables.blocks import ROOT, PageBlock, table
from engine.audit import audit_run, format_report
from engine.benchmark.run_benchmark import held_numbers, held_returns
from engine.compare.inference_text import range_text
from engine.config.load import load_run_config
from engine.formatting import percent, signed, signed_percent
from engine.metrics import window_years
from engine.pages.publish import publish
from engine.results.finished import RunRecord
from engine.run import run
from engine.statistics import daily_measures, enough, intervals, too_still

RULES = ROOT / "configs" / "rules"
PAGE = "rules-gallery.md"
HEADING = (
    "file",
    "window",
    "return",
    "held",
    "excess over the bill",
    "held",
    "deepest drawdown",
    "held",
    "trades",
    "Sharpe",
    "95% interval",
    "held",
)
# (window's first day, its last day); () is the window of the file.
WINDOWS: Mapping[str, tuple[tuple[str, ...], ...]] = {
    # The paper appeared in spring 2007.
    "faber_filter": ((), ("2007-07-02", "2026-04-30")),
    "donchian_breakout": ((),),
    # The book appeared in 2009.
    "rsi_two": ((), ("2010-01-04", "2026-04-30")),
    # The papers appeared in 2017 and 2018.
    "volatility_target": ((), ("2019-01-02", "2026-04-30")),
    "vix_falls_back": ((),),
    # The other piece of stored bars of five minutes.
    "naive_dip": ((), ("2022-06-05", "2022-11-24T17:00Z")),
    "leadership_to_cash": ((),),
    "checklist_allocator": ((),),
    "quiet_breakout": ((),),
}


@dataclass(frozen=True)
class GalleryResult:
    """Hold one run: fractions of the starting equity; ``held`` is the benchmark's."""

    name: str
    window: str
    metrics: Mapping[str, float]
    held: Mapping[str, float]
    held_name: str
    trades: int
    interval: str
    remark: str


def gallery_result(job: tuple[str, tuple[str, ...], str]) -> GalleryResult:
    """Run a file on a catalog in one window, audit it, and return its headline."""
    name, window, where = job
    settings = [f"data.source={where}"]
    settings += [f"data.{key}={day}" for key, day in zip(("start", "end"), window, strict=False)]
    config = load_run_config(RULES / f"{name}.yaml", settings)
    source = open_source(where)
    result = run(config, source)
    with tempfile.TemporaryDirectory() as folder:
        report = audit_run(publish(result, Path(folder)), source)
    if not report.ok:
        raise SystemExit(f"{name}, {window}:\n{format_report(report)}")
    record = RunRecord(result)
    held = held_returns(record)
    years = window_years(record.start, record.end)
    too_short = enough(len(record.trades), len(record.excess_returns))
    return GalleryResult(
        name,
        f"{config.data.start:%Y-%m-%d} to {config.data.end:%Y-%m-%d}",
        record.metrics,
        held_numbers(held, record.periods_per_year, years),
        "" if held is None else held.name,
        len(record.trades),
        sharpe_range(record, years),
        "" if too_short is None else too_short.reason,
    )


def sharpe_range(record: RunRecord, years: float) -> str:
    """Return the resampled interval of the Sharpe ratio, or the reason why there is none."""
    excess = np.asarray(record.excess_returns, dtype=np.float64)
    still = too_still(excess, record.periods_per_year)
    if still is not None:
        return str(still)
    measure = daily_measures(record.periods_per_year, years)["sharpe"]
    return range_text(intervals(excess, {"sharpe": measure}, seed=0)["sharpe"], signed)


def cells(one: GalleryResult) -> tuple[str, ...]:
    """Return the cells of one run."""
    own, held = one.metrics, one.held
    return (
        f"[`{one.name}`](../configs/rules/{one.name}.yaml)",
        one.window,
        signed_percent(own["total_return"]),
        f"{one.held_name} {signed_percent(held['total_return'])}",
        signed_percent(own["excess_return"]),
        signed_percent(held["excess_return"]),
        percent(own["max_drawdown_days"]),
        percent(held["max_drawdown_days"]),
        f"{one.trades}",
        signed(own["sharpe"]),
        one.interval,
        signed(held["sharpe"]),
    )


def blocks(catalog: Path) -> Iterator[PageBlock]:
    """Yield the page's tables; the runs go in two processes."""
    jobs = [(name, window, str(catalog)) for name, spans in WINDOWS.items() for window in spans]
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        found = list(pool.map(gallery_result, jobs))
    short = [f"- `{one.name}`, {one.window}: {one.remark}." for one in found if one.remark]
    lines = [*table(HEADING, map(cells, found)), "", "Too short to judge:", "", *short]
    yield PageBlock(PAGE, "results", lines)
