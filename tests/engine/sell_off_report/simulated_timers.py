"""Timers without skill on a market without memory, judged inside the sell-offs of that market."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

from engine.sell_off_report.rival import beta
from engine.sell_offs import cluster_numbers, date_falls
from engine.statistics import ClusterEffect, Missing, cluster_effect

Floats = NDArray[np.float64]
YEARS = 15
SESSIONS = 252
# Mean and volatility of a day, those of a growth index.
DRIFT, VOLATILITY = 0.0005, 0.013


def market(draw: np.random.Generator, years: int = YEARS) -> Floats:
    """Return daily returns without memory: fat tails, a constant drift."""
    moves: Floats = draw.standard_t(4, years * SESSIONS)
    return DRIFT + VOLATILITY / math.sqrt(2) * moves


def random_timer(draw: np.random.Generator, returns: Floats) -> Floats:
    """Return a weight of 0 or 1 that changes on one day in twenty, whatever the market does."""
    changes = np.cumsum(draw.random(len(returns)) < 0.05)
    return (changes % 2).astype(np.float64)


def trend_follower(draw: np.random.Generator, returns: Floats) -> Floats:
    """Return a weight of 1 on days after a close above the mean of 200 closes, else 0."""
    closes = np.cumprod(1 + returns)
    mean = lfilter(np.ones(200) / 200, [1.0], closes)
    return np.concatenate(([0.0], (closes > mean)[:-1].astype(np.float64)))


def dip_buyer(draw: np.random.Generator, returns: Floats) -> Floats:
    """Return a weight of 1 on days after a close below the mean of 20 closes, else 0."""
    closes = np.cumprod(1 + returns)
    mean = lfilter(np.ones(20) / 20, [1.0], closes)
    return np.concatenate(([0.0], (closes < mean)[:-1].astype(np.float64)))


TIMERS: Mapping[str, Callable[[np.random.Generator, Floats], Floats]] = {
    "random": random_timer,
    "trend follower": trend_follower,
    "dip buyer": dip_buyer,
}


@dataclass(frozen=True)
class TimerTest:
    """One timer in one market: how often it did better than the market, and the two tests."""

    better_than_market: float
    inside: ClusterEffect
    cycle: ClusterEffect


def timer_test(draw: np.random.Generator, timer: str, years: int = YEARS) -> TimerTest | None:
    """Return the tests of one timer; None where the market had fewer than six clusters.

    ``better_than_market`` is the share of falls from high to low in which the timer lost less.
    """
    returns = market(draw, years)
    own = TIMERS[timer](draw, returns) * returns
    falls = date_falls(np.cumprod(1 + returns), fall=0.10)
    clusters = cluster_numbers(falls, np.arange(len(returns)))
    difference = own - beta(own, returns) * returns
    inside, plain = np.zeros(max(clusters, default=0)), []
    began: dict[int, int] = {}
    for fall, number in zip(falls, clusters, strict=True):
        last = len(returns) - 1 if fall.ended is None else fall.ended
        plain.append((own - returns)[fall.high + 1 : fall.low + 1].sum())
        inside[number - 1] += difference[fall.high + 1 : last + 1].sum()
        began.setdefault(number, fall.high + 1)
    starts = [0, *list(began.values())[1:], len(returns)]
    cycle = [difference[one:other].sum() for one, other in pairwise(starts)]
    judged, whole = cluster_effect(inside), cluster_effect(cycle)
    if isinstance(judged, Missing) or isinstance(whole, Missing):
        return None
    return TimerTest(float(np.mean(np.array(plain) > 0)), judged, whole)
