"""The simulated scheduler gives the times that can be worked out by hand."""

import itertools

import pytest

from benchmarks.scale import drawn_batches, many_workers, smallest_batch
from benchmarks.scheduler_model import BatchCosts, simulated_run

COSTS = BatchCosts(command=0.002, scheduler=0.004, worker=0.001)


def run(costs=COSTS, job=0.01, **given):
    return simulated_run(costs, itertools.repeat(job), **given)


def test_one_worker_waits_for_every_message():
    # 10 x (1 + 2 + 1 + 10 + 2 + 1 ms).
    found = run(workers=1, batches=10)
    assert found.seconds == pytest.approx(0.170)
    assert found.workers_busy == pytest.approx(0.100 / 0.170)
    assert found.scheduler_busy == pytest.approx(0.040 / 0.170)
    assert found.command_busy == pytest.approx(0.020 / 0.170)


def test_many_workers_are_limited_by_the_scheduler():
    # A batch needs 4 ms of the scheduler: 250 a second, whatever the workers.
    found = run(workers=100, batches=5_000)
    assert found.batches_a_second == pytest.approx(250, rel=0.01)
    assert found.scheduler_busy > 0.99


def test_free_messages_leave_the_jobs_alone():
    found = run(BatchCosts(0, 0, 0), job=0.5, workers=4, batches=8)
    assert found.seconds == pytest.approx(1.0)
    assert found.workers_busy == pytest.approx(1.0)


def test_on_one_processor_everything_takes_turns():
    # Three batches of 2 + 4 + 1 + 10 ms.
    assert run(workers=2, batches=3, processors=1).seconds == pytest.approx(0.051)


def test_jobs_that_wait_need_no_processor():
    computing = run(BatchCosts(0, 0, 0), workers=2, batches=2, processors=1)
    waiting = run(BatchCosts(0, 0, 0), workers=2, batches=2, processors=1, computing=False)
    assert (computing.seconds, waiting.seconds) == pytest.approx((0.020, 0.010))


def test_a_batch_is_the_sum_of_drawn_sets():
    drawn = list(itertools.islice(drawn_batches([0.1, 0.3], 5), 200))
    # From five times 0.1 to five times 0.3, 1.0 on average.
    assert min(drawn) >= 0.5
    assert max(drawn) <= 1.5
    assert sum(drawn) / 200 == pytest.approx(1.0, abs=0.05)


def test_larger_batches_keep_more_workers_busy_until_the_command_is_full():
    # 100 workers at 30 ms a set make 3,300 sets a second; batches of one need 3,300 x 4 ms.
    seconds = [0.03]
    busy = [many_workers(COSTS, seconds, size, 0.0).workers_busy for size in (1, 8, 64)]
    assert busy == sorted(busy)
    assert busy[0] < 0.1
    assert busy[2] > 0.9
    assert smallest_batch(COSTS, seconds, 0.0) in {16, 32}
    # A command that takes 0.6 ms a set stores 1,667 a second at most: half of them.
    assert smallest_batch(COSTS, seconds, 0.0006) == 0
    assert many_workers(COSTS, seconds, 512, 0.0006).command_busy > 0.95
