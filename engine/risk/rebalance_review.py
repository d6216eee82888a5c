"""Decide on rebalancings: sales first, then purchases.

A short that shrinks is covered like a sale; a short that grows is sold like a purchase.
"""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from data_feeds.instrument import Instrument, InstrumentKind
from engine.config.models import RiskConfig
from engine.contracts import contract_of
from engine.costs import floor_to_step
from engine.decision_terms import Cap, DecisionOutcome, IntentKind, RefusalRule
from engine.errors import PlaybookContractError
from engine.intents import Rebalance
from engine.records import Decision, OrderRole, Overlay
from engine.risk.account_limits import FreedNotional
from engine.risk.approved_plans import ApprovedPlan, ApprovedPlans, owned_plan
from engine.risk.decisions import (
    DecisionBook,
    DecisionDraft,
    IntentEffects,
    Review,
)
from engine.risk.guards import Guards
from engine.risk.order_requests import closing_order, tranche_order
from engine.risk.plan_levels import BrokenRule
from engine.risk.portfolio import Covariance, Weights, capped_weights, in_order
from engine.risk.sizing import Sizing
from engine.risk.sizing_inputs import SizingInputs
from engine.risk.sizing_request import OWNED
from engine.risk.tiers import MarketTiers
from engine.views import AccountView

# Changes below this share of a lot are float noise of weight x equity / price.
_LOT_SLACK = 1e-9
# Rule or guard, reason, outcome.
Refused = tuple[str, str, DecisionOutcome]


@dataclass(frozen=True, slots=True)
class WeightChange:
    """Hold an instrument's position, target and size after each cap, base units.

    All are unsigned, on the side of ``draft.direction``; a target on the other side is 0 here.
    ``price`` is the entry estimate in the account's currency.
    """

    draft: DecisionDraft
    instrument: Instrument
    held: float
    wanted: float
    steps: list[tuple[Cap, float]]
    price: float


@dataclass(frozen=True, slots=True)
class PurchaseRequest:
    """Hold one purchase before the account's caps are shared out.

    Attributes
    ----------
    caps : its own caps, base units
    rooms : unused part of each cap of the account, account currency
    refused : rule, reason and outcome of a refusal that does not depend on the size
    """

    change: WeightChange
    plan: ApprovedPlan | None
    caps: tuple[tuple[Cap, float], ...] = ()
    rooms: Mapping[Cap, float] = field(default_factory=dict)
    refused: Refused | None = None

    @property
    def notional(self) -> float:
        """Return the value of the size under its own caps and the cap on one instrument."""
        own = min(size for _, size in self.caps) * self.change.price
        return min(own, self.rooms.get(Cap.ACCOUNT_ASSET, math.inf))


class RebalanceReviewer:
    """Review rebalancings; the risk module shares its decisions, guards and plans."""

    def __init__(
        self,
        risk: RiskConfig,
        instruments: Mapping[str, Instrument],
        *,
        inputs: SizingInputs,
        book: DecisionBook,
        guards: Guards,
        market: MarketTiers,
        covariance: Covariance | None,
        plans: ApprovedPlans,
    ) -> None:
        self._risk = risk
        self._instruments = instruments
        self._inputs = inputs
        self._book = book
        self._guards = guards
        self._market = market
        self._covariance = covariance
        self._plans = plans

    def review(self, intent: Rebalance, at: int, account: AccountView) -> IntentEffects:
        """Return a decision for every instrument that changes, sales first, and the overlays.

        The weight of a delisted instrument is cash: it is refused, and no cap counts it.

        Raises
        ------
        PlaybookContractError : an instrument is not traded or not paid in full.
        """
        instruments = self._checked(intent)
        gone = self._delisted(intent, at, account)
        if gone:
            kept = {name: weight for name, weight in intent.weights.items() if name not in gone}
            intent = replace(intent, weights=kept)
        steps = capped_weights(
            intent.weights,
            instruments,
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
        freed = self._freed([review.decision for review in sold if review.orders], changes)
        asks = [
            self._ask(change, intent, account, freed)
            for change in changes
            if not change.wanted <= change.held + self._slack(change)
        ]
        reviews = (*sold, *(self._buy(ask, intent) for ask in share_rooms(asks)))
        away = [review for review in reviews if not is_small(review.decision)]
        # Hedges count from here on when an order follows, or when the book is at its weights.
        is_on = not away or any(review.orders for review in away)
        overlays = overlay_rows(intent, at, account.equity) if is_on else ()
        return IntentEffects((*gone.values(), *reviews), overlays=overlays)

    def _delisted(self, intent: Rebalance, at: int, account: AccountView) -> dict[str, Review]:
        """Return the refusals of the weights of instruments that no longer trade, by name."""
        found = {}
        for name, weight in sorted(intent.weights.items()):
            broken = self._inputs.delisted(name, at)
            if broken is None or weight == 0:
                continue
            rule, why = broken
            draft = DecisionDraft(
                at,
                name,
                IntentKind.REBALANCE,
                -1 if weight < 0 else 1,
                account.equity,
                intent.reason,
                entry=self._inputs.close(name, at),
            )
            cash = f"its weight stays in cash of the {self._instruments[name].wallet} wallet"
            found[name] = self._book.refuse(draft, rule, f"{why}: {cash}")
        return found

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
        steps: list[tuple[Cap, Weights]],
        *,
        at: int,
        account: AccountView,
    ) -> WeightChange:
        close, position = self._inputs.close(name, at), account.position(name)
        plan, weight = self._plans.get(name), intent.weights[name]
        direction = -1 if (weight if position is None else position.quantity) < 0 else 1
        draft = DecisionDraft(
            at,
            name,
            IntentKind.REBALANCE,
            direction,
            account.equity,
            intent.reason,
            plan_id=0 if plan is None else plan.plan_id,
            entry=close,
        )
        # The part that an earlier sale still sells no longer counts as held.
        held = 0.0 if position is None else abs(position.quantity) - position.leaving
        instrument = self._instruments[name]
        price = close * account.rate_of(instrument.wallet)
        sizes = [
            (step, direction * share * account.equity / price)
            for step, share in in_order(steps, name)
        ]
        return WeightChange(draft, instrument, held, max(sizes[-1][1], 0.0), sizes, price)

    def _slack(self, change: WeightChange) -> float:
        return change.instrument.lot_size * _LOT_SLACK

    def _sell(self, change: WeightChange, intent: Rebalance) -> Review:
        """Return the decision on a sale, with its order unless it is too small."""
        draft = change.draft
        everything = draft.direction * intent.weights[draft.instrument] <= 0
        part = floor_to_step(change.held - change.wanted, change.instrument.lot_size)
        small = None if everything else self._too_small(change, part, intent)
        if small:
            told = max(part, change.held - change.wanted)
            sold = "cover" if draft.direction < 0 else "sale"
            why = f"a {sold} of {told:.6g} x {draft.entry:,.6g} is too small"
            return self._book.refuse(draft, small, why)
        plan = self._plans[draft.instrument]
        if everything:
            self._plans.keep(draft.instrument, replace(plan, is_leaving=True))
        quantity = change.held if everything else part
        decision = self._book.approve(draft, quantity, plan_id=plan.plan_id)
        order = closing_order(
            decision, OrderRole.EXIT, quantity=math.nan if everything else quantity
        )
        return Review(decision, (order,))

    def _too_small(
        self, change: WeightChange, quantity: float, intent: Rebalance
    ) -> RefusalRule | None:
        """Return the rule by which a change is too small, None where it is large enough."""
        instrument = change.instrument
        is_below = quantity * change.draft.entry < instrument.min_notional
        if quantity < instrument.lot_size or is_below:
            return RefusalRule.MINIMUM_SIZE
        return RefusalRule.MINIMUM_TICKET if quantity * change.price < intent.min_ticket else None

    def _freed(self, sales: Sequence[Decision], changes: Sequence[WeightChange]) -> FreedNotional:
        """Return the notional that the sales and covers of this rebalancing give up."""
        prices = {change.draft.instrument: change.price for change in changes}
        notional = {sale.instrument: sale.quantity * prices[sale.instrument] for sale in sales}
        crypto = (v for name, v in notional.items() if self._instruments[name].is_crypto)
        net = sum(sale.direction * notional[sale.instrument] for sale in sales)
        return FreedNotional(sum(notional.values()), net, sum(crypto))

    def _ask(
        self, change: WeightChange, intent: Rebalance, account: AccountView, freed: FreedNotional
    ) -> PurchaseRequest:
        """Return a purchase with its caps, or with the rule that refuses it at any size."""
        draft, name = change.draft, change.instrument.id
        plan = self._plans.get(name)
        missing = change.wanted - change.held
        small = None
        if math.isfinite(missing):
            part = floor_to_step(missing, change.instrument.lot_size)
            small = self._too_small(change, part, intent)
        if small:
            bought = "short sale" if draft.direction < 0 else "purchase"
            why = f"a {bought} of {missing:.6g} x {draft.entry:,.6g} is too small"
            if small == RefusalRule.MINIMUM_TICKET:
                why += f": below min_ticket {intent.min_ticket:,.6g}"
            return PurchaseRequest(change, plan, refused=(small, why, DecisionOutcome.REJECTED))
        refused = self._blocked(draft, account, plan)
        if refused is not None:
            return PurchaseRequest(change, plan, refused=refused)
        caps = [(step, max(size - change.held, 0.0)) for step, size in change.steps]
        caps.append((Cap.PARTICIPATION, self._inputs.participation(name, draft.at)))
        return PurchaseRequest(change, plan, tuple(caps), self._inputs.account_rooms(draft, freed))

    def _buy(self, ask: PurchaseRequest, intent: Rebalance) -> Review:
        """Return the decision on a purchase, with its order unless it is refused."""
        change, plan = ask.change, ask.plan
        draft, instrument = change.draft, change.instrument
        if ask.refused is not None:
            rule, why, outcome = ask.refused
            return self._book.refuse(draft, rule, why, outcome=outcome)
        binding, room = min(ask.caps, key=lambda cap: cap[1])
        multiplier = min(self._guards.tier(draft.equity)[1], self._market.at(draft.at)[1])
        sizing = Sizing(ask.caps, binding, room, math.nan, OWNED, None, room)
        quantity = floor_to_step(room * multiplier, instrument.lot_size)
        small = self._too_small(change, quantity, intent)
        if small:
            why = f"{room * multiplier:.6g} x {draft.entry:,.6g} is too small; {binding} bound"
            return self._book.refuse(draft, small, why, sizing=sizing, multiplier=multiplier)
        decision = self._book.approve(
            draft,
            quantity,
            plan_id=self._plans.next_id if plan is None else plan.plan_id,
            sizing=sizing,
            multiplier=multiplier,
        )
        self._plans.keep(instrument.id, _plan(plan, decision, change))
        return Review(decision, (tranche_order(decision),))

    def _unknown(self, draft: DecisionDraft) -> BrokenRule | None:
        """Return the rule that refuses an instrument without price or volume yet, None for none."""
        wallet = self._instruments[draft.instrument].wallet
        stays = f"its weight stays in cash of the {wallet} wallet"
        if math.isnan(draft.entry):
            return RefusalRule.NOT_BEGUN, f"no bar is known yet: {stays}"
        if math.isnan(self._inputs.participation(draft.instrument, draft.at)):
            window = self._risk.participation_window
            return RefusalRule.VOLUME_UNKNOWN, f"no volume is known over {window}: {stays}"
        unpriced = self._inputs.unpriced(draft.instrument, draft.at)
        if unpriced is not None:
            return RefusalRule.VOLUME_UNKNOWN, f"{unpriced}: {stays}"
        return None

    def _blocked(
        self, draft: DecisionDraft, account: AccountView, plan: ApprovedPlan | None
    ) -> Refused | None:
        """Return the refusal of a purchase that does not depend on its size, None for none."""
        at = draft.at
        guard = self._guards.blocked_by(at, adds=True) or self._market.blocked_by(at)
        if guard:
            return guard, f"{guard} is in force", DecisionOutcome.BLOCKED
        broken = self._inputs.no_short(draft) or self._unknown(draft)
        if broken is not None:
            return (*broken, DecisionOutcome.REJECTED)
        if not draft.equity > 0:
            return RefusalRule.NO_EQUITY, f"equity is {draft.equity:,.2f}", DecisionOutcome.REJECTED
        if draft.instrument in account.pending or (plan is not None and plan.approved_at == at):
            return (
                RefusalRule.TRANCHE_WORKS,
                "the purchase before still works",
                DecisionOutcome.REJECTED,
            )
        position = account.position(draft.instrument)
        if position is not None and position.leaving > 0:
            return RefusalRule.SALE_WORKS, "the sale before still works", DecisionOutcome.REJECTED
        return None


def is_small(decision: Decision) -> bool:
    """Return whether a change was refused because it is too small to trade."""
    small = decision.blocked_by == RefusalRule.MINIMUM_SIZE and not decision.caps
    return small or decision.blocked_by == RefusalRule.MINIMUM_TICKET


def overlay_rows(intent: Rebalance, at: int, equity: float) -> tuple[Overlay, ...]:
    """Return the weights that each hedge of a rebalancing adds, () where it names no hedges."""
    if intent.overlays is None:
        return ()
    rows = tuple(
        Overlay(at, hedge, instrument, weight, equity)
        for hedge, weights in intent.overlays.items()
        for instrument, weight in weights.items()
        if weight != 0
    )
    return rows or (Overlay(at, "", "", 0.0, equity),)


def share_rooms(asks: Sequence[PurchaseRequest]) -> list[PurchaseRequest]:
    """Return the purchases with each one's part of the account's caps among its own.

    A cap on a sum that is too small for all purchases and short sales is shared by one factor; that
    on the net notional for each side alone, because an order of the other side may not fill.
    """
    totals: defaultdict[tuple[Cap, int], list[float]] = defaultdict(list)
    for ask in asks:
        for name, room in ask.rooms.items():
            if math.isfinite(room) and name != Cap.ACCOUNT_ASSET:
                totals[_shared_cap(ask, name)].append(ask.notional)
    shared = []
    for ask in asks:
        caps = list(ask.caps)
        for name, room in ask.rooms.items():
            total = math.fsum(totals[_shared_cap(ask, name)])
            if total > room and name != Cap.ACCOUNT_ASSET and math.isfinite(room):
                caps.append((name, ask.notional * (room / total) / ask.change.price))
            else:
                caps.append((name, room / ask.change.price))
        shared.append(replace(ask, caps=tuple(caps)))
    return shared


def _shared_cap(ask: PurchaseRequest, cap: Cap) -> tuple[Cap, int]:
    """Return a cap, with the side of the order where each side has a room of its own, else 0."""
    return cap, ask.change.draft.direction if cap == Cap.ACCOUNT_NET else 0


def has_weight(instrument: Instrument) -> bool:
    """Return whether an instrument can have a weight: paid in full, and no option."""
    if not instrument.is_tradable or instrument.kind is InstrumentKind.OPTION:
        return False
    return not contract_of(instrument).is_margined


def _plan(plan: ApprovedPlan | None, decision: Decision, change: WeightChange) -> ApprovedPlan:
    """Return the plan of a purchase: the instrument's open plan enlarged, or a new one."""
    quantity, at, entry = change.held + decision.quantity, decision.decided_at, change.draft.entry
    if plan is not None:
        return replace(plan, approved_at=at, quantity=quantity, entry=entry, reserve=entry)
    return owned_plan(decision, quantity)
