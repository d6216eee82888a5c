"""Channels that are fetched whole: values that the publisher changed or removed."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from data_feeds.catalog import Catalog, Origin, TimeSpan, coverage_text
from data_feeds.clock import DAY_NS
from data_feeds.fetch import Job, fetch, jobs_of, missing_spans
from data_feeds.fetch.plan import FetchPlan, Window, YahooEntry
from data_feeds.instrument import Instrument, InstrumentKind
from data_feeds.schema import Channel, ChannelKey, ChannelKind
from data_feeds.sources.source import VINTAGES, Page
from tests.data_feeds.factory import PERP, bars, ns, series

START = ns("2025-12-01")
DAYS = ChannelKey(PERP.id, ChannelKind.BARS, "1d")
YIELDS = ChannelKey("DGS10", ChannelKind.SERIES)
DGS10 = Instrument(id="DGS10", kind=InstrumentKind.SERIES, quote="percent")


class ServedSource:
    """A source of given rows; ``release`` is the text of their release rule."""

    name = "told"

    def __init__(self, rows: Channel | None, release: str = "", unit: str = "") -> None:
        self.rows, self.release, self.unit = rows, release, unit
        self.asked: list[tuple[int, int]] = []

    def origin(self, key: ChannelKey) -> Origin:
        return Origin(source=self.name, release=self.release, unit=self.unit)

    def pages(self, key: ChannelKey, start: int, end: int) -> Iterator[Page]:
        self.asked.append((start, end))
        if self.rows is None:
            yield Page(None, end)
            return
        fact = self.rows["opened_at" if key == DAYS else "event_at"]
        rows = self.rows.take((fact >= start) & (fact < end))
        yield Page(rows if len(rows) else None, end)


def day(number: int) -> int:
    return START + number * DAY_NS


def closes(first: int, stop: int, price: float) -> Channel:
    table = [(price, price, price, price, 1.0)] * (stop - first)
    return bars([day(i) for i in range(first, stop)], table, "1d")


def yields(first: int, stop: int, lag_days: int = 1, value: float = 4.0) -> Channel:
    at = [day(i) for i in range(first, stop)]
    return series(at, [t + lag_days * DAY_NS for t in at], [value] * len(at))


def asked(source: ServedSource, *spans: tuple[int, int], key: ChannelKey = DAYS) -> Job:
    instrument = PERP if key == DAYS else DGS10
    stretches = tuple(TimeSpan(started_at=day(a), ended_at=day(b)) for a, b in spans)
    return Job(key, instrument, source, stretches)


def test_a_later_window_brings_the_earlier_one_on_the_same_split(tmp_path: Path) -> None:
    catalog = Catalog(tmp_path)
    fetch([asked(ServedSource(closes(0, 10, 400.0)), (0, 10))], catalog, lambda: day(30))
    # Four-for-one split: all prices are served again at a quarter.
    source = ServedSource(closes(0, 20, 100.0))
    (report,) = fetch([asked(source, (15, 20))], catalog, lambda: day(31))
    assert source.asked == [(day(0), day(10)), (day(15), day(20))]
    assert report.rows == 5
    assert set(catalog.read(DAYS)["close"].tolist()) == {100.0}


def test_a_rereading_that_breaks_off_changes_nothing(tmp_path: Path) -> None:
    catalog = Catalog(tmp_path)
    fetch([asked(ServedSource(closes(0, 30, 400.0)), (0, 10), (20, 25))], catalog, lambda: day(30))

    class Broken(ServedSource):
        def pages(self, key: ChannelKey, start: int, end: int) -> Iterator[Page]:
            if start > day(5):
                raise ConnectionError("gone")
            yield from super().pages(key, start, end)

    with pytest.raises(ConnectionError):
        fetch([asked(Broken(closes(0, 30, 100.0)), (0, 10), (20, 26))], catalog, lambda: day(31))
    assert set(catalog.read(DAYS)["close"].tolist()) == {400.0}


def test_rows_that_vanish_at_the_source_are_not_thrown_away(tmp_path: Path) -> None:
    catalog = Catalog(tmp_path)
    fetch([asked(ServedSource(closes(0, 10, 100.0)), (0, 10))], catalog, lambda: day(30))
    (report,) = fetch([asked(ServedSource(None), (0, 12))], catalog, lambda: day(31))
    assert "10 rows are stored from 2025-12-01T00:00Z" in report.problem
    assert len(catalog.read(DAYS)) == 10
    assert coverage_text(catalog.entry(DAYS)).startswith("2025-12-01")


def test_a_series_keeps_the_years_that_are_no_longer_served(tmp_path: Path) -> None:
    catalog = Catalog(tmp_path)
    fetch([asked(ServedSource(yields(0, 10)), (0, 10), key=YIELDS)], catalog, lambda: day(30))
    source = ServedSource(yields(8, 12))
    (report,) = fetch([asked(source, (0, 12), key=YIELDS)], catalog, lambda: day(31))
    assert (report.rows, report.problem) == (2, "")
    assert catalog.read(YIELDS)["event_at"].tolist() == [day(i) for i in range(12)]


def test_a_revision_is_known_when_it_is_stored_not_when_the_command_began(tmp_path: Path) -> None:
    catalog = Catalog(tmp_path)
    fetch([asked(ServedSource(yields(0, 3)), (0, 3), key=YIELDS)], catalog, lambda: day(30))
    times = iter([day(40), day(41)])
    jobs = [asked(ServedSource(yields(0, 4, value=5.0)), (0, 4), key=YIELDS)]
    fetch(jobs, catalog, lambda: next(times))
    known = catalog.read(YIELDS)["available_at"].tolist()
    assert known == [day(1), day(40), day(2), day(40), day(3), day(40), day(4)]


def test_a_corrected_release_rule_reaches_stored_rows(tmp_path: Path) -> None:
    catalog = Catalog(tmp_path)
    fetch(
        [asked(ServedSource(yields(0, 3), "same day"), (0, 3), key=YIELDS)],
        catalog,
        lambda: day(30),
    )
    later = ServedSource(yields(0, 3, lag_days=2), "two days later")
    assert missing_spans(asked(later, (0, 3), key=YIELDS), catalog.entry(YIELDS))
    fetch([asked(later, (0, 3), key=YIELDS)], catalog, lambda: day(31))
    stored = catalog.read(YIELDS)
    assert (stored["available_at"] - stored["event_at"]).tolist() == [2 * DAY_NS] * 3
    assert catalog.entry(YIELDS).origin.release == "two days later"


def test_vintages_replace_latest_values_and_outlive_the_key(tmp_path: Path) -> None:
    catalog = Catalog(tmp_path)
    latest = ServedSource(yields(0, 2, value=9.0), "next day")
    fetch([asked(latest, (0, 2), key=YIELDS)], catalog, lambda: day(30))
    vintages = series([day(0), day(0), day(1)], [day(1), day(9), day(2)], [8.0, 9.0, 9.0])
    with_key = ServedSource(vintages, f"{VINTAGES}; next day")
    fetch([asked(with_key, (0, 2), key=YIELDS)], catalog, lambda: day(31))
    assert catalog.read(YIELDS)["value"].tolist() == [8.0, 9.0, 9.0]
    # Without the key nothing is fetched, and the first vintage stays.
    assert missing_spans(asked(latest, (0, 2), key=YIELDS), catalog.entry(YIELDS)) == []
    fetch([asked(ServedSource(yields(0, 3, value=9.0), "next day"), (0, 3), key=YIELDS)], catalog,
          lambda: day(32))  # fmt: skip
    assert catalog.read(YIELDS)["value"].tolist() == [8.0, 9.0, 9.0, 9.0]


@pytest.mark.parametrize(
    ("unit", "changes", "words"),
    [
        ("fraction", {}, "unit of the stored rows is 'fraction', of the new ones 'percent'"),
        ("percent", {"quote": "points"}, "quote of the stored rows is 'points'"),
    ],
)
def test_rows_of_other_numbers_are_not_joined(
    tmp_path: Path, unit: str, changes: dict[str, str], words: str
) -> None:
    catalog = Catalog(tmp_path)
    catalog.write(DGS10.model_copy(update=changes), [yields(0, 3, value=0.04)], Origin(unit=unit))
    source = ServedSource(yields(3, 6), unit="percent")
    (report,) = fetch([asked(source, (3, 6), key=YIELDS)], catalog, lambda: day(30))
    assert words in report.problem
    assert set(catalog.read(YIELDS)["value"].tolist()) == {0.04}


def test_joined_rows_name_both_origins(tmp_path: Path) -> None:
    catalog = Catalog(tmp_path)
    catalog.write(DGS10, [yields(0, 3)], Origin(source="a file", licence="mine"))
    fetch([asked(ServedSource(yields(3, 6)), (3, 6), key=YIELDS)], catalog, lambda: day(30))
    origin = catalog.entry(YIELDS).origin
    assert (origin.source, origin.licence) == ("a file; told", "mine")


def test_a_part_that_is_gone_ends_its_own_job(tmp_path: Path) -> None:
    catalog = Catalog(tmp_path)
    fetch([asked(ServedSource(yields(0, 3)), (0, 3), key=YIELDS)], catalog, lambda: day(30))
    for file in tmp_path.rglob("*.parquet"):
        file.unlink()
    broken = asked(ServedSource(yields(0, 4)), (0, 4), key=YIELDS)
    first, second = fetch(
        [broken, asked(ServedSource(closes(0, 2, 1.0)), (0, 2))], catalog, lambda: day(9)
    )
    assert "import DGS10/series again" in first.problem
    assert second.rows == 2


def test_splits_are_asked_for_up_to_now_whatever_the_windows() -> None:
    entry = YahooEntry(source="yahoo", instrument="SPY", channels=("bars/1d", "splits"))
    plan = FetchPlan(
        windows={"w": Window(start=date(2020, 1, 1), end=date(2020, 9, 1))}, fetch=(entry,)
    )
    spy = Instrument(id="SPY", kind=InstrumentKind.ETF, quote="USD", calendar="XNYS")
    now = ns("2026-06-01")
    daily, splits = jobs_of(plan, {"SPY": spy}, now, lambda *_: ServedSource(None))
    assert daily.spans == (TimeSpan(started_at=ns("2020-01-01"), ended_at=ns("2020-09-01")),)
    assert splits.spans == (TimeSpan(started_at=ns("2020-01-01"), ended_at=now),)


def test_only_new_rows_are_counted(tmp_path: Path) -> None:
    catalog = Catalog(tmp_path)
    fetch([asked(ServedSource(yields(0, 100)), (0, 100), key=YIELDS)], catalog, lambda: day(200))
    (report,) = fetch(
        [asked(ServedSource(yields(0, 101)), (0, 101), key=YIELDS)], catalog, lambda: day(201)
    )
    assert report.rows == 1
    assert np.all(np.diff(catalog.read(YIELDS)["event_at"]) == DAY_NS)
