"""Runs with transfers between wallets audit clean; a simulator with faulty transfers does not."""

import pytest

from engine.audit import format_report
from engine.broker import transfers
from engine.broker.transfers import Transfers
from engine.intents import Enter, Exit, Transfer
from engine.ledger import Ledger
from engine.testing import PERP, candles, table
from tests.engine.audit.simulated import audited_run, scripted

MARKET = table(candles([(100.0, 103.0, 98.0, 101.0)] * 60))
KEY = next(iter(MARKET.channels))
SCRIPT = {
    2: [Transfer("venue", 0.2, "more margin"), Enter(PERP.id, 1, stop=90.0, reason="in")],
    20: [Exit(PERP.id, "out"), Transfer("brokerage", 0.3, "back")],
    50: [Transfer("brokerage", 0.1, "still under way at the end")],
}


@pytest.fixture
def audited(tmp_path):
    def write_and_audit():
        account = {"venue_cash": 10_000.0, "brokerage_cash": 10_000.0}
        finished = scripted(MARKET, SCRIPT, KEY, account=account)
        return finished.outcome, audited_run(finished, MARKET, tmp_path / "run")

    return write_and_audit


def rules(report):
    return {finding.rule for finding in report.findings}


def test_departures_and_arrivals_audit_clean(audited):
    outcome, report = audited()
    assert report.ok, format_report(report)
    assert report.checks["transfers, out and in"] == 10
    assert outcome.curve.transit_cash[-1] > 0


def test_cash_that_arrives_late_is_found(audited, monkeypatch):
    true = transfers.arrives_at
    monkeypatch.setattr(transfers, "arrives_at", lambda at, days: true(at, days) + 3_600 * 10**9)
    assert {"every payment is booked", "nothing else is booked"} <= rules(audited()[1])


def test_cash_that_never_arrives_is_found(audited, monkeypatch):
    monkeypatch.setattr(Transfers, "deliver", lambda self, at: None)
    assert "every payment is booked" in rules(audited()[1])


def test_cash_that_arrives_in_part_is_found(audited, monkeypatch):
    true = Ledger.transfer

    def skim(self, at, source, destination, amount):
        true(self, at, source, destination, amount * (0.99 if source == "transit" else 1.0))

    monkeypatch.setattr(Ledger, "transfer", skim)
    assert "amount" in rules(audited()[1])


def test_cash_that_comes_back_to_its_own_wallet_is_found(audited, monkeypatch):
    true = Transfers.send

    def confused(self, at, destination, amount):
        true(self, at, destination, amount)
        due, number, _, sum_ = self._queue.pop()
        other = "brokerage" if destination == "venue" else "venue"
        self._queue.append((due, number, type(destination)(other), sum_))

    monkeypatch.setattr(Transfers, "send", confused)
    assert {"every payment is booked", "nothing else is booked"} <= rules(audited()[1])
