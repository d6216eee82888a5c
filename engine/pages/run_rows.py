"""Rows of text for summary and tearsheet, which differ in layout only."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from data_feeds.clock import utc_text
from data_feeds.scenario_path import ScenarioPath
from data_feeds.schema import Provenance
from engine.answers.risk_acts import acts
from engine.benchmark import daily_returns as benchmark
from engine.benchmark.daily_returns import HeldBenchmark
from engine.benchmark.run_benchmark import held_numbers, held_weights
from engine.decision_terms import DecisionOutcome
from engine.formatting import number, percent, signed, without
from engine.metrics import (
    METRICS,
    NAN,
    RELATIVE_METRICS,
    relative_numbers,
    rounded_excess,
    window_years,
)
from engine.records import FactKind, OrderRole, OrderStatus
from engine.results.coverage import missing_bars
from engine.results.finished import RunRecord
from engine.results.hedges import OPTIONS, hedge_lines
from engine.results.manifest import bill_sentence
from engine.results.nearness import best_of_setups
from engine.results.pass_rates import NOTABLE, ConditionRates, PassRate, flush_rows
from engine.statistics import too_still
from engine.trades import unassigned_amount

Rows = list[tuple[str, ...]]
HALF_A_CENT = 0.005
HEADLINE_NOTE = (
    "The excess return and its parts are shares of the equity at the start. Trading is price, "
    "costs, funding and dividends; interest less the bill is the interest paid on cash, less what "
    "the whole equity would have earned in bills; revaluation, if any, is the change in value of "
    "cash by the rates of its currencies. Returns are simple returns of UTC days. Sharpe, "
    "Sortino, beta, alpha and correlation use excess returns, with {periods} periods a year; they "
    "are n/a where the excess of the run or the benchmark moves less than 0.10% a year. A window "
    "of less than 30 days has no return a year and no alpha. Drawdowns are measured at bar closes "
    "and at day ends. The hit rate is the share of trades with a net profit; R is the loss at the "
    "initial stop. Holding {held} reinvests dividends, pays funding, and pays the fee and slippage "
    "of the purchase."
)

HEDGE_NOTE = (
    "A bought hedge is judged by its trades; a hedge that holds back, by the price change in each "
    "month of the holdings that it held back. Cost: the trades or months with a loss; benefit: "
    "those with a gain. Interest on the cash and trading costs are in the account's lines."
)


def data_label(record: RunRecord) -> str:
    """Return ``SYNTHETIC DATA``, ``observed and inferred data`` or ``observed data``."""
    return {
        Provenance.SYNTHETIC: "SYNTHETIC DATA",
        Provenance.INFERRED: "observed and inferred data",
        Provenance.OBSERVED: "observed data",
    }[record.provenance]


def title(record: RunRecord) -> str:
    """Return the run's title, with the conditions left out and the label of synthetic data."""
    label = " (SYNTHETIC DATA)" if record.is_synthetic else ""
    rules = f"{record.run.playbook.name}{without(record.run.config.playbook.ignore)}"
    return f"{record.run.config.name}: {rules}{label}"


def data_line(record: RunRecord) -> str:
    """Return the label of the data, the source of the mark, and the missing bars of the window.

    A path of a scenario is named.
    """
    path = ScenarioPath.named(record.run.config.data.source)
    invented = "" if path is None else f"{path.words}, invented after {path.after}"
    parts = (data_label(record), invented, mark_line(record), missing_bars(record))
    return "; ".join(part for part in parts if part)


def window(record: RunRecord) -> str:
    """Return the text of the traded window."""
    days = (record.end - record.start) / 86_400e9
    clock = record.run.requirements.clock
    return (
        f"{utc_text(record.start)} to {utc_text(record.end)} ({number(days, 4)} days), decisions "
        f"on {clock.instrument} {clock.timeframe} bars"
    )


def benchmark_name(record: RunRecord) -> str:
    """Return the name of the benchmark."""
    return benchmark.benchmark_name(held_weights(record))


def headline_rows(record: RunRecord, held: HeldBenchmark | None) -> Rows:
    """Return rows of title, value of this run and value of the benchmark, a heading row first."""
    years = window_years(record.start, record.end)
    benchmark_values = held_numbers(held, record.periods_per_year, years)
    heading = ("", "this run", f"holding {benchmark_name(record)}")
    return [heading, *metric_rows(record.metrics, benchmark_values), *_relative_rows(record, held)]


def metric_rows(run: Mapping[str, float], held: Mapping[str, float]) -> Rows:
    """Return a row of each headline number that pages show; ``held`` may lack numbers."""
    shown = rounded_excess(run)
    rows: Rows = []
    for metric in METRICS:
        if metric.on_pages and (metric.shown_if_zero or shown[metric.name] != 0):
            held_text = metric.text(held[metric.name]) if metric.name in held else ""
            rows.append((metric.title, metric.text(shown[metric.name]), held_text))
        if metric.name == "end_equity":
            rows.append(("net result", signed(run["end_equity"] - run["start_equity"]), ""))
    return rows


def _relative_rows(record: RunRecord, held: HeldBenchmark | None) -> Rows:
    """Return the numbers relative to the benchmark; none without one, or on a single day."""
    if held is None or len(held.excess) < 2:
        return []
    own, other = (np.asarray(x, dtype=np.float64) for x in (record.excess_returns, held.excess))
    periods, years = record.periods_per_year, window_years(record.start, record.end)
    numbers = relative_numbers(own, other, periods, years=years)
    still = too_still(own, periods) or too_still(other, periods)
    return [
        (
            metric.title,
            metric.text(NAN if still and metric.needs_moves else numbers[metric.name]),
            "",
        )
        for metric in RELATIVE_METRICS
    ]


def headline_note(record: RunRecord) -> str:
    """Return the conventions of the headline numbers."""
    bill = bill_sentence(record.run.config, record.run.outcome.bill)
    note = HEADLINE_NOTE.format(periods=record.periods_per_year, held=benchmark_name(record))
    return f"{bill} {note}"


def cost_rows(record: RunRecord) -> Rows:
    """Return the parts of the change in equity: price result, fees, funding and the others."""
    trades = record.trades
    gross = sum(trade.gross_pnl for trade in trades)
    fees = sum(trade.fees for trade in trades)
    funding = sum(trade.funding for trade in trades)
    income = sum(trade.income for trade in trades)
    lending = sum(trade.borrow_carry for trade in trades)
    interest = unassigned_amount(record.run.outcome.facts, FactKind.INTEREST)
    change = record.metrics["end_equity"] - record.start_equity
    revalued = math.fsum(record.money.revaluation)
    other = change - sum(trade.net_pnl for trade in trades) - interest - revalued
    return [
        ("price result, slippage inside", signed(gross)),
        ("fees", signed(-fees)),
        ("funding", signed(funding)),
        *([("dividends", signed(income))] if income else []),
        *([("rebates less borrow fees", signed(lending))] if lending else []),
        *([("interest", signed(interest))] if interest else []),
        *([("revaluation of cash", signed(revalued))] if revalued else []),
        *([("not assigned to a trade", signed(other))] if abs(other) > HALF_A_CENT else []),
        ("net", signed(change)),
        ("slippage paid, part of the price result", signed(-record.metrics["slippage"])),
        ("forced liquidations", number(record.metrics["liquidations"])),
    ]


def currency(record: RunRecord) -> str:
    """Return the name of the currency of equity; "quote" for a run without records."""
    return record.run.config.account.currency or "quote"


def wallet_rows(record: RunRecord) -> Rows:
    """Return one row a wallet whose currency moves against the account's, a heading row first.

    Such cash is a position: its value changes while nothing is traded.
    """
    own = currency(record)
    heading = ("wallet", "cash at the end", f"value, {own}", "of equity", "of gross with it")
    rows: Rows = [(*heading, "of equity, mean")]
    curve, account = record.run.outcome.curve, record.run.config.account
    for name, unit, cash, value in (
        ("venue", account.venue_currency, curve.venue_cash, curve.venue_value),
        ("brokerage", account.brokerage_currency, curve.brokerage_cash, curve.brokerage_value),
    ):
        rate = account.rate_of(unit)
        if rate is None or rate.is_par or not len(value) or not bool(cash.any()):
            continue
        worth, equity = float(value[-1]), float(curve.equity[-1])
        gross = worth + float(curve.gross_notional[-1])
        alive = curve.equity > 0
        mean_share = float((value[alive] / curve.equity[alive]).mean()) if alive.any() else NAN
        shares = (worth / equity if equity > 0 else NAN, worth / gross if gross > 0 else NAN)
        shown = (percent(share) for share in (*shares, mean_share))
        rows.append((name, f"{float(cash[-1]):,.6g} {unit}", number(round(worth, 2)), *shown))
    return rows


def hedge_rows(record: RunRecord) -> Rows:
    """Return one row a hedge, its cost and its benefit, a heading row first."""
    rows: Rows = [("hedge", "judged by", "days on", "cost", "benefit", "net")]
    rows += [
        (
            line.hedge + (" (synthetic prices)" if line.hedge == OPTIONS else ""),
            f"{line.count} {line.unit}{'' if line.count == 1 else 's'}",
            number(round(line.days)),
            signed(line.cost),
            signed(line.benefit),
            signed(line.net),
        )
        for line in hedge_lines(record)
    ]
    return rows


def trade_rows(record: RunRecord) -> Rows:
    """Return one row a trade, a heading row first; with several instruments, each is named."""
    several = len(record.run.requirements.traded) > 1
    named = ("instrument",) if several else ()
    heading = ("#", *named, "side", "in", "out", "size", "entry", "exit", "stop")
    rows: Rows = [(*heading, "price", "fees", "funding", "net", "R", "out by")]
    for trade in record.trades:
        out_by = trade.exit_roles + (" (part)" if trade.open_at_end and trade.exit_roles else "")
        rows.append(
            (
                str(trade.trade_id),
                *((trade.instrument,) if several else ()),
                "long" if trade.direction > 0 else "short",
                utc_text(trade.entered_at),
                "open" if trade.open_at_end else utc_text(trade.exited_at),
                number(trade.quantity, 5),
                number(trade.average_entry, 7),
                number(trade.average_exit, 7),
                number(trade.initial_stop, 7),
                signed(trade.gross_pnl),
                signed(-trade.fees),
                signed(trade.funding),
                signed(trade.net_pnl),
                signed(trade.r_multiple),
                out_by or "-",
            )
        )
    return rows


def condition_table(record: RunRecord) -> Rows:
    """Return one row a condition: its pass rate on all bars and on flush or notable bars."""
    marked = "notable bars" if flush_rows(record.run.signals)[1] == NOTABLE else "flush bars"
    rows: Rows = [("condition", "all bars", marked, "unknown", "meaning")]
    for item in record.rates:
        unknown = item.all_bars.unknown / item.all_bars.rows if item.all_bars.rows else None
        rows.append(
            (
                item.name,
                _pass_rate(item.all_bars),
                _pass_rate(item.flush_bars),
                percent(unknown, 1),
                item.description + _standing(item),
            )
        )
    return rows


def _standing(item: ConditionRates) -> str:
    if item.left_out:
        return " (LEFT OUT: counted as true)"
    if not item.required:
        return " (not required)"
    return f" (required by {item.group})" if item.group else ""


def counted(names: Sequence[str]) -> list[tuple[str, str]]:
    """Return (name, count), the most frequent first, ties by name."""
    counts = sorted(Counter(names).items(), key=lambda pair: (-pair[1], pair[0]))
    return [(name, str(count)) for name, count in counts]


def block_rows(record: RunRecord) -> list[tuple[str, str]]:
    """Return the reasons that blocked the journal's rows, with counts."""
    journal = record.journal.select(["blocked_kind", "blocked_by"]).to_pylist()
    return counted(
        [f"{r['blocked_kind']}: {r['blocked_by']}" for r in journal if r["blocked_kind"]]
    )


def cap_rows(record: RunRecord) -> list[tuple[str, str]]:
    """Return the caps that set the size of purchases, with counts."""
    return counted(
        [
            decision.binding_cap
            for decision in record.run.outcome.decisions
            if decision.binding_cap and decision.outcome == DecisionOutcome.APPROVED
        ]
    )


def unfilled_rows(record: RunRecord) -> list[tuple[str, str]]:
    """Return the ends of entry orders that were not filled in full, with counts."""
    orders = [o for o in record.run.outcome.orders if o.role == OrderRole.ENTRY.value]
    cut = [o for o in orders if o.ended_at and o.status != OrderStatus.FILLED.value]
    ends = [f"{o.status}, {'part' if o.filled else 'nothing'} filled: {o.end_reason}" for o in cut]
    return [(end, f"{count} of {len(orders)}") for end, count in counted(ends)]


def act_rows(record: RunRecord) -> Rows:
    """Return the acts of guards, drawdown ladder, market tiers and account caps, heading first."""
    outcome = record.run.outcome
    return acts(outcome.guard_events, outcome.decisions, outcome.orders)


def near_misses(record: RunRecord, count: int = 5) -> Rows:
    """Return the journal's rows that came nearest to an entry, one a setup, nearest first.

    ``engine.results.journal.nearness`` defines the order.
    """
    names = ["at", "setup", "blocked_kind", "blocked_by", "nearest_miss", "nearest_miss_distance"]
    journal = record.journal.select([*names, "required_failing"]).to_pylist()
    missed = best_of_setups(row for row in journal if row["blocked_kind"])
    rows: Rows = [("bar", "blocked by", "failing", "nearest miss", "distance")]
    for row in missed[:count]:
        rows.append(
            (
                pd.Timestamp(row["at"]).strftime("%Y-%m-%dT%H:%MZ"),
                f"{row['blocked_kind']}: {row['blocked_by']}",
                str(row["required_failing"]),
                row["nearest_miss"] or "-",
                percent(row["nearest_miss_distance"], 1),
            )
        )
    return rows


def mark_line(record: RunRecord) -> str:
    """Return the share of bars whose mark is not the venue's own record."""
    outcome = record.run.outcome
    if outcome.mark_bars == 0:
        return "no bar was marked"
    share = percent(outcome.inferred_mark_bars / outcome.mark_bars, 1)
    how = "generated or inferred" if record.is_synthetic else "inferred"
    return f"mark {how} in {outcome.inferred_mark_bars} of {outcome.mark_bars} bars ({share})"


def _pass_rate(rate: PassRate) -> str:
    known = rate.true + rate.false
    return f"{percent(rate.pass_rate, 1)} of {known:,}" if known else "never known"
