"""Check that quantstats' right rows are on the page and its wrong rows are not."""

import importlib
import re
import warnings
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from engine.errors import ReportError
from engine.metrics import sharpe
from engine.pages import quantstats_part
from engine.pages.quantstats_part import (
    COARSE_PICTURES,
    DRAWN_BY,
    PICTURES,
    quantstats_html,
    tidied,
    why_no_quantstats,
)

DAYS = pd.date_range("2026-01-01", periods=120)
YEARS = 120 / 365


def returns(seed, index=DAYS):
    values = np.random.default_rng(seed).normal(0.004, 0.02, len(index))
    return pd.Series(values, index=index, name=f"series {seed}")


def metrics_table(held, benchmark, **options):
    """Return quantstats' table of metrics."""
    (table,) = quantstats_html(("metrics",), held, benchmark, **options)
    return table


def cell(page, name):
    return re.search(rf"<td>{re.escape(name)}</td>(?:<td>[^<]*</td>)*<td>([^<]*)</td></tr>", page)[
        1
    ]


def test_sharpe_on_the_page_is_ours_at_365_and_not_at_a_hidden_252():
    held = returns(1)
    page = metrics_table(held, None, periods_per_year=365, years=YEARS)
    assert float(cell(page, "Sharpe")) == pytest.approx(sharpe(held.to_numpy(), 365), abs=0.005)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = importlib.import_module("quantstats.stats").sharpe(held)
    # The wrong number: quantstats annualizes with 252 days by default.
    assert theirs == pytest.approx(sharpe(held.to_numpy(), 252))
    assert abs(theirs - sharpe(held.to_numpy(), 365)) > 0.1


def test_leading_flat_days_stay_in_the_numbers():
    held = returns(2)
    held.iloc[:40] = 0.0
    page = metrics_table(held, returns(3), periods_per_year=365, years=YEARS)
    assert float(cell(page, "Sharpe")) == pytest.approx(sharpe(held.to_numpy(), 365), abs=0.005)


def test_beta_is_measured_on_the_same_days():
    market = returns(4)
    held = (1.5 * market).rename("held")
    page = metrics_table(held, market, periods_per_year=365, years=YEARS)
    assert float(cell(page, "Beta")) == pytest.approx(1.5)


def test_another_calendar_is_refused_instead_of_back_filled():
    with pytest.raises(ReportError, match="days differ"):
        metrics_table(returns(1), returns(2, DAYS[5:]), periods_per_year=365, years=YEARS)


@pytest.mark.parametrize("flat", [False, True])
def test_a_benchmark_that_quantstats_cannot_compare_is_left_out(flat):
    held = returns(5)
    other = held * 0 if flat else held.copy()
    page = metrics_table(held, other, periods_per_year=365, years=YEARS)
    assert "Sharpe" in page
    assert "Beta" not in page


def test_a_benchmark_that_hardly_moves_is_left_out():
    still = returns(3) * 1e-4  # 0.04% a year
    page = metrics_table(returns(5), still, periods_per_year=365, years=YEARS)
    assert "Beta" not in page
    held = metrics_table(returns(5), still * 100, periods_per_year=365, years=YEARS)
    assert "Beta" in held


ANNUAL = ["Calmar", "Risk-Adjusted Return", "All-time (ann.)", "Alpha"]


@pytest.mark.parametrize(("days", "shown"), [(23, []), (29.9, []), (30, ANNUAL)])
def test_growth_of_a_year_is_left_out_of_short_windows(days, shown):
    index = DAYS[:30]
    page = metrics_table(
        returns(1, index),
        returns(2, index),
        periods_per_year=365,
        years=days / 365,
    )
    names = re.findall(r"<tr><td>([^<]*)", page)
    assert [name for name in names if name in ANNUAL] == shown
    assert {"Sharpe", "Beta", "Volatility (ann.)"} < set(names)


def test_runs_that_quantstats_cannot_describe_say_why():
    assert "10" in why_no_quantstats(returns(1).iloc[:9])
    assert "same" in why_no_quantstats(returns(1) * 0)
    assert "not a number" in why_no_quantstats(returns(1).where(returns(1) < 0.02))
    assert why_no_quantstats(returns(1)) == ""


def test_wrong_empty_and_too_long_rows_leave_the_page():
    rows = {
        "Information Ratio": ("0.1", "0.1"),
        "CAGR\N{SMALL PERCENT SIGN}": ("5%", "6%"),
        "Max Drawdown": ("-", "-1.0%"),
        "Beta": ("-", "0.5"),
        "3Y (ann.)": ("5%", "6%"),
        "Longest DD Days": ("-", "-"),
        "Sharpe": ("1.0", "2.0"),
    }
    page = "".join(f"<tr><td>{n}</td><td>{b}</td><td>{s}</td></tr>" for n, (b, s) in rows.items())
    left = re.findall(r"<tr><td>([^<]*)", tidied(page, years=200 / 365))
    assert left == ["Beta", "Sharpe"]


def test_a_year_that_lost_against_the_benchmark_stays():
    row = "<tr><td>2027</td><td>5.0</td><td>1.0</td><td>0.2</td><td>-</td></tr>"
    assert tidied(row, years=900 / 365) == row


def test_quantstats_never_downloads(monkeypatch):
    utils = importlib.import_module("quantstats.utils")

    def refuse(*args, **kwargs):
        raise AssertionError("quantstats asked for a ticker")

    monkeypatch.setattr(utils, "download_returns", refuse)
    metrics_table(returns(6), returns(7), periods_per_year=365, years=YEARS)


def test_a_picture_is_the_same_whichever_others_are_drawn():
    held, benchmark = returns(8), returns(9)
    options = {"periods_per_year": 365, "years": YEARS}
    names = (*PICTURES, *COARSE_PICTURES)
    together = quantstats_html(names, held, benchmark, **options)
    assert all(picture.strip().startswith("<svg") for picture in together)
    alone = quantstats_html(("dd_plot", "returns"), held, benchmark, **options)
    assert alone == [together[names.index("dd_plot")], together[names.index("returns")]]


def test_a_picture_that_is_drawn_once_is_the_one_of_quantstats(monkeypatch):
    names = (*PICTURES, *COARSE_PICTURES)
    options = {"periods_per_year": 365, "years": YEARS}
    once = quantstats_html(names, returns(8), returns(9), **options)
    monkeypatch.setattr(quantstats_part, "_drawn_once", nullcontext)
    assert quantstats_html(names, returns(8), returns(9), **options) == once


def test_every_picture_of_quantstats_own_page_is_known_by_its_place():
    template = Path(importlib.import_module("quantstats").__file__).parent / "report.html"
    places = set(re.findall(r"{{(\w+)}}", template.read_text(encoding="utf-8")))
    texts = {"title", "date_range", "params", "matched_dates", "v", "metrics", "dd_info"}
    texts |= {"eoy_title", "eoy_table", "benchmark_title", "strategy_title"}
    assert places - texts == set(DRAWN_BY)
