"""Episodes: what a file may say, phases without a hole, and the days that real data give."""

from datetime import date, timedelta
from itertools import pairwise

import numpy as np
import pytest

from data_feeds.clock import midnight_ns
from data_feeds.load import open_source
from data_feeds.schema import ChannelKey, ChannelKind
from engine.episodes import (
    InputLabel,
    PhaseName,
    find_episode,
    load_episode,
    shipped_episodes,
)
from engine.errors import ConfigError
from engine.pages.episode_picture import (
    SHADES,
    episode_lines,
    episode_picture,
    episode_text,
    phase_rows,
)

FILE = """
name: own
title: A week
start: 2026-02-02
end: 2026-02-08
phases:
- {phase: before, until: 2026-02-04, rule: told}
- {phase: flush, until: 2026-02-06, rule: told}
- {phase: recovery, until: 2026-02-08, rule: told}
"""
SPY = ChannelKey("SPY", ChannelKind.BARS, "1d")
BITCOIN = ChannelKey("BTCUSDT-PERP", ChannelKind.BARS, "1h")
VIX = ChannelKey("VIX", ChannelKind.SERIES, "")
YIELD = ChannelKey("DGS10", ChannelKind.SERIES, "")


@pytest.fixture
def own(tmp_path):
    def load(text=FILE):
        path = tmp_path / "own.yaml"
        path.write_text(text)
        return load_episode(path)

    return load


def test_phases_follow_each_other_without_a_hole_or_an_overlap(own):
    for episode in [own(), *shipped_episodes()]:
        spans = list(episode.spans())
        assert spans[0].start == episode.start
        assert spans[-1].end == episode.end
        for one, other in pairwise(spans):
            assert other.start == one.end + timedelta(days=1)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("end: 2026-02-08\n", "end: 2026-02-01\n", "must lie after start"),
        ("until: 2026-02-04", "until: 2026-02-01", "before the start 2026-02-02"),
        ("until: 2026-02-06", "until: 2026-02-04", "in order of time"),
        ("recovery, until: 2026-02-08", "recovery, until: 2026-02-07", "end with the window"),
        ("phase: flush", "phase: panic", "phases.1.phase"),
        ("until: 2026-02-06", "until: 2026-02-31", "write a day as 2026-02-05"),
        ("until: 2026-02-06", "until: 6", "phases.1.until"),
        ("name: own", "name: other", "must be the file's, 'own'"),
        ("title: A week", "titel: A week", "unknown key"),
        (
            "phases:",
            "legs: [{name: late, start: 2026-02-07, end: 2026-02-09}]\nphases:",
            "leg 'late': 2026-02-07 to 2026-02-09 is no span inside",
        ),
        (
            "phases:",
            "events: [{day: 2026-03-01, text: later, source: none}]\nphases:",
            "event of 2026-03-01 ('later') lies outside",
        ),
    ],
)
def test_what_a_file_says_wrongly_is_told_with_its_place(own, old, new, said):
    assert FILE.count(old) == 1
    with pytest.raises(ConfigError) as error:
        own(FILE.replace(old, new))
    assert said in str(error.value)
    assert "own.yaml:" in str(error.value)


def test_an_unknown_episode_names_those_that_ship():
    with pytest.raises(ConfigError, match="did you mean 202"):
        find_episode("2025")


def test_every_phase_has_a_shade_and_every_shipped_event_a_source():
    assert set(SHADES) == set(PhaseName)
    assert [episode.name for episode in shipped_episodes()] == ["2020", "2022", "2026"]
    for episode in shipped_episodes():
        assert all(event.source for event in episode.events)
        assert episode.legs


def test_a_move_over_a_phase_starts_at_the_last_value_before_it(own):
    lines = episode_lines(open_source("embedded"), own())
    assert set(lines) == {"BTC", "QQQ", "DXY", "10Y, %"}
    rows = phase_rows(own(), lines)
    assert len(rows) == 4
    bitcoin = lines["BTC"]
    before = bitcoin.value[bitcoin.at <= midnight_ns(date(2026, 2, 5))][-1]
    after = bitcoin.value[bitcoin.at <= midnight_ns(date(2026, 2, 7))][-1]
    assert rows[2][3] == f"{(after / before - 1) * 100:+.1f}%"
    text = episode_text(own(), lines, data="embedded")
    assert "flush" in text
    assert episode_picture(own(), lines, data="x")[:4] == b"\x89PNG"


# --- the shipped days on real data ---


def closes(catalog, key, first, last):
    """Values by UTC day, first to last day."""
    value = "close" if key.kind is ChannelKind.BARS else "value"
    at = "opened_at" if key.kind is ChannelKind.BARS else "event_at"
    channel = catalog.read(key, midnight_ns(first), midnight_ns(last + timedelta(days=1)) - 1)
    days = channel[at].astype("datetime64[ns]").astype("datetime64[D]").astype(object)
    return dict(zip(days, channel[value].tolist(), strict=True))  # a day's last value stays


def extreme_day(catalog, field, first, last, pick):
    """The UTC day of bitcoin's lowest low or highest high."""
    channel = catalog.read(BITCOIN, midnight_ns(first), midnight_ns(last + timedelta(days=1)) - 1)
    row = int(pick(channel[field]))
    return channel["opened_at"][row].astype("datetime64[ns]").astype("datetime64[D]").item()


def until(name, place):
    return shipped(name).phases[place].until


def shipped(name):
    return find_episode(name)


def lowest(values):
    return min(values, key=values.get)


def highest(values):
    return max(values, key=values.get)


def test_the_phases_of_2020_end_on_the_days_their_rules_name(real_catalog):
    start, end = shipped("2020").start, shipped("2020").end
    fall = closes(real_catalog, SPY, start, date(2020, 6, 30))
    assert until("2020", 0) == highest({d: v for d, v in fall.items() if d < date(2020, 3, 1)})
    yields = closes(real_catalog, YIELD, start, date(2020, 3, 31))
    assert until("2020", 1) == lowest(yields) - timedelta(days=1)
    assert until("2020", 2) == extreme_day(real_catalog, "low", start, end, np.argmin)
    assert until("2020", 3) == lowest(fall)
    fear = closes(real_catalog, VIX, start, end)
    peak = highest(fear)
    assert peak == date(2020, 3, 16)
    calm = (day for day in sorted(fear) if day > peak and fear[day] <= fear[peak] / 2)
    assert until("2020", 4) == next(calm)


def test_the_phases_of_2022_end_on_the_days_their_rules_name(real_catalog):
    start, end = shipped("2022").start, shipped("2022").end
    assert until("2022", 0) == extreme_day(real_catalog, "high", start, end, np.argmax)
    index = closes(real_catalog, SPY, start, end)
    coin = closes(real_catalog, BITCOIN, start, end)
    january = min(v for d, v in coin.items() if (d.year, d.month) == (2022, 1))
    below = (d for d in sorted(coin) if d > date(2022, 1, 31) and coin[d] < january)
    assert until("2022", 1) == next(below) - timedelta(days=1)
    half = extreme_day(real_catalog, "low", date(2022, 1, 1), date(2022, 6, 30), np.argmin)
    assert until("2022", 2) == half
    between = {d: v for d, v in index.items() if date(2022, 6, 16) < d < date(2022, 10, 12)}
    assert until("2022", 3) == highest(between)
    days = sorted(coin)
    pairs = {b: coin[c] / coin[a] for a, b, c in zip(days, days[1:], days[2:], strict=False)}
    assert until("2022", 4) == lowest(pairs) - timedelta(days=1)
    assert until("2022", 5) == lowest({d: v for d, v in coin.items() if d.year == 2022})


def test_the_phases_of_2026_end_on_the_days_their_rules_name(real_catalog):
    start, end = shipped("2026").start, shipped("2026").end
    assert until("2026", 0) == extreme_day(real_catalog, "high", start, end, np.argmax)
    # Microsoft's file ends before; the day is a reported fact.
    assert until("2026", 1) == date(2026, 1, 28)
    assert until("2026", 2) == extreme_day(real_catalog, "low", start, end, np.argmin)
    index = closes(real_catalog, SPY, date(2026, 2, 5), end)
    level = index[date(2026, 2, 5)]
    below = (day for day in sorted(index) if index[day] < level)
    assert until("2026", 3) == next(below) - timedelta(days=1)
    assert until("2026", 4) == lowest(index)


@pytest.mark.parametrize("name", ["2020", "2022", "2026"])
def test_the_inputs_are_what_the_real_data_hold(real_catalog, name):
    episode = shipped(name)
    for item in episode.inputs:
        first = midnight_ns(item.since) if item.since else episode.start_at
        entries = [
            e
            for e in real_catalog.entries()
            if (e.instrument, e.kind) == (item.instrument, item.kind)
        ]
        covering = [e for e in entries if e.first_at < episode.end_at and e.last_at > first]
        assert bool(covering) is (item.label is not InputLabel.ABSENT), item
        if item.label is InputLabel.OBSERVED:
            assert min(e.first_at for e in entries) <= first + 5 * 86_400 * 10**9, item
            if item.since and item.since > episode.start:
                day = min(e.first_at for e in entries)
                assert day >= first, item
