"""Fetch in a process of its own that kills itself; a fork server has the imports ready."""

import multiprocessing
import os
import signal
from collections.abc import Callable
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from data_feeds.catalog import Catalog
from data_feeds.fetch import fetch
from tests.data_feeds.fetch.made_source import FUNDING, MadeSource, job
from tests.data_feeds.fetch.test_fetcher import NOW

CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["data_feeds.fetch", "tests.data_feeds.fetch.killed"])


def started(
    folder: Path, step: str = "none", nth: int = 0, when: str = "before"
) -> tuple[BaseProcess, Connection]:
    """Start a fetch that dies before or after the n-th call of one step of a write.

    It sends "ready", and the number of calls when it ends alive.
    """
    here, there = CONTEXT.Pipe(duplex=False)
    process = CONTEXT.Process(target=_fetch, args=(there, folder, step, nth, when))
    process.start()
    there.close()
    assert here.recv() == "ready"
    return process, here


def _fetch(connection: Connection, folder: Path, step: str, nth: int, when: str) -> None:
    calls = 0

    def watched(real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            nonlocal calls
            calls += 1
            if calls == nth and when == "before":
                os.kill(os.getpid(), signal.SIGKILL)
            result = real(*arguments, **named)
            if calls == nth:
                os.kill(os.getpid(), signal.SIGKILL)
            return result

        return call

    if step in ("fsync", "replace"):
        setattr(os, step, watched(getattr(os, step)))
    elif step == "sweep":
        Path.unlink = watched(Path.unlink)  # type: ignore[method-assign]
    connection.send("ready")
    jobs = [job(MadeSource()), job(MadeSource(), key=FUNDING)]
    assert not any(report.problem for report in fetch(jobs, Catalog(folder), lambda: NOW))
    connection.send(calls)
