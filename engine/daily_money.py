"""Hold the parts of each day's change of equity.

Instants are int64 nanoseconds UTC; amounts are in the account's currency.
"""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from engine.equity_curve import NO_VALUES, no_values


@dataclass(frozen=True)
class DailyMoney:
    """The parts of each day's change of equity, account currency; one entry a day with a bar close.

    ``ends`` are the instants of the days' last marks; ``before`` and ``after`` are equity at a
    day's ends, ``after - before = trading + interest + revaluation``; ``bill`` is the bill on
    ``before``. ``revaluation`` is the change that the rates of currencies made to the cash.
    """

    days: pd.DatetimeIndex
    ends: NDArray[np.int64]
    before: NDArray[np.float64]
    after: NDArray[np.float64]
    trading: NDArray[np.float64]
    interest: NDArray[np.float64]
    bill: NDArray[np.float64]
    revaluation: NDArray[np.float64] = field(default_factory=no_values)

    def __post_init__(self) -> None:
        if self.revaluation is NO_VALUES:
            object.__setattr__(self, "revaluation", np.zeros(len(self.ends)))

    @property
    def less_bill(self) -> NDArray[np.float64]:
        """Interest less the bill, account currency."""
        return self.interest - self.bill

    @property
    def returns(self) -> "pd.Series[float]":
        """Simple returns; zero for an account at zero."""
        return pd.Series(self.values, index=self.days, name="return", dtype=np.float64)

    @property
    def excess(self) -> "pd.Series[float]":
        """Returns in excess of the bill; zero for an account at zero."""
        return pd.Series(self.excess_values, index=self.days, name="excess", dtype=np.float64)

    @property
    def values(self) -> NDArray[np.float64]:
        """:attr:`returns` as an array."""
        alive = self.before != 0
        return np.divide(self.after, self.before, out=np.ones_like(self.after), where=alive) - 1

    @property
    def excess_values(self) -> NDArray[np.float64]:
        """:attr:`excess` as an array."""
        amount, alive = self.trading + self.less_bill + self.revaluation, self.before != 0
        return np.divide(amount, self.before, out=np.zeros_like(amount), where=alive)
