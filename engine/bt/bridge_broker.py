"""Backtrader's broker interface over our simulator.

A ``bt.Order`` carries the risk module's request in; fills go out through ``order.execute``, so that
notifications, trades and analyzers of Backtrader see what happened. Cash, margin and matching are
the simulator's alone.
"""

from collections import deque
from typing import Any

import backtrader as bt

from engine.broker.book import WorkingOrder
from engine.bt.feed import ArrayFeed, backtrader_days
from engine.bt.lanes import Lane
from engine.bt.session import Session
from engine.errors import SimulationError
from engine.records import Fill, OrderKind, OrderRequest, OrderStatus

EXEC_TYPES = {
    OrderKind.MARKET: bt.Order.Market,
    OrderKind.LIMIT: bt.Order.Limit,
    OrderKind.STOP: bt.Order.Stop,
}


class OrderBridge:
    """One lane's orders as Backtrader knows them."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.orders: dict[int, bt.Order] = {}
        self.feeds: dict[str, ArrayFeed] = {}
        self.fills_seen = 0
        self.owner: bt.Strategy | None = None


class BridgeBroker(bt.broker.BrokerBase):  # type: ignore[misc]  # backtrader ships no types
    """Takes orders that carry a request of the risk module, and no others."""

    def __init__(self, lanes: Lane) -> None:
        super().__init__()
        self._lanes = lanes
        self._desks = tuple(OrderBridge(session) for session in lanes.sessions)
        # Backtrader writes it into its end-of-run information.
        self.startingcash = sum(s.simulator.ledger.venue_cash for s in lanes.sessions)
        self._notices: deque[bt.Order] = deque()
        # The one commission scheme that Backtrader's own trade records ask for; it charges nothing.
        self._scheme = bt.CommissionInfo(commission=0.0, stocklike=False, mult=1.0, margin=1.0)

    def attach(self, lane: int, owner: bt.Strategy, feeds: dict[str, ArrayFeed]) -> None:
        """Name the strategy of a lane that is notified and the feed of each instrument."""
        self._desks[lane].owner, self._desks[lane].feeds = owner, feeds

    def getcash(self) -> float:
        """All cash, quote."""
        return sum(session.simulator.ledger.cash() for session in self._lanes.sessions)

    def getvalue(self, datas: Any = None) -> float:
        """Equity at the last mark of each lane, quote."""
        return sum(session.equity for session in self._lanes.sessions)

    get_fundvalue = getvalue
    fundvalue = property(getvalue)

    def getposition(self, data: ArrayFeed) -> bt.Position:
        """Position in an instrument, base units."""
        ledger = self._lanes.sessions[data.lane].simulator.ledger
        position = ledger.positions[data.instrument]
        return bt.Position(position.quantity, position.average_entry)

    def getcommissioninfo(self, data: ArrayFeed) -> bt.CommissionInfo:
        """The empty scheme: fees are the simulator's."""
        return self._scheme

    def buy(self, owner: bt.Strategy, data: ArrayFeed, size: float, **kwargs: Any) -> bt.Order:
        """Register a buy; ``request`` must be among the keywords."""
        return self._register(bt.BuyOrder, owner, data, size, kwargs)

    def sell(self, owner: bt.Strategy, data: ArrayFeed, size: float, **kwargs: Any) -> bt.Order:
        """Register a sell; ``request`` must be among the keywords."""
        return self._register(bt.SellOrder, owner, data, size, kwargs)

    def cancel(self, order: bt.Order) -> None:
        """Refuse: orders end through the risk module's decisions."""
        raise SimulationError("orders are cancelled by Exit and MoveStop intents, not one by one")

    def get_notification(self) -> bt.Order | None:
        """Return the next order that changed, None when there is none."""
        return self._notices.popleft() if self._notices else None

    def next(self) -> None:
        """Steps (a) and (b) of the current instant."""
        for lane in self._lanes.due:
            desk = self._desks[lane]
            desk.session.settle()
            self._report(desk)

    def open_bars(self) -> None:
        """Step (e) of the current instant; notices wait for the next visit."""
        for lane in self._lanes.due:
            desk = self._desks[lane]
            desk.session.simulator.open_bars(desk.session.t)
            self._report(desk)

    def _report(self, desk: OrderBridge) -> None:
        """Pass new fills and ended orders on to Backtrader's orders."""
        simulator = desk.session.simulator
        fills, ended = simulator.execution.fills, simulator.book.ended
        while desk.fills_seen < len(fills):
            self._execute(desk, fills[desk.fills_seen])
            desk.fills_seen += 1
        if ended:
            for working in ended:
                self._end(desk, working)
            ended.clear()

    def _register(
        self,
        kind: type[bt.Order],
        owner: bt.Strategy,
        data: ArrayFeed,
        size: float,
        kwargs: dict[str, Any],
    ) -> bt.Order:
        request = kwargs.get("request")
        if not isinstance(request, OrderRequest):
            raise SimulationError(
                "the broker takes only orders approved by the risk module; return an intent"
            )
        order = self._new_order(kind, owner, data, size, request)
        desk = self._desks[data.lane]
        session = desk.session
        at = int(session.timeline.at[session.t])
        for working in session.simulator.submit([request], at):
            desk.orders[working.order_id] = order
        # Nobody waits for "accepted"; what is notified is what changes a position or ends an order.
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

    def _execute(self, desk: OrderBridge, fill: Fill) -> None:
        order = desk.orders.get(fill.order_id) or self._liquidation_order(desk, fill)
        before = fill.position_after - fill.quantity
        closed = fill.quantity if before * fill.quantity < 0 else 0.0
        opened = fill.quantity - closed
        value = abs(fill.quantity) * fill.price
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

    def _liquidation_order(self, desk: OrderBridge, fill: Fill) -> bt.Order:
        """The venue's own order: nobody sent it, the strategy hears of it."""
        kind = bt.BuyOrder if fill.quantity > 0 else bt.SellOrder
        request = desk.session.simulator.book.orders[fill.order_id - 1].request
        size, data = abs(fill.quantity), desk.feeds[fill.instrument]
        order = self._new_order(kind, desk.owner, data, size, request)
        desk.orders[fill.order_id] = order
        return order

    def _end(self, desk: OrderBridge, working: WorkingOrder) -> None:
        order = desk.orders.get(working.order_id)
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
