"""Visiting only the instants that matter gives, bit for bit, what visiting all of them gives.

400 random cases; with ``RISKOFF_SOAK=1`` there are 3,000.
"""

import math
import os
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import pytest

from data_feeds.catalog import Catalog
from engine.bt import simulate
from engine.config.load import load_run_config
from engine.config.models import MarginMode, RunMode
from engine.config.venue import LimitFill
from engine.playbook_checks import outcome_difference
from engine.records import Fill, OrderRow, SimulationOutcome
from engine.run import prepare_run
from engine.trailing_stop import StopMoves
from tests.engine.random_cases import RandomCase, dense_outcome, make_case

CASES = 3_000 if os.environ.get("RISKOFF_SOAK") else 400
BATCH = 25
RUNS = Path(__file__).resolve().parents[2] / "configs" / "runs"
# What the 400 cases must hold together, so that equality means something.
LEAST = {
    "market entries": 600,
    "limit entries": 600,
    "stop entries": 500,
    "stops inside a bar": 400,
    "stops at a gap": 250,
    "targets inside a bar": 500,
    "targets at the open": 150,
    "liquidations inside a bar": 120,
    "liquidations at a gap": 12,
    "liquidations beside another cross perp": 7,
    "stops exactly at the extreme": 200,
    "targets exactly at the extreme": 250,
    "limit entries exactly at the extreme": 150,
    "closed inside the bar of the entry": 80,
    "limits of R": 60,
    "runs in which a touch fills": 150,
    "stop entries exactly at the extreme": 150,
    "liquidations exactly at the mark's extreme": 20,
    "funding paid": 500,
    "funding received": 500,
    "dividend": 15,
    "interest": 500,
    "daily loss tripped": 100,
    "daily loss released": 100,
    "drawdown halt tripped": 40,
    "drawdown halt released": 30,
    "cool-down tripped": 250,
    "cool-down released": 250,
    "max trades a day tripped": 150,
    "partial fills": 200,
    "moved stops": 400,
    "trailing stops that moved": 320,
    "trailing stops that moved inside bars": 180,
    "trailing stops moved by a signal": 110,
    "trailing stops moved beyond an activation": 85,
    "trailing stops filled inside a bar at a moved level": 200,
    "trailing stops filled at a gap beyond a moved level": 60,
    "trailing stops moved by hand as well": 20,
    "part exits": 50,
    "exits by appointment": 300,
    "flattened by a guard": 70,
}
MOST_VISITED = 0.25


@pytest.mark.parametrize("first", range(0, CASES, BATCH))
def test_sparse_equals_dense_to_the_last_bit(first: int) -> None:
    for seed in range(first, first + BATCH):
        sparse = make_case(seed).run(RunMode.SPARSE)
        found = outcome_difference(dense_outcome(seed), sparse)
        assert not found, f"case {seed}: {found} differ"


@pytest.mark.parametrize("path", sorted(RUNS.glob("reclaim_*.yaml")), ids=lambda path: path.stem)
def test_sparse_equals_dense_on_every_real_run(path: Path, real_catalog: Catalog) -> None:
    config = load_run_config(path)
    # The proof that the signals are causal is no part of either mode.
    outcomes = [
        simulate(prepare_run(config.model_copy(update={"mode": mode}), real_catalog).inputs)
        for mode in (RunMode.SPARSE, RunMode.DENSE)
    ]
    assert outcomes[0].fills
    assert not outcome_difference(*outcomes)
    assert outcomes[0].instants_visited < MOST_VISITED * outcomes[0].instants_total


def test_dense_visits_every_instant_and_sparse_few_of_them() -> None:
    visited = total = 0
    for seed in range(CASES):
        dense = dense_outcome(seed)
        assert dense.instants_visited == dense.instants_total
    for seed in range(0, CASES, 10):
        sparse = make_case(seed).run(RunMode.SPARSE)
        visited += sparse.instants_visited
        total += sparse.instants_total
    assert visited / total < MOST_VISITED, f"{visited} of {total} instants visited"


def test_no_order_fills_in_a_bar_that_opened_before_its_decision() -> None:
    for seed in range(CASES):
        outcome = dense_outcome(seed)
        for fill in outcome.fills:
            order = outcome.orders[fill.order_id - 1]
            if fill.role != "liquidation":
                assert fill.bar_opened_at >= order.decided_at, f"case {seed}: {fill}"


def test_the_random_cases_hold_every_kind_of_event() -> None:
    counts: Counter[str] = Counter()
    for seed in range(CASES):
        counts += count_events(make_case(seed), dense_outcome(seed))
    short = {name: counts[name] for name, least in LEAST.items() if counts[name] < least}
    assert not short, f"too few of {short}; all: {dict(counts)}"


def count_events(case: RandomCase, outcome: SimulationOutcome) -> Counter[str]:
    """Count what happened in one case."""
    counts: Counter[str] = Counter()
    fills_of = Counter(fill.order_id for fill in outcome.fills)
    for fill in outcome.fills:
        order = outcome.orders[fill.order_id - 1]
        counts.update(_kinds(case, fill, order))
        if fill.role == "exit" and order.reason == "appointment":
            counts["exits by appointment"] += 1
        if fill.role == "exit" and order.quantity == order.quantity:
            counts["part exits"] += 1
    counts["liquidations beside another cross perp"] = _liquidations_beside_another(case, outcome)
    bought = {(f.plan_id, f.at) for f in outcome.fills if f.role == "entry" and f.stage == "range"}
    counts["closed inside the bar of the entry"] = sum(
        f.role != "entry" and f.stage == "range" and (f.plan_id, f.at) in bought
        for f in outcome.fills
    )
    counts["limits of R"] = sum(order.risk_limit == order.risk_limit for order in outcome.orders)
    counts["runs in which a touch fills"] = case.config.venue.limit_fill is LimitFill.TOUCH
    counts["partial fills"] = sum(count > 1 for count in fills_of.values())
    for fact in outcome.facts:
        if fact.kind == "funding":
            counts["funding paid" if fact.amount < 0 else "funding received"] += 1
        counts[fact.kind] += 1
    for event in outcome.guard_events:
        counts[f"{event.guard} {event.event}"] += 1
    counts["moved stops"] = sum(order.end_reason == "moved" for order in outcome.orders)
    for order in outcome.orders:
        counts.update(_trailed(order, {f.order_id: f for f in outcome.fills}))
    return counts


def _trailed(order: OrderRow, fills: Mapping[int, Fill]) -> list[str]:
    """Name what the level of a trailing stop did."""
    if not order.trail_moved or order.last_level == order.price:
        return []
    names = ["that moved"]
    names += ["that moved inside bars"] if order.trail_moved == StopMoves.INSIDE_BARS else []
    names += ["moved by a signal"] if order.trail_signal else []
    names += ["moved beyond an activation"] if not math.isnan(order.trail_beyond) else []
    names += ["moved by hand as well"] if order.end_reason == "moved" else []
    fill = fills.get(order.order_id)
    if fill is not None:
        inside = fill.stage == "range"
        names.append(
            "filled inside a bar at a moved level"
            if inside
            else "filled at a gap beyond a moved level"
        )
    return [f"trailing stops {name}" for name in names]


def _liquidations_beside_another(case: RandomCase, outcome: SimulationOutcome) -> int:
    """Count the liquidations at which the cross wallet backs another perp as well."""
    if case.config.account.margin_mode is MarginMode.ISOLATED:
        return 0
    held: set[str] = set()
    count = 0
    for fill in outcome.fills:
        if not case.dataset.instruments[fill.instrument].is_margined:
            continue
        held.discard(fill.instrument)
        count += fill.role == "liquidation" and bool(held)
        if fill.position_after != 0.0:
            held.add(fill.instrument)
    return count


def _kinds(case: RandomCase, fill: Fill, order: OrderRow) -> list[str]:
    """Name what a fill is, and whether the bar's extreme met it exactly."""
    inside = fill.stage == "range"
    if fill.role == "liquidation":
        names = [f"liquidations {'inside a bar' if inside else 'at a gap'}"]
        exact = "liquidations exactly at the mark's extreme"
    elif fill.role == "entry":
        names = [f"{order.kind} entries"]
        exact = f"{order.kind} entries exactly at the extreme"
    elif fill.role == "guard":
        return ["flattened by a guard"]
    elif fill.role in ("stop", "target"):
        gap = "at a gap" if fill.role == "stop" else "at the open"
        names = [f"{fill.role}s {'inside a bar' if inside else gap}"]
        exact = f"{fill.role}s exactly at the extreme"
    else:
        return []
    return [*names, exact] if inside and _is_extreme(case, fill, order) else names


def _is_extreme(case: RandomCase, fill: Fill, order: OrderRow) -> bool:
    channels = case.dataset.channels
    kinds = ("mark", "bars") if fill.role == "liquidation" else ("bars",)
    keys = [
        k for kind in kinds for k in channels if (k.instrument, k.kind) == (fill.instrument, kind)
    ]
    channel = channels[keys[0]]
    row = min(channel["closed_at"].searchsorted(fill.bar_closed_at), len(channel) - 1)
    through = case.config.venue.limit_fill is LimitFill.THROUGH and order.kind == "limit"
    # A limit that must be passed is met exactly one tick (of 1) beyond it.
    level = order.price - order.side if through else order.price
    return level in (channel["low"][row], channel["high"][row])
