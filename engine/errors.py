"""Errors sorted by who must act.

RiskoffError
+- ConfigError           exit 2    the trader edits YAML
+- DataError             exit 3    the data must change (``data_feeds.errors``)
+- PlaybookError         exit 4    the plugin's author; PlaybookContractError
+- SimulationError       exit 5    us: a broken ledger identity, an impossible state
+- ReportError           exit 6

A rejected order, a liquidation, a risk halt and a run without trades are results, not errors.
"""

from data_feeds.errors import RiskoffError

__all__ = [
    "ConfigError",
    "PlaybookContractError",
    "PlaybookError",
    "ReportError",
    "RiskoffError",
    "SimulationError",
]


class ConfigError(RiskoffError):
    """The configuration cannot be used; the text names file:line, key, value and what to do."""

    exit_code = 2


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
