"""Compute the market inputs of sizing: one row per bar of the traded instrument."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data_feeds.clock import DAY_NS, HOUR_NS, parse_duration
from data_feeds.dataset import Dataset
from data_feeds.instrument import Instrument, InstrumentKind
from data_feeds.schema import Channel, ChannelKind
from data_feeds.timeframe import Timeframe
from engine.config.models import RiskConfig
from engine.errors import ConfigError
from engine.signals.realized_volatility import realized_volatility
from engine.signals.windows import rolling_sum

Floats = NDArray[np.float64]

ALWAYS_OPEN = "24/7"
ALWAYS_OPEN_DAYS_PER_YEAR = 365.0
# Sessions of a US exchange: 252 a year of six and a half hours.
SESSION_DAYS_PER_YEAR = 252.0
SESSION_NS = 13 * HOUR_NS // 2
MIN_VOLATILITY_BARS = 2


@dataclass(frozen=True)
class SizingBars:
    """Hold causal arrays, one entry a bar; read them through :meth:`row_at`.

    Attributes
    ----------
    available_at : int64 ns UTC, first instant at which the bar may be used (its close or later)
    close : quote per base unit
    realized_volatility : fraction per year, NaN before its window is full
    mean_volume : base units a bar, mean of the participation window, NaN before it is full
    range_fraction : (high - low) / close
    half_spread : half spread of an option's quote, a fraction of its price; 0 for others
    """

    available_at: NDArray[np.int64]
    close: Floats
    realized_volatility: Floats
    mean_volume: Floats
    range_fraction: Floats
    half_spread: Floats

    def row_at(self, at: int) -> int:
        """Return the last row known at ``at``; -1 before the first."""
        return int(self.available_at.searchsorted(at, side="right")) - 1


def build_sizing_bars(
    dataset: Dataset, instrument_id: str, timeframe: str, risk: RiskConfig
) -> SizingBars:
    """Return the bars that size one traded instrument, with volatility and volume.

    Raises
    ------
    CoverageError : the dataset has no such bars.
    ConfigError : a risk window is shorter than the bars allow.
    """
    bars = dataset.bars(instrument_id, timeframe)
    instrument = dataset.instruments[instrument_id]
    if instrument.kind is InstrumentKind.OPTION:
        return _option_inputs(dataset, bars)
    per_day = bars_per_day(instrument, timeframe)
    volatility_bars = _window_bars(
        "volatility_window", risk.volatility_window, per_day, timeframe, MIN_VOLATILITY_BARS
    )
    volume_bars = _window_bars(
        "participation_window", risk.participation_window, per_day, timeframe, 1
    )
    close = bars["close"]
    return SizingBars(
        # A late bar also delays the values computed from the bars after it.
        available_at=np.maximum.accumulate(bars["available_at"]),
        close=close,
        realized_volatility=realized_volatility(
            close, volatility_bars, per_day * days_per_year(instrument)
        ),
        mean_volume=rolling_sum(bars["volume"], volume_bars) / volume_bars,
        range_fraction=(bars["high"] - bars["low"]) / close,
        half_spread=np.zeros(len(bars)),
    )


def _option_inputs(dataset: Dataset, bars: Channel) -> SizingBars:
    """Return an option's price and half spread; the other values are NaN."""
    nothing = np.full(len(bars), np.nan)
    quotes = dataset.channel(bars.key.instrument, ChannelKind.SERIES)
    return SizingBars(
        available_at=bars["available_at"],
        close=bars["close"],
        realized_volatility=nothing,
        mean_volume=nothing,
        range_fraction=nothing,
        half_spread=quotes["value"],
    )


def days_per_year(instrument: Instrument) -> float:
    """Return trading days a year: 365 around the clock, otherwise 252 sessions."""
    always_open = instrument.calendar == ALWAYS_OPEN
    return ALWAYS_OPEN_DAYS_PER_YEAR if always_open else SESSION_DAYS_PER_YEAR


def bars_per_day(instrument: Instrument, timeframe: str) -> float:
    """Return bars in one trading day of the instrument; a daily bar is one session."""
    day_ns = DAY_NS if instrument.calendar == ALWAYS_OPEN else SESSION_NS
    length = Timeframe(timeframe).ns
    return DAY_NS / length if length >= DAY_NS else max(1.0, day_ns / length)


def _window_bars(name: str, window: str, per_day: float, timeframe: str, minimum: int) -> int:
    bars = round(parse_duration(window) / DAY_NS * per_day)
    if bars < minimum:
        raise ConfigError(
            f"risk.{name}: {window} holds {bars} bars of {timeframe}, at least {minimum} needed; "
            "use a longer window"
        )
    return bars
