"""A sweep's file: every wrong path, level and window is refused with its place."""

from dataclasses import replace
from importlib import import_module
from pathlib import Path

import pytest

from data_feeds.errors import RiskoffError
from engine.config.sweep_file import key_path, load_sweep_file
from engine.config.yaml_source import read_source, with_values
from engine.config_files import read_sweep, run_of
from engine.errors import ConfigError
from engine.sell_offs import find_sell_offs
from tests.engine.sell_offs.test_found import data as daily_data
from tests.engine.sell_offs.test_found import market
from tests.engine.sweep.conftest import SWEEP

# The package exports a function of this name.
sweep_job_module = import_module("engine.sweep.sweep_job")

SWEEPS = Path(__file__).resolve().parents[3] / "configs" / "sweeps"


def refused(toy, old, new):
    with pytest.raises(RiskoffError) as caught:
        toy.job(text=SWEEP.replace(old, new))
    return str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("params.stop:", "params.stopp:", "sweep.yaml:4: playbook.params.stopp: no value of the "
         "base; did you mean playbook.params.stop?"),
        ("risk.risk_fraction", "risk_fraction",
         "sweep.yaml:5: risk_fraction: no value of the base; did you mean risk.risk_fraction?"),
        ("0.90, 0.93", "0.93, 0.90", "sweep.yaml:4: over.playbook.params.stop"),
        ("0.90, 0.93", "0.90, 0.90", "has a level twice"),
        ("[0.90, 0.93, 0.96]", "{from: 0.9, to: 0.8, step: 0.1}", "must lie above"),
        ("[0.90, 0.93, 0.96]", "{from: 0.9, to: 0.95}", "give one of step and count"),
        ("[0.90, 0.93, 0.96]", "{from: 0.9, to: 0.95, steps: 3}", "did you mean"),
        ("base: run.yaml", "base: runn.yaml", "sweep.yaml:2: base"),
        ("start: 2026-02-02", "start: 2026-01-15", "share days; no day may count twice"),
        ("name: second", "name: first", "2 are called 'first'"),
        ("name: toy", "name: toy\nsampler: {kind: sobol}", "sobol needs sets"),
        ("name: toy", "name: toy\nsampler: {sets: 5}", "grid runs every combination"),
        ("name: toy", "name: toy\nconstraints: [stop < 0]", "no set fulfils"),
    ],
)  # fmt: skip
def test_a_wrong_line_is_named(toy, old, new, told):
    assert told in refused(toy, old, new)


def test_a_level_that_the_run_refuses_is_named_with_set_line_and_reason(toy):
    text = SWEEP.replace("[0.005, 0.01]", "[0.3, 0.4]")
    with pytest.raises(ConfigError, match=r"sweep\.yaml:5: set \w+: risk\.risk_fraction = 0\.3"):
        toy.job(text=text)


def test_settings_and_data_replace_values_of_the_base_in_every_set(toy):
    text = SWEEP.replace("over:", "settings: {risk.leverage_cap: 1.5}\nover:")
    job = toy.job(text=text)
    config = job.run_config(job.first_set, job.cells[1])
    assert (config.risk.leverage_cap, config.risk.risk_fraction) == (1.5, 0.005)
    assert f"{config.data.start:%Y-%m-%d} {config.data.end:%Y-%m-%d}" == "2026-02-02 2026-03-02"


def test_a_set_is_the_run_file_with_its_values_written_in(toy):
    job = toy.job()
    item = job.space.at((2, 1))
    text = toy.run_file.read_text().replace("fault: none", "fault: none, stop: 0.96")
    text = text.replace("start: 2026-01-02, end: 2026-03-02", "start: 2026-01-02, end: 2026-01-30")
    (toy.folder / "alone.yaml").write_text(f"{text}risk: {{risk_fraction: 0.01}}\n")
    alone = run_of(read_source(toy.folder / "alone.yaml"), toy.plugins)
    assert job.run_config(item, job.cells[0]) == alone


def test_an_inline_base_equals_the_same_base_in_a_file(toy):
    inline = toy.run_file.read_text().replace("\n", "\n  ").rstrip()
    named, written = toy.job(), toy.job(text=SWEEP.replace("run.yaml", f"\n  {inline}"))
    for cell in named.cells:
        assert named.run_config(named.first_set, cell) == written.run_config(
            written.first_set, cell
        )


def test_let_is_short_for_the_named_values_of_a_rule_file():
    assert key_path("let.n") == ("playbook", "params", "let", "n")


def test_a_sweep_is_no_run_and_a_run_no_sweep(toy):
    toy.job()
    with pytest.raises(ConfigError, match="use: riskoff sweep"):
        run_of(with_values(read_source(toy.folder / "sweep.yaml"), ()), toy.plugins)
    with pytest.raises(ConfigError, match="over: missing"):
        load_sweep_file(toy.run_file)


def test_a_found_sell_off_begins_on_the_day_after_its_high_and_shares_no_day(toy, monkeypatch):
    # 100 falls to 85 and regains half at 95, the next high; that falls to 80.
    found = find_sell_offs(daily_data([100, 85, 95, 80, 88]), market())
    one, other = found.sell_offs
    assert one.last == other.high
    monkeypatch.setattr(sweep_job_module, "find_sell_offs", lambda source, asked: found)
    text = SWEEP[: SWEEP.index("episodes:")] + "sell_offs: QQQ\n"
    spans = [(cell.window, cell.start[:10], cell.end[:10]) for cell in toy.job(text=text).cells]
    # Monday 2026-01-05 is the first high, Wednesday the second; an end is not in its window.
    assert spans == [
        ("2026-01-05", "2026-01-06", "2026-01-08"),
        ("2026-01-07", "2026-01-08", "2026-01-10"),
    ]


def test_found_sell_offs_that_share_a_day_are_refused(toy, monkeypatch):
    found = find_sell_offs(daily_data([100, 85, 95, 80, 88]), market())
    one, other = found.sell_offs
    shared = replace(found, sell_offs=(one, replace(other, high=one.low)))
    monkeypatch.setattr(sweep_job_module, "find_sell_offs", lambda source, asked: shared)
    text = SWEEP[: SWEEP.index("episodes:")] + "sell_offs: QQQ\n"
    with pytest.raises(ConfigError, match="sell_offs: 2026-01-05 and 2026-01-06 share days"):
        toy.job(text=text)


def test_the_shipped_sweeps_can_be_read():
    shipped = [path.stem for path in SWEEPS.glob("*.yaml")]
    assert "reclaim_demo" in shipped
    assert [read_sweep(name, None, None).config.name for name in shipped] == shipped
