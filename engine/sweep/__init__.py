"""Sweeps: many sets of values over many windows, one chosen and judged."""

from engine.sweep.dry_run import DryRun, dry_run
from engine.sweep.judgement import Judgement, judged
from engine.sweep.sweep_folder import (
    BEST_FILE,
    PAGE_FILE,
    RESULTS_FILE,
    SETS_FILE,
    SUMMARY_FILE,
    SUMMARY_JSON,
    publish_sweep,
)
from engine.sweep.sweep_inputs import SweepInputs, sweep_inputs
from engine.sweep.sweep_job import SweepJob, sweep_job
from engine.sweep.sweep_run import SweepResult, draw_of, run_sweep, stored_parts

__all__ = [
    "BEST_FILE",
    "PAGE_FILE",
    "RESULTS_FILE",
    "SETS_FILE",
    "SUMMARY_FILE",
    "SUMMARY_JSON",
    "DryRun",
    "Judgement",
    "SweepInputs",
    "SweepJob",
    "SweepResult",
    "draw_of",
    "dry_run",
    "judged",
    "publish_sweep",
    "run_sweep",
    "stored_parts",
    "sweep_inputs",
    "sweep_job",
]
