"""Read the columns behind names: stored ones, and those computed from a whole channel."""

from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.api import (
    DAY_NS,
    Channel,
    ChannelKey,
    ChannelKind,
    Dataset,
    MarketState,
    Truth,
    market_state,
    signals,
    state_channels,
    utc_days,
)
from strategies.rules.names import FlushWatch, Names
from strategies.rules.rows import Observations
from strategies.rules.terms import Term
from strategies.rules.vocabulary import FLUSH_STAGES

Floats = NDArray[np.float64]
Instants = NDArray[np.int64]

# Days of the state before the first decision, so that the newest one is there.
_STATE_DAYS_BEFORE = 7
_FLUSH_COLUMNS = {
    "support": "support",
    "broken_support": "broken_support",
    "first_low": "first_flush_low",
    "second_low": "second_flush_low",
    "bounce_high": "bounce_high",
    "reclaim_level": "reclaim_level",
    "low": "flush_low",
    "depth": "depth_atr",
}
_DAY = np.timedelta64(1, "D")


class StateDays:
    """The market state of the days around the decisions, computed when first asked for."""

    def __init__(self, data: Dataset, names: Names, decided_at: Instants) -> None:
        self._data, self._names, self._decided_at = data, names, decided_at

    @cached_property
    def state(self) -> MarketState | None:
        """Return the state, one row a calendar day; None without decisions."""
        if len(self._decided_at) == 0:
            return None
        first, last = utc_days(self._decided_at[[0, -1]])
        first -= _STATE_DAYS_BEFORE * _DAY
        return market_state(self._data, self._names.settings.state, first, last)

    def unit_of(self, condition: str) -> str:
        """Return the unit of a condition's numbers."""
        return "" if self.state is None else self.state.conditions[condition].unit

    def inputs_of(self, term: Term) -> frozenset[str]:
        """Return the inputs of a state's condition; of a reading or label, all inputs of the state.

        What the data lack is not among them.
        """
        what, name = term.detail
        if self.state is None:
            return frozenset()
        if what in ("condition", "measured", "threshold"):
            return frozenset(filter(self._is_held, self.state.conditions[str(name)].inputs))
        read = state_channels(self._names.settings.state) & set(self._data.channels)
        return frozenset(map(str, read))

    def _is_held(self, text: str) -> bool:
        """Return whether the data hold an input of the state: ``SPY``, ``SPY 1h``, ``funding``."""
        name, _, timeframe = text.partition(" ")
        if name == name.lower():
            return True
        if timeframe:
            return ChannelKey(name, ChannelKind.BARS, timeframe) in self._data.channels
        return any(key.instrument == name for key in self._data.channels)

    def times(self) -> tuple[NDArray[np.datetime64], Instants]:
        """Return the days and their instants."""
        if self.state is None:
            return np.empty(0, dtype="datetime64[D]"), np.empty(0, dtype=np.int64)
        return self.state.dates, self.state.decided_at

    def column(self, term: Term) -> NDArray[Any]:
        """Return a reading, the truth or a number of a condition, or a label."""
        what, name = term.detail
        assert isinstance(name, str)
        if self.state is None:
            is_number = what in ("reading", "measured", "threshold")
            return np.empty(0, dtype=np.float64 if is_number else np.int8)
        if what == "reading":
            return self.state.values[name]
        if what in ("condition", "measured", "threshold"):
            column = "truth" if what == "condition" else str(what)
            found: NDArray[Any] = getattr(self.state.conditions[name], column)
            return found
        labels: NDArray[np.int8] = getattr(self.state, name)
        return labels


def channel_column(data: Dataset, names: Names, term: Term, found: Observations) -> NDArray[Any]:
    """Return a column of a channel at the observations of its rows.

    A channel that the data do not hold has no observations.
    """
    (source,) = term.rows
    assert source.key is not None
    column = str(term.detail[-1])
    if term.detail[0] == "flush":
        return _flush(data, names, source.key, column, found.places[source])
    channel = data.channels.get(source.key)
    if channel is None:
        return np.empty(0, dtype=np.float64)
    places = found.places[source]
    if column == "total_return":
        dividends = data.channels.get(ChannelKey(source.key.instrument, ChannelKind.DIVIDENDS))
        return total_return(channel, dividends, places)
    if column == "open_interest":
        prices = [data.channels[key] for key in _marks_first(term) if key in data.channels]
        base = signals.open_interest_base(channel, *(item for item in prices if len(item)))
        return base[places]
    values: Floats = channel[column]
    return values if len(places) == len(values) else values[places]


def _marks_first(term: Term) -> list[ChannelKey]:
    """Return the price channels beside open interest, marks before traded prices."""
    return sorted(term.helpers, key=lambda key: key.kind is not ChannelKind.MARK)


def total_return(bars: Channel, dividends: Channel | None, places: Instants) -> Floats:
    """Return the close with dividends reinvested at the close of the bar they fall into.

    ``value = value[1] * (close + dividends) / close[1]``, the first one its close. A dividend that
    becomes known after its bar counts in the first bar that is known no earlier.
    """
    close, closed = bars["close"][places], bars["closed_at"][places]
    if len(close) == 0:
        return np.empty(0)
    growth = np.empty(len(close))
    growth[0] = close[0]
    paid = np.zeros(len(close))
    if dividends is not None and len(dividends):
        at = np.searchsorted(closed, dividends["event_at"])
        known = np.searchsorted(bars["available_at"][places], dividends["available_at"])
        at = np.maximum(at, known)
        inside = (at > 0) & (at < len(close))
        np.add.at(paid, at[inside], dividends["amount"][inside])
    growth[1:] = (close[1:] + paid[1:]) / close[:-1]
    return np.multiply.accumulate(growth)


def flush_of(bars: Channel, places: Instants, watch: FlushWatch) -> signals.FlushSequences:
    """Return the flush detector's sequence over bars."""
    high, low, close, volume = (bars[name][places] for name in ("high", "low", "close", "volume"))
    return signals.flush_sequences(
        high,
        low,
        close,
        previous_atr=signals.previous(signals.wilder_atr(high, low, close, watch.atr_bars)),
        volume_multiple=signals.multiple_of_previous_mean(volume, watch.volume_bars),
        rules=watch.rules,
        direction=watch.side,
    )


def _flush(
    data: Dataset, names: Names, key: ChannelKey, column: str, places: Instants
) -> NDArray[Any]:
    watch, bars = names.settings.flush, data.channels.get(key)
    assert watch is not None
    if bars is None or len(places) == 0:
        is_number = column in _FLUSH_COLUMNS
        return np.empty(0, dtype=np.float64 if is_number else np.int8)
    found = flush_of(bars, places, watch)
    if column == "stage":
        return found.state
    if column in FLUSH_STAGES:
        stage = signals.FlushState[column.upper()]
        return np.where(found.state == stage, Truth.TRUE, Truth.FALSE).astype(np.int8)
    levels: Floats = getattr(found, _FLUSH_COLUMNS[column])
    return levels


def periods_of(step_ns: int, *, by_session: bool) -> float:
    """Return the rows in a year: 252 sessions, or bars of 365 days around the clock.

    >>> periods_of(DAY_NS, by_session=False), periods_of(DAY_NS, by_session=True)
    (365.0, 252.0)
    """
    return 252.0 if by_session or not step_ns else 365 * DAY_NS / step_ns
