"""Read a user's file as a table, and its columns as numbers."""

import gzip
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from data_feeds.errors import SchemaError, SourceError
from data_feeds.parquet_tables import read_feather_frame, read_frame
from data_feeds.schema import Array
from data_feeds.sources.file_format import TableFormat

_PARQUET = (".parquet", ".pq")
_FEATHER = (".feather", ".arrow")
_JSON = (".json", ".json.gz")
_TEXT = (".csv", ".tsv", ".txt", ".gz", ".zip")


def read_local_table(path: Path, form: TableFormat) -> pd.DataFrame:
    """Return a file's rows, numbered from 0; the kind of file is that of its suffix.

    An index of a Parquet or Feather file that has a name, or holds times, becomes a column; times
    without a name become the column ``index``. A JSON file is a list of rows: lists, whose columns
    are named 1, 2, 3, ..., or objects.

    Raises
    ------
    SourceError : the file is missing, unreadable or of another kind.
    """
    name = path.name.lower()
    try:
        if name.endswith(_PARQUET):
            return _with_its_index(read_frame(path))
        if name.endswith(_FEATHER):
            return _with_its_index(read_feather_frame(path))
        if name.endswith(_JSON):
            return _json_rows(path)
        if name.endswith(_TEXT):
            return _text_rows(path, form)
    except FileNotFoundError as error:
        raise SourceError(f"{path}: no such file; check path and --root") from error
    except Exception as error:
        # Readers raise many types: ArrowInvalid, ParserError, UnicodeDecodeError, OSError.
        text = " ".join(str(error).split())
        raise SourceError(f"{path}: cannot be read: {text}{_remedy(error)}") from error
    raise SourceError(
        f"{path}: the suffix names no kind of file that is read: "
        f"{', '.join((*_TEXT, *_PARQUET, *_FEATHER, *_JSON))}"
    )


def separator_advice(names: Iterable[object], form: TableFormat) -> str:
    """Return the remedy for a header whose names hold another separator; empty where none does."""
    header = " ".join(map(str, names))
    for mark, word in ((";", '";"'), ("\t", "tab")):
        if mark in header and form.pattern != mark:
            # A separator of its own usually makes room for the decimal comma.
            return (
                f"; the header is separated by {word}: add read: {{separator: {word}}}, or read: "
                f'{{separator: {word}, decimal: ","}} where numbers have a decimal comma'
            )
    return ""


def _remedy(error: Exception) -> str:
    if isinstance(error, UnicodeDecodeError):
        return "; name its encoding, e.g. read: {encoding: latin-1}"
    if isinstance(error, pd.errors.ParserError):
        return "; check read: {separator, skip_lines}"
    return ""


def _with_its_index(frame: pd.DataFrame) -> pd.DataFrame:
    """Return rows numbered from 0, with an index of names or times as columns."""
    names = [name for name in frame.index.names if name is not None]
    has_times = isinstance(frame.index, pd.DatetimeIndex)
    is_told = any(name in frame.columns for name in names)
    return frame.reset_index(drop=is_told or not (names or has_times))


def _json_rows(path: Path) -> pd.DataFrame:
    raw = path.read_bytes()
    rows = json.loads(gzip.decompress(raw) if path.name.lower().endswith(".gz") else raw)
    if not isinstance(rows, list) or not all(isinstance(row, list | dict) for row in rows):
        raise ValueError("not a list of rows")
    frame = pd.DataFrame(rows)
    return frame.rename(columns=_numbered(frame)) if rows and isinstance(rows[0], list) else frame


def _numbered(frame: pd.DataFrame) -> dict[Any, str]:
    return {name: str(i + 1) for i, name in enumerate(frame.columns)}


def _text_rows(path: Path, form: TableFormat) -> pd.DataFrame:
    extra = range(form.skip_lines + 1, form.skip_lines + form.header_lines)
    frame = pd.read_csv(
        path,
        sep=form.pattern,
        header=0 if form.header_lines else None,
        skiprows=[*range(form.skip_lines), *extra],
        encoding=form.encoding,
        # pandas would read 1,5 with thousands "," as 15; texts are checked one by one instead.
        dtype=None if form.plain_numbers else str,
        low_memory=False,
    )
    if not form.header_lines:
        return frame.rename(columns=_numbered(frame))
    # pandas takes the first column as an index if rows have one value more than the header: with a
    # separator at the end of each row all columns would be shifted.
    if not frame.index.equals(pd.RangeIndex(len(frame))):
        numbered = (
            "; number the columns with read: "
            f"{{skip_lines: {form.skip_lines + form.header_lines}, header_lines: 0}}"
        )
        advice = separator_advice(frame.columns, form) or numbered
        raise ValueError(f"rows have more values than the header has names{advice}")
    return frame


def read_numbers(
    column: pd.Series, form: TableFormat, path: Path, missing: Iterable[str] = ()
) -> Array:
    """Return a column as numbers; a missing value is NaN.

    Parameters
    ----------
    column : column of the file
    form : spelling of the file
    path : file, for messages
    missing : more words for a missing value than ``form`` has; "" also stands for no text at all

    Raises
    ------
    SchemaError : the first value that is no number, with file, row and remedy.
    """
    marks = {*form.missing, *missing}
    if marks:
        column = column.mask(column.astype("string").str.strip().isin(marks).astype(bool))
    if not form.plain_numbers and not pd.api.types.is_numeric_dtype(column):
        column = _respelled(column, form, path)
    try:
        return pd.to_numeric(column).to_numpy(dtype=np.float64)
    except (ValueError, TypeError) as error:
        broken = pd.to_numeric(column, errors="coerce").isna() & column.notna()
        raise _no_number(column, broken, path, form) from error


def _respelled(column: pd.Series, form: TableFormat, path: Path) -> pd.Series:
    """Return texts with decimal point and without marks between digits."""
    text = column.astype("string").str.strip()
    broken = ~text.str.fullmatch(form.number).fillna(True).astype(bool)
    if broken.any():
        raise _no_number(column, broken, path, form)
    if form.thousands:
        text = text.str.replace(form.thousands, "", regex=False)
    return text.str.replace(form.decimal, ".", regex=False)


def _no_number(column: pd.Series, broken: pd.Series, path: Path, form: TableFormat) -> SchemaError:
    at = int(np.argmax(broken.to_numpy())) if broken.any() else 0
    value = str(column.iloc[at])
    return SchemaError(
        f"{path}: row {column.index[at]}: column {column.name!r}: {value!r} is no number with "
        f"decimal {form.decimal!r} and thousands {form.thousands!r}; set read: {{decimal, "
        f"thousands}}, or read: {{missing: [{value}]}} if it marks a missing value"
    )
