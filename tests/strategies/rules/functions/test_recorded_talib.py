"""The last three of TA-Lib 0.8.2 over twenty prices; more: benchmarks/second_library.py."""

import numpy as np
import pytest

from strategies.rules.functions.function import PriceBars, RowWindow
from strategies.rules.functions.registry import FUNCTIONS

CLOSE = np.ravel(
    [
        [44.34, 44.09, 44.15, 43.61, 44.33, 44.83, 45.10, 45.42, 45.84, 46.08],
        [45.89, 46.03, 45.61, 46.28, 46.28, 46.00, 46.03, 46.41, 46.22, 45.64],
    ]
)
OTHER = np.ravel(
    [
        [20.1, 20.3, 20.0, 19.7, 19.9, 20.4, 20.6, 20.5, 20.9, 21.0],
        [20.8, 20.9, 20.7, 21.2, 21.1, 21.0, 21.2, 21.3, 21.1, 20.8],
    ]
)
BARS = PriceBars(CLOSE + 0.5, CLOSE - 0.25, CLOSE)
FIVE, TEN = RowWindow.of_rows(20, 5), RowWindow.of_rows(20, 10)


@pytest.mark.parametrize(
    ("name", "arguments", "recorded"),
    [
        ("sma", (CLOSE, FIVE), [46.2, 46.188, 46.06]),
        ("ema", (CLOSE, 5), [46.151120643683875, 46.17408042912258, 45.99605361941506]),
        ("rsi", (CLOSE, 14), [69.34685316290864, 66.29471265892623, 57.91502067008556]),
        ("atr", (BARS, 1), [0.88, 0.75, 0.83]),
        ("upper_band", (CLOSE, FIVE, 2.0), [46.517238080942, 46.496648667582, 46.573030213535]),
        ("lower_band", (CLOSE, FIVE, 2.0), [45.882761919058, 45.879351332418, 45.546969786465]),
        ("std", (CLOSE, FIVE), [0.15861904047118, 0.15432433379088, 0.25651510676761]),
        ("slope", (CLOSE, FIVE), [0.001, 0.029, -0.053]),
        (
            "correlation",
            (CLOSE, OTHER, TEN),
            [0.8956032956156, 0.8929466765561, 0.9095240177562],
        ),
        ("beta", (CLOSE, OTHER, TEN), [0.57605239007365, 0.59654903915125, 0.63349742373152]),
        ("change", (CLOSE, FIVE), [0.8, -0.06, -0.64]),
        ("pct_change", (CLOSE, FIVE), [0.0175400131550, -0.00129645635264, -0.0138288677615]),
    ],
)
def test_the_second_library_gives_the_same_values(name, arguments, recorded):
    found = FUNCTIONS[name].compute(*arguments)
    np.testing.assert_allclose(found[-3:], recorded, rtol=1e-9, atol=1e-9)
