"""The audit's own sums of the parts of each day."""

import pandas as pd
import pytest

from engine.audit import audit_run


def findings(folder, data):
    return [(f.table, f.rule) for f in audit_run(folder, data).findings]


@pytest.mark.parametrize("column", ["equity_before", "equity_after", "trading", "interest", "bill"])
def test_a_part_of_a_day_that_the_facts_do_not_give_is_found(new_run, tmp_path, column):
    run = new_run()
    folder = run.write(tmp_path / "run")
    assert findings(folder, run.data) == []
    path = folder / "daily.parquet"
    rows = pd.read_parquet(path)
    rows[column] += 1.0
    rows.to_parquet(path, index=False)
    assert findings(folder, run.data) == [("daily", column)]


def test_a_day_without_a_row_is_found(new_run, tmp_path):
    run = new_run()
    folder = run.write(tmp_path / "run")
    path = folder / "daily.parquet"
    pd.read_parquet(path).iloc[:0].to_parquet(path, index=False)
    assert findings(folder, run.data) == [("daily", "a row a day")]
