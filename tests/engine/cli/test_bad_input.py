"""Check that bad files give one clear line and the right exit code and write nothing."""

import itertools
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.engine.cli.command import Command, assert_one_clear_line

RUN = """\
name: trial
data: {start: 2026-01-01, end: 2026-02-01}
playbook: {name: "PLUGIN"}
venue: binance_usdm
risk:
  risk_fraction: 0.01
"""

PLUGIN = """
from engine.api import Playbook, PlaybookParams


class QuietWithoutParams(Playbook[PlaybookParams]):
    name = "quiet"
    Params = PlaybookParams

    @classmethod
    def requirements(cls, params):
        raise NotImplementedError

    def prepare(self, data):
        raise NotImplementedError

    def on_bar(self, market, account):
        return ()
"""

# Ten aliases of ten: a thousand values from four lines.
ALIAS_BOMB = "a: &a [0,0,0,0,0,0,0,0,0,0]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: [*b,*b]\n"

MAPPING = """\
instruments:
  - {id: BTCUSDT-PERP, kind: perp, quote: USDT, venue: test, tick_size: 0.1, lot_size: 0.001}
root: .
files:
  - path: bars.csv
    instrument: BTCUSDT-PERP
    kind: bars
    timeframe: 1h
    stamp: open
    time: {column: time, zone: UTC}
    columns: {open: open, high: high, low: low, close: close, volume: volume}
    label: observed
"""

HEADER = "time,open,high,low,close,volume\n"
BARS = [
    "2026-01-01T00:00,100,110,90,105,10",
    "2026-01-01T01:00,105,115,100,110,10",
    "2026-01-01T02:00,110,120,105,115,10",
]


Refused = Callable[..., str]

# A module name is loaded once a process, so every test's plugin has its own.
_numbers = itertools.count(1)


@pytest.fixture
def plugin() -> str:
    """Return the name of this test's plugin."""
    return f"plugin_for_bad_input_{next(_numbers)}"


@pytest.fixture
def project(plugin: str, tmp_path: Path) -> Path:
    """Return a folder with one valid run, plugin, mapping and file of bars."""
    (tmp_path / "run.yaml").write_text(RUN.replace("PLUGIN", plugin))
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / f"{plugin}.py").write_text(PLUGIN)
    (tmp_path / "map.yaml").write_text(MAPPING)
    write_bars(tmp_path, BARS)
    return tmp_path


def write_bars(folder: Path, rows: list[str]) -> None:
    (folder / "bars.csv").write_text(HEADER + "\n".join(rows) + "\n")


def contents(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
    }


@pytest.fixture
def refused(project: Path, command: Command) -> Refused:
    """Run a command that must fail; check that it wrote nothing and return its line."""

    def run(code: int, *arguments: str) -> str:
        before = contents(project)
        line = assert_one_clear_line(command(*arguments), code)
        assert contents(project) == before
        return line

    return run


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (
            "  risk_fraction",
            "  risk_fracton",
            "run.yaml:6: risk.risk_fracton: unknown key; did you mean risk.risk_fraction?",
        ),
        ("0.01", "1", "run.yaml:6: risk.risk_fraction = 1: must be 0.2 or less"),
        ("0.01", "-0.01", "run.yaml:6: risk.risk_fraction = -0.01: must be above 0"),
        ("0.01", "1%", 'run.yaml:6: risk.risk_fraction = "1%": must be a number, not text'),
        ("0.01", ".nan", "run.yaml:6: risk.risk_fraction = nan: must be a finite number"),
        (
            "  risk_fraction: 0.01",
            "  risk_fraction: 0.01\n  risk_fraction: 0.02",
            "run.yaml:7: key 'risk_fraction' repeated; first written on line 6",
        ),
        ("  risk", "\trisk", "run.yaml:6: a tab; YAML is indented with spaces"),
        ("name: trial\n", f"name: trial\n{ALIAS_BOMB}", "run.yaml:3: aliases expand to more than"),
        ("name: trial", "name: [trial", "run.yaml:2: "),
        ('"PLUGIN"', "nothing_like_it", "run.yaml:3: playbook.name = 'nothing_like"),
        ("2026-02-01", "2025-02-01", "run.yaml:2: data: end 2025-02-01 must lie after start"),
    ],
)
@pytest.mark.parametrize("name", ["run", "validate", "show-config"])
def test_a_broken_run_file_is_refused_with_file_and_line(
    project: Path, plugin: str, refused: Refused, name: str, old: str, new: str, expected: str
) -> None:
    assert old in RUN
    (project / "run.yaml").write_text(RUN.replace(old, new, 1).replace("PLUGIN", plugin))
    line = refused(2, name, "run.yaml", "--plugin-path", "plugins")
    assert line.startswith(expected)


def test_a_missing_run_file_is_refused(refused: Refused) -> None:
    assert refused(2, "run", "runs.yaml").startswith("runs.yaml: no such file")


def test_a_wrong_override_is_refused(refused: Refused) -> None:
    options = ("--plugin-path", "plugins", "--set", "risk.risk_fracton=0.01")
    line = refused(2, "run", "run.yaml", *options)
    assert line == (
        "--set risk.risk_fracton=0.01: risk.risk_fracton: unknown key; "
        "did you mean risk.risk_fraction?"
    )


def test_a_wrong_mode_is_refused(refused: Refused) -> None:
    options = ("--plugin-path", "plugins", "--mode", "fast")
    line = refused(2, "run", "run.yaml", *options)
    assert "mode = \"fast\": must be 'sparse' or 'dense'" in line


@pytest.mark.usefixtures("project")
def test_valid_bars_are_imported_listed_and_verified(command: Command) -> None:
    done = command("data", "import", "map.yaml", "--data", "catalog")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1] == "1 channel written to catalog"
    listed = command("data", "list", "--data", "catalog", "--json")
    (entry,) = json.loads(listed.stdout)
    assert (entry["instrument"], entry["rows"]) == ("BTCUSDT-PERP", 3)
    shown = command("data", "list", "--data", "catalog")
    assert "2026-01-01T00:00Z to 2026-01-01T03:00Z" in shown.stdout
    verified = command("data", "verify", "--data", "catalog")
    assert (verified.returncode, verified.stderr) == (0, "")


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([BARS[0], BARS[2], BARS[1]], "is not after the row before"),
        ([BARS[0], BARS[1], BARS[1]], "is not after the row before"),
        ([BARS[0], "2026-01-01T00:30,105,115,100,110,10"], "overlap"),
        ([BARS[0], "2026-01-01T01:00,105,115,nan,110,10"], "low"),
        ([BARS[0], "2026-01-01T01:00,105,115,-100,110,10"], "low"),
        ([BARS[0], "2026-01-01T01:00,105,100,115,110,10"], "high"),
        ([BARS[0], "2026-01-01T01:00,105,115,100,text,10"], "close"),
        ([BARS[0], "not a time,105,115,100,110,10"], "not a time"),
        ([], "bars.csv"),
    ],
)
def test_broken_bars_are_refused_and_the_catalog_stays_as_it_was(
    project: Path, command: Command, refused: Refused, rows: list[str], expected: str
) -> None:
    assert command("data", "import", "map.yaml", "--data", "catalog").returncode == 0
    write_bars(project, rows)
    line = refused(3, "data", "import", "map.yaml", "--data", "catalog")
    assert expected in line
    assert "map.yaml:5" in line


def test_a_missing_data_file_is_refused_and_named(project: Path, refused: Refused) -> None:
    (project / "bars.csv").unlink()
    line = refused(3, "data", "import", "map.yaml", "--data", "catalog")
    assert "bars.csv" in line


def test_an_unknown_key_of_a_mapping_gets_the_nearest_name(project: Path, refused: Refused) -> None:
    (project / "map.yaml").write_text(MAPPING.replace("timeframe:", "timefram:"))
    line = refused(2, "data", "import", "map.yaml", "--data", "catalog")
    assert line.startswith("map.yaml:8:")
    assert "timeframe" in line


@pytest.mark.parametrize("harm", ["missing", "truncated", "changed"])
def test_a_harmed_catalog_file_fails_verification_by_name(
    project: Path, command: Command, harm: str
) -> None:
    assert command("data", "import", "map.yaml", "--data", "catalog").returncode == 0
    (stored,) = (project / "catalog").rglob("*.parquet")
    whole = stored.read_bytes()
    if harm == "missing":
        stored.unlink()
    elif harm == "truncated":
        stored.write_bytes(whole[: len(whole) // 2])
    else:
        stored.write_bytes(whole[:100] + bytes([whole[100] ^ 1]) + whole[101:])
    done = command("data", "verify", "--data", "catalog")
    assert done.returncode == 3
    (line,) = done.stderr.splitlines()
    assert stored.name in line
    assert "Traceback" not in line


def test_a_folder_without_a_catalog_is_refused(refused: Refused) -> None:
    for name in ("list", "verify"):
        assert "no catalog here" in refused(3, "data", name, "--data", "nowhere")


def test_a_plugin_that_cannot_be_imported_is_its_authors_error(
    project: Path, plugin: str, refused: Refused
) -> None:
    (project / "plugins" / f"{plugin}.py").write_text("1 / 0")
    line = refused(4, "validate", "run.yaml", "--plugin-path", "plugins")
    assert line == (
        f"playbook {plugin}: importing {plugin} raised ZeroDivisionError: division by zero"
    )


def test_a_folder_that_is_no_run_is_refused(refused: Refused) -> None:
    assert "plugins" in refused(6, "explain", "--trade", "1", "plugins")
