"""The same rows give the same files for any order of writes."""

import itertools
import random
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_feeds.catalog import Catalog, Origin, TimeSpan
from data_feeds.clock import DAY_NS, HOUR_NS, MINUTE_NS
from data_feeds.dataset import Dataset
from data_feeds.errors import SchemaError
from data_feeds.holes import gaps, zero_volume_runs
from data_feeds.schema import Channel, ChannelKey, ChannelKind, empty_columns
from tests.data_feeds.factory import PERP, bars, ns, replaced, session_hours
from tests.data_feeds.test_catalog import contents

T0 = ns("2025-12-30T00:00")
VENUE = Origin(source="venue", venues=("binanceusdm",))
STEP = 30 * MINUTE_NS
# Ten days of half hours across a month's and a year's end, three holes in them.
ROWS = [i for i in range(480) if i not in (5, 6, 100, 330)]


def half_hours(rows: Sequence[int]) -> Channel:
    return bars(
        [T0 + i * STEP for i in rows],
        [(100 + i, 101 + i, 99 + i, 100 + i, float(i % 50 > 1)) for i in rows],
        "30m",
    )


def funding(rows: Sequence[int]) -> Channel:
    at = np.array([T0 + i * 8 * HOUR_NS for i in rows], dtype=np.int64)
    columns = {"event_at": at, "available_at": at, "rate": np.full(len(at), 1e-4)}
    label = np.zeros(len(at), np.int8)
    return Channel(ChannelKey(PERP.id, ChannelKind.FUNDING), {**columns, "label": label})


def span(first: int, stop: int, step: int = STEP) -> TimeSpan:
    return TimeSpan(started_at=T0 + first * step, ended_at=T0 + stop * step)


def extended(catalog: Catalog, channel: Channel, covered: TimeSpan, origin: Origin = VENUE) -> None:
    with catalog.batch() as batch:
        batch.extend(PERP, channel, covered, origin)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    made = Catalog(tmp_path_factory.mktemp("whole"))
    extended(made, half_hours(ROWS), span(0, 480))
    return made


def test_a_month_is_a_file_and_its_rows_are_read_alone(whole: Catalog) -> None:
    (entry,) = whole.entries()
    assert [part.period for part in entry.parts] == ["2025-12", "2026-01"]
    assert entry.rows == 476
    (first, _) = entry.parts
    (whole.path / first.file).rename(whole.path / "elsewhere")
    try:
        january = whole.read(entry.key, ns("2026-01-03"), ns("2026-01-03T01:00"))
    finally:
        (whole.path / "elsewhere").rename(whole.path / first.file)
    assert january["open"].tolist() == [292, 293, 294]


def test_the_entry_of_parts_matches_its_rows(whole: Catalog) -> None:
    (entry,) = whole.entries()
    rows = whole.read(entry.key)
    assert Dataset({}, {entry.key: rows}).fingerprint == (
        Dataset({}, {entry.key: half_hours(ROWS)}).fingerprint
    )
    assert [(g.started_at, g.rows) for g in entry.gaps] == [
        (gap.started_at, gap.missing) for gap in gaps(rows)
    ]
    assert [(g.started_at, g.ended_at, g.rows) for g in entry.idle] == [
        (run.started_at, run.ended_at, run.missing) for run in zero_volume_runs(rows)
    ]
    assert entry.covered == (span(0, 480),)


@settings(max_examples=40)
@given(
    cuts=st.lists(st.integers(1, 479), max_size=8, unique=True),
    order=st.randoms(use_true_random=False),
    again=st.lists(st.tuples(st.integers(0, 400), st.integers(1, 79)), max_size=3),
)
def test_pieces_in_any_order_end_in_the_same_bytes(
    whole: Catalog,
    tmp_path_factory: pytest.TempPathFactory,
    cuts: list[int],
    order: random.Random,
    again: list[tuple[int, int]],
) -> None:
    edges = [0, *sorted(cuts), 480]
    pieces = list(itertools.pairwise(edges))
    order.shuffle(pieces)
    catalog = Catalog(tmp_path_factory.mktemp("pieces"))
    for first, stop in [*pieces, *((a, a + n) for a, n in again)]:
        inside = [i for i in ROWS if first <= i < stop]
        if inside or catalog.entries():
            extended(catalog, half_hours(inside), span(first, stop))
    if catalog.entries()[0].covered == (span(0, 480),):
        assert contents(catalog.path) == contents(whole.path)
    assert all(row.is_sound for row in catalog.verify())


def test_an_answer_replaces_the_rows_stored_in_its_stretch(tmp_path: Path) -> None:
    catalog = Catalog(tmp_path)
    extended(catalog, half_hours(range(10)), span(0, 10))
    corrected = replaced(half_hours([4, 5]), high=[500, 500])
    extended(catalog, corrected, span(3, 6))
    rows = catalog.read(corrected.key)
    # The source answers half hour 3 again, without a row.
    assert rows["open"].tolist() == [100, 101, 102, 104, 105, 106, 107, 108, 109]
    assert rows["high"].tolist()[3:5] == [500, 500]


def test_more_of_the_same_channel_touches_only_its_last_file(tmp_path: Path) -> None:
    catalog = Catalog(tmp_path)
    extended(catalog, half_hours(range(200)), span(0, 200))
    before = contents(catalog.path)
    extended(catalog, half_hours(range(200, 250)), span(200, 250))
    after = contents(catalog.path)
    kept = {name for name, raw in before.items() if after.get(name) == raw}
    assert sorted(name.split("/")[-1][:17] for name in kept) == ["bars-30m-2025-12."]


def test_no_rows_extend_the_coverage_and_leave_the_files(tmp_path: Path) -> None:
    catalog = Catalog(tmp_path)
    extended(catalog, half_hours(range(10)), span(0, 10))
    none = Channel(half_hours([]).key, empty_columns(half_hours([]).key, 0))
    extended(catalog, none, span(10, 30))
    (entry,) = catalog.entries()
    assert entry.covered == (span(0, 30),)
    assert entry.rows == 10
    with pytest.raises(SchemaError, match="no rows; nothing to store"):
        extended(Catalog(tmp_path / "new"), none, span(0, 1))


def test_a_gap_between_two_years_of_funding_is_found(tmp_path: Path) -> None:
    catalog = Catalog(tmp_path)
    rows = [0, 1, 2, 3, 8, 9, 10]  # settlements 4 to 7 are missing, across the year's end
    extended(catalog, funding(rows), span(0, 11, 8 * HOUR_NS))
    (entry,) = catalog.entries()
    assert [part.period for part in entry.parts] == ["2025", "2026"]
    assert [(gap.started_at, gap.rows) for gap in entry.gaps] == [(T0 + 32 * HOUR_NS, 4)]
    assert gaps(funding(rows))[0].missing == 4


@pytest.mark.parametrize(
    "missing",
    [
        # Two and three long steps right after the year's end, where parts alone would see three
        # steps of eight hours at an end of their rows, and a hole across it.
        (97, 99, 101), (93, 94, 95, 96, 97), (96,), (90, 95, 97, 99),
    ],
)  # fmt: skip
def test_the_index_tells_the_holes_of_all_rows_of_points(
    tmp_path: Path, missing: tuple[int, ...]
) -> None:
    first = ns("2025-12-16")
    four_hours = [first + i * 4 * HOUR_NS for i in range(192) if i not in missing]
    channel = funding([0] * len(four_hours))
    channel = replaced(channel, event_at=four_hours, available_at=four_hours)
    catalog = Catalog(tmp_path)
    catalog.write(PERP, [channel])
    (entry,) = catalog.entries()
    assert [part.period for part in entry.parts] == ["2025", "2026"]
    told = [(gap.started_at, gap.ended_at, gap.rows) for gap in entry.gaps]
    assert told == [(gap.started_at, gap.ended_at, gap.missing) for gap in gaps(channel)]
    assert sum(rows for *_, rows in told) == len(missing)


def test_rows_of_another_venue_are_refused(tmp_path: Path) -> None:
    catalog = Catalog(tmp_path)
    extended(catalog, half_hours(range(10)), span(0, 10))
    before = contents(tmp_path)
    with pytest.raises(SchemaError, match="stored rows are from binanceusdm, new ones from okx"):
        extended(catalog, half_hours([10]), span(10, 11), Origin(venues=("okx",)))
    with pytest.raises(SchemaError, match="outside the stretch"):
        extended(catalog, half_hours([10, 12]), span(10, 12))
    assert contents(tmp_path) == before


def test_rows_that_overlap_stored_ones_beyond_their_stretch_are_refused(tmp_path: Path) -> None:
    # An hour from 14:30 on, beside one of 15:00: an exchange's hours may begin at either.
    spy, hours = session_hours(["2026-02-02"])
    first = int(hours["opened_at"][0])
    half = {name: hours[name] + STEP for name in ("opened_at", "closed_at", "available_at")}
    catalog = Catalog(tmp_path)
    with catalog.batch() as batch:
        stored = Channel(hours.key, {**hours.columns, **half})
        batch.extend(
            spy, stored, TimeSpan(started_at=first + STEP, ended_at=first + 6 * STEP), VENUE
        )
    asked = TimeSpan(started_at=first, ended_at=first + STEP)
    with catalog.batch() as batch, pytest.raises(SchemaError, match=r"overlaps the row before"):
        batch.extend(spy, hours.take(slice(0, 1)), asked, VENUE)


def test_the_next_writer_removes_files_of_a_killed_writer(tmp_path: Path) -> None:
    catalog = Catalog(tmp_path)
    extended(catalog, half_hours(range(10)), span(0, 10))
    before = contents(tmp_path)
    folder = tmp_path / "channels" / PERP.id
    (folder / "bars-30m-2025-12.0123456789ab.parquet").write_bytes(b"unnamed")
    (folder / ".bars-30m-2025-12.0123456789ab.parquet.x.part").write_bytes(b"half")
    (tmp_path / ".index.json.x.part").write_bytes(b"half")
    with catalog.batch() as batch:
        batch.find(half_hours(range(1)).key)
    assert contents(tmp_path) == before


def test_bars_of_sessions_missing_between_two_years_are_counted(tmp_path: Path) -> None:
    spy, rows = session_hours(["2025-12-30", "2026-01-05"])
    catalog = Catalog(tmp_path)
    catalog.write(spy, [rows])
    (entry,) = catalog.entries()
    # Seven hours each of Wednesday the 31st and Friday the 2nd; the 1st is a holiday.
    assert [gap.rows for gap in entry.gaps] == [14]
    assert entry.gaps[0].ended_at - entry.gaps[0].started_at > DAY_NS
