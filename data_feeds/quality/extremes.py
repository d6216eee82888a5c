"""Daily highs and lows that may be the close before, printed as if somebody had traded there.

On days that open with a gap Yahoo's daily high or low is often about the previous close (SPY on
2020-04-06: low 248.17, while the lowest trade of its home venue was 256.73). The rule cannot tell
such a day from one on which the market came back to that very price; it says *doubtful*.
"""

import numpy as np

from data_feeds.calendar import ALWAYS_OPEN
from data_feeds.instrument import Instrument
from data_feeds.quality.quality_finding import FindingKind, Flags, QualityFinding, finding_at
from data_feeds.schema import Channel, ChannelKind, Provenance

# The opening lies farther than this from the close before, a fraction of it.
GAP_RATE = 0.01
# The high or low lies within this of the close before, a fraction of it.
NEAR_RATE = 0.001


def doubtful_extremes(bars: Channel, instrument: Instrument) -> tuple[Flags, Flags]:
    """Return which highs and which lows of an exchange's daily bars are doubtful.

    A low after an opening gap up, a high after a gap down: above 1%, with the extreme within 0.1%
    of the close of the bar before. Shorter bars hold trades of their own stretch, and longer ones
    a market that had days to come back: neither is doubtful. Generated bars are not either.
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
    """Return a finding for each daily bar with a doubtful high or low; the value is its gap."""
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
