"""The release table: every row by dates worked by hand, holidays and clock changes included.

New York is UTC-4 in summer and UTC-5 in winter; the clocks changed on 2025-11-02 and 2026-03-08.
"""

from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from data_feeds.clock import utc_text
from data_feeds.errors import SchemaError
from data_feeds.releases import RELEASES, ReleaseRule, known_at, rule_for

# Columbus Day (2025-10-13) and Veterans Day (2025-11-11) are sessions without Federal Reserve;
# Thanksgiving is 2025-11-27, the exchange closes at 13:00 on the 28th; Good Friday is 2026-04-03.
H15 = [
    ("2026-02-05", "2026-02-06T21:15Z"),  # Thursday: on Friday, 16:15 in winter
    ("2026-02-06", "2026-02-09T21:15Z"),  # Friday: on Monday
    ("2025-10-10", "2025-10-14T20:15Z"),  # Friday before Columbus Day: on Tuesday
    ("2025-11-10", "2025-11-12T21:15Z"),  # Monday before Veterans Day: on Wednesday
    ("2025-11-26", "2025-11-28T21:15Z"),  # day before Thanksgiving: on the early close's evening
    ("2025-06-18", "2025-06-20T20:15Z"),  # day before Juneteenth
    ("2026-03-06", "2026-03-09T20:15Z"),  # clocks forward on Sunday: 20:15 UTC from then on
    ("2025-10-31", "2025-11-03T21:15Z"),  # clocks back on Sunday
    ("2026-04-02", "2026-04-06T20:15Z"),  # Thursday before Good Friday: on Monday
]
TREASURY = [
    ("2026-02-06", "2026-02-06T23:00Z"),  # the same evening, 18:00 in winter
    ("2025-10-10", "2025-10-10T22:00Z"),
    ("2025-11-28", "2025-11-28T23:00Z"),
    ("2026-03-09", "2026-03-09T22:00Z"),
    ("2026-04-03", "2026-04-06T22:00Z"),  # Good Friday: bonds trade, the rule waits for Monday
]
NEXT_MORNING = [
    ("2026-02-05", "2026-02-06T{winter}Z"),
    ("2026-02-06", "2026-02-09T{winter}Z"),
    ("2026-02-07", "2026-02-09T{winter}Z"),  # Saturday
    ("2025-10-10", "2025-10-14T{summer}Z"),
    ("2025-11-10", "2025-11-12T{winter}Z"),
    ("2025-11-26", "2025-11-28T{winter}Z"),
    ("2026-03-06", "2026-03-09T{summer}Z"),
    ("2026-04-02", "2026-04-06T{summer}Z"),
]
SESSION = [
    ("2026-02-05", "2026-02-05T21:15Z"),  # 16:15 in winter
    ("2025-10-13", "2025-10-13T20:15Z"),  # Columbus Day is a session
    ("2025-11-11", "2025-11-11T21:15Z"),  # so is Veterans Day
    ("2025-11-28", "2025-11-28T18:15Z"),  # early close: 13:15
    ("2025-06-18", "2025-06-18T20:15Z"),
    ("2026-03-06", "2026-03-06T21:15Z"),
    ("2026-03-09", "2026-03-09T20:15Z"),
    ("2026-04-03", "2026-04-06T20:15Z"),  # Good Friday has no session: the next one's close
]


def next_morning(winter: str, summer: str) -> list[tuple[str, str]]:
    return [(date, text.format(winter=winter, summer=summer)) for date, text in NEXT_MORNING]


WORKED: dict[tuple[str, str | None], list[tuple[str, str]]] = {
    **{(name, None): H15 for name in ("DGS10", "DGS2", "DGS3MO", "DTB3", "DFII10")},
    **{(name, None): H15 for name in ("T10Y2Y", "T10Y3M", "T10YIE")},
    **{
        (name, "treasury"): TREASURY
        for name in ("DGS10", "DGS2", "DGS3MO", "DTB3", "DFII10", "T10Y2Y", "T10Y3M", "T10YIE")
    },
    ("DFF", None): next_morning(winter="14:00", summer="13:00"),
    ("BAMLH0A0HYM2", None): next_morning(winter="15:00", summer="14:00"),
    ("BAMLC0A0CM", None): next_morning(winter="15:00", summer="14:00"),
    ("FEDFUNDS", None): [
        ("2026-01-01", "2026-02-02T21:15Z"),  # 1 February is a Sunday
        ("2025-08-01", "2025-09-02T20:15Z"),  # 1 September is Labor Day
        ("2025-12-01", "2026-01-02T21:15Z"),  # New Year's Day
        ("2026-06-01", "2026-07-01T20:15Z"),
    ],
    ("DTWEXBGS", None): [
        ("2026-02-06", "2026-02-09T21:15Z"),  # Friday: the Monday after
        ("2026-02-02", "2026-02-09T21:15Z"),  # Monday: a week later
        ("2025-10-10", "2025-10-14T20:15Z"),  # Columbus Day: Tuesday
        ("2026-01-16", "2026-01-20T21:15Z"),  # Martin Luther King Day: Tuesday
        ("2026-03-05", "2026-03-09T20:15Z"),
    ],
    **{(name, None): SESSION for name in ("VIX", "VIXCLS", "VXN", "VXNCLS")},
    **{(name, None): SESSION for name in ("SP500", "NASDAQCOM", "GSPC")},
    ("DXY", None): [
        ("2026-02-05", "2026-02-05T22:00Z"),  # 17:00 in winter
        ("2025-10-13", "2025-10-13T21:00Z"),
        ("2025-11-27", "2025-11-27T22:00Z"),  # Thanksgiving: no session, but a value
        ("2026-03-08", "2026-03-08T21:00Z"),  # the day the clocks change
        ("2025-11-02", "2025-11-02T22:00Z"),
    ],
    ("ETF_FLOWS", None): [
        ("2026-02-05", "2026-02-06T12:00Z"),
        ("2026-02-06", "2026-02-07T12:00Z"),  # Friday's flows are out on Saturday
        ("2026-03-06", "2026-03-07T12:00Z"),
    ],
    ("FEAR_GREED", None): [
        ("2026-02-05", "2026-02-05T00:10Z"),
        ("2026-03-08", "2026-03-08T00:10Z"),
    ],
    ("BTC_OI_DAILY", None): [("2026-02-06", "2026-02-07T01:00Z")],
    ("DVOL", None): [("2026-02-06T13:00", "2026-02-06T13:00Z")],
}  # fmt: skip


@pytest.mark.parametrize(("series", "variant"), WORKED, ids=lambda part: part or "default")
def test_each_series_is_known_when_its_publisher_says(series: str, variant: str | None) -> None:
    for date, expected in WORKED[series, variant]:
        found = known_at(rule_for(series, variant), np.array([date], dtype="datetime64"))
        assert found.dtype == np.int64
        assert utc_text(found[0]) == expected, date


def test_every_row_of_the_table_has_worked_dates() -> None:
    rows = {(name, None) for name in RELEASES}
    rows |= {(name, variant) for name, row in RELEASES.items() for variant in row.variants}
    assert rows == set(WORKED)


def test_every_row_names_its_source() -> None:
    rules = [rule for row in RELEASES.values() for rule in (row.rule, *row.variants.values())]
    assert all(rule.source for rule in rules)
    assert not any("http" in rule.source for rule in rules)


@pytest.mark.parametrize("series", RELEASES)
def test_no_value_is_known_before_its_reference_date_begins_in_new_york(series: str) -> None:
    # FEAR_GREED is dated by UTC, 5 hours ahead of New York.
    dates = np.arange("2019-01-01", "2027-01-01", dtype="datetime64[D]")
    begun = dates.astype("datetime64[ns]").astype(np.int64)
    for variant in (None, *RELEASES[series].variants):
        known = known_at(rule_for(series, variant), dates)
        assert (known >= begun).all()
        # A later date is never known before an earlier one.
        assert (np.diff(known) >= 0).all()


def test_dates_may_come_in_any_order_and_repeat() -> None:
    dates = np.array(["2026-02-06", "2026-02-05", "2026-02-06"], dtype="datetime64[D]")
    found = known_at(rule_for("DGS10"), dates)
    assert [utc_text(at) for at in found] == [
        "2026-02-09T21:15Z", "2026-02-06T21:15Z", "2026-02-09T21:15Z"
    ]  # fmt: skip
    assert len(known_at(rule_for("VIX"), dates[:0])) == 0


def test_a_lag_counts_from_the_instant_and_a_clock_from_the_day() -> None:
    noon = np.array(["2026-02-05T12:00"], dtype="datetime64[ns]")
    assert utc_text(known_at(ReleaseRule(lag="15m"), noon)[0]) == "2026-02-05T12:15Z"
    clock = ReleaseRule(lag_days=0, at="18:30", zone="UTC")
    assert utc_text(known_at(clock, noon)[0]) == "2026-02-05T18:30Z"


def test_the_third_business_day_of_the_next_month() -> None:
    # September 2025: the 1st is Labor Day, so the 2nd, 3rd and 4th.
    rule = ReleaseRule(month_day=3, at="10:00", zone="America/New_York", business_days="FED")
    found = known_at(rule, np.array(["2025-08-15"], dtype="datetime64[D]"))
    assert utc_text(found[0]) == "2025-09-04T14:00Z"


def test_an_unknown_series_is_refused_with_near_names() -> None:
    with pytest.raises(SchemaError, match=r"no release rule for 'DGS11' \(near: .*DGS10"):
        rule_for("DGS11")
    with pytest.raises(SchemaError, match=r"'vix' \(near: VIX"):
        rule_for("vix")
    with pytest.raises(
        SchemaError, match=r"'MY_OWN'; its publication time is unknown; add release: \{lag_days"
    ):
        rule_for("MY_OWN")


def test_an_unknown_variant_is_refused_with_the_known_ones() -> None:
    with pytest.raises(SchemaError, match="'tresury' is no variant of DGS10; it has treasury"):
        rule_for("DGS10", "tresury")
    with pytest.raises(SchemaError, match="'treasury' is no variant of VIX; it has none"):
        rule_for("VIX", "treasury")


def test_dates_outside_the_calendars_are_refused() -> None:
    with pytest.raises(SchemaError, match="1900-01-02"):
        known_at(rule_for("DGS10"), np.array(["1900-01-02"], dtype="datetime64[D]"))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({}, "give one of lag, lag_days, weekday, month_day, or session_close"),
        ({"lag": "1m", "lag_days": 1}, "give one of"),
        ({"lag": "soon"}, "'soon' is not a duration"),
        ({"lag": "1m", "at": "10:00", "zone": "UTC"}, "leave out at and zone"),
        ({"session_close": "XNYS", "at": "10:00", "zone": "UTC"}, "leave out at and zone"),
        ({"session_close": "XNYS", "lag_days": 1}, "session_close goes with lag alone"),
        ({"lag_days": 1}, "needs at"),
        ({"month_day": 1, "at": "10:00"}, "needs at"),
        ({"month_day": 0, "at": "10:00", "zone": "UTC"}, "greater than or equal to 1"),
    ],
)
def test_half_a_rule_is_refused(fields: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        ReleaseRule.model_validate(fields)


@pytest.mark.parametrize(
    ("series", "text"),
    [
        ("DGS10", "1 business day (FED) later, 16:15 America/New_York"),
        ("DTWEXBGS", "next Monday or the business day (FED) after it, 16:15 America/New_York"),
        ("FEDFUNDS", "business day (FED) 1 of the next month, 16:15 America/New_York"),
        ("VIX", "XNYS close + 15m"),
        ("DXY", "same day, 17:00 America/New_York"),
        ("ETF_FLOWS", "1 day later, 12:00 UTC"),
        ("DVOL", "the fact + 0m"),
    ],
)
def test_a_rule_reads_as_words(series: str, text: str) -> None:
    assert str(rule_for(series)) == text


# The table in docs/data.md ------------------------------------------------------------------------

DATA_PAGE = Path(__file__).resolve().parents[2] / "docs" / "data.md"


def release_table() -> list[str]:
    """Return the table as Markdown; series with one release share a row."""
    groups: dict[int, list[str]] = {}
    for name, release in RELEASES.items():
        groups.setdefault(id(release), []).append(name)
    rows = [
        "| series | `release` | known at | source | documented |",
        "|---|---|---|---|---|",
    ]
    for names in groups.values():
        release = RELEASES[names[0]]
        for variant, rule in ((None, release.rule), *release.variants.items()):
            name = "default" if variant is None else f"`{variant}`"
            word = "yes" if rule.confirmed else "assumption"
            rows.append(f"| {', '.join(names)} | {name} | {rule} | {rule.source} | {word} |")
    return rows


def test_the_table_in_the_docs_is_the_table_in_the_code() -> None:
    lines = DATA_PAGE.read_text().splitlines()
    expected = release_table()
    start = lines.index(expected[0])
    assert lines[start : start + len(expected)] == expected
    # No row beyond them.
    assert not lines[start + len(expected)].startswith("|")
