"""Publish run folders: equal bytes, data labels, runs without trades or days."""

import socket
from dataclasses import replace

import pandas as pd
import pytest

from engine.errors import ReportError
from engine.pages.publish import publish, write_reports
from engine.pages.quantstats_part import pictures
from engine.results.finished import RunRecord


@pytest.fixture(scope="module")
def page_of(make_run, tmp_path_factory):
    def make(**options):
        folder = publish(make_run(**options), tmp_path_factory.mktemp("runs"))
        return (folder / "tearsheet.html").read_text(), (folder / "summary.txt").read_text()

    return make


@pytest.fixture(scope="module")
def ordinary(page_of):
    return page_of()


@pytest.fixture
def no_network(monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("a report opened a connection")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


def test_equal_runs_give_equal_pages_and_nothing_reaches_the_console_or_the_network(
    ordinary, page_of, no_network, capfd
):
    assert page_of() == ordinary
    captured = capfd.readouterr()
    assert (captured.out, captured.err) == ("", "")


def test_the_page_holds_our_numbers_trades_conditions_and_quantstats(ordinary):
    page, _ = ordinary
    for text in ("this run", "holding BTCUSDT-PERP", "365 periods a year", "level_broke", "Omega"):
        assert text in page
    # our picture, returns and volatility-matched returns: 45 days that moved less than 5%
    assert page.count("<svg xmlns:xlink") == 3
    assert "{{" not in page


@pytest.mark.parametrize(
    ("days", "last", "shown", "not_shown"),
    [
        (200, 1.0001, (), ("monthly_heatmap", "returns_dist")),
        (200, 1.2, ("returns_dist",), ("monthly_heatmap",)),
        # quantstats shows months outside the window as 0.00.
        (365, 1.2, ("returns_dist",), ("monthly_heatmap", "eoy_returns", "monthly_dist")),
    ],
)
def test_a_picture_without_readable_numbers_is_left_out(days, last, shown, not_shown):
    returns = pd.Series(0.0, index=pd.date_range("2025-01-01", periods=days))
    returns.iloc[-1] = last - 1
    names = pictures(returns)
    assert set(shown) <= set(names)
    assert not set(not_shown) & set(names)


def test_the_page_loads_nothing_and_names_no_time_of_its_making(ordinary):
    page, _ = ordinary
    assert "http://quantstats" not in page
    assert "<dc:date>" not in page
    # The chart's data and scripts stand in the page; none has an address.
    assert page.count("<script") == page.count("<script>") + 1 == 4
    for way_out in ("fetch(", "XMLHttpRequest", "import(", "WebSocket", "sendBeacon"):
        assert way_out not in page
    assert page.count("<link") == page.count('<link rel="icon" href="data:,">') == 1
    assert " src=" not in page


def test_no_table_shows_nan_and_no_picture_is_a_permutation(ordinary):
    page, _ = ordinary
    assert ">nan" not in page.lower()
    assert "monte carlo" not in page.lower()


def test_synthetic_data_are_named_in_the_first_line_and_the_title(page_of):
    page, text = page_of(hours=24 * 12, label=2)
    assert text.splitlines()[0].startswith("*** SYNTHETIC DATA")
    assert "SYNTHETIC DATA" in page.split("<title>")[1].split("</title>")[0]
    assert "SYNTHETIC" not in page_of(hours=24 * 12, label=1)[0]


def test_a_run_without_trades_lists_its_nearest_misses(page_of):
    page, text = page_of(plans=0)
    assert "No trades. The rows nearest to an entry" in page
    assert "No quantstats page: every daily return is the same" in page
    assert "None. The rows nearest to an entry:" in text
    assert ">nan" not in page.lower()


def test_a_run_of_a_few_hours_has_a_page(page_of):
    page, _ = page_of(hours=8, plans=0)
    assert "the run has 1 daily returns" in page


def test_an_unknown_benchmark_is_one_clear_line(make_run, tmp_path):
    run = make_run(hours=100)
    report = run.config.report.model_copy(update={"benchmark": "SPY"})
    run = replace(run, config=run.config.model_copy(update={"report": report}))
    with pytest.raises(ReportError, match=r"no bars of 'SPY'.*with bars: BTCUSDT-PERP"):
        publish(run, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_summary_has_trades_costs_pass_rates_caps_and_files(ordinary):
    _, text = ordinary
    for words in (
        "target+exit",
        "funding",
        "forced liquidations",
        "level_broke",
        "cap that set the size: risk 4",
        "mark inferred in 0 of 1080 bars",
        "tearsheet.html",
    ):
        assert words in text
    assert "SYNTHETIC" not in text


def test_reports_do_not_change_the_record(make_run, tmp_path):
    record = RunRecord(make_run(hours=100, plans=1))
    before = record.run.outcome.curve.equity.tobytes(), record.run.dataset.fingerprint
    write_reports(record, tmp_path)
    assert (record.run.outcome.curve.equity.tobytes(), record.run.dataset.fingerprint) == before
