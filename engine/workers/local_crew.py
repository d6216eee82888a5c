"""Local worker processes.

Each has a pipe of its own and one load at a time, so that a worker that dies names its jobs.
"""

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection, wait
from types import ModuleType
from typing import Any, NoReturn

from engine.workers.job_answers import JobAnswer, Setup, WorkerDeath, answer_of, picklable

# Seconds for a worker to remove its half-written files before it is killed.
GRACE_SECONDS = 20.0


class _LocalWorker:
    """One process, this side of its pipe, and the ticket of the load that it runs."""

    def __init__(self, setup: Setup) -> None:
        # Spawned: threads of the event loop and compiled code do not survive a fork.
        context = multiprocessing.get_context("spawn")
        self.connection, worker_end = context.Pipe()
        self.process = context.Process(target=_serve, args=(worker_end, setup))
        self.ticket: int | None = None
        with _without_main_script():
            self.process.start()
        # An open copy here would keep the pipe open after the worker's death.
        worker_end.close()

    def end(self) -> None:
        """Wait for the process, and kill it after ``GRACE_SECONDS``."""
        self.connection.close()
        self.process.join(GRACE_SECONDS)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()


class LocalCrew:
    """Worker processes, started when there are loads for them."""

    def __init__(self, count: int, setup: Setup) -> None:
        self._count = count
        self._setup = setup
        self._workers: list[_LocalWorker] = []
        self._dead: list[tuple[int, WorkerDeath]] = []

    def give(self, ticket: int, load: Any) -> bool:
        """Send a load to an idle worker, or to a new one; return False when all are busy."""
        # The death of an idle worker, for example for want of memory, is no load's fault.
        for dead in [worker for worker in self._idle if not worker.process.is_alive()]:
            self._remove(dead)
        worker = next(iter(self._idle), None)
        if worker is None:
            if len(self._workers) == self._count:
                return False
            with _interrupts_blocked():
                worker = _LocalWorker(self._setup)
                self._workers.append(worker)
        worker.ticket = ticket
        try:
            worker.connection.send(load)
        except OSError:
            self._dead.append((ticket, self._remove(worker)))
        return True

    @property
    def _idle(self) -> list[_LocalWorker]:
        return [worker for worker in self._workers if worker.ticket is None]

    def wait(self) -> list[tuple[int, JobAnswer | WorkerDeath]]:
        """Wait for the next answers and deaths."""
        found: list[tuple[int, JobAnswer | WorkerDeath]] = [*self._dead]
        self._dead = []
        busy = [worker for worker in self._workers if worker.ticket is not None]
        if not found:
            ready = wait([worker.connection for worker in busy])
            found = [self._taken(worker) for worker in busy if worker.connection in ready]
        return found

    def _taken(self, worker: _LocalWorker) -> tuple[int, JobAnswer | WorkerDeath]:
        ticket = worker.ticket
        assert ticket is not None
        try:
            answer: JobAnswer = worker.connection.recv()
        except (EOFError, OSError):
            return ticket, self._remove(worker)
        worker.ticket = None
        return ticket, answer

    def _remove(self, worker: _LocalWorker) -> WorkerDeath:
        self._workers.remove(worker)
        worker.end()
        return WorkerDeath(exit_words(worker.process.exitcode))

    def terminate(self) -> None:
        """Ask all workers to end at once."""
        for worker in self._workers:
            worker.process.terminate()

    def close(self) -> None:
        """Wait until all workers have ended; they end when their pipe closes."""
        for worker in self._workers:
            worker.connection.close()
        for worker in self._workers:
            worker.end()


def exit_words(code: int | None) -> str:
    """Return an exit code in words.

    >>> exit_words(9), exit_words(-9)
    ('exit code 9', 'SIGKILL')
    """
    by_signal = (item.name for item in signal.Signals if code == -item)
    return next(by_signal, f"exit code {code}")


@contextmanager
def _without_main_script() -> Iterator[None]:
    """Hide the main module, because a spawned process runs its script a second time.

    A script could not use workers at its top level otherwise.
    """
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


@contextmanager
def _interrupts_blocked() -> Iterator[None]:
    """Hold back Ctrl-C, which a terminal also sends to a worker that is just starting.

    A worker inherits the blocked signal; in this process it arrives at the end of the block.
    """
    if not hasattr(signal, "pthread_sigmask"):  # not on Windows
        yield
        return
    usual = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, usual)


def _serve(connection: Connection, setup: Setup) -> None:
    """Run one load after the other in a worker process, until the pipe closes or SIGTERM comes."""
    stopping = threading.Event()

    def stop(*_: object) -> NoReturn:
        stopping.set()
        raise SystemExit(1)

    # The parent answers Ctrl-C and then ends its workers.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, stop)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    made: list[Callable[[Any], Any]] = []
    # The exit may have been taken for an error of the job.
    while not stopping.is_set():
        try:
            load = connection.recv()
        except EOFError:
            return
        answer = answer_of(lambda load=load: _call(made, setup, load))  # type: ignore[misc]
        if not stopping.is_set():
            _send(connection, answer)


def _call(made: list[Callable[[Any], Any]], setup: Setup, load: Any) -> Any:
    if not made:
        made.append(setup())
    return made[0](load)


def _send(connection: Connection, answer: JobAnswer) -> None:
    try:
        connection.send(answer)
    except OSError:
        return  # the parent has died or no longer waits; the next read ends this worker
    except Exception as error:
        connection.send(JobAnswer(False, picklable(error)))


def _end_with_parent() -> None:
    """End this process when its parent has died, since its results would be lost."""
    parent = multiprocessing.parent_process()
    if parent is None:
        return
    wait([parent.sentinel])
    os.kill(os.getpid(), signal.SIGTERM)
    threading.Event().wait(GRACE_SECONDS)
    os._exit(1)
