"""Findings by hand: channels with one defect, and without it."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from data_feeds.catalog import Catalog
from data_feeds.clock import DAY_NS, HOUR_NS, MINUTE_NS
from data_feeds.dataset import Dataset
from data_feeds.errors import CoverageError, SchemaError
from data_feeds.instrument import Instrument, InstrumentKind
from data_feeds.quality import (
    FindingKind,
    QualityFinding,
    findings,
    funding_findings,
    hole_findings,
    spike_findings,
)
from data_feeds.schema import Channel, ChannelKey, ChannelKind, validate
from tests.data_feeds.factory import PERP, bars, replaced, series, session_hours
from tests.data_feeds.quality_cases import (
    OTHER,
    SPOT,
    START,
    brief,
    closing,
    funding,
    hours,
    noisy,
    renamed,
)

# Holes --------------------------------------------------------------------------------------------


def test_missing_bars_and_bars_without_volume_are_found() -> None:
    row = (1, 1, 1, 1)
    channel = bars(hours(0, 1, 4, 5), [(*row, 1), (*row, 0), (*row, 0), (*row, 0)])
    assert brief(hole_findings(channel, PERP)) == [
        ("gap", 2, 4, 2),
        ("zero_volume", 1, 6, 3),
    ]


def test_an_index_has_no_volume_to_miss() -> None:
    channel = bars(hours(0, 2), [(1, 1, 1, 1, 0)] * 2)
    index = Instrument(id="GSPC", kind=InstrumentKind.INDEX)
    assert brief(hole_findings(channel, index)) == [("gap", 1, 2, 1)]


def test_bars_of_missing_sessions_count_and_weekends_do_not() -> None:
    # Friday to Tuesday without Monday: the seven hours of Monday's session are missing.
    spy, channel = session_hours(["2026-02-05", "2026-02-06", "2026-02-10"])
    (found,) = hole_findings(channel, spy)
    assert (found.kind, found.rows) == (FindingKind.GAP, 7)


# Funding ------------------------------------------------------------------------------------------


def test_settlements_missing_under_bars_are_counted() -> None:
    # Every 8 hours from 0 to 80 without 24 and 32.
    at = [hour for hour in range(0, 81, 8) if hour not in (24, 32)]
    under = closing([1.0] * 81)
    assert brief(funding_findings(funding(hours(*at)), [under])) == [("missing_funding", 24, 40, 2)]


def test_settlements_missing_where_bars_are_missing_too_are_a_gap() -> None:
    # Bars lack hours 20 to 30: slot 24 has no bar; slot 32 has.
    at = [hour for hour in range(0, 81, 8) if hour not in (24, 32)]
    flat = closing([1.0] * 81)
    torn = flat.take(np.array([hour for hour in range(81) if not 20 <= hour <= 30]))
    assert brief(funding_findings(funding(hours(*at)), [torn])) == [
        ("gap", 24, 32, 1),
        ("missing_funding", 32, 40, 1),
    ]


@pytest.mark.parametrize("before", [3, 12, 40])
@pytest.mark.parametrize(("old", "new"), [(8, 4), (4, 8), (8, 1)])
def test_a_new_interval_is_no_hole(before: int, old: int, new: int) -> None:
    steps = [old] * before + [new] * 40
    at = [sum(steps[:i]) for i in range(len(steps) + 1)]
    assert funding_findings(funding(hours(*at)), []) == []


def test_a_hole_counts_in_the_interval_around_it() -> None:
    # 20 steps of 8 hours end at 160; then every 4 hours, without 200, 204 and 208.
    at = [*range(0, 160, 8), *(h for h in range(160, 300, 4) if h not in (200, 204, 208))]
    found = funding_findings(funding(hours(*at)), [])
    assert brief(found) == [("missing_funding", 200, 212, 3)]


def test_a_hole_after_the_first_settlement_is_found() -> None:
    at = [0, *range(32, 200, 8)]
    assert brief(funding_findings(funding(hours(*at)), [])) == [("missing_funding", 8, 32, 3)]


def test_settlements_stamped_late_by_milliseconds_are_in_time() -> None:
    late = np.random.default_rng(7).integers(0, 30_000_000, 60)
    at = [START + i * 8 * HOUR_NS + int(late[i]) for i in range(60)]
    assert funding_findings(funding(at), []) == []


def test_bars_before_the_first_and_after_the_last_settlement_lack_funding() -> None:
    # Bars cover [0, 100); settlements 24, 32, ... 72: slots 0, 8, 16 and 80, 88, 96 are missing.
    found = funding_findings(funding(hours(*range(24, 73, 8))), [closing([1.0] * 100)])
    assert brief(found) == [("missing_funding", 0, 24, 3), ("missing_funding", 80, 104, 3)]


def test_no_settlement_is_due_at_the_end_of_the_bars() -> None:
    # A position is held at 80 only if a bar opens there; the last one closes then.
    at = hours(*range(0, 73, 8))
    assert funding_findings(funding(at), [closing([1.0] * 80)]) == []


@pytest.mark.parametrize(
    ("settled", "missing"),
    [
        # 0, 8, ... 96.
        ((), [(0, 104, 13)]),
        ((24,), [(0, 24, 3), (32, 104, 9)]),
        ((0, 8), [(16, 104, 11)]),
        ((0, 32), [(8, 32, 3), (40, 104, 8)]),
    ],
)
def test_fewer_than_three_settlements_are_taken_to_come_every_eight_hours(
    settled: tuple[int, ...], missing: list[tuple[int, int, int]]
) -> None:
    found = funding_findings(funding(hours(*settled)), [closing([1.0] * 100)])
    assert brief(found) == [("missing_funding", *stretch) for stretch in missing]


def test_without_settlements_they_are_due_from_midnight() -> None:
    # Bars cover [5, 30): 8, 16 and 24.
    late = closing([1.0] * 30).take(np.arange(5, 30))
    assert brief(funding_findings(funding([]), [late])) == [("missing_funding", 8, 32, 3)]
    assert funding_findings(funding([]), []) == []


@given(st.sets(st.integers(1, 98), max_size=60))
@example({1, 3})
@example({1, 3, 5, 7, 9, 11})
@example({96, 98})
@example({2, 3, 4, 5, 6, 7, 8, 9})
def test_every_settlement_taken_out_is_missing(taken: set[int]) -> None:
    # No venue settles less often than every 8 hours: every longer step is a hole.
    at = hours(*(8 * slot for slot in range(100) if slot not in taken))
    found = funding_findings(funding(at), [])
    slots = [
        slot // 8
        for kind, start, end, rows in brief(found)
        for slot in range(int(start), int(end), 8)
    ]
    assert slots == sorted(taken)
    assert sum(f.rows for f in found) == len(taken)


# Spikes -------------------------------------------------------------------------------------------


def test_a_price_that_comes_back_at_once_is_a_spike() -> None:
    closes = noisy()
    closes[200] *= 1.3
    (found,) = spike_findings(closing(closes))
    assert brief([found]) == [("spike", 200, 201, 1)]
    assert found.value == pytest.approx(closes[200] / max(closes[199], closes[201]) - 1)


def test_a_wick_down_is_a_spike() -> None:
    closes = noisy()
    lows = list(closes)
    lows[200] *= 0.6
    (found,) = spike_findings(replaced(closing(closes), low=lows))
    assert found.value == pytest.approx(lows[200] / min(closes[199], closes[201]) - 1)


def test_a_price_that_stays_is_no_spike() -> None:
    closes = [close * (1.3 if i >= 200 else 1) for i, close in enumerate(noisy())]
    assert spike_findings(closing(closes)) == []


def test_a_wild_week_has_no_spikes() -> None:
    # Bars of 4%: the limit is 12 sigma = 48%, and 30% is below it.
    closes = noisy(sigma=0.04)
    closes[200] = 1.3 * max(closes[199], closes[201])
    assert spike_findings(closing(closes)) == []
    closes[200] *= 1.5
    assert [f.started_at for f in spike_findings(closing(closes))] == hours(200)


def test_quiet_bars_need_a_tenth() -> None:
    closes = [100.0] * 50
    closes[20] = 109.9
    assert spike_findings(closing(closes)) == []
    closes[20] = 110.1
    assert len(spike_findings(closing(closes))) == 1


def test_two_bars_cannot_show_a_spike() -> None:
    assert spike_findings(closing([1.0, 9.0])) == []


def spiky() -> list[float]:
    closes = [100.0] * 50
    closes[20] = 150
    return closes


def confirmed(mine: float, theirs: float, hour: int = 20) -> bool:
    """Return whether a second source's price confirms mine; both are 100 before and after."""
    one, other = [100.0] * 50, [100.0] * 50
    one[hour], other[hour] = mine, theirs
    assert len(spike_findings(closing(one))) == 1
    return spike_findings(closing(one), others=[closing(other, OTHER.id)]) == []


def test_three_quarters_of_a_move_elsewhere_confirm_it() -> None:
    # In logs: 1.5 ** 0.75 = 1.3554 and 0.6 ** 0.75 = 0.6817.
    assert confirmed(150, 135.6)
    assert not confirmed(150, 135.5)
    assert confirmed(60, 68.1)
    assert not confirmed(60, 68.2)
    assert confirmed(150, 300)


def test_the_opposite_move_confirms_nothing() -> None:
    assert not confirmed(150, 60)
    assert not confirmed(60, 150)


def test_a_bar_is_judged_on_both_sides() -> None:
    high, low = [100.0] * 50, [100.0] * 50
    high[20], low[20] = 150, 70
    both = replaced(closing([100.0] * 50), high=high, low=low)
    (found,) = spike_findings(both)
    assert found.value == pytest.approx(0.5)
    # A second source confirms the larger side but not the other side, which is found.
    (found,) = spike_findings(both, others=[replaced(closing([100.0] * 50, OTHER.id), high=high)])
    assert found.value == pytest.approx(-0.3)
    # Two sources confirm one side each.
    others = [
        replaced(closing([100.0] * 50, OTHER.id), high=high),
        replaced(closing([100.0] * 50, SPOT.id), low=low),
    ]
    assert spike_findings(both, others=others) == []


def test_a_second_source_is_read_for_a_bar_that_is_far_off_alone() -> None:
    read: list[str] = []

    class RecordedReads:
        def __iter__(self) -> Iterator[Channel]:
            read.append("read")
            return iter([closing(spiky(), OTHER.id)])

    assert spike_findings(closing([100.0] * 50), others=RecordedReads()) == []
    assert read == []
    assert spike_findings(closing(spiky()), others=RecordedReads()) == []
    assert read == ["read"]


@pytest.mark.parametrize("hour", [19, 20, 21, 49])
def test_a_second_source_must_have_the_bar_and_both_beside_it(hour: int) -> None:
    other = closing(spiky(), OTHER.id)
    # The 50th bar is far from the spike.
    held = other.take(np.array([i for i in range(50) if i != hour]))
    assert len(spike_findings(closing(spiky()), others=[held])) == (hour != 49)


def test_a_second_source_that_ends_or_has_no_rows_confirms_nothing() -> None:
    other = closing(spiky(), OTHER.id)
    for held in (other.take(slice(0, 21)), other.take(slice(0, 0))):
        assert len(spike_findings(closing(spiky()), others=[held])) == 1


# All channels -------------------------------------------------------------------------------------


def dataset(*channels: Channel) -> Dataset:
    for channel in channels:
        validate(channel)
    instruments = {known.id: known for known in (PERP, SPOT, OTHER)}
    return Dataset(instruments, {channel.key: channel for channel in channels})


def test_a_spike_is_found_with_a_second_source_and_without() -> None:
    alone = closing(spiky(), SPOT.id)
    assert [f.kind for f in findings(dataset(alone))] == ["spike"]
    found = findings(dataset(alone, closing([100.0] * 50, OTHER.id)))
    assert [(f.key.instrument, f.kind) for f in found] == [
        (OTHER.id, "outlier"),
        (OTHER.id, "range_outlier"),
        (SPOT.id, "spike"),
    ]


def test_a_move_that_a_second_source_shows_too_is_no_spike() -> None:
    both = closing(spiky(), SPOT.id), closing([1.03 * close for close in spiky()], OTHER.id)
    assert list(findings(dataset(*both))) == []


def test_a_spike_is_found_although_another_timeframe_of_the_instrument_shows_it() -> None:
    # The daily bar contains the same print.
    day = renamed(bars([START], [(100, 150, 100, 100, 24)], "1d"), SPOT.id)
    (found,) = findings(dataset(closing(spiky(), SPOT.id), day))
    assert (found.key.timeframe, found.kind) == ("1h", FindingKind.SPIKE)


def test_a_perp_with_bars_and_without_funding_lacks_every_settlement() -> None:
    perp = closing([100.0] * 100)
    day = bars([START], [(100, 100, 100, 100, 24)], "1d")
    for channels in ((perp,), (perp, day), (perp, funding([]))):
        (found,) = findings(dataset(*channels))
        assert str(found.key) == "BTCUSDT-PERP/funding"
        assert brief([found]) == [("missing_funding", 0, 104, 13)]


def test_spot_and_marks_alone_need_no_funding() -> None:
    channels = closing([100.0] * 50, SPOT.id), closing([100.0] * 50, kind=ChannelKind.MARK)
    assert list(findings(dataset(*channels))) == []


def test_all_checks_meet_in_one_dataset_in_order() -> None:
    closes = [100.0] * 50
    perp = closing(closes).take(np.array([i for i in range(50) if i != 30]))
    mark = closing([*closes[:10], 105, *closes[11:]], kind=ChannelKind.MARK)
    settled = funding(hours(0, 8, 16, 32, 40, 48))
    found = list(findings(dataset(mark, settled, perp)))
    assert [(str(f.key), f.kind, f.rows) for f in found] == [
        ("BTCUSDT-PERP/bars/1h", "gap", 1),
        ("BTCUSDT-PERP/funding", "missing_funding", 1),
        ("BTCUSDT-PERP/mark/1h", "mark_divergence", 1),
    ]


def test_marks_are_compared_with_bars_of_their_own_length_first() -> None:
    # The 15m bars end at 150, the 1h bar at 100 as the mark does.
    row = (100, 150, 100, 150, 1)
    finer = bars([START + i * 15 * MINUTE_NS for i in range(4)], [row] * 4, "15m")
    mark = closing([100.0], kind=ChannelKind.MARK)
    found = list(findings(dataset(finer, closing([100.0]), mark)))
    assert "mark_divergence" not in [f.kind for f in found]
    (left,) = (f for f in findings(dataset(finer, mark)) if f.kind == "mark_divergence")
    assert left.value == pytest.approx(100 / 150 - 1)


def test_sound_data_have_no_findings() -> None:
    perp, spot = closing(noisy()), closing(noisy(), SPOT.id)
    mark = closing(noisy(), kind=ChannelKind.MARK)
    settled = funding(hours(*range(0, 400, 8)))
    assert list(findings(dataset(perp, spot, mark, settled))) == []


def test_empty_channels_have_no_findings() -> None:
    empty = closing([]), closing([], kind=ChannelKind.MARK), funding([]), closing([], SPOT.id)
    assert list(findings(dataset(*empty))) == []


def test_peers_can_be_declared() -> None:
    days = [START + i * DAY_NS for i in range(10)]
    values = [20.0] * 10
    values[3] = 30
    made = {
        name: series(days, days, held, name)
        for name, held in (("VIX", values), ("VIXCLS", [20.0] * 10))
    }
    instruments = {name: Instrument(id=name, kind=InstrumentKind.SERIES) for name in made}
    data = Dataset(instruments, {channel.key: channel for channel in made.values()})
    assert list(findings(data)) == []
    one, other = made["VIX"].key, made["VIXCLS"].key
    (found,) = findings(data, peers=[(one, other)])
    assert (found.key, found.against, found.started_at) == (one, other, days[3])
    with pytest.raises(CoverageError, match="peers: VXN/series is not in the data"):
        list(findings(data, peers=[(one, ChannelKey("VXN", ChannelKind.SERIES))]))


def test_a_mark_of_the_same_instrument_confirms_no_spike() -> None:
    last, mark = closing(spiky(), SPOT.id), closing(spiky(), SPOT.id, ChannelKind.MARK)
    (found,) = findings(dataset(last, mark), peers=[(last.key, mark.key)])
    assert (found.key, found.kind) == (last.key, FindingKind.SPIKE)


def test_peers_that_find_each_other_are_reported_once() -> None:
    data = dataset(closing(spiky(), SPOT.id), closing([100.0] * 50, OTHER.id))
    usual = [(f.kind, f.started_at) for f in findings(data)]
    for one, other in ((SPOT.id, OTHER.id), (OTHER.id, SPOT.id)):
        named = (ChannelKey(one, ChannelKind.BARS, "1h"), ChannelKey(other, ChannelKind.BARS, "1h"))
        assert sorted((f.kind, f.started_at) for f in findings(data, peers=[named])) == sorted(
            usual
        )


def test_every_peer_of_a_channel_is_compared() -> None:
    days = [START + i * DAY_NS for i in range(10)]
    values = [20.0] * 10
    values[3] = 30
    # Two sources agree and one differs; the order must not hide the difference.
    held = {"A": values, "B": [20.0] * 10, "C": values}
    made = {name: series(days, days, column, name) for name, column in held.items()}
    instruments = {name: Instrument(id=name, kind=InstrumentKind.SERIES) for name in made}
    data = Dataset(instruments, {channel.key: channel for channel in made.values()})
    a, b, c = (channel.key for channel in made.values())
    for peers in ([(a, b), (a, c)], [(a, c), (a, b)]):
        (found,) = findings(data, peers=peers)
        assert found.against == b


def test_unlike_peers_are_refused_before_anything_is_searched() -> None:
    days = [START, START + DAY_NS]
    data = dataset(closing([100.0] * 50), closing(spiky(), SPOT.id))
    flows = series(days, days, [1.0, 2.0], SPOT.id)
    held = {**data.channels, flows.key: flows}
    peers = [(ChannelKey(SPOT.id, ChannelKind.BARS, "1h"), flows.key)]
    with pytest.raises(SchemaError, match="a peer of bars cannot be series"):
        next(findings(Dataset(data.instruments, held), peers=peers))


def test_a_catalog_gives_the_findings_of_its_channels(tmp_path: Path) -> None:
    perp, spot = closing(spiky()), closing([100.0] * 50, SPOT.id)
    catalog = Catalog(tmp_path / "catalog")
    catalog.write(PERP, [perp])
    catalog.write(SPOT, [spot])
    told: list[float] = []
    found = list(findings(catalog, progress=told.append))
    assert found == list(findings(dataset(perp, spot)))
    # The third channel is the perp's missing funding.
    assert told == [0.0, 1 / 3, 2 / 3]


def test_a_finding_reads_as_a_sentence() -> None:
    key = ChannelKey(PERP.id, ChannelKind.BARS, "1h")
    gap = QualityFinding(key, FindingKind.GAP, START, START + 2 * HOUR_NS, 2)
    assert gap.text() == "2026-02-02T00:00Z to 2026-02-02T02:00Z: 2 bars missing"
    assert gap.document()["value"] is None
    apart = QualityFinding(key, FindingKind.OUTLIER, START, START + HOUR_NS, 1, -0.0234, key)
    assert apart.text() == (
        "2026-02-02T00:00Z to 2026-02-02T01:00Z: "
        "prices of 1 bar up to -2.34% from BTCUSDT-PERP/bars/1h"
    )
    assert apart.document()["against"] == "BTCUSDT-PERP/bars/1h"
