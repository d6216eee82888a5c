"""Round the price levels of a plan to the tick grid and check them.

Levels are rounded against the plan: a protective stop towards the entry, so that the loss at the
stop never exceeds the one asked for; targets and entry levels away from the market.
"""

import math
from dataclasses import dataclass

from engine.costs import ceil_to_step, floor_to_step, round_against
from engine.decision_terms import RefusalRule
from engine.intents import Enter
from engine.records import OrderKind
from engine.scalars import scalar

# The rule that an intent breaks, and the reason in words.
BrokenRule = tuple[RefusalRule, str]


@dataclass(frozen=True, slots=True)
class PlanLevels:
    """Hold entry estimate, order price, stop and targets, quote, and the rule that they break.

    ``entry`` is the price at which the size and the other levels are judged, ``order`` that of a
    limit or stop entry (NaN for a market entry). ``reserve`` is the price at which the wallet is
    judged: a limit sets cash aside at its own price, though it may fill at a better one.
    ``crosses``: the market has already reached the order's price.
    """

    entry: float
    order: float
    reserve: float
    stop: float
    targets: tuple[float, ...]
    broken: BrokenRule | None
    crosses: bool = False


@scalar
def round_stop(stop: float, direction: int, tick_size: float) -> float:
    """Return a protective stop rounded towards the entry (a long's up, a short's down).

    >>> round_stop(29_999.97, 1, 0.1), round_stop(30_000.03, -1, 0.1)
    (30000.0, 30000.0)
    """
    return ceil_to_step(stop, tick_size) if direction > 0 else floor_to_step(stop, tick_size)


def plan_levels(
    intent: Enter, close: float, tick_size: float, *, slippage: float = 0.0
) -> PlanLevels:
    """Return the levels of an entry, with the first rule that they break.

    The entry estimate is the last close for a market entry, otherwise the intent's price: a limit
    rounded away from the market (buy down), a stop beyond its trigger (buy up). An order that the
    market has reached fills at the next open: the estimate of such a stop is the last close, that
    of such a limit the last close with ``slippage`` (a fraction), at most its own price. Targets
    are rounded farther from the entry.
    """
    numbers = (intent.stop, *(target.price for target in intent.targets), *_of_trail(intent))
    price = close if intent.price is None else intent.price
    if math.isnan(close) or not math.isfinite(price):
        why = "no bar is known yet" if math.isnan(close) else f"the entry price is {price}"
        return PlanLevels(
            math.nan, math.nan, math.nan, math.nan, (), (RefusalRule.PRICE_UNKNOWN, why)
        )
    if not all(math.isfinite(number) and number > 0 for number in (price, *numbers)):
        why = f"entry {price:,.6g}, stop, targets and trailing stop {numbers} must be positive"
        return PlanLevels(price, price, price, math.nan, (), (RefusalRule.BAD_LEVEL, why))
    side = intent.direction
    order = math.nan if intent.price is None else _round_entry(price, intent, tick_size)
    entry = _estimate(intent, order, close, slippage=slippage, tick_size=tick_size)
    stop = round_stop(intent.stop, side, tick_size)
    targets = tuple(round_target(target.price, side, tick_size) for target in intent.targets)
    is_limit = intent.kind is OrderKind.LIMIT
    return PlanLevels(
        entry,
        order,
        max(entry, order) if is_limit else entry,
        stop,
        targets,
        _broken(entry, stop, targets, side),
        crosses=_crosses(intent, order, close),
    )


def _of_trail(intent: Enter) -> tuple[float, ...]:
    """Return the numbers of a trailing stop, which must be positive; empty without one."""
    terms = intent.trailing
    given = () if terms is None else (terms.distance, terms.fraction, terms.beyond)
    return tuple(number for number in given if number is not None)


def _crosses(intent: Enter, order: float, close: float) -> bool:
    """Return whether the last price has reached the price of a limit or stop entry."""
    if intent.price is None:
        return False
    return has_crossed(intent.direction, intent.kind is OrderKind.STOP, order, close)


@scalar
def has_crossed(side: int, is_stop: bool, order: float, close: float) -> bool:
    """Return whether a price has reached the level of a stop or limit entry of a side."""
    towards = side if is_stop else -side
    return towards * (close - order) >= 0


def _estimate(
    intent: Enter, order: float, close: float, *, slippage: float, tick_size: float
) -> float:
    """Return the price at which an entry is likely to fill."""
    if intent.price is None or not _crosses(intent, order, close):
        return close if intent.price is None else order
    if intent.kind is OrderKind.STOP:
        return close
    return crossed_limit(intent.direction, order, close, slippage, tick_size)


@scalar
def crossed_limit(
    side: int, order: float, close: float, slippage: float, tick_size: float
) -> float:
    """Return the likely price of a limit entry that the market has reached."""
    likely = round_against(close * (1 + side * slippage), side, tick_size)
    return min(likely, order) if side > 0 else max(likely, order)


@scalar
def round_target(price: float, side: int, tick_size: float) -> float:
    """Return a level rounded away from the entry of a side (a long's up, a short's down)."""
    return ceil_to_step(price, tick_size) if side > 0 else floor_to_step(price, tick_size)


def _round_entry(price: float, intent: Enter, tick_size: float) -> float:
    return round_entry(price, intent.direction, intent.kind is OrderKind.STOP, tick_size)


@scalar
def round_entry(price: float, side: int, is_stop: bool, tick_size: float) -> float:
    """Return the level of an entry: a limit rounded away from the market, a stop beyond it."""
    return round_target(price, side if is_stop else -side, tick_size)


def _broken(entry: float, stop: float, targets: tuple[float, ...], side: int) -> BrokenRule | None:
    if not stop_is_placed(entry, stop, side):
        return (
            RefusalRule.STOP_SIDE,
            f"stop {stop:,.6g} is not on the losing side of entry {entry:,.6g}",
        )
    for target in targets:
        if not target_is_placed(entry, target, side):
            why = f"target {target:,.6g} is not on the winning side of entry {entry:,.6g}"
            return RefusalRule.TARGET_SIDE, why
    return None


@scalar
def stop_is_placed(entry: float, stop: float, side: int) -> bool:
    """Return whether a stop lies on the losing side of a positive entry."""
    return side * (entry - stop) > 0 and entry > 0


@scalar
def target_is_placed(entry: float, target: float, side: int) -> bool:
    """Return whether a target lies on the winning side of an entry."""
    return side * (target - entry) > 0
