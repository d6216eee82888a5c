"""A run folder is written completely or not at all, with the same bytes every time."""

import json
import os
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from data_feeds.yaml_text import load_yaml
from engine.errors import ReportError
from engine.results.contents import folder_of, write_run
from engine.results.manifest import resolved_config
from engine.run_folder.write import check_writable

FILES = {
    "config.resolved.yaml",
    "manifest.json",
    "metrics.json",
    "conditions.json",
    "orders.parquet",
    "fills.parquet",
    "trades.parquet",
    "ledger.parquet",
    "guards.parquet",
    "equity.parquet",
    "daily.parquet",
    "journal_conditions.parquet",
    "journal_decisions.parquet",
    "journal_account.parquet",
    "decision_rows.parquet",
    "overlays.parquet",
    "trail_distances.parquet",
    "hedges.parquet",
    "seals.json",
}


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_the_folder_is_named_by_run_and_id_and_holds_every_file(make_run, tmp_path):
    run = make_run(hours=300)
    folder = write_run(run, tmp_path / "runs")
    assert folder == folder_of(run, tmp_path / "runs")
    assert folder.name.startswith("fake-")
    assert set(contents(folder)) == FILES


def test_equal_inputs_give_equal_bytes_and_timing_is_apart(make_run, tmp_path):
    first = write_run(make_run(hours=300), tmp_path / "a", timing={"seconds": 1.0})
    second = write_run(make_run(hours=300), tmp_path / "b", timing={"seconds": 2.0})
    left, right = contents(first), contents(second)
    assert left.pop("timing.json") != right.pop("timing.json")
    assert left == right


def test_the_resolved_config_reads_back_as_it_was(make_run, tmp_path):
    run = make_run(hours=300)
    folder = write_run(run, tmp_path)
    assert load_yaml(folder / "config.resolved.yaml").data == resolved_config(run)


def test_a_run_without_trades_has_every_file_and_no_nan_in_json(make_run, tmp_path):
    folder = write_run(make_run(hours=100, plans=0), tmp_path)
    assert set(contents(folder)) == FILES
    numbers = json.loads((folder / "metrics.json").read_text())
    assert numbers["trades"] == 0
    assert numbers["hit_rate"] is None
    assert pq.read_table(folder / "trades.parquet").num_rows == 0


def test_an_earlier_folder_is_replaced_only_by_a_complete_one(make_run, tmp_path):
    run = make_run(hours=100)
    folder = write_run(run, tmp_path)
    before = contents(folder)

    def fail(record, staging):
        assert contents(folder) == before
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_run(run, tmp_path, add_reports=fail)
    assert contents(folder) == before
    assert [path.name for path in tmp_path.iterdir()] == [folder.name]

    def add(record, staging):
        (staging / "page.html").write_text("page")

    assert "page.html" in contents(write_run(run, tmp_path, add_reports=add))
    assert [path.name for path in tmp_path.iterdir()] == [folder.name]


def test_a_full_disk_is_one_line_and_leaves_nothing(make_run, tmp_path):
    def fill_up(record, staging):
        raise OSError(28, "No space left on device")

    with pytest.raises(ReportError, match="No space left on device") as caught:
        write_run(make_run(hours=100), tmp_path, add_reports=fill_up)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_rename_that_fails_brings_the_earlier_folder_back(make_run, tmp_path, monkeypatch):
    run = make_run(hours=100)
    folder = write_run(run, tmp_path)
    before = contents(folder)
    rename = Path.rename

    def refuse(path, target):
        if path.name == "new":
            raise OSError(5, "Input/output error")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", refuse)
    with pytest.raises(ReportError, match="Input/output error"):
        write_run(run, tmp_path)
    assert contents(folder) == before
    assert [path.name for path in tmp_path.iterdir()] == [folder.name]


def test_a_root_that_is_a_file_is_refused_before_the_run(tmp_path):
    blocked = tmp_path / "runs"
    blocked.write_text("not a folder")
    with pytest.raises(ReportError, match="cannot write the run folder"):
        check_writable(blocked)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_root_is_refused(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(ReportError, match="Permission denied"):
        check_writable(tmp_path)


def test_a_writable_root_is_left_empty(tmp_path):
    check_writable(tmp_path / "runs")
    assert list((tmp_path / "runs").iterdir()) == []
