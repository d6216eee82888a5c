"""Runs of cells: reused, refused, audited; a bad cell is reported and stops no other."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from engine.compare import CellWork, cell_runs, cells_of, episodes_of, run_cells
from engine.compare.cell_runs import AUDIT_FILE, run_cell
from engine.errors import ConfigError, SimulationError
from engine.run_folder.schema import SEALS_FILE
from engine.workers import Workers
from tests.engine.cli.command import interruptible
from tests.engine.compare.conftest import load, write_files
from tests.patience import HANGS_S

ROOT = Path(__file__).parents[3]


def work_in(folder: Path, *, tearsheets: bool = False) -> CellWork:
    """Return the inputs that all cells of a comparison in a folder share."""
    return CellWork(folder / "runs", folder / "index.html", tearsheets=tearsheets)


def test_a_cell_with_a_sealed_run_folder_is_not_run_again(small):
    cells = cells_of(small.config, episodes_of(small.config))
    folder = small.matrix.outcomes[0].folder
    before = (folder / "fills.parquet").stat().st_mtime_ns
    again = run_cell(cells[0], work_in(small.folder, tearsheets=True))
    assert again.reused
    assert again.folder == folder
    assert (folder / "fills.parquet").stat().st_mtime_ns == before
    assert not small.matrix.outcomes[0].reused


def test_every_cell_is_audited_and_its_tearsheet_links_back(small):
    for cell in small.matrix.records.values():
        document = json.loads((cell.folder / AUDIT_FILE).read_text())
        assert document["findings"] == []
        assert sum(document["checks"].values()) > 20
        back = f'href="../../index.html#cell/{cell.row}/{cell.episode.name}"'
        assert back in (cell.folder / "tearsheet.html").read_text()


def test_a_cell_names_its_row_and_episode_in_its_run_and_tearsheet(small):
    cell = small.matrix.records["reclaim", "cascade"]
    assert cell.files.manifest["name"] == "reclaim-cascade"
    sheet = (cell.folder / "tearsheet.html").read_text()
    assert "reclaim-cascade: liquidation_reclaim (SYNTHETIC DATA)" in sheet
    title = sheet.split("<title>")[1].split("</title>")[0]
    assert title.endswith(f"SYNTHETIC DATA, {cell.folder.name}")


def test_a_cell_that_cannot_run_is_reported_and_stops_no_other(tmp_path):
    path = write_files(tmp_path, "A")
    text = path.read_text().replace("{QQQ: 0.9}", "{ARKK: 0.9}")
    path.write_text(text)
    config = load(path)
    cells = [c for c in cells_of(config, episodes_of(config)) if c.episode == "cascade"]
    outcomes = run_cells(cells, work_in(tmp_path), workers=Workers(2))
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


def metrics_of(folder):
    return json.loads((folder / "metrics.json").read_text())


def set_metric(folder):
    text = json.dumps(metrics_of(folder) | {"total_return": 9.99})
    (folder / "metrics.json").write_text(text)
    return "metrics.json"


def spoil(name, content):
    def spoiled(folder):
        if content is None:
            (folder / name).unlink()
        else:
            (folder / name).write_bytes(content)
        return name

    return spoiled


def another_format(folder):
    document = json.loads((folder / SEALS_FILE).read_text())
    (folder / SEALS_FILE).write_text(json.dumps(document | {"format": 1}))
    return SEALS_FILE


def no_findings(folder):
    """Edit the audit's result so that a cell with differences looks clean."""
    document = json.loads((folder / AUDIT_FILE).read_text())
    (folder / AUDIT_FILE).write_text(json.dumps(document | {"findings": ["none of them"]}))
    return AUDIT_FILE


DAMAGE = (
    # First: the runs that follow have no page.
    spoil("tearsheet.html", b""),
    set_metric,
    no_findings,
    another_format,
    spoil("equity.parquet", b"PAR1"),
    spoil("equity.parquet", None),
    spoil("trades.parquet", b""),
    spoil("extra.parquet", b"PAR1"),
    spoil("manifest.json", b"{"),
    spoil("config.resolved.yaml", b"name: other"),
    spoil(AUDIT_FILE, b"{}"),
    spoil(SEALS_FILE, None),
    spoil("summary.txt", None),
)


def test_a_damaged_cell_is_set_aside_named_and_run_again(small, tmp_path):
    cell = cells_of(small.config, episodes_of(small.config))[2]
    first = run_cell(cell, work_in(tmp_path, tearsheets=True))
    honest = metrics_of(first.folder)
    for number, harm in enumerate(DAMAGE, start=1):
        name = harm(first.folder)
        again = run_cell(cell, work_in(tmp_path))
        assert (again.reused, again.problem, again.folder) == (False, "", first.folder)
        assert str(first.folder / name) in again.set_aside
        assert metrics_of(first.folder) == honest
        whole = run_cell(cell, work_in(tmp_path))
        assert (whole.reused, whole.set_aside) == (True, "")
        moved = sorted((tmp_path / "set_aside").iterdir())
        assert len(moved) == number
        assert all(place.name.startswith(first.folder.name) for place in moved)
    assert [path.name for path in (tmp_path / "runs").iterdir()] == [first.folder.name]


def test_a_cell_that_is_another_run_is_set_aside_named_and_run_again(small, tmp_path):
    cells = cells_of(small.config, episodes_of(small.config))
    work = work_in(tmp_path)
    config = cells[2].config
    earlier = replace(cells[2], config=config.model_copy(update={"seed": config.seed + 1}))
    others = [run_cell(cell, work).folder for cell in (cells[3], earlier)]
    first = run_cell(cells[2], work)
    honest = metrics_of(first.folder)
    for other in others:
        shutil.rmtree(first.folder)
        shutil.copytree(other, first.folder)
        again = run_cell(cells[2], work)
        assert (again.reused, again.problem, again.folder) == (False, "", first.folder)
        assert f"is of another run ({other.name})" in again.set_aside
        assert metrics_of(first.folder) == honest
        assert run_cell(cells[2], work).reused
    assert len(list((tmp_path / "set_aside").iterdir())) == len(others)


def test_an_unexpected_error_is_reported_as_a_bug_with_its_cell(small, tmp_path, monkeypatch):
    monkeypatch.setattr(cell_runs, "prepare_run", lambda *_: 1 / 0)
    cell = cells_of(small.config, episodes_of(small.config))[0]
    outcome = run_cell(cell, work_in(tmp_path))
    assert outcome.problem == "a bug in riskoff: ZeroDivisionError: division by zero"


def test_a_worker_that_dies_names_its_cell_and_the_finished_cells_are_kept(tmp_path, monkeypatch):
    def dead(*_, name, **__):
        raise SimulationError(f"{name(cell_runs.cell_job(cell, work))}: the worker process died")

    config, work = load(write_files(tmp_path, "A")), work_in(tmp_path)
    cell = cells_of(config, episodes_of(config))[0]
    monkeypatch.setattr(Workers, "run_jobs", dead)
    words = rf"^{cell.row}, {cell.episode}: the worker process died; finished cells are kept$"
    with pytest.raises(SimulationError, match=words):
        run_cells([cell], work, workers=Workers(2))


def test_an_episode_named_twice_is_refused(tmp_path):
    path = write_files(tmp_path, "A")
    text = path.read_text()
    first = text.split("episodes: [")[1].split(",")[0]
    path.write_text(text.replace("episodes: [", f"episodes: [{first}, "))
    with pytest.raises(ConfigError, match="names an episode twice"):
        load(path)


def test_an_interrupt_leaves_whole_cells_only_and_no_process(tmp_path):
    path = write_files(tmp_path, "A")
    command = [sys.executable, "-c", "from engine.cli.app import main; main()"]
    child = subprocess.Popen(
        [*command, "compare", str(path), "--out", "out", "--jobs", "2", "--no-tearsheets"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        preexec_fn=interruptible,  # noqa: PLW1509 - no threads here
    )
    runs = tmp_path / "out" / "small" / "runs"
    deadline = time.monotonic() + HANGS_S
    while not list(runs.glob("*-*")) and time.monotonic() < deadline and child.poll() is None:
        os.sched_yield()
    child.send_signal(signal.SIGINT)
    child.communicate(timeout=HANGS_S)
    assert child.returncode != 0
    assert not (tmp_path / "out" / "small" / "index.html").exists()
    assert not list(runs.glob(".partial-*"))
    assert all((folder / AUDIT_FILE).is_file() for folder in runs.iterdir())
    assert ended(child.pid)


def ended(group):
    """Return whether all processes of a group end within a deadline."""
    deadline = time.monotonic() + HANGS_S
    while time.monotonic() < deadline:
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return True
        os.sched_yield()
    return False


SIZED = """
from pathlib import Path

from engine import api
IMPORT

BARS = api.ChannelKey("SPY", api.ChannelKind.BARS, "1d")
FILE = Path(__file__).resolve().parents[1] / "elsewhere" / "weight.txt"


class WeightFromElsewhere(api.Playbook[api.PlaybookParams]):
    name = "sized"
    Params = api.PlaybookParams

    @classmethod
    def requirements(cls, params):
        return api.Requirements(BARS, frozenset({BARS}), frozenset(), ("SPY",), 1, files=(DECLARED))

    def prepare(self, data):
        bars = data.bars("SPY", "1d")
        weight = READ
        return api.Signals(bars["available_at"], {"weight": bars["close"] * 0 + weight})

    def on_bar(self, market, account):
        return (api.Rebalance({"SPY": market.signal("weight")}, "as told"),)
"""
SOURCES = {
    "helper": {"IMPORT": "import HELPER", "READ": "HELPER.WEIGHT", "DECLARED": ""},
    "late helper": {"IMPORT": "", "READ": "__import__('HELPER').WEIGHT", "DECLARED": ""},
    "file": {"IMPORT": "", "READ": "float(FILE.read_text())", "DECLARED": ""},
    "declared file": {"IMPORT": "", "READ": "float(FILE.read_text())", "DECLARED": "FILE,"},
}


def run_elsewhere(tmp_path, code):
    """Run a comparison in a new process, as on another day; return its cells by row."""
    done = subprocess.run(
        [sys.executable, "-c", "from engine.cli.app import main; main()", "compare", "small.yaml",
         "--plugin-path", "plugins", "--jobs", "1", "--json", "--no-tearsheets"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join((str(ROOT), str(tmp_path / "elsewhere")))},
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == code, done.stderr
    return {cell["row"]: cell for cell in json.loads(done.stdout)["cells"]}


# A minute each: two kinds here, all four in the soak; test_run_id tests each kind by its run id.
@pytest.mark.parametrize("kind", SOURCES if "RISKOFF_SOAK" in os.environ else ("helper", "file"))
def test_a_cell_follows_what_its_rules_read_outside_their_folder(tmp_path, kind):
    path = write_files(tmp_path, "A")
    text = path.read_text()
    first, last = text.index("  reclaim:"), text.index("  balanced:")
    row = (
        "  weights:\n    title: Sized\n    playbook: {name: sized_plugin}\n"
        "    account: &brokerage {venue_cash: 0, brokerage_cash: 1000000}\n"
        "    risk: &book\n      target_volatility: null\n      volatility_window: 20d\n"
        "      participation_window: 20d\n      daily_loss: null\n      drawdown: null\n"
        "      cool_down: null\n      max_trades_per_day: null\n"
    )
    text = text[:first] + row + text[last:]
    text = text[: text.index("  cash:")] + text[text.index("venue: ") :]
    path.write_text(text.replace(str(tmp_path / "cascade.yaml"), str(tmp_path / "crash.yaml"), 1)
                    .replace(f', "{tmp_path / "crash.yaml"}"]', "]"))  # fmt: skip
    (tmp_path / "plugins").mkdir()
    (tmp_path / "elsewhere").mkdir()
    plugin = SIZED
    for word, code in SOURCES[kind].items():
        plugin = plugin.replace(word, code)
    (tmp_path / "plugins" / "sized_plugin.py").write_text(plugin.replace("HELPER", "sized_helper"))

    def weigh(weight):
        (tmp_path / "elsewhere" / "weight.txt").write_text(f"{weight}")
        (tmp_path / "elsewhere" / "sized_helper.py").write_text(f"WEIGHT = {weight}\n")
        return run_elsewhere(tmp_path, 0)["weights"]

    quarter, whole = weigh(0.25), weigh(0.999)
    # Four times as much of one falling fund loses about four times as much.
    assert whole["total_return"] == pytest.approx(4 * quarter["total_return"], rel=0.1)
    assert whole["total_return"] < -0.05
    assert whole["run"] != quarter["run"]
    again = weigh(0.25)
    assert (again["run"], again["total_return"]) == (quarter["run"], quarter["total_return"])
