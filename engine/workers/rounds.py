"""Hand out jobs, collect their answers in the order of the jobs, and name the jobs that kill.

The same code serves local processes and a cluster: a crew gives a load to a free worker and waits
for answers and deaths.
"""

import itertools
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Protocol, TypeVar

from engine.errors import SimulationError
from engine.workers.job_answers import JobAnswer, WorkerDeath

# A lack of memory may be short; a job whose worker dies twice is reported.
ATTEMPTS = 2
NAMED = 10

Job_contra = TypeVar("Job_contra", contravariant=True)
Result = TypeVar("Result")
Places = tuple[int, ...]


class RunJobs(Protocol[Job_contra, Result]):
    """The function that :meth:`engine.workers.Workers.run_jobs` yields."""

    def __call__(
        self, jobs: Sequence[Job_contra], on_done: Callable[[int, Result], None] | None = None
    ) -> list[Result]:
        """Run the jobs and return their results in the order of the jobs.

        ``on_done`` is called in this process with the number of finished jobs and the result, in
        the order in which jobs finish. The error of the first failed job in the order of the
        jobs is raised; after an error the function cannot be called again.
        """
        ...


class RunBatches(Protocol[Job_contra, Result]):
    """The function that :meth:`engine.workers.Workers.run_batches` yields."""

    def __call__(
        self,
        jobs: Sequence[Job_contra],
        on_done: Callable[[Places, Sequence[Result]], None] | None = None,
    ) -> list[Result]:
        """Run the jobs in batches and return their results in the order of the jobs.

        ``on_done`` is called in this process with the places of a finished batch's jobs and their
        results. The error of the first failed batch is raised; a batch whose worker dies is no
        error yet: see :class:`DiedJobsError`.
        """
        ...


class DiedJobsError(SimulationError):
    """Jobs whose worker died in every attempt; all other jobs have finished.

    ``places`` are the places of these jobs among the jobs, from 0.
    """

    def __init__(self, text: str, places: Places) -> None:
        super().__init__(text)
        self.places = places

    def __reduce__(self) -> tuple[type["DiedJobsError"], tuple[str, Places]]:
        return type(self), (str(self), self.places)


class Crew(Protocol):
    """Workers of one kind."""

    def give(self, ticket: int, load: Any) -> bool:
        """Give a load to a free worker; return False when none is free."""
        ...

    def wait(self) -> Iterable[tuple[int, JobAnswer | WorkerDeath]]:
        """Wait until something has changed; return tickets with their answers."""
        ...

    def terminate(self) -> None:
        """Ask all workers to end at once."""
        ...

    def close(self) -> None:
        """Wait until the workers have ended or are free for others."""
        ...


class Dispatcher:
    """Runs jobs, and batches of jobs, with one crew."""

    def __init__(self, crew: Crew, name: Callable[[Any], str]) -> None:
        self._crew = crew
        self._name = name
        self._tickets = itertools.count()

    def run_jobs(
        self, jobs: Sequence[Any], on_done: Callable[[int, Any], None] | None = None
    ) -> list[Any]:
        """Run the jobs; see :class:`RunJobs`."""
        done = itertools.count(1)

        def finished(places: Places, results: Sequence[Any]) -> None:
            if on_done is not None:
                on_done(next(done), results[0])

        round_ = _Round([(place,) for place in range(len(jobs))], finished)
        self._run(round_, lambda places: jobs[places[0]])
        if round_.died and min(round_.died) < min(round_.errors, default=len(jobs)):
            raise self._died(round_, jobs)
        return round_.outcome()

    def run_batches(
        self,
        jobs: Sequence[Any],
        on_done: Callable[[Places, Sequence[Any]], None] | None = None,
        *,
        size: int,
    ) -> list[Any]:
        """Run the jobs in batches of a size; see :class:`RunBatches`."""
        round_ = _Round(batches(len(jobs), size), on_done or _ignore, whole=True)
        self._run(round_, lambda places: [jobs[place] for place in places])
        if round_.died and not round_.errors:
            raise self._died(round_, jobs)
        return round_.outcome()

    def _run(self, round_: "_Round", load: Callable[[Places], Any]) -> None:
        while round_.is_open:
            while round_.waiting:
                ticket = next(self._tickets)
                if not self._crew.give(ticket, load(round_.waiting[0])):
                    break
                round_.running[ticket] = round_.waiting.popleft()
            for ticket, answer in self._crew.wait():
                round_.take(ticket, answer)

    def _died(self, round_: "_Round", jobs: Sequence[Any]) -> DiedJobsError:
        places = tuple(sorted(round_.died))
        names = ", ".join(self._name(jobs[place]) for place in places[:NAMED])
        more = f" and {len(places) - NAMED} more" if len(places) > NAMED else ""
        return DiedJobsError(
            f"{names}{more}: the worker process died ({round_.died[places[0]]}) in each of "
            f"{ATTEMPTS} attempts, perhaps for lack of memory; run again with fewer processes",
            places,
        )


def batches(count: int, size: int) -> list[Places]:
    """Return the places of each batch.

    >>> batches(5, 2)
    [(0, 1), (2, 3), (4,)]
    """
    return [tuple(range(first, min(first + size, count))) for first in range(0, count, size)]


class _Round:
    """The state of one call: pieces of work that wait, run, or have ended in one of three ways.

    A piece is the places of its jobs. With ``whole`` the answer of a piece is a sequence of
    results, and a job that kills its worker does not stop the others; otherwise a piece is one job
    with one result, and the first such job stops the jobs after it.
    """

    def __init__(
        self,
        pieces: Sequence[Places],
        on_done: Callable[[Places, Sequence[Any]], None],
        *,
        whole: bool = False,
    ) -> None:
        self.waiting = deque(pieces)
        self.running: dict[int, Places] = {}
        self.results: dict[int, Any] = {}
        self.errors: dict[int, Exception] = {}
        self.died: dict[int, str] = {}
        self._deaths = Counter[int]()
        self._on_done = on_done
        self._whole = whole

    @property
    def is_open(self) -> bool:
        """Return whether a piece before the first failed one is not finished yet."""
        return bool(self.waiting) or any(map(self._counts, self.running.values()))

    def take(self, ticket: int, answer: JobAnswer | WorkerDeath) -> None:
        """Take an answer, or notice a death."""
        piece = self.running.pop(ticket)
        if isinstance(answer, WorkerDeath):
            self._bury(piece, answer)
        elif not answer.worked:
            self.errors[piece[0]] = answer.value
            self._drop()
        else:
            found = answer.value if self._whole else [answer.value]
            self.results.update(zip(piece, found, strict=True))
            self._on_done(piece, found)

    def outcome(self) -> list[Any]:
        """Return the results in the order of the jobs, or raise the error of the first piece."""
        if self.errors:
            raise self.errors[min(self.errors)]
        return [self.results[place] for place in sorted(self.results)]

    def _bury(self, piece: Places, death: WorkerDeath) -> None:
        """Try a piece again, in halves if it has several jobs; a single job is tried twice."""
        if len(piece) > 1 and not death.expected:
            middle = len(piece) // 2
            self.waiting.extendleft((piece[middle:], piece[:middle]))
            return
        self._deaths[piece[0]] += not death.expected
        if self._deaths[piece[0]] < ATTEMPTS:
            self.waiting.appendleft(piece)
        else:
            self.died[piece[0]] = death.words
        self._drop()

    def _drop(self) -> None:
        """Drop the waiting pieces that no longer count; a piece before them may still fail."""
        self.waiting = deque(filter(self._counts, self.waiting))

    def _counts(self, piece: Places) -> bool:
        stops = self.errors.keys() if self._whole else self.errors.keys() | self.died.keys()
        return piece[0] < min(stops, default=piece[0] + 1)


def _ignore(places: Places, results: Sequence[Any]) -> None:
    """Do nothing with the results of a batch."""


class HereOnly:
    """Runs jobs and batches in this process, one after the other."""

    def __init__(self, setup: Callable[[], Callable[[Any], Any]]) -> None:
        self._setup = setup
        self._made: Callable[[Any], Any] | None = None

    def run_jobs(
        self, jobs: Sequence[Any], on_done: Callable[[int, Any], None] | None = None
    ) -> list[Any]:
        """Run the jobs; see :class:`RunJobs`."""
        results: list[Any] = []
        for job in jobs:
            results.append(self._call(job))
            if on_done is not None:
                on_done(len(results), results[-1])
        return results

    def run_batches(
        self,
        jobs: Sequence[Any],
        on_done: Callable[[Places, Sequence[Any]], None] | None = None,
        *,
        size: int,
    ) -> list[Any]:
        """Run the jobs in batches of a size; see :class:`RunBatches`."""
        return [*self._batched(jobs, on_done or _ignore, size)]

    def _batched(
        self, jobs: Sequence[Any], on_done: Callable[[Places, Sequence[Any]], None], size: int
    ) -> Iterator[Any]:
        for places in batches(len(jobs), size):
            found = self._call([jobs[place] for place in places])
            on_done(places, found)
            yield from found

    def _call(self, load: Any) -> Any:
        self._made = self._made or self._setup()
        return self._made(load)
