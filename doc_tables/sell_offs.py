"""Make the tables of docs/sell-offs.md: B, C and the gallery over every sell-off of QQQ and BTC.

Each run is audited. The simulated timers need no data; the runs take some minutes.
"""

import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from data_feeds.catalog import Catalog
from doc_tables.blocks import ROOT, PageBlock, table
from engine.audit import audit_run, format_report
from engine.config.load import load_run_config
from engine.pages.publish import publish
from engine.run import run
from engine.sell_off_report import SellOffReport, judge_runs
from engine.sell_off_report.report_tables import (
    calm_rows,
    exposure_rows,
    partly_lines,
    risk_rows,
    rival_rows,
)
from engine.sell_offs import find_market
from engine.statistics import ClusterEffect
from tests.engine.sell_off_report.simulated_timers import TIMERS, timer_test

PAGE = "sell-offs.md"
CONFIGS = ROOT / "configs"
# Every shipped run that goes on over many sell-offs of a market; the perps of the other rules have
# holes.
RUNS = {
    "QQQ": (
        CONFIGS / "runs" / "swing_2006_2026.yaml",
        CONFIGS / "runs" / "hedged_2006_2026.yaml",
        *(
            CONFIGS / "rules" / f"{name}.yaml"
            for name in (
                "faber_filter",
                "rsi_two",
                "volatility_target",
                "vix_falls_back",
                "leadership_to_cash",
                "checklist_allocator",
            )
        ),
    ),
    "BTC": (
        CONFIGS / "runs" / "bitcoin_faber_2015_2026.yaml",
        CONFIGS / "runs" / "bitcoin_volatility_2015_2026.yaml",
    ),
}
MARKETS = 200
TIMER_HEADING = (
    "timer without skill",
    "markets",
    "loses less than the market from high to low",
    "found better / worse than its rival, inside",
    "found better / worse, cycles",
)


def finished_run(job: tuple[Path, Path, Path]) -> Path:
    """Run a config on a catalog, audit the folder and return it."""
    path, catalog, root = job
    source = Catalog(catalog)
    folder = publish(run(load_run_config(path, [f"data.source={catalog}"]), source), root)
    report = audit_run(folder, source)
    if not report.ok:
        raise SystemExit(f"{path.stem}:\n{format_report(report)}")
    return folder


def blocks(catalog: Path) -> Iterator[PageBlock]:
    """Yield the page's blocks; the runs go in two processes."""
    yield PageBlock(PAGE, "timers", table(TIMER_HEADING, map(_timer_cells, TIMERS)))
    source = Catalog(catalog)
    with tempfile.TemporaryDirectory() as folder:
        jobs = [(path, catalog, Path(folder)) for paths in RUNS.values() for path in paths]
        with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
            folders = iter(list(pool.map(finished_run, jobs)))
        for market, paths in RUNS.items():
            rows = [next(folders) for _ in paths]
            report = judge_runs(rows, source, find_market(market), data="real")
            yield PageBlock(PAGE, f"results-{market.lower()}", list(_results(report)))


def _results(report: SellOffReport) -> Iterator[str]:
    parts = (
        ("Calm and sell-offs", calm_rows(report)),
        ("Against the rival, inside sell-offs", rival_rows(report, over_cycles=False)),
        ("Against the rival, whole cycles", rival_rows(report, over_cycles=True)),
        ("Exposure: the plain difference to the benchmark, no test", exposure_rows(report)),
        ("At a common risk", risk_rows(report)),
    )
    for title, rows in parts:
        yield from (f"### {title}", "", *table(rows[0], rows[1:]), "")
    yield from partly_lines(report)


def _timer_cells(timer: str) -> tuple[str, ...]:
    draws = (np.random.default_rng([seed, len(timer)]) for seed in range(MARKETS))
    tests = [found for draw in draws if (found := timer_test(draw, timer)) is not None]
    better = np.mean([test.better_than_market for test in tests])
    return (
        timer,
        f"{len(tests)}",
        f"{better:.1%}",
        _found([test.inside for test in tests]),
        _found([test.cycle for test in tests]),
    )


def _found(effects: Sequence[ClusterEffect]) -> str:
    won, lost = (
        np.mean([effect.p_value <= 0.05 and sign * effect.mean > 0 for effect in effects])
        for sign in (1, -1)
    )
    return f"{won:.1%} / {lost:.1%}"
