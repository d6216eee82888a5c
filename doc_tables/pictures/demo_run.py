"""Run the demo, and hold its first trade as the run's page draws it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from data_feeds.load import open_source
from data_feeds.schema import Channel
from engine.config_files import read_config
from engine.price_chart.drawn_signals import StageSpan
from engine.price_chart.fill_marks import FillMark
from engine.price_chart.order_levels import OrderLevel
from engine.price_chart.run_chart import run_chart
from engine.price_chart.unwritten_run import UnwrittenRun
from engine.records import Trade
from engine.results.finished import RunRecord
from engine.run import run as simulate

CONFIG = "demo"


@dataclass(frozen=True)
class FirstTrade:
    """The first trade of the demo: its decision, bars, stages, levels and fills.

    ``lines`` are the drawn levels of the playbook by their words, at the decision.
    """

    trade: Trade
    decision: Mapping[str, Any]
    bars: Channel
    stages: Sequence[StageSpan]
    levels: Sequence[OrderLevel]
    marks: Sequence[FillMark]
    lines: Mapping[str, float]


@cache
def first_trade() -> FirstTrade:
    """Return the first trade, from one run of the demo."""
    config = read_config(CONFIG, None, None)
    record = RunRecord(simulate(config, open_source(config.data.source)))
    run, chart = UnwrittenRun(record), run_chart(record)
    trade = run.trades[0]
    (instrument,) = [item for item in chart.instruments if item.instrument == trade.instrument]
    (decision,) = [
        row for row in run.rows("journal_decisions") if row["decision_id"] == trade.decision_id
    ]
    lines = {}
    for line in chart.lines:
        known = line.value[line.at <= trade.entered_at]
        lines[line.declared.title] = float(known[-1])
    return FirstTrade(
        trade=trade,
        decision=decision,
        bars=record.traded_bars[trade.instrument],
        stages=chart.stages,
        levels=[level for level in instrument.levels if level.plan_id == trade.plan_id],
        marks=[mark for mark in instrument.marks if mark.plan_id == trade.plan_id],
        lines=lines,
    )
