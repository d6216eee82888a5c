"""Workers of a Dask cluster: the results of one process, also when a worker is killed."""

import os
import signal
import socket
import threading
from functools import partial

import numpy as np
import pytest

from engine.code_versions import code_versions
from engine.errors import ConfigError, PlaybookError
from engine.workers import DiedJobsError, SharedFolders, Workers, dask_crew, rounds, shared_folders
from tests.engine.workers.cluster import Cluster, limited


def draw(number):
    """Return floats whose last digits show any difference of order or library."""
    numbers = np.random.default_rng(number).normal(size=1000)
    return number, float(np.exp(numbers).sum()), float(numbers @ numbers[::-1])


def made_draw():
    return draw


def draw_or_stay(pipe, number):
    """Draw; the first time, job 3 sends its process's number through the pipe and never ends."""
    begun = pipe.with_suffix(".begun")
    if number == 3 and not begun.exists():
        begun.touch()
        pipe.write_text(str(os.getpid()))
        threading.Event().wait()
    if number == 5:
        raise PlaybookError("no fives")
    return draw(number)


def made_draw_or_stay(pipe):
    return partial(draw_or_stay, pipe)


def die_of_two(batch):
    if 2 in batch:
        os.kill(os.getpid(), signal.SIGKILL)
    return [draw(number) for number in batch]


def made_die_of_two():
    return die_of_two


def here(numbers):
    with Workers().run_jobs(made_draw, name=str) as run:
        return run(numbers)


def kill_the_writer(pipe):
    os.kill(int(pipe.read_text()), signal.SIGKILL)


@pytest.fixture(scope="module")
def shared_cluster(tmp_path_factory):
    """A scheduler for all tests; each test adds the workers that it needs."""
    made = Cluster(tmp_path_factory.mktemp("cluster"))
    yield made
    made.close()


@pytest.fixture
def scheduler(shared_cluster):
    with limited():
        yield shared_cluster
        shared_cluster.end_workers()


def test_a_cluster_gives_the_results_of_one_process_although_a_worker_is_killed(
    scheduler, tmp_path
):
    pipe, out = tmp_path / "pipe", tmp_path / "out"
    os.mkfifo(pipe)
    threading.Thread(target=kill_the_writer, args=(pipe,), daemon=True).start()
    scheduler.add_workers(2)
    setup, shared = partial(made_draw_or_stay, pipe), SharedFolders.of(written=[out])
    with Workers(dask=scheduler.address).run_jobs(setup, name=str, shared=shared) as run:
        assert run(range(5)) == here(range(5))
        assert pipe.with_suffix(".begun").exists()
        with pytest.raises(PlaybookError, match="no fives") as raised:
            run(range(4, 9))
    assert "in draw_or_stay" in raised.value.__notes__[0]
    assert list(out.iterdir()) == []


def test_a_cluster_halves_a_dead_batch_with_the_workers_that_are_left(scheduler, monkeypatch):
    monkeypatch.setattr(rounds, "ATTEMPTS", 1)
    # Two workers die, of (2, 3) and of 2; the third ends the batch of 3.
    scheduler.add_workers(3)
    seen = []
    with (
        Workers(dask=scheduler.address).run_batches(made_die_of_two, name=str, size=2) as run,
        pytest.raises(DiedJobsError, match=r"^2: the worker process died \(the cluster lost tcp"),
    ):
        run([2, 3], lambda *told: seen.append(told))
    assert seen == [((1,), here([3]))]


def refused(scheduler, shared=SharedFolders()):
    """Return the text of the error with which a cluster is refused."""
    with (
        pytest.raises(ConfigError) as raised,
        Workers(dask=scheduler.address).run_jobs(made_draw, name=str, shared=shared) as run,
    ):
        run([1])
    return str(raised.value)


def test_workers_with_other_code_or_folders_are_refused(scheduler, tmp_path, monkeypatch):
    scheduler.add_workers(1)
    with monkeypatch.context() as other:
        other.setattr(dask_crew, "versions", lambda: {"riskoff code": "0123", "numpy": "1.0"})
        said = refused(scheduler).splitlines()
    assert said[0].startswith(f"--dask {scheduler.address}: the worker tcp://127.0.0.1:")
    assert said[0].endswith("the same code, versions and folders, and start it again")
    assert said[1] == f"  riskoff code: {code_versions()['riskoff code']} there, 0123 here"
    assert said[2] == f"  numpy: {np.__version__} there, 1.0 here"
    with monkeypatch.context() as other:
        other.setattr(shared_folders, "print_of", lambda _: "content")
        shared = SharedFolders.of(written=[tmp_path], sources=[tmp_path / "catalog"])
        said = refused(scheduler, shared).splitlines()
    assert said[1] == f"  {tmp_path}: has other content there"
    assert said[2] == f"  {tmp_path / 'catalog'}: no such folder there, or not the same one"


def test_a_cluster_without_workers_is_an_error_after_a_while(scheduler, monkeypatch):
    monkeypatch.setattr(dask_crew, "LOOK_SECONDS", 0.01)
    monkeypatch.setattr(dask_crew, "NO_WORKERS_SECONDS", 0.1)
    assert "the cluster has had no worker for 0.1 seconds" in refused(scheduler)


def test_an_address_without_a_scheduler_is_refused(monkeypatch):
    monkeypatch.setattr(dask_crew, "CONNECT_SECONDS", 0.2)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{taken.getsockname()[1]}"
        words = rf"^--dask {address}: no Dask scheduler answers .*dask scheduler$"
        with (
            pytest.raises(ConfigError, match=words),
            Workers(dask=address).run_jobs(made_draw, name=str),
        ):
            pass
