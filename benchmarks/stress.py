"""Measure the time of a path in a stress and of a run over the same path, embedded data.

    .venv/bin/python -m benchmarks.stress

Prints CPU milliseconds a path, in one process, once everything is compiled: making the path, the
whole path as a stress runs it, and the same with what every run does besides (loading the playbook
by name, the look-ahead check). Machines are noisy: read the ratio.
"""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from data_feeds.load import open_source
from data_feeds.simulation.scenarios import joined
from engine.config.load import load_run_config
from engine.results.finished import RunRecord
from engine.run import run
from engine.stress import StressJob, stress_job
from engine.stress.job import window_config
from engine.stress.path import PathRunner, PathTask

ROOT = Path(__file__).parent.parent
PATHS = 20
SWING = (
    'playbook.params={"legs": [{"instrument": "QQQ", "timeframe": "1d", "weight": 0.5}, '
    '{"instrument": "BTCUSDT-PERP", "timeframe": "15m", "weight": 0.5}]}'
)
RUNS = {
    "A, 15-minute bars": ("demo", ()),
    "B, daily with 15-minute BTC": (
        "swing_2026",
        ("data.source=embedded", "data.end=2026-04-15", SWING),
    ),
}


def milliseconds(work: Callable[[int], object]) -> float:
    """Return the CPU time of one path, the mean of ``PATHS``; one before them warms up."""
    work(0)
    started = time.process_time()
    for number in range(PATHS):
        work(number)
    return (time.process_time() - started) / PATHS * 1_000


def whole_run(job: StressJob) -> Callable[[int], object]:
    """Return the function that runs a path as a separate run."""
    begun = job.continuation()
    config = window_config(job, begun.begin, begun.end)

    def work(number: int) -> object:
        data = joined(job.base.dataset, begun.path(number))
        return RunRecord(run(config, data)).metrics

    return work


def unaudited(runner: PathRunner) -> Callable[[int], object]:
    """Return the function that runs a path as most paths of a stress are run."""
    return lambda number: runner.run(PathTask(number, audited=False))


def main() -> None:
    """Print one row a playbook."""
    print(
        "| run | generating the path | whole path | separate run | ratio |\n|---|---|---|---|---|"
    )
    source = open_source("embedded")
    for title, (name, overrides) in RUNS.items():
        config = load_run_config(ROOT / "configs" / "runs" / f"{name}.yaml", overrides)
        job = stress_job(config, source, "B", paths=PATHS)
        with tempfile.TemporaryDirectory() as scratch:
            runner = PathRunner(job, Path(scratch))
            made = milliseconds(job.continuation().path)
            whole = milliseconds(unaudited(runner))
        separate = milliseconds(whole_run(job))
        print(f"| {title} | {made:.0f} | {whole:.0f} | {separate:.0f} | {separate / whole:.1f} x |")


if __name__ == "__main__":
    main()
