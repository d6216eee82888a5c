"""Check the conclusions of an account's page against the numbers that they are made from."""

import re
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
        days=60,
        ladders={"account": ladder(1, 0.5, 0, 1, 1), "calm": ladder(1, 1, 1, 1, 1)},
        trades=21,
    )


def test_the_conclusions_say_the_numbers_and_what_they_cannot_say(facts):
    assert account_conclusions(facts) == [
        # 7.47 - 16.80, as shown: the exact difference is -9.336
        "The account returned +7.47%, holding SPY +16.80%: -9.33 points. Interest on cash is +0.10 "
        "points of its return.",
        "Net results as shares of the account's starting cash: calm +8.47% (20 trades); "
        "bold -1.00% (1 trade). The account's caps cut 1 entry; its guards refused 2 and ordered 1 "
        "sale.",
        "The correlation of bold and calm is +0.25, of daily returns over the bill, over 60 days; "
        "2 pairs cannot be correlated.",
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
        # A rung that keeps the full size may have been reached.
        ({"calm": ladder(1, 1)}, "No drawdown ladder was ever below full size."),
        ({"calm": ladder()}, "No drawdown ladder was ever below full size."),
        (
            {"calm": ladder(1, 1, 0.5)},
            "Drawdown ladders below full size: at the last close only (calm).",
        ),
        ({"calm": ladder(0.5)}, "Drawdown ladders below full size: at the last close only (calm)."),
        # One hour of 4,000 is no 0.1%.
        (
            {"calm": ladder(0, *[1] * 4_000)},
            "Drawdown ladders below full size: <0.1% of the time, <0.1% halted (calm).",
        ),
        (
            {"calm": ladder(1, *[0.5] * 4_000)},
            "Drawdown ladders below full size: >99.9% of the time (calm).",
        ),
    ],
)
def test_ladders_that_never_acted_are_said_to(facts, ladders, words):
    assert words in account_conclusions(replace(facts, ladders=ladders))


def test_numbers_of_a_difference_add_up_as_they_are_shown(facts):
    # 7.465% is shown as 7.46% or 7.47%, by how the float lies; the lead follows what is shown.
    for own in np.arange(0.00005, 0.2, 0.0037):
        told = account_conclusions(replace(facts, total_return=own, held=0.01005))[0]
        shown = [float(text) for text in re.findall(r"([+-][\d.]+)(?:%| points\. I)", told)]
        assert shown[0] - shown[1] == pytest.approx(shown[2], abs=1e-9), told


@pytest.mark.parametrize(
    ("moves", "words"),
    [
        # Three sleeves that all move apart: none is said to move alike.
        (
            [[1, -0.5, -0.2], [-0.5, 1, -0.3], [-0.2, -0.3, 1]],
            "The highest correlation of two sleeves is -0.20, of daily returns over the bill, over "
            "60 days: a and c.",
        ),
        # Equal as shown.
        (
            [[1, 0.301, 0.1], [0.301, 1, 0.299], [0.1, 0.299, 1]],
            "The highest correlation of two sleeves is +0.30, of daily returns over the bill, over "
            "60 days: a and b; b and c.",
        ),
        (
            [[1, NAN, NAN], [NAN, 1, NAN], [NAN, NAN, 1]],
            "No two sleeves can be correlated: all but one at most stood still.",
        ),
    ],
)
def test_correlations_name_every_pair_that_shares_the_highest(facts, moves, words):
    names = ["a", "b", "c"]
    found = pd.DataFrame(moves, index=names, columns=names, dtype=float)
    assert account_conclusions(replace(facts, correlations=found))[2] == words


def test_a_few_common_days_correlate_nothing(facts):
    assert account_conclusions(replace(facts, days=29))[2] == (
        "The sleeves share 29 days, fewer than 30: too few to say whether they moved alike."
    )
