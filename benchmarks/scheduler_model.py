"""Simulate how a command, a Dask scheduler and many workers share batches of jobs.

A batch passes the command, the scheduler and a free worker, and its answer comes back the same way.
Command and scheduler handle one message at a time; half of their measured time of a batch lies
before the job and half after it. On machines of their own they never wait for a processor; with
``processors`` all of them share one machine, which is how the model is checked against a real
cluster on loopback.
"""

import heapq
import itertools
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass

Action = Callable[[], None]


@dataclass(frozen=True)
class BatchCosts:
    """Processor seconds of one batch besides its job, by process."""

    command: float
    scheduler: float
    worker: float


@dataclass(frozen=True)
class SimulatedRun:
    """The outcome: wall seconds of all batches, and how busy each kind of process was, 0 to 1."""

    batches: int
    seconds: float
    command_busy: float
    scheduler_busy: float
    workers_busy: float

    @property
    def batches_a_second(self) -> float:
        """The rate at which batches were finished."""
        return self.batches / self.seconds


class Clock:
    """Runs actions in the order of their times."""

    def __init__(self) -> None:
        self.now = 0.0
        self._events: list[tuple[float, int, Action]] = []
        self._numbers = itertools.count()

    def after(self, seconds: float, action: Action) -> None:
        """Run an action later; of two at one time, the one asked for first."""
        heapq.heappush(self._events, (self.now + seconds, next(self._numbers), action))

    def run(self) -> None:
        """Run until nothing is left."""
        while self._events:
            self.now, _, action = heapq.heappop(self._events)
            action()


class Line:
    """A number of places and a line before them; who comes first is served first."""

    def __init__(self, places: int) -> None:
        self._free = places
        self._waiting: deque[Action] = deque()

    def enter(self, action: Action) -> None:
        """Run an action once a place is free; the action must call :meth:`leave` at its end."""
        if self._free:
            self._free -= 1
            action()
        else:
            self._waiting.append(action)

    def leave(self) -> None:
        """Give the place to the next in the line."""
        if self._waiting:
            self._waiting.popleft()()
        else:
            self._free += 1


class OneProcess:
    """A process that handles one message at a time on a processor that it may have to wait for."""

    def __init__(self, clock: Clock, processors: Line | None) -> None:
        self._clock, self._processors, self._own = clock, processors, Line(1)
        self.busy = 0.0

    def handle(self, seconds: float, then: Action) -> None:
        """Compute for some seconds, after everything asked for before."""

        def ended() -> None:
            self.busy += seconds
            if self._processors is not None:
                self._processors.leave()
            self._own.leave()
            then()

        def begin() -> None:
            if self._processors is None:
                self._clock.after(seconds, ended)
            else:
                self._processors.enter(lambda: self._clock.after(seconds, ended))

        self._own.enter(begin)


def simulated_run(
    costs: BatchCosts,
    jobs: Iterator[float],
    *,
    workers: int,
    batches: int,
    processors: int | None = None,
    computing: bool = True,
) -> SimulatedRun:
    """Simulate some batches and return how long they took.

    Parameters
    ----------
    costs : of a batch besides its job
    jobs : seconds of the job of each batch
    workers, batches : how many there are
    processors : that all processes share; None: one for each
    computing : whether jobs need a processor; those of a check only wait
    """
    clock = Clock()
    shared = None if processors is None else Line(processors)
    command, scheduler = OneProcess(clock, shared), OneProcess(clock, shared)
    crew = [OneProcess(clock, shared) for _ in range(workers)]
    waiting = itertools.count()
    worked = 0.0

    def give(worker: OneProcess) -> None:
        if next(waiting) >= batches:
            return
        nonlocal worked
        job = next(jobs)
        worked += job

        def answer() -> None:
            scheduler.handle(costs.scheduler / 2, told)

        def told() -> None:
            command.handle(costs.command / 2, lambda: give(worker))

        def work() -> None:
            if computing:
                worker.handle(costs.worker + job, answer)
            else:
                worker.handle(costs.worker, lambda: clock.after(job, answer))

        command.handle(costs.command / 2, lambda: scheduler.handle(costs.scheduler / 2, work))

    for worker in crew:
        give(worker)
    clock.run()
    took = clock.now
    return SimulatedRun(
        batches, took, command.busy / took, scheduler.busy / took, worked / (workers * took)
    )
