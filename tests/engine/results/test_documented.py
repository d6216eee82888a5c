"""docs/results.md names every file and column that a run writes."""

import re
from pathlib import Path

from engine.results.contents import tables, write_run
from engine.results.finished import RunRecord

PAGE = Path(__file__).resolve().parents[3] / "docs" / "results.md"


def test_every_file_column_and_metric_is_described(make_run, tmp_path):
    run = make_run(hours=200)
    record = RunRecord(run)
    named = set(re.findall(r"`([^`]+)`", PAGE.read_text()))
    conditions = {item.name for item in run.signals.conditions}
    missing = [path.name for path in write_run(run, tmp_path).iterdir() if path.name not in named]
    for table in tables(record).values():
        for column in table.column_names:
            general = re.sub(r"^(cap|size_after)_.*", r"\1_<name>", column)
            name, _, part = column.partition(".")
            if name in conditions:
                general = f"<condition>.{part}" if part else "<condition>"
            if general not in named:
                missing.append(column)
    missing += [name for name in record.metrics if name not in named]
    assert missing == []
