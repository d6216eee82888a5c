"""Check pages and answers of a playbook of weights: a rebalancing counts as an entry."""

import numpy as np
import pytest

from data_feeds.instrument import Instrument, InstrumentKind
from engine.answers.instant import explain_at
from engine.answers.why_not_text import explain_why_not
from engine.intents import PutOff, Rebalance
from engine.pages import run_rows
from engine.pages.summary import summary
from engine.playbook_checks.checks import _adding
from engine.results.contents import write_files
from engine.results.finished import RunRecord
from engine.run_folder.seals import write_seals
from engine.testing import SPOT, candles, table
from tests.engine.test_shared_cash import finished

COIN = SPOT
FUND = Instrument(id="FUND", kind=InstrumentKind.ETF, quote="USD", tick_size=0.01, lot_size=1.0)
DAYS = 8
WEIGHTS = {COIN.id: 0.5, "FUND": 0.4}


def weights_run(script, *, venue, brokerage):
    """Return a run of daily bars at 100 in a coin (at the venue) and a fund (at the brokerage)."""
    rows = [(100.0,) * 4] * DAYS
    data = table(
        candles(rows, instrument="FUND", timeframe="1d"),
        candles(rows, instrument=COIN.id, timeframe="1d"),
        instruments=(COIN, FUND),
    )
    account = {"venue_cash": venue, "brokerage_cash": brokerage}
    return finished(data, script, account=account)


def journal(run):
    rows = RunRecord(run).journal.select(["blocked_kind", "blocked_by"]).to_pylist()
    return [(row["blocked_kind"], row["blocked_by"]) for row in rows]


def told(run, day, tmp_path):
    folder = tmp_path / "run"
    if not folder.exists():
        folder.mkdir()
        write_files(RunRecord(run), folder)
        write_seals(folder)
    at = np.datetime_as_string(
        np.datetime64(int(run.signals.decided_at[day]), "ns"), unit="s", timezone="UTC"
    )
    return " ".join(explain_at(folder, at).split())


def test_a_first_purchase_and_a_rebalancing_of_others_are_entries(tmp_path) -> None:
    # The second one buys of the fund alone, which the journal's own instrument is not.
    script = {0: [Rebalance(WEIGHTS, "first")], 3: [Rebalance({COIN.id: 0.3}, "less coin")]}
    run = weights_run(script, venue=60_000.0, brokerage=60_000.0)
    assert run.requirements.leading == "FUND"
    nothing = ("playbook", "nothing due")
    assert journal(run) == [("", ""), nothing, nothing, ("", "")] + [nothing] * 4
    assert "A rebalancing was approved." in told(run, 0, tmp_path)
    assert "asked for nothing" not in told(run, 0, tmp_path)
    assert "No rebalancing was due." in told(run, 1, tmp_path)


def test_orders_that_lacked_cash_in_their_wallet_are_counted(tmp_path) -> None:
    # All cash lies at the brokerage: no coin is ever bought, day after day.
    script = {day: [Rebalance(WEIGHTS, "daily")] for day in range(DAYS)}
    run = weights_run(script, venue=0.0, brokerage=100_000.0)
    # Seven purchases of the coin fail and one of the fund fills; the last order finds no open.
    (line,) = run_rows.unfilled_rows(RunRecord(run))
    assert line == (
        "rejected, nothing filled: free cash does not carry the rest",
        f"{DAYS - 1} of {DAYS + 1}",
    )
    assert f"free cash does not carry the rest {DAYS - 1} of {DAYS + 1}" in " ".join(
        summary(RunRecord(run), None).split()
    )
    told(run, 0, tmp_path)
    words = " ".join(explain_why_not(tmp_path / "run", "2026-02-03").split())
    assert "never filled (free cash does not carry the rest)" in words
    assert "asked for nothing" not in words


def test_a_rebalancing_that_risk_refused_says_so(tmp_path) -> None:
    run = weights_run(
        {0: [Rebalance(WEIGHTS, "x", min_ticket=1e6)]}, venue=60_000.0, brokerage=60_000.0
    )
    assert journal(run)[0] == ("risk", "minimum ticket")
    assert "asked for a rebalancing; the risk module refused: minimum ticket" in told(
        run, 0, tmp_path
    )


def test_a_rebalancing_that_is_put_off_names_its_reason(tmp_path) -> None:
    note = PutOff("FUND", "order works", "monthly rebalancing: an order still works in FUND")
    run = weights_run({0: [note]}, venue=60_000.0, brokerage=60_000.0)
    assert journal(run)[0] == ("risk", "order works")
    assert run_rows.block_rows(RunRecord(run))[0][0] in (
        "risk: order works",
        "playbook: nothing due",
    )


@pytest.mark.parametrize("intent", ["rebalance"])
def test_the_checks_of_a_playbook_look_at_rebalancings(intent) -> None:
    run = weights_run({0: [Rebalance(WEIGHTS, "first")]}, venue=60_000.0, brokerage=60_000.0)
    assert [d.intent for d in _adding(run)] == [intent] * 2
