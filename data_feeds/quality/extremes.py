"""Daily highs and lows that may be the previous close, printed without a trade there.

On days that open with a gap, Yahoo's daily high or low is often about the previous close (SPY on
2020-04-06: low 248.17, while the lowest trade of its home venue was 256.73). The rule cannot
distinguish such a day from one on which the market returned to that price, so it says *doubtful*.
"""

import numpy as np

from data_feeds.calendar import ALWAYS_OPEN
from data_feeds.instrument import Instrument
from data_feeds.quality.quality_finding import FindingKind, Flags, QualityFinding, finding_at
from data_feeds.schema import Channel, ChannelKind, Provenance

# Smallest distance of the open from the previous close, fraction of that close.
GAP_RATE = 0.01
# Largest distance of the high or low from the previous close, fraction of that close.
NEAR_RATE = 0.001


def doubtful_extremes(bars: Channel, instrument: Instrument) -> tuple[Flags, Flags]:
    """Return flags of the doubtful highs and of the doubtful lows of an exchange's daily bars.

    Doubtful is a low after an opening gap up, or a high after a gap down, of more than 1%, if the
    extreme is within 0.1% of the previous close. Shorter bars contain only their own trades, and in
    longer bars the market has days to return: neither is doubtful, nor are generated bars.
    """
    none = np.zeros(len(bars), np.bool_)
    daily = bars.key.kind is ChannelKind.BARS and bars.key.timeframe == "1d"
    if not daily or instrument.calendar == ALWAYS_OPEN or len(bars) < 2:
        return none, none
    before = bars["close"][:-1]
    made = bars["label"][1:] == Provenance.SYNTHETIC
    high, low = none.copy(), none.copy()
    opened, near = bars["open"][1:], NEAR_RATE * before
    high[1:] = (opened < before * (1 - GAP_RATE)) & (abs(bars["high"][1:] - before) <= near) & ~made
    low[1:] = (opened > before * (1 + GAP_RATE)) & (abs(bars["low"][1:] - before) <= near) & ~made
    return high, low


def extreme_findings(bars: Channel, instrument: Instrument) -> list[QualityFinding]:
    """Return a finding for each daily bar with a doubtful high or low; its value is the gap."""
    high, low = doubtful_extremes(bars, instrument)
    rows = np.flatnonzero(high | low).tolist()
    return [
        finding_at(
            bars,
            FindingKind.DOUBTFUL_EXTREME,
            slice(row, row + 1),
            float(bars["open"][row] / bars["close"][row - 1] - 1),
        )
        for row in rows
    ]
