"""Make the tables of docs/real-results.md: every real run of A, its audit, trades, three setups."""

import tempfile
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

import numpy as np
import pandas as pd

from data_feeds.load import open_source
from data_feeds.parquet_tables import read_frame
from doc_tables.blocks import RUNS as RUNS_FOLDER
from doc_tables.blocks import PageBlock, table
from engine.audit import audit_run
from engine.config.load import load_run_config
from engine.config.models import RunConfig, RunMode
from engine.pages.publish import publish
from engine.records import SimulationOutcome
from engine.run import RunResult, run

RUNS = (
    "reclaim_2020",
    "reclaim_2022",
    "reclaim_2022_5m",
    "reclaim_2026",
    "reclaim_2026_15m",
    "reclaim_2026_1h",
)
LEVERAGE_RUN = "leverage_2020"
# (title, run, first and last instant)
SETUPS = (
    ("2020-03-13", "reclaim_2020", "2020-03-12T08:00Z", "2020-03-13T08:00Z"),
    ("2022-06-18", "reclaim_2022", "2022-06-18T18:00Z", "2022-06-19T22:00Z"),
    ("2026-02-05/06", "reclaim_2026_1h", "2026-02-05T13:00Z", "2026-02-06T16:00Z"),
)
ASKED = (
    "first_flush_range",
    "first_flush_volume",
    "liquidation_driven",
    "bounce",
    "second_flush",
    "reclaim",
    "open_interest_gate",
    "macro_gate",
)
TOTALS = (
    "run",
    "window",
    "bars",
    "trades",
    "fills by stop / target / exit",
    "liquidations",
    "fees",
    "slippage",
    "funding settlements",
    "net",
    "mean R",
    "instants visited",
)
TRADES = (
    "#",
    "in",
    "out",
    "size, BTC",
    "out by",
    "fees",
    "slippage",
    "funding",
    "net",
    "R",
)
MARKS = {"true": "yes", "false": "no", "unknown": "?"}


def config_of(name: str, catalog: Path) -> RunConfig:
    """Return a run file's configuration on the real catalog."""
    path = RUNS_FOLDER / f"{name}.yaml"
    return load_run_config(path, [f"data.source={catalog}"])


def finished(name: str, catalog: Path, folder: Path) -> tuple[RunResult, Path]:
    """Run sparse, compare with dense, publish and audit; stop on any difference."""
    source = open_source(catalog)
    config = config_of(name, catalog)
    result = run(config, source)
    dense = run(config.model_copy(update={"mode": RunMode.DENSE}), source).outcome
    if not same(result.outcome, dense):
        raise SystemExit(f"{name}: sparse and dense differ")
    place = publish(result, folder)
    report = audit_run(place, source)
    if report.findings:
        raise SystemExit(f"{name}: the audit found {len(report.findings)} differences")
    return result, place


def same(one: SimulationOutcome, other: SimulationOutcome) -> bool:
    """Return whether two simulations agree to the last bit in every table."""
    curves = zip(vars(one.curve).values(), vars(other.curve).values(), strict=True)
    return all(np.array_equal(a, b) for a, b in curves) and all(
        repr(getattr(one, table)) == repr(getattr(other, table))
        for table in ("orders", "fills", "facts", "decisions", "guard_events")
    )


def totals(name: str, result: RunResult, folder: Path) -> tuple[str, ...]:
    """Return the cells of one run: its trades, their costs, the net result."""
    trades = read_frame(folder / "trades.parquet")
    roles = read_frame(folder / "fills.parquet")["role"].value_counts()
    facts = read_frame(folder / "ledger.parquet")
    funding = facts.loc[facts["kind"] == "funding", "amount"]
    outcome = result.outcome
    visited = outcome.instants_visited / outcome.instants_total
    data = result.config.data
    return (
        f"`{name}`",
        f"{data.start:%Y-%m-%d} to {data.end:%Y-%m-%d}",
        result.requirements.clock.timeframe,
        f"{len(trades)}",
        f"{roles.get('stop', 0)} / {roles.get('target', 0)} / {roles.get('exit', 0)}",
        f"{roles.get('liquidation', 0)}",
        f"{trades['fees'].sum():,.2f}",
        f"{trades['slippage_cost'].sum():,.2f}",
        f"{(funding < 0).sum()} paid, {(funding > 0).sum()} received, {funding.sum():+,.2f}",
        f"{trades['net_pnl'].sum():+,.2f}",
        f"{trades['r_multiple'].mean():+.2f}",
        f"{visited:.1%}",
    )


def trade_rows(folder: Path) -> list[tuple[str, ...]]:
    """Return the cells of each trade."""
    rows: list[tuple[str, ...]] = []
    for trade in read_frame(folder / "trades.parquet").itertuples():
        cells = (
            f"{trade.trade_id}",
            f"{trade.entered_at:%Y-%m-%d %H:%M}",
            "open" if trade.open_at_end else f"{trade.exited_at:%Y-%m-%d %H:%M}",
            f"{trade.quantity:g}",
            str(trade.exit_roles),
            f"{trade.fees:,.2f}",
            f"{trade.slippage_cost:,.2f}",
            f"{trade.funding:+,.2f}",
            f"{trade.net_pnl:+,.2f}",
            f"{trade.r_multiple:+.2f}",
        )
        rows.append(cells)
    return rows


def setup_rows(folder: Path, first: str, last: str) -> list[tuple[str, ...]]:
    """Return a row for each stretch of notable bars with equal conditions and equal block."""
    journal = read_frame(folder / "journal_conditions.parquet")
    at = journal["at"]
    window = journal[(at >= pd.Timestamp(first)) & (at <= pd.Timestamp(last))]
    rows = []
    for _, bar in window.iterrows():
        truths = [MARKS[bar[name]] for name in ASKED]
        blocked = " ".join(x for x in (bar["blocked_kind"], bar["blocked_by"]) if x)
        at_close = f"{bar['at']:%m-%d %H:%M}"
        rows.append((at_close, str(bar["setup"]), *truths, blocked or "**entry**"))
    stretches = [list(bars) for _, bars in groupby(rows, key=lambda row: row[1:])]
    return [(bars[0][0], f"{len(bars)}", *bars[0][1:]) for bars in stretches]


def blocks(catalog: Path) -> Iterator[PageBlock]:
    """Yield the page's tables: runs, trades, setups."""
    with tempfile.TemporaryDirectory() as scratch:
        results = {name: finished(name, catalog, Path(scratch)) for name in (*RUNS, LEVERAGE_RUN)}
        yield PageBlock("real-results.md", "results", _lines(results))


def _lines(results: dict[str, tuple[RunResult, Path]]) -> list[str]:
    runs = [totals(name, *pair) for name, pair in results.items()]
    lines = ["## Runs", "", *table(TOTALS, runs)]
    for name, (_, folder) in results.items():
        lines += ["", f"## Trades of `{name}`", "", *table(TRADES, trade_rows(folder))]
    for title, name, first, last in SETUPS:
        rows = setup_rows(results[name][1], first, last)
        lines += [
            "",
            f"## The setup of {title}, `{name}`",
            "",
            "The bars on which at least the level broke or a sequence ran; equal bars that follow "
            "each other share a row. `?` is unknown.",
            "",
            *table(("first bar's close", "bars", "setup", *ASKED, "blocked by"), rows),
        ]
    return lines
