"""Judge the chosen set: what is left of its number after all that was tried.

Every number is of daily returns in excess of the bill, and is either there or ``Missing`` with its
reason.
"""

import math
from dataclasses import dataclass
from functools import partial

import numpy as np

from engine.statistics import (
    Missing,
    Overfitting,
    Superiority,
    deflated_sharpe,
    expected_maximum_sharpe,
    moments,
)
from engine.sweep.family_tests import overfitting, superiority
from engine.sweep.held_out import HeldOutFolds, leave_one_out
from engine.sweep.set_choice import edges_of
from engine.sweep.sweep_run import SweepResult

# The deflated Sharpe ratio that the paper asks for.
CONVINCING = 0.95
Number = float | Missing


@dataclass(frozen=True)
class Judgement:
    """Hold all numbers on the chosen set.

    Attributes
    ----------
    number : the number that ranked it; ``plateau`` the lower quartile around it
    neighbours : sets around it, itself included
    edges : short names of the axes at whose end it lies
    trials, earlier : sets that count, and those of them of earlier sweeps
    sharpe : annualized
    expected_best : the highest annualized ratio that as many worthless trials lead to expect
    deflated : probability that its true ratio exceeds that
    overfitting : how often picking the best of the blind sets picks luck
    superiority : whether any of the blind sets beats the bill
    left_out : the choice made without each window, judged on it
    forward, rolling : the choice made on all earlier windows, and on the last ones
    """

    number: Number
    plateau: Number
    neighbours: int
    edges: tuple[str, ...]
    trials: int
    earlier: int
    sharpe: Number
    expected_best: Number
    deflated: Number
    overfitting: Overfitting | Missing
    superiority: Superiority | Missing
    left_out: HeldOutFolds | Missing
    forward: HeldOutFolds | Missing
    rolling: HeldOutFolds | Missing


def judged(result: SweepResult) -> Judgement | Missing:
    """Return the judgement of a sweep's chosen set; ``Missing`` where none was chosen."""
    place = result.choice.place
    if place is None:
        return Missing("no set has a number by which it could be chosen")
    item, space = result.results[place].item, result.job.space
    names = space.names()
    per_year = result.excess.periods_per_year
    sharpe, expected, deflated = _deflated(result, place)
    asked = result.job.config.choose
    return Judgement(
        number=_number(result.choice.numbers[place], "it cannot be computed"),
        plateau=_number(result.choice.plateaus[place], "the set has no neighbours"),
        neighbours=len(result.near[place]),
        edges=tuple(names[path] for path in edges_of(item, space)),
        trials=result.trials.count,
        earlier=result.trials.earlier,
        sharpe=_yearly(sharpe, per_year),
        expected_best=_yearly(expected, per_year),
        deflated=deflated,
        overfitting=overfitting(result.blind),
        superiority=superiority(result.blind, result.job.config.seed),
        left_out=result.blind.judged(
            partial(leave_one_out, asked=asked, memory_days=result.inputs.memory_days)
        ),
        forward=result.anchored.folds,
        rolling=result.rolling.folds,
    )


def _deflated(result: SweepResult, place: int) -> tuple[Number, Number, Number]:
    """Return the chosen set's ratio, the expected best of the trials, and the deflated ratio.

    The variance across trials is that of trials that no earlier result had suggested: an adaptive
    sampler draws near its best, so that its own sets vary too little.
    """
    found = moments(result.excess.values[:, place])
    if isinstance(found, Missing):
        return found, found, found
    sharpes = np.array(result.trials.sharpes)
    if len(sharpes) < 2:
        few = Missing("fewer than two trials were drawn without a look at results")
        return found.sharpe, few, few
    variance = float(sharpes.var(ddof=1))
    deflated = deflated_sharpe(
        found.sharpe,
        trials=result.trials.count,
        sharpe_variance=variance,
        observations=found.observations,
        skewness=found.skewness,
        kurtosis=found.kurtosis,
    )
    return found.sharpe, expected_maximum_sharpe(result.trials.count, variance), deflated


def _yearly(ratio: Number, per_year: int) -> Number:
    return ratio if isinstance(ratio, Missing) else ratio * math.sqrt(per_year)


def _number(value: float, reason: str) -> Number:
    if math.isinf(value):
        return Missing("no limit: the summed excess never fell")
    return Missing(reason) if math.isnan(value) else float(value)
