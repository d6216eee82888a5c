"""Values of the market state and of the flush detector do not change when the future does."""

from functools import lru_cache

import numpy as np
import pytest

from data_feeds.dataset import Dataset
from engine.config.problems import validate_strict
from strategies.rules.bindings import names_of
from strategies.rules.evaluate import Evaluator
from strategies.rules.meaning import understand
from strategies.rules.names import Names
from strategies.rules.params import RulesParams
from tests.strategies.rules.expression_cases import decided_at, market
from tests.strategies.rules.small_market import BINDINGS, INSTRUMENTS, SERIES, redrawn_after

CLOCK = "btc@4h"
CUTS = 5
TEXTS = (
    "state.vix > 20",
    "state.vix_off_peak for 2 sessions",
    "state.bitcoin_declining or state.funding_low",
    "sma(state.bitcoin_volatility, 3 bars) > state.bitcoin_volatility",
    "state.ten_year crosses above 4",
    'state.tier == "normal" within 3 sessions',
    "state.bitcoin",
    "state.funding[2]",
    "change(state.ten_year, 4 bars)",
    "flush.first_flush within 1d",
    'flush.stage == "idle" for 6h',
    "flush.support - btc.close",
    "highest(flush.support, 5 bars)",
    "flush.depth",
    "flush.first_low",
)


@lru_cache(maxsize=1)
def names() -> Names:
    """Return the names of a file whose flush detector watches bitcoin by the hour."""
    trade = {"instrument": "btc", "enter": {"a": "btc.close > 0"}, "stop": "btc.close * 0.9"}
    file = {
        "instruments": dict(BINDINGS),
        "series": dict(SERIES),
        "clock": CLOCK,
        "flush": {"bars": "btc@1h"},
        "trades": {"one": trade},
    }
    return names_of(validate_strict(RulesParams, file), INSTRUMENTS)


def values(data: Dataset) -> dict[str, np.ndarray]:
    """Return every expression's values at the rows of the clock."""
    evaluator = Evaluator(data, names(), decided_at(data, CLOCK))
    found = {}
    for text in TEXTS:
        term = understand(text, names())
        is_truth = term.kind == "truth"
        found[text] = evaluator.truths(term) if is_truth else evaluator.numbers(term).values
    return found


@lru_cache(maxsize=1)
def whole() -> dict[str, np.ndarray]:
    """Return the values over the whole market."""
    return values(market())


def test_the_expressions_are_known_and_change() -> None:
    for text, found in whole().items():
        known = found[found >= 0] if found.dtype == np.int8 else found[np.isfinite(found)]
        assert len(known) >= 5, text
        steady = 'state.tier == "normal" within 3 sessions'
        assert len(np.unique(found)) > 1 or text == steady, text


@pytest.mark.parametrize("kind", ["cut", "redrawn"])
def test_another_future_changes_no_bit_of_the_past(kind: str) -> None:
    instants = decided_at(market(), CLOCK)
    rng = np.random.default_rng(11)
    # Half of the cuts follow a row at which a flush begins.
    flushed = whole()["flush.first_flush within 1d"] == 1
    begins = np.flatnonzero(flushed[1:] & ~flushed[:-1]) + 1
    rows = [*begins[:2].tolist(), *rng.integers(60, len(instants), CUTS - 2).tolist()]
    assert len(begins)
    for row in rows:
        at = int(instants[row])
        data = market().cut(at) if kind == "cut" else redrawn_after(market(), at, row)
        known = int(np.searchsorted(instants, at, side="right"))
        for text, found in values(data).items():
            assert found[:known].tobytes() == whole()[text][:known].tobytes(), f"{text}, row {row}"
