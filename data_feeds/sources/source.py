"""What a download source promises: a channel's rows page by page, in order of time.

A source knows a venue's or publisher's API and nothing of the catalog. ``data_feeds.fetch`` asks
it, stores what comes, and after an interrupt asks again from the last instant that is stored.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from data_feeds.catalog import Origin
from data_feeds.schema import Channel, ChannelKey

# How ``Origin.release`` begins when the publisher itself says when each version was known.
VINTAGES = "ALFRED vintages"


@dataclass(frozen=True)
class Page:
    """One answer of a source.

    ``rows`` are new rows in order, without duplicates, each of them final: never an unfinished bar.
    They may be none. ``covered_to`` (ns UTC) says how far the question has been answered: every
    fact before it is in this page or an earlier one, or does not exist. It never falls from page
    to page. ``note`` tells people what limits the coverage, e.g. that a venue keeps 30 days only.
    """

    rows: Channel | None
    covered_to: int
    note: str = ""


class Source(Protocol):
    """One venue or publisher.

    A source is made for one instrument or series; ``pages`` may be called again and again. The
    rows depend on the question only, not on how often or in which parts it was asked.
    """

    @property
    def name(self) -> str:
        """What people call it, e.g. ``binanceusdm API``; printed while it is asked."""

    def origin(self, key: ChannelKey) -> Origin:
        """Return what the catalog says of the channel's rows: publisher, licence, venues, unit."""

    def pages(self, key: ChannelKey, start: int, end: int) -> Iterator[Page]:
        """Yield the facts in ``[start, end)``, ns UTC, by the channel's first time column.

        ``end`` is never later than now. The last page's ``covered_to`` is ``end``, or the last
        instant up to which the facts are final.

        Raises
        ------
        TransientSourceError : still no answer after every retry.
        PermanentSourceError : the venue refuses: no such symbol, key needed, not served here.
        SchemaError : the answer is not what the venue documents.
        """
