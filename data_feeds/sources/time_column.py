"""Read a file's time column: UTC instants, or local dates for date stamps."""

import re
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from data_feeds.errors import SchemaError
from data_feeds.schema import Array
from data_feeds.sources.file_format import TimeColumn
from data_feeds.sources.mapping import Stamp

# int64 nanoseconds reach from September 1677 to April 2262.
FIRST_YEAR = 1678
LAST_YEAR = 2261

# A count of a unit up to the year 2100, read in the next finer unit, ends before this second.
_FIRST_WEEKS_S = 4.2e6
# Matches an offset after a clock time, but not the dashes of a bare date.
_OFFSET = re.compile(r"[Tt ]\d.*(?:[Zz]|[+-]\d{2}(?::?\d{2})?)\s*$")

_BARE_DATE_UTC = re.compile(r"^(\d{4}-\d{2}-\d{2})\s*(?:UTC|GMT)$", re.IGNORECASE)
_UTC = re.compile(r"\s*(?:UTC|GMT)$", re.IGNORECASE)


def read_stamps(
    column: pd.Series, time: TimeColumn, stamp: Stamp, path: Path | str
) -> pd.DatetimeIndex:
    """Return a file's stamps in nanoseconds: UTC instants, or naive local dates for date stamps.

    A date stamp with an instant (an offset, a typed zone, a number since 1970) is the date that
    begins at this instant in ``time.zone``, else in the column's zone, else in UTC.

    Raises
    ------
    SchemaError : the first stamp that is no time, has no zone, does not exist in its zone, or is a
        date stamp but no local midnight; with file, row and value.
    """
    parsed = _parsed(column, time, path)
    years = parsed.year.to_numpy()
    _refuse(
        (years < FIRST_YEAR) | (years > LAST_YEAR), column, time, path,
        f"lies outside the years {FIRST_YEAR} to {LAST_YEAR}; fix the row or leave it out",
    )  # fmt: skip
    parsed = parsed.as_unit("ns")
    if stamp in (Stamp.SESSION_DATE, Stamp.REFERENCE_DATE):
        return parsed if parsed.tz is None else _local_dates(parsed, column, time, path)
    if parsed.tz is None:
        parsed = _in_zone(parsed, column, time, path)
    return parsed.tz_convert("UTC")


def _refuse(
    broken: Array, column: pd.Series, time: TimeColumn, path: Path | str, rule: str
) -> None:
    """Raise for the first row at which ``broken`` is true."""
    rows = np.flatnonzero(broken)
    if len(rows):
        row = int(rows[0])
        raise SchemaError(
            f"{path}: row {column.index[row]}: {str(column.iloc[row])!r} "
            f"in column {time.column!r} {rule}"
        )


def _parsed(column: pd.Series, time: TimeColumn, path: Path | str) -> pd.DatetimeIndex:
    """Return the column as naive times, or as aware times in its own zone or UTC."""
    missing = np.flatnonzero(column.isna())
    if len(missing):
        row = column.index[missing[0]]
        raise SchemaError(f"{path}: row {row}: no time in column {time.column!r}")
    if pd.api.types.is_datetime64_any_dtype(column):
        return pd.DatetimeIndex(column)
    if time.unit != "text":
        return _from_numbers(column, time, time.unit, path)
    if time.format is not None:
        return _in_format(column, time, time.format, path)
    if pd.api.types.is_numeric_dtype(column):
        raise SchemaError(
            f"{path}: column {time.column!r} is not a time but numbers; "
            "say which with time: {unit: s, ms, us or ns}"
        )
    return _from_text(column, time, path)


def _from_numbers(
    column: pd.Series, time: TimeColumn, unit: Literal["s", "ms", "us", "ns"], path: Path | str
) -> pd.DatetimeIndex:
    numbers = pd.to_numeric(column, errors="coerce")
    found = pd.DatetimeIndex(
        pd.to_datetime(numbers.to_numpy(), unit=unit, utc=True, errors="coerce")
    )
    _refuse(np.asarray(found.isna()), column, time, path, f"is not a time in {unit} since 1970")
    _refuse_finer_unit(found, column, time, path)
    return found


def _refuse_finer_unit(
    found: pd.DatetimeIndex, column: pd.Series, time: TimeColumn, path: Path | str
) -> None:
    """Refuse recent times that the mapping declares in a finer unit than the file's."""
    per_second = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
    seconds = found.as_unit("s").asi8
    early = (seconds > 0) & (seconds < _FIRST_WEEKS_S)
    if not early.any():
        return
    count = float(pd.to_numeric(column).iloc[int(np.argmax(early))])
    # The unit in which the count lies between 1980 and 2100.
    meant = [unit for unit, units in per_second.items() if 3e8 < count / units < 4.2e9]
    if meant:
        _refuse(
            early, column, time, path,
            f"lies in 1970 as {time.unit}; if it counts {meant[0]}, set time: {{unit: {meant[0]}}}",
        )  # fmt: skip


def _from_text(column: pd.Series, time: TimeColumn, path: Path | str) -> pd.DatetimeIndex:
    """Return ISO 8601 text as naive times, or as UTC times if it has offsets.

    The word UTC or GMT at the end is the offset Z.
    """
    column = column.astype(str)
    if column.str.contains(_UTC).any():
        column = column.str.replace(_BARE_DATE_UTC, r"\1T00:00Z", regex=True)
        column = column.str.replace(_UTC, "Z", regex=True)
    found = pd.DatetimeIndex(pd.to_datetime(column, format="ISO8601", utc=True, errors="coerce"))
    remedy = (
        "is not a time in ISO 8601, e.g. 2026-02-06T00:00:00Z; name its format, e.g. "
        "time: {format: '%d.%m.%Y %H:%M'}"
    )
    _refuse(np.asarray(found.isna()), column, time, path, remedy)
    carries = column.str.contains(_OFFSET).to_numpy(dtype=np.bool_)
    if not carries.any():
        return found.tz_localize(None)
    _refuse(~carries, column, time, path, "carries no offset, but other rows do; write one in all")
    return found


def _in_format(
    column: pd.Series, time: TimeColumn, form: str, path: Path | str
) -> pd.DatetimeIndex:
    """Return text in a given format as naive times, or as UTC times if the format has offsets."""
    found = pd.DatetimeIndex(
        pd.to_datetime(
            column.astype(str).str.strip(), format=form, utc="%z" in form, errors="coerce"
        )
    )
    _refuse(np.asarray(found.isna()), column, time, path, f"is not a time in the format {form!r}")
    return found


def _in_zone(
    naive: pd.DatetimeIndex, column: pd.Series, time: TimeColumn, path: Path | str
) -> pd.DatetimeIndex:
    """Return naive times as instants of ``time.zone``."""
    if time.zone is None:
        raise SchemaError(
            f"{path}: times in {time.column!r} carry no zone; set time: {{zone: UTC}}"
        )
    try:
        found = naive.tz_localize(time.zone, nonexistent="NaT", ambiguous="NaT")
    except (ValueError, KeyError) as error:
        raise _unknown_zone(time, path) from error
    _refuse(
        np.asarray(found.isna()), column, time, path,
        f"does not exist or happens twice in zone {time.zone}; write times with their offset",
    )  # fmt: skip
    return found


def _local_dates(
    instants: pd.DatetimeIndex, column: pd.Series, time: TimeColumn, path: Path | str
) -> pd.DatetimeIndex:
    """Return the local dates that begin at some instants."""
    try:
        local = instants if time.zone is None else instants.tz_convert(time.zone)
    except (ValueError, KeyError) as error:
        raise _unknown_zone(time, path) from error
    dates = local.tz_localize(None).normalize()
    # Where clocks change at midnight, the day begins at its first instant.
    first = np.ones(len(dates), dtype=np.bool_)
    begins = dates.tz_localize(local.tz, nonexistent="shift_forward", ambiguous=first)
    _refuse(
        begins.asi8 != local.asi8, column, time, path,
        f"is not midnight in {local.tz}; set time: {{zone: ...}} to the zone whose dates these are",
    )  # fmt: skip
    return dates


def _unknown_zone(time: TimeColumn, path: Path | str) -> SchemaError:
    return SchemaError(f"{path}: zone {time.zone!r} is unknown; use an IANA name, e.g. Asia/Seoul")
