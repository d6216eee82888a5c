"""Decide on every intent: blocked, rejected, or approved with a size and orders.

Every intent but ``WakeAt`` leaves one decision for each instrument that it concerns. An approved
decision also leaves the orders that the broker takes. ``docs/risk.md`` describes each rule.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from data_feeds.instrument import Instrument, InstrumentKind
from engine.account_rates import refused_transfer
from engine.config.models import RunConfig
from engine.contracts import margin_terms
from engine.costs.market_activity import MarketActivity
from engine.decision_terms import GuardName, IntentKind
from engine.errors import PlaybookContractError
from engine.intents import (
    Add,
    Enter,
    Exit,
    Hedge,
    Intent,
    MoveStop,
    PutOff,
    Rebalance,
    Transfer,
    WakeAt,
)
from engine.records import Decision, GuardEvent
from engine.risk.account_limits import AccountLimits, SleeveExposure, SleeveGuards
from engine.risk.approved_plans import ApprovedPlans
from engine.risk.decisions import DecisionBook, DecisionDraft, IntentEffects, Review
from engine.risk.entry_review import EntryReviewer
from engine.risk.exit_review import ExitReviewer
from engine.risk.guards import Guards, GuardState
from engine.risk.hedge_review import HedgeReviewer
from engine.risk.portfolio import Covariance
from engine.risk.rebalance_review import RebalanceReviewer
from engine.risk.sizing_bars import SizingBars
from engine.risk.sizing_inputs import SizingInputs
from engine.risk.sizing_request import SizingRules
from engine.risk.tiers import NO_MARKET_TIERS, MarketTiers
from engine.risk.transfer_review import review_transfer
from engine.views import AccountView

Handler = Callable[[Any, int, AccountView], IntentEffects]


@dataclass(frozen=True)
class CarriedRisk:
    """Hold what a run that continues an account must know: guards, and losses of hedges by year."""

    guards: GuardState
    hedge_losses: Mapping[int, float]


class RiskModule:
    """Size or refuse every intent of one account; decision and plan ids count from 1.

    Parameters
    ----------
    config : the account, venue and risk sections are read
    instruments : traded instruments by id
    bars : bars of each traded instrument, see ``build_sizing_bars``
    start_equity : equity when trading begins, quote; first peak and first day's reference
    ny_days : account days are New York dates (otherwise UTC days)
    market : the market's risk tiers and their factors
    covariance : of the traded instruments, for the volatility target of a book
    limits : caps and guards of the account, when this is one of its sleeves
    listed_at : first instant at which the signals list each option contract, ns UTC
    delisted_at : instant from which a delisted instrument takes no entry, ns UTC
    activity : daily volume and volatility by instrument, where the costs read them
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
        listed_at: Mapping[str, int] | None = None,
        delisted_at: Mapping[str, int] | None = None,
        activity: Mapping[str, MarketActivity] | None = None,
    ) -> None:
        rules = _sizing_rules(config, instruments)
        self._instruments = instruments
        self._not_at_par = refused_transfer(config.account)
        self._guards = (
            Guards(config.risk, start_equity=start_equity, ny_days=ny_days)
            if limits is None
            else SleeveGuards(
                config.risk, start_equity=start_equity, ny_days=ny_days, limits=limits
            )
        )
        self._book = DecisionBook(self._guards, market)
        self._plans = ApprovedPlans()
        self._inputs = SizingInputs(
            config.venue,
            rules,
            instruments,
            bars,
            self._plans,
            limits=limits,
            activity=activity,
            delisted_at=delisted_at,
        )
        self._entries = EntryReviewer(
            rules,
            inputs=self._inputs,
            book=self._book,
            guards=self._guards,
            market=market,
            plans=self._plans,
        )
        self._exits = ExitReviewer(self._book, self._plans)
        self._hedges = HedgeReviewer(
            config.risk.hedge_budget,
            instruments,
            listed_at or {},
            inputs=self._inputs,
            book=self._book,
            guards=self._guards,
            plans=self._plans,
        )
        self._rebalances = RebalanceReviewer(
            config.risk,
            instruments,
            inputs=self._inputs,
            book=self._book,
            guards=self._guards,
            market=market,
            covariance=covariance,
            plans=self._plans,
        )
        self._handlers: Mapping[type, Handler] = {
            Enter: self._enter,
            Add: self._add,
            Exit: self._exit,
            MoveStop: self._move_stop,
            Rebalance: self._rebalances.review,
            Hedge: self._hedge,
            Transfer: self._transfer,
            PutOff: self._put_off,
            WakeAt: self._wake_at,
        }

    def approved_share(self, instrument: str) -> float:
        """Return the share of an instrument's open plan that is approved; 1 without a plan."""
        plan = self._plans.get(instrument)
        return 1.0 if plan is None else plan.used

    @property
    def decisions(self) -> list[Decision]:
        """Return all decisions so far, in order."""
        return self._book.rows

    @property
    def guard_events(self) -> list[GuardEvent]:
        """Return the guard events so far, in order."""
        return self._guards.events

    @property
    def loss_floor(self) -> float:
        """Return the equity at or below which a loss limit trips; -inf for none."""
        return self._guards.loss_floor

    @property
    def halt_drawdown(self) -> float:
        """Return the drawdown that halts, a fraction; inf when off or halted."""
        return self._guards.halt_drawdown

    @property
    def peak(self) -> float:
        """Return the maximum of equity at bar closes; a caller that skips bars sets it."""
        return self._guards.peak

    @peak.setter
    def peak(self, value: float) -> None:
        self._guards.peak = value

    @property
    def next_release_at(self) -> int:
        """Return the first instant at which :meth:`on_mark` must release a guard."""
        return self._guards.next_release_at

    @property
    def flatten_reason(self) -> GuardName | None:
        """Return the guard that last asked for a flat account, None for none."""
        return self._guards.flatten_reason

    def state(self, at: int) -> CarriedRisk:
        """Return the state after the last bar close, for a run that continues the account."""
        return CarriedRisk(self._guards.state(at), dict(self._hedges.lost))

    def resume(self, state: CarriedRisk, start: int) -> None:
        """Continue the account of an earlier run at ``start`` (ns UTC), before the first close."""
        self._guards.resume(state.guards, start)
        self._hedges.lost.update(state.hedge_losses)

    def on_mark(self, at: int, equity: float, day_end: bool, week_end: bool = False) -> bool:
        """Judge the guards at a bar close; return True when the account must be flattened now.

        ``day_end``: ``at`` is the last instant of the account day, ``week_end`` of its week. The
        old period is judged first, then equity becomes the next one's reference.
        """
        return self._guards.on_mark(at, equity, day_end, week_end)

    def on_plan_closed(self, at: int, plan_id: int, net_pnl: float) -> None:
        """Forget a finished plan; a loss (net of fees and funding) starts the cool-down.

        A losing hedge starts no cool-down; it uses up the hedge budget.
        """
        self._plans.forget(plan_id)
        if not self._hedges.on_plan_closed(at, plan_id, net_pnl):
            self._guards.on_plan_closed(at, net_pnl)

    def on_plan_dropped(self, plan_id: int) -> None:
        """Forget a plan that never held anything; the next purchase begins a new plan."""
        self._plans.forget(plan_id)

    def exposure(self, at: int, account: AccountView) -> SleeveExposure:
        """Return the account's equity, positions, and notional that orders may still add."""
        return self._inputs.exposure(at, account)

    def flatten(self, at: int, account: AccountView, reason: GuardName) -> tuple[Review, ...]:
        """Return market exits of all positions; ``reason`` is the guard that asks."""
        return self._exits.flatten(at, account, reason)

    def handle(self, intent: Intent, *, at: int, account: AccountView) -> IntentEffects:
        """Return the decisions on one intent, their orders, and its other effects.

        Raises
        ------
        PlaybookContractError : the object is no intent, the intent names an instrument that the
            run does not trade in this way, or its tranches exceed the plan.
        """
        for kind in type(intent).__mro__:
            handler = self._handlers.get(kind)
            if handler is not None:
                return handler(intent, at, account)
        *names, last = (kind.__name__ for kind in self._handlers)
        raise PlaybookContractError(
            f"{intent!r} is no intent; an intent is {', '.join(names)} or {last}"
        )

    def _enter(self, intent: Enter, at: int, account: AccountView) -> IntentEffects:
        instrument = self._with_stop(intent)
        return IntentEffects((self._entries.enter(intent, instrument, at, account),))

    def _add(self, intent: Add, at: int, account: AccountView) -> IntentEffects:
        instrument = self._with_stop(intent)
        return IntentEffects((self._entries.add(intent, instrument, at, account),))

    def _exit(self, intent: Exit, at: int, account: AccountView) -> IntentEffects:
        instrument = self._traded(intent)
        return IntentEffects((self._exits.exit(intent, instrument, at, account),))

    def _move_stop(self, intent: MoveStop, at: int, account: AccountView) -> IntentEffects:
        instrument = self._traded(intent)
        return IntentEffects((self._exits.move_stop(intent, instrument, at, account),))

    def _hedge(self, intent: Hedge, at: int, account: AccountView) -> IntentEffects:
        return IntentEffects((self._hedges.review(intent, at, account),))

    def _transfer(self, intent: Transfer, at: int, account: AccountView) -> IntentEffects:
        return review_transfer(
            intent,
            at,
            account,
            inputs=self._inputs,
            book=self._book,
            not_at_par=self._not_at_par,
        )

    def _put_off(self, intent: PutOff, at: int, account: AccountView) -> IntentEffects:
        """Record a change that the playbook puts off, as a refusal without orders."""
        if intent.instrument not in self._instruments:
            raise PlaybookContractError(
                f"PutOff names {intent.instrument!r}, which this run does not trade "
                f"(traded: {', '.join(sorted(self._instruments))})"
            )
        draft = DecisionDraft(
            at,
            intent.instrument,
            IntentKind(intent.intent),
            intent.direction,
            account.equity,
            "it was due",
        )
        return IntentEffects((self._book.refuse(draft, intent.rule, intent.reason),))

    def _wake_at(self, intent: WakeAt, at: int, account: AccountView) -> IntentEffects:
        return IntentEffects(wake_at=intent.instant)

    def _traded(self, intent: Enter | Add | Exit | MoveStop) -> Instrument:
        """Return the instrument of an intent; refuse one that the run does not trade."""
        instrument = self._instruments.get(intent.instrument)
        if instrument is None or not instrument.is_tradable:
            known = ", ".join(sorted(n for n, i in self._instruments.items() if i.is_tradable))
            raise PlaybookContractError(
                f"{type(intent).__name__} names {intent.instrument!r}, which this run does not "
                f"trade; list it under traded in requirements (traded: {known or 'none'})"
            )
        return instrument

    def _with_stop(self, intent: Enter | Add) -> Instrument:
        """Return the instrument of an intent; refuse an option, whose plans have no stop."""
        instrument = self._traded(intent)
        if instrument.kind is InstrumentKind.OPTION:
            raise PlaybookContractError(
                f"{type(intent).__name__} names the option {intent.instrument}, which has no stop; "
                "return Hedge"
            )
        return instrument


def _sizing_rules(
    config: RunConfig, instruments: Mapping[str, Instrument]
) -> dict[str, SizingRules]:
    """Return the configuration that sizing reads, by instrument."""
    return {
        name: SizingRules(
            config.risk, config.account, margin_terms(item, config.venue.costs_of(item))
        )
        for name, item in instruments.items()
    }
