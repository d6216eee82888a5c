"""The inputs of a stress, checked before the first path."""

from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from data_feeds.catalog import Catalog
from data_feeds.clock import utc_datetime
from data_feeds.dataset import Dataset
from data_feeds.simulation.scenarios import SCENARIOS, Continuation, Scenario, continuation
from engine.config.models import ReportConfig, RunConfig
from engine.errors import ConfigError
from engine.plugins import configured_playbook
from engine.settle import settle
from engine.stress.starting_data import StartingData, scenario_base

MAX_PATHS = 100_000
MAX_DAYS = 730


@dataclass(frozen=True)
class StressJob:
    """One playbook, one scenario, and the number of paths.

    ``config`` is the config of the run; ``days`` counts the calendar days of each path; path ``i``
    depends on ``seed`` and ``i`` alone. ``plugin_path`` is the folder of local
    playbooks.
    """

    config: RunConfig
    base: StartingData
    scenario: str
    paths: int
    days: int
    seed: int
    plugin_path: Path | None = None

    @property
    def story(self) -> Scenario:
        """The scenario, with its numbers and its description."""
        return SCENARIOS[self.scenario]

    def continuation(self) -> Continuation:
        """Return the generator of the paths; SchemaError where a channel cannot be continued."""
        return continuation(self.base.dataset, self.scenario, days=self.days, seed=self.seed)


def stress_job(
    config: RunConfig,
    source: Catalog | Dataset,
    scenario: str,
    *,
    paths: int = 200,
    days: int = 60,
    seed: int = 0,
    plugin_path: Path | None = None,
) -> StressJob:
    """Return a job whose playbook, data and numbers have been checked.

    Raises
    ------
    ConfigError : an unknown scenario, or a number out of range.
    CoverageError : see :func:`~engine.stress.starting_data.scenario_base`.
    """
    check_numbers(scenario, paths=paths, days=days, seed=seed)
    config, playbook = settle(config, source, configured_playbook(config.playbook, plugin_path))
    # Parameters with their defaults, and no benchmark, since paths are compared with none.
    complete = config.playbook.model_copy(
        update={"params": playbook.params.model_dump(mode="json")}
    )
    plain = config.model_copy(update={"playbook": complete, "report": ReportConfig()})
    base = scenario_base(plain, source, playbook, scenario)
    job = StressJob(plain, base, scenario, paths, days, seed, plugin_path)
    job.continuation()
    return replace(job, config=config.model_copy(update={"playbook": complete}))


def check_numbers(scenario: str, *, paths: int, days: int, seed: int) -> None:
    """Refuse an unknown scenario and numbers out of range.

    Raises
    ------
    ConfigError : the text names the option, its value and what it may be.
    """
    if scenario not in SCENARIOS:
        known = ", ".join(f"{item.name} ({item.title})" for item in SCENARIOS.values())
        raise ConfigError(f"--scenario {scenario}: no such scenario; use one of {known}")
    for name, value, least, most in (
        ("paths", paths, 1, MAX_PATHS),
        ("days", days, 1, MAX_DAYS),
        ("seed", seed, 0, 2**63 - 1),
    ):
        if not least <= value <= most:
            raise ConfigError(f"--{name} {value}: must be from {least:,} to {most:,}")


def window_config(job: StressJob, begin: int, end: int) -> RunConfig:
    """Return the config of a run over one path: traded from ``begin`` to ``end`` (ns UTC)."""
    data = job.config.data.model_copy(update={"start": _moment(begin), "end": _moment(end)})
    return job.config.model_copy(update={"data": data, "report": ReportConfig()})


def _moment(at: int) -> datetime:
    """Return an instant as a datetime; scenarios begin and end on whole seconds."""
    return utc_datetime(at)
