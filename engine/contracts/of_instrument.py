"""The contract of each instrument, and the venue's margin terms of it, by what its record says."""

import math

from data_feeds.instrument import Instrument, InstrumentKind
from data_feeds.trading_terms import LiquidationPrice, MaintenanceBase, MaintenanceSteps
from engine.config.short_sale_terms import ShortSaleTerms
from engine.config.venue import TradingCosts
from engine.contracts.borrowed_short import BorrowedShort
from engine.contracts.contract import Contract
from engine.contracts.inverse_perp import InversePerp
from engine.contracts.linear_perp import LinearPerp
from engine.contracts.maintenance import MarginTerms, build_tiers
from engine.contracts.option import BoughtOption
from engine.contracts.owned import OwnedAsset


def contract_of(instrument: Instrument) -> Contract:
    """Return the contract of an instrument that can be traded."""
    settlement = instrument.settlement
    if instrument.is_inverse:
        return InversePerp(settlement, instrument.contract_value)
    if instrument.kind is InstrumentKind.PERP:
        return LinearPerp(settlement)
    if instrument.kind is InstrumentKind.OPTION:
        return BoughtOption(settlement)
    return OwnedAsset(settlement)


def margin_terms(instrument: Instrument, costs: TradingCosts) -> MarginTerms:
    """Return the margin terms of an instrument in force; ``costs`` holds its maintenance table.

    What the instrument's record leaves out is the rule of a linear perp: brackets over the mark's
    notional, liquidation at the market.
    """
    record = instrument.terms[0] if instrument.terms else None
    if record is None:
        return MarginTerms(build_tiers((row.floor, row.rate) for row in costs.maintenance))
    whole = record.maintenance_steps is MaintenanceSteps.WHOLE
    least = record.initial_margin
    return MarginTerms(
        build_tiers(((row.floor, row.rate) for row in costs.maintenance), whole=whole),
        on_entry=record.maintenance_base is MaintenanceBase.ENTRY,
        to_bankruptcy=record.liquidation is LiquidationPrice.BANKRUPTCY,
        # A decimal fraction is rarely a double: 1 / 0.01 may miss 100 by its last bit.
        highest_setting=None if least is None else math.floor(1 / least + 1e-9),
    )


def short_of(instrument: Instrument, terms: ShortSaleTerms | None) -> BorrowedShort | None:
    """Return the contract of a short at the brokerage; None where no broker lends the shares."""
    if terms is None or instrument.kind is not InstrumentKind.ETF:
        return None
    return BorrowedShort(
        instrument.settlement,
        initial_multiple=terms.initial_margin,
        maintenance_multiple=terms.maintenance_margin,
    )


def contract_for(instrument: Instrument, side: int, terms: ShortSaleTerms | None) -> Contract:
    """Return the contract that an entry of a side (+1 buy, -1 sell) opens."""
    short = short_of(instrument, terms) if side < 0 else None
    return contract_of(instrument) if short is None else short
