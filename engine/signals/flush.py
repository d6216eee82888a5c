"""The sequence first flush, bounce, second flush, reclaim, as states over bars.

The state of row *t* depends on bars up to *t*, and every multiple of the average true range uses
the bar before *t*. The rules are written for a sell-off; a rally is read with negated prices.
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from engine.compiled_function import compiled
from engine.conditions import read_only
from engine.signals.windows import Floats, previous_low

Rows = NDArray[np.int64]

# Places in the kernel's scratch arrays.
_SUPPORT, _FIRST_LOW, _BOUNCE_LEVEL, _BOUNCE_HIGH, _SECOND_LEVEL, _SECOND_LOW = range(6)
_ORIGIN, _STAGE, _RECLAIM = range(3)


class FlushState(IntEnum):
    """State of the sequence at the close of a bar; ``EXPIRED`` and ``INVALIDATED`` last one bar."""

    IDLE = 0
    FIRST_FLUSH = 1
    BOUNCE = 2
    SECOND_FLUSH = 3
    RECLAIMED = 4
    EXPIRED = 5
    INVALIDATED = 6

    @property
    def words(self) -> str:
        """Return the state's name in plain words."""
        return self.name.lower().replace("_", " ")


# The compiled loop takes plain integers only.
_IDLE = int(FlushState.IDLE)
_FIRST = int(FlushState.FIRST_FLUSH)
_BOUNCE = int(FlushState.BOUNCE)
_SECOND = int(FlushState.SECOND_FLUSH)
_RECLAIMED = int(FlushState.RECLAIMED)
_EXPIRED = int(FlushState.EXPIRED)
_INVALIDATED = int(FlushState.INVALIDATED)


class FlushRules(NamedTuple):
    """Thresholds of the sequence; ``*_atr`` are multiples of the previous bar's ATR.

    Attributes
    ----------
    lookback_bars : bars before the first flush whose lowest low is the support
    flush_atr : how far below support the first flush must trade
    volume_multiple : least volume of the first flush over the mean before it
    bounce_atr : how far above the first flush's low a later high must reach
    second_flush_atr : how far above the first flush's low a second flush may stop
    needs_second_flush : false: a reclaim after the bounce counts
    level_is_support : reclaim of the broken support (true) or of the first flush's low (false)
    bounce_bars : bars allowed from the first flush's low to the bounce
    second_flush_bars : bars allowed from the bounce to the second flush
    reclaim_bars : bars allowed from the last low to the reclaim
    sequence_bars : bars allowed from the first flush to the reclaim
    reclaimed_bars : bars for which a reclaimed sequence is followed
    """

    lookback_bars: int
    flush_atr: float
    volume_multiple: float
    bounce_atr: float
    second_flush_atr: float
    needs_second_flush: bool
    level_is_support: bool
    bounce_bars: int
    second_flush_bars: int
    reclaim_bars: int
    sequence_bars: int
    reclaimed_bars: int


@dataclass(frozen=True)
class FlushSequences:
    """The sequence at each bar's close. Prices quote per base unit, NaN where not set yet.

    For a rally (``direction`` -1) lows are highs and highs are lows.

    Attributes
    ----------
    state : int8, :class:`FlushState`
    support : lowest low of the lookback before this bar, whatever the state
    depth_atr : how far this bar traded below ``support``, in ATR of the bar before
    is_flush : this bar alone is deep and busy enough to start a sequence
    broken_support : support of the running sequence, frozen at its first flush
    first_flush_low, second_flush_low : lows of the two flushes so far
    bounce_high : highest high since the bounce began
    bounce_level, second_flush_level : level that counted as bounce, as second flush; frozen when
        it was met
    reclaim_level : price that a close must exceed
    flush_low : lowest low of the sequence
    is_reclaim : the bar whose close reclaimed
    origin, stage_row, reclaim_row : int64 rows of the first flush, of the start of the running
        window, and of the reclaim; -1 where none
    """

    state: NDArray[np.int8]
    support: Floats
    depth_atr: Floats
    is_flush: NDArray[np.bool_]
    broken_support: Floats
    first_flush_low: Floats
    bounce_level: Floats
    bounce_high: Floats
    second_flush_level: Floats
    second_flush_low: Floats
    reclaim_level: Floats
    flush_low: Floats
    is_reclaim: NDArray[np.bool_]
    origin: Rows
    stage_row: Rows
    reclaim_row: Rows

    @property
    def rows_since(self) -> Rows:
        """Return the bars since the running window began; -1 where idle."""
        since = np.arange(len(self.state), dtype=np.int64)
        since -= self.stage_row
        since[self.stage_row < 0] = -1
        return since


def flush_sequences(
    high: Floats,
    low: Floats,
    close: Floats,
    *,
    previous_atr: Floats,
    volume_multiple: Floats,
    rules: FlushRules,
    direction: int = 1,
) -> FlushSequences:
    """Return the sequence at every bar.

    Parameters
    ----------
    high, low, close : bars, quote per base unit, without NaN
    previous_atr : ATR of the bar before each bar, NaN while unknown
    volume_multiple : volume over the mean volume before the bar, NaN while unknown
    rules : thresholds
    direction : +1 for sell-offs that are bought, -1 for rallies that are sold
    """
    bottom, top, last = (low, high, close) if direction > 0 else (-high, -low, -close)
    support = previous_low(bottom, rules.lookback_bars)
    depth = support - bottom
    # A zero average true range gives no scale, so no bar counts as deep.
    scaled = previous_atr > 0
    np.divide(depth, previous_atr, out=depth, where=scaled)
    depth[~scaled] = np.nan
    with np.errstate(invalid="ignore"):
        is_flush = (depth >= rules.flush_atr) & (volume_multiple >= rules.volume_multiple)
    bars = _Bars(*(_as_compiled(values) for values in (bottom, top, last, previous_atr)))
    state, levels, rows = _run(bars, support, is_flush, rules, float(direction))
    for values in (support, depth, levels):
        read_only(values)
    first, second = levels[_FIRST_LOW], levels[_SECOND_LOW]
    lower = np.fmin if direction > 0 else np.fmax
    return FlushSequences(
        state=state,
        support=support if direction > 0 else read_only(-support),
        depth_atr=depth,
        is_flush=is_flush,
        broken_support=levels[_SUPPORT],
        first_flush_low=first,
        bounce_level=levels[_BOUNCE_LEVEL],
        bounce_high=levels[_BOUNCE_HIGH],
        second_flush_level=levels[_SECOND_LEVEL],
        second_flush_low=second,
        reclaim_level=levels[_SUPPORT] if rules.level_is_support else first,
        flush_low=read_only(lower(first, second)),
        is_reclaim=(state == _RECLAIMED) & (rows[_RECLAIM] == np.arange(len(state))),
        origin=rows[_ORIGIN],
        stage_row=rows[_STAGE],
        reclaim_row=rows[_RECLAIM],
    )


def _as_compiled(values: Floats) -> Floats:
    """Return a read-only view: the loop is compiled for one kind of array, read-only or not."""
    view = np.ascontiguousarray(values).view()
    view.flags.writeable = False
    return view


class _Bars(NamedTuple):
    """All bars; ``atr`` is the average true range of the bar before each."""

    low: Floats
    high: Floats
    close: Floats
    atr: Floats


class _Bar(NamedTuple):
    """One bar; ``atr`` is the average true range of the bar before."""

    low: float
    high: float
    close: float
    atr: float


@compiled
def _run(
    bars: _Bars, support: Floats, is_flush: NDArray[np.bool_], rules: FlushRules, sign: float
) -> Any:
    """Return state, levels x ``sign`` and rows of the sequence at every bar; see the places."""
    count = len(support)
    states = np.zeros(count, dtype=np.int8)
    all_levels = np.full((6, count), np.nan)
    all_rows = np.full((3, count), -1, dtype=np.int64)
    levels = np.full(6, np.nan)
    rows = np.full(3, -1, dtype=np.int64)
    state = _IDLE
    for t in range(count):
        bar = _Bar(bars.low[t], bars.high[t], bars.close[t], bars.atr[t])
        if _FIRST <= state <= _RECLAIMED:
            state = _advance(state, t, bar, levels, rows, rules)
        else:
            state = _IDLE
        # A sequence that ends on this bar makes room for the one that this bar starts.
        if not _FIRST <= state <= _RECLAIMED and is_flush[t]:
            state = _FIRST
            levels[:] = np.nan
            levels[_SUPPORT] = support[t]
            levels[_FIRST_LOW] = bar.low
            rows[_ORIGIN], rows[_STAGE], rows[_RECLAIM] = t, t, -1
        states[t] = state
        if state != _IDLE:
            for place in range(6):
                all_levels[place, t] = levels[place] * sign
            for place in range(3):
                all_rows[place, t] = rows[place]
    return states, all_levels, all_rows


@compiled
def _advance(  # noqa: PLR0917 - the compiled loop takes no keywords
    state: int, t: int, bar: _Bar, levels: Floats, rows: Rows, rules: FlushRules
) -> int:
    """Return the state after one more bar of a running sequence; updates levels and rows."""
    if state == _RECLAIMED:
        return _after_reclaim(t, bar, levels, rows, rules)
    if t - rows[_ORIGIN] > rules.sequence_bars:
        return _EXPIRED
    if state == _FIRST:
        return _after_first_flush(t, bar, levels, rows, rules)
    if state == _BOUNCE:
        return _after_bounce(t, bar, levels, rows, rules)
    return _after_second_flush(t, bar, levels, rows, rules)


@compiled
def _after_first_flush(t: int, bar: _Bar, levels: Floats, rows: Rows, rules: FlushRules) -> int:
    levels[_BOUNCE_LEVEL] = levels[_FIRST_LOW] + rules.bounce_atr * bar.atr
    # A bar with a new low and a high beyond the level is read as the low after the high.
    if bar.low < levels[_FIRST_LOW]:
        levels[_FIRST_LOW] = bar.low
        rows[_STAGE] = t
        return _FIRST
    if t - rows[_STAGE] > rules.bounce_bars:
        return _EXPIRED
    if not bar.high >= levels[_BOUNCE_LEVEL]:
        return _FIRST
    levels[_BOUNCE_HIGH] = bar.high
    rows[_STAGE] = t
    return _reclaim_without_second(t, bar, levels, rows, rules)


@compiled
def _after_bounce(t: int, bar: _Bar, levels: Floats, rows: Rows, rules: FlushRules) -> int:
    levels[_SECOND_LEVEL] = levels[_FIRST_LOW] + rules.second_flush_atr * bar.atr
    if t - rows[_STAGE] > rules.second_flush_bars:
        return _EXPIRED
    if bar.low <= levels[_SECOND_LEVEL]:
        levels[_SECOND_LOW] = bar.low
        rows[_STAGE] = t
        return _reclaim_or_stay(t, bar, levels, rows, rules)
    levels[_BOUNCE_HIGH] = max(levels[_BOUNCE_HIGH], bar.high)
    return _reclaim_without_second(t, bar, levels, rows, rules)


@compiled
def _reclaim_without_second(
    t: int, bar: _Bar, levels: Floats, rows: Rows, rules: FlushRules
) -> int:
    """Return the state after a bounce: a close above the level reclaims if no second is needed."""
    if rules.needs_second_flush or not bar.close > _level(levels, rules):
        return _BOUNCE
    rows[_STAGE], rows[_RECLAIM] = t, t
    return _RECLAIMED


@compiled
def _after_second_flush(t: int, bar: _Bar, levels: Floats, rows: Rows, rules: FlushRules) -> int:
    if bar.low < levels[_SECOND_LOW]:
        levels[_SECOND_LOW] = bar.low
        rows[_STAGE] = t
    elif t - rows[_STAGE] > rules.reclaim_bars:
        return _EXPIRED
    return _reclaim_or_stay(t, bar, levels, rows, rules)


@compiled
def _reclaim_or_stay(t: int, bar: _Bar, levels: Floats, rows: Rows, rules: FlushRules) -> int:
    """Return the state after a second flush: a close above the level reclaims.

    It counts on a bar that traded below the level, or on a bar after the low. Otherwise the close
    of a second flush that stopped above the level would count as a reclaim.
    """
    level = _level(levels, rules)
    if bar.close > level and (bar.low < level or t > rows[_STAGE]):
        rows[_STAGE], rows[_RECLAIM] = t, t
        return _RECLAIMED
    return _SECOND


@compiled
def _after_reclaim(t: int, bar: _Bar, levels: Floats, rows: Rows, rules: FlushRules) -> int:
    # fmin: the second low is NaN when the second flush was not waited for.
    if bar.low < np.fmin(levels[_FIRST_LOW], levels[_SECOND_LOW]):
        return _INVALIDATED
    return _EXPIRED if t - rows[_RECLAIM] > rules.reclaimed_bars else _RECLAIMED


@compiled
def _level(levels: Floats, rules: FlushRules) -> float:
    level: float = levels[_SUPPORT] if rules.level_is_support else levels[_FIRST_LOW]
    return level
