"""One path of a stress as a run of its own, audited, to be written with its page."""

from dataclasses import replace

from engine.errors import ConfigError
from engine.run import RunResult
from engine.stress.job import StressJob
from engine.stress.path import PathRunner, PathTask


def path_run(job: StressJob, number: int) -> RunResult:
    """Return the run over a path, its decisions proved causal and its books audited.

    Its name ends with the scenario and the path, so that it hides no run of the same config.

    Raises
    ------
    ConfigError : the number is negative.
    SimulationError, RiskoffError : as a stress raises them.
    """
    if number < 0:
        raise ConfigError(f"--path {number}: paths are numbered from 0")
    name = f"{job.config.name}-{job.scenario.lower()}-seed-{job.seed}-path-{number}"
    named = replace(job, config=job.config.model_copy(update={"name": name}))
    return PathRunner(named, None).simulated(PathTask(number, audited=True))
