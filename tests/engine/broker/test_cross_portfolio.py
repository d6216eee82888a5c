"""Several cross positions on one wallet: every fill is at a price that the market reached."""

import numpy as np
import pytest

from data_feeds.align import marks_on_bars
from data_feeds.instrument import Instrument, InstrumentKind
from data_feeds.schema import ChannelKind
from engine.intents import Enter, Target, Transfer
from engine.records import OrderKind
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


def test_a_touched_stop_of_an_entry_that_still_waits_comes_in_its_turn():
    # ETH's bar fills its entry at 95 and touches its stop at 90; before it, nothing was held there.
    market = table(
        candles([FLAT, FLAT, (100.0, 106.0, 99.0, 105.0), FLAT]),
        candles([FLAT, FLAT, (100.0, 101.0, 89.0, 91.0), FLAT], instrument=OTHER.id),
        instruments=(PERP, OTHER),
    )
    script = {
        0: [
            Enter(PERP.id, 1, 90.0, "test", targets=(Target(105.0, 1.0),)),
            Enter(OTHER.id, 1, 90.0, "test", kind=OrderKind.LIMIT, price=95.0),
        ]
    }
    outcome = play(market, script, traded=(PERP.id, OTHER.id), account={"margin_mode": "cross"})
    assert [(fill.instrument, fill.role) for fill in outcome.fills[1:]] == [
        (PERP.id, "target"),
        (OTHER.id, "entry"),
        (OTHER.id, "stop"),
    ]


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


# Binance's published example of two cross positions ("How to Calculate Liquidation Price of
# USD-M Futures Contracts", 2020-08-14): wallet 1,535,443.01; long 3,683.979 ETH at 1,456.84 (mark
# 1,335.18, 10% less 135,365) and long 109.488 BTC at 32,481.98 (mark 31,967.27, 2.5% less 16,300).
# It gives 1,153.26 for ETH and 26,316.89 for BTC. Brackets are the venue's of that time, which
# have those deductions.
WALLET = 1_535_443.01
# A stop below the liquidation risks more than a fifth of that wallet, which no run may.
CASH = 30_000_000.0
ETH_BRACKETS = (
    (0, 0.005), (10_000, 0.0065), (100_000, 0.01), (500_000, 0.02), (1_000_000, 0.05),
    (2_000_000, 0.1), (5_000_000, 0.125), (10_000_000, 0.15), (20_000_000, 0.25),
)  # fmt: skip
BTC_BRACKETS = (
    (0, 0.004), (50_000, 0.005), (250_000, 0.01), (1_000_000, 0.025), (5_000_000, 0.05),
    (20_000_000, 0.1), (50_000_000, 0.125), (100_000_000, 0.15), (200_000_000, 0.25),
)  # fmt: skip
ENTRY = {"ETHUSDT-PERP": 1_456.84, "BTCUSDT-PERP": 32_481.98}
MARK = {"ETHUSDT-PERP": 1_335.18, "BTCUSDT-PERP": 31_967.27}
QUANTITY = {"ETHUSDT-PERP": 3_683.979, "BTCUSDT-PERP": 109.488}


def published(name, rows):
    maintenance = [{"floor": floor, "rate": rate} for floor, rate in rows]
    return Instrument(
        id=name,
        kind=InstrumentKind.PERP,
        tick_size=0.01,
        lot_size=0.001,
        terms=({"since": "2020-08-14", "source": "Binance", "maintenance": maintenance},),
    )


def two_longs(falls, lowest):
    """Both positions of the example; one of them falls to a low and the other stays at its mark."""
    records = (published("ETHUSDT-PERP", ETH_BRACKETS), published("BTCUSDT-PERP", BTC_BRACKETS))
    channels = []
    for record in records:
        entry, mark = ENTRY[record.id], MARK[record.id]
        low = lowest if record.id == falls else mark
        rows = [(entry,) * 4, (entry,) * 4, (entry, entry, mark, mark), (mark, mark, low, mark)]
        channels.append(candles(rows, instrument=record.id))
    market = table(*channels, instruments=records)
    # Sizes go down to the lot: half a lot more than each quantity is worth.
    worth = {name: (QUANTITY[name] + 0.0005) * ENTRY[name] for name in QUANTITY}
    largest = max(worth.values())
    script = {
        0: [
            Enter(name, 1, ENTRY[name] / 10, "test", size_multiplier=worth[name] / largest)
            for name in worth
        ],
        # Once both are held the wallet is brought down to that of the example.
        1: [Transfer("brokerage", (CASH - WALLET) / CASH, "the rest")],
    }
    return play(
        market,
        script,
        notional=largest,
        account={"margin_mode": "cross", "venue_cash": CASH, "leverage_setting": 20},
        venue={"general": ("maintenance",)},
    )


@pytest.mark.parametrize(
    ("falls", "price"), [("ETHUSDT-PERP", 1_153.26), ("BTCUSDT-PERP", 26_316.89)]
)
def test_the_published_example_of_two_cross_positions_holds(falls, price):
    spared = two_longs(falls, price + 0.02)
    assert {fill.instrument: fill.quantity for fill in spared.fills} == QUANTITY
    assert {fill.instrument: fill.price for fill in spared.fills} == ENTRY
    liquidated = two_longs(falls, price - 0.02)
    (first, *_) = [fill for fill in liquidated.fills if fill.role == "liquidation"]
    assert first.instrument == falls
    assert first.raw_price == pytest.approx(price, abs=0.005)
