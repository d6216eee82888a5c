"""What makes a stored folder believable: a checksum of every data file, written last.

``seals.json`` holds the format of the folder and the sha256 of each of its data files. Pages
(HTML, text, pictures) are made from the data and are not sealed; ``timing.json`` says when a run
was made and is no result. Whoever reads a folder calls :func:`check_seals` first.
"""

import hashlib
import json
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from engine.errors import ReportError

# Raised whenever a file, a column or the meaning of a number in a folder changes.
FORMAT = 2
SEALS_FILE = "seals.json"
TIMING_FILE = "timing.json"
CONFIG_FILE = "config.resolved.yaml"
ACCOUNT_FILE = "account.resolved.yaml"
DATA_SUFFIXES = frozenset({".csv", ".json", ".parquet", ".yaml"})
UNSEALED = frozenset({SEALS_FILE, TIMING_FILE})


def write_seals(folder: Path) -> None:
    """Write ``seals.json`` over every data file of a folder and of the folders below it."""
    document = {"format": FORMAT, "files": {name: _digest(folder / name) for name in _data(folder)}}
    text = json.dumps(document, indent=2, ensure_ascii=False)
    (folder / SEALS_FILE).write_text(text + "\n", encoding="utf-8", newline="\n")


def check_seals(folder: Path) -> None:
    """Refuse a folder that is not, file by file, what was written.

    Raises
    ------
    ReportError : there are no seals, they are of another format, or a data file is missing, altered
        or was added; the text names the file and the command that makes the folder again.
    """
    broken = broken_seals(folder)
    if broken:
        (name, why), *others = list(broken.items())
        rest = ", ".join(name for name, _ in others)
        more = f" (and {len(others)} more: {rest})" if others else ""
        raise ReportError(f"{folder / name}: {why}{more}; {rerun(folder, frozenset(broken))}")


def broken_seals(folder: Path) -> dict[str, str]:
    """Return what is wrong with the data files of a folder, by name; empty when every seal holds.

    Raises
    ------
    ReportError : there are no seals, or they are of another format.
    """
    sealed = _sealed(folder)
    found = set(_data(folder))
    broken = dict.fromkeys(sorted(sealed.keys() - found), "is missing")
    for name in sorted(found):
        if name not in sealed:
            broken[name] = "is no file of this folder"
            continue
        try:
            digest = _digest(folder / name)
        except OSError as error:
            broken[name] = f"cannot be read ({error.strerror or error})"
            continue
        if digest != sealed[name]:
            broken[name] = f"is not the file that was written (see {SEALS_FILE})"
    return broken


def rerun(folder: Path, broken: frozenset[str] = frozenset()) -> str:
    """Return how a folder is made again, in words; ``broken`` files are not asked."""
    account = folder.parent.parent / ACCOUNT_FILE
    for command, path in (
        ("account", account),
        ("account", folder / ACCOUNT_FILE),
        ("run", folder / CONFIG_FILE),
    ):
        if path.is_file() and not (path.parent == folder and path.name in broken):
            return f"run again: riskoff {command} {shlex.quote(str(path))}"
    return "run again from your own run file"


def _sealed(folder: Path) -> dict[str, str]:
    """Return the checksums in ``seals.json`` by file name."""
    path = folder / SEALS_FILE
    if not path.is_file():
        raise ReportError(
            f"{path}: is missing: the folder is of an earlier format, or damaged; {rerun(folder)}"
        )
    try:
        document: Any = json.loads(path.read_text(encoding="utf-8"))
        written, files = document["format"], dict(document["files"])
    except (OSError, ValueError, TypeError, KeyError) as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise ReportError(f"{path}: cannot be read ({reason}); {rerun(folder)}") from error
    if written != FORMAT:
        raise ReportError(
            f"{path}: the folder has format {written!r}, this riskoff reads format {FORMAT}; "
            f"{rerun(folder)}"
        )
    return files


def _data(folder: Path) -> Iterator[str]:
    """Yield the names of the data files in and below a folder, sorted, its own seals left out."""
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.suffix in DATA_SUFFIXES and name not in UNSEALED and not path.is_dir():
            yield name


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
