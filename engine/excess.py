"""What each day's return is in excess of the bill, in two parts: trading, and interest less it.

    excess of a day = (trading + (interest - bill)) / equity at the day's start

*Trading* is what price, costs, funding and dividends did. *Interest* is what cash was paid. The
*bill* is what the whole equity would have been paid, by the accrual that cash itself earns: simple
interest at the rate known at a day's end, over the days since the end before (weekends included),
actual/365. It is due at that instant and shows, as the interest does, in the next mark. Cash alone
is therefore zero in excess to the last bit.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass, fields

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from engine.costs import simple_interest
from engine.records import BillAccruals, DailyMoney, EquityCurve, Fact, FactKind

Floats = NDArray[np.float64]
Instants = NDArray[np.int64]

# Facts that are no result of trading: they pay interest, or leave the sum of the wallets alone.
NO_TRADING = frozenset({FactKind.DEPOSIT.value, FactKind.TRANSFER.value, FactKind.INTEREST.value})
ROUNDING = 1e-12  # of equity: what adding one payment to it leaves


@dataclass(frozen=True)
class BillCharges:
    """What an account's equity would have earned in bills: ``amount`` (quote) due at ``at``.

    Three entries an accrual, for venue cash, brokerage cash and all else: the interest of a wallet
    is then one of them to the last bit.
    """

    at: Instants
    amount: Floats


NO_CHARGES = BillCharges(np.zeros(0, np.int64), np.zeros(0))


def bill_charges(curve: EquityCurve, bill: BillAccruals) -> BillCharges:
    """Return what the equity at each accrual would have earned in bills.

    An accrual whose rate was not known yet counts as 0; one without a point of the curve at or
    before it is left out.
    """
    place = np.searchsorted(curve.at, bill.at, side="right") - 1
    due = (place >= 0) & np.isfinite(bill.rate)
    place, rate, days = place[due], bill.rate[due], bill.days[due]
    parts = (
        curve.venue_cash,
        curve.brokerage_cash,
        curve.transit_cash + curve.unrealized + curve.owned,
    )
    amounts = [simple_interest(part[place], rate, days) for part in parts]  # type: ignore[arg-type]
    return BillCharges(np.tile(bill.at[due], len(parts)), np.concatenate(amounts))


def daily_money(
    curve: EquityCurve,
    facts: Iterable[Fact] = (),
    charges: Iterable[BillCharges] = (),
    *,
    tz: str = "UTC",
    start_equity: float | None = None,
    start: int | None = None,
) -> DailyMoney:
    """Return the parts of every day that holds a bar close.

    A day's equity is that of its last bar close; a close at midnight belongs to the day it ends. A
    day without any bar has no entry; its move belongs to the next day that has one. Interest paid
    at a day's last mark shows in the next day's, as the bill does.

    Parameters
    ----------
    curve : equity at bar closes
    facts : the ledger's; of several accounts together those of each
    charges : the bill, see :func:`bill_charges`; of several accounts those of each
    tz : time zone of the days
    start_equity : equity before the first bar; None: the curve's first value
    start : points of the curve at or before it (ns UTC) belong to no day
    """
    first = start_equity
    if first is None:
        first = float(curve.equity[0]) if len(curve.equity) else float("nan")
    if start is not None:
        curve = points_after(curve, start)
    days = days_of(curve.at, tz)
    last = np.flatnonzero(np.append(days[1:] != days[:-1], True)[: len(days)])
    after = np.asarray(curve.equity, dtype=np.float64)[last]
    before = np.concatenate(([first], after[:-1]))[: len(after)]
    ends = np.asarray(curve.at, dtype=np.int64)[last]
    booked = tuple(fact for fact in facts if not fact.memo)
    paid = [fact for fact in booked if fact.kind == FactKind.INTEREST.value]
    interest = _summed(
        ends, np.array([f.at for f in paid], np.int64), np.array([f.amount for f in paid])
    )
    charged = list(charges)
    bill = _summed(
        ends,
        np.concatenate([NO_CHARGES.at, *(item.at for item in charged)]),
        np.concatenate([NO_CHARGES.amount, *(item.amount for item in charged)]),
    )
    traded = np.array([f.at for f in booked if f.kind not in NO_TRADING], np.int64)
    moved = (after - before) - interest
    # Nothing but interest moved such a day: adding and taking it off again leaves rounding.
    idle = ~(_touched(ends, traded) | _held(curve, last)) & (abs(moved) <= ROUNDING * abs(before))
    trading = np.where(idle, 0.0, moved)
    return DailyMoney(days[last], ends, before, after, trading, interest, bill)


def bill_rates(days: pd.DatetimeIndex, ends: Instants, bill: BillAccruals) -> "pd.Series[float]":
    """Return what a bill earned on each day as a fraction, shown at the day's last mark ``ends``.

    Those of a day that holds several accruals are added.
    """
    known = np.isfinite(bill.rate)
    earned = simple_interest(1.0, bill.rate[known], bill.days[known])  # type: ignore[arg-type]
    return pd.Series(_summed(ends, bill.at[known], earned), index=days, name="bill")  # type: ignore[arg-type]


def points_after(curve: EquityCurve, start: int) -> EquityCurve:
    """Return the points of the curve that are later than ``start`` (ns UTC)."""
    later = np.asarray(curve.at, dtype=np.int64) > start
    return EquityCurve(**{item.name: getattr(curve, item.name)[later] for item in fields(curve)})


def days_of(at: Instants, tz: str = "UTC") -> pd.DatetimeIndex:
    """Return the day of each instant on a naive index; a midnight belongs to the day it ends."""
    stamps = pd.DatetimeIndex(np.asarray(at, dtype=np.int64) - 1, tz="UTC").as_unit("ns")
    return stamps.tz_convert(tz).tz_localize(None).normalize()


def _summed(ends: Instants, at: Instants, amounts: Floats) -> Floats:
    """Return the sum of the amounts due before each end and not before the end before it."""
    due: list[list[float]] = [[] for _ in range(len(ends) + 1)]
    for place, amount in zip(np.searchsorted(ends, at, side="right"), amounts, strict=True):
        due[place].append(float(amount))
    # Rounded once: equal amounts give equal sums in whatever order they come.
    return np.array([math.fsum(amounts) for amounts in due[:-1]], np.float64)


def _touched(ends: Instants, at: Instants) -> NDArray[np.bool_]:
    """Return whether an instant lies in each day or at one of its ends."""
    touched = np.zeros(len(ends), np.bool_)
    for side in ("left", "right"):
        place = np.searchsorted(ends, at, side=side)
        touched[place[place < len(ends)]] = True
    return touched


def _held(curve: EquityCurve, last: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Return whether something was held at a close of each day, or at the end before it."""
    holding = np.concatenate(([0], np.cumsum(np.asarray(curve.gross_notional) > 0)))
    if len(last) == 0:
        return np.zeros(0, np.bool_)
    since = np.concatenate(([0], last[:-1]))
    held: NDArray[np.bool_] = holding[last + 1] > holding[since]
    return held
