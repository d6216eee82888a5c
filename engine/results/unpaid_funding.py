"""The bound of the funding that a run could not pay because the data hold no rates."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from data_feeds.clock import DAY_NS, HOUR_NS, utc_day
from data_feeds.dataset import Dataset
from data_feeds.instrument import Instrument
from data_feeds.schema import Channel, ChannelKind
from engine.records import Fill, FillStage


@dataclass(frozen=True)
class FundingBound:
    """Holds the largest funding of settlements without a rate.

    ``settlements`` counts those at which a position was held; ``largest`` is the sum of cap x
    notional over them, quote.
    """

    settlements: int
    largest: float


def bound_sentence(
    item: Instrument, dataset: Dataset, fills: Sequence[Fill], window: tuple[int, int]
) -> str:
    """Return the sentence on what absent funding could have moved; empty without hours or a cap."""
    record = item.terms[0] if item.terms else None
    if record is None or record.funding_hours is None or record.funding_cap is None:
        return ""
    bound = funding_bound(item, dataset, fills, window)
    hours = ", ".join(f"{hour:02d}:00" for hour in record.funding_hours)
    held = f"{bound.settlements} settlement{'' if bound.settlements == 1 else 's'}"
    return (
        f"Its venue settles at {hours} UTC, at most {record.funding_cap * 100:g}% of the "
        f"position's value: {held} with a position could have moved "
        f"{bound.largest:,.2f} {item.quote} at most, paid or received."
    )


def funding_bound(
    item: Instrument, dataset: Dataset, fills: Sequence[Fill], window: tuple[int, int]
) -> FundingBound:
    """Return the bound over the settlements of ``[start, end)``, ns UTC.

    A settlement applies to the position held before the fills of its instant. Its bound is the cap
    of its own day x abs(quantity) x the value of one unit: of an inverse perp the contract value,
    of a linear one the last close.
    """
    record = item.terms[0]
    mine = [fill for fill in fills if fill.instrument == item.id]
    prices = _prices(item, dataset)
    count, largest = 0, 0.0
    for at in _settlements(record.funding_hours or (), window):
        quantity = abs(_held_before(mine, at))
        if quantity > 0.0:
            count += 1
            value = item.contract_value if item.is_inverse else _last_close(prices, at)
            largest += _cap_on(item, utc_day(at)) * quantity * value
    return FundingBound(count, largest)


def _settlements(hours: Sequence[int], window: tuple[int, int]) -> Iterator[int]:
    start, end = window
    for day in range(start // DAY_NS, end // DAY_NS + 1):
        for hour in hours:
            at = day * DAY_NS + hour * HOUR_NS
            if start <= at < end:
                yield at


def _held_before(fills: Sequence[Fill], at: int) -> float:
    """Return the signed quantity held before the fills at the open of an instant."""
    before = [
        fill.position_after
        for fill in fills
        if fill.at < at or (fill.at == at and fill.stage == FillStage.RANGE.value)
    ]
    return before[-1] if before else 0.0


def _cap_on(item: Instrument, day: np.datetime64) -> float:
    """Return the cap of a day; a run keeps other terms of its first day, the bound does not."""
    record = item.terms[0]
    cap = record.funding_cap or 0.0
    for change in record.changes:
        is_due = np.datetime64(change.since, "D") <= day
        if change.name == "funding_cap" and is_due and change.becomes is not None:
            cap = change.becomes
    return cap


def _prices(item: Instrument, dataset: Dataset) -> Channel:
    """Return the instrument's bars with the most rows."""
    held = [
        channel
        for key, channel in dataset.channels.items()
        if (key.instrument, key.kind) == (item.id, ChannelKind.BARS)
    ]
    return max(held, key=len)


def _last_close(bars: Channel, at: int) -> float:
    row = int(np.searchsorted(bars["closed_at"], at, side="right")) - 1
    return float(bars["close"][max(row, 0)])
