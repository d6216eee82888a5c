"""Read a sweep's YAML file, and the run that it varies."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from data_feeds.yaml_text import KeyPath, load_yaml
from engine.config.locations import find_config
from engine.config.models import RunConfig
from engine.config.problems import validated
from engine.config.sweep import SweepConfig
from engine.config.yaml_source import (
    ConfigSource,
    dotted,
    inner_source,
    read_source,
    with_values,
)
from engine.errors import ConfigError

# A rule's named value is swept so often that its path has a short form.
LET, LET_PATH = "let", ("playbook", "params", "let")


@dataclass(frozen=True)
class SweepFile:
    """A sweep as written, and the values of its base with the sweep's settings applied.

    ``venue`` is the name of the base's venue, None where it is written inline.
    """

    config: SweepConfig
    source: ConfigSource
    base: ConfigSource
    venue: str | None = None

    def place(self, path: str) -> str:
        """Return where the levels of a swept path were written."""
        return self.source.where(("over", path))


def load_sweep_file(
    path: Path, overrides: Sequence[str] = (), data: Path | None = None
) -> SweepFile:
    """Return the sweep that a YAML file describes, and its base.

    ``data`` replaces the base's catalog.

    Raises
    ------
    YamlError : a file is missing or not the YAML we accept.
    ConfigError : the values cannot be used; one line a problem.
    """
    source = read_source(path, overrides)
    config = validated(SweepConfig, source)
    base, venue = _base(config, source, path)
    given = [
        (key_path(name), value, source.where(("settings", name)))
        for name, value in config.settings.items()
    ]
    if data is not None:
        given.append((("data", "source"), str(data), "--data"))
    return SweepFile(config, source, with_values(base, given), venue)


def key_path(path: str) -> tuple[str, ...]:
    """Return the key path of a dotted path; ``let.NAME`` is a named value of a rule file.

    >>> key_path("risk.risk_fraction"), key_path("let.vix_max")
    (('risk', 'risk_fraction'), ('playbook', 'params', 'let', 'vix_max'))
    """
    steps = tuple(path.split("."))
    return (*LET_PATH, *steps[1:]) if steps[0] == LET else steps


def check_paths(file: SweepFile, base: RunConfig) -> None:
    """Check that every path of a sweep names a value of its base.

    Raises
    ------
    ConfigError : a path names none; the text gives its place and the nearest path.
    """
    document = base.model_dump(mode="json")
    asked = [(path, file.place(path)) for path in file.config.over]
    if file.config.instruments:
        place = file.source.where(("instruments",))
        asked.append((file.config.instrument_path, place))
    problems = [
        f"{place}: {path}: no value of the base; {_nearest(path, document)}"
        for path, place in asked
        if not _names_a_value(document, key_path(path))
    ]
    if problems:
        raise ConfigError("\n".join(problems))


def _base(config: SweepConfig, source: ConfigSource, path: Path) -> tuple[ConfigSource, str | None]:
    """Return the values of the base, its venue loaded, and the name of that venue."""
    if isinstance(config.base, dict):
        return inner_source(source, "base"), _name_of(config.base.get("venue"))
    beside = path.parent / config.base
    try:
        found = find_config(str(beside) if beside.is_file() else config.base)
    except ConfigError as error:
        raise ConfigError(f"{source.where(('base',))}: base = {error}") from error
    return read_source(found), _name_of(load_yaml(found).data.get("venue"))


def _name_of(venue: Any) -> str | None:
    return venue if isinstance(venue, str) else None


def _names_a_value(document: Any, path: KeyPath) -> bool:
    """Return whether a path leads to a value, or into a block that is switched off."""
    for step in path:
        if document is None:
            return True  # the model of the whole run checks the rest
        if isinstance(document, dict) and step in document:
            document = document[step]
        elif isinstance(document, list) and str(step).isdigit() and int(step) < len(document):
            document = document[int(step)]
        else:
            return False
    return True


def _nearest(path: str, document: dict[str, Any]) -> str:
    """Return the remedy for an unknown path: the path that is written most like it."""
    written = dotted(key_path(path))
    known = list(_single_values(document))
    same_end = [name for name in known if name.rpartition(".")[2] == written.rpartition(".")[2]]
    close = same_end or get_close_matches(written, known, n=1, cutoff=0.6)
    if close:
        return f"did you mean {close[0]}?"
    return f"its blocks are {', '.join(document)}"


def _single_values(value: Any, prefix: KeyPath = ()) -> Iterator[str]:
    """Yield the paths of all values that are no blocks."""
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, inner in items:
        if isinstance(inner, dict | list):
            yield from _single_values(inner, (*prefix, key))
        else:
            yield dotted((*prefix, key))
