"""The order of instruments that have a bar at one instant, and the account before each.

At an open all instruments close first, by name; then all enter; then new positions close whose
levels the open has crossed. Among bars that close at one instant, bars with a touched stop come
first if a position was held before them: a stop realizes its loss before the wallet of the other
positions is read. A trailing stop counts as touched where it filled; the walk of its own instrument
checks that. Settlements come after the ranges of all bars: they happen at the close.
"""

from collections import defaultdict

from engine.audit.audited_run import AuditedRun
from engine.audit.due_fills import bar_of, touches
from engine.audit.fills import OPEN, RANGE, SETTLEMENT
from engine.audit.replay import Books, ReplayStep
from engine.records import UNSET, Fill, OrderRole, OrderRow


class InstrumentStates:
    """Returns the account before an instrument is processed at an instant."""

    def __init__(self, run: AuditedRun) -> None:
        self._markets = run.markets
        self._replay = run.replay
        self._rank = {name: number for number, name in enumerate(run.files.traded)}
        self._stops: dict[str, list[OrderRow]] = defaultdict(list)
        for order in run.files.orders:
            if order.role == OrderRole.STOP.value:
                self._stops[order.instrument].append(order)
        self._fills: dict[tuple[int, str], list[Fill]] = defaultdict(list)
        for fill in run.files.fills:
            if fill.fill_id in run.replay.after:
                self._fills[(fill.at, fill.stage)].append(fill)

    def state(self, name: str, at: int, stage: str) -> Books:
        """Return the account before an instrument is processed at a stage of an instant."""
        before = self._before_range(name, at) if stage == RANGE else self._before_open(name, at)
        if before:
            return self._replay.after[before[-1].fill_id]
        if stage == OPEN:
            return self._replay.through(at, ReplayStep.PAY)
        return self._replay.before(at, ReplayStep.RANGE)

    def before_entries(self, at: int) -> Books:
        """Return the account after the closing fills of an open and before its entries."""
        closing, _ = self._split_open(at)
        if closing:
            return self._replay.after[closing[-1].fill_id]
        return self._replay.through(at, ReplayStep.PAY)

    def after_entries(self, name: str, at: int) -> Books:
        """Return the account after the entries of an open, before an instrument closes again."""
        _, later = self._split_open(at)
        mine = self._place(name)
        before = [
            fill
            for fill in later
            if fill.role == OrderRole.ENTRY.value or self._place(fill.instrument) < mine
        ]
        return self._replay.after[before[-1].fill_id] if before else self.before_entries(at)

    def _split_open(self, at: int) -> tuple[list[Fill], list[Fill]]:
        """Return the fills of an open before its first entry, and from the first entry on."""
        fills = self._fills.get((at, OPEN), [])
        entries = (i for i, fill in enumerate(fills) if fill.role == OrderRole.ENTRY.value)
        first = next(entries, len(fills))
        return fills[:first], fills[first:]

    def _place(self, name: str) -> int:
        return self._rank.get(name, len(self._rank))

    def _before_open(self, name: str, at: int) -> list[Fill]:
        closing, _ = self._split_open(at)
        return [fill for fill in closing if self._place(fill.instrument) < self._place(name)]

    def _before_range(self, name: str, at: int) -> list[Fill]:
        fills = [f for f in self._fills.get((at, RANGE), []) if f.role != SETTLEMENT]
        if all(fill.instrument == name for fill in fills):
            return []
        mine = self._place_in_range(name, at)
        return [fill for fill in fills if self._place_in_range(fill.instrument, at) < mine]

    def _place_in_range(self, name: str, at: int) -> tuple[bool, int]:
        market = self._markets[name]
        row = market.last_closed(at)
        if row < 0 or int(market.bars["closed_at"][row]) != at:
            return True, self._place(name)
        bar = bar_of(market, row)
        is_held = self._replay.before(at, ReplayStep.RANGE).holding(name).quantity != 0
        touched = (is_held and bar.is_traded) and any(
            order.decided_at <= bar.opened_at
            and (order.ended_at == UNSET or order.ended_at > bar.opened_at)
            and (
                any(fill.order_id == order.order_id for fill in self._fills[(at, RANGE)])
                if order.trail_moved
                else touches(order, bar)
            )
            for order in self._stops[name]
        )
        return not touched, self._place(name)
