"""Split a channel into files by calendar period, encode them and describe them.

The period depends only on the channel's kind. So the same rows give the same files, after one
import or after a hundred pages with interrupts between them.
"""

import hashlib
import io
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from data_feeds.catalog.index import GapRow, StoredPart
from data_feeds.clock import DAY_NS, HOUR_NS
from data_feeds.errors import SchemaError
from data_feeds.holes import (
    POINTS,
    Gap,
    bar_gaps,
    gaps,
    joined_steps,
    point_holes,
    steps_of,
    to_the_minute,
    zero_volume_runs,
)
from data_feeds.parquet_tables import read_table
from data_feeds.schema import (
    VALUE_COLUMNS,
    Array,
    Channel,
    ChannelKey,
    ChannelKind,
    Provenance,
    time_columns,
)
from data_feeds.timeframe import Timeframe

WHOLE = "all"
_BY_YEAR = (ChannelKind.FUNDING, ChannelKind.OPEN_INTEREST, ChannelKind.LIQUIDATIONS)


def split(channel: Channel) -> Iterator[tuple[str, Channel]]:
    """Yield the name of each period of a channel, e.g. ``2022-05``, and its rows, in order."""
    unit = _period_unit(channel.key)
    if unit is None:
        yield WHOLE, channel
        return
    facts = channel[time_columns(channel.key.kind)[0]]
    periods = facts.astype("datetime64[ns]").astype(f"datetime64[{unit}]")
    starts = np.flatnonzero(np.concatenate(([True], periods[1:] != periods[:-1])))
    for first, stop in pairwise([*starts.tolist(), len(channel)]):
        yield str(periods[first]), channel.take(slice(first, stop))


def _period_unit(key: ChannelKey) -> str | None:
    """Return the period of a channel's files: month, year, or None for one file.

    A month of minute bars or a year of hourly bars is about a megabyte: small enough to be
    rewritten for one more day, and few enough files for an index.
    """
    if key.kind in (ChannelKind.BARS, ChannelKind.MARK):
        step = Timeframe(key.timeframe).ns
        return "M" if step < HOUR_NS else "Y" if step < DAY_NS else None
    return "Y" if key.kind in _BY_YEAR else None


def encode(channel: Channel) -> bytes:
    """Return rows as Parquet bytes; the same rows give the same bytes."""
    times, values = time_columns(channel.key.kind), VALUE_COLUMNS[channel.key.kind]
    columns: dict[str, Array] = {name: channel[name] for name in (*times, *values, "label")}
    # Instants rise by equal steps and prices share their high bytes. These encodings give a third
    # of plain Parquet's size and read three times as fast.
    encodings = dict.fromkeys(times, "DELTA_BINARY_PACKED")
    encodings |= dict.fromkeys(values, "BYTE_STREAM_SPLIT")
    # Imported here: commands that read only the index need no Parquet.
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.parquet as pq  # noqa: PLC0415

    buffer = io.BytesIO()
    pq.write_table(
        pa.table(columns),
        buffer,
        compression="zstd",
        write_statistics=False,
        use_dictionary=["label"],
        column_encoding=encodings,
    )
    return buffer.getvalue()


def decode_into(raw: bytes, columns: dict[str, Array], first: int, rows: int) -> int:
    """Copy a file's rows into ``columns`` from row ``first`` on; return the file's row count.

    Nothing is copied when the file's row count is not ``rows``.

    Raises
    ------
    SchemaError : the file is no Parquet file with these columns and types.
    """
    import pyarrow as pa  # noqa: PLC0415

    try:
        table = read_table(raw)
    except (pa.ArrowException, OSError) as error:
        raise SchemaError(f"not a Parquet file: {' '.join(str(error).split())}") from error
    held = {field.name: field.type.to_pandas_dtype() for field in table.schema}
    wanted = {name: values.dtype.type for name, values in columns.items()}
    if held != wanted:
        odd = sorted(name for name in {*held, *wanted} if held.get(name) != wanted.get(name))
        raise SchemaError(f"columns {', '.join(odd)} are missing, not known or of another type")
    if any(column.null_count for column in table.columns):
        raise SchemaError("a row has no value where one belongs")
    if table.num_rows == rows:
        for name, values in columns.items():
            values[first : first + rows] = table.column(name).to_numpy()
    return int(table.num_rows)


def file_name(key: ChannelKey, period: str, sha256: str) -> str:
    """Return a part's path inside the catalog; the hash distinguishes its versions."""
    middle = "" if period == WHOLE else period
    stem = "-".join(part for part in (key.kind.value, key.timeframe, middle) if part)
    return f"channels/{key.instrument}/{stem}.{sha256[:12]}.parquet"


@dataclass(frozen=True)
class Written:
    """File of a part: the period of its rows, its name and the hash of its bytes."""

    period: str
    file: str
    sha256: str

    @classmethod
    def of(cls, key: ChannelKey, period: str, raw: bytes) -> "Written":
        """Return the period, name and hash of a file with these bytes."""
        sha256 = hashlib.sha256(raw).hexdigest()
        return cls(period, file_name(key, period, sha256), sha256)


def described(channel: Channel, written: Written | StoredPart, calendar: str) -> StoredPart:
    """Return the index's record of one part, computed from its file and its rows."""
    key = channel.key
    facts = channel[time_columns(key.kind)[0]]
    ends = channel["closed_at"] if "closed_at" in channel.columns else facts
    counts = np.bincount(channel["label"], minlength=len(Provenance))
    return StoredPart(
        period=written.period,
        file=written.file,
        sha256=written.sha256,
        rows=len(channel),
        first_at=int(facts[0]),
        last_at=int(ends[-1]),
        last_fact_at=int(facts[-1]),
        first_closed_at=int(ends[0]),
        first_available_at=int(channel["available_at"].min()),
        last_available_at=int(channel["available_at"].max()),
        steps=tuple(steps_of(facts)) if key.kind in POINTS else (),
        labels={label.name.lower(): int(counts[label]) for label in Provenance},
        # A step between points is a hole or not depending on its neighbours, also in other parts.
        gaps=() if key.kind in POINTS else _gap_rows(gaps(channel, calendar)),
        idle=_gap_rows(zero_volume_runs(channel)),
    )


def seams(key: ChannelKey, parts: tuple[StoredPart, ...], calendar: str) -> tuple[GapRow, ...]:
    """Return the gaps between consecutive parts; for points, also the gaps inside parts."""
    if key.kind in POINTS:
        return _gap_rows(_gaps_of_points(key, parts))
    found: list[Gap] = []
    for before, after in pairwise(parts):
        # A gap depends only on the times of the two rows.
        opened = np.array([before.last_fact_at, after.first_at], dtype=np.int64)
        closed = np.array([before.last_at, after.first_closed_at], dtype=np.int64)
        columns: dict[str, Array] = {"opened_at": opened, "closed_at": closed}
        found += bar_gaps(Channel(key, {**columns, "available_at": closed}), calendar)
    return _gap_rows(found)


def _gaps_of_points(key: ChannelKey, parts: tuple[StoredPart, ...]) -> list[Gap]:
    """Return the gaps of points, computed from the steps that the parts store."""
    steps: list[tuple[int, int]] = []
    for i, part in enumerate(parts):
        if i:
            edges = np.array([parts[i - 1].last_fact_at, part.first_at], dtype=np.int64)
            steps += steps_of(edges)
        steps += part.steps
    if not parts:
        return []
    first_at = int(to_the_minute(np.array([parts[0].first_at], dtype=np.int64))[0])
    return [hole.gap for hole in point_holes(key.kind, first_at, joined_steps(steps))]


def _gap_rows(found: list[Gap]) -> tuple[GapRow, ...]:
    return tuple(
        GapRow(started_at=gap.started_at, ended_at=gap.ended_at, rows=gap.missing) for gap in found
    )
