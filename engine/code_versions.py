"""The files of our packages, and the versions of the code that decide a number."""

import hashlib
import platform
import sys
from functools import cache
from importlib import metadata, util
from importlib.machinery import EXTENSION_SUFFIXES, ModuleSpec
from pathlib import Path

OUR_PACKAGES = ("data_feeds", "engine", "strategies")
SUFFIXES = (".py", *EXTENSION_SUFFIXES)
# Packages whose version can change a number or a picture of any run.
PACKAGES = (
    "backtrader",
    "exchange_calendars",
    "llvmlite",
    "matplotlib",
    "numba",
    "numpy",
    "pandas",
    "pyarrow",
    "pydantic",
    "quantlib",
    "quantstats",
    "scipy",
    "seaborn",
)

LabelledFile = tuple[str, Path]


@cache
def code_versions() -> dict[str, str]:
    """Return the versions that two processes share if they compute the same numbers.

    The code's version is the sha256 over the files of our packages, read once a process.
    """
    digest = hashlib.sha256()
    for label, path in our_files():
        digest.update(label.encode())
        digest.update(path.read_bytes())
    return {
        "riskoff code": digest.hexdigest()[:12],
        "python": platform.python_version(),
        "processor": platform.machine(),
        **{name: metadata.version(name) for name in PACKAGES},
    }


def our_files() -> list[LabelledFile]:
    """Return the files of code of our packages."""
    return [file for name in OUR_PACKAGES for file in files_of(name)]


def files_of(package: str) -> list[LabelledFile]:
    """Return the files of code of a package or of one module, wherever it was loaded from."""
    spec = spec_of(package)
    if spec is not None and spec.submodule_search_locations:
        return sorted(
            file
            for root in map(Path, spec.submodule_search_locations)
            for file in files_under(package, root)
        )
    source = getattr(sys.modules.get(package), "__file__", None)
    source = source or (spec.origin if spec is not None and spec.has_location else None)
    if not source:
        return []
    # A module inside an archive is part of the archive's file.
    place = next((p for p in (Path(source), *Path(source).parents) if p.is_file()), None)
    return [] if place is None else [(package, place)]


def files_under(package: str, root: Path) -> list[LabelledFile]:
    """Return the files of code below a folder, or the file itself."""
    if root.is_file():
        return [(package, root)]
    return sorted(
        (f"{package}/{path.relative_to(root).as_posix()}", path)
        for path in root.rglob("*")
        if path.name.endswith(SUFFIXES) and path.is_file()
    )


def spec_of(name: str) -> ModuleSpec | None:
    """Return the spec of a module, loaded or not; None for a module that cannot be loaded."""
    loaded = sys.modules.get(name)
    if loaded is not None and getattr(loaded, "__spec__", None) is not None:
        return loaded.__spec__
    try:
        return util.find_spec(name)
    except (ImportError, AttributeError, ValueError):
        return None
