"""Earnings dates: known from their announcement, near for a few days, unknown otherwise."""

import numpy as np
import pytest

from data_feeds.dataset import Dataset
from data_feeds.schema import Channel, ChannelKey, ChannelKind
from engine.conditions import Truth
from engine.config.market import MarketStateConfig
from engine.signals.market.earnings import dates_of, earnings_dates
from engine.signals.market.grid import build_grid
from engine.signals.market.point_in_time import MarketInputs

CONFIG = MarketStateConfig(inputs={"earnings": ("A-EARNINGS", "B-EARNINGS")})
FIRST, LAST = np.datetime64("2026-02-02"), np.datetime64("2026-03-06")


def announced(name: str, *rows: tuple[str, float]) -> Channel:
    """Return a series of (announcement, YYYYMMDD), known at once."""
    at = np.array([row[0] for row in rows], "datetime64[ns]").astype(np.int64)
    columns = {
        "event_at": at,
        "available_at": at.copy(),
        "value": np.array([row[1] for row in rows]),
        "label": np.zeros(len(rows), np.int8),
    }
    return Channel(ChannelKey(name, ChannelKind.SERIES), columns)


def read(*channels: Channel):
    grid = build_grid(FIRST, LAST, CONFIG.decide_at)
    data = Dataset({}, {channel.key: channel for channel in channels})
    values, conditions = earnings_dates(MarketInputs(data, grid, CONFIG))
    near = conditions["earnings_near"]
    by_day = dict(zip(grid.dates.astype(str).tolist(), near.truth.tolist(), strict=True))
    days = dict(zip(grid.dates.astype(str).tolist(), values["days_to_earnings"], strict=True))
    return by_day, days, near


A = announced("A-EARNINGS", ("2026-02-10T12:00", 20260225.0))


def test_a_date_is_known_from_its_announcement_and_near_for_five_days() -> None:
    near, days, _ = read(A)
    assert near["2026-02-09"] == Truth.UNKNOWN
    assert (near["2026-02-10"], days["2026-02-10"]) == (Truth.FALSE, 15.0)
    assert (near["2026-02-19"], days["2026-02-19"]) == (Truth.FALSE, 6.0)
    assert (near["2026-02-20"], days["2026-02-20"]) == (Truth.TRUE, 5.0)
    assert (near["2026-02-25"], days["2026-02-25"]) == (Truth.TRUE, 0.0)
    # The company has reported, and the next date is not announced yet.
    assert near["2026-02-26"] == Truth.UNKNOWN


def test_the_nearest_of_several_counts_with_its_age() -> None:
    other = announced("B-EARNINGS", ("2026-02-05T00:00", 20260212.0))
    near, days, condition = read(A, other)
    assert days["2026-02-11"] == 1.0
    assert days["2026-02-13"] == 12.0
    assert near["2026-02-09"] == Truth.TRUE
    row = int((np.datetime64("2026-02-13") - FIRST).astype(int))
    # 2026-02-10T12:00Z to 18:30 New York on the 13th.
    assert condition.age_ns[row] == pytest.approx((3 * 24 + 11.5) * 3_600 * 1e9)


def test_a_date_that_is_moved_replaces_the_one_before() -> None:
    moved = announced(
        "A-EARNINGS", ("2026-02-10T12:00", 20260225.0), ("2026-02-18T12:00", 20260304.0)
    )
    _, days, _ = read(moved)
    assert (days["2026-02-17"], days["2026-02-18"]) == (8.0, 14.0)


def test_without_any_date_it_is_unknown() -> None:
    near, _, condition = read()
    assert set(near.values()) == {Truth.UNKNOWN}
    assert condition.inputs == ("A-EARNINGS", "B-EARNINGS")


def test_dates_are_read_from_their_digits() -> None:
    found = dates_of(np.array([20240229.0, np.nan, 20261231.0]))
    assert found.astype(str).tolist() == ["2024-02-29", "NaT", "2026-12-31"]
