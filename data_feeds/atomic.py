"""Replace a file in one step, or leave it as it was."""

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from data_feeds.errors import StorageError


def write_atomically(path: Path, content: bytes) -> None:
    """Write ``content`` to ``path`` so that a reader sees the old file or the whole new one.

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
def storage_errors(path: Path) -> Iterator[None]:
    """Turn what the file system says while a catalog is written into a ``StorageError``."""
    try:
        yield
    except TimeoutError:
        # A lock that another writer holds is no broken disk.
        raise
    except OSError as error:
        raise StorageError(
            f"{path}: cannot write: {error.strerror or error}; the catalog is unchanged"
        ) from error


def _sync_folder(path: Path) -> None:
    folder = os.open(path, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
