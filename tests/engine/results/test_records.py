"""What is derived from a finished run: the annualization of its calendar."""

import math
from dataclasses import replace
from statistics import mean, stdev

import pytest

from data_feeds.instrument import Instrument, InstrumentKind
from engine.config.models import ReportConfig
from engine.intents import Enter
from engine.reporting.facts import headline_note
from engine.results.manifest import manifest
from engine.results.records import RunRecord
from engine.testing import PERP, candles, hour, play, table, table_config

SPY = Instrument(id="SPY", kind=InstrumentKind.ETF, quote="USD", calendar="XNYS", lot_size=1.0)
# Monday to Friday, 14:30 to 21:00 UTC.
OPENED = [hour(24 * day + 14.5) for day in range(5)]
CLOSED = [hour(24 * day + 21) for day in range(5)]
HOLD = {0: [Enter(SPY.id, 1, stop=80.0, reason="hold")]}
CASH = {"venue_cash": 0.0, "brokerage_cash": 1_000.0}


def sessions(rows):
    return candles(rows, instrument=SPY.id, timeframe="1d", opened_at=OPENED, closed_at=CLOSED)


def record_of(make_run, market, *, traded=(SPY.id,), report=None):
    """Ten shares held from the second session on, as a finished run."""
    run = make_run(hours=60)
    config = table_config(market, account=CASH)
    return RunRecord(
        replace(
            run,
            config=config.model_copy(update={"report": report or ReportConfig()}),
            dataset=market,
            outcome=play(market, HOLD, account=CASH, traded=traded),
            requirements=replace(run.requirements, traded=tuple(traded)),
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
    assert record.metrics["cagr"] == pytest.approx(1.02 ** (252 / 5) - 1)
    assert record.metrics["volatility"] == pytest.approx(stdev(returns) * math.sqrt(252))
    assert record.metrics["sharpe"] == pytest.approx(
        mean(returns) / stdev(returns) * math.sqrt(252)
    )
    assert manifest(record)["conventions"] == {"periods_per_year": 252, "risk_free_rate": 0.0}
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
    assert record.metrics["cagr"] == pytest.approx(1.02 ** (260 / 5) - 1)
    assert manifest(record)["conventions"]["periods_per_year"] == 260
