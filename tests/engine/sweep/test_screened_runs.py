"""Screened sweeps: equal to sweeps by the engine, and checked against it fill by fill."""

import numpy as np
import pytest

from engine.config_files import read_sweep
from engine.errors import SimulationError
from engine.sweep import run_sweep, sweep_inputs, sweep_job, verification

SWEEP = """\
name: reclaim
base:
  name: reclaim
  data: {source: embedded, start: 2026-01-15, end: 2026-02-25}
  playbook:
    name: liquidation_reclaim
    params: {timeframe: 1h, mark_timeframe: 1h}
  venue: binance_usdm
over:
  playbook.params.stop_atr: [0.25, 0.75]
  playbook.params.flush_atr: [0.5, 1.0]
  risk.risk_fraction: [0.005, 0.02]
checked_sets: 0
sensitivity: {costs: [], lags: []}
"""


@pytest.fixture
def sweep(tmp_path):
    def run(*settings):
        (tmp_path / "sweep.yaml").write_text(SWEEP)
        job = sweep_job(read_sweep(str(tmp_path / "sweep.yaml"), settings, None))
        inputs = sweep_inputs(job)
        return run_sweep(job, inputs, tmp_path / "sweeps")

    return run


def test_screened_sets_have_the_numbers_of_the_engine(sweep):
    fast, slow = sweep(), sweep("screening=false")
    assert fast.inputs.is_screened
    assert slow.inputs.engine_reasons == ("screening: false",)
    assert fast.inputs.results_id != slow.inputs.results_id
    assert sum(cell.row.trades for found in slow.results for cell in found.cells) >= 8
    for one, other in zip(fast.results, slow.results, strict=True):
        assert one.item == other.item
        for cell, again in zip(one.cells, other.cells, strict=True):
            assert verification.first_difference(cell, again) == ""
    np.testing.assert_allclose(fast.choice.numbers, slow.choice.numbers, rtol=1e-6)
    assert fast.choice.place == slow.choice.place


def test_a_fill_that_differs_stops_the_sweep(sweep, monkeypatch):
    monkeypatch.setattr(verification, "agreement", lambda *_: "fill 3: engine 1.0, screening 2.0")
    with pytest.raises(SimulationError, match=r"set \w+ .*screening and engine differ: fill 3"):
        sweep()


def test_a_base_that_cannot_be_screened_is_run_by_the_engine_and_says_so(toy):
    result = toy.run()
    assert not result.inputs.is_screened
    assert result.inputs.engine_reasons
