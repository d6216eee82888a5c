"""A source without a venue: rows depend only on their instants."""

from collections.abc import Callable, Iterator

import numpy as np

from data_feeds.catalog import Origin, TimeSpan
from data_feeds.clock import DAY_NS, MINUTE_NS
from data_feeds.fetch import Job
from data_feeds.schema import Channel, ChannelKey, ChannelKind
from data_feeds.sources.source import Page
from tests.data_feeds.factory import PERP, bars, ns

KEY = ChannelKey(PERP.id, ChannelKind.BARS, "30m")
FUNDING = ChannelKey(PERP.id, ChannelKind.FUNDING)
START = ns("2025-12-01")
DAYS = 60
STEP = 30 * MINUTE_NS
# The venue was closed on the fourth day and has no rows there.
CLOSED = (START + 3 * DAY_NS, START + 4 * DAY_NS)


class MadeSource:
    """Half-hour bars, or a funding rate every eight hours, one day a page.

    ``before_page`` is called with the page's number before each page; it may raise.
    """

    name = "made"

    def __init__(self, before_page: Callable[[int], None] | None = None) -> None:
        self.before_page = before_page
        self.asked: list[tuple[int, int]] = []

    def origin(self, key: ChannelKey) -> Origin:
        """Return the origin of the rows."""
        return Origin(source=self.name, venues=("made",))

    def pages(self, key: ChannelKey, start: int, end: int) -> Iterator[Page]:
        """Yield a page a day; the last bar ends at or before ``end``."""
        self.asked.append((start, end))
        for number, first in enumerate(range(start, end, DAY_NS)):
            if self.before_page is not None:
                self.before_page(number)
            stop = min(first + DAY_NS, end)
            yield Page(_rows(key, first, stop), _covered(key, stop), "the venue's first year")


def _rows(key: ChannelKey, start: int, end: int) -> Channel | None:
    step = STEP if key == KEY else 16 * STEP
    at = np.arange(-(-start // step) * step, end, step)
    at = at[(at < CLOSED[0]) | (at >= CLOSED[1])]
    if key == FUNDING:
        label = np.zeros(len(at), np.int8)
        columns = {"event_at": at, "available_at": at, "rate": (at // step % 7) * 1e-5}
        return Channel(key, {**columns, "label": label}) if len(at) else None
    at = at[at + step <= end]
    price = 100 + (at // step % 97).astype(float)
    table = [(p, p + 1, p - 1, p, p % 5) for p in price]
    return bars(at.tolist(), table, "30m") if len(at) else None


def _covered(key: ChannelKey, end: int) -> int:
    return end // STEP * STEP if key == KEY else end


def job(source: MadeSource, days: int = DAYS, key: ChannelKey = KEY) -> Job:
    """Return the job of the first days."""
    span = TimeSpan(started_at=START, ended_at=START + days * DAY_NS)
    return Job(key, PERP, source, (span,))
