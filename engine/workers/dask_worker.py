"""The part of a Dask worker: check that it fits, keep the function of each client, run loads.

A client sends the setup once; the function that it makes stays in the process with its data.
"""

import pickle
import threading
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, chdir, nullcontext
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from engine.code_versions import code_versions
from engine.workers.job_answers import JobAnswer, answer_of, picklable
from engine.workers.shared_folders import unlike

# Runs are no threads of one process: the watch over files that rules read belongs to the process.
_one_load = threading.Lock()


@dataclass
class _HeldSetup:
    """The setup of one client, the folder its relative paths start from, and the made function."""

    setup: bytes
    folder: Path
    function: Callable[[Any], Any] | None = None

    def call(self, load: bytes) -> Any:
        if self.function is None:
            self.function = pickle.loads(self.setup)()
        return self.function(pickle.loads(load))


_held: dict[str, _HeldSetup] = {}


def versions() -> dict[str, str]:
    """Return the versions that client and workers must share."""
    return {**code_versions(), "distributed": metadata.version("distributed")}


def join(
    token: str, setup: bytes, folder: str, wanted: Mapping[str, str], prints: Mapping[str, str]
) -> list[str]:
    """Keep a client's setup; return a sentence for each reason why this process does not fit.

    Parameters
    ----------
    token : the client's name
    setup : pickled; returns the function that runs a load
    folder : the client's working folder
    wanted : the client's :func:`versions`
    prints : paths with their prints, see :class:`~engine.workers.shared_folders.SharedFolders`
    """
    mine = versions()
    problems = [
        f"{name}: {mine.get(name, 'none')} there, {version} here"
        for name, version in wanted.items()
        if mine.get(name) != version
    ]
    problems += unlike(prints)
    if not problems:
        _held[token] = _HeldSetup(setup, Path(folder))
    return problems


def run_load(token: str, load: bytes) -> bytes:
    """Return the pickled answer of a load."""
    with _one_load:
        held = _held[token]
        with _inside(held.folder):
            answer = answer_of(lambda: _without_exit(held, load))
    try:
        return pickle.dumps(answer)
    except Exception as error:
        return pickle.dumps(JobAnswer(False, picklable(error)))


def forget(token: str) -> None:
    """Drop a client's function with its data."""
    _held.pop(token, None)


def _inside(folder: Path) -> AbstractContextManager[None]:
    return chdir(folder) if folder.is_dir() else nullcontext()


def _without_exit(held: _HeldSetup, load: bytes) -> Any:
    try:
        return held.call(load)
    except SystemExit as error:
        # Dask would wait for the thread for ever.
        raise RuntimeError(f"the job ended its process ({error})") from error
