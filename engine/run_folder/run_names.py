"""The folder of a run by its name: ``demo``, ``demo@2`` or ``1a2b3c``."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from engine.config.locations import CONFIGS_FOLDER
from engine.errors import ReportError
from engine.run_folder.schema import (
    ACCOUNT_FILE,
    FOLDER_NAME,
    RUN_ID_DIGITS,
    SLEEVES_FOLDER,
    TIMING_FILE,
)
from engine.run_folder.seals import is_no_run

_ID_PREFIX = re.compile(rf"[0-9a-f]{{4,{RUN_ID_DIGITS}}}")
_SHOWN = 8


@dataclass(frozen=True)
class NamedRun:
    """A folder that ``riskoff run`` or ``riskoff account`` wrote.

    Attributes
    ----------
    name : of the config
    number : 1 for the newest run of that name, 2 for the run before it
    run_id : 12 hexadecimal digits
    finished_at : when the folder was written
    is_account : several playbooks in one account; each sleeve is a run of its own
    """

    name: str
    number: int
    run_id: str
    folder: Path
    finished_at: datetime
    is_account: bool

    @property
    def handle(self) -> str:
        """The name that a command takes: ``demo`` for the newest run, ``demo@2`` for the second."""
        return self.name if self.number == 1 else f"{self.name}@{self.number}"


def named_runs(root: Path) -> list[NamedRun]:
    """Return the runs in a folder, the newest first; an absent folder holds none.

    Raises
    ------
    ReportError : the folder cannot be listed.
    """
    found = []
    with _looking(root):
        for folder in root.iterdir() if root.is_dir() else ():
            parts = FOLDER_NAME.fullmatch(folder.name)
            if parts is not None and folder.is_dir() and not is_no_run(folder):
                found.append((_finished_at(folder), folder, parts["name"], parts["run_id"]))
    seen: Counter[str] = Counter()
    runs = []
    for finished_at, folder, name, run_id in sorted(found, reverse=True):
        seen[name] += 1
        is_account = (folder / ACCOUNT_FILE).is_file()
        runs.append(NamedRun(name, seen[name], run_id, folder, finished_at, is_account))
    return runs


def find_run(text: str, root: Path) -> Path:
    """Return the folder that a RUN argument means.

    An existing folder is returned as it is. ``demo`` is the newest run of that name in ``root``,
    ``demo@2`` the run before it; four or more digits are the first digits of a run id. A suffix
    ``/SLEEVE`` names a sleeve of an account.

    Raises
    ------
    ReportError : no such run, or several ids begin with the digits; the text lists the runs.
    """
    with _looking(Path(text)):
        return _found(text, root)


@contextmanager
def _looking(path: Path) -> Iterator[None]:
    """Raise errors of the file system as ReportError: a name too long, an unreadable folder."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or error
        raise ReportError(
            f"{path}: cannot be looked up ({reason}); give a name, an id or a folder "
            "('riskoff runs' lists them)"
        ) from error


def _found(text: str, root: Path) -> Path:
    written = Path(text)
    if written.is_dir():
        return written
    if (written.parent / ACCOUNT_FILE).is_file():
        return _sleeve(written.parent, written.name)
    wanted, _, sleeve = text.rstrip("/").partition("/")
    runs = named_runs(root)
    found = _matching(wanted, runs)
    if len(found) > 1:
        raise ReportError(f"{text}: several runs have an id that begins so: {_told(found)}")
    if not found:
        raise ReportError(f"{text}: no such run in {root}; {_advice(wanted, runs)}")
    folder = found[0].folder
    return _sleeve(folder, sleeve) if sleeve else folder


def _matching(wanted: str, runs: list[NamedRun]) -> list[NamedRun]:
    """Return the runs of a name, of a name with a number, or of the first digits of an id."""
    name, at, number = wanted.rpartition("@")
    if not at:
        name, number = wanted, "1"
    if number.isdecimal():
        named = [run for run in runs if run.name == name and run.number == int(number)]
        if named:
            return named
    if _ID_PREFIX.fullmatch(wanted):
        return [run for run in runs if run.run_id.startswith(wanted)]
    return [run for run in runs if run.folder.name == wanted]


def _sleeve(account: Path, sleeve: str) -> Path:
    folder = account / SLEEVES_FOLDER / sleeve
    if folder.is_dir():
        return folder
    held = sorted(path.name for path in (account / SLEEVES_FOLDER).glob("*"))
    there = f"its sleeves: {', '.join(held)}" if held else "it is the run of one playbook"
    raise ReportError(f"{account}: no sleeve {sleeve}; {there}")


def _finished_at(folder: Path) -> datetime:
    """Return the time at which a run was written, by timing.json or by the folder itself."""
    try:
        timing = json.loads((folder / TIMING_FILE).read_text(encoding="utf-8"))
        begun = datetime.fromisoformat(timing["started_at"]).timestamp()
        return datetime.fromtimestamp(begun + float(timing["seconds"]), tz=UTC)
    except (OSError, ValueError, KeyError, TypeError, OverflowError):
        return datetime.fromtimestamp(folder.stat().st_mtime, tz=UTC)


def _told(runs: list[NamedRun]) -> str:
    names = [f"{run.handle} ({run.run_id})" for run in runs[:_SHOWN]]
    return ", ".join(names) + (" and more" if len(runs) > _SHOWN else "")


def _advice(wanted: str, runs: list[NamedRun]) -> str:
    name = wanted.partition("@")[0]
    same = [run for run in runs if run.name == name]
    if same:
        return f"there are {_told(same)}"
    for kind, command in (("runs", "run"), ("accounts", "account")):
        if (CONFIGS_FOLDER / kind / f"{name}.yaml").is_file():
            return f"make it with 'riskoff {command} {name}'"
    held = f"it holds {_told(runs)}" if runs else "it holds no runs"
    return f"{held}; give a name, an id or a folder ('riskoff runs' lists them)"
