"""The choice between this process, local processes and a cluster."""

import os
import sys

import pytest

from engine.errors import ConfigError
from engine.workers import Workers


def double(batch):
    return [2 * number for number in batch]


def made():
    return double


def test_without_options_there_is_one_process_a_processor():
    assert Workers.chosen() == Workers(processes=os.cpu_count())


def test_an_address_chooses_the_cluster_and_a_number_the_processes():
    assert Workers.chosen(3) == Workers(processes=3)
    assert Workers.chosen(dask="tcp://10.0.0.1:8786") == Workers(dask="tcp://10.0.0.1:8786")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"jobs": 0}, "--jobs 0: must be from 1 to 256"),
        ({"jobs": 257}, "--jobs 257: must be from 1 to 256"),
        ({"jobs": 2, "dask": "tcp://a:1"}, "--jobs 2 and --dask tcp://a:1: use one of them"),
        ({"dask": "10.0.0.1"}, "--dask 10.0.0.1: the scheduler's address is needed"),
    ],
)
def test_options_that_cannot_be_used_are_named(options, words):
    with pytest.raises(ConfigError, match=f"^{words}"):
        Workers.chosen(**options)


def test_one_process_runs_jobs_and_batches_here():
    with Workers().run_jobs(lambda: lambda _: os.getpid(), name=str) as run:
        assert run([0]) == [os.getpid()]
    seen = []
    with Workers().run_batches(made, name=str, size=2) as run:
        assert run([1, 2, 3], lambda *told: seen.append(told)) == [2, 4, 6]
    assert seen == [((0, 1), [2, 4]), ((2,), [6])]


def test_no_more_processes_are_started_than_there_are_jobs():
    with Workers(5).run_jobs(lambda: lambda _: os.getpid(), name=str, most=1) as run:
        assert run([0]) == [os.getpid()]


def test_a_missing_dask_is_named_with_its_remedy(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    monkeypatch.delitem(sys.modules, "engine.workers.dask_crew", raising=False)
    words = r"^--dask tcp://a:1: Dask is not installed; .*riskoff\[dask\]"
    with (
        pytest.raises(ConfigError, match=words),
        Workers(dask="tcp://a:1").run_jobs(made, name=str),
    ):
        pass
