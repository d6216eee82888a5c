"""The results that a comparison keeps beside its page: known runs, answers, the page's key."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from data_feeds.atomic import storage_errors, write_atomically
from engine.run_folder.seals import document_digest

KEPT_FILE = "kept.json"
PARTS = ("runs", "answers", "page")


class KeptResults:
    """Results in ``kept.json``, each under the hash of everything that decides it.

    The file can be deleted at any time. An altered file is not used: it holds its own checksum.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._parts: dict[str, dict[str, Any]] = _read(folder / KEPT_FILE)
        self._used: set[str] = set()

    def run(self, key: str) -> str | None:
        """Return the name of the run folder that is kept under a key."""
        name: str | None = self._parts["runs"].get(key)
        return name

    def keep_run(self, key: str, name: str) -> None:
        """Keep the name of a run folder at once, so that an interrupted comparison continues."""
        if self._parts["runs"].get(key) != name:
            self._parts["runs"][key] = name
            self.write()

    def answer(self, key: str) -> Any:
        """Return an answer, None for none."""
        self._used.add(key)
        return self._parts["answers"].get(key)

    def keep_answer(self, key: str, value: Any) -> None:
        """Keep an answer until the next comparison that does not ask for it."""
        self._parts["answers"][key] = value

    def page_holds(self, key: str, names: Iterable[str]) -> bool:
        """Return whether these files of the folder are those that were made from a key."""
        files = _digests(self._folder, names)
        return self._parts["page"] == {"key": key, "files": files} and None not in files.values()

    def keep_page(self, key: str, names: Iterable[str]) -> None:
        """Keep the key from which the files of the folder were made."""
        self._parts["page"] = {"key": key, "files": _digests(self._folder, names)}

    def drop_unused(self) -> None:
        """Drop the answers that were not asked for, and runs whose folder is gone."""
        answers = self._parts["answers"]
        self._parts["answers"] = {key: answers[key] for key in answers if key in self._used}
        runs = self._parts["runs"]
        there = {key: name for key, name in runs.items() if (self._folder / "runs" / name).is_dir()}
        self._parts["runs"] = there

    def write(self) -> None:
        """Write the file."""
        document = {"checksum": document_digest(self._parts), **self._parts}
        with storage_errors(self._folder):
            self._folder.mkdir(parents=True, exist_ok=True)
            # In their own order: the page shows the parts of an answer as they come.
            text = json.dumps(document, indent=1)
            write_atomically(self._folder / KEPT_FILE, f"{text}\n".encode())


def _read(path: Path) -> dict[str, dict[str, Any]]:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        parts = {name: dict(document[name]) for name in PARTS}
        if document["checksum"] == document_digest(parts):
            return parts
    except (OSError, ValueError, KeyError, TypeError):
        pass
    return {name: {} for name in PARTS}


def _digests(folder: Path, names: Iterable[str]) -> Mapping[str, str | None]:
    return {name: _digest(folder / name) for name in sorted(names)}


def _digest(path: Path) -> str | None:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return None
