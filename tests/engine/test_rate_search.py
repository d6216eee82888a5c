"""The sparse search reads cash by wallet and rates by instant: it misses no event they cause."""

import functools
import inspect
from collections import Counter

import pytest

from engine.account import joint_search, sessions_in_step
from engine.broker import resolve, search
from engine.bt import simulate
from engine.config.models import RunMode
from engine.intents import Transfer
from engine.playbook_checks import outcome_difference
from engine.records import SimulationOutcome
from engine.testing import SPOT, hour
from tests.engine import test_search_mutations as mutations
from tests.engine.joint import play_together, script_inputs, woken_at
from tests.engine.random_rates import franc_case
from tests.engine.test_wallet_rates import ETHBTC, IN_DOLLARS, market

CASES = 60
# What the cases must hold together, so that equality means something.
LEAST = {
    "fills": 600,
    "interest": 150,
    "transfer": 8,
    "transfer refused": 8,
    "daily loss tripped while flat": 60,
    "drawdown halt tripped while flat": 12,
    "weekly loss tripped while flat": 8,
}
MOST_VISITED = 0.25


@functools.cache
def dense(seed: int) -> SimulationOutcome:
    return franc_case(seed).run(RunMode.DENSE)


def met(outcome: SimulationOutcome) -> Counter[str]:
    """Count the events of an outcome; a guard of a flat account trips by a rate alone."""
    flat = set(outcome.curve.at[outcome.curve.gross_notional == 0].tolist())
    seen = Counter(
        f"{event.guard} tripped while flat"
        for event in outcome.guard_events
        if event.event == "tripped" and event.at in flat
    )
    seen["fills"] = len(outcome.fills)
    seen.update(fact.kind for fact in outcome.facts)
    seen["transfer refused"] = sum(row.blocked_by == "not at par" for row in outcome.decisions)
    return seen


def test_sparse_equals_dense_with_rates_that_move() -> None:
    seen, visited, total = Counter(), 0, 0
    for seed in range(CASES):
        sparse = franc_case(seed).run(RunMode.SPARSE)
        found = outcome_difference(dense(seed), sparse)
        assert not found, f"case {seed}: {found} differ"
        seen += met(sparse)
        visited, total = visited + sparse.instants_visited, total + sparse.instants_total
    assert not {what: seen[what] for what, least in LEAST.items() if seen[what] < least}
    assert visited < MOST_VISITED * total


def first_detected() -> int | None:
    """Return the first case in which sparse differs from dense, None when none does."""
    for seed in range(CASES):
        if outcome_difference(dense(seed), franc_case(seed).run(RunMode.SPARSE)):
            return seed
    return None


TERMS = [
    ("the venue's rate of the start", "cash[0] * rates[0, t]", "cash[0] * rates[0, 0]"),
    ("no rate of the venue", "cash[0] * rates[0, t]", "cash[0]"),
    ("the brokerage at the venue's rate", "cash[1] * rates[1, t]", "cash[1] * rates[0, t]"),
    ("no rate of the brokerage", "cash[1] * rates[1, t]", "cash[1]"),
    ("no rate of positions", "value * rates[wallets[k], t]", "value"),
    ("positions at the brokerage's rate", "rates[wallets[k], t]", "rates[1, t]"),
]


@pytest.mark.parametrize(("old", "new"), [pytest.param(*term[1:], id=term[0]) for term in TERMS])
def test_a_search_without_a_term_of_the_rates_is_noticed(monkeypatch, old, new):
    broken = mutations.replaced(inspect.getsource(resolve), old, new)
    mutations.use(monkeypatch, inspect.getsource(search), broken)
    assert first_detected() is not None


def test_a_search_that_reads_another_instants_rate_is_noticed(monkeypatch):
    source = mutations.replaced(inspect.getsource(search), "                i, cash,", " t, cash,")
    mutations.use(monkeypatch, source, inspect.getsource(resolve))
    assert first_detected() is not None


def test_a_search_that_counts_cash_in_transit_twice_is_noticed(monkeypatch):
    # Half of the cash is on its way from Friday evening to Monday; the rate falls on Saturday.
    prices = [100.0] * 130 + [90.0] * 60
    account = {**IN_DOLLARS, "venue_cash": 2.0, "brokerage_currency": "BTC", "transfer_days": 1}
    script = {115: [Transfer("brokerage", 0.5, "to the bank")]}
    risk = {"daily_loss": {"limit": 0.03}, "drawdown": {"ladder": [], "halt_at": 0.09}}

    def trips() -> list[int]:
        inputs = script_inputs(
            market(prices), script, traded=(ETHBTC.id,), risk=risk, account=account
        )
        outcome = simulate(woken_at(inputs, script))
        return [event.at for event in outcome.guard_events if event.event == "tripped"]

    assert trips() == [hour(131), hour(131)]
    old = "cash[2] * rates[2, t]"
    broken = mutations.replaced(inspect.getsource(resolve), old, f"2.0 * {old}")
    mutations.use(monkeypatch, inspect.getsource(search), broken)
    assert trips() != [hour(131), hour(131)]


def test_a_joint_search_with_the_first_sleeves_rates_is_noticed(monkeypatch):
    old, new = "s * WALLET_COUNT : (s + 1) * WALLET_COUNT", "0:WALLET_COUNT"
    source = mutations.replaced(inspect.getsource(joint_search), old, new)
    broken = mutations.plain(source, {})
    monkeypatch.setattr(sessions_in_step, "next_breach", broken.next_breach)
    data = market([100.0] * 30 + [90.0] * 30)
    sections = (
        {"traded": (ETHBTC.id,), "account": {**IN_DOLLARS, "venue_cash": 2.0}},
        {"traded": (SPOT.id,), "account": {"currency": "USDT", "venue_cash": 200.0}},
    )
    with pytest.raises(AssertionError):
        play_together(
            data, {0: []}, {0: []}, sections=sections, risk={"daily_loss": {"limit": 0.04}},
            quiet=True,
        )  # fmt: skip
