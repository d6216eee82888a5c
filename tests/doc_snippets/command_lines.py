"""Check commands that a page shows against the real command line and the shipped configs."""

import re
import shlex
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from doc_tables.reference.commands import command_tree, commands
from engine.config.config_list import shipped_configs
from engine.config.locations import CONFIGS_FOLDER, find_config
from engine.config_files import find_any, read_any
from engine.errors import ConfigError
from tests.doc_snippets.pages import Snippet

COMMAND = re.compile(r"^\s*(?:\$ )?(?:\.venv/bin/)?(riskoff(?: .*)?)$")
END = re.compile(r"\s+(?:#|\||>|&&|;)(?:\s|$).*")
# Of the reader's own: FILE, RUN_A, my/x.yaml, runs/demo-<id>.
PLACEHOLDER = re.compile(r"^[A-Z][A-Z0-9_|]*(\.\w+)?$|[<>*]|^\.\.\.$")
BARE_NAME = re.compile(r"^[a-z0-9][a-z0-9_\-]*$")
SETTING, HELP = "--set", ("--help", "-h")


def command_lines(snippet: Snippet) -> Iterator[str]:
    """Yield the commands of ``riskoff`` in a snippet, without comments, pipes and the prompt."""
    for line in snippet.text.replace("\\\n", " ").splitlines():
        for part in line.split(" && "):
            found = COMMAND.match(part)
            if found:
                yield END.sub("", found[1])


@cache
def known_commands() -> Mapping[str, Any]:
    """Return every command by the words that call it, groups included."""
    tree = command_tree()
    groups = {f"riskoff {name}": group for name, group in tree.commands.items()}
    return {"riskoff": tree, **groups, **dict(commands(tree))}


def problems(command: str, known_runs: frozenset[str], *, whole: bool) -> Iterator[str]:
    """Yield what is wrong with a command: its words, options, values, configs and runs.

    ``whole`` demands its arguments, too; a command named in a sentence may lack them.
    """
    words = [word for word in shlex.split(command) if word != "..."]
    root = known_commands()["riskoff"]
    first = next((i for i, word in enumerate(words[1:], 1) if not word.startswith("-")), len(words))
    yield from _check(root, words[1:first], known_runs, whole=False)
    if first == len(words):
        return
    called = _called(words[first:])
    if called == "riskoff":
        yield f"no command {words[first]}"
        return
    rest = words[first + called.count(" ") :]
    yield from _check(known_commands()[called], rest, known_runs, whole=whole)


def _called(words: list[str]) -> str:
    for length in (2, 1):
        name = " ".join(["riskoff", *words[:length]])
        if len(words) >= length and name in known_commands():
            return name
    return "riskoff"


def _check(
    command: Any, words: list[str], known_runs: frozenset[str], *, whole: bool
) -> Iterator[str]:
    arguments = [item for item in command.params if item.param_type_name == "argument"]
    given: list[str] = []
    settings: list[str] = []
    yield from _read_options(command, words, given, settings)
    least = sum(item.required for item in arguments)
    if whole and hasattr(command, "commands"):
        yield "names no command of the group"
    elif whole and len(given) < least:
        yield f"takes {least} arguments or more, not {len(given)}"
    if len(given) > len(arguments) and all(item.nargs == 1 for item in arguments):
        yield f"takes {len(arguments)} arguments or fewer, not {len(given)}"
    for item, value in zip(_repeated(arguments, len(given)), given, strict=False):
        yield from _check_argument(item.metavar, value, settings, known_runs)


def _read_options(
    command: Any, words: list[str], given: list[str], settings: list[str]
) -> Iterator[str]:
    """Yield the problems of options; collect the arguments and the values of ``--set``."""
    options = {name: item for item in command.params for name in (*item.opts, *item.secondary_opts)}
    rest = iter(words)
    for word in rest:
        name, _, value = word.partition("=") if word.startswith("--") else (word, "", "")
        if not word.startswith("-"):
            given.append(word)
        elif name in HELP:
            continue
        elif name not in options:
            yield f"no option {name}"
        elif not options[name].is_flag and not options[name].is_eager:
            value = value or next(rest, "")
            if not value:
                yield f"{name} without a value"
            settings += [value] if name == SETTING else []


def _repeated(arguments: list[Any], count: int) -> list[Any]:
    return [*arguments, *[arguments[-1]] * (count - len(arguments))] if arguments else []


def _check_argument(
    kind: str, value: str, settings: list[str], known_runs: frozenset[str]
) -> Iterator[str]:
    """Yield the problem of an argument that names a config or a run, of which it must be one."""
    if PLACEHOLDER.search(value):
        return
    if value.startswith("configs/"):
        if not (CONFIGS_FOLDER.parent / value).is_file():
            yield f"no file {value}"
        elif "CONFIG" in kind and settings:
            yield from _check_settings(value, settings)
    elif "RUN" in kind:
        name = re.split(r"[@/]", value.removeprefix("runs/"))[0]
        if name not in known_runs:
            yield f"no run of this name is made on any page: {value}"
    elif "EPISODE" in kind:
        yield from _found(value, lambda text: find_config(text, "episodes"))
    elif "CONFIG" in kind and BARE_NAME.match(value):
        yield from _found(value, find_any)
        yield from _check_settings(value, settings)


def _found(value: str, find: Any) -> Iterator[str]:
    try:
        find(value)
    except ConfigError as error:
        yield str(error)


def _check_settings(config: str, settings: list[str]) -> Iterator[str]:
    chosen = [text for text in settings if not PLACEHOLDER.search(text.partition("=")[2])]
    try:
        read_any(config, chosen, None)
    except ConfigError as error:
        yield str(error)


def shipped_names() -> frozenset[str]:
    """Return the names of the shipped configs, and those of the folder that ``init`` writes."""
    own = (path.stem for path in Path(CONFIGS_FOLDER / "init").glob("*.yaml"))
    return frozenset([item.name for item in shipped_configs()]) | frozenset(own)
