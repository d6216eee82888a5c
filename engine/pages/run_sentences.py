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
from engine.results.entry_count import BookDecision, count_entries
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
    book = [
        BookDecision(item.decision_id, item.plan_id, item.decided_at)
        for item in outcome.decisions
        if item.intent is IntentKind.REBALANCE
    ]
    filled = {order.decision_id for order in outcome.orders if order.filled > 0}
    return count_entries(book, filled, (trade.plan_id for trade in trades))


def run_conclusions(facts: RunFacts) -> list[str]:
    """Return the conclusions, four sentences."""
    return [_result(facts), _sources(facts), _position(facts), _limits(facts)]


def _result(facts: RunFacts) -> str:
    held = None if math.isnan(facts.held) else facts.held
    return beside_benchmark("The run", facts.numbers["total_return"], facts.benchmark, held)


def beside_benchmark(what: str, own: float, benchmark: str, held: float | None) -> str:
    """Return the sentence of a return beside that of a benchmark, fractions; None: it has none.

    The difference is of the numbers as they are shown, so that the three agree.

    >>> beside_benchmark("The run", 0.0747, "SPY", 0.1680)
    'The run returned +7.47%, holding SPY +16.80%: -9.33 points.'
    """
    told = f"{what} returned {signed_percent(own)}"
    if held is None:
        return f"{told}."
    lead = signed(percent_points(own) - percent_points(held))
    return f"{told}, holding {benchmark} {signed_percent(held)}: {lead} points."


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
