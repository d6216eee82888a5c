"""CSCV against a split by hand, an obvious loop, and the paper's cases."""

import math
from itertools import combinations

import numpy as np
import pytest

from engine.errors import ReportError
from engine.metrics import sharpe
from engine.statistics import Missing, backtest_overfitting

ONE_EPISODE = np.zeros(400, dtype=int)


def noise(seed, days=400, variants=20):
    return np.random.default_rng(seed).normal(0, 0.01, (days, variants))


def slow_cscv(returns, parts):
    """Return logits and pairs of Sharpe ratios by the steps of the paper, one split at a time."""
    logits, pairs = [], []
    for picks in combinations(range(len(parts)), len(parts) // 2):
        inside = np.concatenate([parts[i] for i in picks])
        outside = np.concatenate([parts[i] for i in range(len(parts)) if i not in picks])
        before = [sharpe(returns[inside, j], 1.0) for j in range(returns.shape[1])]
        after = [sharpe(returns[outside, j], 1.0) for j in range(returns.shape[1])]
        best = int(np.argmax(before))
        rank = 1 + sum(value < after[best] for value in after)
        relative = rank / (returns.shape[1] + 1)
        logits.append(math.log(relative / (1 - relative)))
        pairs.append((before[best], after[best]))
    return logits, np.array(pairs)


def test_one_split_each_way_by_hand():
    # First two days: Sharpe ratios rank 2, 1, 3 for the columns; last two days 2, 3, 1. Picked on
    # the first half: column 3, rank 1 of 3 in the other. Picked on the last: column 2, rank 1.
    returns = [[0.03, 0.01, 0.05], [0.01, -0.01, 0.03], [0.03, 0.05, 0.01], [0.01, 0.03, -0.01]]
    found = backtest_overfitting(returns, [0] * 4, blocks=2)
    assert found.logits.tolist() == pytest.approx([math.log(0.25 / 0.75)] * 2)
    assert found.probability == 1
    # Sharpe 4 / sqrt(2) where picked, 0 in the other half: nothing varies, no loss
    assert found.slope is None
    assert found.loss_probability == 0
    assert (found.blocks, found.variants, found.days) == (2, 3, 4)


def test_sums_over_blocks_equal_the_obvious_loop_over_days():
    returns = noise(3, days=50, variants=7)
    episodes = np.repeat(["2020", "2022", "2026"], [11, 25, 14])
    found = backtest_overfitting(returns, episodes, blocks=6)
    rows = np.arange(50)
    parts = [
        part
        for episode in (rows[:11], rows[11:36], rows[36:])
        for part in np.array_split(episode, 2)
    ]
    logits, pairs = slow_cscv(returns, parts)
    assert found.logits.tolist() == pytest.approx(logits)
    assert found.slope == pytest.approx(np.polyfit(pairs[:, 0], pairs[:, 1], 1)[0])
    assert found.loss_probability == np.mean(pairs[:, 1] < 0)


def test_random_variants_are_overfit_half_of_the_time():
    found = [backtest_overfitting(noise(i), ONE_EPISODE, blocks=8).probability for i in range(60)]
    # the value of one family has a deviation of about 0.25: two standard errors of 60 are 0.07
    assert np.mean(found) == pytest.approx(0.5, abs=0.07)


def test_one_truly_better_variant_is_hardly_ever_overfit():
    returns = noise(5)
    returns[:, 4] += 0.004  # a Sharpe ratio of 0.4 a day
    found = backtest_overfitting(returns, ONE_EPISODE)
    assert found.probability < 0.01
    assert found.loss_probability < 0.01
    assert len(found.logits) == math.comb(16, 8)


def test_variants_centred_on_no_gain_are_always_overfit():
    # The paper's first case, 'full overfit': every column's mean is 0 over all days, so a gain in
    # one half is a loss in the other; the probability is near 1 and the slope about -1.
    returns = noise(7, days=1000, variants=100)
    found = backtest_overfitting(returns - returns.mean(axis=0), np.zeros(1000), blocks=8)
    assert found.probability > 0.99
    assert found.slope == pytest.approx(-1, abs=0.1)
    assert found.loss_probability == 1


def test_no_block_crosses_an_episode():
    # Variant 1 gains in the first episode's only block; blocks across episodes would share it.
    returns = noise(9, days=60, variants=2) * 0.1
    returns[:10, 1] += 0.01
    episodes = np.repeat([1, 2], [10, 50])
    found = backtest_overfitting(returns, episodes, blocks=2)
    logits, _ = slow_cscv(returns, [np.arange(10), np.arange(10, 60)])
    assert found.logits.tolist() == pytest.approx(logits)


def test_a_variant_that_never_trades_counts_as_neither_won_nor_lost():
    returns = noise(11, days=64, variants=3) - 0.02
    returns[:, 1] = 0.0
    found = backtest_overfitting(returns, np.zeros(64), blocks=4)
    assert found.probability == 0
    assert np.isfinite(found.logits).all()


def test_splits_in_whose_judged_half_nobody_trades_decide_nothing():
    # Only the first of four blocks trades. In 3 of the 6 splits it is in the picking half, and all
    # variants tie at 0 in the other half. In 3 it is in the judged half: all tie in the picking
    # half, the first variant is picked, and it is the best.
    returns = np.zeros((16, 3))
    returns[:4] = noise(17, days=4, variants=3) + np.array([0.03, 0.0, -0.03])
    found = backtest_overfitting(returns, np.zeros(16), blocks=4)
    assert (found.undecided, len(found.logits)) == (3, 3)
    assert found.probability == 0
    assert found.loss_probability == 0
    # Rank 3 of 3: 3 / 4
    assert found.logits.tolist() == pytest.approx([math.log(3)] * 3)


def test_variants_that_tie_in_every_half_say_nothing():
    # The same two returns in each block, in another order
    pair = np.array([[0.25, -0.125], [-0.125, 0.25]])
    found = backtest_overfitting(np.tile(pair, (4, 1)), np.zeros(8), blocks=4)
    assert found == Missing("all variants tie in the judged half of every split")


def test_a_split_that_some_variants_tie_in_is_decided():
    found = backtest_overfitting(noise(3), ONE_EPISODE, blocks=4)
    assert found.undecided == 0
    returns = noise(19, days=64, variants=3)
    returns[:, 2] = returns[:, 1]
    assert backtest_overfitting(returns, np.zeros(64), blocks=4).undecided == 0


def test_ties_share_their_rank():
    # both copies of the best share ranks 2 and 3 of 3: 2.5 / 4
    returns = noise(13, days=64, variants=3)
    returns[:, 0] += 0.05
    returns[:, 2] = returns[:, 0]
    found = backtest_overfitting(returns, np.zeros(64), blocks=4)
    assert found.logits.tolist() == pytest.approx([math.log(2.5 / 1.5)] * 6)


@pytest.mark.parametrize(
    ("returns", "reason"),
    [
        (np.zeros((40, 1)), "1 variant(s), 2 needed"),
        (np.zeros((0, 3)), "no daily returns"),
        (noise(1, 20, 3), "20 daily returns are too few for 16 blocks"),
        (np.zeros((40, 3)), "all variants have the same returns"),
        (np.repeat(noise(1, 40, 1), 3, axis=1), "all variants have the same returns"),
        (
            np.column_stack((noise(1, 40, 2), np.full(40, 0.01))),
            "a variant's returns do not vary in one half of the days",
        ),
    ],
)
def test_a_family_that_says_nothing_has_no_probability(returns, reason):
    assert backtest_overfitting(returns, np.zeros(len(returns))) == Missing(reason)


@pytest.mark.parametrize("blocks", [0, 3, 22, 8])
def test_blocks_that_cannot_be_dealt_out_are_refused(blocks):
    episodes = np.repeat([1, 2, 3], 100)
    with pytest.raises(ReportError, match="a multiple of 3"):
        backtest_overfitting(noise(1, 300, 3), episodes, blocks=blocks)


def test_an_episode_in_two_pieces_is_refused():
    with pytest.raises(ReportError, match="contiguous"):
        backtest_overfitting(noise(1, 60, 3), np.repeat([1, 2, 1], 20), blocks=6)


def test_a_return_that_is_no_number_and_codes_of_other_days_are_refused():
    returns = noise(1)
    with pytest.raises(ReportError, match="400 days"):
        backtest_overfitting(returns, np.zeros(399))
    returns[3, 2] = math.nan
    with pytest.raises(ReportError, match=r"the first at \(3, 2\)"):
        backtest_overfitting(returns, ONE_EPISODE)


@pytest.mark.parametrize("scale", [1e-200, 1e200])
def test_the_verdict_has_no_scale(scale):
    returns = np.random.default_rng(11).normal(0.0005, 0.02, (160, 4))
    usual = backtest_overfitting(returns, np.zeros(160), blocks=8)
    sizes = np.array([scale, 1.0, 1 / scale, scale])
    found = backtest_overfitting(returns * sizes, np.zeros(160), blocks=8)
    assert found.logits.tolist() == usual.logits.tolist()
    assert len(set(found.logits.tolist())) > 2
    assert found.slope == pytest.approx(usual.slope, rel=1e-9)
