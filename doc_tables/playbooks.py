"""Make the tables of docs/playbooks/: B and C on real episodes and on reconstructions."""

import json
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data_feeds.load import open_source
from doc_tables.blocks import RUNS, PageBlock, table
from engine.audit import audit_run, format_report
from engine.config.load import load_run_config
from engine.pages.publish import publish
from engine.results.finished import RunRecord
from engine.results.hedges import hedge_lines
from engine.run import run
from engine.run_folder.schema import HedgeLine

EMBEDDED = "embedded"
RECONSTRUCTIONS = "Reconstructions"
BOOK_COLUMNS = (
    "book",
    "return",
    "against no hedge",
    "deepest drawdown",
    "against no hedge",
    "trades",
    "costs",
)
EPISODES = ("2020", "2022", "2026")
# Of the reconstructions, which show the rules and no profit, one episode is enough.
SHOWN_EMBEDDED = "2026"
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
class BookVariant:
    """Describe one row of a table: its title, the playbook, the parameters, other settings."""

    title: str
    playbook: str
    params: dict[str, Any]
    settings: tuple[str, ...] = ()


REAL_BOOKS = (
    BookVariant("cash at the bill", "fixed_weights", {"weights": {"SPY": 0.0}}),
    BookVariant("buy and hold", "fixed_weights", {**BOOK, "rebalance": "never"}),
    BookVariant("fixed weights, quarterly", "fixed_weights", {**BOOK, "rebalance": "quarterly"}),
    BookVariant(
        "the same at 10% volatility, monthly",
        "fixed_weights",
        {**BOOK, "rebalance": "monthly"},
        TEN_PERCENT,
    ),
    BookVariant(UNHEDGED, "hedged_rebalance", {"tolerance": [], "hedges": OFF}),
    BookVariant("ladder alone", "hedged_rebalance", {"hedges": OFF}),
    BookVariant(
        "cash alone", "hedged_rebalance", {"tolerance": [], "hedges": {**OFF, "cash": 0.4}}
    ),
    BookVariant(
        "less crypto alone", "hedged_rebalance", {"tolerance": [], "hedges": {**OFF, "crypto": 0.5}}
    ),
    BookVariant(
        "SH alone", "hedged_rebalance", {"tolerance": [], "hedges": {**OFF, "inverse": {}}}
    ),
    BookVariant(
        "put spreads alone", "hedged_rebalance", {"tolerance": [], "hedges": {**OFF, "puts": {}}}
    ),
    BookVariant("as shipped: ladder, cash, crypto", "hedged_rebalance", {}),
    BookVariant(ALL_FOUR, "hedged_rebalance", {"hedges": ALL}),
)
EMBEDDED_BOOKS = (
    BookVariant("fixed weights, quarterly", "fixed_weights", {**NO_SPOT, "rebalance": "quarterly"}),
    BookVariant(UNHEDGED, "hedged_rebalance", {**NO_SPOT_BOOK, "tolerance": [], "hedges": OFF}),
    BookVariant(
        "put spreads alone",
        "hedged_rebalance",
        {**NO_SPOT_BOOK, "tolerance": [], "hedges": {**OFF, "puts": {}}},
    ),
    BookVariant(ALL_FOUR, "hedged_rebalance", {**NO_SPOT_BOOK, "hedges": ALL}),
)
SWING = BookVariant("swing", "stabilization_swing", {})
# The perp of the reconstructions comes in bars of 15 minutes.
EMBEDDED_SWING = BookVariant(
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
class VariantResult:
    """Hold one run: fractions of the starting equity, costs in quote."""

    window: str
    total: float
    deepest: float
    trades: int
    tranches: int
    winners: int
    costs: float
    held: float
    hedges: tuple[HedgeLine, ...]


def variant_result(job: tuple[str, str, BookVariant]) -> VariantResult:
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
    config = load_run_config(RUNS / f"{name}.yaml", settings)
    source = open_source(where)
    result = run(config, source)
    with tempfile.TemporaryDirectory() as folder:
        report = audit_run(publish(result, Path(folder)), source)
    if not report.ok:
        raise SystemExit(f"{name} on {where}, {variant.title}:\n{format_report(report)}")
    record = RunRecord(result)
    benchmark = config.report.benchmark
    held = result.dataset.bars(benchmark if isinstance(benchmark, str) else "QQQ", "1d")
    inside = (held["opened_at"] >= record.start) & (held["closed_at"] <= record.end)
    return VariantResult(
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


def swing_table(title: str, rows: Sequence[tuple[str, VariantResult]]) -> list[str]:
    """Return B's table over the episodes of one kind of data."""
    cells = [
        (
            f"`{name}`",
            f"{one.trades}",
            f"{one.tranches}",
            f"{one.winners}",
            f"{one.total:+.2%}",
            f"{one.deepest:.2%}",
            f"{one.held:+.1%}",
        )
        for name, one in rows
    ]
    head = ("run", "trades", "tranches", "winners", "return", "deepest drawdown", "QQQ held")
    return [f"**{title}**", "", *table(head, cells), ""]


def book_table(title: str, rows: dict[str, VariantResult]) -> list[str]:
    """Return C's table of one episode, and the cost and benefit of each hedge of its last row."""
    unhedged = rows[UNHEDGED]
    books = [
        (
            name,
            f"{one.total:+.1%}",
            _points(one.total - unhedged.total),
            f"{one.deepest:.1%}",
            _points(one.deepest - unhedged.deepest),
            f"{one.trades}",
            f"{one.costs:,.0f}",
        )
        for name, one in rows.items()
    ]
    hedges = [
        (
            line.hedge,
            f"{line.count} {line.unit if line.count == 1 else f'{line.unit}s'}",
            f"{line.days:.0f}",
            f"{line.cost:,.0f}",
            f"{line.benefit:,.0f}",
            f"{line.net:+,.0f}",
        )
        for line in rows[ALL_FOUR].hedges
    ]
    return [
        f"**{title}**, {unhedged.window}",
        "",
        *table(BOOK_COLUMNS, books),
        "",
        f"Of {ALL_FOUR}, USD:",
        "",
        *table(("hedge", "judged by", "days on", "cost", "benefit", "net"), hedges),
        "",
    ]


def _points(difference: float) -> str:
    return f"{100 * difference:+.1f} points"


def blocks(catalog: Path) -> Iterator[PageBlock]:
    """Yield the tables of B and C, real and reconstructed; the runs go in two processes."""
    real = str(catalog)
    jobs: list[tuple[str, str, BookVariant]] = []
    for episode in EPISODES:
        jobs += [(f"swing_{episode}", real, SWING), (f"swing_{episode}", EMBEDDED, EMBEDDED_SWING)]
        jobs += [(f"hedged_{episode}", real, variant) for variant in REAL_BOOKS]
    jobs += [(f"hedged_{SHOWN_EMBEDDED}", EMBEDDED, variant) for variant in EMBEDDED_BOOKS]
    names = [(name, where, variant.title) for name, where, variant in jobs]
    with ProcessPoolExecutor(2) as pool:
        found = dict(zip(names, pool.map(variant_result, jobs), strict=True))
    swings = []
    for title, where in (("Real data", real), (RECONSTRUCTIONS, EMBEDDED)):
        rows = [(f"swing_{e}", found[f"swing_{e}", where, SWING.title]) for e in EPISODES]
        swings += swing_table(title, rows)
    yield PageBlock("playbooks/stabilization_swing.md", "results", swings[:-1])
    for part, where, variants, episodes in (
        ("results", real, REAL_BOOKS, EPISODES),
        ("embedded", EMBEDDED, EMBEDDED_BOOKS, (SHOWN_EMBEDDED,)),
    ):
        lines = []
        for episode in episodes:
            books = {v.title: found[f"hedged_{episode}", where, v.title] for v in variants}
            lines += book_table(episode, books)
        yield PageBlock("playbooks/hedged_rebalance.md", part, lines[:-1])


def sample() -> Iterator[PageBlock]:
    """Yield one reconstructed row of B, and the reconstructed tables of C in one episode."""
    name, episode = "swing_2026", SHOWN_EMBEDDED
    swing = variant_result((name, EMBEDDED, EMBEDDED_SWING))
    lines = swing_table(RECONSTRUCTIONS, [(name, swing)])
    yield PageBlock("playbooks/stabilization_swing.md", "results", lines)
    books = {v.title: variant_result((f"hedged_{episode}", EMBEDDED, v)) for v in EMBEDDED_BOOKS}
    yield PageBlock("playbooks/hedged_rebalance.md", "embedded", book_table(episode, books))
