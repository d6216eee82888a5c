"""The audit's own reading of fees, slippage and brackets of an instrument; see docs/audit.md.

A key in the run's venue section is used first. Without it: the instrument's record of the window's
first day, and else the venue's general value.
"""

from typing import Any

from data_feeds.instrument import Instrument
from engine.audit.venue_formulas import MarginBracket, brackets
from engine.config.venue import SlippageConfig, VenueConfig

BPS_A_UNIT = 10_000


def fee_fraction(venue: VenueConfig, instrument: Instrument, key: str) -> float:
    """Return a fee of an instrument as a fraction of notional; ``key`` is in basis points."""
    return float(_decided(venue, instrument, key, getattr(venue, key))) / BPS_A_UNIT


def slippage_terms(venue: VenueConfig, instrument: Instrument) -> SlippageConfig:
    """Return the three parts of an instrument's slippage."""
    parts = {}
    for part in ("base_bps", "range_share", "impact"):
        parts[part] = _decided(venue, instrument, f"slippage.{part}", getattr(venue.slippage, part))
    return SlippageConfig(**parts)


def instrument_brackets(venue: VenueConfig, instrument: Instrument) -> tuple[MarginBracket, ...]:
    """Return an instrument's maintenance brackets."""
    return brackets(_decided(venue, instrument, "maintenance", venue.maintenance))


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
