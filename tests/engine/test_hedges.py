"""Check bought options by hand: size, budget, haircut, mark, roll, expiry."""

import math

import numpy as np
import pytest

from data_feeds.options.model import OptionModel
from data_feeds.options.quotes import contract_channels
from data_feeds.schema import ChannelKey, ChannelKind
from engine.config.models import RunMode
from engine.errors import PlaybookContractError
from engine.intents import Add, Enter, Exit, Hedge, MoveStop, Rebalance
from engine.playbook import Signals
from engine.records import OrderKind
from engine.testing import ScriptedPlaybook, ScriptParams, amounts, play_playbook
from engine.trades import build_trades
from tests.engine.option_market import (
    CASH,
    CLOSED,
    CONTRACT,
    EXPIRY,
    LATER,
    OPENED,
    market,
    run,
)

FLAT = [100.0] * 10
NAME = CONTRACT.id


def hedge(cover=1.0, budget=1.0, contract=CONTRACT):
    return Hedge(contract.id, cover, budget, "the market warns")


def quotes(closes, listed=0, vix=None, contract=CONTRACT):
    """Return the contract's opens, closes and half spreads by session from its listing on."""
    bars, spreads = contract_channels(
        market(closes, vix), contract, int(CLOSED[listed]), OptionModel()
    )
    return bars, spreads["value"]


def test_contracts_are_whole_and_cover_a_share_of_the_equity_at_the_upper_strike() -> None:
    # 50% of 100,000 over 100 x 95 = 5.26 contracts.
    outcome = run(FLAT, {0: [hedge(cover=0.5)]})
    (fill,) = outcome.fills
    assert fill.quantity == 5.0
    (decision,) = outcome.decisions
    assert (decision.intent, decision.binding_cap) == ("hedge", "cover")
    assert dict(decision.caps)["cover"] == pytest.approx(100_000 * 0.5 / 9_500)


def test_a_hedge_is_bought_at_the_next_open_at_the_quote_and_its_half_spread() -> None:
    outcome = run(FLAT, {0: [hedge(cover=0.5)]})
    bars, spread = quotes(FLAT)
    (fill,) = outcome.fills
    assert fill.at == OPENED[1]
    assert fill.raw_price == bars["open"][1]
    # Rounded up to the cent.
    asked = bars["open"][1] * (1 + spread[1])
    assert fill.price == pytest.approx(math.ceil(asked * 100) / 100)
    assert (fill.fee, fill.slippage) == (0.0, spread[1])
    assert amounts(outcome, "trade") == [-5.0 * fill.price]


def test_the_position_is_worth_the_quote_at_each_close() -> None:
    outcome = run(FLAT, {0: [hedge(cover=0.5)]})
    bars, _ = quotes(FLAT)
    (fill,) = outcome.fills
    expected = 100_000 - 5 * fill.price + 5 * bars["close"][1:]
    assert outcome.curve.equity[1:] == pytest.approx(expected)


def test_the_premium_never_exceeds_its_budget_though_the_open_is_dearer() -> None:
    # Decided at a close of 100; the fund opens at 95.
    closes, opens = [100.0, 95.0, 95.0], [100.0, 95.0, 95.0]
    outcome = run(closes, {0: [hedge(budget=0.01)]}, opens=opens)
    bars, spread = quotes([100.0])
    (decision,), (fill,), (order,) = outcome.decisions, outcome.fills, outcome.orders
    assert decision.binding_cap == "budget"
    assert decision.quantity == math.floor(1_000 / (bars["close"][0] * (1 + spread[0])))
    assert order.spend_limit == pytest.approx(1_000.0)
    assert 0 < fill.quantity < decision.quantity
    assert fill.quantity * fill.price <= 1_000.0 < (fill.quantity + 1) * fill.price
    assert (order.status, order.end_reason) == (
        "cancelled",
        "the budget does not carry the rest",
    )


def test_a_gap_that_leaves_room_for_no_contract_buys_none() -> None:
    closes, opens = [100.0, 80.0, 80.0], [100.0, 80.0, 80.0]
    outcome = run(closes, {0: [hedge(budget=0.002)]}, opens=opens)
    assert outcome.decisions[0].quantity == 1.0
    assert outcome.fills == ()
    assert outcome.orders[0].status == "rejected"


def test_the_yearly_budget_counts_what_open_and_finished_hedges_cost() -> None:
    closes = [100.0] * 12
    script = {0: [hedge()], 2: [Exit(NAME, "off")], 4: [hedge()], 6: [hedge(contract=LATER)]}
    outcome = run(closes, script, risk={"hedge_budget": 0.01})
    first, second, third = [d for d in outcome.decisions if d.intent == "hedge"]
    ask = quotes(closes)[0]["close"][0] * (1 + quotes(closes)[1][0])
    assert dict(first.caps)["hedge_budget"] == pytest.approx(0.01 * 100_000 / ask)
    (lost, *_) = build_trades(outcome)
    assert lost.net_pnl < 0
    bars, spread = quotes(closes, listed=4)
    left = 0.01 * second.equity + lost.net_pnl
    assert dict(second.caps)["hedge_budget"] == pytest.approx(
        left / (bars["close"][0] * (1 + spread[0]))
    )
    # The second hedge is held: its whole purchase cost counts.
    paid = outcome.fills[2].quantity * outcome.fills[2].price
    later, spread = quotes(closes, listed=6, contract=LATER)
    left = 0.01 * third.equity + lost.net_pnl - paid
    assert dict(third.caps)["hedge_budget"] == pytest.approx(
        left / (later["close"][0] * (1 + spread[0]))
    )


def test_two_hedges_of_one_evening_share_the_budget_and_the_cash() -> None:
    # The first row lists the contract with a hedge that is too small.
    both = [hedge(budget=0.006), hedge(contract=LATER)]
    script = {0: [hedge(cover=0.0001)], 1: both}
    outcome = run([100.0] * 6, script, risk={"hedge_budget": 0.01})
    _, first, second = outcome.decisions
    bars, spread = quotes([100.0] * 2)
    later, wide = quotes([100.0] * 2, listed=1, contract=LATER)
    asks = [bars["close"][1] * (1 + spread[1]), later["close"][0] * (1 + wide[0])]
    # 600 of 1,000 may be spent by the first.
    assert dict(second.caps)["hedge_budget"] == pytest.approx(400.0 / asks[1])
    # Cash is set aside at the estimate, not at the spend limit.
    left = 100_000.0 - first.quantity * asks[0]
    assert dict(second.caps)["cash"] == pytest.approx(left / asks[1])
    assert sum(f.quantity * f.price for f in outcome.fills) <= 1_000.0


def test_an_order_that_bought_nothing_gives_its_budget_back() -> None:
    closes, opens = [100.0, 80.0, 80.0, 80.0], [100.0, 80.0, 80.0, 80.0]
    script = {0: [hedge(budget=0.002)], 2: [hedge(contract=LATER)]}
    outcome = run(closes, script, opens=opens, risk={"hedge_budget": 0.05})
    bars, spread = quotes(closes, listed=2, contract=LATER)
    second = outcome.decisions[1]
    assert dict(second.caps)["hedge_budget"] == pytest.approx(
        5_000.0 / (bars["close"][0] * (1 + spread[0]))
    )


def test_a_roll_sells_the_old_contract_before_it_pays_for_the_new_one() -> None:
    closes = [100.0] * 8
    script = {0: [hedge(cover=0.3)], 3: [Exit(NAME, "roll"), hedge(cover=0.3, contract=LATER)]}
    outcome = run(closes, script)
    roles = [(f.instrument, f.role, f.at) for f in outcome.fills[1:]]
    assert roles == [(NAME, "exit", OPENED[4]), (LATER.id, "entry", OPENED[4])]
    bars, spread = quotes(closes)
    sold = outcome.fills[1]
    assert sold.price == pytest.approx(math.floor(bars["open"][4] * (1 - spread[4]) * 100) / 100)


def test_an_expiring_contract_settles_at_its_intrinsic_value_without_cost() -> None:
    closes = [100.0] * (EXPIRY - 1) + [90.0, 88.0, 88.0, 88.0]
    outcome = run(closes, {0: [hedge(cover=0.5)]})
    bought, settled = outcome.fills
    assert (settled.role, settled.at) == ("settlement", CONTRACT.expires_at)
    # Max(95 - 88, 0) x 100 shares.
    assert (settled.price, settled.raw_price, settled.fee) == (700.0, 700.0, 0.0)
    assert settled.position_after == 0.0
    (trade,) = build_trades(outcome)
    assert trade.exit_roles == "settlement"
    assert trade.net_pnl == pytest.approx(5 * (700.0 - bought.price))
    assert outcome.curve.equity[-1] == pytest.approx(100_000 + trade.net_pnl)
    assert outcome.curve.owned[-1] == 0.0


def test_a_worthless_contract_settles_at_nothing() -> None:
    outcome = run([100.0] * (EXPIRY + 3), {0: [hedge(cover=0.5)]})
    assert outcome.fills[1].price == 0.0
    assert amounts(outcome, "trade")[1] == 0.0


def test_the_width_is_the_most_that_it_pays() -> None:
    closes = [100.0] * (EXPIRY - 1) + [60.0, 60.0, 60.0]
    outcome = run(closes, {0: [hedge(cover=0.5)]})
    assert outcome.fills[1].price == 1_500.0


def test_orders_that_wait_at_the_expiry_end_with_it() -> None:
    closes = [100.0] * (EXPIRY + 3)
    outcome = run(closes, {0: [hedge(cover=0.5)], EXPIRY: [Exit(NAME, "too late")]})
    late = [d for d in outcome.decisions if d.intent == "exit"]
    assert [(d.outcome, d.blocked_by) for d in late] == [("rejected", "no position")]


def test_a_hedge_that_is_held_is_not_bought_again() -> None:
    outcome = run(FLAT, {0: [hedge(cover=0.3)], 3: [hedge(cover=0.3)]})
    assert [d.blocked_by for d in outcome.decisions] == ["", "plan exists"]


def test_less_than_one_contract_is_none() -> None:
    outcome = run(FLAT, {0: [hedge(cover=0.05)]})
    (decision,) = outcome.decisions
    assert (decision.outcome, decision.blocked_by) == ("rejected", "minimum size")
    assert "less than one; cover bound" in decision.reason


def test_cash_bounds_the_purchase() -> None:
    outcome = run(FLAT, {0: [hedge()]}, account={"venue_cash": 99_800.0, "brokerage_cash": 200.0})
    (decision,) = outcome.decisions
    assert decision.binding_cap == "cash"


def test_options_are_bought_with_hedge_alone() -> None:
    for intent in (
        Enter(NAME, 1, stop=1.0, reason="no"),
        Add(NAME, 0.5, "no"),
        Rebalance({NAME: 0.1}, "no"),
    ):
        with pytest.raises(PlaybookContractError, match="option"):
            run(FLAT, {0: [hedge(cover=0.3)], 2: [intent]})


def test_a_hedge_names_a_contract_that_its_signals_list() -> None:
    with pytest.raises(PlaybookContractError, match="no option contract that the signals list"):
        run(FLAT, {0: [Hedge("SPY", 0.5, 0.5, "no")]} | {1: [hedge()]})


@pytest.mark.parametrize(
    ("changes", "words"),
    [({"cover": 0.0}, "cover must lie"), ({"budget": 1.5}, "budget must lie")],
)
def test_shares_outside_their_range_are_refused(changes, words) -> None:
    with pytest.raises(ValueError, match=words):
        hedge(**changes)


def test_an_expired_contract_is_not_bought() -> None:
    closes = [100.0] * (EXPIRY - 1) + [90.0] * 5
    outcome = run(closes, {0: [hedge(cover=0.0001)], EXPIRY + 1: [hedge()]})
    assert (outcome.decisions[1].blocked_by, outcome.orders) == ("expired", ())


def test_an_order_that_waits_at_the_expiry_ends_with_it() -> None:
    # Decided on the evening before; the data lack nothing, it fills at the last open and settles.
    closes = [100.0] * (EXPIRY + 3)
    outcome = run(closes, {EXPIRY - 1: [hedge(cover=0.3)]})
    assert [fill.role for fill in outcome.fills] == ["entry", "settlement"]
    assert all(order.status != "working" for order in outcome.orders)


def test_a_plan_without_a_stop_has_none_to_move() -> None:
    outcome = run(FLAT, {0: [hedge(cover=0.5)], 3: [MoveStop(NAME, 80.0, "no")]})
    assert (outcome.decisions[1].blocked_by, len(outcome.orders)) == ("no stop", 1)


def test_a_contract_cannot_be_named_before_a_row_lists_it() -> None:
    early = {1: [hedge(cover=0.3)], 5: [hedge(contract=LATER)]}
    assert len(run(FLAT, early).fills) == 2
    with pytest.raises(PlaybookContractError, match="before a row of its signals lists it"):
        run(
            FLAT,
            {1: [hedge(cover=0.3, contract=LATER), hedge(cover=0.3)], 5: [hedge(contract=LATER)]},
        )


class Sleeper(ScriptedPlaybook):
    """Wake only at the first row, and list a contract at the fourth."""

    name = "sleeper"

    def prepare(self, data):
        decided_at = data.channels[self.params.clock]["closed_at"]
        awake = np.arange(len(decided_at)) == 0
        contract = np.full(len(decided_at), "", dtype=np.dtype("U64"))
        contract[3:4] = LATER.id
        return Signals(decided_at, {}, wake_flat=awake, wake_in_position=awake, contract=contract)


@pytest.mark.parametrize("mode", list(RunMode))
def test_a_fill_may_be_hedged_with_a_contract_that_a_row_asleep_has_listed(mode) -> None:
    # A limit far below fills in the sixth session; rows two to six were not visited.
    closes = [100.0] * 5 + [90.0] + [95.0] * 4
    data = market(closes)
    limit = Enter("SPY", 1, 80.0, "dip", kind=OrderKind.LIMIT, price=92.0)
    clock = ChannelKey("SPY", ChannelKind.BARS, "1d")
    params = ScriptParams(clock=clock, channels=frozenset(data.channels), traded=("SPY",))
    playbook = Sleeper(params, {0: [limit]}, {1: [hedge(cover=0.3, contract=LATER)]})
    outcome = play_playbook(data, playbook, account=CASH, mode=mode)
    assert [fill.instrument for fill in outcome.fills] == ["SPY", LATER.id]


def test_a_hedge_that_lost_does_not_start_the_cool_down() -> None:
    script = {0: [hedge(cover=0.3)], 2: [Exit(NAME, "off")], 3: [hedge(cover=0.3)]}
    outcome = run(FLAT, script, risk={"cool_down": "9d"})
    assert [d.outcome for d in outcome.decisions] == ["approved"] * 3
    assert outcome.guard_events == ()


def test_a_halt_blocks_hedges_and_sells_those_that_are_held() -> None:
    closes = [100.0, 100.0, 130.0, 130.0, 130.0, 130.0]
    risk = {"drawdown": {"ladder": [], "halt_at": 0.01, "halt_days": None}, "hedge_budget": None}
    outcome = run(closes, {0: [hedge()], 4: [hedge(contract=LATER)]}, risk=risk)
    assert [f.role for f in outcome.fills] == ["entry", "guard"]
    assert outcome.decisions[-1].blocked_by == "drawdown halt"


def test_a_worthless_contract_is_sold_for_nothing_not_for_a_tick() -> None:
    closes = [100.0, 100.0, *([400.0] * 8)]
    outcome = run(closes, {0: [hedge(cover=0.3)], 5: [Exit(NAME, "off")]})
    sold = outcome.fills[1]
    assert 0 <= sold.raw_price < 0.005
    assert sold.price == 0.0
    (trade,) = build_trades(outcome)
    assert trade.slippage_cost == pytest.approx(
        sum(abs(f.quantity) * abs(f.price - f.raw_price) for f in outcome.fills)
    )


def test_a_contract_worth_next_to_nothing_costs_its_two_half_spreads() -> None:
    closes, opens = [100.0, 500.0, 500.0], [100.0, 500.0, 500.0]
    outcome = run(closes, {0: [hedge(cover=0.3)]}, opens=opens)
    # Three cents a share and leg, a fifth wider at an index of 25.
    assert outcome.fills[0].price == pytest.approx(100 * 2 * 0.03 * 1.2)


def test_a_contract_worth_nothing_is_bought_for_a_tick() -> None:
    closes, opens = [100.0, 1e9, 1e9], [100.0, 1e9, 1e9]
    outcome = run(closes, {0: [hedge(cover=0.3)]}, opens=opens)
    assert outcome.fills[0].price == 0.01


def test_an_option_is_sold_as_a_whole() -> None:
    outcome = run(FLAT, {0: [hedge(cover=0.5)], 3: [Exit(NAME, "half", 0.5)]})
    assert (outcome.decisions[1].blocked_by, len(outcome.fills)) == ("bad fraction", 1)


def test_a_contract_that_is_worth_nothing_is_not_bought() -> None:
    script = {0: [hedge(cover=0.0001)], 5: [hedge()]}
    outcome = run([100.0] * 5 + [1e9] * 3, script)
    assert outcome.decisions[1].blocked_by == "worthless"


def test_the_data_of_a_run_do_not_show_what_will_be_listed() -> None:
    seen = []

    def peek(self, market, account):
        for name in (NAME, LATER.id):
            try:
                market.channel(name, ChannelKind.BARS, "1d")
            except PlaybookContractError as error:
                seen.append(str(error))
        return ScriptedPlaybook.on_bar(self, market, account)

    curious = type("Curious", (ScriptedPlaybook,), {"on_bar": peek})
    data = market(FLAT)
    clock = ChannelKey("SPY", ChannelKind.BARS, "1d")
    params = ScriptParams(clock=clock, channels=frozenset(data.channels), traded=("SPY",))
    # Of two contracts the run lists the first, on its fifth row.
    play_playbook(data, curious(params, {4: [hedge(cover=0.3)]}, {}), account=CASH)
    assert len(seen) == 2 * len(FLAT)
    assert {text.split(":", 1)[1] for text in seen} == {
        " read on_bar but not declared in requirements"
    }
