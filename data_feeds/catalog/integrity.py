"""Check stored rows against the index and the gate's rules at every reading."""

import hashlib
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

from data_feeds.catalog.index import INDEX_NAME, CatalogEntry, StoredPart
from data_feeds.catalog.parts import described, seams
from data_feeds.clock import utc_text
from data_feeds.errors import IntegrityError, SchemaError
from data_feeds.gate import checked
from data_feeds.instrument import Instrument
from data_feeds.schema import Channel, ChannelKey, ChannelKind
from data_feeds.units import units_of

AGAIN = "import {key} again (riskoff data import or fetch)"
_KNOWN_IN_ORDER = (ChannelKind.BARS, ChannelKind.MARK, ChannelKind.FUNDING)
# Fields of a part's record that are instants; messages show them as text.
_INSTANTS = (
    "first_at",
    "last_at",
    "last_fact_at",
    "first_closed_at",
    "first_available_at",
    "last_available_at",
)


def part_list_hash(parts: Sequence[StoredPart]) -> str:
    """Return sha256 over the hashes of a channel's files in their order (64 hex digits)."""
    return hashlib.sha256("".join(part.sha256 for part in parts).encode()).hexdigest()


def broken(folder: Path, key: ChannelKey, part: StoredPart, what: str) -> IntegrityError:
    """Return the error for a part's file; ``what`` names the defect."""
    return IntegrityError(f"{folder / part.file}: {what}; {AGAIN.format(key=key)}")


def check_parts(
    folder: Path,
    entry: CatalogEntry,
    instrument: Instrument,
    *,
    parts: Sequence[StoredPart],
    rows: Channel,
) -> None:
    """Check that the rows of some parts keep the gate's rules and match the index.

    Raises
    ------
    IntegrityError : with the file, row and broken rule; or the index and the difference.
    """
    first = 0
    for part in parts:
        piece = rows.take(slice(first, first + part.rows))
        first += part.rows
        try:
            checked(instrument, piece)
        except SchemaError as error:
            raise broken(folder, entry.key, part, str(error)) from error
        _check_record(folder, entry.key, part, described(piece, part, instrument.calendar))
    check_list(folder, entry, instrument)


def _check_record(folder: Path, key: ChannelKey, part: StoredPart, found: StoredPart) -> None:
    """Check that the index's record of a file equals the record computed from its rows."""
    for name in StoredPart.model_fields:
        said, held = getattr(part, name), getattr(found, name)
        if said != held:
            if name in _INSTANTS:
                said, held = utc_text(said), utc_text(held)
            shown = f"{name} {said}, the rows {held}" if name != "gaps" else "other holes"
            raise broken(folder, key, part, f"{INDEX_NAME} says {shown}")


def check_list(folder: Path, entry: CatalogEntry, instrument: Instrument) -> None:
    """Check that an entry's list of files is the written list, in order of time.

    Raises
    ------
    IntegrityError : a file was taken out or added, two overlap, or the holes between them differ.
    """
    for what in _problems_of_list(entry, instrument):
        path = folder / INDEX_NAME
        raise IntegrityError(f"{path}: {entry.key}: {what}; {AGAIN.format(key=entry.key)}")


def _problems_of_list(entry: CatalogEntry, instrument: Instrument) -> Iterator[str]:
    if not entry.parts:
        yield "names no file"
    yield from (problem for problem in overlaps(entry.key, entry.parts))
    if entry.part_list_sha256 != part_list_hash(entry.parts):
        yield "its list of files is not the one that was written"
    said = units_of(instrument, entry.key, entry.origin.unit)
    is_series = entry.key.kind is ChannelKind.SERIES
    if entry.units != said and not (is_series and entry.units.keys() == said.keys()):
        yield f"its units are {_listed(entry.units)}, of this kind {_listed(said)}"
    if entry.seams != seams(entry.key, entry.parts, instrument.calendar):
        yield "its holes are not those between its files"


def _listed(units: dict[str, str]) -> str:
    return ", ".join(f"{name} {unit}" for name, unit in units.items())


def overlaps(key: ChannelKey, parts: Sequence[StoredPart]) -> Iterator[str]:
    """Yield a text for each pair of parts that overlap or become known out of order."""
    for before, after in pairwise(parts):
        crossing = after.first_at < before.last_at or after.first_at <= before.last_fact_at
        early = after.first_available_at < before.last_available_at
        if crossing or (early and key.kind in _KNOWN_IN_ORDER):
            yield (
                f"rows from {utc_text(after.first_at)} overlap those stored to "
                f"{utc_text(before.last_at)}"
            )
