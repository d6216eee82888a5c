"""Draw SVG charts: every extreme stays, and equal runs give equal bytes."""

import re

import numpy as np
import pytest

from engine.pages import charts
from engine.pages.charts import PriceLine, quiet_figure, thinned, trade_chart
from engine.results.finished import RunRecord


def test_a_thinned_line_keeps_its_ends_and_its_extremes():
    values = np.random.default_rng(3).normal(size=50_000).cumsum()
    values[12_345] = values.max() + 50
    values[33_333] = values.min() - 50
    at = np.arange(50_000, dtype=np.int64)
    few_at, few = thinned(at, values, points=400)
    assert len(few) <= 402
    assert (few.max(), few.min()) == (values.max(), values.min())
    assert (few_at[0], few_at[-1]) == (0, 49_999)
    assert np.all(np.diff(few_at) > 0)


def test_a_short_line_is_left_alone():
    at = np.arange(5, dtype=np.int64)
    assert thinned(at, at * 1.0)[0] is at


def test_the_chart_is_bare_svg_and_the_same_twice(make_run):
    record = RunRecord(make_run(hours=400))
    (bars,) = record.run.dataset.channels.values()
    price = PriceLine("BTC", "USDT", bars["closed_at"], bars["close"], record.trades)
    first, second = (
        trade_chart([price], record.run.outcome.curve, "USDT", start=record.start_equity)
        for _ in range(2)
    )
    assert first == second
    assert first.startswith("<svg")
    assert "date" not in first[:600]


def test_the_drawdown_falls_from_the_cash_at_the_start(make_run, monkeypatch):
    curve, drawn = make_run(hours=400).outcome.curve, []
    monkeypatch.setattr(charts, "draw_drawdown", lambda axes, at, fall: drawn.append(fall))
    trade_chart([], curve, "USDT", start=2 * float(curve.equity.max()))
    (fall,) = drawn
    assert fall.max() == pytest.approx(-0.5)


def test_colours_of_the_page_are_its_variables_and_nothing_lies_behind(make_run):
    drawn = trade_chart([], make_run(hours=400).outcome.curve, "USDT", start=100_000.0)
    for colour in (charts.INK, charts.LINE, charts.LOSS, charts.GRID, charts.EDGE):
        assert colour not in drawn
    assert "stroke: var(--plot)" in drawn
    assert "fill: #ffffff" not in drawn
    assert "#000000" not in drawn


def test_a_chart_that_stands_alone_brings_every_colour_that_it_names(make_run):
    curve = make_run(hours=400).outcome.curve
    span = tuple(int(curve.at[place]) for place in (10, 50, 200))
    drawn = trade_chart([], curve, "USDT", [span], start=100_000.0)
    named = set(re.findall(r"var\((--[a-z]+)\)", drawn))
    assert {"--ink", "--plot", "--bad"} <= named
    alone = charts.standing_alone(drawn)
    (own,) = re.findall(r'^<svg style="([^"]+)"', alone)
    assert named <= set(re.findall(r"(--[a-z]+):", own))
    assert alone.count("style=") == drawn.count("style=") + 1


def test_every_fill_is_drawn_at_its_own_price(make_run):
    record = RunRecord(make_run(hours=400))
    (bars,) = record.run.dataset.channels.values()
    fills = record.run.outcome.fills
    price = PriceLine("BTC", "USDT", bars["closed_at"], bars["close"], record.trades, fills)
    with quiet_figure([2.0]) as (_, panels):
        charts._draw_price(panels[0], price)
        drawn = [
            (x, y)
            for line in panels[0].lines
            if line.get_marker() in ("^", "v", "x")
            for x, y in zip(line.get_xdata(), line.get_ydata(), strict=True)
        ]
    at = charts.series_dates(np.array([fill.at for fill in fills]))
    assert sorted(drawn) == sorted(zip(at, [fill.price for fill in fills], strict=True))
    assert len(drawn) > 2


def test_every_traded_instrument_has_its_own_panel(make_run):
    record = RunRecord(make_run(hours=400))
    (bars,) = record.run.dataset.channels.values()
    prices = [
        PriceLine(name, "USD", bars["closed_at"], bars["close"], ()) for name in ("BTC", "QQQ")
    ]
    drawn = trade_chart(prices, record.run.outcome.curve, "EUR", start=record.start_equity)
    assert "BTC, USD" in drawn
    assert "QQQ, USD" in drawn
    assert "equity, EUR" in drawn


def test_sell_offs_are_shaded_from_high_to_confirmation_and_to_the_end(make_run):
    record = RunRecord(make_run(hours=400))
    curve = record.run.outcome.curve
    span = tuple(int(curve.at[place]) for place in (10, 50, 200))
    plain, shaded = (
        trade_chart([], curve, "USDT", spans, start=100_000.0) for spans in ((), [span])
    )
    for shade, count in (("rgba(var(--bad),.08)", 2), ("rgba(var(--bad),.2)", 2)):
        # One stretch on each of the two panels, equity and drawdown.
        assert (plain.count(f"fill: {shade}"), shaded.count(f"fill: {shade}")) == (0, count)
    lines = [charts.ShadedLine("one", curve.at, curve.equity / curve.equity[0])]
    assert charts.SHADE_MARKS in charts.shaded_lines(lines, [span])
