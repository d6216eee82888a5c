"""The mapping file of ``riskoff data import``: what each column and stamp of a file means."""

import difflib
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator
from pydantic_core import ErrorDetails

from data_feeds.errors import SchemaError, YamlError
from data_feeds.instrument import Instrument
from data_feeds.schema import VALUE_COLUMNS, ChannelKind, Provenance
from data_feeds.timeframe import parse_duration
from data_feeds.yaml_text import KeyPath, YamlDocument, load_yaml

Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday"]
WEEKDAYS: tuple[Weekday, ...] = ("monday", "tuesday", "wednesday", "thursday", "friday")

ModelT = TypeVar("ModelT", bound=BaseModel)


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)


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
    """What a file's time column says about its row."""

    OPEN = "open"
    CLOSE = "close"
    EVENT = "event"
    SESSION_DATE = "session_date"
    REFERENCE_DATE = "reference_date"


class TimeColumn(_Model):
    """Where the time stands and how it is written."""

    column: str = Field("timestamp", description="Column of the time or date")
    zone: str | None = Field(None, description="IANA zone of times written without one, e.g. UTC")
    unit: Literal["text", "s", "ms", "us", "ns"] = Field(
        "text", description="text (ISO 8601 or a typed column), or the unit of a number since 1970"
    )


class ReleaseRule(_Model):
    """When a value is published. Either ``lag`` after the fact, or a clock time on a later day.

    ``lag_days`` counts business days of ``business_days`` (or calendar days without it) after the
    reference date; ``weekday`` names the next such weekday after it, moved to the next business
    day if it is none.
    """

    lag: str | None = Field(None, description="Duration after the fact, e.g. 0m or 15m")
    lag_days: int | None = Field(None, ge=0, description="Days after the reference date")
    weekday: Weekday | None = Field(None, description="Next such weekday after the reference date")
    at: str | None = Field(None, pattern=r"^([01]\d|2[0-3]):[0-5]\d$", description="Local HH:MM")
    zone: str | None = Field(None, description="IANA zone of at, e.g. America/New_York")
    business_days: str = Field(
        "24/7", description="Calendar of the days counted: 24/7, XNYS, or FED (XNYS and Fed open)"
    )

    @property
    def lag_ns(self) -> int:
        """The lag in nanoseconds; ``0m`` means known at once."""
        lag = self.lag or "0m"
        return 0 if lag.rstrip("smhdw") == "0" else _duration(lag)

    @model_validator(mode="after")
    def _one_rule(self) -> Self:
        given = [name for name in ("lag", "lag_days", "weekday") if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(f"give one of lag, lag_days, weekday (got {given or 'none'})")
        clock = (self.at is not None, self.zone is not None)
        if self.lag is not None and any(clock):
            raise ValueError("lag counts from the fact itself: leave out at and zone")
        if self.lag is None and not all(clock):
            raise ValueError("a release day needs at (HH:MM) and zone")
        if self.lag is not None:
            _ = self.lag_ns
        return self


class FileEntry(_Model):
    """One file, or some rows of it, that become one channel (or one per id of ``each``)."""

    path: str = Field(description="CSV or Parquet file, relative to the root")
    instrument: str | None = Field(None, description="Instrument or series id")
    each: tuple[str, ...] = Field((), description="Ids; the entry is repeated for every one")
    kind: ChannelKind = Field(description="bars, mark, funding, open_interest, ...")
    timeframe: str | None = Field(None, description="Bar length, or interval of hourly sums")
    stamp: Stamp = Field(description="open, close, event, session_date or reference_date")
    time: TimeColumn = Field(default_factory=lambda: TimeColumn.model_validate({}))
    columns: dict[str, str] = Field(description="Canonical name: the file's name")
    scale: dict[str, float] = Field(
        default_factory=dict, description="Canonical name: factor, e.g. 0.01 for percent"
    )
    symbol_column: str | None = Field(None, description="Keep only rows that hold the symbol")
    symbol: str | None = Field(None, description="The symbol; the instrument's id by default")
    label: Literal["observed", "inferred", "synthetic"] = Field(
        description="Where values come from"
    )
    release: ReleaseRule | None = Field(None, description="When values are published")
    start: str | None = Field(None, description="First date kept, YYYY-MM-DD (UTC or local date)")
    sort: bool = Field(False, description="Sort rows by time first; otherwise disorder is refused")
    drop_missing: bool = Field(False, description="Drop rows without a value (FRED's holidays)")
    drop_zero: bool = Field(False, description="Drop rows whose values are all zero (dividends)")
    max_gap_bars: int | None = Field(None, ge=0, description="Longest hole allowed; null: any")
    source: str = Field("", description="Who published or computed the values")
    licence: str = Field("", description="What may be done with them")
    unit: str = Field("", description="Unit of a series' values, e.g. percent")

    @property
    def ids(self) -> tuple[str, ...]:
        """The instruments this entry fills."""
        return self.each or (self.instrument or "",)

    @property
    def provenance(self) -> Provenance:
        """The label as a number."""
        return Provenance[self.label.upper()]

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
        known = VALUE_COLUMNS[self.kind]
        for name in (*self.columns, *self.scale):
            if name not in known:
                raise ValueError(f"{name!r} is no column of {self.kind}; it has {', '.join(known)}")
        is_bar = self.kind in (ChannelKind.BARS, ChannelKind.MARK)
        if self.timeframe is None and (is_bar or self.stamp in (Stamp.OPEN, Stamp.CLOSE)):
            raise ValueError("name the timeframe (the bar's or interval's length)")
        if is_bar and self.stamp in (Stamp.EVENT, Stamp.REFERENCE_DATE):
            raise ValueError(f"a bar is stamped open, close or session_date, not {self.stamp}")
        if is_bar and self.release is not None:
            raise ValueError("a bar is known at its close: leave out release")
        if not is_bar and self.release is None and self._needs_rule:
            raise ValueError(
                "without a release rule nobody knows when the value could be used; add release, "
                "e.g. {lag_days: 1, at: '16:15', zone: America/New_York, business_days: FED}"
            )
        return self

    @property
    def _needs_rule(self) -> bool:
        return self.kind is ChannelKind.SERIES or self.stamp is Stamp.REFERENCE_DATE


class Mapping(_Model):
    """A whole mapping file."""

    root: str = Field(".", description="Folder of the files, relative to the mapping's folder")
    instrument_files: tuple[str, ...] = Field(
        (), description="Files with a list of instruments, relative to the mapping's folder"
    )
    instruments: tuple[Instrument, ...] = Field((), description="More instruments")
    files: tuple[FileEntry, ...] = Field(min_length=1, description="What to import")


class InstrumentFile(_Model):
    """A file of instruments."""

    instruments: tuple[Instrument, ...] = Field(min_length=1, description="Instruments")


def load_mapping(path: Path) -> tuple[Mapping, dict[str, Instrument], YamlDocument]:
    """Return a mapping, its instruments by id and the document for messages.

    Raises
    ------
    YamlError : a key is unknown, a value wrong, an id defined twice or nowhere; with the line.
    """
    document = load_yaml(path)
    mapping = parse_model(Mapping, document)
    found: dict[str, Instrument] = {}
    for name in mapping.instrument_files:
        other = load_yaml(path.parent / name)
        collect_instruments(found, parse_model(InstrumentFile, other).instruments, other)
    collect_instruments(found, mapping.instruments, document)
    for i, entry in enumerate(mapping.files):
        for name in entry.ids:
            if name not in found:
                line = document.line(("files", i, "instrument"))
                raise YamlError(
                    f"{path}:{line}: instrument {name!r} is not defined; "
                    f"add it to instruments (known: {', '.join(sorted(found))})"
                )
            if found[name].synthetic and entry.provenance is not Provenance.SYNTHETIC:
                line = document.line(("files", i, "label"))
                raise YamlError(
                    f"{path}:{line}: instrument {name!r} is synthetic, but its rows are labelled "
                    f"{entry.label}; set label: synthetic, or synthetic: false in the instrument"
                )
    return mapping, found, document


def collect_instruments(
    found: dict[str, Instrument], instruments: tuple[Instrument, ...], document: YamlDocument
) -> None:
    """Add a document's instruments to those found, by id.

    Raises
    ------
    YamlError : an id is defined twice; with the line.
    """
    for i, instrument in enumerate(instruments):
        if instrument.id in found:
            line = document.line(("instruments", i))
            raise YamlError(f"{document.path}:{line}: instrument {instrument.id!r} defined twice")
        found[instrument.id] = instrument


def _hint(key: str) -> str:
    models = (Mapping, FileEntry, TimeColumn, ReleaseRule, Instrument)
    names = [name for model in models for name in model.model_fields]
    near = difflib.get_close_matches(key, names, n=1)
    return f"; did you mean {near[0]!r}?" if near else ""


def parse_model(model: type[ModelT], document: YamlDocument) -> ModelT:
    """Return a document's values as a model.

    Raises
    ------
    YamlError : one problem as ``file:line: key path: what``; unknown keys come first, because a
        misspelt key also makes the right one missing, then file order.
    """
    try:
        return model.model_validate(document.data)
    except ValidationError as error:
        found = error.errors(include_url=False)
        problems = [problem for problem in found if not _is_consequence(problem, found)]
        _, line, text = min(_problem_text(problem, document) for problem in problems)
        raise YamlError(f"{document.path}:{line}: {text}") from error


def _is_consequence(problem: ErrorDetails, found: list[ErrorDetails]) -> bool:
    """Whether a problem lies above another: a list whose item is wrong is also "too short"."""
    where = problem["loc"]
    return any(
        len(other["loc"]) > len(where) and other["loc"][: len(where)] == where for other in found
    )


def _problem_text(problem: ErrorDetails, document: YamlDocument) -> tuple[bool, int, str]:
    """Return a problem's rank, line and text."""
    where: KeyPath = tuple(problem["loc"])
    is_unknown = problem["type"] == "extra_forbidden"
    message = problem["msg"].removeprefix("Value error, ")
    if is_unknown:
        message = f"unknown key{_hint(str(where[-1]))}"
    elif problem["type"] != "missing" and isinstance(problem["input"], str | int | float):
        message = f"{message} (was {problem['input']!r})"
    dotted = ".".join(str(part) for part in where) or "file"
    return not is_unknown, document.line(where), f"{dotted}: {message}"
