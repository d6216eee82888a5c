"""The mapping file of ``riskoff data import``: the meaning of each column and stamp."""

from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import (
    Discriminator,
    Field,
    Tag,
    field_validator,
    model_validator,
)

from data_feeds.calendar import ALWAYS_OPEN
from data_feeds.clock import parse_duration
from data_feeds.errors import SchemaError, YamlError
from data_feeds.instrument import Instrument, InstrumentKind
from data_feeds.releases import ReleaseRule, rule_for
from data_feeds.schema import VALUE_COLUMNS, ChannelKey, ChannelKind, Provenance
from data_feeds.sources.file_format import LabelColumn, TableFormat, TimeColumn
from data_feeds.sources.model_problems import RULE_TAG, VARIANT_TAG, parse_model
from data_feeds.strict_model import StrictModel
from data_feeds.yaml_text import YamlDocument, load_yaml


def _duration(text: str) -> int:
    try:
        return parse_duration(text)
    except SchemaError as error:
        # Inside a model only a ValueError is reported with its key path.
        raise ValueError(str(error)) from error


def _is_iso_date(text: str) -> bool:
    try:
        # fromisoformat also reads 20200101 and 2020-W01-1.
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


class Stamp(StrEnum):
    """Meaning of a file's time column."""

    OPEN = "open"
    CLOSE = "close"
    EVENT = "event"
    SESSION_DATE = "session_date"
    REFERENCE_DATE = "reference_date"
    SESSION_OPEN = "session_open"


def _release_form(value: object) -> str:
    return VARIANT_TAG if isinstance(value, str) else RULE_TAG


Release = Annotated[
    Annotated[str, Tag(VARIANT_TAG)] | Annotated[ReleaseRule, Tag(RULE_TAG)],
    Discriminator(_release_form),
]


class FileEntry(StrictModel):
    """One file, or some of its rows, for one channel or one channel per id of ``each``."""

    path: str = Field(description="CSV, Parquet, Feather or JSON file, relative to the root")
    read: TableFormat = Field(
        default_factory=lambda: TableFormat.model_validate({}),
        description="Spelling of a text file, where it is not plain CSV with a header",
    )
    instrument: str | None = Field(None, description="Instrument or series id")
    each: tuple[str, ...] = Field((), description="Ids; the entry is repeated for every one")
    kind: ChannelKind = Field(description="bars, mark, funding, open_interest, ...")
    timeframe: str | None = Field(None, description="Bar length, or interval of hourly sums")
    stamp: Stamp = Field(
        description="open, close, event, session_date, session_open or reference_date"
    )
    time: TimeColumn = Field(default_factory=lambda: TimeColumn.model_validate({}))
    columns: dict[str, str] = Field(min_length=1, description="Canonical name: the file's name")
    scale: dict[str, float] = Field(
        default_factory=dict, description="Canonical name: factor, e.g. 0.01 for percent"
    )
    decimals: int | None = Field(
        None, ge=0, le=12, description="Round values: computed prices carry residues like 7e-15"
    )
    symbol_column: str | None = Field(None, description="Keep only rows that hold the symbol")
    symbol: str | None = Field(None, description="The symbol; the instrument's id by default")
    label: Literal["observed", "inferred", "synthetic"] | None = Field(
        None, description="Label of all values: measured, computed or generated"
    )
    label_column: LabelColumn | None = Field(
        None, description="Column with the label of each row, instead of label"
    )
    release: Release | None = Field(
        None,
        description="When values are published: a rule, or the name of a variant such as treasury; "
        "null: the rule of data_feeds.releases for the series",
    )
    published: TimeColumn | None = Field(
        None,
        description="Column with each row's own publication: instants, or dates from which the "
        "rule of release counts",
    )
    start: str | None = Field(None, description="First date kept, YYYY-MM-DD (UTC or local date)")
    sort: bool = Field(False, description="Sort rows by time first; otherwise disorder is refused")
    drop_missing: bool = Field(False, description="Drop rows without a value (FRED's holidays)")
    drop_zero: bool = Field(False, description="Drop rows whose values are all zero (dividends)")
    drop_closed: bool = Field(
        False, description="Drop rows of days on which the instrument's calendar has no session"
    )
    max_gap_bars: int | None = Field(None, ge=0, description="Longest hole allowed; null: any")
    source: str = Field("", description="Who published or computed the values")
    licence: str = Field("", description="Permitted use of the values")
    unit: str = Field(
        "",
        description="Unit of a series' values, e.g. percent; of a funding rate fraction, or "
        "percent, which is converted",
    )
    volume_unit: Literal["base", "quote"] = Field(
        "base",
        description="Unit of bars' volume: base units (of an inverse perp contracts), or quote, "
        "e.g. dollars, which is divided by the bar's mean price (by contract_value)",
    )
    splits: Literal["as_traded", "adjusted"] | None = Field(
        None,
        description="Basis of prices: as_traded, or adjusted for all splits of the instrument's "
        "splits entry; null: the prices around each split decide",
    )
    venues: tuple[str, ...] = Field((), description="Venues at which values were traded or counted")
    fills: bool = Field(
        False, description="Fills the holes of the entries before it that fill the same channel"
    )
    mix_venues: bool = Field(
        False, description="With fills: rows of other venues than the entries before it are meant"
    )

    @property
    def is_bar(self) -> bool:
        """True for bars and marks."""
        return self.kind in (ChannelKind.BARS, ChannelKind.MARK)

    @property
    def ids(self) -> tuple[str, ...]:
        """Ids of the instruments that the entry fills."""
        return self.each or (self.instrument or "",)

    @property
    def says_unit(self) -> bool:
        """True when the entry itself declares the unit or scale of its numbers."""
        if self.kind is ChannelKind.FUNDING:
            return bool(self.unit or self.scale)
        return bool(self.scale)

    def factor(self, column: str) -> float:
        """Return the factor for the file's numbers."""
        is_percent = self.kind is ChannelKind.FUNDING and self.unit == "percent"
        return 0.01 if is_percent else self.scale.get(column, 1.0)

    @property
    def provenance(self) -> Provenance | None:
        """Label as a number; None when a column labels each row."""
        return None if self.label is None else Provenance[self.label.upper()]

    def channel_key(self, instrument: str) -> ChannelKey:
        """Return the key of the channel that the entry fills for one of its ids."""
        return ChannelKey(instrument, self.kind, (self.timeframe or "") if self.is_bar else "")

    def rule(self, instrument: str) -> ReleaseRule | None:
        """Return the release rule for one of the entry's ids; None: known at once.

        Raises
        ------
        SchemaError : the entry gives no rule, and the table has none for the series.
        """
        if isinstance(self.release, ReleaseRule):
            return self.release
        if self.release is None and (self.published is not None or not self.needs_rule):
            return None
        return rule_for(instrument, self.release)

    @field_validator("timeframe")
    @classmethod
    def _is_a_duration(cls, timeframe: str | None) -> str | None:
        if timeframe is not None:
            _duration(timeframe)
        return timeframe

    @field_validator("start")
    @classmethod
    def _is_a_date(cls, start: str | None) -> str | None:
        if start is not None and not _is_iso_date(start):
            raise ValueError("start is no date; write YYYY-MM-DD, e.g. 2020-01-01")
        return start

    @model_validator(mode="after")
    def _is_complete(self) -> Self:
        if bool(self.instrument) == bool(self.each):
            raise ValueError("give instrument or each, one of them")
        if (self.label is None) == (self.label_column is None):
            raise ValueError("give label (observed, inferred or synthetic) or label_column")
        if self.mix_venues and not self.fills:
            raise ValueError("mix_venues goes with fills: true")
        if self.kind is ChannelKind.FUNDING and self.unit not in ("", "fraction", "percent"):
            raise ValueError("a funding rate's unit is fraction or percent")
        if self.kind is ChannelKind.FUNDING and self.unit == "percent" and self.scale:
            raise ValueError("unit: percent converts already: leave out scale")
        known = VALUE_COLUMNS[self.kind]
        for name in (*self.columns, *self.scale):
            if name not in known:
                raise ValueError(f"{name!r} is no column of {self.kind}; it has {', '.join(known)}")
        self._check_times()
        return self

    def _check_times(self) -> None:
        if self.timeframe is None and (self.is_bar or self.stamp in (Stamp.OPEN, Stamp.CLOSE)):
            raise ValueError("name the timeframe (the bar's or interval's length)")
        if self.is_bar and self.stamp in (Stamp.EVENT, Stamp.REFERENCE_DATE):
            raise ValueError(f"a bar is stamped open, close or session_date, not {self.stamp}")
        if self.is_bar and (self.release is not None or self.published is not None):
            raise ValueError("a bar is known at its close: leave out release and published")
        if self.published is not None and isinstance(self.release, str):
            raise ValueError(
                "release counts from published: give a rule, e.g. {lag_days: 0, at: '16:15', "
                "zone: America/New_York}, or leave it out if published holds instants"
            )

    @property
    def needs_rule(self) -> bool:
        """True when the time column alone does not give the instant of publication."""
        is_dated = not self.is_bar and self.stamp is Stamp.REFERENCE_DATE
        return self.kind is ChannelKind.SERIES or is_dated


class ImportMapping(StrictModel):
    """A whole mapping file."""

    root: str = Field(".", description="Folder of the files, relative to the mapping's folder")
    instrument_files: tuple[str, ...] = Field(
        (), description="Files with a list of instruments, relative to the mapping's folder"
    )
    instruments: tuple[Instrument, ...] = Field((), description="More instruments")
    files: tuple[FileEntry, ...] = Field(min_length=1, description="Files to import")


class InstrumentFile(StrictModel):
    """A file of instruments."""

    instruments: tuple[Instrument, ...] = Field(min_length=1, description="Instruments")


def load_mapping(path: Path) -> tuple[ImportMapping, dict[str, Instrument], YamlDocument]:
    """Return a mapping, its instruments by id and the document for messages.

    Raises
    ------
    YamlError : a key is unknown, a value wrong, an id defined twice or nowhere; with the line.
    """
    document = load_yaml(path)
    mapping = parse_model(ImportMapping, document)
    found = load_instruments(mapping.instrument_files, mapping.instruments, document)
    for i, entry in enumerate(mapping.files):
        for name in entry.ids:
            key, problem = _entry_problem(entry, name, found)
            if problem:
                raise YamlError(f"{path}:{document.line(('files', i, key))}: {problem}")
    _check_splices(mapping, document)
    return mapping, found, document


def _entry_problem(
    entry: FileEntry, name: str, instruments: dict[str, Instrument]
) -> tuple[str, str]:
    """Return the key that contradicts an entry's instrument, and the reason; empty if none."""
    if name not in instruments:
        known = ", ".join(sorted(instruments))
        return "instrument", (
            f"instrument {name!r} is not defined; add it to instruments (known: {known})"
        )
    instrument = instruments[name]
    key, problem = _record_problem(entry, name, instrument)
    if problem:
        return key, problem
    if entry.is_bar and instrument.calendar != ALWAYS_OPEN:
        is_day = entry.timeframe == "1d"
        if is_day != (entry.stamp in (Stamp.SESSION_DATE, Stamp.SESSION_OPEN)):
            return "stamp", (
                f"a daily bar of {instrument.calendar} is stamped session_date, a shorter one open "
                f"or close (was {entry.stamp} for {entry.timeframe}): by the clock a day would be "
                "known before its session closed"
            )
    try:
        entry.rule(name)
    except SchemaError as error:
        return "release", str(error)
    return "", ""


def _record_problem(entry: FileEntry, name: str, instrument: Instrument) -> tuple[str, str]:
    """Return the key that contradicts what an instrument's record says, and the reason."""
    if instrument.synthetic and entry.provenance not in (None, Provenance.SYNTHETIC):
        return "label", (
            f"instrument {name!r} is synthetic, but its rows are labelled {entry.label}; "
            "set label: synthetic, or synthetic: false in the instrument"
        )
    if instrument.kind is InstrumentKind.ETF and "calendar" not in instrument.model_fields_set:
        return "instrument", (
            f"instrument {name!r} is an ETF without calendar: name the exchange of its sessions, "
            "e.g. calendar: XNYS, or 24/7 if it trades around the clock"
        )
    if instrument.dividend_adjusted and entry.kind is ChannelKind.DIVIDENDS:
        return "kind", (
            f"instrument {name!r} is dividend_adjusted: its prices contain the dividends, paying "
            "them again would count them twice; leave the entry out"
        )
    return "", ""


def _check_splices(mapping: ImportMapping, document: YamlDocument) -> None:
    """Refuse entries that fill one channel without ``fills: true``."""
    seen: dict[ChannelKey, list[FileEntry]] = {}
    for i, entry in enumerate(mapping.files):
        for name in entry.ids:
            before = seen.setdefault(entry.channel_key(name), [])
            problem = _splice_problem(entry, before)
            if problem:
                line = document.line(("files", i))
                key = entry.channel_key(name)
                raise YamlError(f"{document.path}:{line}: {key} {problem}")
            before.append(entry)


def _splice_problem(entry: FileEntry, before: list[FileEntry]) -> str:
    """Return the reason why an entry may not fill a channel of others; empty if it may."""
    if not before:
        return "has fills: true, but no entry before it fills the channel" if entry.fills else ""
    if not entry.fills:
        return (
            "is filled by two entries; keep one, or let this one fill the other's holes with "
            "fills: true"
        )
    units = sorted({other.unit for other in (*before, entry)})
    if len(units) > 1:
        return f"is filled in different units ({', '.join(map(repr, units))}); set scale and unit"
    if any(set(other.venues) != set(entry.venues) for other in before) and not entry.mix_venues:
        stored = sorted({venue for other in before for venue in other.venues})
        return (
            f"is filled from {', '.join(stored) or 'a venue not named'} and from "
            f"{', '.join(sorted(entry.venues)) or 'a venue not named'}; give the other venue an "
            "instrument of its own, or set mix_venues: true if the mixture is meant"
        )
    return ""


def load_instruments(
    files: tuple[str, ...], more: tuple[Instrument, ...], document: YamlDocument
) -> dict[str, Instrument]:
    """Return by id the instruments of files beside a document, and the document's own ones.

    Raises
    ------
    YamlError : a file is wrong, or an id is defined twice; with the line.
    """
    found: dict[str, Instrument] = {}
    for name in files:
        other = load_yaml(document.path.parent / name)
        _collect(found, parse_model(InstrumentFile, other).instruments, other)
    _collect(found, more, document)
    return found


def _collect(
    found: dict[str, Instrument], instruments: tuple[Instrument, ...], document: YamlDocument
) -> None:
    for i, instrument in enumerate(instruments):
        if instrument.id in found:
            line = document.line(("instruments", i))
            raise YamlError(f"{document.path}:{line}: instrument {instrument.id!r} defined twice")
        found[instrument.id] = instrument
