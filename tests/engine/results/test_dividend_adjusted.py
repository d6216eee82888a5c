"""Prices adjusted for dividends: fractions of a share trade, and an assumption says so."""

from dataclasses import replace

import pytest

from data_feeds.dataset import Dataset
from data_feeds.instrument import Instrument, InstrumentKind
from engine.intents import Enter, Exit
from engine.results.finished import RunRecord
from engine.results.manifest import assumptions
from engine.testing import ETF, candles, play, table

BROKERAGE = {"venue_cash": 0.0, "brokerage_cash": 1_000.0}
ADJUSTED = ETF.model_copy(update={"dividend_adjusted": True, "lot_size": 0.0001})


def test_fractions_of_an_adjusted_share_trade():
    bars = candles([(300.0, 301.0, 299.0, 300.0)] * 4, instrument=ETF.id)
    script = {0: [Enter(ETF.id, 1, 250.0, "buy")], 2: [Exit(ETF.id, "sell")]}
    # 1,000 at 300 is 3.3333 shares; whole shares would be 3.
    adjusted = play(table(bars, instruments=(ADJUSTED,)), script, account=BROKERAGE)
    assert [fill.quantity for fill in adjusted.fills] == pytest.approx([3.3333, -3.3333])
    whole = play(table(bars), script, account=BROKERAGE)
    assert [fill.quantity for fill in whole.fills] == [3.0, -3.0]


def test_a_run_names_adjusted_prices_among_its_assumptions(make_run):
    run = make_run(hours=60)
    (name,) = run.requirements.traded
    share = Instrument(id=name, kind=InstrumentKind.ETF, dividend_adjusted=True)
    adjusted = replace(run, dataset=Dataset({name: share}, run.dataset.channels))
    text = "\n".join(assumptions(RunRecord(adjusted)))
    assert f"Prices of {name} are adjusted for dividends" in text
    assert "adjusted for dividends" not in "\n".join(assumptions(RunRecord(run)))
