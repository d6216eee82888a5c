"""Read the configuration that a run folder holds."""

from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from data_feeds.errors import YamlError
from data_feeds.yaml_text import load_yaml
from engine.config.account import AccountConfig
from engine.config.models import RunConfig
from engine.config.problems import problem_lines
from engine.config.yaml_source import ConfigSource
from engine.errors import ReportError
from engine.run_folder.schema import unreadable

Model = TypeVar("Model", bound=BaseModel)


def stored_run(path: Path) -> RunConfig:
    """Return the configuration of a finished run.

    Raises
    ------
    ReportError : the file cannot be read, or its values are not those of a run.
    """
    return _config(path, RunConfig)


def stored_account(path: Path) -> AccountConfig:
    """Return the configuration of a finished account; errors are those of :func:`stored_run`."""
    return _config(path, AccountConfig)


def _config(path: Path, model: type[Model]) -> Model:
    try:
        document = load_yaml(path)
    except YamlError as error:
        raise unreadable(path, error) from error
    try:
        return model.model_validate(document.data)
    except ValidationError as error:
        marks = {key_path: f"line {line}" for key_path, line in document.lines.items()}
        first, *others = problem_lines(error, model, ConfigSource(document.data, marks, path.name))
        why = f"{first} (and {len(others)} more)" if others else first
        raise ReportError(f"{path}: {why}; run again") from error
