"""Check target weights by hand: sales first, caps on the book, changes too small to trade."""

import math

import numpy as np
import pytest

from data_feeds.calendar import session_bounds, sessions_between
from data_feeds.clock import DAY_NS
from data_feeds.instrument import Instrument, InstrumentKind
from data_feeds.schema import ChannelKey, ChannelKind
from engine.config.models import PortfolioConfig
from engine.decision_terms import Cap
from engine.errors import PlaybookContractError
from engine.intents import PutOff, Rebalance
from engine.playbook import Requirements
from engine.risk import ewma_covariance
from engine.risk.decisions import DecisionDraft
from engine.risk.portfolio import Covariance, capped_weights, portfolio_volatility
from engine.risk.rebalance_review import PurchaseRequest, WeightChange, share_rooms
from engine.run_data import memory_ns
from engine.signals.market.correlation import memory
from engine.testing import PERP, SPOT, amounts, candles, fill_lines, play, table, table_config
from engine.trades import build_trades
from tests.engine.joint import play_together

A = Instrument(id="AAA", kind=InstrumentKind.ETF, quote="USD", tick_size=0.01, lot_size=1.0)
B = Instrument(id="BBB", kind=InstrumentKind.ETF, quote="USD", tick_size=0.01, lot_size=1.0)
CASH = {"venue_cash": 0.0, "brokerage_cash": 100_000.0}


def flat(*closes: float) -> list[tuple[float, float, float, float]]:
    """Return bars that open at the previous close."""
    opens = (closes[0], *closes[:-1])
    return [(o, max(o, c), min(o, c), c) for o, c in zip(opens, closes, strict=True)]


def market(a: list[float], b: list[float]):
    return table(
        candles(flat(*a), instrument="AAA"),
        candles(flat(*b), instrument="BBB"),
        instruments=(A, B),
    )


def held(a: float, b: float, **more: float) -> list[Rebalance]:
    return [Rebalance({"AAA": a, "BBB": b}, "to target", **more)]


def run(data, script, **sections):
    return play(data, script, **{"account": CASH, "notional": None, **sections})


def test_weights_are_shares_of_equity_in_whole_lots_at_the_next_open() -> None:
    # 60% of 100,000 / 70 = 857.1 shares; 40% / 100 = 400.
    outcome = run(market([70.0, 70.0, 70.0], [100.0] * 3), {0: held(0.6, 0.4)})
    assert fill_lines(outcome) == [(1.0, "entry", 857.0, 70.0), (1.0, "entry", 400.0, 100.0)]
    assert outcome.curve.brokerage_cash[-1] == pytest.approx(100_000 - 857 * 70 - 40_000)


def test_what_is_bought_after_a_purchase_that_never_filled_is_another_plan() -> None:
    # The cash lies at the venue: 50 at the brokerage buy nothing at 100.
    account = {"venue_cash": 100_000.0, "brokerage_cash": 50.0}
    data = market([100.0] * 7, [100.0] * 7)
    outcome = run(data, {0: held(0.5, 0.0), 3: held(0.5, 0.0)}, account=account)
    assert [(o.plan_id, o.status) for o in outcome.orders] == [(1, "rejected"), (2, "rejected")]
    assert outcome.fills == ()


def test_what_is_sold_pays_for_what_is_bought() -> None:
    # After A doubled: equity 50 x 2,000 + 50,000 = 150,000; 75,000 each.
    data = market([50.0, 50.0, 100.0, 100.0], [100.0] * 4)
    outcome = run(data, {0: held(0.5, 0.5), 2: held(0.5, 0.5)})
    assert fill_lines(outcome)[2:] == [(3.0, "exit", -250.0, 100.0), (3.0, "entry", 250.0, 100.0)]
    assert [d.intent for d in outcome.decisions] == ["rebalance"] * 4
    first, second = build_trades(outcome)
    assert (first.tranches, second.tranches) == (1, 2)
    assert second.average_entry == 100.0
    assert np.isnan(first.initial_risk)


def test_zero_sells_everything_and_a_later_purchase_is_a_new_trade() -> None:
    data = market([50.0] * 6, [100.0] * 6)
    outcome = run(data, {0: held(0.5, 0.0), 1: held(0.0, 0.0), 3: held(0.5, 0.0)})
    assert [t.quantity for t in build_trades(outcome)] == [1_000.0, 1_000.0]
    assert amounts(outcome, "trade") == [-50_000.0, 50_000.0, -50_000.0]


def test_what_is_not_named_is_left() -> None:
    script = {0: held(0.5, 0.4), 1: [Rebalance({"AAA": 0.25}, "half of A")]}
    outcome = run(market([50.0] * 4, [100.0] * 4), script)
    assert fill_lines(outcome)[2:] == [(2.0, "exit", -500.0, 50.0)]


def test_a_change_below_the_ticket_is_left_out() -> None:
    data = market([50.0, 50.0, 50.5, 50.5], [100.0] * 4)
    # A is 502.5 too high: 9 shares, 454.50.
    quiet = run(data, {0: held(0.5, 0.5), 2: held(0.5, 0.5, min_ticket=500.0)})
    assert len(quiet.fills) == 2
    loud = run(data, {0: held(0.5, 0.5), 2: held(0.5, 0.5)})
    assert len(loud.fills) > 2


def refusals(outcome) -> list[tuple[str, str]]:
    return [(d.instrument, d.blocked_by) for d in outcome.decisions if d.outcome == "rejected"]


def test_what_is_below_the_ticket_leaves_a_refusal_for_sale_and_purchase() -> None:
    # A is 9 shares too high, 454.50; B 2 too low, 200: both below 500. Without a ticket both trade.
    data = market([50.0, 50.0, 50.5, 50.5], [100.0] * 4)
    quiet = run(data, {0: held(0.5, 0.5), 2: held(0.5, 0.5, min_ticket=500.0)})
    assert refusals(quiet) == [("AAA", "minimum ticket"), ("BBB", "minimum ticket")]
    assert "below min_ticket 500" in quiet.decisions[-1].reason
    assert refusals(run(data, {0: held(0.5, 0.5), 2: held(0.5, 0.5)})) == []


def test_what_is_below_a_lot_leaves_a_refusal_for_sale_and_purchase() -> None:
    # One share of A is 50.02: 999.8 wanted of 1,000 held, and 500.1 of B of 500.
    data = market([50.0, 50.0, 50.02, 50.02], [100.0] * 4)
    outcome = run(data, {0: held(0.5, 0.5), 2: held(0.5, 0.5)})
    assert refusals(outcome) == [("AAA", "minimum size"), ("BBB", "minimum size")]
    assert len(outcome.fills) == 2


def test_what_is_below_the_venues_smallest_order_leaves_a_refusal() -> None:
    large = A.model_copy(update={"min_notional": 1_000.0})
    data = table(
        candles(flat(50.0, 50.0, 50.5, 50.5), instrument="AAA"),
        candles(flat(100.0, 100.0, 100.0, 100.0), instrument="BBB"),
        instruments=(large, B),
    )
    outcome = run(data, {0: held(0.5, 0.5), 2: held(0.5, 0.5)})
    assert refusals(outcome) == [("AAA", "minimum size")]


@pytest.mark.parametrize(("a", "b"), [(50.05, 99.95), (49.975, 100.1)])
def test_a_book_within_one_lot_of_its_weights_is_at_them(a, b) -> None:
    # From 1,000 and 500 shares, each change is below one share.
    overlays = {"half": {"AAA": -0.1}}
    intent = Rebalance({"AAA": 0.5, "BBB": 0.5}, "to target", overlays=overlays)
    data = market([50.0, 50.0, 50.0, a, a], [100.0, 100.0, 100.0, b, b])
    outcome = run(data, {0: [intent], 3: [intent]})
    assert sorted(refusals(outcome)) == [("AAA", "minimum size"), ("BBB", "minimum size")]
    assert all(not decision.caps for decision in outcome.decisions[2:])
    assert len(outcome.overlays) == 2


def ask(
    name: str,
    missing: float,
    rooms: dict[str, float],
    *,
    entry: float = 10.0,
    direction: int = 1,
) -> PurchaseRequest:
    """Return a purchase or short sale of base units at a price, with the account's rooms."""
    draft = DecisionDraft(0, name, "rebalance", direction, 100_000.0, "x", entry=entry)
    change = WeightChange(draft, A.model_copy(update={"id": name}), 0.0, missing, [], price=entry)
    return PurchaseRequest(change, None, (("target", missing),), rooms)


@pytest.mark.parametrize(
    ("gross", "first", "second"),
    [
        # AAA's own cap leaves 100 quote of 300, BBB wants 300: 400 in all.
        (400.0, 10.0, 30.0),
        (200.0, 5.0, 15.0),
    ],
)
@pytest.mark.parametrize("names", [("AAA", "BBB"), ("BBB", "AAA")])
def test_what_a_cap_on_one_cuts_takes_no_share_of_the_sum(names, gross, first, second) -> None:
    one = ask("AAA", 30.0, {Cap.ACCOUNT_ASSET: 100.0, Cap.ACCOUNT_LEVERAGE: gross})
    other = ask("BBB", 30.0, {Cap.ACCOUNT_ASSET: 900.0, Cap.ACCOUNT_LEVERAGE: gross})
    asks = {"AAA": one, "BBB": other}
    shared = {a.change.instrument.id: a for a in share_rooms([asks[name] for name in names])}
    assert min(size for _, size in shared["AAA"].caps) == pytest.approx(first)
    assert min(size for _, size in shared["BBB"].caps) == pytest.approx(second)


def test_a_purchase_and_a_short_sale_share_the_room_of_a_gross_cap() -> None:
    # 300 bought and 300 sold short are 600 of gross notional; 400 is left: two thirds of each.
    rooms = {Cap.ACCOUNT_LEVERAGE: 400.0}
    asks = [ask("AAA", 30.0, rooms), ask("BBB", 30.0, rooms, direction=-1)]
    sizes = [min(size for _, size in shared.caps) for shared in share_rooms(asks)]
    assert sizes == pytest.approx([20.0, 20.0])


def test_each_side_of_a_rebalancing_has_its_own_room_of_the_net_cap() -> None:
    # Net is 200 long, and the cap 300: 100 can be bought, 500 sold short.
    asks = [
        ask("AAA", 30.0, {Cap.ACCOUNT_NET: 100.0}),
        ask("BBB", 30.0, {Cap.ACCOUNT_NET: 500.0}, direction=-1),
    ]
    sizes = [min(size for _, size in shared.caps) for shared in share_rooms(asks)]
    assert sizes == pytest.approx([10.0, 30.0])


def test_what_a_playbook_puts_off_is_a_refusal_that_orders_nothing() -> None:
    note = PutOff("AAA", "order works", "monthly rebalancing: an order still works in AAA")
    outcome = run(market([50.0] * 3, [100.0] * 3), {0: [note]})
    (decision,) = outcome.decisions
    assert (decision.intent, decision.outcome, decision.blocked_by) == (
        "rebalance",
        "rejected",
        "order works",
    )
    assert (outcome.orders, outcome.overlays) == ((), ())
    with pytest.raises(PlaybookContractError, match="does not trade"):
        run(market([50.0] * 3, [100.0] * 3), {0: [PutOff("CCC", "order works", "x")]})


def test_a_cap_of_the_account_is_shared_by_what_one_rebalancing_buys() -> None:
    # The cap leaves 60,000 for 50,000 of A and 40,000 of B: two thirds of each, whatever the order.
    data = market([50.0] * 4, [100.0] * 4)
    section = {"account": CASH, "risk": {"notional_cap": None}, "traded": ("BBB", "AAA")}
    outcome = play_together(
        data, {0: held(0.5, 0.4)}, risk={"leverage_cap": 0.6}, sections=(section,)
    )
    bought = {fill.instrument: fill.quantity for fill in outcome.sleeves[0].fills}
    assert bought == {"AAA": 666.0, "BBB": 266.0}


def test_caps_on_the_book_are_recorded_and_bind() -> None:
    rules = {"portfolio": PortfolioConfig(asset_cap=0.3)}
    outcome = run(market([50.0] * 3, [100.0] * 3), {0: held(0.6, 0.4)}, risk=rules)
    first, second = outcome.decisions
    # 0.3 x 100,000 / 50 = 600, wanted 1,200; 300, wanted 400.
    assert dict(first.caps)["target"] == 1_200.0
    assert (first.binding_cap, first.quantity, second.quantity) == ("asset", 600.0, 300.0)


def test_crypto_is_capped_together() -> None:
    steps = capped_weights(
        {"AAA": 0.5, "BTCUSDT-SPOT": 0.4},
        {"AAA": A, "BTCUSDT-SPOT": SPOT},
        None,
        PortfolioConfig(crypto_cap=0.1),
        at=0,
        leverage_cap=None,
    )
    assert dict(steps)["crypto"] == pytest.approx({"AAA": 0.5, "BTCUSDT-SPOT": 0.1})


def _covariance(matrix: list[list[float]]) -> Covariance:
    return Covariance(("AAA", "BTCUSDT-SPOT"), np.array([0]), np.array([matrix]))


def _beta_capped(cap: float, matrix: list[list[float]]) -> dict[str, float]:
    steps = capped_weights(
        {"AAA": 0.5, "BTCUSDT-SPOT": 0.4},
        {"AAA": A, "BTCUSDT-SPOT": SPOT},
        _covariance(matrix),
        PortfolioConfig(crypto_beta_cap=cap),
        at=1,
        leverage_cap=None,
    )
    return dict(steps)["crypto_beta"]


def test_a_cap_on_beta_cuts_crypto_and_leaves_the_rest() -> None:
    # Beta of AAA 0.05 / 0.25 = 0.2: the book's is 0.5 x 0.2 + 0.4 = 0.5.
    matrix = [[0.04, 0.05], [0.05, 0.25]]
    assert _beta_capped(0.5, matrix) == pytest.approx({"AAA": 0.5, "BTCUSDT-SPOT": 0.4})
    assert _beta_capped(0.3, matrix) == pytest.approx({"AAA": 0.5, "BTCUSDT-SPOT": 0.2})
    # The shares alone have 0.1.
    assert _beta_capped(0.05, matrix) == pytest.approx({"AAA": 0.5, "BTCUSDT-SPOT": 0.0})
    nan = float("nan")
    assert _beta_capped(9.0, [[0.04, nan], [nan, 0.25]])["BTCUSDT-SPOT"] == 0.0


def test_a_net_cap_bounds_the_sum_as_well() -> None:
    weights, instruments = {"AAA": 0.5, "BBB": 0.5}, {"AAA": A, "BBB": B}
    steps = capped_weights(
        weights, instruments, None, PortfolioConfig(net_cap=0.6), at=0, leverage_cap=0.8
    )
    assert dict(steps)["gross"] == pytest.approx({"AAA": 0.3, "BBB": 0.3})


@pytest.mark.parametrize(
    ("leverage_cap", "net_cap", "first", "second"),
    [
        # 0.6 long and 0.2 short: 0.8 gross, 0.4 net.
        (0.4, None, 0.3, -0.1),
        (None, 0.2, 0.3, -0.1),
        (0.4, 0.1, 0.15, -0.05),
        (0.8, 0.4, 0.6, -0.2),
    ],
)
def test_shorts_count_in_the_gross_sum_and_against_the_net_sum(
    leverage_cap, net_cap, first, second
) -> None:
    steps = capped_weights(
        {"AAA": 0.6, "BBB": -0.2},
        {"AAA": A, "BBB": B},
        None,
        PortfolioConfig(net_cap=net_cap),
        at=0,
        leverage_cap=leverage_cap,
    )
    assert dict(steps)["gross"] == pytest.approx({"AAA": first, "BBB": second})


def test_a_cap_on_one_instrument_bounds_a_short() -> None:
    steps = capped_weights(
        {"AAA": -0.6}, {"AAA": A}, None, PortfolioConfig(asset_cap=0.2), at=0, leverage_cap=None
    )
    assert dict(steps)["asset"] == pytest.approx({"AAA": -0.2})


def test_a_short_weight_of_what_nobody_lends_is_refused() -> None:
    outcome = run(market([50.0] * 3, [100.0] * 3), {0: held(0.5, -0.2)})
    bought, refused = outcome.decisions
    assert (bought.outcome, refused.outcome) == ("approved", "rejected")
    assert (refused.blocked_by, refused.direction) == ("no short", -1)
    assert fill_lines(outcome) == [(1.0, "entry", 1_000.0, 50.0)]


def test_a_weight_of_the_other_sign_closes_the_position() -> None:
    script = {0: held(0.5, 0.0), 2: held(-0.2, 0.0)}
    outcome = run(market([50.0] * 5, [100.0] * 5), script)
    assert fill_lines(outcome) == [(1.0, "entry", 1_000.0, 50.0), (3.0, "exit", -1_000.0, 50.0)]


def test_what_an_earlier_sale_still_sells_is_not_sold_again() -> None:
    # A bar of 1,000 shares fills 100: the sale of 500 takes five bars.
    data = market([50.0] * 12, [100.0] * 12)
    script = {0: held(0.04, 0.0), 4: held(0.02, 0.0), 5: held(0.02, 0.0), 6: held(0.02, 0.0)}
    outcome = run(
        data,
        {**script, 1: held(0.04, 0.0)},
        venue={"participation_cap": 0.02},
        risk={"participation_cap": None},
    )
    sold = [d for d in outcome.decisions if d.outcome == "approved" and not d.caps]
    assert [(d.decided_at, d.quantity) for d in sold] == [(outcome.curve.at[4], 40.0)]
    assert outcome.fills[-1].position_after == 40.0


def test_nothing_is_bought_while_an_earlier_sale_still_works() -> None:
    data = market([50.0] * 12, [100.0] * 12)
    script = {0: held(0.04, 0.0), 4: held(0.02, 0.0), 5: held(0.04, 0.0)}
    outcome = run(data, script, venue={"participation_cap": 0.02}, risk={"participation_cap": None})
    assert outcome.decisions[-1].blocked_by == "sale works"


def test_a_leverage_cap_bounds_the_sum() -> None:
    weights = {"AAA": 0.5, "BBB": 0.5}
    instruments = {"AAA": A, "BBB": B}
    steps = capped_weights(weights, instruments, None, PortfolioConfig(), at=0, leverage_cap=0.8)
    assert dict(steps)["gross"] == pytest.approx({"AAA": 0.4, "BBB": 0.4})


def daily(prices: np.ndarray, name: str):
    """Return bars that close at 21:00Z (16:00 New York) on weekdays from 2026-01-05 on."""
    days = np.arange(np.datetime64("2026-01-05"), np.datetime64("2026-03-01"))
    days = days[np.is_busday(days)][: len(prices)]
    closed = days.astype("datetime64[ns]").astype(np.int64) + 21 * 3_600 * 10**9
    rows = [(p, p, p, p) for p in prices]
    return candles(
        rows,
        instrument=name,
        timeframe="1d",
        opened_at=(closed - 6 * 3_600 * 10**9).tolist(),
        closed_at=closed.tolist(),
    )


def test_ewma_covariance_equals_a_slow_loop_and_waits_for_twenty_sessions() -> None:
    rng = np.random.default_rng(5)
    # Martin Luther King day and Presidents' day are no sessions: a price there is not read.
    moves = rng.normal(0, 0.01, (38, 2)) @ np.array([[1.0, 0.5], [0.0, 1.0]])
    prices = 100 * np.exp(np.cumsum(moves, axis=0))
    found = ewma_covariance(
        {"AAA": daily(prices[:, 0], "AAA"), "BBB": daily(prices[:, 1], "BBB")}, 0.9
    )
    dates = found.known_at.astype("datetime64[ns]").astype("datetime64[D]")
    weekdays = np.arange(np.datetime64("2026-01-05"), np.datetime64("2026-03-01"))
    weekdays = weekdays[np.is_busday(weekdays)]
    rows = np.log(prices[np.isin(weekdays[: len(prices)], dates)])
    total, weight = np.zeros((2, 2)), 0.0
    for r in np.diff(rows, axis=0):
        total, weight = 0.9 * total + 0.1 * np.outer(r, r), 0.9 * weight + 0.1
    np.testing.assert_allclose(found.matrix[len(rows) - 1], total * 252 / weight)
    assert np.isnan(found.matrix[19]).all()
    assert np.isfinite(found.matrix[20]).all()


@pytest.mark.parametrize(
    ("decay", "missing"),
    [
        (0.4, []),  # the 17th session weighs less than a millionth; forty are read at least
        (0.49, []),
        (0.6, list(range(15, 25))),  # 28 weigh; one market lacks ten days
    ],
)
def test_a_short_memory_still_finds_twenty_sessions(decay, missing) -> None:
    moves = np.random.default_rng(6).normal(0, 0.01, (38, 2))
    prices = 100 * np.exp(np.cumsum(moves, axis=0))
    kept = np.setdiff1d(np.arange(38), missing)
    bars = {"AAA": daily(prices[:, 0], "AAA"), "BBB": daily(prices[:, 1], "BBB").take(kept)}
    found = ewma_covariance(bars, decay)
    # A slow loop: a price of a market is its last one, at most five days old.
    table = np.full((len(found.known_at), 2), np.nan)
    for column, channel in enumerate(bars.values()):
        for row, at in enumerate(found.known_at.tolist()):
            closes = [int(c) for c in channel["closed_at"] if c <= at]
            if closes and at - closes[-1] <= 5 * DAY_NS:
                table[row, column] = channel["close"][len(closes) - 1]
    returns = np.diff(np.log(table), axis=0)
    pairs = returns[np.isfinite(returns).all(axis=1)][::-1]
    least = max(40, math.ceil(math.log(1e-6) / math.log(decay)))
    weights = [decay**age if age < least else 0.0 for age in range(len(pairs))]
    total = sum(w * r[0] * r[1] for w, r in zip(weights, pairs, strict=True))
    assert len(pairs) >= 20
    assert found.matrix[-1, 0, 1] == pytest.approx(total * 252 / sum(weights), rel=1e-9)


def test_no_covariance_is_known_before_the_close_that_it_contains() -> None:
    prices = 100 * np.exp(np.cumsum(np.random.default_rng(2).normal(0, 0.01, 38)))
    whole = ewma_covariance({"AAA": daily(prices, "AAA")}, 0.94)
    for row in (25, 30):
        at = int(whole.known_at[row])
        cut = {"AAA": daily(prices, "AAA").cut(at)}
        np.testing.assert_array_equal(ewma_covariance(cut, 0.94).at(at), whole.at(at))
        assert not np.array_equal(whole.at(at - 1), whole.at(at))


def test_the_volatility_target_scales_the_whole_book() -> None:
    prices = 100 * np.exp(np.cumsum(np.random.default_rng(4).normal(0, 0.02, 38)))
    covariance = ewma_covariance({"AAA": daily(prices, "AAA")}, 0.94)
    at = int(covariance.known_at[-1])
    volatility = portfolio_volatility({"AAA": 0.8}, covariance, at)
    rules = PortfolioConfig(target_volatility=volatility / 2)
    steps = capped_weights({"AAA": 0.8}, {"AAA": A}, covariance, rules, at=at, leverage_cap=None)
    assert dict(steps)["volatility"]["AAA"] == pytest.approx(0.4)
    # Before the covariance is known nothing is bought.
    early = capped_weights({"AAA": 0.8}, {"AAA": A}, covariance, rules, at=0, leverage_cap=None)
    assert dict(early)["volatility"]["AAA"] == 0.0


def test_a_drawdown_scales_purchases_and_leaves_sales_whole() -> None:
    ladder = {"drawdown": {"ladder": [{"drawdown": 0.1, "multiplier": 0.5}], "halt_at": 0.9}}
    data = market([100.0, 100.0, 70.0, 70.0], [100.0] * 4)
    # Equity 50,000 x 0.7 + 40,000 + 10,000 = 85,000: -15%. B is sold down to 30% in full; A to
    # 50%: 42,500 / 70 = 607.1 less 500 held, half of it.
    outcome = run(data, {0: held(0.5, 0.4), 2: held(0.5, 0.3)}, risk=ladder)
    assert fill_lines(outcome)[2:] == [(3.0, "exit", -145.0, 100.0), (3.0, "entry", 53.0, 70.0)]


def test_perps_have_no_weight() -> None:
    data = table(candles(flat(100.0, 100.0, 100.0)))
    with pytest.raises(PlaybookContractError, match="paid in full"):
        play(data, {0: [Rebalance({PERP.id: 0.5}, "x")]})


@pytest.mark.parametrize(
    ("weights", "words"),
    [
        ({"A": -1.1}, r"lie in \[-1, 1\]"),
        ({"A": 0.6, "B": 0.5, "C": -0.5}, "sum to 1.1"),
        ({"A": "x"}, "number"),
    ],
)
def test_weights_that_make_no_sense_are_refused(weights, words) -> None:
    with pytest.raises(ValueError, match=words):
        Rebalance(weights, "x")


def test_a_purchase_that_still_works_is_not_repeated() -> None:
    thin = table(
        candles([(50, 50, 50, 50, 1_000)] * 4, instrument="AAA"),
        candles([(100, 100, 100, 100, 1_000)] * 4, instrument="BBB"),
        instruments=(A, B),
    )
    # 10% of 1,000 a bar: 100 of 1,000 shares are bought when the next rebalancing comes.
    script = {0: held(0.5, 0.0), 1: held(0.6, 0.0)}
    outcome = run(thin, script, venue={"participation_cap": 0.1})
    assert outcome.decisions[-1].blocked_by == "tranche works"


def test_what_has_no_variance_yet_is_not_bought_and_does_not_empty_the_book() -> None:
    # A alone: 0.5 x 0.40 = 20% a year, brought to 10%: 0.25. The coin has no variance yet.
    unknown = [[0.16, np.nan], [np.nan, np.nan]]
    for config, expected in (
        (PortfolioConfig(target_volatility=0.10), {"AAA": 0.25, "BTCUSDT-SPOT": 0.0}),
        (PortfolioConfig(crypto_beta_cap=0.10), {"AAA": 0.5, "BTCUSDT-SPOT": 0.0}),
    ):
        steps = capped_weights(
            {"AAA": 0.5, "BTCUSDT-SPOT": 0.4},
            {"AAA": A, "BTCUSDT-SPOT": SPOT},
            _covariance(unknown),
            config,
            at=0,
            leverage_cap=None,
        )
        assert steps[-1][1] == pytest.approx(expected)


def test_beta_is_to_the_first_coin_that_has_a_variance() -> None:
    # The first coin has not begun; beta of the second to itself is 1: 0.4 above a cap of 0.1.
    covariance = Covariance(
        ("BTCUSDT-PERP", "BTCUSDT-SPOT"), np.array([0]), np.array([[[np.nan] * 2, [np.nan, 0.3]]])
    )
    steps = capped_weights(
        {"BTCUSDT-PERP": 0.2, "BTCUSDT-SPOT": 0.4},
        {"BTCUSDT-PERP": PERP, "BTCUSDT-SPOT": SPOT},
        covariance,
        PortfolioConfig(crypto_beta_cap=0.1),
        at=0,
        leverage_cap=None,
    )
    assert steps[-1][1]["BTCUSDT-SPOT"] == pytest.approx(0.1)


@pytest.mark.parametrize("young", ["BTCUSDT-PERP", "BTCUSDT-SPOT"])
@pytest.mark.parametrize(
    ("cap", "shares", "old"),
    [
        # 0.5 x 0.2 of the shares and 0.4 of the old coin: 0.5, within 0.6.
        (0.6, 0.5, 0.4),
        # The old coin may have 0.3 - 0.1.
        (0.3, 0.5, 0.2),
        (0.05, 0.5, 0.0),
    ],
)
def test_a_coin_that_has_just_begun_does_not_pass_a_cap_on_beta(cap, shares, old, young) -> None:
    known = next(name for name in ("BTCUSDT-PERP", "BTCUSDT-SPOT") if name != young)
    names = ("AAA", "BTCUSDT-PERP", "BTCUSDT-SPOT")
    matrix = np.full((3, 3), np.nan)
    place = names.index(known)
    matrix[0, 0], matrix[place, place] = 0.04, 0.25
    matrix[0, place] = matrix[place, 0] = 0.05
    steps = capped_weights(
        {"AAA": 0.5, known: 0.4, young: 0.5},
        {"AAA": A, "BTCUSDT-PERP": PERP, "BTCUSDT-SPOT": SPOT},
        Covariance(names, np.array([0]), matrix[None]),
        PortfolioConfig(crypto_beta_cap=cap),
        at=0,
        leverage_cap=None,
    )
    assert dict(steps)["crypto_beta"] == pytest.approx({"AAA": shares, known: old, young: 0.0})


def test_a_share_without_a_variance_keeps_its_weight_under_a_cap_on_beta() -> None:
    # The coin alone: 0.4, reduced to 0.3; AAA has no variance and the cap does not bound it.
    nan = float("nan")
    found = _beta_capped(0.3, [[nan, nan], [nan, 0.25]])
    assert found == pytest.approx({"AAA": 0.5, "BTCUSDT-SPOT": 0.3})


def test_an_estimate_does_not_depend_on_where_the_bars_begin() -> None:
    # 0.7 to the 39th is below a millionth: the memory is the least there is, forty sessions.
    assert memory(0.7) == 40
    prices = 100 * np.exp(np.cumsum(np.random.default_rng(8).normal(0, 0.02, (120, 2)), axis=0))
    days = np.arange(np.datetime64("2024-01-02"), np.datetime64("2024-12-31"))
    _, closed = session_bounds("XNYS", sessions_between("XNYS", days[0], days[-1]))
    closed = closed[:120]

    def bars(name: str, column: int, first: int):
        rows = [(p, p, p, p) for p in prices[first:, column]]
        at = closed[first:].tolist()
        opened = (closed[first:] - 6 * 3_600 * 10**9).tolist()
        return candles(rows, instrument=name, timeframe="1d", opened_at=opened, closed_at=at)

    whole = ewma_covariance({"AAA": bars("AAA", 0, 0), "BBB": bars("BBB", 1, 0)}, 0.7)
    for first in (20, 60):
        later = ewma_covariance({"AAA": bars("AAA", 0, first), "BBB": bars("BBB", 1, first)}, 0.7)
        # One more session makes the first return.
        np.testing.assert_array_equal(later.matrix[40:], whole.matrix[first + 40 :])


def test_a_run_reads_as_much_history_as_its_covariance_remembers() -> None:
    need = Requirements(
        ChannelKey("SPY", ChannelKind.BARS, "1d"), frozenset(), frozenset(), ("SPY",), 1
    )
    config = table_config(market([50.0] * 3, [100.0] * 3))

    def days(**book: float) -> float:
        risk = config.risk.model_copy(update={"portfolio": PortfolioConfig(**book)})
        return memory_ns(config.model_copy(update={"risk": risk}), need) / DAY_NS

    # A session weighs less than a millionth after 224 (0.97: 454); one more makes the first return.
    assert days(target_volatility=0.1) == pytest.approx(225 * 365 / 252 + 5)
    assert days(crypto_beta_cap=0.2, decay=0.97) == pytest.approx(455 * 365 / 252 + 5)
    assert days(decay=0.97) == 0.0
    # With a fast decay, sixty sessions are still read.
    assert days(target_volatility=0.1, decay=0.4) == pytest.approx(61 * 365 / 252 + 5)
