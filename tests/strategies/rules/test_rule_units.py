"""Rules of units: sums, products, shares and sizes."""

import pytest

from strategies.rules.units import WrongUnit, check_size, matched, product, quotient, share_in


@pytest.mark.parametrize(
    ("left", "right", "unit"),
    [
        ("price", "price", "price"),
        ("price", "", "price"),
        ("", "points", "points"),
        ("undeclared", "points", "points"),
        ("x", "fraction", "fraction"),
    ],
)
def test_a_sum_needs_equal_units_or_a_plain_number(left: str, right: str, unit: str) -> None:
    assert matched(left, right) == unit


def test_a_sum_of_two_declared_units_is_refused() -> None:
    with pytest.raises(WrongUnit, match="a price and percent cannot be compared or added"):
        matched("price", "percent")


@pytest.mark.parametrize(
    ("left", "right", "times", "by"),
    [
        ("price", "", "price", "price"),
        ("price", "price", "undeclared", "x"),
        ("price", "fraction", "price", "price"),
        ("price", "base", "undeclared", "undeclared"),
        ("", "", "", ""),
    ],
)
def test_products_and_quotients(left: str, right: str, times: str, by: str) -> None:
    assert (product(left, right), quotient(left, right)) == (times, by)


def test_a_share_of_points_says_nothing() -> None:
    assert share_in(3.0, "%", "percent") == 3.0
    assert share_in(3.0, "%", "undeclared") == 0.03
    with pytest.raises(WrongUnit, match="no amount of it"):
        share_in(3.0, "%", "points")


def test_zero_and_likely_sizes_pass() -> None:
    for unit, value in (("points", 0.0), ("points", 25.0), ("fraction", -0.1), ("percent", 0.2)):
        check_size("vix", unit, value)
    with pytest.raises(WrongUnit, match="did you mean 25"):
        check_size("VIX", "points", 0.25)
