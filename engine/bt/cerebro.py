"""Backtrader's loop with one change: it jumps to the next instant that matters.

``_runonce`` seeks every line buffer to an instant instead of stepping one bar, then runs
Backtrader's own broker, notification and strategy steps. In dense mode the next instant is the
following one.
"""

from collections.abc import Callable, Sequence
from typing import Any

import backtrader as bt
import numpy as np
from numpy.typing import NDArray

from engine.bt.bridge_broker import BridgeBroker
from engine.bt.feed import ArrayFeed, backtrader_days
from engine.bt.single_session import SessionGroup
from engine.records import OrderRequest

PROGRESS_STEPS = 200


class BridgeStrategy(bt.Strategy):  # type: ignore[misc]  # backtrader ships no types
    """Lets one session decide and sends the orders that risk approved."""

    params = (("session_index", 0), ("session", None))

    def start(self) -> None:
        """Find the feed of each instrument."""
        index = self.p.session_index
        self._feeds = {data.instrument: data for data in self.datas if data.session_index == index}
        self.broker.attach(index, self, self._feeds)

    def next(self) -> None:
        """Do steps (c) and (d) of the current instant."""
        self.p.session.decide(self._send)

    # Backtrader would wait for the first bar of every feed.
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
            place = self.broker.buy if request.side > 0 else self.broker.sell
            place(self, self._feeds[request.instrument], request.quantity, request=request)


class SeekingCerebro(bt.Cerebro):  # type: ignore[misc]  # backtrader ships no types
    """Runs one or more sessions in Backtrader, with all its default additions off."""

    params = (("stdstats", False), ("preload", True), ("runonce", True), ("maxcpus", 1))

    def __init__(self, group: SessionGroup, on_progress: Callable[[float], None] | None) -> None:
        super().__init__()
        self._group = group
        self._on_progress = on_progress
        self.bridge = BridgeBroker(group)
        self.setbroker(self.bridge)
        # The feeds of each session, with the row of the last bar closed at each instant.
        self._rows: list[list[tuple[ArrayFeed, NDArray[np.int64]]]] = []
        for index, session in enumerate(group.sessions):
            self._rows.append([])
            for path in session.timeline.paths:
                feed = ArrayFeed(channel=path.bars)
                feed.session_index, feed.instrument = index, path.instrument.id
                self.adddata(feed, name=path.instrument.id)
                self._rows[index].append((feed, path.closed))
            self.addstrategy(BridgeStrategy, session_index=index, session=session)

    def _runonce(self, runstrats: list[Any]) -> None:
        """Visit instants until none is left."""
        group = self._group
        for strategy in runstrats:
            strategy.reset()
        days = backtrader_days(group.timeline.at)
        count = len(group.timeline)
        step = max(count // PROGRESS_STEPS, 1)
        reported = 0
        index = group.next_index()
        while index < count:
            group.visit(index)
            self._brokernotify()
            group.apply_account_guards()
            for i in group.due:
                for feed, closed in self._rows[i]:
                    feed.seek(closed[index])
                runstrats[i]._oncepost(days[index])
            self.bridge.open_bars()
            index = group.next_index()
            if self._on_progress is not None and index - reported >= step:
                reported = index
                self._on_progress(index / count)
