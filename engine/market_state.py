"""The market state of each day, for playbooks, risk and the checklist."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from data_feeds.clock import utc_days
from engine.conditions import Condition
from engine.decision_terms import RiskTier


class Regime(IntEnum):
    """The kind of market, from harmless to worst."""

    UNKNOWN = -1
    CALM = 0
    VOLATILITY_EVENT = 1
    TREND_BREAK = 2
    LIQUIDITY_SHOCK = 3

    @property
    def words(self) -> str:
        """Return the regime's name in plain words."""
        return self.name.lower().replace("_", " ")


class Driver(IntEnum):
    """The strongest cause of the market's moves."""

    UNKNOWN = -1
    NONE = 0
    RATES_SHOCK = 1
    LEADERSHIP = 2
    LIQUIDATIONS = 3

    @property
    def words(self) -> str:
        """Return the driver's name in plain words."""
        return _DRIVER_WORDS[self]


_DRIVER_WORDS = {
    Driver.UNKNOWN: "unknown",
    Driver.NONE: "none",
    Driver.RATES_SHOCK: "rates shock",
    Driver.LEADERSHIP: "leadership re-rating",
    Driver.LIQUIDATIONS: "liquidation cascade",
}


class Action(IntEnum):
    """The action that the checklist concludes; *cannot tell* when too few steps are known."""

    CANNOT_TELL = -1
    WAIT = 0
    REDUCE = 1
    HEDGE = 2

    @property
    def words(self) -> str:
        """Return the action's name in plain words."""
        return self.name.lower().replace("_", " ")


TIERS = tuple(RiskTier)


@dataclass(frozen=True)
class MarketState:
    """One row a calendar day; row *t* was known at ``decided_at[t]``.

    Attributes
    ----------
    dates : datetime64[D], New York
    decided_at : int64 ns UTC, rising
    values : measures by name, float64, NaN where unknown; units with the module that makes them
    conditions : by name, the five steps of the checklist among them
    regime, driver, action : int8, see the enums
    tier : int8, place in ``TIERS``
    """

    dates: NDArray[np.datetime64]
    decided_at: NDArray[np.int64]
    values: Mapping[str, NDArray[np.float64]]
    conditions: Mapping[str, Condition]
    regime: NDArray[np.int8]
    driver: NDArray[np.int8]
    action: NDArray[np.int8]
    tier: NDArray[np.int8]

    def __len__(self) -> int:
        return len(self.dates)

    @property
    def fingerprint(self) -> str:
        """Return the sha256 of the days and the labels that risk reads, 64 hex digits."""
        digest = hashlib.sha256()
        for values in (self.decided_at, self.regime, self.driver, self.action, self.tier):
            digest.update(values.tobytes())
        return digest.hexdigest()

    def row_at(self, instant: int) -> int:
        """Return the newest row known at an instant, -1 before the first."""
        return int(np.searchsorted(self.decided_at, instant, side="right")) - 1

    def between(self, first: np.datetime64, last: np.datetime64) -> "MarketState":
        """Return the rows from one date to another, both included."""
        begin = np.searchsorted(self.dates, first)
        stop = np.searchsorted(self.dates, last, side="right")
        return self.take(np.arange(int(begin), int(stop)))

    def of_sessions(self, closed_at: NDArray[np.int64]) -> "MarketState":
        """Return the row of each session's date, given when the sessions closed (ns UTC).

        Every session's date must be a date of the state.
        """
        dates = utc_days(closed_at - 1)
        return self.take(np.searchsorted(self.dates, dates).astype(np.int64))

    def take(self, rows: NDArray[np.int64]) -> "MarketState":
        """Return the state at the given rows, in their order."""
        return MarketState(
            self.dates[rows],
            self.decided_at[rows],
            {name: item[rows] for name, item in self.values.items()},
            {name: item.take(rows) for name, item in self.conditions.items()},
            self.regime[rows],
            self.driver[rows],
            self.action[rows],
            self.tier[rows],
        )
