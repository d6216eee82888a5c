"""A comparison from Python: a frame of cells, each with its run."""

import riskoff
from tests.engine.compare.conftest import FinishedComparison


def test_a_comparison_is_a_frame_of_cells_with_their_runs(small: FinishedComparison) -> None:
    root = small.folder.parent
    done = riskoff.compare(root / "small.yaml", out=root, jobs=1)
    assert list(done.matrix.index.names) == ["row", "episode"]
    assert len(done.matrix) == 8
    assert set(done.runs) == set(done.matrix.index)
    key = done.matrix.index[0]
    assert done.matrix.loc[key, "total_return"] == done.runs[key].metrics["total_return"]
    assert done.page == small.folder / "index.html"
    assert done._repr_html_().startswith("<table")
    assert repr(done).startswith("Comparison small: 4 rows, 2 episodes, ")
