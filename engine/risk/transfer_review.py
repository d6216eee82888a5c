"""Decide on transfers: only free cash may leave a wallet."""

import math

from data_feeds.instrument import Wallet
from engine.decision_terms import Cap, IntentKind, RefusalRule
from engine.intents import Transfer
from engine.risk.decisions import (
    NO_PLAN,
    DecisionBook,
    DecisionDraft,
    IntentEffects,
    Review,
    SentCash,
)
from engine.risk.sizing import Sizing
from engine.risk.sizing_inputs import SizingInputs
from engine.risk.sizing_request import OWNED
from engine.views import AccountView


def review_transfer(
    intent: Transfer,
    at: int,
    account: AccountView,
    *,
    inputs: SizingInputs,
    book: DecisionBook,
    not_at_par: str,
) -> IntentEffects:
    """Return the decision on a transfer, and the free cash that leaves for the other wallet.

    ``not_at_par`` is the reason why cash cannot move one for one, empty where it can.
    """
    destination = Wallet(intent.to)
    into_venue = destination is Wallet.VENUE
    source = Wallet.BROKERAGE if into_venue else Wallet.VENUE
    direction = 1 if into_venue else -1
    draft = DecisionDraft(
        at, intent.to, IntentKind.TRANSFER, direction, account.equity, intent.reason
    )
    if not_at_par:
        return IntentEffects((book.refuse(draft, RefusalRule.NOT_AT_PAR, not_at_par),))
    free = inputs.free_cash(source, at, account)
    asked = intent.share * account.equity / account.rate_of(source)
    caps = ((Cap.ASKED, asked), (Cap.CASH, max(free, 0.0)))
    binding, amount = min(caps, key=lambda cap: cap[1])
    sizing = Sizing(caps, binding, amount, math.nan, OWNED, None, amount)
    if not amount > 0:
        why = f"the {source} has no free cash"
        return IntentEffects((book.refuse(draft, RefusalRule.NO_CASH, why, sizing=sizing),))
    decision = book.approve(draft, amount, plan_id=NO_PLAN, sizing=sizing)
    return IntentEffects((Review(decision, ()),), sent=SentCash(destination, amount))
