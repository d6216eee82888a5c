"""One day of the risk-off checklist."""

from engine.checklist import DayReport


class RiskOffDay:
    """One day of the checklist: the action, and each condition with its numbers.

    Attributes
    ----------
    report : the day's steps and conditions
    text : the day as ``riskoff checklist`` prints it
    is_synthetic : whether some of the data were made by a model
    """

    def __init__(self, report: DayReport, text: str, *, is_synthetic: bool) -> None:
        self.report = report
        self.text = text
        self.is_synthetic = is_synthetic

    @property
    def action(self) -> str:
        """``hedge``, ``reduce`` or ``wait``; ``cannot tell`` where too few steps are known."""
        return self.report.action

    def __repr__(self) -> str:
        return self.text.rstrip("\n")
