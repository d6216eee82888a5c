"""Playbook C: the hedge's level, the ladder, the weights, and when they are restored."""

from dataclasses import replace

import numpy as np
import pytest

from data_feeds.dataset import Dataset
from data_feeds.options.contract import SpreadRule
from engine.conditions import Condition
from engine.intents import Exit, Hedge, PutOff, Rebalance, Transfer
from engine.records import Fill
from engine.views import AccountView, Cursor, MarketView, PositionView
from strategies.hedged_rebalance import HedgedParams, HedgedRebalance
from strategies.hedged_rebalance.hedge_levels import (
    HedgeRules,
    hedge_levels,
    sessions_wanted,
    wanted_contracts,
)
from strategies.hedged_rebalance.signals import is_calm

NAN = float("nan")
BASE = {
    "weights": {"SPY": 0.5, "BTC": 0.1, "IEF": 0.3},
    "risk_assets": ("SPY", "BTC"),
    "crypto_assets": ("BTC",),
    "timeframes": {"BTC": "1h"},
    "wallets": None,
}


UNKNOWN = Condition("x", np.zeros(0, np.int8), np.zeros(0), np.zeros(0), "", "x")


def flags(text):
    return np.array([letter == "1" for letter in text])


def test_before_any_crypto_trades_an_unknown_correlation_leaves_calm_to_volatility():
    def told(truth):
        return replace(UNKNOWN, truth=np.array(truth, np.int8))

    rows = [-1, -1, 0, 1, 1]
    trades = np.array([False, True, True, True, False])
    quiet = {"vix_elevated": told([0] * 5), "vix_off_peak": told([0] * 5)}
    read = {"correlation_compressed": told(rows), **quiet}
    # Unknown counts as calm only while no crypto can be held; a known high never does.
    assert is_calm(read, trades).tolist() == [True, False, True, False, False]


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


class HedgedBench:
    """Feeds sessions to a playbook one after the other; equity starts at 1,000."""

    def __init__(self, **params):
        self.playbook = HedgedRebalance(HedgedParams(**{**BASE, **params}))
        self.held = {}
        self.row = -1
        self.listed, self.age = "", -1.0

    def session(self, **told):
        """Return the rebalancing at the next session, None for none; see :meth:`intents`."""
        found = [item for item in self.intents(**told) if isinstance(item, Rebalance)]
        return found[0] if found else None

    def intents(
        self,
        equity=1_000.0,
        hedge=0.0,
        due=0.0,
        year=2020.0,
        pending=(),
        contract="",
        age=None,
        venue=0.0,
        transit=0.0,
        unpriced=(),
        betas=(),
        **held,
    ):
        """Return all intents of the next session; ``held`` are shares of the equity."""
        self.age = self.age + 1 if contract == self.listed and age is None else age or 0.0
        self.listed = contract
        values = {"hedge": hedge, "due": due, "year": year, "put_age": self.age}
        names = self.playbook.params.weights
        values |= {f"begun {name}": float(name not in unpriced) for name in names}
        values |= {f"beta {name}": beta for name, beta in dict(betas).items()}
        self.row += 1
        arrays = {name: np.full(self.row + 1, value) for name, value in values.items()}
        contracts = np.full(self.row + 1, contract)
        market = MarketView(
            Dataset({}, {}), frozenset(), arrays, {}, contract=contracts, cursor=Cursor(0, self.row)
        )
        positions = {
            name: PositionView(
                name,
                1,
                share * equity / 10,
                1.0,
                10.0,
                0.0,
                NAN,
                0.0,
                NAN,
                0,
                NAN,
                notional=share * equity,
            )
            for name, share in (held or self.held).items()
            if share != 0
        }
        account = AccountView(
            0, equity, venue, 0.0, venue, 0.0, positions, frozenset(pending), transit
        )
        intents = list(self.playbook.on_bar(market, account))
        for intent in intents:
            if isinstance(intent, Rebalance):
                self.held = dict(intent.weights)
        return intents

    def filled(self, instrument, quantity, price, fee=0.0):
        """Tell the playbook of a fill."""
        fill = Fill(
            *(1, 1, 1, instrument, "entry", "open", 0, 0, 0, quantity, price, price, 0.0),
            *("taker", 0.0, fee, 0.0, quantity, price, NAN, False, ""),
        )
        account = AccountView(0, 1_000.0, 0.0, 0.0, 0.0, 0.0, {}, frozenset())
        assert self.playbook.on_fill(fill, account) == ()


def rounded(intent):
    return {name: round(weight, 6) for name, weight in intent.weights.items()}


def test_the_first_session_buys_the_weights():
    intent = HedgedBench().session()
    assert isinstance(intent, Rebalance)
    assert rounded(intent) == BASE["weights"]
    assert intent.reason == "first purchase"


def test_at_target_nothing_is_asked():
    bench = HedgedBench()
    bench.session()
    assert bench.session() is None


def test_a_weight_that_has_no_price_yet_leaves_no_band_and_is_bought_when_it_begins():
    bench = HedgedBench(band_rest=2)
    first = bench.session(unpriced=("BTC",))
    # The full weights are requested: risk leaves the unpriced share in cash.
    assert rounded(first) == BASE["weights"]
    held = {"SPY": 0.5, "IEF": 0.3}
    assert [bench.session(unpriced=("BTC",), **held) for _ in range(5)] == [None] * 5
    begins = bench.session(**held)
    assert begins.reason == "BTC begins"
    assert rounded(begins) == BASE["weights"]
    assert bench.session() is None


def test_the_calendar_and_the_bands_restore():
    bench = HedgedBench(band_rest=2)
    bench.session()
    assert bench.session(due=1.0).reason == "quarterly rebalancing"
    # One session later the band still rests.
    assert bench.session(SPY=0.56, BTC=0.1, IEF=0.3) is None
    left = bench.session(SPY=0.56, BTC=0.1, IEF=0.3)
    assert left.reason == "band left: SPY at 56.0%, target 50.0%"


def test_a_full_hedge_turns_risk_into_cash_and_cuts_crypto_once_more():
    bench = HedgedBench()
    bench.session()
    # Risk x (1 - 0.4), crypto x (1 - 0.5) beside it.
    intent = bench.session(hedge=1.0)
    assert rounded(intent) == {"SPY": 0.3, "BTC": 0.03, "IEF": 0.3}
    assert intent.reason == "hedge 100%, ladder 100%: risk weights 33.0%"
    # A third of the way: 1 - 0.4 / 3, and 1 - 0.5 / 3 more.
    part = bench.session(hedge=1 / 3)
    assert part.weights["SPY"] == pytest.approx(0.5 * (1 - 0.4 / 3))
    assert part.weights["BTC"] == pytest.approx(0.1 * (1 - 0.4 / 3) * (1 - 0.5 / 3))
    assert rounded(bench.session()) == BASE["weights"]


@pytest.mark.parametrize(
    ("hedges", "weights"),
    [
        ({"cash": 0.4, "crypto": None}, {"SPY": 0.3, "BTC": 0.06, "IEF": 0.3}),
        ({"cash": None, "crypto": 0.5}, {"SPY": 0.5, "BTC": 0.05, "IEF": 0.3}),
        (
            {"cash": None, "crypto": None, "inverse": {"instrument": "SH", "weight": 0.05}},
            {"SPY": 0.5, "BTC": 0.1, "IEF": 0.3, "SH": 0.05},
        ),
        # The book's free share bounds the inverse fund: 1 - 0.9.
        (
            {"cash": None, "crypto": None, "inverse": {"instrument": "SH", "weight": 0.3}},
            {"SPY": 0.5, "BTC": 0.1, "IEF": 0.3, "SH": 0.1},
        ),
    ],
)
def test_each_hedge_can_stand_alone(hedges, weights):
    bench = HedgedBench(hedges=hedges)
    bench.session()
    assert rounded(bench.session(hedge=1.0)) == weights


def test_the_ladder_cuts_at_each_rung_and_does_not_climb_while_hedged():
    bench = HedgedBench(
        tolerance=[{"drawdown": 0.1, "multiplier": 0.8}, {"drawdown": 0.2, "multiplier": 0.5}]
    )
    bench.session()
    assert bench.session(equity=950.0) is None
    assert rounded(bench.session(equity=900.0)) == {"SPY": 0.4, "BTC": 0.08, "IEF": 0.3}
    deeper = bench.session(equity=800.0, hedge=1.0)
    assert deeper.weights["SPY"] == pytest.approx(0.5 * 0.5 * 0.6)
    # Equity recovers to -5%, still hedged: the lower rung stays.
    assert bench.session(equity=950.0, hedge=1.0) is None


def test_the_reference_peak_restarts_when_nothing_is_hedged_any_more():
    bench = HedgedBench(tolerance=[{"drawdown": 0.1, "multiplier": 0.5}])
    bench.session()
    bench.session(equity=880.0, hedge=1.0)
    # Unhedged at 920, above the rung: whole weights, measured from 920 from now on.
    assert rounded(bench.session(equity=920.0)) == BASE["weights"]
    assert bench.session(equity=840.0) is None
    assert bench.session(equity=820.0).weights["SPY"] == pytest.approx(0.25)


NONE = {"cash": None, "crypto": None}
INVERSE = {**NONE, "inverse": {"instrument": "SH", "weight": 0.1}}
PUTS = {**NONE, "puts": {"cover": 0.5, "purchase_budget": 0.01}}
HELD = {"SPY": 0.5, "BTC": 0.1, "IEF": 0.3}
MARCH, APRIL = "SPY-2020-03-20-P95-80", "SPY-2020-04-17-P90-75"
MAY = "SPY-2020-05-15-P90-75"


def test_an_inverse_fund_that_has_lost_its_budget_is_left_until_the_next_year():
    bench = HedgedBench(hedges={**INVERSE, "yearly_budget": 0.02})
    bench.session()
    assert bench.session(hedge=1.0).weights["SH"] == pytest.approx(0.1)
    # 100 of SH and a fee of 1, worth 100 and later 80: 21 of a budget of 20.
    bench.filled("SH", 10.0, 10.0, fee=1.0)
    assert bench.session(hedge=1.0, **HELD, SH=0.1) is None
    assert bench.session(hedge=1.0, **HELD, SH=0.08).weights["SH"] == 0.0
    bench.filled("SH", -8.0, 10.0)
    assert bench.session(hedge=1.0, **HELD) is None
    assert bench.session(hedge=1.0, year=2021.0, **HELD).weights["SH"] == pytest.approx(0.1)


def test_a_hedge_in_profit_costs_nothing_and_does_not_add_to_the_loss_of_the_next():
    bench = HedgedBench(hedges={**INVERSE, "yearly_budget": 0.02})
    bench.session()
    bench.session(hedge=1.0)
    bench.filled("SH", 10.0, 10.0)
    assert bench.session(hedge=1.0, **HELD, SH=0.13) is None


# Most tests tell no fills: then the proceeds of a short that is held look like a loss.
WIDE = {"yearly_budget": 0.9}
SHORT = {**NONE, **WIDE, "short": {"instrument": "QQQ", "max_weight": 0.5}}
BETAS = {"SPY": 0.8, "BTC": 1.5}


def test_the_short_is_the_beta_of_the_risk_weights_to_the_fund():
    bench = HedgedBench(hedges=SHORT)
    bench.session(betas=BETAS)
    # 0.5 x 0.8 + 0.1 x 1.5 = 0.55, at most 0.5; a third of the hedge is a third of the short.
    full = bench.session(hedge=1.0, betas=BETAS)
    assert rounded(full) == {**BASE["weights"], "QQQ": -0.5}
    assert full.overlays["short"] == {"QQQ": -0.5}
    assert full.reason == "hedge 100%, ladder 100%: risk weights 60.0%, short 50.0%"
    part = bench.session(hedge=1 / 3, betas=BETAS)
    assert part.weights["QQQ"] == pytest.approx(-0.5 / 3)
    assert rounded(bench.session(betas=BETAS))["QQQ"] == 0.0


def test_the_short_hedges_what_ladder_and_cuts_leave():
    bench = HedgedBench(hedges={**WIDE, "cash": 0.4, "crypto": 0.5, "short": {"instrument": "QQQ"}})
    bench.session(betas=BETAS)
    # 0.3 x 0.8 + 0.03 x 1.5.
    assert rounded(bench.session(hedge=1.0, betas=BETAS))["QQQ"] == -0.285


def test_a_moving_beta_sets_the_short_again_outside_its_band_only():
    bench = HedgedBench(hedges=SHORT)
    bench.session(betas=BETAS)
    at = {"SPY": 0.4, "BTC": 0.0}
    assert bench.session(hedge=1.0, betas=at).weights["QQQ"] == pytest.approx(-0.2)
    # 0.2 x 1.2 = 0.24 is within 20%; from there on 0.2 is still the weight that counts.
    for beta in (0.48, 0.33, 0.47):
        assert bench.session(hedge=1.0, betas={**at, "SPY": beta}) is None
    assert bench.session(hedge=1.0, betas={**at, "SPY": 0.49}).weights["QQQ"] == -0.245
    assert bench.session(hedge=1.0, betas={**at, "SPY": 0.39}).weights["QQQ"] == -0.195


def test_an_asset_without_a_beta_is_left_out_of_the_short():
    bench = HedgedBench(hedges=SHORT)
    bench.session(betas=BETAS)
    unknown = bench.session(hedge=1.0, betas={"SPY": 0.8, "BTC": NAN})
    assert unknown.weights["QQQ"] == pytest.approx(-0.4)


def test_risk_weights_that_gain_when_the_fund_falls_are_not_hedged():
    bench = HedgedBench(hedges=SHORT)
    bench.session(betas=BETAS)
    assert bench.session(hedge=1.0, betas={"SPY": -0.2, "BTC": 0.0}) is None


def test_a_short_that_left_its_band_is_restored():
    bench = HedgedBench(hedges=SHORT, band_rest=1)
    bench.session(betas=BETAS)
    told = {"hedge": 1.0, "betas": {"SPY": 0.4, "BTC": 0.0}}
    bench.session(**told)
    assert bench.session(**told, **HELD, QQQ=-0.21) is None
    left = bench.session(**told, **HELD, QQQ=-0.26)
    assert left.reason == "band left: QQQ at -26.0%, target -20.0%"


def test_a_short_that_has_lost_its_budget_is_left_until_the_next_year():
    bench = HedgedBench(hedges={**SHORT, "yearly_budget": 0.02})
    told = {"hedge": 1.0, "betas": {"SPY": 0.4, "BTC": 0.0}}
    bench.session(betas=BETAS)
    bench.session(**told)
    # 200 sold for a fee of 1, worth 200 and later 220: 21 of a budget of 20.
    bench.filled("QQQ", -20.0, 10.0, fee=1.0)
    assert bench.session(**told, **HELD, QQQ=-0.2) is None
    assert bench.session(**told, **HELD, QQQ=-0.22).weights["QQQ"] == 0.0
    bench.filled("QQQ", 22.0, 10.0)
    assert bench.session(**told, **HELD) is None
    assert bench.session(**told, year=2021.0, **HELD).weights["QQQ"] == pytest.approx(-0.2)


@pytest.mark.parametrize(
    ("hedges", "words"),
    [
        ({"short": {"instrument": "SPY"}}, "hedges.short: SPY has a weight of its own"),
        ({"short": {"instrument": "SH"}, "inverse": {"instrument": "SH"}}, "two funds"),
    ],
)
def test_a_fund_that_is_sold_has_no_other_part_in_the_book(hedges, words):
    with pytest.raises(ValueError, match=words):
        HedgedParams(**{**BASE, "hedges": hedges})


def test_a_beta_needs_its_closes_before_the_first_decision():
    params = HedgedParams(**{**BASE, "clock": "SPY", "hedges": SHORT})
    needs = HedgedRebalance.requirements(params)
    by_name = {key.instrument: span for key, span in needs.shorter_ns.items()}
    # 62 sessions are at most 62 x 1.6 calendar days; what has no beta keeps its 40 days.
    assert by_name["QQQ"] == by_name["BTC"] > by_name["IEF"]
    assert set(needs.traded) == {"SPY", "BTC", "IEF", "QQQ"}


def test_puts_are_bought_when_the_hedge_goes_on():
    bench = HedgedBench(hedges=PUTS)
    bench.intents()
    assert bench.intents(hedge=1.0, contract=MARCH) == [
        Hedge(MARCH, 0.5, 0.01, "hedge 100%: put spread")
    ]
    bench.filled(MARCH, 1.0, 5.0)
    assert bench.intents(hedge=1.0, contract=MARCH, **HELD, **{MARCH: 0.005}) == []
    # Sold by a guard, it is not bought back.
    assert bench.intents(hedge=1.0, contract=MARCH, **HELD) == []


def test_a_second_spell_of_the_hedge_buys_the_same_contract_again():
    bench = HedgedBench(hedges=PUTS)
    bench.intents()
    bench.intents(hedge=1.0, contract=MARCH)
    bench.filled(MARCH, 1.0, 5.0)
    assert len(bench.intents(**HELD, **{MARCH: 0.005})) == 1
    bench.filled(MARCH, -1.0, 5.0)
    assert len(bench.intents(hedge=1.0, contract=MARCH, **HELD)) == 1


def test_a_purchase_that_was_not_made_is_asked_for_a_few_more_times():
    bench = HedgedBench(hedges={**NONE, "puts": {**PUTS["puts"], "tries": 3}})
    bench.intents()
    asked = [len(bench.intents(hedge=1.0, contract=MARCH, **HELD)) for _ in range(5)]
    assert asked == [1, 1, 1, 0, 0]
    # The next contract is another purchase.
    assert len(bench.intents(hedge=1.0, contract=APRIL, **HELD)) == 1


def test_a_window_that_opens_inside_a_hedge_buys_no_old_strikes():
    late, young = (
        HedgedBench(hedges={**NONE, "puts": {**PUTS["puts"], "tries": 3}}) for _ in range(2)
    )
    told = {"hedge": 1.0, "contract": MARCH}
    assert not [i for i in late.intents(age=3.0, **told) if isinstance(i, Hedge)]
    assert [i for i in young.intents(age=2.0, **told) if isinstance(i, Hedge)]
    # The next roll is bought.
    assert len(late.intents(hedge=1.0, contract=APRIL, **HELD)) == 1


def test_the_age_of_a_contract_counts_from_the_session_of_its_choice():
    names = np.array(["A", "A", "", "", "A", "B", "B"])
    assert sessions_wanted(names).tolist() == [0, 1, 0, 1, 0, 0, 1]
    assert sessions_wanted(names[:0]).tolist() == []


def test_puts_are_rolled_into_the_next_contract_and_sold_when_the_hedge_is_off():
    bench = HedgedBench(hedges=PUTS)
    bench.intents()
    bench.intents(hedge=1.0, contract=MARCH)
    bench.filled(MARCH, 1.0, 5.0)
    rolled = bench.intents(hedge=1.0, contract=APRIL, **HELD, **{MARCH: 0.02})
    assert rolled == [
        Exit(MARCH, "puts are rolled"),
        Hedge(APRIL, 0.5, 0.01, "hedge 100%: put spread"),
    ]
    assert bench.intents(hedge=0.0, **HELD, **{APRIL: 0.01}) == [Exit(APRIL, "the hedge is off")]


def test_puts_and_inverse_fund_share_one_yearly_budget():
    bench = HedgedBench(hedges={**PUTS, "yearly_budget": 0.02})
    bench.intents()
    bench.intents(hedge=1.0, contract=MARCH)
    # Bought for 15, worth nothing: 5 of 20 are left, less than one purchase's 10.
    bench.filled(MARCH, 1.0, 15.0)
    (second,) = bench.intents(hedge=1.0, contract=APRIL, **HELD)
    assert second.budget == pytest.approx(0.005)
    bench.filled(APRIL, 1.0, 5.0)
    (told,) = bench.intents(hedge=1.0, contract=MAY, **HELD)
    assert (told.instrument, told.rule, told.intent) == (MAY, "yearly budget", "hedge")
    (fresh,) = bench.intents(hedge=1.0, contract=MAY, year=2021.0, **HELD)
    assert fresh.budget == 0.01


def test_nothing_is_bought_or_sold_while_orders_work():
    bench = HedgedBench(hedges=PUTS)
    bench.intents()
    assert bench.intents(hedge=1.0, contract=MARCH, pending=("SPY",)) == []
    # The purchase is not forgotten.
    assert len(bench.intents(hedge=1.0, contract=MARCH)) == 1


WALLETS = {"wallets": {"cushion": 0.02, "band": 0.01}}


def transfers(bench, **told):
    return [item for item in bench.intents(**told) if isinstance(item, Transfer)]


def test_the_venue_wallet_is_brought_to_its_crypto_weights_and_a_cushion():
    bench = HedgedBench(**WALLETS)
    # 10% of BTC and 2% of cushion; 7% is there.
    (sent,) = transfers(bench, venue=70.0)
    assert (sent.to, sent.share) == ("venue", pytest.approx(0.05))
    # 3% of cash beside 10% of BTC is a cushion of 3%: within the band.
    assert transfers(bench, venue=25.0, **HELD) == []


def test_spare_cash_comes_back_on_a_quiet_session():
    bench = HedgedBench(**WALLETS)
    bench.intents(venue=120.0)
    # The hedge sells BTC at the next open; nothing is sent back before that.
    assert transfers(bench, hedge=1.0, venue=20.0, **HELD) == []
    (sent,) = transfers(bench, hedge=1.0, venue=90.0, SPY=0.3, BTC=0.03, IEF=0.3)
    # 9% and 3% against 3% and the cushion.
    assert (sent.to, sent.share) == ("brokerage", pytest.approx(0.07))


def test_without_crypto_the_venue_keeps_nothing():
    bench = HedgedBench(
        **WALLETS, weights={"SPY": 0.5, "IEF": 0.3}, risk_assets=("SPY",), crypto_assets=()
    )
    bench.intents()
    (sent,) = transfers(bench, venue=50.0, SPY=0.5, IEF=0.3)
    assert (sent.to, sent.share) == ("brokerage", 0.05)


def test_what_the_venue_could_not_pay_for_is_bought_when_the_cash_is_there():
    bench = HedgedBench(**WALLETS)
    assert len(transfers(bench, venue=70.0)) == 1
    # It left after the close and arrived before the next one: nothing is in transit then.
    again = bench.session(venue=70.0, SPY=0.5, BTC=0.05, IEF=0.3)
    assert again.reason == "cash has arrived"
    assert again.weights == {"BTC": 0.1}
    # Asked once.
    assert bench.session(venue=20.0, **HELD) is None


def test_one_transfer_at_a_time():
    bench = HedgedBench(**WALLETS)
    bench.intents(venue=70.0)
    under_way = {"venue": 20.0, "transit": 50.0, "SPY": 0.5, "BTC": 0.05, "IEF": 0.3}
    (told,) = bench.intents(**under_way)
    # No second transfer; the band that BTC has left waits for the rest of the last restoration.
    assert (told.instrument, told.rule) == ("BTC", "band rest")
    assert [type(item) for item in bench.intents(**under_way)] == [PutOff]
    assert bench.session(venue=70.0, SPY=0.5, BTC=0.05, IEF=0.3).reason == "cash has arrived"


RULE = SpreadRule("SPY", 0.95, 0.80, 60)


def test_a_contract_is_chosen_when_the_hedge_goes_on_and_kept_until_it_is_old():
    dates = np.array(
        ["2020-02-24", "2020-02-25", "2020-03-26", "2020-03-27", "2020-03-30"], "M8[D]"
    )
    closes = np.array([322.42, 312.0, 261.0, 253.0, 261.0])
    levels = np.array([1.0, 1.0, 2 / 3, 2 / 3, 0.0])
    # 2020-04-17 is 22 days away on the third session and 21 on the fourth.
    names = wanted_contracts(levels, closes, dates, RULE, roll_days=21)
    first, second = "SPY-2020-04-17-P306-258", "SPY-2020-05-15-P240-202"
    assert names.tolist() == [first, first, first, second, ""]


def test_an_unknown_close_chooses_no_contract_and_keeps_the_held_one():
    dates = np.array(["2020-02-24", "2020-02-25", "2020-04-08"], "M8[D]")
    levels = np.ones(3)
    missing = np.array([np.nan, 300.0, np.nan])
    names = wanted_contracts(levels, missing, dates, RULE, roll_days=21)
    assert names.tolist() == ["", "SPY-2020-04-17-P285-240", "SPY-2020-04-17-P285-240"]


def test_two_spells_of_the_hedge_choose_two_contracts():
    dates = np.array(["2020-02-24", "2020-02-25", "2020-02-26"], "M8[D]")
    levels = np.array([1.0, 0.0, 1.0])
    names = wanted_contracts(levels, np.array([300.0, 310.0, 320.0]), dates, RULE, roll_days=21)
    assert names.tolist() == ["SPY-2020-04-17-P285-240", "", "SPY-2020-04-17-P304-256"]


def test_nothing_is_asked_while_orders_work():
    assert HedgedBench().session(pending=("SPY",)) is None


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"weights": {"SPY": 0.7, "BTC": 0.2, "IEF": 0.2}}, r"sum to 1\.1"),
        ({"risk_assets": ("SPY", "QQQ")}, "QQQ has no weight"),
        ({"hedges": {"inverse": {"instrument": "IEF"}}}, "IEF has a weight of its own"),
        ({"hedges": {"puts": {"long_moneyness": 0.8}}}, "must lie below"),
        ({"hedges": {"puts": {"roll_days": 60}}}, "fewer than tenor_days"),
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


def test_a_rebalancing_due_while_an_order_works_is_noted_and_made_later():
    bench = HedgedBench()
    bench.session()
    (note,) = bench.intents(due=1.0, pending=("QQQ",))
    assert (note.instrument, note.rule) == ("QQQ", "order works")
    assert bench.intents(pending=("QQQ",)) == []
    assert bench.session().reason == "quarterly rebalancing, put off while an order worked"
    assert bench.session() is None
