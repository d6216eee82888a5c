"""Reading a Parquet file: the rows by path and by bytes, and no thread that outlives them."""

import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from data_feeds.parquet_tables import read_table
from tests.patience import HANGS_S

ROWS = pa.table({"at": pa.array([1, 2, 3], pa.int64()), "close": [1.5, None, 2.5]})
# Native threads of a process: /proc lists them; Python's own count leaves out those of libraries.
THREADS = """
import os, sys
from pathlib import Path
import pyarrow.parquet
from data_feeds.parquet_tables import read_table
path = Path(sys.argv[1])
before = set(os.listdir("/proc/self/task"))
rows = read_table(path).num_rows + read_table(path.read_bytes()).num_rows
print(rows, len(set(os.listdir("/proc/self/task")) - before))
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "rows.parquet"
    pq.write_table(ROWS, path)
    return path


def test_a_path_and_its_bytes_give_the_stored_rows(file: Path) -> None:
    assert read_table(file).equals(ROWS)
    assert read_table(file.read_bytes()).equals(ROWS)


def test_columns_that_the_file_has_are_read(file: Path) -> None:
    assert read_table(file, ["close"]).equals(ROWS.select(["close"]))
    assert read_table(file, ["close", "absent"]).column_names == ["close"]


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="no list of native threads")
def test_reading_starts_no_thread_that_could_abort_the_process_at_its_end(file: Path) -> None:
    root = Path(__file__).parents[2]
    command = [sys.executable, "-c", THREADS, str(file)]
    done = subprocess.run(
        command, cwd=root, capture_output=True, text=True, timeout=HANGS_S, check=False
    )
    assert done.stdout.split() == ["6", "0"], done.stderr


def test_a_file_of_something_else_and_a_missing_one_are_errors(tmp_path: Path) -> None:
    with pytest.raises(pa.ArrowException):
        read_table(b"no table")
    with pytest.raises(FileNotFoundError):
        read_table(tmp_path / "absent.parquet")
