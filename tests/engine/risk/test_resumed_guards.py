"""Guards that resume the state of earlier guards decide as guards that were never interrupted."""

from hypothesis import given
from hypothesis import strategies as st

from data_feeds.clock import DAY_NS, HOUR_NS
from engine.config.models import (
    DailyLossConfig,
    DrawdownConfig,
    DrawdownRung,
    RiskConfig,
    WeeklyLossConfig,
)
from engine.risk.guards import Guards

# Monday, 2026-01-05.
MONDAY = 20_458 * DAY_NS
STEP = 6 * HOUR_NS
RULES = RiskConfig(
    daily_loss=DailyLossConfig(limit=0.03),
    weekly_loss=WeeklyLossConfig(limit=0.05),
    drawdown=DrawdownConfig(
        ladder=(DrawdownRung(drawdown=0.04, multiplier=0.5),), halt_at=0.1, halt_days=3
    ),
    cool_down="10h",
    max_trades_per_day=2,
)
MOVES = st.sampled_from([-0.06, -0.02, -0.01, 0.0, 0.0, 0.01, 0.02, 0.05])
ACTS = st.sampled_from(["none", "none", "entry", "loss", "gain"])


def played(guards, steps, first, equity):
    """Play closes every six hours; return what was blocked at each, and the last equity."""
    seen = []
    for number, (move, act) in enumerate(steps, start=first):
        at, equity = MONDAY + number * STEP, equity * (1 + move)
        day_end = number % 4 == 0
        flatten = guards.on_mark(at, equity, day_end, day_end and number % 28 == 0)
        if act == "entry" and guards.blocked_by(at) is None:
            guards.on_entry(at, equity)
        elif act in ("loss", "gain"):
            guards.on_plan_closed(at, -1.0 if act == "loss" else 1.0)
        tier = guards.tier(equity)
        seen.append((flatten, guards.blocked_by(at), tier, guards.peak, guards.loss_floor))
    return seen, equity


@given(st.lists(st.tuples(MOVES, ACTS), min_size=8, max_size=60), st.data())
def test_resumed_guards_decide_as_if_never_interrupted(steps, data):
    cut = data.draw(st.integers(1, len(steps) - 1))
    whole, _ = played(Guards(RULES, start_equity=100.0, ny_days=False), steps, 1, 100.0)
    before = Guards(RULES, start_equity=100.0, ny_days=False)
    first, equity = played(before, steps[:cut], 1, 100.0)
    last = MONDAY + cut * STEP
    after = Guards(RULES, start_equity=equity, ny_days=False)
    after.resume(before.state(last), last)
    second, _ = played(after, steps[cut:], cut + 1, equity)
    assert first + second == whole


def test_a_halt_for_good_outlives_rules_without_a_halt():
    rules = RULES.model_copy(
        update={"drawdown": RULES.drawdown.model_copy(update={"halt_days": None})}
    )
    before = Guards(rules, start_equity=100.0, ny_days=False)
    before.on_mark(MONDAY + STEP, 80.0, day_end=False)
    lax = Guards(RULES.model_copy(update={"drawdown": None}), start_equity=80.0, ny_days=False)
    lax.resume(before.state(MONDAY + STEP), MONDAY + 100 * DAY_NS)
    lax.on_mark(MONDAY + 101 * DAY_NS, 90.0, day_end=True)
    assert lax.blocked_by(MONDAY + 102 * DAY_NS) == "drawdown halt"


def test_a_loss_limit_of_a_week_that_is_over_begins_anew():
    before = Guards(RULES, start_equity=100.0, ny_days=False)
    before.on_mark(MONDAY + STEP, 94.0, day_end=False)
    assert before.blocked_by(MONDAY + 2 * DAY_NS) == "weekly loss"
    after = Guards(RULES, start_equity=94.0, ny_days=False)
    after.resume(before.state(MONDAY + STEP), MONDAY + 7 * DAY_NS)
    assert after.blocked_by(MONDAY + 7 * DAY_NS) is None
    # The day begins anew, too: its floor of 3% is the higher one.
    assert after.loss_floor == 94.0 * 0.97
