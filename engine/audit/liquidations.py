"""The check of an isolated position's margin at its liquidation price."""

from engine.audit.audited_run import AuditedRun
from engine.audit.backing import PositionBacking
from engine.audit.fills import FILLS, LIQUIDATION, RANGE
from engine.audit.venue_formulas import requirement
from engine.records import Fill, OrderRole


def check_liquidations(run: AuditedRun) -> None:
    """Check that margin plus open profit equals the requirement at each liquidation price."""
    backing = PositionBacking(run.files, run.markets)
    if not backing.is_isolated:
        return
    for fill in run.files.fills:
        booking, venue = run.replay.bookings.get(fill.fill_id), run.markets.get(fill.instrument)
        if fill.role != LIQUIDATION or fill.stage != RANGE or booking is None or venue is None:
            continue
        row = venue.row_by_open.get(fill.bar_opened_at)
        if row is None or fill.raw_price in _beginnings(run, fill, float(venue.mark.open[row])):
            continue
        run.recorder.count("margins at liquidation")
        held = booking.before
        equity = held.margin + held.quantity * (fill.raw_price - held.average)
        table = backing.brackets[fill.instrument]
        needed = requirement(abs(held.quantity * fill.raw_price), table)
        line = run.recorder.line(FILLS, f"fill {fill.fill_id}")
        line.amount("margin left at the liquidation price", needed, equity)


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
