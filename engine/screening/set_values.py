"""The config and the parameters of one set: values at dotted paths over a base config."""

from collections.abc import Mapping
from functools import reduce
from typing import Any

from pydantic import ValidationError

from engine.config.models import RunConfig
from engine.config.problems import validate_strict
from engine.config.yaml_source import still_general
from engine.errors import ConfigError

PARAMS = "playbook.params."
_SECTIONS = ("account", "risk", "venue")


def params_of(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the swept parameters of the playbook, by their path inside the parameters."""
    return {path[len(PARAMS) :]: v for path, v in values.items() if path.startswith(PARAMS)}


def config_of(base: RunConfig, values: Mapping[str, Any]) -> RunConfig:
    """Return a config with the swept values of account, risk and venue, checked.

    Raises
    ------
    ConfigError : a value cannot be used.
    """
    updates: dict[str, Any] = {}
    for name in _SECTIONS:
        own = {p[len(name) + 1 :]: v for p, v in values.items() if p.startswith(f"{name}.")}
        if not own:
            continue
        section = getattr(base, name)
        given = with_values(section.model_dump(mode="json"), own)
        if name == "venue":
            # A key that the sweep writes holds for every instrument, as in a run file.
            given["general"] = reduce(still_general, own, given["general"])
        try:
            updates[name] = validate_strict(type(section), given)
        except ValidationError as error:
            raise ConfigError(f"{name} of a swept set: {error}") from error
    return base.model_copy(update=updates) if updates else base


def with_values(given: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return nested values with others at dotted paths; a part of a list is its number.

    >>> with_values({"a": {"b": 1}, "c": [1, 2]}, {"a.b": 3, "c.1": 5})
    {'a': {'b': 3}, 'c': [1, 5]}
    """
    found = dict(given)
    for path, value in values.items():
        first, _, rest = path.partition(".")
        if not rest:
            found[first] = value
        elif isinstance(found.get(first), list | tuple):
            place, _, inner = rest.partition(".")
            items = list(found[first])
            items[int(place)] = with_values(items[int(place)], {inner: value}) if inner else value
            found[first] = items
        else:
            found[first] = with_values(found.get(first) or {}, {rest: value})
    return found
