"""Decide on entries and further tranches: guards, levels, size."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from data_feeds.instrument import Instrument
from engine.decision_terms import DecisionOutcome, IntentKind, RefusalRule
from engine.errors import PlaybookContractError
from engine.intents import Add, Enter
from engine.records import OrderKind
from engine.risk.approved_plans import ApprovedPlan, ApprovedPlans
from engine.risk.decisions import DecisionBook, DecisionDraft, Review
from engine.risk.exit_review import position_draft
from engine.risk.guards import Guards
from engine.risk.order_requests import entry_orders, tranche_order
from engine.risk.plan_levels import BrokenRule, PlanLevels, plan_levels
from engine.risk.sizing import Sizing, final_quantity, size_entry
from engine.risk.sizing_inputs import SizingInputs, TrancheRequest
from engine.risk.sizing_request import EarlierTranches, SizingRules
from engine.risk.tiers import MarketTiers
from engine.scalars import scalar
from engine.views import AccountView

# Ten times 0.1 is not exactly 1.
FRACTION_SLACK = 1e-9


@scalar
def risk_asked(
    risk_fraction: float, equity: float, fraction: float, multiplier: float, rate: float
) -> float:
    """Return the risk of a tranche, settlement currency: ``rate`` is its value in the account's."""
    return risk_fraction * equity * fraction * multiplier / rate


@scalar
def joint_multiplier(size: float, account: float, market: float) -> float:
    """Return the factor on a size: the playbook's, and the stricter of account and market.

    Not their product: one cause often lowers both.
    """
    return size * min(account, market)


@dataclass(frozen=True, slots=True)
class SizedTranche:
    """Hold the approved size of a tranche, base units after multiplier and lot."""

    sizing: Sizing
    multiplier: float
    quantity: float


class EntryReviewer:
    """Review entries and further tranches of plans with a stop."""

    def __init__(
        self,
        rules: Mapping[str, SizingRules],
        *,
        inputs: SizingInputs,
        book: DecisionBook,
        guards: Guards,
        market: MarketTiers,
        plans: ApprovedPlans,
    ) -> None:
        self._rules = rules
        self._inputs = inputs
        self._book = book
        self._guards = guards
        self._market = market
        self._plans = plans

    def enter(self, intent: Enter, instrument: Instrument, at: int, account: AccountView) -> Review:
        """Return the decision on a new plan with its entry, stop and target orders."""
        levels = self._levels(intent, instrument, at)
        draft = DecisionDraft(
            at,
            instrument.id,
            IntentKind.ENTER,
            intent.direction,
            account.equity,
            intent.reason,
            setup=intent.setup,
            entry=levels.entry,
            stop=levels.stop,
        )
        plan = self._plans.get(instrument.id)
        # An entry approved at this very instant may not show in the account yet.
        if not account.is_flat(instrument.id) or (plan is not None and plan.approved_at == at):
            return self._book.refuse(
                draft, RefusalRule.PLAN_EXISTS, "one plan at a time in an instrument"
            )
        tranche = TrancheRequest(
            intent.kind,
            intent.fraction,
            intent.slippage_multiplier,
            reserve=levels.reserve,
            crosses=levels.crosses,
        )
        sized = self._sized(draft, tranche, levels.broken, intent.size_multiplier, account)
        if isinstance(sized, Review):
            return sized
        decision = self._book.approve(
            draft,
            sized.quantity,
            plan_id=self._plans.next_id,
            sizing=sized.sizing,
            multiplier=sized.multiplier,
        )
        plan = ApprovedPlan(
            plan_id=decision.plan_id,
            approved_at=at,
            direction=intent.direction,
            quantity=sized.quantity,
            entry=levels.entry,
            reserve=levels.reserve,
            leverage_setting=decision.leverage_setting,
            slippage_multiplier=intent.slippage_multiplier,
            size_multiplier=intent.size_multiplier,
            planned=sized.sizing.planned,
            used=intent.fraction,
            setup=intent.setup,
            trailing=intent.trailing,
            ordered=0.0 if intent.kind is OrderKind.LIMIT else sized.quantity,
        )
        self._plans.keep(instrument.id, plan)
        self._guards.on_entry(at, draft.equity)
        share = self._rules[instrument.id].risk.risk_fraction
        asked = risk_asked(
            share, draft.equity, intent.fraction, sized.multiplier, sized.sizing.loss_rate
        )
        return Review(decision, entry_orders(intent, decision, levels, risk_limit=asked))

    def _levels(self, intent: Enter, instrument: Instrument, at: int) -> PlanLevels:
        """Return the levels of an entry at the market prices known at an instant."""
        return plan_levels(
            intent,
            self._inputs.close(instrument.id, at),
            instrument.tick_size,
            slippage=self._inputs.slippage(instrument.id, at, intent.slippage_multiplier),
        )

    def add(self, intent: Add, instrument: Instrument, at: int, account: AccountView) -> Review:
        """Return the decision on one more tranche of the open plan, with its order.

        Raises
        ------
        PlaybookContractError : the tranches of the plan would sum to more than 1.
        """
        position, plan = account.position(instrument.id), self._plans.get(instrument.id)
        draft = position_draft(intent, IntentKind.ADD, position, at, account.equity)
        if position is None or plan is None:
            return self._book.refuse(draft, RefusalRule.NO_POSITION, "nothing to add to")
        close = self._inputs.close(instrument.id, at)
        draft = replace(draft, setup=plan.setup, entry=close, stop=position.stop)
        if plan.used + intent.fraction > 1 + FRACTION_SLACK:
            raise PlaybookContractError(
                f"Add of {intent.fraction:g} of plan {plan.plan_id} in {instrument.id}: its "
                f"tranches would sum to {plan.used + intent.fraction:g}; they sum to 1 at most"
            )
        if plan.is_leaving:
            return self._book.refuse(
                draft, RefusalRule.PLAN_IS_LEAVING, "an exit of the plan works"
            )
        if instrument.id in account.pending or plan.approved_at == at:
            return self._book.refuse(
                draft, RefusalRule.TRANCHE_WORKS, "the tranche before it still works"
            )
        held = EarlierTranches(
            quantity=abs(position.quantity),
            average_entry=position.average_entry,
            isolated_margin=position.isolated_margin,
            leverage_setting=plan.leverage_setting,
            planned=plan.planned,
            ordered=plan.ordered,
        )
        tranche = TrancheRequest(OrderKind.MARKET, intent.fraction, plan.slippage_multiplier, held)
        broken = None
        if not draft.direction * (close - position.stop) > 0:
            broken = (
                RefusalRule.STOP_SIDE,
                f"close {close:,.6g} lies beyond stop {position.stop:,.6g}",
            )
        sized = self._sized(draft, tranche, broken, plan.size_multiplier, account)
        if isinstance(sized, Review):
            return sized
        decision = self._book.approve(
            draft,
            sized.quantity,
            plan_id=plan.plan_id,
            sizing=sized.sizing,
            multiplier=sized.multiplier,
        )
        larger = replace(
            plan,
            approved_at=at,
            quantity=held.quantity + sized.quantity,
            entry=close,
            reserve=close,
            used=plan.used + intent.fraction,
            ordered=plan.ordered + sized.quantity,
        )
        self._plans.keep(instrument.id, larger)
        order = tranche_order(decision, slippage_multiplier=plan.slippage_multiplier)
        return Review(decision, (order,))

    def _sized(
        self,
        draft: DecisionDraft,
        tranche: TrancheRequest,
        broken: BrokenRule | None,
        size_multiplier: float,
        account: AccountView,
    ) -> SizedTranche | Review:
        """Return the size of a tranche, or the refusal: guard, level, rule or minimum."""
        adds = tranche.held.quantity > 0
        guard = self._guards.blocked_by(draft.at, adds=adds) or self._market.blocked_by(draft.at)
        if guard:
            return self._book.refuse(
                draft, guard, f"{guard} is in force", outcome=DecisionOutcome.BLOCKED
            )
        ended = self._inputs.delisted(draft.instrument, draft.at)
        broken = ended or broken or self._inputs.unsizable(draft)
        if broken is not None:
            return self._book.refuse(draft, *broken)
        request = self._inputs.request(draft, tranche, account)
        rules = self._rules[draft.instrument]
        sizing = size_entry(request, rules)
        instrument = request.instrument
        multiplier = joint_multiplier(
            size_multiplier, self._guards.tier(draft.equity)[1], self._market.at(draft.at)[1]
        )
        quantity = final_quantity(sizing.quantity, multiplier, instrument)
        refusal = sizing.refused
        why = _margin_words(sizing, rules)
        too_small = quantity < instrument.lot_size
        value = request.contract.quote_value(quantity, draft.entry)
        if not refusal and (too_small or value < instrument.min_notional):
            refusal = RefusalRule.MINIMUM_SIZE
            why = (
                f"{sizing.quantity * multiplier:.6g} x {draft.entry:,.6g} is below lot "
                f"{instrument.lot_size:g} or minimum notional {instrument.min_notional:g}; "
                f"the {sizing.binding_cap} cap bound"
            )
        if refusal:
            return self._book.refuse(draft, refusal, why, sizing=sizing, multiplier=multiplier)
        return SizedTranche(sizing, multiplier, quantity)


def _margin_words(sizing: Sizing, rules: SizingRules) -> str:
    """Return why no leverage setting is allowed, in words."""
    at = f"at leverage setting {sizing.leverage_setting}"
    if sizing.refused is RefusalRule.BELOW_MAINTENANCE:
        return (
            f"{at} the position begins at or below its maintenance margin; lower "
            "account.leverage_setting or the size"
        )
    return f"{at} liquidation lies nearer than {rules.risk.liquidation_distance} stop distances"
