"""Every window function equals a slow loop, and none depends on later rows."""

import numpy as np
import pytest

from engine.signals.market import rolling

NAN = float("nan")


def values(seed: int = 1, rows: int = 80) -> np.ndarray:
    """Return a walk with a few holes."""
    rng = np.random.default_rng(seed)
    walk = 100 + np.cumsum(rng.normal(size=rows))
    walk[[7, 31, 32]] = NAN
    return walk


def slow(measure, window: int, data: np.ndarray) -> np.ndarray:
    """Return a measure of each full window without holes; NaN elsewhere."""
    found = np.full(len(data), NAN)
    for t in range(window - 1, len(data)):
        part = data[t - window + 1 : t + 1]
        if np.isfinite(part).all():
            found[t] = measure(part)
    return found


MEASURES = {
    "mean": (lambda x: rolling.mean(x, 6), np.mean),
    "highest": (lambda x: rolling.highest(x, 6), np.max),
    "slope": (lambda x: rolling.slope(x, 6), lambda p: np.polyfit(np.arange(6), p, 1)[0]),
    "since top": (
        lambda x: rolling.rows_since_extreme(x, 6, top=True),
        lambda p: 5 - int(np.argmax(p)),
    ),
    "since low": (
        lambda x: rolling.rows_since_extreme(x, 6, top=False),
        lambda p: 5 - int(np.argmin(p)),
    ),
}


@pytest.mark.parametrize("name", MEASURES)
def test_a_window_equals_a_slow_loop(name: str) -> None:
    fast, measure = MEASURES[name]
    np.testing.assert_allclose(fast(values()), slow(measure, 6, values()), rtol=1e-9)


@pytest.mark.parametrize("name", MEASURES)
def test_later_values_change_nothing(name: str) -> None:
    fast, _ = MEASURES[name]
    whole = fast(values())
    other = values()
    other[50:] *= 3
    np.testing.assert_array_equal(fast(values()[:50]), whole[:50])
    np.testing.assert_array_equal(fast(other)[:50], whole[:50])


def test_an_equal_value_is_no_new_extreme() -> None:
    since = rolling.rows_since_extreme(np.array([1.0, 3.0, 2.0, 3.0]), 4, top=True)
    assert since[-1] == 2.0


def test_changes_are_fractions_or_units() -> None:
    x = np.array([2.0, 3.0, 4.0])
    assert rolling.change(x, 2, relative=True)[-1] == 1.0
    assert rolling.change(x, 2, relative=False)[-1] == 2.0


def test_a_percentile_counts_its_own_value_half() -> None:
    # Of 1, 2, 3, 4 the last: three are below, itself half. (3 + 0.5) / 4
    found = rolling.percentile(np.array([1.0, 2.0, 3.0, 4.0]), 4, least=4)
    assert found[-1] == pytest.approx(0.875)
    assert np.isnan(found[:3]).all()


def test_a_percentile_passes_holes_over_until_too_few_are_left() -> None:
    x = np.array([1.0, NAN, 3.0, 2.0, NAN])
    found = rolling.percentile(x, 4, least=3)
    assert found[3] == pytest.approx((1 + 0.5) / 3)
    assert np.isnan(found[4])


def test_a_usual_change_leaves_the_row_itself_out() -> None:
    # sqrt((1 + 9 + 4) / 3) before the 100.
    found = rolling.usual_change(np.array([1.0, -3.0, 2.0, 100.0]), 3, least=3)
    assert found[-1] == pytest.approx(np.sqrt(14 / 3))
    assert np.isnan(found[:3]).all()


def test_correlation_equals_numpy_s() -> None:
    a, b = np.random.default_rng(2).normal(size=(2, 40))
    found = rolling.correlation(a, b, 10)
    assert found[25] == pytest.approx(np.corrcoef(a[16:26], b[16:26])[0, 1])
    assert np.isnan(found[:9]).all()
    assert np.isnan(rolling.correlation(np.ones(20), b[:20], 10)).all()


@pytest.mark.parametrize("growth", [1e-9, 1e-4, 0.01])
def test_even_growth_correlates_with_nothing_at_any_scale(growth: float) -> None:
    # The log returns of a price that grows evenly differ by rounding alone.
    even = rolling.log_returns(100.0 * (1 + growth) ** np.arange(40))
    moving = np.random.default_rng(3).normal(0, 0.01, 40)
    assert np.ptp(even[1:]) > 0
    assert np.isnan(rolling.correlation(even, moving, 10)).all()
    assert np.isnan(rolling.correlation(moving, even, 10)).all()
    small = rolling.correlation(moving * 1e-9, moving[::-1] * 1e-9, 10)
    np.testing.assert_allclose(small, rolling.correlation(moving, moving[::-1], 10), rtol=1e-9)
