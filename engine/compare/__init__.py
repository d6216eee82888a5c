"""Comparison of playbooks over episodes: the matrix of runs, its numbers, and its page."""

from engine.compare.cell_runs import CellOutcome, CellWork, run_cells
from engine.compare.cells import Cell, cells_of, episodes_of
from engine.compare.comparison import run_comparison
from engine.compare.comparison_folder import PAGE, finished_matrix
from engine.compare.matrix import Matrix

__all__ = [
    "PAGE",
    "Cell",
    "CellOutcome",
    "CellWork",
    "Matrix",
    "cells_of",
    "episodes_of",
    "finished_matrix",
    "run_cells",
    "run_comparison",
]
