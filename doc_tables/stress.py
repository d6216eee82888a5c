"""Make the table of docs/stress.md: three playbooks and a baseline under three scenarios.

The data are the embedded reconstructions, continued: synthetic. Takes 15 to 30 minutes.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from data_feeds.load import open_source
from data_feeds.simulation.scenarios import SCENARIOS
from doc_tables.blocks import RUNS as RUNS_FOLDER
from doc_tables.blocks import PageBlock, table
from engine.config.load import load_run_config
from engine.formatting import percent
from engine.stress import StressResult, run_stress, stress_job
from engine.stress.measure import Estimate
from engine.stress.stress_summary import interval_text

PAGE, NAME = "stress.md", "table"
PATHS, SEED, LAST_DAY = 200, 0, "2026-04-15"
# The reconstructions hold no spot market, and the perp in bars of 15 minutes.
SWING: dict[str, Any] = {
    "legs": [
        {"instrument": "QQQ", "timeframe": "1d", "weight": 0.5},
        {"instrument": "BTCUSDT-PERP", "timeframe": "15m", "weight": 0.5},
    ]
}
HEDGED: dict[str, Any] = {
    "weights": {"SPY": 0.40, "QQQ": 0.20, "IEF": 0.25, "GLD": 0.10},
    "timeframes": {},
    "risk_assets": ["SPY", "QQQ"],
    "crypto_assets": [],
    "warmup_sessions": 220,
}
HOLD: dict[str, Any] = {
    "timeframe": "15m",
    "enter_at": f"{LAST_DAY}T00:00Z",
    "stop_fraction": 0.5,
}
RUNS: dict[str, tuple[str, dict[str, Any]]] = {
    "A, liquidation reclaim": ("demo", {"timeframe": "15m", "mark_timeframe": "15m"}),
    "B, stabilization swing": ("swing_2026", SWING),
    "C, hedged rebalance": ("hedged_2026", HEDGED),
    "baseline `hold`, BTC at 20x": ("leverage_2020", HOLD),
}
HEADER = (
    "playbook",
    "scenario",
    "mean return",
    "5% of paths at or below",
    "worst",
    "drawdown, 5% at or below",
    "a loss",
    "drawdown of 15%",
    "a liquidation",
    "no trade",
)


def stressed(name: str, params: dict[str, Any], scenario: str) -> StressResult:
    """Return one stress on the embedded data."""
    settings = [
        "data.source=embedded",
        f"data.end={LAST_DAY}",
        f"data.start={LAST_DAY[:4]}-01-01",
        f"playbook.params={json.dumps(params)}",
    ]
    config = load_run_config(RUNS_FOLDER / f"{name}.yaml", settings)
    job = stress_job(config, open_source("embedded"), scenario, paths=PATHS, seed=SEED)
    return run_stress(job)


def cell(figure: Estimate) -> str:
    """Return a number with its interval."""
    return f"{percent(figure.estimate, 1)} {interval_text(figure, digits=1)}"


def cells(title: str, result: StressResult) -> tuple[str, ...]:
    """Return the cells of one line of the table."""
    found = result.summary
    returns, drawdowns, share = found.total_return, found.max_drawdown, found.probabilities
    return (
        title,
        result.job.scenario,
        cell(returns.mean),
        cell(returns.quantiles[0.05]),
        percent(returns.worst, 1),
        cell(drawdowns.quantiles[0.05]),
        *(cell(share[name]) for name in ("loss", "breach", "liquidation", "no_trade")),
    )


def blocks(catalog: Path) -> Iterator[PageBlock]:
    """Yield the whole table; it needs no real data."""
    rows = [
        cells(title, stressed(name, params, scenario))
        for title, (name, params) in RUNS.items()
        for scenario in SCENARIOS
    ]
    settings = f"{PATHS} paths of 60 days from {LAST_DAY}, seed {SEED}."
    yield PageBlock(PAGE, NAME, [settings, "", *table(HEADER, rows)])


def sample() -> Iterator[PageBlock]:
    """Yield one row of the table."""
    title, (name, params) = list(RUNS.items())[-1]
    row = cells(title, stressed(name, params, next(iter(SCENARIOS))))
    yield PageBlock(PAGE, NAME, table(HEADER, [row]))
