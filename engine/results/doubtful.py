"""Fills that rest on a doubtful high or low of a daily bar."""

from data_feeds.clock import utc_text
from data_feeds.quality.extremes import GAP_RATE, NEAR_RATE, doubtful_extremes
from engine.records import Fill, FillStage, OrderRole
from engine.results.finished import RunRecord

SHOWN_FILLS = 5


def doubtful_fills(record: RunRecord) -> list[Fill]:
    """Return the fills that neither the open nor the close of a doubtful daily bar explains.

    Such a level lies below open and close of a bar with a doubtful low, or above both in a bar with
    a doubtful high. Later fills of the same order count too.
    """
    flags = {
        name: doubtful_extremes(bars, record.run.dataset.instruments[name])
        for name, bars in record.traded_bars.items()
        if name in record.run.dataset.instruments
    }
    found, orders = [], set()
    for fill in record.run.outcome.fills:
        bars = record.traded_bars[fill.instrument]
        high, low = flags[fill.instrument]
        row = int(bars["opened_at"].searchsorted(fill.bar_opened_at))
        # The price of a settlement is announced, not traded.
        settled = fill.role == OrderRole.SETTLEMENT.value
        inside = fill.stage == FillStage.RANGE.value and not settled
        if fill.order_id not in orders and inside:
            opened, closed = float(bars["open"][row]), float(bars["close"][row])
            below = bool(low[row]) and fill.raw_price < min(opened, closed)
            above = bool(high[row]) and fill.raw_price > max(opened, closed)
            if below or above:
                orders.add(fill.order_id)
        if fill.order_id in orders:
            found.append(fill)
    return found


def doubtful_warnings(record: RunRecord) -> list[str]:
    """Return the warning about doubtful fills; empty without such a fill."""
    found = doubtful_fills(record)
    if not found:
        return []
    count, total = len(found), len(record.run.outcome.fills)
    named = [
        f"{fill.instrument} {fill.role} of {utc_text(fill.bar_opened_at)[:10]} at "
        f"{fill.raw_price:g}"
        for fill in found[:SHOWN_FILLS]
    ]
    more = f" and {count - SHOWN_FILLS} more" if count > SHOWN_FILLS else ""
    verb = "fill rests" if count == 1 else "fills rest"
    return [
        f"WARNING: {count} of {total} {verb} on a doubtful high or low alone "
        f"({', '.join(named)}{more}): the day opened more than {GAP_RATE:.0%} away from the close "
        f"before, the extreme is within {NEAR_RATE:.1%} of that close, where often nothing traded "
        "(a defect of Yahoo's daily bars), and neither open nor close reaches the level."
    ]
