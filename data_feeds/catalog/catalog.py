"""A folder of channels: a catalog reads them, a batch writes them."""

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from data_feeds.catalog.batch import Batch
from data_feeds.catalog.index import INDEX_NAME, CatalogEntry, Index, Origin, StoredPart, load_index
from data_feeds.catalog.integrity import AGAIN, broken, check_parts
from data_feeds.catalog.leftovers import remove_leftovers_if_free
from data_feeds.catalog.part_reader import read_parts
from data_feeds.clock import utc_text
from data_feeds.errors import CoverageError, DataError, IntegrityError
from data_feeds.instrument import Instrument
from data_feeds.schema import Channel, ChannelKey, time_columns
from data_feeds.splits import (
    FirstShares,
    ShareBasis,
    first_shares,
    in_first_shares,
)
from data_feeds.strict_model import StrictModel


class VerifyRow(StrictModel):
    """Result of checking one channel: ``problem`` is empty when files and index agree."""

    key: str
    files: int
    rows: int
    problem: str

    @property
    def is_sound(self) -> bool:
        """True when every file equals the written file."""
        return not self.problem


class Catalog:
    """Channels in a folder, written by ``riskoff data import`` and ``riskoff data fetch``."""

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)

    @property
    def index_file(self) -> Path:
        """The file that lists every stored file with its checksum."""
        return self.path / INDEX_NAME

    def exists(self) -> bool:
        """Return whether the folder contains a catalog."""
        return self.index_file.is_file()

    def instruments(self) -> dict[str, Instrument]:
        """Return the instruments by id."""
        return {instrument.id: instrument for instrument in load_index(self.path).instruments}

    def entries(self) -> list[CatalogEntry]:
        """Return the entries of all channels, ordered by instrument, kind and timeframe."""
        return list(load_index(self.path).channels)

    def find(self, key: ChannelKey) -> CatalogEntry | None:
        """Return one channel's entry, or None when the catalog lacks it."""
        return load_index(self.path).find(key)

    def entry(self, key: ChannelKey) -> CatalogEntry:
        """Return one channel's entry.

        Raises
        ------
        CoverageError : the catalog does not hold the channel; the text lists what it holds.
        """
        return self._located(load_index(self.path), key)

    def _located(self, index: Index, key: ChannelKey) -> CatalogEntry:
        entry = index.find(key)
        if entry is None:
            held = ", ".join(str(entry.key) for entry in index.channels) or "nothing"
            raise CoverageError(f"{key}: not in the catalog {self.path}; held: {held}")
        return entry

    def read(self, key: ChannelKey, start: int | None = None, end: int | None = None) -> Channel:
        """Return the rows of a channel with the first time column in ``[start, end]`` (ns UTC).

        Only the files of that stretch are read. If the instrument has recorded splits, prices,
        volumes and dividends are per share of its first stored bar (``data_feeds.splits``).

        Raises
        ------
        CoverageError, IntegrityError : as :meth:`read_stored`.
        """
        index, rows = self._stored(load_index(self.path), key, start, end)
        shares = self._located(index, key).shares
        recorded, first_at = index.splits_of(key.instrument), index.first_bar_at(key.instrument)
        if recorded is None or first_at is None or not shares:
            return rows
        _, splits = self._stored(index, recorded.key)
        return in_first_shares(rows, splits, first_at, ShareBasis(shares))

    def first_shares(self, instruments: Iterable[str], end: int) -> dict[str, FirstShares]:
        """Return the share unit of some instruments, with their splits up to ``end``.

        Instruments without recorded splits are left out.
        """
        index = load_index(self.path)
        found = {}
        for name in instruments:
            recorded, first_at = index.splits_of(name), index.first_bar_at(name)
            if recorded is not None and first_at is not None:
                _, splits = self._stored(index, recorded.key)
                found[name] = first_shares(splits, first_at, end)
        return found

    def read_stored(
        self, key: ChannelKey, start: int | None = None, end: int | None = None
    ) -> Channel:
        """Return the rows of a channel per share as stored, without adjusting for splits.

        Raises
        ------
        CoverageError : the catalog lacks the channel.
        IntegrityError : a file is missing, truncated or changed, breaks the gate's rules, or
            differs from its record in the index.
        """
        return self._stored(load_index(self.path), key, start, end)[1]

    def _stored(
        self, index: Index, key: ChannelKey, start: int | None = None, end: int | None = None
    ) -> tuple[Index, Channel]:
        """Return a channel's rows and their index, which may be newer than the given one."""
        entry = self._located(index, key)
        while True:
            parts = _between(entry, start, end)
            try:
                channel = read_parts(self.path, key, parts)
            except FileNotFoundError as error:
                # A writer replaced the file after the index was read; read the new index.
                index = load_index(self.path)
                latest = self._located(index, key)
                if latest == entry:
                    missing = next(p for p in parts if not (self.path / p.file).exists())
                    raise broken(self.path, key, missing, "is missing") from error
                entry = latest
                continue
            break
        check_parts(self.path, entry, self._owner(index, entry), parts=parts, rows=channel)
        facts = channel[time_columns(key.kind)[0]]
        first = 0 if start is None else int(np.searchsorted(facts, start, side="left"))
        stop = len(facts) if end is None else int(np.searchsorted(facts, end, side="right"))
        return index, channel.take(slice(first, stop))

    def _owner(self, index: Index, entry: CatalogEntry) -> Instrument:
        for instrument in index.instruments:
            if instrument.id == entry.instrument:
                return instrument
        raise IntegrityError(
            f"{self.path / INDEX_NAME}: {entry.key}: no instrument {entry.instrument}; "
            f"{AGAIN.format(key=entry.key)}"
        )

    def write(
        self, instrument: Instrument, channels: Sequence[Channel], origin: Origin | None = None
    ) -> list[CatalogEntry]:
        """Store whole channels of one instrument in place of their older versions.

        Raises
        ------
        SchemaError : a channel breaks its rules, or is not the instrument's.
        StorageError : the disk refuses; the catalog is unchanged.
        """
        with self.batch() as batch:
            return [batch.replace(instrument, channel, origin) for channel in channels]

    @contextlib.contextmanager
    def batch(self, *, anew: bool = False) -> Iterator[Batch]:
        """Open a batch of changes that are written together or not at all.

        ``anew`` starts an empty catalog if the stored one cannot be read.

        The new index replaces the old one when the block ends. Until then readers see the old
        state, and an exception in the block leaves the old state. Other writers wait.

        Raises
        ------
        StorageError : the disk refuses, or another writer holds the lock; the catalog is unchanged.
        """
        batch = Batch(self.path, anew=anew)
        try:
            yield batch
            batch.commit()
        finally:
            batch.close()

    def remove_leftovers(self) -> None:
        """Remove the files that a killed writer left, unless another writer works now."""
        remove_leftovers_if_free(self.path)

    def verify(self) -> Iterator[VerifyRow]:
        """Check hashes, row counts and rules of every channel; yield one row per channel.

        Raises
        ------
        IntegrityError : the index itself cannot be read.
        """
        for entry in self.entries():
            problem = ""
            try:
                self.read_stored(entry.key)
            except DataError as error:
                problem = str(error)
            yield VerifyRow(
                key=str(entry.key), files=len(entry.parts), rows=entry.rows, problem=problem
            )


def _between(entry: CatalogEntry, start: int | None, end: int | None) -> tuple[StoredPart, ...]:
    return tuple(
        part
        for part in entry.parts
        if (start is None or part.last_fact_at >= start) and (end is None or part.first_at <= end)
    )


def coverage_text(entry: CatalogEntry) -> str:
    """Return an entry's coverage as text, e.g. ``2025-01-01T00:00Z to 2026-02-19T16:55Z``."""
    return f"{utc_text(entry.first_at)} to {utc_text(entry.last_at)}"
