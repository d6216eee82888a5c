"""One answer a day: the checklist, each playbook at its last bar, the orders of the next open."""

from engine.today.answer import today_report
from engine.today.answer_data import FetchedRows, TodayReport, Verdict
from engine.today.answer_page import today_page
from engine.today.answer_text import today_text
from engine.today.asked_runs import DEFAULT_RUNS, asked_runs
from engine.today.instants import asked_instant
from engine.today.refresh import fetch_new

__all__ = [
    "DEFAULT_RUNS",
    "FetchedRows",
    "TodayReport",
    "Verdict",
    "asked_instant",
    "asked_runs",
    "fetch_new",
    "today_page",
    "today_report",
    "today_text",
]
