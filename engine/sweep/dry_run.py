"""Count the runs of a sweep and measure on one set how long they take."""

import time
from dataclasses import dataclass

from engine.sweep.parts import SweepParts
from engine.sweep.sweep_inputs import SweepInputs
from engine.sweep.sweep_job import SweepJob
from engine.sweep.sweep_run import draw_of, runner_of


@dataclass(frozen=True)
class DryRun:
    """The size of a sweep; ``seconds`` are of one process, for the sets without stored results."""

    sets: int
    stored: int
    cells: int
    seconds_per_set: float

    @property
    def runs(self) -> int:
        """Runs still to make."""
        return (self.sets - self.stored) * self.cells

    @property
    def seconds(self) -> float:
        """Seconds of all of them in one process."""
        return (self.sets - self.stored) * self.seconds_per_set


def dry_run(job: SweepJob, inputs: SweepInputs, parts: SweepParts) -> DryRun:
    """Return the size of a sweep; its first set is run twice, the second time measured.

    The first run reads the data and compiles, which happens once a process.
    """
    runner, _ = runner_of(inputs)
    run_sets, first = runner(job), job.first_set
    run_sets([first])
    clock = time.perf_counter()
    run_sets([first])
    seconds = time.perf_counter() - clock
    return DryRun(draw_of(job).wanted, len(parts.read()), len(job.cells), seconds)
