"""Write the table of docs/stress.md: three playbooks and a baseline under three scenarios.

    .venv/bin/python docs/stress_table.py

Everything is synthetic: the embedded reconstructions, continued. Takes some minutes on two cores.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from data_feeds.load import open_source
from data_feeds.simulation.scenarios import SCENARIOS
from engine.config.load import load_run_config
from engine.stress import StressResult, run_stress, stress_job
from engine.stress.measure import Figure
from engine.stress.summary import interval_text
from engine.text import percent

ROOT = Path(__file__).parent.parent
BEGIN, END = "<!-- table begin -->", "<!-- table end -->"
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
    "| playbook | scenario | mean return | 5% of paths at or below | worst | drawdown, 5% at or "
    "below | a loss | drawdown of 15% | a liquidation | no trade |\n" + "|---" * 10 + "|"
)


def stressed(name: str, params: dict[str, Any], scenario: str) -> StressResult:
    """Return one stress on the embedded data."""
    settings = [
        "data.source=embedded",
        f"data.end={LAST_DAY}",
        f"data.start={LAST_DAY[:4]}-01-01",
        f"playbook.params={json.dumps(params)}",
    ]
    config = load_run_config(ROOT / "configs" / "runs" / f"{name}.yaml", settings)
    job = stress_job(config, open_source("embedded"), scenario, paths=PATHS, seed=SEED)
    return run_stress(job)


def cell(figure: Figure) -> str:
    """Return a number with its interval."""
    return f"{percent(figure.estimate, 1)} {interval_text(figure, digits=1)}"


def row(title: str, result: StressResult) -> str:
    """Return one line of the table."""
    found = result.summary
    returns, drawdowns, share = found.total_return, found.max_drawdown, found.probabilities
    cells = (
        title,
        result.job.scenario,
        cell(returns.mean),
        cell(returns.quantiles[0.05]),
        percent(returns.worst, 1),
        cell(drawdowns.quantiles[0.05]),
        *(cell(share[name]) for name in ("loss", "breach", "liquidation", "no_trade")),
    )
    return f"| {' | '.join(cells)} |"


def lines() -> Iterator[str]:
    """Yield the table's lines, and print each when it is there."""
    yield f"{PATHS} paths of 60 days from {LAST_DAY}, seed {SEED}.\n"
    yield HEADER
    for title, (name, params) in RUNS.items():
        for scenario in SCENARIOS:
            line = row(title, stressed(name, params, scenario))
            print(line, flush=True)
            yield line


def main() -> None:
    """Replace the table in the page."""
    page = ROOT / "docs" / "stress.md"
    before, rest = page.read_text(encoding="utf-8").split(BEGIN)
    after = rest.split(END)[1]
    table = "\n".join(lines())
    page.write_text(f"{before}{BEGIN}\n{table}\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
