"""Write the tables of playbooks B and C: real episodes, reconstructions, hedges, baselines.

    make real-data
    .venv/bin/python docs/playbook_results.py

Every run is audited; one that does not audit clean stops it. Numbers of ours only; no market data
are copied.
"""

import json
import tempfile
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data_feeds.load import open_source
from engine.audit import audit_run, format_report
from engine.config.load import load_run_config
from engine.pages.publish import publish
from engine.results.finished import RunRecord
from engine.results.hedges import HedgeLine, hedge_lines
from engine.run import run

ROOT = Path(__file__).parent.parent
REAL, EMBEDDED = str(ROOT / ".data" / "catalog"), "embedded"
BEGIN, END = "<!-- {} begin -->", "<!-- {} end -->"
EPISODES = ("2020", "2022", "2026")
# The reconstructions end sooner than the real windows.
EMBEDDED_ENDS = {"2020": "2020-07-31", "2022": "2022-12-29", "2026": "2026-04-15"}

WEIGHTS = {"SPY": 0.40, "QQQ": 0.15, "IEF": 0.25, "GLD": 0.10, "BTCUSDT-SPOT": 0.05}
BOOK = {"timeframes": {"BTCUSDT-SPOT": "1h"}, "weights": WEIGHTS}
# The reconstructions hold no spot market.
NO_SPOT = {"weights": {"SPY": 0.40, "QQQ": 0.20, "IEF": 0.25, "GLD": 0.10}, "timeframes": {}}
NO_SPOT_BOOK = {
    **NO_SPOT,
    "risk_assets": ["SPY", "QQQ"],
    "crypto_assets": [],
    # A year of warm-up is all there is.
    "warmup_sessions": 220,
}
OFF: dict[str, Any] = {"cash": None, "crypto": None, "inverse": None, "puts": None}
ALL = {"cash": 0.4, "crypto": 0.5, "inverse": {}, "puts": {}}
UNHEDGED, ALL_FOUR = "no ladder, no hedge", "ladder and all four hedges"
TEN_PERCENT = ("risk.portfolio.target_volatility=0.1",)


@dataclass(frozen=True)
class Variant:
    """One row of a table: what it is, the playbook, its parameters, other settings."""

    title: str
    playbook: str
    params: dict[str, Any]
    settings: tuple[str, ...] = ()


REAL_BOOKS = (
    Variant("cash at the bill", "fixed_weights", {"weights": {"SPY": 0.0}}),
    Variant("buy and hold", "fixed_weights", {**BOOK, "rebalance": "never"}),
    Variant("fixed weights, quarterly", "fixed_weights", {**BOOK, "rebalance": "quarterly"}),
    Variant(
        "the same at 10% volatility, monthly",
        "fixed_weights",
        {**BOOK, "rebalance": "monthly"},
        TEN_PERCENT,
    ),
    Variant(UNHEDGED, "hedged_rebalance", {"tolerance": [], "hedges": OFF}),
    Variant("ladder alone", "hedged_rebalance", {"hedges": OFF}),
    Variant("cash alone", "hedged_rebalance", {"tolerance": [], "hedges": {**OFF, "cash": 0.4}}),
    Variant(
        "less crypto alone", "hedged_rebalance", {"tolerance": [], "hedges": {**OFF, "crypto": 0.5}}
    ),
    Variant("SH alone", "hedged_rebalance", {"tolerance": [], "hedges": {**OFF, "inverse": {}}}),
    Variant(
        "put spreads alone", "hedged_rebalance", {"tolerance": [], "hedges": {**OFF, "puts": {}}}
    ),
    Variant("as shipped: ladder, cash, crypto", "hedged_rebalance", {}),
    Variant(ALL_FOUR, "hedged_rebalance", {"hedges": ALL}),
)
EMBEDDED_BOOKS = (
    Variant("fixed weights, quarterly", "fixed_weights", {**NO_SPOT, "rebalance": "quarterly"}),
    Variant(UNHEDGED, "hedged_rebalance", {**NO_SPOT_BOOK, "tolerance": [], "hedges": OFF}),
    Variant(
        "put spreads alone",
        "hedged_rebalance",
        {**NO_SPOT_BOOK, "tolerance": [], "hedges": {**OFF, "puts": {}}},
    ),
    Variant(ALL_FOUR, "hedged_rebalance", {**NO_SPOT_BOOK, "hedges": ALL}),
)
SWING = Variant("swing", "stabilization_swing", {})
# The perp of the reconstructions comes in bars of 15 minutes.
EMBEDDED_SWING = Variant(
    "swing",
    "stabilization_swing",
    {
        "legs": [
            {"instrument": "QQQ", "timeframe": "1d", "weight": 0.5},
            {"instrument": "BTCUSDT-PERP", "timeframe": "15m", "weight": 0.5},
        ]
    },
)


@dataclass(frozen=True)
class Figures:
    """One run: fractions of the starting equity, costs in quote."""

    window: str
    total: float
    deepest: float
    trades: int
    tranches: int
    winners: int
    costs: float
    held: float
    hedges: tuple[HedgeLine, ...]


def figures(job: tuple[str, str, Variant]) -> Figures:
    """Run a variant of a config on a source, audit it, return its headline."""
    name, where, variant = job
    settings = [
        f"playbook.name={variant.playbook}",
        f"playbook.params={json.dumps(variant.params)}",
        f"data.source={where}",
        *variant.settings,
    ]
    if where == EMBEDDED:
        settings.append(f"data.end={EMBEDDED_ENDS[name[-4:]]}")
    config = load_run_config(ROOT / "configs" / "runs" / f"{name}.yaml", settings)
    source = open_source(where)
    result = run(config, source)
    with tempfile.TemporaryDirectory() as folder:
        report = audit_run(publish(result, Path(folder)), source)
    if not report.ok:
        raise SystemExit(f"{name} on {where}, {variant.title}:\n{format_report(report)}")
    record = RunRecord(result)
    held = result.dataset.bars(config.report.benchmark or "QQQ", "1d")
    inside = (held["opened_at"] >= record.start) & (held["closed_at"] <= record.end)
    return Figures(
        window=f"{config.data.start:%Y-%m-%d} to {config.data.end:%Y-%m-%d}",
        total=record.metrics["total_return"],
        deepest=record.metrics["max_drawdown_bars"],
        trades=len(record.trades),
        tranches=sum(trade.tranches for trade in record.trades),
        winners=sum(trade.net_pnl > 0 for trade in record.trades),
        costs=record.metrics["fees"] + record.metrics["slippage"],
        held=float(held["close"][inside][-1] / held["open"][inside][0] - 1),
        hedges=hedge_lines(record),
    )


def swing_table(title: str, rows: Sequence[tuple[str, Figures]]) -> list[str]:
    """Return B's table over the episodes of one kind of data."""
    lines = [
        f"**{title}**",
        "",
        "| run | trades | tranches | winners | return | deepest drawdown | QQQ held |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, row in rows:
        lines.append(
            f"| `{name}` | {row.trades} | {row.tranches} | {row.winners} | {row.total:+.2%} | "
            f"{row.deepest:.2%} | {row.held:+.1%} |"
        )
    return [*lines, ""]


def book_table(title: str, rows: dict[str, Figures]) -> list[str]:
    """Return C's table of one episode, and what each hedge of its last row cost and brought."""
    unhedged = rows[UNHEDGED]
    lines = [
        f"**{title}**, {unhedged.window}",
        "",
        "| | return | against no hedge | deepest drawdown | against no hedge | trades | costs |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, row in rows.items():
        lines.append(
            f"| {name} | {row.total:+.1%} | {_points(row.total - unhedged.total)} | "
            f"{row.deepest:.1%} | {_points(row.deepest - unhedged.deepest)} | {row.trades} | "
            f"{row.costs:,.0f} |"
        )
    lines += [
        "",
        f"Of {ALL_FOUR}, USD:",
        "",
        "| hedge | judged by | days on | cost | benefit | net |",
    ]
    lines.append("|---|---|---|---|---|---|")
    for line in rows[ALL_FOUR].hedges:
        units = line.unit if line.count == 1 else f"{line.unit}s"
        lines.append(
            f"| {line.hedge} | {line.count} {units} | {line.days:.0f} | {line.cost:,.0f} | "
            f"{line.benefit:,.0f} | {line.net:+,.0f} |"
        )
    return [*lines, ""]


def _points(difference: float) -> str:
    return f"{100 * difference:+.1f} points"


def replace_part(page: str, part: str, lines: Sequence[str]) -> None:
    """Replace the generated part of a page of docs/playbooks."""
    path = ROOT / "docs" / "playbooks" / f"{page}.md"
    before, rest = path.read_text(encoding="utf-8").split(BEGIN.format(part))
    _, after = rest.split(END.format(part))
    text = "\n".join([before + BEGIN.format(part), "", *lines, END.format(part) + after])
    path.write_text(text, encoding="utf-8")


def main() -> None:
    """Run everything, on two processes; replace the generated parts."""
    jobs: list[tuple[str, str, Variant]] = []
    for episode in EPISODES:
        jobs += [(f"swing_{episode}", REAL, SWING), (f"swing_{episode}", EMBEDDED, EMBEDDED_SWING)]
        jobs += [(f"hedged_{episode}", REAL, variant) for variant in REAL_BOOKS]
        jobs += [(f"hedged_{episode}", EMBEDDED, variant) for variant in EMBEDDED_BOOKS]
    with ProcessPoolExecutor(2) as pool:
        found = dict(zip(_names(jobs), pool.map(figures, jobs), strict=True))
    swings = []
    for title, where in (("Real data", REAL), ("Reconstructions", EMBEDDED)):
        rows = [(f"swing_{e}", found[f"swing_{e}", where, "swing"]) for e in EPISODES]
        swings += swing_table(title, rows)
    replace_part("stabilization_swing", "results", swings)
    for part, where, variants in (
        ("results", REAL, REAL_BOOKS),
        ("embedded", EMBEDDED, EMBEDDED_BOOKS),
    ):
        lines = []
        for episode in EPISODES:
            rows = {v.title: found[f"hedged_{episode}", where, v.title] for v in variants}
            lines += book_table(episode, rows)
        replace_part("hedged_rebalance", part, lines)


def _names(jobs: Sequence[tuple[str, str, Variant]]) -> list[tuple[str, str, str]]:
    return [(name, where, variant.title) for name, where, variant in jobs]


if __name__ == "__main__":
    main()
