"""Say in a few sentences how an account came out, and where it cannot tell."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd

from engine.answers.ladder_history import FULL_SIZE, HALTED, LadderHistory
from engine.formatting import counted_noun, percent_share, signed, signed_percent
from engine.metrics import LEAST_DAYS
from engine.pages.run_sentences import beside_benchmark
from engine.run_folder.schema import SleeveLine
from engine.statistics import MIN_TRADES

SHOWN_TIES = 3


@dataclass(frozen=True)
class AccountFacts:
    """The numbers of an account that its conclusions rest on; returns are fractions.

    Attributes
    ----------
    total_return, interest : of the account, and the part of it that is interest on cash
    benchmark, held : the benchmark's name and its return, None where it has none
    sleeves : one line a sleeve
    correlations : of the sleeves' daily excess returns; NaN where one does not vary
    days : on which all sleeves have such a return
    ladders : by the name of their books
    trades : of all sleeves
    """

    total_return: float
    interest: float
    benchmark: str
    held: float | None
    sleeves: Sequence[SleeveLine]
    correlations: pd.DataFrame
    days: int
    ladders: Mapping[str, LadderHistory]
    trades: int


def account_conclusions(facts: AccountFacts) -> list[str]:
    """Return the conclusions, five sentences; four for one sleeve."""
    told = [_result(facts), _parts(facts.sleeves), _together(facts.correlations, facts.days)]
    told += [_rungs(facts.ladders), _limits(facts)]
    return [sentence for sentence in told if sentence]


def _result(facts: AccountFacts) -> str:
    told = beside_benchmark("The account", facts.total_return, facts.benchmark, facts.held)
    return f"{told} Interest on cash is {signed(100 * facts.interest)} points of its return."


def _parts(sleeves: Sequence[SleeveLine]) -> str:
    ordered = sorted(sleeves, key=lambda line: -line.contribution)
    parts = "; ".join(
        f"{line.sleeve} {signed_percent(line.contribution)} ({counted_noun(line.trades, 'trade')})"
        for line in ordered
    )
    cut, refused, sold = (
        sum(getattr(line, name) for line in sleeves) for name in ("capped", "blocked", "sold")
    )
    return (
        f"Net results as shares of the account's starting cash: {parts}. The account's caps cut "
        f"{counted_noun(cut, 'entry', 'entries')}; its guards refused {refused} and ordered "
        f"{counted_noun(sold, 'sale')}."
    )


def _together(found: pd.DataFrame, days: int) -> str:
    values, names = found.to_numpy(dtype=np.float64), [str(name) for name in found.columns]
    pairs = {
        f"{names[one]} and {names[other]}": round(float(values[one, other]), 2)
        for one, other in combinations(range(len(names)), 2)
    }
    if not pairs:
        return ""
    if days < LEAST_DAYS:
        return (
            f"The sleeves share {counted_noun(days, 'day')}, fewer than {LEAST_DAYS}: too few to "
            "say whether they moved alike."
        )
    known = {pair: value for pair, value in pairs.items() if not math.isnan(value)}
    if not known:
        return "No two sleeves can be correlated: all but one at most stood still."
    return _highest(known, len(pairs) - len(known), days)


def _highest(known: Mapping[str, float], unknown: int, days: int) -> str:
    """Return the sentence on the pair with the highest correlation, or the pairs that share it."""
    rest = f"; {counted_noun(unknown, 'pair')} cannot be correlated" if unknown else ""
    over = f"of daily returns over the bill, over {days:,} days"
    highest = max(known.values())
    first = [pair for pair, value in known.items() if value == highest]
    if len(known) == 1:
        return f"The correlation of {first[0]} is {signed(highest)}, {over}{rest}."
    more = len(first) - SHOWN_TIES
    named = "; ".join(first[:SHOWN_TIES]) + (f" and {counted_noun(more, 'pair')} more" * (more > 0))
    return f"The highest correlation of two sleeves is {signed(highest)}, {over}: {named}{rest}."


def _rungs(ladders: Mapping[str, LadderHistory]) -> str:
    if not ladders:
        return "No drawdown ladder was set, neither for the account nor for a sleeve."
    lowered = [_lowered(name, item) for name, item in ladders.items() if item.lowest < FULL_SIZE]
    if not lowered:
        return "No drawdown ladder was ever below full size."
    return f"Drawdown ladders below full size: {'; '.join(lowered)}."


def _lowered(name: str, ladder: LadderHistory) -> str:
    shares = ladder.shares()
    below = math.fsum(share for factor, share in shares.items() if factor < FULL_SIZE)
    if below == 0:
        return f"at the last close only ({name})"
    halted = shares.get(HALTED, 0.0)
    stop = f", {percent_share(halted, 1)} halted" if halted else ""
    return f"{percent_share(below, 1)} of the time{stop} ({name})"


def _limits(facts: AccountFacts) -> str:
    few = f", fewer than {MIN_TRADES}" if facts.trades < MIN_TRADES else ""
    return (
        f"One window is one observation, with {counted_noun(facts.trades, 'trade')}{few}: the page "
        "cannot say whether the mix of sleeves is better than its parts, and no interval is given."
    )
