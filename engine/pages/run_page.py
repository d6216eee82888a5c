"""Make ``tearsheet.html``, the page of one run: our numbers and pictures, then quantstats'."""

import numpy as np

from engine.benchmark.daily_returns import HeldBenchmark
from engine.metrics import window_years
from engine.pages import periods, run_rows
from engine.pages.charts import PriceLine, trade_chart
from engine.pages.html import asset, render
from engine.pages.quantstats_part import quantstats_part
from engine.pages.run_chart_part import STYLE, LiveChart, live_chart
from engine.pages.run_sentences import run_conclusions, run_facts
from engine.price_chart import run_chart
from engine.results.contents import run_folder_name
from engine.results.doubtful import doubtful_warnings
from engine.results.finished import RunRecord
from engine.results.manifest import assumptions
from engine.sell_offs import date_falls, reinvested_closes

SHOWN_BLOCKS = 6


def run_page(
    record: RunRecord,
    benchmark: HeldBenchmark | None,
    *,
    back: str = "",
    back_words: str = "all cells",
) -> str:
    """Return the HTML of a run's page.

    ``back`` is the address of the comparison or the account that the run belongs to, empty for a
    run alone; ``back_words`` name it.

    Raises
    ------
    ReportError : quantstats failed, or the benchmark has no bars.
    """
    has_days = len(record.daily_returns) > 0
    still = _chart(record)
    live = _live(record) if still else None
    return render(
        "run.html.j2",
        page_title=_page_title(record),
        heading=run_rows.title(record),
        is_synthetic=record.is_synthetic,
        notes=(
            f"{run_rows.window(record)}.",
            f"Data: {run_rows.data_line(record)}. Run {run_folder_name(record.run)}.",
        ),
        warnings=doubtful_warnings(record),
        back=back,
        back_words=back_words,
        conclusions=run_conclusions(run_facts(record, benchmark)),
        headline=run_rows.headline_rows(record, benchmark),
        headline_note=run_rows.headline_note(record),
        costs=run_rows.cost_rows(record),
        currency=run_rows.currency(record),
        wallets=run_rows.wallet_rows(record),
        acts=run_rows.act_rows(record),
        caps=run_rows.cap_rows(record),
        unfilled=run_rows.unfilled_rows(record),
        blocks=run_rows.block_rows(record)[:SHOWN_BLOCKS],
        chart=still,
        live=live,
        data="" if live is None else live.data,
        chart_style=asset(STYLE),
        # Not quantstats' months and years: it shows 0.00 where the run has none.
        months=periods.month_rows(record) if has_days else (),
        extremes=periods.extreme_rows(record) if has_days else (),
        months_note=periods.NOTE,
        trades=run_rows.trade_rows(record),
        near_misses=run_rows.near_misses(record),
        hedges=run_rows.hedge_rows(record),
        hedge_note=run_rows.HEDGE_NOTE,
        conditions=run_rows.condition_table(record),
        assumptions=assumptions(record),
        quantstats=quantstats_part(
            record.excess_returns,
            None if benchmark is None else benchmark.excess,
            periods_per_year=record.periods_per_year,
            years=window_years(record.start, record.end),
        ),
        bill_series=record.run.outcome.bill.series,
    )


def _page_title(record: RunRecord) -> str:
    """Return the run's title with its data label and its folder, which tell browser tabs apart."""
    label = run_rows.data_label(record)
    return f"{run_rows.title(record)}, {label}, {run_folder_name(record.run)}"


def _live(record: RunRecord) -> LiveChart | None:
    return live_chart(
        run_chart(record),
        record.trades,
        currency=run_rows.currency(record),
        is_synthetic=record.is_synthetic,
        sell_offs=sell_off_spans(record),
    )


def _chart(record: RunRecord) -> str:
    """Return the SVG of prices, equity and drawdown; empty where no bar lies inside the window."""
    traded = [name for name in record.run.requirements.traded if name not in record.options]
    prices = [_price_line(record, name) for name in traded]
    shown = [price for price in prices if len(price.close)]
    if not shown or len(record.run.outcome.curve.at) == 0:
        return ""
    return trade_chart(
        shown,
        record.run.outcome.curve,
        run_rows.currency(record),
        sell_off_spans(record),
        start=record.start_equity,
    )


def sell_off_spans(record: RunRecord) -> list[tuple[int, int, int]]:
    """Return the shaded sell-offs as (high, confirmation, end), ns UTC, inside the window.

    They are found in the run's data, from the first row of its warm-up on.
    """
    shaded = record.run.config.report.sell_offs
    if shaded is None:
        return []
    closes = reinvested_closes(record.run.dataset, shaded.instrument).until(record.end)
    at, known_at, last = closes.closed_at, closes.known_at, len(closes.closed_at) - 1
    spans = [
        (at[fall.high], known_at[fall.confirmed], at[last if fall.ended is None else fall.ended])
        for fall in date_falls(closes.value, fall=shaded.fall)
    ]
    return [
        (max(int(high), record.start), max(int(confirmed), record.start), int(end))
        for high, confirmed, end in spans
        if end > record.start
    ]


def _price_line(record: RunRecord, instrument: str) -> PriceLine:
    """Return the closes of one instrument in the window, and its trades."""
    bars = record.traded_bars[instrument]
    known = (bars["closed_at"] >= record.start) & (bars["closed_at"] <= record.end)
    known &= np.isfinite(bars["close"])
    trades = [trade for trade in record.trades if trade.instrument == instrument]
    fills = [fill for fill in record.run.outcome.fills if fill.instrument == instrument]
    quote = record.run.dataset.instruments[instrument].quote
    closes = bars["closed_at"][known], bars["close"][known]
    return PriceLine(instrument, quote, *closes, trades, fills)
