"""Check months and years: whole or partial by the traded calendar, empty where the run has none."""

import re

import numpy as np
import pandas as pd
import pytest

from engine.pages import periods as told
from engine.pages.periods import extreme_rows, month_rows, periods
from engine.pages.run_page import run_page
from engine.results.finished import RunRecord


def at(text: str) -> int:
    return int(np.datetime64(text, "ns").astype(np.int64))


def daily(first: str, last: str, value: float = 0.0, freq: str = "D") -> "pd.Series[float]":
    index = pd.date_range(first, last, freq=freq)
    return pd.Series(value, index=index, dtype=float)


def whole(returns, unit, calendar, window) -> dict[str, bool]:
    found = periods(returns, unit, calendar=calendar, window=(at(window[0]), at(window[1])))
    return {str(p.first)[:7]: p.is_whole for p in found}


@pytest.mark.parametrize(
    ("calendar", "window", "january", "march"),
    [
        # 2020-01-01 is not a session: the year begins with the session of the 2nd, opened 14:30Z.
        ("XNYS", ("2020-01-02T00:00", "2020-03-31T20:00"), True, True),
        ("XNYS", ("2020-01-02T15:00", "2020-03-31T19:00"), False, False),
        # Around the clock January 1st is missing, and the year ends at the next midnight.
        ("24/7", ("2020-01-02T00:00", "2020-03-31T20:00"), False, False),
        ("24/7", ("2020-01-01T00:00", "2020-04-01T00:00"), True, True),
    ],
)
def test_a_month_is_whole_when_the_window_holds_its_sessions(calendar, window, january, march):
    returns = daily("2020-01-02", "2020-03-31", freq="B")
    assert whole(returns, "M", calendar, window) == {
        "2020-01": january,
        "2020-02": True,
        "2020-03": march,
    }
    assert whole(returns, "Y", calendar, window) == {"2020-01": False}


def test_a_year_is_whole_from_its_first_session_to_its_last():
    # The last session of 2021 is Friday 12-31, closed 21:00Z; 2022 begins on Monday 01-03.
    returns = daily("2021-06-01", "2023-01-10", freq="B")
    found = whole(returns, "Y", "XNYS", ("2021-06-01T00:00", "2023-01-10T22:00"))
    assert found == {"2021-01": False, "2022-01": True, "2023-01": False}
    assert whole(returns, "Y", "XNYS", ("2021-01-04T00:00", "2022-12-30T21:00")) == {
        "2021-01": True,
        "2022-01": True,
        "2023-01": False,
    }


@pytest.fixture
def record(make_run, monkeypatch):
    """Return a run around the clock, 02-03 to 04-01: 1% on 02-10 and 02-11, -2% on 03-20."""
    run = RunRecord(make_run(hours=24 * 20, plans=0))
    returns = daily("2026-02-03", "2026-03-31")
    returns["2026-02-10"], returns["2026-02-11"], returns["2026-03-20"] = 0.01, 0.01, -0.02
    monkeypatch.setattr(RunRecord, "daily_returns", returns)
    monkeypatch.setattr(RunRecord, "excess_returns", returns)
    monkeypatch.setattr(RunRecord, "start", at("2026-02-03"))
    monkeypatch.setattr(RunRecord, "end", at("2026-04-01"))
    return run


def test_a_month_that_the_run_did_not_have_is_empty_and_a_partial_one_is_marked(record):
    # 1.01 x 1.01 = 1.0201; x 0.98 = 0.999698.
    (_, *months, year) = month_rows(record)[1]
    assert months == ["", "2.01%*", "-2.00%", *[""] * 9]
    assert year == "-0.03%*"


def test_best_worst_and_mean_use_whole_months_and_years_only(record):
    heading, months, years = extreme_rows(record)
    assert months == ("months", "1", "-2.00%", "-2.00%", "-2.00%")
    assert years == ("years", "0", "n/a", "n/a", "n/a")
    assert heading[2:] == ("best", "worst", "geometric mean")


def test_the_page_has_our_months_and_no_row_of_quantstats_about_months_or_years(record):
    page = run_page(record, None)
    assert told.NOTE in page
    names = re.findall(r"<tr><td[^>]*>(.*?)</td>", page.partition("by quantstats")[2])
    assert len(names) > 20
    assert [name for name in names if re.search("Month|Year|Quarter|MTD|YTD", name)] == []
    assert "Monthly Returns" not in page
