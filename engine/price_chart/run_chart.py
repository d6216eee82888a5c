"""The data of a run's chart: prices, fills with reasons, levels, stages, holdings and equity.

Every instant is int64 nanoseconds UTC. The marks and levels of an instrument come from the tables
of the run folder alone (:func:`instrument_chart`), so that a comparison of stored runs can draw
them over bars from the catalog. Declared values need the signals of the run itself.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data_feeds.instrument import Instrument
from data_feeds.schema import Channel
from engine.contracts import contract_of
from engine.metrics import drawdowns
from engine.price_chart.candles import Candles, candles
from engine.price_chart.drawn_signals import DrawnLine, StageSpan, drawn_lines, stage_spans
from engine.price_chart.fill_marks import EventMark, FillMark, FillMarks
from engine.price_chart.order_levels import OrderLevel, order_levels
from engine.price_chart.unwritten_run import UnwrittenRun
from engine.records import FactKind
from engine.results.finished import RunRecord
from engine.run_folder.read import RunFolder

Floats = NDArray[np.float64]
Instants = NDArray[np.int64]
# Candles of one instrument, and of all instruments of a page. A year of hours has 8,760.
MOST_CANDLES, MOST_OF_ALL = 12_000, 36_000
# Points of equity, and of each instrument's share of it.
MOST_POINTS = 4_000
# The name of the line of all option contracts together.
OPTIONS = "options"


@dataclass(frozen=True)
class InstrumentChart:
    """One instrument of a run: its candles, fills and the levels of its orders."""

    instrument: str
    quote: str
    candles: Candles
    marks: tuple[FillMark, ...]
    levels: tuple[OrderLevel, ...]


@dataclass(frozen=True)
class AccountLines:
    """Equity (account currency), its drawdown, and the exposure of each instrument.

    ``drawdown`` is a fraction, zero or negative. ``exposure`` is the signed notional over equity,
    NaN where equity is not positive. All have one entry an instant of ``at``.
    """

    at: Instants
    equity: Floats
    drawdown: Floats
    exposure: Mapping[str, Floats]


@dataclass(frozen=True)
class RunChart:
    """The data of one run's chart over ``[start, end]``.

    ``clock`` is the instrument whose bars decide: declared values without an instrument are its.
    The leading instrument comes first.
    """

    start: int
    end: int
    clock: str
    instruments: tuple[InstrumentChart, ...]
    account: AccountLines
    events: tuple[EventMark, ...]
    lines: tuple[DrawnLine, ...]
    stages: tuple[StageSpan, ...]


def run_chart(record: RunRecord) -> RunChart:
    """Return the chart of a finished run; instruments without a bar in the window are left out."""
    run = UnwrittenRun(record)
    marks = FillMarks(run)
    events = marks.events(record.options)
    leading = record.run.requirements.leading
    traded = [name for name in record.run.requirements.traded if name not in record.options]
    traded.sort(key=lambda name: name != leading)
    most = min(MOST_CANDLES, MOST_OF_ALL // max(len(traded), 1))
    known = record.run.dataset.instruments
    drawn = [
        instrument_chart(run, known[name], record.traded_bars[name], marks=marks, most=most)
        for name in traded
    ]
    return RunChart(
        start=record.start,
        end=record.end,
        clock=record.run.requirements.clock.instrument,
        instruments=tuple(item for item in drawn if len(item.candles)),
        account=account_lines(run, known, record.traded_bars, options=record.options),
        events=tuple(events),
        lines=tuple(drawn_lines(record.run.signals, record.start, record.end)),
        stages=tuple(stage_spans(record.run.signals, record.start, record.end)),
    )


def instrument_chart(
    run: RunFolder,
    instrument: Instrument,
    bars: Channel,
    *,
    marks: FillMarks | None = None,
    most: int = MOST_CANDLES,
) -> InstrumentChart:
    """Return the chart of one instrument of a run folder over its window.

    Parameters
    ----------
    run : an open run folder
    bars : those in which the instrument's orders fill
    marks : of the same run, where several instruments share them
    most : candles at most, about
    """
    name = instrument.id
    near = [
        (trade.entered_at, run.end if trade.open_at_end else trade.exited_at)
        for trade in run.trades
        if trade.instrument == name
    ]
    return InstrumentChart(
        instrument=name,
        quote=instrument.quote,
        candles=candles(bars, run.start, run.end, most, near),
        marks=tuple((marks or FillMarks(run)).of(name)),
        levels=tuple(order_levels(run, instrument, bars, run.end)),
    )


def account_lines(
    run: RunFolder,
    instruments: Mapping[str, Instrument],
    bars: Mapping[str, Channel],
    *,
    options: Collection[str] = (),
    most: int = MOST_POINTS,
) -> AccountLines:
    """Return equity, drawdown and exposures, at most about ``most`` points.

    All ``options`` together are one line.

    Each stretch keeps its lowest and highest equity and its deepest drawdown; the instants of fills
    are always kept, because there the exposure jumps.
    """
    curve = run.curve
    fall = drawdowns(curve.equity)
    filled = np.array(sorted({fill.at for fill in run.fills}), dtype=np.int64)
    moving = moving_rows(curve.equity)
    shown = _kept_rows((curve.equity[moving], fall[moving]), most)
    # A position is still the old one at the instant before its fill.
    jumps = np.searchsorted(curve.at, filled)
    jumps = np.concatenate((jumps - 1, jumps))
    rows = np.union1d(moving[shown], jumps[(jumps >= 0) & (jumps < len(curve.at))])
    at, equity = curve.at[rows], curve.equity[rows]
    alive = np.where(equity > 0, equity, np.nan)
    exposure: dict[str, Floats] = {}
    for name in bars:
        if any(fill.instrument == name for fill in run.fills):
            line = OPTIONS if name in options else name
            own = _exposure(run, instruments[name], bars[name], at) / alive
            exposure[line] = exposure.get(line, np.zeros(len(at))) + own
    return AccountLines(at, equity, fall[rows], exposure)


def moving_rows(values: Floats) -> NDArray[np.intp]:
    """Return the rows beside which a line moves, and both ends: the others lie on a flat line.

    >>> moving_rows(np.array([1.0, 1.0, 1.0, 2.0, 2.0])).tolist()
    [0, 2, 3, 4]
    """
    before, after = values[:-1], values[1:]
    moves = (before != after) & ~(np.isnan(before) & np.isnan(after))
    ends = np.ones(1, dtype=np.bool_)
    return np.flatnonzero(np.concatenate((ends, moves)) | np.concatenate((moves, ends)))


def _kept_rows(values: Sequence[Floats], most: int) -> NDArray[np.intp]:
    """Return the rows of thinned lines: the lowest and the highest value of each stretch."""
    count = len(values[0])
    if count <= most:
        return np.arange(count)
    kept = {0, count - 1}
    for stretch in np.array_split(np.arange(count), most // (2 * len(values))):
        for value in values:
            part = value[stretch]
            kept |= {int(stretch[np.argmin(part)]), int(stretch[np.argmax(part)])}
    return np.array(sorted(kept))


def _exposure(run: RunFolder, instrument: Instrument, bars: Channel, at: Instants) -> Floats:
    """Return the signed notional of an instrument at instants, in the account's currency."""
    fills = [fill for fill in run.fills if fill.instrument == instrument.id]
    rates = {fact.fill_id: fact.account_rate for fact in run.facts if fact.kind == FactKind.TRADE}
    filled_at = np.array([fill.at for fill in fills])
    after = np.array([0.0, *(fill.position_after for fill in fills)])
    rate = np.array([1.0, *(rates.get(fill.fill_id, 1.0) for fill in fills)])
    place = np.searchsorted(filled_at, at, side="right")
    known = np.isfinite(bars["close"])
    closes, closed_at = bars["close"][known], bars["closed_at"][known]
    bar = np.searchsorted(closed_at, at, side="right") - 1
    contract = contract_of(instrument)
    found = np.zeros(len(at))
    for i in np.flatnonzero((after[place] != 0) & (bar >= 0)).tolist():
        quantity = float(after[place[i]])
        notional = contract.notional(quantity, float(closes[bar[i]])) * rate[place[i]]
        found[i] = notional if quantity > 0 else -notional
    return found
