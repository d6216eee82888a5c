"""Binance's archive: requested files, their rows, and missing files."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_feeds.catalog import Catalog, TimeSpan
from data_feeds.clock import DAY_NS, HOUR_NS, MINUTE_NS, utc_text
from data_feeds.errors import PermanentSourceError, SchemaError, TransientSourceError
from data_feeds.fetch import Job, fetch
from data_feeds.schema import Channel, ChannelKey, ChannelKind, validate
from data_feeds.sources.binance_archive import ArchiveMarket, BinanceArchive
from data_feeds.sources.http import HttpClient
from data_feeds.sources.retry import RetryPolicy
from data_feeds.sources.source import Page
from tests.data_feeds.factory import PERP, ns
from tests.data_feeds.fetch.test_fetcher import stored
from tests.data_feeds.loopback.archive import US, Archive, day_of, interest, ohlcv, rate
from tests.data_feeds.loopback.server import Fault, Loopback
from tests.patience import HANGS_S

HOURLY = ChannelKey(PERP.id, ChannelKind.BARS, "1h")
FUNDING = ChannelKey(PERP.id, ChannelKind.FUNDING)
INTEREST = ChannelKey(PERP.id, ChannelKind.OPEN_INTEREST)
UM = "/data/futures/um"


@contextmanager
def served(
    archive: Archive, market: ArchiveMarket = "um", symbol: str = "BTCUSDT"
) -> Iterator[tuple[BinanceArchive, Loopback]]:
    """Serve an archive on the loopback; waits between attempts take no time."""
    policy = RetryPolicy(attempts=3, sleep=lambda _: None)
    with Loopback(archive).running() as loopback:
        client = HttpClient(policy, timeout_s=HANGS_S)
        yield BinanceArchive(market, symbol, client, base_url=loopback.url), loopback


def pages(source: BinanceArchive, key: ChannelKey, start: str, end: str) -> list[Page]:
    return list(source.pages(key, ns(start), ns(end)))


def joined(found: list[Page]) -> Channel:
    """Return the pages' rows as one valid channel."""
    pieces = [page.rows for page in found if page.rows is not None]
    columns = {
        name: np.concatenate([piece[name] for piece in pieces]) for name in pieces[0].columns
    }
    channel = Channel(pieces[0].key, columns)
    validate(channel)
    return channel


def opened(found: list[Page]) -> list[int]:
    rows = joined(found)
    return rows["opened_at" if rows.key.timeframe else "event_at"].tolist()


def hours(start: str, end: str) -> list[int]:
    return list(range(ns(start), ns(end), HOUR_NS))


def zips(loopback: Loopback) -> list[str]:
    """Return the dates in the names of the requested zips, in order."""
    paths = [request.path for request in loopback.requests]
    return [path.split("-", 2)[2][:-4] for path in paths if path.endswith(".zip")]


# Content of files


def test_bars_are_the_market_s_and_known_at_their_close() -> None:
    with served(Archive()) as (source, loopback):
        rows = joined(pages(source, HOURLY, "2024-02-01", "2024-03-01"))
    assert loopback.requests[0].path == (f"{UM}/monthly/klines/BTCUSDT/1h/BTCUSDT-1h-2024-02.zip")
    # A whole month needs only the zip and its checksum.
    assert len(loopback.requests) == 2
    # 29 days of 24 hours
    assert len(rows) == 696
    assert rows["opened_at"].tolist() == hours("2024-02-01", "2024-03-01")
    assert (rows["closed_at"] - rows["opened_at"] == HOUR_NS).all()
    assert (rows["available_at"] == rows["closed_at"]).all()
    made = np.array([ohlcv(at, HOUR_NS) for at in rows["opened_at"].tolist()])
    for i, name in enumerate(("open", "high", "low", "close", "volume")):
        assert (rows[name] == made[:, i]).all()


def test_mark_prices_have_a_folder_of_their_own() -> None:
    key = ChannelKey(PERP.id, ChannelKind.MARK, "1h")
    with served(Archive()) as (source, loopback):
        rows = joined(pages(source, key, "2024-02-01", "2024-02-02"))
    assert loopback.requests[0].path == (
        f"{UM}/daily/markPriceKlines/BTCUSDT/1h/BTCUSDT-1h-2024-02-01.zip"
    )
    assert rows["open"][0] == ohlcv(ns("2024-02-01"), HOUR_NS, "markPriceKlines")[0]
    assert "volume" not in rows.columns


def test_files_without_a_header_and_with_microseconds_say_the_same() -> None:
    def unit(date: str) -> int:
        # Binance's spot files use microseconds from 2025 on.
        return US if date >= "2025" else 10**6

    with served(Archive(), "spot") as (source, _):
        plain = joined(pages(source, HOURLY, "2024-12-01", "2025-02-01"))
    mixed = Archive(unit=unit, header=lambda date: date < "2025")
    with served(mixed, "spot") as (source, loopback):
        rows = joined(pages(source, HOURLY, "2024-12-01", "2025-02-01"))
    assert loopback.requests[0].path.startswith("/data/spot/monthly/klines/BTCUSDT/1h/")
    assert rows["opened_at"].tolist() == hours("2024-12-01", "2025-02-01")
    for name in rows.columns:
        assert (rows[name] == plain[name]).all()


def test_funding_is_stamped_with_its_minute() -> None:
    with served(Archive()) as (source, loopback):
        rows = joined(pages(source, FUNDING, "2024-02-01", "2024-02-03"))
    assert zips(loopback) == ["2024-02"]
    assert loopback.requests[0].path == (
        f"{UM}/monthly/fundingRate/BTCUSDT/BTCUSDT-fundingRate-2024-02.zip"
    )
    # Written as 00:00:00.010 and so on
    due = list(range(ns("2024-02-01"), ns("2024-02-03"), 8 * HOUR_NS))
    assert rows["event_at"].tolist() == due
    assert rows["available_at"].tolist() == due
    assert rows["rate"].tolist() == pytest.approx([rate(at) for at in due], abs=1e-12)


def test_the_running_month_has_no_funding_yet_and_the_note_says_so() -> None:
    archive = Archive(months_to="2024-03-01")
    with served(archive) as (source, _):
        found = pages(source, FUNDING, "2024-02-10", "2024-03-05T10:00")
    assert found[-1].covered_to == ns("2024-03-01")
    assert found[-1].note == (
        "Binance's funding files are monthly; the running month comes from the API"
    )
    # 20 days of 3
    assert len(joined(found)) == 60


def test_the_midnight_of_open_interest_lies_in_the_file_of_the_day_before() -> None:
    with served(Archive()) as (source, loopback):
        rows = joined(pages(source, INTEREST, "2024-02-02", "2024-02-04"))
    assert loopback.requests[0].path == (
        f"{UM}/daily/metrics/BTCUSDT/BTCUSDT-metrics-2024-02-01.zip"
    )
    assert zips(loopback) == ["2024-02-01", "2024-02-02", "2024-02-03"]
    # Two days of 288
    due = list(range(ns("2024-02-02"), ns("2024-02-04"), 5 * MINUTE_NS))
    assert rows["event_at"].tolist() == due
    assert rows["available_at"].tolist() == due
    assert rows["open_interest_base"].tolist() == [interest(at)[0] for at in due]
    assert rows["open_interest_quote"].tolist() == [interest(at)[1] for at in due]


def test_open_interest_stamped_by_its_start_is_known_five_minutes_later() -> None:
    # The file of 25 June 2026 begins with 00:00 for the snapshot of 00:05; the one before ended
    # with 00:00 for the snapshot of 00:00.
    with served(Archive()) as (source, _):
        rows = joined(pages(source, INTEREST, "2026-06-24", "2026-06-27"))
    due = list(range(ns("2026-06-24"), ns("2026-06-27"), 5 * MINUTE_NS))
    assert rows["event_at"].tolist() == due
    assert rows["open_interest_base"].tolist() == [interest(at)[0] for at in due]


def test_open_interest_of_zero_is_left_out() -> None:
    broken = ns("2024-02-02T05:00")
    with served(Archive(zero_interest={broken // HOUR_NS})) as (source, _):
        rows = joined(pages(source, INTEREST, "2024-02-02", "2024-02-03"))
    # An hour of twelve rows
    assert len(rows) == 288 - 12
    assert not ((rows["event_at"] >= broken) & (rows["event_at"] < broken + HOUR_NS)).any()


# Which files


def test_months_that_the_question_cuts_come_by_day() -> None:
    with served(Archive()) as (source, loopback):
        found = pages(source, HOURLY, "2024-02-28T05:30", "2024-04-02T03:30")
    days = ["2024-02-28", "2024-02-29", "2024-03", "2024-04-01", "2024-04-02"]
    assert zips(loopback) == days
    assert opened(found) == hours("2024-02-28T06:00", "2024-04-02T03:00")
    covered = ["2024-02-29", "2024-03-01", "2024-04-01", "2024-04-02", "2024-04-02T03:00"]
    assert [page.covered_to for page in found] == [ns(at) for at in [*covered, covered[-1]]]


def test_a_bar_unfinished_at_the_end_is_neither_returned_nor_covered() -> None:
    with served(Archive()) as (source, loopback):
        found = pages(source, HOURLY, "2024-02-05", "2024-02-05T02:59")
        assert opened(found) == hours("2024-02-05", "2024-02-05T02:00")
        assert found[-1].covered_to == ns("2024-02-05T02:00")
        # No bar opens between 02:10 and 02:50, so the answer needs no file.
        asked = len(loopback.requests)
        (nothing,) = pages(source, HOURLY, "2024-02-05T02:10", "2024-02-05T02:50")
        assert len(loopback.requests) == asked
    assert nothing.covered_to == ns("2024-02-05T02:50")
    assert nothing.rows is None or len(nothing.rows) == 0


def test_a_month_not_published_yet_comes_by_day() -> None:
    archive = Archive(months_to="2024-03-01", days_to="2024-04-03")
    with served(archive) as (source, loopback):
        found = pages(source, HOURLY, "2024-02-01", "2024-04-03T09:00")
    assert zips(loopback)[:3] == ["2024-02", "2024-03", "2024-03-01"]
    assert opened(found) == hours("2024-02-01", "2024-04-03")
    # The current day has no file: the answer ends before it.
    assert found[-1].covered_to == ns("2024-04-03")
    assert "come a day later" in found[-1].note


def test_days_that_a_monthly_file_lacks_are_filled_from_the_daily_ones() -> None:
    archive = Archive(lacking={"2024-02-07", "2024-02-29"})
    with served(archive) as (source, loopback):
        found = pages(source, HOURLY, "2024-02-01", "2024-03-01")
    assert zips(loopback) == ["2024-02", "2024-02-07", "2024-02-29"]
    assert opened(found) == hours("2024-02-01", "2024-03-01")


def test_days_that_have_no_file_are_taken_from_the_monthly_one() -> None:
    # Spot before March 2021 has only monthly files. The request cuts the month at both ends.
    days = {f"2024-02-{day:02}" for day in range(1, 30)}
    with served(Archive(missing=days), "spot") as (source, loopback):
        found = pages(source, HOURLY, "2024-02-10T06:00", "2024-02-12T09:00")
    assert opened(found) == hours("2024-02-10T06:00", "2024-02-12T09:00")
    assert (found[-1].covered_to, found[-1].note) == (ns("2024-02-12T09:00"), "")
    # One download serves all the days.
    assert zips(loopback) == ["2024-02-10", "2024-02", "2024-02-11", "2024-02-12"]


def test_hours_that_a_daily_file_lacks_are_filled_from_the_monthly_one() -> None:
    def edit(name: str, text: str) -> str:
        # The header and the first thirteen hours of 16 February
        return "".join(text.splitlines(True)[:14]) if name.endswith("2024-02-16.zip") else text

    with served(Archive(edit=edit)) as (source, _):
        found = pages(source, HOURLY, "2024-02-15", "2024-02-18")
    assert opened(found) == hours("2024-02-15", "2024-02-18")


def test_a_missing_day_is_a_hole_when_a_later_one_is_there() -> None:
    days = {"2024-02-12", "2024-02-13", "2024-02-14", "2024-02-15"}
    archive = Archive(missing=days, lacking=days)
    with served(archive) as (source, _):
        found = pages(source, HOURLY, "2024-02-10", "2024-02-18")
    assert (found[-1].covered_to, found[-1].note) == (ns("2024-02-18"), "")
    assert opened(found) == [*hours("2024-02-10", "2024-02-12"), *hours("2024-02-16", "2024-02-18")]


def test_missing_days_at_the_end_are_not_published_yet() -> None:
    archive = Archive(missing={"2024-02-12", "2024-02-16", "2024-02-17"}, months_to="2024-02-01")
    with served(archive) as (source, _):
        found = pages(source, HOURLY, "2024-02-10", "2024-02-18")
    assert found[-1].covered_to == ns("2024-02-16")
    assert [page.covered_to for page in found] == sorted(page.covered_to for page in found)


def test_a_missing_day_is_a_hole_31_days_later() -> None:
    # The market closed with 9 March; 31 days after the 10th are the 10th of April.
    archive = Archive(delisted="2024-03-10")
    with served(archive) as (source, _):
        found = pages(source, HOURLY, "2024-03-05", "2024-04-10T12:00")
        assert found[-1].covered_to == ns("2024-03-10")
        found = pages(source, HOURLY, "2024-03-05", "2024-04-11T12:00")
        assert found[-1].covered_to == ns("2024-03-11")
        assert opened(found) == hours("2024-03-05", "2024-03-10")


def test_the_years_before_a_market_was_listed_cost_four_questions_a_month() -> None:
    with served(Archive(listed="2024-01-10T08:00")) as (source, loopback):
        found = pages(source, HOURLY, "2022-01-01", "2024-02-01")
    # 24 months with a request for the month and three days each; January with its checksum, then
    # ten incomplete days of January: nine missing, and the tenth with its checksum.
    assert len(loopback.requests) == 24 * 4 + 2 + 9 + 2
    assert opened(found) == hours("2024-01-10T08:00", "2024-02-01")


def test_an_old_month_without_its_file_comes_by_day_when_a_day_is_there() -> None:
    archive = Archive(listed="2023-01-20", missing={"2023-01"})
    with served(archive) as (source, _):
        found = pages(source, HOURLY, "2023-01-01", "2023-04-01")
    assert opened(found) == hours("2023-01-20", "2023-04-01")


def test_a_symbol_without_any_file_is_noted() -> None:
    with served(Archive(), symbol="BTCUSD") as (source, _):
        found = pages(source, HOURLY, "2023-01-01", "2023-04-01T00:30")
    assert found[-1].note == (
        "Binance's archive has no klines of BTCUSD from 2023-01-01T00:00Z to 2023-04-01T00:00Z: "
        "not listed then, not published yet, or another symbol"
    )


def test_an_empty_stretch_sends_no_request() -> None:
    with served(Archive()) as (source, loopback):
        for key in (HOURLY, FUNDING, INTEREST):
            (page,) = pages(source, key, "2024-02-05", "2024-02-05")
            assert page.covered_to == ns("2024-02-05")
        assert loopback.requests == []


# The same rows in one piece or in many

_HOLES = Archive(
    listed="2024-02-03T05:00",
    months_to="2024-04-01",
    days_to="2024-04-09",
    missing={"2024-02-12", "2024-03", "2024-03-04", "2024-03-20", "2024-03-21"},
    lacking={"2024-02-20"},
)
_FIRST, _NOW = ns("2024-02-01"), ns("2024-04-09T13:17")


@pytest.fixture(scope="module")
def archive_with_holes() -> Iterator[BinanceArchive]:
    with served(_HOLES) as (source, _):
        yield source


@pytest.mark.parametrize("key", [HOURLY, FUNDING, INTEREST], ids=str)
@settings(max_examples=8)
@given(cuts=st.lists(st.integers(0, (_NOW - _FIRST) // MINUTE_NS), max_size=4))
def test_the_rows_do_not_depend_on_the_pieces_in_which_they_were_asked(
    archive_with_holes: BinanceArchive, key: ChannelKey, cuts: list[int]
) -> None:
    source = archive_with_holes
    whole = list(source.pages(key, _FIRST, _NOW))
    # Like a fetch: each request begins at the end of the answers so far.
    found: list[Page] = []
    at = _FIRST
    for end in [*sorted(_FIRST + cut * MINUTE_NS for cut in cuts), _NOW]:
        if end > at:
            found += source.pages(key, at, end)
            at = found[-1].covered_to
    assert at == whole[-1].covered_to
    one, other = joined(whole), joined(found)
    for name in one.columns:
        assert np.array_equal(one[name], other[name])
    edges = [page.covered_to for page in found]
    assert edges == sorted(edges)


def test_every_row_lies_in_the_question_and_before_its_page_s_end() -> None:
    with served(_HOLES) as (source, _):
        for key in (HOURLY, FUNDING, INTEREST):
            answered = ns("2024-02-27T00:03")
            for page in source.pages(key, answered, _NOW):
                assert page.rows is not None
                times = page.rows["opened_at" if key.timeframe else "event_at"]
                assert ((times >= answered) & (times < page.covered_to)).all()
                answered = page.covered_to


def test_a_fetch_continues_where_the_archive_ended(tmp_path: Path) -> None:
    archive = Archive(listed="2024-02-10", months_to="2024-03-01", days_to="2024-03-05")

    def fetched(source: BinanceArchive, folder: str, now: str) -> Catalog:
        catalog = Catalog(tmp_path / folder)
        window = (TimeSpan(started_at=ns("2024-01-20"), ended_at=ns(now)),)
        for key in (HOURLY, INTEREST, FUNDING):
            (report,) = fetch([Job(key, PERP, source, window)], catalog, lambda: ns(now))
            assert report.problem == ""
        return catalog

    with served(archive) as (source, loopback):
        grown = fetched(source, "grown", "2024-03-05T13:17")
        ends = {entry.key: entry.covered[-1].ended_at for entry in grown.entries()}
        assert ends == {
            HOURLY: ns("2024-03-05"),
            INTEREST: ns("2024-03-05"),
            FUNDING: ns("2024-03-01"),
        }
        archive.months_to, archive.days_to = "2024-04-01", "2024-04-02"
        loopback.requests.clear()
        fetched(source, "grown", "2024-04-02T01:00")
        # February is stored; for open interest its last day may contain the next midnight.
        assert "2024-02" not in zips(loopback)
        fetched(source, "once", "2024-04-02T01:00")
    assert stored(tmp_path / "grown") == stored(tmp_path / "once")


# Faults


@pytest.mark.parametrize("where", [".zip", ".CHECKSUM"])
@pytest.mark.parametrize("fault", Fault)
def test_every_fault_of_a_server_heals_when_asked_again(fault: Fault, where: str) -> None:
    with served(Archive()) as (source, loopback):
        loopback.fail([fault], path=where)
        found = pages(source, HOURLY, "2024-02-01", "2024-03-01")
        assert loopback.faults == []
    assert opened(found) == hours("2024-02-01", "2024-03-01")


def test_a_busy_server_ends_the_answer_after_its_last_page() -> None:
    with served(Archive()) as (source, loopback):
        answer = source.pages(HOURLY, ns("2024-02-01"), ns("2024-04-01"))
        assert next(answer).covered_to == ns("2024-03-01")
        loopback.fail([Fault.ERROR] * 3)
        with pytest.raises(TransientSourceError, match=r"2024-03\.zip: answered 500"):
            next(answer)


def test_a_checksum_that_differs_once_is_a_bad_download() -> None:
    with served(Archive(wrong_sums=1)) as (source, loopback):
        found = pages(source, HOURLY, "2024-02-01", "2024-03-01")
    assert zips(loopback) == ["2024-02", "2024-02"]
    assert len(opened(found)) == 696


def test_a_checksum_that_differs_twice_is_refused() -> None:
    words = r"1h-2024-02\.zip: checksum differs: file says '[0-9a-f]{64}', got [0-9a-f]{64}; down"
    with (
        served(Archive(wrong_sums=2)) as (source, _),
        pytest.raises(PermanentSourceError, match=words),
    ):
        pages(source, HOURLY, "2024-02-01", "2024-03-01")


def test_a_file_without_a_checksum_is_refused() -> None:
    archive = Archive(without_sum={"2024-02"})
    with (
        served(archive) as (source, _),
        pytest.raises(PermanentSourceError, match=r"2024-02\.zip: its \.CHECKSUM is missing"),
    ):
        pages(source, HOURLY, "2024-02-01", "2024-03-01")


def test_days_of_an_old_month_without_checksums_are_refused_and_not_a_hole() -> None:
    days = {f"2024-02-{day:02}" for day in range(1, 30)}
    archive = Archive(missing={"2024-02"}, without_sum=days)
    with (
        served(archive) as (source, _),
        pytest.raises(PermanentSourceError, match=r"2024-02-01\.zip: its \.CHECKSUM is missing"),
    ):
        pages(source, HOURLY, "2024-02-01", "2024-05-01")


LINE = re.compile(r"^1706749200000,.*$", re.MULTILINE)
WHOLE = re.compile(r"\A(?s:.*)")
SECOND = "1706749200000,2,2,2,2,1,1706752799999,1,1,1,1,0"


def test_rows_that_stand_twice_or_out_of_order_are_put_in_order() -> None:
    def edit(_: str, text: str) -> str:
        head, *lines = text.splitlines()
        return "\n".join([head, *reversed(lines), lines[5]])

    with served(Archive(edit=edit)) as (source, _):
        found = pages(source, HOURLY, "2024-02-01", "2024-02-02")
    assert opened(found) == hours("2024-02-01", "2024-02-02")


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (LINE, "\\g<0>\n" + SECOND, "two rows at 2024-02-01T01:00Z: open .* and 2; report"),
        (
            LINE,
            SECOND.replace("9200000", "9200001"),
            "opens at 2024-02-01T01:00:00.001Z, not on",
        ),
        (LINE, SECOND.replace("2,2,2", "2,1,2"), "high 1 is below"),
        (LINE, SECOND.replace(",2,2,2", ",two,2,2"), "column 'open': .*two"),
        (LINE, SECOND.replace(",2,2,2", ",,2,2"), "open nan is not a positive price"),
        (LINE, SECOND.replace("1706749200000", "soon"), "'open_time': not all whole numbers"),
        (LINE, SECOND.replace("17067492", "17068320"), "a row of 2024-02-02T00:00Z in the file"),
        (re.compile("close,"), "last,", "no column close; it has open_time, open"),
        (re.compile(r"\A"), 'a,"b\n', "not a readable CSV"),
        (WHOLE, "1706745600000,1,1,1,1\n", "5 columns without names; klines files have 12"),
        (WHOLE, "", "not a readable CSV"),
    ],
)
def test_a_file_against_binances_format_is_refused(
    old: re.Pattern[str], new: str, words: str
) -> None:
    def edit(_: str, text: str) -> str:
        return old.sub(new, text, count=1)

    with (
        served(Archive(edit=edit)) as (source, _),
        pytest.raises(SchemaError, match=rf"^http\S+1h-2024-02-01\.zip: (?s:.*){words}"),
    ):
        pages(source, HOURLY, "2024-02-01", "2024-02-02")


@pytest.mark.parametrize("stamp", ["2024-02-01", "1706749200000", ""])
def test_open_interest_without_a_time_of_day_is_refused(stamp: str) -> None:
    def edit(_: str, text: str) -> str:
        return text.replace("2024-02-01 00:05:00", stamp)

    with (
        served(Archive(edit=edit)) as (source, _),
        pytest.raises(SchemaError, match="column 'create_time'"),
    ):
        pages(source, INTEREST, "2024-02-01T00:10", "2024-02-02")


@pytest.mark.parametrize(
    ("market", "kind", "timeframe", "words"),
    [
        ("um", ChannelKind.LIQUIDATIONS, "", "archive has no liquidations; it has bars, mark"),
        ("um", ChannelKind.BARS, "7m", "no 7m bars that we read; take one of 1m, 3m, 5m, 15m"),
        ("um", ChannelKind.BARS, "1w", "no 1w bars that we read"),
        ("spot", ChannelKind.FUNDING, "", "spot has bars only; ask market um for funding"),
        ("spot", ChannelKind.MARK, "1h", "spot has bars only; ask market um for mark"),
    ],
)
def test_channels_that_the_archive_lacks_are_refused_in_words(
    market: ArchiveMarket, kind: ChannelKind, timeframe: str, words: str
) -> None:
    with served(Archive(), market) as (source, loopback):
        with pytest.raises(PermanentSourceError, match=words):
            pages(source, ChannelKey(PERP.id, kind, timeframe), "2024-02-01", "2024-02-02")
        assert loopback.requests == []


def test_the_origin_names_publisher_market_and_licence() -> None:
    source = BinanceArchive("spot", "BTCUSDT", HttpClient())
    origin = source.origin(HOURLY)
    assert (source.name, origin.source) == ("Binance archive", "Binance archive BTCUSDT")
    assert origin.venues == ("binance",)
    assert "Binance" in origin.licence


def test_daily_bars_come_by_month_and_day_too() -> None:
    key = ChannelKey(PERP.id, ChannelKind.BARS, "1d")
    with served(Archive()) as (source, _):
        rows = joined(pages(source, key, "2024-02-01", "2024-03-03T12:00"))
    # 29 days of February, and two of March; the third is under way.
    assert len(rows) == 31
    assert rows["closed_at"][-1] == ns("2024-03-03")
    assert (np.diff(rows["opened_at"]) == DAY_NS).all()
    assert day_of(int(rows["opened_at"][0])) == utc_text(ns("2024-02-01"))[:10]
