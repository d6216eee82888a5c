"""The folders that the workers of a cluster must see, and the test that they do."""

import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from data_feeds.default_data import EMBEDDED

# Small files of these kinds are compared by content, all others by name and size.
COMPARED = frozenset({".csv", ".json", ".py", ".yaml"})
MOST_BYTES = 1 << 20
MARK = ".riskoff-workers-"
MISSING = "missing"


@dataclass(frozen=True)
class SharedFolders:
    """Hold the folders that workers write into, and the files and folders that they read."""

    written: tuple[Path, ...] = ()
    read: tuple[Path, ...] = ()

    @classmethod
    def of(
        cls,
        *,
        written: Iterable[Path] = (),
        sources: Iterable[Path | str] = (),
        plugin_path: Path | None = None,
    ) -> "SharedFolders":
        """Return the folders of a job that reads data and perhaps local playbooks.

        The embedded data are no folder: each machine makes its own.
        """
        catalogs = {str(name) for name in sources} - {EMBEDDED}
        plugins = [] if plugin_path is None else [plugin_path]
        return cls(tuple(written), (*map(Path, sorted(catalogs)), *plugins))

    @contextmanager
    def marked(self, token: str) -> Iterator[Mapping[str, str]]:
        """Yield each path with the print that a worker must find there.

        Every written folder has a hidden file with the token as long as the block lasts.
        """
        marks = [folder.resolve() / f"{MARK}{token}" for folder in self.written]
        try:
            for mark in marks:
                mark.parent.mkdir(parents=True, exist_ok=True)
                mark.write_text(token)
            paths = [*marks, *(path.resolve() for path in self.read)]
            yield {str(path): print_of(path) for path in paths}
        finally:
            for mark in marks:
                with suppress(OSError):
                    mark.unlink(missing_ok=True)


def unlike(prints: Mapping[str, str]) -> list[str]:
    """Return a sentence for each path whose print here is another one, none if all agree."""
    found = []
    for text, wanted in prints.items():
        path = Path(text)
        mine = print_of(path)
        shown = path.parent if path.name.startswith(MARK) else path
        if mine == MISSING:
            found.append(f"{shown}: no such folder there, or not the same one")
        elif mine != wanted:
            found.append(f"{shown}: has other content there")
        elif shown != path and not os.access(shown, os.W_OK):
            found.append(f"{shown}: cannot be written to there")
    return found


def print_of(path: Path) -> str:
    """Return a checksum over the names and sizes below a path and the content of small files."""
    if not path.exists():
        return MISSING
    digest = hashlib.sha256()
    for file in [path] if path.is_file() else sorted(path.rglob("*")):
        if _passes_over(file) or not file.is_file():
            continue
        size = file.stat().st_size
        name = "" if file == path else file.relative_to(path).as_posix()
        digest.update(f"{name} {size}\n".encode())
        if size <= MOST_BYTES and (file.suffix in COMPARED or file == path):
            digest.update(file.read_bytes())
    return digest.hexdigest()


def _passes_over(path: Path) -> bool:
    """Return whether a file says nothing about the content: a lock, a cache of code."""
    hidden = path.name.startswith(".") and not path.name.startswith(MARK)
    return hidden or "__pycache__" in path.parts
