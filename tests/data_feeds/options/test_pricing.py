"""European puts: a textbook's numbers, put-call parity, bounds."""

import math

import pytest
import QuantLib
from hypothesis import given
from hypothesis import strategies as st

from data_feeds.options.pricing import put_price, undiscounted

# Black-Scholes written out, independent of the library.


def normal(x: float) -> float:
    return 0.5 * (1 + math.erf(x / math.sqrt(2)))


def oracle(spot, strike, years, volatility, rate, dividend_yield):
    """Return (call, put)."""
    deviation = volatility * math.sqrt(years)
    d1 = (math.log(spot / strike) + (rate - dividend_yield) * years) / deviation + deviation / 2
    d2 = d1 - deviation
    carried, discounted = spot * math.exp(-dividend_yield * years), strike * math.exp(-rate * years)
    call = carried * normal(d1) - discounted * normal(d2)
    return call, discounted * normal(-d2) - carried * normal(-d1)


def test_the_textbook_put() -> None:
    # Hull, Options, Futures and Other Derivatives: S 42, K 40, r 10%, 20%, half a year: put 0.81.
    price = put_price(42.0, 40.0, 0.5, volatility=0.2, rate=0.1, dividend_yield=0.0)
    assert price == pytest.approx(0.8086, abs=5e-5)


ASSUMED = {
    "spot": st.floats(50, 500),
    "moneyness": st.floats(0.6, 1.3),
    "years": st.floats(0.01, 2),
    "volatility": st.floats(0.05, 1.2),
    "rate": st.floats(-0.01, 0.06),
    "dividend_yield": st.floats(0, 0.04),
}


@given(**ASSUMED)
def test_prices_agree_with_the_formula_written_out(
    spot, moneyness, years, volatility, rate, dividend_yield
) -> None:
    strike = spot * moneyness
    price = put_price(
        spot, strike, years, volatility=volatility, rate=rate, dividend_yield=dividend_yield
    )
    call, put = oracle(spot, strike, years, volatility, rate, dividend_yield)
    assert price == pytest.approx(put, abs=1e-9 * strike)
    # Parity: a put less a call is the discounted strike less the spot without its dividends.
    forward = spot * math.exp((rate - dividend_yield) * years)
    dear = math.exp(-rate * years) * QuantLib.blackFormula(
        QuantLib.Option.Call, strike, forward, volatility * math.sqrt(years)
    )
    assert dear == pytest.approx(call, abs=1e-9 * strike)
    owed = strike * math.exp(-rate * years) - spot * math.exp(-dividend_yield * years)
    assert price - dear == pytest.approx(owed, abs=1e-9 * strike)
    assert max(owed, 0.0) - 1e-9 * strike <= price <= strike * math.exp(-rate * years)


def test_at_expiry_a_put_is_its_intrinsic_value() -> None:
    sure = {"volatility": 0.2, "rate": 0.05, "dividend_yield": 0.01}
    assert put_price(90.0, 100.0, 0.0, **sure) == 10.0
    assert put_price(110.0, 100.0, -0.1, **sure) == 0.0


def test_the_strip_takes_puts_below_the_forward_and_calls_above() -> None:
    # At the forward: F x (2 N(s / 2) - 1), s = 0.1.
    assert undiscounted(100.0, 100.0, 0.1) == pytest.approx(100 * (2 * normal(0.05) - 1))
    assert undiscounted(80.0, 100.0, 0.1) < undiscounted(95.0, 100.0, 0.1)
    assert undiscounted(120.0, 100.0, 0.1) < undiscounted(105.0, 100.0, 0.1)
