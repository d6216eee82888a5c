"""Check ``riskoff compare`` with one good and one broken cell."""

import json
from pathlib import Path

import pytest

from tests.engine.cli.command import Command, assert_one_clear_line
from tests.engine.compare.conftest import EPISODES

CONFIG = """\
name: one
source: embedded
episodes: [crash.yaml]
reference: balanced
replications: 100
rows:
  balanced:
    title: 60/40
    baseline: true
    playbook: {name: fixed_weights, params: {weights: {SPY: 0.6, IEF: 0.4}}}
    account: {venue_cash: 0, brokerage_cash: 1000000}
    risk:
      target_volatility: null
      volatility_window: 20d
      participation_window: 20d
      daily_loss: null
      drawdown: null
      cool_down: null
      max_trades_per_day: null
venue: binance_usdm
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "one.yaml").write_text(CONFIG)
    (tmp_path / "crash.yaml").write_text(EPISODES["crash"])
    return tmp_path


def test_a_comparison_leaves_page_matrix_and_picture_and_is_resumed(command: Command, project):
    done = command("compare", "one.yaml", "--jobs", "1")
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0] == "*** SYNTHETIC DATA: nothing here happened ***"
    assert lines[1].split() == ["return,", "deepest", "drawdown,", "trades", "crash"]
    assert lines[-1] == "compare/one/index.html"
    folder = project / "compare" / "one"
    assert {path.name for path in folder.iterdir()} == {
        "index.html", "kept.json", "matrix.csv", "matrix.json", "matrix.png", "runs",
    }  # fmt: skip
    page = (folder / "index.html").read_bytes()
    again = command("compare", "one.yaml", "--jobs", "1", "--json")
    (cell,) = json.loads(again.stdout)["cells"]
    assert (cell["row"], cell["episode"], cell["audit_findings"]) == ("balanced", "crash", 0)
    assert cell["run"] in {path.name for path in (folder / "runs").iterdir()}
    assert len(list((folder / "runs").iterdir())) == 1
    assert (folder / "index.html").read_bytes() == page


def test_another_setting_is_another_run_beside_the_first(command: Command, project):
    plain = ("compare", "one.yaml", "--jobs", "1", "--no-tearsheets")
    command(*plain)
    done = command(*plain, "--set", "venue.taker_fee_bps=9")
    assert done.returncode == 0
    assert len(list((project / "compare" / "one" / "runs").iterdir())) == 2


def test_a_cell_that_cannot_run_is_in_the_page_and_in_the_exit_code(command: Command, project):
    text = CONFIG.replace("SPY: 0.6", "ARKK: 0.6")
    (project / "one.yaml").write_text(text)
    done = command("compare", "one.yaml", "--jobs", "1")
    assert done.returncode != 0
    assert "balanced, crash: " in done.stderr
    assert "ARKK" in done.stderr
    assert "did not run" in (project / "compare" / "one" / "index.html").read_text()
    document = json.loads((project / "compare" / "one" / "matrix.json").read_text())
    assert document["cells"][0]["total_return"] is None


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("compare", "nothing"), "nothing: no such file; "),
        (("compare", "one.yaml", "--set", "episodes=['2008']"), "2008: no such file; "),
        (("run", "one.yaml"), "use: riskoff compare one.yaml"),
        (("compare", "demo"), "demo: no such file"),
    ],
)
def test_mistakes_are_one_clear_line(command: Command, project, arguments, said):
    assert said in assert_one_clear_line(command(*arguments), 2)


def test_comparisons_are_validated_and_shown(command: Command, project):
    assert command("validate", "one.yaml").stdout == "one.yaml: valid\n"
    shown = json.loads(command("show-config", "one.yaml", "--json").stdout)
    assert shown["rows"]["balanced"]["playbook"]["params"]["rebalance"] == "monthly"
    assert "give one of" in command("schema", "--account", "--compare").stderr


def test_a_row_without_a_condition_is_never_taken_for_the_rules(command: Command, project):
    text = CONFIG.replace(
        "venue: binance_usdm",
        """  swing:
    title: B
    playbook:
      name: stabilization_swing
      params: {legs: [{instrument: QQQ, timeframe: 1d, weight: 1.0}]}
    account: {venue_cash: 0, brokerage_cash: 100000}
    risk:
      risk_fraction: 0.02
      target_volatility: 0.4
      volatility_window: 20d
      participation_window: 20d
      leverage_cap: 1.0
venue: binance_usdm""",
    )
    (project / "one.yaml").write_text(text)
    done = command(
        "compare", "one.yaml", "--jobs", "1", "--set", "rows.swing.playbook.ignore=[drawdown]"
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "B WITHOUT drawdown" in done.stdout
    folder = project / "compare" / "one"
    page = (folder / "index.html").read_text()
    assert page.count("B WITHOUT drawdown") >= 5
    assert ">B<" not in page
    cells = {
        cell["row"]: cell for cell in json.loads((folder / "matrix.json").read_text())["cells"]
    }
    assert cells["swing"]["left_out"] == "drawdown"
    assert cells["balanced"]["left_out"] == ""


def test_a_cell_whose_number_was_edited_never_reaches_the_page(command: Command, project):
    assert command("compare", "one.yaml", "--jobs", "1").returncode == 0
    (cell,) = (project / "compare" / "one" / "runs").iterdir()
    honest = json.loads((cell / "metrics.json").read_text())
    (cell / "metrics.json").write_text(json.dumps(honest | {"total_return": 9.99}))
    done = command("compare", "one.yaml", "--jobs", "1")
    assert done.returncode == 0
    assert "999" not in done.stdout
    told = done.stdout.splitlines()[-2]
    assert told.startswith("balanced, crash: compare/one/runs/balanced-crash-")
    assert "metrics.json: is not the file that was written" in told
    assert f"is now compare/one/set_aside/{cell.name}, and the cell was run again" in told
    page = (project / "compare" / "one" / "index.html").read_text()
    assert "metrics.json: is not the file that was written" in page
    (row,) = json.loads((project / "compare" / "one" / "matrix.json").read_text())["cells"]
    assert row["total_return"] == honest["total_return"]
    moved = json.loads((project / "compare/one/set_aside" / cell.name / "metrics.json").read_text())
    assert moved["total_return"] == 9.99
    again = command("compare", "one.yaml", "--jobs", "1", "--json")
    assert json.loads(again.stdout)["set_aside"] == []


def test_a_damaged_curve_stops_no_comparison(command: Command, project):
    assert command("compare", "one.yaml", "--jobs", "1").returncode == 0
    (cell,) = (project / "compare" / "one" / "runs").iterdir()
    whole = (cell / "equity.parquet").read_bytes()
    (cell / "equity.parquet").write_bytes(whole[:-100])
    done = command("compare", "one.yaml", "--jobs", "1", "--json")
    assert done.returncode == 0
    (told,) = json.loads(done.stdout)["set_aside"]
    assert "equity.parquet" in told
    assert (cell / "equity.parquet").read_bytes() == whole
