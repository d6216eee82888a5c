"""Hold the curve of equity, the money of each day, and the bill that returns are in excess of.

Instants are int64 nanoseconds UTC; amounts are in the account's currency where no other is named.
"""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

NO_VALUES: NDArray[np.float64] = np.zeros(0)


def _no_values() -> NDArray[np.float64]:
    """Return the array that stands for a column left out."""
    return NO_VALUES


@dataclass(frozen=True)
class EquityCurve:
    """Equity at every bar close of the traded window; one entry an instant.

    ``equity = venue_value + brokerage_value + transit_value + unrealized + owned``, all in the
    account's currency. The three ``_cash`` columns are in the wallet's own currency (for several
    sleeves in the account's). ``revaluation`` is the part of the change of equity since the start
    that the rates of the cash made: the value of all cash less its facts at their own rates. Values
    that are left out are those of wallets at par.
    """

    at: NDArray[np.int64]
    equity: NDArray[np.float64]
    venue_cash: NDArray[np.float64]
    brokerage_cash: NDArray[np.float64]
    unrealized: NDArray[np.float64]
    owned: NDArray[np.float64]
    gross_notional: NDArray[np.float64]
    transit_cash: NDArray[np.float64]
    venue_value: NDArray[np.float64] = field(default_factory=_no_values)
    brokerage_value: NDArray[np.float64] = field(default_factory=_no_values)
    transit_value: NDArray[np.float64] = field(default_factory=_no_values)
    revaluation: NDArray[np.float64] = field(default_factory=_no_values)

    def __post_init__(self) -> None:
        at_par = {
            "venue_value": self.venue_cash,
            "brokerage_value": self.brokerage_cash,
            "transit_value": self.transit_cash,
            "revaluation": np.zeros(len(self.at)),
        }
        for name, values in at_par.items():
            if getattr(self, name) is NO_VALUES:
                object.__setattr__(self, name, values)


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
    revaluation: NDArray[np.float64] = field(default_factory=_no_values)

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


@dataclass(frozen=True)
class BillAccruals:
    """The accruals of the bill that ratios are in excess of: one entry at each end of a day.

    ``rate`` is the annual fraction known at the instant ``at`` (NaN: none was known yet, which
    counts as 0), ``days`` the days since the day's end before. ``series`` is empty where the data
    hold no bill; then there are no entries.
    """

    series: str
    at: NDArray[np.int64]
    rate: NDArray[np.float64]
    days: NDArray[np.float64]


NO_BILL = BillAccruals("", np.zeros(0, np.int64), np.zeros(0), np.zeros(0))
