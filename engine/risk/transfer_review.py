"""Cash for the other wallet: what is free may go."""

import math

from data_feeds.instrument import Wallet
from engine.intents import Transfer
from engine.risk.decisions import NO_PLAN, DecisionBook, DecisionDraft
from engine.risk.sizing import OWNED, Sizing
from engine.risk.sizing_inputs import SizingInputs
from engine.views import AccountView


def review_transfer(
    intent: Transfer, *, at: int, account: AccountView, inputs: SizingInputs, book: DecisionBook
) -> float:
    """Return the cash that may leave for the other wallet, quote; 0 where none is free."""
    into_venue = Wallet(intent.to) is Wallet.VENUE
    source = Wallet.BROKERAGE if into_venue else Wallet.VENUE
    draft = DecisionDraft(
        at, intent.to, "transfer", 1 if into_venue else -1, account.equity, intent.reason
    )
    free = inputs.free_cash(source, at, account)
    caps = (("asked", intent.share * account.equity), ("cash", max(free, 0.0)))
    binding, amount = min(caps, key=lambda cap: cap[1])
    sizing = Sizing(caps, binding, amount, math.nan, OWNED, "", amount)
    if not amount > 0:
        book.refuse(draft, "no cash", f"the {source} has no free cash", sizing=sizing)
        return 0.0
    book.approve(draft, amount, plan_id=NO_PLAN, sizing=sizing)
    return amount
