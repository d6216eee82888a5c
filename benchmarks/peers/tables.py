"""Write the tables of the comparison with other libraries."""

from collections.abc import Sequence

from benchmarks.peers.measured_run import CROSSOVER, LOW_TURNOVER, RULES
from benchmarks.peers.rounds import ContenderRow
from benchmarks.peers.sweep_rounds import SweptRow
from doc_tables.blocks import table

TITLES = {CROSSOVER: "SMA 20/100 crossover", LOW_TURNOVER: "An order every 1,000 bars"}
HEAD = ("program", "version", "orders", "CPU s", "bars a second", "over Riskoff", "peak MiB")


def rule_lines(rows: Sequence[ContenderRow], bars: int, rounds: int) -> list[str]:
    """Return a table a rule."""
    lines = [f"{bars:,} bars, rounds interleaved: {rounds}; medians."]
    for rule in RULES:
        own = [row for row in rows if row.rule == rule]
        apart = bars / own[0].orders
        lines += ["", f"**{TITLES[rule]}**, an order per {apart:,.0f} bars:", ""]
        lines += table(HEAD, [_cells(row, bars) for row in own])
    return lines


def _cells(row: ContenderRow, bars: int) -> list[str]:
    return [
        row.contender.title,
        row.contender.version,
        f"{row.orders:,}",
        f"{row.cpu_seconds:.3g}",
        f"{bars / row.cpu_seconds:,.0f}",
        times(row.ratio),
        f"{row.peak_mib:,.0f}",
    ]


def times(ratio: float) -> str:
    """Return a ratio in words of the table, below one as a fraction.

    >>> times(13.34), times(0.05)
    ('13.3 x', '1/20')
    """
    return f"{ratio:.1f} x" if ratio >= 1 else f"1/{1 / ratio:.3g}"


def sweep_lines(rows: Sequence[SweptRow], bars: int, rounds: int) -> list[str]:
    """Return the table of the sweep."""
    head = ("program", "sets", "trades", "CPU s", "ms a set", "over Riskoff", "peak MiB")
    cells = [
        [
            row.title,
            f"{row.sets:,}",
            f"{row.trades:,}",
            f"{row.cpu_seconds:.3g}",
            f"{1e3 * row.cpu_seconds / row.sets:.3g}",
            times(row.ratio),
            f"{row.peak_mib:,.0f}",
        ]
        for row in rows
    ]
    told = f"{bars:,} bars, rounds interleaved: {rounds}; medians."
    return [told, "", *table(head, cells)]
