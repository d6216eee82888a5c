"""The registry of headline numbers: one name, one title, one meaning for each number."""

import math
from pathlib import Path

import pytest

from doc_tables.blocks import differences
from doc_tables.metrics import sample
from engine.audit.metrics import FORMULAS
from engine.compare.matrix import COLUMNS
from engine.metrics import METRICS, RELATIVE_METRICS, IntervalSample, relative_numbers
from engine.pages.run_rows import metric_rows
from engine.statistics import daily_measures
from tests.engine.metrics.test_formulas import curve, headline_of_curve, random_returns

ROOT = Path(__file__).resolve().parents[3]
EVERY = (*METRICS, *RELATIVE_METRICS)


def test_a_name_and_a_title_belong_to_one_number():
    names, titles = [m.name for m in EVERY], [m.title for m in EVERY]
    assert len(set(names)) == len(names)
    assert len(set(titles)) == len(titles)


def test_the_audit_has_a_formula_of_its_own_for_each_number():
    assert set(FORMULAS) == {metric.name for metric in METRICS}
    assert "engine.metrics" not in (ROOT / "engine" / "audit" / "metrics.py").read_text()


def test_the_registry_names_every_number_relative_to_the_benchmark():
    returns = random_returns(40)
    numbers = relative_numbers(returns, returns[::-1], 365)
    assert set(numbers) == {metric.name for metric in RELATIVE_METRICS}


def test_the_statistics_measure_every_number_whose_interval_is_drawn_from_days():
    drawn = {IntervalSample.RETURNS, IntervalSample.EXCESS}
    assert set(daily_measures(365)) == {m.name for m in METRICS if m.interval_from in drawn}


def test_the_table_of_the_docs_is_that_of_the_registry():
    (block,) = sample()
    assert list(differences(block)) == []
    _, _, rest = block.path.read_text().partition("<!-- metrics begin -->")
    stored = [line for line in rest.partition("<!-- metrics end -->")[0].splitlines() if line]
    assert stored == block.lines


@pytest.mark.parametrize("metric", EVERY, ids=lambda metric: metric.name)
def test_a_number_that_does_not_exist_is_a_dash_or_n_a(metric):
    assert metric.text(math.nan) in ("-", "n/a")
    assert not metric.says.endswith(".")


def test_summary_and_comparison_show_a_number_under_one_title():
    numbers = headline_of_curve(curve([], []), periods_per_year=365, start_equity=1_000.0)
    titles = {row[0] for row in metric_rows(numbers, {})}
    compared = {column.title[:1].lower() + column.title[1:] for column in COLUMNS}
    always = (metric for metric in METRICS if metric.on_pages and metric.shown_if_zero)
    shared = {metric.title for metric in always if metric.compared}
    assert shared
    assert {title[:1].lower() + title[1:] for title in shared} <= compared
    assert shared <= titles


WORDS_NOT_USED = ("win rate", "Win rate", "expectancy, R", "Expectancy, R", "expectancy in R")


def test_no_other_word_is_used_for_the_hit_rate_or_the_average_r():
    rooms = ("engine", "strategies", "docs", "doc_tables", "README.md")
    files = [
        path
        for room in rooms
        for path in ([ROOT / room] if "." in room else (ROOT / room).rglob("*"))
    ]
    found = [
        f"{path.relative_to(ROOT)}: {word}"
        for path in files
        if path.suffix in {".py", ".md", ".js", ".j2"}
        for word in WORDS_NOT_USED
        if word in path.read_text(encoding="utf-8")
    ]
    assert found == []
