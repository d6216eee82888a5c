"""Running cells: resumed, refused, audited; a bad cell is told and stops no other."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from engine.compare import cells_of, episodes_of, pool, run_cells
from engine.compare.pool import AUDIT_FILE, run_cell
from engine.errors import ConfigError
from tests.engine.cli.command import interruptible
from tests.engine.compare.conftest import load, write_files

ROOT = Path(__file__).parents[3]


def test_a_cell_that_is_there_is_not_run_again(small):
    cells = cells_of(small.config, episodes_of(small.config))
    folder = small.matrix.outcomes[0].folder
    before = (folder / "fills.parquet").stat().st_mtime_ns
    again = run_cell(cells[0], small.folder / "runs", small.folder / "index.html", None)
    assert again.reused
    assert again.folder == folder
    assert (folder / "fills.parquet").stat().st_mtime_ns == before
    assert not small.matrix.outcomes[0].reused


def test_every_cell_is_audited_and_its_tearsheet_links_back(small):
    for cell in small.matrix.records.values():
        document = json.loads((cell.folder / AUDIT_FILE).read_text())
        assert document["findings"] == []
        assert sum(document["checks"].values()) > 20
        assert 'href="../../index.html"' in (cell.folder / "tearsheet.html").read_text()


def test_a_cell_names_its_row_and_episode_in_its_run_and_tearsheet(small):
    cell = small.matrix.records["reclaim", "cascade"]
    assert cell.files.manifest["name"] == "reclaim-cascade"
    sheet = (cell.folder / "tearsheet.html").read_text()
    assert "reclaim-cascade: liquidation_reclaim (SYNTHETIC DATA)" in sheet
    title = sheet.split("<title>")[1].split("</title>")[0]
    assert title.endswith(f"SYNTHETIC DATA, {cell.folder.name}")


def test_a_cell_that_cannot_run_is_told_and_stops_no_other(tmp_path):
    path = write_files(tmp_path, "A")
    text = path.read_text().replace("{QQQ: 0.9}", "{ARKK: 0.9}")
    path.write_text(text)
    config = load(path)
    cells = [c for c in cells_of(config, episodes_of(config)) if c.episode == "cascade"]
    outcomes = run_cells(cells, tmp_path / "runs", page=tmp_path / "index.html", jobs=2)
    by_row = {outcome.row: outcome for outcome in outcomes}
    assert "ARKK" in by_row["weights"].problem
    assert by_row["weights"].folder is None
    assert all(by_row[row].folder.is_dir() for row in ("reclaim", "balanced", "cash"))


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("reference: balanced", "reference: nobody", "reference 'nobody' is no row"),
        ("name: liquidation_reclaim", "name: liquidation_reclam", "rows.reclaim.playbook.name"),
        ("weights: {QQQ: 0.9}", "wieghts: {QQQ: 0.9}", "rows.weights.playbook.params.wieghts"),
        ("replications: 200", "replications: 20", "replications = 20"),
    ],
)
def test_mistakes_are_named_with_their_place(tmp_path, old, new, said):
    path = write_files(tmp_path, "A")
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(ConfigError) as error:
        load(path)
    assert said in str(error.value)
    assert "small.yaml:" in str(error.value)


def test_two_episodes_of_one_name_are_refused(tmp_path):
    path = write_files(tmp_path / "a", "A")
    other = tmp_path / "b"
    write_files(other, "B")
    text = path.read_text().replace(
        "episodes: [", f"episodes: [{json.dumps(str(other / 'crash.yaml'))}, "
    )
    path.write_text(text)
    with pytest.raises(ConfigError, match="2 of them are called 'crash'"):
        episodes_of(load(path))


def test_an_episode_beside_the_file_is_found_from_anywhere(tmp_path, monkeypatch):
    path = write_files(tmp_path / "here", "A")
    path.write_text(path.read_text().replace(str(tmp_path / "here") + "/", ""))
    monkeypatch.chdir(tmp_path)
    assert [episode.name for episode in episodes_of(load(path))] == ["cascade", "crash"]
    path.write_text(path.read_text().replace("crash.yaml", "nope.yaml"))
    with pytest.raises(ConfigError, match=r"small.yaml: episodes: nope.yaml: no such file"):
        load(path)


DAMAGE = {
    "equity.parquet": b"",
    AUDIT_FILE: b"{}",
    "trades.parquet": b"PAR1",
    "tearsheet.html": b"",
}


def test_a_damaged_cell_is_run_again(small, tmp_path):
    cell = cells_of(small.config, episodes_of(small.config))[2]
    page = tmp_path / "index.html"
    first = run_cell(cell, tmp_path / "runs", page, None)
    for name, content in DAMAGE.items():
        (first.folder / name).write_bytes(content)
        again = run_cell(cell, tmp_path / "runs", page, None)
        assert (again.reused, again.problem, again.folder) == (False, "", first.folder)
        assert run_cell(cell, tmp_path / "runs", page, None).reused


def test_an_unexpected_error_is_told_as_a_bug_of_its_cell(small, tmp_path, monkeypatch):
    monkeypatch.setattr(pool, "prepare_run", lambda *_: 1 / 0)
    cell = cells_of(small.config, episodes_of(small.config))[0]
    outcome = run_cell(cell, tmp_path, tmp_path / "index.html", None)
    assert outcome.problem == "a bug in riskoff: ZeroDivisionError: division by zero"


def test_a_worker_that_was_told_to_stop_starts_no_other_cell(small, tmp_path, monkeypatch):
    monkeypatch.setattr(pool, "_stopping", False)
    with pytest.raises(SystemExit):
        pool._stop()
    cell = cells_of(small.config, episodes_of(small.config))[0]
    assert run_cell(cell, tmp_path, tmp_path / "index.html", None).problem == "stopped"
    assert list(tmp_path.iterdir()) == []


def test_an_episode_named_twice_is_refused(tmp_path):
    path = write_files(tmp_path, "A")
    text = path.read_text()
    first = text.split("episodes: [")[1].split(",")[0]
    path.write_text(text.replace("episodes: [", f"episodes: [{first}, "))
    with pytest.raises(ConfigError, match="named twice"):
        load(path)


def test_an_interrupt_leaves_whole_cells_only_and_no_process(tmp_path):
    path = write_files(tmp_path, "A")
    command = [sys.executable, "-c", "from engine.cli.app import main; main()"]
    child = subprocess.Popen(
        [*command, "compare", str(path), "--out", "out", "--jobs", "2"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        preexec_fn=interruptible,  # noqa: PLW1509 - no threads here
    )
    runs = tmp_path / "out" / "small" / "runs"
    deadline = time.monotonic() + 120
    while not list(runs.glob("*-*")) and time.monotonic() < deadline and child.poll() is None:
        os.sched_yield()
    child.send_signal(signal.SIGINT)
    child.communicate(timeout=60)
    assert child.returncode != 0
    assert not (tmp_path / "out" / "small" / "index.html").exists()
    assert not list(runs.glob(".partial-*"))
    assert all((folder / AUDIT_FILE).is_file() for folder in runs.iterdir())
    assert ended(child.pid)


def ended(group):
    """Whether no process of a group is left, after those that are about to end."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return True
        os.sched_yield()
    return False
