"""Errors sorted by who must act.

RiskoffError
+- ConfigError           exit 2    the trader edits YAML; ParamsError
+- DataError             exit 3    the data must change (``data_feeds.errors``)
+- PlaybookError         exit 4    the plugin's author; PlaybookContractError
+- SimulationError       exit 5    us: a broken ledger identity, an impossible state
+- ReportError           exit 6

A rejected order, a liquidation, a risk halt and a run without trades are results, not errors.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from data_feeds.errors import RiskoffError

__all__ = [
    "ConfigError",
    "ParamProblem",
    "ParamsError",
    "PlaybookContractError",
    "PlaybookError",
    "ReportError",
    "RiskoffError",
    "SimulationError",
]


class ConfigError(RiskoffError):
    """The configuration cannot be used; the text names file:line, key, value and what to do."""

    exit_code = 2


@dataclass(frozen=True)
class ParamProblem:
    """Describe one problem with the value of a playbook's parameter.

    Attributes
    ----------
    path : keys and list positions below ``params``: ``("trades", "dip", "enter", "calm")``
    message : what is wrong and what to do, one line
    start, end : the wrong part of the text at ``path``, ``text[start:end]``; None, if the value as
        a whole is wrong
    """

    path: tuple[str | int, ...]
    message: str
    start: int | None = None
    end: int | None = None


class ParamsError(ConfigError):
    """Parameters of a playbook are wrong, although each fits its type.

    A playbook's ``settle`` raises it for what only the instruments' records show. Riskoff adds file
    and line of each problem.
    """

    def __init__(self, problems: Sequence[ParamProblem]) -> None:
        super().__init__(tuple(problems))
        self.problems = tuple(problems)

    def __str__(self) -> str:
        return "\n".join(
            f"{'.'.join(map(str, problem.path))}: {problem.message}" for problem in self.problems
        )


def split_problems(text: str) -> list[str]:
    """Return the problems of an error's text: each is one line and the indented lines below it.

    >>> split_problems("f.yaml:1: a\\n  x < y\\n    ^\\nf.yaml:2: b")
    ['f.yaml:1: a\\n  x < y\\n    ^', 'f.yaml:2: b']
    """
    found: list[str] = []
    for line in text.splitlines():
        if found and line.startswith("  "):
            found[-1] += f"\n{line}"
        else:
            found.append(line)
    return found


class PlaybookError(RiskoffError):
    """A playbook failed; the text names it, the instrument and the bar's time.

    It is one line, however many the plugin's own exception had.
    """

    exit_code = 4

    def __init__(self, text: str) -> None:
        super().__init__(" ".join(text.split()))


class PlaybookContractError(PlaybookError):
    """A playbook broke the contract: look-ahead, an undeclared channel, a stray intent."""


class SimulationError(RiskoffError):
    """An impossible state, or a worker process that died twice: ours to explain."""

    exit_code = 5


class ReportError(RiskoffError):
    """A report could not be made from a finished run."""

    exit_code = 6
