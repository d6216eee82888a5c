"""Pass rates of conditions."""

from dataclasses import replace

import numpy as np
import pytest

from engine.conditions import condition
from engine.playbook import Signals
from engine.results.pass_rates import condition_rates, flush_rows, rates_document


def made(name="volume", notable=None, values=None):
    truth = np.array([1, 1, 0, 0, 0], dtype=bool)
    known = np.array([True, True, True, True, False])
    item = condition(
        name,
        truth,
        known=known,
        measured=np.arange(5.0),
        threshold=2.0,
        unit="x",
        description="volume is high",
    )
    at = np.arange(1, 6, dtype=np.int64)
    return Signals(at, values or {}, (item,), notable=notable)


def test_pass_rate_is_true_over_known_and_unknown_is_counted_apart():
    (rates,) = condition_rates(made(), 1, 5)
    # true, true, false, false, unknown: 2 / 4
    assert rates.all_bars.as_json() == {
        "rows": 5,
        "true": 2,
        "false": 2,
        "unknown": 1,
        "pass_rate": pytest.approx(0.5),
    }


def test_rows_outside_the_window_do_not_count():
    (rates,) = condition_rates(made(), 2, 3)
    assert (rates.all_bars.rows, rates.all_bars.true) == (2, 1)


def test_flush_bars_outside_the_window_do_not_count():
    (rates,) = condition_rates(made(notable=np.ones(5, dtype=bool)), 2, 3)
    assert rates.flush_bars.rows == 2


def test_flush_bars_are_a_condition_then_a_signal_then_the_notable_rows():
    notable = np.array([False, False, False, True, True])
    by_notable = made(notable=notable)
    by_signal = made(notable=notable, values={"flush": np.array([0.0, 1, 1, 0, 0])})
    by_condition = made(name="flush", notable=notable, values={"flush": np.ones(5)})
    assert flush_rows(by_notable)[0].tolist() == [False, False, False, True, True]
    assert flush_rows(by_signal)[0].tolist() == [False, True, True, False, False]
    assert flush_rows(by_condition)[0].tolist() == [True, True, False, False, False]
    (rates,) = condition_rates(by_signal, 1, 5)
    assert rates.flush_bars.pass_rate == pytest.approx(0.5)


def test_a_rate_without_known_rows_is_none_and_survives_json():
    (rates,) = condition_rates(replace(made(), notable=np.zeros(5, dtype=bool)), 1, 5)
    assert rates.flush_bars.pass_rate is None
    assert rates_document(made(), (rates,))["conditions"][0]["flush_bars"]["rows"] == 0
