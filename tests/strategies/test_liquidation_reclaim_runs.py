"""The shipped run files, every clock, and the page that documents them."""

from pathlib import Path

import numpy as np
import pytest

from data_feeds.dataset import Dataset
from data_feeds.instrument import Instrument, InstrumentKind
from data_feeds.timeframe import Timeframe
from engine.config.load import load_run_config
from strategies.liquidation_reclaim import LiquidationReclaim, ReclaimParams
from tests.engine.signals.channels import bars
from tests.strategies.market import PERP, ReclaimBench

REPOSITORY = Path(__file__).resolve().parents[2]
RUNS = sorted((REPOSITORY / "configs" / "runs").glob("*.yaml"))
PAGE = (REPOSITORY / "docs" / "playbooks" / "liquidation_reclaim.md").read_text()


def jumpy_bars(timeframe, rows, seed):
    """Return a walk with fat tails whose volume follows its moves."""
    rng = np.random.default_rng(seed)
    moves = rng.standard_t(3, rows) * 0.004
    close = 30_000 * np.exp(np.cumsum(moves - 0.2 * np.cumsum(moves) / rows))
    opened = np.concatenate(([30_000.0], close[:-1]))
    low, high = np.minimum(opened, close) * 0.999, np.maximum(opened, close) * 1.001
    volume = rng.lognormal(0, 0.5, rows) * (1 + 300 * np.abs(moves))
    step = Timeframe(timeframe).ns
    start = 1_770_000_000 * 10**9 // step * step
    return bars(start + np.arange(rows) * step, low, high, close, volume, timeframe=timeframe)


@pytest.mark.parametrize("timeframe", ["1m", "5m", "15m", "30m", "1h", "2h", "4h"])
def test_every_clock_finds_sequences_with_unchanged_defaults(timeframe):
    params = ReclaimParams(timeframe=timeframe)
    channel = jumpy_bars(timeframe, 40_000, seed=11)
    data = Dataset({PERP: Instrument(id=PERP, kind=InstrumentKind.PERP)}, {channel.key: channel})
    found = LiquidationReclaim(params).prepare(data)
    assert found.values["reclaim"].sum() > 5
    # Only price, volume and the calendar are known: unknown conditions pass by default.
    np.testing.assert_array_equal(found.wake_flat, found.values["reclaim"] > 0)
    rows = np.flatnonzero(found.wake_flat)
    assert (found.values["stop"][rows] < found.values["flush_low"][rows]).all()
    assert (found.values["flush_low"][rows] < found.values["close"][rows]).all()


def test_the_run_files_are_for_the_three_episodes_and_the_demo():
    assert [path.stem for path in RUNS if path.stem.startswith(("demo", "reclaim"))] == [
        "demo",
        "reclaim_2020",
        "reclaim_2020_bitmex",
        "reclaim_2022",
        "reclaim_2022_5m",
        "reclaim_2026",
        "reclaim_2026_15m",
        "reclaim_2026_1h",
    ]


@pytest.mark.parametrize("path", [p for p in RUNS if "reclaim" in p.stem], ids=lambda p: p.stem)
def test_the_run_files_set_market_and_clock_and_leave_every_threshold_alone(path):
    config = load_run_config(path, params_model=lambda _: ReclaimParams)
    params = ReclaimParams(**config.playbook.params)
    assert params == ReclaimParams(timeframe=params.timeframe, instrument=params.instrument)


def test_the_page_names_every_condition():
    for name in ReclaimBench().conditions:
        assert f"`{name}`" in PAGE, name
