"""Fills under the square-root model: size of the whole order, the market known, and the audit.

Every table has 40 days of hours in which the price alternates by 1% from day to day, so that a
day's volatility is ln(1.01), an hour's is less, and a day trades 24 x 1,000 units.
"""

import math
from dataclasses import replace

import pytest

from engine.audit import audit_run
from engine.costs import RangeSlippage, SquareRootSlippage
from engine.costs.market_activity import MarketActivity
from engine.costs.slippage_models import square_root
from engine.intents import Add, Enter, Exit, Rebalance
from engine.testing import PERP, SPOT, candles, play, table
from tests.engine.audit.simulated import audited_run, scripted

DAYS = 40
CLOCK = next(iter(table(candles([(100.0, 101.0, 99.0, 100.0)])).channels))
SIGMA = math.log(1.01)
VOLUME = 24_000.0
ROOT = {"slippage": SquareRootSlippage(base_bps=2.0, coefficient=1.0)}
NOON = 35 * 24 + 12


def rows(changes=None):
    """Return the table's candles; an hour moves by 0.1%, which is 0.29% a day by Parkinson."""
    found = []
    for n in range(DAYS * 24):
        price = 100.0 + (n // 24) % 2
        found.append((price, price * 1.001, price, price, 1_000.0))
    for n, row in (changes or {}).items():
        found[n] = row
    return found


def lost(quantity, earlier=0.0, *, sigma=SIGMA):
    """Return the fraction by hand: the scaled half spread and the order's increment."""
    whole = (earlier + quantity) ** 1.5 - earlier**1.5
    return 0.0002 * sigma / SIGMA + sigma * whole / math.sqrt(VOLUME) / quantity


def enter(instrument=PERP, **more):
    return Enter(instrument.id, 1, **{"stop": 50.0, "reason": "test", **more})


def test_an_entry_pays_the_root_of_its_share_of_a_day():
    outcome = play(table(candles(rows())), {NOON: [enter()]}, venue=ROOT, notional=10_100.0)
    (fill,) = outcome.fills
    assert fill.quantity == pytest.approx(100.0)
    assert fill.slippage == pytest.approx(lost(100.0))


def test_the_tranches_of_a_plan_cost_as_much_as_one_order():
    whole = play(table(candles(rows())), {NOON: [enter()]}, venue=ROOT, notional=10_100.0)
    script = {NOON: [enter(fraction=0.5)], NOON + 3: [Add(PERP.id, 0.5, reason="more")]}
    parts = play(table(candles(rows())), script, venue=ROOT, notional=10_100.0)
    first, second = parts.fills
    assert first.slippage == pytest.approx(lost(50.0))
    assert second.slippage == pytest.approx(lost(50.0, 50.0))
    split = sum(fill.slippage * fill.quantity for fill in parts.fills)
    assert split == pytest.approx(whole.fills[0].slippage * 100.0)


def test_partial_fills_of_one_order_cost_as_much_as_one_fill():
    # A hundredth of 1,000 units a bar: ten fills of 10 units.
    venue = {**ROOT, "participation_cap": 0.01}
    outcome = play(table(candles(rows())), {NOON: [enter()]}, venue=venue, notional=10_100.0)
    fills = [fill for fill in outcome.fills if fill.role == "entry"]
    assert [fill.quantity for fill in fills] == [pytest.approx(10.0)] * 10
    paid = sum(fill.slippage * fill.quantity for fill in fills)
    assert paid == pytest.approx(lost(100.0) * 100.0)


def test_orders_that_close_a_plan_count_together_and_apart_from_its_entries():
    script = {NOON: [enter()], NOON + 5: [Exit(PERP.id, reason="all", fraction=0.5)]}
    script[NOON + 30] = [Exit(PERP.id, reason="rest")]
    fills = play(table(candles(rows())), script, venue=ROOT, notional=10_100.0).fills
    assert [fill.quantity for fill in fills] == [pytest.approx(q) for q in (100.0, -50.0, -50.0)]
    assert fills[1].slippage == pytest.approx(lost(50.0))
    assert fills[2].slippage == pytest.approx(lost(50.0, 50.0))


def test_purchases_of_weights_count_together_within_a_day_only():
    def buy(weight):
        return [Rebalance({SPOT.id: weight}, reason="weights", min_ticket=0.0)]

    script = {NOON: buy(0.2), NOON + 3: buy(0.4), NOON + 27: buy(0.6)}
    market = table(candles(rows(), instrument=SPOT.id))
    account = {"venue_cash": 100_000.0}
    fills = play(market, script, venue=ROOT, account=account).fills
    first, second, third = (abs(fill.quantity) for fill in fills)
    assert fills[0].slippage == pytest.approx(lost(first))
    assert fills[1].slippage == pytest.approx(lost(second, first))
    assert fills[2].slippage == pytest.approx(lost(third))


def test_the_hour_before_an_open_counts_and_the_bar_itself_does_not():
    wild = (101.0, 120.0, 101.0, 101.0, 1_000.0)
    sigma = math.log(120 / 101) / math.sqrt(4 * math.log(2)) * math.sqrt(24)
    before = play(table(candles(rows({NOON: wild}))), {NOON: [enter()]}, venue=ROOT)
    assert before.fills[0].slippage == pytest.approx(lost(before.fills[0].quantity, sigma=sigma))
    itself = play(table(candles(rows({NOON + 1: wild}))), {NOON: [enter()]}, venue=ROOT)
    assert itself.fills[0].slippage == pytest.approx(lost(itself.fills[0].quantity))


def test_a_stop_inside_an_hour_pays_the_hour_completed_by_the_bars_open():
    changes = {NOON + 2: (101.0, 101.0, 80.0, 85.0, 1_000.0)}
    script = {NOON: [enter(stop=95.0)]}
    stop = play(table(candles(rows(changes))), script, venue=ROOT).fills[1]
    assert (stop.role, stop.raw_price) == ("stop", 95.0)
    assert stop.slippage == pytest.approx(lost(abs(stop.quantity)))


def test_a_stop_inside_a_bar_longer_than_an_hour_counts_the_bar_itself():
    bars = [(100.0 + (n // 6) % 2, 101.2, 100.0, 100.0 + (n // 6) % 2, 4_000.0) for n in range(240)]
    bars[200] = (100.0, 101.0, 80.0, 85.0, 4_000.0)
    market = table(candles(bars, timeframe="4h"))
    stop = play(market, {197: [enter(stop=95.0)]}, venue=ROOT).fills[1]
    sigma = math.log(101 / 80) / math.sqrt(4 * math.log(2)) * math.sqrt(6)
    assert stop.raw_price == 95.0
    assert stop.slippage == pytest.approx(lost(abs(stop.quantity), sigma=sigma))


def test_an_entry_before_ten_days_are_known_is_refused_and_a_later_one_is_not():
    script = {9 * 24: [enter()], 12 * 24: [enter()]}
    outcome = play(table(candles(rows())), script, venue=ROOT)
    refused, approved = outcome.decisions
    assert refused.blocked_by == "volume unknown"
    assert "fewer than 10 complete days" in refused.reason
    assert approved.outcome == "approved"


def test_weights_before_ten_days_are_known_stay_in_cash():
    market = table(candles(rows(), instrument=SPOT.id))
    script = {9 * 24: [Rebalance({SPOT.id: 0.5}, reason="weights", min_ticket=0.0)]}
    outcome = play(market, script, venue=ROOT)
    assert [d.blocked_by for d in outcome.decisions] == ["volume unknown"]
    assert not outcome.fills


# The audit.


def finished_run(**venue):
    wild = (101.0, 106.0, 101.0, 101.0, 1_000.0)
    script = {
        NOON: [enter(fraction=0.5, stop=90.0)],
        NOON + 3: [Add(PERP.id, 0.5, reason="more")],
        NOON + 9: [Exit(PERP.id, reason="part", fraction=0.5)],
        NOON + 30: [Exit(PERP.id, reason="rest")],
    }
    market = table(candles(rows({NOON + 2: wild, NOON + 4: wild})))
    return scripted(market, script, CLOCK, venue={**ROOT, **venue}, notional=10_100.0), market


def findings(run, market, folder):
    return {found.rule for found in audited_run(run, market, folder).findings}


def test_the_audit_agrees_with_the_model(tmp_path):
    run, market = finished_run()
    assert len(run.outcome.fills) == 4
    assert findings(run, market, tmp_path / "run") == set()


def test_the_audit_finds_a_wrong_slippage(tmp_path):
    run, market = finished_run()
    first, *rest = run.outcome.fills
    fills = (replace(first, slippage=first.slippage * 1.001), *rest)
    wrong = replace(run, outcome=replace(run.outcome, fills=fills))
    assert "slippage" in findings(wrong, market, tmp_path / "run")


@pytest.mark.parametrize("hours", [-1, 1])
def test_the_audit_finds_a_volatility_shifted_by_an_hour(tmp_path, monkeypatch, hours):
    original = MarketActivity.at
    monkeypatch.setattr(
        MarketActivity,
        "at",
        lambda self, at, **own: original(self, at + hours * 3_600 * 10**9, **own),
    )
    run, market = finished_run()
    assert "slippage" in findings(run, market, tmp_path / "run")


def test_the_audit_finds_fills_that_forget_the_ones_before(tmp_path, monkeypatch):
    original = square_root.RootCurve.impact
    monkeypatch.setattr(
        square_root.RootCurve,
        "impact",
        lambda self, quantity, **known: original(self, quantity),
    )
    run, market = finished_run()
    assert "slippage" in findings(run, market, tmp_path / "run")


def test_the_audit_reads_no_formula_of_the_model(tmp_path, monkeypatch):
    run, market = finished_run()
    folder = tmp_path / "run"
    audited_run(run, market, folder)

    def refuse(*asked, **known):
        raise AssertionError("the audit asked the books")

    for model in (SquareRootSlippage, RangeSlippage):
        monkeypatch.setattr(model, "curve", refuse)
        monkeypatch.setattr(model, "fraction", refuse)
    monkeypatch.setattr(MarketActivity, "at", refuse)
    assert audit_run(folder, market).ok
