"""Read-only market data of one run."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cached_property
from types import MappingProxyType

from data_feeds.errors import CoverageError
from data_feeds.instrument import Instrument
from data_feeds.schema import Channel, ChannelKey, ChannelKind, Provenance
from data_feeds.splits import FirstShares
from data_feeds.trading_end import without_delistings


@dataclass(frozen=True)
class Dataset:
    """Instruments and channels, loaded from the warm-up's first row to the window's end.

    Arrays are read-only. ``fingerprint`` is a hash of every value, so two datasets with the same
    fingerprint give the same run. ``shares`` describes the share unit of instruments with splits;
    their rows are already per share of the first bar.
    """

    instruments: Mapping[str, Instrument]
    channels: Mapping[ChannelKey, Channel]
    shares: Mapping[str, FirstShares] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "instruments", MappingProxyType(dict(self.instruments)))
        object.__setattr__(self, "channels", MappingProxyType(dict(self.channels)))
        object.__setattr__(self, "shares", MappingProxyType(dict(self.shares)))

    def __reduce__(self) -> tuple[type["Dataset"], tuple[object, ...]]:
        """Return how pickle rebuilds a dataset: a read-only mapping cannot be pickled."""
        return Dataset, (dict(self.instruments), dict(self.channels), dict(self.shares))

    def has(self, instrument: str, kind: ChannelKind, timeframe: str = "") -> bool:
        """Return whether the dataset has the channel with at least one row."""
        channel = self.channels.get(ChannelKey(instrument, kind, timeframe))
        return channel is not None and len(channel) > 0

    def channel(self, instrument: str, kind: ChannelKind, timeframe: str = "") -> Channel:
        """Return one channel.

        Raises
        ------
        CoverageError : the dataset does not hold it; the text lists what it holds.
        """
        key = ChannelKey(instrument, kind, timeframe)
        if key not in self.channels:
            held = ", ".join(str(known) for known in sorted(self.channels)) or "nothing"
            raise CoverageError(f"{key}: not in the data; held: {held}")
        return self.channels[key]

    def bars(self, instrument: str, timeframe: str) -> Channel:
        """Return the bars of one instrument and timeframe; see :meth:`channel`."""
        return self.channel(instrument, ChannelKind.BARS, timeframe)

    def cut(self, at: int) -> "Dataset":
        """Return the dataset as it was known at ``at``: rows with ``available_at <= at``."""
        return self.having({key: channel.cut(at) for key, channel in self.channels.items()})

    def having(self, channels: Mapping[ChannelKey, Channel]) -> "Dataset":
        """Return a dataset of the same instruments with the given channels."""
        return replace(self, channels=channels)

    def only(self, keys: Iterable[ChannelKey]) -> "Dataset":
        """Return the dataset reduced to the named channels; names that it lacks are ignored."""
        wanted = frozenset(keys)
        return self.having({key: c for key, c in self.channels.items() if key in wanted})

    def in_force(self, day: date) -> "Dataset":
        """Return the dataset with the instruments' filters and terms in force on one day."""
        held = {name: instrument.in_force(day) for name, instrument in self.instruments.items()}
        return replace(self, instruments=held)

    def for_playbooks(self) -> "Dataset":
        """Return the dataset that a playbook may see: its records tell of no delisting."""
        shown = without_delistings(self.instruments)
        return self if shown is self.instruments else replace(self, instruments=shown)

    def delayed(self, lag_ns: int) -> "Dataset":
        """Return the dataset with every series available ``lag_ns`` later; bars stay unchanged."""
        channels = {}
        for key, channel in self.channels.items():
            columns = dict(channel.columns)
            if key.kind is ChannelKind.SERIES:
                columns["available_at"] = columns["available_at"] + lag_ns
            channels[key] = Channel(key, columns)
        return self.having(channels)

    @cached_property
    def fingerprint(self) -> str:
        """Sha256 of instruments, channel names, columns and values (64 hex digits)."""
        digest = hashlib.sha256()
        for name in sorted(self.instruments):
            digest.update(self.instruments[name].model_dump_json().encode())
        for key in sorted(self.channels):
            digest.update(str(key).encode())
            for column, values in sorted(self.channels[key].columns.items()):
                digest.update(f"{column}:{values.dtype.str}:{len(values)}".encode())
                digest.update(values.tobytes())
        return digest.hexdigest()

    @cached_property
    def provenance(self) -> Provenance:
        """Weakest label of any row: synthetic when one value is synthetic."""
        labels = [int(c["label"].max()) for c in self.channels.values() if len(c)]
        return Provenance(max(labels, default=0))
