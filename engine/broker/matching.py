"""The order in which the levels of one instrument fill inside one bar.

``resolve`` decides which levels are touched, ``execution`` the price of a fill.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from engine.broker import resolve
from engine.broker.book import Book, WorkingOrder
from engine.broker.cash_sharing import EntryDemand, common_factors
from engine.broker.collateral import Collateral
from engine.broker.execution import Execution
from engine.broker.match_context import MatchContext, venue_order
from engine.broker.price_range import PriceRange, after_entry, whole_bar
from engine.costs import floor_to_step, round_against
from engine.costs.arithmetic import affordable
from engine.decision_terms import EndReason
from engine.ledger import Ledger
from engine.records import FillStage, OrderKind, OrderRequest, OrderRole


@dataclass(frozen=True, slots=True)
class ClosedPlan:
    """Hold a plan that is flat again and its net cash with all costs, account currency."""

    at: int
    plan_id: int
    net_pnl: float


class Matcher:
    """Matches the open plan of an instrument against a bar's open and range.

    ``beyond`` holds, for each instrument, how far a price must trade beyond a limit, quote.
    """

    def __init__(
        self,
        book: Book,
        execution: Execution,
        collateral: Collateral,
        ledger: Ledger,
        beyond: Sequence[float],
    ) -> None:
        self.closed_plans: list[ClosedPlan] = []
        self._book = book
        self._execution = execution
        self._collateral = collateral
        self._ledger = ledger
        self._beyond = tuple(beyond)

    # The range of a bar that closes.

    def match_bar(self, context: MatchContext) -> None:
        """Match a bar's range: the closing orders of a position held from the open, then an entry.

        An entry on the way of prices to stop or liquidation fills before them.
        """
        bar = whole_bar(context.path, context.t, context.row)
        if context.position.quantity != 0.0 and not self._entry_comes_first(context, bar):
            self.match_range(context, bar)
        self._match_resting_entry(context, bar)

    def stop_is_touched(self, context: MatchContext) -> bool:
        """Return whether the bar reaches the stop of a position that is held from its open."""
        held = context.position.quantity != 0.0
        return held and self._stop_is_met(context, whole_bar(context.path, context.t, context.row))

    def match_range(self, context: MatchContext, part: PriceRange) -> None:
        """Match a part of a bar against stop, liquidation and targets, the adverse extreme first.

        Of stop and liquidation, the level nearer to the start of its own price path fills. A stop
        that is touched prevents the fill of every target.
        """
        stop = context.stop()
        stop_hit = self._stop_is_met(context, part)
        stop_first = stop is not None and stop_hit and self._stop_is_nearer(context, stop, part)
        if not stop_first and self._liquidation_is_met(context, part):
            self._liquidate_in_range(context, part)
        elif stop is not None and stop_hit:
            self._trigger_stop(context, stop, context.stop_level(stop, part))
            # A liquidation price that is touched as well closes the rest of a stop.
            if context.position.quantity != 0.0 and self._liquidation_is_met(context, part):
                self._liquidate_in_range(context, part)
        elif not (stop is not None and stop.triggered):
            for target in self._targets_met(context, part):
                # The target before may have closed the plan.
                if target.is_working:
                    self._take_target(context, target, target.request.price)
        for trail in context.plan.trailing():
            trail.pass_part(part, context.t, context.when.at)

    def _stop_is_met(self, context: MatchContext, part: PriceRange) -> bool:
        stop = context.stop()
        if stop is None or stop.triggered:
            return False
        level = context.stop_level(stop, part)
        return bool(resolve.stop_touched(stop.request.side, level, part.low, part.high))

    def _liquidation_is_met(self, context: MatchContext, part: PriceRange) -> bool:
        level = self._collateral.liquidation_level(context.k, context.t)
        return bool(
            resolve.liquidation_touched(
                context.position.quantity, level, part.mark_low, part.mark_high
            )
        )

    def _liquidate_in_range(self, context: MatchContext, part: PriceRange) -> None:
        """Liquidate at the level, or at the start of the mark's path if that is worse.

        The loss of another position can move the level beyond this bar's open, as in a gap.
        """
        level = self._collateral.liquidation_level(context.k, context.t)
        worst = min if context.position.quantity > 0 else max
        self._liquidate(context, level, worst(level, part.mark_from))

    def _entry_comes_first(self, context: MatchContext, bar: PriceRange) -> bool:
        """Return whether the rest of an entry lies between the open and the levels reached.

        Those levels are stop and liquidation, or the targets if neither is reached: a rest that the
        open had crossed lies on the way to the target.
        """
        entry, side = context.plan.entry, 1 if context.position.quantity > 0 else -1
        if not self._rests_within(context, entry, bar):
            return False
        level, way = _level(entry), -side
        ends = self._adverse_levels(context, bar)
        if not ends:
            way = side
            ends = [_level(target) for target in self._targets_met(context, bar)]
        on_the_way = way * (level - bar.last_from) >= 0
        return bool(ends) and on_the_way and all(way * (end - level) > 0 for end in ends)

    def _adverse_levels(self, context: MatchContext, part: PriceRange) -> list[float]:
        """Return the levels of stop and liquidation within a part of a bar."""
        stop, levels = context.stop(), []
        if stop is not None and self._stop_is_met(context, part):
            levels.append(context.stop_level(stop, part))
        if self._liquidation_is_met(context, part):
            levels.append(self._collateral.liquidation_level(context.k, context.t))
        return levels

    def _targets_met(self, context: MatchContext, part: PriceRange) -> list[WorkingOrder]:
        """Return the working targets that a part of a bar fills, nearest first."""
        return [
            target
            for target in context.plan.working_targets()
            if context.may_fill(target) and self._fills_within(context, target.request, part)
        ]

    def _rests_within(self, context: MatchContext, entry: WorkingOrder, bar: PriceRange) -> bool:
        """Return whether the rest of a limit or stop entry fills inside the bar."""
        return (
            not entry.trades_at_market
            and context.may_fill(entry)
            and self._fills_within(context, entry.request, bar)
        )

    def _match_resting_entry(self, context: MatchContext, bar: PriceRange) -> None:
        """Fill an entry inside its bar, then the levels that the rest of the bar proves."""
        entry = context.plan.entry
        if not self._rests_within(context, entry, bar):
            return
        held = context.position.quantity
        level = _level(entry)
        free = self._collateral.free_for(context.k, context.t)
        self._enter(context, level, self._demand(context, level), free=free)
        filled = context.position.quantity != held
        if filled:
            self._take_passed(context, level)
        if context.position.quantity != 0.0:
            rest = after_entry(context.path, context.t, context.row, level) if filled else bar
            self.match_range(context, rest)

    def _take_passed(self, context: MatchContext, level: float) -> None:
        """Fill the targets that the entry's level has passed, at that level, as at an open."""
        for target in context.plan.working_targets():
            request = target.request
            reach = resolve.reach(
                _kind(request), request.side, request.price, self._beyond[context.k]
            )
            passed = resolve.limit_touched(request.side, reach, level, level)
            if passed and target.is_working and context.may_fill(target):
                self._take_target(context, target, level)

    # The open of a bar.

    def match_open(self, context: MatchContext) -> None:
        """Match liquidation, stop, targets and exits against the open price, in this order."""
        position, plan = context.position, context.plan
        if position.quantity == 0.0:
            return
        mark_open = float(context.path.mark_open[context.t])
        level = self._collateral.liquidation_level(context.k, context.t)
        if resolve.liquidation_touched(position.quantity, level, mark_open, mark_open):
            self._liquidate(context, level, mark_open)
            return
        price = float(context.path.open_price[context.t])
        if math.isnan(price):
            return
        stop = plan.stop
        if (
            stop is not None
            and stop.is_working
            and (
                stop.triggered or resolve.stop_touched(stop.request.side, stop.level, price, price)
            )
        ):
            self._trigger_stop(context, stop, price)
            return
        for target in plan.working_targets():
            request = target.request
            if context.may_fill(target) and resolve.limit_touched(
                request.side, request.price, price, price
            ):
                self._take_target(context, target, price)
        for order in [order for order in plan.exits if order.is_working]:
            self._exit(context, order, price)

    def match_open_entries(self, contexts: Sequence[MatchContext]) -> None:
        """Fill the entries of one open; a wallet that cannot pay them all cuts them by one factor.

        The free cash of each wallet is read once, before the first fill. Stops and targets of the
        new positions are matched against the same open after all entries.
        """
        demands: list[tuple[MatchContext, EntryDemand | None]] = []
        for context in contexts:
            entry, price = context.plan.entry, float(context.path.open_price[context.t])
            if not entry.is_working or math.isnan(price):
                continue
            if entry.trades_at_market or self._meets_open(entry.request, price):
                demands.append((context, self._demand(context, price)))
        if not demands:
            return
        free = [self._collateral.free_for(context.k, context.t) for context, _ in demands]
        factors = common_factors(
            (context.path.instrument.wallet, demand.need, cash)
            for (context, demand), cash in zip(demands, free, strict=True)
            if demand is not None
        )
        for (context, demand), cash in zip(demands, free, strict=True):
            held = context.position.quantity
            factor = factors.get(context.path.instrument.wallet, 1.0)
            self._enter(
                context, float(context.path.open_price[context.t]), demand, free=cash, factor=factor
            )
            if held == 0.0 and context.position.quantity != 0.0:
                self._collateral.opened(context.k, context.t)
        for context, _ in demands:
            self.match_open(context)

    # Fills.

    def _meets_open(self, request: OrderRequest, price: float) -> bool:
        """Return whether an open price has reached the level of an order."""
        kind = _kind(request)
        return bool(resolve.level_touched(kind, request.side, request.price, price, price))

    def _fills_within(self, context: MatchContext, request: OrderRequest, part: PriceRange) -> bool:
        """Return whether a part of a bar fills a resting order at its level.

        A level outside the part was crossed earlier; the rest of such an order waits for the next
        open.
        """
        kind, low, high = _kind(request), part.low, part.high
        level = resolve.reach(kind, request.side, request.price, self._beyond[context.k])
        touched = resolve.level_touched(kind, request.side, level, low, high)
        return bool(touched) and low <= request.price <= high

    def _stop_is_nearer(self, context: MatchContext, stop: WorkingOrder, part: PriceRange) -> bool:
        return not resolve.liquidation_comes_first(
            self._collateral.liquidation_level(context.k, context.t),
            part.mark_from,
            context.stop_level(stop, part),
            part.last_from,
        )

    def _demand(self, context: MatchContext, raw: float) -> EntryDemand | None:
        """Return the demand of an entry on its wallet at a price, None if no volume is left."""
        entry, path, execution = context.plan.entry, context.path, self._execution
        quantity = min(entry.request.quantity - entry.filled, context.room)
        if quantity <= 0:
            return None
        rests = entry.request.kind is OrderKind.LIMIT
        price = raw if rests else execution.taker_price(path, entry, raw, quantity, context.when)[0]
        rate = execution.fee_rate(path, maker=False)
        per_unit = execution.cost_per_unit(path, entry, price, rate=rate)
        budget, lot = entry.request.spend_limit, path.instrument.lot_size
        within = quantity if math.isnan(budget) else affordable(budget, per_unit, lot)
        risked = self._risked(context, price)
        bound = EndReason.RISK_ASKED if risked < within else EndReason.BUDGET
        return EntryDemand(quantity, min(quantity, within, risked), per_unit, bound)

    def _risked(self, context: MatchContext, price: float) -> float:
        """Return the largest fill of the entry at a price within its limit of R, base units.

        Infinite for an order without such a limit.
        """
        plan, instrument = context.plan, context.path.instrument
        request = plan.entry.request
        paid = round_against(price, request.side, instrument.tick_size)
        contract = context.path.contract
        distance = contract.unit_distance(paid, plan.first_stop)
        if math.isnan(request.risk_limit) or distance == 0:
            return math.inf
        average = context.position.average_entry
        used = plan.initial_risk(contract, average) if plan.entered > 0 else 0.0
        return affordable(request.risk_limit - used, distance, instrument.lot_size)

    def _enter(
        self,
        context: MatchContext,
        raw: float,
        demand: EntryDemand | None,
        *,
        free: float,
        factor: float = 1.0,
    ) -> None:
        """Fill an entry as far as volume, budget and free cash allow.

        ``free`` is the cash of its wallet before any entry of this instant, ``factor`` the share of
        each entry that the wallet can pay.
        """
        entry, path, plan = context.plan.entry, context.path, context.plan
        rests = entry.request.kind is OrderKind.LIMIT
        # The rest of a touched stop entry trades at the next opens.
        entry.triggered = entry.request.kind is OrderKind.STOP
        if demand is None:
            return
        lot = path.instrument.lot_size
        afford = affordable(free, demand.per_unit, lot)
        if factor < 1:
            afford = min(afford, floor_to_step(demand.within_budget * factor, lot))
        short_of = EndReason.FREE_CASH if afford < demand.within_budget else demand.bound
        quantity = min(demand.within_budget, afford)
        if quantity > 0:
            self._execution.fill(
                path, entry, quantity=quantity, raw=raw, when=context.when, rests=rests
            )
            plan.entered += quantity
            context.use(quantity)
        at = context.when.at
        if quantity < demand.quantity:
            self._book.cut(entry, at, short_of)
        elif entry.filled >= entry.request.quantity * (1 - 1e-12):
            self._book.fill(entry, at)
        if plan.entered == 0.0 and not entry.is_working:
            self._book.close_plan(plan, at, EndReason.ENTRY_REJECTED)

    def _trigger_stop(self, context: MatchContext, stop: WorkingOrder, raw: float) -> None:
        """Fill a stop as far as the bar's volume allows; the rest trades at the next opens.

        The first fill ends the plan's other exits.
        """
        plan, at = context.plan, context.when.at
        if not stop.triggered:
            stop.triggered = True
            if stop.trail is not None and context.stage is FillStage.RANGE:
                stop.trail.stop_at(raw)
            if stop is plan.outgoing_stop:
                plan.stop, plan.outgoing_stop = stop, plan.stop
            for order in [plan.entry, *plan.exits]:
                self._book.cancel(order, at, EndReason.STOP_TRIGGERED)
        if context.room > 0:
            moved = [] if plan.outgoing_stop is None else [plan.outgoing_stop]
            for order in [*plan.targets, *moved]:
                self._book.cancel(order, at, EndReason.STOP_TRIGGERED)
            plan.outgoing_stop = None
        self._reduce(context, stop, raw, abs(context.position.quantity), rests=False)

    def _take_target(self, context: MatchContext, target: WorkingOrder, raw: float) -> None:
        held, lot = context.position.quantity, context.path.instrument.lot_size
        wanted = context.plan.target_quantity(target, held, lot)
        if wanted <= 0 and target is context.plan.working_targets()[-1]:
            return
        if wanted <= 0:
            # Its fraction is below one lot; the farthest target closes the rest.
            self._book.cancel(target, context.when.at, EndReason.BELOW_ONE_LOT)
            return
        self._book.cancel(context.plan.entry, context.when.at, EndReason.TARGET_REACHED)
        self._reduce(context, target, raw, wanted, rests=True)

    def _exit(self, context: MatchContext, order: WorkingOrder, raw: float) -> None:
        held, requested = abs(context.position.quantity), order.request.quantity
        wanted = held if math.isnan(requested) else min(requested - order.filled, held)
        self._reduce(context, order, raw, wanted, rests=False)

    def _reduce(
        self, context: MatchContext, order: WorkingOrder, raw: float, wanted: float, *, rests: bool
    ) -> None:
        """Close a part of the position; end the order when filled, the plan when it is flat."""
        quantity = min(wanted, context.room)
        if quantity <= 0:
            return
        self._execution.fill(
            context.path, order, quantity=quantity, raw=raw, when=context.when, rests=rests
        )
        context.use(quantity)
        if quantity == wanted:
            self._book.fill(order, context.when.at)
        if context.position.quantity == 0.0:
            self._book.fill(order, context.when.at)
            self.close(context, EndReason.flat_after(order.request.role))

    def _liquidate(self, context: MatchContext, level: float, raw: float) -> None:
        """Close the whole position for the venue at any volume and cancel the plan's orders."""
        quantity = context.position.quantity
        why = "maintenance margin breached"
        request = venue_order(context, OrderRole.LIQUIDATION, OrderKind.STOP, level, why)
        order = self._book.submit(request, context.when.at, context.when.at)
        path, size, when = context.path, abs(quantity), context.when
        price = self._collateral.takeover_price(context.k, context.t)
        if math.isnan(price):
            self._execution.liquidate(path, order, quantity=size, raw=raw, when=when)
        else:
            self._execution.take_over(path, order, quantity=size, price=price, when=when)
        self._book.fill(order, when.at)
        self.close(context, EndReason.LIQUIDATION)

    def close(self, context: MatchContext, reason: EndReason) -> None:
        """End a plan that is flat again, with its orders."""
        self._book.close_plan(context.plan, context.when.at, reason)
        net = self._ledger.plan_cash[context.plan.plan_id]
        self.closed_plans.append(ClosedPlan(context.when.at, context.plan.plan_id, net))


def _kind(request: OrderRequest) -> int:
    return resolve.STOP if request.kind is OrderKind.STOP else resolve.LIMIT


def _level(order: WorkingOrder) -> float:
    return order.request.price
