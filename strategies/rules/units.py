"""Check the units of an expression; a wrong one is an error with the number that was meant."""

from collections.abc import Mapping

from engine.api import ChannelKey, Instrument, units_of

UNDECLARED = "undeclared"
PLAIN = ""
RATIO = "x"
FRACTION = "fraction"
PERCENT = "percent"
# A share written as 3% or 25bp until it meets a number with a unit.
SHARES = {"%": 100.0, "bp": 10_000.0}
# Numbers without a dimension: a ratio less one is a fraction.
_PURE = frozenset({RATIO, FRACTION})
_LARGE_FRACTION = 5.0
_SCALES = (100.0, 0.01, 10_000.0, 0.0001)
_WORDS = {
    "points": "index points",
    "percent": "percent",
    "price": "a price",
    "base": "base units",
    "quote": "quote currency",
    "fraction": "a fraction",
    "x": "a ratio",
    "R": "multiples of R",
    "duration": "a length of time",
}


class WrongUnit(ValueError):
    """Two numbers of different units meet, or a number has a size its unit makes unlikely."""


def unit_of(records: Mapping[str, Instrument], key: ChannelKey, column: str) -> str:
    """Return the unit of a channel's column, ``undeclared`` while its record is not known."""
    record = records.get(key.instrument)
    return UNDECLARED if record is None else units_of(record, key)[column]


def words_of(unit: str) -> str:
    """Return a unit in words."""
    return _WORDS.get(unit, unit or "a plain number")


def share_in(value: float, suffix: str, unit: str) -> float:
    """Return a number written with % or bp in a unit: 3% is 0.03, against percent 3.

    Raises
    ------
    WrongUnit : the unit is neither a share nor undeclared; 3% of points says nothing.

    >>> share_in(3.0, "%", "fraction"), share_in(25.0, "bp", "percent")
    (0.03, 0.25)
    """
    if unit == PERCENT:
        return value * 100 / SHARES[suffix]
    if unit in (*_PURE, PLAIN, UNDECLARED, "x"):
        return value / SHARES[suffix]
    raise WrongUnit(
        f"{value:g}{suffix} beside {words_of(unit)}: a share is no amount of it; write a number, "
        f"or a share of a value such as 1.03 * close"
    )


def matched(left: str, right: str) -> str:
    """Return the unit of a sum, a difference or the two sides of a comparison.

    Raises
    ------
    WrongUnit : both are declared and differ.
    """
    if left == right or right in (PLAIN, UNDECLARED):
        return left
    if left in (PLAIN, UNDECLARED):
        return right
    if {left, right} <= _PURE:
        return FRACTION
    told = f"{words_of(left)} and {words_of(right)} cannot be compared or added"
    if FRACTION in (left, right) and {left, right} & {PERCENT, "points"}:
        told += "; divide the percent or points by 100"
    raise WrongUnit(told)


def changes_scale(unit: str, factor: float) -> bool:
    """Return whether a plain factor turns percent or points into fractions, or back.

    >>> changes_scale("points", 100.0), changes_scale("price", 100.0), changes_scale("points", 2.0)
    (True, False, False)
    """
    return unit in (FRACTION, PERCENT, "points") and factor in _SCALES


def product(left: str, right: str) -> str:
    """Return the unit of a product: a pure number changes no unit."""
    pure = (PLAIN, *_PURE)
    if left in pure:
        return right if right != PLAIN else left
    return left if right in pure else UNDECLARED


def quotient(left: str, right: str) -> str:
    """Return the unit of a quotient: equal units make a ratio."""
    if right == PLAIN:
        return left
    if left == right and left != UNDECLARED:
        return RATIO
    return left if right in _PURE else UNDECLARED


def check_size(name: str, unit: str, value: float) -> None:
    """Refuse a plain number whose size shows that another unit was meant.

    Raises
    ------
    WrongUnit : a number below 1 beside points, or of 5 and more beside a fraction.
    """
    if unit == "points" and 0 < abs(value) < 1:
        raise WrongUnit(f"{name} is in index points; did you mean {value * 100:g}?")
    if unit == FRACTION and abs(value) >= _LARGE_FRACTION:
        raise WrongUnit(f"{name} is a fraction; did you mean {value:g}%?")
