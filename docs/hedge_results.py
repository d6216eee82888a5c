"""Write the table of docs/playbooks/hedged_rebalance.md: each hedge alone, and the baselines.

    make real-data
    .venv/bin/python docs/hedge_results.py

Numbers of ours only; no market data are copied.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from data_feeds.catalog import Catalog
from data_feeds.load import open_source
from engine.config.load import load_run_config
from engine.config.models import PlaybookConfig, RunConfig
from engine.run import RunResult, run

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "playbooks" / "hedged_rebalance.md"
BEGIN, END = "<!-- results begin -->", "<!-- results end -->"
EPISODES = ("2020", "2022", "2026")
OFF: dict[str, Any] = {"cash": None, "crypto": None, "inverse": None}
WEIGHTS = {"SPY": 0.40, "QQQ": 0.15, "IEF": 0.25, "GLD": 0.10, "BTCUSDT-SPOT": 0.05}
HOURS = {"timeframes": {"BTCUSDT-SPOT": "1h"}, "weights": WEIGHTS}
# (what it is, playbook, parameters)
VARIANTS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("buy and hold", "fixed_weights", {**HOURS, "rebalance": "never"}),
    ("fixed weights, quarterly", "fixed_weights", {**HOURS, "rebalance": "quarterly"}),
    ("no ladder, no hedge", "hedged_rebalance", {"tolerance": [], "hedges": OFF}),
    ("ladder alone", "hedged_rebalance", {"hedges": OFF}),
    ("cash alone", "hedged_rebalance", {"tolerance": [], "hedges": {**OFF, "cash": 0.4}}),
    ("less crypto alone", "hedged_rebalance", {"tolerance": [], "hedges": {**OFF, "crypto": 0.5}}),
    ("SH alone", "hedged_rebalance", {"tolerance": [], "hedges": {**OFF, "inverse": {}}}),
    ("as shipped: ladder, cash, crypto", "hedged_rebalance", {}),
)


@dataclass(frozen=True)
class Figures:
    """One run: returns and drawdown as fractions of the starting equity, costs in quote."""

    total: float
    deepest: float
    fills: int
    costs: float


def figures(result: RunResult) -> Figures:
    """Return the headline of one run."""
    equity = result.outcome.curve.equity
    fills = result.outcome.fills
    return Figures(
        total=float(equity[-1] / equity[0] - 1),
        deepest=float((equity / np.maximum.accumulate(equity) - 1).min()),
        fills=len(fills),
        costs=sum(f.fee + (f.price - f.raw_price) * f.quantity for f in fills),
    )


def variants(config: RunConfig, source: Catalog) -> Iterator[tuple[str, Figures]]:
    """Yield each variant of one episode."""
    for name, playbook, params in VARIANTS:
        rules = config.model_copy(update={"playbook": PlaybookConfig(name=playbook, params=params)})
        yield name, figures(run(rules, source))


def main() -> None:
    """Run every variant of every episode; replace the generated part of the page."""
    source = open_source(ROOT / ".data" / "real")
    assert isinstance(source, Catalog)
    lines = []
    for episode in EPISODES:
        config = load_run_config(ROOT / "configs" / "runs" / f"hedged_{episode}.yaml")
        found = dict(variants(config, source))
        unhedged = found["no ladder, no hedge"]
        lines += [
            f"**{episode}**, {config.data.start:%Y-%m-%d} to {config.data.end:%Y-%m-%d}",
            "",
            "| | return | against no hedge | deepest drawdown | against no hedge | fills | costs |",
            "|---|---|---|---|---|---|---|",
        ]
        for name, row in found.items():
            lines.append(
                f"| {name} | {row.total:+.1%} | {_points(row.total - unhedged.total)} | "
                f"{row.deepest:.1%} | {_points(row.deepest - unhedged.deepest)} | {row.fills} | "
                f"{row.costs:,.0f} |"
            )
        lines.append("")
    before, rest = PAGE.read_text(encoding="utf-8").split(BEGIN)
    _, after = rest.split(END)
    PAGE.write_text("\n".join([before + BEGIN, "", *lines, END + after]), encoding="utf-8")


def _points(difference: float) -> str:
    return f"{100 * difference:+.1f} points"


if __name__ == "__main__":
    main()
