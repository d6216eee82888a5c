"""Checks each fill against its order, its bar, its price, its fee and the position."""

import math
from dataclasses import dataclass
from functools import partial

from data_feeds.calendar import ALWAYS_OPEN, hours_between
from engine.audit.audited_run import AuditedRun
from engine.audit.channels import NO_ROW, InstrumentData
from engine.audit.findings import CheckedRow, when
from engine.audit.replay import FLAT, Booking, fill_fee_rate, rests
from engine.audit.slippage_formulas import FillMarket, slippage
from engine.audit.venue_formulas import (
    STEP_SLACK,
    against_trader,
    is_beyond,
    on_grid,
    whole_steps,
)
from engine.audit.venue_terms import slippage_terms
from engine.config.venue import LimitFill
from engine.records import Fill, FillStage, OrderKind, OrderRole, OrderRow
from engine.run_folder.read import RunFolder

FILLS = "fills"
OPEN, RANGE = FillStage.OPEN.value, FillStage.RANGE.value
LIQUIDATION, SETTLEMENT = OrderRole.LIQUIDATION.value, OrderRole.SETTLEMENT.value
# Roles of orders that the venue makes.
VENUE_MADE = (LIQUIDATION, SETTLEMENT)
# Quantities are whole lots; a millionth of a lot is rounding of float sums.
LOT_SLACK = 1e-6


@dataclass(frozen=True, slots=True)
class CheckedFill:
    """One fill with its order, market and bar; ``row`` is the bar's, -1 without such a bar.

    ``entered`` is the level of the plan's entry that filled inside the same bar, NaN for none.
    """

    fill: Fill
    order: OrderRow
    market: InstrumentData
    row: int
    booking: Booking
    line: CheckedRow
    entered: float
    unit: float


def subjects(run: AuditedRun) -> list[CheckedFill]:
    """Return the fills whose order and bars exist; the others are findings."""
    found = []
    entered: dict[tuple[int, int], float] = {}
    for fill in run.files.fills:
        order = run.files.order_by_id.get(fill.order_id)
        market = run.markets.get(fill.instrument)
        line = run.recorder.line(FILLS, f"fill {fill.fill_id}")
        if order is None or market is None:
            line.equal("its order" if order is None else "its instrument's bars", "one", "none")
            continue
        row = market.row_by_open.get(fill.bar_opened_at, NO_ROW)
        booking, bar = run.replay.bookings[fill.fill_id], (fill.plan_id, fill.bar_opened_at)
        level, unit = entered.get(bar, math.nan), run.unit_at(market, fill.at)
        found.append(CheckedFill(fill, order, market, row, booking, line, level, unit))
        if fill.role == OrderRole.ENTRY.value and fill.stage == RANGE:
            entered[bar] = order.price
    return found


def check_fills(run: AuditedRun) -> None:
    """Check each fill by itself; the bar walk checks which fills are due."""
    run.recorder.count("fills", len(run.files.fills))
    previous = 0
    for number, fill in enumerate(run.files.fills, start=1):
        line = run.recorder.line(FILLS, f"fill {fill.fill_id}")
        line.equal("fill ids count from 1", number, fill.fill_id)
        if fill.at < previous:
            line.instant("fills are in order of time", previous, fill.at)
        previous = max(previous, fill.at)
    for subject in subjects(run):
        _check_order(subject)
        _check_account(subject, run.files)
        if _check_bar(subject):
            _check_price(subject, run.files)


def _check_order(subject: CheckedFill) -> None:
    fill, order, line = subject.fill, subject.order, subject.line
    for column in ("plan_id", "instrument", "role"):
        line.equal(f"{column} of its order", getattr(order, column), getattr(fill, column))
    line.equal("side of its order", order.side, int(math.copysign(1, fill.quantity)))
    lot = subject.market.instrument.lot_size
    if not on_grid(fill.quantity, lot):
        line.equal("whole lots", f"a multiple of {lot:g}", fill.quantity)


def _check_bar(subject: CheckedFill) -> bool:
    """Check that the bar exists, traded, opened at or after the decision, and gives the stamp."""
    fill, market, line = subject.fill, subject.market, subject.line
    if subject.row == NO_ROW:
        return line.equal("its bar", f"a bar opened {when(fill.bar_opened_at)}", "none")
    closed = int(market.bars["closed_at"][subject.row])
    line.instant("its bar's close", closed, fill.bar_closed_at)
    stamp = fill.bar_opened_at if fill.stage == OPEN else closed
    line.instant(f"stamp of a fill in the {fill.stage}", stamp, fill.at)
    line.equal("inferred", fill.stage == RANGE, fill.inferred)
    _check_session(fill, market, line)
    if fill.role in VENUE_MADE:
        return True
    if not market.traded[subject.row]:
        line.equal("a bar with trades", "volume above 0 and no outage", "none")
    if fill.bar_opened_at < subject.order.decided_at:
        line.differs(
            "fills only in a bar that opens at or after the decision",
            expected=f"a bar opened from {when(subject.order.decided_at)} on",
            found=f"found {when(fill.bar_opened_at)}",
        )
    return True


def _check_session(fill: Fill, market: InstrumentData, line: CheckedRow) -> None:
    """Check that the bar of an exchange-listed instrument lies inside one session."""
    calendar = market.instrument.calendar
    if calendar == ALWAYS_OPEN:
        return
    for opens, closes in hours_between(calendar, fill.bar_opened_at, fill.bar_closed_at).tolist():
        if opens <= fill.bar_opened_at and fill.bar_closed_at <= closes:
            return
    span = f"{when(fill.bar_opened_at)} to {when(fill.bar_closed_at)}"
    line.differs(f"fills in a session of {calendar}", expected="one that holds it", found=span)


def _check_price(subject: CheckedFill, files: RunFolder) -> None:
    fill, order, line = subject.fill, subject.order, subject.line
    if fill.role == SETTLEMENT:
        at, value = subject.market.settlement
        line.instant("settles at its expiry or last bar", at, fill.at)
        line.number("settlement value", value, fill.raw_price)
        line.number("price of a settlement", value, fill.price)
        line.number("slippage of a settlement", 0.0, fill.slippage)
        return
    if fill.role == LIQUIDATION and subject.market.rules.taken_over:
        line.number("price of a takeover", fill.raw_price, fill.price)
        line.number("slippage of a takeover", 0.0, fill.slippage)
        return
    if fill.role != LIQUIDATION:
        line.number("raw price", _raw_price(subject, files), fill.raw_price)
    quantity = abs(fill.quantity)
    market, row = subject.market, subject.row
    lost, price = slipped(
        order,
        fill.raw_price,
        quantity,
        stage=fill.stage,
        market=market,
        row=row,
        files=files,
        fill_id=fill.fill_id,
    )
    line.number("slippage", lost, fill.slippage)
    tick = market.instrument.tick_size
    line.near("price", price, fill.price, 1e-6 * tick + 1e-12 * price)


def _raw_price(subject: CheckedFill, files: RunFolder) -> float:
    """Return the price before slippage: the open, or inside the bar the order's level.

    A target that the entry's level has passed fills at the entry's level.
    """
    order, market, line, row = subject.order, subject.market, subject.line, subject.row
    opened = market.price(row, "open")
    if subject.fill.stage == OPEN:
        is_limit = order.kind == OrderKind.LIMIT.value
        if is_limit and not is_beyond(opened, order.price, -order.side):
            line.equal("a limit is never filled beyond its level", order.price, opened)
        return opened
    if order.kind == OrderKind.MARKET.value:
        line.equal("stage of a market order", OPEN, RANGE)
        return opened
    if order.role == OrderRole.TARGET.value:
        through = files.config.venue.limit_fill is LimitFill.THROUGH
        least = market.instrument.tick_size * (1 - STEP_SLACK) if through else 0.0
        if order.side * (order.price - subject.entered) >= least:
            return subject.entered
    low, high = market.price(row, "low"), market.price(row, "high")
    # The bar walk derives the level of a trailing stop from the bars.
    level = order.last_level if order.trail_moved else order.price
    if not low <= level <= high:
        line.equal("the bar reaches its level", f"{level:g} in {low:g} to {high:g}", "no")
    return level


def slipped(
    order: OrderRow,
    raw: float,
    quantity: float,
    *,
    stage: str,
    market: InstrumentData,
    row: int,
    files: RunFolder,
    fill_id: int = 0,
) -> tuple[float, float]:
    """Return the fraction lost to slippage, and the price on the grid.

    Limit fills have no slippage; option fills pay half the spread. Range and volume are those of
    the bar that is known at the stage. ``fill_id`` is 0 for a size that is still to be filled.
    """
    lost = 0.0
    if market.is_option:
        lost = market.half_spread(row)
    elif order.kind != OrderKind.LIMIT.value:
        met = _met(order, quantity, stage=stage, market=market, row=row, fill_id=fill_id)
        lost = slippage(slippage_terms(files.config.venue, market.instrument), met)
    tick = market.instrument.tick_size
    price = against_trader(raw * (1 + order.side * lost), order.side, tick)
    return lost, max(price, 0.0 if market.is_option and order.side < 0 else tick)


def _met(
    order: OrderRow,
    quantity: float,
    *,
    stage: str,
    market: InstrumentData,
    row: int,
    fill_id: int,
) -> FillMarket:
    """Return a fill with the market that it meets."""
    source = reference_row(stage, market, row)
    known = source != NO_ROW
    opened, closed = int(market.bars["opened_at"][row]), int(market.bars["closed_at"][row])
    at = opened if stage == OPEN else closed
    return FillMarket(
        quantity=quantity,
        multiplier=order.slippage_multiplier,
        bar_range=market.bar_range(source) if known else 0.0,
        volume=market.price(source, "volume") if known else 0.0,
        earlier=partial(market.filled.units, order, opened, at=at, stage=stage, fill_id=fill_id),
        activity=partial(market.activity_of, row, inside=stage != OPEN),
    )


def within_risk(
    order: OrderRow, raw: float, market: InstrumentData, *, stop: float, used: float
) -> float:
    """Return the size that an entry's limit of R allows at a price, units in whole lots.

    R is the loss from the price to the first stop; ``used`` is the R of its earlier fills. Infinite
    without a limit, or at the stop itself.
    """
    instrument = market.instrument
    price = against_trader(raw, order.side, instrument.tick_size)
    distance = market.rules.loss(1.0, price, stop)
    if math.isnan(order.risk_limit) or distance == 0:
        return math.inf
    lot = instrument.lot_size
    return whole_steps(max(order.risk_limit - used, 0.0) / distance, lot) * lot


def reference_row(stage: str, market: InstrumentData, row: int) -> int:
    """Return the bar that slippage and the volume cap read: the last completed one at the open."""
    return market.last_traded_before(row) if stage == OPEN else row


def capacity(stage: str, market: InstrumentData, row: int, files: RunFolder) -> float:
    """Return the volume cap of a bar at a stage, base units in whole lots."""
    cap = files.config.venue.participation_cap
    if cap is None or market.is_option:
        return math.inf
    source = reference_row(stage, market, row)
    if source == NO_ROW:
        return 0.0
    lot = market.instrument.lot_size
    return whole_steps(cap * market.price(source, "volume"), lot) * lot


def _check_account(subject: CheckedFill, files: RunFolder) -> None:
    """Check fee, realized profit and the position after the fill."""
    fill, order, booking, line = subject.fill, subject.order, subject.booking, subject.line
    instrument = subject.market.instrument
    line.number("fee rate", fill_fee_rate(fill, order, instrument, files), fill.fee_rate)
    unit = subject.unit
    line.amount("fee", booking.fee, fill.fee, unit)
    line.equal("liquidity", "maker" if rests(fill, order) else "taker", fill.liquidity)
    line.amount("realized profit", booking.realized, fill.realized, unit)
    before, after = booking.before, booking.after
    line.number("position after", after.quantity, fill.position_after, FLAT)
    if after.quantity != 0:
        line.number("average entry after", after.average, fill.average_entry_after)
        if instrument.is_margined and not math.isnan(fill.isolated_margin_after):
            line.amount("isolated margin after", after.margin, fill.isolated_margin_after, unit)
    if before.quantity * after.quantity < 0:
        line.equal("a fill never turns a position over", "flat", after.quantity)
    if before.plan_id not in (0, fill.plan_id):
        line.equal("plan that holds", before.plan_id, fill.plan_id)
