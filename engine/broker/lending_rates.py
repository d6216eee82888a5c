"""The rates at which borrowed shares are paid for, along the ends of account days."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from data_feeds.clock import utc_text
from data_feeds.errors import CoverageError

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class LendingRates:
    """Holds the rates known at each end of a day; one entry an instant, annual fractions.

    ``rebate`` is the rate of the collateral, NaN for none; ``fees`` holds the borrow fee of each
    instrument that has a series of it.
    """

    rebate: Floats
    fees: Mapping[str, Floats] = field(default_factory=dict)


def lending_rates(
    at: NDArray[np.int64],
    *,
    day_end: NDArray[np.bool_],
    rebate: str | None,
    fees: Mapping[str, str],
    known: Callable[[str | None], Floats],
) -> LendingRates:
    """Return the rates of a timeline; ``known`` reads a series at the ends of days.

    Raises
    ------
    CoverageError : a series of a borrow fee has no value at the first end of a day.
    """
    found = {name: known(series) for name, series in sorted(fees.items())}
    for name, rates in found.items():
        unknown = day_end & np.isnan(rates)
        if bool(unknown.any()):
            raise CoverageError(
                f"{fees[name]}: no borrow fee of {name} is known by "
                f"{utc_text(int(at[unknown][0]))}; take a series that begins earlier, or state "
                "borrow_fee_bps"
            )
    return LendingRates(known(rebate), found)
