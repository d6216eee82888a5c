"""The only way from an intent to an order: blocked, rejected, or approved with a size.

Every intent leaves one decision; an approved one also leaves the orders that the broker takes.
``docs/risk.md`` describes each rule.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from data_feeds.instrument import Instrument, InstrumentKind
from engine.config.models import RunConfig
from engine.errors import PlaybookContractError
from engine.intents import Add, Enter, Exit, Hedge, MoveStop, PutOff, Rebalance, Transfer
from engine.margin import build_tiers
from engine.records import Decision, GuardEvent, OrderKind
from engine.risk.account_limits import AccountLimits, SleeveExposure, SleeveGuards
from engine.risk.decisions import (
    BLOCKED,
    ApprovedPlan,
    DecisionBook,
    DecisionDraft,
    Review,
    entry_orders,
    tranche_order,
)
from engine.risk.exit_review import ExitReviewer, position_draft
from engine.risk.guards import Guards
from engine.risk.hedge_review import HedgeReviewer
from engine.risk.plan_levels import PlanLevels, plan_levels
from engine.risk.portfolio import Covariance
from engine.risk.rebalance_review import RebalanceReviewer
from engine.risk.sizing import EarlierTranches, Sizing, SizingRules, final_quantity, size_entry
from engine.risk.sizing_bars import SizingBars
from engine.risk.sizing_inputs import SizingInputs, TrancheRequest
from engine.risk.tiers import NO_MARKET_TIERS, MarketTiers
from engine.risk.transfer_review import review_transfer
from engine.views import AccountView

# The sum of tenths is not exactly one.
FRACTION_SLACK = 1e-9


@dataclass(frozen=True, slots=True)
class SizedTranche:
    """An approved size: base units after multiplier and lot."""

    sizing: Sizing
    multiplier: float
    quantity: float


class RiskModule:
    """Sizes, refuses and guards; hands out decision and plan ids from 1.

    Parameters
    ----------
    config : the account, venue and risk sections are read
    instruments : traded instruments by id
    bars : bars of each traded instrument, see ``build_sizing_bars``
    start_equity : equity when trading begins, quote; first peak and first day's reference
    ny_days : account days are New York dates (otherwise UTC days)
    market : the market's risk tiers and their factors
    covariance : of the traded instruments, for the volatility target of a book
    limits : what binds all sleeves, when this one is a sleeve of an account
    """

    def __init__(
        self,
        config: RunConfig,
        instruments: Mapping[str, Instrument],
        bars: Mapping[str, SizingBars],
        *,
        start_equity: float,
        ny_days: bool,
        market: MarketTiers = NO_MARKET_TIERS,
        covariance: Covariance | None = None,
        limits: AccountLimits | None = None,
    ) -> None:
        self._market = market
        self._rules = {
            name: SizingRules(
                config.risk,
                config.account,
                build_tiers(
                    (row.floor, row.rate) for row in config.venue.costs_of(item).maintenance
                ),
            )
            for name, item in instruments.items()
        }
        self._instruments = instruments
        self._guards = (
            Guards(config.risk, start_equity=start_equity, ny_days=ny_days)
            if limits is None
            else SleeveGuards(
                config.risk, start_equity=start_equity, ny_days=ny_days, limits=limits
            )
        )
        self._book = DecisionBook(self._guards, market)
        self._plans: dict[str, ApprovedPlan] = {}
        self._inputs = SizingInputs(
            config.venue, self._rules, instruments, bars, self._plans, limits=limits
        )
        self._plans_made = 0
        self._exit_reviewer = ExitReviewer(self._book, self._plans)
        self._hedge_reviewer = HedgeReviewer(
            config.risk.hedge_budget,
            instruments,
            inputs=self._inputs,
            book=self._book,
            guards=self._guards,
            plans=self._plans,
        )
        self._rebalance_reviewer = RebalanceReviewer(
            config.risk,
            instruments,
            inputs=self._inputs,
            book=self._book,
            guards=self._guards,
            market=market,
            covariance=covariance,
            plans=self._plans,
        )

    @property
    def decisions(self) -> list[Decision]:
        """Everything decided so far, in order."""
        return self._book.rows

    @property
    def guard_events(self) -> list[GuardEvent]:
        """Guards tripped and released so far, in order."""
        return self._guards.events

    @property
    def loss_floor(self) -> float:
        """Equity at or below which a loss limit trips; -inf when all are off or tripped."""
        return self._guards.loss_floor

    @property
    def halt_drawdown(self) -> float:
        """Equity <= peak x (1 - this) halts; inf when off or halted."""
        return self._guards.halt_drawdown

    @property
    def peak(self) -> float:
        """Running maximum of equity at bar closes; a caller that skips bars sets it."""
        return self._guards.peak

    @peak.setter
    def peak(self, value: float) -> None:
        self._guards.peak = value

    @property
    def next_release_at(self) -> int:
        """First instant at which :meth:`on_mark` must be called to release a guard."""
        return self._guards.next_release_at

    def on_mark(self, at: int, equity: float, day_end: bool, week_end: bool = False) -> bool:
        """Judge the guards at a bar close; True: flatten now.

        ``day_end``: ``at`` is the last instant of the account day, ``week_end`` of its week. The
        old period is judged first, then equity becomes the next one's reference.
        """
        return self._guards.on_mark(at, equity, day_end, week_end)

    def on_plan_closed(self, at: int, plan_id: int, net_pnl: float) -> None:
        """Forget a finished plan; a loss (net of fees and funding) starts the cool-down.

        A hedge that lost is no reason to rest: it counts in the hedge budget.
        """
        self.on_plan_dropped(plan_id)
        if not self._hedge_reviewer.on_plan_closed(at, plan_id, net_pnl):
            self._guards.on_plan_closed(at, net_pnl)

    def on_plan_dropped(self, plan_id: int) -> None:
        """Forget a plan that holds nothing and never will: what is bought next is another plan."""
        for name in [name for name, plan in self._plans.items() if plan.plan_id == plan_id]:
            del self._plans[name]

    @property
    def flatten_reason(self) -> str:
        """The guard that last asked for a flat account."""
        return self._guards.flatten_reason

    def exposure(self, at: int, account: AccountView) -> SleeveExposure:
        """Return what the account is worth, holds, and may still buy or sell."""
        return self._inputs.exposure(at, account)

    def flatten(self, at: int, account: AccountView, reason: str) -> tuple[Review, ...]:
        """Return market exits of everything; ``reason`` is the guard that asks."""
        return self._exit_reviewer.flatten(at, account, reason)

    def review(
        self, intent: Enter | Add | Exit | MoveStop, *, at: int, account: AccountView
    ) -> Review:
        """Return the decision on one intent and its orders.

        Raises
        ------
        PlaybookContractError : the intent names an instrument that the run does not trade.
        """
        instrument = self._instruments.get(intent.instrument)
        if instrument is None or not instrument.is_tradable:
            known = ", ".join(sorted(n for n, i in self._instruments.items() if i.is_tradable))
            raise PlaybookContractError(
                f"{type(intent).__name__} names {intent.instrument!r}, which this run does not "
                f"trade; list it under traded in requirements (traded: {known or 'none'})"
            )
        if isinstance(intent, Enter | Add) and instrument.kind is InstrumentKind.OPTION:
            raise PlaybookContractError(
                f"{type(intent).__name__} names the option {intent.instrument}, which has no stop; "
                "return Hedge"
            )
        if isinstance(intent, Enter):
            return self._enter(intent, instrument, at, account)
        if isinstance(intent, Add):
            return self._add(intent, instrument, at, account)
        position, equity = account.position(intent.instrument), account.equity
        if isinstance(intent, MoveStop):
            return self._exit_reviewer.move_stop(intent, instrument, position, at=at, equity=equity)
        # An exit of a plan that holds nothing cancels its entry.
        if position is None and instrument.id in account.pending and instrument.id in self._plans:
            return self._exit_reviewer.cancel_entry(intent, at=at, equity=equity)
        return self._exit_reviewer.exit(intent, instrument, position, at=at, equity=equity)

    def rebalance(self, intent: Rebalance, *, at: int, account: AccountView) -> tuple[Review, ...]:
        """Return the decisions of a rebalancing, sales first; see :class:`RebalanceReviewer`."""
        reviews = self._rebalance_reviewer.review(
            intent, at=at, account=account, next_plan=self._plans_made + 1
        )
        made = (review.decision.plan_id for review in reviews)
        self._plans_made = max(self._plans_made, *made) if reviews else self._plans_made
        return reviews

    def transfer(self, intent: Transfer, *, at: int, account: AccountView) -> float:
        """Return the cash that may leave for the other wallet, quote; 0 where none is free."""
        return review_transfer(intent, at=at, account=account, inputs=self._inputs, book=self._book)

    def put_off(self, intent: PutOff, *, at: int, account: AccountView) -> Decision:
        """Return the refusal that says what a playbook puts off; no order follows.

        Raises
        ------
        PlaybookContractError : the intent names an instrument that the run does not trade.
        """
        if intent.instrument not in self._instruments:
            raise PlaybookContractError(
                f"PutOff names {intent.instrument!r}, which this run does not trade "
                f"(traded: {', '.join(sorted(self._instruments))})"
            )
        draft = DecisionDraft(at, intent.instrument, intent.intent, 1, account.equity, "it was due")
        return self._book.refuse(draft, intent.rule, intent.reason).decision

    def hedge(self, intent: Hedge, *, at: int, account: AccountView) -> Review:
        """Return the decision on buying an option contract; see :class:`HedgeReviewer`."""
        plan_id = self._plans_made + 1
        review = self._hedge_reviewer.review(intent, at=at, account=account, plan_id=plan_id)
        self._plans_made = max(self._plans_made, review.decision.plan_id)
        return review

    def _enter(
        self, intent: Enter, instrument: Instrument, at: int, account: AccountView
    ) -> Review:
        levels = self._levels(intent, instrument, at)
        draft = DecisionDraft(
            at,
            instrument.id,
            "enter",
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
            return self._book.refuse(draft, "plan exists", "one plan at a time in an instrument")
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
        self._plans_made += 1
        decision = self._book.approve(
            draft,
            sized.quantity,
            plan_id=self._plans_made,
            sizing=sized.sizing,
            multiplier=sized.multiplier,
        )
        self._plans[instrument.id] = ApprovedPlan(
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
        )
        self._guards.on_entry(at, draft.equity)
        share = self._rules[instrument.id].risk.risk_fraction
        asked = share * draft.equity * intent.fraction * sized.multiplier
        return Review(decision, entry_orders(intent, decision, levels, risk_limit=asked))

    def _levels(self, intent: Enter, instrument: Instrument, at: int) -> PlanLevels:
        """Return the levels of an entry in the market as known at an instant."""
        return plan_levels(
            intent,
            self._inputs.close(instrument.id, at),
            instrument.tick_size,
            slippage=self._inputs.slippage(instrument.id, at, intent.slippage_multiplier),
        )

    def _add(self, intent: Add, instrument: Instrument, at: int, account: AccountView) -> Review:
        position, plan = account.position(instrument.id), self._plans.get(instrument.id)
        draft = position_draft(intent, "add", position, at, account.equity)
        if position is None or plan is None:
            return self._book.refuse(draft, "no position", "nothing to add to")
        close = self._inputs.close(instrument.id, at)
        draft = replace(draft, setup=plan.setup, entry=close, stop=position.stop)
        if plan.used + intent.fraction > 1 + FRACTION_SLACK:
            raise PlaybookContractError(
                f"Add of {intent.fraction:g} of plan {plan.plan_id} in {instrument.id}: its "
                f"tranches would sum to {plan.used + intent.fraction:g}; they sum to 1 at most"
            )
        if plan.is_leaving:
            return self._book.refuse(draft, "plan is leaving", "an exit of the plan works")
        if instrument.id in account.pending or plan.approved_at == at:
            return self._book.refuse(draft, "tranche works", "the tranche before it still works")
        held = EarlierTranches(
            quantity=abs(position.quantity),
            average_entry=position.average_entry,
            isolated_margin=position.isolated_margin,
            leverage_setting=plan.leverage_setting,
            planned=plan.planned,
        )
        tranche = TrancheRequest(OrderKind.MARKET, intent.fraction, plan.slippage_multiplier, held)
        broken = None
        if not draft.direction * (close - position.stop) > 0:
            broken = ("stop side", f"close {close:,.6g} lies beyond stop {position.stop:,.6g}")
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
        self._plans[instrument.id] = replace(
            plan,
            approved_at=at,
            quantity=held.quantity + sized.quantity,
            entry=close,
            reserve=close,
            used=plan.used + intent.fraction,
        )
        order = tranche_order(decision, slippage_multiplier=plan.slippage_multiplier)
        return Review(decision, (order,))

    def _sized(
        self,
        draft: DecisionDraft,
        tranche: TrancheRequest,
        broken: tuple[str, str] | None,
        size_multiplier: float,
        account: AccountView,
    ) -> SizedTranche | Review:
        """Return the size of a tranche, or the refusal: guard, level, rule or minimum."""
        guard = self._guards.blocked_by(draft.at, adds=tranche.held.quantity > 0)
        tier, factor = self._market.at(draft.at)
        if not guard and factor == 0:
            guard = f"market {tier}"
        if guard:
            return self._book.refuse(draft, guard, f"{guard} is in force", outcome=BLOCKED)
        broken = broken or self._inputs.unsizable(draft)
        if broken is not None:
            return self._book.refuse(draft, *broken)
        request = self._inputs.request(draft, tranche, account)
        rules = self._rules[draft.instrument]
        sizing = size_entry(request, rules)
        instrument = request.instrument
        # The stricter of account and market: the two often fall for one reason.
        multiplier = size_multiplier * min(self._guards.tier(draft.equity)[1], factor)
        quantity = final_quantity(sizing.quantity, multiplier, instrument)
        refusal = sizing.refused
        why = (
            f"at leverage setting {sizing.leverage_setting} liquidation lies nearer than "
            f"{rules.risk.liquidation_distance} stop distances"
        )
        too_small = quantity < instrument.lot_size
        if not refusal and (too_small or quantity * draft.entry < instrument.min_notional):
            refusal = "minimum size"
            why = (
                f"{sizing.quantity * multiplier:.6g} x {draft.entry:,.6g} is below lot "
                f"{instrument.lot_size:g} or minimum notional {instrument.min_notional:g}; "
                f"the {sizing.binding_cap} cap bound"
            )
        if refusal:
            return self._book.refuse(draft, refusal, why, sizing=sizing, multiplier=multiplier)
        return SizedTranche(sizing, multiplier, quantity)
