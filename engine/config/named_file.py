"""Files that hold one named thing: the name stands inside, and the file is called after it."""

from pathlib import Path
from typing import TypeVar

from pydantic import Field

from data_feeds.strict_model import SortedModel
from engine.config.field_types import Text
from engine.config.problems import validated
from engine.config.yaml_source import read_source
from engine.errors import ConfigError


class NamedModel(SortedModel):
    """Model of a file that is called ``NAME.yaml``."""

    name: Text = Field(description="Name of the file")


N = TypeVar("N", bound=NamedModel)


def load_named(path: Path, model: type[N]) -> N:
    """Return the model that a YAML file describes.

    Raises
    ------
    YamlError : the file is missing or not the YAML we accept.
    ConfigError : the values cannot be used, or the name is not the file's; one line a problem.
    """
    source = read_source(path)
    found = validated(model, source)
    if found.name != path.stem:
        raise ConfigError(
            f"{source.where(('name',))}: name = {found.name!r}: must be the file's, {path.stem!r}"
        )
    return found
