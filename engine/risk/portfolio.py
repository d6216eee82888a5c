"""Reduce target weights to the caps of a book: single weights, crypto, beta, volatility, sum."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data_feeds.align import as_of
from data_feeds.calendar import session_bounds, sessions_between
from data_feeds.clock import DAY_NS, utc_day
from data_feeds.instrument import Instrument
from data_feeds.schema import Channel
from engine.config.models import PortfolioConfig
from engine.decision_terms import Cap
from engine.signals.market.correlation import memory

Floats = NDArray[np.float64]

EXCHANGE = "XNYS"
SESSIONS_A_YEAR = 252
# Fewer common sessions give no usable covariance (chosen).
LEAST_SESSIONS = 20
# Sessions searched for common returns: two markets do not trade on the same days (chosen).
LEAST_MEMORY = 3 * LEAST_SESSIONS
# The last price before a New York close may be days old over holidays.
MAX_AGE_NS = 5 * DAY_NS

Weights = dict[str, float]


@dataclass(frozen=True)
class Covariance:
    """Hold annualized EWMA covariances of daily log returns, one matrix a session.

    Returns run from one New York close to the next, every market taken at that instant.
    ``known_at`` is the close, ns UTC; a pair has NaN before 20 common returns.
    """

    names: tuple[str, ...]
    known_at: NDArray[np.int64]
    matrix: Floats

    def at(self, instant: int) -> Floats:
        """Return the newest matrix known at an instant; all NaN before the first."""
        row = int(np.searchsorted(self.known_at, instant, side="right")) - 1
        if row < 0:
            return np.full((len(self.names), len(self.names)), np.nan)
        matrix: Floats = self.matrix[row]
        return matrix


def remembered(decay: float) -> int:
    """Return the number of sessions that an estimate reads, at least sixty.

    >>> remembered(0.94), remembered(0.4)
    (224, 60)
    """
    return max(memory(decay), LEAST_MEMORY)


def ewma_covariance(bars: Mapping[str, Channel], decay: float) -> Covariance:
    """Return the covariances of the log returns of several instruments.

    A session on which both returns exist weighs ``decay`` to the number of such sessions after it,
    up to :func:`memory` of them, among the last :func:`remembered` sessions; the sum of products is
    divided by the sum of weights, times 252; means are taken as zero. Bars older than that change
    no value.
    """
    names = tuple(sorted(bars))
    closed_at, returns = _common_returns([bars[name] for name in names])
    known = np.isfinite(returns)
    moves = np.where(known, returns, 0.0)
    both = known[:, :, None] & known[:, None, :]
    product = moves[:, :, None] * moves[:, None, :]
    seen = np.cumsum(both, axis=0)
    total, weight = np.zeros(both.shape), np.zeros(both.shape)
    count = np.zeros(both.shape, np.int64)
    rows = len(closed_at)
    most, sessions = memory(decay), remembered(decay)
    powers = decay ** np.arange(sessions + 1, dtype=np.float64)
    powers[most:] = 0.0
    for back in range(min(sessions, rows)):
        then = slice(0, rows - back)
        weighs = powers[seen[back:] - seen[then]] * both[then]
        total[back:] += weighs * product[then]
        weight[back:] += weighs
        count[back:] += both[then]
    matrix = np.full(both.shape, np.nan)
    np.divide(total * SESSIONS_A_YEAR, weight, out=matrix, where=count >= LEAST_SESSIONS)
    return Covariance(names, closed_at, matrix)


def _common_returns(bars: Sequence[Channel]) -> tuple[NDArray[np.int64], Floats]:
    """Return the closes of the exchange's sessions and the log returns there, a column a market."""
    first = min(int(channel["closed_at"][0]) for channel in bars if len(channel))
    last = max(int(channel["closed_at"][-1]) for channel in bars if len(channel))
    days = (utc_day(at) for at in (first, last))
    _, closed_at = session_bounds(EXCHANGE, sessions_between(EXCHANGE, *days))
    prices = [as_of(channel, "close", closed_at, MAX_AGE_NS) for channel in bars]
    table = np.stack([np.where(price.is_fresh, price.values, np.nan) for price in prices], axis=1)
    return closed_at, np.diff(np.log(table), axis=0, prepend=np.nan)


def capped_weights(
    wanted: Mapping[str, float],
    instruments: Mapping[str, Instrument],
    covariance: Covariance | None,
    config: PortfolioConfig,
    *,
    at: int,
    leverage_cap: float | None,
) -> list[tuple[Cap, Weights]]:
    """Return the target weights and the weights after each cap, in the order applied.

    A negative weight is a short. ``asset``: no weight, unsigned, above ``asset_cap``. ``crypto``:
    perps and spot together at most ``crypto_cap``. ``crypto_beta``: perps and spot in proportion,
    down to ``crypto_beta_cap`` (zero where the others alone exceed it). ``volatility``: all in
    proportion, down to ``target_volatility``. ``gross``: the sum of the unsigned weights at most
    ``leverage_cap``, the sum of the signed weights, unsigned, at most ``net_cap``. A cap that is
    off changes nothing. An instrument without a variance yet is left out of volatility and beta,
    and the caps that need a variance set its weight to zero: ``volatility`` for every instrument,
    ``crypto_beta`` for crypto only.
    """
    # Sorted by name: a sum of floats must not depend on the order of a file's keys.
    steps: list[tuple[Cap, Weights]] = [(Cap.TARGET, dict(sorted(wanted.items())))]

    def step(cap: Cap, factors: Mapping[str, float]) -> None:
        before = steps[-1][1]
        steps.append((cap, {key: value * factors.get(key, 1.0) for key, value in before.items()}))

    step(Cap.ASSET, _asset_factors(steps[-1][1], config.asset_cap))
    crypto = [name for name in sorted(wanted) if instruments[name].is_crypto]
    held = sum(steps[-1][1][name] for name in crypto)
    step(Cap.CRYPTO, dict.fromkeys(crypto, _factor(held, config.crypto_cap)))
    if config.crypto_beta_cap is not None and covariance is not None:
        step(
            Cap.CRYPTO_BETA,
            _beta_factors(steps[-1][1], crypto, covariance, at, config.crypto_beta_cap),
        )
    factors: Weights = {}
    if config.target_volatility is not None and covariance is not None:
        factors = _volatility_factors(steps[-1][1], covariance, at, config.target_volatility)
    step(Cap.VOLATILITY, factors)
    gross = sum(abs(weight) for weight in steps[-1][1].values())
    net = abs(sum(steps[-1][1].values()))
    factor = min(_factor(gross, leverage_cap), _factor(net, config.net_cap))
    step(Cap.GROSS, dict.fromkeys(wanted, factor))
    return steps


def portfolio_volatility(weights: Mapping[str, float], covariance: Covariance, at: int) -> float:
    """Return the annual volatility of a book, a fraction; NaN where one in it has no variance."""
    held = [name for name, weight in weights.items() if weight != 0]
    places = [covariance.names.index(name) for name in held]
    matrix = covariance.at(at)[np.ix_(places, places)]
    vector = np.array([weights[name] for name in held])
    return float(np.sqrt(vector @ matrix @ vector)) if held else 0.0


def _volatility_factors(
    weights: Mapping[str, float], covariance: Covariance, at: int, target: float
) -> Weights:
    """Return the factors that reduce the book to a volatility; 0 where a variance is unknown."""
    known = _measured(weights, covariance, at)
    volatility = portfolio_volatility(known, covariance, at)
    factor = 0.0 if np.isnan(volatility) else _factor(volatility, target)
    return {name: factor if name in known else 0.0 for name in weights}


def _measured(weights: Mapping[str, float], covariance: Covariance, at: int) -> Weights:
    """Return the weights of the instruments that have a variance at an instant."""
    variances = dict(zip(covariance.names, np.diag(covariance.at(at)), strict=True))
    return {name: weight for name, weight in weights.items() if np.isfinite(variances[name])}


def _beta_factors(
    weights: Mapping[str, float], crypto: Sequence[str], covariance: Covariance, at: int, cap: float
) -> Weights:
    """Return the factors on crypto that reduce the book's beta to a cap, by name.

    Beta is the covariance with the first crypto market by name that has a variance, over that
    variance. Crypto without a variance gets the factor 0. Other instruments keep their weights;
    those without a variance do not count in the beta.
    """
    known = _measured(weights, covariance, at)
    first = next((name for name in crypto if name in known), None)
    if first is None:
        return dict.fromkeys(crypto, 0.0)
    matrix, place = covariance.at(at), covariance.names.index(first)
    betas = {n: matrix[covariance.names.index(n), place] / matrix[place, place] for n in known}
    held = {name: weight for name, weight in known.items() if weight != 0}
    ours = sum(weight * betas[name] for name, weight in held.items() if name in crypto)
    rest = sum(weight * betas[name] for name, weight in held.items() if name not in crypto)
    if np.isnan(ours + rest):
        return dict.fromkeys(crypto, 0.0)
    factor = 1.0 if ours + rest <= cap or ours <= 0 else max((cap - rest) / ours, 0.0)
    return {name: factor if name in known else 0.0 for name in crypto}


def _asset_factors(weights: Mapping[str, float], cap: float | None) -> Weights:
    return {name: _factor(abs(weight), cap) for name, weight in weights.items()}


def _factor(value: float, limit: float | None) -> float:
    """Return the factor that reduces a value to a limit, 1 where it is within."""
    return 1.0 if limit is None or value <= limit else limit / value


def in_order(weights: Sequence[tuple[Cap, Weights]], name: str) -> list[tuple[Cap, float]]:
    """Return one instrument's weight after each cap."""
    return [(step, each[name]) for step, each in weights]
