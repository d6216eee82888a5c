"""The page of the judgement over every sell-off."""

import numpy as np

from engine.formatting import percent
from engine.pages.charts import ShadedLine, shaded_lines
from engine.pages.html import render
from engine.sell_off_report.report_tables import (
    CALM_NOTE,
    CYCLE_NOTE,
    EXPOSURE_NOTE,
    INSIDE_NOTE,
    RISK_NOTE,
    RIVAL_NOTE,
    SellOffReport,
    calm_rows,
    exposure_rows,
    partly_lines,
    risk_rows,
    rival_rows,
    trials_note,
)
from engine.sell_offs import HINDSIGHT, HeldThen, rule_text, sell_off_rows, sensitivity_rows


def report_page(report: SellOffReport, held: list[HeldThen]) -> str:
    """Return the HTML of the judgement."""
    market = report.found.market.name
    heading = f"Every sell-off of {market}"
    return render(
        "sell_offs.html.j2",
        page_title=f"{heading} (SYNTHETIC DATA)" if report.is_synthetic else heading,
        heading=heading,
        is_synthetic=report.is_synthetic,
        notes=(rule_text(report.found), f"Data: {report.data}. {HINDSIGHT}"),
        chart=_chart(report),
        sell_offs=sell_off_rows(report.found, held),
        sensitivity=[("fall", "sell-offs", "clusters"), *sensitivity_rows(report.found)],
        fall=percent(report.found.fall, 0),
        outside=[("day", "event", "source")]
        + [(str(event.day), event.text, event.source) for event in report.found.outside],
        calm=calm_rows(report),
        calm_note=CALM_NOTE,
        partly=partly_lines(report),
        rival_note=RIVAL_NOTE,
        trials_note=trials_note(report),
        inside=rival_rows(report, over_cycles=False),
        inside_note=INSIDE_NOTE,
        cycle=rival_rows(report, over_cycles=True),
        cycle_note=CYCLE_NOTE,
        exposure=exposure_rows(report),
        exposure_note=EXPOSURE_NOTE,
        risk=risk_rows(report),
        risk_note=RISK_NOTE,
    )


def _chart(report: SellOffReport) -> str:
    """Return the SVG of the market and the rows, growth of one unit, with sell-offs shaded."""
    closes = report.found.closes
    lines = [ShadedLine(report.found.market.name, closes.closed_at, closes.value / closes.value[0])]
    for row in report.rows:
        growth = np.concatenate(([1.0], np.cumprod(1 + row.run.total)))
        ends = np.concatenate(([row.run.folder.start], row.run.folder.money.ends))
        lines.append(ShadedLine(row.run.name, ends, growth))
    spans = [(item.high_at, item.confirmed_at, item.last_at) for item in report.found.sell_offs]
    return shaded_lines(lines, spans)
