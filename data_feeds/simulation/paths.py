"""Random paths through given points."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def through(path: Floats, variance: Floats, rows: Ints, values: Floats) -> Floats:
    """Return a path that passes through points, corrected like a Brownian bridge.

    Parameters
    ----------
    path : any path, e.g. of log prices
    variance : variance of each row's step; it spreads the correction between two points
    rows, values : the points, rows increasing; before the first and after the last point the
        correction is constant
    """
    clock = np.cumsum(variance)
    return path + np.interp(clock, clock[rows], values - path[rows])


def folded(path: Floats, bound: float, near: NDArray[np.bool_], *, is_high: bool) -> Floats:
    """Return a path reflected at a bound, on the rows of ``near``."""
    sign = 1.0 if is_high else -1.0
    beyond = near & (sign * (path - bound) > 0)
    return np.where(beyond, 2 * bound - path, path)


def steps_between(variance: Floats, rows: Ints, moves: Floats) -> Floats:
    """Return corrections of each row's step that move the path by ``moves`` at ``rows``.

    ``moves`` are corrections of the level at each row; variance spreads them between rows.
    """
    clock = np.cumsum(variance)
    level = np.interp(clock, clock[rows], moves)
    level[: rows[0] + 1] = moves[0] * clock[: rows[0] + 1] / clock[rows[0]]
    return np.diff(level, prepend=0.0)


@njit(cache=True)
def autoregressive(shocks: Floats, persistence: float) -> Floats:
    """Return ``x[t] = persistence * x[t - 1] + shocks[t]``, starting from 0."""
    values = np.empty(len(shocks))
    level = 0.0
    for i in range(len(shocks)):
        level = persistence * level + shocks[i]
        values[i] = level
    return values


def stochastic_volatility(
    rng: np.random.Generator, rows: int, *, persistence: float, spread: float
) -> Floats:
    """Return a factor of volatility around 1: the exponential of an AR(1) process.

    ``spread`` is the standard deviation of its logarithm; the mean of its square is 1.
    """
    noise = rng.normal(0.0, spread * np.sqrt(1 - persistence**2), rows)
    noise[0] /= np.sqrt(1 - persistence**2)
    log = autoregressive(noise, persistence)
    factor: Floats = np.exp(log - spread**2)
    return factor


def heavy_tailed(rng: np.random.Generator, rows: int, degrees: float) -> Floats:
    """Return Student t draws scaled to variance 1; ``degrees`` of freedom above 2."""
    draws: Floats = rng.standard_t(degrees, rows) * np.sqrt((degrees - 2) / degrees)
    return draws
