"""Give one day of the risk-off checklist."""

from engine.checklist import DayReport


class RiskOffDay:
    """Hold one day of the checklist: the action, and each condition with its numbers.

    Attributes
    ----------
    report : the day's steps and conditions
    text : the day as ``riskoff checklist`` prints it
    is_synthetic : True when a model made some of the data
    """

    def __init__(self, report: DayReport, text: str, *, is_synthetic: bool) -> None:
        self.report = report
        self.text = text
        self.is_synthetic = is_synthetic

    @property
    def action(self) -> str:
        """Return ``hedge``, ``reduce`` or ``wait``; ``cannot tell`` if too few steps are known."""
        return self.report.action

    def __repr__(self) -> str:
        return self.text.rstrip("\n")
