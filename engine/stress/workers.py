"""Paths in several processes: the same results in the same order, whatever their number."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any

from engine.errors import SimulationError
from engine.stress.job import StressJob
from engine.stress.path import PathResult, PathRunner


@dataclass(frozen=True)
class Task:
    """One path to run, and whether to audit it."""

    number: int
    audited: bool


RunTasks = Callable[[Sequence[Task]], Iterator[PathResult]]


@contextmanager
def path_workers(job: StressJob, jobs: int, scratch: Path) -> Iterator[RunTasks]:
    """Yield a function that runs tasks and yields their results in order.

    With one job they run in this process. Otherwise each worker is a new process that is stopped
    when the block ends, however it ends, and stops by itself when this process dies.

    Parameters
    ----------
    job : what to run
    jobs : processes, at least 1
    scratch : an existing folder for what an audit reads; the caller removes it

    Raises
    ------
    SimulationError : a worker ended by itself.
    """
    if jobs == 1:
        runner = PathRunner(job, scratch)
        yield lambda tasks: (runner.run(task.number, audited=task.audited) for task in tasks)
        return
    before = set(multiprocessing.active_children())
    pool = ProcessPoolExecutor(
        jobs,
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_start_worker,
        initargs=(job, scratch),
    )
    clean = False
    try:
        yield lambda tasks: _pooled(pool, tasks)
        clean = True
    except BrokenProcessPool as error:
        raise SimulationError(
            "a worker process ended by itself, perhaps for lack of memory; run again with --jobs 1"
        ) from error
    finally:
        if not clean:
            for child in set(multiprocessing.active_children()) - before:
                child.terminate()
        pool.shutdown(wait=True, cancel_futures=True)


def _pooled(pool: ProcessPoolExecutor, tasks: Sequence[Task]) -> Iterator[PathResult]:
    """Yield results in the order of the tasks: the first error is that of the first path."""
    # Workers inherit a blocked Ctrl-C: the terminal sends it to them too, and this process is to
    # answer it. It waits here until it is unblocked, so that none is lost.
    with _interrupts_blocked():
        futures = [pool.submit(_run_task, task) for task in tasks]
    for future in futures:
        yield future.result()


@contextmanager
def _interrupts_blocked() -> Iterator[None]:
    if not hasattr(signal, "pthread_sigmask"):  # not on Windows
        yield
        return
    usual = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, usual)


@dataclass
class _Worker:
    """What a worker process keeps between its tasks."""

    job: StressJob
    scratch: Path
    runner: PathRunner | None = None


_workers: dict[int, _Worker] = {}


def _start_worker(job: StressJob, scratch: Path) -> None:
    """Remember the job; the work begins with the first task, whose errors are reported."""
    _workers[os.getpid()] = _Worker(job, scratch)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()


def _end_with(sentinel: Any) -> None:
    """End this process when its parent has ended: nobody would take the results."""
    wait([sentinel])
    os._exit(1)


def _run_task(task: Task) -> PathResult:
    worker = _workers[os.getpid()]
    if worker.runner is None:
        worker.runner = PathRunner(worker.job, worker.scratch)
    return worker.runner.run(task.number, audited=task.audited)
