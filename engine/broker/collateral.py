"""Collateral of perps and shorts: margins, wallets, and the liquidation price."""

from collections.abc import Sequence

import numpy as np

from data_feeds.instrument import Wallet
from engine.broker.along_instants import NO_ROW
from engine.broker.book import Book
from engine.broker.short_sales import ShortSales
from engine.broker.timeline import InstrumentPath
from engine.config.models import MarginMode, RunConfig
from engine.contracts import MarginTerms
from engine.ledger import Ledger, Position
from engine.records import NAN
from engine.scalars import scalar


@scalar
def cross_free(free: float, initial: float, unrealized: float) -> float:
    """Return the free cash beside an open position: less its margin and its open loss."""
    return free - (initial - min(unrealized, 0.0))


class Collateral:
    """Computes free cash and liquidation prices of one account; instruments are indices.

    ``terms`` holds the margin terms of each instrument, ``shorts`` the shorts of the brokerage.
    """

    def __init__(
        self,
        paths: Sequence[InstrumentPath],
        ledger: Ledger,
        book: Book,
        terms: Sequence[MarginTerms],
        config: RunConfig,
    ) -> None:
        self._paths = tuple(paths)
        self._positions: tuple[Position, ...] = tuple(
            ledger.positions[path.instrument.id] for path in paths
        )
        self._ledger = ledger
        self._book = book
        self._terms = tuple(terms)
        self._mode = config.account.margin_mode
        self.shorts = ShortSales(paths, ledger, config, self._mark)
        # The liquidation price of an isolated position changes only with the ledger.
        self._priced_at = [-1] * len(self._positions)
        self._levels = [NAN] * len(self._positions)
        self._unmarked_until = [0] * len(self._positions)

    def opened(self, k: int, t: int) -> None:
        """Record that a position began at the open of the bar that opens at instant ``t``.

        Until that bar closes, every mark is older than the position: its entry price is its value.
        """
        if self._mode is MarginMode.ISOLATED and self.shorts.contracts[k] is None:
            return
        closing, until = self._paths[k].closing, t + 1
        while until < len(closing) and closing[until] == NO_ROW:
            until += 1
        self._unmarked_until[k] = until

    def liquidation_level(self, k: int, t: int) -> float:
        """Return the mark that liquidates the position of instrument ``k``, NaN if none does.

        A cross position is backed by the wallet and by the unrealized PnL of the other perps less
        their maintenance margins, at the marks of instant ``t``. A short is backed by the
        brokerage's cash, together with the other shorts: the level is where the broker covers.
        """
        position = self._positions[k]
        if self.shorts.held(k) is not None:
            return self.shorts.cover_level(k, t)
        if position.quantity == 0.0 or not position.contract.is_margined:
            return NAN
        if self._mode is MarginMode.CROSS:
            return self._price(k, self._backing(k, t))
        if self._priced_at[k] != self._ledger.version:
            self._priced_at[k] = self._ledger.version
            self._levels[k] = self._price(k, position.isolated_margin)
        return self._levels[k]

    def takeover_price(self, k: int, t: int) -> float:
        """Return the price at which the venue takes a liquidated position over.

        NaN where the venue sells at the market instead.
        """
        if not self._terms[k].to_bankruptcy:
            return NAN
        position, backing = self._positions[k], max(self._backing(k, t), 0.0)
        return position.contract.bankruptcy_price(
            position.quantity, position.average_entry, backing
        )

    def free_venue_cash(self, t: int) -> float:
        """Return the cash available as margin of a new perp position, quote.

        Isolated: the wallet less the margins set aside. Cross: also less the initial margins and
        the unrealized losses of open positions; open profits do not count. A position that began
        at an open has no loss before its first close.
        """
        free = self._ledger.free_venue_cash()
        if self._mode is MarginMode.ISOLATED:
            return free
        for k, position in enumerate(self._positions):
            if position.quantity != 0.0 and position.contract.is_margined:
                entry = self._book.plans[position.instrument.id].entry.request
                initial = position.contract.initial_margin(
                    position.quantity, position.average_entry, entry.leverage_setting
                )
                free = cross_free(free, initial, self._unrealized(k, t))
        return free

    def free_for(self, k: int, t: int) -> float:
        """Return the cash that an entry in instrument ``k`` can use, quote."""
        if self._paths[k].instrument.wallet is Wallet.BROKERAGE:
            return self._ledger.brokerage_cash - self.shorts.kept(t)
        return self.free_venue_cash(t)

    def has_joint_levels(self) -> bool:
        """Return whether the liquidation price of one position moves with the mark of another."""
        if self.shorts.count() > 1:
            return True
        if self._mode is MarginMode.ISOLATED:
            return False
        return sum(p.quantity != 0.0 and p.contract.is_margined for p in self._positions) > 1

    def _backing(self, k: int, t: int) -> float:
        """Return the collateral behind a position: its isolated margin, or the cross wallet."""
        if self._mode is MarginMode.ISOLATED:
            return self._positions[k].isolated_margin
        return self._ledger.venue_cash + self._others_surplus(k, t)

    def _price(self, k: int, margin: float) -> float:
        position = self._positions[k]
        return position.contract.liquidation_price(
            position.quantity, position.average_entry, margin, self._terms[k]
        )

    def _mark(self, k: int, t: int) -> float:
        """Return the mark of a position, its entry price until a newer mark exists."""
        if t < self._unmarked_until[k]:
            return self._positions[k].average_entry
        return float(self._paths[k].mark[t])

    def _unrealized(self, k: int, t: int) -> float:
        position = self._positions[k]
        mark = self._mark(k, t)
        # Before the instrument's first bar there is no mark, and no fill can have happened.
        if np.isnan(mark):
            return 0.0
        return position.contract.profit(position.quantity, position.average_entry, mark)

    def _others_surplus(self, k: int, t: int) -> float:
        surplus = 0.0
        for j, position in enumerate(self._positions):
            if j != k and position.quantity != 0.0 and position.contract.is_margined:
                surplus += self._unrealized(j, t) - position.contract.maintenance(
                    position.quantity, position.average_entry, self._mark(j, t), self._terms[j]
                )
        return surplus
