"""Properties of borrowed shorts over random paths, and the search's part in them.

A short mirrors a long of the same path but for its carry; splitting a sale changes nothing; a
forced cover leaves the cash that the maintenance promises; sparse equals dense to the last bit.
"""

import functools
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.broker.short_sales import ShortSales
from engine.bt import session
from engine.config.models import RunMode
from engine.intents import Rebalance, Transfer
from engine.playbook_checks import outcome_difference
from engine.testing import amounts
from tests.engine.short_market import BILL, finished, flat, hold, hours, run

PRICES = st.lists(st.integers(60, 140), min_size=4, max_size=12)
FREE = {"borrow_fee_bps": 0.0}
NO_REBATE = {"short_sales": {"rebate_series": None}}


@settings(max_examples=15, deadline=None)
@given(PRICES, st.integers(1, 60), st.integers(0, 3))
def test_a_short_loses_what_a_long_of_the_same_path_gains(path, shares, dividend):
    market = hours({"AAA": flat(100, 100, *path)}, {"AAA": [(3, float(dividend))]})
    weight = shares * 100 / 10_000
    leave = {len(path): hold(a=0.0)}
    money = []
    for sign in (1, -1):
        outcome = run(market, {0: hold(a=sign * weight), **leave}, account=NO_REBATE, venue=FREE)
        assert not amounts(outcome, "liquidation_fee"), "covered: choose smaller sizes"
        money.append(outcome.curve.equity - 10_000.0)
    assert money[0] == pytest.approx(-money[1], abs=1e-8)


@settings(max_examples=15, deadline=None)
@given(PRICES, st.integers(1, 30), st.integers(1, 30))
def test_two_funds_of_one_path_are_one_short(path, first, second):
    rows = flat(100, 100, *path)
    both = run(hours({"AAA": rows, "BBB": rows}), {0: hold(a=-first / 100, b=-second / 100)})
    one = run(hours({"AAA": rows}), {0: hold(a=-(first + second) / 100)})
    assert both.curve.equity == pytest.approx(one.curve.equity, abs=1e-8)
    for kind in ("borrow_fee", "rebate"):
        assert sum(amounts(both, kind)) == pytest.approx(sum(amounts(one, kind)))


@settings(max_examples=15, deadline=None)
@given(st.integers(20, 100), st.floats(1.05, 2.0), st.floats(1.0, 1.05))
def test_a_cover_inside_a_bar_leaves_the_promised_cash(shares, initial, ratio):
    """At the level, cash less value is (m - 1) x value: nobody loses more than the collateral."""
    multiple = min(max(initial / ratio, 1.01), initial)
    margins = {"initial_margin": initial, "maintenance_margin": multiple}
    terms = {"short_sales": {"rebate_series": None, **margins}}
    weight = shares / 100 * min(1.0, 1 / (initial - 1.0))
    rows = [*flat(100, 100, 100), (100, 400, 100, 100, 1e6), *flat(100, 100)]
    outcome = run(hours({"AAA": rows}), {0: hold(a=-min(weight, 1.0))}, account=terms, venue=FREE)
    covers = [fill for fill in outcome.fills if fill.role == "liquidation"]
    if not covers:
        # The cash is more than the highest value asks for.
        held = -outcome.fills[0].quantity
        assert 10_000 + held * 100 > multiple * held * 400
        return
    (cover,) = covers
    cash = 10_000 + cover.quantity * 100
    assert cash == pytest.approx(multiple * cover.quantity * cover.raw_price)
    left = outcome.curve.equity[-1]
    # The tick against the trader is all that is missing.
    assert left == pytest.approx((multiple - 1) * cover.quantity * cover.raw_price, abs=1.1)
    assert left > 0


# Sparse equals dense.

TERMS = {
    "interest_series": BILL,
    "transfer_days": 0,
    "short_sales": {"rebate_series": BILL, "initial_margin": 1.9, "maintenance_margin": 1.8},
}
RISK = {"drawdown": {"ladder": [], "halt_at": 0.15, "halt_days": 1}}
CASES = 40


@functools.cache
def case(seed: int):
    """Return a random market and script: three funds, shorts and longs, rare decisions."""
    rng = np.random.default_rng(seed)
    count = 150
    rows, paid = {}, {}
    for name, start in (("AAA", 100.0), ("BBB", 50.0), ("CCC", 20.0)):
        moves = rng.normal(0, 0.02, count) * np.where(rng.random(count) < 0.04, 6, 1)
        closes = start * np.exp(moves.cumsum())
        opens = np.concatenate(([start], closes[:-1])) * np.exp(
            rng.normal(0, 0.002, count) * np.where(rng.random(count) < 0.05, 30, 1)
        )
        high = np.maximum(opens, closes) * np.exp(np.abs(rng.normal(0, 0.004, count)))
        low = np.minimum(opens, closes) * np.exp(-np.abs(rng.normal(0, 0.004, count)))
        volume = np.where(rng.random(count) < 0.05, 0.0, 1e6)
        table = np.round(np.stack([opens, high, low, closes]), 2)
        rows[name] = [(*table[:, i].tolist(), volume[i]) for i in range(count)]
        at = sorted(set(rng.integers(5, count - 5, 3).tolist()))
        paid[name] = [(int(hour), round(float(rng.uniform(0.1, 0.6)), 2)) for hour in at]
    script = {}
    for row in sorted(rng.choice(count - 10, 9, replace=False).tolist()):
        # Often one fund alone, which the search skips through; sometimes three.
        weights = rng.choice([-1.0, -1.0, -0.6, 0.0, 0.0, 0.0, 0.2], 3)
        lot = {n: float(w) for n, w in zip(("AAA", "BBB", "CCC"), weights, strict=True)}
        script[int(row)] = [Rebalance(lot, "random")]
        if rng.random() < 0.2:
            script[int(row)].append(Transfer("venue", 0.05, "away"))
    return hours(rows, paid), script


def outcome_of(seed: int, mode: RunMode):
    market, script = case(seed)
    return finished(market, script, mode, account=TERMS, risk=RISK).outcome


@functools.cache
def dense(seed: int):
    return outcome_of(seed, RunMode.DENSE)


def test_sparse_equals_dense_with_every_event_of_a_short():
    seen: Counter[str] = Counter()
    for seed in range(CASES):
        sparse = outcome_of(seed, RunMode.SPARSE)
        assert not outcome_difference(dense(seed), sparse), seed
        seen.update(fact.kind for fact in sparse.facts)
        seen["paid dividends"] += sum(
            fact.kind == "dividend" and fact.amount < 0 for fact in sparse.facts
        )
        seen["covers at an open"] += sum(
            fill.role == "liquidation" and fill.stage == "open" for fill in sparse.fills
        )
        seen["covers inside a bar"] += sum(
            fill.role == "liquidation" and fill.stage == "range" for fill in sparse.fills
        )
        seen["guards"] += len(sparse.guard_events)
        seen["skipped"] += sparse.instants_total - sparse.instants_visited
        seen["cut by cash"] += sum("free cash" in order.end_reason for order in sparse.orders)
    least = {
        "borrow_fee": 100,
        "rebate": 100,
        "paid dividends": 20,
        "covers at an open": 5,
        "covers inside a bar": 10,
        "guards": 10,
        "skipped": 1_000,
        "cut by cash": 10,
    }
    assert {n: seen[n] for n, count in least.items() if seen[n] < count} == {}, seen


def differs() -> bool:
    """Return whether sparse differs from dense in one of the cases."""
    return any(
        bool(outcome_difference(dense(seed), outcome_of(seed, RunMode.SPARSE)))
        for seed in range(CASES)
    )


def test_a_search_that_takes_several_shorts_for_one_is_noticed(monkeypatch):
    monkeypatch.setattr(ShortSales, "count", lambda self: 0)
    assert differs()


def test_a_search_without_the_level_of_a_short_is_noticed(monkeypatch):
    true = session.Session._account_state

    def blind(self):
        state = true(self)
        state.liquidation[state.quantities < 0] = np.nan
        return state

    monkeypatch.setattr(session.Session, "_account_state", blind)
    assert differs()


def test_a_search_that_forgets_the_dividends_of_a_short_is_noticed(monkeypatch):
    true = session.search_tape

    def blind(timeline):
        tape = true(timeline)
        return tape._replace(due=np.zeros_like(tape.due))

    monkeypatch.setattr(session, "search_tape", blind)
    assert differs()


def test_a_search_that_skips_ends_of_days_is_noticed(monkeypatch):
    true = session.search_tape

    def blind(timeline):
        tape = true(timeline)
        return tape._replace(day_end=np.zeros_like(tape.day_end))

    monkeypatch.setattr(session, "search_tape", blind)
    assert differs()
