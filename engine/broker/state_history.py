"""Balances and positions of a simulation over time, as columns."""

from array import array
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from engine.account_rates import WALLETS

Floats = NDArray[np.float64]
WALLET_COUNT = len(WALLETS)


class StateColumns(NamedTuple):
    """Holds one row a recorded state; see :class:`History`."""

    since: NDArray[np.int64]
    cash: Floats
    booked: Floats
    quantities: Floats
    averages: Floats


class History:
    """Records balances and positions, each state in force from the close of an instant index on.

    Cash is in each wallet's currency, in the order of ``WALLETS``; ``booked`` is the same cash at
    the rates of its facts, in the account's currency. Positions are in the order of instruments.
    """

    def __init__(self, instruments: int) -> None:
        # Plain floats in one row after the other: a run records two states an order.
        self._rows = array("d")
        self._widths = (1, WALLET_COUNT, WALLET_COUNT, instruments, instruments)

    def record(
        self,
        t: int,
        cash: Iterable[float],
        booked: Iterable[float],
        quantities: Iterable[float],
        averages: Iterable[float],
    ) -> None:
        """Record the state from index ``t`` on."""
        self._rows.extend((t, *cash, *booked, *quantities, *averages))

    def columns(self) -> StateColumns:
        """Return all recorded states."""
        table = np.array(self._rows).reshape(-1, sum(self._widths))
        since, *others = np.split(table, np.cumsum(self._widths)[:-1], axis=1)
        return StateColumns(since[:, 0].astype(np.int64), *others)
