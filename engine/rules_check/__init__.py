"""Report the data that a run's rules need, and how often their conditions were true."""

from engine.rules_check.channel_needs import channel_ends
from engine.rules_check.rules_report import (
    RulesReport,
    check_rules,
)
from engine.rules_check.rules_text import indented, report_lines

__all__ = [
    "RulesReport",
    "channel_ends",
    "check_rules",
    "indented",
    "report_lines",
]
