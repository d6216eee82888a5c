"""One path of a stress as a run of its own, audited, to be written with its page."""

from dataclasses import replace

from data_feeds.scenario_path import ScenarioPath
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
    # The folder says in its config and on its page that no catalog holds these data.
    path = ScenarioPath(job.scenario, job.seed, number, job.days, job.config.data.source)
    data = job.config.data.model_copy(update={"source": path.source})
    named = replace(job, config=job.config.model_copy(update={"name": name, "data": data}))
    return PathRunner(named, None).simulated(PathTask(number, audited=True))
