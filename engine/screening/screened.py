"""The results of screened sets: one row a set."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from engine.costs import simple_interest
from engine.equity_curve import BillAccruals
from engine.screening.layout import NONE, STATE, Floats, Ints, Records


@dataclass(frozen=True)
class Screened:
    """Hold the results of sets, named as the metrics of a run; one element or row a set.

    Money is in the account's currency; ``fees`` are positive when paid, ``funding`` when received.
    ``max_drawdown_bars`` is measured at bar closes, ``exposure`` the share of the window with a
    position. ``days`` are the last closes of the days, ``daily_equity`` (set, day) the equity at
    them, without columns where it was not asked for.
    """

    start_equity: Floats
    end_equity: Floats
    trades: Ints
    wins: Ints
    fees: Floats
    funding: Floats
    liquidations: Ints
    max_drawdown_bars: Floats
    exposure: Floats
    days: Ints
    daily_equity: Floats
    bill: BillAccruals

    @classmethod
    def joined(
        cls,
        parts: Sequence[tuple[Sequence[int], Records, Floats]],
        *,
        start_equity: Sequence[float],
        days: Ints,
        window_ns: int,
        bill: BillAccruals,
    ) -> "Screened":
        """Return the results of parts: places of sets, their final states, and their days."""
        count = len(start_equity)
        states, equity = np.zeros(count, STATE), np.zeros((count, len(days)))
        for places, own, daily in parts:
            states[list(places)], equity[list(places)] = own, daily
        return cls(
            start_equity=np.array(start_equity),
            end_equity=states["equity"],
            trades=states["trades"] + (states["held_since"] != NONE),
            wins=states["wins"],
            fees=states["fees"],
            funding=states["funding"],
            liquidations=states["liquidations"],
            max_drawdown_bars=states["worst"],
            exposure=states["held_ns"] / window_ns,
            days=days,
            daily_equity=equity,
            bill=bill,
        )

    @property
    def net_pnl(self) -> Floats:
        """Return the change of equity of each set."""
        return self.end_equity - self.start_equity

    def daily_returns(self) -> Floats:
        """Return the simple returns of the days, (set, day); zero for an account at zero."""
        before = self._before()
        alive = before != 0
        ratio = np.divide(self.daily_equity, before, out=np.ones_like(before), where=alive)
        return np.asarray(ratio - 1)

    def excess_returns(self) -> Floats:
        """Return the daily returns in excess of the bill, (set, day).

        The bill of a day's last mark belongs to the next day, as in ``engine/excess.py``.
        """
        before, charge = self._before(), np.zeros_like(self.daily_equity)
        known = np.isfinite(self.bill.rate)
        for at, rate, days in zip(
            self.bill.at[known], self.bill.rate[known], self.bill.days[known], strict=True
        ):
            day = int(np.searchsorted(self.days, at))
            if day + 1 < len(self.days) and self.days[day] == at:
                charge[:, day + 1] += simple_interest(self.daily_equity[:, day], rate, days)  # type: ignore[arg-type]
        amount = self.daily_equity - before - charge
        return np.divide(amount, before, out=np.zeros_like(before), where=before != 0)

    def _before(self) -> Floats:
        return np.concatenate((self.start_equity[:, None], self.daily_equity[:, :-1]), axis=1)
