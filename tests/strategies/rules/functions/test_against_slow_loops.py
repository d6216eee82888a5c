"""Every function equals an obvious loop, and its rows depend on nothing that comes later."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strategies.rules.functions.function import PriceBars, RowTimes, RowWindow
from strategies.rules.functions.registry import FUNCTIONS
from tests.strategies.rules.functions.slow_functions import SLOW

NUMERIC = [name for name, item in FUNCTIONS.items() if not item.reads_clock and not item.selects]
RECURSIVE = ("ema", "wilder", "rsi", "atr", "macd", "macd_signal", "macd_histogram")
WINDOWED = [
    name for name in NUMERIC if any(item.kind == "window" for item in FUNCTIONS[name].parameters)
]
MOST_ROWS = 25


@st.composite
def numbers(draw, rows):
    """Draw values with unknown ones, runs of equal ones, and an offset up to 1e9."""
    steps = draw(
        st.lists(st.integers(-4, 4) | st.sampled_from([0, np.nan]), min_size=rows, max_size=rows)
    )
    offset, scale = draw(st.sampled_from([(0, 1), (0, 0.1), (100, 0.1), (1e9, 1), (1e9, 1e-3)]))
    values = offset + scale * np.array(steps, dtype=np.float64)
    if draw(st.booleans()):
        values[np.isnan(values)] = offset
    return values


@st.composite
def windows(draw, rows):
    """Draw a window of a number of rows, or starts that move on as those of a time window do."""
    if draw(st.booleans()):
        return RowWindow.of_rows(rows, draw(st.integers(1, 12)))
    steps = draw(st.lists(st.integers(0, 3), min_size=rows, max_size=rows))
    first = np.minimum(np.cumsum(steps), np.arange(rows)).astype(np.int64)
    full = draw(st.lists(st.integers(0, 9), min_size=rows, max_size=rows))
    return RowWindow(first, np.array(full, dtype=np.int64) > 0)


@st.composite
def arguments(draw, name, rows):
    """Draw the arguments of a function, one for each parameter and one more that repeats."""
    return [draw(argument(item, rows)) for item in FUNCTIONS[name].parameters]


def argument(parameter, rows):
    truths = st.lists(st.sampled_from([1, 0, 0, 0, -1]), min_size=rows, max_size=rows)
    above = st.integers(0, 3)
    kinds = {
        "number": numbers(rows),
        "truth": truths.map(lambda values: np.array(values, dtype=np.int8)),
        "window": windows(rows),
        "rows": st.integers(1, 9),
        "constant": st.sampled_from([0.5, 2.0]),
        "periods": st.sampled_from([252.0, 8760.0]),
        "bars": st.builds(
            lambda close, up, down: PriceBars(close + up, close - down, close),
            numbers(rows),
            above,
            above,
        ),
    }
    return kinds[parameter.kind]


def tolerance(name, given_arguments):
    """Return the absolute error that 1e-10 of the values' own spread allows."""
    values = [item for item in given_arguments if getattr(item, "dtype", None) == np.float64]
    bars = [item.close for item in given_arguments if isinstance(item, PriceBars)]
    level = max((np.nanmax(np.abs(item), initial=0) for item in (*values, *bars)), default=0)
    # A recursion rounds at the level of its values.
    return 1e-15 * level * 40 if name in RECURSIVE else 1e-10


def cut(item, rows):
    """Return an argument without its later rows."""
    if isinstance(item, RowWindow):
        if item.length:
            return RowWindow.of_rows(rows, item.length)
        return RowWindow(item.first[:rows], item.full[:rows])
    if isinstance(item, PriceBars):
        return PriceBars(item.high[:rows], item.low[:rows], item.close[:rows])
    return item[:rows] if isinstance(item, np.ndarray) else item


def test_every_function_of_numbers_has_a_slow_loop():
    assert sorted(SLOW) == sorted(NUMERIC)


@pytest.mark.parametrize("name", NUMERIC)
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_a_function_equals_the_slow_obvious_loop(name, data):
    drawn = data.draw(arguments(name, data.draw(st.integers(1, MOST_ROWS))))
    np.testing.assert_allclose(
        FUNCTIONS[name].compute(*drawn), SLOW[name](*drawn), rtol=1e-9, atol=tolerance(name, drawn)
    )


@pytest.mark.parametrize("name", NUMERIC)
@settings(max_examples=12, deadline=None)
@given(data=st.data())
def test_later_rows_change_no_bit_of_earlier_ones(name, data):
    rows = data.draw(st.integers(1, MOST_ROWS))
    drawn = data.draw(arguments(name, rows))
    kept = data.draw(st.integers(0, rows))
    found = FUNCTIONS[name].compute(*drawn)
    alone = FUNCTIONS[name].compute(*(cut(item, kept) for item in drawn))
    assert found.dtype == np.float64
    assert found[:kept].tobytes() == alone.tobytes()


@pytest.mark.parametrize("name", WINDOWED)
@settings(max_examples=12, deadline=None)
@given(data=st.data())
def test_windows_of_rows_have_the_bits_of_windows_with_the_same_first_rows(name, data):
    rows, length = data.draw(st.integers(1, MOST_ROWS)), data.draw(st.integers(1, 9))
    drawn = [
        RowWindow.of_rows(rows, length)
        if item.kind == "window"
        else data.draw(argument(item, rows))
        for item in FUNCTIONS[name].parameters
    ]
    others = [
        RowWindow(item.first, item.full) if isinstance(item, RowWindow) else item for item in drawn
    ]
    found = FUNCTIONS[name].compute(*drawn)
    assert found.tobytes() == FUNCTIONS[name].compute(*others).tobytes()


@pytest.mark.parametrize("name", WINDOWED)
@settings(max_examples=12, deadline=None)
@given(data=st.data())
def test_rows_before_the_window_change_no_bit(name, data):
    rows, earlier = data.draw(st.integers(1, 20)), data.draw(st.integers(1, 20))
    length = data.draw(st.integers(1, 9))
    parameters = FUNCTIONS[name].parameters

    def drawn(count):
        return [data.draw(argument(item, count)) for item in parameters]

    def with_window(items, count):
        window = RowWindow.of_rows(count, length)
        return [window if isinstance(item, RowWindow) else item for item in items]

    later, history = drawn(rows), drawn(earlier)
    joined = [
        np.concatenate((past, item)) if isinstance(item, np.ndarray) else item
        for past, item in zip(history, later, strict=True)
    ]
    alone = FUNCTIONS[name].compute(*with_window(later, rows))
    together = FUNCTIONS[name].compute(*with_window(joined, earlier + rows))[earlier:]
    # Changes and returns read one row before the window.
    assert together[length:].tobytes() == alone[length:].tobytes()


@pytest.mark.parametrize("name", WINDOWED)
def test_arguments_are_left_as_they_were(name):
    rng = np.random.default_rng(4)
    given_values = {
        "number": rng.normal(100, 1, 50),
        "truth": rng.integers(-1, 2, 50).astype(np.int8),
        "window": RowWindow.of_rows(50, 7),
        "constant": 2.0,
        "periods": 252.0,
    }
    drawn = [given_values[item.kind] for item in FUNCTIONS[name].parameters]
    before = [np.copy(item) for item in drawn if isinstance(item, np.ndarray)]
    FUNCTIONS[name].compute(*drawn)
    after = [item for item in drawn if isinstance(item, np.ndarray)]
    assert all((a == b).all() for a, b in zip(before, after, strict=True))


@pytest.mark.parametrize("name", ["std", "zscore", "slope", "upper_band", "percentile", "sma"])
def test_a_long_window_over_large_values_keeps_its_digits(name):
    rng = np.random.default_rng(8)
    values = 1e9 + rng.normal(0, 1, 3_000)
    values[:10] += 1e9
    window = RowWindow.of_rows(3_000, 2_000)
    constants = [2.0] if name == "upper_band" else []
    found = FUNCTIONS[name].compute(values, window, *constants)
    rows = [1_999, 2_005, 2_999]
    for row in rows:
        last = values[: row + 1]
        alone = RowWindow(np.full(row + 1, row - 1_999), np.arange(row + 1) == row)
        assert found[row] == pytest.approx(SLOW[name](last, alone, *constants)[row], rel=1e-9)


@pytest.mark.parametrize("name", RECURSIVE)
def test_a_recursion_forgets_what_its_memory_does_not_reach(name):
    function = FUNCTIONS[name]
    rng = np.random.default_rng(9)
    close = np.cumsum(rng.normal(0, 1, 2_000))
    lengths = [7, 11, 5][: sum(item.kind == "rows" for item in function.parameters)]
    memory = function.memory(lengths)

    def value(past):
        x = np.concatenate((past + close[:-500][-len(past) :], close[-500:]))
        return function.compute(PriceBars(x + 1, x - 1, x) if name == "atr" else x, *lengths)

    base, moved = value(np.zeros(1_500)), value(np.full(1_500, 1_000.0))
    first = 1_500 + memory.soft
    # A jump of 1,000 more than the memory ago: its weight is below 2e-9.
    np.testing.assert_allclose(base[first:], moved[first:], rtol=0, atol=1_000 * 2e-9 * 100)
    assert len(base[first:]) > 50
    assert abs(base[1_500 + lengths[0]] - moved[1_500 + lengths[0]]) > 1e-3
    known = np.flatnonzero(np.isfinite(base))
    assert known[0] == memory.hard


def test_functions_of_the_clock_read_no_later_row():
    at = np.arange(0, 40 * 86_400, 3_600, dtype=np.int64) * 10**9
    dates = (at - 1).astype("datetime64[ns]").astype("datetime64[D]")
    whole = RowTimes(at, dates, "24/7", intraday=True)
    for kept in range(1, len(at), 97):
        part = RowTimes(at[:kept], dates[:kept], "24/7", intraday=True)
        for name, zone in (("weekday", ["UTC"]), ("hour", ["UTC"]), ("days_to_month_end", [])):
            compute = FUNCTIONS[name].compute
            assert compute(whole, *zone)[:kept].tobytes() == compute(part, *zone).tobytes()
        selects = FUNCTIONS["month_end"].selects
        assert selects(whole)[:kept].tolist() == selects(part).tolist()
