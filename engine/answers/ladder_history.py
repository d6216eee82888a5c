"""The drawdown ladder over time: the factor on new positions in force after each bar close."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from engine.config.models import DrawdownConfig
from engine.decision_terms import GuardEventKind, GuardName
from engine.equity_curve import EquityCurve
from engine.records import GuardEvent

FULL_SIZE, HALTED = 1.0, 0.0
_HALTS = (GuardName.DRAWDOWN_HALT, GuardName.ACCOUNT_DRAWDOWN_HALT)

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class LadderHistory:
    """A ladder after each bar close.

    Attributes
    ----------
    at : bar closes, ns UTC
    factor : on the size of new positions: 1 above the first rung, 0 while halted
    fall : equity / the ladder's own peak - 1, zero or negative; the peak restarts after a halt
    """

    at: NDArray[np.int64]
    factor: Floats
    fall: Floats

    def shares(self) -> dict[float, float]:
        """Return the share of the window's time at each factor, the largest factor first.

        A factor holds from its close to the next one; the last close has no time, so that a factor
        of this close alone has the share 0. Empty where the window has fewer than two closes.
        """
        length = np.diff(self.at)
        if not length.sum():
            return {}
        held = self.factor[:-1]
        return {
            float(factor): float(length[held == factor].sum() / length.sum())
            for factor in np.unique(self.factor)[::-1]
        }

    @property
    def lowest(self) -> float:
        """Return the smallest factor of any close, full size without one."""
        return float(self.factor.min(initial=FULL_SIZE))

    def carried_to(self, at: NDArray[np.int64]) -> "LadderHistory":
        """Return the history at other closes: each has the state of the last own close so far.

        Before the first own close the size is full and nothing has fallen.
        """
        last = np.searchsorted(self.at, at, side="right")
        factor = np.concatenate(([FULL_SIZE], self.factor))[last]
        return LadderHistory(at, factor, np.concatenate(([0.0], self.fall))[last])

    def entered(self, factor: float) -> NDArray[np.int64]:
        """Return the closes at which a factor came into force, ns UTC; the start is none."""
        begins = (self.factor[1:] == factor) & (self.factor[:-1] != factor)
        found: NDArray[np.int64] = self.at[1:][begins]
        return found


def ladder_history(
    curve: EquityCurve, events: Iterable[GuardEvent], rules: DrawdownConfig, start_equity: float
) -> LadderHistory:
    """Return the factors of a ladder along an equity curve.

    ``events`` are the guard events of the same books: their halts say when the factor is 0, and
    where the peak restarts. Equals ``Guards.tier`` after each close.
    """
    halts = [event for event in events if event.guard in _HALTS]
    released = [event.at for event in halts if event.event is GuardEventKind.RELEASED]
    restarts = np.searchsorted(curve.at, released).tolist()
    peak = _peaks(curve.equity, restarts, start_equity)
    factor = np.full(len(peak), FULL_SIZE)
    for rung in rules.ladder:
        reached = curve.equity <= peak * (1 - rung.drawdown)
        factor[reached] = rung.multiplier
    tripped = [event.at for event in halts if event.event is GuardEventKind.TRIPPED]
    for begin in np.searchsorted(curve.at, tripped).tolist():
        end = min((place for place in restarts if place > begin), default=len(factor))
        factor[begin:end] = HALTED
    fall = np.divide(curve.equity, peak, out=np.ones_like(peak), where=peak > 0) - 1
    return LadderHistory(curve.at, factor, fall)


def stricter(one: LadderHistory, other: LadderHistory | None) -> LadderHistory:
    """Return the first of two ladders over the same closes, with the smaller factor of both."""
    if other is None:
        return one
    return replace(one, factor=np.minimum(one.factor, other.factor))


def _peaks(equity: Floats, restarts: list[int], start_equity: float) -> Floats:
    """Return the guard's peak at each close: a halt's end makes that close the new peak."""
    edges = [0, *restarts, len(equity)]
    peaks = [np.maximum.accumulate(equity[first:last]) for first, last in pairwise(edges)]
    if len(peaks[0]):
        peaks[0] = np.maximum(peaks[0], start_equity)
    found: Floats = np.concatenate(peaks)
    return found
