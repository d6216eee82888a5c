"""The seals of a folder: its format and the checksum of each data file, written last.

``seals.json`` holds the format and the sha256 of each data file. Pages (HTML, text, pictures) are
made from the data and have no seal, nor has ``timing.json``, the time of the run. Every reader
calls :func:`check_seals` first, which also checks that the folder holds the run in its name.
"""

import hashlib
import json
import os
import shlex
from collections.abc import Container, Iterator
from pathlib import Path
from typing import Any

from engine.errors import ReportError
from engine.run_folder.schema import (
    ACCOUNT_FILE,
    CONFIG_FILE,
    FOLDER_NAME,
    FORMAT,
    MANIFEST_FILE,
    RUN_ID_DIGITS,
    SEALS_FILE,
    SLEEVES_FOLDER,
    TIMING_FILE,
)

DATA_SUFFIXES = frozenset({".csv", ".json", ".parquet", ".yaml"})
UNSEALED = frozenset({SEALS_FILE, TIMING_FILE})
_OTHER = "is of another run"
_OWN_FILE = "run again from your own run file"


def write_seals(folder: Path) -> None:
    """Write ``seals.json`` over every data file of a folder and of the folders below it."""
    document = {"format": FORMAT, "files": {name: _digest(folder / name) for name in _data(folder)}}
    text = json.dumps(document, indent=2, ensure_ascii=False)
    (folder / SEALS_FILE).write_text(text + "\n", encoding="utf-8", newline="\n")


def check_seals(folder: Path, formats: Container[Any] = (FORMAT,)) -> None:
    """Check that every data file of a folder is the file that was written.

    ``formats`` are the formats that the caller reads; only the difference of two runs reads others
    than today's.

    Raises
    ------
    ReportError : no seals, another format, a data file that is missing, altered or added, or a
        folder whose run is not the run in its name; the text names the file and the command that
        makes the folder again.
    """
    broken = broken_seals(folder, formats)
    if broken:
        (name, why), *others = list(broken.items())
        rest = ", ".join(name for name, _ in others)
        more = f" (and {len(others)} more: {rest})" if others else ""
        # The config of a folder under a wrong name would make the other run again.
        stray = any(why.startswith(_OTHER) for why in broken.values())
        way_back = f"{_OWN_FILE}, this folder out of the way" if stray else ""
        raise ReportError(
            f"{folder / name}: {why}{more}; {way_back or rerun(folder, frozenset(broken))}"
        )


def broken_seals(folder: Path, formats: Container[Any] = (FORMAT,)) -> dict[str, str]:
    """Return the fault of each data file of a folder by name; empty when every seal holds.

    Intact files may still belong to another run: see :func:`_strays`.

    Raises
    ------
    ReportError : no seals, or seals of another format.
    """
    sealed = _sealed(folder, formats)
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
    return broken or _strays(folder, sealed)


def folder_format(folder: Path) -> Any:
    """Return the format in a folder's seals.

    Raises
    ------
    ReportError : no seals, or they cannot be read.
    """
    return _seals(folder)[0]


def document_digest(document: Any) -> str:
    """Return sha256 over a JSON document; the order of its keys does not matter."""
    text = json.dumps(document, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def is_no_run(folder: Path) -> bool:
    """Return whether a folder is sealed and holds no run and no account.

    Stress and attribution folders are sealed too. False for a folder without readable seals.
    """
    try:
        return (folder / SEALS_FILE).is_file() and MANIFEST_FILE not in _sealed(folder)
    except ReportError:
        return False


def rerun(folder: Path, broken: frozenset[str] = frozenset()) -> str:
    """Return the command that makes a folder again; ``broken`` files are not read."""
    account = folder.parent.parent / ACCOUNT_FILE
    for command, path in (
        ("account", account),
        ("account", folder / ACCOUNT_FILE),
        ("run", folder / CONFIG_FILE),
    ):
        if path.is_file() and not (path.parent == folder and path.name in broken):
            return f"run again: riskoff {command} {shlex.quote(str(path))}"
    return _OWN_FILE


def _sealed(folder: Path, formats: Container[Any] = (FORMAT,)) -> dict[str, str]:
    """Return the checksums in ``seals.json`` by file name."""
    written, files = _seals(folder)
    if written not in formats:
        raise ReportError(
            f"{folder / SEALS_FILE}: the folder has format {written!r}, this riskoff reads format "
            f"{FORMAT}; {rerun(folder)}"
        )
    return files


def _seals(folder: Path) -> tuple[Any, dict[str, str]]:
    """Return the format and the checksums in ``seals.json``."""
    path = folder / SEALS_FILE
    if not path.is_file():
        raise ReportError(
            f"{path}: is missing: the folder is of an earlier format, or damaged; {rerun(folder)}"
        )
    try:
        document: Any = json.loads(path.read_text(encoding="utf-8"))
        return document["format"], dict(document["files"])
    except (OSError, ValueError, TypeError, KeyError) as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise ReportError(f"{path}: cannot be read ({reason}); {rerun(folder)}") from error


def _strays(folder: Path, sealed: Container[str]) -> dict[str, str]:
    """Return the manifests that belong to another run than the folder's; mostly none.

    The name of a folder names its run; an account names the runs of its sleeves. A folder with a
    name that the user chose may hold any run.
    """
    if MANIFEST_FILE not in sealed:
        return {}
    place = Path(os.path.abspath(folder))
    strays: dict[str, str] = {}
    try:
        name, run_id, sleeves = _told(place)
        account = place.parent.parent
        if place.parent.name == SLEEVES_FOLDER and (account / ACCOUNT_FILE).is_file():
            wanted = _told(account)[2].get(place.name)
            if run_id != wanted:
                strays[MANIFEST_FILE] = f"{_OTHER} ({run_id}) than the account's ({wanted})"
        elif FOLDER_NAME.fullmatch(place.name) and place.name != f"{name}-{run_id}":
            strays[MANIFEST_FILE] = f"{_OTHER} ({name}-{run_id}) than the folder's name says"
        for sleeve, wanted in sleeves.items():
            held = _told(place / SLEEVES_FOLDER / sleeve)[1]
            if held != wanted:
                lies_at = f"{SLEEVES_FOLDER}/{sleeve}/{MANIFEST_FILE}"
                strays[lies_at] = f"{_OTHER} ({held}) than the account's ({wanted})"
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        strays[MANIFEST_FILE] = f"cannot be read ({reason})"
    return strays


def _told(folder: Path) -> tuple[str, str, dict[str, str]]:
    """Return the name and the id in a manifest, and the ids of an account's sleeves.

    A run's id is the hash of the inputs in the same manifest.
    """
    manifest = json.loads((folder / MANIFEST_FILE).read_text(encoding="utf-8"))
    if "account_id" in manifest:
        return manifest["name"], manifest["account_id"], dict(manifest["sleeves"])
    run_id = manifest["run_id"]
    hashed = document_digest(manifest["inputs"])[:RUN_ID_DIGITS]
    if hashed != run_id:
        raise ValueError(f"run_id is {run_id}, and the inputs give {hashed}")
    return manifest["name"], run_id, {}


def _data(folder: Path) -> Iterator[str]:
    """Yield the names of the data files in and below a folder, sorted, without its seals."""
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.suffix in DATA_SUFFIXES and name not in UNSEALED and not path.is_dir():
            yield name


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
