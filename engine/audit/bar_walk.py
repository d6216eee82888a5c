"""The walk over every bar of a plan: which fills the rules ask for, and how each order ends.

From prices, orders, volume cap and the derived account the walk works out the fills that are due
(touched stops and targets, liquidations, market orders) with their sizes, and compares them with
the fills of the run. ``fills.py`` checks prices and fees.
"""

import math
from collections import defaultdict

from engine.audit.audited_run import AuditedRun
from engine.audit.backing import PositionBacking
from engine.audit.channels import InstrumentData
from engine.audit.due_fills import (
    Bar,
    BarStage,
    DueFill,
    DueKey,
    bar_of,
    meets_open,
    rest_after,
    touches,
)
from engine.audit.entry_cash import EntryCash
from engine.audit.fill_comparison import VENUE_ORDER, FillComparison
from engine.audit.fills import (
    FILLS,
    LIQUIDATION,
    LOT_SLACK,
    OPEN,
    RANGE,
    SETTLEMENT,
    VENUE_MADE,
    capacity,
    within_risk,
)
from engine.audit.instrument_states import InstrumentStates
from engine.audit.order_ends import check_ends
from engine.audit.plans import ReplayedPlan
from engine.audit.replay import NOTHING, Books, Holding
from engine.audit.shared_cash import SharedCash
from engine.audit.trail_levels import check_trail, handed_distances, trails_of
from engine.audit.venue_formulas import is_beyond
from engine.config.venue import LimitFill
from engine.records import Fill, OrderKind, OrderRole, OrderRow, OrderStatus

ENTRY = OrderRole.ENTRY.value


class BarWalk:
    """Walks the bars of the plans of one instrument."""

    def __init__(
        self,
        run: AuditedRun,
        market: InstrumentData,
        backing: PositionBacking,
        states: InstrumentStates,
        shared: SharedCash,
    ) -> None:
        self.files = run.files
        self.market = market
        self.replay = run.replay
        self.recorder = run.recorder
        self.backing = backing
        self.name = market.instrument.id
        self.lot, self.tick = market.instrument.lot_size, market.instrument.tick_size
        self.handed = handed_distances(run)
        self.states = states
        self.cash = EntryCash(run.files, market, backing, shared)
        self.fills = FillComparison(self.name, self.lot, run.recorder)
        through = run.files.config.venue.limit_fill is LimitFill.THROUGH
        self.clearance = market.instrument.tick_size if through else 0.0

    def check(self) -> None:
        """Check every plan of the instrument."""
        orders: dict[int, dict[int, OrderRow]] = defaultdict(dict)
        fills: dict[int, dict[tuple[int, str], list[Fill]]] = defaultdict(lambda: defaultdict(list))
        for order in self.files.orders:
            if order.instrument == self.name:
                orders[order.plan_id][order.order_id] = order
        for fill in self.files.fills:
            if fill.instrument == self.name and fill.fill_id in self.replay.bookings:
                fills[fill.plan_id][(fill.bar_opened_at, fill.stage)].append(fill)
        for plan_id, rows in orders.items():
            mine = [order for order in rows.values() if order.role not in VENUE_MADE]
            trails = trails_of(mine, self.tick, self.handed)
            plan = ReplayedPlan(plan_id, mine, dict(fills[plan_id]), self.lot, trails=trails)
            self.walk(plan)
            check_ends(plan, self.recorder)
            for trail in trails.values():
                check_trail(trail, self.tick, self.recorder)

    def walk(self, plan: ReplayedPlan) -> None:
        """Go through the bars from the plan's first order until the plan is closed."""
        started = min((order.decided_at for order in plan.orders), default=self.files.end)
        due: dict[DueKey, DueFill] = {}
        for row in self.market.rows_inside(max(started, self.files.start), self.files.end):
            bar = bar_of(self.market, int(row))
            self.submit(plan, bar.opened_at)
            if plan.is_closed:
                break
            self.recorder.count("bars walked with a position or an order")
            due = self.at_open(plan, bar)
            self.submit(plan, bar.closed_at - 1)
            if not plan.is_closed:
                due |= self.in_range(plan, bar)
            self.fills.compare(plan, bar, due)
        self.submit(plan, self.files.end)
        settled_at = self.market.settlement[0]
        if settled_at > started and not plan.is_closed:
            # Decided while the last bar was open: no later bar could fill it.
            plan.close(settled_at, "the instrument expires or is delisted")
        for (opened, _), fills in plan.fills.items():
            for fill in fills if opened not in plan.walked else ():
                self.fills.refuse(fill)

    def submit(self, plan: ReplayedPlan, until: int) -> None:
        """Submit the orders that were decided by an instant."""
        while (order := plan.next_order(until)) is not None:
            plan.submit(order, self.market.open_of_bar_at(order.decided_at))

    # The account.

    def held(self, plan: ReplayedPlan, state: Books) -> Holding:
        """Return the plan's position in a state."""
        held = state.holding(self.name)
        return held if held.plan_id == plan.plan_id else NOTHING

    # The open of a bar.

    def at_open(self, plan: ReplayedPlan, bar: Bar) -> dict[DueKey, DueFill]:
        """Return the fills due at the open of a bar.

        The order: liquidation, else a crossed stop, else crossed targets and exits; then the
        entry; then again stop and targets, which the open that fills the entry may cross.
        """
        room = capacity(OPEN, self.market, bar.row, self.files)
        stage = BarStage(bar, OPEN, bar.opened_at, room)
        plan.retire_stop()
        self.leave_at_open(plan, stage, self.states.state(self.name, stage.at, OPEN))
        entry = plan.entry
        if entry is not None and bar.is_traded and self.fills_at_open(plan, entry, bar):
            self.enter(plan, stage, entry, bar.open)
            self.leave_at_open(plan, stage, self.states.after_entries(self.name, stage.at))
        return stage.due

    def fills_at_open(self, plan: ReplayedPlan, order: OrderRow, bar: Bar) -> bool:
        """Return whether the open fills a working order; any open fills the rest of a stop."""
        meets = order.order_id in plan.triggered or meets_open(order, bar)
        return meets and plan.works(order)

    def leave_at_open(self, plan: ReplayedPlan, stage: BarStage, state: Books) -> None:
        """Ask for the fills that close a position at the open, up to position and volume cap."""
        bar, held = stage.bar, self.held(plan, state)
        if held.quantity == 0:
            return
        level = self.backing.liquidation_level(self.name, held, state, stage.at)
        if is_beyond(bar.mark_open, level, int(math.copysign(1, -held.quantity))):
            self.liquidate(plan, stage, held, bar.mark_open, state)
            return
        if not bar.is_traded:
            return
        left = abs(held.quantity)
        stop = plan.stop
        if stop is not None and self.fills_at_open(plan, plan.at_level(stop), bar):
            self.trigger_stop(plan, stage, stop, left)
            return
        for target in plan.working_targets():
            if plan.works(target) and meets_open(target, bar):
                left -= self.take_target(plan, stage, target, left)
        for order in [order for order in plan.exits if plan.works(order)]:
            asked = left if math.isnan(order.quantity) else order.quantity
            done = 0.0 if math.isnan(order.quantity) else plan.filled.get(order.order_id, 0.0)
            left -= self.reduce(plan, stage, order, min(asked - done, left))

    # The range of a bar.

    def in_range(self, plan: ReplayedPlan, bar: Bar) -> dict[DueKey, DueFill]:
        """Return the fills due inside a bar: of the position after its open, then of the entry."""
        used = sum(
            abs(fill.quantity)
            for fill in plan.fills.get((bar.opened_at, OPEN), ())
            if fill.role not in VENUE_MADE
        )
        room = capacity(RANGE, self.market, bar.row, self.files) - used
        stage = BarStage(bar, RANGE, bar.closed_at, room)
        state = self.states.state(self.name, stage.at, RANGE)
        if not self.meets_entry_first(plan, bar, state):
            self.leave_in_range(plan, stage, bar, state)
        entry = plan.entry
        if entry is not None and self.rests_in(plan, entry, bar):
            filled = plan.filled.get(entry.order_id, 0.0)
            after = self.enter(plan, stage, entry, entry.price)
            bought = plan.filled.get(entry.order_id, 0.0) > filled
            if bought:
                after = self.take_passed(plan, stage, entry.price, after)
            # A position bought inside the bar sees only the rest of the bar.
            rest = rest_after(bar, entry.price) if bought else bar
            self.leave_in_range(plan, stage, rest, after)
        if bar.closed_at == self.market.settlement[0]:
            self.settle(plan, stage)
        for trail in plan.moving(at_close=True):
            trail.pass_close(bar)
        return stage.due

    def rests_in(self, plan: ReplayedPlan, entry: OrderRow, bar: Bar) -> bool:
        """Return whether an entry rests at its level when a bar opens and the range fills it."""
        return (
            plan.works(entry)
            and bar.is_traded
            and entry.decided_at <= bar.opened_at
            and entry.order_id not in plan.triggered
            and touches(entry, bar, self.clearance)
            and bar.holds(entry.price)
        )

    def meets_entry_first(self, plan: ReplayedPlan, bar: Bar, state: Books) -> bool:
        """Return whether prices pass a resting entry before a level that ends the position.

        The entry must lie between the open and the nearest of touched stop and liquidation; if
        neither is touched, between the open and the nearest target.
        """
        entry, held = plan.entry, self.held(plan, state)
        if held.quantity == 0 or entry is None or not self.rests_in(plan, entry, bar):
            return False
        way = int(math.copysign(1, -held.quantity))
        ends = []
        stop = plan.stop_within(bar)
        if stop is not None and stop.order_id not in plan.triggered and touches(stop, bar):
            ends.append(stop.price)
        level = self.backing.liquidation_level(self.name, held, state, bar.closed_at)
        if is_beyond(bar.mark_extreme(way), level, way):
            ends.append(level)
        if not ends:
            way = -way
            ends = [target.price for target in plan.targets_met(bar, self.clearance)]
        nearest = min((way * end for end in ends), default=-math.inf)
        return way * bar.open <= way * entry.price < nearest

    def settle(self, plan: ReplayedPlan, stage: BarStage) -> None:
        """Ask for the settlement of what the bar has left, at an expiry or a delisting."""
        fills = plan.fills.get((stage.bar.opened_at, RANGE), ())
        traded = [fill for fill in fills if fill.role != SETTLEMENT]
        state = (
            self.replay.after[traded[-1].fill_id]
            if traded
            else self.states.state(self.name, stage.at, RANGE)
        )
        held = self.held(plan, state)
        if held.quantity != 0 and not plan.is_closed:
            self.recorder.count("settlements")
            stage.owe(VENUE_ORDER, abs(held.quantity), "positions are settled", role=SETTLEMENT)
        plan.close(stage.at, "the instrument expires or is delisted")

    def leave_in_range(self, plan: ReplayedPlan, stage: BarStage, bar: Bar, state: Books) -> None:
        """Ask for the nearer of stop and liquidation; if neither is touched, for the targets.

        Each distance is measured on the level's own price path; at equal distance liquidation
        wins. ``bar`` is the part of the bar after the position began.
        """
        held = self.held(plan, state)
        if held.quantity == 0:
            return
        side = int(math.copysign(1, -held.quantity))
        level = self.backing.liquidation_level(self.name, held, state, stage.at)
        stop = plan.stop_within(bar)
        triggered = stop is not None and stop.order_id in plan.triggered
        stops = stop is not None and bar.is_traded and not triggered and touches(stop, bar)
        if is_beyond(bar.mark_extreme(side), level, side):
            to_stop = abs(bar.open - stop.price) if stop is not None and stops else math.inf
            if abs(bar.mark_open - level) <= to_stop:
                # A loss of another position can move the level beyond this bar's open, as in a gap.
                raw = min(level, bar.mark_open) if side < 0 else max(level, bar.mark_open)
                self.liquidate(plan, stage, held, raw, state)
                return
        if stop is not None and stops:
            self.recorder.count("touched stops")
            self.trigger_stop(plan, stage, stop, abs(held.quantity))
            self.liquidate_rest(plan, stage, bar, held)
        elif bar.is_traded and not triggered:
            left = abs(held.quantity)
            for target in plan.targets_met(bar, self.clearance):
                if plan.works(target):
                    self.recorder.count("touched targets")
                    left -= self.take_target(plan, stage, target, left)
        plan.pass_range(bar)

    def take_passed(self, plan: ReplayedPlan, stage: BarStage, level: float, state: Books) -> Books:
        """Ask for the targets that an entry's level has passed; return the account after them."""
        left = abs(self.held(plan, state).quantity)
        passed = plan.targets_passed(stage.bar, level, self.clearance)
        for target in passed:
            left -= self.take_target(plan, stage, target, left) if plan.works(target) else 0.0
        numbers = {target.order_id for target in passed}
        fills = plan.fills.get((stage.bar.opened_at, RANGE), ())
        taken = [fill.fill_id for fill in fills if fill.order_id in numbers]
        return self.replay.after[taken[-1]] if taken else state

    def liquidate_rest(self, plan: ReplayedPlan, stage: BarStage, bar: Bar, held: Holding) -> None:
        """Ask for the liquidation of the rest that the volume cap left of a touched stop."""
        side = int(math.copysign(1, -held.quantity))
        fills = plan.fills.get((stage.bar.opened_at, RANGE), ())
        stops = [fill for fill in fills if fill.role == OrderRole.STOP.value]
        state = (
            self.replay.after[stops[-1].fill_id]
            if stops
            else self.states.state(self.name, stage.at, RANGE)
        )
        rest = self.held(plan, state) if stops else held
        level = self.backing.liquidation_level(self.name, rest, state, stage.at)
        if not plan.is_closed and is_beyond(bar.mark_extreme(side), level, side):
            raw = min(level, bar.mark_open) if side < 0 else max(level, bar.mark_open)
            self.liquidate(plan, stage, rest, raw, state)

    # A fill, and its effect on the plan's other orders.

    def enter(self, plan: ReplayedPlan, stage: BarStage, entry: OrderRow, raw: float) -> Books:
        """Ask for an entry up to volume cap and free cash; return the account after it."""
        if stage.name == OPEN:
            # All entries of one open share one reading of their wallet.
            state = self.states.before_entries(stage.at)
        else:
            state = self.states.state(self.name, stage.at, stage.name)
        if entry.kind == OrderKind.STOP.value:
            plan.triggered.add(entry.order_id)
        wanted = min(entry.quantity - plan.filled.get(entry.order_id, 0.0), stage.room)
        if wanted < self.lot * (1 - LOT_SLACK):
            return state
        risked = self.risked(plan, entry, raw, state)
        carried = self.cash.carried(entry, stage, raw, state, wanted=wanted, risked=risked)
        size = min(wanted, carried)
        if size > 0:
            stage.owe(entry.order_id, size, f"{raw:,.8g} fills the entry")
        fills = plan.take(entry, stage.bar.opened_at, stage.name)
        stage.room -= sum(abs(fill.quantity) for fill in fills)
        if carried < wanted - self.lot * LOT_SLACK:
            part = plan.filled.get(entry.order_id, 0.0) > 0
            status = OrderStatus.CANCELLED if part else OrderStatus.REJECTED
            plan.end(entry, status, stage.at, "free cash carries no more")
        elif plan.is_done(entry, entry.quantity):
            plan.finish(entry, stage.at)
        if not plan.entered and not plan.works(entry):
            plan.close(stage.at, "the entry was rejected")
        return self.replay.after[fills[-1].fill_id] if fills else state

    def risked(self, plan: ReplayedPlan, entry: OrderRow, raw: float, state: Books) -> float:
        """Return the size that the order's limit of R allows at a price, base units."""
        held, stop = self.held(plan, state), plan.first_stop
        used = self.market.rules.loss(plan.entered, held.average, stop) if plan.entered else 0.0
        return within_risk(entry, raw, self.market, stop=stop, used=used)

    def trigger_stop(
        self, plan: ReplayedPlan, stage: BarStage, stop: OrderRow, left: float
    ) -> None:
        """End exits and entry at a touched stop; with its first fill, the targets too."""
        if stop.order_id not in plan.triggered:
            plan.triggered.add(stop.order_id)
            if plan.outgoing is not None and stop.order_id == plan.outgoing.order_id:
                plan.stop, plan.outgoing = stop, plan.stop
            if stop.order_id in plan.trails and stage.name == RANGE:
                plan.trails[stop.order_id].level = stop.price
            plan.cancel([plan.entry, *plan.exits], stage.at, "the stop is touched")
        if stage.room >= self.lot * (1 - LOT_SLACK):
            plan.cancel([*plan.targets, plan.outgoing], stage.at, "the stop fills")
            plan.outgoing = None
        self.reduce(plan, stage, stop, left)

    def take_target(
        self, plan: ReplayedPlan, stage: BarStage, target: OrderRow, left: float
    ) -> float:
        """Ask for a touched target, which ends the entry; a share below one lot is cancelled."""
        wanted = plan.target_size(target, left)
        if wanted < self.lot * (1 - LOT_SLACK):
            plan.cancel([target], stage.at, "its share is below one lot")
            return 0.0
        plan.cancel([plan.entry], stage.at, "a target is reached")
        return self.reduce(plan, stage, target, wanted)

    def reduce(self, plan: ReplayedPlan, stage: BarStage, order: OrderRow, wanted: float) -> float:
        """Ask for a closing fill up to the volume cap; return the filled quantity."""
        size = min(wanted, stage.room)
        if size < self.lot * (1 - LOT_SLACK):
            return 0.0
        level = stage.bar.open if stage.name == OPEN else order.price
        stage.owe(order.order_id, size, f"{level:,.8g} fills the {order.role}")
        fills = plan.take(order, stage.bar.opened_at, stage.name)
        taken = sum(abs(fill.quantity) for fill in fills)
        stage.room -= taken
        flat = bool(fills) and self.replay.bookings[fills[-1].fill_id].after.quantity == 0
        if flat or taken >= wanted - self.lot * LOT_SLACK:
            plan.finish(order, stage.at)
        if flat:
            plan.close(stage.at, "flat")
        return taken

    def liquidate(
        self, plan: ReplayedPlan, stage: BarStage, held: Holding, raw: float, state: Books
    ) -> None:
        """Ask for the liquidation of a position at ``raw``: its level, or the open of the mark.

        A venue that takes positions over does so at the bankruptcy price, wherever the mark is.
        """
        self.recorder.count("touched liquidations")
        why = f"the mark reaches {raw:,.8g}"
        stage.owe(VENUE_ORDER, abs(held.quantity), why, role=LIQUIDATION)
        plan.close(stage.at, "liquidated")
        if self.market.rules.taken_over:
            raw = self.backing.bankruptcy_level(self.name, held, state, stage.at)
        for fill in plan.fills.get((stage.bar.opened_at, stage.name), ()):
            if fill.role == LIQUIDATION:
                line = self.recorder.line(FILLS, f"fill {fill.fill_id}")
                line.number("liquidation price", raw, fill.raw_price)


def check_bars(run: AuditedRun) -> None:
    """Walk every plan of every instrument."""
    backing, states = PositionBacking(run.files, run.markets), InstrumentStates(run)
    shared = SharedCash(run, backing, states)
    for market in run.markets.values():
        BarWalk(run, market, backing, states, shared).check()
