"""Finished runs judged over every sell-off of a market: page, text and document.

The dates are hindsight, so this is a report; no module that decides imports it.
"""

from engine.sell_off_report.report import JSON, PAGE, TEXT, judge_runs, write_report
from engine.sell_off_report.report_tables import SellOffReport, report_text

__all__ = ["JSON", "PAGE", "TEXT", "SellOffReport", "judge_runs", "report_text", "write_report"]
