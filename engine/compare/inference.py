"""Statistics of a comparison: intervals, differences from the reference, a test of all rows.

Rows that trade around the clock have a return every day, rows of an exchange every session.
Differences are taken on the reference's days; the returns of another row between two of them are
compounded. Ratios and tests use returns in excess of the bill.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypedDict

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from engine.compare.record import CellRecord
from engine.config.compare import CompareConfig
from engine.metrics import METRICS, IntervalSample
from engine.statistics import (
    Interval,
    Missing,
    Superiority,
    daily_measures,
    deflated_sharpe,
    difference_intervals,
    enough,
    intervals,
    mean_interval,
    minimum_track_record,
    moments,
    probabilistic_sharpe,
    proportion_interval,
    superior_ability,
    too_still,
)

Floats = NDArray[np.float64]
Records = Mapping[tuple[str, str], CellRecord]
# Numbers of daily returns of which a difference from the reference is tested, beside the Sharpe
# ratio's.
COMPARED = ("total_return", "max_drawdown_days")
RATIOS = tuple(m.name for m in METRICS if m.interval_from is IntervalSample.EXCESS)


class ResampleSettings(TypedDict):
    """The settings of the resamples."""

    seed: int
    level: float
    replications: int


class _Shape(TypedDict):
    """The shape of a sample of returns."""

    skewness: float
    kurtosis: float


@dataclass(frozen=True)
class CellInference:
    """The statistics of one cell; a missing number carries its reason."""

    trades: int
    days: int
    gate: Missing | None
    metrics: Mapping[str, Interval | Missing]
    differences: Mapping[str, Interval | Missing]
    hit_rate: Interval | Missing
    average_r: Interval | Missing
    probabilistic_sharpe: float | Missing
    deflated_sharpe: float | Missing
    minimum_track_record: float | Missing


@dataclass(frozen=True)
class FamilyInference:
    """The test of all playbooks over all episodes."""

    days: int
    episodes: int
    superiority: Superiority | Missing
    names: tuple[str, ...]


def cell_inference(cell: CellRecord, records: Records, config: CompareConfig) -> CellInference:
    """Return the intervals and probabilities of a cell.

    The trials of the deflated Sharpe ratio are the playbooks, not the baselines, in this episode.
    """
    returns, excess = _array(cell.daily), _array(cell.excess)
    draws = ResampleSettings(seed=config.seed, level=config.level, replications=config.replications)
    measures = daily_measures(cell.periods_per_year, cell.years)
    trades = len(cell.trades)
    gate = enough(trades, len(returns))
    won = sum(row["net_pnl"] > 0 for row in cell.trades)
    risked = [row["r_multiple"] for row in cell.trades if not math.isnan(row["r_multiple"])]
    still = too_still(excess, cell.periods_per_year)
    short = gate or still
    sharpes = _sharpe_numbers(cell, records, config) if short is None else (short, short, short)
    ratios = {name: measures.pop(name) for name in RATIOS}
    return CellInference(
        trades,
        len(returns),
        gate,
        intervals(returns, measures, **draws)
        | (dict.fromkeys(RATIOS, still) if still else intervals(excess, ratios, **draws)),
        _differences(cell, records, config, draws),
        proportion_interval(won, trades, level=config.level),
        mean_interval(risked, seed=config.seed, level=config.level),
        *sharpes,
    )


def family_inference(
    records: Records, config: CompareConfig, episodes: Sequence[str]
) -> FamilyInference:
    """Return the test of whether any of the playbooks beats the reference.

    The days of all episodes are joined, and no block of the test reaches from one episode into the
    next. The probability of backtest overfitting is not given: it is defined for a search over many
    variants of one rule, not for a few different playbooks.
    """
    rivals = [
        name for name, item in config.rows.items() if not item.baseline and name != config.reference
    ]
    whole = [e for e in episodes if all((r, e) in records for r in (*rivals, config.reference))]
    tables = [_aligned(records, [config.reference, *rivals], episode) for episode in whole]
    days = sum(len(table) for table in tables)
    if len(rivals) < 2 or not tables:
        reason = Missing(f"{len(rivals)} playbooks over {len(whole)} whole episodes")
        return FamilyInference(days, len(whole), reason, tuple(rivals))
    table = np.concatenate(tables)
    codes = np.repeat(np.arange(len(tables)), [len(part) for part in tables])
    return FamilyInference(
        days,
        len(whole),
        superior_ability(table[:, 1:], table[:, 0], segments=codes, seed=config.seed),
        tuple(rivals),
    )


def on_days(returns: "pd.Series[float]", days: pd.DatetimeIndex) -> Floats:
    """Return a cell's returns from each given UTC day to the next, compounded.

    The first return begins at the start of the window.
    """
    wealth = (1 + returns).cumprod()
    place = wealth.index.searchsorted(days, side="right") - 1
    known = np.where(place >= 0, wealth.to_numpy()[np.maximum(place, 0)], 1.0)
    before = np.concatenate(([1.0], known[:-1]))
    # An account without equity stays without equity.
    return np.divide(known, before, out=np.ones_like(known), where=before != 0) - 1


def _array(returns: "pd.Series[float]") -> Floats:
    return np.asarray(returns, dtype=np.float64)


def _aligned(records: Records, rows: Sequence[str], episode: str) -> Floats:
    days = pd.DatetimeIndex(records[rows[0], episode].daily.index)
    return np.column_stack([on_days(records[row, episode].excess, days) for row in rows])


def _differences(
    cell: CellRecord, records: Records, config: CompareConfig, draws: ResampleSettings
) -> dict[str, Interval | Missing]:
    reference = records.get((config.reference, cell.episode.name))
    if reference is None or cell.row == config.reference:
        reason = "this is the reference" if reference is not None else "the reference did not run"
        return dict.fromkeys((*COMPARED, "sharpe"), Missing(reason))
    days, periods = pd.DatetimeIndex(reference.daily.index), reference.periods_per_year
    measures = daily_measures(periods, cell.years)
    found = difference_intervals(
        on_days(cell.daily, days),
        reference.daily.to_numpy(),
        {name: measures[name] for name in COMPARED},
        **draws,
    )
    pair = on_days(cell.excess, days), _array(reference.excess)
    still = too_still(pair[0], periods) or too_still(pair[1], periods)
    sharpes = {"sharpe": measures["sharpe"]}
    return found | ({"sharpe": still} if still else difference_intervals(*pair, sharpes, **draws))


def _sharpe_numbers(
    cell: CellRecord, records: Records, config: CompareConfig
) -> tuple[float | Missing, float | Missing, float | Missing]:
    found = moments(_array(cell.excess))
    if isinstance(found, Missing):
        return found, found, found
    shape = _Shape(skewness=found.skewness, kurtosis=found.kurtosis)
    ratios = [
        trial * math.sqrt(periods / cell.periods_per_year)
        for trial, periods in _trials(cell.episode.name, records, config)
    ]
    spread = float(np.var(ratios, ddof=1)) if len(ratios) > 1 else 0.0
    return (
        probabilistic_sharpe(found.sharpe, benchmark=0.0, observations=found.observations, **shape),
        deflated_sharpe(
            found.sharpe,
            trials=max(len(ratios), 1),
            sharpe_variance=spread,
            observations=found.observations,
            **shape,
        ),
        minimum_track_record(found.sharpe, benchmark=0.0, **shape),
    )


def _trials(episode: str, records: Records, config: CompareConfig) -> list[tuple[float, int]]:
    """Return the playbooks' daily Sharpe ratios in an episode, with their days a year."""
    trials = []
    for row, item in config.rows.items():
        record = records.get((row, episode))
        if not item.baseline and record is not None:
            excess = _array(record.excess)
            found = too_still(excess, record.periods_per_year) or moments(excess)
            if not isinstance(found, Missing):
                trials.append((found.sharpe, record.periods_per_year))
    return trials
