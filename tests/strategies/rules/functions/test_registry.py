import doctest

import numpy as np
import pytest

from strategies.rules.functions import (
    averages,
    calendar_rows,
    changes,
    events,
    extremes,
    function,
    spread,
)
from strategies.rules.functions.function import WITH_UNIT, RowWindow
from strategies.rules.functions.registry import FUNCTIONS


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_function_says_what_it_is(name):
    told = FUNCTIONS[name]
    assert told.name == name
    said = (
        told.summary,
        told.formula,
        told.unit_words,
        told.memory_words,
        told.source,
        *(item.meaning for item in told.parameters),
    )
    assert all(text and not text.endswith(".") for text in said)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_its_unit_and_memory_follow_from_its_arguments(name):
    told = FUNCTIONS[name]
    units = ["price" for item in told.parameters if item.kind in WITH_UNIT]
    assert isinstance(told.unit(units), str)
    lengths = [20 for item in told.parameters if item.kind in ("window", "rows")]
    memory = told.memory(lengths)
    assert 0 <= memory.hard <= memory.soft


@pytest.mark.parametrize("name", FUNCTIONS)
def test_optional_parameters_come_last_and_only_the_last_one_repeats(name):
    parameters = FUNCTIONS[name].parameters
    optional = [item.is_optional for item in parameters]
    assert optional == sorted(optional)
    assert not any(item.repeats for item in parameters[:-1])


def test_a_function_is_written_with_its_parameters():
    assert FUNCTIONS["sma"].written == "sma(x, length)"
    assert FUNCTIONS["macd"].written == "macd(x, [fast], [slow])"


def test_a_window_of_rows_is_full_from_its_length_on():
    window = RowWindow.of_rows(4, 2)
    assert window.starts.tolist() == [-1, 0, 1, 2]
    assert window.sizes.tolist() == [1, 2, 2, 2]
    assert window.starts.dtype == np.int64


def test_a_number_that_overflows_is_unknown():
    huge = np.array([1e-300, 1e300])
    found = FUNCTIONS["pct_change"].compute(huge, RowWindow.of_rows(2, 1))
    assert np.isnan(found).all()
    assert np.isnan(FUNCTIONS["std"].compute(huge, RowWindow.of_rows(2, 2))).all()


@pytest.mark.parametrize(
    "module", [averages, calendar_rows, changes, events, extremes, function, spread]
)
def test_examples_in_docstrings_hold(module):
    found = doctest.testmod(module)
    assert found.attempted > 1
    assert found.failed == 0


def test_a_window_computes_once_what_several_functions_need_of_the_same_values():
    window, values, calls = RowWindow.of_rows(3, 2), np.array([1.0, 2.0, 4.0]), []

    def doubled(x, of_window):
        calls.append(of_window)
        return 2 * x

    first = window.shared("doubled", values, doubled)
    assert window.shared("doubled", values, doubled) is first
    assert calls == [window]
    assert window.shared("doubled", values.copy(), doubled).tolist() == [2.0, 4.0, 8.0]
    assert len(calls) == 2
