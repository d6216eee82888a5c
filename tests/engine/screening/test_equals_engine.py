"""The kernel gives the engine's fills, tick for tick, and its cash to a billionth.

120 random cases; with ``RISKOFF_SOAK=1`` there are 2,000. The kernel's source runs in Python here;
some cases run compiled, too, and give the same bits.
"""

import os
from collections import Counter
from functools import lru_cache

import numpy as np
import pytest

from engine.config.models import MarginMode
from engine.records import SimulationOutcome
from engine.screening.agreement import fill_difference
from engine.screening.support import input_reasons
from tests.engine.random_markets import PERP
from tests.engine.screening.random_plans import PlanCase, plan_case

CASES = 2_000 if os.environ.get("RISKOFF_SOAK") else 120
BATCH = 20
COMPILED = 24
# What the 120 cases must hold together, so that equality means something.
LEAST = {
    "market entries": 150,
    "limit entries": 100,
    "stop entries": 80,
    "long entries": 150,
    "short entries": 150,
    "stops inside a bar": 100,
    "stops at a gap": 60,
    "targets inside a bar": 200,
    "targets at the open": 60,
    "liquidations inside a bar": 30,
    "liquidations at a gap": 3,
    "moved stops": 30,
    "exits": 100,
    "flattened by a guard": 20,
    "partial fills": 30,
    "funding paid": 50,
    "funding received": 50,
    "funding out of a margin": 1,
    "maker rebates": 50,
    "limits of R": 5,
    "root slippage": 50,
    "range slippage": 50,
    "fixed slippage": 50,
    "cross": 20,
    "isolated": 20,
    "daily loss tripped": 30,
    "weekly loss tripped": 3,
    "drawdown halt tripped": 8,
    "drawdown halt released": 4,
    "cool-down tripped": 80,
    "max trades a day tripped": 40,
    "smaller by the ladder": 10,
    "cap risk": 200,
    "cap volatility": 5,
    "cap leverage": 5,
    "cap net": 2,
    "cap asset": 2,
    "cap crypto": 2,
    "cap notional": 5,
    "cap liquidation": 2,
    "cap participation": 2,
    "cap margin": 2,
    "refused by the liquidation distance": 30,
    "refused for an unknown volume": 20,
    "refused by the side of the stop": 1,
    "refused by the side of a target": 5,
    "rows at the instant of a later one": 100,
    "decisions inside a bar": 100,
    "takeovers": 3,
    "liquidations by the entry's notional": 3,
    "entries under an initial margin": 50,
    "entries in other lots": 100,
    "targets of many": 100,
    "exits of a plan that asks again": 20,
    "smaller by the market": 50,
    "blocked by the market": 50,
    "refused for an unknown level": 20,
}


@lru_cache(maxsize=CASES)
def _outcome(seed: int) -> tuple[PlanCase, SimulationOutcome]:
    case = plan_case(seed)
    return case, case.engine()


@pytest.mark.parametrize("first", range(0, CASES, BATCH))
def test_kernel_fills_as_the_engine_does(first: int) -> None:
    for seed in range(first, first + BATCH):
        case, outcome = _outcome(seed)
        assert input_reasons(case.inputs) == []
        states, equity, fills = case.kernel()
        found = fill_difference(outcome, fills)
        assert found is None, f"case {seed}: {found}"
        curve, days = outcome.curve, case.days
        theirs = curve.equity[np.searchsorted(curve.at, days)]
        np.testing.assert_allclose(equity[0], theirs, rtol=1e-9, atol=0)
        np.testing.assert_allclose(states["equity"], curve.equity[-1:], rtol=1e-9, atol=0)
        bars = np.concatenate(([case.start_equity], curve.equity[curve.at > case.start]))
        worst = float(np.min(bars / np.maximum.accumulate(bars) - 1))
        assert states["worst"][0] == pytest.approx(worst, abs=1e-9)


@pytest.mark.parametrize("seed", range(COMPILED))
def test_compiled_kernel_gives_the_bits_of_its_source(seed: int) -> None:
    case = plan_case(seed)
    own, compiled = case.kernel(), case.kernel(in_python=False)
    for expected, found in zip(own, compiled, strict=True):
        assert expected.tobytes() == found.tobytes(), f"case {seed}"


def test_cases_hold_enough_of_everything() -> None:
    found: Counter[str] = Counter()
    for seed in range(CASES):
        found.update(_seen(*_outcome(seed)))
    missing = {name: found[name] for name, least in LEAST.items() if found[name] < least}
    assert not missing


def _seen(case: PlanCase, outcome: SimulationOutcome) -> Counter[str]:
    """Return how often each kind of event is in one outcome."""
    seen: Counter[str] = Counter()
    kinds = {order.order_id: order.kind for order in outcome.orders}
    names = {
        ("stop", "range"): "stops inside a bar",
        ("stop", "open"): "stops at a gap",
        ("target", "range"): "targets inside a bar",
        ("target", "open"): "targets at the open",
        ("liquidation", "range"): "liquidations inside a bar",
        ("liquidation", "open"): "liquidations at a gap",
        ("exit", "open"): "exits",
        ("guard", "open"): "flattened by a guard",
    }
    model = case.config.venue.slippage.model_name().replace("square_", "")
    for fill in outcome.fills:
        if fill.role == "entry":
            seen[f"{kinds[fill.order_id]} entries"] += 1
            seen["long entries" if fill.quantity > 0 else "short entries"] += 1
        else:
            seen[names[fill.role, fill.stage]] += 1
        seen["maker rebates"] += fill.fee < 0
        seen[f"{model} slippage"] += fill.slippage > 0
    numbers = Counter(fill.order_id for fill in outcome.fills)
    seen["partial fills"] = sum(count > 1 for count in numbers.values())
    seen["moved stops"] = sum(order.end_reason == "moved" for order in outcome.orders)
    seen["limits of R"] = sum(order.risk_limit == order.risk_limit for order in outcome.orders)
    seen.update(_seen_in_books(case, outcome))
    seen.update(_seen_in_rows(case))
    seen.update(_seen_in_terms(case, outcome))
    return seen


def _seen_in_terms(case: PlanCase, outcome: SimulationOutcome) -> Counter[str]:
    """Return how often the instrument's own margin rules and steps, and many targets, matter."""
    seen: Counter[str] = Counter()
    instrument = case.dataset.instruments[PERP]
    rules = instrument.terms[0] if instrument.terms else None
    roles = Counter(fill.role for fill in outcome.fills)
    if rules is not None:
        forced = roles["liquidation"]
        seen["takeovers"] = forced * (rules.liquidation == "bankruptcy")
        seen["liquidations by the entry's notional"] = forced * (rules.maintenance_base == "entry")
        seen["entries under an initial margin"] = roles["entry"] * (
            rules.initial_margin is not None
        )
    seen["entries in other lots"] = roles["entry"] * (instrument.lot_size != 1.0)
    seen["targets of many"] = roles["target"] * (len(case.plan.fractions) > 3)
    seen["exits of a plan that asks again"] = roles["exit"] * case.plan.exits_again
    return seen


def _seen_in_rows(case: PlanCase) -> Counter[str]:
    """Return how many entry rows of the window are late, and how many a later row replaces."""
    decided, rows = case.signals.decided_at, case.plan.rows
    closed = case.dataset.channels[case.requirements.clock]["closed_at"]
    rows = rows[decided[rows] >= case.start]
    return Counter(
        {
            "rows at the instant of a later one": int(
                (np.append(np.diff(decided), 1)[rows] == 0).sum()
            ),
            "decisions inside a bar": int((~np.isin(decided[rows], closed)).sum()),
        }
    )


def _seen_in_books(case: PlanCase, outcome: SimulationOutcome) -> Counter[str]:
    seen: Counter[str] = Counter()
    cross = case.config.account.margin_mode is MarginMode.CROSS
    seen["cross" if cross else "isolated"] = 1
    for fact in outcome.facts:
        if fact.kind == "funding":
            seen["funding paid" if fact.amount < 0 else "funding received"] += 1
            seen["funding out of a margin"] += fact.from_margin > 0
    for event in outcome.guard_events:
        seen[f"{event.guard} {event.event}"] += 1
    rules = {
        "liquidation distance": "refused by the liquidation distance",
        "volume unknown": "refused for an unknown volume",
        "bad level": "refused for an unknown level",
        "market halt": "blocked by the market",
        "stop side": "refused by the side of the stop",
        "target side": "refused by the side of a target",
    }
    for decision in outcome.decisions:
        if decision.outcome == "approved" and decision.binding_cap:
            seen[f"cap {decision.binding_cap}"] += 1
            seen["smaller by the ladder"] += decision.tier != "normal"
            seen["smaller by the market"] += decision.market_tier in ("cautious", "defensive")
        elif decision.blocked_by in rules:
            seen[rules[decision.blocked_by]] += 1
    return seen
