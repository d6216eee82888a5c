"""Remove the files that a catalog's index does not name."""

import contextlib
from pathlib import Path

import filelock

from data_feeds.catalog.index import INDEX_NAME, load_index
from data_feeds.errors import IntegrityError

LOCK_NAME = ".lock"


def remove_leftovers(folder: Path) -> None:
    """Remove older versions of parts and leftovers of a killed writer; the caller holds the lock.

    A catalog that cannot be read keeps all its files.
    """
    try:
        named = {folder / name for name in load_index(folder).files}
    except IntegrityError:
        # The catalog is of another version and was not replaced.
        return
    channels = folder / "channels"
    left = [path for path in channels.rglob("*.parquet") if path not in named]
    left += [*channels.rglob(".*.part"), *folder.glob(f".{INDEX_NAME}.*.part")]
    for path in left:
        # A file without an index entry does no harm.
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)


def remove_leftovers_if_free(folder: Path) -> None:
    """Remove the leftovers of a killed writer, unless another writer holds the lock.

    That writer removes them when it ends. A folder without an index keeps its files: the first
    write to it removes them.
    """
    if not (folder / INDEX_NAME).is_file():
        return
    # Leftovers do no harm, so neither a writer at work nor a lock of another user is an error.
    with (
        contextlib.suppress(filelock.Timeout, OSError),
        filelock.FileLock(str(folder / LOCK_NAME), timeout=0),
    ):
        remove_leftovers(folder)
