"""Hold the curve of equity, and the bill that returns are in excess of.

Instants are int64 nanoseconds UTC; amounts are in the account's currency where no other is named.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

NO_VALUES: NDArray[np.float64] = np.zeros(0)


def no_values() -> NDArray[np.float64]:
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
    venue_value: NDArray[np.float64] = field(default_factory=no_values)
    brokerage_value: NDArray[np.float64] = field(default_factory=no_values)
    transit_value: NDArray[np.float64] = field(default_factory=no_values)
    revaluation: NDArray[np.float64] = field(default_factory=no_values)

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
