"""Write channels into a catalog, all of them or none.

A part's file name contains the file's hash. All files are written before the index that names them,
and the index is replaced in one step. So a reader sees the old state or the new one, even if an
interrupt, a full disk or a kill stops the writer.
"""

import re
from pathlib import Path

import filelock

from data_feeds.atomic import UNCHANGED, acquire, storage_errors, write_atomically
from data_feeds.catalog.index import (
    EMPTY,
    CatalogEntry,
    Index,
    Origin,
    StoredPart,
    TimeSpan,
    load_index,
    merged_spans,
    save_index,
)
from data_feeds.catalog.integrity import broken, overlaps, part_list_hash
from data_feeds.catalog.leftovers import LOCK_NAME, remove_leftovers
from data_feeds.catalog.part_reader import read_parts
from data_feeds.catalog.parts import Written, described, encode, seams, split
from data_feeds.clock import WEEK_NS
from data_feeds.errors import IntegrityError, SchemaError
from data_feeds.gate import Admitted, admitted
from data_feeds.gate.cross_checks import check_beside
from data_feeds.gate.unit_check import ask_unit
from data_feeds.instrument import Instrument
from data_feeds.schema import (
    Channel,
    ChannelKey,
    ChannelKind,
    concatenated,
    time_columns,
    validate,
)
from data_feeds.splits import SPLIT_KINDS, ShareBasis, in_first_shares, told_dividends, told_shares
from data_feeds.timeframe import Timeframe
from data_feeds.units import units_of

LOCK_SECONDS = 30
_SAFE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


class Batch:
    """Collect the channels of one write; :meth:`Catalog.batch` opens and ends a batch."""

    def __init__(self, folder: Path, *, anew: bool = False) -> None:
        self._folder, self._anew = folder, anew
        self._lock = filelock.FileLock(str(folder / LOCK_NAME))
        self._index: Index | None = None
        #: Reason for discarding the whole stored catalog; empty when it stays.
        self.discarded = ""
        # Instruments with whole new channels; commit compares their channels with each other.
        self._whole: dict[str, Instrument] = {}
        # Stretches that pages extended, by channel; commit also compares the rows around them.
        self._paged: dict[ChannelKey, tuple[Instrument, TimeSpan]] = {}
        #: Result of the gate for each channel written so far.
        self.admissions: dict[ChannelKey, Admitted] = {}

    def replace(
        self,
        instrument: Instrument,
        channel: Channel,
        origin: Origin | None = None,
        *,
        answered: bool = False,
    ) -> CatalogEntry:
        """Write a channel and discard all its older rows.

        ``answered`` states that numbers of unusual size are correct (``gate.unit_check``).

        Raises
        ------
        SchemaError : the channel breaks its rules, or is not the instrument's.
        StorageError : the disk refuses.
        """
        channel = self._admitted(instrument, channel, (origin or Origin()).unit, answered=answered)
        # Lock only now: an import that is refused at its first file leaves no trace.
        self._begun()
        self._whole[instrument.id] = instrument
        parts = self._store(instrument, channel)
        return self._put(instrument, channel.key, parts, covered=(), origin=origin or Origin())

    def extend(
        self, instrument: Instrument, channel: Channel, covered: TimeSpan, origin: Origin
    ) -> CatalogEntry:
        """Replace the stored rows of one stretch of time; rows outside it stay.

        Only the files of the affected periods are read and written. ``covered`` is the stretch that
        the source has answered: the rows of ``channel`` lie inside it, and older rows inside it are
        removed. A channel without rows extends the coverage of a stored channel.

        Raises
        ------
        SchemaError : the rows break the channel's rules, alone or together with the stored rows;
            they differ from these in venue, unit, calendar or adjustment; or no rows are left.
        StorageError : the disk refuses.
        IntegrityError : a stored file is damaged.
        """
        index = self._begun()
        entry = index.find(channel.key)
        if len(channel) == 0:
            if entry is None:
                raise SchemaError(f"{channel.key}: no rows; nothing to store")
        else:
            # A page has too few rows to recognize a unit; commit checks the whole channel.
            channel = self._admitted(instrument, channel, origin.unit, answered=True)
            self._note_page(instrument, channel.key, covered)
        if entry is None:
            parts = self._store(instrument, channel)
            return self._put(instrument, channel.key, parts, covered=(covered,), origin=origin)
        _refuse_other_venues(entry, origin)
        _refuse_other_numbers(entry, _known(index, instrument.id), instrument, origin)
        facts = channel[time_columns(channel.key.kind)[0]]
        if len(facts) and (facts[0] < covered.started_at or facts[-1] >= covered.ended_at):
            raise SchemaError(f"{channel.key}: rows outside the stretch they were asked for")
        parts = self._spliced(instrument, entry, channel, covered)
        if not parts:
            raise SchemaError(f"{channel.key}: the source no longer has any of the stored rows")
        _check_seams(channel, parts)
        spans = merged_spans((*entry.covered, covered))
        joined = entry.origin.beside(origin)
        return self._put(instrument, channel.key, parts, covered=spans, origin=joined)

    def holds(self, key: ChannelKey) -> bool:
        """Return whether the catalog, with this batch's changes, has the channel."""
        return self.find(key) is not None

    def find(self, key: ChannelKey) -> CatalogEntry | None:
        """Return a channel's entry in the catalog with this batch's changes, or None."""
        return self._begun().find(key)

    def instrument(self, name: str) -> Instrument | None:
        """Return an instrument's record in the catalog with this batch's changes, or None."""
        return _known(self._begun(), name)

    def commit(self) -> None:
        """Check the new state and replace the index in one step.

        Raises
        ------
        SchemaError : some prices contain the recorded splits and others do not.
        """
        if self._index is not None:
            for name in {key.instrument for key in self.admissions}:
                self._tell_shares(name)
            for instrument in self._whole.values():
                self._look_beside(instrument)
            for key, (instrument, span) in self._paged.items():
                self._ask_page(instrument, key, span)
            save_index(self._folder, self._index)

    def _note_page(self, instrument: Instrument, key: ChannelKey, covered: TimeSpan) -> None:
        """Record the stretch from a channel's first page to its last page."""
        span = self._paged.get(key, (instrument, covered))[1]
        first, last = min(span.started_at, covered.started_at), max(span.ended_at, covered.ended_at)
        self._paged[key] = instrument, TimeSpan(started_at=first, ended_at=last)

    def _ask_page(self, instrument: Instrument, key: ChannelKey, span: TimeSpan) -> None:
        """Refuse a channel that pages extended if its numbers look like another unit."""
        entry = self._begun().find(key)
        if entry is not None and key.kind in (ChannelKind.FUNDING, ChannelKind.SERIES):
            ask_unit(read_parts(self._folder, key, entry.parts), entry.origin.unit)
        if instrument.id not in self._whole:
            self._look_beside(instrument, span)

    def _look_beside(self, instrument: Instrument, span: TimeSpan | None = None) -> None:
        """Refuse channels of an instrument whose values contradict their declared units.

        With ``span``, only the files of that stretch are read.
        """
        index = self._begun()
        held = [entry for entry in index.channels if entry.instrument == instrument.id]
        if span is not None:
            held = [piece for entry in held if (piece := _around(entry, span)).parts]
        rows = {entry.key: self._in_first_shares(index, entry) for entry in held}
        # A generator knows whether its prices contain dividends.
        answered = instrument.synthetic or "dividend_adjusted" in instrument.model_fields_set
        check_beside(instrument, rows, is_answered=answered)

    def _in_first_shares(self, index: Index, entry: CatalogEntry) -> Channel:
        rows = read_parts(self._folder, entry.key, entry.parts)
        recorded, first_at = index.splits_of(entry.instrument), index.first_bar_at(entry.instrument)
        if recorded is None or first_at is None or not entry.shares:
            return rows
        splits = read_parts(self._folder, recorded.key, recorded.parts)
        return in_first_shares(rows, splits, first_at, ShareBasis(entry.shares))

    def _tell_shares(self, name: str) -> None:
        """Store, for each channel, whether an instrument's splits are already in its rows."""
        index = self._begun()
        held = [e for e in index.channels if e.instrument == name and e.kind in SPLIT_KINDS]
        recorded = index.splits_of(name)
        told: dict[ChannelKey, str] = {entry.key: "" for entry in held}
        if recorded is not None:
            splits = read_parts(self._folder, recorded.key, recorded.parts)
            priced = [entry for entry in held if entry.kind is not ChannelKind.DIVIDENDS]
            for entry in priced:
                rows = read_parts(self._folder, entry.key, entry.parts)
                told[entry.key] = told_shares(rows, splits, entry.origin.splits).value
            longest = max(priced, key=lambda e: Timeframe(e.timeframe), default=None)
            usual = ShareBasis(told[longest.key]) if longest else ShareBasis.AS_TRADED
            for entry in held:
                if entry not in priced:
                    paid = read_parts(self._folder, entry.key, entry.parts)
                    found = entry.origin.splits or told_dividends(paid, splits, usual).value
                    told[entry.key] = found
        changed = [
            entry.model_copy(update={"shares": told[entry.key]})
            for entry in held
            if entry.shares != told[entry.key]
        ]
        if changed:
            instrument = _known(index, name)
            assert instrument is not None
            self._index = index.replaced(instrument, *changed)

    def close(self) -> None:
        """Remove all files that the index on disk does not name, and unlock the catalog."""
        try:
            if self._index is not None:
                remove_leftovers(self._folder)
        finally:
            self._lock.release()

    def _admitted(
        self, instrument: Instrument, channel: Channel, unit: str, *, answered: bool
    ) -> Channel:
        """Return the rows that the gate admits."""
        _check_names(instrument, channel)
        self.admissions[channel.key] = passed = admitted(
            instrument, channel, unit, is_answered=answered
        )
        return passed.channel

    def _begun(self) -> Index:
        """Return the index with this batch's changes; the first call locks the catalog."""
        if self._index is None:
            acquire(self._lock, self._folder, LOCK_SECONDS)
            self._index = self._stored_index()
        return self._index

    def _stored_index(self) -> Index:
        try:
            return load_index(self._folder)
        except IntegrityError as error:
            if not self._anew:
                raise
            self.discarded = str(error).partition(";")[0]
            return EMPTY

    def _store(self, instrument: Instrument, channel: Channel) -> tuple[StoredPart, ...]:
        return tuple(self._store_part(instrument, period, rows) for period, rows in split(channel))

    def _store_part(self, instrument: Instrument, period: str, rows: Channel) -> StoredPart:
        raw = encode(rows)
        part = described(rows, Written.of(rows.key, period, raw), instrument.calendar)
        with storage_errors(self._folder, UNCHANGED):
            write_atomically(self._folder / part.file, raw)
        return part

    def _spliced(
        self, instrument: Instrument, entry: CatalogEntry, channel: Channel, covered: TimeSpan
    ) -> tuple[StoredPart, ...]:
        """Return the entry's parts after replacing the rows of the covered stretch."""
        parts = {part.period: part for part in entry.parts}
        fresh = dict(split(channel)) if len(channel) else {}
        touched = [
            part.period
            for part in entry.parts
            if part.first_at < covered.ended_at and part.last_fact_at >= covered.started_at
        ]
        for period in sorted({*fresh, *touched}):
            stored = parts.pop(period, None)
            rows = fresh.get(period)
            if stored is not None:
                rows = self._kept(entry, stored, covered, rows)
            if rows is not None:
                parts[period] = self._store_part(instrument, period, rows)
        return tuple(sorted(parts.values(), key=lambda part: part.first_at))

    def _kept(
        self, entry: CatalogEntry, part: StoredPart, covered: TimeSpan, fresh: Channel | None
    ) -> Channel | None:
        """Return a part's rows with the fresh rows in place of the covered stretch."""
        try:
            old = read_parts(self._folder, entry.key, (part,))
        except FileNotFoundError as error:
            raise broken(self._folder, entry.key, part, "is missing") from error
        facts = old[time_columns(entry.kind)[0]]
        before = old.take(facts < covered.started_at)
        after = old.take(facts >= covered.ended_at)
        rows = concatenated(entry.key, [p for p in (before, fresh, after) if p is not None])
        if len(rows) == 0:
            return None
        validate(rows)
        return rows

    def _put(
        self,
        instrument: Instrument,
        key: ChannelKey,
        parts: tuple[StoredPart, ...],
        *,
        covered: tuple[TimeSpan, ...],
        origin: Origin,
    ) -> CatalogEntry:
        entry = CatalogEntry(
            instrument=key.instrument,
            kind=key.kind,
            timeframe=key.timeframe,
            parts=parts,
            part_list_sha256=part_list_hash(parts),
            seams=seams(key, parts, instrument.calendar),
            covered=covered,
            origin=origin,
            units=units_of(instrument, key, origin.unit),
        )
        self._index = self._begun().replaced(instrument, entry)
        return entry


def _around(entry: CatalogEntry, span: TimeSpan) -> CatalogEntry:
    """Return an entry with only the parts that overlap a stretch or the week before it."""
    first_at = span.started_at - WEEK_NS
    near = [p for p in entry.parts if p.last_fact_at >= first_at and p.first_at < span.ended_at]
    return entry.model_copy(update={"parts": tuple(near)})


def _check_names(instrument: Instrument, channel: Channel) -> None:
    if channel.key.instrument != instrument.id:
        raise SchemaError(f"{channel.key} does not belong to {instrument.id}")
    if len(channel) == 0:
        raise SchemaError(f"{channel.key}: no rows; nothing to store")
    if not _SAFE_ID.fullmatch(instrument.id):
        raise SchemaError(
            f"instrument id {instrument.id!r}: use letters, digits, dot, dash and underscore"
        )


def _check_seams(channel: Channel, parts: tuple[StoredPart, ...]) -> None:
    """Refuse parts that overlap or become known out of order."""
    for problem in overlaps(channel.key, parts):
        raise SchemaError(
            f"{channel.key}: {problem}; remove the catalog and fetch the channel again"
        )


def _refuse_other_venues(entry: CatalogEntry, origin: Origin) -> None:
    stored, given = set(entry.origin.venues), set(origin.venues)
    if stored and given and stored != given:
        raise SchemaError(
            f"{entry.key}: stored rows are from {', '.join(sorted(stored))}, new ones from "
            f"{', '.join(sorted(given))}; one channel holds one venue: give the other venue an "
            "instrument of its own, or import both with fills and mix_venues in a mapping"
        )


def _known(index: Index, name: str) -> Instrument | None:
    return next((known for known in index.instruments if known.id == name), None)


def _refuse_other_numbers(
    entry: CatalogEntry, stored: Instrument | None, given: Instrument, origin: Origin
) -> None:
    """Refuse rows whose numbers have another meaning than the stored numbers."""
    held = {"unit": ", ".join(entry.units.values()), "splits": entry.origin.splits}
    units = units_of(given, entry.key, origin.unit)
    new = {"unit": ", ".join(units.values()), "splits": origin.splits}
    for name in ("quote", "calendar", "dividend_adjusted"):
        if stored is not None:
            held[name], new[name] = str(getattr(stored, name)), str(getattr(given, name))
    for name, value in held.items():
        if value != new[name]:
            raise SchemaError(
                f"{entry.key}: {name} of the stored rows is {value!r}, of the new ones "
                f"{new[name]!r}; fetch into another catalog, or import the stored rows again"
            )
