"""A playbook that plays a declared bracket plan; the check compares it with the declaring one."""

from collections.abc import Sequence
from typing import cast

from data_feeds.dataset import Dataset
from engine.bracket_plan import BracketPlan
from engine.intents import Enter, Exit, Intent, MoveStop, Target, WakeAt
from engine.playbook import Playbook, PlaybookParams, Requirements, Signals
from engine.records import Fill, OrderRole
from engine.views import AccountView, MarketView


class PlannedPlaybook(Playbook[PlaybookParams]):
    """Return the intents that a bracket plan declares, and nothing else."""

    name = "planned"
    Params = PlaybookParams

    def __init__(self, plan: BracketPlan) -> None:
        super().__init__(PlaybookParams())
        self._plan = plan
        self._entry_at = {int(row): place for place, row in enumerate(plan.rows)}
        self._exit_at = {int(row): place for place, row in enumerate(plan.exits)}
        self._entry: int | None = None
        self._leave_at: int | None = None
        self._left_plan = 0

    @classmethod
    def requirements(cls, params: PlaybookParams) -> Requirements:
        """Refuse: the declaring playbook states what it needs."""
        raise NotImplementedError("a plan is played on prepared signals")

    def prepare(self, data: Dataset) -> Signals:
        """Refuse: the declaring playbook prepares the signals."""
        raise NotImplementedError("a plan is played on prepared signals")

    def on_bar(self, market: MarketView, account: AccountView) -> Sequence[Intent]:
        """Enter at an entry row; leave at an exit row and when the time is over."""
        position = account.position(self._plan.instrument)
        if position is None:
            place = self._entry_at.get(market.row)
            flat = account.is_flat(self._plan.instrument)
            return self._enter(place, market.now) if flat and place is not None else ()
        left = position.plan_id == self._left_plan
        if self._plan.exits_again:
            left = position.leaving >= abs(position.quantity)
        if left or not self._leaves(market):
            return ()
        self._left_plan = position.plan_id
        return (Exit(position.instrument, "planned"),)

    def on_fill(self, fill: Fill, account: AccountView) -> Sequence[Intent]:
        """Move the stop to the average entry after a target, if that is nearer."""
        position = account.position(fill.instrument)
        if not self._plan.breakeven or fill.role != OrderRole.TARGET or position is None:
            return ()
        if self._plan.direction * (position.average_entry - position.stop) <= 0:
            return ()
        return (MoveStop(fill.instrument, position.average_entry, "planned"),)

    def _enter(self, place: int, now: int) -> Sequence[Intent]:
        plan = self._plan
        self._entry, self._leave_at = place, None
        pairs = zip(plan.targets[place].tolist(), plan.fractions, strict=True)
        entry = Enter(
            plan.instrument,
            plan.direction,
            float(plan.stop[place]),
            "planned",
            targets=tuple(Target(price, fraction) for price, fraction in pairs),
            kind=plan.kind,
            price=None if plan.price is None else float(plan.price[place]),
            size_multiplier=float(plan.size_multiplier[place]),
            slippage_multiplier=float(plan.slippage_multiplier[place]),
        )
        if plan.leave_after_ns is None:
            return (entry,)
        self._leave_at = now + plan.leave_after_ns
        return (entry, WakeAt(self._leave_at))

    def _leaves(self, market: MarketView) -> bool:
        if self._leave_at is not None and market.now >= self._leave_at:
            return True
        place = self._exit_at.get(market.row)
        if place is None:
            return False
        exits, entries = self._plan.exit_keys, self._plan.entry_keys
        if exits is None or entries is None:
            return True
        return bool(exits[place] == entries[cast("int", self._entry)])
