"""The data that come with the package: reconstructions, made on first use and kept in a cache.

``source: embedded`` means this catalog. It lies in the user's cache folder, or in
``RISKOFF_CACHE``, under a name that changes with everything its rows depend on.
"""

import hashlib
import os
import shutil
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path

import filelock
import platformdirs

from data_feeds.atomic import storage_errors
from data_feeds.catalog import Catalog, Origin
from data_feeds.catalog.index import load_index
from data_feeds.errors import IntegrityError, StorageError
from data_feeds.simulation.reconstruction import reconstruct

CACHE_VARIABLE = "RISKOFF_CACHE"
ORIGIN = Origin(
    source="Riskoff, synthetic reconstruction",
    licence="free to use; no record of what traded",
    venues=("generated",),
)

_PACKAGE = Path(__file__).parent
# What the files follow from, besides the packages that draw, compile and know the sessions.
_SOURCES = (
    "simulation",
    "align.py",
    "calendar.py",
    "catalog",
    "clock.py",
    "dataset.py",
    "embedded.py",
    "gate",
    "holes.py",
    "instrument.py",
    "releases.py",
    "splits.py",
    "schema.py",
    "strict_model.py",
    "timeframe.py",
    "trading_terms.py",
    "units.py",
)
_PACKAGES = ("numpy", "numba", "exchange_calendars", "pyarrow")


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
    try:
        with storage_errors(folder):
            if _is_whole(catalog):
                return catalog
            folder.mkdir(parents=True, exist_ok=True)
            with filelock.FileLock(str(folder / ".making.lock")):
                if not _is_whole(catalog):
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


def _is_whole(catalog: Catalog) -> bool:
    """Whether the catalog has an index and every file that it names."""
    if not catalog.exists():
        return False
    try:
        files = load_index(catalog.path).files
    except IntegrityError:
        return False
    return all((catalog.path / file).is_file() for file in files)


def _make(folder: Path, target: Path) -> None:
    """Write the catalog beside its place and move it there."""
    dataset = reconstruct()
    for unfinished in folder.glob("making-*"):
        shutil.rmtree(unfinished, ignore_errors=True)
    work = folder / f"making-{os.getpid()}"
    work.mkdir()
    try:
        with Catalog(work).batch() as batch:
            for key, channel in dataset.channels.items():
                batch.replace(dataset.instruments[key.instrument], channel, ORIGIN)
        # What is left there is damaged: files were deleted by hand.
        shutil.rmtree(target, ignore_errors=True)
        work.rename(target)
    finally:
        shutil.rmtree(work, ignore_errors=True)


@lru_cache(maxsize=1)
def _fingerprint() -> str:
    """Return a hash of the code that makes the rows and of the packages that it rests on."""
    digest = hashlib.sha256()
    for package in _PACKAGES:
        digest.update(f"{package} {version(package)}".encode())
    for name in _SOURCES:
        place = _PACKAGE / name
        files = sorted(place.glob("*.py")) if place.is_dir() else [place]
        for file in files:
            digest.update(file.name.encode() + file.read_bytes())
    return digest.hexdigest()
