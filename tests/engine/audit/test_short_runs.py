"""Runs with borrowed shorts audit clean; a changed row or a broken rule is found."""

from dataclasses import replace

import pyarrow.parquet as pq
import pytest

from engine.audit import audit_run, format_report
from engine.broker import short_sales, simulator
from engine.broker.collateral import Collateral
from engine.broker.short_sales import ShortSales
from engine.config.models import RunMode
from engine.contracts import BorrowedShort
from engine.ledger import Ledger
from engine.records import FactKind
from tests.engine.audit.simulated import audited_run
from tests.engine.short_market import BILL, finished, flat, hold, hours

FUNDS = {
    # A gaps beyond its level and is covered at the open; B is covered inside a bar; C falls.
    "AAA": [*flat(*[100] * 60), *flat(*[190] * 20)],
    "BBB": [*flat(*[50] * 30), *[(50, 78, 49, 70, 1e6)], *flat(*[70] * 49)],
    "CCC": flat(*[20.0 - 0.1 * hour for hour in range(80)]),
}
PAID = {"AAA": [(20, 0.5)], "CCC": [(50, 0.2), (70, 0.1)]}
SCRIPT = {
    # More than the cash carries: both are cut by one factor.
    0: hold(a=-1.0, b=-1.0),
    # Partly covered at the end of a day.
    23: hold(a=-0.4, b=-0.9),
    40: hold(a=-0.6, c=-0.3),
    # A purchase that only the proceeds could pay for in full.
    45: hold(b=1.0, c=-0.1),
    66: hold(b=0.0, c=-0.4),
}
COSTS = {"commission_bps": 5.0, "slippage": {"base_bps": 3.0, "range_share": 0.1, "impact": 0.1}}
# A cent counts as rounding: the carry must be dollars.
CASH = {
    "interest_series": BILL,
    "brokerage_cash": 1_000_000.0,
    "short_sales": {"rebate_series": BILL, "initial_margin": 1.6},
}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    market = hours(FUNDS, PAID)
    run = finished(market, SCRIPT, RunMode.SPARSE, account=CASH, venue=COSTS)
    folder = tmp_path_factory.mktemp("short") / "run"
    return run.outcome, market, audited_run(run, market, folder), folder


@pytest.fixture
def audited(tmp_path):
    def write_and_audit():
        market = hours(FUNDS, PAID)
        run = finished(market, SCRIPT, RunMode.SPARSE, account=CASH, venue=COSTS)
        return audited_run(run, market, tmp_path / "run")

    return write_and_audit


def rules(report):
    return {finding.rule for finding in report.findings}


def test_shorts_with_carry_dividends_and_covers_audit_clean(whole):
    outcome, _, report, _ = whole
    assert report.ok, format_report(report)
    covers = [fill for fill in outcome.fills if fill.role == "liquidation"]
    # The loss of A at its gap leaves too little behind C, at the same open.
    assert [(fill.instrument, fill.stage) for fill in covers] == [
        ("BBB", "range"),
        ("AAA", "open"),
        ("CCC", "open"),
    ]
    counted = {"borrow fees": 4, "rebates": 4, "dividends": 3, "touched liquidations": 3}
    assert {name: report.checks[name] for name in counted} == counted
    assert report.checks["cash at forced covers"] == 1


LENDING = ("borrow_fee", "rebate", "dividend")


@pytest.mark.parametrize("change", ["deleted", "doubled", "shifted", "flipped", "renamed"])
@pytest.mark.parametrize("kind", LENDING)
def test_no_row_of_the_carry_can_be_changed(whole, kind, change):
    _, market, _, folder = whole
    path = folder / "ledger.parquet"
    table = pq.read_table(path)
    rows = table.to_pylist()
    places = [i for i, row in enumerate(rows) if row["kind"] == kind]
    assert places
    try:
        for place in places:
            pq.write_table(
                type(table).from_pylist(changed(rows, place, change), table.schema), path
            )
            assert not audit_run(folder, market).ok, (kind, place)
    finally:
        pq.write_table(table, path)
    assert audit_run(folder, market).ok


def changed(rows, place, change):
    """Return the rows with one of them changed."""
    row = dict(rows[place])
    if change == "deleted":
        return rows[:place] + rows[place + 1 :]
    if change == "doubled":
        return rows[: place + 1] + rows[place:]
    if change == "shifted":
        row["at"] += type(row["at"] - row["at"])(hours=1)
    elif change == "flipped":
        row["amount"] = -row["amount"]
    else:
        row["kind"] = "rebate" if row["kind"] == "borrow_fee" else "borrow_fee"
    return [*rows[:place], row, *rows[place + 1 :]]


def test_a_loan_that_is_not_paid_for_is_found(audited, monkeypatch):
    monkeypatch.setattr(ShortSales, "pay", lambda self, timeline, t: None)
    assert "every payment is booked" in rules(audited())


@pytest.mark.parametrize("name", ["borrow_fee", "rebate"])
def test_carry_of_another_day_count_is_found(audited, monkeypatch, name):
    true = getattr(short_sales, name)
    monkeypatch.setattr(
        short_sales, name, lambda value, rate, days: true(value, rate, days) * 360 / 365
    )
    assert "amount" in rules(audited())


def test_interest_on_the_collateral_is_found(audited, monkeypatch):
    monkeypatch.setattr(ShortSales, "value", lambda self, t: 0.0)
    assert "amount" in rules(audited())


def test_proceeds_that_pay_for_purchases_are_found(audited, monkeypatch):
    monkeypatch.setattr(ShortSales, "kept", lambda self, t: 0.0)
    assert "size" in rules(audited())


def test_a_sale_that_keeps_less_than_its_margin_is_found(audited, monkeypatch):
    monkeypatch.setattr(BorrowedShort, "margin_share", lambda self, setting: 0.0)
    assert "size" in rules(audited())


def test_a_cover_that_is_missed_is_found(audited, monkeypatch):
    monkeypatch.setattr(ShortSales, "cover_level", lambda self, k, t: float("nan"))
    assert {"plan 1: what is touched fills", "plan 2: what is touched fills"} & rules(audited())


def test_a_cover_at_another_multiple_is_found(audited, monkeypatch):
    true = BorrowedShort.cover_price
    monkeypatch.setattr(
        BorrowedShort,
        "cover_price",
        lambda self, *known: true(replace(self, maintenance_multiple=1.35), *known),
    )
    assert "liquidation price" in rules(audited())


def test_a_cover_that_forgets_the_other_shorts_is_found(audited, monkeypatch):
    true = ShortSales.cover_level

    def alone(self, k, t):
        total = self._total
        self._total = lambda t, part, *, without=-1: 0.0
        level = true(self, k, t)
        self._total = total
        return level

    monkeypatch.setattr(ShortSales, "cover_level", alone)
    assert "plan 2: what is touched fills" in rules(audited())


def test_a_cover_at_the_venues_fee_is_found(audited, monkeypatch):
    true = Ledger.fee

    def dear(self, at, *, kind=FactKind.FEE, amount, **known):
        more = 10.0 if kind is FactKind.LIQUIDATION_FEE else 1.0
        true(self, at, kind=kind, amount=amount * more, **known)

    monkeypatch.setattr(Ledger, "fee", dear)
    assert "amount" in rules(audited())


def test_a_dividend_that_the_short_keeps_is_found(audited, monkeypatch):
    true = Ledger.dividend
    monkeypatch.setattr(
        Ledger, "dividend", lambda self, at, **known: true(self, at, **{**known, "per_share": 0.0})
    )
    assert "amount" in rules(audited())


def test_a_short_marked_at_yesterdays_close_is_found(audited, monkeypatch):
    true = Collateral._mark
    monkeypatch.setattr(Collateral, "_mark", lambda self, k, t: true(self, k, max(t - 3, 0)))
    assert rules(audited())


def test_carry_booked_after_the_fills_of_its_instant_is_found(audited, monkeypatch):
    pays, opens = ShortSales.pay, simulator.Simulator.open_bars

    def open_bars(self, t):
        opens(self, t)
        pays(self.shorts, self.timeline, t)

    monkeypatch.setattr(ShortSales, "pay", lambda self, timeline, t: None)
    monkeypatch.setattr(simulator.Simulator, "open_bars", open_bars)
    assert rules(audited())


def test_the_same_run_is_simulated_dense(whole):
    outcome, market, _, _ = whole
    dense = finished(market, SCRIPT, RunMode.DENSE, account=CASH, venue=COSTS)
    assert repr(dense.outcome.facts) == repr(outcome.facts)
    assert outcome.instants_visited < dense.outcome.instants_visited
