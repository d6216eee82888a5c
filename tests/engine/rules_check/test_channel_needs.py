"""Needs of a playbook, against small data in memory."""

import numpy as np
import pytest

from data_feeds.dataset import Dataset
from data_feeds.instrument import Instrument
from data_feeds.schema import Channel, ChannelKey, ChannelKind
from engine.missing_data import missing_channels
from engine.playbook import Requirements
from engine.rules_check.channel_needs import channel_needs

HOUR = 3_600 * 10**9
START = 1_770_000_000 * 10**9 // HOUR * HOUR
BARS = ChannelKey("X-PERP", ChannelKind.BARS, "1h")
SLOW = ChannelKey("X-PERP", ChannelKind.BARS, "4h")
SERIES = ChannelKey("VIX", ChannelKind.SERIES)
ABSENT = ChannelKey("DXY", ChannelKind.SERIES)


def bars(rows: int) -> Channel:
    opened = START + np.arange(rows, dtype=np.int64) * HOUR
    price = np.full(rows, 100.0)
    times = {"opened_at": opened, "closed_at": opened + HOUR, "available_at": opened + HOUR}
    prices = dict.fromkeys(("open", "high", "low", "close", "volume"), price)
    return Channel(BARS, {**times, **prices, "label": np.zeros(rows, dtype=np.int8)})


def series(hours: list[int]) -> Channel:
    at = START + np.array(hours, dtype=np.int64) * HOUR
    return Channel(
        SERIES,
        {
            "event_at": at,
            "available_at": at,
            "value": np.full(len(at), 20.0),
            "label": np.zeros(len(at), dtype=np.int8),
        },
    )


@pytest.fixture
def data() -> Dataset:
    records = {
        "X-PERP": Instrument(id="X-PERP", kind="perp", calendar="24/7"),
        "VIX": Instrument(id="VIX", kind="series", calendar="XNYS"),
    }
    return Dataset(records, {BARS: bars(10), SERIES: series([2, 3])})


def needs() -> Requirements:
    return Requirements(BARS, frozenset({BARS, SLOW}), frozenset({SERIES, ABSENT}), ("X-PERP",), 0)


def test_required_channels_come_first_and_each_says_whether_it_is_held(data: Dataset):
    found = channel_needs(needs(), data, {})
    assert [(item.channel, item.use, item.stored) for item in found] == [
        ("X-PERP/bars/1h", "required", "X-PERP/bars/1h"),
        ("X-PERP/bars/4h", "required", "X-PERP/bars/1h"),  # made from the hours
        ("DXY/series", "optional", ""),
        ("VIX/series", "optional", "VIX/series"),
    ]
    assert (found[0].first_at, found[0].last_at) == (START, START + 10 * HOUR)
    assert (found[3].first_at, found[3].last_at) == (START + 2 * HOUR, START + 3 * HOUR)
    assert found[0].unknown is None  # nothing was counted


def test_the_shares_without_a_row_and_with_an_old_row_are_of_the_decisions(data: Dataset):
    # Decisions at hours 1 to 10; the series has rows at hours 2 and 3 and may be 4 hours old.
    decided_at = data.channels[BARS]["closed_at"]
    found = channel_needs(needs(), data, {SERIES: 4 * HOUR}, data, decided_at)
    by_name = {item.channel: item for item in found}
    assert by_name["VIX/series"].unknown == pytest.approx(1 / 10)  # hour 1
    assert by_name["VIX/series"].stale == pytest.approx(3 / 10)  # hours 8, 9 and 10
    assert (by_name["X-PERP/bars/1h"].unknown, by_name["X-PERP/bars/1h"].stale) == (0.0, None)
    assert by_name["DXY/series"].unknown == 1.0


def test_missing_channels_are_named_by_their_use(data: Dataset):
    assert missing_channels(needs(), data) == ((), (ABSENT,))
    alone = data.only({SERIES})
    assert missing_channels(needs(), alone) == ((BARS, SLOW), (ABSENT,))
