"""The clock's bars with the numbers that every rule uses."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.api import Channel, ChannelKey, ChannelKind, Dataset, is_one_value, read_only, signals
from strategies.liquidation_reclaim.params import COMPANION, ReclaimParams

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Rows = NDArray[np.int64]


@dataclass(frozen=True)
class ReclaimChannels:
    """Names of the channels that the rules read; ``spot`` is None where none is named."""

    clock: ChannelKey
    mark: ChannelKey
    spot: ChannelKey | None
    funding: ChannelKey
    open_interest: ChannelKey
    liquidations: ChannelKey
    dollar: ChannelKey
    yields: ChannelKey

    @classmethod
    def of(cls, params: ReclaimParams) -> "ReclaimChannels":
        """Return the names for some parameters."""
        perp, spot = params.instrument, params.spot_instrument
        return cls(
            clock=ChannelKey(perp, ChannelKind.BARS, params.timeframe),
            mark=ChannelKey(perp, ChannelKind.MARK, params.mark_timeframe),
            spot=ChannelKey(spot, ChannelKind.BARS, params.spot_timeframe)
            if spot is not None and spot != COMPANION
            else None,
            funding=ChannelKey(perp, ChannelKind.FUNDING),
            open_interest=ChannelKey(perp, ChannelKind.OPEN_INTEREST),
            liquidations=ChannelKey(perp, ChannelKind.LIQUIDATIONS),
            dollar=ChannelKey(params.dollar_series, ChannelKind.SERIES),
            yields=ChannelKey(params.yield_series, ChannelKind.SERIES),
        )

    def optional(self) -> frozenset[ChannelKey]:
        """Return every channel but the clock."""
        always = {
            self.mark,
            self.funding,
            self.open_interest,
            self.liquidations,
            self.dollar,
            self.yields,
        }
        return frozenset(always if self.spot is None else {*always, self.spot})


@dataclass(frozen=True)
class Frame:
    """Bars, sequence and open interest at every decision row; everything causal.

    ``origin`` is the row of the running sequence's first flush, and the row itself where none
    runs. ``reference`` is the row before ``origin`` (0 at the very start). ``open_interest`` is in
    base units, NaN where unknown or stale; ``open_interest_row`` the channel row it came from,
    ``open_interest_age`` its age, ns, -1 where there is none.
    """

    params: ReclaimParams
    channels: ReclaimChannels
    data: Dataset
    bars: Channel
    decided_at: Rows
    previous_atr: Floats
    volume_multiple: Floats
    sequence: signals.FlushSequences
    active: Flags
    origin: Rows
    reference: Rows
    open_interest: Floats
    open_interest_row: Rows
    open_interest_age: Rows

    def channel(self, key: ChannelKey | None) -> Channel | None:
        """Return an optional channel, None when it has no name or the data do not hold it."""
        if key is None or not self.data.has(key.instrument, key.kind, key.timeframe):
            return None
        return self.data.channel(key.instrument, key.kind, key.timeframe)

    def interest_since(self, rows: Rows) -> Floats:
        """Return the change of open interest since other rows; NaN for rows below 0."""
        if is_one_value(self.open_interest):
            return signals.unknown_values(len(rows))
        change: Floats = self.open_interest / self.open_interest.take(rows, mode="clip") - 1
        change[rows < 0] = np.nan
        return change


def build_frame(
    params: ReclaimParams, data: Dataset, ignored: frozenset[str] = frozenset()
) -> Frame:
    """Return the frame of a dataset; see :func:`flush_rules` for ``ignored``."""
    params = params.with_companions(data.instruments)
    channels = ReclaimChannels.of(params)
    bars = data.bars(params.instrument, params.timeframe)
    high, low, close = bars["high"], bars["low"], bars["close"]
    previous_atr = read_only(
        signals.previous(signals.wilder_atr(high, low, close, params.bars(params.atr_length)))
    )
    multiple = read_only(
        signals.multiple_of_previous_mean(bars["volume"], params.bars(params.volume_window))
    )
    sequence = signals.flush_sequences(
        high,
        low,
        close,
        previous_atr=previous_atr,
        volume_multiple=multiple,
        rules=flush_rules(params, ignored),
        direction=params.side,
    )
    rows = np.arange(len(bars), dtype=np.int64)
    active = sequence.origin >= 0
    origin = np.where(active, sequence.origin, rows)
    interest, interest_row, interest_age = _open_interest(params, channels, data, bars)
    return Frame(
        params=params,
        channels=channels,
        data=data,
        bars=bars,
        decided_at=bars["available_at"],
        previous_atr=previous_atr,
        volume_multiple=multiple,
        sequence=sequence,
        active=active,
        origin=origin,
        reference=np.maximum(origin - 1, 0),
        open_interest=interest,
        open_interest_row=interest_row,
        open_interest_age=interest_age,
    )


def flush_rules(params: ReclaimParams, ignored: frozenset[str] = frozenset()) -> signals.FlushRules:
    """Return the sequence's thresholds with every length in bars of the clock.

    The stages of the sequence are conditions too, and come one after another: a stage in
    ``ignored`` gets a threshold that every bar with a known number meets.
    """
    return signals.FlushRules(
        lookback_bars=params.bars(params.support_lookback),
        flush_atr=-np.inf if "first_flush_range" in ignored else params.flush_atr,
        volume_multiple=-np.inf if "first_flush_volume" in ignored else params.volume_multiple,
        bounce_atr=-np.inf if "bounce" in ignored else params.bounce_atr,
        second_flush_atr=params.second_flush_atr,
        needs_second_flush=params.entry_after == "second_flush" and "second_flush" not in ignored,
        level_is_support=params.reclaim_level == "broken_support",
        bounce_bars=params.bars(params.bounce_window),
        second_flush_bars=params.bars(params.second_flush_window),
        reclaim_bars=params.bars(params.reclaim_window),
        sequence_bars=params.bars(params.sequence_window),
        reclaimed_bars=params.bars(params.time_stop),
    )


def _open_interest(
    params: ReclaimParams, channels: ReclaimChannels, data: Dataset, bars: Channel
) -> tuple[Floats, Rows, Rows]:
    """Return base-unit open interest at each row, the channel row it is from, and its age."""
    key = channels.open_interest
    if not data.has(key.instrument, key.kind):
        missing = signals.unknown_ages(len(bars))
        return signals.unknown_values(len(bars)), missing, missing
    channel = data.channel(key.instrument, key.kind)
    mark = channels.mark
    prices = [bars]
    if data.has(mark.instrument, mark.kind, mark.timeframe):
        prices.insert(0, data.channel(mark.instrument, mark.kind, mark.timeframe))
    known = signals.derived_as_of(
        channel,
        signals.open_interest_base(channel, *prices),
        bars["available_at"],
        params.nanoseconds(params.open_interest_max_age),
    )
    interest = read_only(np.where(known.is_fresh, known.values, np.nan))
    return interest, known.rows, known.age_ns
