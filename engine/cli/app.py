"""Start and end the ``riskoff`` command.

:func:`execute` imports the commands itself, so that it also handles Ctrl-C during their import.
"""

import gc
import os
import signal
import sys
from collections.abc import Sequence

from engine.cli.exit_codes import EXIT_INTERRUPTED, EXIT_TERMINATED

# A command's imports make a hundred thousand objects, and all of them stay. Python's own threshold
# of 700 new objects searches them again and again, a seventh of the time of a short command.
OBJECTS_BETWEEN_SEARCHES = 50_000


class Terminated(BaseException):
    """End the command on SIGTERM: half-written files are removed, and no playbook can catch it."""


def execute(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code; a failure prints one line to stderr."""
    try:
        from engine.cli.commands import app

        code = app(list(arguments), prog_name="riskoff", standalone_mode=False)
        sys.stdout.flush()
        # Typer itself turns Ctrl-C into this exit code.
        if code == EXIT_INTERRUPTED:
            raise KeyboardInterrupt
    except Terminated:
        return EXIT_TERMINATED
    except BaseException as error:
        if isinstance(error, SystemExit) and _completing(arguments):
            return 0
        from engine.cli.failures import report_failure

        return report_failure(error)
    return code if isinstance(code, int) else 0


def _completing(arguments: Sequence[str]) -> bool:
    """Return whether a shell asks for completions, which Typer answers and then exits."""
    asked = {"--show-completion", "--install-completion"} & set(arguments)
    return bool(asked) or "_RISKOFF_COMPLETE" in os.environ


def main() -> None:
    """Run the command line of this process."""
    gc.set_threshold(OBJECTS_BETWEEN_SEARCHES)
    signal.signal(signal.SIGTERM, _terminate)
    sys.exit(execute(sys.argv[1:]))


def _terminate(*_: object) -> None:
    raise Terminated
