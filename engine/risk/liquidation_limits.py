"""Bound a size by the cash of its wallet and by the price at which it is liquidated.

``docs/risk.md`` has each formula, ``docs/sizing.md`` a worked example.
"""

import math

from engine.config.models import MarginMode
from engine.contracts import BorrowedShort, MarginTerms
from engine.costs.arithmetic import fee_of
from engine.decision_terms import RefusalRule
from engine.risk.sizing_request import OWNED, SizingRequest, SizingRules
from engine.scalars import scalar

UNLIMITED = math.inf


def _nearest_liquidation(request: SizingRequest, distance: float) -> float:
    """Return the nearest allowed liquidation price: ``distance`` stop distances away."""
    return nearest_liquidation(request.entry, request.stop, request.direction, distance)


@scalar
def nearest_liquidation(entry: float, stop: float, side: int, distance: float) -> float:
    """Return the price that lies ``distance`` stop distances from the entry, at least 0."""
    return max(entry - side * (distance * abs(entry - stop)), 0.0)


@scalar
def loss_and_fee(loss: float, unit: float, fee_rate: float) -> float:
    """Return the loss of one unit with the fee of its entry."""
    return loss + unit * fee_rate


@scalar
def margin_left(margin: float, quantity: float, distance: float, held_loss: float) -> float:
    """Return the margin that is left when a price has moved a distance against a size."""
    return margin - (quantity * distance + held_loss)


@scalar
def backed_size(  # noqa: PLR0917 - compiled code takes no keywords
    collateral: float, before: float, rate: float, deduction: float, loss: float, required: float
) -> float:
    """Return the size at which loss and maintenance of one tier use up a collateral.

    ``before`` is the notional that is held, ``loss`` and ``required`` are those of one unit.
    """
    return (collateral + deduction - before * rate) / (loss + required * rate)


@scalar
def payable_unit(unit: float, share: float, fees: float, slippage: float) -> float:
    """Return the cash that one unit of an entry takes, the fees of entry and exit included."""
    return unit * (share + fees + slippage)


@scalar
def round_trip_fees(rate: float) -> float:
    """Return the fees that a margined entry keeps in cash: its own and that of its exit."""
    return 2 * rate


def liquidation_cap(request: SizingRequest, rules: SizingRules) -> float:
    """Return the largest size whose liquidation price is far enough, by what backs the position."""
    contract, distance = request.contract, rules.risk.liquidation_distance
    if distance is None or not isinstance(contract, BorrowedShort):
        return _cross_liquidation_cap(request, rules)
    return _cover_cap(request, contract, _nearest_liquidation(request, distance))


def _cover_cap(request: SizingRequest, short: BorrowedShort, price: float) -> float:
    """Return the largest short that the broker does not cover before a price.

    At that price P the cash, with the proceeds less fee and slippage, must be the maintenance of
    (held + q) x P: ``cash + q x p = m x (h + q) x P``. Impact is left out.
    """
    costs, held = request.costs, request.held.quantity
    proceeds = request.unit * (1.0 - costs.entry_fee - costs.entry_slippage)
    each = short.cash_needed(1.0, price) - proceeds
    room = request.collateral - short.cash_needed(held, price)
    return max(room, 0.0) / each if each > 0 else UNLIMITED


def _cross_liquidation_cap(request: SizingRequest, rules: SizingRules) -> float:
    """Return the largest size that the wallet backs at the nearest allowed liquidation price.

    At that price P the wallet, less the entry fee and the loss, must cover the maintenance margin
    of held + q, at P or by the terms at their entries. The requirement is piecewise linear in q, so
    one tier holds the root; where it jumps, the higher rate of the next tier holds.
    """
    distance = rules.risk.liquidation_distance
    if (
        distance is None
        or not request.contract.is_margined
        or rules.account.margin_mode is not MarginMode.CROSS
    ):
        return UNLIMITED
    price, held = _nearest_liquidation(request, distance), request.held
    collateral = request.collateral - max(_held_loss(request, price), 0.0)
    if collateral <= 0:
        return 0.0
    contract, on_entry = request.contract, rules.margin.on_entry
    unit, loss = request.unit, contract.unit_distance(request.entry, price)
    if math.isinf(loss):
        return 0.0
    loss = loss_and_fee(loss, unit, request.costs.entry_fee)
    required = unit if on_entry else contract.unit_notional(price)
    before = 0.0
    if held.quantity > 0:
        before = contract.notional(held.quantity, held.average_entry if on_entry else price)
    for tier in rules.margin.tiers:
        quantity = backed_size(collateral, before, tier.rate, tier.deduction, loss, required)
        if before + quantity * required < tier.ceiling:
            return max(quantity, 0.0)
    raise AssertionError("the last tier has no ceiling")


def _held_loss(request: SizingRequest, price: float) -> float:
    """Return the loss of the earlier tranches at a price, quote; negative for a gain."""
    held = request.held
    if held.quantity == 0:
        # Without a position there is no average entry, and an inverse contract has no value at 0.
        return 0.0
    return -request.contract.profit(held.quantity * request.direction, held.average_entry, price)


def leverage_setting(
    request: SizingRequest, rules: SizingRules, before_cash: float
) -> tuple[int, RefusalRule | None]:
    """Return the initial-margin setting, and the rule that forbids all of them, None for none.

    It is the highest setting whose margin is enough, at the size that the caps and the free wallet
    allow with it. Cross with a liquidation distance needs no check: its cap bounds the size. A plan
    keeps the setting that it began with.
    """
    fixed = request.held.leverage_setting or rules.account.leverage_setting
    distance = rules.risk.liquidation_distance
    highest = fixed if fixed is not None else rules.risk.max_leverage_setting
    highest = min(highest, _highest_setting(request, rules.margin, before_cash, highest))
    if distance is not None and rules.account.margin_mode is MarginMode.CROSS:
        return highest, None
    payment, stressed = EntryPayment(request, 0.0), StressedEntry(request, rules)
    for setting in (highest,) if fixed is not None else range(highest, 0, -1):
        quantity = min(before_cash, affordable_size(request, setting, payment))
        if stressed.has_margin(quantity, setting):
            return setting, None
    off = distance is None
    return highest, RefusalRule.BELOW_MAINTENANCE if off else RefusalRule.LIQUIDATION_DISTANCE


class StressedEntry:
    """Judges the margin of an entry at the nearest liquidation price allowed.

    Without a liquidation distance that price is the entry, and margin must be left over: a position
    at its requirement is liquidated at once.
    """

    def __init__(self, request: SizingRequest, rules: SizingRules) -> None:
        distance = rules.risk.liquidation_distance
        self._request, self._terms, self._distance = request, rules.margin, distance
        self._is_cross = rules.account.margin_mode is MarginMode.CROSS
        self._price = request.entry if distance is None else _nearest_liquidation(request, distance)
        # The parts that depend on no size and no setting.
        self._lost_per_unit = request.contract.unit_distance(request.entry, self._price)
        self._held_loss = _held_loss(request, self._price)

    def has_margin(self, quantity: float, setting: int) -> bool:
        """Return whether the margin of a size covers its maintenance."""
        if self._distance is None and quantity == 0:
            # The minimum size refuses it, with the cap that bound.
            return True
        request, contract = self._request, self._request.contract
        if self._is_cross:
            notional = contract.notional(quantity, request.entry)
            margin = request.collateral - fee_of(notional, request.costs.entry_fee)
        else:
            initial = contract.initial_margin(quantity, request.entry, setting)
            margin = request.held.isolated_margin + initial
        left = margin_left(margin, quantity, self._lost_per_unit, self._held_loss)
        required = _requirement(request, quantity, self._price, self._terms)
        return left > required if self._distance is None else left >= required


def _highest_setting(
    request: SizingRequest, terms: MarginTerms, before_cash: float, asked: int
) -> int:
    """Return the highest setting that the venue allows at the size that cash affords with one."""
    if terms.highest_setting is None:
        return asked
    # A lower setting affords no larger size, so the first answer holds.
    size = min(before_cash, affordable_size(request, min(asked, terms.highest_setting)))
    value = request.contract.notional(request.held.quantity + size, request.entry)
    return terms.highest_at(value) or asked


def _requirement(
    request: SizingRequest, quantity: float, price: float, terms: MarginTerms
) -> float:
    """Return the maintenance margin of the position after an entry, at a mark."""
    held, contract, average = request.held, request.contract, request.entry
    if terms.on_entry and held.quantity > 0:
        average = contract.average_entry(held.quantity, held.average_entry, quantity, average)
    return contract.maintenance(held.quantity + quantity, average, price, terms)


class EntryPayment:
    """Pays an entry at one slippage from the free cash; a size follows for each setting."""

    def __init__(self, request: SizingRequest, slippage: float) -> None:
        costs, contract = request.costs, request.contract
        # The notional allows for the slippage.
        unit = contract.slipped_notional(request.entry, request.direction, slippage)
        if request.reserve > 0:
            unit = max(unit, contract.unit_notional(request.reserve))
        self._unit, self._costs, self._contract = unit, costs, contract
        self._free = max(request.free_cash, 0.0)
        self._orders = costs.sized_entry(unit, request.held.ordered)

    def size(self, setting: int) -> float:
        """Return the largest size that is paid."""
        costs, share = self._costs, self._contract.margin_share(setting)
        fees = costs.exit_fee if setting == OWNED else round_trip_fees(costs.exit_fee)
        per_unit = payable_unit(self._unit, share, fees, costs.entry_slippage)
        return costs.slippage.largest(self._free, per_unit, self._orders)


def affordable_size(
    request: SizingRequest, setting: int, payment: EntryPayment | None = None
) -> float:
    """Return the size that free cash pays for: margin or full price, fees and slippage.

    A limit order is paid for at its own price, where that takes more than the estimate. Fees are
    the taker's even for a limit entry, which may cross at once; a margined plan also keeps the fee
    of its exit. The slippage of the first solution bounds that of the second. ``payment`` is that
    of the request without slippage, for a caller that asks about several settings.
    """
    costs, first = request.costs, (payment or EntryPayment(request, 0.0)).size(setting)
    if costs.rests or not request.contract.slippage_moves_notional:
        return first
    slipped = costs.slippage.fixed + costs.slippage.impact(first)
    return EntryPayment(request, slipped).size(setting)
