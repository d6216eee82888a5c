"""Backtrader's broker interface over our simulator.

The strategy sends each request of the risk module through ``buy`` and ``sell``. The simulator alone
keeps cash and margin and matches orders. Where a strategy, an analyzer or an observer hears of
orders, each request is a ``bt.Order``, and fills are reported through ``order.execute``, so that
Backtrader's notifications, trades and analyzers include them. Where none does, no such object is
made: they cost more than the simulation of an order.
"""

import math
from collections import deque
from typing import Any

import backtrader as bt

from engine.broker.book import WorkingOrder
from engine.broker.simulator import Simulator
from engine.bt.feed import ArrayFeed, backtrader_days
from engine.bt.session import Session
from engine.bt.single_session import SessionGroup
from engine.errors import SimulationError
from engine.records import Fill, OrderKind, OrderRequest, OrderStatus

EXEC_TYPES = {
    OrderKind.MARKET: bt.Order.Market,
    OrderKind.LIMIT: bt.Order.Limit,
    OrderKind.STOP: bt.Order.Stop,
}


# The methods by which a strategy hears of orders; Backtrader's own do nothing.
HEARING = ("notify_order", "notify_trade", "notify_cashvalue", "notify_fund")


def hears_of_orders(strategy: bt.Strategy) -> bool:
    """Return whether a strategy or one of its analyzers and observers reads notifications."""
    kind = type(strategy)
    if any(getattr(kind, name) is not getattr(bt.Strategy, name) for name in HEARING):
        return True
    return any(len(x) for x in (strategy.analyzers, strategy._slave_analyzers, strategy.observers))


def _closed_by(request: OrderRequest, simulator: Simulator) -> float:
    """Return the quantity that an order without a size of its own would close."""
    held = abs(simulator.ledger.positions[request.instrument].quantity)
    return held or simulator.book.plans[request.instrument].entry.request.quantity


class OrderBridge:
    """Holds the Backtrader orders of one session, by order id; none where nothing reads them."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.is_heard = False
        self.orders: dict[int, bt.Order] = {}
        self.feeds: dict[str, ArrayFeed] = {}
        self.fills_seen = 0
        self.owner: bt.Strategy | None = None


class BridgeBroker(bt.broker.BrokerBase):  # type: ignore[misc]  # backtrader ships no types
    """Takes orders that carry a request of the risk module and refuses all others."""

    def __init__(self, group: SessionGroup) -> None:
        super().__init__()
        self._group = group
        self._bridges = tuple(OrderBridge(session) for session in group.sessions)
        # Backtrader reads this name for its end-of-run information.
        self.startingcash = self.getcash()
        self._notices: deque[bt.Order] = deque()
        # Backtrader's trade records need a commission scheme; this one charges nothing.
        self._scheme = bt.CommissionInfo(commission=0.0, stocklike=False, mult=1.0, margin=1.0)

    def attach(self, index: int, owner: bt.Strategy, feeds: dict[str, ArrayFeed]) -> None:
        """Set the strategy of a session that is notified, and the feed of each instrument."""
        bridge = self._bridges[index]
        bridge.owner, bridge.feeds = owner, feeds
        bridge.is_heard = hears_of_orders(owner)

    def getcash(self) -> float:
        """Return the value of the cash of all sessions at the rates of its facts."""
        return sum(sum(s.simulator.ledger.booked.values()) for s in self._group.sessions)

    def getvalue(self, datas: Any = None) -> float:
        """Return the equity of all sessions, each at its last mark."""
        return sum(session.equity for session in self._group.sessions)

    get_fundvalue = getvalue
    fundvalue = property(getvalue)

    def getposition(self, data: ArrayFeed) -> bt.Position:
        """Return the position in an instrument, base units."""
        ledger = self._group.sessions[data.session_index].simulator.ledger
        position = ledger.positions[data.instrument]
        return bt.Position(position.quantity, position.average_entry)

    def getcommissioninfo(self, data: ArrayFeed) -> bt.CommissionInfo:
        """Return the scheme that charges nothing: the simulator charges the fees."""
        return self._scheme

    def buy(
        self, owner: bt.Strategy, data: ArrayFeed, size: float, **kwargs: Any
    ) -> bt.Order | None:
        """Register a buy; ``request`` must be among the keywords."""
        return self._register(bt.BuyOrder, owner, data, size, kwargs)

    def sell(
        self, owner: bt.Strategy, data: ArrayFeed, size: float, **kwargs: Any
    ) -> bt.Order | None:
        """Register a sell; ``request`` must be among the keywords."""
        return self._register(bt.SellOrder, owner, data, size, kwargs)

    def cancel(self, order: bt.Order) -> None:
        """Refuse: orders end through the risk module's decisions."""
        raise SimulationError("orders are cancelled by Exit and MoveStop intents, not one by one")

    def get_notification(self) -> bt.Order | None:
        """Return the next order that changed, None when there is none."""
        return self._notices.popleft() if self._notices else None

    def next(self) -> None:
        """Do steps (a) and (b) of the current instant."""
        for index in self._group.due:
            bridge = self._bridges[index]
            bridge.session.settle()
            self._report(bridge)

    def open_bars(self) -> None:
        """Do step (e) of the current instant; its notices go out at the next visit."""
        for index in self._group.due:
            bridge = self._bridges[index]
            bridge.session.simulator.open_bars(bridge.session.t)
            self._report(bridge)

    def _report(self, bridge: OrderBridge) -> None:
        """Report new fills and ended orders to the orders of Backtrader."""
        simulator = bridge.session.simulator
        fills, ended = simulator.execution.fills, simulator.book.ended
        if not bridge.is_heard:
            ended.clear()
            return
        while bridge.fills_seen < len(fills):
            self._execute(bridge, fills[bridge.fills_seen])
            bridge.fills_seen += 1
        if ended:
            for working in ended:
                self._end(bridge, working)
            ended.clear()

    def _register(
        self,
        kind: type[bt.Order],
        owner: bt.Strategy,
        data: ArrayFeed,
        size: float,
        kwargs: dict[str, Any],
    ) -> bt.Order | None:
        """Submit the request to the simulator; return Backtrader's order, None if none reads it."""
        request = kwargs.get("request")
        if not isinstance(request, OrderRequest):
            raise SimulationError(
                "the broker takes only orders approved by the risk module; return an intent"
            )
        bridge = self._bridges[data.session_index]
        simulator, t = bridge.session.simulator, bridge.session.t
        if not bridge.is_heard:
            simulator.submit(request, t)
            return None
        # Before it is submitted: an exit may end its plan at once.
        size = _closed_by(request, simulator) if math.isnan(size) else size
        order = self._new_order(kind, owner, data, size, request)
        working = simulator.submit(request, t)
        bridge.orders[working.order_id] = order
        # Only fills and ends of orders are notified; nothing uses "accepted".
        order.submit(self)
        order.accept(self)
        return order

    def _new_order(
        self,
        kind: type[bt.Order],
        owner: bt.Strategy,
        data: ArrayFeed,
        size: float,
        request: OrderRequest,
    ) -> bt.Order:
        # ``simulated`` spares Backtrader's end-of-session arithmetic; nothing here expires.
        order = kind(
            owner=owner,
            data=data,
            size=size,
            price=request.price if request.kind is not OrderKind.MARKET else 0.0,
            exectype=EXEC_TYPES[request.kind],
            simulated=True,
        )
        order.p.simulated = False
        order.addcomminfo(self._scheme)
        return order

    def _execute(self, bridge: OrderBridge, fill: Fill) -> None:
        order = bridge.orders.get(fill.order_id) or self._liquidation_order(bridge, fill)
        before = fill.position_after - fill.quantity
        closed = fill.quantity if before * fill.quantity < 0 else 0.0
        opened = fill.quantity - closed
        position = bridge.session.simulator.ledger.positions[fill.instrument]
        value = position.contract.notional(fill.quantity, fill.price)
        fee_closed, fee_opened = (fill.fee, 0.0) if closed else (0.0, fill.fee)
        order.execute(
            float(backtrader_days(fill.at)),  # type: ignore[arg-type]
            fill.quantity,
            fill.price,
            closed,
            value if closed else 0.0,
            fee_closed,
            opened,
            value if opened else 0.0,
            fee_opened,
            fill.isolated_margin_after,
            fill.realized,
            fill.position_after,
            fill.average_entry_after,
        )
        self._notices.append(order.clone())

    def _liquidation_order(self, bridge: OrderBridge, fill: Fill) -> bt.Order:
        """Return an order for a fill of the venue's own, so that the strategy is notified."""
        kind = bt.BuyOrder if fill.quantity > 0 else bt.SellOrder
        request = bridge.session.simulator.book.orders[fill.order_id - 1].request
        size, data = abs(fill.quantity), bridge.feeds[fill.instrument]
        order = self._new_order(kind, bridge.owner, data, size, request)
        bridge.orders[fill.order_id] = order
        return order

    def _end(self, bridge: OrderBridge, working: WorkingOrder) -> None:
        order = bridge.orders.get(working.order_id)
        if order is None:
            return
        if working.status is OrderStatus.FILLED:
            if order.status == bt.Order.Completed:
                return
            order.completed()
        elif working.status is OrderStatus.REJECTED:
            order.reject(self)
        else:
            order.cancel()
        self._notices.append(order.clone())
