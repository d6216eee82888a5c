"""Random expressions: the vectorized evaluator gives what a slow loop gives, and never looks ahead.

150 expressions; with ``RISKOFF_SOAK=1`` there are 5,000.
"""

import math
import os
from collections import Counter

import numpy as np
import pytest

from tests.strategies.rules.expression_cases import (
    ExpressionCase,
    draw_case,
    evaluated,
    market,
    oracle,
    term_of,
)

CASES = 5_000 if os.environ.get("RISKOFF_SOAK") else 150
BATCH = 25
ROWS = 24


@pytest.mark.parametrize("first", range(0, CASES, BATCH))
def test_the_vectorized_evaluator_gives_what_the_slow_one_gives(first: int) -> None:
    for seed in range(first, first + BATCH):
        case = draw_case(seed, ROWS)
        found = evaluated(case, term_of(case), market())
        wanted = slow_values(case)
        for row, value in zip(case.rows, wanted, strict=True):
            assert same(found[row], value, is_truth=case.is_truth), (
                f"case {seed}, row {row} of {case.clock}: {found[row]!r}, slowly {value!r}: "
                f"{case.text}"
            )


def slow_values(case: ExpressionCase) -> list[float]:
    slow = oracle(case.clock)
    slow.forget()
    return [slow.value(case.text, row) for row in case.rows]


def same(found: float, wanted: float, *, is_truth: bool) -> bool:
    if is_truth or math.isnan(wanted) or math.isnan(found):
        return bool(found == wanted or (math.isnan(found) and math.isnan(wanted)))
    return math.isclose(found, wanted, rel_tol=1e-9, abs_tol=1e-13)
