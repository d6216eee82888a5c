"""Say in a few sentences how a run came out, and what it cannot show."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from engine.benchmark.daily_returns import HeldBenchmark
from engine.benchmark.run_benchmark import held_numbers
from engine.decision_terms import IntentKind
from engine.formatting import counted_noun, percent_points, percent_share, signed, signed_percent
from engine.metrics import rounded_excess, window_years
from engine.pages import run_rows
from engine.records import SimulationOutcome, Trade
from engine.results.finished import RunRecord
from engine.statistics import MIN_DAYS, MIN_TRADES


@dataclass(frozen=True)
class RunFacts:
    """The numbers of a run that its conclusions rest on; returns are fractions of the start.

    Attributes
    ----------
    numbers : of the run, by their names in ``metrics.json``
    benchmark, held : the benchmark's name and its return, NaN without one
    entries : trades or, of a book of weights, rebalancings that traded
    days : daily returns
    """

    numbers: Mapping[str, float]
    benchmark: str
    held: float
    entries: int
    days: int


def run_facts(record: RunRecord, held: HeldBenchmark | None) -> RunFacts:
    """Return the facts of a finished run."""
    years = window_years(record.start, record.end)
    return RunFacts(
        numbers=record.metrics,
        benchmark=run_rows.benchmark_name(record),
        held=held_numbers(held, record.periods_per_year, years)["total_return"],
        entries=entries_of(record.run.outcome, record.trades),
        days=len(record.daily_returns),
    )


def entries_of(outcome: SimulationOutcome, trades: Sequence[Trade]) -> int:
    """Return the number of trades or, of a book of weights, of rebalancings that traded."""
    book = {
        decision.decision_id: decision
        for decision in outcome.decisions
        if decision.intent is IntentKind.REBALANCE
    }
    plans = {decision.plan_id for decision in book.values()}
    filled = {order.decision_id for order in outcome.orders if order.filled > 0}
    others = sum(trade.plan_id not in plans for trade in trades)
    return others + len({item.decided_at for name, item in book.items() if name in filled})


def run_conclusions(facts: RunFacts) -> list[str]:
    """Return the conclusions, four sentences."""
    return [_result(facts), _sources(facts), _position(facts), _limits(facts)]


def _result(facts: RunFacts) -> str:
    own = facts.numbers["total_return"]
    told = f"The run returned {signed_percent(own)}"
    if not math.isnan(facts.held):
        # Of the numbers as they are shown, so that the three agree.
        lead = signed(percent_points(own) - percent_points(facts.held))
        told += f", holding {facts.benchmark} {signed_percent(facts.held)}: {lead} points"
    return f"{told}."


def _sources(facts: RunFacts) -> str:
    shown = rounded_excess(facts.numbers)
    parts = [
        f"{words} {signed_percent(shown[name])}"
        for name, words in (
            ("trading_return", "trading"),
            ("interest_less_bill", "interest on cash less the bill"),
            ("revaluation_return", "currencies"),
        )
        if name != "revaluation_return" or shown[name] != 0
    ]
    return f"In excess of the bill: {signed_percent(shown['excess_return'])}, {', '.join(parts)}."


def _position(facts: RunFacts) -> str:
    share = facts.numbers["exposure"]
    told = f"A position was held {percent_share(share, 1)} of the time"
    if facts.held < 0 and share < 0.5:
        return f"{told}; whatever holds cash loses less in a fall, without any skill."
    return f"{told}."


def _limits(facts: RunFacts) -> str:
    told = counted_noun(facts.entries, "trade or rebalancing", "trades or rebalancings")
    few = facts.entries < MIN_TRADES
    if few:
        told += f", fewer than {MIN_TRADES}"
    if facts.days < MIN_DAYS:
        told += f", {'and ' * few}{counted_noun(facts.days, 'day')}, fewer than {MIN_DAYS}"
        few = True
    if few:
        return f"{told}: too few to judge the rules by the ratios below."
    return (
        f"{told} on one path: a comparison, a sweep or a stress says how much of the result may be "
        "luck."
    )
