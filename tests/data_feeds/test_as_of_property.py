"""Rows known to a decision against a slow loop: sessions, releases, revisions.

The windows hold the days on which clocks, exchange and Federal Reserve disagree: Columbus and
Veterans Day, both changes of the clocks, Thanksgiving and its early close, Good Friday, Juneteenth.
"""

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_feeds.align import as_of
from data_feeds.calendar import local_instants, session_bounds, sessions_between
from data_feeds.clock import DAY_NS, HOUR_NS, MINUTE_NS, utc_text
from data_feeds.dataset import Dataset
from data_feeds.instrument import Instrument, InstrumentKind
from data_feeds.releases import RELEASES, known_at, rule_for
from data_feeds.schema import Channel, ChannelKey, ChannelKind, validate
from tests.data_feeds.factory import ns, series

WINDOWS = (
    ("2025-10-06", "2025-10-20"),
    ("2025-10-27", "2025-11-17"),
    ("2025-11-20", "2025-12-03"),
    ("2026-03-02", "2026-03-13"),
    ("2026-03-30", "2026-04-10"),
    ("2026-06-15", "2026-06-24"),
)
NEW_YORK = "America/New_York"
SPY = Instrument(id="SPY", kind=InstrumentKind.ETF, quote="USD", calendar="XNYS")


@dataclass(frozen=True)
class Seen:
    """Result of the loop for one instant."""

    value: float
    age_ns: int
    is_fresh: bool
    row: int


def seen_by_reading_every_row(
    channel: Channel, column: str, now: int, max_age_ns: int | None
) -> Seen:
    """Return the newest fact published by ``now``, in its newest vintage, by a slow loop."""
    is_bar = "opened_at" in channel.columns
    best = -1
    for row in range(len(channel)):
        if channel["available_at"][row] > now:
            continue
        fact = (channel["opened_at" if is_bar else "event_at"][row], channel["available_at"][row])
        if best >= 0:
            held = channel["opened_at" if is_bar else "event_at"][best]
            if fact < (held, channel["available_at"][best]):
                continue
        best = row
    if best < 0:
        return Seen(float("nan"), -1, False, -1)
    age = now - int(channel["closed_at" if is_bar else "event_at"][best])
    return Seen(float(channel[column][best]), age, max_age_ns is None or age <= max_age_ns, best)


def days_of(window: tuple[str, str]) -> np.ndarray:
    return np.arange(window[0], window[1], dtype="datetime64[D]")


def sessions(dates: np.ndarray, late_ns: int = 0) -> Channel:
    """Return daily bars of New York sessions, closes counted from 1, known ``late_ns`` later."""
    opened, closed = session_bounds("XNYS", dates)
    price = np.arange(1.0, len(dates) + 1)
    channel = Channel(
        ChannelKey("SPY", ChannelKind.BARS, "1d"),
        {
            "opened_at": opened,
            "closed_at": closed,
            "available_at": closed + late_ns,
            **{name: price.copy() for name in ("open", "high", "low", "close", "volume")},
            "label": np.zeros(len(dates), dtype=np.int8),
        },
    )
    validate(channel)
    return channel


@st.composite
def session_bars(draw: st.DrawFn, window: tuple[str, str]) -> Channel:
    """Return sessions of the window, without some."""
    days = sessions_between("XNYS", np.datetime64(window[0]), np.datetime64(window[1]))
    kept = draw(st.lists(st.booleans(), min_size=len(days), max_size=len(days)))
    return sessions(days[np.array(kept)], draw(st.sampled_from((0, MINUTE_NS, HOUR_NS))))


@st.composite
def released_series(draw: st.DrawFn, window: tuple[str, str]) -> Channel:
    """Return a series of the release table on some days, with some later revisions."""
    name = draw(st.sampled_from(sorted(RELEASES)))
    variant = draw(st.sampled_from((None, *RELEASES[name].variants)))
    days = days_of(window)
    kept = draw(st.lists(st.booleans(), min_size=len(days), max_size=len(days)))
    dates = days[np.array(kept)]
    rows = []
    for date, first in zip(dates, known_at(rule_for(name, variant), dates).tolist(), strict=True):
        later = draw(st.sets(st.integers(1, 10 * 24), max_size=2))
        event = int(date.astype("datetime64[ns]").astype(np.int64))
        rows += [(event, first + hours * HOUR_NS) for hours in sorted({0, *later})]
    channel = series(
        [event for event, _ in rows], [known for _, known in rows], range(len(rows)), name
    )
    validate(channel)
    return channel


@st.composite
def decision_clock(draw: st.DrawFn, window: tuple[str, str], channel: Channel) -> np.ndarray:
    """Return decisions every evening, every few hours, or around publications."""
    days = days_of(window)
    kind = draw(st.sampled_from(("evening", "hours", "edges")))
    if kind == "evening":
        return local_instants(days, draw(st.sampled_from(("16:00", "16:15", "18:30"))), NEW_YORK)
    first, last = ns(window[0]), ns(window[1])
    if kind == "hours":
        return np.arange(first, last, draw(st.integers(1, 12)) * HOUR_NS)
    known = channel["available_at"]
    shuffled = np.random.default_rng(draw(st.integers(0, 9))).permutation(len(known))
    return np.concatenate((known[shuffled], known - 1, known + 1, [first]))


@st.composite
def cases(draw: st.DrawFn) -> tuple[Channel, np.ndarray]:
    window = draw(st.sampled_from(WINDOWS))
    channel = draw(st.one_of(session_bars(window), released_series(window)))
    return channel, draw(decision_clock(window, channel))


def column_of(channel: Channel) -> str:
    return "close" if channel.key.kind is ChannelKind.BARS else "value"


@given(case=cases(), max_age_hours=st.one_of(st.none(), st.integers(1, 100)))
@settings(max_examples=150)
def test_as_of_equals_a_loop_over_every_row(
    case: tuple[Channel, np.ndarray], max_age_hours: int | None
) -> None:
    channel, decided_at = case
    column = column_of(channel)
    limit = None if max_age_hours is None else max_age_hours * HOUR_NS
    found = as_of(channel, column, decided_at, limit)
    for i, now in enumerate(decided_at.tolist()):
        expected = seen_by_reading_every_row(channel, column, now, limit)
        assert np.array_equal(found.values[i], expected.value, equal_nan=True)
        assert (found.age_ns[i], found.is_fresh[i], found.rows[i]) == (
            expected.age_ns,
            expected.is_fresh,
            expected.row,
        )


@given(case=cases(), share=st.floats(0, 1))
@settings(max_examples=100)
def test_what_is_published_later_changes_no_decision(
    case: tuple[Channel, np.ndarray], share: float
) -> None:
    channel, clock = case
    decided_at = np.sort(clock)
    now = int(decided_at[int(share * (len(decided_at) - 1))])
    until = decided_at[decided_at <= now]
    whole = as_of(channel, column_of(channel), until)
    cut = as_of(channel.cut(now), column_of(channel), until)
    assert np.array_equal(whole.values, cut.values, equal_nan=True)
    assert np.array_equal(whole.age_ns, cut.age_ns)


@given(case=cases(), lag_hours=st.integers(1, 72))
@settings(max_examples=100)
def test_an_extra_lag_shows_a_series_as_it_was_that_much_earlier(
    case: tuple[Channel, np.ndarray], lag_hours: int
) -> None:
    channel, decided_at = case
    lag = lag_hours * HOUR_NS
    name = channel.key.instrument
    owner = SPY if name == "SPY" else Instrument(id=name, kind=InstrumentKind.SERIES)
    later = Dataset({name: owner}, {channel.key: channel}).delayed(lag).channels[channel.key]
    is_series = channel.key.kind is ChannelKind.SERIES
    earlier = as_of(channel, column_of(channel), decided_at - (lag if is_series else 0))
    found = as_of(later, column_of(channel), decided_at)
    assert np.array_equal(found.values, earlier.values, equal_nan=True)


# By hand ------------------------------------------------------------------------------------------


def test_a_weekend_repeats_no_news_of_the_exchange() -> None:
    # Thanksgiving week: sessions on 26 and 28 November (close 18:00 UTC) and 1 December; evening
    # decisions at 18:30 New York, 23:30 UTC, on every day.
    dates = np.array(["2025-11-26", "2025-11-28", "2025-12-01"], dtype="datetime64[D]")
    evenings = local_instants(days_of(("2025-11-26", "2025-12-02")), "18:30", NEW_YORK)
    found = as_of(sessions(dates), "close", evenings, DAY_NS)
    assert [utc_text(at)[5:10] for at in evenings] == [
        "11-26", "11-27", "11-28", "11-29", "11-30", "12-01"
    ]  # fmt: skip
    assert found.values.tolist() == [1, 1, 2, 2, 2, 3]
    # Close at 21:00, 21:00, 18:00, 18:00, 18:00, 21:00: 2.5 h, +24, 5.5 h, +24, +48, 2.5 h.
    assert (found.age_ns / HOUR_NS).tolist() == [2.5, 26.5, 5.5, 29.5, 53.5, 2.5]
    assert found.is_fresh.tolist() == [True, False, True, False, False, True]
    # One row per session: a return over the weekend is counted once, on Monday.
    assert np.flatnonzero(np.diff(found.rows)).tolist() == [1, 4]


@pytest.mark.parametrize(
    ("date", "closed", "early"),
    [
        ("2026-03-06", "2026-03-06T21:00", "2026-03-06T20:00"),  # winter: 16:00 is 21:00 UTC
        ("2026-03-09", "2026-03-09T20:00", "2026-03-09T19:59"),  # summer
        ("2025-11-28", "2025-11-28T18:00", "2025-11-28T17:59"),  # early close
    ],
)
def test_a_session_s_close_moves_with_the_clocks(date: str, closed: str, early: str) -> None:
    bar = sessions(np.array([date], dtype="datetime64[D]"))
    found = as_of(bar, "close", np.array([ns(early), ns(closed)]))
    assert found.rows.tolist() == [-1, 0]


def test_a_revision_is_seen_from_its_own_instant_on() -> None:
    # Friday 2026-02-06: 4.21, out on Monday 21:15 UTC, revised to 4.22 on Thursday at 15:00.
    friday = np.array(["2026-02-06"], dtype="datetime64[D]")
    first = int(known_at(rule_for("DGS10"), friday)[0])
    second = ns("2026-02-12T15:00")
    channel = series([ns("2026-02-06")] * 2, [first, second], [4.21, 4.22])
    found = as_of(channel, "value", np.array([first - 1, first, second - 1, second]))
    assert np.isnan(found.values[0])
    assert found.values[1:].tolist() == [4.21, 4.21, 4.22]
    # A revision is no younger than the fact: its age still counts from Friday.
    assert found.age_ns[3] == second - ns("2026-02-06")
