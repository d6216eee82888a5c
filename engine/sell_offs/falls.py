"""The dating rule of sell-offs: which rows of a series of closes one begins and ends at.

A sell-off starts at a closing high. It is confirmed at the first close that lies ``fall`` below
that high, and ends at the first later close that has regained ``regain`` of the way from the lowest
close back to the high. The search for the next high begins at that close. The rule reads forward
only: rows that are added later change no sell-off that had ended.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from engine.errors import ReportError

# Sessions from the end of a leg to the start of the next one in the same cluster.
CLUSTER_SESSIONS = 20
REGAINED = 0.5
# Of the high: 110 x 0.9 and 99 may differ in the last bit, and a fall of exactly 10% counts.
ROUNDING = 1e-12


@dataclass(frozen=True)
class Fall:
    """Rows of one sell-off in its series of closes.

    Attributes
    ----------
    high : the closing high; of equal highs the last, so that a flat top is no part of the fall
    confirmed : the first close that lies far enough below; nobody can know of the sell-off earlier
    low : the lowest close up to the end; of equal lows the first
    ended : the first close that has regained enough; None: not yet, the sell-off is open
    """

    high: int
    confirmed: int
    low: int
    ended: int | None


def date_falls(closes: ArrayLike, *, fall: float, regain: float = REGAINED) -> tuple[Fall, ...]:
    """Return every sell-off of a series of closes, in order of time.

    Parameters
    ----------
    closes : total-return closes in order of time, positive; a missing day is no row
    fall : fraction below the high that confirms a sell-off, between 0 and 1
    regain : fraction of the way from low to high that ends it, above 0 and at most 1

    Raises
    ------
    ReportError : a close that is not positive and finite, or a fraction out of range.

    >>> date_falls([100, 90, 94, 95], fall=0.10)
    (Fall(high=0, confirmed=1, low=1, ended=3),)
    """
    values = _checked(closes, fall, regain)
    found: list[Fall] = []
    high, low, confirmed = 0, 0, -1
    for row, close in enumerate(values.tolist()):
        top = values[high]
        if confirmed < 0:
            if close >= top:
                high = row
            elif close <= top * (1 - fall + ROUNDING):
                confirmed = low = row
        elif close < values[low]:
            low = row
        elif close >= values[low] + regain * (top - values[low]) - ROUNDING * top:
            found.append(Fall(high, confirmed, low, row))
            high, confirmed = row, -1
    if confirmed >= 0:
        found.append(Fall(high, confirmed, low, None))
    return tuple(found)


def cluster_numbers(
    falls: Sequence[Fall], sessions: NDArray[np.int64], *, within: int = CLUSTER_SESSIONS
) -> tuple[int, ...]:
    """Return the cluster of each sell-off, counted from 1.

    A sell-off joins the cluster before it where its high lies at most ``within`` sessions after
    the end of the previous sell-off.

    Parameters
    ----------
    falls : in order of time, as :func:`date_falls` gives them
    sessions : the number of each row's session on its calendar, so that missing rows count
    within : sessions

    >>> falls = (Fall(0, 1, 1, 3), Fall(5, 7, 7, None))
    >>> cluster_numbers(falls, np.arange(8), within=2)
    (1, 1)
    >>> cluster_numbers(falls, np.arange(8), within=1)
    (1, 2)
    """
    numbers: list[int] = []
    for place, item in enumerate(falls):
        ended = falls[place - 1].ended if place else None
        joins = ended is not None and int(sessions[item.high] - sessions[ended]) <= within
        numbers.append(numbers[-1] + (not joins) if numbers else 1)
    return tuple(numbers)


def _checked(closes: ArrayLike, fall: float, regain: float) -> NDArray[np.float64]:
    values = np.asarray(closes, dtype=np.float64)
    if values.ndim != 1:
        raise ReportError(f"closes: one dimension is needed, not the shape {values.shape}")
    wrong = np.flatnonzero(~(np.isfinite(values) & (values > 0)))
    if len(wrong):
        row = int(wrong[0])
        raise ReportError(
            f"closes: row {row} is {values[row]}; every close must be positive; leave out the rows "
            "of missing days"
        )
    if not 0 < fall < 1:
        raise ReportError(f"fall is {fall}; a fraction between 0 and 1 is needed")
    if not 0 < regain <= 1:
        raise ReportError(f"regain is {regain}; a fraction above 0 and at most 1 is needed")
    return values
