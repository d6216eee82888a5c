"""The choice of workers: this process, local processes, or a Dask cluster."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from engine.errors import ConfigError
from engine.workers.job_answers import Setup
from engine.workers.rounds import Crew, Dispatcher, HereOnly, RunBatches, RunJobs
from engine.workers.shared_folders import SharedFolders

MAX_PROCESSES = 256

Job = TypeVar("Job")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Workers:
    """Where jobs run; no result depends on it.

    Attributes
    ----------
    processes : local worker processes; with 1 the jobs run in this process
    dask : address of a Dask scheduler, ``tcp://host:port``; empty for local processes
    """

    processes: int = 1
    dask: str = ""

    @classmethod
    def chosen(cls, jobs: int | None = None, dask: str | None = None) -> "Workers":
        """Return the workers that ``--jobs`` and ``--dask`` choose.

        Without both: one process a processor.

        Raises
        ------
        ConfigError : both are given, or one of them cannot be used.
        """
        if dask is None:
            count = (os.cpu_count() or 1) if jobs is None else jobs
            if not 1 <= count <= MAX_PROCESSES:
                raise ConfigError(f"--jobs {count}: must be from 1 to {MAX_PROCESSES}")
            return cls(processes=count)
        if jobs is not None:
            raise ConfigError(
                f"--jobs {jobs} and --dask {dask}: use one of them; a cluster has its own workers"
            )
        if "://" not in dask:
            raise ConfigError(
                f"--dask {dask}: the scheduler's address is needed, such as tcp://10.0.0.1:8786"
            )
        return cls(dask=dask)

    @contextmanager
    def run_jobs(
        self,
        setup: Callable[[], Callable[[Job], Result]],
        *,
        name: Callable[[Job], str],
        most: int | None = None,
        shared: SharedFolders = SharedFolders(),
    ) -> Iterator[RunJobs[Job, Result]]:
        """Yield a function that runs jobs, one at a time in each worker.

        Ctrl-C and any error end local workers before the block is left; a worker gets SIGTERM,
        which raises ``SystemExit`` in its job so that half-written folders are removed. A local
        worker also ends when this process dies. A cluster's worker ends its job, and the result is
        dropped.

        Parameters
        ----------
        setup : called once in each worker before its first job; returns the function that runs a
            job. ``setup``, jobs and results must be picklable.
        name : the words for a job in an error
        most : the largest number of jobs of one call; no more processes are started
        shared : the folders that all workers of a cluster must see

        Raises
        ------
        DiedJobsError : a worker died while it ran a job, in each of two attempts.
        ConfigError : the cluster cannot be used.
        """
        with self._runner(setup, name, most, shared) as runner:
            yield runner.run_jobs

    @contextmanager
    def run_batches(
        self,
        setup: Callable[[], Callable[[Sequence[Job]], Sequence[Result]]],
        *,
        name: Callable[[Job], str],
        size: int,
        shared: SharedFolders = SharedFolders(),
    ) -> Iterator[RunBatches[Job, Result]]:
        """Yield a function that runs jobs in batches of ``size``.

        The function of ``setup`` takes a batch and returns one result a job. If a worker dies, its
        batch is halved, until single jobs are found that kill a worker twice; all other jobs
        finish. Parameters and errors are those of :meth:`run_jobs`.
        """
        with self._runner(setup, name, None, shared) as runner:
            yield partial(runner.run_batches, size=size)

    @contextmanager
    def _runner(
        self, setup: Setup, name: Callable[[Job], str], most: int | None, shared: SharedFolders
    ) -> Iterator[Dispatcher | HereOnly]:
        count = self.processes if most is None else max(min(self.processes, most), 1)
        if not self.dask and count == 1:
            yield HereOnly(setup)
            return
        crew = self._crew(count, setup, shared)
        try:
            yield Dispatcher(crew, name)
        except BaseException:
            crew.terminate()
            raise
        finally:
            crew.close()

    def _crew(self, count: int, setup: Setup, shared: SharedFolders) -> Crew:
        if self.dask:
            return _dask_crew(self.dask, setup, shared)
        from engine.workers.local_crew import LocalCrew  # noqa: PLC0415 (multiprocessing)

        return LocalCrew(count, setup)


def _dask_crew(address: str, setup: Setup, shared: SharedFolders) -> Crew:
    try:
        from engine.workers.dask_crew import DaskCrew  # noqa: PLC0415 (an optional extra)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in {"dask", "distributed"}:
            raise
        raise ConfigError(
            f"--dask {address}: Dask is not installed; install it with: pip install 'riskoff[dask]'"
        ) from error
    return DaskCrew(address, setup, shared)
