"""The daily risk-off checklist: read the market state, explain a day, store a history."""

from engine.checklist.checklist_pages import day_page, history_page
from engine.checklist.explained_day import DayReport, day_report
from engine.checklist.history import history_picture, history_table, summary_lines
from engine.checklist.show import day_rows, format_day
from engine.checklist.state_reader import read_state

__all__ = [
    "DayReport",
    "day_page",
    "day_report",
    "day_rows",
    "format_day",
    "history_page",
    "history_picture",
    "history_table",
    "read_state",
    "summary_lines",
]
