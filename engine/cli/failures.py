"""Turn any exception into one line and an exit code; show a traceback only on request."""

import errno
import os
import sys
import traceback

import typer

from data_feeds.errors import RiskoffError
from engine.cli.exit_codes import (
    EXIT_BROKEN_PIPE,
    EXIT_BUG,
    EXIT_INTERRUPTED,
    EXIT_STORAGE,
    EXIT_USAGE,
)
from engine.cli.output import print_error

DEBUG_VARIABLE = "RISKOFF_DEBUG"

# Errors of the file system that the user must remedy.
_STORAGE_ERRORS = frozenset(
    {
        errno.EACCES,
        errno.EDQUOT,
        errno.EFBIG,
        errno.EIO,
        errno.EMFILE,
        errno.ENOSPC,
        errno.EPERM,
        errno.EROFS,
    }
)


def report_failure(error: BaseException) -> int:
    """Print the error on stderr and return the process's exit code."""
    # Typer turns a closed pipe into an exit of its own.
    if isinstance(error, BrokenPipeError) or isinstance(error.__context__, BrokenPipeError):
        _silence_stdout()
        return EXIT_BROKEN_PIPE
    if os.environ.get(DEBUG_VARIABLE):
        traceback.print_exception(error)
    code, text = _describe(error)
    if text:
        print_error(text)
    return code


def _describe(error: BaseException) -> tuple[int, str]:
    """Return exit code and text, an empty text when typer has printed its help."""
    if isinstance(error, KeyboardInterrupt | typer.Abort):
        return EXIT_INTERRUPTED, "interrupted; nothing half-written is left"
    if isinstance(error, RiskoffError):
        return error.exit_code, str(error)
    if isinstance(error, typer.TyperException):
        text = _one_line(error.format_message())
        context = getattr(error, "ctx", None)
        command = context.command_path if context is not None else "riskoff"
        return EXIT_USAGE, f"{text} (see {command} --help)" if text else ""
    if isinstance(error, OSError) and error.errno in _STORAGE_ERRORS:
        place = error.filename if error.filename is not None else "output"
        remedy = "free space or choose a folder you can write to"
        return EXIT_STORAGE, f"{place}: {error.strerror}; {remedy}"
    return EXIT_BUG, (
        f"a bug in riskoff: {type(error).__name__}: {_one_line(str(error))}; "
        f"run again with {DEBUG_VARIABLE}=1 for the traceback and report it"
    )


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _silence_stdout() -> None:
    """Point stdout at the null device, because the interpreter flushes it at exit."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, sys.stdout.fileno())
    os.close(null)
