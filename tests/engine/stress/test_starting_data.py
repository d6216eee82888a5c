"""The data that paths continue: everything known at the end that a scenario can continue."""

from datetime import date

import pytest

from data_feeds.dataset import Dataset
from data_feeds.delisting import Delisting
from data_feeds.errors import CoverageError
from data_feeds.schema import ChannelKey, ChannelKind
from engine.config_files import read_config
from engine.errors import ConfigError
from engine.stress import stress_job
from tests.data_feeds.factory import ns
from tests.embedded import PERP, embedded_dataset

QQQ = ChannelKey("QQQ", ChannelKind.BARS, "1d")


def test_nothing_that_became_known_after_the_end_is_in_the_base(toy_job):
    base = toy_job().base.dataset
    end = ns("2026-03-02")
    for key, channel in base.channels.items():
        assert (channel["available_at"] <= end).all(), key
    # The yield of Friday 2026-02-27 is published on Monday: a path may still choose it.
    newest = base.channel("DGS10", ChannelKind.SERIES)["event_at"][-1]
    assert newest == ns("2026-02-26")


def test_the_start_is_measured_on_the_same_channels_whatever_the_playbook_reads(toy_job):
    base = toy_job().base.dataset
    for name in ("SP500", "NASDAQCOM", "DGS10", "DXY"):
        assert base.has(name, ChannelKind.SERIES), name
    # 200 days before the end lie in August.
    assert base.channels[QQQ]["opened_at"][0] < ns("2025-08-21")


def test_a_channel_that_the_playbook_needs_and_no_scenario_continues_is_named(toy_job):
    # Bars of 7 hours do not divide a day.
    with pytest.raises(CoverageError) as raised:
        toy_job('playbook.params={"needs": "BTCUSDT-PERP/bars/7h"}')
    told = str(raised.value)
    assert told.startswith("BTCUSDT-PERP/bars/7h: playbook toy needs it, and scenario B cannot")
    assert "a scenario continues timeframes that divide 15m, or a day" in told
    assert "dataset.only" not in told


def test_a_channel_that_the_data_lack_is_named(toy_job):
    with pytest.raises(CoverageError, match="BTCUSDT-PERP/dividends: not in the data"):
        toy_job('playbook.params={"needs": "BTCUSDT-PERP/dividends"}')


def test_an_end_after_the_data_is_refused_with_what_there_is(toy_job):
    with pytest.raises(CoverageError, match=r"QQQ/bars/1d.*the data cover"):
        toy_job("data.end=2026-12-01")


def until(key, day):
    """Return the embedded perp and two series, with one channel cut at a day."""
    data = embedded_dataset()
    rows = data.channels[key]["event_at"] <= ns(day)
    return Dataset(data.instruments, {**data.channels, key: data.channels[key].take(rows)})


def reclaim(source):
    config = read_config("demo", ["data.end=2026-02-20"], None)
    return stress_job(config, source, "A", paths=3)


def delisted(day: str) -> Dataset:
    """Return the embedded data with a perp whose trading ends on a day."""
    data = embedded_dataset()
    ended = Delisting(last_day=date.fromisoformat(day))
    perp = data.instruments[PERP].model_copy(update={"delisted": ended})
    return Dataset({**data.instruments, PERP: perp}, data.channels, data.shares)


def ended_bars(data: Dataset, at: int) -> Dataset:
    """Return data in which all bars and marks of the perp end at an instant."""
    channels = {
        key: rows.take(rows["closed_at"] <= at)
        if key.instrument == PERP and "closed_at" in rows.columns
        else rows
        for key, rows in data.channels.items()
    }
    return Dataset(data.instruments, channels, data.shares)


def test_an_instrument_that_has_ended_is_not_continued():
    with pytest.raises(CoverageError, match=f"{PERP}: delisted after 2026-02-19; scenario A"):
        reclaim(delisted("2026-02-19"))
    # Its bars really end there.
    with pytest.raises(CoverageError, match=f"{PERP}: delisted after 2026-02-19; scenario A"):
        reclaim(ended_bars(delisted("2026-02-19"), ns("2026-02-20")))


def test_a_later_delisting_is_forgotten_in_an_invented_future():
    job = reclaim(delisted("2026-02-25"))
    assert job.base.dataset.instruments[PERP].delisted is None


def test_an_optional_channel_that_ended_is_left_out_and_told():
    job = reclaim(until(ChannelKey("DXY", ChannelKind.SERIES), "2025-12-20"))
    assert not job.base.dataset.has("DXY", ChannelKind.SERIES)
    assert list(job.base.left_out) == ["DXY/series"]
    assert "its last value is of 2025-12-19T00:00Z" in job.base.left_out["DXY/series"]


def test_funding_that_ended_is_refused_for_positions_would_go_unpaid():
    with pytest.raises(CoverageError, match="BTCUSDT-PERP/funding: playbook liquidation_reclaim"):
        reclaim(until(ChannelKey(PERP, ChannelKind.FUNDING), "2026-02-10"))


def test_whole_data_leave_nothing_out():
    job = reclaim(embedded_dataset())
    assert job.base.left_out == {}
    assert job.continuation().begin == ns("2026-02-20")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"scenario": "D"}, "--scenario D: no such scenario; use one of A (volatility norm"),
        ({"scenario": "b"}, "--scenario b: no such scenario"),
        ({"paths": 0}, "--paths 0: must be from 1 to 100,000"),
        ({"days": 0}, "--days 0: must be from 1 to 730"),
        ({"seed": -1}, "--seed -1: must be from 0"),
    ],
)
def test_numbers_that_make_no_stress_are_refused(toy_job, change, words):
    with pytest.raises(ConfigError) as raised:
        toy_job(**change)
    assert words in str(raised.value)
