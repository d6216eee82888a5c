"""Compare the ladder over time with the guards that apply it, close by close."""

import numpy as np
import pytest

from data_feeds.clock import DAY_NS, HOUR_NS
from engine.answers.ladder_history import LadderHistory, ladder_history, stricter
from engine.config.models import DrawdownConfig, RiskConfig
from engine.equity_curve import EquityCurve
from engine.risk.guards import Guards

START = 100_000.0
NO_FALL = np.zeros(1)


def curve_of(at, equity) -> EquityCurve:
    nothing = np.zeros(len(at))
    return EquityCurve(np.asarray(at), np.asarray(equity), *[nothing] * 6)


def played(rules: DrawdownConfig, equity) -> tuple[EquityCurve, Guards, list[float], list[float]]:
    """Return hourly closes, the guards over them, their factor and drawdown after each close."""
    risk = RiskConfig(
        drawdown=rules, daily_loss=None, weekly_loss=None, cool_down=None, max_trades_per_day=None
    )
    guards = Guards(risk, start_equity=START, ny_days=False)
    at = (np.arange(len(equity)) + 1) * HOUR_NS
    factors, falls = [], []
    for close, value in zip(at.tolist(), equity, strict=True):
        guards.on_mark(close, value, close % DAY_NS == 0)
        factors.append(guards.tier(value)[1])
        falls.append(guards.drawdown(value))
    return curve_of(at, equity), guards, factors, falls


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("days", [1, None])
def test_the_factor_is_that_of_the_guards_after_every_close(seed, days):
    steps = np.random.default_rng(seed).normal(-0.0015, 0.012, 600)
    equity = (START * np.exp(np.cumsum(steps))).tolist()
    rules = DrawdownConfig(halt_days=days)
    curve, guards, factors, falls = played(rules, equity)
    assert min(factors) == 0 < max(factors)
    assert any(event.event == "released" for event in guards.events) == (days is not None)
    found = ladder_history(curve, guards.events, rules, START)
    assert found.factor.tolist() == factors
    assert found.fall == pytest.approx(falls, abs=1e-12)


def test_a_loss_from_the_start_reaches_the_rungs_without_a_new_high():
    # 5% and 10% under the cash at the start.
    curve, guards, factors, _ = played(DrawdownConfig(), [95_100.0, 95_000.0, 90_000.0, 99_000.0])
    assert factors == [1.0, 0.5, 0.25, 1.0]
    assert ladder_history(curve, guards.events, DrawdownConfig(), START).factor.tolist() == factors


def test_a_share_of_time_counts_from_a_close_to_the_next():
    # 1 hour full, 3 hours at half, 4 hours full; the last close has no time.
    ladder = LadderHistory(
        np.array([0, 1, 4, 8]) * HOUR_NS, np.array([1.0, 0.5, 1.0, 0.0]), NO_FALL
    )
    assert ladder.shares() == {1.0: 5 / 8, 0.5: 3 / 8, 0.0: 0.0}
    assert ladder.entered(0.5).tolist() == [HOUR_NS]
    assert ladder.entered(1.0).tolist() == [4 * HOUR_NS]
    assert LadderHistory(np.array([5]), np.array([1.0]), NO_FALL).shares() == {}


def test_the_stricter_of_two_ladders_holds():
    at = np.array([1, 2, 3])
    one, other = (
        LadderHistory(at, np.array(f), NO_FALL) for f in ([1.0, 0.5, 0.25], [0.5, 1.0, 0.0])
    )
    assert stricter(one, other).factor.tolist() == [0.5, 0.5, 0.0]
    assert stricter(one, None) is one


def test_a_ladder_keeps_its_state_between_its_own_closes():
    own = LadderHistory(np.array([10, 20]), np.array([0.5, 0.25]), np.array([-0.1, -0.2]))
    found = own.carried_to(np.array([9, 10, 15, 20, 30]))
    assert found.factor.tolist() == [1.0, 0.5, 0.5, 0.25, 0.25]
    assert found.fall.tolist() == [0.0, -0.1, -0.1, -0.2, -0.2]
    assert (found.lowest, LadderHistory(*[np.zeros(0)] * 3).lowest) == (0.25, 1.0)
