import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from data_feeds.timeframe import Timeframe
from strategies.liquidation_reclaim import LiquidationReclaim, ReclaimParams
from strategies.liquidation_reclaim.params import length_bars


@pytest.mark.parametrize(
    ("length", "timeframe", "expected"),
    [
        ("24h", "1h", 24),
        ("24h", "5m", 288),
        ("7d", "4h", 42),
        ("14 bars", "5m", 14),
        ("1 bar", "4h", 1),
        ("90m", "1h", 2),  # rounded up to whole bars
        ("30m", "4h", 1),
    ],
)
def test_a_length_becomes_bars_of_the_clock(length, timeframe, expected):
    assert length_bars(length, Timeframe(timeframe)) == expected


@given(st.integers(1, 500), st.sampled_from(["1m", "5m", "15m", "1h", "2h", "4h"]))
def test_a_duration_is_covered_by_its_bars(hours, timeframe):
    step = Timeframe(timeframe)
    bars = length_bars(f"{hours}h", step)
    assert (bars - 1) * step.ns < hours * 3600 * 10**9 <= bars * step.ns


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"support_lookback": "a day"}, "'24 bars' or a duration"),
        ({"support_lookback": "0 bars"}, "'24 bars' or a duration"),
        ({"timeframe": "8h"}, "between 1m and 4h"),
        ({"timeframe": "30s"}, "between 1m and 4h"),
        ({"trend_timeframe": "90m"}, "multiple of timeframe"),
        ({"second_flush_atr": 1.0}, "must lie below bounce_atr"),
        ({"targets": [{"r": 2.0, "fraction": 0.5}, {"r": 1.0, "fraction": 0.5}]}, "ascend"),
        ({"targets": [{"r": 1.0, "fraction": 0.5}, {"r": 2.0, "fraction": 0.4}]}, "sum to 1"),
        ({"thin_hours": [20, 16]}, "two hours of a day in order"),
        ({"volume_mutiple": 3.0}, "Extra inputs"),
        ({"flush_atr": -1.0}, "greater than or equal to 0"),
        ({"discount_max_age": "soon"}, "not a duration"),
    ],
)
def test_what_makes_no_sense_is_refused(changes, message):
    with pytest.raises(ValidationError, match=message):
        ReclaimParams(**changes)


@pytest.mark.parametrize("timeframe", ["1m", "5m", "15m", "1h", "2h", "4h"])
def test_every_clock_from_a_minute_to_four_hours_has_a_warm_up_of_its_own(timeframe):
    params = ReclaimParams(timeframe=timeframe)
    needed = LiquidationReclaim.requirements(params)
    hours = needed.warmup_bars * Timeframe(timeframe).ns / 3.6e12
    # 72 h of sequence, and before it the longer of 44 x 4h of trend and 20 x 14 bars of ATR.
    assert hours == pytest.approx(72 + max(176, 280 * Timeframe(timeframe).ns / 3.6e12), abs=4.1)


def test_only_the_clock_is_required():
    needed = LiquidationReclaim.requirements(ReclaimParams(timeframe="5m"))
    assert [str(key) for key in needed.channels] == ["BTCUSDT-PERP/bars/5m"]
    assert sorted(str(key) for key in needed.optional) == [
        "BTCUSDT-PERP/funding",
        "BTCUSDT-PERP/liquidations",
        "BTCUSDT-PERP/mark/1h",
        "BTCUSDT-PERP/open_interest",
        "DGS10/series",
        "DXY/series",
    ]
    assert needed.traded == ("BTCUSDT-PERP",)


def test_params_survive_a_round_trip():
    params = ReclaimParams(timeframe="15m", thin_hours=(15, 19))
    assert ReclaimParams(**params.model_dump(mode="json")) == params
