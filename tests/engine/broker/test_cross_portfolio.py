"""Several cross positions behind one wallet: nothing fills where the market was not."""

import numpy as np
import pytest

from data_feeds.align import marks_on_bars
from data_feeds.instrument import Instrument, InstrumentKind
from data_feeds.schema import ChannelKind
from engine.intents import Enter
from engine.testing import PERP, candles, play, table
from tests.engine.random_cases import dense_outcome, make_case

FLAT = (100.0, 101.0, 99.0, 100.0)
OTHER = Instrument(id="ETHUSDT-PERP", kind=InstrumentKind.PERP, tick_size=0.1, lot_size=0.001)
CASES = 150


@pytest.mark.parametrize("direction", [1, -1])
def test_a_stop_of_one_position_comes_before_the_liquidation_of_another(direction):
    # The first perp falls from 100 to 60 inside one bar with its stop at 95; the second never
    # moves. Judged against the first one's close of 60 the wallet would be gone; the stop saved it.
    fall = (100.0, 101.0, 60.0, 60.0)
    low = (60.0, 61.0, 59.0, 60.0)
    market = table(
        candles([FLAT, FLAT, fall, low]),
        candles([FLAT] * 4, instrument=OTHER.id),
        instruments=(PERP, OTHER),
    )
    script = {
        0: [
            Enter(PERP.id, 1, 95.0, "test"),
            Enter(OTHER.id, direction, 100.0 - 50.0 * direction, "test"),
        ]
    }
    ends = []
    for traded in ((PERP.id, OTHER.id), (OTHER.id, PERP.id)):
        outcome = play(
            market,
            script,
            traded=traded,
            notional=20_000.0,
            account={"margin_mode": "cross", "venue_cash": 10_000.0, "leverage_setting": 20},
        )
        assert [fill.role for fill in outcome.fills].count("liquidation") == 0
        assert {fill.role for fill in outcome.fills} == {"entry", "stop"}
        ends.append(outcome.curve.equity[-1])
    assert ends[0] == pytest.approx(ends[1])


def channels_of(dataset, instrument, kind):
    found = dataset.channels.items()
    return [c for key, c in found if (key.instrument, key.kind) == (instrument, kind)]


def test_every_liquidation_starts_from_a_mark_of_its_own_bar():
    seen = 0
    for seed in range(CASES):
        dataset = make_case(seed).dataset
        for fill in dense_outcome(seed).fills:
            if fill.role != "liquidation":
                continue
            seen += 1
            (bars,) = channels_of(dataset, fill.instrument, ChannelKind.BARS)
            marks = channels_of(dataset, fill.instrument, ChannelKind.MARK)
            path = marks_on_bars(bars, marks[0] if marks else None)
            row = int(np.searchsorted(bars["opened_at"], fill.bar_opened_at))
            assert path.low[row] - 1e-9 <= fill.raw_price <= path.high[row] + 1e-9, seed
    assert seen > 30
