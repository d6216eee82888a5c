"""Run jobs in worker processes: the same results in the same order, whatever their number.

Comparison, stress and attribution use this one pool. Each worker has a pipe of its own and one job
at a time, so that a worker that dies names its job, and that job is tried again.
"""

import multiprocessing
import os
import pickle
import signal
import sys
import threading
import traceback
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.connection import Connection, wait
from types import ModuleType
from typing import Any, Generic, NoReturn, Protocol, TypeVar

from engine.errors import SimulationError

# A lack of memory may be short; a job whose worker dies twice is reported.
ATTEMPTS = 2
# Seconds for a worker to remove its half-written files before it is killed.
GRACE_SECONDS = 20.0

Job = TypeVar("Job")
Result = TypeVar("Result")
J_contra = TypeVar("J_contra", contravariant=True)
_Call = Callable[[Any], Any]


class RunJobs(Protocol[J_contra, Result]):
    """The function that :func:`worker_pool` yields."""

    def __call__(
        self, jobs: Sequence[J_contra], on_done: Callable[[int, Result], None] | None = None
    ) -> list[Result]:
        """Run the jobs and return their results in the order of the jobs.

        ``on_done`` is called in this process with the number of finished jobs and the result, in
        the order in which jobs finish. The error of the first failed job in the order of the
        jobs is raised; after an error the function cannot be called again.
        """
        ...


@contextmanager
def worker_pool(
    count: int,
    setup: Callable[[], Callable[[Job], Result]],
    *,
    name: Callable[[Job], str],
) -> Iterator[RunJobs[Job, Result]]:
    """Yield a function that runs jobs in worker processes, or in this process with ``count`` 1.

    Ctrl-C and any error end the workers before the block is left; a worker gets SIGTERM, which
    raises ``SystemExit`` in its job so that half-written folders are removed. A worker also ends
    when this process dies.

    Parameters
    ----------
    count : worker processes, at least 1
    setup : called once in each worker before its first job; returns the function that runs a job.
        ``setup``, jobs and results must be picklable.
    name : the words for a job in an error

    Raises
    ------
    SimulationError : a worker died while it ran a job, in each of ``ATTEMPTS`` attempts.
    """
    if count == 1:
        yield _in_this_process(setup)
        return
    pool = _Pool(count, setup, name)
    try:
        yield pool.run
    except BaseException:
        pool.terminate()
        raise
    finally:
        pool.close()


def _in_this_process(setup: Callable[[], Callable[[Job], Result]]) -> RunJobs[Job, Result]:
    made: list[Callable[[Job], Result]] = []

    def run(jobs: Sequence[Job], on_done: Callable[[int, Any], None] | None = None) -> list[Result]:
        results = []
        for job in jobs:
            if not made:
                made.append(setup())
            results.append(made[0](job))
            if on_done is not None:
                on_done(len(results), results[-1])
        return results

    return run


class _Worker:
    """One process, this side of its pipe, and the number of the job that it runs."""

    def __init__(self, setup: Callable[[], _Call]) -> None:
        # Spawned: threads of the event loop and compiled code do not survive a fork.
        context = multiprocessing.get_context("spawn")
        self.connection, worker_end = context.Pipe()
        self.process = context.Process(target=_serve, args=(worker_end, setup))
        self.number: int | None = None
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


@contextmanager
def _without_main_script() -> Iterator[None]:
    """Hide the main module, because a spawned process runs its script a second time.

    A script could not call :func:`worker_pool` at its top level otherwise.
    """
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


class _Batch(Generic[Job, Result]):
    """The state of one call of ``run``: jobs by number, waiting, finished, failed."""

    def __init__(self, jobs: Sequence[Job], on_done: Callable[[int, Any], None] | None) -> None:
        self.jobs = jobs
        self.waiting = deque(range(len(jobs)))
        self.results: dict[int, Result] = {}
        self.errors: dict[int, Exception] = {}
        self.deaths = [0] * len(jobs)
        self._on_done = on_done

    def finish(self, number: int, result: Result) -> None:
        self.results[number] = result
        if self._on_done is not None:
            self._on_done(len(self.results), result)

    def fail(self, number: int, error: Exception) -> None:
        """Keep an error and drop the waiting jobs after it; a job before it may still fail."""
        self.errors[number] = error
        self.waiting = deque(waiting for waiting in self.waiting if waiting < self.end)

    @property
    def end(self) -> int:
        """Return the number of the first failed job, or the number of jobs."""
        return min(self.errors, default=len(self.jobs))


class _Pool:
    """Worker processes, started when there are jobs for them."""

    def __init__(self, count: int, setup: Callable[[], _Call], name: Callable[[Any], str]) -> None:
        self._count = count
        self._setup = setup
        self._name = name
        self._workers: list[_Worker] = []

    def run(
        self, jobs: Sequence[Any], on_done: Callable[[int, Any], None] | None = None
    ) -> list[Any]:
        """Run the jobs; see :class:`RunJobs`."""
        batch = _Batch[Any, Any](jobs, on_done)
        while True:
            self._hand_out(batch)
            busy = [w for w in self._workers if w.number is not None and w.number < batch.end]
            if not busy:
                break
            ready = wait([worker.connection for worker in busy])
            for worker in [worker for worker in busy if worker.connection in ready]:
                self._take(worker, batch)
        if batch.errors:
            raise batch.errors[batch.end]
        return [batch.results[number] for number in range(len(jobs))]

    def _hand_out(self, batch: _Batch[Any, Any]) -> None:
        """Give each idle worker a job, in the order of the jobs."""
        while batch.waiting:
            idle = next((worker for worker in self._workers if worker.number is None), None)
            if idle is None:
                if len(self._workers) == self._count:
                    return
                with _interrupts_blocked():
                    idle = _Worker(self._setup)
                    self._workers.append(idle)
            idle.number = batch.waiting.popleft()
            try:
                idle.connection.send(batch.jobs[idle.number])
            except OSError:
                self._remove_dead(idle, batch)

    def _take(self, worker: _Worker, batch: _Batch[Any, Any]) -> None:
        """Take the answer of a worker, or notice its death."""
        assert worker.number is not None
        try:
            worked, answer = worker.connection.recv()
        except (EOFError, OSError):
            self._remove_dead(worker, batch)
            return
        number, worker.number = worker.number, None
        if worked:
            batch.finish(number, answer)
        else:
            batch.fail(number, answer)

    def _remove_dead(self, worker: _Worker, batch: _Batch[Any, Any]) -> None:
        """Remove a dead worker; its job is tried again, or fails with the job's name."""
        number = worker.number
        assert number is not None
        self._workers.remove(worker)
        worker.end()
        batch.deaths[number] += 1
        if batch.deaths[number] < ATTEMPTS:
            batch.waiting.appendleft(number)
            return
        text = (
            f"{self._name(batch.jobs[number])}: the worker process died "
            f"({_exit_words(worker.process.exitcode)}) in each of {ATTEMPTS} attempts, perhaps "
            "for lack of memory; run again with fewer processes"
        )
        batch.fail(number, SimulationError(text))

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


def _exit_words(code: int | None) -> str:
    """Return an exit code in words.

    >>> _exit_words(9), _exit_words(-9)
    ('exit code 9', 'SIGKILL')
    """
    by_signal = (item.name for item in signal.Signals if code == -item)
    return next(by_signal, f"exit code {code}")


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


def _serve(connection: Connection, setup: Callable[[], _Call]) -> None:
    """Run one job after the other in a worker process, until the pipe closes or SIGTERM comes."""
    stopping = threading.Event()

    def stop(*_: object) -> NoReturn:
        stopping.set()
        raise SystemExit(1)

    # The parent answers Ctrl-C and then ends its workers.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, stop)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    function: _Call | None = None
    # The exit may have been taken for an error of the job.
    while not stopping.is_set():
        try:
            job = connection.recv()
        except EOFError:
            return
        try:
            function = setup() if function is None else function
            answer = True, function(job)
        except Exception as error:
            answer = False, _picklable(error)
        if not stopping.is_set():
            _send(connection, answer)


def _send(connection: Connection, answer: tuple[bool, Any]) -> None:
    try:
        connection.send(answer)
    except OSError:
        return  # the parent has died or no longer waits; the next read ends this worker
    except Exception as error:
        connection.send((False, _picklable(error)))


def _end_with_parent() -> None:
    """End this process when its parent has died, since its results would be lost."""
    parent = multiprocessing.parent_process()
    if parent is None:
        return
    wait([parent.sentinel])
    os.kill(os.getpid(), signal.SIGTERM)
    threading.Event().wait(GRACE_SECONDS)
    os._exit(1)


def _picklable(error: Exception) -> Exception:
    """Return the error with the worker's traceback as a note, or one of its text."""
    error.add_note(f"In the worker process:\n{traceback.format_exc()}")
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error
