"""Units of the numbers in a channel, by kind and column; a series declares its own."""

import re
from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from data_feeds.instrument import Instrument, InstrumentKind
from data_feeds.schema import ChannelKey, ChannelKind


class Unit(StrEnum):
    """Unit of a number."""

    PRICE = "price"
    POINTS = "points"
    PERCENT = "percent"
    FRACTION = "fraction"
    BASE = "base"
    CONTRACTS = "contracts"
    QUOTE = "quote"
    QUOTE_PER_SHARE = "quote_per_share"
    NEW_SHARES_PER_OLD = "new_shares_per_old"
    DATE = "date"
    COUNT = "count"
    UNDECLARED = "undeclared"


_BARS = {"open": Unit.PRICE, "high": Unit.PRICE, "low": Unit.PRICE, "close": Unit.PRICE}
_UNITS: Mapping[ChannelKind, Mapping[str, Unit]] = MappingProxyType(
    {
        ChannelKind.BARS: {**_BARS, "volume": Unit.BASE},
        ChannelKind.MARK: _BARS,
        ChannelKind.FUNDING: {"rate": Unit.FRACTION},
        ChannelKind.OPEN_INTEREST: {
            "open_interest_base": Unit.BASE,
            "open_interest_quote": Unit.QUOTE,
        },
        ChannelKind.LIQUIDATIONS: {"long_quote": Unit.QUOTE, "short_quote": Unit.QUOTE},
        ChannelKind.DIVIDENDS: {"amount": Unit.QUOTE_PER_SHARE},
        ChannelKind.SPLITS: {"ratio": Unit.NEW_SHARES_PER_OLD},
    }
)
_CURRENCY = re.compile(r"[A-Z]{3,5}")


def units_of(instrument: Instrument, key: ChannelKey, declared: str = "") -> dict[str, str]:
    """Return the unit of each value column of a channel.

    A series takes the unit of its source or mapping, else its instrument's ``quote``. The unit is a
    word of :class:`Unit`, ``quote`` for a currency, or any other word unchanged. Without a
    declaration the unit is ``undeclared``. Bars of an index are in points; volume and open interest
    of an inverse perp are in contracts.
    """
    if key.kind is ChannelKind.SERIES:
        said = declared or (instrument.quote if "quote" in instrument.model_fields_set else "")
        unit = Unit.QUOTE.value if _CURRENCY.fullmatch(said) else said
        return {"value": unit or Unit.UNDECLARED.value}
    units = {name: unit.value for name, unit in _UNITS[key.kind].items()}
    if instrument.kind is InstrumentKind.INDEX:
        units = {n: Unit.POINTS.value if u == Unit.PRICE else u for n, u in units.items()}
    if instrument.is_inverse:
        units = {n: Unit.CONTRACTS.value if u == Unit.BASE else u for n, u in units.items()}
    return units
