"""The daily return in excess of the bill: trading, interest less bill, revaluation of cash.

    excess of a day = (trading + (interest - bill) + revaluation) / equity at the day's start

*Trading* is the result of price, costs, funding and dividends. *Interest* is the interest paid on
cash. *Revaluation* is the change that the rates of the wallets' currencies made to the cash: the
value of all cash less its facts, each at its own rate; zero at par. The *bill* is the interest on
the whole equity by the accrual of cash: simple interest at the rate known at a day's end, over the
days since the previous end (weekends included), actual/365. It is due at that instant and shows,
like the interest, in the next mark. Cash alone therefore has an excess of exactly zero.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass, fields

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from engine.costs import simple_interest
from engine.daily_money import DailyMoney
from engine.equity_curve import BillAccruals, EquityCurve
from engine.records import Fact, FactKind

Floats = NDArray[np.float64]
Instants = NDArray[np.int64]

# Facts that are no trading result: deposits, transfers between wallets, interest.
NO_TRADING = frozenset({FactKind.DEPOSIT.value, FactKind.TRANSFER.value, FactKind.INTEREST.value})
ROUNDING = 1e-12  # of equity: rounding of one payment added to it


@dataclass(frozen=True)
class BillCharges:
    """The bill on an account's equity: ``amount`` (account currency) due at ``at``.

    Each accrual has three entries, for venue cash, brokerage cash and the rest: the interest of a
    wallet then equals one of them to the last bit.
    """

    at: Instants
    amount: Floats


NO_CHARGES = BillCharges(np.zeros(0, np.int64), np.zeros(0))


def bill_charges(curve: EquityCurve, bill: BillAccruals) -> BillCharges:
    """Return the bill on the equity at each accrual.

    An accrual without a known rate counts as 0; an accrual before the first point of the curve is
    left out.
    """
    place = np.searchsorted(curve.at, bill.at, side="right") - 1
    due = (place >= 0) & np.isfinite(bill.rate)
    place, rate, days = place[due], bill.rate[due], bill.days[due]
    parts = (
        curve.venue_value,
        curve.brokerage_value,
        curve.transit_value + curve.unrealized + curve.owned,
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
    """Return the parts of every day with a bar close.

    A day's equity is the equity at its last bar close; a close at midnight belongs to the day it
    ends. A day without a bar has no entry; its move belongs to the next day with one. Interest and
    bill at a day's last mark belong to the next day.

    Parameters
    ----------
    curve : equity at bar closes
    facts : the ledger facts of one or several accounts
    charges : the bill of each account, see :func:`bill_charges`
    tz : time zone of the days
    start_equity : equity before the first bar; None: the curve's first value
    start : points of the curve at or before it (ns UTC) belong to no day
    """
    first, revalued_before = start_equity, 0.0
    if first is None:
        first = float(curve.equity[0]) if len(curve.equity) else float("nan")
        revalued_before = float(curve.revaluation[0]) if len(curve.equity) else 0.0
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
        ends, np.array([f.at for f in paid], np.int64), np.array([f.value for f in paid])
    )
    charged = list(charges)
    bill = _summed(
        ends,
        np.concatenate([NO_CHARGES.at, *(item.at for item in charged)]),
        np.concatenate([NO_CHARGES.amount, *(item.amount for item in charged)]),
    )
    traded = np.array([f.at for f in booked if f.kind not in NO_TRADING], np.int64)
    revalued = np.diff(curve.revaluation[last], prepend=revalued_before)
    moved = (after - before) - interest - revalued
    # Only interest and rates moved such a day; the difference is rounding.
    idle = ~(_touched(ends, traded) | _held(curve, last)) & (abs(moved) <= ROUNDING * abs(before))
    trading = np.where(idle, 0.0, moved)
    return DailyMoney(days[last], ends, before, after, trading, interest, bill, revalued)


def bill_rates(days: pd.DatetimeIndex, ends: Instants, bill: BillAccruals) -> "pd.Series[float]":
    """Return the return of the bill on each day, a fraction, by the day's last mark ``ends``.

    Several accruals of one day are added.
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
    """Return the sum of the amounts due before each end, from the previous end on."""
    due: list[list[float]] = [[] for _ in range(len(ends) + 1)]
    for place, amount in zip(np.searchsorted(ends, at, side="right"), amounts, strict=True):
        due[place].append(float(amount))
    # fsum rounds once: the order of the amounts does not change the sum.
    return np.array([math.fsum(amounts) for amounts in due[:-1]], np.float64)


def _touched(ends: Instants, at: Instants) -> NDArray[np.bool_]:
    """Return for each day whether one of the instants lies in it or at one of its ends."""
    touched = np.zeros(len(ends), np.bool_)
    for side in ("left", "right"):
        place = np.searchsorted(ends, at, side=side)
        touched[place[place < len(ends)]] = True
    return touched


def _held(curve: EquityCurve, last: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Return for each day whether a position was held at one of its closes or at the end before."""
    holding = np.concatenate(([0], np.cumsum(np.asarray(curve.gross_notional) > 0)))
    if len(last) == 0:
        return np.zeros(0, np.bool_)
    since = np.concatenate(([0], last[:-1]))
    held: NDArray[np.bool_] = holding[last + 1] > holding[since]
    return held
