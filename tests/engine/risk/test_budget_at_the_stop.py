"""The loss at the stop stays within the risk budget: every contract, model of slippage and entry.

The stop fills at its level, and every fill costs what the decision knew. Fills are worked here with
arithmetic of their own. Two parts of a fill are not counted: its rounding to the tick, and the fee
on the slippage of a purchase (``docs/sizing.md``).
"""

from dataclasses import dataclass

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from data_feeds.instrument import Instrument
from engine.config.models import RiskConfig, WalletsConfig
from engine.config.short_sale_terms import ShortSaleTerms
from engine.config.venue import TradingCosts
from engine.contracts import MarginTerms
from engine.contracts.maintenance import build_tiers
from engine.costs import Activity, FillConditions, RangeSlippage, SquareRootSlippage, floor_to_step
from engine.costs.slippage_models.fixed import FixedSlippage
from engine.records import OrderKind
from engine.risk.plan_levels import round_stop
from engine.risk.sizing import final_quantity, size_entry
from engine.risk.sizing_request import (
    EarlierTranches,
    PlanCosts,
    SizingRequest,
    SizingRules,
    plan_costs,
)
from engine.testing import ETF, PERP, SPOT
from tests.engine.inverse_market import XBT

LENT = ShortSaleTerms(borrow_fee_bps={ETF.id: 50.0})
KINDS = {
    "linear long": (PERP, 1),
    "linear short": (PERP, -1),
    "inverse long": (XBT, 1),
    "inverse short": (XBT, -1),
    "owned coin": (SPOT, 1),
    "owned fund": (ETF, 1),
    "borrowed fund": (ETF, -1),
}
MODELS = st.one_of(
    st.builds(
        RangeSlippage,
        base_bps=st.floats(0.0, 20.0),
        range_share=st.floats(0.0, 0.2),
        impact=st.floats(0.0, 1.0),
    ),
    st.builds(FixedSlippage, base_bps=st.floats(0.0, 300.0)),
    st.builds(SquareRootSlippage, base_bps=st.floats(0.0, 20.0), coefficient=st.floats(0.0, 10.0)),
)
EQUITY, CLOSE, RISK = 1_000_000.0, 8_000.0, 0.01
FEES = st.tuples(st.floats(0.0, 20.0), st.floats(-3.0, 20.0))
PREMIUMS = st.floats(0.9, 1.1)
RULES = SizingRules(
    RiskConfig(risk_fraction=RISK, leverage_cap=None, liquidation_distance=None),
    WalletsConfig(leverage_setting=1, short_sales=LENT),
    MarginTerms(build_tiers([(0, 0.004)])),
)


@st.composite
def markets(draw) -> FillConditions:
    """Draw a market: calm or wild, deep or thin."""
    usual = draw(st.floats(0.001, 0.1))
    activity = Activity(
        draw(st.floats(10.0, 1e9)), usual * draw(st.floats(1.0, 10.0)), usual, is_known=True
    )
    return FillConditions(draw(st.floats(0.0, 0.3)), draw(st.floats(1.0, 1e7)), activity)


@dataclass
class Plan:
    """Hold what the tranches of one plan bought, and what a stop at its level would cost now."""

    instrument: Instrument
    side: int
    costs: PlanCosts
    held: float = 0.0
    average: float = 0.0
    ordered: float = 0.0
    paid: float = 0.0

    def profit(self, quantity: float, bought: float, sold: float) -> float:
        """Return the profit of unsigned units, settlement currency."""
        if self.instrument.is_inverse:
            return self.side * quantity * (1 / bought - 1 / sold)
        return self.side * quantity * (sold - bought)

    def fee(self, quantity: float, price: float, level: float, rate: float) -> float:
        """Return the fee of a fill at a price whose estimate was ``level``."""
        if self.instrument.is_inverse:
            return quantity / price * rate
        return quantity * min(price, level) * rate

    def enter(self, quantity: float, estimate: float, *, rests: bool) -> None:
        """Fill a tranche at the estimate, with the slippage known at the decision."""
        curve = self.costs.slippage
        lost = 0.0 if rests else curve.fixed + curve.impact(quantity, earlier=self.ordered)
        price = estimate * (1 + self.side * lost)
        assume(price > 0)
        total = self.held + quantity
        if self.instrument.is_inverse:
            average = total / ((self.held / self.average if self.held else 0.0) + quantity / price)
        else:
            average = (self.held * self.average + quantity * price) / total
        self.paid = self.fee(quantity, price, estimate, self.costs.entry_fee)
        self.held, self.average = total, average
        self.ordered += 0.0 if rests else quantity

    def take_part(self, share: float) -> None:
        """Sell whole lots of the position."""
        part = floor_to_step(self.held * share, self.instrument.lot_size)
        self.held -= part

    def earlier(self, **terms: float) -> EarlierTranches:
        """Return the position as the next tranche is sized with."""
        return EarlierTranches(self.held, self.average, ordered=self.ordered, **terms)

    def loss_at(self, stop: float) -> tuple[float, float]:
        """Return the loss, fee of the last tranche included, and the price of the exit."""
        curve = self.costs.slippage
        lost = curve.fixed + curve.impact(self.held)
        price = stop * (1 - self.side * lost)
        assume(price > 0)
        fee = self.fee(self.held, price, stop, self.costs.exit_fee)
        return self.paid + fee - self.profit(self.held, self.average, price), price


def costs_of(instrument, model, market, kind, fees, multiplier, *, crosses=False) -> PlanCosts:
    taker, maker = (each * 1e-4 for each in fees)
    own = TradingCosts(maker, taker, 0.0, model, None, ())
    return plan_costs(
        own,
        kind,
        market=market,
        slippage_multiplier=multiplier,
        crosses=crosses and kind is not OrderKind.MARKET,
    )


def sized(plan: Plan, entry: float, stop: float, rate: float, **terms):
    """Return the sizing of an entry or a tranche of the plan, by the risk budget alone."""
    request = SizingRequest(
        plan.instrument, plan.side, entry, stop, plan.costs, EQUITY, 0.0, 1e12, 1e12, 0.5, 1e9,
        account_rate=rate, close=entry, short_sales=LENT, **terms,
    )  # fmt: skip
    return size_entry(request, RULES)


def assert_within_budget(plan: Plan, stop: float, entry: float, rate: float) -> None:
    lost, price = plan.loss_at(stop)
    # An inverse contract loses its asset, which is worth the rate now, or has moved with the price.
    then = rate * price / entry if plan.instrument.is_inverse else rate
    for each in (rate, then):
        assert lost * each <= RISK * EQUITY * (1 + 1e-9)


@pytest.mark.parametrize("kind", KINDS)
@given(
    model=MODELS,
    market=markets(),
    entry=st.sampled_from(list(OrderKind)),
    crosses=st.booleans(),
    distance=st.floats(0.005, 0.5),
    fees=FEES,
    multiplier=st.floats(1.0, 5.0),
    premium=PREMIUMS,
)
def test_the_loss_of_an_entry_at_its_stop_stays_within_the_budget(
    kind, model, market, entry, crosses, distance, fees, multiplier, premium
):
    instrument, side = KINDS[kind]
    costs = costs_of(instrument, model, market, entry, fees, multiplier, crosses=crosses)
    stop = round_stop(CLOSE * (1 - side * distance), side, instrument.tick_size)
    rate = premium * (CLOSE if instrument.is_inverse else 1.0)
    plan = Plan(instrument, side, costs)
    quantity = final_quantity(sized(plan, CLOSE, stop, rate).quantity, 1.0, instrument)
    assume(quantity > 0)
    plan.enter(quantity, CLOSE, rests=costs.rests)
    assert_within_budget(plan, stop, CLOSE, rate)


@pytest.mark.parametrize("kind", KINDS)
@given(
    model=MODELS,
    market=markets(),
    distance=st.floats(0.01, 0.3),
    fees=FEES,
    premium=PREMIUMS,
    steps=st.lists(
        st.tuples(st.floats(0.8, 1.3), st.floats(0.05, 1.0), st.sampled_from([0.0, 0.0, 0.5])),
        min_size=2,
        max_size=4,
    ),
)
def test_every_tranche_keeps_the_whole_position_within_the_budget(
    kind, model, market, distance, fees, premium, steps
):
    """Each step: the close over the first one, the share of the plan, the part that was sold."""
    instrument, side = KINDS[kind]
    costs = costs_of(instrument, model, market, OrderKind.MARKET, fees, 1.0)
    stop = round_stop(CLOSE * (1 - side * distance), side, instrument.tick_size)
    plan, planned = Plan(instrument, side, costs), 0.0
    for move, share, part in steps:
        close = CLOSE * move
        if not side * (close - stop) > 0:
            continue
        rate = premium * (close if instrument.is_inverse else 1.0)
        plan.take_part(part)
        held = plan.earlier(planned=planned, leverage_setting=1)
        sizing = sized(plan, close, stop, rate, held=held, fraction=share)
        planned = sizing.planned
        quantity = final_quantity(sizing.quantity, 1.0, instrument)
        if quantity == 0:
            continue
        plan.enter(quantity, close, rests=False)
        assert_within_budget(plan, stop, close, rate)
