"""What one bar does to one instrument's orders: the order of time inside a bar.

``resolve`` says what is touched; this module says in which order, ``execution`` at which price.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from engine.broker import resolve
from engine.broker.book import Book, WorkingOrder
from engine.broker.collateral import Collateral
from engine.broker.execution import Execution
from engine.broker.sharing import EntryAsk, affordable, common_factors
from engine.broker.stretch import Stretch, after_entry, whole_bar
from engine.broker.turn import Turn, venue_order
from engine.costs import floor_to_step, round_against
from engine.ledger import Ledger
from engine.records import NAN, OrderKind, OrderRequest, OrderRole, OrderStatus


@dataclass(frozen=True, slots=True)
class ClosedPlan:
    """A plan that is flat again, with its net cash (fees and funding included), quote."""

    at: int
    plan_id: int
    net_pnl: float


class Matcher:
    """Matches the live plan of an instrument against a bar's open and range.

    ``beyond`` says for each instrument how far a price must trade beyond a limit, quote.
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

    def match_bar(self, turn: Turn) -> None:
        """Match a bar's range: what closes a position held from its open, then a resting entry.

        An entry that prices meet on their way to stop or liquidation comes before them.
        """
        bar = whole_bar(turn.path, turn.t, turn.row)
        if turn.position.quantity != 0.0 and not self._entry_comes_first(turn, bar):
            self.match_range(turn, bar)
        self._match_resting_entry(turn, bar)

    def stop_is_touched(self, turn: Turn) -> bool:
        """Whether the bar's range reaches the protective stop that works for this bar."""
        return self._stop_is_met(turn, float(turn.path.low[turn.t]), float(turn.path.high[turn.t]))

    def match_range(self, turn: Turn, part: Stretch) -> None:
        """Match a part of a bar against what closes the position; the adverse extreme comes first.

        Of stop and liquidation the one nearer to where its own path begins wins; a stop that is
        touched keeps every target from filling.
        """
        stop = turn.stop()
        stop_hit = self._stop_is_met(turn, part.low, part.high)
        stop_first = stop is not None and stop_hit and self._stop_is_nearer(turn, stop, part)
        if not stop_first and self._liquidation_is_met(turn, part):
            self._liquidate_in_range(turn, part)
        elif stop is not None and stop_hit:
            self._trigger_stop(turn, stop, stop.request.price)
            # What the bar's volume leaves of a stop does not outlive the liquidation price.
            if turn.position.quantity != 0.0 and self._liquidation_is_met(turn, part):
                self._liquidate_in_range(turn, part)
        elif not (stop is not None and stop.triggered):
            for target in self._targets_met(turn, part):
                # The one before may have closed the plan.
                if target.is_working:
                    self._take_target(turn, target, target.request.price)

    def _stop_is_met(self, turn: Turn, low: float, high: float) -> bool:
        stop = turn.stop()
        return (
            stop is not None
            and not stop.triggered
            and bool(resolve.stop_touched(stop.request.side, stop.request.price, low, high))
        )

    def _liquidation_is_met(self, turn: Turn, part: Stretch) -> bool:
        level = self._collateral.liquidation_level(turn.k, turn.t)
        return bool(
            resolve.liquidation_touched(
                turn.position.quantity, level, part.mark_low, part.mark_high
            )
        )

    def _liquidate_in_range(self, turn: Turn, part: Stretch) -> None:
        """Liquidate at the level, or where the mark's path begins where that is worse.

        Another position's loss can put the level beyond this bar's open: then as at a gap.
        """
        level = self._collateral.liquidation_level(turn.k, turn.t)
        worst = min if turn.position.quantity > 0 else max
        self._liquidate(turn, level, worst(level, part.mark_from))

    def _entry_comes_first(self, turn: Turn, bar: Stretch) -> bool:
        """Whether prices meet the rest of an entry on their way from the open to what they reach.

        That is certain where stop or liquidation lies behind it, or a target alone does: a rest
        that the open had crossed is met on the way up to the target.
        """
        entry, side = turn.plan.entry, 1 if turn.position.quantity > 0 else -1
        if not self._rests_within(turn, entry, bar):
            return False
        level, way = _level(entry), -side
        ends = self._adverse_levels(turn, bar)
        if not ends:
            way = side
            ends = [_level(target) for target in self._targets_met(turn, bar)]
        on_the_way = way * (level - bar.last_from) >= 0
        return bool(ends) and on_the_way and all(way * (end - level) > 0 for end in ends)

    def _adverse_levels(self, turn: Turn, part: Stretch) -> list[float]:
        """Return the levels of stop and liquidation that a part of a bar reaches."""
        stop, levels = turn.stop(), []
        if stop is not None and self._stop_is_met(turn, part.low, part.high):
            levels.append(_level(stop))
        if self._liquidation_is_met(turn, part):
            levels.append(self._collateral.liquidation_level(turn.k, turn.t))
        return levels

    def _targets_met(self, turn: Turn, part: Stretch) -> list[WorkingOrder]:
        """Return the working targets that a part of a bar fills, nearest first."""
        return [
            target
            for target in turn.plan.working_targets()
            if turn.may_fill(target) and self._fills_within(turn, target.request, part)
        ]

    def _rests_within(self, turn: Turn, entry: WorkingOrder, bar: Stretch) -> bool:
        """Whether the rest of a limit or stop entry fills inside the bar."""
        return (
            not entry.trades_at_market
            and turn.may_fill(entry)
            and self._fills_within(turn, entry.request, bar)
        )

    def _match_resting_entry(self, turn: Turn, bar: Stretch) -> None:
        """Fill an entry inside its bar; then whatever the rest of the bar proves."""
        entry = turn.plan.entry
        if not self._rests_within(turn, entry, bar):
            return
        held = turn.position.quantity
        level = _level(entry)
        free = self._collateral.free_for(turn.k, turn.t)
        self._enter(turn, level, self._ask(turn, level), free=free)
        filled = turn.position.quantity != held
        if filled:
            self._take_passed(turn, level)
        if turn.position.quantity != 0.0:
            rest = after_entry(turn.path, turn.t, turn.row, level) if filled else bar
            self.match_range(turn, rest)

    def _take_passed(self, turn: Turn, level: float) -> None:
        """Fill the targets that an entry's level lies beyond: at that level, as at an open."""
        for target in turn.plan.working_targets():
            request = target.request
            reach = resolve.reach(_kind(request), request.side, request.price, self._beyond[turn.k])
            passed = resolve.limit_touched(request.side, reach, level, level)
            if passed and target.is_working and turn.may_fill(target):
                self._take_target(turn, target, level)

    def settle(self, turn: Turn) -> None:
        """Close what is held of an option at its expiry, and end what works for it."""
        quantity = turn.position.quantity
        if quantity == 0.0:
            self._book.close_plan(turn.plan, turn.when.at, "expired")
            return
        request = venue_order(turn, OrderRole.SETTLEMENT, OrderKind.MARKET, NAN, "expiry")
        order = self._book.submit(request, turn.when.at, turn.when.at)
        value = float(turn.path.mark[turn.t])
        self._execution.settle(
            turn.path, order, quantity=abs(quantity), value=value, when=turn.when
        )
        self._book.end(order, OrderStatus.FILLED, turn.when.at, "filled")
        self._close(turn, "expired")

    # The open of a bar.

    def match_open(self, turn: Turn) -> None:
        """Liquidation, stops, targets and exits at the open price, in this order."""
        position, plan = turn.position, turn.plan
        if position.quantity == 0.0:
            return
        mark_open = float(turn.path.mark_open[turn.t])
        level = self._collateral.liquidation_level(turn.k, turn.t)
        if resolve.liquidation_touched(position.quantity, level, mark_open, mark_open):
            self._liquidate(turn, level, mark_open)
            return
        price = float(turn.path.open_price[turn.t])
        if math.isnan(price):
            return
        stop = plan.stop
        if (
            stop is not None
            and stop.is_working
            and (
                stop.triggered
                or resolve.stop_touched(stop.request.side, stop.request.price, price, price)
            )
        ):
            self._trigger_stop(turn, stop, price)
            return
        for target in plan.working_targets():
            request = target.request
            if turn.may_fill(target) and resolve.limit_touched(
                request.side, request.price, price, price
            ):
                self._take_target(turn, target, price)
        for order in [order for order in plan.exits if order.is_working]:
            self._exit(turn, order, price)

    def match_open_entries(self, turns: Sequence[Turn]) -> None:
        """Fill the entries of one open; what a wallet cannot carry is cut by one factor for all.

        Each wallet is judged once, before the first of them. What protects an entry may already be
        crossed at this very open: that is matched when all have entered.
        """
        asks: list[tuple[Turn, EntryAsk | None]] = []
        for turn in turns:
            entry, price = turn.plan.entry, float(turn.path.open_price[turn.t])
            if not entry.is_working or math.isnan(price):
                continue
            if entry.trades_at_market or self._meets_open(entry.request, price):
                asks.append((turn, self._ask(turn, price)))
        free = [self._collateral.free_for(turn.k, turn.t) for turn, _ in asks]
        factors = common_factors(
            (turn.path.instrument.wallet, ask.need, cash)
            for (turn, ask), cash in zip(asks, free, strict=True)
            if ask is not None
        )
        for (turn, ask), cash in zip(asks, free, strict=True):
            held = turn.position.quantity
            factor = factors.get(turn.path.instrument.wallet, 1.0)
            self._enter(turn, float(turn.path.open_price[turn.t]), ask, free=cash, factor=factor)
            if held == 0.0 and turn.position.quantity != 0.0:
                self._collateral.opened(turn.k, turn.t)
        for turn, _ in asks:
            self.match_open(turn)

    # Fills.

    def _meets_open(self, request: OrderRequest, price: float) -> bool:
        """Whether an open price has reached the level of an order."""
        kind = _kind(request)
        return bool(resolve.level_touched(kind, request.side, request.price, price, price))

    def _fills_within(self, turn: Turn, request: OrderRequest, part: Stretch) -> bool:
        """Whether a part of a bar fills a resting order, at its level.

        A level outside the part was crossed before it, and the volume cap left something over: that
        rest waits for the next open.
        """
        kind, low, high = _kind(request), part.low, part.high
        level = resolve.reach(kind, request.side, request.price, self._beyond[turn.k])
        touched = resolve.level_touched(kind, request.side, level, low, high)
        return bool(touched) and low <= request.price <= high

    def _stop_is_nearer(self, turn: Turn, stop: WorkingOrder, part: Stretch) -> bool:
        return not resolve.liquidation_comes_first(
            self._collateral.liquidation_level(turn.k, turn.t),
            part.mark_from,
            stop.request.price,
            part.last_from,
        )

    def _ask(self, turn: Turn, raw: float) -> EntryAsk | None:
        """Return what an entry asks of its wallet at a price, None where no volume is left."""
        entry, path, execution = turn.plan.entry, turn.path, self._execution
        quantity = min(entry.request.quantity - entry.filled, turn.room)
        if quantity <= 0:
            return None
        rests = entry.request.kind is OrderKind.LIMIT
        price = raw if rests else execution.taker_price(path, entry, raw, quantity, turn.when)[0]
        rate = execution.fee_rate(path, maker=False)
        per_unit = execution.cost_per_unit(path, entry, price, rate=rate)
        budget, lot = entry.request.spend_limit, path.instrument.lot_size
        within = quantity if math.isnan(budget) else affordable(budget, per_unit, lot)
        risked = self._risked(turn, price)
        bound = "the risk asked for" if risked < within else "the budget"
        return EntryAsk(quantity, min(quantity, within, risked), per_unit, bound)

    def _risked(self, turn: Turn, price: float) -> float:
        """Return the largest fill of the entry at a price within its limit of R, base units.

        Infinite for an order without one: it fills at no worse a price than it was sized at, or
        at whatever the market asks.
        """
        plan, instrument = turn.plan, turn.path.instrument
        request = plan.entry.request
        paid = round_against(price, request.side, instrument.tick_size)
        distance = abs(paid - plan.first_stop)
        if math.isnan(request.risk_limit) or distance == 0:
            return math.inf
        used = plan.initial_risk(turn.position.average_entry) if plan.entered > 0 else 0.0
        return floor_to_step(max(request.risk_limit - used, 0.0) / distance, instrument.lot_size)

    def _enter(
        self, turn: Turn, raw: float, ask: EntryAsk | None, *, free: float, factor: float = 1.0
    ) -> None:
        """Fill an entry as far as volume, budget and free cash carry it.

        ``free`` is its wallet's cash before any entry of this instant, ``factor`` the share of
        every entry of this wallet that it carries.
        """
        entry, path, plan = turn.plan.entry, turn.path, turn.plan
        rests = entry.request.kind is OrderKind.LIMIT
        # Once touched, what the bar's volume leaves of a stop entry trades at the next opens.
        entry.triggered = entry.request.kind is OrderKind.STOP
        if ask is None:
            return
        lot = path.instrument.lot_size
        afford = affordable(free, ask.per_unit, lot)
        if factor < 1:
            afford = min(afford, floor_to_step(ask.within_budget * factor, lot))
        carrier = "free cash" if afford < ask.within_budget else ask.bound
        quantity = min(ask.within_budget, afford)
        if quantity > 0:
            self._execution.fill(
                path, entry, quantity=quantity, raw=raw, when=turn.when, rests=rests
            )
            plan.entered += quantity
            turn.use(quantity)
        at = turn.when.at
        if quantity < ask.quantity:
            status = OrderStatus.CANCELLED if entry.filled > 0 else OrderStatus.REJECTED
            self._book.end(entry, status, at, f"{carrier} does not carry the rest")
        elif entry.filled >= entry.request.quantity * (1 - 1e-12):
            self._book.end(entry, OrderStatus.FILLED, at, "filled")
        if plan.entered == 0.0 and not entry.is_working:
            self._book.close_plan(plan, at, "entry rejected")

    def _trigger_stop(self, turn: Turn, stop: WorkingOrder, raw: float) -> None:
        """Fill a stop; what the bar's volume leaves over trades at the next opens.

        Its plan's other exits end with its first fill, and none of them fills any more.
        """
        plan, at = turn.plan, turn.when.at
        if not stop.triggered:
            stop.triggered = True
            if stop is plan.outgoing_stop:
                plan.stop, plan.outgoing_stop = stop, plan.stop
            for order in [plan.entry, *plan.exits]:
                self._book.end(order, OrderStatus.CANCELLED, at, "stop triggered")
        if turn.room > 0:
            moved = [] if plan.outgoing_stop is None else [plan.outgoing_stop]
            for order in [*plan.targets, *moved]:
                self._book.end(order, OrderStatus.CANCELLED, at, "stop triggered")
            plan.outgoing_stop = None
        self._reduce(turn, stop, raw, abs(turn.position.quantity), rests=False)

    def _take_target(self, turn: Turn, target: WorkingOrder, raw: float) -> None:
        held, lot = turn.position.quantity, turn.path.instrument.lot_size
        wanted = turn.plan.target_quantity(target, held, lot)
        if wanted <= 0 and target is turn.plan.working_targets()[-1]:
            return
        if wanted <= 0:
            # Its fraction is below one lot; the farthest target takes the rest.
            self._book.end(target, OrderStatus.CANCELLED, turn.when.at, "below one lot")
            return
        self._book.end(turn.plan.entry, OrderStatus.CANCELLED, turn.when.at, "target reached")
        self._reduce(turn, target, raw, wanted, rests=True)

    def _exit(self, turn: Turn, order: WorkingOrder, raw: float) -> None:
        held, requested = abs(turn.position.quantity), order.request.quantity
        wanted = held if math.isnan(requested) else min(requested - order.filled, held)
        self._reduce(turn, order, raw, wanted, rests=False)

    def _reduce(
        self, turn: Turn, order: WorkingOrder, raw: float, wanted: float, *, rests: bool
    ) -> None:
        """Close part of the position; end the order when done, the plan when nothing is left."""
        quantity = min(wanted, turn.room)
        if quantity <= 0:
            return
        self._execution.fill(
            turn.path, order, quantity=quantity, raw=raw, when=turn.when, rests=rests
        )
        turn.use(quantity)
        if quantity == wanted:
            self._book.end(order, OrderStatus.FILLED, turn.when.at, "filled")
        if turn.position.quantity == 0.0:
            self._book.end(order, OrderStatus.FILLED, turn.when.at, "filled")
            self._close(turn, f"flat after {order.request.role}")

    def _liquidate(self, turn: Turn, level: float, raw: float) -> None:
        """Close everything for the venue, whatever the volume, and cancel the plan's orders."""
        quantity = turn.position.quantity
        why = "maintenance margin breached"
        request = venue_order(turn, OrderRole.LIQUIDATION, OrderKind.STOP, level, why)
        order = self._book.submit(request, turn.when.at, turn.when.at)
        self._execution.liquidate(turn.path, order, quantity=abs(quantity), raw=raw, when=turn.when)
        self._book.end(order, OrderStatus.FILLED, turn.when.at, "filled")
        self._close(turn, "liquidation")

    def _close(self, turn: Turn, reason: str) -> None:
        self._book.close_plan(turn.plan, turn.when.at, reason)
        net = self._ledger.plan_cash[turn.plan.plan_id]
        self.closed_plans.append(ClosedPlan(turn.when.at, turn.plan.plan_id, net))


def _kind(request: OrderRequest) -> int:
    return resolve.STOP if request.kind is OrderKind.STOP else resolve.LIMIT


def _level(order: WorkingOrder) -> float:
    return order.request.price
