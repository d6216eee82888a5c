"""Trends of the index and bitcoin are read on the newest bars: hours, or the day's."""

import numpy as np
import pytest

from data_feeds.calendar import session_bounds
from data_feeds.clock import HOUR_NS
from data_feeds.schema import Channel
from engine.checklist.explained_day import narrative
from engine.config.market import MarketStateConfig
from engine.signals.market.build import market_state
from engine.signals.market.timeframes import by_hours, timeframes
from engine.testing import candles
from tests.engine.signals.market.test_markets import (
    LAST,
    ROWS,
    SESSIONS,
    F,
    T,
    U,
    equity,
    hours,
    last,
    state,
)


def index_hours(closes: np.ndarray, rows: slice) -> Channel:
    """Return six whole hours of each session, from 10:00 New York, at the session's close."""
    opened, _ = session_bounds("XNYS", SESSIONS[rows])
    starts = [int(at) + HOUR_NS // 2 + hour * HOUR_NS for at in opened for hour in range(6)]
    return candles(
        [(c, c, c, c) for c in np.repeat(closes[rows], 6)], instrument="SPY", opened_at=starts
    )


RISEN = np.concatenate((np.linspace(1, 2, ROWS - 4), np.full(4, 1.2)))


@pytest.mark.parametrize(
    ("known", "truth"),
    [
        # All hours: down since four sessions; the mean of 80 hours is 13 sessions long.
        (slice(None), T),
        # Hours that end before the fall are four sessions old; the days know of it.
        (slice(0, ROWS - 4), T),
        # One session behind: the hours are of another session than the day's bar.
        (slice(0, ROWS - 1), T),
        (slice(0, 0), T),
    ],
)
def test_hours_of_an_earlier_session_do_not_hide_the_day_s_fall(known, truth) -> None:
    falling = hours(np.linspace(200, 100, 24 * 60))
    held = [falling, equity(RISEN, "SPY")]
    if known != slice(0, 0):
        held.append(index_hours(RISEN, known))
    named = timeframes(state(*held))[1]
    assert last(named, "both_down") == truth
    # 16:00 to 18:30, or 15:00 closes at 16:00 as well; never the age of what was not read.
    assert named["both_down"].age_ns[-1] == 2.5 * HOUR_NS


def test_a_rise_is_read_from_the_newest_bars_too() -> None:
    # The opposite case: hours that end in a fall, and days that have recovered since.
    fallen = np.concatenate((np.linspace(2, 1, ROWS - 4), np.full(4, 1.9)))
    falling = hours(np.linspace(200, 100, 24 * 60))
    for known, truth in ((slice(0, ROWS - 4), F), (slice(None), F)):
        held = (falling, equity(fallen, "SPY"), index_hours(fallen, known))
        assert last(timeframes(state(*held))[1], "both_down") == truth


def test_hours_of_the_day_count_before_its_bar_and_without_it() -> None:
    # The hours fall, the days do not: hours that are of the newest session are what is read.
    falling = hours(np.linspace(200, 100, 24 * 60))
    rising, fallen = np.linspace(1, 2, ROWS), RISEN
    named = timeframes(state(falling, equity(rising, "SPY"), index_hours(fallen, slice(None))))[1]
    assert (last(named, "index_1d_down"), last(named, "both_down")) == (F, T)
    assert by_hours(named)[-1]
    # No day's bar is known: hours of four sessions before are all there is.
    old = timeframes(state(falling, index_hours(np.linspace(2, 1, ROWS), slice(0, ROWS - 4))))[1]
    assert (last(old, "index_1d_down"), last(old, "both_down")) == (U, T)
    assert by_hours(old)[-1]
    # Behind: the days are read.
    late = (falling, equity(rising, "SPY"), index_hours(fallen, slice(0, ROWS - 1)))
    named = timeframes(state(*late))[1]
    assert last(named, "both_down") == F
    assert not by_hours(named)[-1]


@pytest.mark.parametrize(
    ("known", "text"),
    [
        (slice(None), ""),
        (slice(0, ROWS - 2), " the hours of the index or of bitcoin are older."),
        (slice(0, 5), " the hours of the index or of bitcoin are unknown."),
    ],
)
def test_the_page_says_on_which_bars_trends_are_read(known, text) -> None:
    held = (hours(np.linspace(200, 100, 24 * 60)), equity(RISEN, "SPY"), index_hours(RISEN, known))
    read = market_state(state(*held).data, MarketStateConfig(), LAST, LAST)
    told = narrative(read, 0)
    assert ("Trends are read on days" in told) == bool(text)
    assert text in told
