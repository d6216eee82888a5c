"""The channels that a catalog holds in the days of a sell-off."""

from collections.abc import Iterable
from dataclasses import dataclass

from data_feeds.catalog import Catalog, CatalogEntry
from data_feeds.clock import DAY_NS
from data_feeds.schema import ChannelKind
from engine.sell_offs.found import SellOff

# Rows that come when something happens: no row on a day is no hole.
_EVENTS = (ChannelKind.DIVIDENDS, ChannelKind.SPLITS)


@dataclass(frozen=True)
class HeldThen:
    """Names of the channels that cover a sell-off, from its high to its last day.

    Attributes
    ----------
    whole : rows from before the high to the last day, without a hole inside
    partly : some rows inside
    """

    whole: tuple[str, ...]
    partly: tuple[str, ...]


def held_then(catalog: Catalog, item: SellOff) -> HeldThen:
    """Return the channels of a catalog that have rows in a sell-off."""
    entries = [entry for entry in catalog.entries() if entry.key.kind not in _EVENTS]
    inside = [entry for entry in entries if _overlaps(entry, item)]
    whole = [entry for entry in inside if _covers(entry, item)]
    partly = [entry for entry in inside if entry not in whole]
    return HeldThen(_names(whole), _names(partly))


def _overlaps(entry: CatalogEntry, item: SellOff) -> bool:
    # A hole from before the high to after the end leaves no row inside.
    empty = any(
        gap.started_at <= item.high_at and gap.ended_at >= item.last_at for gap in entry.gaps
    )
    return entry.first_at <= item.last_at and entry.last_at >= item.high_at and not empty


def _covers(entry: CatalogEntry, item: SellOff) -> bool:
    holed = any(gap.started_at < item.last_at and gap.ended_at > item.high_at for gap in entry.gaps)
    # The last row of a daily series is stamped at the midnight that begins its day.
    reaches = entry.last_at >= item.last_at - DAY_NS
    return entry.first_at <= item.high_at and reaches and not holed


def _names(entries: Iterable[CatalogEntry]) -> tuple[str, ...]:
    return tuple(sorted(str(entry.key) for entry in entries))
