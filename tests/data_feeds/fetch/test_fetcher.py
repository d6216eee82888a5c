"""A fetch asks for missing rows, stores the answers and reports failures."""

from pathlib import Path

import filelock
import numpy as np
import pytest

from data_feeds.catalog import Catalog, TimeSpan
from data_feeds.clock import DAY_NS
from data_feeds.errors import PermanentSourceError, TransientSourceError
from data_feeds.fetch import FetchProgress, Job, fetch, missing_spans
from data_feeds.fetch.vintages import with_kept_vintages
from data_feeds.schema import Channel
from tests.data_feeds.factory import PERP, ns, series
from tests.data_feeds.fetch.made_source import DAYS, FUNDING, KEY, START, MadeSource, job
from tests.data_feeds.test_catalog import contents

NOW = ns("2026-06-01")


def stored(folder: Path) -> dict[str, bytes]:
    return {name: raw for name, raw in contents(folder).items() if not name.endswith(".lock")}


def test_a_fetch_fills_the_window_once(tmp_path: Path) -> None:
    source = MadeSource()
    catalog = Catalog(tmp_path)
    (report,) = fetch([job(source)], catalog, lambda: NOW)
    # 60 days of 48 half hours, less the day the venue was closed.
    assert (report.rows, report.problem) == (59 * 48, "")
    assert report.notes == ["the venue's first year"]
    (entry,) = catalog.entries()
    assert entry.covered == (TimeSpan(started_at=START, ended_at=START + DAYS * DAY_NS),)
    assert [gap.rows for gap in entry.gaps] == [48]
    (again,) = fetch([job(source)], catalog, lambda: NOW)
    assert again.rows == 0
    assert source.asked == [(START, START + DAYS * DAY_NS)]


def test_more_days_ask_for_the_new_ones_only(tmp_path: Path) -> None:
    source = MadeSource()
    catalog = Catalog(tmp_path / "grown")
    fetch([job(source, 40)], catalog, lambda: NOW)
    fetch([job(source, DAYS)], catalog, lambda: NOW)
    assert source.asked[1] == (START + 40 * DAY_NS, START + DAYS * DAY_NS)
    fetch([job(MadeSource())], Catalog(tmp_path / "once"), lambda: NOW)
    assert stored(tmp_path / "grown") == stored(tmp_path / "once")


def test_rows_before_a_failure_are_kept_and_other_jobs_continue(tmp_path: Path) -> None:
    def failing(page: int) -> None:
        if page == 23:
            raise TransientSourceError("made: no answer; try again later")

    catalog = Catalog(tmp_path / "broken")
    other = job(MadeSource(), key=FUNDING)
    first, second = fetch([job(MadeSource(failing)), other], catalog, lambda: NOW)
    assert first.problem == "made: no answer; try again later"
    assert (second.problem, second.rows) == ("", 59 * 3)
    assert catalog.entry(KEY).covered[-1].ended_at == START + 23 * DAY_NS
    source = MadeSource()
    fetch([job(source), other], catalog, lambda: NOW)
    assert source.asked == [(START + 23 * DAY_NS, START + DAYS * DAY_NS)]
    fetch([job(MadeSource()), other], Catalog(tmp_path / "whole"), lambda: NOW)
    assert stored(tmp_path / "broken") == stored(tmp_path / "whole")


def test_a_refusal_is_reported_in_the_source_s_words(tmp_path: Path) -> None:
    def refused(_: int) -> None:
        raise PermanentSourceError("made: no market XYZ; see its list")

    (report,) = fetch([job(MadeSource(refused))], Catalog(tmp_path), lambda: NOW)
    assert (report.rows, report.problem) == (0, "made: no market XYZ; see its list")
    assert not Catalog(tmp_path).exists()


def test_progress_rises_to_the_whole(tmp_path: Path) -> None:
    told: list[FetchProgress] = []
    fetch([job(MadeSource(), 5)], Catalog(tmp_path), lambda: NOW, watch=told.append)
    assert [p.share for p in told] == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0])
    assert [p.rows for p in told] == [48, 96, 144, 144, 192]


def test_two_fetches_on_one_catalog_wait_for_each_other(tmp_path: Path) -> None:
    held = filelock.FileLock(str(tmp_path / ".fetch.lock"))
    held.acquire()
    waited = []

    def release() -> None:
        waited.append(True)
        held.release()

    (report,) = fetch([job(MadeSource(), 2)], Catalog(tmp_path), lambda: NOW, on_wait=release)
    assert waited == [True]
    assert report.rows == 96


def test_missing_spans_are_the_windows_without_the_covered_stretches(tmp_path: Path) -> None:
    catalog = Catalog(tmp_path)
    day = [START + n * DAY_NS for n in range(10)]

    def spans(*edges: tuple[int, int]) -> tuple[TimeSpan, ...]:
        return tuple(TimeSpan(started_at=day[a], ended_at=day[b]) for a, b in edges)

    two = Job(KEY, PERP, MadeSource(), spans((0, 1), (4, 6)))
    assert missing_spans(two, None) == [*spans((0, 1), (4, 6))]
    fetch([two], catalog, lambda: NOW)
    entry = catalog.entry(KEY)
    assert entry.covered == spans((0, 1), (4, 6))
    wide = Job(KEY, PERP, MadeSource(), spans((0, 8)))
    assert missing_spans(wide, entry) == [*spans((1, 4), (6, 8))]
    assert missing_spans(two, entry) == []


def test_a_value_revised_since_it_was_stored_is_known_from_now_on() -> None:
    stored_rows = series([10, 20], [15, 25], [1.0, 2.0])
    fresh = series([10, 20, 30], [15, 25, 35], [1.0, 2.5, 3.0])
    merged = with_kept_vintages(stored_rows, fresh, now=100)
    assert merged["event_at"].tolist() == [10, 20, 20, 30]
    assert merged["available_at"].tolist() == [15, 25, 100, 35]
    assert merged["value"].tolist() == [1.0, 2.0, 2.5, 3.0]
    assert rows_of(with_kept_vintages(merged, fresh, now=200)) == rows_of(merged)


def rows_of(channel: Channel) -> list[tuple[float, ...]]:
    names = ("event_at", "available_at", "value")
    return [tuple(row) for row in np.column_stack([channel[name] for name in names]).tolist()]
