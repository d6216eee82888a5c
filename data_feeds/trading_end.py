"""The end of trading in a delisted instrument: its instant, its rows, the price of what is held.

Positions are settled at the close of the last bar, at the announced price or that close. A run that
ends before the last day is over knows nothing of the delisting.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from data_feeds.calendar import ALWAYS_OPEN, known_days, session_bounds, sessions_between
from data_feeds.clock import DAY_NS, utc_text
from data_feeds.errors import CoverageError, SchemaError
from data_feeds.instrument import Instrument
from data_feeds.schema import Channel, ChannelKind

_BAR_KINDS = (ChannelKind.BARS, ChannelKind.MARK)
# Longer than any closure of an exchange, those of 1914 and 2001 aside.
_LOOK_BACK = np.timedelta64(14, "D")


@dataclass(frozen=True)
class FinalSettlement:
    """The instant (ns UTC) and the price (quote per unit) at which positions are settled."""

    at: int
    price: float


def trading_end(instrument: Instrument) -> int | None:
    """Return the instant from which a delisted instrument has no session, ns UTC; else None.

    It is the close of the last session on or before its last day, the midnight after it around the
    clock.

    Raises
    ------
    SchemaError : see :func:`last_session`.
    """
    bounds = last_session(instrument)
    return None if bounds is None else bounds[1]


def last_session(instrument: Instrument) -> tuple[int, int] | None:
    """Return open and close of a delisted instrument's last session, ns UTC; None for others.

    Around the clock it is the last day.

    Raises
    ------
    SchemaError : the exchange has no session in the two weeks before the last day.
    """
    ended = instrument.delisted
    if ended is None:
        return None
    day = np.datetime64(ended.last_day, "D")
    if instrument.calendar == ALWAYS_OPEN:
        sessions = np.array([day])
    else:
        sessions = sessions_between(instrument.calendar, day - _LOOK_BACK, day)
    known = known_days(instrument.calendar)
    if known is not None and day > known[1]:
        raise SchemaError(
            f"{instrument.id}: delisted.last_day {day} lies after the published schedule of "
            f"calendar {instrument.calendar}, which ends with {known[1]}; no data can reach it: "
            "write the record when the schedule holds the day"
        )
    if len(sessions) == 0:
        raise SchemaError(
            f"{instrument.id}: delisted.last_day {day} is no day of calendar "
            f"{instrument.calendar}; correct the date in its record"
        )
    opened, closed = session_bounds(instrument.calendar, sessions[-1:])
    return int(opened[0]), int(closed[0])


def ended_by(instrument: Instrument, end: int) -> int | None:
    """Return the end of trading if a window that ends at ``end`` (ns UTC) contains it, else None.

    >>> ended_by(Instrument(id="SIVB", kind="etf"), 0) is None
    True
    """
    at = trading_end(instrument)
    return at if at is not None and at <= end else None


def until_delisting(channel: Channel, instrument: Instrument) -> Channel:
    """Return a channel without the bars that close after the end of trading.

    The mark bar that is under way then stays: funding is paid at its open.
    """
    at = trading_end(instrument)
    if at is None or channel.key.kind not in _BAR_KINDS:
        return channel
    if channel.key.kind is ChannelKind.MARK:
        count = int(np.searchsorted(channel["opened_at"], at, side="left"))
    else:
        count = int(np.searchsorted(channel["closed_at"], at, side="right"))
    return channel if count == len(channel) else channel.take(slice(0, count))


def final_settlement(instrument: Instrument, bars: Channel, end: int) -> FinalSettlement | None:
    """Return the settlement of positions in a window that ends at ``end`` (ns UTC).

    ``bars`` are those in which orders fill. None for an instrument that trades on, for a window
    that ends before the last day is over, and without a bar until then.

    Raises
    ------
    CoverageError : the last bar closes before the last session; days may be missing.
    """
    ended, session = instrument.delisted, last_session(instrument)
    if session is None or ended is None or session[1] > end:
        return None
    row = int(np.searchsorted(bars["closed_at"], session[1], side="right")) - 1
    if row < 0:
        return None
    last_at = int(bars["closed_at"][row])
    if last_at <= session[0]:
        raise CoverageError(
            f"{bars.key}: the bars end at {utc_text(last_at)}, but {instrument.id} was delisted "
            f"after {ended.last_day}, its last session from {utc_text(session[0])}; import the "
            "bars of that session, or correct delisted.last_day in the instrument's record"
        )
    close = float(bars["close"][row])
    price = close if ended.final_price is None else ended.final_price
    return FinalSettlement(int(bars["closed_at"][row]), price)


def bars_due_until(instrument: Instrument, bars: Channel, end: int) -> int:
    """Return the instant up to which bars and settlements are due in a window, ns UTC.

    It is ``end``; of a delisted instrument the end of trading, and the close of its last bar if
    that lies within the last day, because trading may stop at any hour of it.
    """
    at = ended_by(instrument, end)
    if at is None:
        return end
    closed = bars["closed_at"]
    last = int(closed[np.searchsorted(closed, at, side="right") - 1]) if len(closed) else at
    return last if 0 <= at - last < DAY_NS else at


def without_delistings(instruments: Mapping[str, Instrument]) -> Mapping[str, Instrument]:
    """Return records as a playbook may see them: a later delisting would tell it the future."""
    if all(item.delisted is None for item in instruments.values()):
        return instruments
    return {
        name: item if item.delisted is None else item.model_copy(update={"delisted": None})
        for name, item in instruments.items()
    }
