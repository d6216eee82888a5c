"""Read the configuration that a command names, playbook parameters included."""

import json
from collections.abc import Mapping, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any, TypedDict

from data_feeds.catalog import Catalog
from data_feeds.default_data import EMBEDDED
from data_feeds.instrument import Instrument
from data_feeds.trading_end import without_delistings
from data_feeds.yaml_text import load_yaml
from engine.config.account import AccountConfig
from engine.config.compare import CompareConfig
from engine.config.load import (
    ParamProblems,
    ParamsModel,
    RiskDefaults,
    checked_run,
    load_account_config,
    load_compare_config,
    load_run_config,
)
from engine.config.locations import (
    ACCOUNTS_FOLDER,
    COMPARE_FOLDER,
    SWEEPS_FOLDER,
    find_config,
)
from engine.config.models import RunConfig
from engine.config.sweep import SweepConfig
from engine.config.sweep_file import SweepFile, check_paths, load_sweep_file
from engine.config.yaml_source import ConfigSource, with_values
from engine.errors import ConfigError, ParamProblem, ParamsError
from engine.playbook_risk import written_risk_defaults
from engine.plugins import AnyPlaybook, load_playbook_class, param_problems

AnyConfig = RunConfig | AccountConfig | CompareConfig | SweepConfig
# A key of a file that describes more than one run.
SEVERAL = {"sleeves", "rows", "over"}


def read_config(
    config: str,
    overrides: Sequence[str] | None,
    plugin_path: Path | None,
    data: Path | None = None,
) -> RunConfig:
    """Return the run that a CONFIG argument names, with ``--set`` and ``--data`` applied.

    Raises
    ------
    YamlError, ConfigError : the file cannot be used; PlaybookError : the plugin cannot be imported.
    """
    settings, playbooks = _settings(overrides, data), _playbooks(plugin_path)
    return load_run_config(find_config(config), settings, **playbooks)


def check_any(config: str, plugin_path: Path | None) -> AnyConfig:
    """Return the config as :func:`read_any`; check its parameters against a run's catalog, too.

    A catalog that is not on disk is left out, and so are the embedded data.
    """
    path = find_any(config)
    written = load_yaml(path).data
    if SEVERAL & written.keys():
        return read_any(config, None, plugin_path)
    data = written.get("data")
    name = str(data.get("source", EMBEDDED)) if isinstance(data, Mapping) else EMBEDDED
    catalog = None if name == EMBEDDED else Catalog(name)
    records = catalog.instruments() if catalog is not None and catalog.exists() else {}
    return load_run_config(find_config(str(path)), (), **_playbooks(plugin_path, records))


def data_on_disk(config: RunConfig) -> Catalog | None:
    """Return the catalog that a run names; None where it is not there, or embedded.

    The embedded data hold everything that they can hold, and their first use takes a minute.
    """
    name = str(config.data.source)
    if name == EMBEDDED or not Catalog(name).exists():
        return None
    return Catalog(name)


def read_any(config: str, overrides: Sequence[str] | None, plugin_path: Path | None) -> AnyConfig:
    """Return the run, the account of several playbooks, comparison or sweep that CONFIG names.

    Errors are those of :func:`read_config`.
    """
    path = find_any(config)
    written = load_yaml(path).data
    if "sleeves" in written:
        return read_account(str(path), overrides, plugin_path)
    if "rows" in written:
        return read_comparison(str(path), overrides, plugin_path)
    if "over" in written:
        return read_sweep(str(path), overrides, plugin_path).config
    return read_config(str(path), overrides, plugin_path)


def find_any(config: str) -> Path:
    """Return the file of an argument; a bare name is first looked up among the runs."""
    try:
        return find_config(config)
    except ConfigError:
        for folder in (ACCOUNTS_FOLDER, COMPARE_FOLDER, SWEEPS_FOLDER):
            named = folder / f"{config}.yaml"
            if not Path(config).suffix and named.is_file():
                return named
        raise


def read_account(
    config: str,
    overrides: Sequence[str] | None,
    plugin_path: Path | None,
    data: Path | None = None,
) -> AccountConfig:
    """Return the account of several playbooks that a CONFIG argument names.

    Errors are those of :func:`read_config`.
    """
    settings, playbooks = _settings(overrides, data), _playbooks(plugin_path)
    path = find_config(config, "accounts")
    return load_account_config(path, settings, **playbooks)


def read_comparison(
    config: str,
    overrides: Sequence[str] | None,
    plugin_path: Path | None,
    data: Path | None = None,
) -> CompareConfig:
    """Return the comparison that a CONFIG argument names.

    Errors are those of :func:`read_config`.
    """
    settings = list(overrides or ())
    if data is not None:
        settings.append(f"source={json.dumps(str(data))}")
    path = find_config(config, "compare")
    return load_compare_config(path, settings, **_playbooks(plugin_path))


def read_sweep(
    config: str,
    overrides: Sequence[str] | None,
    plugin_path: Path | None,
    data: Path | None = None,
) -> SweepFile:
    """Return the sweep that a CONFIG argument names, its base and its paths checked.

    Errors are those of :func:`read_config`.
    """
    file = load_sweep_file(find_config(config, "sweeps"), overrides or (), data)
    check_paths(file, run_of(with_values(file.base, ()), plugin_path))
    return file


def run_of(source: ConfigSource, plugin_path: Path | None) -> RunConfig:
    """Return the run that values describe; they get the playbook's defaults of the risk section.

    Errors are those of :func:`read_config`.
    """
    return checked_run(source, **_playbooks(plugin_path))


def _settings(overrides: Sequence[str] | None, data: Path | None) -> list[str]:
    settings = list(overrides or ())
    if data is not None:
        settings.append(f"data.source={json.dumps(str(data))}")
    return settings


class Playbooks(TypedDict):
    """Name the functions that find and check what a playbook declares about a file."""

    params_model: ParamsModel
    param_problems: ParamProblems
    risk_defaults: RiskDefaults


def _playbooks(
    plugin_path: Path | None, records: Mapping[str, Instrument] | None = None
) -> Playbooks:
    load = cache(partial(load_playbook_class, plugin_path=plugin_path))
    return {
        "params_model": lambda name: load(name).Params,
        "param_problems": lambda name, params: _problems(load(name), params, records),
        "risk_defaults": lambda name, params: written_risk_defaults(load(name), params),
    }


def _problems(
    playbook: type[AnyPlaybook], params: Any, records: Mapping[str, Instrument] | None
) -> Sequence[ParamProblem]:
    """Return the problems of parameters; of one place those that need no records come first."""
    found = param_problems(playbook, params)
    if not records:
        return found
    told = {problem.path for problem in found}
    try:
        playbook.settle(params, without_delistings(records))
    except ParamsError as error:
        return (*found, *(problem for problem in error.problems if problem.path not in told))
    except (Exception, SystemExit):
        return found  # another failure shows when the run is settled
    return found
