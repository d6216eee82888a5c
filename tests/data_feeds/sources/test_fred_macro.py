"""FRED through the real client: latest values without a key, all revisions with a key."""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest

from data_feeds.calendar import add_business_days, local_instants
from data_feeds.clock import DAY_NS, utc_text
from data_feeds.errors import PermanentSourceError, TransientSourceError
from data_feeds.schema import ChannelKey, ChannelKind
from data_feeds.sources.fred_macro import Dates, FredMacro, Instants, licence
from data_feeds.sources.http import HttpClient
from data_feeds.sources.retry import RetryPolicy
from data_feeds.sources.source import Page
from tests.data_feeds.factory import ns
from tests.data_feeds.loopback.fred import API, CSV, KEY, OBSERVATIONS, VINTAGES, Fred
from tests.data_feeds.loopback.server import Fault, Loopback, Response
from tests.patience import HANGS_S

SERIES = ChannelKey("DGS10", ChannelKind.SERIES)
NOW = ns("2025-12-31")
# Friday 14, Monday 17, Tuesday 18 and Wednesday 19 November 2025; the Tuesday is a holiday here.
YIELDS = {
    "2025-11-14": [("2025-11-17", "4.14")],
    "2025-11-17": [("2025-11-18", "4.13")],
    "2025-11-18": [("2025-11-19", ".")],
    "2025-11-19": [("2025-11-20", "4.13")],
}


def next_day_at_1615(dates: Dates) -> Instants:
    return local_instants(add_business_days("FED", dates, 1), "16:15", "America/New_York")


@contextmanager
def served(
    answer: Fred, *, key: str | None = None, name: str = "DGS10", now: int = NOW
) -> Iterator[tuple[FredMacro, Loopback, list[float]]]:
    """Serve FRED on the loopback; the list gathers the waits between attempts."""
    waits: list[float] = []
    policy = RetryPolicy(attempts=4, sleep=waits.append)
    with Loopback(answer).running() as loopback:
        source = FredMacro(
            name,
            now=lambda: now,
            known_at=next_day_at_1615,
            api_key=key,
            client=HttpClient(policy, timeout_s=HANGS_S),
            policy=policy,
            base_url=loopback.url,
            api_url=loopback.url + API,
            unit="percent",
        )
        yield source, loopback, waits


def pages(source: FredMacro, first: str, end: str) -> list[Page]:
    return list(source.pages(SERIES, ns(first), ns(end)))


def rows(found: list[Page]) -> list[tuple[str, str, float]]:
    """Return date, instant of publication and value of all rows."""
    return [
        (utc_text(event)[:10], utc_text(known), float(value))
        for page in found
        if page.rows is not None
        for event, known, value in zip(
            page.rows["event_at"], page.rows["available_at"], page.rows["value"], strict=True
        )
    ]


def test_csv_values_are_known_by_the_release_rule_and_blanks_are_left_out() -> None:
    with served(Fred("DGS10", YIELDS)) as (source, loopback, _):
        found = pages(source, "2025-11-14", "2025-11-20")
    # 16:15 in New York is 21:15 UTC in winter; Friday's value comes on Monday.
    assert rows(found) == [
        ("2025-11-14", "2025-11-17T21:15Z", 4.14),
        ("2025-11-17", "2025-11-18T21:15Z", 4.13),
        ("2025-11-19", "2025-11-20T21:15Z", 4.13),
    ]
    assert [page.covered_to for page in found] == [ns("2025-11-20")]
    assert "latest revisions only" in found[0].note
    (request,) = loopback.requests
    assert request.path == CSV
    assert request.query == {"id": "DGS10", "cosd": "2025-11-14", "coed": "2025-11-19"}


def test_a_window_holds_the_midnights_inside_it() -> None:
    with served(Fred("DGS10", YIELDS)) as (source, _, _):
        found = pages(source, "2025-11-14T00:00:01", "2025-11-17T00:00:01")
        assert [row[0] for row in rows(found)] == ["2025-11-17"]
        assert rows(pages(source, "2025-11-17T00:00:01", "2025-11-17T23:00")) == []


def test_coverage_ends_at_the_first_date_whose_value_is_still_due() -> None:
    # On Thursday morning Thursday's value does not exist yet; it comes on Friday. It is the first
    # date without a row, because Wednesday's value exists.
    with served(Fred("DGS10", YIELDS), now=ns("2025-11-20T12:00")) as (source, _, _):
        found = pages(source, "2025-11-14", "2025-11-20T12:00")
    assert len(rows(found)) == 3
    assert found[-1].covered_to == ns("2025-11-20")


def test_a_series_that_ended_is_covered_to_the_end() -> None:
    # No value after 19 November: five weeks later these dates are final, but values of the last
    # days before 31 December may still come. 26 December is Friday, due on Monday 29th.
    with served(Fred("DGS10", YIELDS)) as (source, _, _):
        assert pages(source, "2025-11-14", "2025-12-20")[-1].covered_to == ns("2025-12-20")
        # Due after 24 December: the value of 23 December (Tuesday), published on the 24th.
        assert pages(source, "2025-11-14", "2025-12-31")[-1].covered_to == ns("2025-12-23")


def test_an_unknown_series_is_refused_with_its_name() -> None:
    with (
        served(Fred("DGS10", YIELDS), name="DGS11") as (source, _, waits),
        pytest.raises(PermanentSourceError, match="FRED DGS11: no such series"),
    ):
        pages(source, "2025-11-14", "2025-11-20")
    assert waits == []


@pytest.mark.parametrize("fault", list(Fault))
@pytest.mark.parametrize("key", [None, KEY])
def test_rows_are_the_same_after_every_fault(fault: Fault, key: str | None) -> None:
    with served(Fred("DGS10", YIELDS), key=key) as (source, loopback, waits):
        clean = rows(pages(source, "2025-11-14", "2025-11-20"))
        asked = len(loopback.requests)
        loopback.fail([fault, fault])
        assert rows(pages(source, "2025-11-14", "2025-11-20")) == clean
    assert len(clean) == 3
    slow_only = fault is Fault.DRIP
    assert len(loopback.requests) == 2 * asked + (0 if slow_only else 2)
    assert len(waits) == (0 if slow_only else 2)
    if fault is Fault.BUSY:
        # The server asks for one second; backoff would begin with half a second.
        assert min(waits) >= 1.0


@pytest.mark.parametrize("key", [None, KEY])
@pytest.mark.parametrize("fault", [Fault.ERROR, Fault.TRUNCATED])
def test_a_lasting_fault_ends_after_the_attempts_of_the_policy(
    fault: Fault, key: str | None
) -> None:
    with served(Fred("DGS10", YIELDS), key=key) as (source, loopback, _):
        loopback.fail([fault] * 10)
        with pytest.raises(TransientSourceError, match="DGS10"):
            pages(source, "2025-11-14", "2025-11-20")
        assert len(loopback.requests) == 4


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"observation_date,DGS10\n2025-11-14,4.1", "last line is not complete"),
        (b"observation_date,DGS2\n2025-11-14,4.1\n", "first line is 'observation_date,DGS2'"),
        (b"<html>maintenance</html>\n", "first line is '<html>"),
    ],
)
def test_a_csv_that_broke_off_or_is_another_is_not_read(body: bytes, words: str) -> None:
    with served(Fred("DGS10", YIELDS)) as (source, loopback, _):
        loopback.answer = lambda _: Response(body)
        with pytest.raises(TransientSourceError, match=words):
            pages(source, "2025-11-14", "2025-11-20")


def test_the_csv_of_before_2024_is_read() -> None:
    with served(Fred("DGS10", YIELDS)) as (source, loopback, _):
        loopback.answer = lambda _: Response(b"DATE,DGS10\n2025-11-14,4.14\n2025-11-17,.\n")
        assert rows(pages(source, "2025-11-14", "2025-11-20"))[0][2] == 4.14


def test_revisions_are_rows_of_their_own_and_unchanged_values_are_not() -> None:
    history = {
        "2024-12-31": [("2025-01-03", "1.0"), ("2025-03-03", "1.5"), ("2025-07-01", "1.5")],
        "2025-01-02": [("2025-01-03", "2.0")],
    }
    with served(Fred("DGS10", history), key=KEY) as (source, loopback, _):
        found = pages(source, "2024-12-01", "2025-01-03")
    # The rule says 2 January 16:15 for 31 December; ALFRED has it on the 3rd, at that clock time.
    # The revision in July comes at 16:15 summer time, but changes nothing.
    assert rows(found) == [
        ("2024-12-31", "2025-01-03T21:15Z", 1.0),
        ("2024-12-31", "2025-03-03T21:15Z", 1.5),
        ("2025-01-02", "2025-01-03T21:15Z", 2.0),
    ]
    assert [page.covered_to for page in found] == [ns("2025-01-01"), ns("2025-01-03")]
    assert [page.note for page in found] == ["", ""]
    assert [request.path for request in loopback.requests] == [VINTAGES, OBSERVATIONS, OBSERVATIONS]


def test_a_revision_in_summer_keeps_the_local_clock_time() -> None:
    history = {"2025-01-02": [("2025-01-03", "2.0"), ("2025-07-01", "2.5")]}
    with served(Fred("DGS10", history), key=KEY) as (source, _, _):
        found = rows(pages(source, "2025-01-01", "2025-01-05"))
    assert [known for _, known, _ in found] == ["2025-01-03T21:15Z", "2025-07-01T20:15Z"]


def test_a_value_in_alfred_before_the_rule_is_known_by_the_rule() -> None:
    # ALFRED has Friday's value on Friday, the rule says Monday: the later instant counts.
    history = {
        "2025-11-13": [("2025-11-14", "4.11")],
        "2025-11-14": [("2025-11-14", "4.0"), ("2025-11-15", "4.14")],
    }
    with served(Fred("DGS10", history), key=KEY) as (source, _, _):
        found = rows(pages(source, "2025-11-13", "2025-11-15"))
    assert found == [
        ("2025-11-13", "2025-11-14T21:15Z", 4.11),
        # Both vintages of the 14th were there by Monday 16:15; only the second counts.
        ("2025-11-14", "2025-11-17T21:15Z", 4.14),
    ]


def test_values_older_than_the_archive_are_known_by_the_rule_with_a_note() -> None:
    answer = Fred("DGS10", YIELDS, archive_from="2025-12-10")
    with served(answer, key=KEY) as (source, _, _):
        found = pages(source, "2025-11-14", "2025-11-20")
    # ALFRED's archive began three weeks after the last of the three values, with all three.
    assert rows(found) == [
        ("2025-11-14", "2025-11-17T21:15Z", 4.14),
        ("2025-11-17", "2025-11-18T21:15Z", 4.13),
        ("2025-11-19", "2025-11-20T21:15Z", 4.13),
    ]
    assert "archive of DGS10 begins 2025-12-10" in found[0].note


def test_more_vintages_than_one_question_may_span_are_asked_in_parts() -> None:
    days = np.arange("2015-01-02", "2025-01-02", dtype="datetime64[D]")
    revised = [("2020-06-23", "1.1"), ("2020-06-24", "1.2"), ("2022-05-05", "1.25")]
    history = {"2015-01-01": [("2015-01-02", "1.0"), *revised]}
    answer = Fred("DGS10", history, other_vintages=[str(day) for day in days])
    with served(answer, key=KEY) as (source, loopback, _):
        found = rows(pages(source, "2015-01-01", "2015-01-02"))
    # 3653 vintages in two parts; the first ends with the 2000th, on 23 June 2020.
    assert (len(days), str(days[1_999])) == (3653, "2020-06-23")
    assert [request.path for request in loopback.requests] == [VINTAGES, OBSERVATIONS, OBSERVATIONS]
    assert [(known[:10], value) for _, known, value in found] == [
        ("2015-01-02", 1.0),
        ("2020-06-23", 1.1),
        ("2020-06-24", 1.2),
        ("2022-05-05", 1.25),
    ]


def test_the_part_after_gives_no_new_row_to_a_value_that_held() -> None:
    days = np.arange("2015-01-02", "2025-01-02", dtype="datetime64[D]")
    history = {"2015-01-01": [("2015-01-02", "1.0")]}
    answer = Fred("DGS10", history, other_vintages=[str(day) for day in days])
    with served(answer, key=KEY) as (source, _, _):
        found = rows(pages(source, "2015-01-01", "2015-01-02"))
    # FRED's second answer dates the value with the first day of that answer.
    assert [(known[:10], value) for _, known, value in found] == [("2015-01-02", 1.0)]


def test_the_client_keeps_to_the_reference_dates_asked_for() -> None:
    with served(Fred("DGS10", YIELDS), key=KEY) as (source, loopback, _):
        pages(source, "2025-11-17", "2025-11-19")
    query = loopback.requests[-1].query
    assert (query["observation_start"], query["observation_end"]) == ("2025-11-17", "2025-11-18")
    assert query["realtime_end"] == "9999-12-31"
    # The vintage of the 17th is the last that could not yet hold a value of the 17th.
    assert query["realtime_start"] == "2025-11-17"


def test_pages_in_parts_hold_the_same_rows() -> None:
    days = np.arange("2023-12-20", "2024-01-10", dtype="datetime64[D]")
    history = {str(day): [(str(day + 3), f"{i}.5")] for i, day in enumerate(days)}
    for key in (None, KEY):
        with served(Fred("DGS10", history), key=key) as (source, _, _):
            whole = rows(pages(source, "2023-12-20", "2024-01-10"))
            parts = [
                row
                for first, end in (
                    ("2023-12-20", "2023-12-28"),
                    ("2023-12-28", "2024-01-02"),
                    ("2024-01-02", "2024-01-10"),
                )
                for row in rows(pages(source, first, end))
            ]
        assert parts == whole
        assert len(whole) == 21


@pytest.mark.parametrize(
    ("name", "key", "words"),
    [("DGS10", "wrongkey", "api_key is not registered"), ("DGS11", KEY, "series does not exist")],
)
def test_a_refusal_of_the_api_is_in_its_words_and_without_the_key(
    name: str, key: str, words: str
) -> None:
    with (
        served(Fred("DGS10", YIELDS), key=key, name=name) as (source, _, waits),
        pytest.raises(PermanentSourceError, match=words) as caught,
    ):
        pages(source, "2025-11-14", "2025-11-20")
    assert key not in str(caught.value)
    assert waits == []


def test_a_year_without_values_does_not_settle_the_year_before() -> None:
    # On 2 January nothing of 31 December is out yet; the empty new year must not hide that.
    history = {"2025-12-29": [("2025-12-30", "4.2")], "2025-12-30": [("2025-12-31", "4.1")]}
    now = ns("2026-01-02T12:00")
    with served(Fred("DGS10", history), key=KEY, now=now) as (source, _, _):
        found = list(source.pages(SERIES, ns("2025-12-29"), now))
    assert [page.covered_to for page in found] == [ns("2025-12-31"), ns("2025-12-31")]


def test_other_kinds_are_refused() -> None:
    with (
        served(Fred("DGS10", YIELDS)) as (source, _, _),
        pytest.raises(PermanentSourceError, match="series only"),
    ):
        next(source.pages(ChannelKey("DGS10", ChannelKind.BARS, "1d"), 0, DAY_NS))


def test_origin_names_publisher_unit_and_licence() -> None:
    with served(Fred("DGS10", YIELDS)) as (source, _, _):
        origin = source.origin(SERIES)
    assert (origin.source, origin.unit) == ("FRED DGS10", "percent")
    assert origin.licence.startswith("public domain")


@pytest.mark.parametrize(
    ("name", "owner"),
    [
        ("BAMLH0A0HYM2", "ICE"),
        ("SP500", "S&P"),
        ("NASDAQCOM", "Nasdaq"),
        ("VIXCLS", "Cboe"),
    ],
)
def test_licences_of_others_forbid_redistribution(name: str, owner: str) -> None:
    assert licence(name).startswith(owner)
    assert licence(name).endswith("no redistribution")
