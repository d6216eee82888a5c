"""A run cut into segments that continue one account: cash, guards and peak pass; books balance.

30 random runs, each cut twice; with ``RISKOFF_SOAK=1`` there are 600.
"""

import os
from collections import Counter
from dataclasses import replace
from functools import lru_cache
from itertools import pairwise

import numpy as np
import pytest

from data_feeds.clock import DAY_NS, datetime_ns, utc_datetime
from data_feeds.instrument import InstrumentKind
from engine.broker.final_closes import SEGMENT_END
from engine.bt import CarriedAccount, SimulationInputs, simulate, simulate_segment
from engine.config.models import RunMode
from engine.playbook import PlaybookParams
from engine.playbook_checks import outcome_difference
from engine.records import FactKind, SimulationOutcome
from tests.engine.mixed_cases import mixed_case
from tests.engine.random_cases import RandomPlaybook, make_case

CASES = 600 if os.environ.get("RISKOFF_SOAK") else 30
LEAST = {"positions closed at a seam": 20, "halts in force at a seam": 3, "carried cool-downs": 4}


def segments(seed, mode=RunMode.SPARSE):
    """Return the outcomes of a random case cut at two instants, and the account after each."""
    case, rng = make_case(seed), np.random.default_rng((seed, 17))
    start, end = datetime_ns(case.config.data.start), datetime_ns(case.config.data.end)
    # The first cut is at a close at which the whole run holds a position, if it ever does.
    curve = case.run(RunMode.SPARSE).curve
    held = curve.at[(curve.gross_notional > 0) & (curve.at < end - 5 * DAY_NS)]
    first = int(rng.choice(held if len(held) else curve.at[: len(curve.at) // 2]))
    second = int(rng.choice(curve.at[(curve.at > first + DAY_NS) & (curve.at < end - DAY_NS)]))
    cuts = [start, first, second, end]
    found, account = [], None
    for first, last in pairwise(cuts):
        outcome, account = simulate_segment(inputs_of(case, mode, first, last, account))
        found.append((outcome, account))
    return found


def inputs_of(case, mode, first, last, account):
    data = case.config.data.model_copy(
        update={"start": utc_datetime(first), "end": utc_datetime(last)}
    )
    config = case.config.model_copy(update={"mode": mode, "data": data})
    playbook = RandomPlaybook(PlaybookParams(), case.script, case.signals, case.requirements.traded)
    return SimulationInputs(
        config, case.dataset, playbook, case.signals, case.requirements, carried=account
    )


@lru_cache(maxsize=1_000)
def sparse(seed) -> tuple[tuple[SimulationOutcome, CarriedAccount], ...]:
    return tuple(segments(seed))


@pytest.mark.parametrize("seed", range(CASES))
def test_books_balance_across_segments(seed):
    found = sparse(seed)
    own = [fact for outcome, _ in found for fact in outcome.facts
           if fact.kind != FactKind.DEPOSIT and not fact.memo]  # fmt: skip
    start = sum(fact.value for fact in found[0][0].facts if fact.kind == FactKind.DEPOSIT)
    moved = sum(fact.value for fact in own)
    # Each segment ends flat, so that equity is cash.
    assert found[-1][1].equity == pytest.approx(start + moved, abs=0.005)
    for (before, account), (after, _) in pairwise(found):
        deposited = sum(f.value for f in after.facts if f.kind == FactKind.DEPOSIT)
        assert deposited == pytest.approx(before.curve.equity[-1], abs=0.005)
        assert deposited == pytest.approx(account.equity, abs=0.005)


@pytest.mark.parametrize("seed", range(CASES))
def test_no_instant_is_marked_twice(seed):
    at = np.concatenate([outcome.curve.at for outcome, _ in sparse(seed)])
    assert (np.diff(at) >= 0).all()
    # A close on the cut ends the segment before; the next one only shows its starting cash.
    twice = at[1:][np.diff(at) == 0]
    for (before, _), (after, _) in pairwise(sparse(seed)):
        if after.curve.at[0] in twice:
            assert after.curve.equity[0] == pytest.approx(before.curve.equity[-1], abs=0.005)


@pytest.mark.parametrize("seed", range(0, CASES, 3))
def test_sparse_segments_equal_dense_ones(seed):
    for (one, account), (other, same) in zip(
        sparse(seed), segments(seed, RunMode.DENSE), strict=True
    ):
        assert not outcome_difference(other, one)
        assert account == same


@pytest.mark.parametrize("seed", range(CASES))
def test_a_halt_stops_entries_of_later_segments_until_its_own_end(seed):
    for (_, account), (after, _) in pairwise(sparse(seed)):
        until = account.risk.guards.halted_until
        if until is None:
            continue
        released = [event.at for event in after.guard_events
                    if event.guard == "drawdown halt" and event.event == "released"]  # fmt: skip
        assert all(at >= until for at in released)
        freed_at = min(released, default=2**63 - 1)
        assert not [fill for fill in after.fills if fill.role == "entry" and fill.at < freed_at]


@pytest.mark.parametrize("seed", range(CASES))
def test_the_peak_is_that_of_all_segments_unless_a_halt_restarts_it(seed):
    peak = 0.0
    for outcome, account in sparse(seed):
        if any(e.guard == "drawdown halt" and e.event == "released" for e in outcome.guard_events):
            return
        # Capital before the first bar close counts, too.
        start = sum(fact.value for fact in outcome.facts if fact.kind == FactKind.DEPOSIT)
        peak = max(peak, start, float(outcome.curve.equity.max()))
        assert account.risk.guards.peak == pytest.approx(peak)


def test_the_random_segments_hold_every_kind_of_seam():
    counts = Counter()
    for seed in range(CASES):
        for outcome, account in sparse(seed)[:-1]:
            closed = [fill for fill in outcome.fills if fill.reason == SEGMENT_END]
            counts["positions closed at a seam"] += len(closed)
            counts["halts in force at a seam"] += account.risk.guards.halted_until is not None
            counts["carried cool-downs"] += account.risk.guards.cooling_until is not None
            for fill in closed:
                assert fill.position_after == 0.0
                assert fill.liquidity == "taker"
    short = {name: counts[name] for name, least in LEAST.items() if counts[name] < least}
    assert not short, f"too few of {short}; all: {dict(counts)}"


def test_perps_funds_shorts_and_options_are_closed_at_the_end_of_a_segment():
    closed = Counter()
    for seed in range(14):
        case = mixed_case(seed)
        held = simulate(case.inputs()).curve
        at = held.at[(held.gross_notional > 0) & (held.owned != 0)]
        ends_at = utc_datetime(int(at[len(at) // 2])) if len(at) else case.config.data.end
        data = case.config.data.model_copy(update={"end": ends_at})
        inputs = replace(case.inputs(), config=case.config.model_copy(update={"data": data}))
        outcome, account = simulate_segment(inputs)
        waiting = sum(item.amount for item in account.transfers)
        assert account.cash[2] == pytest.approx(waiting, abs=1e-6)
        for fill in outcome.fills:
            if fill.reason == SEGMENT_END:
                kind = inputs.dataset.instruments[fill.instrument].kind
                closed[f"{kind} {'bought' if fill.quantity > 0 else 'sold'}"] += 1
                # An option pays the half spread of its last quote, and no fee.
                assert kind is not InstrumentKind.OPTION or (fill.slippage > 0 and fill.fee == 0)
    assert set(closed) >= {"perp bought", "etf sold", "etf bought", "option sold"}
