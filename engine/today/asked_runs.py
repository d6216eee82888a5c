"""The runs that a day's answer is about: by file, by shipped name, by playbook, by finished run."""

from collections.abc import Sequence
from pathlib import Path

from engine.config.locations import ACCOUNTS_FOLDER, find_config
from engine.config.models import RunConfig
from engine.config_files import read_config
from engine.errors import ConfigError, ReportError
from engine.plugins import list_playbooks
from engine.run_folder.read import is_account
from engine.run_folder.run_names import find_run
from engine.run_folder.schema import CONFIG_FILE

# One run a playbook, each on hours or sessions, with a window that its own end does not limit.
DEFAULT_RUNS = ("reclaim_2026_1h", "swing_2026", "hedged_2026")
_ACCOUNT = "{}: an account of several playbooks; name one of its runs' files"


def asked_runs(
    names: Sequence[str],
    settings: Sequence[str],
    *,
    plugin_path: Path | None,
    data: Path,
    runs: Path,
) -> list[RunConfig]:
    """Return the config of each asked run, of the shipped ones where none is named.

    A name is a YAML file or a shipped run or rule file, else a playbook (its shipped run), else a
    finished run of the folder ``runs``. ``settings`` replace values of every file; a finished run
    keeps its own values otherwise. ``data`` is the catalog of all of them.

    Raises
    ------
    ConfigError : no such name. YamlError, ConfigError : a file cannot be used.
    """
    return [
        read_config(_file_of(name, runs, plugin_path), list(settings), plugin_path, data)
        for name in (names or DEFAULT_RUNS)
    ]


def _file_of(name: str, runs: Path, plugin_path: Path | None) -> str:
    """Return the file that a name stands for."""
    try:
        return str(find_config(name))
    except ConfigError as error:
        missing = error
    if (ACCOUNTS_FOLDER / f"{name}.yaml").is_file():
        raise ConfigError(_ACCOUNT.format(name))
    of_playbook = _shipped_runs().get(name)
    if of_playbook is not None:
        return of_playbook
    if name in {entry.name for entry in list_playbooks(plugin_path)}:
        shipped = ", ".join(_shipped_runs())
        raise ConfigError(
            f"{name}: a playbook without a run for today; name a run file that uses it "
            f"(a playbook alone: {shipped})"
        )
    try:
        folder = find_run(name, runs)
    except ReportError:
        raise missing from None
    if is_account(folder):
        raise ConfigError(_ACCOUNT.format(name))
    return str(folder / CONFIG_FILE)


def _shipped_runs() -> dict[str, str]:
    """Return the run that stands for each shipped playbook."""
    found = {}
    for run in DEFAULT_RUNS:
        file = find_config(run)
        found[read_config(str(file), None, None).playbook.name] = str(file)
    return found
