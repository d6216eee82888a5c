"""The judgement of one row: calm and sell-offs apart, the rival, exposure, common risk."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.metrics import volatility
from engine.sell_off_report.common_risk import (
    HINDSIGHT_LABEL,
    TRAILING_LABEL,
    ScaledCosts,
    ScaledRow,
    scaled_row,
    trailing_k,
    whole_run_k,
)
from engine.sell_off_report.rival import BenchmarkDays, beta
from engine.sell_off_report.run_days import RunDays, SellOffDays, compounded, deepest
from engine.statistics import ClusterEffect, Missing, cluster_effect

Floats = NDArray[np.float64]
DAYS_A_YEAR = 365.25


@dataclass(frozen=True)
class PartedReturns:
    """Returns of one run's own days, compounded: no part comes from another claim.

    ``(1 + calm) x (1 + inside) = 1 + total``; ``inside`` has the two parts ``run_up``, whose days
    nobody could tell from calm ones, and ``confirmed``.
    """

    total: float
    calm: float
    inside: float
    run_up: float
    confirmed: float
    volatility: float
    drawdown: float


@dataclass(frozen=True)
class CommonRisk:
    """One row at the benchmark's volatility, by one way to choose k.

    ``k`` is the mean over the days with a result and a finite multiple; NaN without such a day.
    """

    label: str
    k: float
    result: PartedReturns | Missing


@dataclass(frozen=True)
class RowJudgement:
    """Everything that the page says about one run.

    Attributes
    ----------
    beta : of the whole run's daily excess on the benchmark's, with hindsight
    inside : the mean over clusters of the sum of daily differences to the rival
    cycle : the same with the calm days up to the next cluster. A row that follows prices holds
        most at highs: inside sell-offs it loses to its rival without being worse, and gains in
        calm time. Over whole cycles it is treated as fairly as any other row
    calm_a_year : the sum of daily differences to the rival on calm days, a year of all days
    exposure : the mean over clusters of the plain difference to the benchmark, without a test
    sums : for each cluster its number, the difference to the rival, the plain difference
    """

    run: RunDays
    benchmark: BenchmarkDays
    days: SellOffDays
    own: PartedReturns
    held: PartedReturns
    beta: float
    inside: ClusterEffect | Missing
    cycle: ClusterEffect | Missing
    calm_a_year: float
    exposure: float
    sums: tuple[tuple[int, float, float], ...]
    scaled: tuple[CommonRisk, ...]


def judge(
    run: RunDays, benchmark: BenchmarkDays, days: SellOffDays, costs: ScaledCosts
) -> RowJudgement:
    """Return the judgement of one run on the sell-offs of a market."""
    slope = beta(run.excess, benchmark.excess)
    difference = run.excess - slope * benchmark.excess
    against_rival = days.sums(difference)
    plain = days.sums(run.total - benchmark.total)
    return RowJudgement(
        run,
        benchmark,
        days,
        parted(run.total, run, days),
        parted(benchmark.total, run, days),
        slope,
        cluster_effect(against_rival),
        cluster_effect(days.cycles(difference)),
        float(difference[~days.inside].sum()) / years_of(run),
        float(plain.mean()) if len(plain) else float("nan"),
        tuple(zip(days.clusters, against_rival.tolist(), plain.tolist(), strict=True)),
        tuple(_scaled(run, benchmark, days, costs)),
    )


def parted(total: Floats, run: RunDays, days: SellOffDays) -> PartedReturns:
    """Return daily returns compounded over all days, calm days and the days of sell-offs."""
    inside, known = days.inside, days.known
    return PartedReturns(
        total=compounded(total),
        calm=compounded(total[~inside]),
        inside=compounded(total[inside]),
        run_up=compounded(total[inside & ~known]),
        confirmed=compounded(total[inside & known]),
        volatility=volatility(total, len(total) / years_of(run)),
        drawdown=deepest(total),
    )


def years_of(run: RunDays) -> float:
    """Return the length of a run in years of 365.25 days."""
    return float((run.days[-1] - run.days[0]).astype(np.int64) + 1) / DAYS_A_YEAR


def adjusted(p_values: Sequence[float]) -> list[float]:
    """Return Holm's adjusted p-values, in the order given.

    Source: Holm (1979), 'A Simple Sequentially Rejective Multiple Test Procedure', Scandinavian
    Journal of Statistics 6(2).

    >>> adjusted([0.01, 0.04, 0.03])  # 3 x 0.01, then 2 x 0.03, then the larger of it and 0.04
    [0.03, 0.06, 0.06]
    """
    order = sorted(range(len(p_values)), key=lambda place: p_values[place])
    found, least = [0.0] * len(p_values), 0.0
    for rank, place in enumerate(order):
        least = max(least, min(1.0, (len(p_values) - rank) * p_values[place]))
        found[place] = least
    return found


def _scaled(
    run: RunDays, benchmark: BenchmarkDays, days: SellOffDays, costs: ScaledCosts
) -> list[CommonRisk]:
    whole = whole_run_k(run.financed, benchmark.excess)
    ways = (
        (HINDSIGHT_LABEL, np.full(len(run.total), whole)),
        (TRAILING_LABEL, trailing_k(run.financed, benchmark.excess)),
    )
    found = []
    for label, k in ways:
        row = scaled_row(k, run.financed, run.bill, costs)
        known = k[np.isfinite(k) & (run.financed != 0)]
        mean = float(known.mean()) if len(known) else float("nan")
        scaled = parted(row.total, run, days) if isinstance(row, ScaledRow) else row
        found.append(CommonRisk(label, mean, scaled))
    return found
