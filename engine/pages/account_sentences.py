"""Say in a few sentences how an account came out, and where it cannot tell."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd

from engine.answers.ladder_history import FULL_SIZE, HALTED, LadderHistory
from engine.formatting import percent, signed, signed_percent
from engine.run_folder.schema import SleeveLine
from engine.statistics import MIN_TRADES


@dataclass(frozen=True)
class AccountFacts:
    """The numbers of an account that its conclusions rest on; returns are fractions.

    Attributes
    ----------
    total_return, interest : of the account, and the part of it that is interest on cash
    benchmark, held : the benchmark's name and its return, None where it has none
    sleeves : one line a sleeve
    correlations : of the sleeves' daily excess returns; NaN where one does not vary
    ladders : by the name of their books
    trades : of all sleeves
    """

    total_return: float
    interest: float
    benchmark: str
    held: float | None
    sleeves: Sequence[SleeveLine]
    correlations: pd.DataFrame
    ladders: Mapping[str, LadderHistory]
    trades: int


def account_conclusions(facts: AccountFacts) -> list[str]:
    """Return the conclusions, five sentences; four where sleeves cannot be correlated."""
    told = [_result(facts), _parts(facts.sleeves), _together(facts.correlations)]
    told += [_rungs(facts.ladders), _limits(facts)]
    return [sentence for sentence in told if sentence]


def _result(facts: AccountFacts) -> str:
    own = f"The account returned {signed_percent(facts.total_return)}"
    if facts.held is not None:
        # Of the numbers as they are shown, so that the three agree.
        lead = signed(100 * (round(facts.total_return, 4) - round(facts.held, 4)))
        own += f", holding {facts.benchmark} {signed_percent(facts.held)}: {lead} points"
    return f"{own}. Interest on cash is {signed(100 * facts.interest)} points of its return."


def _parts(sleeves: Sequence[SleeveLine]) -> str:
    ordered = sorted(sleeves, key=lambda line: -line.contribution)
    parts = "; ".join(
        f"{line.sleeve} {signed_percent(line.contribution)} ({_count(line.trades, 'trade')})"
        for line in ordered
    )
    cut, refused, sold = (
        sum(getattr(line, name) for line in sleeves) for name in ("capped", "blocked", "sold")
    )
    return (
        f"Parts of the account's starting cash: {parts}. The account's caps cut "
        f"{_count(cut, 'entry', 'entries')}; its guards refused {refused} and ordered "
        f"{_count(sold, 'sale')}."
    )


def _together(found: pd.DataFrame) -> str:
    values, names = found.to_numpy(dtype=np.float64), [str(name) for name in found.columns]
    pairs = {
        (names[one], names[other]): float(values[one, other])
        for one, other in combinations(range(len(names)), 2)
    }
    known = {pair: value for pair, value in pairs.items() if not math.isnan(value)}
    if not known:
        return ""
    (one, other), highest = max(known.items(), key=lambda item: item[1])
    unknown = len(pairs) - len(known)
    rest = f"; {_count(unknown, 'pair')} cannot be correlated" if unknown else ""
    return (
        f"The sleeves that moved most alike are {one} and {other}: correlation {signed(highest)} "
        f"of daily returns over the bill{rest}."
    )


def _rungs(ladders: Mapping[str, LadderHistory]) -> str:
    if not ladders:
        return "No drawdown ladder was set, neither for the account nor for a sleeve."
    lowered = []
    for name, ladder in ladders.items():
        shares = ladder.shares()
        below = sum(share for factor, share in shares.items() if factor < FULL_SIZE)
        if below:
            halted = shares.get(HALTED, 0.0)
            stop = f", {percent(halted, 1)} halted" if halted else ""
            lowered.append(f"{percent(below, 1)} of the time{stop} ({name})")
    if not lowered:
        return "No drawdown ladder was ever below full size: none reached its first rung."
    return f"Drawdown ladders below full size: {'; '.join(lowered)}."


def _limits(facts: AccountFacts) -> str:
    few = f", fewer than {MIN_TRADES}" if facts.trades < MIN_TRADES else ""
    return (
        f"One window is one observation, with {_count(facts.trades, 'trade')}{few}: the page "
        "cannot say whether the mix of sleeves is better than its parts, and no interval is given."
    )


def _count(number: int, one: str, several: str = "") -> str:
    """Return a number with its noun.

    >>> _count(1, "entry", "entries"), _count(0, "trade")
    ('1 entry', '0 trades')
    """
    return f"{number:,} {one if number == 1 else several or f'{one}s'}"
