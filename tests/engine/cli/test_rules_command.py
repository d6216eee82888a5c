"""``riskoff rules``: what a trader reads, and what another program reads."""

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest

from data_feeds.catalog import Catalog
from data_feeds.instrument import Instrument
from data_feeds.schema import Channel, ChannelKey, ChannelKind
from tests.engine.cli.command import COMMAND, ROOT, Command, assert_one_clear_line, environment


def test_check_shows_needs_and_counts_for_a_run_of_any_playbook(command: Command):
    done = command("rules", "check", "demo")
    assert (done.returncode, done.stderr) == (0, "")
    assert max(map(len, done.stdout.splitlines())) <= 100
    assert "rules of the playbook liquidation_reclaim" in done.stdout
    assert "(SYNTHETIC DATA)" in done.stdout
    assert "BTCUSDT-PERP/bars/15m" in done.stdout
    assert "Decisions at which two are both true" in done.stdout


def test_json_has_the_counts_of_every_condition_and_pair(command: Command):
    document = json.loads(command("rules", "check", "demo", "--json").stdout)
    counts = document["counts"]
    rows = counts["decision_rows"]
    assert rows > 100
    for item in counts["conditions"]:
        assert item["true"] + item["false"] + item["unknown"] == rows
        assert counts["both_true"][item["name"]][item["name"]] == item["true"]
    assert document["needs"][0]["use"] == "required"
    assert document["problem"] is None


def test_a_window_outside_the_data_prints_what_is_needed_and_fails(command: Command):
    done = command("rules", "check", "demo", "--set", "data.start=2015-01-01")
    assert done.returncode == 3
    assert "Needs (decisions at the closes of" in done.stdout
    assert "How often" not in done.stdout
    assert done.stderr.startswith("error: ")


def test_problems_of_the_file_are_shown_as_validate_shows_them(command: Command, tmp_path):
    (tmp_path / "bad.yaml").write_text(
        "name: bad\ndata: {start: 2026-01-01, end: 2026-02-01}\n"
        "playbook: {name: hold, params: {instrumant: X}}\nvenue: binance_usdm\n"
    )
    checked, validated = command("rules", "check", "bad.yaml"), command("validate", "bad.yaml")
    assert (checked.returncode, checked.stdout) == (2, "")
    assert checked.stderr == validated.stderr != ""


def test_help_is_printed_without_loading_numpy(tmp_path):
    # The packages of numbers take a second; the interpreter and typer take half of one.
    code = "import sys; sys.argv = ['riskoff', 'rules', '--help']; import engine.cli.commands as c"
    check = "c.app(['rules', '--help'], standalone_mode=False); assert 'numpy' not in sys.modules"
    done = subprocess.run(
        [COMMAND[0], "-c", f"{code}; {check}"],
        cwd=tmp_path,
        env=environment(PYTHONPATH=str(ROOT)),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "functions" in done.stdout


def test_an_unknown_file_is_one_clear_line(command: Command):
    assert "nowhere" in assert_one_clear_line(command("rules", "check", "nowhere"), 2)


WEIGHTS = """\
name: two
data: {source: kept, start: 2026-01-05, end: 2026-01-07}
playbook: {name: fixed_weights, params: {weights: {SPY: 0.6, IEF: 0.4}}}
venue: binance_usdm
"""
DAY_NS = 86_400 * 10**9


@pytest.fixture
def one_etf(tmp_path: Path) -> Path:
    """Return a folder with a run of SPY and IEF, and a catalog that holds three days of SPY."""
    (tmp_path / "two.yaml").write_text(WEIGHTS)
    # 2026-01-05 to 2026-01-07, sessions from 14:30 to 21:00 UTC.
    midnight = 1_767_571_200 * 10**9 + np.arange(3, dtype=np.int64) * DAY_NS
    closed = midnight + 21 * 3_600 * 10**9
    price = np.array([500.0, 501.0, 502.0])
    rows = {"opened_at": closed - 6 * 3_600 * 10**9 - 30 * 60 * 10**9, "closed_at": closed}
    rows |= {"available_at": closed, "label": np.zeros(3, dtype=np.int8)}
    rows |= dict.fromkeys(("open", "high", "low", "close", "volume"), price)
    spy = Instrument(id="SPY", kind="etf", calendar="XNYS", quote="USD")
    key = ChannelKey("SPY", ChannelKind.BARS, "1d")
    Catalog(tmp_path / "kept").write(spy, [Channel(key, rows)])
    return tmp_path


def test_validate_names_the_channels_that_a_catalog_on_disk_lacks(command: Command, one_etf: Path):
    done = command("validate", "two.yaml")
    assert (done.returncode, done.stdout) == (
        0,
        "two.yaml: valid\n  not in the data, required: IEF/bars/1d\n",
    )
    (result,) = json.loads(command("validate", "two.yaml", "--json").stdout)
    assert result["missing"] == {"required": ["IEF/bars/1d"]}


def test_validate_is_silent_where_no_catalog_is(command: Command, one_etf: Path):
    (one_etf / "two.yaml").write_text(WEIGHTS.replace("kept", "nowhere"))
    assert command("validate", "two.yaml").stdout == "two.yaml: valid\n"


ETF_RULES = """\
name: two
data: {source: kept, start: 2026-01-05, end: 2026-01-07}
playbook:
  name: rules
  params:
    instruments: {spy: SPY@session}
    clock: spy@session
    trades:
      dip:
        instrument: spy
        enter:
          days: spy@1d.close > 3
          up: spy.close >> 3
          both: spy@1d.close >> 3
        stop: spy.close * 0.9
venue: binance_usdm
"""
DAYS = """\
error: two.yaml:12:17: playbook.params.trades.dip.enter.days: a day of SPY is a session of XNYS; \
write spy@session
  spy@1d.close > 3
  ^^^^^^^^^^^^
"""
MISSING = """\
error: two.yaml:13:26: playbook.params.trades.dip.enter.up: a value is missing before `>`
  spy.close >> 3
             ^
error: two.yaml:14:31: playbook.params.trades.dip.enter.both: a value is missing before `>`
  spy@1d.close >> 3
                ^
"""


def test_validate_lists_what_the_records_show_beside_the_other_problems(
    command: Command, one_etf: Path
):
    (one_etf / "two.yaml").write_text(ETF_RULES)
    done = command("validate", "two.yaml")
    assert (done.returncode, done.stdout, done.stderr) == (2, "", DAYS + MISSING)
    # Without the data only the text can be judged.
    (one_etf / "two.yaml").write_text(ETF_RULES.replace("kept", "nowhere"))
    assert command("validate", "two.yaml").stderr == MISSING
    (one_etf / "two.yaml").write_text(ETF_RULES.replace(">>", ">"))
    assert command("validate", "two.yaml").stderr.startswith(DAYS)


def test_check_names_a_missing_required_channel_and_fails(command: Command, one_etf: Path):
    done = command("rules", "check", "two.yaml")
    assert done.returncode == 3
    assert "Not in the data, and required: IEF/bars/1d. The run cannot start." in done.stdout
    assert "IEF/bars/1d: not in the data" in done.stderr


RULES = """\
name: dip
data: {source: embedded, start: 2026-02-02, end: 2026-02-09}
playbook:
  name: rules
  params:
    instruments: {btc: BTCUSDT-PERP@1h}
    series: {vix: VIX}
    clock: btc@1h
    let: {most: 25}
    trades:
      dip:
        instrument: btc
        enter:
          fell: btc.close < lowest(btc.low, 20 bars)[1]
          calm: vix < most
        stop: btc.close - 2 * atr(btc, 14 bars)
        exit:
          stale: position.age > 1d
venue: binance_usdm
"""


def test_check_tells_the_rules_of_a_file_in_sentences(command: Command, tmp_path: Path):
    (tmp_path / "dip.yaml").write_text(RULES)
    done = command("rules", "check", "dip.yaml")
    assert (done.returncode, done.stderr) == (0, "")
    assert max(map(len, done.stdout.splitlines())) <= 100
    assert "    - calm: VIX is below 25 (most)\n" in done.stdout
    assert "[counts 1h bars of BTCUSDT-PERP]" in done.stdout
    assert "stale of dip reads the open plan" in done.stdout
    row = next(line.split() for line in done.stdout.splitlines() if "VIX/series" in line)
    assert row[-1] == "6d"
    often, measured = [line for line in done.stdout.splitlines() if line.startswith("  1  fell")]
    assert "%" in often
    assert measured.split()[-2:] == ["moves", "quote"]


def test_without_data_the_rules_are_told_and_the_command_fails(command: Command, tmp_path: Path):
    (tmp_path / "dip.yaml").write_text(RULES)
    done = command("rules", "check", "dip.yaml", "--data", "nowhere")
    assert done.returncode == 3
    assert "    - calm: VIX is below 25 (most)\n" in done.stdout
    assert "  required: BTCUSDT-PERP/bars/1h\n  optional: VIX/series\n" in done.stdout
    assert "nowhere: no catalog here" in done.stderr


def test_settings_of_the_command_change_the_sentences(command: Command, tmp_path: Path):
    (tmp_path / "dip.yaml").write_text(RULES)
    done = command("rules", "check", "dip.yaml", "--set", "playbook.params.let.most=31", "--json")
    document = json.loads(done.stdout)
    assert "    - calm: VIX is below 31 (most)" in document["rules"]
    assert [item["name"] for item in document["counts"]["conditions"]][:2] == ["fell", "calm"]
    limits = {item["channel"]: item["max_age_hours"] for item in document["needs"]}
    assert limits == {"BTCUSDT-PERP/bars/1h": 2.0, "VIX/series": 144.0}
    fell, calm = document["counts"]["conditions"][:2]
    assert calm["measured"]["unit"] == "points"
    assert calm["measured"]["threshold"] == {"lowest": 31.0, "median": 31.0, "highest": 31.0}
    # A condition is true at some rows exactly when its lowest number is below the threshold.
    assert (calm["true"] > 0) == (calm["measured"]["measured"]["lowest"] < 31)
    assert (fell["true"] > 0) == (fell["measured"]["margin"]["lowest"] < 0)
    assert document["states"] is None


STATES = """\
name: switch
data: {source: embedded, start: 2026-01-05, end: 2026-03-30}
playbook:
  name: rules
  params:
    instruments: {spy: SPY@session}
    series: {vix: VIX}
    clock: spy@session
    weights:
      storm: {when: vix > 25, hold: {spy: 0.2}, leave_after: 3 sessions}
      usual: {otherwise: true, hold: {spy: 1}}
venue: binance_usdm
"""


def test_check_counts_the_states_of_weights_as_they_are_held(command: Command, tmp_path: Path):
    (tmp_path / "switch.yaml").write_text(STATES)
    document = json.loads(command("rules", "check", "switch.yaml", "--json").stdout)
    states, rows = document["states"], document["counts"]["decision_rows"]
    storm, usual = states["states"]
    assert (storm["name"], usual["name"]) == ("storm", "usual")
    assert storm["rows"] + usual["rows"] + states["none"] == rows > 20
    # leave_after holds the state longer than its condition is true.
    assert storm["rows"] > document["counts"]["conditions"][0]["true"] > 0
    assert states["switches"] == storm["spells"] + usual["spells"] - 1 > 0
    shown = command("rules", "check", "switch.yaml").stdout
    assert "State held: the first true one" in shown
    assert f"first at {states['first_switch_at']}" in shown


def test_a_wrong_unit_is_shown_with_its_place(command: Command, tmp_path: Path):
    (tmp_path / "dip.yaml").write_text(RULES.replace("vix < most", "vix < 0.25"))
    done = command("rules", "check", "dip.yaml")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: dip.yaml:15:17: playbook.params.trades.dip.enter.calm")
    assert "VIX is in index points; did you mean 25?" in done.stderr
    assert done.stderr.splitlines()[1:] == ["  vix < 0.25", "  ^^^^^^^^^^"]


def test_functions_are_listed_and_one_is_told_whole(command: Command):
    listed = command("rules", "functions")
    assert max(map(len, listed.stdout.splitlines())) <= 100
    assert any(line.startswith("sma(x, length) ") for line in listed.stdout.splitlines())
    one = command("rules", "functions", "atr").stdout
    assert one.startswith("atr(bars, length)\n  meaning  ")
    assert "Wilder 1978" in one
    (entry,) = json.loads(command("rules", "functions", "atr", "--json").stdout)
    assert set(entry) == {"name", "call", "meaning", "formula", "unit", "memory", "source"}


def test_an_unknown_function_names_the_nearest_one(command: Command):
    line = assert_one_clear_line(command("rules", "functions", "smaa"), 2)
    assert line == "no function 'smaa'; did you mean sma?"


def test_values_are_those_of_the_data_or_of_a_file(command: Command, tmp_path: Path):
    every = command("rules", "values").stdout
    assert max(map(len, every.splitlines())) <= 100
    assert "BTCUSDT-PERP, bound for example as x: BTCUSDT-PERP@" in every
    (tmp_path / "dip.yaml").write_text(RULES)
    own = command("rules", "values", "dip.yaml").stdout
    assert own.startswith("btc: BTCUSDT-PERP@1h\n  btc.open btc.high btc.low btc.close (price)")
    assert "  vix: VIX (points)" in own
    document = json.loads(command("rules", "values", "dip.yaml", "--json").stdout)
    assert document["data"] == "embedded"
    (vix,) = [item for item in document["values"] if item["name"] == "vix: VIX"]
    assert vix["channels"][0]["channel"] == "VIX/series"
    assert vix["channels"][0]["first_at"] is not None
