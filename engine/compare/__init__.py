"""Comparison of playbooks over episodes: the matrix of runs, its numbers, and its page."""

from engine.compare.cell_runs import CellOutcome, run_cells
from engine.compare.cells import Cell, cells_of, episodes_of
from engine.compare.comparison_folder import finished_matrix, write_comparison
from engine.compare.page_data import Matrix

__all__ = [
    "Cell",
    "CellOutcome",
    "Matrix",
    "cells_of",
    "episodes_of",
    "finished_matrix",
    "run_cells",
    "write_comparison",
]
