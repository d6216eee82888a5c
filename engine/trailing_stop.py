"""The terms of a trailing stop, and the distances that a signal gave it."""

from dataclasses import dataclass
from enum import StrEnum
from numbers import Real


class StopMoves(StrEnum):
    """Names the moments at which a trailing stop moves."""

    AT_CLOSES = "at_closes"
    INSIDE_BARS = "inside_bars"


@dataclass(frozen=True, slots=True)
class TrailingStop:
    """Holds the terms of a plan's stop that follows the best price since the entry, never back.

    Exactly one of three gives the distance from that price: ``distance`` (quote), ``fraction`` of
    the price in (0, 1), or ``signal``, the name of a prepared signal in quote, read at every
    decision row. The stop stays until the best price reaches ``beyond`` (None: it trails from the
    entry on). ``moved``: at closes of traded bars, or inside bars by an adverse path.
    """

    distance: float | None = None
    fraction: float | None = None
    signal: str | None = None
    beyond: float | None = None
    moved: StopMoves = StopMoves.AT_CLOSES

    def __post_init__(self) -> None:
        given = [n for n in ("distance", "fraction", "signal") if getattr(self, n) is not None]
        if len(given) != 1:
            raise ValueError(
                "a trailing stop has one of distance, fraction and signal, not "
                + (" and ".join(given) or "none")
            )
        for name in ("distance", "fraction", "beyond"):
            value = getattr(self, name)
            if value is not None and not isinstance(value, Real):
                raise ValueError(f"{name} must be a number, not {value!r}")
        if self.fraction is not None and self.fraction >= 1:
            raise ValueError(f"fraction must lie in (0, 1), not {self.fraction!r}")
        if self.signal == "":
            raise ValueError("signal must name a prepared signal, not an empty text")
        object.__setattr__(self, "moved", StopMoves(self.moved))


@dataclass(frozen=True, slots=True)
class TrailDistance:
    """Holds the distance of a trailing stop by its signal, quote, in force from ``at`` on.

    One row at the decision on the order and one at each later decision row until its end; NaN
    while the signal is unknown: then the stop does not move.
    """

    at: int
    order_id: int
    distance: float
