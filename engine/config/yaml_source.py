"""Read a run's YAML, apply overrides, and record where each value was written."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from data_feeds.errors import YamlError
from data_feeds.yaml_text import KeyPath, TextPlace, load_yaml, parse_yaml
from engine.config.locations import find_venue
from engine.config.venue import TERMS
from engine.errors import ConfigError


@dataclass(frozen=True)
class ConfigSource:
    """Hold the values of a file before validation.

    Attributes
    ----------
    data : nested dicts and lists
    marks : where each key path was written, ``file:line`` or ``--set key=value``
    name : the file, for what has no mark
    places : where the text of a scalar of the file begins, if it is written on one line
    reasons : why a value that no model accepts is wrong, in better words than the model's
    """

    data: dict[str, Any]
    marks: Mapping[KeyPath, str]
    name: str
    places: Mapping[KeyPath, TextPlace] = field(default_factory=dict)
    reasons: Mapping[KeyPath, str] = field(default_factory=dict)

    def where(self, key_path: KeyPath) -> str:
        """Return the place of a key path, or of its nearest written parent."""
        for length in range(len(key_path), 0, -1):
            if key_path[:length] in self.marks:
                return self.marks[key_path[:length]]
        return self.marks.get((), f"{self.name}:1")

    def point(self, key_path: KeyPath, start: int) -> str:
        """Return the place of one letter of a text: ``file:line:column``.

        The column is that of the text if the file does not hold the text letter by letter; a text
        of several lines, and one of ``--set``, has the place of its key.
        """
        place = self.places.get(key_path)
        if place is None:
            return self.where(key_path)
        column = place.column + (start if place.verbatim else 0)
        return f"{self.name}:{place.line}:{column}"

    def nearest(self, key_path: KeyPath) -> tuple[KeyPath, Any]:
        """Return the longest part of a key path that the data hold, and its value."""
        value: Any = self.data
        for depth, step in enumerate(key_path):
            if not _holds(value, step):
                return key_path[:depth], value
            value = value[step]
        return key_path, value

    def rank(self, key_path: KeyPath) -> tuple[int, ...]:
        """Return a key that sorts key paths in the order of the file."""
        value: Any = self.data
        found = []
        for step in key_path:
            if not _holds(value, step):
                break
            found.append(step if isinstance(step, int) else list(value).index(step))
            value = value[step]
        return tuple(found)


@dataclass(frozen=True, eq=False)
class WrittenParams:
    """Say where a playbook's parameters were written, for problems that are found later.

    ``prefix`` is the key path of the parameters in ``source``. All are equal: where a value is
    written is no part of it.
    """

    source: ConfigSource
    prefix: KeyPath

    def __eq__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return 0


def given_params(playbook: str, params: Mapping[str, Any]) -> WrittenParams:
    """Return parameters that come from no file as their own place; ``playbook`` names them."""
    data = {"playbook": {"params": dict(params)}}
    return WrittenParams(ConfigSource(data, {(): playbook}, playbook), ("playbook", "params"))


def _holds(value: Any, step: str | int) -> bool:
    if isinstance(value, list):
        return isinstance(step, int) and 0 <= step < len(value)
    return isinstance(value, dict) and step in value


def dotted(key_path: KeyPath) -> str:
    """Return a key path as the user would write it.

    >>> dotted(("venue", "maintenance", 0, "rate"))
    'venue.maintenance.0.rate'
    """
    return ".".join(str(step) for step in key_path)


def read_source(path: Path, overrides: Sequence[str] = ()) -> ConfigSource:
    """Return one file's values with its venue loaded and ``key=value`` overrides applied.

    Raises
    ------
    YamlError : the file is missing, unreadable or not the YAML we accept.
    ConfigError : an override cannot be read, or a number is not finite. A venue that is unknown
        stays a name, which no model accepts.
    """
    document = load_yaml(path)
    marks = {key_path: f"{path}:{line}" for key_path, line in document.lines.items()}
    places = dict(document.places)
    data = document.data
    settings = [_parse_override(text) for text in overrides]
    reasons: dict[KeyPath, str] = {}
    # The venue's name comes first, so that venue.taker_fee_bps changes a value of its file.
    for key_path, value, text in sorted(settings, key=lambda setting: setting[0] != ("venue",)):
        if key_path != ("venue",):
            _load_venue(data, marks, reasons)
        if key_path[:1] == ("venue",) and reasons:
            continue
        _set(data, marks, key_path, value, text)
        for stale in [place for place in places if place[: len(key_path)] == key_path]:
            del places[stale]
        _write_for_all(data, key_path)
    _load_venue(data, marks, reasons)
    source = ConfigSource(data, marks, str(path), places, reasons)
    _refuse_non_finite(source)
    return source


def with_values(source: ConfigSource, values: Iterable[tuple[KeyPath, Any, str]]) -> ConfigSource:
    """Return a copy of a source with other values; each comes with its key path and its place.

    Raises
    ------
    ConfigError : a path leads through a single value, or to no position of a list.
    """
    data, marks, places = deepcopy(source.data), dict(source.marks), dict(source.places)
    for key_path, value, place in values:
        _set(data, marks, key_path, deepcopy(value), place)
        for stale in [at for at in places if at[: len(key_path)] == key_path]:
            del places[stale]
        _write_for_all(data, key_path)
    return ConfigSource(data, marks, source.name, places, source.reasons)


def inner_source(source: ConfigSource, key: str) -> ConfigSource:
    """Return a block of a source as a source of its own, its venue loaded."""
    data = deepcopy(source.data[key])
    marks = {at[1:]: place for at, place in source.marks.items() if at[:1] == (key,)}
    places = {at[1:]: place for at, place in source.places.items() if at[:1] == (key,)}
    reasons: dict[KeyPath, str] = {}
    _load_venue(data, marks, reasons)
    return ConfigSource(data, marks, source.name, places, reasons)


def _parse_override(text: str) -> tuple[KeyPath, Any, str]:
    key, equals, value = text.partition("=")
    steps = tuple(key.strip().split("."))
    if not equals or not all(steps) or "\n" in text:
        raise ConfigError(
            f"--set {text}: write KEY=VALUE with a dotted key, for example risk.risk_fraction=0.005"
        )
    try:
        return steps, parse_yaml(f"value: {value}").data["value"], f"--set {text}"
    except YamlError as error:
        reason = str(error).split(": ", 1)[-1]
        raise ConfigError(f"--set {text}: the value is not YAML: {reason}") from error


def _set(
    data: dict[str, Any], marks: dict[KeyPath, str], key_path: KeyPath, value: Any, text: str
) -> None:
    """Write one override in place; blocks that are absent or null are created."""
    target: Any = data
    for depth, step in enumerate(key_path):
        last = depth == len(key_path) - 1
        if isinstance(target, list):
            index = int(step) if str(step).isdigit() else len(target)
            if index >= len(target):
                raise ConfigError(
                    f"{text}: {dotted(key_path[:depth])} is a list of {len(target)}; "
                    f"{step!r} is not one of its positions, 0 to {len(target) - 1}"
                )
            key: Any = index
        elif isinstance(target, dict):
            key = step
        else:
            raise ConfigError(
                f"{text}: {dotted(key_path[:depth])} is a single value and has no keys"
            )
        if last:
            target[key] = value
        elif isinstance(target, dict) and target.get(key) is None:
            target[key] = {}
            marks[key_path[: depth + 1]] = text
        key_path = (*key_path[:depth], key, *key_path[depth + 1 :])
        target = target[key]
    for stale in [mark for mark in marks if mark[: len(key_path)] == key_path]:
        del marks[stale]
    marks[key_path] = text


def _write_for_all(data: dict[str, Any], key_path: KeyPath) -> None:
    """Remove an overridden key of the venue from the keys that an instrument may replace."""
    venue, key = data.get("venue"), dotted(key_path[1:])
    general = venue.get("general") if isinstance(venue, dict) else None
    if key_path[0] != "venue" or not key or not isinstance(general, list) or key == "general":
        return
    assert isinstance(venue, dict)
    venue["general"] = still_general(general, key)


def still_general(general: Iterable[str], key: str) -> list[str]:
    """Return the keys of the venue that an instrument may still replace once ``key`` is written."""
    return [
        name
        for name in general
        if name != key and not key.startswith(f"{name}.") and not name.startswith(f"{key}.")
    ]


def _load_venue(
    data: dict[str, Any], marks: dict[KeyPath, str], reasons: dict[KeyPath, str]
) -> None:
    """Replace ``venue: NAME`` by the values of ``configs/venues/NAME.yaml``.

    The name of an unknown venue stays, and the reason is added to ``reasons``.
    """
    venue = data.get("venue")
    if not isinstance(venue, str):
        return
    try:
        document = load_yaml(find_venue(venue))
    except ConfigError as error:
        reasons["venue",] = str(error)
        return
    # An instrument's own terms may replace every key of a venue's file.
    data["venue"] = {**document.data, "general": list(TERMS)}
    for key_path, line in document.lines.items():
        marks["venue", *key_path] = f"{document.path}:{line}"


def _numbers(value: Any, key_path: KeyPath = ()) -> Iterator[tuple[KeyPath, float]]:
    if isinstance(value, float):
        yield key_path, value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from _numbers(inner, (*key_path, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _numbers(inner, (*key_path, index))


def _refuse_non_finite(source: ConfigSource) -> None:
    problems = [
        f"{source.where(key_path)}: {dotted(key_path)} = {number}: must be a finite number; "
        "null switches a limit off"
        for key_path, number in _numbers(source.data)
        if not math.isfinite(number)
    ]
    if problems:
        raise ConfigError("\n".join(problems))
