"""Pass rates of conditions, on all bars of the window and on flush bars."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.conditions import Condition, Truth
from engine.playbook import Signals

FLUSH = "flush"
NOTABLE = "rows that the playbook marked notable"


@dataclass(frozen=True)
class PassRate:
    """Counts of one condition over some rows; ``pass_rate`` = true / (true + false)."""

    rows: int
    true: int
    false: int
    unknown: int

    @property
    def pass_rate(self) -> float | None:
        """Share of the known rows at which the condition held; None without a known row."""
        known = self.true + self.false
        return self.true / known if known else None

    def as_json(self) -> dict[str, float | int | None]:
        """Return the counts and the rate as they are written."""
        return {
            "rows": self.rows,
            "true": self.true,
            "false": self.false,
            "unknown": self.unknown,
            "pass_rate": self.pass_rate,
        }


@dataclass(frozen=True)
class ConditionRates:
    """One condition's description and its pass rates."""

    name: str
    description: str
    unit: str
    required: bool
    inputs: tuple[str, ...]
    left_out: bool
    all_bars: PassRate
    flush_bars: PassRate
    group: str = ""

    def as_json(self) -> dict[str, object]:
        """Return the row as it is written to ``conditions.json``; ``group`` only where it is."""
        return {
            "name": self.name,
            **({"group": self.group} if self.group else {}),
            "description": self.description,
            "unit": self.unit,
            "required": self.required,
            "inputs": list(self.inputs),
            "left_out": self.left_out,
            "all_bars": self.all_bars.as_json(),
            "flush_bars": self.flush_bars.as_json(),
        }


def flush_rows(signals: Signals) -> tuple[NDArray[np.bool_], str]:
    """Return the mask of flush bars, and its definition as text.

    A flush bar is a row at which the condition ``flush`` is true; without that condition, a row
    with the signal ``flush`` above zero; without both, a notable row.
    """
    for item in signals.conditions:
        if item.name == FLUSH:
            return item.truth == Truth.TRUE, "rows where the condition 'flush' is true"
    if FLUSH in signals.values:
        return signals.values[FLUSH] > 0, "rows where the signal 'flush' is above zero"
    if signals.notable is not None:
        return np.asarray(signals.notable), NOTABLE
    return np.zeros(len(signals.decided_at), dtype=np.bool_), "none: the playbook marks no rows"


def condition_rates(signals: Signals, start: int, end: int) -> tuple[ConditionRates, ...]:
    """Return each condition's counts over the rows decided inside ``[start, end]``, ns UTC."""
    inside = (signals.decided_at >= start) & (signals.decided_at <= end)
    flush = flush_rows(signals)[0] & inside
    return tuple(
        ConditionRates(
            item.name,
            item.description,
            item.unit,
            item.required,
            item.inputs,
            item.left_out,
            _rate(item, inside),
            _rate(item, flush),
            item.group,
        )
        for item in signals.conditions
    )


def rates_document(signals: Signals, rates: Sequence[ConditionRates]) -> dict[str, object]:
    """Return the contents of ``conditions.json``."""
    return {
        "flush_bars": flush_rows(signals)[1],
        "conditions": [item.as_json() for item in rates],
    }


def _rate(item: Condition, rows: NDArray[np.bool_]) -> PassRate:
    truth = item.truth[rows]
    return PassRate(
        rows=len(truth),
        true=int((truth == Truth.TRUE).sum()),
        false=int((truth == Truth.FALSE).sum()),
        unknown=int((truth == Truth.UNKNOWN).sum()),
    )
