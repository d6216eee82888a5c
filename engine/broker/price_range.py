"""The part of a bar that certainly lies within the life of a position."""

from dataclasses import dataclass

from engine.broker import resolve
from engine.broker.timeline import InstrumentPath
from engine.fast_init import fast_init


@fast_init
@dataclass(frozen=True, slots=True)
class PriceRange:
    """Holds the extremes of last price and mark over a part of a bar, quote.

    ``last_from`` and ``mark_from`` are its first prices. Last prices are NaN without trades.
    """

    low: float
    high: float
    mark_low: float
    mark_high: float
    last_from: float
    mark_from: float


def whole_bar(path: InstrumentPath, t: int, row: int) -> PriceRange:
    """Return the range of the whole bar ``row``, which closes at instant index ``t``."""
    return PriceRange(
        float(path.low[t]),
        float(path.high[t]),
        float(path.mark_low[t]),
        float(path.mark_high[t]),
        float(path.bars["open"][row]),
        float(path.marks.open[row]),
    )


def after_entry(path: InstrumentPath, t: int, row: int, level: float) -> PriceRange:
    """Return the range that certainly follows an entry at ``level`` inside bar ``row``.

    The mark is assumed to reach the level together with the last price and from the same side: its
    own extreme beyond the level and its own close follow.
    """
    opens = float(path.bars["open"][row])
    low, high = resolve.range_after_entry(
        level, opens, float(path.bars["close"][row]), float(path.low[t]), float(path.high[t])
    )
    mark_low, mark_high = resolve.range_after_entry(
        level,
        opens,
        float(path.marks.close[row]),
        float(path.mark_low[t]),
        float(path.mark_high[t]),
    )
    return PriceRange(low, high, mark_low, mark_high, level, level)
