"""The books, by hand and under any sequence of facts."""

import math
from dataclasses import dataclass, replace
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_feeds.instrument import Wallet
from engine.config.models import MarginMode
from engine.errors import SimulationError
from engine.ledger import Ledger
from engine.testing import ETF, PERP, SPOT

START_CASH = 10_000.0


def new_ledger(cash: float = START_CASH) -> Ledger:
    ledger = Ledger({item.id: item for item in (PERP, SPOT, ETF)})
    ledger.deposit(0, Wallet.VENUE, cash)
    ledger.deposit(0, Wallet.BROKERAGE, cash)
    return ledger


def trade(ledger, quantity, price, *, instrument=PERP.id, margin=0.0, limit=None):
    return ledger.trade(
        1,
        instrument=instrument,
        plan_id=1,
        fill_id=1,
        quantity=quantity,
        price=price,
        isolated_margin=margin,
        loss_limit=limit,
    )


def fund(ledger, rate, mark):
    quantity = ledger.positions[PERP.id].quantity
    amount = -quantity * mark * rate
    ledger.funding(1, instrument=PERP.id, rate=rate, mark=mark, amount=amount, inferred=False)


# By hand.


def test_opening_a_perp_moves_no_cash_and_closing_it_books_the_profit():
    ledger = new_ledger()
    assert trade(ledger, 2.0, 100.0) == 0.0
    assert ledger.venue_cash == 10_000.0
    assert trade(ledger, -2.0, 104.0) == pytest.approx(8.0)  # 2 x 4
    assert ledger.venue_cash == pytest.approx(10_008.0)


def test_buying_an_owned_asset_pays_its_price_from_its_own_wallet():
    ledger = new_ledger()
    trade(ledger, 3.0, 100.0, instrument=ETF.id)
    trade(ledger, 2.0, 50.0, instrument=SPOT.id)
    assert ledger.brokerage_cash == pytest.approx(10_000 - 300)
    assert ledger.venue_cash == pytest.approx(10_000 - 100)


def test_the_average_entry_weighs_by_quantity_and_closing_leaves_it():
    ledger = new_ledger()
    trade(ledger, 1.0, 100.0)
    trade(ledger, 3.0, 104.0)
    assert ledger.positions[PERP.id].average_entry == pytest.approx(103.0)  # (100 + 3 x 104) / 4
    assert trade(ledger, -1.0, 110.0) == pytest.approx(7.0)
    assert ledger.positions[PERP.id].average_entry == pytest.approx(103.0)


def test_isolated_margin_is_set_aside_and_released_by_the_share_closed():
    ledger = new_ledger()
    trade(ledger, 4.0, 100.0, margin=40.0)
    assert ledger.free_venue_cash() == pytest.approx(9_960.0)
    trade(ledger, -1.0, 100.0)
    assert ledger.positions[PERP.id].isolated_margin == pytest.approx(30.0)
    trade(ledger, -3.0, 100.0)
    assert ledger.positions[PERP.id].isolated_margin == 0.0
    assert ledger.free_venue_cash() == pytest.approx(10_000.0)


def test_a_loss_beyond_the_isolated_margin_is_the_venues_and_moves_no_cash():
    ledger = new_ledger()
    trade(ledger, 1.0, 100.0, margin=10.0)
    # Loses 25; 10 stand behind it, 15 are the venue's.
    assert trade(ledger, -1.0, 75.0, limit=MarginMode.ISOLATED) == pytest.approx(-25.0)
    assert ledger.venue_cash == pytest.approx(9_990.0)
    memo = ledger.facts[-1]
    assert (memo.kind, memo.memo, memo.amount) == ("venue_loss", True, pytest.approx(15.0))
    ledger.prove()


def test_a_cross_loss_stops_at_the_wallet():
    ledger = new_ledger(20.0)
    trade(ledger, 1.0, 100.0)
    trade(ledger, -1.0, 70.0, limit=MarginMode.CROSS)
    assert ledger.venue_cash == pytest.approx(0.0)
    assert ledger.facts[-1].amount == pytest.approx(10.0)


def test_interest_is_simple_by_days_on_brokerage_cash():
    ledger = new_ledger()
    ledger.interest(1, annual_rate=0.0365, days=3.0)
    assert ledger.facts[-1].amount == pytest.approx(3.0)  # 10,000 x 0.0365 x 3 / 365
    assert ledger.brokerage_cash == pytest.approx(10_003.0)


def test_float_residue_is_not_a_position():
    ledger = new_ledger()
    trade(ledger, 0.1, 100.0)
    trade(ledger, 0.2, 100.0)
    residue = 0.1 + 0.2 - 0.3
    assert 0 < residue < 1e-16
    trade(ledger, -0.3, 101.0)
    position = ledger.positions[PERP.id]
    assert (position.quantity, position.average_entry, position.isolated_margin) == (0.0, 0.0, 0.0)


def test_a_fill_that_would_turn_a_position_over_is_a_bug_of_ours():
    ledger = new_ledger()
    trade(ledger, 1.0, 100.0)
    with pytest.raises(SimulationError, match=r"BTCUSDT-PERP: a fill of -1\.5 turns 1\.0 over"):
        trade(ledger, -1.5, 100.0)


def test_cash_that_no_fact_explains_is_found_at_the_next_fact():
    ledger = new_ledger()
    ledger.venue_cash += 0.01
    with pytest.raises(SimulationError, match="venue wallet"):
        ledger.fee(1, instrument=PERP.id, plan_id=1, fill_id=1, rate=0.0005, amount=1.0)


def test_a_changed_fact_is_found_by_the_final_proof():
    ledger = new_ledger()
    ledger.fee(1, instrument=PERP.id, plan_id=1, fill_id=1, rate=0.0005, amount=1.0)
    ledger.prove()
    ledger.facts[-1] = replace(ledger.facts[-1], amount=-1.01)
    with pytest.raises(SimulationError, match="venue wallet"):
        ledger.prove()


def test_a_realized_profit_that_flows_do_not_explain_is_found():
    ledger = new_ledger()
    trade(ledger, 1.0, 100.0)
    ledger.positions[PERP.id].average_entry = 99.0
    with pytest.raises(SimulationError, match="differs from cash flow"):
        trade(ledger, -0.5, 100.0)


# Any sequence.

PRICES = st.floats(1.0, 100_000.0)
QUANTITIES = st.floats(0.001, 100.0)


@dataclass(frozen=True)
class Step:
    """One random act; ``share`` of the position is closed, or of the price is the adverse gap."""

    act: str
    quantity: float
    price: float
    share: float
    rate: float


STEPS = st.builds(
    Step,
    act=st.sampled_from(["open", "close", "fund", "fee", "liquidate", "flat"]),
    quantity=QUANTITIES,
    price=PRICES,
    share=st.floats(0.05, 1.0),
    rate=st.floats(-0.05, 0.05),
)
SEQUENCES = st.lists(STEPS, max_size=25)


class Naive:
    """An oracle with exact fractions that knows no average: what was paid, what is held."""

    def __init__(self) -> None:
        self.held = Fraction(0)
        self.paid = Fraction(0)
        self.other = Fraction(0)

    def traded(self, quantity: float, price: float) -> None:
        self.held += Fraction(quantity)
        self.paid += Fraction(quantity) * Fraction(price)

    def profit(self, mark: float) -> float:
        return float(self.held * Fraction(mark) - self.paid + self.other)


def act(ledger: Ledger, naive: Naive, step: Step, direction: int) -> None:
    """Apply one step to the ledger and to the oracle."""
    position = ledger.positions[PERP.id]
    held, before = position.quantity, ledger.venue_cash
    if step.act == "open":
        quantity = direction * step.quantity
        trade(ledger, quantity, step.price, margin=step.quantity * step.price / 10)
        naive.traded(quantity, step.price)
    elif step.act in ("close", "flat") and held != 0.0:
        quantity = -held * (1.0 if step.act == "flat" else step.share)
        trade(ledger, quantity, step.price)
        naive.traded(quantity, step.price)
    elif step.act == "liquidate" and held != 0.0:
        trade(ledger, -held, step.price, limit=MarginMode.ISOLATED)
        naive.traded(-held, step.price)
        if ledger.facts[-1].memo:
            naive.other += Fraction(ledger.facts[-1].amount)
    elif step.act == "fund" and held != 0.0:
        fund(ledger, step.rate, step.price)
        naive.other += Fraction(ledger.venue_cash) - Fraction(before)
    elif step.act == "fee":
        ledger.fee(
            1, instrument=PERP.id, plan_id=1, fill_id=1, rate=step.rate, amount=step.quantity
        )
        naive.other -= Fraction(step.quantity)


def turnover(ledger: Ledger) -> float:
    traded = sum(abs(f.quantity * f.price) for f in ledger.facts if f.kind == "trade")
    return traded + sum(abs(f.amount) for f in ledger.facts)


@given(SEQUENCES, st.sampled_from([1, -1]), PRICES)
def test_equity_is_start_plus_value_less_what_was_paid_under_any_sequence(steps, direction, mark):
    ledger, naive = new_ledger(1e9), Naive()
    for step in steps:
        act(ledger, naive, step, direction)
    position = ledger.positions[PERP.id]
    profit = ledger.venue_cash - 1e9
    if position.quantity != 0.0:
        profit += position.quantity * (mark - position.average_entry)
    tolerance = 1e-5 + 1e-10 * (turnover(ledger) + abs(position.quantity) * mark)
    assert profit == pytest.approx(naive.profit(mark), abs=tolerance)
    ledger.prove()


@given(SEQUENCES, st.sampled_from([1, -1]))
def test_facts_are_the_only_thing_that_moves_cash(steps, direction):
    ledger, naive = new_ledger(1e9), Naive()
    for step in steps:
        act(ledger, naive, step, direction)
    moved = math.fsum(f.amount for f in ledger.facts if f.wallet == "venue" and not f.memo)
    assert ledger.venue_cash == pytest.approx(moved, abs=1e-6 + 1e-11 * turnover(ledger))
    assert [fact.fact_id for fact in ledger.facts] == list(range(1, len(ledger.facts) + 1))
    assert ledger.version == len(ledger.facts)


PARTS = st.lists(st.floats(0.01, 1.0), min_size=2, max_size=6)


@given(QUANTITIES, PRICES, PRICES, PARTS, st.sampled_from([1, -1]))
def test_splitting_a_fill_changes_no_cash(quantity, entry, leave, parts, direction):
    whole, split = new_ledger(1e9), new_ledger(1e9)
    shares = [part / sum(parts) for part in parts]
    trade(whole, direction * quantity, entry, margin=quantity * entry / 10)
    trade(whole, -direction * quantity, leave)
    for share in shares:
        trade(split, direction * quantity * share, entry, margin=quantity * share * entry / 10)
    opened = split.positions[PERP.id]
    assert opened.average_entry == pytest.approx(entry, rel=1e-12)
    assert opened.isolated_margin == pytest.approx(quantity * entry / 10, rel=1e-12)
    for share in shares[:-1]:
        trade(split, -direction * quantity * share, leave)
    trade(split, -opened.quantity, leave)
    assert split.venue_cash == pytest.approx(
        whole.venue_cash, abs=1e-6 + 1e-12 * quantity * (entry + leave)
    )


@given(QUANTITIES, PRICES, PRICES, st.floats(0.1, 10.0), st.sampled_from([1, -1]))
def test_price_times_k_and_quantity_over_k_leave_profit(quantity, entry, leave, k, direction):
    plain, scaled = new_ledger(1e9), new_ledger(1e9)
    trade(plain, direction * quantity, entry)
    trade(scaled, direction * quantity / k, entry * k)
    first = trade(plain, -direction * quantity, leave)
    second = trade(scaled, -direction * quantity / k, leave * k)
    assert second == pytest.approx(first, rel=1e-9, abs=1e-9 * quantity * entry)


@given(SEQUENCES)
def test_a_short_on_the_mirrored_path_has_the_longs_cash(steps):
    # Prices p and 200,000 - p: every move has the opposite sign and the same size.
    long, short = new_ledger(1e9), new_ledger(1e9)
    for step in steps:
        if step.act in ("open", "close", "flat"):
            mirrored = replace(step, price=200_000.0 - step.price)
            act(long, Naive(), step, 1)
            act(short, Naive(), mirrored, -1)
    size = turnover(long) + turnover(short)
    assert short.venue_cash == pytest.approx(long.venue_cash, abs=1e-5 + 1e-10 * size)
    assert short.positions[PERP.id].quantity == -long.positions[PERP.id].quantity


@given(
    st.lists(st.tuples(QUANTITIES, PRICES), min_size=1, max_size=5),
    st.lists(st.tuples(st.floats(0.1, 1.0), PRICES), max_size=4),
    PRICES,
    st.sampled_from([1, -1]),
    st.floats(1.0, 125.0),
)
def test_an_isolated_position_never_loses_more_than_its_margin(
    entries, closings, last, direction, leverage
):
    ledger = new_ledger(1e9)
    committed = 0.0
    for quantity, price in entries:
        margin = quantity * price / leverage
        committed += margin
        trade(ledger, direction * quantity, price, margin=margin)
    position = ledger.positions[PERP.id]
    for share, price in closings:
        if position.quantity != 0.0:
            trade(ledger, -position.quantity * share, price, limit=MarginMode.ISOLATED)
    if position.quantity != 0.0:
        trade(ledger, -position.quantity, last, limit=MarginMode.ISOLATED)
    lost = 1e9 - ledger.venue_cash
    assert lost <= committed * (1 + 1e-9) + 1e-5
    assert position.isolated_margin == 0.0


@given(QUANTITIES, PRICES, st.floats(0.0, 1_000.0), st.floats(-0.05, 0.05))
def test_funding_takes_the_free_wallet_first_and_never_more_margin_than_there_is(
    quantity, price, free, rate
):
    margin = quantity * price / 10
    ledger = new_ledger(margin + free)
    trade(ledger, quantity, price, margin=margin)
    fund(ledger, rate, price)
    fact, position = ledger.facts[-1], ledger.positions[PERP.id]
    tolerance = 1e-9 * (quantity * price + 1_000.0)
    expected = min(max(-fact.amount - free, 0.0), margin)
    assert fact.from_margin == pytest.approx(expected, abs=tolerance)
    assert position.isolated_margin == pytest.approx(margin - fact.from_margin, abs=tolerance)
