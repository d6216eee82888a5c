"""The contract of each instrument: the only place that reads one from the other."""

from data_feeds.instrument import Instrument, InstrumentKind
from engine.contracts.contract import Contract
from engine.contracts.linear_perp import LinearPerp
from engine.contracts.option import BoughtOption
from engine.contracts.owned import OwnedAsset


def contract_of(instrument: Instrument) -> Contract:
    """Return the contract of an instrument that can be traded."""
    if instrument.kind is InstrumentKind.PERP:
        return LinearPerp(instrument.quote)
    if instrument.kind is InstrumentKind.OPTION:
        return BoughtOption(instrument.quote)
    return OwnedAsset(instrument.quote)
