"""From a YAML file to a checked ``RunConfig``, or one error that lists every problem."""

from collections.abc import Callable, Sequence
from pathlib import Path

from pydantic import BaseModel, ValidationError

from engine.config.market import MarketStateConfig
from engine.config.models import RunConfig
from engine.config.problems import problem_lines, validate_strict
from engine.config.yaml_source import ConfigSource, read_source
from engine.errors import ConfigError

PARAMS = ("playbook", "params")

# From a playbook's name to the model of its parameters; raises ConfigError for an unknown name.
ParamsModel = Callable[[str], type[BaseModel]]


def load_run_config(
    path: Path, overrides: Sequence[str] = (), *, params_model: ParamsModel | None = None
) -> RunConfig:
    """Return the run that a YAML file describes.

    Parameters
    ----------
    path : the file
    overrides : ``risk.risk_fraction=0.005`` and the like, the value read as YAML
    params_model : finds the model of the playbook's parameters. With it they are checked here, with
        their line, and returned complete with defaults; without it they are left as written and
        checked when the playbook is loaded.

    Raises
    ------
    YamlError : the file is missing or not the YAML we accept.
    ConfigError : the values cannot be used; one line a problem.
    """
    source = read_source(path, overrides)
    problems: list[str] = []
    config = None
    try:
        config = validate_strict(RunConfig, source.data)
    except ValidationError as error:
        problems += problem_lines(error, RunConfig, source)
    params = None
    if params_model is not None:
        params, found = _checked_params(source, params_model)
        problems += found
    if config is None or problems:
        raise ConfigError("\n".join(problems))
    if params is None:
        return config
    complete = config.playbook.model_copy(update={"params": params.model_dump(mode="json")})
    return config.model_copy(update={"playbook": complete})


def load_state_config(path: Path, overrides: Sequence[str] = ()) -> MarketStateConfig:
    """Return the thresholds of the market state that a YAML file describes.

    Raises
    ------
    YamlError : the file is missing or not the YAML we accept.
    ConfigError : the values cannot be used; one line a problem.
    """
    source = read_source(path, overrides)
    try:
        return validate_strict(MarketStateConfig, source.data)
    except ValidationError as error:
        raise ConfigError("\n".join(problem_lines(error, MarketStateConfig, source))) from error


def _checked_params(
    source: ConfigSource, params_model: ParamsModel
) -> tuple[BaseModel | None, list[str]]:
    """Return the playbook's parameters, or the problems with them or with its name."""
    playbook = source.data.get("playbook")
    name = playbook.get("name") if isinstance(playbook, dict) else None
    params = playbook.get("params", {}) if isinstance(playbook, dict) else None
    if not isinstance(name, str) or not isinstance(params, dict):
        return None, []  # RunConfig's own check has reported it
    try:
        model = params_model(name)
    except ConfigError as error:
        return None, [f"{source.where(('playbook', 'name'))}: playbook.name = {name!r}: {error}"]
    try:
        return validate_strict(model, params), []
    except ValidationError as error:
        return None, problem_lines(error, model, source, PARAMS)
