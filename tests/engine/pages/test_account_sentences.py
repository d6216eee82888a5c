"""Check the conclusions of an account's page against the numbers that they are made from."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from data_feeds.clock import HOUR_NS
from engine.answers.ladder_history import LadderHistory
from engine.pages.account_sentences import AccountFacts, account_conclusions
from engine.run_folder.schema import SleeveLine

NAN = float("nan")


def line(name, contribution, trades, *, capped=0, blocked=0, sold=0) -> SleeveLine:
    return SleeveLine(
        name, "toy", "id", 1.0, 1.0, 0.0, 0.0, contribution, trades, capped, blocked, sold
    )


def ladder(*factors) -> LadderHistory:
    return LadderHistory(np.arange(len(factors)) * HOUR_NS, np.array(factors), np.zeros(5))


@pytest.fixture
def facts() -> AccountFacts:
    names = ["bold", "calm", "cash"]
    moves = [[1.0, 0.25, NAN], [0.25, 1.0, NAN], [NAN, NAN, NAN]]
    return AccountFacts(
        total_return=0.07468,
        interest=0.001,
        benchmark="SPY",
        held=0.168044,
        sleeves=[line("bold", -0.01, 1, capped=1, blocked=2), line("calm", 0.0847, 20, sold=1)],
        correlations=pd.DataFrame(moves, index=names, columns=names),
        ladders={"account": ladder(1, 0.5, 0, 1, 1), "calm": ladder(1, 1, 1, 1, 1)},
        trades=21,
    )


def test_the_conclusions_say_the_numbers_and_what_they_cannot_say(facts):
    assert account_conclusions(facts) == [
        # 7.47 - 16.80, as shown: the exact difference is -9.336
        "The account returned +7.47%, holding SPY +16.80%: -9.33 points. Interest on cash is +0.10 "
        "points of its return.",
        "Parts of the account's starting cash: calm +8.47% (20 trades); bold -1.00% (1 trade). The "
        "account's caps cut 1 entry; its guards refused 2 and ordered 1 sale.",
        "The sleeves that moved most alike are bold and calm: correlation +0.25 of daily returns "
        "over the bill; 2 pairs cannot be correlated.",
        # Two of four hours below full size, one of them halted.
        "Drawdown ladders below full size: 50.0% of the time, 25.0% halted (account).",
        "One window is one observation, with 21 trades, fewer than 30: the page cannot say whether "
        "the mix of sleeves is better than its parts, and no interval is given.",
    ]


def test_one_sleeve_has_no_correlation_and_no_benchmark_no_difference(facts):
    alone = replace(
        facts, held=None, correlations=facts.correlations.loc[["bold"], ["bold"]], trades=30
    )
    told = account_conclusions(alone)
    assert len(told) == 4
    assert told[0].startswith("The account returned +7.47%. Interest")
    assert "with 30 trades: the page" in told[-1]


@pytest.mark.parametrize(
    ("ladders", "words"),
    [
        ({}, "No drawdown ladder was set, neither for the account nor for a sleeve."),
        (
            {"calm": ladder(1, 1)},
            "No drawdown ladder was ever below full size: none reached its first rung.",
        ),
    ],
)
def test_ladders_that_never_acted_are_said_to(facts, ladders, words):
    assert words in account_conclusions(replace(facts, ladders=ladders))
