"""Replace a file in one step, or leave the old file unchanged."""

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import filelock

from data_feeds.errors import StorageError

# What is kept when a catalog cannot be written.
UNCHANGED = "the catalog is unchanged"


def write_atomically(path: Path, content: bytes) -> None:
    """Write ``content`` to ``path``, so that a reader sees the old file or the whole new file.

    The bytes reach the disk before the name changes. On any failure, an interrupt included, the
    temporary file is removed and ``path`` is untouched.

    Raises
    ------
    OSError : the folder cannot be written or the disk is full.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        # mkstemp makes the file private; a catalog may be shared.
        Path(temporary).chmod(0o644)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    # The file is complete under its name; some file systems cannot sync a folder.
    with contextlib.suppress(OSError):
        _sync_folder(path.parent)


@contextlib.contextmanager
def storage_errors(path: Path, kept: str = "") -> Iterator[None]:
    """Turn a file system error inside the block into a ``StorageError``.

    ``kept`` says what the error left as it was.
    """
    try:
        yield
    except OSError as error:
        raise _refused(path, error, kept) from error


def acquire(lock: filelock.BaseFileLock, folder: Path, seconds: float) -> None:
    """Lock a folder for one writer; create the folder if it is missing.

    Raises
    ------
    StorageError : the folder cannot be written, or another writer holds it longer than ``seconds``.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=seconds)
    except filelock.Timeout as error:
        raise StorageError(
            f"{folder}: locked by another import for {seconds} s; try again after it"
        ) from error
    except OSError as error:
        raise _refused(folder, error, UNCHANGED) from error


def _refused(folder: Path, error: OSError, kept: str) -> StorageError:
    told = f"{folder}: cannot write: {error.strerror or error}"
    return StorageError(f"{told}; {kept}" if kept else told)


def _sync_folder(path: Path) -> None:
    folder = os.open(path, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
