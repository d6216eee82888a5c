"""Check which stretches of a run's page are shaded as sell-offs."""

from datetime import date
from types import SimpleNamespace

import pytest

from data_feeds.clock import HOUR_NS, midnight_ns
from engine.config.models import ReportConfig
from engine.errors import ConfigError
from engine.pages.run_page import sell_off_spans
from engine.run_data import shaded_channels
from tests.engine.sell_offs.test_found import data


def config(**report):
    return SimpleNamespace(report=ReportConfig.model_validate(report))


def record(closes, *, start, report):
    run = SimpleNamespace(config=config(**report), dataset=data(closes))
    return SimpleNamespace(run=run, start=midnight_ns(start), end=midnight_ns(date(2026, 2, 1)))


def close_at(day):
    return midnight_ns(date(2026, 1, day)) + 21 * HOUR_NS


def test_a_span_is_high_confirmation_and_end():
    # The 5th to the 8th of January 2026: 100, 90 (-10%), 94, 95 (half regained).
    held = record(
        [100, 90, 94, 95], start=date(2026, 1, 1), report={"sell_offs": {"instrument": "X"}}
    )
    assert sell_off_spans(held) == [(close_at(5), close_at(6), close_at(8))]


def test_a_span_that_began_before_the_window_is_cut_at_its_start():
    report = {"sell_offs": {"instrument": "X", "fall": 0.1}}
    start = date(2026, 1, 7)
    held = record([100, 90, 94, 95], start=start, report=report)
    assert sell_off_spans(held) == [(midnight_ns(start), midnight_ns(start), close_at(8))]
    assert sell_off_spans(record([100, 90, 95], start=date(2026, 1, 20), report=report)) == []


def test_without_the_section_nothing_is_shaded_or_read():
    assert sell_off_spans(record([100, 80], start=date(2026, 1, 1), report={})) == []
    assert shaded_channels(config(), data([100, 80])) == frozenset()


def test_a_market_that_the_data_lack_is_refused_before_the_run():
    asked = config(sell_offs={"instrument": "Y"})
    with pytest.raises(ConfigError, match=r"report\.sell_offs: no Y/bars/1d in the data"):
        shaded_channels(asked, data([100, 80]))
    asked = config(sell_offs={"instrument": "X"})
    assert {str(key) for key in shaded_channels(asked, data([100, 80]))} == {
        "X/bars/1d",
        "X/dividends",
    }
