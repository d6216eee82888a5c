"""Playbook C: the hedge's level, the ladder, the weights, and when they are restored."""

import numpy as np
import pytest

from data_feeds.dataset import Dataset
from engine.intents import Rebalance
from engine.views import AccountView, MarketView, PositionView
from strategies.hedged_rebalance import HedgedParams, HedgedRebalance
from strategies.hedged_rebalance.hedging import HedgeRules, hedge_levels

NAN = float("nan")
BASE = {
    "weights": {"SPY": 0.5, "BTC": 0.1, "IEF": 0.3},
    "risk_assets": ("SPY", "BTC"),
    "crypto_assets": ("BTC",),
    "timeframes": {"BTC": "1h"},
}


def flags(text):
    return np.array([letter == "1" for letter in text])


RULES = HedgeRules(calm_sessions=3, add_rest=2, add_steps=2)


@pytest.mark.parametrize(
    ("warns", "calm", "levels"),
    [
        # On at once; off in halves after three calm sessions, then two more.
        ("1000000", "0111111", [1, 1, 1, 0.5, 0.5, 0, 0]),
        # A session that is not calm starts the count again and keeps the level.
        ("10000000", "01101110", [1, 1, 1, 1, 1, 1, 0.5, 0.5]),
        # A warning on the way back hedges fully again.
        ("100010000", "011101110", [1, 1, 1, 0.5, 1, 1, 1, 0.5, 0.5]),
        ("0000", "1111", [0, 0, 0, 0]),
    ],
)
def test_hedges_go_on_at_once_and_come_off_in_steps(warns, calm, levels):
    assert hedge_levels(flags(warns), flags(calm), RULES).tolist() == levels


class Desk:
    """A playbook, and sessions told to it one after the other; equity starts at 1,000."""

    def __init__(self, **params):
        self.playbook = HedgedRebalance(HedgedParams(**{**BASE, **params}))
        self.held = {}
        self.row = -1

    def session(self, equity=1_000.0, hedge=0.0, due=0.0, year=2020.0, pending=(), **held):
        """The intent at the next session, None for none; ``held`` are shares of the equity."""
        values = {"hedge": hedge, "due": due, "year": year}
        self.row += 1
        arrays = {name: np.full(self.row + 1, value) for name, value in values.items()}
        market = MarketView(Dataset({}, {}), frozenset(), arrays, {})
        market.row = self.row
        positions = {
            name: PositionView(name, 1, share * equity / 10, 1.0, 10.0, 0.0, NAN, 0.0, NAN, 0, NAN)
            for name, share in (held or self.held).items()
            if share > 0
        }
        account = AccountView(0, equity, 0.0, 0.0, 0.0, 0.0, positions, frozenset(pending))
        intents = self.playbook.on_bar(market, account)
        if intents:
            self.held = dict(intents[0].weights)
        return intents[0] if intents else None


def rounded(intent):
    return {name: round(weight, 6) for name, weight in intent.weights.items()}


def test_the_first_session_buys_the_weights():
    intent = Desk().session()
    assert isinstance(intent, Rebalance)
    assert rounded(intent) == BASE["weights"]
    assert intent.reason == "first purchase"


def test_at_target_nothing_is_asked():
    desk = Desk()
    desk.session()
    assert desk.session() is None


def test_the_calendar_and_the_bands_restore():
    desk = Desk(band_rest=2)
    desk.session()
    assert desk.session(due=1.0).reason == "quarterly rebalancing"
    # One session later the band still rests.
    assert desk.session(SPY=0.56, BTC=0.1, IEF=0.3) is None
    left = desk.session(SPY=0.56, BTC=0.1, IEF=0.3)
    assert left.reason == "band left: SPY at 56.0%, target 50.0%"


def test_a_full_hedge_turns_risk_into_cash_and_cuts_crypto_once_more():
    desk = Desk()
    desk.session()
    # Risk x (1 - 0.4), crypto x (1 - 0.5) beside it.
    intent = desk.session(hedge=1.0)
    assert rounded(intent) == {"SPY": 0.3, "BTC": 0.03, "IEF": 0.3}
    assert intent.reason == "hedge 100%, ladder 100%: risk weights 33.0%"
    # A third of the way: 1 - 0.4 / 3, and 1 - 0.5 / 3 more.
    part = desk.session(hedge=1 / 3)
    assert part.weights["SPY"] == pytest.approx(0.5 * (1 - 0.4 / 3))
    assert part.weights["BTC"] == pytest.approx(0.1 * (1 - 0.4 / 3) * (1 - 0.5 / 3))
    assert rounded(desk.session()) == BASE["weights"]


@pytest.mark.parametrize(
    ("hedges", "weights"),
    [
        ({"cash": 0.4, "crypto": None}, {"SPY": 0.3, "BTC": 0.06, "IEF": 0.3}),
        ({"cash": None, "crypto": 0.5}, {"SPY": 0.5, "BTC": 0.05, "IEF": 0.3}),
        (
            {"cash": None, "crypto": None, "inverse": {"instrument": "SH", "weight": 0.05}},
            {"SPY": 0.5, "BTC": 0.1, "IEF": 0.3, "SH": 0.05},
        ),
        # What the book leaves free bounds the inverse fund: 1 - 0.9.
        (
            {"cash": None, "crypto": None, "inverse": {"instrument": "SH", "weight": 0.3}},
            {"SPY": 0.5, "BTC": 0.1, "IEF": 0.3, "SH": 0.1},
        ),
    ],
)
def test_each_hedge_can_stand_alone(hedges, weights):
    desk = Desk(hedges=hedges)
    desk.session()
    assert rounded(desk.session(hedge=1.0)) == weights


def test_the_ladder_cuts_at_each_rung_and_does_not_climb_while_hedged():
    desk = Desk(
        tolerance=[{"drawdown": 0.1, "multiplier": 0.8}, {"drawdown": 0.2, "multiplier": 0.5}]
    )
    desk.session()
    assert desk.session(equity=950.0) is None
    assert rounded(desk.session(equity=900.0)) == {"SPY": 0.4, "BTC": 0.08, "IEF": 0.3}
    deeper = desk.session(equity=800.0, hedge=1.0)
    assert deeper.weights["SPY"] == pytest.approx(0.5 * 0.5 * 0.6)
    # Equity recovers to -5%, still hedged: the lower rung stays.
    assert desk.session(equity=950.0, hedge=1.0) is None


def test_the_reference_peak_restarts_when_nothing_is_hedged_any_more():
    desk = Desk(tolerance=[{"drawdown": 0.1, "multiplier": 0.5}])
    desk.session()
    desk.session(equity=880.0, hedge=1.0)
    # Unhedged at 920, above the rung: whole weights, measured from 920 from now on.
    assert rounded(desk.session(equity=920.0)) == BASE["weights"]
    assert desk.session(equity=840.0) is None
    assert desk.session(equity=820.0).weights["SPY"] == pytest.approx(0.25)


def test_an_inverse_fund_that_has_lost_its_budget_is_left_until_the_next_year():
    hedges = {"cash": None, "crypto": None, "inverse": {"instrument": "SH", "weight": 0.1}}
    desk = Desk(hedges={**hedges, "yearly_budget": 0.02})
    desk.session()
    desk.session(hedge=1.0)
    holding = {"SPY": 0.5, "BTC": 0.1, "IEF": 0.3, "SH": 0.1}
    assert desk.session(hedge=1.0, **holding) is None
    # SH fell from 10 to 7.5 on 10 units: 25 of a budget of 20.
    values = {"hedge": 1.0, "due": 0.0, "year": 2020.0}
    market = MarketView(
        Dataset({}, {}), frozenset(), {n: np.array([v]) for n, v in values.items()}, {}
    )
    market.row = 0
    position = PositionView("SH", 1, 10.0, 10.0, 7.5, -25.0, NAN, 0.0, NAN, 0, NAN)
    account = AccountView(0, 1_000.0, 0.0, 0.0, 0.0, 0.0, {"SH": position}, frozenset())
    (spent,) = desk.playbook.on_bar(market, account)
    assert spent.weights["SH"] == 0.0
    desk.held = {"SPY": 0.5, "BTC": 0.1, "IEF": 0.3}
    assert desk.session(hedge=1.0, year=2021.0).weights["SH"] == pytest.approx(0.1)


def test_nothing_is_asked_while_orders_work():
    assert Desk().session(pending=("SPY",)) is None


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"weights": {"SPY": 0.7, "BTC": 0.2, "IEF": 0.2}}, r"sum to 1\.1"),
        ({"risk_assets": ("SPY", "QQQ")}, "QQQ has no weight"),
        ({"hedges": {"inverse": {"instrument": "IEF"}}}, "IEF has a weight of its own"),
        (
            {
                "tolerance": [
                    {"drawdown": 0.1, "multiplier": 0.5},
                    {"drawdown": 0.2, "multiplier": 0.8},
                ]
            },
            "drawdowns must rise",
        ),
    ],
)
def test_params_that_make_no_sense_are_refused(change, words):
    with pytest.raises(ValueError, match=words):
        HedgedParams(**{**BASE, **change})
