"""Read a YAML file into a checked model, or raise one error that lists every problem."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from data_feeds.yaml_text import KeyPath
from engine.config.account import AccountConfig, SleeveConfig
from engine.config.compare import CompareConfig, RowConfig
from engine.config.layers import merged
from engine.config.locations import find_config
from engine.config.market import MarketStateConfig
from engine.config.models import RunConfig
from engine.config.problems import param_problem_texts, problem_lines, validate_strict, validated
from engine.config.yaml_source import ConfigSource, WrittenParams, dotted, read_source
from engine.errors import ConfigError, ParamProblem

PARAMS = ("playbook", "params")
HasPlaybook = TypeVar("HasPlaybook", RunConfig, SleeveConfig, RowConfig)
Matrix = TypeVar("Matrix", AccountConfig, CompareConfig)

# Returns the model of a playbook's parameters; raises ConfigError for an unknown name.
ParamsModel = Callable[[str], type[BaseModel]]
# Returns the problems of parameters that fit the model of the playbook with this name.
ParamProblems = Callable[[str, Any], Sequence[ParamProblem]]
# Returns a playbook's defaults of the risk section with the parameters of a file; raises likewise.
RiskDefaults = Callable[[str, Mapping[str, Any]], Mapping[str, Any]]


def load_run_config(
    path: Path,
    overrides: Sequence[str] = (),
    *,
    params_model: ParamsModel | None = None,
    param_problems: ParamProblems | None = None,
    risk_defaults: RiskDefaults | None = None,
) -> RunConfig:
    """Return the run that a YAML file describes.

    Parameters
    ----------
    path : the file
    overrides : ``risk.risk_fraction=0.005`` and the like, the value read as YAML
    params_model : finds the model of the playbook's parameters. With it they are checked here, with
        their line, and returned complete with defaults; without it they are left as written and
        checked when the playbook is loaded.
    param_problems : checks parameters that fit that model
    risk_defaults : finds the playbook's defaults of the risk section; the file's section is merged
        into them key by key before the check

    Raises
    ------
    YamlError : the file is missing or not the YAML we accept.
    ConfigError : the values cannot be used; one line a problem.
    """
    return checked_run(
        read_source(path, overrides),
        params_model=params_model,
        param_problems=param_problems,
        risk_defaults=risk_defaults,
    )


def checked_run(
    source: ConfigSource,
    *,
    params_model: ParamsModel | None = None,
    param_problems: ParamProblems | None = None,
    risk_defaults: RiskDefaults | None = None,
) -> RunConfig:
    """Return the run that the values of a source describe.

    Parameters and errors are those of :func:`load_run_config`; ``source.data`` gets the playbook's
    defaults of the risk section.
    """
    if "sleeves" in source.data:
        raise ConfigError(
            f"{source.where(('sleeves',))}: sleeves: an account of several playbooks is no single "
            f"run; use: riskoff account {source.name}"
        )
    if "rows" in source.data:
        raise ConfigError(
            f"{source.where(('rows',))}: rows: a comparison is no single run; use: riskoff compare "
            f"{source.name}"
        )
    if "over" in source.data:
        raise ConfigError(
            f"{source.where(('over',))}: over: a sweep is no single run; use: riskoff sweep "
            f"{source.name}"
        )
    if source.data.get("sleeve_of"):
        raise ConfigError(
            f"{source.where(('sleeve_of',))}: sleeve_of: this was a sleeve of the account "
            f"{source.data['sleeve_of']}, under its caps and guards; run the account again, or "
            "take the line out to run the sleeve alone"
        )
    problems: list[str] = []
    config = None
    _lay_risk(source.data, risk_defaults)
    try:
        config = validate_strict(RunConfig, source.data)
    except ValidationError as error:
        problems += problem_lines(error, RunConfig, source)
    params = None
    if params_model is not None:
        params, found = _checked_params(source, params_model, param_problems)
        problems += found
    if config is None or problems:
        raise ConfigError("\n".join(problems))
    return _with_params(config, params, source)


def load_account_config(
    path: Path,
    overrides: Sequence[str] = (),
    *,
    params_model: ParamsModel | None = None,
    param_problems: ParamProblems | None = None,
    risk_defaults: RiskDefaults | None = None,
) -> AccountConfig:
    """Return the account of several playbooks that a YAML file describes.

    Parameters and errors are those of :func:`load_run_config`.
    """
    source = read_source(path, overrides)
    _lay_risk_of_each(source.data, "sleeves", risk_defaults)
    config, params = _load_several(AccountConfig, "sleeves", source, params_model, param_problems)
    sleeves = {
        name: _with_params(item, params.get(name), source, ("sleeves", name))
        for name, item in config.sleeves.items()
    }
    return config.model_copy(update={"sleeves": sleeves})


def load_compare_config(
    path: Path,
    overrides: Sequence[str] = (),
    *,
    params_model: ParamsModel | None = None,
    param_problems: ParamProblems | None = None,
    risk_defaults: RiskDefaults | None = None,
) -> CompareConfig:
    """Return the comparison that a YAML file describes.

    Parameters and errors are those of :func:`load_run_config`.
    """
    source = read_source(path, overrides)
    _lay_risk_of_each(source.data, "rows", risk_defaults)
    written = source.data.get("episodes")
    texts = [text for text in written if isinstance(text, str)] if isinstance(written, list) else []
    episodes, missing = _found_episodes(texts, path)
    try:
        config, params = _load_several(CompareConfig, "rows", source, params_model, param_problems)
    except ConfigError as error:
        raise ConfigError("\n".join([str(error), *missing])) from error
    if missing:
        raise ConfigError("\n".join(missing))
    rows = {
        name: _with_params(item, params.get(name), source, ("rows", name))
        for name, item in config.rows.items()
    }
    return config.model_copy(update={"rows": rows, "episodes": episodes})


def _found_episodes(episodes: Sequence[str], path: Path) -> tuple[tuple[str, ...], list[str]]:
    """Return the files of a comparison's episodes, and a line for each that is not there.

    A file beside the comparison comes before one of that path.
    """
    found, problems = [], []
    for text in episodes:
        beside = path.parent / text
        try:
            found.append(str(find_config(str(beside) if beside.is_file() else text, "episodes")))
        except ConfigError as error:
            problems.append(f"{path}: episodes: {error}")
    return tuple(found), problems


def _load_several(
    model: type[Matrix],
    block: str,
    source: ConfigSource,
    params_model: ParamsModel | None,
    param_problems: ParamProblems | None,
) -> tuple[Matrix, dict[str, BaseModel | None]]:
    """Return a config with several playbooks below ``block``, and their checked parameters."""
    problems: list[str] = []
    config = None
    try:
        config = validate_strict(model, source.data)
    except ValidationError as error:
        problems += problem_lines(error, model, source)
    complete = {}
    written = source.data.get(block)
    if params_model is not None and isinstance(written, dict):
        for name in written:
            params, found = _checked_params(source, params_model, param_problems, (block, name))
            problems += found
            complete[name] = params
    if config is None or problems:
        raise ConfigError("\n".join(problems))
    return config, complete


def load_state_config(path: Path, overrides: Sequence[str] = ()) -> MarketStateConfig:
    """Return the thresholds of the market state that a YAML file describes.

    Raises
    ------
    YamlError : the file is missing or not the YAML we accept.
    ConfigError : the values cannot be used; one line a problem.
    """
    return validated(MarketStateConfig, read_source(path, overrides))


def _with_params(
    config: HasPlaybook, params: BaseModel | None, source: ConfigSource, block: KeyPath = ()
) -> HasPlaybook:
    """Return a run or sleeve with all parameters of its playbook, and where they were written."""
    given = config.playbook.params if params is None else params.model_dump(mode="json")
    playbook = config.playbook.with_params(given, WrittenParams(source, (*block, *PARAMS)))
    return config.model_copy(update={"playbook": playbook})


def _checked_params(
    source: ConfigSource,
    params_model: ParamsModel,
    param_problems: ParamProblems | None,
    block: KeyPath = (),
) -> tuple[BaseModel | None, list[str]]:
    """Return a playbook's parameters, or the problems with them or with its name.

    ``block`` is the key path of the block that holds ``playbook``.
    """
    holder: Any = source.data
    for step in block:
        holder = holder[step] if isinstance(holder[step], dict) else {}
    playbook = holder.get("playbook")
    name = playbook.get("name") if isinstance(playbook, dict) else None
    params = playbook.get("params", {}) if isinstance(playbook, dict) else None
    if not isinstance(name, str) or not isinstance(params, dict):
        return None, []  # the model has reported it
    try:
        model = params_model(name)
    except ConfigError as error:
        path = (*block, "playbook", "name")
        return None, [f"{source.where(path)}: {dotted(path)} = {name!r}: {error}"]
    prefix = (*block, *PARAMS)
    try:
        checked = validate_strict(model, params)
    except ValidationError as error:
        return None, problem_lines(error, model, source, prefix)
    found = param_problems(name, checked) if param_problems is not None else ()
    return checked, param_problem_texts(found, WrittenParams(source, prefix))


def _lay_risk(holder: dict[str, Any], risk_defaults: RiskDefaults | None) -> None:
    """Merge the risk section of a run, sleeve or row into its playbook's defaults, in place."""
    playbook = holder.get("playbook")
    name = playbook.get("name") if isinstance(playbook, dict) else None
    risk = holder.get("risk", {})
    if risk_defaults is None or not isinstance(name, str) or not isinstance(risk, dict):
        return
    try:
        params = playbook.get("params") if isinstance(playbook, dict) else None
        below = risk_defaults(name, params if isinstance(params, dict) else {})
    except ConfigError:
        return  # _checked_params reports it
    holder["risk"] = merged(below, risk)


def _lay_risk_of_each(data: dict[str, Any], block: str, risk_defaults: RiskDefaults | None) -> None:
    holders = data.get(block)
    for holder in holders.values() if isinstance(holders, dict) else ():
        if isinstance(holder, dict):
            _lay_risk(holder, risk_defaults)
