"""Decide on hedges: the number of contracts that cover, budget and cash allow."""

import math
from collections import defaultdict
from collections.abc import Mapping
from zoneinfo import ZoneInfo

from data_feeds import clock
from data_feeds.clock import local_datetime
from data_feeds.instrument import Instrument, InstrumentKind, Wallet
from data_feeds.options.contract import SHARES_PER_CONTRACT, PutSpread
from engine.contracts import contract_of
from engine.costs import floor_to_step
from engine.decision_terms import Cap, DecisionOutcome, IntentKind, RefusalRule
from engine.errors import PlaybookContractError
from engine.intents import Hedge
from engine.risk.approved_plans import ApprovedPlans, owned_plan
from engine.risk.decisions import DecisionBook, DecisionDraft, Review
from engine.risk.guards import Guards
from engine.risk.order_requests import tranche_order
from engine.risk.plan_levels import BrokenRule
from engine.risk.sizing import Sizing
from engine.risk.sizing_inputs import SizingInputs
from engine.risk.sizing_request import OWNED
from engine.views import AccountView

NEW_YORK = ZoneInfo(clock.NEW_YORK)


class HedgeReviewer:
    """Review hedges and keep the yearly budget; the risk module shares guards and plans.

    A market tier neither scales nor blocks a hedge, because a worse tier calls for hedges.
    """

    def __init__(
        self,
        yearly_budget: float | None,
        instruments: Mapping[str, Instrument],
        listed_at: Mapping[str, int],
        *,
        inputs: SizingInputs,
        book: DecisionBook,
        guards: Guards,
        plans: ApprovedPlans,
    ) -> None:
        self._budget = yearly_budget
        self._instruments = instruments
        self._listed_at = listed_at
        self._inputs = inputs
        self._book = book
        self._guards = guards
        self._plans = plans
        # The most that the order of each hedge may spend, in the account's currency, by plan.
        self._hedges: dict[int, float] = {}
        # The losses of finished hedges by year; a run that continues an account begins with them.
        self.lost: defaultdict[int, float] = defaultdict(float)

    def review(self, intent: Hedge, at: int, account: AccountView) -> Review:
        """Return the decision on buying an option contract, with its order.

        Raises
        ------
        PlaybookContractError : the instrument is no option contract that the signals list by then.
        """
        contract, plan_id = self._checked(intent, at), self._plans.next_id
        ask = self._inputs.ask(intent.instrument, at)
        draft = DecisionDraft(
            at, intent.instrument, IntentKind.HEDGE, 1, account.equity, intent.reason, entry=ask
        )
        refused = self._blocked(draft, account)
        if refused is not None:
            return refused
        # Limits are in the account's currency, prices in that of the brokerage.
        rate = account.brokerage_rate
        limits = {
            Cap.BUDGET: intent.budget * account.equity,
            Cap.HEDGE_BUDGET: self.budget_left(at, account),
            Cap.CASH: self._inputs.free_cash(Wallet.BROKERAGE, at, account) * rate,
        }
        covered = SHARES_PER_CONTRACT * contract.long_strike * rate
        caps = [(Cap.COVER, intent.cover * account.equity / covered)]
        caps += [(name, max(limit, 0.0) / (ask * rate)) for name, limit in limits.items()]
        binding, room = min(caps, key=lambda cap: cap[1])
        sizing = Sizing(tuple(caps), binding, room, math.nan, OWNED, None, room)
        quantity = floor_to_step(room, self._instruments[intent.instrument].lot_size)
        if quantity < 1:
            why = f"{room:.3g} contracts at {ask:,.2f} is less than one; {binding} bound"
            return self._book.refuse(draft, RefusalRule.MINIMUM_SIZE, why, sizing=sizing)
        decision = self._book.approve(draft, quantity, plan_id=plan_id, sizing=sizing)
        self._plans.keep(intent.instrument, owned_plan(decision, quantity))
        # The next open can be dearer than the last close.
        spend = self._hedges[plan_id] = min(limits.values())
        return Review(decision, (tranche_order(decision, spend_limit=spend / rate),))

    def budget_left(self, at: int, account: AccountView) -> float:
        """Return the rest of this calendar year's hedge budget (New York), account currency.

        The budget is a share of the current equity. It is reduced by the losses of hedges finished
        this year, the purchase cost of open hedges and the amount that working orders may spend. A
        hedge that is being sold counts with its loss so far.
        """
        if self._budget is None:
            return math.inf
        spent = self.lost[_year(at)]
        for name, plan in sorted(self._plans.items()):
            position = account.position(name)
            if plan.plan_id not in self._hedges:
                continue
            if position is None:
                works = name in account.pending or plan.approved_at == at
                spent += self._hedges[plan.plan_id] if works else 0.0
                continue
            bought = contract_of(self._instruments[name])
            paid = bought.notional(position.quantity, position.average_entry)
            paid *= account.brokerage_rate
            worth = position.notional if plan.is_leaving else 0.0
            spent += max(paid - worth, 0.0)
        return self._budget * account.equity - spent

    def on_plan_closed(self, at: int, plan_id: int, net_pnl: float) -> bool:
        """Count the loss of a finished hedge, a gain as zero; return False for another plan."""
        if self._hedges.pop(plan_id, None) is None:
            return False
        self.lost[_year(at)] += max(-net_pnl, 0.0)
        return True

    def _checked(self, intent: Hedge, at: int) -> PutSpread:
        instrument = self._instruments.get(intent.instrument)
        contract = PutSpread.parse(intent.instrument)
        if instrument is None or instrument.kind is not InstrumentKind.OPTION or contract is None:
            listed = [n for n, i in self._instruments.items() if i.kind is InstrumentKind.OPTION]
            raise PlaybookContractError(
                f"Hedge names {intent.instrument!r}, which is no option contract that the signals "
                f"list (here: {', '.join(sorted(listed)) or 'none'})"
            )
        if self._listed_at.get(intent.instrument, at) > at:
            # Naming a contract that only a later row lists would use the future.
            raise PlaybookContractError(
                f"Hedge names {intent.instrument} before a row of its signals lists it"
            )
        return contract

    def _blocked(self, draft: DecisionDraft, account: AccountView) -> Review | None:
        """Return the refusal of a hedge that does not depend on its size, None for none."""
        guard = self._guards.blocked_by(draft.at, adds=True)
        if guard:
            return self._book.refuse(
                draft, guard, f"{guard} is in force", outcome=DecisionOutcome.BLOCKED
            )
        broken = self._unsizable(draft)
        if broken is not None:
            return self._book.refuse(draft, *broken)
        plan = self._plans.get(draft.instrument)
        if not account.is_flat(draft.instrument) or (
            plan is not None and plan.approved_at == draft.at
        ):
            return self._book.refuse(draft, RefusalRule.PLAN_EXISTS, "the contract is held already")
        return None

    def _unsizable(self, draft: DecisionDraft) -> BrokenRule | None:
        """Return the rule that keeps a hedge from being sized, with the reason, None for none."""
        if draft.at >= (self._instruments[draft.instrument].expires_at or 0):
            return RefusalRule.EXPIRED, "the contract has settled"
        if math.isnan(draft.entry):
            return RefusalRule.PRICE_UNKNOWN, "no quote of it is known yet"
        if draft.entry == 0:
            return RefusalRule.WORTHLESS, "it is worth nothing and protects nothing"
        if not draft.equity > 0:
            return RefusalRule.NO_EQUITY, f"equity is {draft.equity:,.2f}"
        return None


def _year(at: int) -> int:
    """Return the calendar year of an instant in New York, where the options trade."""
    return local_datetime(at, NEW_YORK).year
