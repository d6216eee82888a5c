"""The interface of a download source: a channel's rows page by page, in order of time.

A source uses a venue's or publisher's API and knows no catalog. ``data_feeds.fetch`` asks it,
stores the rows, and after an interrupt continues from the last stored instant.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from data_feeds.catalog import Origin
from data_feeds.schema import Channel, ChannelKey

# Start of ``Origin.release`` if the publisher itself dates each vintage.
VINTAGES = "ALFRED vintages"


@dataclass(frozen=True)
class Page:
    """One page of a source's answer.

    ``rows`` are new rows in order, without duplicates and final, so never an unfinished bar; None
    for no rows. ``covered_to`` (ns UTC) is the end of the answered stretch: every fact before it is
    in this page or an earlier one, or does not exist. It never falls from page to page. ``note``
    names a limit of the coverage, e.g. that a venue keeps only 30 days.
    """

    rows: Channel | None
    covered_to: int
    note: str = ""


class Source(Protocol):
    """Source of one instrument or series at a venue or publisher.

    ``pages`` may be called repeatedly. The rows depend only on the requested stretch, not on the
    number of requests or on how they divide it.
    """

    @property
    def name(self) -> str:
        """Name of the source in messages, e.g. ``binanceusdm API``."""

    def origin(self, key: ChannelKey) -> Origin:
        """Return publisher, licence, venues and unit of the channel's rows for the catalog."""

    def pages(self, key: ChannelKey, start: int, end: int) -> Iterator[Page]:
        """Yield the facts in ``[start, end)``, ns UTC, by the channel's first time column.

        ``end`` is never later than now. The last page's ``covered_to`` is ``end``, or the last
        instant up to which the facts are final.

        Raises
        ------
        TransientSourceError : still no answer after every retry.
        PermanentSourceError : the venue refuses: unknown symbol, key needed, blocked region.
        SchemaError : the answer breaks the venue's documented format.
        """
