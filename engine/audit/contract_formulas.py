"""The audit's own economics of a position: profit, average entry, margin, liquidation.

Linear perps and owned assets are worth their price in quote. An inverse perp counts contracts of a
fixed quote value and is worth ``contracts x contract value / price`` of its asset. Sources: BitMEX,
"Inverse Perpetual Contracts" and "Liquidation", as of 2020, and a support formula of 2020-03-09;
see docs/liquidation.md. The money of a position is in its settlement currency.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from data_feeds.instrument import Instrument, InstrumentKind
from data_feeds.trading_terms import LiquidationPrice, MaintenanceBase, MaintenanceSteps
from engine.audit.venue_formulas import MarginBracket, brackets, liquidation_mark, requirement
from engine.audit.venue_terms import fee_fraction, maintenance_table, record_value
from engine.config.venue import VenueConfig


@dataclass(frozen=True, slots=True)
class PositionRules:
    """The rules of one instrument's positions.

    ``face`` is the quote value of a contract of an inverse perp, 0 for all that is priced in quote.
    ``at_entry``: maintenance is a fraction of the value at entry; ``whole``: a bracket's rate
    applies to all of it. ``taken_over``: a liquidation closes at the bankruptcy price, and
    ``forced_fee`` (a fraction) is what it then costs.
    """

    is_margined: bool
    face: float
    table: tuple[MarginBracket, ...]
    at_entry: bool
    whole: bool
    taken_over: bool
    forced_fee: float

    def value(self, quantity: float, price: float) -> float:
        """Return the unsigned value of a quantity at a price; NaN at a price of 0 that divides."""
        if self.face:
            return abs(quantity * self.face / price) if price else math.nan
        return abs(quantity * price)

    def profit(self, quantity: float, entry: float, price: float) -> float:
        """Return the profit of a signed quantity between two prices.

        Inverse: ``contracts x value x (1/entry - 1/price)``.
        """
        if self.face:
            both = price * entry
            return quantity * self.face * (price - entry) / both if both else math.nan
        return quantity * (price - entry)

    def average(self, held: float, entry: float, added: float, price: float) -> float:
        """Return the average entry after an addition: arithmetic, of an inverse perp harmonic."""
        total = held + added
        if held == 0:
            return price
        if not self.face:
            return (held * entry + added * price) / total
        owed = held / entry + added / price if entry and price else 0.0
        return total / owed if owed else math.nan

    def mean_price(self, sizes: Sequence[tuple[float, float]]) -> float:
        """Return the mean price of (quantity, price) pairs, NaN for none."""
        held, entry = 0.0, math.nan
        for quantity, price in sizes:
            entry = self.average(held, entry, abs(quantity), price)
            held += abs(quantity)
        return entry

    def loss(self, quantity: float, price: float, other: float) -> float:
        """Return the gain or loss of a quantity between two prices, unsigned."""
        return abs(self.profit(quantity, price, other))

    def needed(self, quantity: float, entry: float, mark: float) -> float:
        """Return the maintenance margin of a position."""
        value = self.value(quantity, entry if self.at_entry else mark)
        if math.isnan(value):
            return value
        if self.whole:
            return value * next(row.rate for row in reversed(self.table) if value >= row.floor)
        return requirement(value, self.table)

    def liquidation(self, quantity: float, entry: float, margin: float) -> float:
        """Return the mark at which margin plus profit equals the requirement; NaN for never."""
        if self.at_entry:
            return self.where(quantity, entry, self.needed(quantity, entry, entry) - margin)
        if not self.face:
            return liquidation_mark(quantity, entry, margin, self.table)
        return self._inverse_at_mark(quantity, entry, margin)

    def bankruptcy(self, quantity: float, entry: float, margin: float) -> float:
        """Return the price at which the whole margin is lost; NaN for never."""
        return self.where(quantity, entry, -margin)

    def where(self, quantity: float, entry: float, profit: float) -> float:
        """Return the price at which a position has a profit; NaN if no positive price has it."""
        if self.face:
            if entry == 0:
                return math.nan
            # quantity x face x (1/entry - 1/price) = profit
            turned = 1 / entry - profit / (quantity * self.face)
            return 1 / turned if turned > 0 else math.nan
        price = entry + profit / quantity
        return price if price > 0 else math.nan

    def _inverse_at_mark(self, quantity: float, entry: float, margin: float) -> float:
        """Return the mark where ``margin + profit = value at the mark x rate - deduction``.

        With ``u`` the value at the mark and ``v`` at entry, a long has
        ``u = (margin + v + d) / (1 + r)``, a short ``u = (v - margin - d) / (1 - r)``, in the first
        bracket whose ceiling lies above ``u``, as the requirement is continuous. The price is
        ``contracts x face / u``; a short with its whole value as margin has none.
        """
        side, at_entry = math.copysign(1.0, quantity), self.value(quantity, entry)
        for row in self.table:
            value = (at_entry + side * (margin + row.deduction)) / (1 + side * row.rate)
            if value < row.ceiling:
                return abs(quantity) * self.face / value if value > 0 else math.nan
        return math.nan


def position_rules(venue: VenueConfig, instrument: Instrument) -> PositionRules:
    """Return the rules of an instrument's positions from its terms and the venue."""
    base = record_value(instrument, "maintenance_base")
    steps = record_value(instrument, "maintenance_steps")
    taken_over = record_value(instrument, "liquidation") == LiquidationPrice.BANKRUPTCY
    return PositionRules(
        is_margined=instrument.kind is InstrumentKind.PERP,
        face=instrument.contract_value if instrument.is_inverse else 0.0,
        table=brackets(maintenance_table(venue, instrument)),
        at_entry=base == MaintenanceBase.ENTRY,
        whole=steps == MaintenanceSteps.WHOLE,
        taken_over=taken_over,
        forced_fee=fee_fraction(
            venue, instrument, "taker_fee_bps" if taken_over else "liquidation_fee_bps"
        ),
    )
