"""``tearsheet.html``: our numbers and pictures on top, quantstats' below, in one file."""

import html
from collections.abc import Sequence

import numpy as np
import pandas as pd

from engine.benchmark.daily_returns import HeldBenchmark
from engine.metrics import window_years
from engine.pages import periods
from engine.pages import rows as facts
from engine.pages.charts import PriceLine, trade_chart
from engine.pages.tearsheet import fill_template, why_no_tearsheet
from engine.records import BillAccruals
from engine.results import RunRecord, run_folder_name
from engine.results.doubtful import doubtful_warnings
from engine.results.manifest import assumptions

# Names of quantstats' own page. Its logarithmic picture has no readable axis and is left out.
PICTURES = ("returns", "vol_returns")
# Pictures whose axes are whole percents, for returns that move more than that.
COARSE_PICTURES = ("returns_dist", "dd_periods", "dd_plot", "daily_returns")
COARSE_RANGE = 0.05
# Pictures over half a year and a year say something once the run is clearly longer.
ROLLING_PICTURES = ("rolling_beta", "rolling_vol", "rolling_sharpe", "rolling_sortino")
ROLLING_DAYS = 400
STYLE = """
body{font:14px/1.45 "Helvetica Neue",Arial,sans-serif;color:#1d2733;margin:0;background:#fff}
main{max-width:1180px;margin:0 auto;padding:24px}
h1{font-size:24px;margin:0 0 4px} h2{font-size:17px;margin:34px 0 8px;border-bottom:2px solid
#e6e9ed;padding-bottom:4px} h3{font-size:14px;margin:18px 0 6px} p.note{color:#5b6672;margin:4px 0}
.synthetic{background:#b03a2e;color:#fff;font-weight:700;padding:8px 12px;margin:0 0 14px}
table{border-collapse:collapse;font-size:12.5px;font-variant-numeric:tabular-nums}
th,td{padding:3px 9px;text-align:right;border-bottom:1px solid #eef0f3;white-space:nowrap}
th{color:#5b6672;font-weight:600} th:first-child,td:first-child{text-align:left}
td.prose,th.prose{text-align:left;white-space:normal} td hr{border:0;border-top:1px solid #c5ccd3}
.wide{overflow:auto;max-height:900px}
.pair{display:flex;gap:40px;flex-wrap:wrap;align-items:flex-start}
.quant{display:grid;grid-template-columns:minmax(0,1.55fr) minmax(0,1fr);gap:28px}
svg{max-width:100%;height:auto;display:block;margin:0 auto 6px}
@media print{.wide{max-height:none}}
@media(max-width:900px){.quant{grid-template-columns:1fr}}
"""
QUANTSTATS = """<h2>Daily returns {over}, by quantstats</h2>
<p class="note">{what} The days are the account's UTC days; the benchmark is held on the same days.
Rows that it computes otherwise than it says are left out (docs/results.md).</p>
<div class="quant"><div>{pictures}</div><div>{{{{metrics}}}}
<h3>Worst drawdowns of these returns, %</h3>{{{{dd_info}}}}</div></div>"""
OVER_BILL = (
    "Every number and picture here is made from daily simple returns in excess of the bill "
    "({bill}), with a risk-free rate of 0: what is cumulated and the drawdowns are "
    "those of the excess, not of the account. The returns of the account stand on top."
)
OVER_NOTHING = (
    "Made from daily simple returns, with a risk-free rate of 0: there is no bill to be in excess "
    "of."
)


def quantstats_part(places: str, bill: BillAccruals) -> str:
    """Return the template of quantstats' part, which says what its returns are in excess of."""
    what = OVER_BILL.format(bill=html.escape(bill.series)) if bill.series else OVER_NOTHING
    over = "in excess of the bill" if bill.series else ""
    return QUANTSTATS.format(pictures=places, what=what, over=over).replace(" ,", ",")


def tearsheet(record: RunRecord, benchmark: HeldBenchmark | None, *, back: str = "") -> str:
    """Return the page's HTML; it names no time and loads nothing from anywhere.

    ``back`` is the address of the comparison that the run belongs to, empty for a run alone.

    Raises
    ------
    ReportError : quantstats failed, or the benchmark has no bars.
    """
    excess = record.excess_returns
    why_not = why_no_tearsheet(excess, record.periods_per_year)
    if why_not:
        below = f"<h2>Daily returns</h2><p>No quantstats page: {html.escape(why_not)}.</p>"
        return _document(record, _sections(record, benchmark) + below, back)
    places = "\n".join(f"{{{{{name}}}}}" for name in pictures(excess))
    # Our part is put in afterwards: braces in it must not be taken for places to fill.
    mark = "<!-- sections -->"
    template = _document(record, mark + quantstats_part(places, record.run.outcome.bill), back)
    filled = fill_template(
        template,
        excess,
        None if benchmark is None else benchmark.excess,
        title=facts.title(record),
        periods_per_year=record.periods_per_year,
        years=window_years(record.start, record.end),
    )
    return filled.replace(mark, _sections(record, benchmark))


def table(rows: Sequence[Sequence[str]], *, heading: bool = True, prose: int = -1) -> str:
    """Return an HTML table; ``prose`` is the column of sentences, which may wrap."""

    def cells(row: Sequence[str], tag: str) -> str:
        return "".join(
            f"<{tag}{' class=prose' if place == prose else ''}>{html.escape(cell)}</{tag}>"
            for place, cell in enumerate(row)
        )

    head = f"<thead><tr>{cells(rows[0], 'th')}</tr></thead>" if heading else ""
    body = "".join(f"<tr>{cells(row, 'td')}</tr>\n" for row in rows[1 if heading else 0 :])
    return f'<div class="wide"><table>{head}<tbody>{body}</tbody></table></div>'


def pictures(returns: "pd.Series[float]") -> tuple[str, ...]:
    """Return the pictures that say something about returns of this length and size."""
    wealth = (1 + returns).cumprod()
    wide = wealth.max() - wealth.min() >= COARSE_RANGE
    return (
        *PICTURES,
        *(COARSE_PICTURES if wide else ()),
        *(ROLLING_PICTURES if len(returns) >= ROLLING_DAYS else ()),
    )


def _document(record: RunRecord, body: str, back: str) -> str:
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{html.escape(_page_title(record))}</title><style>{STYLE}</style></head>\n"
        f"<body><main>{_head(record, back)}{body}</main></body></html>\n"
    )


def _page_title(record: RunRecord) -> str:
    """Return the run's title with its data label and its id: what a browser's tab tells apart."""
    label = facts.data_label(record)
    return f"{facts.title(record)}, {label}, {run_folder_name(record.run)}"


def _head(record: RunRecord, back: str) -> str:
    shout = (
        '<p class="synthetic">SYNTHETIC DATA: generated, nothing here happened.</p>'
        if record.is_synthetic
        else ""
    )
    lines = (
        f"{facts.window(record)}.",
        f"Data: {facts.data_line(record)}. Run {run_folder_name(record.run)}.",
    )
    notes = "".join(f'<p class="note">{html.escape(line)}</p>' for line in lines)
    doubts = "".join(
        f'<p class="synthetic">{html.escape(line)}</p>' for line in doubtful_warnings(record)
    )
    link = f'<p class="note"><a href="{html.escape(back)}">all cells</a></p>' if back else ""
    return f"{link}{shout}<h1>{html.escape(facts.title(record))}</h1>{notes}{doubts}"


def _sections(record: RunRecord, benchmark: HeldBenchmark | None) -> str:
    parts = [
        "<h2>Result</h2><div class='pair'>",
        table(facts.headline_rows(record, benchmark)),
        f"<div><h3>Where the money went, quote</h3>{table(facts.cost_rows(record), heading=False)}",
        f"{_decisions(record)}</div></div>",
        f'<p class="note">{html.escape(facts.headline_note(record))}</p>',
        f"<h2>Price, equity and drawdown</h2>{_chart(record)}",
        f"<h2>Months and years</h2>{_periods(record)}",
        f"<h2>Trades</h2>{_trades(record)}",
        *_hedges(record),
        f"<h2>Conditions: how often they held</h2>{_conditions(record)}",
        f"<h2>Assumptions</h2><ul>{_items(assumptions(record))}</ul>",
    ]
    return "\n".join(parts)


def _periods(record: RunRecord) -> str:
    """Return the tables of months and years, which quantstats fills with 0.00."""
    if len(record.daily_returns) == 0:
        return "<p class=note>none</p>"
    rows = table(periods.month_rows(record)) + table(periods.extreme_rows(record))
    return f'<p class="note">{periods.NOTE}</p>{rows}'


def _decisions(record: RunRecord) -> str:
    sections = (
        ("Cap that set the size, entries", facts.cap_rows(record)),
        ("Orders to buy that were not filled in full", facts.unfilled_rows(record)),
        (
            "What blocked an entry or a rebalancing, bars of the journal",
            facts.block_rows(record)[:6],
        ),
    )
    acted = facts.act_rows(record)
    shown = table(acted) if len(acted) > 1 else "<p class=note>none</p>"
    return f"<h3>Guards, drawdown ladder and tiers</h3>{shown}" + "".join(
        f"<h3>{name}</h3>" + (table(rows, heading=False) if rows else "<p class=note>none</p>")
        for name, rows in sections
    )


def _chart(record: RunRecord) -> str:
    traded = [name for name in record.run.requirements.traded if name not in record.options]
    prices = [_price_line(record, name) for name in traded]
    shown = [price for price in prices if len(price.close)]
    if not shown or len(record.run.outcome.curve.at) == 0:
        return "<p>No bar lies inside the window.</p>"
    return trade_chart(shown, record.run.outcome.curve)


def _price_line(record: RunRecord, instrument: str) -> PriceLine:
    """Return the closes of one instrument in the window, and its trades."""
    bars = record.traded_bars[instrument]
    known = (bars["closed_at"] >= record.start) & (bars["closed_at"] <= record.end)
    known &= np.isfinite(bars["close"])
    trades = [trade for trade in record.trades if trade.instrument == instrument]
    fills = [fill for fill in record.run.outcome.fills if fill.instrument == instrument]
    return PriceLine(instrument, bars["closed_at"][known], bars["close"][known], trades, fills)


def _trades(record: RunRecord) -> str:
    rows = facts.trade_rows(record)
    if len(rows) > 1:
        return (
            table(rows) + '<p class="note">Net = price + fees + funding + dividends, in quote.</p>'
        )
    nearest = facts.near_misses(record)
    if len(nearest) == 1:
        return "<p>No trades.</p>"
    return f"<p>No trades. What came nearest:</p>{table(nearest)}"


def _hedges(record: RunRecord) -> list[str]:
    rows = facts.hedge_rows(record)
    if len(rows) == 1:
        return []
    note = f'<p class="note">{html.escape(facts.HEDGE_NOTE)}</p>'
    return [f"<h2>Hedges: cost and benefit, quote</h2>{table(rows)}{note}"]


def _conditions(record: RunRecord) -> str:
    rows = facts.condition_table(record)
    return table(rows, prose=4) if len(rows) > 1 else "<p>The playbook states none.</p>"


def _items(sentences: Sequence[str]) -> str:
    return "".join(f"<li>{html.escape(sentence)}</li>" for sentence in sentences)
