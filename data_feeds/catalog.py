"""Parquet catalog: one file per channel, one index, and nothing half-written.

A channel's file carries its own hash in its name and is in place before the index that names it;
the index is replaced in one step. So a reader sees the old state or the new one, whatever happens
to the writer: an interrupt, a full disk, a crash.
"""

import contextlib
import hashlib
import io
import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import filelock
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from data_feeds.align import Gap, gaps, zero_volume_runs
from data_feeds.atomic import acquire, storage_errors, write_atomically
from data_feeds.errors import CoverageError, DataError, IntegrityError, SchemaError
from data_feeds.instrument import Instrument
from data_feeds.schema import (
    Array,
    Channel,
    ChannelKey,
    ChannelKind,
    Provenance,
    time_columns,
    utc_text,
    validate,
)

INDEX_NAME = "index.json"
FORMAT = 1
LOCK_SECONDS = 30
_SAFE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Origin(_Model):
    """Where a channel's rows come from, in words; printed by ``data list``."""

    source: str = Field("", description="Who published or computed the values")
    licence: str = Field("", description="What may be done with them")
    unit: str = Field("", description="Unit of a series' values, e.g. percent")


class GapRow(_Model):
    """A stretch of missing or idle rows; instants int64 ns UTC."""

    started_at: int
    ended_at: int
    rows: int


class CatalogEntry(_Model):
    """What the catalog knows of one channel without opening its file.

    ``first_at`` is the first row's opening or fact, ``last_at`` the last row's close or fact;
    ``first_available_at`` and ``last_available_at`` are when decisions could first use them.
    """

    instrument: str
    kind: ChannelKind
    timeframe: str
    file: str
    sha256: str
    rows: int
    first_at: int
    last_at: int
    first_available_at: int
    last_available_at: int
    labels: dict[str, int]
    gaps: tuple[GapRow, ...]
    idle: tuple[GapRow, ...]
    origin: Origin

    @property
    def key(self) -> ChannelKey:
        """The channel's name."""
        return ChannelKey(self.instrument, self.kind, self.timeframe)

    @property
    def missing_rows(self) -> int:
        """Rows missing in all gaps together."""
        return sum(gap.rows for gap in self.gaps)


class _Index(_Model):
    format: int
    instruments: tuple[Instrument, ...]
    channels: tuple[CatalogEntry, ...]


class VerifyRow(_Model):
    """One channel's check: ``problem`` is empty when file and index agree."""

    key: str
    file: str
    rows: int
    problem: str

    @property
    def is_sound(self) -> bool:
        """Whether the file is what was written."""
        return not self.problem


class Catalog:
    """Channels stored in a folder, written by ``riskoff data import``."""

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)

    def exists(self) -> bool:
        """Whether anything was ever written here."""
        return (self.path / INDEX_NAME).is_file()

    def instruments(self) -> dict[str, Instrument]:
        """Return the instruments by id."""
        return {instrument.id: instrument for instrument in self._index().instruments}

    def entries(self) -> list[CatalogEntry]:
        """Return what is stored, ordered by instrument, kind and timeframe."""
        return list(self._index().channels)

    def entry(self, key: ChannelKey) -> CatalogEntry:
        """Return one channel's entry.

        Raises
        ------
        CoverageError : the catalog does not hold the channel; the text lists what it holds.
        """
        entries = self._index().channels
        for entry in entries:
            if entry.key == key:
                return entry
        held = ", ".join(str(entry.key) for entry in entries) or "nothing"
        raise CoverageError(f"{key}: not in the catalog {self.path}; held: {held}")

    def read(self, key: ChannelKey, start: int | None = None, end: int | None = None) -> Channel:
        """Return a channel's rows whose first time column lies in ``[start, end]`` (ns UTC).

        Raises
        ------
        CoverageError : the channel is not here.
        IntegrityError : its file is missing, truncated or changed.
        """
        entry, raw = self._current_bytes(key)
        channel = self._decode(entry, raw)
        facts = channel[time_columns(key.kind)[0]]
        first = 0 if start is None else int(np.searchsorted(facts, start, side="left"))
        stop = len(facts) if end is None else int(np.searchsorted(facts, end, side="right"))
        return channel.take(slice(first, stop))

    def write(
        self, instrument: Instrument, channels: Sequence[Channel], origin: Origin | None = None
    ) -> list[CatalogEntry]:
        """Store channels of one instrument, each replacing its older version as a whole.

        Raises
        ------
        SchemaError : a channel breaks its rules, or is not the instrument's.
        StorageError : the disk refuses; the catalog is as before.
        """
        with self.batch() as batch:
            return [batch.add(instrument, channel, origin) for channel in channels]

    @contextlib.contextmanager
    def batch(self) -> Iterator["Batch"]:
        """Collect channels that replace their older versions all together, or not at all.

        The new index takes its name when the block ends; until then readers see the old state,
        and after an exception in the block nothing has changed. Other writers wait meanwhile.

        Raises
        ------
        StorageError : the disk refuses, or another writer does not end; the catalog is as before.
        """
        batch = Batch(self)
        try:
            yield batch
            batch.commit()
        finally:
            batch.close()

    def verify(self) -> list[VerifyRow]:
        """Return one row per channel: its file's checksum, row count and schema against the index.

        Raises
        ------
        IntegrityError : the index itself cannot be read.
        """
        rows = []
        for entry in self._index().channels:
            problem = ""
            try:
                validate(self.read(entry.key))
            except DataError as error:
                problem = str(error)
            rows.append(
                VerifyRow(key=str(entry.key), file=entry.file, rows=entry.rows, problem=problem)
            )
        return rows

    def _index(self) -> _Index:
        path = self.path / INDEX_NAME
        try:
            index = _Index.model_validate_json(path.read_bytes())
        except FileNotFoundError:
            return _Index(format=FORMAT, instruments=(), channels=())
        except OSError as error:
            raise IntegrityError(f"{path}: cannot read: {error.strerror}") from error
        except ValidationError as error:
            raise IntegrityError(
                f"{path}: not a catalog index; remove the folder {self.path} and import again"
            ) from error
        if index.format != FORMAT:
            raise IntegrityError(
                f"{path}: format {index.format}, expected {FORMAT}; "
                f"remove the folder {self.path} and import again"
            )
        return index

    def _current_bytes(self, key: ChannelKey) -> tuple[CatalogEntry, bytes]:
        """Return a channel's entry and file, following writers who replace it meanwhile."""
        entry = self.entry(key)
        while True:
            try:
                return entry, self._file_bytes(entry)
            except FileNotFoundError as error:
                latest = self.entry(key)
                if latest.file == entry.file:
                    raise self._broken(entry, "is missing") from error
                entry = latest

    def _file_bytes(self, entry: CatalogEntry) -> bytes:
        try:
            raw = (self.path / entry.file).read_bytes()
        except FileNotFoundError:
            raise
        except OSError as error:
            raise self._broken(entry, f"cannot be read: {error.strerror}") from error
        if hashlib.sha256(raw).hexdigest() != entry.sha256:
            raise self._broken(entry, f"differs from what was written ({len(raw)} bytes)")
        return raw

    def _decode(self, entry: CatalogEntry, raw: bytes) -> Channel:
        table = pq.read_table(io.BytesIO(raw))
        if table.num_rows != entry.rows:
            raise self._broken(entry, f"holds {table.num_rows} rows, not {entry.rows}")
        columns = {name: table.column(name).to_numpy() for name in table.column_names}
        return Channel(entry.key, columns)

    def _broken(self, entry: CatalogEntry, what: str) -> IntegrityError:
        return IntegrityError(
            f"{self.path / entry.file}: {what}; import {entry.key} again (riskoff data import)"
        )


class Batch:
    """Channels being written; made by :meth:`Catalog.batch`, which also ends it."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._lock = filelock.FileLock(str(catalog.path / ".lock"))
        self._index: _Index | None = None
        self._replaced: set[str] = set()
        self._stored: set[str] = set()

    def add(
        self, instrument: Instrument, channel: Channel, origin: Origin | None = None
    ) -> CatalogEntry:
        """Write a channel's file; the catalog names it when the batch ends.

        Raises
        ------
        SchemaError : the channel breaks its rules, or is not the instrument's.
        StorageError : the disk refuses.
        """
        _check(instrument, channel)
        # Only now, so that an import refused at its first file leaves no trace.
        index = self._begun()
        with storage_errors(self._catalog.path):
            entry = self._store(instrument, channel, origin or Origin())
        self._index = _merged(index, instrument, entry)
        return entry

    def commit(self) -> None:
        """Replace the index, in one step."""
        if self._index is None:
            return
        text = json.dumps(self._index.model_dump(mode="json"), indent=1) + "\n"
        with storage_errors(self._catalog.path):
            write_atomically(self._catalog.path / INDEX_NAME, text.encode())

    def close(self) -> None:
        """Remove the files, new or old, that the index on disk does not name; unlock."""
        try:
            if self._index is not None:
                named = {entry.file for entry in self._catalog.entries()}
                self._remove((self._replaced | self._stored) - named)
        finally:
            self._lock.release()

    def _begun(self) -> _Index:
        """Return the index so far; the first call locks the catalog and reads it."""
        if self._index is None:
            acquire(self._lock, self._catalog.path, LOCK_SECONDS)
            self._index = self._catalog._index()
            self._replaced = {entry.file for entry in self._index.channels}
        return self._index

    def _remove(self, files: set[str]) -> None:
        for name in files:
            # A file that nothing names harms nobody.
            with contextlib.suppress(OSError):
                (self._catalog.path / name).unlink(missing_ok=True)

    def _store(self, instrument: Instrument, channel: Channel, origin: Origin) -> CatalogEntry:
        raw = _encode(channel)
        sha256 = hashlib.sha256(raw).hexdigest()
        key = channel.key
        stem = "-".join(part for part in (key.kind.value, key.timeframe) if part)
        file = f"channels/{key.instrument}/{stem}.{sha256[:12]}.parquet"
        # Noted first: an interrupt may come between the file's new name and the next line.
        self._stored.add(file)
        write_atomically(self._catalog.path / file, raw)
        times = time_columns(key.kind)
        last = channel["closed_at"] if "closed_at" in times else channel["event_at"]
        counts = np.bincount(channel["label"], minlength=len(Provenance))
        return CatalogEntry(
            instrument=key.instrument,
            kind=key.kind,
            timeframe=key.timeframe,
            file=file,
            sha256=sha256,
            rows=len(channel),
            first_at=int(channel[times[0]][0]),
            last_at=int(last[-1]),
            first_available_at=int(channel["available_at"].min()),
            last_available_at=int(channel["available_at"].max()),
            labels={label.name.lower(): int(counts[label]) for label in Provenance},
            gaps=_gap_rows(gaps(channel, instrument.calendar)),
            idle=_gap_rows(zero_volume_runs(channel)),
            origin=origin,
        )


def _check(instrument: Instrument, channel: Channel) -> None:
    if channel.key.instrument != instrument.id:
        raise SchemaError(f"{channel.key} does not belong to {instrument.id}")
    if len(channel) == 0:
        raise SchemaError(f"{channel.key}: no rows; nothing to store")
    validate(channel)
    if not _SAFE_ID.fullmatch(instrument.id):
        raise SchemaError(
            f"instrument id {instrument.id!r}: use letters, digits, dot, dash and underscore"
        )


def _merged(index: _Index, instrument: Instrument, fresh: CatalogEntry) -> _Index:
    """Return the index with an instrument and its fresh entry in the place of older ones."""
    entries = {entry.key: entry for entry in (*index.channels, fresh)}
    instruments = {known.id: known for known in (*index.instruments, instrument)}
    return _Index(
        format=FORMAT,
        instruments=tuple(instruments[name] for name in sorted(instruments)),
        channels=tuple(entries[key] for key in sorted(entries)),
    )


def _gap_rows(found: list[Gap]) -> tuple[GapRow, ...]:
    return tuple(
        GapRow(started_at=gap.started_at, ended_at=gap.ended_at, rows=gap.missing) for gap in found
    )


def _encode(channel: Channel) -> bytes:
    """Return a channel as Parquet bytes; the same rows give the same bytes."""
    order = (*time_columns(channel.key.kind), *sorted(set(channel.columns)))
    columns: dict[str, Array] = {name: channel[name] for name in dict.fromkeys(order)}
    buffer = io.BytesIO()
    pq.write_table(pa.table(columns), buffer, compression="zstd", write_statistics=False)
    return buffer.getvalue()


def coverage_text(entry: CatalogEntry) -> str:
    """Return an entry's coverage in words, e.g. ``2025-01-01T00:00Z to 2026-02-19T16:55Z``."""
    return f"{utc_text(entry.first_at)} to {utc_text(entry.last_at)}"
