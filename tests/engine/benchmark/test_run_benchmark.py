"""Check a run's benchmark: a run that holds the same has an alpha of about zero."""

import math
import re
from dataclasses import replace

import numpy as np
import pytest

from data_feeds.instrument import Instrument, InstrumentKind
from engine.benchmark.daily_returns import mixed_returns
from engine.benchmark.run_benchmark import held_numbers, held_returns, purchase_cost
from engine.config.models import ReportConfig
from engine.costs import RangeSlippage
from engine.equity_curve import NO_BILL
from engine.intents import Enter
from engine.metrics import relative_numbers
from engine.pages.run_page import run_page
from engine.pages.run_rows import headline_note, headline_rows
from engine.pages.summary import summary
from engine.results.finished import RunRecord
from engine.testing import candles, dividends, funding, hour, play, series, table, table_config

HYG, IEF = (
    Instrument(id=name, kind=InstrumentKind.ETF, quote="USD", calendar="XNYS", lot_size=0.001)
    for name in ("HYG", "IEF")
)
PERP = Instrument(id="BTCUSDT-PERP", kind=InstrumentKind.PERP, lot_size=0.001)
# Monday to Friday, 14:30 to 21:00 UTC.
DAYS = [day for day in range(364) if day % 7 < 5]
OPENED = [hour(24 * day + 14.5) for day in DAYS]
CLOSED = [hour(24 * day + 21) for day in DAYS]
BROKERAGE = {"venue_cash": 0.0, "brokerage_cash": 1_000.0, "interest_series": "DGS3MO"}
COSTS = {"commission_bps": 10.0, "slippage": RangeSlippage(base_bps=5, range_share=0, impact=0)}
YIELD = 0.055
COMPARED = ("beta to the benchmark", "alpha a year", "correlation with the benchmark")


def fund(name, seed=3):
    """Return bars of a fund that earns 5.5% a year and pays it out every 20 sessions."""
    moves = np.random.default_rng(seed).normal(0, 0.004, len(DAYS))
    # The noise comes to nothing over the year.
    closes = 100 * np.exp(np.cumsum(moves - moves.mean()))
    closes *= 1 + YIELD / 260 * (np.arange(len(DAYS)) % 20)
    opens = np.concatenate(([100.0], closes[:-1]))
    opens[::20] = closes[::20]
    rows = [
        (o, max(o, c) + 0.01, min(o, c) - 0.01, c)
        for o, c in zip(opens.round(4), closes.round(4), strict=True)
    ]
    bars = candles(rows, instrument=name, timeframe="1d", opened_at=OPENED, closed_at=CLOSED)
    due = [(OPENED[row], 100 * YIELD / 13) for row in range(20, len(DAYS), 20)]
    return bars, dividends(due, instrument=name)


def record_of(make_run, market, script, *, venue=None, account=BROKERAGE, report=None, notional):
    sections = {"venue": venue, "account": account, "notional": notional}
    bars = [key.instrument for key in market.channels if key.kind == "bars"]
    traded = tuple(dict.fromkeys(bars))[:1]
    config = table_config(market, **sections)
    run = make_run(hours=60)
    return RunRecord(
        replace(
            run,
            config=config.model_copy(update={"report": report or ReportConfig()}),
            dataset=market,
            outcome=play(market, script, traded=traded, **sections),
            requirements=replace(
                run.requirements, channels=frozenset(market.channels), traded=traded
            ),
        )
    )


def hold(instrument, stop=85.0):
    return {0: [Enter(instrument, 1, stop=stop, reason="hold")]}


def alpha(record, held):
    return relative_numbers(
        record.excess_returns.to_numpy(), held.excess.to_numpy(), record.periods_per_year
    )["alpha"]


def test_holding_a_fund_against_itself_has_no_alpha(make_run):
    market = table(*fund("HYG"), series([(hour(-30), 4.0)], "DGS3MO"), instruments=(HYG, IEF))
    record = record_of(make_run, market, hold("HYG"), venue=COSTS, notional=995.0)
    held = held_returns(record)
    # The price alone falls behind by what was paid out: the wrong number first.
    bare = table(market.channels[next(iter(market.channels))], instruments=(HYG,))
    days = record.daily_returns.index
    price = mixed_returns(bare, {"HYG": 1.0}, days, record.start)
    assert alpha(record, replace(held, returns=price)) > 0.04
    assert alpha(record, held) == pytest.approx(0.0, abs=0.003)
    shown = {row[0]: row[1] for row in headline_rows(record, held)}
    # Dividends that the run keeps as cash do not move with the fund.
    assert float(shown["beta to the benchmark"]) == pytest.approx(1.0, abs=0.03)
    assert held.returns.sum() == pytest.approx(YIELD, abs=0.01)


def test_the_benchmark_pays_the_fee_and_the_slippage_of_the_run(make_run):
    market = table(*fund("HYG"), instruments=(HYG,))
    account = {**BROKERAGE, "interest_series": None}
    free = record_of(make_run, market, hold("HYG"), account=account, notional=900.0)
    dear = record_of(make_run, market, hold("HYG"), account=account, venue=COSTS, notional=900.0)
    # 10 bps of commission and 5 of slippage, once.
    assert purchase_cost(free, "HYG") == 0.0
    assert purchase_cost(dear, "HYG") == pytest.approx(0.0015)
    grown = [np.prod(1 + held_returns(record).returns) for record in (free, dear)]
    assert grown[1] == pytest.approx(grown[0] / 1.0015)


def test_quantstats_gets_the_excess_and_its_page_says_so(make_run):
    market = table(*fund("HYG"), series([(hour(-30), 4.0)], "DGS3MO"), instruments=(HYG,))
    record = record_of(make_run, market, hold("HYG"), venue=COSTS, notional=600.0)
    page = run_page(record, held_returns(record))
    # Our own table comes first, with the run on the left.
    row = r"<td[^>]*>Sharpe</td><td[^>]*>([^<]*)</td><td[^>]*>([^<]*)</td>"
    first, last = re.findall(row, page)
    ours = (held_numbers(held_returns(record), 252, 1.0)["sharpe"], record.metrics["sharpe"])
    assert [float(text) for text in last] == pytest.approx(ours, abs=0.0051)
    assert [float(text) for text in first[::-1]] == pytest.approx(ours, abs=0.0051)
    # Of returns, not of the excess, the ratio would be another one.
    raw = record.daily_returns
    assert abs(raw.mean() / raw.std() * 252**0.5 - record.metrics["sharpe"]) > 0.5
    assert "in excess of the bill (DGS3MO), with a risk-free rate of 0" in " ".join(page.split())


def test_cash_at_the_bill_has_no_quantstats_part_and_the_page_says_why(make_run):
    market = table(*fund("HYG"), series([(hour(-30), 4.0)], "DGS3MO"), instruments=(HYG,))
    record = record_of(make_run, market, {}, notional=600.0)
    page = run_page(record, held_returns(record))
    assert "No quantstats page: every daily return is the same" in page
    # Without the bill its interest would have a Sharpe ratio of a bill.
    assert record.metrics["total_return"] > 0.03
    assert math.isnan(record.metrics["sharpe"])


def test_a_mix_of_two_funds_earns_the_dividends_of_both_and_the_bill_on_its_rest(make_run):
    bill = series([(hour(-30), 4.0)], "DGS3MO")
    market = table(*fund("HYG"), *fund("IEF", seed=4), bill, instruments=(HYG, IEF))
    report = ReportConfig(benchmark={"HYG": 0.4, "IEF": 0.3})
    record = record_of(make_run, market, {}, report=report, notional=100.0)
    held = held_returns(record)
    # 0.7 x 5.5% + 0.3 x 4%, the year's last dividend and interest apart.
    assert held.returns.sum() == pytest.approx(0.7 * YIELD + 0.3 * 0.04, abs=0.004)
    assert held.excess_return == pytest.approx(0.7 * (YIELD - 0.04), abs=0.006)
    # The run is cash: its excess is zero and has no ratio, and the page says so.
    assert record.excess_returns.tolist() == [0.0] * len(record.daily_returns)
    rows = {row[0]: row[1:] for row in headline_rows(record, held)}
    assert rows["Sharpe"][0] == "n/a"
    assert rows["excess return"][0] == "0.00%"
    assert [rows[name][0] for name in COMPARED] == ["n/a"] * 3
    # All of the difference is the benchmark's.
    spread = np.std(held.excess, ddof=1) * math.sqrt(252)
    assert rows["tracking error a year"][0] == f"{spread:.2%}"
    assert "Ratios use returns in excess of the bill: DGS3MO" in " ".join(
        summary(record, held).split()
    )


@pytest.mark.parametrize(("run", "benchmark"), [(6.0, 1.0), (600.0, 0.01)])
def test_beta_and_alpha_do_not_exist_where_either_side_hardly_moves(make_run, run, benchmark):
    # The fund moves 6.3% a year: 0.6% of it, or 1%, moves less than 0.10%.
    market = table(*fund("HYG"), series([(hour(-30), 4.0)], "DGS3MO"), instruments=(HYG,))
    report = ReportConfig(benchmark={"HYG": benchmark})
    record = record_of(make_run, market, hold("HYG"), report=report, notional=run)
    held = held_returns(record)
    rows = {row[0]: row[1] for row in headline_rows(record, held)}
    assert [rows[name] for name in COMPARED] == ["n/a"] * 3
    assert float(rows["tracking error a year"].rstrip("%")) > 1
    assert "n/a where the excess of the run or the benchmark moves less" in headline_note(record)
    # Ten times as much moves enough on both sides.
    report = ReportConfig(benchmark={"HYG": min(10 * benchmark, 1.0)})
    more = record_of(make_run, market, hold("HYG"), report=report, notional=min(10 * run, 900.0))
    rows = {row[0]: row[1] for row in headline_rows(more, held_returns(more))}
    assert "n/a" not in [rows[name] for name in COMPARED]


@pytest.mark.parametrize(("days", "alpha_shown"), [(23, False), (29, False), (30, True)])
def test_a_window_of_less_than_thirty_days_has_no_alpha(make_run, days, alpha_shown):
    moves = np.random.default_rng(5).normal(0, 0.01, days)
    closes = (100 * np.exp(np.cumsum(moves))).round(4)
    opens = np.concatenate(([100.0], closes[:-1]))
    at = [hour(24 * day) for day in range(days)]
    bars = candles(
        [(o, max(o, c) + 0.1, min(o, c) - 0.1, c) for o, c in zip(opens, closes, strict=True)],
        timeframe="1d",
        opened_at=at,
        closed_at=[day + hour(24) - hour(0) for day in at],
    )
    market = table(bars, instruments=(PERP,))
    account = {"venue_cash": 1_000.0, "brokerage_cash": 0.0}
    record = record_of(make_run, market, hold(PERP.id), account=account, notional=500.0)
    assert record.end - record.start == hour(24 * days) - hour(0)
    rows = {row[0]: row[1] for row in headline_rows(record, held_returns(record))}
    assert (rows["alpha a year"] != "n/a") == alpha_shown
    assert (rows["return a year"] != "n/a") == alpha_shown
    assert "n/a" not in (rows["beta to the benchmark"], rows["correlation with the benchmark"])


def test_holding_a_perp_pays_the_funding_that_the_run_pays(make_run):
    rows = [(100.0, 101.0, 99.0, 100.0) for _ in range(60)]
    at = [hour(24 * day) for day in range(60)]
    bars = candles(
        rows, timeframe="1d", opened_at=at, closed_at=[day + hour(24) - hour(0) for day in at]
    )
    due = funding([(hour(24 * day + 8), 0.001) for day in range(2, 60)])
    market = table(bars, due, instruments=(PERP,))
    account = {"venue_cash": 1_000.0, "brokerage_cash": 0.0}
    record = record_of(make_run, market, hold(PERP.id), account=account, notional=1_000.0)
    held = held_returns(record)
    # 0.1% of about 100 every day: 36% a year; neither earns a bill.
    assert held.returns.sum() == pytest.approx(-58 * 0.001, abs=0.002)
    assert record.daily_returns.sum() == pytest.approx(held.returns.sum(), abs=0.002)
    assert record.run.outcome.bill is NO_BILL
    assert held.excess.tolist() == held.returns.tolist()
