"""The days of one finished run, and which of them lie inside a sell-off."""

from dataclasses import dataclass
from datetime import date
from functools import cached_property
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.metrics import max_drawdown
from engine.records import FactKind
from engine.run_folder.read import RunFolder
from engine.sell_offs import FoundSellOffs, SellOff

Floats = NDArray[np.float64]
Places = NDArray[np.int64]
CALM = -1


@dataclass(frozen=True)
class RunDays:
    """The daily parts of one run's return, fractions of the equity at each day's start.

    Attributes
    ----------
    days : the UTC days with a bar close
    total : simple returns
    financed : price, costs, carry and dividends, less the bill on the money in owned shares at the
        day's start: what the row makes beyond a book of bills
    excess : returns in excess of the bill
    bill : the bill's return
    before : equity at each day's start, account currency
    """

    folder: RunFolder
    days: NDArray[np.datetime64]
    total: Floats
    financed: Floats
    excess: Floats
    bill: Floats
    before: Floats

    @property
    def name(self) -> str:
        """Return the run's name."""
        return str(self.folder.manifest["name"])

    @property
    def is_synthetic(self) -> bool:
        """Return whether the run read generated rows."""
        return bool(self.folder.manifest["data_label"] == "synthetic")


@dataclass(frozen=True)
class SellOffDays:
    """The sell-offs of a market on the days of one run.

    Attributes
    ----------
    place : the sell-off of each day, by its place in ``sell_offs``; -1 on calm days
    known : False on the days of a run-up, on which nobody could know of the sell-off
    partly : numbers of the sell-offs of which the run has only some days
    """

    sell_offs: tuple[SellOff, ...]
    place: Places
    known: NDArray[np.bool_]
    partly: tuple[int, ...]

    @cached_property
    def inside(self) -> NDArray[np.bool_]:
        """Return the days inside a sell-off: after the high, up to the last day."""
        inside: NDArray[np.bool_] = self.place != CALM
        return inside

    @property
    def clusters(self) -> list[int]:
        """Return the numbers of the clusters that the run has days of."""
        return sorted({self.sell_offs[place].cluster for place in set(self.place) - {CALM}})

    def sums(self, values: Floats) -> Floats:
        """Return the sum of daily values in each cluster, in the order of ``clusters``."""
        cluster = self._cluster
        return np.array([values[cluster == number].sum() for number in self.clusters])

    def cycles(self, values: Floats) -> Floats:
        """Return the sum of daily values from each cluster's first day to the next one's.

        Every day counts once: the calm days before the first cluster belong to it, the calm days
        after a cluster to that cluster.
        """
        starts = [int(np.argmax(self._cluster == number)) for number in self.clusters]
        edges = [0, *starts[1:], len(values)]
        return np.array([values[one:other].sum() for one, other in pairwise(edges)])

    @cached_property
    def _cluster(self) -> Places:
        """Return the cluster of each day, 0 on calm days."""
        numbers = np.array([item.cluster for item in self.sell_offs])
        return np.where(self.inside, numbers[self.place], 0)


def run_days(folder: Path) -> RunDays:
    """Return the days of a finished run.

    Raises
    ------
    ReportError : the folder is no run's, was altered, or cannot be read.
    """
    files = RunFolder(folder)
    money = files.money
    alive = money.before > 0

    def share(amount: Floats) -> Floats:
        return np.divide(amount, money.before, out=np.zeros_like(amount), where=alive)

    return RunDays(
        files,
        money.days.to_numpy().astype("datetime64[D]"),
        money.values,
        share(money.trading - money.bill * share(_in_shares(files))),
        money.excess_values,
        share(money.bill),
        money.before,
    )


def sell_off_days(found: FoundSellOffs, days: NDArray[np.datetime64]) -> SellOffDays:
    """Return which sell-off each of a run's days belongs to.

    A day's return runs from the close before it, so the day of the high is calm and the last day is
    inside. A sell-off that began before the run, or goes on after it, counts with the days it has.
    """
    closes = np.array(found.closes.days, dtype="datetime64[D]")
    outside = (closes < days[0]) | (closes > days[-1])
    place = np.full(len(days), CALM, dtype=np.int64)
    known = np.ones(len(days), dtype=np.bool_)
    partly = []
    for number, item in enumerate(found.sell_offs):
        high, confirmed, last = map(_day, (item.high, item.confirmed, item.last))
        inside = (days > high) & (days <= last)
        beyond = outside & (closes > high) & (closes <= last)
        place[inside] = number
        # The confirming close belongs to the fall that nobody could know of before it.
        known[inside & (days <= confirmed)] = False
        if inside.any() and beyond.any():
            partly.append(item.number)
    return SellOffDays(found.sell_offs, place, known, tuple(partly))


def compounded(returns: Floats) -> float:
    """Return the growth of one unit over daily returns, less one."""
    return float(np.prod(1 + returns) - 1)


def deepest(returns: Floats) -> float:
    """Return the deepest drawdown of daily returns, zero or negative."""
    return max_drawdown(np.concatenate(([1.0], np.cumprod(1 + returns))))


def _in_shares(files: RunFolder) -> Floats:
    """Return the money in owned shares at each day's start, account currency.

    Shares sold short hold none: the cash of their sale stays in the wallet as collateral, and its
    rebate is already among the trading results.
    """
    curve = files.curve
    last = np.searchsorted(curve.at, files.money.ends, side="right") - 1
    owned = np.concatenate(([0.0], curve.owned[last][:-1]))
    lent = {
        (fact.instrument, fact.at): abs(fact.quantity) * fact.price * fact.account_rate
        for fact in files.facts
        if fact.kind in (FactKind.BORROW_FEE, FactKind.REBATE)
    }
    for (_, at), value in lent.items():
        owned[np.searchsorted(files.money.ends, at)] += value
    return owned


def _day(day: date) -> np.datetime64:
    return np.datetime64(day, "D")
