"""Read a Parquet or Feather file on the calling thread alone."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa


def read_table(source: Path | bytes, columns: Sequence[str] | None = None) -> "pa.Table":
    """Return the rows of a Parquet file, given by its path or its bytes.

    A name in ``columns`` that the file does not have is left out.

    pyarrow's own function of this name reads ahead on threads of its own. Such a thread may still
    hold a Python object when the process ends, and then aborts a process whose work is done
    (apache/arrow issues 34314 and 39862). It also imports the readers of whole folders.

    Raises
    ------
    OSError : the file cannot be read.
    pyarrow.ArrowException : it is no Parquet file.
    """
    import pyarrow.parquet as pq  # noqa: PLC0415

    held = io.BytesIO(source) if isinstance(source, bytes) else source
    with pq.ParquetFile(held, pre_buffer=False) as file:
        return file.read(None if columns is None else list(columns), use_threads=False)


def read_frame(path: Path) -> "pd.DataFrame":
    """Return the rows of a Parquet file as pandas; errors as from ``read_table``."""
    frame: pd.DataFrame = read_table(path).to_pandas()
    return frame


def read_feather_frame(path: Path) -> "pd.DataFrame":
    """Return the rows of a Feather (Arrow IPC) file as pandas.

    Raises
    ------
    OSError : the file cannot be read.
    pyarrow.ArrowException : it is no such file.
    """
    import pyarrow as pa  # noqa: PLC0415

    options = pa.ipc.IpcReadOptions(use_threads=False)
    with pa.OSFile(str(path)) as file, pa.ipc.open_file(file, options=options) as reader:
        frame: pd.DataFrame = reader.read_all().to_pandas(use_threads=False)
    return frame
