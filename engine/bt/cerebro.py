"""Backtrader's loop with one change: which instant comes next.

``_runonce`` seeks every line buffer to an instant instead of stepping one bar, then runs
Backtrader's own broker, notification and strategy steps. In dense mode the next instant is simply
the following one.
"""

from collections.abc import Callable, Sequence
from typing import Any

import backtrader as bt

from engine.bt.broker import BridgeBroker
from engine.bt.feed import ArrayFeed, backtrader_days
from engine.bt.session import Session
from engine.events import OrderRequest

PROGRESS_STEPS = 200


class BridgeStrategy(bt.Strategy):  # type: ignore[misc]  # backtrader ships no types
    """The one strategy: asks the session, sends what risk approved."""

    params = (("session", None),)

    def start(self) -> None:
        """Find the feed of each instrument."""
        self._feeds = {data._name: data for data in self.datas}
        self.broker.attach(self, self._feeds)

    def next(self) -> None:
        """Steps (c) and (d) of the current instant."""
        self.p.session.decide(self._send)

    # A slow feed's first bar must not hold the others back.
    prenext = next
    nextstart = next

    def _oncepost(self, dt: float) -> None:
        """Run Backtrader's notification steps only when there is something to notify."""
        if self._orderspending or self._tradespending:
            super()._oncepost(dt)
        else:
            self.next()

    def _send(self, requests: Sequence[OrderRequest]) -> None:
        for request in requests:
            data = self._feeds[request.instrument]
            place = self.buy if request.side > 0 else self.sell
            place(data=data, size=self._size(request), request=request)

    def _size(self, request: OrderRequest) -> float:
        """Order size that Backtrader shows: what the order would close now when it has none."""
        if request.quantity == request.quantity and request.quantity > 0:
            return request.quantity
        simulator = self.p.session.simulator
        held = abs(simulator.ledger.positions[request.instrument].quantity)
        plan = simulator.book.plans[request.instrument]
        size: float = held or plan.entry.request.quantity
        return size


class SeekingCerebro(bt.Cerebro):  # type: ignore[misc]  # backtrader ships no types
    """Cerebro over a session; everything that Backtrader could add by default is off."""

    params = (("stdstats", False), ("preload", True), ("runonce", True), ("maxcpus", 1))

    def __init__(self, session: Session, on_progress: Callable[[float], None] | None) -> None:
        super().__init__()
        self._session = session
        self._on_progress = on_progress
        self.bridge = BridgeBroker(session)
        self.setbroker(self.bridge)
        for path in session.timeline.paths:
            self.adddata(ArrayFeed(channel=path.bars), name=path.instrument.id)
        self.addstrategy(BridgeStrategy, session=session)

    def _runonce(self, runstrats: list[Any]) -> None:
        """Visit instants until none is left."""
        session, strategy = self._session, runstrats[0]
        strategy.reset()
        timeline = session.timeline
        feeds = list(zip(self.datas, [path.closed for path in timeline.paths], strict=True))
        days = backtrader_days(timeline.at)
        count = len(timeline)
        step = max(count // PROGRESS_STEPS, 1)
        reported = 0
        index = session.next_index()
        while index < count:
            session.t = index
            for feed, closed in feeds:
                feed.seek(closed[index])
            self._brokernotify()
            strategy._oncepost(days[index])
            self.bridge.open_bars()
            index = session.next_index()
            if self._on_progress is not None and index - reported >= step:
                reported = index
                self._on_progress(index / count)
