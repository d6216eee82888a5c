"""The hidden folders in which results are written, and the leftovers of killed processes.

A writer holds a lock beside its hidden folder. The operating system releases the lock when the
process dies, so a lock that can be taken says that its folder is a leftover.
"""

import contextlib
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

import filelock

PARTIAL_PREFIX = ".partial-"
_LOCK_SUFFIX = ".lock"
# An earlier result waits here while a new one takes its place; its name is the result's own.
REPLACED = "replaced"


@contextlib.contextmanager
def partial_folder(root: Path) -> Iterator[Path]:
    """Yield an empty hidden folder inside ``root``, which is removed at the end of the block.

    Leftovers of dead processes are removed first.
    """
    root.mkdir(parents=True, exist_ok=True)
    remove_leftovers(root)
    folder = root / f"{PARTIAL_PREFIX}{uuid.uuid4().hex[:12]}"
    path = _lock_of(folder)
    # The lock comes first: a folder without one could not be told from a leftover.
    with filelock.FileLock(path):
        try:
            folder.mkdir()
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
            _remove(path)


def remove_leftovers(root: Path) -> None:
    """Remove the hidden folders of dead processes inside ``root``; those of live ones stay.

    A result that was being replaced returns to its place. Leftovers do no harm, so a file system
    that refuses is no error.
    """
    for path in sorted(root.glob(f"{PARTIAL_PREFIX}*{_LOCK_SUFFIX}")):
        with (
            contextlib.suppress(filelock.Timeout, OSError),
            filelock.FileLock(path, timeout=0),
        ):
            _discard(path.with_suffix(""), root)
            _remove(path)


def _discard(folder: Path, root: Path) -> None:
    for earlier in sorted((folder / REPLACED).glob("*")):
        if not (root / earlier.name).exists():
            earlier.rename(root / earlier.name)
    shutil.rmtree(folder, ignore_errors=True)


def _lock_of(folder: Path) -> Path:
    return folder.with_name(folder.name + _LOCK_SUFFIX)


def _remove(path: Path) -> None:
    # Windows removes no open file; the next writer does.
    with contextlib.suppress(OSError):
        path.unlink(missing_ok=True)
