"""The audit finds a simulator that breaks one rule, and the finding names the rule.

By its name this file follows ``test_simulated_runs.py``, which records the events of each run: a
search then begins with a run that met what the fault breaks.
"""

from dataclasses import replace

import pytest

from data_feeds.clock import DAY_NS
from engine.audit import audit_run
from engine.broker import execution, matching, resolve, simulator
from engine.broker.match_context import MatchContext
from engine.config.models import RunMode
from engine.contracts.linear_perp import LinearPerp
from engine.costs import RangeSlippage
from engine.decision_terms import EndReason
from engine.errors import SimulationError
from engine.ledger import Ledger
from engine.records import OrderRole, OrderStatus
from engine.results import finished
from engine.risk import entry_review
from tests.engine.audit.simulated import new_case, written
from tests.engine.audit.test_simulated_runs import RUNS, likely


def funding_after_the_fills(patch):
    pays, opens = simulator.Simulator._pay_holder, simulator.Simulator.open_bars

    def open_bars(self, t):
        opens(self, t)
        for k in range(len(self.names)):
            pays(self, k, t)

    patch.setattr(simulator.Simulator, "_pay_holder", lambda self, k, t: None)
    patch.setattr(simulator.Simulator, "open_bars", open_bars)


def funding_of_the_other_sign(patch):
    original = LinearPerp.funding
    patch.setattr(LinearPerp, "funding", lambda *known: -original(*known))


def liquidation_missed(patch):
    patch.setattr(simulator.Collateral, "liquidation_level", lambda self, k, t: float("nan"))


def fee_at_the_wrong_rate(patch):
    original = execution.Execution.fee_rate
    patch.setattr(
        execution.Execution,
        "fee_rate",
        lambda self, path, *, maker: original(self, path, maker=False),
    )


def stop_at_its_level_on_a_gap(patch):
    original = matching.Matcher._trigger_stop

    def trigger(self, context, stop, raw):
        original(self, context, stop, raw if stop.triggered else stop.request.price)

    patch.setattr(matching.Matcher, "_trigger_stop", trigger)


def slippage_in_favour(patch):
    original = RangeSlippage.fraction
    patch.setattr(
        RangeSlippage, "fraction", lambda self, *asked, **known: -original(self, *asked, **known)
    )


def target_before_the_stop(patch):
    original = matching.Matcher.match_range

    def match_range(self, context, part):
        for target in self._targets_met(context, part) if context.position.quantity else ():
            if target.is_working:
                self._take_target(context, target, target.request.price)
        if context.position.quantity:
            original(self, context, part)

    patch.setattr(matching.Matcher, "match_range", match_range)


def breaking(extremes):
    """Return a faulty rule for the rest of a bar after an entry: it takes unproved extremes."""

    def fault(patch):
        proved = resolve.range_after_entry
        patch.setattr(
            resolve,
            "range_after_entry",
            lambda level, opens, close, low, high: extremes(
                level, opens, close, low, high, proved(level, opens, close, low, high)
            ),
        )

    return fault


def the_whole_bar_after_an_entry(patch):
    breaking(lambda level, opens, close, low, high, part: (low, high))(patch)


def nothing_of_the_bar_after_an_entry(patch):
    breaking(lambda level, opens, close, low, high, part: (level, level))(patch)


def only_the_close_after_an_entry(patch):
    breaking(lambda level, opens, close, low, high, part: (min(level, close), max(level, close)))(
        patch
    )


def only_the_extreme_after_an_entry(patch):
    breaking(
        lambda level, opens, close, low, high, part: (
            low if opens >= level else level,
            high if opens <= level else level,
        )
    )(patch)


def the_other_extreme_after_an_entry(patch):
    breaking(
        lambda level, opens, close, low, high, part: (
            low if opens <= level else min(level, close),
            high if opens >= level else max(level, close),
        )
    )(patch)


def the_stop_before_the_rest_of_an_entry(patch):
    patch.setattr(matching.Matcher, "_entry_comes_first", lambda self, context, bar: False)


def the_rest_of_an_entry_before_everything(patch):
    patch.setattr(
        matching.Matcher,
        "_entry_comes_first",
        lambda self, context, bar: self._rests_within(context, context.plan.entry, bar),
    )


def a_touch_fills_a_limit(patch):
    patch.setattr(resolve, "beyond_limit", lambda tick, *, through: 0.0)


def a_limit_needs_two_ticks(patch):
    patch.setattr(resolve, "beyond_limit", lambda tick, *, through: 2 * tick if through else 0.0)


def a_stop_needs_a_tick_as_well(patch):
    patch.setattr(
        resolve,
        "stop_touched",
        lambda side, level, low, high: high > level if side > 0 else low < level,
    )


def risk_forgotten_at_a_worse_price(patch):
    patch.setattr(matching.Matcher, "_risked", lambda self, context, price: float("inf"))


def risk_asked_for_doubled(patch):
    original = entry_review.entry_orders
    patch.setattr(
        entry_review,
        "entry_orders",
        lambda *known, risk_limit: original(*known, risk_limit=2 * risk_limit),
    )


def entry_decided_after_the_open(patch):
    patch.setattr(MatchContext, "may_fill", lambda self, order: order.is_working)


def dividends_missed(patch):
    patch.setattr(Ledger, "dividend", lambda self, at, **known: None)


def interest_doubled(patch):
    original = Ledger.interest

    def interest(self, at, *, days, **known):
        original(self, at, days=2 * days, **known)

    patch.setattr(Ledger, "interest", interest)


def bill_of_half_the_days(patch):
    original = finished.bill_charges

    def charges(curve, bill):
        return original(curve, replace(bill, days=bill.days / 2))

    patch.setattr(finished, "bill_charges", charges)


def bill_on_a_day_too_late(patch):
    original = finished.bill_charges

    def charges(curve, bill):
        found = original(curve, bill)
        return replace(found, at=found.at + DAY_NS)

    patch.setattr(finished, "bill_charges", charges)


def interest_in_the_trading(patch):
    original = finished.daily_money

    def money(curve, facts, charges, **known):
        kept = [fact for fact in facts if fact.kind != "interest"]
        return original(curve, kept, charges, **known)

    patch.setattr(finished, "daily_money", money)


def volume_cap_ignored(patch):
    patch.setattr(execution.Execution, "capacity", lambda self, path, when: float("inf"))


def volume_cap_forgets_the_open(patch):
    patch.setattr(execution.Execution, "_filled_in", lambda self, path, when: 0.0)


def more_than_the_cash_carries(patch):
    patch.setattr(matching, "affordable", lambda free, per_unit, lot_size: float("inf"))
    patch.setattr(matching, "common_factors", lambda demands: {})


def stop_before_liquidation(patch):
    patch.setattr(matching.Matcher, "_stop_is_nearer", lambda self, context, stop, part: True)


def cross_perps_without_each_other(patch):
    patch.setattr(simulator.Collateral, "_others_surplus", lambda self, k, t: 0.0)


def moved_stop_at_once(patch):
    patch.setattr(simulator.Simulator, "_bar_opened_at", lambda self, name, at: at)


def partial_exit_keeps_the_entry(patch):
    original = simulator.Simulator.submit

    def submit(self, request, t):
        plan = self.book.plans.get(request.instrument)
        is_part = request.role is OrderRole.EXIT and plan is not None and plan.entered > 0
        entry = plan.entry if is_part and plan.entry.is_working else None
        order = original(self, request, t)
        if entry is not None:
            entry.status, entry.ended_at, entry.end_reason = (
                OrderStatus.WORKING,
                0,
                EndReason.WORKING,
            )
        return order

    patch.setattr(simulator.Simulator, "submit", submit)


TOUCHED, NOTHING_ELSE = "what is touched fills", "nothing else fills"
# The fault: the rule that names it, and the events that a run needs to show it.
FAULTS = {
    funding_after_the_fills: ("nothing else is booked", "funding payments"),
    funding_of_the_other_sign: ("amount", "fills"),
    liquidation_missed: (TOUCHED, "liquidations"),
    fee_at_the_wrong_rate: ("fee rate", "fills"),
    stop_at_its_level_on_a_gap: ("raw price", "gaps through a stop"),
    slippage_in_favour: ("slippage", "fills"),
    target_before_the_stop: (NOTHING_ELSE, "target fills"),
    the_whole_bar_after_an_entry: (NOTHING_ELSE, "fills in an entry's bar"),
    nothing_of_the_bar_after_an_entry: (TOUCHED, "fills in an entry's bar"),
    only_the_close_after_an_entry: (TOUCHED, "fills in an entry's bar"),
    only_the_extreme_after_an_entry: (TOUCHED, "fills in an entry's bar"),
    the_other_extreme_after_an_entry: (NOTHING_ELSE, "fills in an entry's bar"),
    the_stop_before_the_rest_of_an_entry: (TOUCHED, "partial fills"),
    the_rest_of_an_entry_before_everything: (NOTHING_ELSE, "partial fills"),
    a_touch_fills_a_limit: (NOTHING_ELSE, "limit fills inside a bar"),
    a_limit_needs_two_ticks: (TOUCHED, "limit fills inside a bar"),
    a_stop_needs_a_tick_as_well: (TOUCHED, "stop fills"),
    risk_forgotten_at_a_worse_price: ("size", "entries cut by their risk"),
    risk_asked_for_doubled: ("limit of R", "limits of R"),
    entry_decided_after_the_open: (
        "fills only in a bar that opens at or after the decision",
        "fills",
    ),
    dividends_missed: ("every payment is booked", "dividends"),
    interest_doubled: ("amount", "interest payments"),
    bill_of_half_the_days: ("bill", "interest payments"),
    bill_on_a_day_too_late: ("bill", "interest payments"),
    interest_in_the_trading: ("trading", "interest payments"),
    volume_cap_ignored: ("size", "partial fills"),
    volume_cap_forgets_the_open: ("size", "partial fills"),
    more_than_the_cash_carries: ("size", "entries cut by cash"),
    stop_before_liquidation: (TOUCHED, "liquidations"),
    cross_perps_without_each_other: (TOUCHED, "two cross perps at once"),
    moved_stop_at_once: (TOUCHED, "moved stops"),
    partial_exit_keeps_the_entry: ("how the entry ends", "partial fills"),
}


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_a_simulator_that_breaks_a_rule_is_found(fault, tmp_path, monkeypatch):
    rule, needed = FAULTS[fault]
    fault(monkeypatch)
    for seed in likely(needed):
        case, folder = new_case(seed), tmp_path / str(seed)
        try:
            written(case, folder, RunMode.DENSE)
        except SimulationError:
            continue  # The ledger itself refused the fault.
        rules = {finding.rule for finding in audit_run(folder, case.dataset).findings}
        if any(rule in found for found in rules):
            return
    pytest.fail(f"in {RUNS} runs nothing is found by the rule: {rule}")
