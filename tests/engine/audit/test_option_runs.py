"""Runs that hedge with options audit clean; a simulator that breaks an option rule does not.

The audit prices the contracts again from the underlying and its index.
"""

import pytest

from data_feeds.clock import HOUR_NS
from data_feeds.schema import ChannelKey, ChannelKind
from engine.audit import channels, format_report
from engine.broker import matching
from engine.broker.execution import Execution, FillTerms
from engine.broker.final_closes import FinalCloses
from engine.intents import Exit, Hedge
from engine.testing import SPOT, candles, table
from tests.engine.audit.simulated import audited_run, scripted
from tests.engine.option_market import CASH, CONTRACT, EXPIRY, LATER, OPENED, SPY, market

CLOSES = [100.0, *([96.0] * (EXPIRY - 2)), 92.0, 90.0, 90.0, 91.0]
CLOCK = ChannelKey("SPY", ChannelKind.BARS, "1d")
OPENS = [100.0, 97.0, *([96.0] * (EXPIRY - 2)), 91.0, 90.0, 90.0]
SCRIPT = {
    0: [Hedge(CONTRACT.id, 0.4, 0.004, "first")],
    5: [Hedge(LATER.id, 0.4, 0.02, "second")],
    12: [Exit(LATER.id, "sold early")],
}


@pytest.fixture
def audited(tmp_path):
    def write_and_audit(*watched):
        data = market(CLOSES, opens=OPENS)
        if watched:
            data = table(*data.channels.values(), *watched, instruments=(SPY, SPOT))
        finished = scripted(data, SCRIPT, CLOCK, account=CASH)
        return finished.outcome, audited_run(finished, data, tmp_path / "run")

    return write_and_audit


def rules(report):
    return {finding.rule for finding in report.findings}


def test_purchases_sales_and_settlements_audit_clean(audited):
    outcome, report = audited()
    assert [fill.role for fill in outcome.fills] == ["entry", "entry", "exit", "settlement"]
    # The budget cuts the first entry at an open below the close of its sizing.
    assert outcome.fills[0].quantity < outcome.orders[0].quantity
    assert report.ok, format_report(report)
    assert report.checks["settlements"] == 1


def test_an_instrument_that_is_only_watched_opens_no_account(audited):
    # Its first bar opens at midnight, hours before the fund's.
    watched = candles([(50_000.0,) * 4] * 24, instrument=SPOT.id)
    outcome, report = audited(watched)
    assert outcome.facts[0].at > watched["opened_at"][0]
    assert report.ok, format_report(report)


def test_an_order_that_is_decided_in_the_last_session_ends_with_the_contract(tmp_path):
    # Bought two hours after the last open, by another market's clock: no open follows.
    opened = [int(OPENED[EXPIRY]) + i * HOUR_NS for i in range(4)]
    watched = candles([(50_000.0,) * 4] * 4, instrument=SPOT.id, opened_at=opened)
    data = market(CLOSES, opens=OPENS)
    data = table(*data.channels.values(), watched, instruments=(SPY, SPOT))
    script = {1: [Hedge(CONTRACT.id, 0.4, 0.1, "late")]}
    clock = ChannelKey(SPOT.id, ChannelKind.BARS, "1h")
    run = scripted(data, script, clock, traded="SPY", account=CASH)
    assert [(o.role, o.end_reason) for o in run.outcome.orders] == [("entry", "expired")]
    report = audited_run(run, data, tmp_path / "run")
    assert report.ok, format_report(report)


def test_a_contract_that_does_not_settle_is_found(audited, monkeypatch):
    monkeypatch.setattr(FinalCloses, "settle", lambda self, context: None)
    assert "plan 1: what is touched fills" in rules(audited()[1])


def test_a_settlement_at_another_value_is_found(audited, monkeypatch):
    true = Execution.settle

    def generous(self, path, order, *, quantity, value, when):
        return true(self, path, order, quantity=quantity, value=value + 1.0, when=when)

    monkeypatch.setattr(Execution, "settle", generous)
    assert {"settlement value", "price of a settlement"} <= rules(audited()[1])


def test_a_settlement_that_costs_a_fee_is_found(audited, monkeypatch):
    def charged(self, path, order, *, quantity, value, when):
        terms = FillTerms(quantity, value, value, 0.0, 0.01, False, path.contract)
        return self._book(path, order, terms, when)

    monkeypatch.setattr(Execution, "settle", charged)
    assert {"fee rate", "fee"} <= rules(audited()[1])


def test_an_option_bought_without_its_half_spread_is_found(audited, monkeypatch):
    monkeypatch.setattr(
        Execution, "taker_price", lambda self, path, order, raw, quantity, when: (raw, 0.0)
    )
    assert {"slippage", "price"} <= rules(audited()[1])


def test_a_premium_beyond_its_budget_is_found(audited, monkeypatch):
    monkeypatch.setattr(matching, "affordable", lambda free, per_unit, lot_size: 1e12)
    assert "size" in rules(audited()[1])


def test_quotes_that_are_not_the_models_are_found(audited, monkeypatch):
    true = channels.with_contracts

    def other_model(dataset, listed, model):
        return true(dataset, listed, model.model_copy(update={"skew": 0.1}))

    monkeypatch.setattr(channels, "with_contracts", other_model)
    assert {"fingerprint of the market data", "raw price"} <= rules(audited()[1])
