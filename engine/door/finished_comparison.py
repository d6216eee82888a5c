"""Give a finished comparison: its matrix as a frame, its cells as runs."""

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path

import pandas as pd

from engine.compare import Matrix
from engine.compare.matrix import matrix_rows
from engine.door.finished_run import Run


class Comparison:
    """Hold playbooks and baselines over episodes, one run a cell.

    Parameters
    ----------
    matrix : the finished cells
    page : the path of the written page
    """

    def __init__(self, matrix: Matrix, page: Path) -> None:
        self._matrix = matrix
        self.page = page

    @cached_property
    def matrix(self) -> pd.DataFrame:
        """Return the headline numbers and the problem of each cell, indexed by row and episode."""
        rows = matrix_rows(self._matrix.outcomes, self._matrix.records)
        return pd.DataFrame(list(rows)).set_index(["row", "episode"])

    @cached_property
    def runs(self) -> Mapping[tuple[str, str], Run]:
        """Return the run of each cell by (row, episode); a cell without a run is absent."""
        return {key: Run(record.folder) for key, record in self._matrix.records.items()}

    def __repr__(self) -> str:
        size = f"{len(self._matrix.config.rows)} rows, {len(self._matrix.episodes)} episodes"
        return f"Comparison {self._matrix.config.name}: {size}, {self.page}"

    def _repr_html_(self) -> str:
        return self.matrix.to_html(float_format="{:,.4g}".format)
