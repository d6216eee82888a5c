"""The data of a run's chart: prices, fills with reasons, levels, stages, holdings and equity.

Every instant is int64 nanoseconds UTC. The marks and levels of an instrument come from the tables
of the run folder alone (:func:`instrument_chart`), so that a comparison of stored runs can draw
them over bars from the catalog. Declared values need the signals of the run itself.
"""

from dataclasses import dataclass

from data_feeds.instrument import Instrument
from data_feeds.schema import Channel
from engine.price_chart.account_lines import AccountLines, account_lines
from engine.price_chart.candles import Candles, candles
from engine.price_chart.drawn_signals import DrawnLine, StageSpan, drawn_lines, stage_spans
from engine.price_chart.fill_marks import EventMark, FillMark, FillMarks
from engine.price_chart.order_levels import OrderLevel, order_levels
from engine.price_chart.unwritten_run import UnwrittenRun
from engine.results.finished import RunRecord
from engine.run_folder.read import RunFolder

# Candles of one instrument, and of all instruments of a page. A year of hours has 8,760.
MOST_CANDLES, MOST_OF_ALL = 12_000, 36_000


@dataclass(frozen=True)
class InstrumentChart:
    """One instrument of a run: its candles, fills and the levels of its orders."""

    instrument: str
    quote: str
    candles: Candles
    marks: tuple[FillMark, ...]
    levels: tuple[OrderLevel, ...]


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
        account=account_lines(record),
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
