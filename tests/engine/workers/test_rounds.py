"""Batches whose workers die: halved until the jobs that kill are named, all others finished."""

import math
import os
import signal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import PlaybookError, SimulationError
from engine.workers import DiedJobsError, Workers
from engine.workers.job_answers import JobAnswer, WorkerDeath
from engine.workers.rounds import ATTEMPTS, Dispatcher

FATAL = 100


def squares(batch):
    """Square a batch of numbers; one of ``FATAL`` or more kills the process."""
    if max(batch) >= FATAL:
        os.kill(os.getpid(), signal.SIGKILL)
    return [number * number for number in batch]


def made():
    return squares


def refuse(batch):
    if 5 in batch:
        raise PlaybookError("no fives")
    return batch


def made_refusing():
    return refuse


class InventedCrew:
    """A crew without processes: loads with a fatal job kill; answers come in a drawn order."""

    def __init__(self, count, pick):
        self._count = count
        self._pick = pick
        self._running = []
        self.deaths = 0

    def give(self, ticket, load):
        if len(self._running) == self._count:
            return False
        self._running.append((ticket, load))
        return True

    def wait(self):
        ticket, load = self._running.pop(self._pick(len(self._running)))
        if max(load) >= FATAL:
            self.deaths += 1
            return [(ticket, WorkerDeath("SIGKILL"))]
        return [(ticket, JobAnswer(True, squares(load)))]


@given(
    safe=st.lists(st.integers(0, FATAL - 1), max_size=40),
    fatal=st.lists(st.integers(0, 39), max_size=3, unique=True),
    size=st.integers(1, 17),
    count=st.integers(1, 4),
    data=st.data(),
)
def test_exactly_the_jobs_that_kill_are_named_and_all_others_finish_once(
    safe, fatal, size, count, data
):
    jobs = list(safe)
    killers = {min(place, len(jobs)) for place in fatal}
    for place in sorted(killers):
        jobs.insert(place, FATAL + place)
    killers = {place for place, job in enumerate(jobs) if job >= FATAL}
    crew = InventedCrew(count, lambda busy: data.draw(st.integers(0, busy - 1)))
    told = {}

    def on_done(places, results):
        for place, result in zip(places, results, strict=True):
            assert place not in told
            told[place] = result

    run = Dispatcher(crew, str).run_batches
    if killers:
        with pytest.raises(DiedJobsError) as raised:
            run(jobs, on_done, size=size)
        assert set(raised.value.places) == killers
    else:
        assert run(jobs, on_done, size=size) == [job * job for job in jobs]
    assert told == {i: job * job for i, job in enumerate(jobs) if i not in killers}
    # Each halving kills one worker, and a single job is tried twice.
    assert crew.deaths <= len(killers) * (math.ceil(math.log2(size)) + ATTEMPTS)


def test_a_dead_batch_of_real_processes_is_halved_until_the_killers_are_named():
    jobs = [0, 1, 2, 101, 4, 5, 6, 7, 8, 9, 110, 11]
    seen = {}
    with (
        Workers(2).run_batches(made, name="number {}".format, size=8) as run,
        pytest.raises(DiedJobsError) as raised,
    ):
        run(jobs, lambda places, found: seen.update(zip(places, found, strict=True)))
    assert raised.value.places == (3, 10)
    assert str(raised.value).startswith(
        "number 101, number 110: the worker process died (SIGKILL) in each of 2 attempts"
    )
    assert seen == {i: job * job for i, job in enumerate(jobs) if i not in (3, 10)}


def test_one_process_and_two_give_the_same_results_of_batches():
    jobs = list(range(20))
    found = []
    for count in (1, 2):
        with Workers(count).run_batches(made, name=str, size=3) as run:
            found.append(run(jobs))
            assert run([]) == []
    assert found[0] == found[1] == [job * job for job in jobs]


def test_the_error_of_a_batch_is_raised_and_stops_the_later_ones():
    for count in (1, 2):
        with (
            Workers(count).run_batches(made_refusing, name=str, size=2) as run,
            pytest.raises(PlaybookError, match="no fives"),
        ):
            run(list(range(30)))


class LeavingCrew:
    """A crew whose first workers are told to leave before they answer."""

    def __init__(self, leaving):
        self._leaving = leaving
        self._load = None

    def give(self, ticket, load):
        if self._load is not None:
            return False
        self._load = (ticket, load)
        return True

    def wait(self):
        (ticket, load), self._load = self._load, None
        if self._leaving:
            self._leaving -= 1
            return [(ticket, WorkerDeath("it left", expected=True))]
        return [(ticket, JobAnswer(True, squares(load)))]


def test_a_worker_that_was_told_to_leave_is_no_fault_of_its_jobs():
    assert Dispatcher(LeavingCrew(5), str).run_batches([2, 3], size=2) == [4, 9]


def test_a_death_is_an_error_of_riskoff_for_whoever_asks():
    assert issubclass(DiedJobsError, SimulationError)
