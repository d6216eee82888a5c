"""The closes that no order of the playbook makes: expiry, delisting, the end of a segment.

A walk-forward cuts one account into segments, each a run with rules of its own. A position that is
open at the end of a segment is closed at the close of its instrument's last bar, as if an order had
been given for that close: with a taker's fee and slippage, whatever the volume.
"""

from dataclasses import replace

import numpy as np

from engine.broker.book import Book
from engine.broker.execution import Execution, FillMoment
from engine.broker.match_context import MatchContext, venue_order
from engine.broker.matching import Matcher
from engine.decision_terms import EndReason
from engine.records import NAN, OrderKind, OrderRole

SEGMENT_END = "end of the segment"


class FinalCloses:
    """Closes positions at the end of their instrument or of the run."""

    def __init__(self, book: Book, execution: Execution, matcher: Matcher) -> None:
        self._book = book
        self._execution = execution
        self._matcher = matcher

    def settle(self, context: MatchContext) -> None:
        """Close an option position at its expiry and end its orders."""
        value = float(context.path.mark[context.t])
        self._settle(context, value, "expiry", EndReason.EXPIRED)

    def delist(self, context: MatchContext) -> None:
        """Close the position in a delisted instrument at its final price and end its orders."""
        record = context.path.instrument.delisted
        words = "" if record is None else record.words
        self._settle(context, context.path.final_price, words, EndReason.DELISTED)

    def _settle(self, context: MatchContext, value: float, why: str, end: EndReason) -> None:
        """Close a position at a value, without slippage or fee."""
        quantity = context.position.quantity
        if quantity == 0.0:
            self._book.close_plan(context.plan, context.when.at, end)
            return
        request = venue_order(context, OrderRole.SETTLEMENT, OrderKind.MARKET, NAN, why)
        order = self._book.submit(request, context.when.at, context.when.at)
        self._execution.settle(
            context.path, order, quantity=abs(quantity), value=value, when=context.when
        )
        self._book.fill(order, context.when.at)
        self._matcher.close(context, end)

    def end_segment(self, context: MatchContext) -> None:
        """Close a position at the close of its last bar and end its orders."""
        quantity, at = context.position.quantity, context.when.at
        if quantity == 0.0:
            self._book.close_plan(context.plan, at, EndReason.EXIT_REQUESTED)
            return
        request = venue_order(context, OrderRole.EXIT, OrderKind.MARKET, NAN, SEGMENT_END)
        order = self._book.submit(request, at, at)
        close = float(context.path.close[context.t])
        # In a bar without trades the last known mark is the best estimate of a price.
        raw = float(context.path.mark[context.t]) if np.isnan(close) else close
        when = _with_last_spread(context)
        self._execution.fill(
            context.path, order, quantity=abs(quantity), raw=raw, when=when, rests=False
        )
        self._book.fill(order, at)
        self._matcher.close(context, EndReason.FLAT_AFTER_EXIT)


def _with_last_spread(context: MatchContext) -> FillMoment:
    """Return the moment of a close; an option pays its last half spread, quoted at an open."""
    spreads = context.path.half_spread[: context.t + 1]
    quoted = np.flatnonzero(spreads)
    if len(quoted) == 0:
        return context.when
    return replace(context.when, half_spread=float(spreads[quoted[-1]]))
