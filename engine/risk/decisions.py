"""Record decisions on intents in order, with the orders that they approve."""

import math
from dataclasses import dataclass
from typing import NamedTuple

from data_feeds.instrument import Wallet
from engine.decision_terms import DecisionOutcome, IntentKind
from engine.fast_init import fast_init
from engine.records import Decision, OrderRequest, Overlay
from engine.risk.guards import Guards
from engine.risk.sizing import Sizing
from engine.risk.sizing_request import OWNED
from engine.risk.tiers import MarketTiers

NO_PLAN = 0


@dataclass(frozen=True, slots=True)
class Review:
    """Pair a decision with the orders that it approves; a refusal has none."""

    decision: Decision
    orders: tuple[OrderRequest, ...]


class SentCash(NamedTuple):
    """Hold the cash that leaves for ``destination`` from the other wallet, quote."""

    destination: Wallet
    amount: float


@dataclass(frozen=True, slots=True)
class IntentEffects:
    """Collect the effects of one intent.

    Attributes
    ----------
    reviews : its decisions with their orders, in the order decided
    sent : cash that leaves for the other wallet, None for none
    overlays : the change that each hedge of a rebalancing makes to its weights
    wake_at : instant at which the playbook asks to be called, ns UTC, None for none
    """

    reviews: tuple[Review, ...] = ()
    sent: SentCash | None = None
    overlays: tuple[Overlay, ...] = ()
    wake_at: int | None = None

    @property
    def orders(self) -> tuple[OrderRequest, ...]:
        """Return the orders of all decisions, in order."""
        return tuple(order for review in self.reviews for order in review.orders)


@fast_init
@dataclass(frozen=True, slots=True)
class DecisionDraft:
    """Hold the fields of a decision before its outcome; prices in quote, NaN for none."""

    at: int
    instrument: str
    intent: IntentKind
    direction: int
    equity: float
    reason: str
    setup: str = ""
    plan_id: int = NO_PLAN
    entry: float = math.nan
    stop: float = math.nan


class DecisionBook:
    """Write decisions in order, with ids from 1 and the tiers in force."""

    def __init__(self, guards: Guards, market: MarketTiers) -> None:
        self._guards = guards
        self._market = market
        self.rows: list[Decision] = []

    def approve(
        self,
        draft: DecisionDraft,
        quantity: float,
        *,
        plan_id: int,
        sizing: Sizing | None = None,
        multiplier: float = 1.0,
        leverage_setting: int = OWNED,
    ) -> Decision:
        """Return an approved decision of ``quantity`` base units, unsigned."""
        return self._write(
            draft,
            outcome=DecisionOutcome.APPROVED,
            blocked_by="",
            reason=draft.reason,
            plan_id=plan_id,
            quantity=quantity,
            sizing=sizing,
            multiplier=multiplier,
            leverage_setting=leverage_setting if sizing is None else sizing.leverage_setting,
        )

    def refuse(
        self,
        draft: DecisionDraft,
        rule: str,
        why: str,
        *,
        outcome: DecisionOutcome = DecisionOutcome.REJECTED,
        sizing: Sizing | None = None,
        multiplier: float = 1.0,
    ) -> Review:
        """Return a decision without orders; its reason is ``why`` and the intent's reason."""
        decision = self._write(
            draft,
            outcome=outcome,
            blocked_by=rule,
            reason=f"{why} (asked: {draft.reason})",
            plan_id=draft.plan_id,
            quantity=0.0,
            sizing=sizing,
            multiplier=multiplier,
            leverage_setting=OWNED if sizing is None else sizing.leverage_setting,
        )
        return Review(decision, ())

    def _write(
        self,
        draft: DecisionDraft,
        *,
        outcome: DecisionOutcome,
        blocked_by: str,
        reason: str,
        plan_id: int,
        quantity: float,
        sizing: Sizing | None,
        multiplier: float,
        leverage_setting: int,
    ) -> Decision:
        decision = Decision(
            decision_id=len(self.rows) + 1,
            plan_id=plan_id,
            decided_at=draft.at,
            instrument=draft.instrument,
            intent=draft.intent,
            direction=draft.direction,
            outcome=outcome,
            # As text: a rule or reason is an enum's member, or a text of the playbook.
            blocked_by=str(blocked_by),
            reason=str(reason),
            equity=draft.equity,
            drawdown=self._guards.drawdown(draft.equity),
            tier=self._guards.tier(draft.equity)[0],
            entry_estimate=draft.entry,
            stop=draft.stop,
            risk_per_unit=math.nan if sizing is None else sizing.risk_per_unit,
            caps=() if sizing is None else sizing.caps,
            binding_cap="" if sizing is None else sizing.binding_cap,
            multiplier=multiplier,
            quantity=quantity,
            leverage_setting=leverage_setting,
            setup=draft.setup,
            market_tier=self._market.at(draft.at)[0],
        )
        self.rows.append(decision)
        return decision
