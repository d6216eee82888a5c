"""The data of a chart of prices, fills, levels and equity; it knows no HTML and no picture."""

from engine.price_chart.fill_marks import EventMark, FillMark, FillMarks
from engine.price_chart.run_chart import InstrumentChart, RunChart, instrument_chart, run_chart

__all__ = [
    "EventMark",
    "FillMark",
    "FillMarks",
    "InstrumentChart",
    "RunChart",
    "instrument_chart",
    "run_chart",
]
