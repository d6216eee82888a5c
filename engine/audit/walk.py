"""What had to happen in every bar: touched stops and targets, liquidations, market orders.

The walk goes through each plan's bars with the position as re-derived, works out which fills the
rules ask for, and compares them with the fills that are there. The winner of a bar is derived from
prices alone; quantities, prices and fees of a fill are checked elsewhere.
"""

import math
from collections import defaultdict

from data_feeds.instrument import Wallet
from engine.audit.bars import (
    Bar,
    Due,
    Plan,
    is_over,
    meets_open,
    touches,
    works_at_open,
    works_in_range,
)
from engine.audit.case import Case
from engine.audit.fills import FILLS, LIQUIDATION, LOT_SLACK, OPEN, RANGE, capacity, target_share
from engine.audit.formulas import Bracket, brackets, is_beyond, liquidation_mark, requirement
from engine.audit.market import Market
from engine.audit.replay import NOTHING, Holding, Phase, State
from engine.audit.report import when
from engine.config.models import MarginMode
from engine.events import Fill, OrderKind, OrderRole, OrderRow

ENTRY, STOP, TARGET = OrderRole.ENTRY.value, OrderRole.STOP.value, OrderRole.TARGET.value
LEAVING = (OrderRole.EXIT.value, OrderRole.GUARD.value)
LIQUIDATED = 0


class Walk:
    """Walks the plans of one instrument."""

    def __init__(self, case: Case, market: Market) -> None:
        self.files = case.files
        self.market = market
        self.replay = case.replay
        self.recorder = case.recorder
        self.name = market.instrument.id
        self.lot = market.instrument.lot_size
        self.brackets: tuple[Bracket, ...] = brackets(case.files.config.venue.maintenance)
        self.isolated = case.files.config.account.margin_mode is MarginMode.ISOLATED

    def run(self) -> None:
        """Check every plan of the instrument."""
        orders: dict[int, list[OrderRow]] = defaultdict(list)
        fills: dict[int, dict[int, list[Fill]]] = defaultdict(lambda: defaultdict(list))
        for order in self.files.orders:
            if order.instrument == self.name:
                orders[order.plan_id].append(order)
        for fill in self.files.fills:
            if fill.instrument == self.name:
                fills[fill.plan_id][fill.bar_opened_at].append(fill)
        for plan_id, rows in orders.items():
            self.walk(Plan(plan_id, tuple(rows), dict(fills[plan_id])))

    def walk(self, plan: Plan) -> None:
        """Go through the bars from the plan's first order until nothing of it is left."""
        started = min(order.decided_at for order in plan.orders)
        for row in self.market.rows_inside(max(started, self.files.start), self.files.end):
            bar = self.bar(int(row))
            held = self.held(plan, self.replay.through(bar.opened_at, Phase.PAY))
            waiting = any(works_at_open(o, plan, bar) for o in plan.of(ENTRY, *LEAVING))
            if held.quantity == 0 and not waiting and not plan.in_bar(bar):
                if all(is_over(o, bar) for o in plan.of(ENTRY)):
                    return
                continue
            self.recorder.count("bars walked with a position or an order")
            due = Due()
            self.at_open(plan, bar, held, due)
            self.in_range(plan, bar, due)
            self.compare(plan, bar, due)

    def bar(self, row: int) -> Bar:
        """Return one bar with its mark."""
        market, mark = self.market, self.market.mark
        return Bar(
            row,
            int(market.bars["opened_at"][row]),
            int(market.bars["closed_at"][row]),
            market.price(row, "open"),
            market.price(row, "high"),
            market.price(row, "low"),
            market.price(row, "volume"),
            float(mark.open[row]),
            float(mark.high[row]),
            float(mark.low[row]),
        )

    def held(self, plan: Plan, state: State) -> Holding:
        """Return the plan's position in a state."""
        held = state.holding(self.name)
        return held if held.plan_id == plan.plan_id else NOTHING

    def liquidation_level(self, held: Holding, state: State) -> float:
        """Return the mark that liquidates a position; NaN for never."""
        if held.quantity == 0 or not self.market.instrument.is_margined:
            return math.nan
        margin = held.margin if self.isolated else state.cash[Wallet.VENUE]
        return liquidation_mark(held.quantity, held.average, margin, self.brackets)

    def at_open(self, plan: Plan, bar: Bar, held: Holding, due: Due) -> None:
        """Liquidation and levels already crossed at the open, exits, then entries.

        What protects an entry may itself be crossed at the open that fills the entry.
        """
        state = self.replay.through(bar.opened_at, Phase.PAY)
        if self.liquidated_at_open(plan, bar, held, state, due) or not bar.volume > 0:
            return
        if held.quantity:
            self.leave_at_open(plan, bar, held, due)
        for order in plan.of(ENTRY):
            if not works_at_open(order, plan, bar) or not self.is_crossed(order, plan, bar):
                continue
            self.trigger(order, plan)
            if self.wants(order, plan, bar):
                due.need(OPEN, order.order_id, f"the open {bar.open:,.8g} fills the entry")
            # What the volume cap leaves of a limit still stands at its level inside the bar.
            due.allow(RANGE, [order] if order.kind == OrderKind.LIMIT.value else [])
            fills = [f for f in plan.in_bar(bar) if (f.order_id, f.stage) == (order.order_id, OPEN)]
            if not fills:
                continue
            entered = self.replay.bookings[fills[-1].fill_id].after
            if not self.liquidated_at_open(plan, bar, entered, state, due):
                self.leave_at_open(plan, bar, entered, due)

    def liquidated_at_open(
        self, plan: Plan, bar: Bar, held: Holding, state: State, due: Due
    ) -> bool:
        """Ask for the liquidation of a position whose level the mark's open has crossed."""
        level = self.liquidation_level(held, state)
        if math.isnan(level):
            return False
        if not is_beyond(bar.mark_open, level, int(math.copysign(1, -held.quantity))):
            return False
        due.need(OPEN, LIQUIDATED, f"mark opens at {bar.mark_open:,.8g} beyond {level:,.8g}")
        self.check_raw(plan, bar, OPEN, bar.mark_open)
        return True

    def is_crossed(self, order: OrderRow, plan: Plan, bar: Bar) -> bool:
        """Return whether the open fills an order; the rest of a touched stop is at market."""
        return order.order_id in plan.triggered or meets_open(order, bar)

    def trigger(self, order: OrderRow, plan: Plan) -> None:
        """Remember a touched stop: from now on it is a market order."""
        if order.kind == OrderKind.STOP.value:
            plan.triggered.add(order.order_id)

    def leave_at_open(self, plan: Plan, bar: Bar, held: Holding, due: Due) -> None:
        """What closes a held position at the open, as far as position and volume cap reach."""
        entered = sum(
            abs(f.quantity) for f in plan.in_bar(bar) if f.role == ENTRY and f.stage == OPEN
        )
        left, room = abs(held.quantity), self.room(OPEN, bar, plan) - entered
        working = [o for o in plan.of(STOP, *LEAVING, TARGET) if works_at_open(o, plan, bar)]
        leaving = any(order.role in LEAVING for order in working)
        for order in working:
            if not self.is_crossed(order, plan, bar):
                continue
            self.trigger(order, plan)
            size = min(self.closing_size(order, plan, bar, left), room)
            # Exits and targets that meet at one open share the position in an order left open.
            if size < self.lot * (1 - LOT_SLACK) or (leaving and order.role == TARGET):
                due.allow(OPEN, [order])
                continue
            due.need(OPEN, order.order_id, f"the open {bar.open:,.8g} fills the {order.role}")
            left, room = left - size, room - size

    def in_range(self, plan: Plan, bar: Bar, due: Due) -> None:
        """Levels touched inside the bar by what is held after its open."""
        if (OPEN, LIQUIDATED) in due.needed:
            return
        before = self.replay.before(bar.closed_at, Phase.RANGE)
        held = self.held(plan, before)
        if held.quantity:
            self.leave_in_range(plan, bar, held, before, due, entered_inside=False)
        if not bar.volume > 0:
            return
        for order in plan.of(ENTRY):
            if not works_in_range(order, plan, bar) or order.kind == OrderKind.MARKET.value:
                continue
            if self.is_crossed(order, plan, bar) or not touches(order, bar):
                continue
            self.trigger(order, plan)
            if not self.wants(order, plan, bar, through_open=True):
                continue
            if held.quantity:
                due.allow(RANGE, [order])
                continue
            due.need(RANGE, order.order_id, f"the bar reaches {order.price:,.8g}")
            self.after_entry_inside(plan, bar, order, due)

    def after_entry_inside(self, plan: Plan, bar: Bar, order: OrderRow, due: Due) -> None:
        """An entry inside the bar can meet its stop or liquidation there, never its target."""
        fills = [f for f in plan.in_bar(bar) if f.order_id == order.order_id and f.stage == RANGE]
        if not fills:
            return
        held = self.replay.bookings[fills[-1].fill_id].after
        state = self.replay.before(bar.closed_at, Phase.RANGE)
        self.leave_in_range(plan, bar, held, state, due, entered_inside=True)

    def leave_in_range(
        self,
        plan: Plan,
        bar: Bar,
        held: Holding,
        state: State,
        due: Due,
        *,
        entered_inside: bool,
    ) -> None:
        """The nearer of stop and liquidation; without them the targets."""
        side = int(math.copysign(1, -held.quantity))
        level = self.liquidation_level(held, state)
        liquidated = not math.isnan(level) and is_beyond(bar.mark_extreme(side), level, side)
        stops = [
            order
            for order in plan.of(STOP)
            if bar.volume > 0
            and order.order_id not in plan.triggered
            and works_in_range(order, plan, bar)
            and touches(order, bar)
        ]
        if stops and liquidated:
            self.nearer(plan, bar, stops[0], level, due, held=held)
        elif liquidated:
            due.need(RANGE, LIQUIDATED, f"the mark reaches {level:,.8g}")
            self.check_raw(plan, bar, RANGE, level)
        elif stops:
            self.need_stop(plan, bar, stops[0], due)
        elif bar.volume > 0 and not entered_inside:
            self.need_targets(plan, bar, held, due)

    def nearer(
        self, plan: Plan, bar: Bar, stop: OrderRow, level: float, due: Due, *, held: Holding
    ) -> None:
        """Each on its own path: the level nearer to its open wins; of equals, liquidation."""
        to_stop, to_level = abs(bar.open - stop.price), abs(bar.mark_open - level)
        if to_level <= to_stop:
            due.need(RANGE, LIQUIDATED, f"the mark reaches {level:,.8g} before the stop")
            self.check_raw(plan, bar, RANGE, level)
            return
        self.need_stop(plan, bar, stop, due)
        if self.room(RANGE, bar, plan) < abs(held.quantity):
            # What the volume cap leaves of the stop is still held when the mark arrives.
            due.allowed.add((RANGE, LIQUIDATED))
            self.check_raw(plan, bar, RANGE, level)

    def need_stop(self, plan: Plan, bar: Bar, stop: OrderRow, due: Due) -> None:
        """A touched stop fills, as far as the volume cap lets it; the rest is a market order."""
        self.trigger(stop, plan)
        self.recorder.count("touched stops")
        if self.room(RANGE, bar, plan) >= self.lot * (1 - LOT_SLACK):
            due.need(RANGE, stop.order_id, f"the bar reaches the stop {stop.price:,.8g}")
        else:
            due.allow(RANGE, [stop])

    def need_targets(self, plan: Plan, bar: Bar, held: Holding, due: Due) -> None:
        """Touched targets fill, nearest first, while position and volume cap last."""
        left = min(abs(held.quantity), self.room(RANGE, bar, plan))
        targets = [
            order
            for order in plan.of(TARGET)
            if works_in_range(order, plan, bar)
            and touches(order, bar)
            and not meets_open(order, bar)
        ]
        for order in sorted(targets, key=lambda order: order.side * -order.price):
            self.recorder.count("touched targets")
            wanted = self.closing_size(order, plan, bar, abs(held.quantity), through_open=True)
            if min(wanted, left) < self.lot * (1 - LOT_SLACK):
                due.allow(RANGE, [order])
                continue
            due.need(RANGE, order.order_id, f"the bar reaches the target {order.price:,.8g}")
            left -= min(wanted, left)

    def room(self, stage: str, bar: Bar, plan: Plan) -> float:
        """Return what the volume cap leaves to closing orders after a bar's earlier fills."""
        return self.entry_room(stage, bar, plan) - sum(
            abs(f.quantity)
            for f in plan.in_bar(bar)
            if stage == f.stage == RANGE and f.role == ENTRY
        )

    def entry_room(self, stage: str, bar: Bar, plan: Plan) -> float:
        """Return what the volume cap leaves to an entry at a stage."""
        used = sum(abs(f.quantity) for f in plan.in_bar(bar) if stage == RANGE and f.stage == OPEN)
        return capacity(stage, self.market, bar.row, self.files) - used

    def wants(self, order: OrderRow, plan: Plan, bar: Bar, *, through_open: bool = False) -> bool:
        """Return whether an entry still wants a lot and the volume cap has one."""
        left = order.quantity - plan.filled_before(order, bar, through_open=through_open)
        room = self.entry_room(RANGE if through_open else OPEN, bar, plan)
        return min(left, room) >= self.lot * (1 - LOT_SLACK)

    def closing_size(
        self, order: OrderRow, plan: Plan, bar: Bar, held: float, *, through_open: bool = False
    ) -> float:
        """Return what a closing order would take of a position at a stage, base units."""
        stage = RANGE if through_open else OPEN
        room = self.room(stage, bar, plan)
        done = plan.filled_before(order, bar, through_open=through_open)
        if order.role == TARGET:
            entered = sum(
                plan.filled_before(o, bar, through_open=through_open) for o in plan.of(ENTRY)
            )
            share = target_share(order, plan.of(TARGET), entered, self.lot)
            return min(share - done, held, room)
        wanted = held if math.isnan(order.quantity) else order.quantity - done
        return min(wanted, held, room)

    def check_raw(self, plan: Plan, bar: Bar, stage: str, price: float) -> None:
        """A liquidation starts from the liquidation price, or the mark's open beyond it."""
        for fill in plan.in_bar(bar):
            if fill.role == LIQUIDATION and fill.stage == stage:
                line = self.recorder.line(FILLS, f"fill {fill.fill_id}")
                line.number("liquidation price", price, fill.raw_price)

    def compare(self, plan: Plan, bar: Bar, due: Due) -> None:
        """Every fill that is due is there; no other is."""
        found = {
            (fill.stage, LIQUIDATED if fill.role == LIQUIDATION else fill.order_id): fill
            for fill in plan.in_bar(bar)
        }
        roles = {order.order_id: order.role for order in plan.orders}
        for (stage, order_id), why in due.needed.items():
            if order_id == LIQUIDATED:
                self.recorder.count("touched liquidations")
            if (stage, order_id) not in found:
                what = "the liquidation" if order_id == LIQUIDATED else f"order {order_id}"
                self.recorder.line(
                    FILLS, f"bar of {self.name} opened {when(bar.opened_at)}"
                ).differs(
                    f"plan {plan.plan_id}: what is touched fills",
                    expected=f"{roles.get(order_id, LIQUIDATION)} in the {stage}: {why}",
                    found=f"{what} has no such fill",
                )
        for key, fill in found.items():
            if key not in due.needed and key not in due.allowed:
                self.recorder.line(FILLS, f"fill {fill.fill_id}").differs(
                    "nothing else fills",
                    expected=f"no {fill.role} in the {fill.stage} of {when(bar.opened_at)}",
                    found=f"found {fill.quantity:,.8g} at {fill.price:,.8g}",
                )


def check_bars(case: Case) -> None:
    """Walk every plan of every instrument, then check the margins of liquidations."""
    for market in case.markets.values():
        Walk(case, market).run()
    if case.files.config.account.margin_mode is not MarginMode.ISOLATED:
        return
    table = brackets(case.files.config.venue.maintenance)
    for fill in case.files.fills:
        if fill.role != LIQUIDATION or fill.stage != RANGE:
            continue
        booking = case.replay.bookings.get(fill.fill_id)
        if booking is None:
            continue
        case.recorder.count("margins at liquidation")
        held = booking.before
        equity = held.margin + held.quantity * (fill.raw_price - held.average)
        needed = requirement(abs(held.quantity * fill.raw_price), table)
        line = case.recorder.line(FILLS, f"fill {fill.fill_id}")
        line.amount("margin left at the liquidation price", needed, equity)
