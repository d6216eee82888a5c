"""The config files that ship with riskoff, and those in a folder, each with what it is about."""

import re
from dataclasses import dataclass
from pathlib import Path

from data_feeds.default_data import EMBEDDED
from data_feeds.errors import YamlError
from data_feeds.yaml_text import load_yaml
from engine.config.locations import CONFIGS_FOLDER

# The folders of files that a command takes by name, and that command.
COMMANDS = {
    "runs": "riskoff run NAME",
    "rules": "riskoff run NAME",
    "accounts": "riskoff account NAME",
    "compare": "riskoff compare NAME",
    "sweeps": "riskoff sweep NAME",
    "episodes": "riskoff episodes show NAME",
    "sell_offs": "riskoff sell-offs RUN --market NAME",
}
# The key that only files of a kind have; a run has `playbook`.
_KEYS = {"sleeves": "accounts", "rows": "compare", "over": "sweeps", "playbook": "runs"}
_SOURCE = re.compile(r"^ *source: *(\S+)", re.MULTILINE)
_BASE = re.compile(r"^base: *(\S+)", re.MULTILINE)
_SENTENCE = re.compile(r"(.+?[.?!])(\s|$)")


@dataclass(frozen=True)
class ListedConfig:
    """One config file.

    Attributes
    ----------
    kind : the folder of ``configs`` that it belongs to
    name : what a command takes: a shipped file's bare name, the path of another
    needs_data : False where the reconstructions inside the package are enough
    about : the first sentence of its comment; empty without one
    """

    kind: str
    name: str
    path: Path
    needs_data: bool
    about: str


def shipped_configs() -> list[ListedConfig]:
    """Return the shipped configs that a command takes by name, by kind and name."""
    return [
        _listed(path, kind, path.stem)
        for kind in COMMANDS
        for path in sorted((CONFIGS_FOLDER / kind).glob("*.yaml"))
    ]


def configs_in(folder: Path) -> tuple[list[ListedConfig], list[str]]:
    """Return the configs in a folder by kind and path, and why other YAML files cannot be read.

    Files of another kind are left out.
    """
    found: list[ListedConfig] = []
    unreadable: list[str] = []
    for path in sorted(folder.glob("*.yaml")):
        try:
            written = load_yaml(path).data
        except YamlError as error:
            unreadable.append(str(error))
            continue
        kind = next((kind for key, kind in _KEYS.items() if key in written), None)
        if kind is not None:
            found.append(_listed(path, kind, str(path)))
    kinds = list(COMMANDS)
    return sorted(found, key=lambda item: (kinds.index(item.kind), item.path)), unreadable


def about(text: str) -> str:
    r"""Return the first sentence of the comment that a config's text begins with.

    >>> about("# yaml-language-server: $schema=x\n#\n# Idea: buy a fall. Leave soon.\nname: x\n")
    'Buy a fall.'
    """
    lines: list[str] = []
    for line in text.splitlines():
        if not line.startswith("#"):
            break
        words = line.lstrip("#").strip()
        if words.startswith("yaml-language-server"):
            continue
        if not words and lines:
            break
        lines.append(words)
    comment = " ".join(lines).strip().removeprefix("Idea: ")
    found = _SENTENCE.match(comment)
    sentence = found[1] if found else comment
    return sentence[:1].upper() + sentence[1:]


def _listed(path: Path, kind: str, name: str) -> ListedConfig:
    text = path.read_text(encoding="utf-8")
    needs = kind != "episodes" and _needs(text, kind)
    return ListedConfig(kind, name, path, needs, about(text))


def _needs(text: str, kind: str) -> bool:
    """Return whether a config reads a catalog; a sweep without data of its own reads its base's."""
    if kind == "sell_offs":
        return True
    source = _SOURCE.search(text)
    if source is not None:
        return source[1] != EMBEDDED
    base = _BASE.search(text)
    if base is None:
        return False
    places = (CONFIGS_FOLDER / "runs" / f"{base[1]}.yaml", CONFIGS_FOLDER.parent / base[1])
    named = next((place for place in places if place.is_file()), None)
    # A base of another folder may read anything.
    return named is None or _needs(named.read_text("utf-8"), "runs")
