"""The parts of the difference of two net results: worked by hand, and for any two trades."""

from collections.abc import Mapping
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.answers.run_diff.net_parts import PARTS, TradeMoney, net_parts, trade_money

LONG = TradeMoney(
    direction=1, quantity=10.0, entry=100.0, price_result=50.0, fees=-2.0, slippage=-1.0,
    funding=-0.5, income=0.0, borrow=0.0, other=0.0,
)  # fmt: skip


def test_half_the_size_is_half_the_net_result_and_nothing_else() -> None:
    # 46.5 net; half of every part.
    half = TradeMoney(1, 5.0, 100.0, 25.0, -1.0, -0.5, -0.25, 0.0, 0.0, 0.0)
    parts = net_parts(LONG, half)
    assert parts["size"] == pytest.approx(-46.5 / 2)
    assert [parts[name] for name in PARTS if name != "size"] == pytest.approx([0.0] * 8)


def test_an_entry_one_higher_costs_one_a_unit_and_leaves_the_exit_as_it_was() -> None:
    # The exit stays at 105: 10 x (105 - 101) = 40.
    parts = net_parts(LONG, replace(LONG, entry=101.0, price_result=40.0))
    assert parts["entry"] == pytest.approx(-10.0)
    assert parts["exit"] == pytest.approx(0.0)


def test_an_exit_one_higher_earns_one_a_unit() -> None:
    parts = net_parts(LONG, replace(LONG, price_result=60.0))
    assert parts["exit"] == pytest.approx(10.0)
    assert parts["entry"] == pytest.approx(0.0)


def test_a_short_gains_from_a_higher_entry() -> None:
    # Short 10 from 100 to 95; from 101 to 95 the result is 60.
    short = replace(LONG, direction=-1)
    parts = net_parts(short, replace(short, entry=101.0, price_result=60.0))
    assert parts["entry"] == pytest.approx(10.0)
    assert parts["exit"] == pytest.approx(0.0)


def test_size_and_price_share_their_joint_effect_evenly() -> None:
    # 10 units earn 5 each, 20 units earn 7 each: 140 - 50 = 90 = 10 x 6 + 15 x 2.
    after = TradeMoney(1, 20.0, 100.0, 140.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
    parts = net_parts(replace(LONG, fees=0.0, slippage=0.0, funding=0.0), after)
    assert (parts["size"], parts["exit"]) == pytest.approx((60.0, 30.0))


amounts = st.floats(-1e6, 1e6)
prices = st.floats(1e-3, 1e6)
trades = st.builds(
    TradeMoney,
    direction=st.just(1), quantity=st.floats(1e-3, 1e5), entry=prices, price_result=amounts,
    fees=amounts, slippage=amounts, funding=amounts, income=amounts, borrow=amounts, other=amounts,
)  # fmt: skip


@given(trades, trades)
def test_the_parts_add_up_and_change_sign_with_the_order_of_the_runs(a, b) -> None:
    forth, back = net_parts(a, b), net_parts(b, a)
    scale = max(1.0, *(abs(part) for part in forth.values()), abs(a.net), abs(b.net))
    assert tuple(forth) == PARTS
    assert sum(forth.values()) == pytest.approx(b.net - a.net, abs=1e-9 * scale)
    for part in PARTS:
        assert forth[part] == pytest.approx(-back[part], abs=1e-9 * scale)


def test_the_entry_of_an_inverse_perp_is_valued_in_coins() -> None:
    # 1,000 contracts of 1 USD from 10,000: worth -1/10,000 coins each; from 8,000: -1/8,000.
    # Both leave at 12,500 (-0.00008): 1,000 x 0.00002 and 1,000 x 0.000045 coins.
    def row(net: float) -> dict[str, float]:
        zero = dict.fromkeys(("fees", "slippage_cost", "funding", "income"), 0.0)
        return {"direction": 1, "gross_pnl": net, "net_pnl": net, **zero}

    def inverse(fill: Mapping[str, float]) -> float:
        return -1.0 / fill["raw_price"]

    fills = [[{"quantity": 1_000.0, "raw_price": price}] for price in (10_000.0, 8_000.0)]
    before = trade_money(row(0.02), fills[0], inverse)
    after = trade_money(row(0.045), fills[1], inverse)
    parts = net_parts(before, after)
    assert parts["entry"] == pytest.approx(1_000 * (1 / 8_000 - 1 / 10_000))
    assert parts["exit"] == pytest.approx(0.0, abs=1e-12)
    assert parts["other"] == 0.0
