"""Import CSV and Parquet files into a catalog, as a mapping file says."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from data_feeds.align import gaps
from data_feeds.calendar import add_business_days, local_instants, session_bounds
from data_feeds.catalog import Catalog, CatalogEntry, Origin
from data_feeds.errors import GapError, SchemaError, SourceError, YamlError
from data_feeds.instrument import Instrument
from data_feeds.schema import (
    NULLABLE,
    VALUE_COLUMNS,
    Array,
    Channel,
    ChannelKey,
    ChannelKind,
    time_columns,
    utc_text,
    validate,
)
from data_feeds.sources.mapping import (
    WEEKDAYS,
    FileEntry,
    ReleaseRule,
    Stamp,
    load_mapping,
)
from data_feeds.sources.stamps import read_stamps
from data_feeds.timeframe import parse_duration

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class ImportReport:
    """One channel that was imported."""

    key: ChannelKey
    entry: CatalogEntry
    file: Path


def import_mapping(
    mapping_path: Path | str,
    catalog: Catalog,
    root: Path | str | None = None,
    progress: Progress | None = None,
) -> list[ImportReport]:
    """Import every file of a mapping, or nothing; channels replace their older versions.

    Parameters
    ----------
    mapping_path : YAML file, see ``data_feeds.sources.mapping``
    catalog : where the channels go
    root : folder of the data files instead of the mapping's own ``root``
    progress : called as ``progress(channel, number, total)`` before each channel

    Raises
    ------
    YamlError : the mapping is wrong; SourceError : a file cannot be read;
    SchemaError, GapError : its rows break the rules; StorageError : the disk refuses.
    After any of them the catalog is as before.
    """
    path = Path(mapping_path)
    mapping, instruments, document = load_mapping(path)
    folder = path.parent / mapping.root if root is None else Path(root)
    jobs = [(i, entry, name) for i, entry in enumerate(mapping.files) for name in entry.ids]
    keys = [channel_key(entry, name) for _, entry, name in jobs]
    for (i, _, _), key in zip(jobs, keys, strict=True):
        if keys.count(key) > 1:
            line = document.line(("files", i))
            raise YamlError(f"{path}:{line}: {key} is filled by two entries; keep one")
    reports = []
    with catalog.batch() as batch:
        for n, ((i, entry, name), key) in enumerate(zip(jobs, keys, strict=True)):
            if progress is not None:
                progress(str(key), n + 1, len(jobs))
            try:
                channel = read_channel(folder / entry.path, entry, instruments[name])
            except (SchemaError, SourceError, GapError) as error:
                line = document.line(("files", i))
                raise type(error)(f"{error} (mapping {path}:{line})") from error
            origin = Origin(source=entry.source, licence=entry.licence, unit=entry.unit)
            written = batch.replace(instruments[name], channel, origin)
            reports.append(ImportReport(key, written, folder / entry.path))
    return reports


def channel_key(entry: FileEntry, instrument: str) -> ChannelKey:
    """Return the name of the channel that an entry fills."""
    is_bar = entry.kind in (ChannelKind.BARS, ChannelKind.MARK)
    return ChannelKey(instrument, entry.kind, (entry.timeframe or "") if is_bar else "")


def read_channel(path: Path, entry: FileEntry, instrument: Instrument) -> Channel:
    """Return one file's rows as a validated channel.

    Raises
    ------
    SourceError : the file is missing or unreadable, or lacks a column.
    SchemaError : rows break the channel's rules; GapError : a hole above ``max_gap_bars``.
    """
    frame = _select(_read_table(path), path, entry, instrument)
    stamps = read_stamps(frame[entry.time.column], entry.time, entry.stamp, path)
    if entry.start is not None:
        recent = stamps.tz_localize(None).to_numpy() >= np.datetime64(entry.start)
        frame, stamps = frame[recent], stamps[recent]
    times = _times(stamps, entry, instrument)
    columns: dict[str, Array] = dict(zip(time_columns(entry.kind), times, strict=True))
    for name in VALUE_COLUMNS[entry.kind]:
        columns[name] = _values(frame, name, path, entry)
    columns["label"] = np.full(len(frame), entry.provenance, dtype=np.int8)
    channel = Channel(channel_key(entry, instrument.id), columns).take(_kept(columns, entry))
    if entry.sort:
        channel = channel.take(np.lexsort((channel["available_at"], channel[_fact(entry.kind)])))
    if len(channel) == 0:
        raise SchemaError(f"{path}: no rows for {channel.key}; check symbol, start and the file")
    try:
        validate(channel)
    except SchemaError as error:
        raise SchemaError(f"{path}: {error}") from error
    _check_gaps(channel, instrument, path, entry)
    return channel


def _fact(kind: ChannelKind) -> str:
    return time_columns(kind)[0]


def _read_table(path: Path) -> pd.DataFrame:
    try:
        if path.suffix == ".parquet":
            return pd.read_parquet(path).reset_index(drop=True)
        if path.suffix in (".csv", ".gz"):
            return pd.read_csv(path, low_memory=False)
    except FileNotFoundError as error:
        raise SourceError(f"{path}: no such file; check path and --root") from error
    except Exception as error:
        # Readers raise their own zoo (ArrowInvalid, ParserError, UnicodeDecodeError, OSError).
        text = " ".join(str(error).split())
        raise SourceError(f"{path}: cannot be read: {text}") from error
    raise SourceError(f"{path}: only .csv, .csv.gz and .parquet files are read")


def _select(
    frame: pd.DataFrame, path: Path, entry: FileEntry, instrument: Instrument
) -> pd.DataFrame:
    """Return the rows of the entry's symbol, after checking that every named column exists."""
    named = [entry.time.column, *entry.columns.values()]
    if entry.symbol_column is not None:
        named.append(entry.symbol_column)
    for name in named:
        if name not in frame.columns:
            raise SourceError(
                f"{path}: no column {name!r}; it has {', '.join(map(str, frame.columns))}"
            )
    if entry.symbol_column is None:
        return frame
    return frame[frame[entry.symbol_column] == (entry.symbol or instrument.id)]


def _times(stamps: pd.DatetimeIndex, entry: FileEntry, instrument: Instrument) -> tuple[Array, ...]:
    """Return the kind's time columns from the stamps."""
    at = stamps.asi8
    is_bar = entry.kind in (ChannelKind.BARS, ChannelKind.MARK)
    length = parse_duration(entry.timeframe) if entry.timeframe else 0
    if entry.stamp is Stamp.SESSION_DATE:
        opened, closed = session_bounds(instrument.calendar, stamps.to_numpy())
    elif entry.stamp is Stamp.OPEN:
        opened, closed = at, at + length
    else:
        opened, closed = at - length, at
    if is_bar:
        return opened, closed, closed
    if entry.stamp is Stamp.SESSION_DATE:
        # A share that trades at the session's open trades without the dividend.
        event = opened
    elif entry.stamp is Stamp.REFERENCE_DATE:
        event = at
    else:
        event = closed
    if entry.release is None:
        return event, event
    return event, release_times(entry.release, event, stamps)


def release_times(rule: ReleaseRule, event_at: Array, stamps: pd.DatetimeIndex) -> Array:
    """Return when values are published (int64 ns UTC).

    ``stamps`` gives the reference dates; ``event_at`` the facts that a plain ``lag`` counts from.
    """
    if rule.lag is not None:
        return event_at + rule.lag_ns
    dates = stamps.to_numpy().astype("datetime64[D]")
    if rule.weekday is not None:
        # 1970-01-01 was a Thursday, weekday 3 counted from Monday.
        today = (dates.astype(np.int64) + 3) % 7
        ahead = (WEEKDAYS.index(rule.weekday) - today - 1) % 7 + 1
        later = dates + ahead.astype("timedelta64[D]")
        dates = add_business_days(rule.business_days, later, 0)
    else:
        dates = add_business_days(rule.business_days, dates, rule.lag_days or 0)
    return local_instants(dates, rule.at or "", rule.zone or "")


def _values(frame: pd.DataFrame, name: str, path: Path, entry: FileEntry) -> Array:
    """Return one value column in canonical units; NaN throughout when a nullable one is absent."""
    if name not in entry.columns:
        if name in NULLABLE:
            return np.full(len(frame), np.nan)
        raise SchemaError(f"{path}: columns does not say which column holds {name!r}")
    column = frame[entry.columns[name]]
    if entry.drop_missing:
        # FRED writes a missing value as a full stop.
        blank = column.astype("string").str.strip().isin([".", ""]).fillna(True).astype(bool)
        column = column.mask(blank)
    try:
        values = pd.to_numeric(column).to_numpy(dtype=np.float64)
    except (ValueError, TypeError) as error:
        raise SchemaError(f"{path}: column {entry.columns[name]!r}: {error}") from error
    scaled: Array = values * entry.scale.get(name, 1.0)
    return scaled


def _kept(columns: dict[str, Array], entry: FileEntry) -> Array:
    """Return which rows the entry keeps: with values, not all zero."""
    keep = np.ones(len(columns["label"]), dtype=np.bool_)
    values = np.column_stack([columns[name] for name in entry.columns])
    if entry.drop_missing:
        keep &= np.isfinite(values).all(axis=1)
    if entry.drop_zero:
        keep &= (values != 0).any(axis=1)
    return keep


def _check_gaps(channel: Channel, instrument: Instrument, path: Path, entry: FileEntry) -> None:
    if entry.max_gap_bars is None:
        return
    for gap in gaps(channel, instrument.calendar):
        if gap.missing > entry.max_gap_bars:
            raise GapError(
                f"{path}: {channel.key}: {gap.missing} rows missing from "
                f"{utc_text(gap.started_at)}; find them or raise max_gap_bars "
                f"(was {entry.max_gap_bars})"
            )
