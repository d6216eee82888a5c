"""Move stamps with a venue's jitter onto their grid; refuse stamps farther off.

A late stamp of a settlement charges the wrong position: a position opened at 08:00 would pay a
settlement stamped 08:00:00.018. So a settlement is stamped with its whole hour, and bars open on
the grid of their timeframe.
"""

import math
from collections.abc import Mapping

import numpy as np

from data_feeds.calendar import ALWAYS_OPEN, sessions_between
from data_feeds.clock import (
    DAY_NS,
    FIRST_MONDAY_NS,
    HOUR_NS,
    MINUTE_NS,
    SECOND_NS,
    WEEK_NS,
    utc_days,
)
from data_feeds.schema import Array, Channel, ChannelKind, refuse_rows, time_columns
from data_feeds.timeframe import Timeframe

# Venues settle on whole hours. Binance allows 15 seconds around a settlement, and stamps of records
# come later still; so the tolerance is a minute, a sixtieth of the shortest interval.
FUNDING_GRID_NS = HOUR_NS
FUNDING_TOLERANCE_NS = MINUTE_NS
# Other regular records (open interest, hourly sums, an index) are milliseconds late.
POINT_GRID_NS = MINUTE_NS
POINT_TOLERANCE_NS = SECOND_NS
# Kinds that decisions read and that settle no money at the instant.
_OBSERVATIONS = (ChannelKind.SERIES, ChannelKind.OPEN_INTEREST, ChannelKind.LIQUIDATIONS)
# Closes written as the last instant inside the bar: 07:59:59, .999, .999999, ...
LAST_UNITS_NS = (SECOND_NS, 10**6, 10**3, 1)

# Sessions open at quarters of an hour, and bars are counted from the open or from the clock.
_SESSION_GRID_NS = 15 * MINUTE_NS


def on_grid(channel: Channel) -> tuple[Channel, Array]:
    """Return rows with stamps within tolerance moved to their grid, and each row's move in ns.

    A settlement moves to the nearest whole hour. A bar closed at the last second, milli-, micro- or
    nanosecond before its close moves to the close. A row of another kind within a second of a whole
    minute moves to that minute, unless two facts would become one; records at odd seconds stay.
    ``available_at`` moves with the fact, but for observations (series, open interest, liquidations)
    never to an earlier instant.
    """
    times = time_columns(channel.key.kind)[:-1]
    moves = {name: _move(channel, name) for name in times}
    by = moves[times[0]]
    for move in moves.values():
        by = np.where(abs(move) > abs(by), move, by)
    return (_moved(channel, moves), by) if by.any() else (channel, by)


def _move(channel: Channel, name: str) -> Array:
    """Return the move of each stamp of a time column to its grid, ns."""
    kind, at = channel.key.kind, channel[name]
    if kind in (ChannelKind.BARS, ChannelKind.MARK):
        late = -at % min(Timeframe(channel.key.timeframe).ns, MINUTE_NS)
        return np.where(np.isin(late, LAST_UNITS_NS), late, 0)
    if kind is ChannelKind.FUNDING:
        return settlements(at) - at
    return _jitter(at)


def settlements(stamps: Array) -> Array:
    """Return settlements as whole hours; stamps beyond the tolerance stay unchanged."""
    by = _to_nearest(stamps, FUNDING_GRID_NS)
    found: Array = np.where(abs(by) <= FUNDING_TOLERANCE_NS, stamps + by, stamps)
    return found


def check_stamps(channel: Channel, calendar: str) -> None:
    """Check that every row is on its grid; the calendar checks the bounds of sessions.

    Raises
    ------
    SchemaError : a settlement is not on a whole hour, or a bar does not open on the grid of its
        timeframe or has another length.
    """
    kind = channel.key.kind
    if kind is ChannelKind.FUNDING:
        refuse_rows(
            channel,
            channel["event_at"] % FUNDING_GRID_NS != 0,
            "event_at",
            "lies more than 60 s from a whole hour, where venues settle",
            "check the time's unit and zone, or leave the row out",
        )
    if kind in (ChannelKind.BARS, ChannelKind.MARK):
        _check_bars(channel, calendar)


def _check_bars(channel: Channel, calendar: str) -> None:
    label = channel.key.timeframe
    opened, closed, length = channel["opened_at"], channel["closed_at"], Timeframe(label).ns
    if calendar == ALWAYS_OPEN:
        offset = FIRST_MONDAY_NS if length % WEEK_NS == 0 else 0
        off = (opened - offset) % _step(label) != 0
        where = f"is not on a multiple of {label}"
        wrong_length, rule = closed - opened != length, "is not"
    else:
        step = MINUTE_NS if length >= DAY_NS else math.gcd(length, _SESSION_GRID_NS)
        # A bar of a day or more opens and closes with a session, whose bounds are whole minutes.
        off = (opened % step != 0) | ((length >= DAY_NS) & (closed % step != 0))
        where = f"is off the grid of {label} bars"
        # The last bar of a session may be shorter; a daily bar is as long as its session.
        wrong_length, rule = closed - opened > length, "is more than"
    remedy = "a bar begins on its timeframe's grid: check stamp, unit and zone, or drop the row"
    refuse_rows(channel, off, "opened_at", where, remedy)
    refuse_rows(channel, wrong_length, "closed_at", f"{rule} {label} after opened_at", remedy)


def check_sessions(channel: Channel, calendar: str) -> None:
    """Check that the middle of every daily bar lies on a day with a session.

    Raises
    ------
    SchemaError : with the row and the calendar.
    """
    key = channel.key
    is_daily = key.kind in (ChannelKind.BARS, ChannelKind.MARK) and key.timeframe == "1d"
    if calendar == ALWAYS_OPEN or not is_daily or len(channel) == 0:
        return
    # East of Greenwich a session can open on the previous UTC day; its middle cannot.
    middle = (channel["opened_at"] + channel["closed_at"]) // 2
    days = utc_days(middle)
    sessions = sessions_between(calendar, days.min(), days.max())
    refuse_rows(
        channel,
        ~np.isin(days, sessions),
        "opened_at",
        f"lies on no session of {calendar}",
        "drop the row, or correct its date or the instrument's calendar",
    )


def _step(timeframe: str) -> int:
    """Return the grid of a timeframe around the clock: its length, at most a day."""
    return min(Timeframe(timeframe).ns, DAY_NS)


def _to_nearest(at: Array, grid_ns: int) -> Array:
    return (at + grid_ns // 2) // grid_ns * grid_ns - at


def _jitter(event: Array) -> Array:
    """Return the moves of rows within a second of a whole minute to that minute."""
    by = _to_nearest(event, POINT_GRID_NS)
    by = np.where(abs(by) <= POINT_TOLERANCE_NS, by, 0)
    moved = event + by
    # A revision keeps the stamp of its fact; two facts must not become one.
    merged = np.flatnonzero((np.diff(moved) == 0) & (np.diff(event) != 0))
    return np.where(np.isin(event, event[np.append(merged, merged + 1)]), 0, by)


def _moved(channel: Channel, moves: Mapping[str, Array]) -> Channel:
    """Return a channel with moved facts; a row known at its fact stays known at its fact.

    A late observation was not known earlier, so it keeps its ``available_at``.
    """
    times = time_columns(channel.key.kind)
    columns = {**channel.columns, **{name: channel[name] + by for name, by in moves.items()}}
    fact, moved = channel[times[-2]], columns[times[-2]]
    known = channel["available_at"]
    goes_with = (known == fact) & (channel.key.kind not in _OBSERVATIONS)
    columns["available_at"] = np.where(goes_with, moved, np.maximum(known, moved))
    return Channel(channel.key, columns)
