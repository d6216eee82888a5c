"""A Backtrader feed over the dataset's own arrays: preloaded without copying and sought by row.

Bars are stamped by their close, when they are known. ``len(data)`` and ``data[-1]`` mean what they
mean in Backtrader's stock loop.
"""

import backtrader as bt
import numpy as np
from numpy.typing import NDArray

from data_feeds.clock import DAY_NS
from data_feeds.schema import Channel

# Backtrader counts days from year 1, as matplotlib once did.
EPOCH_DAYS = 719_163.0


def backtrader_days(instants: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return Backtrader's float days of UTC instants (exact to about 6 microseconds)."""
    return instants / DAY_NS + EPOCH_DAYS


class ArrayFeed(bt.feed.DataBase):  # type: ignore[misc]  # backtrader ships no types
    """Feeds one bars channel, given as ``ArrayFeed(channel=...)``."""

    params = (("channel", None),)

    def preload(self) -> None:
        """Point the line buffers at the channel's arrays."""
        channel: Channel = self.p.channel
        columns = {
            "datetime": backtrader_days(channel["closed_at"]),
            "openinterest": np.broadcast_to(0.0, len(channel)),
            **{name: channel[name] for name in ("open", "high", "low", "close", "volume")},
        }
        for name, values in columns.items():
            getattr(self.lines, name).array = values
        self._buffers = [getattr(self.lines, name) for name in columns]
        self._row = -1
        self.seek(-1)

    def seek(self, row: int) -> None:
        """Make ``row`` the current bar; -1 means before the first."""
        if row == self._row:
            return
        self._row = row
        for line in self._buffers:
            # The public setter exists for bounded buffers, which these are not.
            line._idx = row
            line.lencount = row + 1
