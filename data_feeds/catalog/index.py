"""The catalog's index, ``index.json``: facts about channels without opening their files."""

import json
from collections.abc import Sequence
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError

from data_feeds.atomic import UNCHANGED, storage_errors, write_atomically
from data_feeds.errors import IntegrityError
from data_feeds.instrument import Instrument
from data_feeds.schema import ChannelKey, ChannelKind, Provenance
from data_feeds.strict_model import StrictModel

INDEX_NAME = "index.json"
FORMAT = 3


class Origin(StrictModel):
    """Origin of a channel's rows in words; ``data list`` prints it."""

    source: str = Field("", description="Who published or computed the values")
    licence: str = Field("", description="Permitted use of the values")
    unit: str = Field("", description="Unit of a series' values, e.g. percent")
    venues: tuple[str, ...] = Field(
        (), description="Where the values were traded or counted; more than one only on request"
    )
    release: str = Field("", description="How a series' instants of knowing were found")
    splits: Literal["", "as_traded", "adjusted"] = Field(
        "", description="Basis of prices with recorded splits, where the source declares it"
    )

    def beside(self, other: "Origin") -> "Origin":
        """Return the joint origin of rows from this origin and from ``other``."""

        def both(one: str, two: str) -> str:
            return one if two in one else "; ".join(filter(None, (one, two)))

        return other.model_copy(
            update={
                "source": both(self.source, other.source),
                "licence": both(self.licence, other.licence),
                "venues": tuple(dict.fromkeys((*self.venues, *other.venues))),
            }
        )


class GapRow(StrictModel):
    """A stretch of missing or idle rows; instants are int64 ns UTC."""

    started_at: int
    ended_at: int
    rows: int


class TimeSpan(StrictModel):
    """A stretch of time ``[started_at, ended_at)``, ns UTC."""

    started_at: int
    ended_at: int


class StoredPart(StrictModel):
    """One file: the rows of one calendar period of a channel.

    ``first_at`` is the first row's opening or fact, ``last_at`` the last row's close or fact,
    ``last_fact_at`` the last row's opening or fact. ``gaps`` lie inside the part. Funding, open
    interest and liquidations have ``steps`` instead: the distances between rows, ns rounded to a
    minute, each with its number of repetitions. The gaps of all parts follow from these steps.
    """

    period: str
    file: str
    sha256: str
    rows: int
    first_at: int
    last_at: int
    last_fact_at: int
    first_closed_at: int
    first_available_at: int
    last_available_at: int
    steps: tuple[tuple[int, int], ...]
    labels: dict[str, int]
    gaps: tuple[GapRow, ...]
    idle: tuple[GapRow, ...]


class CatalogEntry(StrictModel):
    """One channel: its parts in order of time, and the facts that follow from them.

    ``part_list_sha256`` hashes the files' hashes in order, so that a removed file is noticed.
    ``seams`` are the gaps between parts. ``covered`` are the stretches that a source has answered;
    a row missing there does not exist at the source. Imported channels have none. ``units`` are the
    units of the value columns. ``shares`` says whether stored prices and dividends are as traded or
    adjusted for the instrument's splits; empty without splits.
    """

    instrument: str
    kind: ChannelKind
    timeframe: str
    parts: tuple[StoredPart, ...]
    part_list_sha256: str
    seams: tuple[GapRow, ...]
    covered: tuple[TimeSpan, ...]
    origin: Origin
    units: dict[str, str]
    shares: Literal["", "as_traded", "adjusted"] = ""

    @property
    def key(self) -> ChannelKey:
        """Name of the channel."""
        return ChannelKey(self.instrument, self.kind, self.timeframe)

    @property
    def rows(self) -> int:
        """Number of rows."""
        return sum(part.rows for part in self.parts)

    @property
    def first_at(self) -> int:
        """Opening or fact of the first row."""
        return self.parts[0].first_at

    @property
    def last_at(self) -> int:
        """Close or fact of the last row."""
        return self.parts[-1].last_at

    @property
    def first_available_at(self) -> int:
        """First instant at which a decision could use one row."""
        return min(part.first_available_at for part in self.parts)

    @property
    def last_available_at(self) -> int:
        """First instant at which a decision could use every row."""
        return max(part.last_available_at for part in self.parts)

    @property
    def labels(self) -> dict[str, int]:
        """Number of observed, inferred and synthetic rows."""
        names = [label.name.lower() for label in Provenance]
        return {name: sum(part.labels[name] for part in self.parts) for name in names}

    @cached_property
    def gaps(self) -> tuple[GapRow, ...]:
        """Stretches of missing rows, in order of time."""
        found = [gap for part in self.parts for gap in part.gaps]
        return tuple(sorted((*found, *self.seams), key=lambda gap: gap.started_at))

    @cached_property
    def idle(self) -> tuple[GapRow, ...]:
        """Runs of bars without volume, in order of time; a run may cross parts."""
        runs: list[GapRow] = []
        for run in (run for part in self.parts for run in part.idle):
            if runs and runs[-1].ended_at == run.started_at:
                before = runs.pop()
                run = GapRow(  # noqa: PLW2901 - the two halves of one run
                    started_at=before.started_at,
                    ended_at=run.ended_at,
                    rows=before.rows + run.rows,
                )
            runs.append(run)
        return tuple(runs)

    @property
    def missing_rows(self) -> int:
        """Number of rows missing in all gaps."""
        return sum(gap.rows for gap in self.gaps)


class Index(StrictModel):
    """The whole index; both lists are ordered by name."""

    format: int
    instruments: tuple[Instrument, ...]
    channels: tuple[CatalogEntry, ...]

    def find(self, key: ChannelKey) -> CatalogEntry | None:
        """Return a channel's entry, or None."""
        return next((entry for entry in self.channels if entry.key == key), None)

    def replaced(self, instrument: Instrument, *fresh: CatalogEntry) -> "Index":
        """Return the index after replacing an instrument and entries, or adding new ones."""
        entries = {entry.key: entry for entry in (*self.channels, *fresh)}
        instruments = {known.id: known for known in (*self.instruments, instrument)}
        return Index(
            format=FORMAT,
            instruments=tuple(instruments[name] for name in sorted(instruments)),
            channels=tuple(entries[key] for key in sorted(entries)),
        )

    def splits_of(self, instrument: str) -> CatalogEntry | None:
        """Return the entry of an instrument's splits; None without recorded splits."""
        return self.find(ChannelKey(instrument, ChannelKind.SPLITS))

    def first_bar_at(self, instrument: str) -> int | None:
        """Return the opening of an instrument's first stored bar; None without bars."""
        return min(
            (
                entry.first_at
                for entry in self.channels
                if entry.instrument == instrument and entry.kind is ChannelKind.BARS
            ),
            default=None,
        )

    @property
    def files(self) -> frozenset[str]:
        """All files that the index names, relative to the catalog."""
        return frozenset(part.file for entry in self.channels for part in entry.parts)


EMPTY = Index(format=FORMAT, instruments=(), channels=())


def load_index(folder: Path) -> Index:
    """Return a folder's index; an empty index without a file.

    Raises
    ------
    IntegrityError : the file cannot be read, is no index, or has another format.
    """
    path = folder / INDEX_NAME
    again = (
        f"make it again with 'riskoff data import MAPPING.yaml --data {folder} --replace', or "
        "remove the folder and fetch again"
    )
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        return EMPTY
    except OSError as error:
        raise IntegrityError(f"{path}: cannot read: {error.strerror}") from error
    try:
        found = _parsed(raw)
    except ValidationError as error:
        raise IntegrityError(f"{path}: not a catalog index; {again}") from error
    if isinstance(found, int):
        whose = "an earlier" if found < FORMAT else "a later"
        raise IntegrityError(
            f"{path}: format {found}, expected {FORMAT}: written by {whose} version of Riskoff, "
            f"whose numbers may mean something else; {again}"
        )
    return found


# A run asks some hundred times for an index that does not change; parsing a large one takes 30 ms.
@lru_cache(maxsize=2)
def _parsed(raw: bytes) -> Index | int:
    """Return the index of a file's bytes, or the file's format where it is another one."""
    found = _format_of(raw)
    if found is not None and found != FORMAT:
        return found
    return Index.model_validate_json(raw)


def save_index(folder: Path, index: Index) -> None:
    """Replace a folder's index in one step.

    Raises
    ------
    StorageError : the disk refuses; the old index stays.
    """
    text = json.dumps(index.model_dump(mode="json"), indent=1) + "\n"
    with storage_errors(folder, UNCHANGED):
        write_atomically(folder / INDEX_NAME, text.encode())


def merged_spans(spans: Sequence[TimeSpan]) -> tuple[TimeSpan, ...]:
    """Return stretches in order of time; stretches that touch or overlap are joined."""
    joined: list[TimeSpan] = []
    for span in sorted(spans, key=lambda span: span.started_at):
        if joined and span.started_at <= joined[-1].ended_at:
            before = joined.pop()
            end = max(before.ended_at, span.ended_at)
            joined.append(TimeSpan(started_at=before.started_at, ended_at=end))
        else:
            joined.append(span)
    return tuple(joined)


def _format_of(raw: bytes) -> int | None:
    try:
        document = json.loads(raw)
    except ValueError:
        return None
    found = document.get("format") if isinstance(document, dict) else None
    return found if isinstance(found, int) else None
