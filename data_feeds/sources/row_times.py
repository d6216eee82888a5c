"""Times of the rows of a file: the fact's instants and the instant of knowing it."""

from pathlib import Path

import numpy as np
import pandas as pd

from data_feeds.calendar import ALWAYS_OPEN, hours_between, session_bounds, sessions_around
from data_feeds.clock import DAY_NS, HOUR_NS, parse_duration, utc_text
from data_feeds.errors import SchemaError
from data_feeds.instrument import Instrument
from data_feeds.releases import known_at
from data_feeds.schema import Array
from data_feeds.sources.mapping import FileEntry, Stamp
from data_feeds.sources.time_column import read_stamps


def publications(
    frame: pd.DataFrame, entry: FileEntry, instrument: Instrument, path: Path
) -> pd.DatetimeIndex | None:
    """Return each row's own publication: dates where a rule counts from them, else instants.

    None if the entry names no such column.

    Raises
    ------
    SchemaError : a publication is no time, or a date without an hour.
    """
    if entry.published is None:
        return None
    rule = entry.rule(instrument.id)
    counts_dates = rule is not None and rule.counts_from_date
    stamp = Stamp.REFERENCE_DATE if counts_dates else Stamp.EVENT
    told = read_stamps(frame[entry.published.column], entry.published, stamp, path)
    local = told.tz_convert(entry.published.zone or "UTC") if told.tz is not None else told
    if not counts_dates and len(told) and (local == local.normalize()).all():
        raise SchemaError(
            f"{path}: column {entry.published.column!r} holds dates, no instants: values are "
            "published at some hour of the day; give it, e.g. release: {lag_days: 0, at: "
            "'16:15', zone: America/New_York}"
        )
    return told


def row_times(
    stamps: pd.DatetimeIndex,
    entry: FileEntry,
    instrument: Instrument,
    told: pd.DatetimeIndex | None,
) -> tuple[Array, ...]:
    """Return the kind's time columns.

    Parameters
    ----------
    stamps : UTC instants, or local dates for date stamps
    entry, instrument : meaning of the stamps, and the calendar
    told : each row's publication, from which ``available_at`` counts; None: the stamps
    """
    at = stamps.asi8
    length = parse_duration(entry.timeframe) if entry.timeframe else 0
    if entry.stamp is Stamp.SESSION_DATE:
        opened, closed = session_bounds(instrument.calendar, stamps.to_numpy())
    elif entry.stamp is Stamp.SESSION_OPEN:
        opened, closed = _sessions_from(at, instrument.calendar)
    elif entry.stamp is Stamp.OPEN:
        opened, closed = at, at + length
    else:
        opened, closed = at - length, at
    if entry.is_bar:
        closed = _cut_at_the_close(opened, closed, instrument.calendar)
        return opened, closed, closed
    if entry.stamp is Stamp.SESSION_DATE:
        # At the session's open a share already trades without the dividend.
        event = opened
    elif entry.stamp is Stamp.REFERENCE_DATE:
        event = at
    else:
        event = closed
    known = _known_at(
        entry, instrument, event if told is None else told.asi8, stamps if told is None else told
    )
    return event, known


def _sessions_from(opens: Array, calendar: str) -> tuple[Array, Array]:
    """Return the opens and closes of the sessions that begin at some instants.

    Raises
    ------
    SchemaError : no session of the calendar begins at an instant.
    """
    if len(opens) == 0:
        return opens, opens
    days = sessions_around(calendar, int(opens.min()), int(opens.max()))
    starts, ends = session_bounds(calendar, days)
    row = np.minimum(np.searchsorted(starts, opens), len(starts) - 1)
    wrong = np.flatnonzero(starts[row] != opens)
    if len(wrong):
        raise SchemaError(
            f"{utc_text(int(opens[wrong[0]]))} is no open of a session of {calendar}; set stamp: "
            "session_date if the column has dates, or name the exchange's calendar"
        )
    return opens, ends[row]


# Venues trade from 04:00 to 20:00 New York: at most this long before an open or after a close.
_OTHER_HOURS_NS = 7 * HOUR_NS


def _cut_at_the_close(opened: Array, closed: Array, calendar: str) -> Array:
    """Return closes after ending a session's last bar at the session's close.

    A file with prices outside sessions has them in the bar across the close, so that bar keeps its
    length. This holds where another bar begins at its end, and in the whole file if most sessions
    with such a bar have rows before the open or after the close. A stray row changes no other
    session.
    """
    if calendar == ALWAYS_OPEN or len(opened) == 0:
        return closed
    hours = hours_between(calendar, int(opened.min()) - DAY_NS, int(opened.max()) + DAY_NS)
    row = np.searchsorted(hours[:, 0], opened, side="right") - 1
    if len(hours) == 0 or (row < 0).any():
        return closed
    ends = hours[row, 1]
    reaches = (opened < ends) & (closed > ends)
    # Some sources add the closing auction as a row that opens at the close.
    after = (opened > ends) & (opened - ends < _OTHER_HOURS_NS)
    following = np.minimum(row + 1, len(hours) - 1)
    until = hours[following, 0] - opened
    before = (opened > ends) & (until > 0) & (until < _OTHER_HOURS_NS)
    extended = np.union1d(row[after], following[before])
    if 2 * int(np.isin(row[reaches], extended).sum()) > int(reaches.sum()):
        return closed
    cut: Array = np.where(reaches & ~np.isin(closed, opened), ends, closed)
    return cut


def _known_at(
    entry: FileEntry, instrument: Instrument, event: Array, stamps: pd.DatetimeIndex
) -> Array:
    """Return the instants of publication: at once, or by the release rule."""
    rule = entry.rule(instrument.id)
    if rule is None:
        return event
    if rule.counts_from_date:
        return known_at(rule, stamps.tz_localize(None).to_numpy().astype("datetime64[D]"))
    return known_at(rule, event.astype("datetime64[ns]"))
