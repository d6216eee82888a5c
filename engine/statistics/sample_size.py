"""Minimum sample sizes for a judgement."""

from engine.metrics import LEAST_VOLATILITY, volatility
from engine.statistics.samples import Floats, Missing

MIN_TRADES = 30
MIN_DAYS = 250


def enough(trades: int, days: int) -> Missing | None:
    """Return the reason why a run is too short to judge, or None when it is long enough.

    Parameters
    ----------
    trades : closed plans
    days : daily returns

    >>> enough(12, 400)
    Missing(reason='12 trades, 30 needed')
    >>> enough(12, 100)
    Missing(reason='12 trades, 30 needed; 100 daily returns, 250 needed')
    >>> enough(30, 250) is None
    True
    """
    counts = ((trades, MIN_TRADES, "trades"), (days, MIN_DAYS, "daily returns"))
    short = [f"{held} {name}, {needed} needed" for held, needed, name in counts if held < needed]
    return Missing("; ".join(short)) if short else None


def too_still(excess: Floats, periods_per_year: float) -> Missing | None:
    """Return the reason why daily excess returns move too little for a ratio, or None.

    >>> import numpy as np
    >>> too_still(np.array([1e-5, -1e-5, 1e-5, -1e-5]), 365.0)
    Missing(reason='the excess moves 0.02% a year, 0.10% needed')
    """
    moved = volatility(excess, periods_per_year)
    if not moved < LEAST_VOLATILITY:
        return None
    return Missing(f"the excess moves {moved:.2%} a year, {LEAST_VOLATILITY:.2%} needed")
