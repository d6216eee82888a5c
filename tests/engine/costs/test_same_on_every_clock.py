"""One order at one instant costs the same whatever bars the playbook and its orders use."""

import numpy as np
import pytest

from data_feeds.clock import DAY_NS, HOUR_NS, datetime_ns, utc_datetime
from data_feeds.schema import ChannelKey, ChannelKind
from engine.config.models import DataConfig
from engine.costs import RangeSlippage, SquareRootSlippage
from engine.intents import Enter, Exit
from engine.run import prepare_playbook
from engine.testing import (
    PERP,
    START,
    ScriptedPlaybook,
    ScriptParams,
    candles,
    table,
    table_config,
)

CLOCKS = ("5m", "15m", "1h")


def slippages(source, clock, model, *, start, end, at, stop, notional):
    """Return the slippage of an entry that fills at an open and of the exit an hour later."""
    key = ChannelKey(PERP.id, ChannelKind.BARS, clock)
    market = table(candles([(100.0, 101.0, 99.0, 100.0)], timeframe=clock))
    config = table_config(market, venue={"slippage": model}, notional=notional)
    window = DataConfig(start=utc_datetime(start), end=utc_datetime(end))
    config = config.model_copy(update={"data": window})
    params = ScriptParams(clock=key, channels=frozenset({key}), traded=(PERP.id,))
    intents = {
        at: [Enter(PERP.id, 1, stop=stop, reason="test")],
        at + HOUR_NS: [Exit(PERP.id, reason="out")],
    }

    class OneOrder(ScriptedPlaybook):
        def __init__(self, params):
            super().__init__(params, {}, {})

        def on_bar(self, market, account):
            return intents.get(market.now, ())

    prepared = prepare_playbook(config, source, OneOrder(params))
    fills = prepared.simulated().outcome.fills
    assert [(fill.at, fill.role) for fill in fills] == [(at, "entry"), (at + HOUR_NS, "exit")]
    return [fill.slippage for fill in fills]


def test_an_order_costs_the_same_on_5m_15m_and_1h():
    rng = np.random.default_rng(5)
    close = 100 * np.exp(np.cumsum(rng.normal(0, 0.001, 20 * 288)))
    opens = np.concatenate(([100.0], close[:-1]))
    high, low = np.maximum(opens, close) * 1.001, np.minimum(opens, close) * 0.999
    volume = rng.uniform(1, 50, len(close))
    rows = np.column_stack((opens, high, low, close, volume)).tolist()
    source = table(candles(rows, timeframe="5m"))
    window = {"start": START + 15 * DAY_NS, "end": START + 20 * DAY_NS}
    case = {**window, "at": START + 17 * DAY_NS + 5 * HOUR_NS, "stop": 1.0, "notional": 1_000.0}
    found = [slippages(source, clock, SquareRootSlippage(), **case) for clock in CLOCKS]
    assert found[0] == pytest.approx(found[1], rel=1e-12)
    assert found[0] == pytest.approx(found[2], rel=1e-12)
    assert min(found[0]) > 0
    ranges = [slippages(source, clock, RangeSlippage(), **case)[0] for clock in CLOCKS]
    # The wrong number first: the range of a longer bar is wider.
    assert ranges[0] != pytest.approx(ranges[2], rel=0.1)


def test_an_order_of_bitcoin_costs_the_same_on_real_bars(real_catalog):
    at = datetime_ns(utc_datetime(START).replace(year=2025, month=7, day=15, hour=12))
    case = {
        "start": at - 5 * DAY_NS,
        "end": at + DAY_NS,
        "at": at,
        "stop": 1_000.0,
        "notional": 100_000.0,
    }
    found = [slippages(real_catalog, clock, SquareRootSlippage(), **case) for clock in CLOCKS]
    assert found[0] == pytest.approx(found[1], rel=1e-6)
    assert found[0] == pytest.approx(found[2], rel=1e-6)
