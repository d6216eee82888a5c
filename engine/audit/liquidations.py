"""The check of the collateral at a liquidation price: isolated margin, or cash of shorts."""

from data_feeds.instrument import Wallet
from engine.audit.audited_run import AuditedRun
from engine.audit.backing import PositionBacking
from engine.audit.borrowed_shorts import is_lent
from engine.audit.fills import FILLS, LIQUIDATION, RANGE
from engine.audit.instrument_states import InstrumentStates
from engine.records import Fill, OrderRole


def check_liquidations(run: AuditedRun) -> None:
    """Check that the collateral equals the requirement at each liquidation price.

    Collateral: the isolated margin plus open profit of a perp; the brokerage's cash of a short.
    Where the venue takes positions over, nothing is left at the price of the fill.
    """
    backing = PositionBacking(run.files, run.markets)
    states = InstrumentStates(run)
    for fill in run.files.fills:
        booking, venue = run.replay.bookings.get(fill.fill_id), run.markets.get(fill.instrument)
        if fill.role != LIQUIDATION or fill.stage != RANGE or booking is None or venue is None:
            continue
        row = venue.row_by_open.get(fill.bar_opened_at)
        held, rules = booking.before, venue.rules
        lent = is_lent(venue.instrument, held.quantity)
        if not (lent or backing.is_isolated):
            continue
        line = run.recorder.line(FILLS, f"fill {fill.fill_id}")
        level = fill.raw_price
        if rules.taken_over:
            level = run.files.order_by_id[fill.order_id].price
            left = held.margin + rules.profit(held.quantity, held.average, fill.price)
            unit = run.unit_at(venue, fill.at)
            line.amount("margin left at the bankruptcy price", 0.0, left, unit)
        elif row is None or level in _beginnings(run, fill, float(venue.mark.open[row])):
            continue
        if lent:
            state = states.state(fill.instrument, fill.at, RANGE)
            needed = backing.cash_needed(fill.instrument, held, level, state, fill.at)
            line.amount("cash at the forced cover", needed, state.cash[Wallet.BROKERAGE])
            run.recorder.count("cash at forced covers")
            continue
        run.recorder.count("margins at liquidation")
        equity = held.margin + rules.profit(held.quantity, held.average, level)
        needed = rules.needed(held.quantity, held.average, level)
        unit = run.unit_at(venue, fill.at)
        line.amount("margin left at the liquidation price", needed, equity, unit)


def _beginnings(run: AuditedRun, fill: Fill, mark_open: float) -> set[float]:
    """Return the first mark inside the bar: its open, or the entry of the plan inside the bar.

    A level beyond this mark fills at it, as in a gap.
    """
    entries = (
        other.raw_price
        for other in run.files.fills
        if other.role == OrderRole.ENTRY.value
        and other.stage == RANGE
        and (other.plan_id, other.bar_opened_at) == (fill.plan_id, fill.bar_opened_at)
    )
    return {mark_open, *entries}
