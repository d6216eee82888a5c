"""The books of the kernel: trades, fees and funding of one linear perp; see ``engine/ledger.py``.

``s`` is the state, ``c`` the terms of the set.
"""

from typing import Any

import numpy as np

from engine.broker.collateral import cross_free
from engine.contracts.contract import (
    debit_of_margin,
    is_residue,
    mean_value,
    notional_of,
    profit_of,
    released_margin,
    uncollected,
)
from engine.contracts.linear_perp import price_in_tier
from engine.contracts.maintenance import tier_requirement
from engine.contracts.margined import (
    funding_cash,
    margin_of,
    reachable,
    value_after_loss,
)
from engine.screening.compiled import jitable
from engine.screening.layout import Floats, Tape


@jitable
def post(s: Any, amount: float) -> None:
    """Move cash of the wallet and of the plan."""
    s.cash += amount
    s.plan_cash += amount
    s.changed = 1


@jitable
def equity_of(s: Any, c: Any, mark: float) -> float:
    """Return cash and unrealized profit at a mark."""
    equity = s.cash + c.idle + 0.0
    if s.quantity != 0.0:
        equity += profit_of(s.quantity, s.average, mark)
    return float(equity)


@jitable
def book_trade(s: Any, c: Any, signed: float, price: float, limited: bool) -> float:
    """Book one execution and return its realized profit before fees."""
    before, realized, released, margin = s.quantity, 0.0, 0.0, 0.0
    if before * signed < 0:
        realized = profit_of(-signed, s.average, price)
        released = released_margin(s.margin, signed, before)
    elif not c.cross:
        margin = margin_of(notional_of(signed, price), s.setting)
    shortfall = 0.0
    if limited:
        shortfall = uncollected(realized, max(s.cash, 0.0) if c.cross else released)
    total = before + signed
    if before * signed >= 0:
        s.average = mean_value(before, s.average, signed, price)
    elif is_residue(total, before):
        total = 0.0
    s.quantity = total
    s.margin += margin - released
    if total == 0.0:
        s.average = 0.0
        s.margin = 0.0
    post(s, realized + shortfall)
    return float(realized)


@jitable
def book_funding(s: Any, tape: Tape, t: int) -> None:
    """Book the funding of the position held before any fill of an instant."""
    rate = tape.rows[t].funding_rate
    if s.quantity == 0.0 or np.isnan(rate):
        return
    amount = funding_cash(s.quantity, tape.rows[t].funding_mark, rate)
    s.margin -= debit_of_margin(amount, max(s.cash - s.margin, 0.0), s.margin)
    post(s, amount)
    s.funding += amount


@jitable
def requirement(notional: float, tiers: Floats) -> float:
    """Return the maintenance requirement of a notional; a row of ``tiers`` is one tier."""
    for i in range(len(tiers)):
        if notional < tiers[i, 0]:
            return float(tier_requirement(notional, tiers[i, 1], tiers[i, 2]))
    return np.inf


@jitable
def liquidation_level(s: Any, c: Any, tiers: Floats) -> float:
    """Return the mark that liquidates the position, NaN if none does."""
    quantity = s.quantity
    if quantity == 0.0:
        return np.nan
    margin = s.cash + 0.0 if c.cross else s.margin
    if c.on_entry:
        kept = requirement(notional_of(quantity, s.average), tiers)
        return float(reachable(value_after_loss(s.average, margin - kept, quantity), quantity))
    for i in range(len(tiers)):
        price = price_in_tier(quantity, s.average, margin, tiers[i, 1], tiers[i, 2])
        if abs(quantity) * price < tiers[i, 0]:
            return np.nan if quantity > 0 and price <= 0 else float(price)
    return np.nan


@jitable
def takeover_price(s: Any, c: Any) -> float:
    """Return the price at which the venue takes a position over, NaN where it sells instead."""
    if not c.to_bankruptcy:
        return np.nan
    backing = max(s.cash + 0.0 if c.cross else s.margin, 0.0)
    return float(reachable(value_after_loss(s.average, backing, s.quantity), s.quantity))


@jitable
def free_cash(s: Any, c: Any, tape: Tape, t: int) -> float:
    """Return the cash that an entry can use."""
    free = s.cash - s.margin
    if not c.cross or s.quantity == 0.0:
        return float(free)
    mark = s.average if t < s.unmarked else tape.rows[t].mark
    open_profit = 0.0 if np.isnan(mark) else profit_of(s.quantity, s.average, mark)
    initial = margin_of(notional_of(s.quantity, s.average), s.setting)
    return float(cross_free(free, initial, open_profit))
