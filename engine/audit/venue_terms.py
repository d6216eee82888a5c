"""The audit's own reading of fees, slippage and brackets of an instrument; see docs/audit.md.

A key in the run's venue section is used first. Without it: the instrument's record of the window's
first day, and else the venue's general value.
"""

from collections.abc import Sequence
from typing import Any

from data_feeds.instrument import Instrument
from data_feeds.trading_terms import MaintenanceBracket
from engine.audit.slippage_formulas import SlippageRule
from engine.audit.venue_formulas import MarginBracket, brackets
from engine.config.venue import VenueConfig

BPS_A_UNIT = 10_000


def fee_fraction(venue: VenueConfig, instrument: Instrument, key: str) -> float:
    """Return a fee of an instrument as a fraction of notional; ``key`` is in basis points."""
    return float(_decided(venue, instrument, key, getattr(venue, key))) / BPS_A_UNIT


def annual_borrow_fee(venue: VenueConfig, instrument: Instrument) -> float:
    """Return the annual fee of borrowed shares as a fraction of their value; NaN for none."""
    stated = _decided(venue, instrument, "borrow_fee_bps", venue.borrow_fee_bps)
    return float("nan") if stated is None else float(stated) / BPS_A_UNIT


def slippage_terms(venue: VenueConfig, instrument: Instrument) -> SlippageRule:
    """Return the slippage model of an instrument: its name and its numbers."""
    written = venue.slippage.model_dump()
    name = str(written.pop("model"))
    values = {key: _decided(venue, instrument, f"slippage.{key}", written[key]) for key in written}
    return SlippageRule(name, values)


def maintenance_table(venue: VenueConfig, instrument: Instrument) -> Sequence[MaintenanceBracket]:
    """Return an instrument's maintenance table."""
    table: Sequence[MaintenanceBracket] = _decided(
        venue, instrument, "maintenance", venue.maintenance
    )
    return table


def record_value(instrument: Instrument, key: str) -> Any:
    """Return a term that only an instrument's record states; None without one."""
    found = (getattr(record, key) for record in instrument.terms)
    return next((value for value in found if value is not None), None)


def instrument_brackets(venue: VenueConfig, instrument: Instrument) -> tuple[MarginBracket, ...]:
    """Return an instrument's maintenance brackets."""
    return brackets(maintenance_table(venue, instrument))


def _decided(venue: VenueConfig, instrument: Instrument, key: str, otherwise: Any) -> Any:
    if not venue.is_general(key):
        return otherwise
    for record in instrument.terms:
        found: Any = record
        for step in key.split("."):
            found = getattr(found, step)
        if found is not None:
            return found
    return otherwise
