"""Hold every function of the rule language by its name."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import wraps
from types import MappingProxyType
from typing import Any

import numpy as np

from strategies.rules.functions.averages import AVERAGES
from strategies.rules.functions.calendar_rows import CALENDAR
from strategies.rules.functions.changes import CHANGES
from strategies.rules.functions.events import EVENTS
from strategies.rules.functions.extremes import EXTREMES
from strategies.rules.functions.function import Floats, Function
from strategies.rules.functions.known import known_numbers
from strategies.rules.functions.spread import SPREAD


def _finite(compute: Callable[..., Floats]) -> Callable[..., Floats]:
    """Return the computation with NaN, the word for unknown, where a number overflows."""

    @wraps(compute)
    def computed(*arguments: Any) -> Floats:
        with np.errstate(over="ignore", under="ignore", invalid="ignore"):
            return known_numbers(compute(*arguments))

    return computed


FUNCTIONS: Mapping[str, Function] = MappingProxyType(
    {
        item.name: replace(item, compute=_finite(item.compute))
        for item in (*AVERAGES, *EXTREMES, *SPREAD, *CHANGES, *EVENTS, *CALENDAR)
    }
)
