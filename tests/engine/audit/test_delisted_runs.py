"""Runs with a delisting audit clean; a simulator that settles wrongly does not."""

import pytest

from data_feeds import trading_end
from data_feeds.clock import DAY_NS
from data_feeds.schema import ChannelKey, ChannelKind
from engine.audit import format_report
from engine.broker.execution import Execution, FillTerms
from engine.broker.final_closes import FinalCloses
from engine.config.models import RunMode
from engine.intents import Enter
from engine.results.coverage import missing_bars
from engine.results.finished import RunRecord
from engine.results.manifest import assumptions
from engine.risk.sizing_inputs import SizingInputs
from engine.testing import PERP, candles, hour, table
from tests.engine.audit.simulated import audited_run, scripted
from tests.engine.short_market import finished, hold
from tests.engine.test_delistings import SECOND_DAY, ended, funds, perp_market

CLOSES = [100.0, 101.0, 99.0, 100.0, 98.0, 97.0]


@pytest.fixture
def audited(tmp_path):
    """Return a function that buys a fund (or sells it short), asks again later, and audits."""

    def write_and_audit(price=20.0, *, weight=0.5, wrong=None):
        data = funds(CLOSES, price)
        script = {0: hold(a=weight, b=0.3), 3: hold(a=weight), 5: hold(a=weight, b=0.1)}
        run = finished(data, script, RunMode.SPARSE)
        read = data if wrong is None else wrong
        return run.outcome, audited_run(run, read, tmp_path / "run")

    return write_and_audit


def rules(report):
    return {finding.rule for finding in report.findings}


@pytest.mark.parametrize("weight", [0.5, -0.5])
@pytest.mark.parametrize("price", [None, 0.0, 20.0])
def test_settlements_of_funds_audit_clean(audited, price, weight):
    outcome, report = audited(price, weight=weight)
    assert [f.role for f in outcome.fills if f.instrument == "AAA"][-1] == "settlement"
    assert report.ok, format_report(report)
    assert report.checks["settlements"] == 1


def settled_perp(folder, price=50.0):
    data = perp_market([100.0] * 6, price)
    script = {0: [Enter(PERP.id, 1, 60.0, "test")]}
    run = scripted(data, script, ChannelKey(PERP.id, ChannelKind.BARS, "1h"), traded=PERP.id)
    return run.outcome, audited_run(run, data, folder)


def test_a_run_alone_that_ends_with_its_perp_audits_clean(tmp_path):
    outcome, report = settled_perp(tmp_path / "run")
    assert [fill.role for fill in outcome.fills] == ["entry", "settlement"]
    # A loss of 500 over a margin of 100.
    assert outcome.curve.equity[-1] - outcome.curve.equity[0] == pytest.approx(-100.0)
    assert report.ok, format_report(report)


def test_a_position_that_is_not_settled_is_found(audited, monkeypatch):
    monkeypatch.setattr(FinalCloses, "delist", lambda self, context: None)
    found = rules(audited()[1])
    assert "plan 1: what is touched fills" in found or "plan 2: what is touched fills" in found


def test_a_settlement_at_another_price_is_found(audited, monkeypatch):
    true = Execution.settle

    def generous(self, path, order, *, quantity, value, when):
        return true(self, path, order, quantity=quantity, value=value + 1.0, when=when)

    monkeypatch.setattr(Execution, "settle", generous)
    assert {"settlement value", "price of a settlement"} <= rules(audited()[1])


def test_a_settlement_at_the_last_close_instead_of_the_final_price_is_found(audited):
    # The run's record states no price, the audited source does.
    outcome, report = audited(None, wrong=funds(CLOSES, 20.0))
    assert [f.price for f in outcome.fills if f.role == "settlement"] == [97.0]
    assert "settlement value" in rules(report)


def test_a_settlement_that_costs_a_fee_is_found(audited, monkeypatch):
    def charged(self, path, order, *, quantity, value, when):
        terms = FillTerms(quantity, value, value, 0.0, 0.01, False, path.contract)
        return self._book(path, order, terms, when)

    monkeypatch.setattr(Execution, "settle", charged)
    assert {"fee rate", "fee"} <= rules(audited()[1])


def test_a_settlement_a_bar_early_is_found(tmp_path):
    # The run's source ended an hour before the audited one.
    run = finished(funds(CLOSES[:-1], 20.0), {0: hold(a=0.5)}, RunMode.SPARSE)
    report = audited_run(run, funds(CLOSES, 20.0), tmp_path / "run")
    assert "settles at its expiry or last bar" in rules(report)


def test_the_last_bar_is_that_of_the_source_and_not_of_the_loader(tmp_path, monkeypatch):
    # The engine and the loader end a day early, at hour 24; the stored bars go on to hour 30.
    data = funds([100.0] * 30, 20.0, hours=60, last_day=SECOND_DAY)
    true = trading_end.last_session

    def early(instrument):
        bounds = true(instrument)
        return bounds and (bounds[0] - DAY_NS, bounds[1] - DAY_NS)

    monkeypatch.setattr(trading_end, "last_session", early)
    run = finished(data, {0: hold(a=0.5)}, RunMode.SPARSE)
    assert [f.at for f in run.outcome.fills if f.role == "settlement"] == [hour(24)]
    report = audited_run(run, data, tmp_path / "run")
    assert "last bar of a delisted instrument" in rules(report), format_report(report)


@pytest.mark.parametrize("other", ["AAPERP", "ZZPERP"])
def test_a_settlement_decides_nothing_inside_the_bars_that_close_with_it(other, tmp_path):
    # A cross wallet of 300 behind two longs of 10 at 100. The low of 85 costs 150 while the other
    # position is at 100; the settlement at 80, when that bar closes, takes 200 more.
    low = [(100.0, 100.0, 100.0, 100.0)] * 5 + [(100.0, 100.0, 85.0, 100.0)]
    data = table(
        candles([(100.0, 100.0, 100.0, 100.0)] * 6),
        candles(low + low[:1] * 24, instrument=other),
        instruments=(ended(PERP, 80.0), PERP.model_copy(update={"id": other})),
    )
    entries = [Enter(name, 1, 50.0, "test") for name in sorted((PERP.id, other))]
    run = scripted(
        data,
        {0: entries},
        ChannelKey(PERP.id, ChannelKind.BARS, "1h"),
        traded=tuple(sorted((PERP.id, other))),
        account={"venue_cash": 300.0, "brokerage_cash": 10_000.0, "margin_mode": "cross"},
    )
    assert [fill.role for fill in run.outcome.fills] == ["entry", "entry", "settlement"]
    assert run.outcome.curve.equity[0] - run.outcome.curve.equity[-1] == pytest.approx(200.0)
    report = audited_run(run, data, tmp_path / "run")
    assert report.ok, format_report(report)


def test_a_purchase_after_the_last_bar_is_found(audited, monkeypatch):
    monkeypatch.setattr(SizingInputs, "delisted", lambda self, instrument, at: None)
    assert "no entry after the instrument's end" in rules(audited()[1])


def test_a_run_says_what_was_delisted_and_that_no_later_bar_is_missing():
    data = funds(CLOSES, 20.0, hours=60)
    run = finished(data, {0: hold(a=0.5)}, RunMode.SPARSE)
    record = RunRecord(run)
    said = "\n".join(assumptions(record))
    assert (
        "AAA was delisted after 2026-02-02 (bankruptcy); positions were settled at 20 USD when its "
        "last bar closed; the rules decided nothing after that, because it was their clock." in said
    )
    assert "no bar of AAA 1h missing in the window" in missing_bars(record)
