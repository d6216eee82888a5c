"""Record the modules and files that a playbook reads beside its parameters and its data.

While a playbook's code is watched, every file that Python opens is recorded. Files of libraries, of
our own packages and of the system, and caches of compiled code, are left out: the versions in the
run id cover them. Files that compiled code opens itself (Arrow, HDF5) are not recorded and must be
declared in ``Requirements.files``, as every file should be.
"""

import hashlib
import importlib.util
import os
import site
import sys
import sysconfig
import threading
import zoneinfo
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from engine.code_versions import OUR_PACKAGES
from engine.errors import PlaybookContractError

# Audit events of network and processes, whose answers do not depend on local files.
OUTSIDE = frozenset(
    {
        "os.system", "socket.connect", "socket.getaddrinfo", "socket.sendto", "subprocess.Popen",
        "urllib.Request",
    }
)  # fmt: skip
DATABASES = frozenset({"sqlite3.connect"})
CACHED_CODE = frozenset({".nbi", ".nbc"})
# Folders in which installers describe a library.
RECORDS = frozenset({".dist-info", ".egg-info"})
LIBRARY_FOLDERS = frozenset({"site-packages", "dist-packages"})
SYSTEM_FOLDERS = ("/dev", "/etc", "/proc", "/sys")
GONE = "gone"


@dataclass(frozen=True, order=True)
class ReadFile:
    """Hold a file that the rules read: name without folder, sha256 of its content, path."""

    name: str
    sha256: str
    path: Path


@dataclass(frozen=True)
class Reads:
    """Hold the reads of one playbook.

    Attributes
    ----------
    files : files that were opened
    declared : the files of ``Requirements.files``, opened or not
    outside : audit events that no file covers: a network call, a process
    modules : local modules that were imported on the way, by name
    """

    files: frozenset[ReadFile] = frozenset()
    declared: frozenset[ReadFile] = frozenset()
    outside: frozenset[str] = frozenset()
    modules: frozenset[str] = frozenset()

    def __or__(self, other: "Reads") -> "Reads":
        return Reads(
            self.files | other.files,
            self.declared | other.declared,
            self.outside | other.outside,
            self.modules | other.modules,
        )

    @property
    def module_files(self) -> dict[str, Path]:
        """Return the source file of each module that has one."""
        found = {name: _source(name) for name in self.modules}
        return {name: path for name, path in found.items() if path is not None}

    @property
    def undeclared(self) -> list[ReadFile]:
        """Return the opened files that ``Requirements.files`` does not name, sorted."""
        declared = {item.path for item in self.declared}
        return sorted(item for item in self.files if item.path not in declared)

    @property
    def not_reusable(self) -> list[str]:
        """Return the reasons why another run must not reuse the finished one of its id."""
        names = sorted({item.name for item in self.undeclared})
        return [
            *(f"the rules read {name}, which Requirements.files does not name" for name in names),
            *(f"the rules asked outside of their files ({what})" for what in sorted(self.outside)),
        ]

    def document(self) -> dict[str, list[list[str]]]:
        """Return names and checksums for the run id, without folders, sorted.

        Modules are hashed with the code.
        """
        undeclared = self.undeclared
        declared = self.declared | (self.files - set(undeclared))
        parts = {"declared": declared, "undeclared": undeclared}
        return {
            part: sorted([name, digest] for name, digest in {(f.name, f.sha256) for f in files})
            for part, files in parts.items()
        }


@dataclass
class ReadWatch:
    """Collect opened files and imported modules while a playbook's code runs."""

    reads: Reads = field(default_factory=Reads)
    _opened: dict[str, None] = field(default_factory=dict)
    _outside: set[str] = field(default_factory=set)

    def saw(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Record one of Python's audit events."""
        if event in OUTSIDE:
            self._outside.add(event)
        elif event in DATABASES or _reads(*arguments):
            self._note(arguments[0])

    def _note(self, path: object) -> None:
        if isinstance(path, str | bytes | os.PathLike):
            self._opened[os.path.abspath(os.fsdecode(path))] = None

    def finish(self, loaded_before: frozenset[str]) -> None:
        """Set ``reads`` once the code has run."""
        data = [path for path in map(Path, self._opened) if _is_data(path)]
        if data:
            code = {path for name in [*sys.modules] if (path := _source(name)) is not None}
            data = [path for path in data if _source_of(path) not in code]
        self.reads = Reads(
            files=frozenset(map(read_file, data)),
            outside=frozenset(self._outside),
            modules=frozenset(filter(is_local, sys.modules.keys() - loaded_before)),
        )


_watching = threading.local()
# Active watches, the innermost last, each with the threads that began before it.
_at_work: list[tuple[ReadWatch, frozenset[int]]] = []
_installed: list[bool] = []


@contextmanager
def watching() -> Iterator[ReadWatch]:
    """Yield a watch over opened files and imports; its ``reads`` are set afterwards.

    The watch records this thread and threads that begin while it is active, such as a pool that the
    rules start. Of nested watches only the innermost records.
    """
    if not _installed:
        sys.addaudithook(_hear)
        _installed.append(True)
    watch = ReadWatch()
    outer = getattr(_watching, "watch", None)
    before = frozenset(sys.modules)
    _watching.watch = watch
    entry = (watch, _threads())
    _at_work.append(entry)
    try:
        yield watch
    finally:
        _watching.watch = outer
        _at_work.remove(entry)
        watch.finish(before)


def read_file(path: Path) -> ReadFile:
    """Return a file with its checksum, ``gone`` when the file no longer exists."""
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        digest = GONE
    return ReadFile(path.name, digest, path.resolve())


def declared_files(playbook: str, module: str, files: Iterable[str | Path]) -> Reads:
    """Return the files that a playbook declares; a folder stands for the files below it.

    A relative path starts at the folder of the playbook's module.

    Raises
    ------
    PlaybookContractError : a declared file does not exist.
    """
    beside = getattr(sys.modules.get(module), "__file__", None)
    root = Path(beside).resolve().parent if beside else Path.cwd()
    found: list[Path] = []
    for name in files:
        place = root / name
        if place.is_dir():
            found += [path for path in place.rglob("*") if path.is_file() and _is_data(path)]
        elif place.is_file():
            found.append(place)
        else:
            raise PlaybookContractError(
                f"playbook {playbook}: Requirements.files names {name}, but {place} does not exist"
            )
    return Reads(declared=frozenset(map(read_file, found)))


def is_local(module: str) -> bool:
    """Return whether a loaded module belongs to none of Python, libraries and our packages."""
    path = _source(module)
    return path is not None and not is_covered(path)


def is_covered(path: Path) -> bool:
    """Return whether a version in the run id covers a file: Python, a library, ours, system."""
    if LIBRARY_FOLDERS.intersection(path.parts):
        return True
    return any(path.is_relative_to(root) for root in _covered())


def _hear(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "open" or event in OUTSIDE or event in DATABASES:
        watch = getattr(_watching, "watch", None) or _of_new_thread(threading.get_ident())
        if watch is not None:
            watch.saw(event, arguments)


def _threads() -> frozenset[int]:
    return frozenset(thread.ident or 0 for thread in threading.enumerate())


def _of_new_thread(thread: int) -> ReadWatch | None:
    """Return the innermost watch that was active when a thread began, None for none."""
    return next((watch for watch, before in reversed(_at_work) if thread not in before), None)


def _reads(path: object, mode: str | None, flags: int) -> bool:
    """Return whether a file opened in this mode can be read."""
    if mode is not None:
        return "r" in mode or "+" in mode
    return flags & (os.O_WRONLY | os.O_RDWR) != os.O_WRONLY


def _is_data(path: Path) -> bool:
    """Return whether a path is a data file, not covered by a version and no code cache."""
    if path.suffix in CACHED_CODE or path.parent.suffix in RECORDS or not path.is_file():
        return False
    return not is_covered(path)


def _source_of(path: Path) -> Path:
    """Return the source of a file of compiled code; any other path unchanged."""
    if path.parent.name != "__pycache__":
        return path
    try:
        return Path(importlib.util.source_from_cache(str(path)))
    except ValueError:
        return path


def _source(module: str) -> Path | None:
    """Return the file of a loaded module; None for one without."""
    source = getattr(sys.modules.get(module), "__file__", None)
    return Path(os.path.abspath(source)) if isinstance(source, str) else None


@cache
def _covered() -> tuple[Path, ...]:
    """Return the folders whose files a version covers."""
    kinds = ("stdlib", "platstdlib", "purelib", "platlib")
    libraries = [sysconfig.get_paths()[kind] for kind in kinds]
    libraries += [*site.getsitepackages(), site.getusersitepackages(), *zoneinfo.TZPATH]
    ours = [Path(__file__).resolve().parents[1] / name for name in OUR_PACKAGES]
    roots = [Path(place) for place in (*libraries, *SYSTEM_FOLDERS)]
    return tuple(dict.fromkeys([*roots, *(root.resolve() for root in roots), *ours]))
