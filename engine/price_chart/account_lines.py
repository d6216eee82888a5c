"""The lines of an account below its prices: equity, drawdown, and the exposure of each instrument.

Every instant is int64 nanoseconds UTC.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.account_rates import PAR, wallet_rates
from engine.contracts import contract_of
from engine.metrics import drawdowns
from engine.results.finished import RunRecord
from engine.trades import FLAT

Floats = NDArray[np.float64]
Instants = NDArray[np.int64]
# Points of equity; the exposures have one more for each fill.
MOST_POINTS = 4_000
# The name of the line of all option contracts together.
OPTIONS = "options"


@dataclass(frozen=True)
class AccountLines:
    """Equity (account currency), its drawdown, and the exposure of each instrument.

    ``drawdown`` is a fraction of the highest equity so far, the start's included, zero or negative.
    ``exposure`` is the signed notional at the last close over the last equity, NaN where that is
    not positive. Equity and drawdown have one entry an instant of ``at``; the exposures one an
    instant of ``exposure_at``, and each value holds until the next one.
    """

    at: Instants
    equity: Floats
    drawdown: Floats
    exposure_at: Instants
    exposure: Mapping[str, Floats]


def account_lines(record: RunRecord, *, most: int = MOST_POINTS) -> AccountLines:
    """Return equity, drawdown and exposures of a run, at about ``most`` points and every fill.

    Each stretch keeps its lowest and highest equity and its deepest drawdown. All option contracts
    together are one line.
    """
    outcome = record.run.outcome
    curve = outcome.curve
    whole = np.append(record.start_equity, curve.equity)
    fall = drawdowns(whole)[1:]
    rows = moving_rows(curve.equity)
    rows = rows[_kept_rows((curve.equity[rows], fall[rows]), most)]
    filled = np.array([fill.at for fill in outcome.fills], dtype=np.int64)
    # A fill at an open lies between two closes, of daily bars hours before the next one.
    at = np.union1d(curve.at[rows], filled)
    last = whole[np.searchsorted(curve.at, at, side="right")]
    alive = np.where(last > 0, last, np.nan)
    exposure: dict[str, Floats] = {}
    traded = {fill.instrument for fill in outcome.fills}
    for name in (name for name in record.traded_bars if name in traded):
        line = OPTIONS if name in record.options else name
        own = _notional(record, name, at) / alive
        exposure[line] = exposure.get(line, np.zeros(len(at))) + own
    return AccountLines(curve.at[rows], curve.equity[rows], fall[rows], at, exposure)


def moving_rows(values: Floats) -> NDArray[np.intp]:
    """Return the rows beside which a line moves, and both ends: the others lie on a flat line.

    >>> moving_rows(np.array([1.0, 1.0, 1.0, 2.0, 2.0])).tolist()
    [0, 2, 3, 4]
    """
    if len(values) == 0:
        return np.zeros(0, dtype=np.intp)
    before, after = values[:-1], values[1:]
    moves = (before != after) & ~(np.isnan(before) & np.isnan(after))
    ends = np.ones(1, dtype=np.bool_)
    return np.flatnonzero(np.concatenate((ends, moves)) | np.concatenate((moves, ends)))


def _kept_rows(values: Sequence[Floats], most: int) -> NDArray[np.intp]:
    """Return at most ``most`` rows of lines: lowest and highest value of each stretch, the ends."""
    count = len(values[0])
    if count <= most:
        return np.arange(count)
    kept = {0, count - 1}
    for stretch in np.array_split(np.arange(count), (most - 2) // (2 * len(values))):
        for value in values:
            part = value[stretch]
            kept |= {int(stretch[np.argmin(part)]), int(stretch[np.argmax(part)])}
    return np.array(sorted(kept))


def _notional(record: RunRecord, name: str, at: Instants) -> Floats:
    """Return the signed notional of an instrument at instants, in the account's currency.

    The price is the last close; before the first close that of the last fill.
    """
    run, bars = record.run, record.traded_bars[name]
    fills = [fill for fill in run.outcome.fills if fill.instrument == name]
    place = np.searchsorted([fill.at for fill in fills], at, side="right")
    held = np.array([0.0, *(fill.position_after for fill in fills)])[place]
    filled_price = np.array([np.nan, *(fill.price for fill in fills)])[place]
    known = np.isfinite(bars["close"])
    closes = np.append(np.nan, bars["close"][known])
    close = closes[np.searchsorted(bars["closed_at"][known], at, side="right")]
    price = np.where(np.isnan(close), filled_price, close)
    instrument = run.dataset.instruments[name]
    rates = wallet_rates(run.dataset, run.config.account, record.start)
    rate = rates.steps.get(instrument.wallet, PAR).at(at)
    notional = held * contract_of(instrument).unit_notionals(price) * rate
    return np.where(np.abs(held) < FLAT, 0.0, notional)
