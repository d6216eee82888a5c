"""Cases of random expressions, and the vectorized evaluator on the small market."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from data_feeds.clock import parse_duration
from data_feeds.dataset import Dataset
from data_feeds.schema import ChannelKey, ChannelKind
from engine.api import signals
from strategies.rules.evaluate import Evaluator
from strategies.rules.meaning import understand
from strategies.rules.names import Names, NameSettings
from strategies.rules.terms import Term
from tests.strategies.rules.expression_pieces import LETS
from tests.strategies.rules.random_expressions import RandomExpressions
from tests.strategies.rules.slow_rules import SlowRules
from tests.strategies.rules.small_market import (
    BINDINGS,
    BTC,
    CLOCKS,
    INSTRUMENTS,
    SERIES,
    SPOT,
    SPY,
    delayed,
    small_market,
    with_holes,
)

# Shorter than the defaults, so that some values are too old.
MAX_AGE = {"yield10": "3d", "btc.open_interest": "2h"}
# Longer expressions are refused.
MAX_CHARACTERS = 500
CLOCK_KEYS = {
    "btc@1h": ChannelKey(BTC, ChannelKind.BARS, "1h"),
    "btc@4h": ChannelKey(BTC, ChannelKind.BARS, "4h"),
    "spy@session": ChannelKey(SPY, ChannelKind.BARS, "1d"),
}


@dataclass(frozen=True)
class ExpressionCase:
    """One random expression, its market and clock, and some of the clock's rows."""

    seed: int
    text: str
    market: str
    clock: str
    is_truth: bool
    rows: tuple[int, ...]

    @property
    def data(self) -> Dataset:
        """Return the market of the case."""
        return market(self.market)


def draw_case(seed: int, rows: int) -> ExpressionCase:
    """Return the case of a seed; ``rows`` decision rows are compared."""
    rng = np.random.default_rng(seed)
    clock = str(rng.choice(CLOCKS, p=[0.2, 0.5, 0.3]))
    drawn = RandomExpressions(rng, around=clock != "spy@session")
    is_truth = bool(rng.random() < 0.65)
    text = drawn.truth() if is_truth else drawn.number()
    while len(text) > MAX_CHARACTERS:
        text = drawn.truth() if is_truth else drawn.number()
    kind = str(rng.choice(["usual", "holes", "delays"], p=[0.6, 0.2, 0.2]))
    count = len(market(kind).channels[CLOCK_KEYS[clock]])
    picked = np.sort(rng.choice(count, rows, replace=False))
    return ExpressionCase(seed, text, kind, clock, is_truth, tuple(picked.tolist()))


@lru_cache(maxsize=3)
def market(kind: str = "usual") -> Dataset:
    """Return the small market: as it is, with many holes, or with many delays; made once."""
    data = small_market()
    if kind == "usual":
        return data
    return with_holes(data, 3) if kind == "holes" else delayed(data, 5)


@lru_cache(maxsize=8)
def names(clock: str) -> Names:
    """Return the names of a file with this clock."""
    settings = NameSettings(
        instruments=BINDINGS,
        series=SERIES,
        clock=clock,
        lets=LETS,
        max_age={name: parse_duration(age) for name, age in MAX_AGE.items()},
        companions={BTC: SPOT},
    )
    return Names.of(settings).with_records(INSTRUMENTS)


def decided_at(data: Dataset, clock: str) -> np.ndarray:
    """Return the decision instants of a clock."""
    bars = data.channels[CLOCK_KEYS[clock]]
    known_at = np.maximum.accumulate(bars["available_at"])
    if clock != "spy@session":
        return known_at
    return np.maximum(signals.evenings(bars["closed_at"], "18:30"), known_at)


def term_of(case: ExpressionCase) -> Term:
    """Return the typed term of a case."""
    return understand(case.text, names(case.clock), "truth" if case.is_truth else "number")


def evaluated(case: ExpressionCase, term: Term, data: Dataset) -> np.ndarray:
    """Return the vectorized values of a case's term at every decision row of the data."""
    evaluator = Evaluator(data, names(case.clock), decided_at(data, case.clock))
    return evaluator.truths(term) if case.is_truth else evaluator.numbers(term).values


@lru_cache(maxsize=9)
def oracle(market_kind: str, clock: str) -> SlowRules:
    """Return the slow evaluator of a clock over a market."""
    data = market(market_kind)
    return SlowRules(
        data,
        BINDINGS,
        SERIES,
        clock,
        decided_at=decided_at(data, clock).tolist(),
        lets=LETS,
        max_age=MAX_AGE,
    )


def slow_values(case: ExpressionCase) -> list[float]:
    """Return the slow evaluator's values at the rows of a case."""
    slow = oracle(case.market, case.clock)
    slow.forget()
    return [slow.value(case.text, row) for row in case.rows]
