"""Playbook A compares its price with the market that the instrument's record names."""

import numpy as np
import pytest

from data_feeds.dataset import Dataset
from data_feeds.instrument import Companions, Instrument, InstrumentKind
from data_feeds.schema import Channel, ChannelKey, ChannelKind
from engine.api import Truth
from strategies.liquidation_reclaim import LiquidationReclaim, ReclaimParams
from tests.engine.signals.channels import bars
from tests.strategies.market import PERP, ReclaimBench, market_data, sell_off_bars, small_params

ETH = "ETHUSDT-PERP"
SPOT_NAMES = {PERP: "BTCUSDT-SPOT", ETH: "ETHUSDT-SPOT", "XYZ": "A-MARKET-OF-ANY-NAME"}


def perp(name: str, spot: str | None) -> Instrument:
    return Instrument(id=name, kind=InstrumentKind.PERP, companions=Companions(spot=spot))


def spot_bars(factor: float | np.ndarray, name: str = "BTCUSDT-SPOT"):
    """Return bars of a spot market at the perp's prices times a factor."""
    own = sell_off_bars()
    low, high, close = (own[column] * factor for column in ("low", "high", "close"))
    return bars(own["opened_at"], low, high, close, own["volume"], instrument=name)


@pytest.mark.parametrize("name", SPOT_NAMES)
def test_the_spot_market_is_the_records_companion(name):
    params = ReclaimParams(instrument=name)
    settled = LiquidationReclaim.settle(params, {name: perp(name, SPOT_NAMES[name])})
    assert settled.spot_instrument == SPOT_NAMES[name]
    spots = [k.instrument for k in LiquidationReclaim.requirements(settled).optional]
    assert spots.count(SPOT_NAMES[name]) == 1
    other = set(SPOT_NAMES.values()) - {SPOT_NAMES[name]}
    assert other.isdisjoint(spots)


def test_a_spot_market_that_the_run_names_stays():
    records = {ETH: perp(ETH, "ETHUSDT-SPOT")}
    for named in ("ANOTHER", None):
        params = ReclaimParams(instrument=ETH, spot_instrument=named)
        assert LiquidationReclaim.settle(params, records) == params


def test_without_a_companion_the_gap_is_unknown_and_the_run_says_so():
    plain = market_data(spot_bars(1.01))
    data = Dataset({**plain.instruments, PERP: perp(PERP, None)}, plain.channels)
    bench = ReclaimBench(data=data)
    condition = bench.conditions["discount_to_spot"]
    assert (condition.truth == Truth.UNKNOWN).all()
    assert condition.inputs == ()
    assert (
        f"The record of {PERP} names no spot market: the gap to spot is unknown."
        in bench.signals.remarks
    )


@pytest.mark.parametrize(
    ("record", "silent"),
    [
        ("BTCUSDT-SPOT", "The run (its record names BTCUSDT-SPOT)"),
        ("A-MARKET-OF-ANY-NAME", "The run (its record names A-MARKET-OF-ANY-NAME)"),
        (None, f"The record of {PERP}"),
    ],
)
def test_a_run_without_a_spot_market_is_distinguished_from_a_record_without_one(record, silent):
    plain = market_data(spot_bars(1.01))
    data = Dataset({**plain.instruments, PERP: perp(PERP, record)}, plain.channels)
    bench = ReclaimBench(small_params(spot_instrument=None), data)
    assert (bench.conditions["discount_to_spot"].truth == Truth.UNKNOWN).all()
    told = [text for text in bench.signals.remarks if "spot" in text]
    assert told == [f"{silent} names no spot market: the gap to spot is unknown."]


def test_a_companion_that_the_data_do_not_hold_is_unknown_too():
    bench = ReclaimBench(data=market_data())
    assert (bench.conditions["discount_to_spot"].truth == Truth.UNKNOWN).all()
    assert (
        "BTCUSDT-SPOT/bars/1h is not in the data: the gap to spot is unknown."
        in bench.signals.remarks
    )


def test_another_markets_price_is_unknown_in_every_row():
    # A perp at 100 beside a spot market at 3,000 lies 1 - 1 / 30 = 96.7% below it.
    bench = ReclaimBench(data=market_data(spot_bars(30.0)))
    rows = len(bench.bars())
    condition = bench.conditions["discount_to_spot"]
    assert (condition.truth == Truth.UNKNOWN).all()
    (remark,) = [text for text in bench.signals.remarks if "another market" in text]
    assert f"{PERP} lies up to -96.7% from BTCUSDT-SPOT (spot): beyond 5%" in remark
    assert f"(in {rows} of {rows} rows, warm-up included)" in remark
    # The same sell-off beside its own spot market is known.
    own = ReclaimBench(data=market_data(spot_bars(1.01)))
    assert (own.conditions["discount_to_spot"].truth == Truth.TRUE).all()


@pytest.mark.parametrize(
    ("bound", "factor", "truth"),
    [
        # last / spot - 1 is 1 / 1.05 - 1 = -4.76% and 1 / 1.06 - 1 = -5.66%.
        (0.05, 1.05, Truth.TRUE),
        (0.05, 1.06, Truth.UNKNOWN),
        (0.06, 1.06, Truth.TRUE),
        # A premium of 1 / 0.94 - 1 = 6.4% is as implausible.
        (0.05, 0.94, Truth.UNKNOWN),
        (0.05, 0.96, Truth.FALSE),
    ],
)
def test_the_bound_is_a_parameter_and_has_two_sides(bound, factor, truth):
    bench = ReclaimBench(small_params(basis_bound=bound), market_data(spot_bars(factor)))
    assert (bench.conditions["discount_to_spot"].truth == truth).all()


def test_one_wrong_row_is_unknown_alone():
    factor = np.full(len(sell_off_bars()), 1.0)
    factor[5] = 1.2
    bench = ReclaimBench(data=market_data(spot_bars(factor)))
    unknown = bench.conditions["discount_to_spot"].truth == Truth.UNKNOWN
    assert np.flatnonzero(unknown).tolist() == [5]


def test_a_mark_of_another_market_is_unknown_as_well():
    own = sell_off_bars()
    low, high, close = (own[column] * 30 for column in ("low", "high", "close"))
    made = bars(own["opened_at"], low, high, close, own["volume"])
    columns = {name: values for name, values in made.columns.items() if name != "volume"}
    marks = Channel(ChannelKey(PERP, ChannelKind.MARK, "1h"), columns)
    bench = ReclaimBench(data=market_data(marks))
    assert (bench.conditions["discount_to_mark"].truth == Truth.UNKNOWN).all()
    assert any("-96.7% from BTCUSDT-PERP (mark)" in text for text in bench.signals.remarks)
