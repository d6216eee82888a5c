"""The margin behind a perp or a short, and the free cash of entries.

The brokerage's cash backs all shorts of borrowed shares together. The cross margin of a perp is the
venue wallet, plus the open profit of the other perps less their maintenance requirements, at the
marks of that instant.
"""

import math
from collections.abc import Mapping

from data_feeds.instrument import Wallet
from engine.audit.borrowed_shorts import cover_mark, is_lent, shorts_value
from engine.audit.channels import InstrumentData
from engine.audit.fills import OPEN
from engine.audit.replay import Books, Holding
from engine.config.models import MarginMode
from engine.records import Fill
from engine.run_folder.read import RunFolder


class PositionBacking:
    """Computes liquidation prices and free cash of a state of the account."""

    def __init__(self, files: RunFolder, markets: Mapping[str, InstrumentData]) -> None:
        self._files = files
        self._markets = markets
        self.is_isolated = files.config.account.margin_mode is MarginMode.ISOLATED
        self._settings = {
            order.plan_id: order.leverage_setting for order in files.orders if order.role == "entry"
        }
        self._begun: dict[int, Fill] = {}
        for fill in files.fills:
            self._begun.setdefault(fill.plan_id, fill)

    def liquidation_level(self, name: str, held: Holding, state: Books, at: int) -> float:
        """Return the mark that liquidates a position at an instant; NaN: no mark does."""
        if is_lent(self._markets[name].instrument, held.quantity):
            return self._cover_level(name, held, state, at)
        if held.quantity == 0 or not self._markets[name].instrument.is_margined:
            return math.nan
        return self._markets[name].rules.liquidation(
            held.quantity, held.average, self.margin_behind(name, held, state, at)
        )

    def bankruptcy_level(self, name: str, held: Holding, state: Books, at: int) -> float:
        """Return the price at which the margin behind a position is lost; NaN for never."""
        return self._markets[name].rules.bankruptcy(
            held.quantity, held.average, self.margin_behind(name, held, state, at)
        )

    def margin_behind(self, name: str, held: Holding, state: Books, at: int) -> float:
        """Return the margin of a position: its own, or for cross the account's."""
        return held.margin if self.is_isolated else self._cross_margin(name, state, at)

    def free_cash(self, name: str, state: Books, at: int) -> float:
        """Return the cash that an entry can use, quote.

        Isolated: the venue wallet less the isolated margins. Cross: the venue wallet less initial
        margins (notional at entry / leverage setting) and open losses of all perps. At the
        brokerage: its wallet less the initial margins of all shorts at their marks.
        """
        if self._markets[name].instrument.wallet is Wallet.BROKERAGE:
            terms = self._files.config.account.short_sales
            multiple = 0.0 if terms is None else terms.initial_margin
            return state.cash[Wallet.BROKERAGE] - multiple * self._lent(state, at)
        free = state.free_venue_cash()
        if self.is_isolated:
            return free
        for other, held in self._perps(state).items():
            setting = self._settings.get(held.plan_id, 1)
            free -= self._markets[other].rules.value(held.quantity, held.average) / setting
            free += min(self._unrealized(other, held, at), 0.0)
        return free

    def _cover_level(self, name: str, held: Holding, state: Books, at: int) -> float:
        """Return the mark at which the broker covers a short, NaN in a bar without trades."""
        terms = self._files.config.account.short_sales
        if terms is None:
            return math.nan
        others = self._lent(state, at, without=name)
        cash = state.cash[Wallet.BROKERAGE]
        return cover_mark(held.quantity, cash, others, terms.maintenance_margin)

    def cash_needed(self, name: str, held: Holding, price: float, state: Books, at: int) -> float:
        """Return the maintenance requirement of all shorts with one of them at a price, quote."""
        terms = self._files.config.account.short_sales
        value = abs(held.quantity) * price + self._lent(state, at, without=name)
        return value * (0.0 if terms is None else terms.maintenance_margin)

    def _lent(self, state: Books, at: int, *, without: str = "") -> float:
        """Return the unsigned value of the shorts at the brokerage, quote."""
        shorts = {
            name: held
            for name, held in state.holdings.items()
            if name != without and is_lent(self._markets[name].instrument, held.quantity)
        }
        marks = {name: self._mark(name, held, at) for name, held in shorts.items()}
        return shorts_value({name: held.quantity for name, held in shorts.items()}, marks)

    def _cross_margin(self, name: str, state: Books, at: int) -> float:
        margin = state.cash[Wallet.VENUE]
        for other, held in self._perps(state).items():
            if other != name:
                mark = self._mark(other, held, at)
                needed = self._markets[other].rules.needed(held.quantity, held.average, mark)
                margin += self._unrealized(other, held, at) - needed
        return margin

    def _perps(self, state: Books) -> dict[str, Holding]:
        return {
            name: held
            for name, held in state.holdings.items()
            if held.quantity != 0 and self._markets[name].instrument.is_margined
        }

    def _mark(self, name: str, held: Holding, at: int) -> float:
        """Return the mark that values a position; its entry price in the bar of its first fill.

        That holds for a position that began at the open of the bar.
        """
        first = self._begun.get(held.plan_id)
        if first is not None and first.stage == OPEN and first.at <= at < first.bar_closed_at:
            return held.average
        return self._markets[name].value_mark(at)

    def _unrealized(self, name: str, held: Holding, at: int) -> float:
        mark = self._mark(name, held, at)
        if math.isnan(mark):
            return 0.0
        return self._markets[name].rules.profit(held.quantity, held.average, mark)
