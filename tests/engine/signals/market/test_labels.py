"""Regimes, drivers, actions and tiers: the tables, and how labels rise and fall."""

from types import SimpleNamespace

import numpy as np
import pytest

from engine.conditions import Condition
from engine.config.market import ChecklistRules, MarketStateConfig, RegimeRules
from engine.config.market.step_conditions import early_warning
from engine.decision_terms import RiskTier
from engine.market_state import TIERS, Action, Driver, Regime
from engine.signals.market import steps
from engine.signals.market.declared import combinations_of
from engine.signals.market.regime import drivers, flips, with_dwell

T, F, U = 1, 0, -1


def told(name: str, *truth: int, measured: float = 0.0) -> Condition:
    rows = len(truth)
    return Condition(
        name,
        np.array(truth, np.int8),
        np.full(rows, measured),
        np.zeros(rows),
        "",
        name,
        inputs=(name,),
        age_ns=np.zeros(rows, np.int64),
    )


def masks(*rows: str) -> np.ndarray:
    return np.array([[letter == "1" for letter in row] for row in rows])


RULES = RegimeRules(dwell=3)
KNOWN = np.ones(8, bool)


@pytest.mark.parametrize(
    ("enter", "stay", "labels"),
    [
        # An event of one day lasts its dwell, then ends.
        (("01000000", "0" * 8, "0" * 8), ("0" * 8,) * 3, [0, 1, 1, 1, 0, 0, 0, 0]),
        # An event goes on while its looser threshold holds.
        (("01000000", "0" * 8, "0" * 8), ("01111110", "0" * 8, "0" * 8), [0, 1, 1, 1, 1, 1, 1, 0]),
        # A worse regime begins at once, and falls back to a milder one that still holds.
        (
            ("01000000", "0" * 8, "00100000"),
            ("11111111", "0" * 8, "0" * 8),
            [0, 1, 3, 3, 3, 1, 1, 1],
        ),
        # A milder regime does not end a worse one.
        (
            ("00010000", "10000000", "0" * 8),
            ("0" * 8, "11111100", "0" * 8),
            [2, 2, 2, 2, 2, 2, 0, 0],
        ),
    ],
)
def test_a_worse_regime_begins_at_once_and_ends_slowly(enter, stay, labels) -> None:
    assert with_dwell(masks(*enter), masks(*stay), KNOWN, RULES).tolist() == labels


def test_a_day_that_is_not_known_is_labelled_so_and_ends_nothing() -> None:
    known = np.array([1, 1, 0, 1, 1, 1, 1, 1], bool)
    enter, stay = masks("01000000", "0" * 8, "0" * 8), masks(*["0" * 8] * 3)
    labels = with_dwell(enter, stay, known, RULES)
    assert labels.tolist() == [0, 1, Regime.UNKNOWN, 1, 1, 0, 0, 0]
    # Two changes between days that are known.
    assert flips(labels) == 2


def step_truths(macro=F, leadership=F, crypto=F, correlation=F, both=F, book=F):
    named = dict(zip(steps.STEPS, (macro, leadership, crypto, correlation), strict=True))
    made = {name: told(name, truth) for name, truth in named.items()}
    return made | {
        "both_down": told("both_down", both),
        "single_risk_book": told("single_risk_book", book),
    }


def regime(label: Regime) -> np.ndarray:
    return np.array([label], np.int8)


@pytest.mark.parametrize(
    ("held", "label", "action"),
    [
        ({}, Regime.CALM, Action.WAIT),
        ({"macro": T}, Regime.TREND_BREAK, Action.WAIT),
        ({"macro": T, "crypto": T}, Regime.CALM, Action.REDUCE),
        ({"macro": T, "crypto": T, "leadership": T}, Regime.CALM, Action.HEDGE),
        # Three known: the same shares of them, two to reduce and three to hedge.
        ({"crypto": U}, Regime.CALM, Action.WAIT),
        ({"macro": T, "crypto": U}, Regime.CALM, Action.WAIT),
        ({"macro": T, "leadership": T, "crypto": U}, Regime.CALM, Action.REDUCE),
        (
            {"macro": T, "leadership": T, "correlation": T, "crypto": U},
            Regime.CALM,
            Action.HEDGE,
        ),
        # Two known: steps that hold count, and unknown is not safe. The second is 2024-08-05.
        ({"crypto": U, "correlation": U}, Regime.CALM, Action.CANNOT_TELL),
        ({"leadership": T, "crypto": U, "correlation": U}, Regime.CALM, Action.CANNOT_TELL),
        (
            {"macro": T, "leadership": T, "crypto": U, "correlation": U},
            Regime.CALM,
            Action.REDUCE,
        ),
        (
            {"macro": U, "leadership": U, "crypto": U, "correlation": U},
            Regime.CALM,
            Action.CANNOT_TELL,
        ),
        (
            {"crypto": U, "correlation": U, "both": T},
            Regime.LIQUIDITY_SHOCK,
            Action.HEDGE,
        ),
        # A liquidity shock hedges when both fall, whatever the steps say.
        ({"both": T}, Regime.LIQUIDITY_SHOCK, Action.HEDGE),
        ({"both": U}, Regime.LIQUIDITY_SHOCK, Action.WAIT),
        ({"both": T}, Regime.TREND_BREAK, Action.WAIT),
    ],
)
def test_the_steps_make_one_action(held, label: Regime, action: Action) -> None:
    found = steps.actions(step_truths(**held), regime(label), ChecklistRules())
    assert found.tolist() == [action]


@pytest.mark.parametrize(
    ("rules", "held", "action"),
    [
        # One step in four is enough to reduce: of three known one is.
        ({"reduce_steps": 1}, {"macro": T, "crypto": U}, Action.REDUCE),
        # Four in four to hedge: of three known all three.
        (
            {"hedge_steps": 4},
            {"macro": T, "leadership": T, "correlation": T, "crypto": U},
            Action.HEDGE,
        ),
        ({"hedge_steps": 4}, {"macro": T, "leadership": T, "correlation": T}, Action.REDUCE),
        # ``least_known`` says that two are enough: half of them hold.
        ({"least_known": 2}, {"macro": T, "crypto": U, "correlation": U}, Action.REDUCE),
        ({"least_known": 2}, {"crypto": U, "correlation": U}, Action.WAIT),
        ({"least_known": 4}, {"crypto": U}, Action.CANNOT_TELL),
    ],
)
def test_the_numbers_of_steps_are_shares_of_the_known_steps(rules, held, action: Action) -> None:
    found = steps.actions(step_truths(**held), regime(Regime.CALM), ChecklistRules(**rules))
    assert found.tolist() == [action]


def test_how_many_steps_are_known_is_counted() -> None:
    assert steps.known_steps(step_truths(macro=T, crypto=U, correlation=U)).tolist() == [2]


@pytest.mark.parametrize(
    ("label", "action", "book", "tier"),
    [
        (Regime.LIQUIDITY_SHOCK, Action.HEDGE, F, RiskTier.HALT),
        (Regime.LIQUIDITY_SHOCK, Action.WAIT, F, RiskTier.DEFENSIVE),
        (Regime.CALM, Action.HEDGE, F, RiskTier.DEFENSIVE),
        (Regime.TREND_BREAK, Action.REDUCE, F, RiskTier.DEFENSIVE),
        (Regime.TREND_BREAK, Action.WAIT, F, RiskTier.CAUTIOUS),
        (Regime.VOLATILITY_EVENT, Action.WAIT, F, RiskTier.CAUTIOUS),
        (Regime.UNKNOWN, Action.WAIT, F, RiskTier.CAUTIOUS),
        (Regime.CALM, Action.REDUCE, F, RiskTier.CAUTIOUS),
        # *Cannot tell* is sized as reduce.
        (Regime.CALM, Action.CANNOT_TELL, F, RiskTier.CAUTIOUS),
        (Regime.TREND_BREAK, Action.CANNOT_TELL, F, RiskTier.DEFENSIVE),
        (Regime.LIQUIDITY_SHOCK, Action.CANNOT_TELL, F, RiskTier.DEFENSIVE),
        (Regime.CALM, Action.WAIT, T, RiskTier.CAUTIOUS),
        (Regime.CALM, Action.WAIT, U, RiskTier.NORMAL),
    ],
)
def test_the_first_row_of_the_tier_table_that_fits(label, action, book, tier) -> None:
    found = steps.tiers(step_truths(book=book), regime(label), np.array([action], np.int8))
    assert TIERS[found[0]] is tier


@pytest.mark.parametrize(
    ("parts", "book"),
    [((T, T, T), T), ((T, T, F), F), ((T, U, F), F), ((T, T, U), U)],
)
def test_a_single_risk_book_needs_all_three_signs(parts, book) -> None:
    names = ("growth_volatility_rising", "dollar_pressure", "leverage_into_fall")
    named = {name: told(name, truth) for name, truth in zip(names, parts, strict=True)}
    assert combinations_of(early_warning(), named)["single_risk_book"].truth.tolist() == [book]


def scores(**changes: float):
    """Return the driver scores of one day; every measure is zero unless given."""
    values = {
        "ten_year_speed": 0.0,
        "real_ten_year_speed": 0.0,
        "dollar_speed": 0.0,
        "leaders_relative_speed": 0.0,
        "leaders_breadth": 1.0,
        "bitcoin_volatility": 0.4,
    }
    measured = {
        "liquidations_rise": 0.0,
        "open_interest_falls": 0.0,
        "volume_surges": 0.0,
        "bitcoin_falls": 0.0,
    }
    for name, value in changes.items():
        (measured if name in measured else values)[name] = value
    conditions = {name: told(name, F, measured=value) for name, value in measured.items()}
    conditions["funding_negative"] = told("funding_negative", F)
    inputs = SimpleNamespace(config=MarketStateConfig())
    arrays = {name: np.array([value]) for name, value in values.items()}
    found, label = drivers(inputs, arrays, conditions)
    return {name: float(score[0]) for name, score in found.items()}, Driver(int(label[0]))


def test_nothing_drives_a_quiet_day() -> None:
    assert scores() == (
        {"driver_rates_shock": 0.0, "driver_leadership": 0.0, "driver_liquidations": 0.0},
        Driver.NONE,
    )


def test_a_rates_shock_is_the_mean_of_its_two_strongest_parts() -> None:
    # z of 3 and 2 over the threshold of 2: (1.5 + 1) / 2; the third does not count.
    found, label = scores(ten_year_speed=3.0, dollar_speed=2.0, real_ten_year_speed=-1.0)
    assert found["driver_rates_shock"] == pytest.approx(1.25)
    assert label is Driver.RATES_SHOCK


def test_falling_yields_are_no_rates_shock() -> None:
    assert scores(ten_year_speed=-9.0, dollar_speed=1.0)[0]["driver_rates_shock"] == 0.25


def test_leaders_that_lose_and_break_drive() -> None:
    # z of -2 is 1; breadth 0 is (1 - 0) / (1 - 0.4) = 1.67.
    found, label = scores(leaders_relative_speed=-2.0, leaders_breadth=0.0)
    assert found["driver_leadership"] == pytest.approx((1 + 1 / 0.6) / 2)
    assert label is Driver.LEADERSHIP


def test_a_part_is_cut_at_three_and_unknown_parts_are_passed_over() -> None:
    # 30 times the usual day counts as 3; volume at its threshold as 1.
    nan = float("nan")
    found, label = scores(
        liquidations_rise=90.0, volume_surges=2.0, open_interest_falls=nan, bitcoin_falls=nan
    )
    assert found["driver_liquidations"] == pytest.approx(2.0)
    assert label is Driver.LIQUIDATIONS


def test_a_score_of_one_known_part_is_unknown() -> None:
    nan = float("nan")
    found, _ = scores(leaders_relative_speed=-9.0, leaders_breadth=nan)
    assert np.isnan(found["driver_leadership"])
