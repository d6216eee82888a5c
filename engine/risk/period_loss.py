"""Limit the loss of a day or week: armed at its start, tripped once, released at its end."""

import math
from dataclasses import dataclass

from engine.config.models import GuardScope, LossLimitConfig
from engine.decision_terms import GuardEventKind, GuardName
from engine.records import GuardEvent
from engine.scalars import scalar


@scalar
def loss_floor(equity: float, limit: float) -> float:
    """Return the equity at which a period has lost a fraction of its opening equity."""
    return equity * (1 - limit)


@dataclass(frozen=True)
class PeriodState:
    """Hold the state of a loss limit at the end of a run: the equity at which its period began.

    ``until`` is the midnight at which a tripped limit ends, None while it is not tripped.
    """

    reference: float
    until: int | None = None


class PeriodLoss:
    """Hold one loss limit of one period, ``day`` or ``week``.

    Attributes
    ----------
    floor : equity at or below which the limit trips; -inf when off or tripped in this period
    until : midnight at which a tripped limit ends, None while it is not tripped
    """

    def __init__(
        self, name: GuardName, period: str, config: LossLimitConfig | None, start_equity: float
    ) -> None:
        self.name = name
        self.floor = -math.inf
        self.until: int | None = None
        self._period = period
        self._config = config
        self._reference = self._tripped_reference = start_equity
        self.arm(start_equity)

    @property
    def flattens(self) -> bool:
        """Return whether tripping closes all positions."""
        return self._config is not None and self._config.scope is GuardScope.FLATTEN

    def arm(self, equity: float) -> None:
        """Begin a period whose losses are measured from this equity."""
        self._reference = equity
        if self._config is not None:
            self.floor = loss_floor(equity, self._config.limit)

    def state(self) -> PeriodState:
        """Return the state that another run can continue."""
        return PeriodState(self._reference, self.until)

    def resume(self, state: PeriodState) -> None:
        """Continue a period that began in an earlier run, tripped or not."""
        self.arm(state.reference)
        if self._config is not None and state.until is not None:
            self.floor, self.until = -math.inf, state.until
            self._tripped_reference = state.reference

    def holds(self, at: int) -> bool:
        """Return whether the limit is tripped at an instant."""
        return self.until is not None and at < self.until

    def trip(self, at: int, equity: float, until: int) -> GuardEvent:
        """Trip at a bar close whose equity is at the floor or below; return the event."""
        assert self._config is not None, "a limit that is off has no floor"
        self.floor, self.until = -math.inf, until
        # The next period can be armed, at its last close, before this one ends at midnight.
        self._tripped_reference = self._reference
        loss = equity / self._reference - 1
        when = "today" if self._period == "day" else f"this {self._period}"
        detail = f"{loss:.2%} {when}, limit -{self._config.limit:.2%}"
        return GuardEvent(
            at, self.name, GuardEventKind.TRIPPED, equity, self._reference, until, detail
        )

    def release(self, at: int, equity: float, through: int) -> GuardEvent | None:
        """Release a limit whose period ended by ``through``; return the event, None for none."""
        if self.until is None or self.until > through:
            return None
        until, self.until = self.until, None
        detail = f"a new account {self._period}"
        return GuardEvent(
            at, self.name, GuardEventKind.RELEASED, equity, self._tripped_reference, until, detail
        )
