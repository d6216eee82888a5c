"""Check the conclusions of a run's page against the numbers that they are made from."""

from dataclasses import replace

import pytest

from engine.intents import Rebalance
from engine.pages.run_sentences import RunFacts, entries_of, run_conclusions, run_facts
from engine.results.finished import RunRecord
from engine.statistics import MIN_DAYS, MIN_TRADES
from tests.engine.pages.test_weights import WEIGHTS, weights_run


@pytest.fixture
def facts() -> RunFacts:
    numbers = {
        "total_return": 0.00374,
        "excess_return": -0.0481,
        "trading_return": 0.0037,
        "interest_less_bill": -0.0518,
        "revaluation_return": 0.0,
        "exposure": 0.005,
    }
    return RunFacts(numbers, "BTC", held=-0.31306, entries=5, days=469)


def test_the_conclusions_name_the_market_the_bill_the_cash_and_the_limit(facts):
    assert run_conclusions(facts) == [
        # 0.37 - (-31.31), as shown
        "The run returned +0.37%, holding BTC -31.31%: +31.68 points.",
        "In excess of the bill: -4.81%, trading +0.37%, interest on cash less the bill -5.18%.",
        "A position was held 0.5% of the time; whatever holds cash loses less in a fall, without "
        "any skill.",
        "5 trades or rebalancings, fewer than 30: too few to judge the rules by the ratios below.",
    ]


def test_a_run_without_a_benchmark_is_compared_with_nothing(facts):
    told = run_conclusions(replace(facts, held=float("nan")))
    assert told[0] == "The run returned +0.37%."
    # Nothing says that the market fell.
    assert told[2] == "A position was held 0.5% of the time."


@pytest.mark.parametrize(("held", "exposure"), [(0.2, 0.005), (-0.2, 0.9)])
def test_cash_is_no_reason_where_the_market_rose_or_the_run_was_invested(facts, held, exposure):
    numbers = {**facts.numbers, "exposure": exposure}
    told = run_conclusions(replace(facts, numbers=numbers, held=held))
    assert told[2].endswith("of the time.")


def test_currencies_are_named_where_they_moved_the_cash(facts):
    parts = {"excess_return": -0.0381, "revaluation_return": 0.01}
    told = run_conclusions(replace(facts, numbers={**facts.numbers, **parts}))
    assert told[1].endswith("less the bill -5.18%, currencies +1.00%.")


@pytest.mark.parametrize(
    ("entries", "days", "said"),
    [
        (
            1,
            MIN_DAYS,
            "1 trade or rebalancing, fewer than 30: too few to judge the rules by the ratios "
            "below.",
        ),
        (
            MIN_TRADES,
            1,
            "30 trades or rebalancings, 1 day, fewer than 250: too few to judge the rules by the "
            "ratios below.",
        ),
        (
            0,
            249,
            "0 trades or rebalancings, fewer than 30, and 249 days, fewer than 250: too few to "
            "judge the rules by the ratios below.",
        ),
        (
            MIN_TRADES,
            MIN_DAYS,
            "30 trades or rebalancings on one path: a comparison, a sweep or a stress says how "
            "much of the result may be luck.",
        ),
    ],
)
def test_ratios_need_trades_and_days(facts, entries, days, said):
    assert run_conclusions(replace(facts, entries=entries, days=days))[3] == said


def test_a_rebalancing_of_several_assets_is_one_entry():
    # Day 0 buys two assets; day 3 sells a part of one.
    script = {0: [Rebalance(WEIGHTS, "first")], 3: [Rebalance({"BTCUSDT-SPOT": 0.3}, "less")]}
    record = RunRecord(weights_run(script, venue=60_000.0, brokerage=60_000.0))
    assert len(record.trades) == 2
    assert entries_of(record.run.outcome, record.trades) == 2


def test_a_trade_with_a_stop_is_one_entry(make_run):
    record = RunRecord(make_run(hours=300))
    found = run_facts(record, None)
    assert found.entries == len(record.trades) > 0
    assert found.days == len(record.daily_returns)
