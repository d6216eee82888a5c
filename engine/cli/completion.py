"""Complete the names that commands take in a shell: configs, runs, playbooks, episodes."""

from collections.abc import Callable
from pathlib import Path

from engine.config.locations import CONFIGS_FOLDER

DEFAULT_RUNS = Path("runs")
# The kinds of files that a command for any config takes.
ANY_CONFIG = ("runs", "rules", "accounts", "compare", "sweeps")
Names = Callable[[str], list[str]]


def files_of(*kinds: str) -> Names:
    """Return a completion of shipped configs of some kinds, and of YAML files in this folder."""

    def names(incomplete: str) -> list[str]:
        shipped = [path.stem for kind in kinds for path in (CONFIGS_FOLDER / kind).glob("*.yaml")]
        own = [str(path) for path in Path().glob("*.yaml")]
        return _starting(incomplete, shipped + own)

    return names


def run_names(incomplete: str) -> list[str]:
    """Return the folders of finished runs that begin as typed."""
    return _starting(incomplete, [path.name for path in DEFAULT_RUNS.glob("*-*") if path.is_dir()])


def playbook_names(incomplete: str) -> list[str]:
    """Return the installed playbooks that begin as typed."""
    from importlib.metadata import entry_points

    return _starting(incomplete, [entry.name for entry in entry_points(group="riskoff.strategies")])


def asked_names(incomplete: str) -> list[str]:
    """Return the runs, rule files, playbooks and finished runs that begin as typed."""
    found = (*files_of("runs", "rules")(incomplete), *playbook_names(incomplete))
    return _starting(incomplete, [*found, *run_names(incomplete)])


def import_formats(incomplete: str) -> list[str]:
    """Return the formats of files for which an import drafts the mapping that begin as typed."""
    from data_feeds.sources.drafts import FORMATS

    return _starting(incomplete, list(FORMATS))


def _starting(incomplete: str, names: list[str]) -> list[str]:
    return sorted({name for name in names if name.startswith(incomplete)})
