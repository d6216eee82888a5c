"""Fills of the kernel: their price, fee and facts; see ``engine/broker/execution.py``.

``s`` is the state, ``c`` the terms of the set, ``log`` the fills kept (none where it is empty).
"""

from typing import Any

import numpy as np

from engine.contracts.contract import notional_of
from engine.costs.arithmetic import fee_of, fee_paid, fill_price, round_against, volume_room
from engine.costs.slippage_model import in_thin_market
from engine.costs.slippage_models.bar_range import range_fraction
from engine.costs.slippage_models.square_root import half_spread, root_impact, root_slope
from engine.screening.books import book_trade, post, takeover_price
from engine.screening.compiled import jitable
from engine.screening.layout import (
    AT_OPEN,
    LIQUIDATION_ROLE,
    NONE,
    RANGE,
    ROOT,
    Records,
    Tape,
)


@jitable
def root_fraction(
    c: Any, quantity: float, earlier: float, slip: float, daily: float, recent: float, usual: float
) -> float:
    """Return the fraction that the square-root model takes; without a known day the half spread."""
    if np.isnan(usual):
        return float(in_thin_market(c.half_spread, slip))
    fixed = in_thin_market(half_spread(c.half_spread, recent, usual), slip)
    slope = in_thin_market(root_slope(c.coefficient, recent, daily), slip)
    return float(fixed + root_impact(slope, quantity, earlier))


@jitable
def taker_fraction(s: Any, c: Any, tape: Tape, t: int, stage: int, side: int, size: float) -> float:
    """Return the fraction of price that a fill loses that takes liquidity."""
    if c.model == RANGE:
        spread, volume = tape.rows[t].open_range, tape.rows[t].open_volume
        if stage != AT_OPEN:
            spread, volume = tape.rows[t].bar_range, tape.rows[t].bar_volume
        return float(
            range_fraction(c.half_spread, c.range_share, spread, c.impact, size, volume, s.slip)
        )
    if c.model == ROOT:
        earlier = s.bought if side > 0 else s.sold
        daily, recent, usual = (
            tape.rows[t].open_daily,
            tape.rows[t].open_recent,
            tape.rows[t].open_usual,
        )
        if stage != AT_OPEN:
            daily, recent, usual = (
                tape.rows[t].bar_daily,
                tape.rows[t].bar_recent,
                tape.rows[t].bar_usual,
            )
        return root_fraction(c, size, earlier, s.slip, daily, recent, usual)
    return float(in_thin_market(c.half_spread, s.slip))


@jitable
def taker_price(
    s: Any, c: Any, tape: Tape, t: int, stage: int, side: int, raw: float, size: float
) -> float:
    """Return the price of a fill that takes liquidity."""
    fraction = taker_fraction(s, c, tape, t, stage, side, size)
    return float(fill_price(raw, side, fraction, c.tick, c.tick))


@jitable
def room_left(s: Any, c: Any, tape: Tape, t: int, stage: int) -> float:
    """Return the volume that this stage of the bar can still fill; computed at its first use."""
    if np.isnan(s.room):
        if np.isnan(c.volume_cap):
            s.room = np.inf
        else:
            opened = tape.rows[t].at if stage == AT_OPEN else tape.rows[t].opened_at
            volume = tape.rows[t].open_volume if stage == AT_OPEN else tape.rows[t].bar_volume
            filled = s.bar_filled if s.filled_bar == opened else 0.0
            s.room = volume_room(c.volume_cap, volume, filled, c.lot)
    return float(s.room)


@jitable
def _count(s: Any, tape: Tape, t: int, stage: int, quantity: float) -> None:
    """Count a fill against the volume of its bar."""
    opened = tape.rows[t].at if stage == AT_OPEN else tape.rows[t].opened_at
    if s.filled_bar != opened:
        s.filled_bar = opened
        s.bar_filled = 0.0
    s.bar_filled += quantity


@jitable
def _charge(s: Any, due: float, room: float) -> float:
    paid = fee_paid(due, room)
    post(s, -paid)
    s.fees += paid
    return float(paid)


@jitable
def _keep(
    s: Any,
    log: Records,
    tape: Tape,
    t: int,
    stage: int,
    role: int,
    signed: float,
    price: float,
    fee: float,
    realized: float,
) -> None:
    """Write one fill into the log, if it keeps fills."""
    if s.held_since == NONE:
        s.held_since = tape.rows[t].at
    if s.fills < len(log):
        row = log[s.fills]
        row.at = tape.rows[t].at
        row.stage = stage
        row.role = role
        row.plan = s.trades + 1
        row.quantity = signed
        row.price = price
        row.fee = fee
        row.realized = realized
    s.fills += 1


@jitable
def fill(
    s: Any,
    c: Any,
    tape: Tape,
    log: Records,
    t: int,
    stage: int,
    role: int,
    side: int,
    quantity: float,
    raw: float,
    decided_at: int,
    rests: bool,
) -> None:
    """Execute ``quantity`` (unsigned) of an order at ``raw`` before slippage."""
    at = tape.rows[t].at
    _count(s, tape, t, stage, quantity)
    maker = rests and not (stage == AT_OPEN and decided_at == at)
    rate = c.maker if maker else c.taker
    if rests:
        price = round_against(raw, side, c.tick)
    else:
        price = taker_price(s, c, tape, t, stage, side, raw, quantity)
        if side > 0:
            s.bought += quantity
        else:
            s.sold += quantity
    opens = s.quantity * side >= 0
    realized = book_trade(s, c, side * quantity, price, not opens)
    room = np.inf if opens else s.cash - s.margin
    fee = _charge(s, fee_of(notional_of(quantity, price), rate), room)
    _keep(s, log, tape, t, stage, role, side * quantity, price, fee, realized)


@jitable
def liquidate(s: Any, c: Any, tape: Tape, log: Records, t: int, stage: int, raw: float) -> None:
    """Close the whole position for the venue, at the market or by a takeover."""
    held, quantity = s.quantity, abs(s.quantity)
    side = -1 if held > 0 else 1
    price = takeover_price(s, c)
    taken_over = not np.isnan(price)
    rate = c.taker
    if not taken_over:
        price = taker_price(s, c, tape, t, stage, side, raw, quantity)
        rate = c.liquidation_rate
    behind = s.margin
    realized = book_trade(s, c, side * quantity, price, True)
    room = s.cash - s.margin
    if not taken_over:
        room = s.cash if c.cross else behind + realized
    fee = _charge(s, fee_of(notional_of(quantity, price), rate), room)
    s.liquidations += 1
    _keep(s, log, tape, t, stage, LIQUIDATION_ROLE, side * quantity, price, fee, realized)
