import numpy as np
import pytest

from data_feeds.clock import HOUR_NS, MINUTE_NS
from engine.signals.asof import derived_as_of
from engine.signals.positioning import liquidation_multiple, open_interest_base, premium
from tests.engine.signals.channels import bars, liquidations, open_interest

HOURS = np.arange(4, dtype=np.int64) * HOUR_NS


def priced(close, opened=HOURS, **more):
    close = np.asarray(close, dtype=np.float64)
    return bars(opened, close - 1, close + 1, close, np.ones(len(close)), **more)


def test_a_falling_price_alone_is_no_fall_of_open_interest():
    # 900 over 90 and 800 over 80 quote are 10 base both: in quote it looks like -11%.
    interest = open_interest([HOUR_NS, 2 * HOUR_NS], quote=[900.0, 800.0])
    assert open_interest_base(interest, priced([90.0, 80.0, 80.0, 80.0])).tolist() == [10.0, 10.0]


def test_the_source_s_own_base_value_comes_first():
    interest = open_interest([HOUR_NS], quote=[900.0], base=[7.0])
    assert open_interest_base(interest, priced([90.0, 80.0, 80.0, 80.0])).tolist() == [7.0]


def test_a_price_of_another_instant_converts_nothing():
    late = open_interest([HOUR_NS + 6 * MINUTE_NS], quote=[900.0])
    assert np.isnan(open_interest_base(late, priced([90.0, 80.0, 80.0, 80.0]))).all()


def test_the_mark_comes_before_the_last_price():
    interest = open_interest([HOUR_NS, 2 * HOUR_NS], quote=[900.0, 800.0])
    mark = priced([100.0], opened=HOURS[:1])
    found = open_interest_base(interest, mark, priced([90.0, 80.0, 80.0, 80.0]))
    assert found.tolist() == [9.0, 10.0]


def test_forced_closes_of_longs_and_of_shorts_are_separate():
    prints = liquidations(HOURS, [1.0, 3.0, 8.0, 8.0], [4.0, 4.0, 4.0, 1.0])
    # Window of two hours: 8 / ((1 + 3) / 2) = 4; shorts 1 / ((4 + 4) / 2) = 0.25
    assert liquidation_multiple(prints, 1, 2 * HOUR_NS)[2] == 4.0
    assert liquidation_multiple(prints, -1, 2 * HOUR_NS)[3] == 0.25


def test_a_discount_compares_closes_of_the_same_instant():
    half = np.arange(8, dtype=np.int64) * 30 * MINUTE_NS
    last = priced([99.0, 98.0, 97.0, 96.0, 95.0, 94.0, 93.0, 92.0], opened=half, timeframe="30m")
    mark = priced([100.0, 100.0], opened=HOURS[:2])
    # The mark's first hour ends with the second half-hour bar: 98 / 100 - 1.
    assert premium(last, mark).tolist() == [
        pytest.approx(-0.02),
        pytest.approx(-0.04),
    ]
    assert np.isnan(premium(last.take(slice(0, 0)), mark)).tolist() == [True, True]


def test_a_discount_without_a_bar_at_that_instant_is_unknown():
    last = priced([99.0], opened=HOURS[1:2])
    assert np.isnan(premium(last, priced([100.0], opened=HOURS[:1]))).all()


def test_a_derived_number_waits_for_the_latest_row_that_entered_it():
    # The point of hour 1 is published with hour 3: a number from both is not known before.
    interest = open_interest(HOURS[:3], quote=[1.0] * 3, available=[0, 3 * HOUR_NS, 2 * HOUR_NS])
    found = derived_as_of(interest, np.array([1.0, 2.0, 3.0]), HOURS)
    assert found.values.tolist() == [1.0, 1.0, 1.0, 3.0]


def test_a_derived_number_is_fresh_only_for_its_time_and_never_when_nan():
    interest = open_interest(HOURS[:2], quote=[1.0] * 2)
    found = derived_as_of(interest, np.array([1.0, np.nan]), HOURS, HOUR_NS)
    assert found.is_fresh.tolist() == [True, False, False, False]
    old = derived_as_of(interest, np.array([1.0, 2.0]), HOURS, HOUR_NS)
    assert old.is_fresh.tolist() == [True, True, True, False]
