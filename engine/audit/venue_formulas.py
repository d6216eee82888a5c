"""The audit's own formulas, from the published rules; see docs/audit.md."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from data_feeds.trading_terms import MaintenanceBracket

# A decimal step has no exact binary form: a quotient this near to a whole number counts as whole.
STEP_SLACK = 1e-6
# A price on the grid differs from it by the rounding of a few operations.
ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class MarginBracket:
    """Maintenance requirement ``notional x rate - deduction`` for notionals in [floor, ceiling)."""

    floor: float
    ceiling: float
    rate: float
    deduction: float


def brackets(table: Sequence[MaintenanceBracket]) -> tuple[MarginBracket, ...]:
    """Return the brackets with the deductions that make the requirement continuous.

    At each floor both rows ask for the same margin:
    ``floor x rate_k - d_k = floor x rate_(k-1) - d_(k-1)``.
    """
    ceilings = [row.floor for row in table[1:]] + [math.inf]
    made: list[MarginBracket] = []
    for row, ceiling in zip(table, ceilings, strict=True):
        below = made[-1] if made else None
        owed = 0.0 if below is None else row.floor * below.rate - below.deduction
        made.append(MarginBracket(row.floor, ceiling, row.rate, row.floor * row.rate - owed))
    return tuple(made)


def requirement(notional: float, table: Sequence[MarginBracket]) -> float:
    """Return the maintenance margin of a notional (unsigned, quote)."""
    row = next(row for row in reversed(table) if notional >= row.floor)
    return notional * row.rate - row.deduction


def liquidation_mark(
    quantity: float, entry: float, margin: float, table: Sequence[MarginBracket]
) -> float:
    """Return the mark at which margin plus open profit equals the requirement; NaN for never.

    Long ``(q x entry - margin - d) / (q x (1 - r))``, short ``(q x entry + margin + d) /
    (q x (1 + r))``, unsigned q, in the bracket that contains ``q x P``. As the requirement is
    continuous, that is the first bracket whose ceiling lies above ``q x P``. A short without margin
    gets a price of zero or less, which any mark has reached.
    """
    size, side = abs(quantity), math.copysign(1.0, quantity)
    for row in table:
        price = (size * entry - side * (margin + row.deduction)) / (size * (1 - side * row.rate))
        if size * price < row.ceiling:
            return math.nan if side > 0 and price <= 0 else price
    return math.nan


def whole_steps(value: float, step: float) -> int:
    """Return how many whole steps fit into a value."""
    return math.floor(value / step + STEP_SLACK)


def on_grid(value: float, step: float) -> bool:
    """Return whether a value is a multiple of a step."""
    quotient = value / step
    return abs(quotient - round(quotient)) <= STEP_SLACK * max(1.0, abs(quotient) * 1e-6)


def against_trader(price: float, side: int, tick: float) -> float:
    """Return a price on the grid: buys pay the next tick up, sells get the next tick down."""
    quotient = price / tick
    nearest = round(quotient)
    # A model's price may lie a millionth of a tick beyond the grid: only rounding is no next tick.
    if abs(quotient - nearest) <= max(ROUNDING, 4 * math.ulp(quotient)):
        return nearest * tick
    return (math.ceil(quotient) if side > 0 else math.floor(quotient)) * tick


def is_beyond(price: float, level: float, side: int) -> bool:
    """Return whether a price has reached a level going up (``side`` +1) or down (-1)."""
    return price >= level if side > 0 else price <= level
