"""Run every check on every channel of a catalog or dataset."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations

from data_feeds.calendar import ALWAYS_OPEN
from data_feeds.catalog import Catalog
from data_feeds.dataset import Dataset
from data_feeds.errors import CoverageError
from data_feeds.instrument import Instrument, InstrumentKind
from data_feeds.quality.extremes import extreme_findings
from data_feeds.quality.pairs import (
    mark_findings,
    peer_findings,
    refuse_unlike,
    timeframe_findings,
)
from data_feeds.quality.quality_finding import DEFAULT_LIMITS, PRICED, Limits, QualityFinding
from data_feeds.quality.single_channel import (
    delisting_findings,
    funding_findings,
    hole_findings,
    jump_findings,
    session_findings,
    spike_findings,
    unit_findings,
)
from data_feeds.schema import Channel, ChannelKey, ChannelKind, empty_columns
from data_feeds.timeframe import Timeframe

Pair = tuple[ChannelKey, ChannelKey]
Read = Callable[[ChannelKey], Channel]

# Number of channels kept in memory for comparisons.
_HELD_CHANNELS = 12


def findings(
    source: Catalog | Dataset,
    *,
    peers: Sequence[Pair] = (),
    limits: Limits = DEFAULT_LIMITS,
    progress: Callable[[float], None] | None = None,
) -> Iterator[QualityFinding]:
    """Yield the findings of each channel, in order of channel names.

    A perp with bars needs funding, so a missing funding channel has findings too.

    Parameters
    ----------
    source : a catalog, of which at most twelve channels are in memory, or a dataset
    peers : channels with their second sources, in addition to :func:`usual_peers`
    progress : called with the fraction of channels done, 0 to 1

    Raises
    ------
    CoverageError : ``peers`` names a missing channel.
    SchemaError : a pair of ``peers`` cannot be compared, such as bars with a series.
    IntegrityError : a file of the catalog is missing or changed.
    """
    survey = _survey(source, peers, limits)
    for done, key in enumerate(survey.keys):
        if progress is not None:
            progress(done / len(survey.keys))
        yield from sorted(survey.of(key), key=lambda finding: finding.started_at)


def usual_peers(keys: Sequence[ChannelKey], instruments: Mapping[str, Instrument]) -> list[Pair]:
    """Return pairs of bar channels with equal timeframe, quote and asset.

    If neither record has an asset, the ids must share the text before the dash: ``BTCUSDT-PERP``
    and ``BTCUSDT-OKX`` are a pair; ids without a dash have no peers.
    """

    def are_peers(one: ChannelKey, other: ChannelKey) -> bool:
        first, second = instruments[one.instrument], instruments[other.instrument]
        alike = first.quote == second.quote and first.id != second.id
        if first.asset or second.asset:
            return alike and first.asset == second.asset
        base, dash, _ = one.instrument.partition("-")
        return alike and bool(dash) and other.instrument.startswith(f"{base}-")

    by_length: dict[str, list[ChannelKey]] = {}
    for key in keys:
        if key.kind is ChannelKind.BARS:
            by_length.setdefault(key.timeframe, []).append(key)
    return [
        (one, other)
        for held in by_length.values()
        for one, other in combinations(held, 2)
        if are_peers(one, other)
    ]


def _survey(source: Catalog | Dataset, peers: Sequence[Pair], limits: Limits) -> "_Survey":
    if isinstance(source, Catalog):
        instruments: Mapping[str, Instrument] = source.instruments()
        keys = [entry.key for entry in source.entries()]
        read: Read = lru_cache(_HELD_CHANNELS)(source.read)
    else:
        instruments, read = source.instruments, source.channels.__getitem__
        keys = sorted(source.channels)
    unknown = sorted({key for pair in peers for key in pair} - set(keys))
    if unknown:
        raise CoverageError(f"peers: {unknown[0]} is not in the data; see riskoff data list")
    for pair in peers:
        refuse_unlike(*pair)
    # The order inside a pair has no meaning.
    named = [*usual_peers(keys, instruments), *peers]
    pairs = list({frozenset(pair): pair for pair in named}.values())
    absent = _absent_funding(keys, instruments)

    def read_or_empty(key: ChannelKey) -> Channel:
        return Channel(key, empty_columns(key, 0)) if key in absent else read(key)

    return _Survey(sorted([*keys, *absent]), instruments, pairs, read_or_empty, limits)


def _absent_funding(
    keys: Sequence[ChannelKey], instruments: Mapping[str, Instrument]
) -> set[ChannelKey]:
    """Return the missing funding channels of perps with bars."""
    needed = {
        ChannelKey(key.instrument, ChannelKind.FUNDING)
        for key in keys
        if key.kind is ChannelKind.BARS and instruments[key.instrument].kind is InstrumentKind.PERP
    }
    return needed - set(keys)


@dataclass(frozen=True)
class _Survey:
    """Channels to check, and the function that reads them."""

    keys: Sequence[ChannelKey]
    instruments: Mapping[str, Instrument]
    pairs: Sequence[Pair]
    read: Read
    limits: Limits

    def of(self, key: ChannelKey) -> Iterator[QualityFinding]:
        """Yield the findings of one channel."""
        channel, instrument = self.read(key), self.instruments[key.instrument]
        if key.kind is ChannelKind.FUNDING:
            yield from funding_findings(channel, [self.read(bars) for bars in self._bars(key)])
        if len(channel) == 0:
            return
        if key.kind in (ChannelKind.FUNDING, ChannelKind.DIVIDENDS) and not instrument.synthetic:
            yield from unit_findings(channel, [self.read(bars) for bars in self._bars(key)])
        if key.kind is not ChannelKind.FUNDING:
            yield from hole_findings(channel, instrument)
        if key.kind is ChannelKind.MARK:
            yield from self._of_mark(channel)
        for longer in self._multiples(key):
            yield from timeframe_findings(channel, self.read(longer), self.limits)
        for one, other in self.pairs:
            if one == key:
                yield from peer_findings(channel, self.read(other), self.limits)
        if key.kind is ChannelKind.BARS:
            yield from session_findings(channel, instrument)
            yield from delisting_findings(channel, instrument)
            yield from extreme_findings(channel, instrument)
            yield from jump_findings(channel)
            others = _Unread(self.read, self._second_sources(key))
            yield from spike_findings(channel, self.limits, others)

    def _of_mark(self, mark: Channel) -> Iterator[QualityFinding]:
        yield from delisting_findings(mark, self.instruments[mark.key.instrument])
        bars = self._bars(mark.key)
        if bars:
            # Bars of the same length share all closes with the mark; otherwise the finest bars
            # share most.
            length = mark.key.timeframe
            best = min(bars, key=lambda key: (key.timeframe != length, Timeframe(key.timeframe)))
            yield from mark_findings(mark, self.read(best), self.limits)

    def _bars(self, key: ChannelKey) -> list[ChannelKey]:
        """Return the bar channels of the channel's instrument."""
        return [
            other
            for other in self.keys
            if other.instrument == key.instrument and other.kind is ChannelKind.BARS
        ]

    def _multiples(self, key: ChannelKey) -> list[ChannelKey]:
        """Return the instrument's longer bars that these bars add up to; none for sessions."""
        if self.instruments[key.instrument].calendar != ALWAYS_OPEN:
            return []
        return [other for other in self.keys if _is_finer(key, other)]

    def _second_sources(self, key: ChannelKey) -> list[ChannelKey]:
        """Return the peers on both sides of pairs, without the instrument's own bars or marks."""
        peers = {other for pair in self.pairs if key in pair for other in pair}
        return sorted(other for other in peers if other.instrument != key.instrument)


@dataclass(frozen=True)
class _Unread:
    """Channels that are read on iteration."""

    read: Read
    keys: Sequence[ChannelKey]

    def __iter__(self) -> Iterator[Channel]:
        return map(self.read, self.keys)


def _is_finer(one: ChannelKey, other: ChannelKey) -> bool:
    """Return whether bars of ``one`` add up to bars of ``other``."""
    if one.kind not in PRICED or (other.instrument, other.kind) != (one.instrument, one.kind):
        return False
    step, longer = Timeframe(one.timeframe).ns, Timeframe(other.timeframe).ns
    return longer > step and longer % step == 0
