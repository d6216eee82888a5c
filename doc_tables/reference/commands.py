"""Make the page of the command line from the commands: arguments, options, exit codes."""

import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

from data_feeds.errors import DataError, RiskoffError
from doc_tables.blocks import PageBlock, table
from engine.cli import exit_codes
from engine.cli.commands import app
from engine.errors import PlaybookError, ReportError, SimulationError

PAGE = "reference/commands.md"
HEADING = ("argument or option", "default", "meaning")
# Each ends a command; its docstring says what failed.
ERRORS: tuple[type[RiskoffError], ...] = (DataError, PlaybookError, SimulationError, ReportError)
OTHER_CODES = {
    0: "the command did what it was asked; a refused order, a liquidation or a halt is a result; "
    "`riskoff today`: **wait**",
    exit_codes.EXIT_TOO_OLD: "`riskoff today`: **data too old** to act on, with the answer on "
    "stdout; the remedy is that of the errors of data: bring them up to date",
    exit_codes.EXIT_REDUCE: "`riskoff today`: **reduce**",
    exit_codes.EXIT_HEDGE: "`riskoff today`: **hedge**",
    exit_codes.EXIT_BUG: "a fault of riskoff, with a traceback; or the reader of a pipe went away",
    exit_codes.EXIT_USAGE: "the command line or a file that you wrote is wrong; the text names "
    "file, line, key, value and remedy",
    exit_codes.EXIT_DIFFERS: "`riskoff diff --exit-code`: the runs differ",
    exit_codes.EXIT_INTERRUPTED: "interrupted (Ctrl-C)",
    exit_codes.EXIT_TERMINATED: "terminated by a signal",
}


def command_tree() -> Any:
    """Return the command line as typer builds it, a group of commands."""
    return typer.main.get_command(app)


def commands(group: Any, path: str = "riskoff") -> Iterator[tuple[str, Any]]:
    """Yield (how it is called, command) of each command below a group."""
    for name, command in group.commands.items():
        called = f"{path} {name}"
        if hasattr(command, "commands"):
            yield from commands(command, called)
        elif not command.hidden:
            yield called, command


def blocks() -> Iterator[PageBlock]:
    """Yield the commands, the options of all commands, and the exit codes."""
    tree = command_tree()
    lines: list[str] = []
    for called, command in commands(tree):
        usage = " ".join([called, *_arguments(command), "[OPTIONS]"])
        lines += [f"## {called}", "", *_words(command.help), "", "```text", usage, "```", ""]
        rows = [_row(item) for item in command.params if not item.hidden]
        lines += [*table(HEADING, rows), ""] if rows else []
    yield PageBlock(PAGE, "commands", lines[:-1], whole=True)
    own = [_row(item) for item in tree.params if not item.hidden]
    yield PageBlock(PAGE, "options", table(HEADING, own), whole=True)
    yield PageBlock(PAGE, "codes", table(("code", "meaning"), _codes()), whole=True)


def _arguments(command: Any) -> Iterator[str]:
    for item in command.params:
        if item.param_type_name == "argument":
            yield _spelled(item) if item.required else f"[{_spelled(item)}]"


def _row(item: Any) -> tuple[str, str, str]:
    meaning = " ".join(_words(item.help)).replace("|", "\\|")
    if item.multiple and "repeated" not in meaning:
        meaning = f"{meaning.rstrip('.')}; may be repeated"
    return f"`{_spelled(item)}`", _default(item), meaning


def _spelled(item: Any) -> str:
    if item.param_type_name == "argument":
        name = str(item.metavar or item.name.upper()).removesuffix("...")
        return name if item.nargs == 1 else f"{name}..."
    names = ", ".join([*item.opts, *item.secondary_opts])
    value = "" if item.is_flag or item.count else f" {item.metavar or item.name.upper()}"
    return f"{names}{value}"


def _default(item: Any) -> str:
    value = item.default
    if item.required:
        return "required"
    if item.secondary_opts:
        return f"`{item.opts[0] if value else item.secondary_opts[0]}`"
    if value in (None, "", False) or item.multiple or callable(value):
        return ""
    shown = value.as_posix() if isinstance(value, Path) else getattr(value, "value", value)
    return f"`{shown}`"


def _words(text: str | None) -> list[str]:
    """Return the lines of a help text: each paragraph in one, and an empty one between two."""
    plain = inspect.cleandoc(text or "").replace("\b", "").replace("``", "`")
    paragraphs = [" ".join(part.split()) for part in re.split(r"\n\s*\n", plain)]
    return [line for part in paragraphs for line in ("", part)][1:]


def _codes() -> Iterator[tuple[str, str]]:
    """Yield each exit code with its meaning.

    Raises
    ------
    SystemExit : a code of ``engine.cli.exit_codes`` has no meaning here.
    """
    named = {name: code for name, code in vars(exit_codes).items() if name.startswith("EXIT_")}
    found: dict[int, list[str]] = {}
    for error in ERRORS:
        first = inspect.cleandoc(error.__doc__ or "").split("\n\n")[0]
        words = " ".join(first.split()).rstrip(".")
        found.setdefault(error.exit_code, []).append(words[:1].lower() + words[1:])
    for code, words in OTHER_CODES.items():
        found.setdefault(code, []).append(words)
    silent = sorted(name for name, code in named.items() if code not in found)
    if silent:
        raise SystemExit(f"{__name__}: OTHER_CODES says nothing about {', '.join(silent)}")
    for code in sorted(found):
        yield f"`{code}`", "; ".join(found[code])
