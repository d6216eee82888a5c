"""The code that a playbook can depend on: our packages, its own files, and their imports."""

import ast
import re
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path

from engine.code_versions import (
    OUR_PACKAGES,
    PACKAGES,
    SUFFIXES,
    LabelledFile,
    files_of,
    files_under,
    our_files,
    spec_of,
)
from engine.reads import LIBRARY_FOLDERS, is_covered

# Words of a program that imports modules by a text.
DYNAMIC = frozenset({"import_module", "__import__", "importlib", "find_spec"})
# Functions and libraries that open files without Python.
UNSEEN = frozenset(
    {
        "HDFStore", "OSFile", "ParquetDataset", "ParquetFile", "duckdb", "h5py", "lmdb", "netCDF4",
        "memory_map", "open_dataset", "polars", "pyarrow", "read_feather", "read_hdf", "read_orc",
        "read_parquet", "scan_parquet", "tables", "xarray", "zarr",
    }
)  # fmt: skip
LONGEST_NAME = 100
_STANDARD_LIBRARY = Path(sysconfig.get_path("stdlib")).resolve()
NAME = re.compile(r"[A-Za-z0-9._-]+")


def code_files(playbook: type, modules: Iterable[str] = ()) -> list[LabelledFile]:
    """Return (stable name, path) of our packages' files, the playbook's own, and its helpers'.

    Helpers are the modules that the playbook's files import, and the modules that helpers import.
    A module named in a text counts if it lies beside the playbook's file, and anywhere if the file
    imports by name. Modules of Python and of installed libraries are no helpers: their versions are
    in the run id. A package counts as a whole. Other modules loaded in this process do not count.

    Parameters
    ----------
    playbook : the class
    modules : names of further local modules that the playbook imported while it ran
    """
    found = _HelperImports(playbook).found(modules)
    return our_files() + [file for name in sorted(found) for file in found[name]]


def libraries(playbook: type) -> dict[str, str]:
    """Return the versions of the installed libraries that a playbook's own files import.

    Without the libraries of ``PACKAGES``, whose versions are always in the run id; with the
    libraries that the others require.
    """
    helpers = _HelperImports(playbook)
    helpers.found(())
    waiting = sorted({name for top in helpers.libraries for name in _distributions().get(top, ())})
    versions: dict[str, str] = {}
    while waiting:
        name = waiting.pop()
        try:
            held = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            continue
        key = held.metadata["Name"].lower().replace("_", "-")
        if key not in versions:
            versions[key] = held.version
            waiting += _required(held.requires or ())
    return versions


@cache
def own_files(playbook: type) -> list[LabelledFile]:
    """Return the files of the module or package that a playbook is written in."""
    return files_of(playbook.__module__.partition(".")[0])


@cache
def opens_unseen(playbook: type) -> list[str]:
    """Return the words in a playbook's module and its helpers by which libraries open files.

    Compiled code opens these files itself, without a Python audit event.
    """
    top = playbook.__module__.partition(".")[0]
    if top in OUR_PACKAGES:
        return []
    module = getattr(sys.modules.get(playbook.__module__), "__file__", None)
    found = _HelperImports(playbook).found(())
    paths = [path for name, files in found.items() if name != top for _, path in files]
    paths += [Path(module)] if module else []
    words: set[str] = set()
    for path in paths:
        if path.suffix == ".py" and path.is_file():
            words |= _parsed(path, path.stat().st_mtime_ns).words
    return sorted(words & UNSEEN)


class _HelperImports:
    """Follows the imports of a playbook's files from file to file.

    ``libraries`` are the first names of the installed modules found.
    """

    def __init__(self, playbook: type) -> None:
        self._top = playbook.__module__.partition(".")[0]
        self._folder = _folder_of(self._top)
        self.libraries: set[str] = set()

    def found(self, modules: Iterable[str]) -> dict[str, list[LabelledFile]]:
        """Return the files of each module or package, by the first part of its name."""
        if self._top in OUR_PACKAGES:
            return {}
        own = files_of(self._top)
        found = {self._top: own}
        waiting = list(own)
        for name in sorted({name.partition(".")[0] for name in modules}):
            self._add(name, files_of(name), found, waiting)
        while waiting:
            _, path = waiting.pop()
            if path.suffix != ".py":
                continue
            names = _parsed(path, path.stat().st_mtime_ns)
            for name in sorted(names.imported | names.told):
                if name not in found:
                    files = self._files(name, looked_for=name in names.imported)
                    self._add(name, files, found, waiting)
        return {name: files for name, files in found.items() if files}

    def _add(
        self,
        name: str,
        files: list[LabelledFile],
        found: dict[str, list[LabelledFile]],
        waiting: list[LabelledFile],
    ) -> None:
        if name not in OUR_PACKAGES and name not in found:
            found[name] = files
            waiting += files

    def _files(self, name: str, *, looked_for: bool) -> list[LabelledFile]:
        """Return the files of the local module or package of a name; none if there is none."""
        if name in OUR_PACKAGES or name in sys.stdlib_module_names:
            return []
        beside = [] if self._folder is None else _files_beside(self._folder, name)
        if beside or not looked_for:
            return beside
        spec = spec_of(name)
        if spec is None:
            return []
        places = [Path(place) for place in (spec.submodule_search_locations or [spec.origin or ""])]
        if all(is_covered(place) for place in places):
            if name in PACKAGES or all(map(_belongs_to_python, places)):
                return []
            self.libraries.add(name)
            return [] if name in _distributions() else files_of(name)
        return files_of(name)


def _belongs_to_python(place: Path) -> bool:
    """Return whether a file or folder belongs to Python itself.

    ``sys.stdlib_module_names`` lacks Python's own tests: two thousand files under a usual name.
    """
    place = place.resolve()
    return place.is_relative_to(_STANDARD_LIBRARY) and not LIBRARY_FOLDERS.intersection(place.parts)


def _files_beside(folder: Path, name: str) -> list[LabelledFile]:
    """Return the files of the module or package of a name in a folder; none if there is none."""
    for suffix in SUFFIXES:
        if (folder / f"{name}{suffix}").is_file():
            return [(name, folder / f"{name}{suffix}")]
    return files_under(name, folder / name) if (folder / name).is_dir() else []


def _folder_of(top: str) -> Path | None:
    """Return the folder that a module or package lies in; None among installed packages."""
    spec = spec_of(top)
    places = list(spec.submodule_search_locations or ()) if spec is not None else []
    source = places[0] if places else getattr(sys.modules.get(top), "__file__", None)
    if source is None:
        return None
    folder = Path(source).resolve().parent
    return None if is_covered(folder) else folder


@dataclass(frozen=True)
class _FileNames:
    """The modules that a file imports, the modules its texts may name, the words of its code.

    In a file that imports by name every text counts as an import.
    """

    imported: frozenset[str] = frozenset()
    told: frozenset[str] = frozenset()
    words: frozenset[str] = frozenset()


@cache
def _parsed(path: Path, _changed: int) -> _FileNames:
    try:
        tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError):
        return _FileNames()
    imported = {name for node in ast.walk(tree) for name in _imported(node)}
    words = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    words |= {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    told = {
        node.value.partition(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    told = {name for name in told if name.isidentifier() and len(name) < LONGEST_NAME}
    words |= imported
    if DYNAMIC & words:
        return _FileNames(frozenset(imported | told), frozenset(), frozenset(words))
    return _FileNames(frozenset(imported), frozenset(told), frozenset(words))


def _imported(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name.partition(".")[0] for alias in node.names)
    elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
        yield node.module.partition(".")[0]


@cache
def _distributions() -> dict[str, list[str]]:
    """Return the installed distributions by the first names of their modules."""
    return {name: list(held) for name, held in metadata.packages_distributions().items()}


def _required(requirements: Iterable[str]) -> Iterator[str]:
    """Yield the names in requirements such as ``numpy>=2``; those of an extra are left out."""
    for text in requirements:
        found = NAME.match(text)
        if found is not None and "extra ==" not in text:
            yield found.group()
