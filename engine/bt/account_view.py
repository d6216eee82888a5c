"""The account as a playbook and risk see it at one instant."""

from collections.abc import Callable

from data_feeds.instrument import Wallet
from engine.account_rates import WALLETS
from engine.broker.book import WorkingPlan
from engine.broker.simulator import Simulator
from engine.records import NAN
from engine.views import AccountView, Positions, PositionView

# Views are made at every bar: a call of a named tuple costs as much as its values. All fields in
# their order.
_new = tuple.__new__
VENUE, BROKERAGE = WALLETS.index(Wallet.VENUE), WALLETS.index(Wallet.BROKERAGE)


def build_account_view(
    simulator: Simulator, t: int, equity: float, approved_share: Callable[[str], float]
) -> AccountView:
    """Return the account at the marks of instant index ``t``; ``equity`` is in its currency.

    ``approved_share`` returns the share of an instrument's plan that risk has approved.
    """
    ledger, rates = simulator.ledger, simulator.rates_at(t)
    positions = Positions()
    pending = set()
    gross = 0.0
    plans = simulator.book.plans
    for k, name in enumerate(simulator.names if plans else ()):
        plan = plans.get(name)
        if plan is None:
            continue
        if plan.entry.is_working:
            pending.add(name)
        if simulator.positions[k].quantity == 0.0:
            continue
        rate = rates[simulator.wallets[k]]
        view = _position_view(simulator, k, plan, t, approved_share(name), rate)
        dict.__setitem__(positions, name, view)
        gross += view.notional
    return _new(
        AccountView,
        (
            int(simulator.timeline.at[t]),
            equity,
            ledger.venue_cash,
            ledger.brokerage_cash,
            simulator.collateral.free_venue_cash(t),
            gross,
            positions,
            frozenset(pending),
            ledger.transit_cash,
            simulator.shorts.kept(t),
            rates[VENUE],
            rates[BROKERAGE],
            simulator.delisted_by(t),
        ),
    )


def _position_view(  # noqa: PLR0917 - called at every bar
    simulator: Simulator, k: int, plan: WorkingPlan, t: int, approved: float, rate: float
) -> PositionView:
    position = simulator.positions[k]
    contract, quantity, average = position.contract, position.quantity, position.average_entry
    mark = float(simulator.timeline.paths[k].mark[t])
    return _new(
        PositionView,
        (
            plan.instrument,
            plan.plan_id,
            quantity,
            average,
            mark,
            contract.profit(quantity, average, mark) * rate,
            NAN if plan.stop is None else plan.stop.level,
            position.isolated_margin,
            simulator.collateral.liquidation_level(k, t),
            position.entered_at,
            plan.initial_risk(contract, average) * rate,
            plan.leaving(abs(quantity)) if plan.exits else 0.0,
            approved,
            contract.notional(quantity, mark) * rate,
            plan.first_stop,
        ),
    )
