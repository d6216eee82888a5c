"""Check whether a signal's rows change when later rows are cut off or replaced."""

from collections.abc import Callable, Mapping

import numpy as np

Tape = Mapping[str, np.ndarray]
Signal = Callable[[Tape], np.ndarray]


def random_tape(rows: int, seed: int) -> dict[str, np.ndarray]:
    """Return bars of a jumpy walk with bursts of volume, and a slower series."""
    rng = np.random.default_rng(seed)
    close = 100 * np.exp(np.cumsum(rng.standard_t(3, rows) * 0.01))
    opened = np.concatenate(([100.0], close[:-1]))
    spread = np.abs(rng.normal(0, 0.004, (2, rows)))
    return {
        "high": np.maximum(opened, close) * (1 + spread[0]),
        "low": np.minimum(opened, close) * (1 - spread[1]),
        "close": close,
        "volume": rng.lognormal(0, 1.0, rows) + 1e-3,
        "value": rng.normal(0, 1, rows),
    }


def changed_rows(signal: Signal, tape: Tape, seed: int = 0) -> list[int]:
    """Return the rows after which a cut or replaced tape changes the signal's earlier rows."""
    whole = signal(tape)
    rows = len(tape["close"])
    found = []
    # A step of 5 meets every hour of the day.
    for t in range(0, rows - 1, 5):
        cut = {name: values[: t + 1] for name, values in tape.items()}
        other = random_tape(rows, seed + t + 1)
        replaced = {
            name: np.concatenate((values[: t + 1], other[name][t + 1 :]))
            for name, values in tape.items()
        }
        same = all(
            np.array_equal(signal(past)[: t + 1], whole[: t + 1], equal_nan=True)
            for past in (cut, replaced)
        )
        if not same:
            found.append(t)
    return found


def one_bar_ahead(signal: Signal) -> Signal:
    """Return the signal with a leak: each row has the value of the next row."""

    def leaky(tape: Tape) -> np.ndarray:
        honest = signal(tape)
        return np.concatenate((honest[1:], honest[-1:]))

    return leaky
