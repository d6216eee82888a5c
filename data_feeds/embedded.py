"""The embedded data: reconstructions that the first use generates and a cache keeps.

``source: embedded`` means this catalog. The catalog is in the user's cache folder, or in
``RISKOFF_CACHE``. Its name changes with the code and the packages that its rows depend on.
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
from data_feeds.default_data import RECONSTRUCTIONS
from data_feeds.errors import IntegrityError, StorageError
from data_feeds.simulation.reconstruction import reconstruct

CACHE_VARIABLE = "RISKOFF_CACHE"
ORIGIN = Origin(
    source="Riskoff, synthetic reconstruction",
    licence="free to use; no record of what traded",
    venues=("generated",),
)

_PACKAGE = Path(__file__).parent
# Code that the generated files depend on; _PACKAGES names the packages.
_SOURCES = (
    "simulation",
    "align.py",
    "calendar.py",
    "catalog",
    "clock.py",
    "dataset.py",
    "embedded.py",
    "exchange_schedule.py",
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
    """Return the catalog of reconstructions; the first call on a machine generates it.

    Two processes that need the catalog at once wait for each other. After an interrupt no later
    call takes the unfinished folder for the catalog.

    Raises
    ------
    StorageError : the cache folder cannot be written; the text names it and ``RISKOFF_CACHE``.
    """
    folder = cache_folder()
    catalog = Catalog(folder / f"{RECONSTRUCTIONS}{_fingerprint()[:16]}")
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
    """Return the folder of generated data: ``RISKOFF_CACHE``, or the user's cache."""
    chosen = os.environ.get(CACHE_VARIABLE)
    return Path(chosen) if chosen else platformdirs.user_cache_path("riskoff", appauthor=False)


def _is_whole(catalog: Catalog) -> bool:
    """Return whether the catalog has an index and every file that the index names."""
    if not catalog.exists():
        return False
    try:
        files = load_index(catalog.path).files
    except IntegrityError:
        return False
    return all((catalog.path / file).is_file() for file in files)


def _make(folder: Path, target: Path) -> None:
    """Write the catalog to a working folder and move the folder to its final name."""
    dataset = reconstruct()
    for unfinished in folder.glob("making-*"):
        shutil.rmtree(unfinished, ignore_errors=True)
    work = folder / f"making-{os.getpid()}"
    work.mkdir()
    try:
        with Catalog(work).batch() as batch:
            for key, channel in dataset.channels.items():
                batch.replace(dataset.instruments[key.instrument], channel, ORIGIN)
        # A catalog that is still in place lacks files: somebody deleted them.
        shutil.rmtree(target, ignore_errors=True)
        work.rename(target)
    finally:
        shutil.rmtree(work, ignore_errors=True)


@lru_cache(maxsize=1)
def _fingerprint() -> str:
    """Return a hash of the code that generates the rows and of the packages it uses."""
    digest = hashlib.sha256()
    for package in _PACKAGES:
        digest.update(f"{package} {version(package)}".encode())
    for name in _SOURCES:
        place = _PACKAGE / name
        files = sorted(place.glob("*.py")) if place.is_dir() else [place]
        for file in files:
            digest.update(file.name.encode() + file.read_bytes())
    return digest.hexdigest()
