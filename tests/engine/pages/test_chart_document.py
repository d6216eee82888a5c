"""The chart's JSON gives back the candles, marks and levels that it was made from."""

from itertools import accumulate

import numpy as np
import pytest

from engine.drawn_values import DrawnAs, DrawnValue
from engine.pages.chart_document import _line, chart_document, runs
from engine.price_chart import run_chart
from engine.price_chart.drawn_signals import DrawnLine
from engine.results.finished import RunRecord


def expanded(packed):
    return [
        value for value, count in zip(packed[::2], packed[1::2], strict=True) for _ in range(count)
    ]


@pytest.fixture(scope="module")
def made(make_run):
    record = RunRecord(make_run())
    chart = run_chart(record)
    return chart, chart_document(chart, record.trades, currency="USDT", is_synthetic=False)


def test_candles_come_back_to_the_digits_shown(made):
    chart, document = made
    (item,), (drawn,) = document["instruments"], chart.instruments
    packed, unit = item["candles"], 10.0 ** item["digits"]
    closes = np.array(list(accumulate(packed["close"])))
    opens = np.array(packed["open"]) + np.concatenate(([0], closes[:-1]))
    high = np.array(packed["high"]) + np.maximum(opens, closes)
    low = np.minimum(opens, closes) - np.array(packed["low"])
    closed = np.array(list(accumulate(expanded(packed["closed"]))))
    np.testing.assert_array_equal(closed, drawn.candles.closed_at // 10**9)
    length = drawn.candles.closed_at - drawn.candles.opened_at
    np.testing.assert_array_equal(expanded(packed["length"]), length // 10**9)
    for name, values in (("open", opens), ("high", high), ("low", low), ("close", closes)):
        np.testing.assert_allclose(values / unit, getattr(drawn.candles, name), atol=0.51 / unit)


def test_each_mark_names_its_sentences_by_number(made):
    chart, document = made
    (item,), (drawn,) = document["instruments"], chart.instruments
    assert len(item["marks"]) == len(drawn.marks) == 12
    for packed, mark in zip(item["marks"], drawn.marks, strict=True):
        assert packed[:2] == [mark.at // 10**9, mark.price]
        assert document["texts"][packed[10]] == mark.reason
        assert [document["texts"][place] for place in packed[12]] == list(mark.lines)


def test_equal_data_give_an_equal_document(made, make_run):
    record = RunRecord(make_run())
    again = chart_document(run_chart(record), record.trades, currency="USDT", is_synthetic=False)
    assert again == made[1]


def test_runs_of_nothing_are_nothing():
    assert runs(np.zeros(0, np.int64)) == []


def test_a_flat_part_of_a_line_keeps_its_ends_and_an_unknown_value_is_a_gap():
    hours = np.arange(8, dtype=np.int64) * 3_600 * 10**9
    value = np.array([5.0, 5.0, 5.0, 7.0, np.nan, np.nan, np.nan, 7.0])
    declared = DrawnValue("high", "highest", DrawnAs.LINE)
    packed = _line(DrawnLine(declared, hours, value))
    at = list(accumulate(expanded(packed["at"])))
    assert [second // 3_600 for second in at] == [0, 2, 3, 4, 6, 7]
    assert packed["value"] == [5.0, 5.0, 7.0, None, None, 7.0]
