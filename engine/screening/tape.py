"""The tape of the kernel, made once from the timeline of a run."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_feeds.clock import DAY_NS
from data_feeds.schema import Channel
from engine.broker.along_instants import NO_ROW
from engine.broker.timeline import InstrumentPath, Timeline
from engine.contracts import MarginTerms
from engine.costs.market_activity import MarketActivity, bar_volatility
from engine.excess import days_of
from engine.risk.guards import end_of_day, end_of_week
from engine.screening.blocks import block_extremes
from engine.screening.layout import EXTREMES, INSTANT, NONE, Floats, Ints, Records, Tape

# Columns that the path of the instrument holds under the same name.
OF_PATH = (
    "open_price",
    "low",
    "high",
    "mark_open",
    "mark_low",
    "mark_high",
    "mark",
    "funding_rate",
    "funding_mark",
)


@dataclass(frozen=True)
class ActivityTape:
    """Hold daily volume, volatility and usual volatility at each of some instants."""

    daily: Floats
    recent: Floats
    usual: Floats
    is_known: Ints


def known_activity(
    activity: MarketActivity | None, at: Ints, own: Floats | None = None
) -> ActivityTape:
    """Return the activity known at each instant; ``own`` is the volatility of a fill's bar."""
    unknown = np.full(len(at), np.nan)
    if activity is None:
        return ActivityTape(unknown, unknown, unknown, np.zeros(len(at), np.int64))
    extra = np.zeros(len(at)) if own is None else own
    found = [
        activity.at(instant, own_volatility=volatility)
        for instant, volatility in zip(at.tolist(), extra.tolist(), strict=True)
    ]
    return ActivityTape(
        np.array([item.daily_volume for item in found]),
        np.array([item.volatility for item in found]),
        np.array([item.usual_volatility for item in found]),
        np.array([item.is_known for item in found], np.int64),
    )


def margin_tiers(terms: MarginTerms) -> Floats:
    """Return ceiling, rate and deduction of each tier."""
    return np.array([(tier.ceiling, tier.rate, tier.deduction) for tier in terms.tiers])


def build_tape(
    timeline: Timeline, terms: MarginTerms, activity: MarketActivity | None, start: int
) -> tuple[Tape, Ints]:
    """Return the tape of a timeline of one instrument, and the last close of each account day."""
    (path,) = timeline.paths
    at, closing = timeline.at, path.closing
    bars, closes = path.bars, closing != NO_ROW
    opened_at = np.where(closes, bars["opened_at"][closing], NONE)
    opens = known_activity(activity, at)
    inside = known_activity(activity, opened_at, _own_volatility(path, bars))
    day_of, day_closes = _days(timeline, start)
    rows = _records(
        INSTANT,
        at=at,
        closes=closes,
        opens=path.opening != NO_ROW,
        has_close=timeline.has_close,
        day_end=timeline.day_end,
        week_end=timeline.week_end,
        day_of=day_of,
        day_until=_ends(at, 0),
        day_after=_ends(at, 1),
        week_until=_week_ends(at),
        opened_at=opened_at,
        **{name: getattr(path, name) for name in OF_PATH},
        **_bars_that_close(path),
        **_activity("open", opens),
        **_activity("bar", inside),
    )
    tape = Tape(
        rows=rows,
        blocks=_records(EXTREMES, **_extremes(timeline, path)),
        tiers=margin_tiers(terms),
        at=at,
        day_marks=np.flatnonzero(timeline.day_end | (day_of != NONE)),
        due=np.flatnonzero(~np.isnan(path.funding_rate)),
    )
    return tape, at[day_closes]


def _records(layout: np.dtype[Any], **columns: NDArray[Any]) -> Records:
    """Return records with the given columns."""
    rows = np.zeros(len(next(iter(columns.values()))), layout)
    for name in layout.names or ():
        rows[name] = columns[name]
    return rows.view(np.recarray)


def _bars_that_close(path: InstrumentPath) -> dict[str, Floats]:
    """Return range and volume known at the opens, and the bar that closes at each instant."""
    bars, marks, closing = path.bars, path.marks, path.closing
    return {
        "raw_open": _of_bars(bars["open"], closing),
        "raw_close": _of_bars(bars["close"], closing),
        "raw_mark_open": _of_bars(marks.open, closing),
        "raw_mark_close": _of_bars(marks.close, closing),
        "open_range": path.known_range,
        "open_volume": path.known_volume,
        "bar_range": _of_bars((bars["high"] - bars["low"]) / bars["close"], closing),
        "bar_volume": _of_bars(bars["volume"], closing),
    }


def _activity(stage: str, known: ActivityTape) -> dict[str, Floats]:
    """Return the columns of the activity known to a fill at the open or inside the bar."""
    values = {"daily": known.daily, "recent": known.recent, "usual": known.usual}
    return {f"{stage}_{name}": column for name, column in values.items()}


def _extremes(timeline: Timeline, path: InstrumentPath) -> dict[str, Floats]:
    """Return the extremes of the blocks of instants."""
    at_closes = np.where(timeline.has_close, path.mark, np.nan)
    low_open, high_open = block_extremes(path.open_price)
    low_mark_open, high_mark_open = block_extremes(path.mark_open)
    low_mark, high_mark = block_extremes(at_closes)
    return {
        "low_min": block_extremes(path.low)[0],
        "high_max": block_extremes(path.high)[1],
        "open_min": low_open,
        "open_max": high_open,
        "mark_low_min": block_extremes(path.mark_low)[0],
        "mark_high_max": block_extremes(path.mark_high)[1],
        "mark_open_min": low_mark_open,
        "mark_open_max": high_mark_open,
        "close_mark_min": low_mark,
        "close_mark_max": high_mark,
    }


def _of_bars(values: Floats, rows: Ints) -> Floats:
    """Return the values of bars by row, NaN where there is no row."""
    return np.asarray(np.append(values, np.nan)[rows])


def _own_volatility(path: InstrumentPath, bars: Channel) -> Floats:
    """Return the volatility of each bar that closes, scaled to a day; 0 for a bar up to an hour."""
    calendar = path.instrument.calendar
    own = {
        row: bar_volatility(bars, row, calendar) for row in set(path.closing.tolist()) - {NO_ROW}
    }
    return np.array([own.get(row, 0.0) for row in path.closing.tolist()])


def _days(timeline: Timeline, start: int) -> tuple[Ints, Ints]:
    """Number the days at their last closes, and return the indices of these closes."""
    closes = np.flatnonzero(timeline.has_close & (timeline.at > start))
    days = days_of(timeline.at[closes])
    last = closes[np.append(days[1:] != days[:-1], True)[: len(closes)]]
    numbers = np.full(len(timeline), NONE, np.int64)
    numbers[last] = np.arange(len(last))
    return numbers, last


def _ends(at: Ints, later: int) -> Ints:
    """Return the end of the account day of each instant, or of the next nanosecond."""
    days, place = np.unique((at + later - 1) // DAY_NS, return_inverse=True)
    ends = [end_of_day(int(day) * DAY_NS + 1, ny_days=False) for day in days]
    return np.array(ends, np.int64)[place]


def _week_ends(at: Ints) -> Ints:
    """Return the end of the account week of each instant."""
    days, place = np.unique((at - 1) // DAY_NS, return_inverse=True)
    ends = [end_of_week(int(day) * DAY_NS + 1, ny_days=False) for day in days]
    return np.array(ends, np.int64)[place]
