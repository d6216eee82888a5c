"""Findings, their limits, and the runs of rows that form one finding."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from data_feeds.align import Values
from data_feeds.clock import Instants, utc_text
from data_feeds.schema import Channel, ChannelKey, ChannelKind

Flags = NDArray[np.bool_]

PRICED = (ChannelKind.BARS, ChannelKind.MARK)
# The usual value is the median of this many rows around a row: a week of 8-hour settlements.
ROWS_AROUND = 21


class FindingKind(StrEnum):
    """Kind of defect in a stretch of rows."""

    GAP = "gap"
    ZERO_VOLUME = "zero_volume"
    MISSING_FUNDING = "missing_funding"
    MARK_DIVERGENCE = "mark_divergence"
    OUTLIER = "outlier"
    RANGE_OUTLIER = "range_outlier"
    VOLUME_MISMATCH = "volume_mismatch"
    SPIKE = "spike"
    OUTSIDE_SESSION = "outside_session"
    AFTER_DELISTING = "after_delisting"
    DOUBTFUL_EXTREME = "doubtful_extreme"
    JUMP = "jump"
    DOUBTFUL_UNIT = "doubtful_unit"


_WORDS = {
    FindingKind.GAP: "{rows} missing",
    FindingKind.ZERO_VOLUME: "{rows} without volume",
    FindingKind.MISSING_FUNDING: "{rows} missing",
    FindingKind.MARK_DIVERGENCE: "mark of {rows} up to {value:+.2%} from {against}",
    FindingKind.OUTLIER: "prices of {rows} up to {value:+.2%} from {against}",
    FindingKind.RANGE_OUTLIER: "high or low of {rows} up to {value:+.2%} from {against}",
    FindingKind.VOLUME_MISMATCH: "volume of {rows} up to {value:+.2%} from {against}",
    FindingKind.DOUBTFUL_UNIT: "{rows} look like another unit",
    FindingKind.JUMP: "{value:+.2%} between {rows}, as in a split; none is on record there",
    FindingKind.SPIKE: "{value:+.2%} and back within {rows}, confirmed by no second source",
    FindingKind.DOUBTFUL_EXTREME: "high or low of {rows} is about the previous close, and the open "
    "is {value:+.2%} away from it",
    FindingKind.OUTSIDE_SESSION: "{rows} not wholly inside a session; runs leave them out",
    FindingKind.AFTER_DELISTING: "{rows} after the instrument's last day; runs leave them out",
}
_NOUNS = {
    ChannelKind.BARS: "bar",
    ChannelKind.MARK: "bar",
    ChannelKind.FUNDING: "settlement",
    ChannelKind.SERIES: "value",
}


@dataclass(frozen=True)
class QualityFinding:
    """A defect in a stretch ``[started_at, ended_at)`` (int64 ns UTC) of one channel.

    ``rows`` counts the channel's rows in the stretch, for ``gap`` and ``missing_funding`` the
    missing rows. ``value`` is the largest deviation as a signed fraction of the compared value
    (0.02: two percent above), None for kinds without a comparison. ``against`` is the second
    source; either source may be wrong.
    """

    key: ChannelKey
    kind: FindingKind
    started_at: int
    ended_at: int
    rows: int
    value: float | None = None
    against: ChannelKey | None = None

    def text(self) -> str:
        """Return the finding as text, without the channel's name."""
        noun = _NOUNS.get(self.key.kind, "row")
        rows = f"{self.rows} {noun}{'' if self.rows == 1 else 's'}"
        what = _WORDS[self.kind].format(rows=rows, value=self.value, against=self.against)
        return f"{utc_text(self.started_at)} to {utc_text(self.ended_at)}: {what}"

    def document(self) -> dict[str, object]:
        """Return the finding as a JSON object; ``text`` is for people."""
        return {
            "kind": self.kind.value,
            "started_at": self.started_at,
            "ended_at": self.ended_at,
            "rows": self.rows,
            "value": self.value,
            "against": None if self.against is None else str(self.against),
            "text": self.text(),
        }


@dataclass(frozen=True)
class Limits:
    """Deviations above which a row is a finding; fractions, except ``spike_sigmas``.

    ``timeframe_*`` compare bars with the same instrument's longer bars. ``peer_*`` compare with
    another source after removing the usual ratio of the two. A spike is larger than both
    ``spike_rate`` and ``spike_sigmas`` robust standard deviations of one bar's return, and no
    second source moved ``confirmed_share`` of it in logs.
    """

    mark_rate: float = 0.01
    timeframe_price_rate: float = 0.0005
    timeframe_volume_rate: float = 0.01
    peer_close_rate: float = 0.02
    peer_range_rate: float = 0.05
    spike_rate: float = 0.10
    spike_sigmas: float = 12.0
    confirmed_share: float = 0.75


DEFAULT_LIMITS = Limits()


def deviating(
    channel: Channel, apart: Values, limit: float, kind: FindingKind, against: Channel
) -> list[QualityFinding]:
    """Return runs of adjacent rows beyond a limit, each with its largest deviation."""
    if channel.key.kind in PRICED:
        torn = channel["opened_at"][1:] > channel["closed_at"][:-1]
    else:
        torn = np.zeros(max(len(channel) - 1, 0), dtype=np.bool_)
    found = []
    for first, stop in runs(np.abs(apart) > limit, torn):
        run = apart[first:stop]
        worst = float(run[np.argmax(np.abs(run))])
        found.append(finding_at(channel, kind, slice(first, stop), worst, against.key))
    return found


def finding_at(
    channel: Channel,
    kind: FindingKind,
    rows: slice,
    value: float,
    against: ChannelKey | None = None,
) -> QualityFinding:
    """Return a finding about adjacent rows."""
    ends = channel["closed_at" if channel.key.kind in PRICED else "event_at"]
    started, ended = int(fact_at(channel)[rows.start]), int(ends[rows.stop - 1])
    return QualityFinding(channel.key, kind, started, ended, rows.stop - rows.start, value, against)


def runs(flags: Flags, torn: Flags) -> list[tuple[int, int]]:
    """Return first and stop of runs of true flags; ``torn[i]`` splits rows ``i`` and ``i + 1``."""
    if len(flags) == 0:
        return []
    starts = flags & np.concatenate(([True], ~flags[:-1] | torn))
    stops = flags & np.concatenate((~flags[1:] | torn, [True]))
    return list(
        zip(np.flatnonzero(starts).tolist(), (np.flatnonzero(stops) + 1).tolist(), strict=True)
    )


def fact_at(channel: Channel) -> Instants:
    """Return the instants that identify a channel's rows: a bar's opening, a point's event."""
    at: Instants = channel["opened_at" if channel.key.kind in PRICED else "event_at"]
    return at
