"""Check the conclusions of a sweep against the judgement that they are made from."""

from dataclasses import replace

import pytest

from engine.statistics import Missing
from engine.sweep.held_out import HeldOutFold, HeldOutFolds
from engine.sweep.judgement import Judgement
from engine.sweep.sensitivity import SensitivityRow
from engine.sweep.sweep_conclusions import sweep_conclusions

NONE = Missing("not asked")
FOLDS = HeldOutFolds(
    (
        HeldOutFold(("2020",), 1, 0.02, 0.5, 0.8, 3),
        HeldOutFold(("2022",), 2, -0.01, -0.2, 0.3, 3),
        HeldOutFold(("2026",), 1, 0.0, 0.0, 0.4, 3),
    ),
    0.1,
)
FOUND = Judgement(
    number=0.0978, plateau=-0.1, neighbours=14, edges=("bounce_atr",), trials=60, earlier=30,
    sharpe=0.1, expected_best=1.26, deflated=0.058, overfitting=NONE, superiority=NONE,
    left_out=FOLDS, forward=NONE, rolling=NONE,
)  # fmt: skip
CHANGES = (
    SensitivityRow("as chosen", 0.1, 0.0006, 6),
    SensitivityRow("costs x 2", 0.0, 0.0, 6),
    SensitivityRow("costs x 3", -0.1, -0.0006, 6),
)


def told(found, changes=CHANGES) -> list[str]:
    return sweep_conclusions(
        found, changes, chosen="stop 0.75", metric="Sharpe ratio", sets=30, windows=3
    )


def test_the_conclusions_say_what_was_chosen_and_what_is_left_of_it():
    assert told(FOUND) == [
        "Of 30 sets in 3 windows the rule chose stop 0.75: its Sharpe ratio in excess of the bill "
        "is 0.0978.",
        "It is NOT shown to be more than the best of 60 worthless sets: the probability is 5.8%, "
        "and 95% are needed.",
        # An excess of exactly zero is not more than the bill; (0.8 + 0.3 + 0.4) / 3 = 50%
        "Chosen without the window that judges it, it earned more than the bill in 1 of 3 and was "
        "better than 50% of all sets on average (chance: 50%).",
        "The sum of its excess is +0.06%; the worst of 2 changes of costs and lags (costs x 3) "
        "makes it -0.06%.",
        "It lies at the end of bounce_atr: better values may lie outside.",
    ]


def test_a_set_that_passes_is_said_to_be_more_than_luck():
    assert told(replace(FOUND, deflated=0.95))[1].startswith("It is more than the best of 60")


def test_numbers_that_do_not_exist_are_told_with_their_reason():
    bare = replace(FOUND, deflated=Missing("two days"), left_out=Missing("one window"), edges=())
    assert told(bare, CHANGES[:1])[1:] == [
        "How much of it is luck cannot be computed: two days.",
        "The choice cannot be judged on a window left out: one window.",
    ]


@pytest.mark.parametrize(("windows", "word"), [(1, "window"), (2, "windows")])
def test_where_no_set_was_chosen_that_is_the_conclusion(windows, word):
    found = sweep_conclusions(
        Missing("no number"), (), chosen="", metric="x", sets=4, windows=windows
    )
    assert found == [f"None of 4 sets in {windows} {word} was chosen: no number."]


def test_a_probability_below_the_limit_is_not_rounded_up_to_it():
    # 94.96% is shown as 95.0% by plain rounding, beside "95% are needed".
    told_so = told(replace(FOUND, deflated=0.9496))[1]
    assert "NOT shown" in told_so
    assert "the probability is just below 95.0%" in told_so
    assert "the probability is >99.9%" in told(replace(FOUND, deflated=0.9999))[1]


def test_one_set_and_one_change_are_told_as_one():
    one = sweep_conclusions(
        replace(FOUND, trials=1), CHANGES[:2], chosen="x", metric="y", sets=1, windows=1
    )
    assert one[0].startswith("Of 1 set in 1 window the rule")
    assert "the best of 1 worthless set:" in one[1]
    assert "the worst of 1 change of costs" in one[3]
