"""One playbook over many paths of a scenario: the spread of its results, not a forecast."""

from engine.stress.job import StressJob, stress_job
from engine.stress.measure import StressSummary, summarize
from engine.stress.one_path import path_run
from engine.stress.path import PathResult, PathRow
from engine.stress.path_runs import StressResult, run_stress
from engine.stress.starting_data import StartingData, scenario_base
from engine.stress.stress_folder import PICTURE_FILE, SUMMARY_FILE, SUMMARY_JSON, publish_stress
from engine.stress.stress_page import PAGE_FILE

__all__ = [
    "PAGE_FILE",
    "PICTURE_FILE",
    "SUMMARY_FILE",
    "SUMMARY_JSON",
    "PathResult",
    "PathRow",
    "StartingData",
    "StressJob",
    "StressResult",
    "StressSummary",
    "path_run",
    "publish_stress",
    "run_stress",
    "scenario_base",
    "stress_job",
    "summarize",
]
