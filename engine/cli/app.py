"""How the ``riskoff`` command starts and ends.

The imports come inside :func:`execute`: Ctrl-C during the first of them is answered as any other.
"""

import signal
import sys
from collections.abc import Sequence

EXIT_INTERRUPTED = 130
EXIT_TERMINATED = 143


class Terminated(BaseException):
    """A polite kill; like Ctrl-C it removes what is half-written, and no playbook can catch it."""


def execute(arguments: Sequence[str]) -> int:
    """Return the exit code of one command line; every failure is one clear line on stderr."""
    try:
        from engine.cli.commands import app

        code = app(list(arguments), prog_name="riskoff", standalone_mode=False)
        sys.stdout.flush()
        # Typer turns Ctrl-C into this exit code by itself.
        if code == EXIT_INTERRUPTED:
            raise KeyboardInterrupt
    except Terminated:
        return EXIT_TERMINATED
    except BaseException as error:
        from engine.cli.failures import report_failure

        return report_failure(error)
    return code if isinstance(code, int) else 0


def main() -> None:
    """Run the command line of this process."""
    signal.signal(signal.SIGTERM, _terminate)
    sys.exit(execute(sys.argv[1:]))


def _terminate(*_: object) -> None:
    raise Terminated
