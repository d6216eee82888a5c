"""From target weights to orders: what is sold first, then what is bought."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from data_feeds.instrument import Instrument, InstrumentKind
from engine.config.models import RiskConfig
from engine.costs import floor_to_step
from engine.errors import PlaybookContractError
from engine.events import NOT_BEGUN, Decision, OrderRole
from engine.intents import Rebalance
from engine.risk.decisions import (
    BLOCKED,
    DecisionBook,
    Draft,
    Plan,
    Review,
    closing_order,
    owned_plan,
    tranche_order,
)
from engine.risk.guards import Guards
from engine.risk.joint import Freed
from engine.risk.portfolio import Covariance, Weights, capped_weights, in_order
from engine.risk.requests import SizingDesk
from engine.risk.sizing import OWNED, Sizing
from engine.risk.tiers import MarketTiers
from engine.views import AccountView

# Float noise of weight x equity / price is no order.
_LOT_SLACK = 1e-9


@dataclass(frozen=True, slots=True)
class Change:
    """One instrument's way from what is held to what is wanted; base units, prices in quote."""

    draft: Draft
    instrument: Instrument
    held: float
    wanted: float
    steps: list[tuple[str, float]]


class Rebalancer:
    """Reviews rebalancings; shares books, guards and plans with the risk module."""

    def __init__(
        self,
        risk: RiskConfig,
        instruments: Mapping[str, Instrument],
        *,
        desk: SizingDesk,
        book: DecisionBook,
        guards: Guards,
        market: MarketTiers,
        covariance: Covariance | None,
        plans: dict[str, Plan],
    ) -> None:
        self._risk = risk
        self._instruments = instruments
        self._desk = desk
        self._book = book
        self._guards = guards
        self._market = market
        self._covariance = covariance
        self._plans = plans

    def review(
        self, intent: Rebalance, *, at: int, account: AccountView, next_plan: int
    ) -> tuple[Review, ...]:
        """Return a decision for every instrument that changes, sales first.

        ``next_plan`` is the id of the first plan that is new.

        Raises
        ------
        PlaybookContractError : an instrument is not traded or not paid in full.
        """
        steps = capped_weights(
            intent.weights,
            self._checked(intent),
            self._covariance,
            self._risk.portfolio,
            at=at,
            leverage_cap=self._risk.leverage_cap,
        )
        changes = [
            self._change(intent, name, steps, at=at, account=account)
            for name in sorted(intent.weights)
        ]
        sold = [self._sell(c, intent) for c in changes if c.wanted < c.held - self._slack(c)]
        freed = self._freed([review.decision for review in sold if review is not None], changes)
        bought = []
        for change in changes:
            if not change.wanted <= change.held + self._slack(change):
                review = self._buy(change, intent, account, next_plan, freed)
                if review is not None:
                    next_plan = max(next_plan, review.decision.plan_id + 1)
                    bought.append(review)
        return tuple(review for review in (*sold, *bought) if review is not None)

    def _checked(self, intent: Rebalance) -> Mapping[str, Instrument]:
        for name in intent.weights:
            instrument = self._instruments.get(name)
            if instrument is None or not has_weight(instrument):
                known = ", ".join(sorted(n for n, i in self._instruments.items() if has_weight(i)))
                raise PlaybookContractError(
                    f"Rebalance names {name!r}; weights are for traded instruments that are paid "
                    f"in full, options apart (here: {known or 'none'})"
                )
        return self._instruments

    def _change(
        self,
        intent: Rebalance,
        name: str,
        steps: list[tuple[str, Weights]],
        *,
        at: int,
        account: AccountView,
    ) -> Change:
        close, position = self._desk.close(name, at), account.position(name)
        plan = self._plans.get(name)
        draft = Draft(
            at,
            name,
            "rebalance",
            1,
            account.equity,
            intent.reason,
            plan_id=0 if plan is None else plan.plan_id,
            entry=close,
        )
        # What an earlier sale still sells is not held any more.
        held = 0.0 if position is None else position.quantity - position.leaving
        sizes = [(step, weight * account.equity / close) for step, weight in in_order(steps, name)]
        return Change(draft, self._instruments[name], held, sizes[-1][1], sizes)

    def _slack(self, change: Change) -> float:
        return change.instrument.lot_size * _LOT_SLACK

    def _sell(self, change: Change, intent: Rebalance) -> Review | None:
        """Return the sale, None where it is too small to trade."""
        draft, lot = change.draft, change.instrument.lot_size
        everything = intent.weights[draft.instrument] == 0
        part = floor_to_step(change.held - change.wanted, lot)
        ticket = max(intent.min_ticket, change.instrument.min_notional)
        if not everything and (part < lot or part * draft.entry < ticket):
            return None
        plan = self._plans[draft.instrument]
        if everything:
            self._plans[draft.instrument] = replace(plan, is_leaving=True)
        quantity = change.held if everything else part
        decision = self._book.approve(draft, quantity, plan_id=plan.plan_id)
        order = closing_order(
            decision, OrderRole.EXIT, quantity=math.nan if everything else quantity
        )
        return Review(decision, (order,))

    def _freed(self, sales: Sequence[Decision], changes: Sequence[Change]) -> Freed:
        """Return the notional that the sales of this rebalancing give up."""
        closes = {change.draft.instrument: change.draft.entry for change in changes}
        notional = {sale.instrument: sale.quantity * closes[sale.instrument] for sale in sales}
        crypto = (v for name, v in notional.items() if self._instruments[name].is_crypto)
        return Freed(sum(notional.values()), sum(crypto))

    def _buy(
        self,
        change: Change,
        intent: Rebalance,
        account: AccountView,
        next_plan: int,
        freed: Freed,
    ) -> Review | None:
        """Return the purchase or why there is none; None where it is too small to trade."""
        draft, instrument, at = change.draft, change.instrument, change.draft.at
        plan = self._plans.get(instrument.id)
        if (change.wanted - change.held) * draft.entry < intent.min_ticket:
            return None
        refused = self._blocked(draft, account, plan)
        if refused is not None:
            return refused
        caps = [(name, max(size - change.held, 0.0)) for name, size in change.steps]
        caps.append(("participation", self._desk.participation(instrument.id, at)))
        rooms = self._desk.account_rooms(draft, freed).items()
        caps += [(name, room / draft.entry) for name, room in rooms]
        binding, room = min(caps, key=lambda cap: cap[1])
        multiplier = min(self._guards.tier(draft.equity)[1], self._market.at(at)[1])
        sizing = Sizing(tuple(caps), binding, room, math.nan, OWNED, "", room)
        quantity = floor_to_step(room * multiplier, instrument.lot_size)
        ticket = max(intent.min_ticket, instrument.min_notional)
        if quantity < instrument.lot_size or quantity * draft.entry < ticket:
            why = f"{room * multiplier:.6g} x {draft.entry:,.6g} is too small; {binding} bound"
            return self._book.refuse(
                draft, "minimum size", why, sizing=sizing, multiplier=multiplier
            )
        decision = self._book.approve(
            draft,
            quantity,
            plan_id=next_plan if plan is None else plan.plan_id,
            sizing=sizing,
            multiplier=multiplier,
        )
        self._plans[instrument.id] = _plan(plan, decision, change)
        return Review(decision, (tranche_order(decision),))

    def _unknown(self, draft: Draft) -> tuple[str, str] | None:
        """Return (rule, why) for what has no price or no volume yet."""
        wallet = self._instruments[draft.instrument].wallet
        stays = f"its weight stays in cash of the {wallet} wallet"
        if math.isnan(draft.entry):
            return NOT_BEGUN, f"no bar is known yet: {stays}"
        if math.isnan(self._desk.participation(draft.instrument, draft.at)):
            window = self._risk.participation_window
            return "volume unknown", f"no volume is known over {window}: {stays}"
        return None

    def _blocked(self, draft: Draft, account: AccountView, plan: Plan | None) -> Review | None:
        """Return the refusal of a purchase whatever its size, None when there is none."""
        at, book = draft.at, self._book
        tier, factor = self._market.at(at)
        guard = self._guards.blocked_by(at, adds=True) or (f"market {tier}" if factor == 0 else "")
        if guard:
            return book.refuse(draft, guard, f"{guard} is in force", outcome=BLOCKED)
        unknown = self._unknown(draft)
        if unknown is not None:
            return book.refuse(draft, *unknown)
        if not draft.equity > 0:
            return book.refuse(draft, "no equity", f"equity is {draft.equity:,.2f}")
        if draft.instrument in account.pending or (plan is not None and plan.approved_at == at):
            return book.refuse(draft, "tranche works", "the purchase before still works")
        position = account.position(draft.instrument)
        if position is not None and position.leaving > 0:
            return book.refuse(draft, "sale works", "the sale before still works")
        return None


def has_weight(instrument: Instrument) -> bool:
    """Return whether a book can hold it by weight: paid in full, and no option."""
    margined, option = instrument.is_margined, instrument.kind is InstrumentKind.OPTION
    return instrument.is_tradable and not (margined or option)


def _plan(plan: Plan | None, decision: Decision, change: Change) -> Plan:
    """Return the plan of a purchase: the one that holds the instrument, or a new one."""
    quantity, at, entry = change.held + decision.quantity, decision.decided_at, change.draft.entry
    if plan is not None:
        return replace(plan, approved_at=at, quantity=quantity, entry=entry)
    return owned_plan(decision, quantity)
