"""Playbooks over episodes: the matrix of runs, its numbers, and the page that compares them."""

from engine.compare.cells import Cell, cells_of, episodes_of
from engine.compare.page import Matrix
from engine.compare.pool import CellOutcome, run_cells
from engine.compare.write import finished_matrix, write_comparison

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
