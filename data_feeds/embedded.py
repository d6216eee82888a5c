"""The data that come with the package: reconstructions, made on first use and kept in a cache.

``source: embedded`` means this catalog. It lies in the user's cache folder, or in
``RISKOFF_CACHE``, under a name that changes with everything its rows depend on.
"""

import hashlib
import os
import shutil
import tempfile
from functools import lru_cache
from pathlib import Path

import filelock
import numpy as np
import platformdirs

from data_feeds.atomic import storage_errors
from data_feeds.catalog import Catalog, Origin
from data_feeds.errors import StorageError
from data_feeds.simulation.reconstruction import reconstruct

CACHE_VARIABLE = "RISKOFF_CACHE"
ORIGIN = Origin(
    source="Riskoff, synthetic reconstruction",
    licence="free to use; no record of what traded",
    venues=("generated",),
)

_PACKAGE = Path(__file__).parent
# What the rows follow from, besides numpy's generator.
_SOURCES = ("simulation", "releases.py", "calendar.py", "catalog/parts.py", "embedded.py")


def embedded_catalog() -> Catalog:
    """Return the catalog of reconstructions; the first call on a machine makes it.

    Two processes that need it at once wait for each other; an interrupt leaves nothing behind that
    a later call would take for the catalog.

    Raises
    ------
    StorageError : the cache folder cannot be written; the text names it and ``RISKOFF_CACHE``.
    """
    folder = cache_folder()
    catalog = Catalog(folder / f"reconstructions-{_fingerprint()[:16]}")
    if catalog.exists():
        return catalog
    try:
        with storage_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
            with filelock.FileLock(str(folder / ".making.lock")):
                if not catalog.exists():
                    _make(folder, catalog.path)
    except StorageError as error:
        raise StorageError(
            f"{error}; set {CACHE_VARIABLE} to a folder that can be written (cache: {folder})"
        ) from error
    return catalog


def cache_folder() -> Path:
    """Return where generated data are kept: ``RISKOFF_CACHE``, or the user's cache."""
    chosen = os.environ.get(CACHE_VARIABLE)
    return Path(chosen) if chosen else platformdirs.user_cache_path("riskoff", appauthor=False)


def _make(folder: Path, target: Path) -> None:
    """Write the catalog beside its place and move it there."""
    dataset = reconstruct()
    for unfinished in folder.glob("making-*"):
        shutil.rmtree(unfinished, ignore_errors=True)
    work = Path(tempfile.mkdtemp(prefix="making-", dir=folder))
    try:
        with Catalog(work).batch() as batch:
            for key, channel in dataset.channels.items():
                batch.replace(dataset.instruments[key.instrument], channel, ORIGIN)
        work.rename(target)
    finally:
        shutil.rmtree(work, ignore_errors=True)


@lru_cache(maxsize=1)
def _fingerprint() -> str:
    """Return a hash of the code that makes the rows."""
    digest = hashlib.sha256(np.__version__.encode())
    for name in _SOURCES:
        place = _PACKAGE / name
        files = sorted(place.glob("*.py")) if place.is_dir() else [place]
        for file in files:
            digest.update(file.name.encode() + file.read_bytes())
    return digest.hexdigest()
