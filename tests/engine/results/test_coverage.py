"""The data that a run lacks inside the window."""

from dataclasses import replace

import numpy as np
import pytest

from data_feeds.clock import HOUR_NS
from data_feeds.dataset import Dataset
from data_feeds.schema import Channel, ChannelKey, ChannelKind
from engine.pages.run_rows import data_line
from engine.results.coverage import funding_holes, lacking, missing_bars
from engine.results.finished import RunRecord

START = 1_770_000_000 * 10**9
PERP = "BTCUSDT-PERP"


def at(*hours):
    return START + np.array(hours, dtype=np.int64) * HOUR_NS


def funding(*hours):
    event_at = at(*hours)
    key = ChannelKey(PERP, ChannelKind.FUNDING)
    columns = {
        "event_at": event_at,
        "available_at": event_at,
        "rate": np.full(len(event_at), 1e-4),
        "label": np.zeros(len(event_at), dtype=np.int8),
    }
    return key, Channel(key, columns)


def with_channels(run, *more):
    channels = {**run.dataset.channels, **dict(more)}
    return RunRecord(replace(run, dataset=Dataset(run.dataset.instruments, channels)))


@pytest.mark.parametrize(
    ("records", "holes"),
    [
        ((0, 8, 16, 24, 32, 40, 48), []),
        ((4, 12, 20, 28, 36, 44), []),
        # 16 and 24 are missing, 32 is there
        ((0, 8, 32, 40, 48), [(16, 32)]),
        ((16, 24, 32, 40, 48), [(0, 16)]),
        ((0, 8, 16, 24), [(32, 48)]),
        # All records lie outside the window.
        ((-16, -8, 56), [(0, 48)]),
    ],
)
def test_a_hole_in_funding_is_longer_than_one_step_inside_or_at_an_edge(records, holes):
    found = funding_holes(at(*records), START, START + 48 * HOUR_NS)
    assert found == [tuple(at(*hole).tolist()) for hole in holes]


def test_records_stamped_milliseconds_late_make_no_hole():
    late = np.arange(7) * 3_000_000
    assert funding_holes(at(*range(0, 49, 8)) + late, START, START + 48 * HOUR_NS) == []


def test_years_of_records_outside_the_window_do_not_hide_its_own_step():
    # Every hour before the window, every eight hours in it.
    records = at(*range(-500, 0), *range(0, 49, 8))
    assert funding_holes(records, START, START + 48 * HOUR_NS) == []


def test_changing_intervals_are_no_hole_and_hide_none():
    # Eight hours to 48, four to 72, one to 84; 16, 60 and 75 are missing.
    records = [*range(0, 48, 8), *range(48, 72, 4), *range(72, 85)]
    assert funding_holes(at(*records), START, START + 84 * HOUR_NS) == []
    torn = at(*(hour for hour in records if hour not in (16, 60, 75)))
    assert funding_holes(torn, START, START + 84 * HOUR_NS) == [
        tuple(at(*hole).tolist()) for hole in ((16, 24), (60, 64), (75, 76))
    ]


def test_the_first_and_the_last_interval_reach_to_the_edges_of_the_window():
    # Four hours from 24 on, one hour from 48 to 60: 20, 16, ... 4 are missing, and 61 to 71.
    records = [*range(24, 48, 4), *range(48, 61)]
    assert funding_holes(at(*records), START, START + 72 * HOUR_NS) == [
        tuple(at(*hole).tolist()) for hole in ((0, 24), (61, 72))
    ]


def test_bars_of_a_benchmark_are_not_those_that_orders_fill_in(make_run):
    run = make_run(hours=60)
    ((key, bars),) = run.dataset.channels.items()
    # Only a benchmark brings quarter hours: two are there.
    finer = Channel(ChannelKey(key.instrument, key.kind, "15m"), bars.take(slice(0, 2)).columns)
    told = missing_bars(with_channels(run, (finer.key, finer), (key, bars)))
    assert told == f"no bar of {PERP} 1h missing in the window"


def test_a_funding_hole_is_a_sentence_and_full_funding_is_none(make_run):
    run = make_run(hours=48)
    # START is 2026-02-02T02:40Z
    assert lacking(with_channels(run, funding(0, 8, 16, 40, 48))) == [
        f"{PERP}: funding is missing from 2026-02-03T02:40Z to 2026-02-03T18:40Z; none was paid "
        "there."
    ]
    assert lacking(with_channels(run, funding(*range(0, 49, 8)))) == []


def late_perp(make_run, *settled, first=20, is_late=True):
    """Return a run of 48 hours whose perp has bars from an hour on, and some funding."""
    run = make_run(hours=48)
    ((key, bars),) = run.dataset.channels.items()
    late = frozenset({key}) if is_late else frozenset()
    run = replace(run, requirements=replace(run.requirements, late=late))
    return with_channels(run, funding(*settled), (key, bars.take(slice(first, None))))


def funding_told(record):
    return [text for text in lacking(record) if "funding is missing" in text]


def test_before_a_late_perp_begins_no_funding_is_missing(make_run):
    # Bars from hour 20 on, settlements every eight hours from 24 on: none of them was due before.
    assert funding_told(late_perp(make_run, 24, 32, 40)) == []
    # Its bars begin at hour 4, and 8 and 16 were due: START is 2026-02-02T02:40Z.
    assert funding_told(late_perp(make_run, 24, 32, 40, first=4)) == [
        f"{PERP}: funding is missing from 2026-02-02T06:40Z to 2026-02-03T02:40Z; none was paid "
        "there."
    ]
    # A hole after its begin is reported, also of a perp that may not begin late.
    (hole,) = funding_told(late_perp(make_run, 24, 40))
    assert "from 2026-02-03T10:40Z to 2026-02-03T18:40Z" in hole
    (whole,) = funding_told(late_perp(make_run, 24, 32, 40, is_late=False))
    assert "from 2026-02-02T02:40Z to 2026-02-03T02:40Z" in whole


def test_open_interest_and_liquidations_are_told_only_to_a_playbook_that_asks(make_run):
    run = make_run(hours=48)
    (nothing_but_funding,) = lacking(RunRecord(run))
    assert "no funding in the data" in nothing_but_funding
    asking = replace(
        run,
        requirements=replace(
            run.requirements, optional=frozenset({ChannelKey(PERP, ChannelKind.OPEN_INTEREST)})
        ),
    )
    assert lacking(RunRecord(asking)) == [
        nothing_but_funding,
        f"{PERP} has no open interest in the data: conditions on open interest are unknown.",
    ]


def test_bars_missing_in_the_window_are_counted_inside_and_at_its_ends(make_run):
    run = make_run(hours=60)
    ((key, bars),) = run.dataset.channels.items()
    assert missing_bars(RunRecord(run)) == f"no bar of {PERP} 1h missing in the window"
    # 2 at the start, 3 inside, 1 at the end
    holed = with_channels(run, (key, bars.take(np.r_[2:20, 23:59])))
    assert missing_bars(holed) == (
        f"6 bars of {PERP} 1h missing in the window (54 of 60 are there)"
    )
    assert data_line(holed).endswith(missing_bars(holed))
