import math
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.costs import ceil_to_step, fee, floor_to_step, round_against

STEPS = st.sampled_from([1.0, 0.5, 0.1, 0.01, 0.001, 0.00001])
VALUES = st.floats(0.0, 1e6)


def test_fee_is_paid_on_the_notional_of_buys_and_sells():
    # 2 x 30,000 x 0.05% = 30, and never negative for a sale
    assert fee(2.0, 30_000.0, 0.0005) == pytest.approx(30.0)
    assert fee(-2.0, 30_000.0, 0.0005) == pytest.approx(30.0)


def test_a_maker_rebate_is_a_negative_fee():
    assert fee(1.0, 10_000.0, -0.0001) == pytest.approx(-1.0)


def test_floor_to_step_keeps_a_value_that_is_a_multiple_but_for_its_binary_form():
    # Plain floor(0.3 / 0.1) is 2, because 0.3 / 0.1 is 2.9999999999999996.
    assert int(0.3 / 0.1) * 0.1 == pytest.approx(0.2)
    assert floor_to_step(0.3, 0.1) == 0.3


def test_ceil_to_step_keeps_a_multiple_too():
    # 1.1 / 0.1 is 11.000000000000002, so plain ceil gives 12 steps.
    assert ceil_to_step(1.1, 0.1) == 1.1


def test_a_price_on_the_grid_is_the_double_that_its_decimal_gives():
    # 310,001 x 0.1 is 31000.100000000002: a level there would lie above a bar's high of 31,000.1.
    assert 310_001 * 0.1 > 31_000.1
    assert ceil_to_step(31_000.04, 0.1) == 31_000.1
    assert floor_to_step(31_000.19, 0.1) == 31_000.1


def test_a_multiple_of_many_steps_stays_itself():
    # 200,000.3 / 0.001 is 200000299.99999997; one billionth of a step is not enough there.
    assert math.floor(200_000.3 / 0.001 + 1e-9) == 200_000_299
    assert floor_to_step(200_000.3, 0.001) == 200_000.3


@given(st.integers(1, 10**8), STEPS)
def test_every_decimal_on_the_grid_is_left_as_it_is(count, step):
    decimal = float(Decimal(count) * Decimal(str(step)))
    assert floor_to_step(decimal, step) == decimal
    assert ceil_to_step(decimal, step) == decimal


def test_a_step_that_does_not_divide_one_still_gives_multiples():
    assert floor_to_step(11.0, 5.0) == 10.0
    assert ceil_to_step(11.0, 5.0) == 15.0
    assert floor_to_step(1.0, 0.3) == 0.9


def test_fills_round_against_the_trader():
    assert round_against(100.03, 1, 0.1) == 100.1
    assert round_against(100.07, -1, 0.1) == 100.0


@given(VALUES, STEPS)
def test_floor_never_exceeds_and_misses_by_less_than_a_step(value, step):
    # The tolerance of a quotient is 1e-9 steps plus the rounding of the quotient itself.
    slack = 1e-9 * step + 1e-12 * max(value, 1.0)
    floored = floor_to_step(value, step)
    assert floored <= value + slack
    assert floored > value - step - slack


@given(VALUES, STEPS)
def test_floor_and_ceil_bracket_the_value_by_at_most_one_step(value, step):
    low, high = floor_to_step(value, step), ceil_to_step(value, step)
    assert high - low <= step * (1 + 1e-6) + 1e-12 * max(value, 1.0)
    assert low <= high
