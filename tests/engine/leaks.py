"""Plant a look-ahead of one row in one array of prepared signals."""

from dataclasses import replace

import numpy as np

from engine.causality import named_arrays
from engine.playbook import Signals


def ahead(signals: Signals, name: str) -> Signals:
    """Return the signals with one array a row ahead; its last value stays."""
    moved = {key: np.append(a[1:], a[-1:]) for key, a in named_arrays(signals).items()}[name]
    kind, _, rest = name.partition(" ")
    if kind == "signal":
        return replace(signals, values={**signals.values, rest: moved})
    if kind == "condition":
        own, _, column = rest.partition(" (")
        column = column.rstrip(")") or "truth"
        return replace(
            signals,
            conditions=tuple(
                replace(c, **{column: moved}) if c.name == own else c for c in signals.conditions
            ),
        )
    return replace(signals, **{name: moved})


def changes(signals: Signals, name: str) -> np.ndarray:
    """Return the rows after which an array changes, where a look-ahead of one row shows."""
    values = named_arrays(signals)[name]
    same = values[1:] == values[:-1]
    if values.dtype.kind == "f":
        same |= np.isnan(values[1:]) & np.isnan(values[:-1])
    return np.flatnonzero(~same)
