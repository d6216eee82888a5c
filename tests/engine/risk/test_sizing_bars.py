import numpy as np
import pytest

from data_feeds.clock import HOUR_NS
from data_feeds.dataset import Dataset
from data_feeds.instrument import Instrument
from data_feeds.schema import Channel, ChannelKey, ChannelKind
from engine.config.models import RiskConfig
from engine.errors import ConfigError
from engine.risk import build_sizing_bars
from engine.risk.sizing_bars import bars_per_day, days_per_year

ETF = Instrument(id="QQQ", kind="etf", calendar="XNYS")
PERP = Instrument(id="BTC", kind="perp")


def dataset(rows=96, lag=0):
    opened = np.arange(rows, dtype=np.int64) * HOUR_NS
    close = 100 * np.exp(0.01 * (np.arange(rows) % 2))
    bars = Channel(
        ChannelKey("BTC", ChannelKind.BARS, "1h"),
        {
            "opened_at": opened,
            "closed_at": opened + HOUR_NS,
            "available_at": opened + HOUR_NS + lag,
            "open": close,
            "high": close * 1.01,
            "low": close * 0.99,
            "close": close,
            "volume": np.arange(rows, dtype=np.float64),
            "label": np.zeros(rows, dtype=np.int8),
        },
    )
    return Dataset({"BTC": PERP}, {bars.key: bars})


def test_inputs_of_hourly_bars_around_the_clock():
    inputs = build_sizing_bars(dataset(), "BTC", "1h", RiskConfig())
    # Every log return is +-1%: 0.01 x sqrt(8760) a year, known after 72 returns.
    assert inputs.realized_volatility[72] == pytest.approx(0.01 * np.sqrt(8760))
    assert np.isnan(inputs.realized_volatility[71])
    # One day of volumes: mean of 72..95 is 83.5, known from the 24th bar on.
    assert inputs.mean_volume[95] == pytest.approx(83.5)
    assert np.isnan(inputs.mean_volume[22])
    assert not np.isnan(inputs.mean_volume[23])
    assert inputs.range_fraction[5] == pytest.approx(0.02)


def test_a_bar_is_read_from_its_close_on_and_not_a_nanosecond_before():
    inputs = build_sizing_bars(dataset(), "BTC", "1h", RiskConfig())
    assert inputs.row_at(HOUR_NS - 1) == -1
    assert inputs.row_at(HOUR_NS) == 0
    assert inputs.row_at(2 * HOUR_NS - 1) == 0


def test_a_bar_that_is_published_late_is_read_late():
    inputs = build_sizing_bars(dataset(lag=90), "BTC", "1h", RiskConfig())
    assert inputs.row_at(HOUR_NS) == -1
    assert inputs.row_at(HOUR_NS + 90) == 0


def test_inputs_up_to_a_row_do_not_change_when_later_rows_are_deleted():
    whole = build_sizing_bars(dataset(), "BTC", "1h", RiskConfig())
    cut = build_sizing_bars(dataset().cut(80 * HOUR_NS), "BTC", "1h", RiskConfig())
    for name in ("close", "realized_volatility", "mean_volume", "range_fraction"):
        assert getattr(cut, name).tobytes() == getattr(whole, name)[:80].tobytes()


def test_a_window_too_short_for_the_bars_is_an_error_that_names_it():
    with pytest.raises(ConfigError, match=r"risk\.volatility_window: 1h holds 1 bars of 1h"):
        build_sizing_bars(dataset(), "BTC", "1h", RiskConfig(volatility_window="1h"))


@pytest.mark.parametrize(
    ("instrument", "timeframe", "bars", "days"),
    [
        (PERP, "5m", 288, 365),
        (PERP, "1d", 1, 365),
        (ETF, "1d", 1, 252),
        (ETF, "30m", 13, 252),
    ],
)
def test_bars_a_day_and_days_a_year_follow_the_calendar(instrument, timeframe, bars, days):
    assert bars_per_day(instrument, timeframe) == bars
    assert days_per_year(instrument) == days
