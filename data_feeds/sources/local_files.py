"""Import files of tables into a catalog by a mapping file."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from data_feeds.calendar import sessions_between
from data_feeds.catalog import Batch, Catalog, CatalogEntry, Origin
from data_feeds.clock import utc_text
from data_feeds.errors import GapError, IntegrityError, LossError, SchemaError, SourceError
from data_feeds.gate import admitted
from data_feeds.holes import gaps
from data_feeds.instrument import Instrument, InstrumentKind
from data_feeds.schema import (
    NULLABLE,
    VALUE_COLUMNS,
    Array,
    Channel,
    ChannelKey,
    ChannelKind,
    Provenance,
    concatenated,
    time_columns,
    validate,
)
from data_feeds.sources.local_table import read_local_table, read_numbers, separator_advice
from data_feeds.sources.losses import losses
from data_feeds.sources.mapping import FileEntry, ImportMapping, load_mapping
from data_feeds.sources.row_times import publications, row_times
from data_feeds.sources.time_column import read_stamps
from data_feeds.trading_end import until_delisting
from data_feeds.units import Unit
from data_feeds.yaml_text import YamlDocument

UNDECLARED = (
    "no unit is declared: set unit in the mapping, or quote in the instrument (percent, points, "
    "fraction, price, base, count, date or a currency)"
)

ImportProgress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class ImportReport:
    """Result of importing one channel."""

    key: ChannelKey
    entry: CatalogEntry
    files: tuple[Path, ...]
    notes: tuple[str, ...] = ()

    @property
    def file(self) -> Path:
        """File whose rows count where several files have rows."""
        return self.files[0]


def import_mapping(
    mapping_path: Path | str,
    catalog: Catalog,
    root: Path | str | None = None,
    progress: ImportProgress | None = None,
    *,
    replace: bool = False,
) -> list[ImportReport]:
    """Import all files of a mapping or none; imported channels replace older versions.

    Parameters
    ----------
    mapping_path : YAML file, see ``data_feeds.sources.mapping``
    catalog : target of the channels
    root : folder of the data files instead of the mapping's own ``root``
    progress : called as ``progress(channel, number, total)`` before each channel
    replace : allow to lose or change stored rows, and to start a catalog anew that cannot be read

    Raises
    ------
    YamlError : the mapping is wrong;
    SourceError : a file cannot be read;
    SchemaError, GapError : its rows break the rules;
    StorageError : the disk refuses;
    LossError : stored rows would be lost or changed without ``replace``. After any of these errors
        the catalog is unchanged.
    """
    path = Path(mapping_path)
    mapping, instruments, document = load_mapping(path)
    work = _Import(mapping, document, path.parent / mapping.root if root is None else Path(root))
    jobs: dict[ChannelKey, list[FileEntry]] = {}
    for entry in mapping.files:
        for name in entry.ids:
            jobs.setdefault(entry.channel_key(name), []).append(entry)
    reports: list[ImportReport] = []
    lost = []
    with catalog.batch(anew=replace) as batch:
        for n, (key, entries) in enumerate(jobs.items()):
            if progress is not None:
                progress(str(key), n + 1, len(jobs))
            channel, notes = work.channel(entries, instruments[key.instrument])
            missed = _losses(catalog, batch, channel)
            lost += [f"{key}: {what}" for what in missed]
            notes += _ended_before(batch.instrument(key.instrument), instruments[key.instrument])
            written = batch.replace(
                instruments[key.instrument], channel, _origin(entries), answered=True
            )
            if Unit.UNDECLARED in written.units.values():
                notes.append(UNDECLARED)
            notes += [f"replaced: {what}" for what in missed]
            if batch.discarded and not reports:
                notes.append(f"the whole catalog was started anew: {batch.discarded}")
            reports.append(ImportReport(key, written, work.files(entries), tuple(notes)))
        if lost and not replace:
            raise LossError(
                f"{catalog.path}: the import would replace stored rows: {'; '.join(lost)}; "
                "add --replace to confirm; nothing was changed"
            )
    return reports


def _ended_before(stored: Instrument | None, fresh: Instrument) -> list[str]:
    """Return a note where an import drops the record of a delisting."""
    if stored is None or stored.delisted is None or fresh.delisted is not None:
        return []
    return [
        f"{fresh.id} is no longer recorded as delisted after {stored.delisted.last_day}: the "
        "mapping has no delisted; write it there again if trading ended"
    ]


def _losses(catalog: Catalog, batch: Batch, fresh: Channel) -> list[str]:
    """Return texts of the losses if rows replace the catalog's channel."""
    entry = batch.find(fresh.key)
    if entry is None:
        return []
    try:
        return losses(entry, catalog.read_stored(fresh.key), fresh)
    except IntegrityError:
        # A new import is the remedy for a damaged file.
        return losses(entry, None, fresh)


@dataclass(frozen=True)
class _Import:
    """Mapping of an import, its YAML document with lines, and the folder of the files."""

    mapping: ImportMapping
    document: YamlDocument
    folder: Path

    def files(self, entries: Sequence[FileEntry]) -> tuple[Path, ...]:
        """Return the files of some entries."""
        return tuple(self.folder / entry.path for entry in entries)

    def channel(
        self, entries: Sequence[FileEntry], instrument: Instrument
    ) -> tuple[Channel, list[str]]:
        """Return the rows of the entries that fill one channel, and notes for the user."""
        channel: Channel | None = None
        notes: list[str] = []
        for entry in entries:
            try:
                rows = read_channel(self.folder / entry.path, entry, instrument, notes)
                channel = rows if channel is None else filled(channel, rows)
            except (SchemaError, SourceError, GapError) as error:
                line = self.document.line(("files", self.mapping.files.index(entry)))
                raise type(error)(f"{error} (mapping {self.document.path}:{line})") from error
        assert channel is not None
        return channel, notes


def filled(channel: Channel, more: Channel) -> Channel:
    """Return a channel plus the rows of another channel outside it or in its holes.

    Bars fill stretches without a bar; series, dividends and splits fill dates without a row; other
    kinds fill missing steps. Where both have rows, the rows of ``channel`` stay.

    Raises
    ------
    SchemaError : the joined rows break a rule, e.g. become known out of order.
    """
    extra = more.take(_in_holes(channel, more))
    both = concatenated(channel.key, [channel, extra])
    order = np.lexsort((both["available_at"], both[_fact(channel.key.kind)]))
    spliced = both.take(order)
    validate(spliced)
    return spliced


def _in_holes(channel: Channel, more: Channel) -> Array:
    facts, asked = (rows[_fact(rows.key.kind)] for rows in (channel, more))
    if channel.key.timeframe:
        following = np.searchsorted(channel["closed_at"], asked, side="right")
        next_opened = np.append(facts, np.iinfo(np.int64).max)[following]
        free: Array = next_opened >= more["closed_at"]
        return free
    if channel.key.kind in (ChannelKind.SERIES, ChannelKind.DIVIDENDS, ChannelKind.SPLITS):
        return ~np.isin(asked, facts)
    free = (asked < facts[0]) | (asked > facts[-1])
    for gap in gaps(channel):
        free |= (asked >= gap.started_at) & (asked < gap.ended_at)
    return free


def _origin(entries: Sequence[FileEntry]) -> Origin:
    """Return the origin of a channel for the catalog, each source named once, in order."""
    venues = dict.fromkeys(venue for entry in entries for venue in entry.venues)
    return Origin(
        source="; ".join(dict.fromkeys(entry.source for entry in entries if entry.source)),
        licence="; ".join(dict.fromkeys(entry.licence for entry in entries if entry.licence)),
        # A rate in percent has already become a fraction.
        unit="" if entries[0].kind is ChannelKind.FUNDING else entries[0].unit,
        venues=tuple(venues),
        splits=entries[0].splits or "",
    )


def read_channel(path: Path, entry: FileEntry, instrument: Instrument, notes: list[str]) -> Channel:
    """Return one file's rows after the gate; append what the user must know to ``notes``.

    Raises
    ------
    SourceError : the file is missing or unreadable, or lacks a column.
    SchemaError : rows break the channel's rules.
    GapError : a hole is longer than ``max_gap_bars``.
    """
    frame, stamps = _rows_to_import(path, entry, instrument)
    told = publications(frame, entry, instrument, path)
    times = row_times(stamps, entry, instrument, told)
    columns: dict[str, Array] = dict(zip(time_columns(entry.kind), times, strict=True))
    # An index is computed, not traded.
    is_index = instrument.kind is InstrumentKind.INDEX
    for name in VALUE_COLUMNS[entry.kind]:
        if name == "volume" and name not in entry.columns and is_index:
            columns[name] = np.zeros(len(frame))
        else:
            columns[name] = _values(frame, name, path, entry)
    if entry.volume_unit == "quote" and "volume" in columns:
        columns["volume"] = columns["volume"] / _quote_per_unit(columns, instrument)
    columns["label"] = _labels(frame, path, entry, instrument)
    channel = Channel(entry.channel_key(instrument.id), columns).take(_kept(columns, entry, notes))
    if entry.sort:
        channel = channel.take(np.lexsort((channel["available_at"], channel[_fact(entry.kind)])))
    if entry.kind is ChannelKind.DIVIDENDS:
        paid = _summed(channel, path)
        if len(paid) < len(channel):
            notes.append(f"{entry.path}: dividends of one ex-date are added")
        channel = paid
    if len(channel) == 0:
        raise SchemaError(f"{path}: no rows for {channel.key}; check symbol, start and the file")
    try:
        passed = admitted(
            instrument, channel, _unit(entry, instrument), is_answered=entry.says_unit
        )
    except SchemaError as error:
        raise SchemaError(f"{path}: {error}") from error
    if passed.snapped:
        notes.append(f"{entry.path}: {passed.text}")
    traded = _until_delisting(passed.channel, instrument, path, notes)
    _check_gaps(traded, instrument, path, entry)
    return traded


def _until_delisting(
    channel: Channel, instrument: Instrument, path: Path, notes: list[str]
) -> Channel:
    """Return a channel without bars after its instrument's last day, with a note on them."""
    traded, ended = until_delisting(channel, instrument), instrument.delisted
    later = len(channel) - len(traded)
    if ended is None or later == 0:
        return channel
    if len(traded) == 0:
        raise SchemaError(
            f"{path}: all {later} rows for {channel.key} come after {ended.last_day}, the last day "
            f"of {instrument.id}; correct delisted.last_day in its record"
        )
    bars = "1 bar" if later == 1 else f"{later} bars"
    notes.append(f"{path.name}: {bars} after {ended.last_day}, the last day, left out")
    return traded


def _rows_to_import(
    path: Path, entry: FileEntry, instrument: Instrument
) -> tuple[pd.DataFrame, pd.DatetimeIndex]:
    """Return the rows that the entry asks for, and their stamps."""
    frame = _select(read_local_table(path, entry.read), path, entry, instrument)
    stamps = read_stamps(frame[entry.time.column], entry.time, entry.stamp, path)
    if entry.start is not None:
        recent = stamps.tz_localize(None).to_numpy() >= np.datetime64(entry.start)
        frame, stamps = frame[recent], stamps[recent]
    if entry.drop_closed:
        open_days = _open_days(instrument.calendar, stamps)
        frame, stamps = frame[open_days], stamps[open_days]
    return frame, stamps


def _summed(channel: Channel, path: Path) -> Channel:
    """Return dividends with the payments of one ex-date added: an ordinary and a special one.

    Raises
    ------
    SchemaError : two payments of one ex-date are equal, as a row that stands twice would be.
    """
    event, amount = channel["event_at"], channel["amount"]
    order = np.lexsort((amount, event))
    twice = (np.diff(event[order]) == 0) & (np.diff(amount[order]) == 0)
    if twice.any():
        at = order[int(np.argmax(twice))]
        raise SchemaError(
            f"{path}: two dividends of {amount[at]:g} with the ex-date {utc_text(event[at])}: "
            "remove the row that stands twice, or write both payments as one row with their sum"
        )
    dates, first, payment = np.unique(event, return_index=True, return_inverse=True)
    if len(dates) == len(event):
        return channel
    kept = channel.take(np.sort(first))
    # Rows keep the file's order: disorder is refused later, or was sorted before.
    sums = np.bincount(payment, weights=amount)[payment[np.sort(first)]]
    labels = np.zeros(len(dates), dtype=channel["label"].dtype)
    np.maximum.at(labels, payment, channel["label"])
    columns = {**kept.columns, "amount": sums, "label": labels[payment[np.sort(first)]]}
    return Channel(channel.key, columns)


def _quote_per_unit(columns: Mapping[str, Array], instrument: Instrument) -> Array | float:
    """Return the quote value of one unit of volume: the bar's mean price, or a contract's value."""
    if instrument.is_inverse:
        return instrument.contract_value
    prices: Array = np.mean([columns[name] for name in ("open", "high", "low", "close")], axis=0)
    return prices


def _unit(entry: FileEntry, instrument: Instrument) -> str:
    """Return the unit that the entry or a series' instrument declares."""
    is_series = entry.kind is ChannelKind.SERIES
    return entry.unit or (instrument.quote if is_series else "")


def _fact(kind: ChannelKind) -> str:
    return time_columns(kind)[0]


def _select(
    frame: pd.DataFrame, path: Path, entry: FileEntry, instrument: Instrument
) -> pd.DataFrame:
    """Check that every named column exists; return the rows of the entry's symbol."""
    named = [entry.time.column, *entry.columns.values()]
    if entry.symbol_column is not None:
        named.append(entry.symbol_column)
    named += [more.column for more in (entry.label_column, entry.published) if more is not None]
    for name in named:
        if name not in frame.columns:
            raise SourceError(
                f"{path}: no column {name!r}; it has {', '.join(map(str, frame.columns))}"
                f"{separator_advice(frame.columns, entry.read)}"
            )
    if entry.symbol_column is None:
        return frame
    return frame[frame[entry.symbol_column] == (entry.symbol or instrument.id)]


def _open_days(calendar: str, stamps: pd.DatetimeIndex) -> Array:
    """Return a flag for each date that is a session of a calendar."""
    dates = stamps.tz_localize(None).to_numpy().astype("datetime64[D]")
    if len(dates) == 0:
        return np.zeros(0, dtype=np.bool_)
    return np.isin(dates, sessions_between(calendar, dates.min(), dates.max()))


def _values(frame: pd.DataFrame, name: str, path: Path, entry: FileEntry) -> Array:
    """Return one value column in canonical units; all NaN if a nullable column is absent."""
    if name not in entry.columns:
        if name in NULLABLE:
            return np.full(len(frame), np.nan)
        raise SchemaError(f"{path}: columns does not say which column holds {name!r}")
    # FRED writes a missing value as a full stop, the Federal Reserve as ND.
    missing = (".", "ND", "") if entry.drop_missing else ()
    values = read_numbers(frame[entry.columns[name]], entry.read, path, missing)
    scaled: Array = values * entry.factor(name)
    return scaled if entry.decimals is None else np.round(scaled, entry.decimals)


def _labels(frame: pd.DataFrame, path: Path, entry: FileEntry, instrument: Instrument) -> Array:
    """Return each row's provenance, from the entry or from the label column."""
    if entry.label_column is None:
        return np.full(len(frame), entry.provenance, dtype=np.int8)
    column = frame[entry.label_column.column]
    words = [label.name.lower() for label in Provenance]
    if instrument.synthetic:
        words = [Provenance.SYNTHETIC.name.lower()]
    numbers = column.map({word: Provenance[word.upper()] for word in words})
    wrong = np.flatnonzero(numbers.isna())
    if len(wrong):
        row = column.index[wrong[0]]
        raise SchemaError(
            f"{path}: row {row}: column {column.name!r} says {column.iloc[wrong[0]]!r}; "
            f"{instrument.id} takes {', '.join(words)}"
        )
    return numbers.to_numpy(dtype=np.int8)


def _kept(columns: dict[str, Array], entry: FileEntry, notes: list[str]) -> Array:
    """Return a flag for each row that the entry keeps: with values, not all zero.

    The number of rows without a value is appended to ``notes``; rows of zeros are no rows at all
    (a column of dividends has one on every day without a payment).
    """
    keep = np.ones(len(columns["label"]), dtype=np.bool_)
    values = np.column_stack([columns[name] for name in entry.columns])
    if entry.drop_missing:
        keep &= np.isfinite(values).all(axis=1)
        if dropped := int(np.count_nonzero(~keep)):
            rows = "1 row" if dropped == 1 else f"{dropped} rows"
            notes.append(f"{entry.path}: {rows} without a value left out")
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
