"""Write docs/real-results.md: every real-data run, its audit, its trades, three setups.

    make real-data
    .venv/bin/python docs/real_results.py

Numbers of ours only; no market data is copied.
"""

import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from data_feeds.load import open_source
from engine.audit import audit_run
from engine.config.load import load_run_config
from engine.config.models import RunConfig, RunMode
from engine.pages.publish import publish
from engine.records import SimulationOutcome
from engine.run import RunResult, run

ROOT = Path(__file__).parent.parent
CATALOG = ROOT / ".data" / "catalog"
PAGE = ROOT / "docs" / "real-results.md"
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
MARKS = {"true": "yes", "false": "no", "unknown": "?"}


def config_of(name: str) -> RunConfig:
    """Return a run file's configuration on the real catalog."""
    path = ROOT / "configs" / "runs" / f"{name}.yaml"
    return load_run_config(path, [f"data.source={CATALOG}"])


def finished(name: str, folder: Path) -> tuple[RunResult, Path]:
    """Run sparse, compare with dense, publish and audit; stop on any difference."""
    source = open_source(CATALOG)
    config = config_of(name)
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
    """Whether two simulations agree to the last bit in every table."""
    curves = zip(vars(one.curve).values(), vars(other.curve).values(), strict=True)
    return all(np.array_equal(a, b) for a, b in curves) and all(
        repr(getattr(one, table)) == repr(getattr(other, table))
        for table in ("orders", "fills", "facts", "decisions", "guard_events")
    )


def totals_row(name: str, result: RunResult, folder: Path) -> str:
    """One line a run: trades, what they cost, what was left."""
    trades = pd.read_parquet(folder / "trades.parquet")
    roles = pd.read_parquet(folder / "fills.parquet")["role"].value_counts()
    facts = pd.read_parquet(folder / "events.parquet")
    funding = facts.loc[facts["kind"] == "funding", "amount"]
    outcome = result.outcome
    visited = outcome.instants_visited / outcome.instants_total
    data = result.config.data
    cells = [
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
    ]
    return "| " + " | ".join(cells) + " |"


def trade_rows(folder: Path) -> list[str]:
    """One line a trade."""
    rows = []
    for trade in pd.read_parquet(folder / "trades.parquet").itertuples():
        cells = [
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
        ]
        rows.append("| " + " | ".join(cells) + " |")
    return rows


def setup_rows(folder: Path, first: str, last: str) -> list[str]:
    """One line a notable bar: what held, what blocked, what was ordered."""
    journal = pq.read_table(folder / "journal_conditions.parquet").to_pandas()
    at = journal["at"]
    window = journal[(at >= pd.Timestamp(first)) & (at <= pd.Timestamp(last))]
    rows = []
    for _, bar in window.iterrows():
        truths = [MARKS[bar[name]] for name in ASKED]
        blocked = " ".join(x for x in (bar["blocked_kind"], bar["blocked_by"]) if x)
        cells = [f"{bar['at']:%m-%d %H:%M}", bar["setup"], *truths]
        rows.append("| " + " | ".join([*cells, blocked or "**entry**"]) + " |")
    return rows


def page(results: dict[str, tuple[RunResult, Path]]) -> str:
    """Return the page's text."""
    lines = [
        "# Playbook A on real data",
        "",
        "Binance BTCUSDT perp bars, marks and funding; default parameters and default risk on",
        "100,000 USDT. Each run was simulated dense and sparse with the same result to the last",
        "bit, and its audit found nothing. Made by `make real-data` and `.venv/bin/python",
        "docs/real_results.py`. Money is USDT, times are UTC; fees and slippage are positive when",
        "paid, funding is positive when received; slippage is part of the price result.",
        "",
        "A few dozen trades in six overlapping windows are not evidence of an edge. They show how",
        "the rules behave and what they cost. The forced liquidation of `leverage_2020` is worked",
        "by hand in [liquidation.md](liquidation.md).",
        "",
        "## Runs",
        "",
        "| " + " | ".join(TOTALS) + " |",
        "|" + "---|" * len(TOTALS),
        *(totals_row(name, *pair) for name, pair in results.items()),
        "",
    ]
    for name, (_, folder) in results.items():
        lines += [
            f"## Trades of `{name}`",
            "",
            "| # | in | out | size, BTC | out by | fees | slippage | funding | net | R |",
            "|---|---|---|---|---|---|---|---|---|---|",
            *trade_rows(folder),
            "",
        ]
    for title, name, first, last in SETUPS:
        lines += [
            f"## The setup of {title}, `{name}`",
            "",
            "Every bar on which at least the level broke or a sequence ran; `?` is unknown.",
            "",
            f"| bar's close | setup | {' | '.join(ASKED)} | blocked by |",
            "|" + "---|" * (len(ASKED) + 3),
            *setup_rows(results[name][1], first, last),
            "",
        ]
    return "\n".join(lines)


def main() -> None:
    """Run everything and write the page."""
    with tempfile.TemporaryDirectory() as scratch:
        results = {}
        for name in (*RUNS, LEVERAGE_RUN):
            print(name, file=sys.stderr)
            results[name] = finished(name, Path(scratch))
        PAGE.write_text(page(results), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
