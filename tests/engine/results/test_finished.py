"""Values derived from a finished run: days a year and bars held."""

import math
from dataclasses import replace
from statistics import mean, stdev

import numpy as np
import pytest

from data_feeds.instrument import Instrument, InstrumentKind
from engine.config.models import ReportConfig
from engine.intents import Enter, Exit
from engine.pages.run_rows import headline_note
from engine.results.finished import RunRecord
from engine.results.manifest import manifest
from engine.testing import PERP, candles, hour, play, table, table_config

SPY = Instrument(id="SPY", kind=InstrumentKind.ETF, quote="USD", calendar="XNYS", lot_size=1.0)
# Monday to Friday, 14:30 to 21:00 UTC.
OPENED = [hour(24 * day + 14.5) for day in range(5)]
CLOSED = [hour(24 * day + 21) for day in range(5)]
HOLD = {0: [Enter(SPY.id, 1, stop=80.0, reason="hold")]}
CASH = {"venue_cash": 0.0, "brokerage_cash": 1_000.0}


def sessions(rows):
    return candles(rows, instrument=SPY.id, timeframe="1d", opened_at=OPENED, closed_at=CLOSED)


def record_of(make_run, market, *, traded=(SPY.id,), report=None, script=HOLD, account=CASH):
    """Return the finished run of a script; by default it holds ten shares from Tuesday's open."""
    run = make_run(hours=60)
    config = table_config(market, account=account)
    return RunRecord(
        replace(
            run,
            config=config.model_copy(update={"report": report or ReportConfig()}),
            dataset=market,
            outcome=play(market, script, account=account, traded=traded),
            requirements=replace(
                run.requirements, channels=frozenset(market.channels), traded=tuple(traded)
            ),
        )
    )


@pytest.fixture
def week():
    return sessions(
        [
            (100, 101, 99, 100),
            (100, 101, 99, 100),
            (100, 102, 99, 101),
            (101, 101, 98, 99),
            (99, 103, 99, 102),
        ]
    )


def test_a_hold_of_an_exchange_traded_fund_has_252_days_a_year(make_run, week):
    record = record_of(make_run, table(week, instruments=(SPY,)))
    # 10 shares bought at 100 on Tuesday's open: 1,000, 1,000, 1,010, 990, 1,020.
    assert record.run.outcome.curve.equity.tolist() == [1_000, 1_000, 1_010, 990, 1_020]
    returns = [0.0, 0.0, 10 / 1_000, -20 / 1_010, 30 / 990]
    # Growth takes elapsed days: Monday 14:30 to Friday 21:00 is 102.5 hours.
    # Four and a half days are too short for a yearly growth.
    assert math.isnan(record.metrics["cagr"])
    assert record.metrics["volatility"] == pytest.approx(stdev(returns) * math.sqrt(252))
    assert record.metrics["sharpe"] == pytest.approx(
        mean(returns) / stdev(returns) * math.sqrt(252)
    )
    assert manifest(record)["conventions"] == {
        "periods_per_year": 252,
        "bill_series": None,
        "bill_day_count": "actual/365",
    }
    assert "in excess of 0: the data hold no DGS3MO" in "".join(manifest(record)["assumptions"])
    assert "252 periods a year" in "".join(manifest(record)["assumptions"])
    assert "252 periods a year" in headline_note(record)


def test_one_traded_instrument_around_the_clock_makes_the_year_365_days(make_run, week):
    perp = candles([(100, 101, 99, 100)] * 120)
    market = table(week, perp, instruments=(SPY, PERP))
    assert record_of(make_run, market, traded=(SPY.id, PERP.id)).periods_per_year == 365
    # The perp is only watched: its calendar says nothing about the account.
    assert record_of(make_run, market).periods_per_year == 252


def test_a_configured_number_of_days_stays(make_run, week):
    market = table(week, instruments=(SPY,))
    record = record_of(make_run, market, report=ReportConfig(periods_per_year=260))
    returns = [0.0, 0.0, 10 / 1_000, -20 / 1_010, 30 / 990]
    assert record.metrics["volatility"] == pytest.approx(stdev(returns) * math.sqrt(260))
    assert manifest(record)["conventions"]["periods_per_year"] == 260


def held(record):
    return [(trade.bars_held, trade.duration_hours) for trade in record.trades]


def test_bars_held_across_nights_are_sessions(make_run, week):
    # Bought at Tuesday's open, sold at Thursday's: three sessions are touched.
    script = {**HOLD, 2: [Exit(SPY.id, "out")]}
    record = record_of(make_run, table(week, instruments=(SPY,)), script=script)
    assert held(record) == [(3, 48.0)]


def test_a_bar_missing_in_the_data_is_not_held(make_run):
    # Bought at 01:00, sold at 06:00; the bars of 03:00 and 04:00 are missing: 1, 2, 5 and 6.
    bars = candles([(100, 101, 99, 100)] * 8).take(np.array([0, 1, 2, 5, 6, 7]))
    script = {0: [Enter(PERP.id, 1, stop=95.0, reason="in")], 3: [Exit(PERP.id, "out")]}
    record = record_of(
        make_run, table(bars), traded=(PERP.id,), script=script, account={"venue_cash": 1_000.0}
    )
    assert held(record) == [(4, 5.0)]


def test_bars_held_are_the_finest_declared_and_not_the_clocks(make_run):
    # Decided on the two-hour clock at 02:00, in hourly bars: in at 02:00, out at 04:00.
    clock = candles([(100, 101, 99, 100)] * 4, timeframe="2h")
    market = table(clock, candles([(100, 101, 99, 100)] * 8))
    script = {0: [Enter(PERP.id, 1, stop=95.0, reason="in")], 1: [Exit(PERP.id, "out")]}
    record = record_of(
        make_run, market, traded=(PERP.id,), script=script, account={"venue_cash": 1_000.0}
    )
    assert held(record) == [(3, 2.0)]
