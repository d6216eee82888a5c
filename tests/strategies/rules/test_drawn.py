"""Values of a rule file that the page of a run draws: which, how, and over whose price."""

import numpy as np
import pytest

from engine.api import DrawnAs
from engine.causality import prepare
from strategies.rules.drawn import price_instrument
from strategies.rules.meaning import understand
from tests.strategies.rules.rule_runs import playbook_of
from tests.strategies.rules.small_market import BTC, small_market
from tests.strategies.rules.written_market import names

FILE = f"""
instruments: {{btc: {BTC}@1h}}
series: {{vix: VIX}}
clock: btc@1h
let:
  n: atr(btc, 14 bars)
  mean: sma(btc.close, 20 bars)
  fear: vix / 100
  idle: ema(btc.close, 50 bars)
trades:
  one:
    instrument: btc
    enter:
      above: btc.close > mean
      breakout: btc.close crosses above highest(btc.high, 24 bars)[1]
      calm: fear < 0.3
    stop: btc.close - 2 * n
"""


def test_a_file_draws_what_it_names_and_the_prices_that_an_entry_compares():
    market, playbook = small_market(), playbook_of(FILE)
    signals = prepare(playbook, market, playbook.requirements(playbook.params))
    drawn = [(item.title, item.drawn_as, item.instrument) for item in signals.drawn]
    # No rule uses `idle`, and its warm-up is nobody's.
    assert drawn == [
        ("fear: vix / 100", DrawnAs.PANEL, ""),
        ("mean: sma(btc.close, 20 bars)", DrawnAs.LINE, BTC),
        ("n: atr(btc, 14 bars)", DrawnAs.PANEL, ""),
        ("highest(btc.high, 24 bars)[1]", DrawnAs.LINE, BTC),
    ]
    bars = market.bars(BTC, "1h")
    high = signals.values["drawn highest(btc.high, 24 bars)[1]"]
    row = 100
    assert bars["available_at"][row] == signals.decided_at[row]
    np.testing.assert_allclose(high[row], bars["high"][row - 24 : row].max())


@pytest.mark.parametrize(
    ("text", "instrument"),
    [
        ("btc.close", "BTC"),
        ("sma(btc.close, 20 bars)[1]", "BTC"),
        ("max(btc.open, btc.close)", "BTC"),
        ("btc.close - 2 * atr(btc, 14 bars)", "BTC"),
        ("0.97 * btc.low", "BTC"),
        ("atr(btc, 14 bars)", ""),
        ("btc.high - btc.low", ""),
        ("btc.close / btc.open", ""),
        ("btc.volume", ""),
        ("std(btc.close, 20 bars)", ""),
        ("vix", ""),
    ],
)
def test_only_a_price_is_drawn_over_prices(text, instrument):
    assert price_instrument(understand(text, names())) == instrument
