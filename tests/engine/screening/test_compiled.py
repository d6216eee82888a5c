"""The formulas give the same bits in Python and in compiled code."""

import inspect
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from engine.costs import ceil_to_step, floor_to_step
from engine.costs.arithmetic import has_plain_steps
from engine.scalars import MARKED
from engine.screening.compiled import compiled

SAMPLES = 300
# The formulas with branches, roots or rounding; the kernel's own tests meet all the others.
JUDGED = (
    "floor_to_step",
    "ceil_to_step",
    "fill_price",
    "fee_paid",
    "range_fraction",
    "linear_size",
    "root_impact",
    "root_size",
    "price_in_tier",
    "setting_at",
    "reachable",
    "uncollected",
    "paid_share",
    "crossed_limit",
)
STEPS = (1.0, 0.5, 0.1, 0.01, 0.001, 1e-5, 2.0, 100.0)


def _numbers(rng: np.random.Generator, name: str, kind: str) -> list[Any]:
    """Return sample arguments of one parameter, of magnitudes that trading knows."""
    if kind == "bool":
        return [bool(value) for value in rng.integers(0, 2, SAMPLES)]
    if name in ("side", "direction"):
        return [int(value) for value in rng.choice([-1, 1], SAMPLES)]
    if kind == "int":
        return [int(value) for value in rng.integers(1, 126, SAMPLES)]
    if name in ("tick_size", "lot_size", "step"):
        return [float(value) for value in rng.choice(STEPS, SAMPLES)]
    signs = rng.choice([1.0, 1.0, 1.0, -1.0, 0.0], SAMPLES)
    return [float(value) for value in signs * np.exp(rng.uniform(-9, 14, SAMPLES))]


def _found(function: Callable[..., Any], given: tuple[Any, ...]) -> Any:
    """Return a result; NaN for an error: a division by zero, a negative number to a power."""
    try:
        return function(*given)
    except (ZeroDivisionError, ValueError, TypeError):
        return math.nan


@pytest.mark.parametrize("name", JUDGED)
def test_compiled_formula_gives_the_bits_of_python(name: str) -> None:
    # arrange: numbers with zeros and both signs, so that every branch and division is met
    (formula,) = [formula for formula in MARKED if formula.__name__ == name]
    rng = np.random.default_rng(17)
    arguments = inspect.signature(formula).parameters.values()
    rows = zip(*(_numbers(rng, a.name, a.annotation.__name__) for a in arguments), strict=True)
    machine = compiled(formula, kept=False)
    # act, assert
    for given in rows:
        expected, found = _found(formula, given), _found(machine, given)
        both_nan = math.isnan(expected) and math.isnan(found)
        assert both_nan or expected == found, (given, expected, found)


@pytest.mark.parametrize("step", STEPS)
def test_usual_steps_are_plain(step: float) -> None:
    assert has_plain_steps(step)


def test_a_step_of_three_tenths_needs_decimal_rounding() -> None:
    # 3 x 0.3 is 0.8999999999999999 in doubles, and 0.9 as a decimal
    assert 3 * 0.3 != 0.9
    assert floor_to_step(0.9, 0.3) == 0.9
    assert not has_plain_steps(0.3)


def test_multiples_of_a_whole_step_are_whole() -> None:
    assert ceil_to_step(201.0, 100.0) == 300.0
    assert floor_to_step(299.0, 100.0) == 200.0
