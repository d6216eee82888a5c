"""Listed put spreads: their names, strikes and expiries."""

import re
from dataclasses import dataclass
from typing import Self

import numpy as np

from data_feeds.calendar import session_bounds, sessions_between
from data_feeds.errors import SchemaError
from data_feeds.instrument import Instrument, InstrumentKind

EXCHANGE = "XNYS"
SHARES_PER_CONTRACT = 100
_STRIKE = r"\d+(?:\.\d+)?"
_NAME = re.compile(
    rf"(?P<underlying>.+)-(?P<expiry>\d{{4}}-\d{{2}}-\d{{2}})-P(?P<long>{_STRIKE})-(?P<short>{_STRIKE})"
)
_WEEK = np.timedelta64(7, "D")
_DAY = np.timedelta64(1, "D")
_FRIDAY = 4


@dataclass(frozen=True)
class PutSpread:
    """Long a put at ``long_strike``, short one at the lower ``short_strike``; one contract each.

    Strikes are quote per share; both puts settle at the close of the session on ``expiry``. Prices
    of a contract are for its 100 shares. The model treats both puts as European and settled in cash
    at the close; listed options on funds are American and settle in shares.
    """

    underlying: str
    expiry: np.datetime64
    long_strike: float
    short_strike: float

    @property
    def id(self) -> str:
        """Name of the contract, e.g. ``SPY-2020-04-17-P280-250``."""
        # Ten digits preserve a strike when its name is parsed again.
        return f"{self.underlying}-{self.expiry}-P{self.long_strike:.10g}-{self.short_strike:.10g}"

    @classmethod
    def parse(cls, name: str) -> Self | None:
        """Return the contract of a name; None for any other name.

        The expiry must be a session, and the short strike must lie below the long strike.
        """
        found = _NAME.fullmatch(name)
        if found is None:
            return None
        long, short = float(found["long"]), float(found["short"])
        try:
            expiry = np.datetime64(found["expiry"], "D")
        except ValueError:
            return None
        if not 0 < short < long or len(sessions_between(EXCHANGE, expiry, expiry)) == 0:
            return None
        return cls(found["underlying"], expiry, long, short)

    @property
    def expires_at(self) -> int:
        """Close at which the contract settles, ns UTC."""
        return int(session_bounds(EXCHANGE, np.array([self.expiry]))[1][0])

    def settlement(self, spot: float) -> float:
        """Return the value of a contract at expiry, quote.

        >>> PutSpread("SPY", np.datetime64("2020-04-17"), 280.0, 250.0).settlement(270.0)
        1000.0
        """
        width = self.long_strike - self.short_strike
        return SHARES_PER_CONTRACT * min(max(self.long_strike - spot, 0.0), width)

    def instrument(self, quote: str) -> Instrument:
        """Return the contract as an instrument that trades in whole contracts."""
        return Instrument(
            id=self.id,
            kind=InstrumentKind.OPTION,
            quote=quote,
            venue="model",
            calendar=EXCHANGE,
            tick_size=0.01,
            lot_size=1.0,
            synthetic=True,
            expires_at=self.expires_at,
        )


@dataclass(frozen=True)
class SpreadRule:
    """Rule for the contract to buy: moneyness of its legs (fractions of spot), tenor in days.

    Expiries at most ``least_days`` away are skipped, so that a roll never returns to them.

    Raises
    ------
    SchemaError : the short strike does not lie below the long one, or no expiry is far enough.
    """

    underlying: str
    long_moneyness: float
    short_moneyness: float
    tenor_days: int
    strike_step: float = 1.0
    least_days: int = 0

    def __post_init__(self) -> None:
        if not 0 < self.short_moneyness < self.long_moneyness:
            raise SchemaError(
                f"put spread on {self.underlying}: short moneyness {self.short_moneyness:g} must "
                f"lie below long moneyness {self.long_moneyness:g}"
            )
        if not 0 <= self.least_days < self.tenor_days:
            raise SchemaError(
                f"put spread on {self.underlying}: least_days {self.least_days} must be fewer than "
                f"tenor_days {self.tenor_days}"
            )

    def contract(self, spot: float, date: np.datetime64) -> PutSpread | None:
        """Return the contract for a session: strikes on the grid, the nearest monthly expiry.

        Expiries are third Fridays, or the session before a holiday; of two equally near expiries
        the later counts. None if both strikes fall on one grid point.
        """
        long = round(spot * self.long_moneyness / self.strike_step) * self.strike_step
        short = round(spot * self.short_moneyness / self.strike_step) * self.strike_step
        if not 0 < short < long:
            return None
        wanted = date + np.timedelta64(self.tenor_days, "D")
        month = wanted.astype("datetime64[M]")
        found = [monthly_expiry(month + np.timedelta64(step, "M")) for step in (-1, 0, 1, 2)]
        later = [expiry for expiry in found if expiry > date + self.least_days * _DAY]
        nearest = min(reversed(later), key=lambda expiry: abs(expiry - wanted))
        return PutSpread(self.underlying, nearest, float(long), float(short))


def monthly_expiry(month: np.datetime64) -> np.datetime64:
    """Return the expiry of a month: its third Friday, or the last session before it.

    >>> str(monthly_expiry(np.datetime64("2022-04")))  # Good Friday was the 15th
    '2022-04-14'
    """
    first = month.astype("datetime64[D]")
    # Day 0 of the calendar was a Thursday.
    weekday = (first.astype(np.int64) + 3) % 7
    friday = first + int((_FRIDAY - weekday) % 7) * _DAY + 2 * _WEEK
    expiry: np.datetime64 = sessions_between(EXCHANGE, friday - _WEEK, friday)[-1]
    return expiry
