"""The workers of a Dask cluster, found by the address of its scheduler.

Every load goes to one named worker, one at a time. Dask would blame and try again all tasks that a
dead worker had; so a dead worker names its jobs, as a local process does.
"""

import os
import pickle
import queue
import time
import uuid
import warnings
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from typing import Any

import distributed

from engine.errors import ConfigError, SimulationError
from engine.workers.dask_worker import forget, join, run_load, versions
from engine.workers.job_answers import JobAnswer, Setup, WorkerDeath
from engine.workers.shared_folders import SharedFolders

CONNECT_SECONDS = 10.0
# Without news for this long the list of workers is read again, in case an event was lost.
LOOK_SECONDS = 10.0
NO_WORKERS_SECONDS = 60.0
SHOWN = 5


@dataclass(eq=False)
class _Seat:
    """One worker: free once it has joined and runs no ticket."""

    address: str
    joined: bool = False
    ticket: int | None = None
    future: Any = None


@dataclass(frozen=True)
class _News:
    """A worker that came or left, or the outcome of a question to a seat."""

    what: str
    address: str = ""
    seat: _Seat | None = None
    value: Any = None


class DaskCrew:
    """Workers of a cluster, as they come and go.

    Raises
    ------
    ConfigError : no scheduler answers, there are no workers, or a worker has other code or folders.
    SimulationError : the scheduler ended.
    """

    def __init__(self, address: str, setup: Setup, shared: SharedFolders) -> None:
        self._address = address
        self._token = uuid.uuid4().hex
        self._setup = pickle.dumps(setup)
        self._news: queue.SimpleQueue[_News] = queue.SimpleQueue()
        self._seats: dict[str, _Seat] = {}
        self._last_seat_at = time.monotonic()
        self._stack = ExitStack()
        with ExitStack() as stack:
            self._client = _connected(address)
            stack.callback(self._client.close)
            self._prints = stack.enter_context(shared.marked(self._token))
            self._client.subscribe_topic("all", self._hear)
            self._look()
            self._stack = stack.pop_all()

    def give(self, ticket: int, load: Any) -> bool:
        """Send a load to a free worker; return False when none is free."""
        seat = next((s for s in self._seats.values() if s.joined and s.ticket is None), None)
        if seat is None:
            return False
        seat.ticket = ticket
        seat.future = self._client.submit(
            run_load,
            self._token,
            pickle.dumps(load),
            key=f"riskoff-{self._token}-{ticket}",
            workers=[seat.address],
            allow_other_workers=False,
            pure=False,
        )
        self._client.loop.add_callback(self._answer, seat, seat.future)
        return True

    def wait(self) -> list[tuple[int, JobAnswer | WorkerDeath]]:
        """Wait for the next news; return the answers and deaths among them."""
        found: list[tuple[int, JobAnswer | WorkerDeath]] = []
        for news in self._read():
            handle = {
                "came": self._came,
                "left": self._left,
                "joined": self._joined,
                "answered": self._answered,
            }[news.what]
            answer = handle(news)
            if answer is not None:
                found.append(answer)
        return found

    def terminate(self) -> None:
        """Take back the loads that no worker has begun; a begun one ends for nobody."""
        futures = [seat.future for seat in self._seats.values() if seat.future is not None]
        with suppress(Exception):
            self._client.cancel(futures)

    def close(self) -> None:
        """Drop the setup in all workers and leave the cluster."""
        with suppress(Exception):
            joined = [seat.address for seat in self._seats.values() if seat.joined]
            self._client.run(forget, self._token, workers=joined, on_error="ignore")
        self._stack.close()

    def _read(self) -> list[_News]:
        """Return the news, at least one unless the list of workers had to be read."""
        try:
            news = [self._news.get(timeout=LOOK_SECONDS)]
        except queue.Empty:
            self._look()
            news = []
        while not self._news.empty():
            news.append(self._news.get())
        return news

    def _look(self) -> None:
        """Compare the seats with the scheduler's list of workers."""
        try:
            there = self._client.scheduler_info()["workers"]
        except OSError as error:
            raise self._scheduler_ended() from error
        for address in there.keys() - self._seats.keys():
            self._news.put(_News("came", address))
        for address in self._seats.keys() - there.keys():
            self._news.put(_News("left", address))
        if there or self._seats:
            self._last_seat_at = time.monotonic()
        elif time.monotonic() - self._last_seat_at > NO_WORKERS_SECONDS:
            raise ConfigError(
                f"--dask {self._address}: the cluster has had no worker for "
                f"{NO_WORKERS_SECONDS:g} seconds; start some with: dask worker {self._address}"
            )

    def _hear(self, event: tuple[float, Any]) -> None:
        """Note workers that come and leave; called in the thread of the client's event loop."""
        message = event[1]
        action = message.get("action") if isinstance(message, dict) else None
        if action == "add-worker":
            self._news.put(_News("came", message["worker"]))
        elif action == "remove-worker":
            self._news.put(_News("left", message["worker"], value=bool(message.get("expected"))))

    def _came(self, news: _News) -> None:
        if news.address not in self._seats:
            seat = self._seats[news.address] = _Seat(news.address)
            self._client.loop.add_callback(self._ask_to_join, seat)

    def _left(self, news: _News) -> tuple[int, WorkerDeath] | None:
        seat = self._seats.pop(news.address, None)
        if seat is None or seat.ticket is None:
            return None
        seat.future.cancel()
        words = f"the cluster lost {seat.address}"
        return seat.ticket, WorkerDeath(words, expected=bool(news.value))

    async def _ask_to_join(self, seat: _Seat) -> None:
        try:
            found = await self._client.run(
                join,
                self._token,
                self._setup,
                os.getcwd(),
                versions(),
                self._prints,
                workers=[seat.address],
            )
            value = found[seat.address]
        except Exception as error:
            value = error
        self._news.put(_News("joined", seat=seat, value=value))

    def _joined(self, news: _News) -> None:
        seat, problems = news.seat, news.value
        assert seat is not None
        if isinstance(problems, OSError) or self._seats.get(seat.address) is not seat:
            return  # it has left, or is about to
        if isinstance(problems, Exception):
            problems = [
                f"cannot load riskoff there ({type(problems).__name__}: {problems}); install the "
                "same version on every worker"
            ]
        if problems:
            more = f"\n  and {len(problems) - SHOWN} more" if len(problems) > SHOWN else ""
            lines = "".join(f"\n  {line}" for line in problems[:SHOWN])
            raise ConfigError(
                f"--dask {self._address}: the worker {seat.address} does not fit this process; "
                "give it the same code, versions and folders, and start it again"
                f"{lines}{more}"
            )
        seat.joined = True

    async def _answer(self, seat: _Seat, future: Any) -> None:
        try:
            value = await future
        except BaseException as error:
            value = error
        self._news.put(_News("answered", seat=seat, value=(seat.ticket, future, value)))

    def _answered(self, news: _News) -> tuple[int, JobAnswer] | None:
        seat = news.seat
        ticket, future, value = news.value
        assert seat is not None
        if seat.future is not future or self._seats.get(seat.address) is not seat:
            return None  # its worker has left
        if isinstance(value, distributed.KilledWorker):
            return None  # the news of its end follows
        if isinstance(value, BaseException):
            raise self._scheduler_ended() from value
        seat.ticket, seat.future = None, None
        answer: JobAnswer = pickle.loads(value)
        return ticket, answer

    def _scheduler_ended(self) -> SimulationError:
        return SimulationError(
            f"--dask {self._address}: the scheduler ended or was restarted; start it and run again"
        )


def _connected(address: str) -> Any:
    """Return a client of the scheduler.

    Raises
    ------
    ConfigError : no scheduler answers.
    """
    with warnings.catch_warnings():
        # The workers are asked for their versions when they join.
        warnings.simplefilter("ignore")
        try:
            client: Any = distributed.Client  # without types
            return client(address, timeout=CONNECT_SECONDS, set_as_default=False)
        except (OSError, ValueError) as error:
            why = " ".join(str(error).split())
            raise ConfigError(
                f"--dask {address}: no Dask scheduler answers ({why}); start one with: dask "
                "scheduler"
            ) from error
