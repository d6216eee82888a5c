"""Local worker processes: order, errors, dead workers, Ctrl-C."""

import os
import signal
import subprocess
import sys
import threading
import time
from functools import partial
from pathlib import Path

import pytest

from engine.errors import PlaybookError, SimulationError
from engine.workers import Workers, local_crew
from tests.engine.cli.command import ROOT, environment
from tests.patience import HANGS_S


def wait_for(path):
    deadline = time.monotonic() + HANGS_S
    while not path.exists() and time.monotonic() < deadline:
        os.sched_yield()


def square(number):
    return number * number


def second_job_first(folder, number):
    """Finish job 0 only after job 1 has finished."""
    if number == 0:
        wait_for(folder / "1")
    (folder / str(number)).touch()
    return number


def fail_second_job_first(folder, number):
    """Raise the error of job 0 only after that of job 1."""
    second_job_first(folder, number)
    raise PlaybookError(f"job {number}")


def die(folder, number):
    """Kill the worker of job 1 with SIGKILL, as the system does without memory."""
    if number == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def die_once(folder, number):
    mark = folder / f"died of {number}"
    if number % 2 and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def _process_ids():
    return process_id


def process_id(_):
    return os.getpid()


def stay(folder, number):
    """Return the first job when the second is in the middle of its file, which never ends."""
    if number == 0:
        wait_for(folder / "half-written")
        return number
    (folder / "pid").write_text(str(os.getpid()))
    try:
        (folder / "half-written").touch()
        threading.Event().wait()
    finally:
        (folder / "half-written").unlink()


def stay_deaf(folder, number):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    return stay(folder, number)


def stay_and_swallow_the_exit(folder, number):
    """Take the exit for an error, as a check of rules does with whatever the rules raise."""
    try:
        return stay(folder, number)
    except SystemExit as error:
        raise PlaybookError("the rules raised SystemExit") from error


def answer_that_cannot_travel(folder, number):
    return lambda: number


class TwoPartsError(Exception):
    """An exception that pickle can write and not read."""

    def __init__(self, one, two):
        super().__init__(f"{one} and {two}")


def error_that_cannot_travel(folder, number):
    raise TwoPartsError("this", "that")


def made(function, folder):
    return partial(function, folder)


def setup(function, folder):
    return partial(made, function, folder)


def no_folder():
    return square


def run_all(function, folder, jobs, count, on_done=None):
    with Workers(count).run_jobs(setup(function, folder), name="job number {}".format) as run:
        return run(jobs, on_done)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_results_are_the_same_in_the_order_of_the_jobs_whatever_the_number_of_workers(count):
    with Workers(count).run_jobs(no_folder, name=str) as run:
        assert run(range(7)) == [0, 1, 4, 9, 16, 25, 36]
        assert run([3]) == [9]
        assert run([]) == []


def test_progress_follows_the_finished_jobs_and_results_follow_the_jobs(tmp_path):
    told = []
    found = run_all(second_job_first, tmp_path, [0, 1], 2, lambda *args: told.append(args))
    assert told == [(1, 1), (2, 0)]
    assert found == [0, 1]


def test_the_error_raised_is_the_first_by_the_order_of_the_jobs(tmp_path):
    with pytest.raises(PlaybookError, match=r"^job 0") as raised:
        run_all(fail_second_job_first, tmp_path, [0, 1, 2, 3], 2)
    assert "in fail_second_job_first" in raised.value.__notes__[0]
    assert not (tmp_path / "3").exists()


def test_a_killed_worker_names_its_job(tmp_path):
    words = r"^job number 1: the worker process died \(SIGKILL\) in each of 2 attempts"
    with pytest.raises(SimulationError, match=words):
        run_all(die, tmp_path, [0, 1, 2], 2)


def test_the_job_of_a_worker_that_was_killed_once_is_run_again(tmp_path):
    assert run_all(die_once, tmp_path, list(range(6)), 2) == list(range(6))
    assert len(list(tmp_path.iterdir())) == 3


def interrupt(*_):
    raise KeyboardInterrupt


@pytest.mark.parametrize("function", [stay, stay_and_swallow_the_exit])
def test_an_interrupt_ends_workers_silently_and_removes_their_files(tmp_path, capfd, function):
    with pytest.raises(KeyboardInterrupt):
        run_all(function, tmp_path, [0, 1], 2, interrupt)
    assert capfd.readouterr().err == ""
    assert not (tmp_path / "half-written").exists()
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


def test_a_worker_that_does_not_end_when_told_is_killed(tmp_path, monkeypatch):
    monkeypatch.setattr(local_crew, "GRACE_SECONDS", 0.1)
    with pytest.raises(KeyboardInterrupt):
        run_all(stay_deaf, tmp_path, [0, 1], 2, interrupt)
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


ORPHANS = """
import os, signal, sys
from pathlib import Path
from tests.engine.workers.test_local_crew import run_all, stay

def killed(*_):
    os.kill(os.getpid(), signal.SIGKILL)

if __name__ == "__main__":
    run_all(stay, Path(sys.argv[1]), [0, 1], 2, killed)
"""


def test_workers_end_when_their_parent_is_killed(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(ORPHANS)
    done = subprocess.run(
        [sys.executable, script, tmp_path], cwd=ROOT, env=environment(), check=False,
        timeout=HANGS_S, stdout=subprocess.PIPE,
    )  # fmt: skip
    # The run above returns when the last worker has closed stdout.
    assert done.returncode == -signal.SIGKILL
    assert not (tmp_path / "half-written").exists()


UNGUARDED = """
from tests.engine.workers.test_local_crew import no_folder
from engine.workers import Workers

with Workers(2).run_jobs(no_folder, name=str) as run:
    print(run([2, 3]))
"""


def test_workers_do_not_run_the_script_that_started_them(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(UNGUARDED)
    done = subprocess.run(
        [sys.executable, script], cwd=ROOT, env=environment(), check=False, timeout=HANGS_S,
        capture_output=True, text=True,
    )  # fmt: skip
    assert (done.stdout, done.stderr) == ("[4, 9]\n", "")


@pytest.mark.parametrize(
    ("function", "words"),
    [(answer_that_cannot_travel, "pickle"), (error_that_cannot_travel, "TwoPartsError: this and")],
)
def test_an_answer_that_cannot_be_sent_is_an_error_of_its_job(tmp_path, function, words):
    with pytest.raises(Exception, match=words):
        run_all(function, tmp_path, [0, 1], 2)


def test_the_jobs_of_one_worker_run_in_this_process():
    with Workers(1).run_jobs(lambda: lambda _: os.getpid(), name=str) as run:
        assert run([0]) == [os.getpid()]


def test_no_other_code_starts_processes_for_jobs():
    for path in sorted((ROOT / "engine").rglob("*.py")):
        if path.parent != Path(local_crew.__file__).parent:
            text = path.read_text()
            assert "ProcessPoolExecutor" not in text, path
            assert "multiprocessing" not in text, path


def test_a_worker_that_dies_while_idle_is_replaced_and_no_job_pays_for_it():
    crew = local_crew.LocalCrew(1, _process_ids)
    try:
        assert crew.give(0, None)
        ((_, first),) = crew.wait()
        os.kill(first.value, signal.SIGKILL)
        (worker,) = crew._workers
        worker.process.join(60)
        assert crew.give(1, None)
        ((ticket, second),) = crew.wait()
    finally:
        crew.close()
    assert (ticket, second.worked) == (1, True)
    assert second.value != first.value
