"""Measure what a batch and a set cost, and simulate 100 workers: the tables of ``docs/scale.md``.

The sets are those of the sweep beside vectorbt: pairs of a stop and a target of the crossover. One
process and all processors of this machine are measured by wall time, so a busy machine shows fewer
sets; a real Dask cluster on loopback checks the model (``benchmarks/scheduler_model.py``).
"""

import os
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.commands import cpu_seconds
from benchmarks.loopback_cluster import cpu_seconds_of, loopback_cluster
from benchmarks.peers.environments import ENVIRONMENTS
from benchmarks.peers.measured_run import PeerBars
from benchmarks.peers.riskoff_sweep_program import hold, screening_of, set_values
from benchmarks.peers.rounds import store_bars
from benchmarks.peers.swept_levels import Pair, stop_target_pairs
from benchmarks.scheduler_model import BatchCosts, SimulatedRun, simulated_run
from doc_tables.blocks import table
from engine.bt import simulate
from engine.config_files import read_sweep
from engine.run import prepare_run
from engine.sweep import sweep_inputs, sweep_job
from engine.sweep.set_runs import SetResult, engine_runner
from engine.sweep.sweep_run import draw_of, stored_parts
from engine.sweep.trials import TrialLedger, TrialRecorder
from engine.workers import Workers

DAY_SECONDS = 86_400
MANY = 100
BUSY = 0.9
RunPairs = Callable[[Sequence[Pair]], list[int]]


@dataclass(frozen=True)
class SetKind:
    """A way to run sets: the function that a worker makes, and the sizes of its batches."""

    title: str
    setup: Callable[[Path], RunPairs]
    sizes: tuple[int, ...]


def wait(seconds: Sequence[float]) -> list[float]:
    """Wait without computing; the jobs of the check."""
    for item in seconds:
        time.sleep(item)
    return list(seconds)


def made_wait() -> Callable[[Sequence[float]], list[float]]:
    """Return :func:`wait`; a setup of workers."""
    return wait


def screened(path: Path) -> RunPairs:
    """Return the function that screens pairs; the market is prepared once."""
    screening = screening_of(hold(PeerBars.read(path)))
    return lambda pairs: list(screening.screen([set_values(pair) for pair in pairs]).trades)


def by_engine(path: Path) -> RunPairs:
    """Return the function that runs pairs by the engine, without the proof of causality."""
    data = hold(PeerBars.read(path))
    screening = screening_of(data)

    def run(pairs: Sequence[Pair]) -> list[int]:
        configs = [screening.config(set_values(pair)) for pair in pairs]
        return [len(simulate(prepare_run(config, data).inputs).fills) for config in configs]

    return run


KINDS = (
    SetKind("by screening", screened, (1, 16, 64, 256)),
    SetKind("by the engine", by_engine, (1, 4)),
)


def batch_costs(batches: int) -> BatchCosts:
    """Return the processor seconds of an empty batch on a loopback cluster with two workers."""
    with loopback_cluster(2) as cluster:
        here = Workers(dask=cluster.address).run_batches(made_wait, name=str, size=1)
        with here as run:
            run([0.0] * 20)
            before = _cluster_cpu(cluster.scheduler, cluster.workers)
            run([0.0] * batches)
            after = _cluster_cpu(cluster.scheduler, cluster.workers)
    return BatchCosts(
        *((late - early) / batches for early, late in zip(before, after, strict=True))
    )


def _cluster_cpu(scheduler: int, workers: Sequence[int]) -> tuple[float, float, float]:
    crew = sum(cpu_seconds_of(number) for number in workers)
    return time.process_time(), cpu_seconds_of(scheduler), crew


def local_command_cost(batches: int) -> float:
    """Return the command's processor seconds of an empty batch with two local processes."""
    with Workers(processes=2).run_batches(made_wait, name=str, size=1) as run:
        run([0.0] * 20)
        before = time.process_time()
        run([0.0] * batches)
        return (time.process_time() - before) / batches


def check_lines(costs: BatchCosts, waits: Sequence[float], batches: int) -> list[str]:
    """Return measured and simulated rates of two workers whose jobs wait for a known time."""
    rows = []
    with (
        loopback_cluster(2) as cluster,
        Workers(dask=cluster.address).run_batches(made_wait, name=str, size=1) as run,
    ):
        run([0.0] * 20)
        for seconds in waits:
            began = time.perf_counter()
            run([seconds] * batches)
            rate = batches / (time.perf_counter() - began)
            model = simulated_run(
                costs,
                iter([seconds] * batches),
                workers=2,
                batches=batches,
                processors=os.cpu_count(),
                computing=False,
            ).batches_a_second
            rows.append(
                [f"{1e3 * seconds:g}", f"{rate:.1f}", f"{model:.1f}", f"{model / rate:.2f}"]
            )
    return table(("job, ms", "measured, batches a second", "model", "model over measured"), rows)


def set_seconds(kind: SetKind, path: Path, sets: int) -> list[float]:
    """Return the CPU seconds of each of some sets in this process."""
    run = kind.setup(path)
    pairs = stop_target_pairs(sets + 1)
    run(pairs[:1])
    found = []
    for pair in pairs[1:]:
        began = time.process_time()
        run([pair])
        found.append(time.process_time() - began)
    return found


def machine_rate(kind: SetKind, path: Path, sets: int, processes: int) -> float:
    """Return the sets a second of local processes, by wall time, their start left out."""
    size = max(sets // (4 * processes), 1)
    # A batch for each process, in which it makes its setup and compiles.
    first = processes * size
    pairs = stop_target_pairs(sets + first)
    setup = partial(kind.setup, path)
    with Workers(processes=processes).run_batches(setup, name=str, size=size) as run:
        run(pairs[:first])
        began = time.perf_counter()
        run(pairs[first:])
        return sets / (time.perf_counter() - began)


def command_seconds_a_set(copies: int) -> float:
    """Return the CPU seconds in which a sweep's command stores one result and its trial."""
    job = sweep_job(read_sweep("reclaim_demo", [], None, None), None)
    inputs = sweep_inputs(job)
    items = list(draw_of(job).ask())
    cells = engine_runner(job)(items[:1])[0].cells
    results = [SetResult(item, cells) for item in items] * copies
    with tempfile.TemporaryDirectory() as folder:
        recorder = TrialRecorder(TrialLedger(Path(folder)), job, inputs)
        began = time.process_time()
        with stored_parts(job, inputs, Path(folder)).writing(recorder.record) as writer:
            for result in results:
                writer.add(result)
        return (time.process_time() - began) / len(results)


def drawn_batches(seconds: Sequence[float], size: int, seed: int = 1) -> Iterator[float]:
    """Yield the seconds of batches whose sets are drawn from measured ones."""
    rng = np.random.default_rng(seed)
    values = np.asarray(seconds)
    while True:
        yield float(rng.choice(values, size).sum())


def many_workers(
    costs: BatchCosts, seconds: Sequence[float], size: int, command_a_set: float
) -> SimulatedRun:
    """Simulate 100 workers on processors of their own with batches of a size."""
    own = replace(costs, command=costs.command + size * command_a_set)
    jobs = drawn_batches(seconds, size)
    return simulated_run(own, jobs, workers=MANY, batches=10 * MANY)


def smallest_batch(costs: BatchCosts, seconds: Sequence[float], command_a_set: float) -> int:
    """Return the smallest batch, a power of two, that keeps 100 workers busy; 0 for none."""
    for size in (1 << power for power in range(13)):
        if many_workers(costs, seconds, size, command_a_set).workers_busy >= BUSY:
            return size
    return 0


@dataclass(frozen=True)
class ScaleSizes:
    """How much is measured."""

    bars: int
    batches: int
    screened: int
    engine: int

    def sets(self, kind: SetKind) -> int:
        """Return the sets of a kind."""
        return self.screened if kind is KINDS[0] else self.engine


FULL, QUICK = ScaleSizes(100_000, 400, 192, 12), ScaleSizes(10_000, 60, 16, 4)


def cost_lines(
    costs: BatchCosts, local: float, command_a_set: float, check: list[str]
) -> list[str]:
    """Return the table of costs and that of the check."""
    whole = costs.command + costs.scheduler + costs.worker
    rows = [
        [
            "Dask, a batch",
            *(f"{1e3 * x:.2f}" for x in (costs.command, costs.scheduler, costs.worker)),
        ],
        ["local processes, a batch", f"{1e3 * local:.2f}", "", ""],
        ["a sweep's result, stored and counted", f"{1e3 * command_a_set:.2f}", "", ""],
    ]
    head = ("CPU milliseconds", "command", "scheduler", "worker")
    told = (
        f"A batch costs {1e3 * whole:.1f} ms in all. On a core of its own a command hands out at "
        f"most {1 / costs.command:.0f} batches a second, a scheduler {1 / costs.scheduler:.0f}; a "
        f"sweep's command stores at most {1 / command_a_set:,.0f} results a second."
    )
    return [*table(head, rows), "", told, "", *check]


def day_lines(sizes: ScaleSizes, costs: BatchCosts, command_a_set: float, path: Path) -> list[str]:
    """Return sets a day: one process and this machine measured, 100 workers simulated."""
    processes = os.cpu_count() or 1
    measured, simulated, told = [], [], []
    for kind in KINDS:
        sets = sizes.sets(kind)
        seconds = set_seconds(kind, path, sets)
        mean = float(np.mean(seconds))
        rates = [machine_rate(kind, path, sets, count) for count in (1, processes)]
        days = [f"{DAY_SECONDS * rate:,.0f}" for rate in (1 / mean, *rates)]
        measured.append([kind.title, f"{1e3 * mean:.3g}", *days])
        for size in kind.sizes:
            found = many_workers(costs, seconds, size, command_a_set)
            busy = [found.workers_busy, found.scheduler_busy, found.command_busy]
            day = f"{DAY_SECONDS * size * found.batches_a_second:,.0f}"
            simulated.append([kind.title, str(size), day, *(f"{share:.0%}" for share in busy)])
        least = smallest_batch(costs, seconds, command_a_set)
        busy_from = f"from {least} a batch on" if least else "with no size of batch"
        told.append(f"Sets {kind.title} keep {BUSY:.0%} of {MANY} workers busy {busy_from}.")
    measured_head = (
        "sets",
        "CPU ms a set",
        "a core, by CPU",
        "one process",
        f"{processes} processes",
    )
    head = (
        "sets",
        "sets a batch",
        f"sets a day, {MANY} workers",
        "workers busy",
        "scheduler",
        "command",
    )
    return [
        f"{sizes.bars:,} bars; sets a day.",
        "",
        *table(measured_head, measured),
        "",
        *table(head, simulated),
        "",
        *told,
    ]


def folder_lines() -> list[str]:
    """Return the load of a run folder on a shared file system."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for _ in range(2):
            seconds, _mib = cpu_seconds("run demo", folder)
        newest = max((folder / "runs").iterdir(), key=lambda path: path.stat().st_mtime)
        size = sum(path.stat().st_size for path in newest.rglob("*") if path.is_file())
        files = sum(path.is_file() for path in newest.rglob("*"))
    rate = MANY * size / seconds / 2**20
    return [
        f"`riskoff run demo` takes {seconds:.1f} CPU s and writes {files} files, "
        f"{size / 2**20:.1f} MiB in all: {MANY} workers with such cells write {rate:.0f} MiB and "
        f"{MANY * files / seconds:,.0f} files a second."
    ]


def scale_blocks(*, quick: bool) -> dict[str, list[str]]:
    """Measure everything and return the blocks of ``docs/scale.md`` by name."""
    sizes = QUICK if quick else FULL
    path = ENVIRONMENTS / f"bars-{sizes.bars}.npy"
    store_bars(sizes.bars, path)
    costs, local = batch_costs(sizes.batches), local_command_cost(10 * sizes.batches)
    a_set = command_seconds_a_set(2 if quick else 20)
    check = check_lines(costs, (0.0, 0.005, 0.02, 0.1), sizes.batches // 2)
    days = [*day_lines(sizes, costs, a_set, path), "", *folder_lines()]
    return {"batch": cost_lines(costs, local, a_set, check), "day": days}
