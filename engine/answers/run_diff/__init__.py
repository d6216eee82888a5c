"""The difference of two runs: which trades changed, and by what."""

from engine.answers.run_diff.diff_text import diff_document, diff_text, trade_text
from engine.answers.run_diff.two_runs import RunDiff, TradeVerdict, diff_runs

__all__ = ["RunDiff", "TradeVerdict", "diff_document", "diff_runs", "diff_text", "trade_text"]
