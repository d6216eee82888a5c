"""The results of a finished run, and the contents of its folder."""

from engine.results.contents import folder_of, run_folder_name, write_run
from engine.results.finished import FinishedRun, RunRecord

__all__ = [
    "FinishedRun",
    "RunRecord",
    "folder_of",
    "run_folder_name",
    "write_run",
]
