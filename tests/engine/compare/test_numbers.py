"""The page shows the numbers of the run folders, which follow from equity and fills."""

import csv
import json
import math
from dataclasses import replace
from datetime import date
from itertools import pairwise

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from data_feeds.clock import MINUTE_NS, midnight_ns
from data_feeds.load import open_source
from data_feeds.schema import ChannelKey, ChannelKind
from engine.compare import inference, remarks
from engine.compare.breakdown import attribution, by_phase, hedges
from engine.compare.cells import row_title
from engine.compare.chart_data import episode_drawing
from engine.compare.inference import FamilyInference, cell_inference, family_inference, on_days
from engine.compare.inference_text import family_lines
from engine.compare.matrix import COLUMNS, texts, values
from engine.statistics import Interval, Missing, Superiority

DAY = pd.Timedelta(days=1)


def cells(small):
    return list(small.matrix.records.values())


def bill_due(cell, table):
    """Return the interest of the equity held in bills by due instant, in a slow loop."""
    bill = open_source("embedded").read(ChannelKey("DGS3MO", ChannelKind.SERIES))
    known = list(zip(bill["available_at"].tolist(), bill["value"].tolist(), strict=True))
    zone = "UTC" if cell.periods_per_year == 365 else "America/New_York"
    before, due = pd.Timestamp(cell.episode.start, tz="UTC"), {}
    for now, following in pairwise(table.index):
        day, other = ((at - pd.Timedelta(1)).tz_convert(zone).date() for at in (now, following))
        if day != other:
            rate = [value for at, value in known if at <= now.value][-1] / 100
            due[now] = table.equity[now] * rate * ((now - before) / DAY) / 365
            before = now
    return due


def recomputed(cell):
    """Return headline numbers by pandas from equity, fills and the bill's yields alone."""
    table = pq.read_table(cell.folder / "equity.parquet").to_pandas().set_index("at")
    fills = pq.read_table(cell.folder / "fills.parquet").to_pandas()
    start = pd.Timestamp(cell.episode.start, tz="UTC")
    cash = pq.read_table(cell.folder / "ledger.parquet").to_pandas()
    first = cash.loc[cash.kind == "deposit", "amount"].sum()
    inside = table.loc[table.index > start]
    # A close at midnight ends its day.
    groups = inside.groupby((inside.index - pd.Timedelta(1)).floor("D"))
    ends = [group.index[-1] for _, group in groups]
    equity = [first, *inside.equity[ends]]
    due, excess, total, since = bill_due(cell, inside), [], 0.0, start
    for end, (old, new) in zip(ends, pairwise(equity), strict=True):
        owed = sum(amount for at, amount in due.items() if since <= at < end)
        excess.append((new - old - owed) / old)
        total, since = total + owed, end
    excess, paid = np.array(excess), cash.loc[cash.kind == "interest", "amount"].sum()
    year = cell.periods_per_year
    curve = np.append(first, inside.equity)
    worst = (curve / np.maximum.accumulate(curve) - 1).min()
    spread, downside = excess.std(ddof=1), math.sqrt((np.minimum(excess, 0) ** 2).mean())
    moves = spread * math.sqrt(year) > 0.001
    return {
        "total_return": equity[-1] / first - 1,
        "excess_return": (equity[-1] - first - total) / first,
        "interest_less_bill": (paid - total) / first,
        "trading_return": (equity[-1] - first - paid) / first,
        "max_drawdown": worst,
        "sharpe": excess.mean() / spread * math.sqrt(year) if moves else math.nan,
        "sortino": excess.mean() / downside * math.sqrt(year) if moves else math.nan,
        "exposure": (inside.gross_notional > 0).mean(),
        "costs": (fills.fee.sum() + ((fills.price - fills.raw_price) * fills.quantity).sum())
        / first
        if len(fills)
        else 0.0,
        "trades": fills.plan_id.nunique(),
    }


def test_every_number_follows_from_equity_and_fills(small):
    compared = 0
    for cell in cells(small):
        numbers = values(cell)
        for name, expected in recomputed(cell).items():
            assert numbers[name] == pytest.approx(expected, rel=1e-9, abs=1e-12, nan_ok=True), (
                cell.row,
                cell.episode.name,
                name,
            )
            compared += 1
    assert compared == 8 * 10


def test_the_page_shows_what_metrics_json_says(small):
    shown = {cell["key"]: cell for cell in small.data["cells"]}
    for cell in cells(small):
        written = json.loads((cell.folder / "metrics.json").read_text())
        told = shown[f"{cell.row}/{cell.episode.name}"]
        assert told["values"]["total_return"] == written["total_return"]
        assert told["values"]["max_drawdown"] == written["max_drawdown_bars"]
        assert told["values"]["sharpe"] == written["sharpe"]
        assert told["texts"] == texts(values(cell))


def test_csv_and_json_hold_every_cell_with_the_same_numbers(small):
    with (small.folder / "matrix.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    document = json.loads((small.folder / "matrix.json").read_text())
    assert len(rows) == len(document["cells"]) == 8
    assert document["synthetic"] is True
    for row, cell in zip(rows, document["cells"], strict=True):
        record = small.matrix.records[row["row"], row["episode"]]
        for column in COLUMNS:
            value = column.value(record)
            told = cell[column.name]
            assert told == (value if math.isfinite(value) else None)
            assert row[column.name] == ("" if told is None else str(told))


def test_the_parts_of_the_money_add_up_to_the_return(small):
    for cell in cells(small):
        parts = attribution(cell)
        assert math.fsum(parts.values()) == pytest.approx(cell.metrics["total_return"], abs=1e-12)
        assert abs(parts["other"]) < 1e-9
        assert parts["fees"] <= 0 >= parts["slippage"]


def test_phases_compound_to_the_return_and_count_every_trade(small):
    for cell in cells(small):
        phases = by_phase(cell)
        wealth = math.prod(1 + phase.total_return for phase in phases)
        assert wealth - 1 == pytest.approx(cell.metrics["total_return"], abs=1e-12)
        assert sum(phase.trades for phase in phases) == len(cell.trades)
        assert min(phase.drawdown for phase in phases) >= cell.metrics["max_drawdown_bars"] - 1e-12


def test_cash_earns_the_bill_and_nothing_else(small):
    for cell in cells(small):
        if cell.row == "cash":
            parts = attribution(cell)
            assert parts["interest"] == pytest.approx(cell.metrics["total_return"], abs=1e-15)
            assert cell.metrics["total_return"] > 0
            assert len(cell.trades) == 0
            # Interest and bill accrue alike, so the excess is exactly zero and has no ratio.
            assert cell.excess.tolist() == [0.0] * len(cell.daily)
            assert math.isnan(cell.metrics["sharpe"])
            assert texts(values(cell))["sharpe"] == "n/a"
            found = cell_inference(cell, small.matrix.records, small.config)
            assert "0.00% a year" in found.metrics["sharpe"].reason
            assert "0.00% a year" in found.differences["sharpe"].reason
            if cell.episode.name == "crash":
                assert isinstance(found.differences["total_return"], Interval)


def test_the_parts_of_the_excess_add_up_as_they_are_shown(small):
    shown = [texts(values(cell)) for cell in cells(small)]
    names = ("excess_return", "trading_return", "interest_less_bill")
    for told in shown:
        whole, *parts = (round(float(told[name].rstrip("%")) * 100) for name in names)
        assert whole == sum(parts)
    assert any(told["interest_less_bill"].startswith("-") for told in shown)


def test_the_page_says_what_ratios_and_tests_are_in_excess_of(small):
    assert "in excess of the bill (DGS3MO, known the day before)" in small.page


def test_the_reference_differs_from_itself_by_nothing(small):
    cell = small.matrix.records["balanced", "crash"]
    days = pd.DatetimeIndex(cell.daily.index)
    np.testing.assert_allclose(on_days(cell.daily, days), cell.daily.to_numpy(), rtol=0, atol=1e-15)
    found = cell_inference(cell, small.matrix.records, small.config)
    assert all(isinstance(item, Missing) for item in found.differences.values())


def test_days_between_two_sessions_are_compounded(small):
    perp = small.matrix.records["reclaim", "crash"]
    sessions = pd.DatetimeIndex(small.matrix.records["balanced", "crash"].daily.index)
    returns = on_days(perp.daily, sessions)
    assert len(returns) == len(sessions) < len(perp.daily)
    until = perp.daily.loc[: sessions[-1]]
    assert np.prod(1 + returns) == pytest.approx(np.prod(1 + until.to_numpy()), rel=1e-12)


def test_too_few_trades_give_a_reason_and_no_probability(small):
    records = small.matrix.records
    found = cell_inference(records["reclaim", "crash"], records, small.config)
    assert found.gate is not None
    for item in (found.probabilistic_sharpe, found.deflated_sharpe, found.minimum_track_record):
        assert item is found.gate
    difference = found.differences["total_return"]
    assert isinstance(difference, Interval)
    assert difference.low <= difference.estimate <= difference.high


def test_families_take_whole_episodes_and_only_playbooks(small):
    found = family_inference(small.matrix.records, small.config, ["cascade", "crash"])
    assert found.names == ("reclaim", "weights")
    days = [len(small.matrix.records["balanced", e].daily) for e in ("cascade", "crash")]
    assert found.days == sum(days)
    one = {k: v for k, v in small.matrix.records.items() if k != ("weights", "crash")}
    assert family_inference(one, small.config, ["cascade", "crash"]).days == days[0]


def test_equity_before_the_first_close_is_the_starting_cash(small):
    cell = small.matrix.records["balanced", "crash"]
    at = np.array([midnight_ns(cell.episode.start)])
    assert cell.equity_at(at).tolist() == [cell.start_equity]


def test_the_market_lines_start_at_the_price_of_the_first_midnight(small):
    bars = open_source("embedded").read(ChannelKey("BTCUSDT-PERP", ChannelKind.BARS, "15m"))
    for episode in small.matrix.episodes:
        drawn = small.data["drawings"][episode.name]["markets"]["BTC"]
        base = bars["close"][np.searchsorted(bars["closed_at"], episode.start_at)]
        first = int(np.searchsorted(bars["closed_at"] // MINUTE_NS, drawn["at"][0]))
        assert bars["closed_at"][first] > episode.start_at
        expected = (bars["close"][first] / base - 1) * 100
        assert drawn["result"][0] == pytest.approx(expected, abs=5e-4)


def test_strips_say_what_the_runs_could_know(small):
    strips = small.data["drawings"]["crash"]["strips"]
    # Each day's evening, and the end of the last: 18:30 in New York is 23:30 UTC in winter.
    assert (
        strips["at"][0] == midnight_ns(small.matrix.episodes[1].start) // MINUTE_NS + 23 * 60 + 30
    )
    days = (small.matrix.episodes[1].end - small.matrix.episodes[1].start).days + 1
    assert len(strips["at"]) == days + 1
    assert all(len(row) == days for row in (*strips["harm"], *strips["words"]))
    late = small.config.model_copy(update={"extra_lag": "10d"})
    cells = small.matrix.of_episode(small.matrix.episodes[1])
    source = open_source("embedded")
    delayed = episode_drawing(small.matrix.episodes[1], cells, source, late)["strips"]
    assert delayed["words"] != strips["words"]


def test_hedges_that_were_bought_are_told_apart_from_what_was_held_back(small, monkeypatch):
    cell = small.matrix.records["weights", "crash"]
    lines = [
        {"unit": "trade", "cost": -100.0, "benefit": 30.0},
        {"unit": "month", "cost": -1_000.0, "benefit": 0.0},
        {"unit": "trade", "cost": 0.0, "benefit": 70.0},
    ]
    monkeypatch.setitem(cell.files._rows, "hedges", lines)
    assert hedges(cell) == pytest.approx(
        {
            "bought_cost": -1e-4,
            "bought_benefit": 1e-4,
            "held_back_cost": -1e-3,
            "held_back_benefit": 0.0,
        }
    )


def test_trials_of_unlike_calendars_are_brought_to_one_year(small):
    cell = small.matrix.records["weights", "crash"]
    trials = inference._trials("crash", small.matrix.records, small.config)
    # The rows that are not baselines, in their order: reclaim, weights.
    assert [periods for _, periods in trials] == [365, 252]
    # In excess of the bill, like the headline number.
    assert trials[1][0] * math.sqrt(252) == pytest.approx(cell.metrics["sharpe"])


def superiority(**changes):
    found = Superiority(
        lower=0.2,
        consistent=0.3,
        upper=0.4,
        superior=(),
        powerless=(),
        detectable=(0.0004, 0.0001),
        size=0.05,
        replications=1_000,
        block=5,
        variants=2,
        days=100,
    )
    return replace(found, **changes)


def test_the_family_test_says_what_it_could_have_seen(small):
    found = FamilyInference(100, 2, superiority(), ("reclaim", "weights"))
    verdict, seen = family_lines(found, small.config)
    assert "p = 0.30 (superior predictive ability, 100 days in blocks of 5" in verdict
    # 0.0004 a day x 100 days = 4.0%
    titles = [row_title(small.config.rows[name]) for name in ("reclaim", "weights")]
    assert seen.endswith(f": {titles[0]} 4.0%, {titles[1]} 1.0%.")
    assert "backtest overfitting" not in verdict + seen


def test_a_playbook_that_hardly_trades_has_no_power_and_no_smallest_difference(small):
    found = superiority(powerless=(0,), detectable=(math.nan, 0.0001))
    found = FamilyInference(100, 2, found, ("reclaim", "weights"))
    _, seen, idle = family_lines(found, small.config)
    title = row_title(small.config.rows["reclaim"])
    assert title not in seen
    assert idle == f"No power, active on too few days to be tested: {title}."


@pytest.mark.parametrize(
    ("stage", "day", "place"),
    [
        ("open", date(2020, 3, 12), 1),  # the first midnight of the flush: its bar opens in it
        ("range", date(2020, 3, 12), 0),  # a bar that closes then belongs to the shock
        ("open", date(2020, 3, 2), 0),
        ("range", date(2020, 4, 1), 2),  # the end of the window
        ("open", date(2020, 4, 1), 2),
    ],
)
def test_a_trade_is_entered_in_the_phase_that_its_bar_belongs_to(
    small, monkeypatch, stage, day, place
):
    cell = small.matrix.records["cash", "crash"]
    at = pd.Timestamp(day, tz="UTC").as_unit("ns")
    monkeypatch.setitem(cell.files._rows, "trades", [{"plan_id": 1}])
    monkeypatch.setitem(cell.files._rows, "fills", [{"plan_id": 1, "at": at, "stage": stage}])
    assert [phase.trades for phase in by_phase(cell)] == [int(i == place) for i in range(3)]


def test_an_unknown_that_the_rules_let_pass_is_still_told(small, monkeypatch):
    cell = small.matrix.records["weights", "crash"]
    rate = {"rows": 10, "unknown": 0}
    conditions = [
        {"name": "calm", "required": True, "all_bars": rate},
        {"name": "calm_known", "required": False, "all_bars": {**rate, "unknown": 5}},
        {"name": "deep", "required": True, "all_bars": {**rate, "unknown": 1}},
        {"name": "shown", "required": False, "all_bars": {**rate, "unknown": 9}},
    ]
    monkeypatch.setitem(cell.files.__dict__, "conditions", conditions)
    (line,) = remarks._unknown(cell)
    assert line.startswith("calm was unknown on 50% of the bars")


def test_fills_by_doubtful_extremes_are_told_with_their_cell(small, monkeypatch):
    cell = small.matrix.records["weights", "crash"]
    assert cell.files.manifest["doubtful_fills"] == []
    assert remarks._doubtful(cell) == []
    monkeypatch.setitem(cell.files.manifest, "doubtful_fills", [4, 7])
    told = [line for line in remarks.warnings_of([cell], ()) if "doubtful" in line]
    (line,) = told
    assert line.startswith("2 fills rest on a doubtful daily high or low alone")
    assert row_title(cell.item) in line
