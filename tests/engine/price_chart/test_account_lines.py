"""Equity, drawdown and exposures: exact where they are drawn, thinned by their extremes."""

from dataclasses import replace

import numpy as np
import pytest

from data_feeds.clock import HOUR_NS
from data_feeds.schema import ChannelKey, ChannelKind
from engine.intents import Enter, Exit
from engine.metrics import drawdowns
from engine.price_chart import run_chart
from engine.price_chart.account_lines import account_lines, moving_rows
from engine.results.finished import RunRecord
from engine.testing import ETF, PERP, START, candles, table
from tests.engine.audit.simulated import scripted
from tests.engine.mixed_cases import mixed_case
from tests.engine.price_chart.two_plans import two_plans


def test_exposure_is_the_signed_notional_over_equity():
    run = two_plans()
    account = run_chart(RunRecord(run)).account
    curve = run.outcome.curve
    rows = np.searchsorted(curve.at, account.at)
    np.testing.assert_array_equal(account.equity, curve.equity[rows])
    # Long 10 from hour 1 on, 5 from hour 5, none from hour 6; short 9.523 from hour 8.
    hours = (account.exposure_at - RunRecord(run).start) // HOUR_NS
    equity = curve.equity[np.searchsorted(curve.at, account.exposure_at)]
    held = dict(zip(hours.tolist(), (account.exposure[PERP.id] * equity).tolist(), strict=True))
    assert held[2] == pytest.approx(10 * 100.0)
    assert held[5] == pytest.approx(5 * 103.0)
    assert held[6] == 0.0
    assert 7 not in held or held[7] == 0.0
    assert held[9] == pytest.approx(-9.523 * 107.0)


def test_exposure_begins_and_ends_at_the_fill_and_not_at_the_next_close():
    # Sessions of 14:30 to 21:00 and a fill at an open: the next close is hours later.
    opens = [START + (24 * day + 14) * HOUR_NS for day in range(6)]
    bars = candles(
        [(100, 101, 99, 100)] * 6, instrument=ETF.id, timeframe="1d", opened_at=opens,
        closed_at=[at + 7 * HOUR_NS for at in opens],
    )  # fmt: skip
    script = {1: [Enter(ETF.id, 1, 90.0, "one")], 3: [Exit(ETF.id, "two")]}
    cash = {"brokerage_cash": 100_000.0}
    run = scripted(table(bars), script, ChannelKey(ETF.id, ChannelKind.BARS, "1d"), account=cash)
    account = account_lines(RunRecord(run))
    entered, left = (fill.at for fill in run.outcome.fills)
    assert entered == opens[2]
    assert left == opens[4]
    held = account.exposure_at[account.exposure[ETF.id] > 0]
    assert held[0] == entered
    assert left in account.exposure_at[account.exposure[ETF.id] == 0]
    assert held[-1] < left


# Wallets in other currencies than the account's, inverse perps and shares sold short among them.
@pytest.mark.parametrize("seed", [1, 2, 3, 11, 19])
def test_exposures_of_all_instruments_are_the_notional_of_the_curve(seed):
    run = mixed_case(seed).finished()
    record = RunRecord(run)
    # At the last price, as the chart draws; the curve values perps at their mark.
    account = account_lines(record, most=10**9)
    curve = run.outcome.curve
    rows = np.flatnonzero(np.isin(account.exposure_at, curve.at))
    at = account.exposure_at[rows]
    opened = {fill.at for fill in run.outcome.fills}
    settled = np.array([instant not in opened for instant in at.tolist()])
    total = sum(np.abs(line[rows]) for line in account.exposure.values())
    whole = np.searchsorted(curve.at, at)
    equity, gross = curve.equity[whole], curve.gross_notional[whole]
    checked = settled & (equity > 0)
    assert (gross[checked] > 0).any()
    np.testing.assert_allclose(total[checked], (gross / equity)[checked], rtol=0.06, atol=1e-9)


def test_the_drawdown_falls_from_the_cash_at_the_start():
    # Long from the open of hour 1; the first close is the highest of all that follow.
    run = two_plans()
    curve = run.outcome.curve
    lower = replace(run.outcome, curve=replace(curve, equity=curve.equity * 0.9))
    account = account_lines(RunRecord(replace(run, outcome=lower)), most=10**9)
    start = RunRecord(run).start_equity
    assert account.drawdown[0] == pytest.approx(account.equity[0] / start - 1)
    assert account.drawdown[0] < -0.05


def test_a_run_without_a_close_has_no_lines_and_no_fault():
    run = two_plans()
    fields = {name: np.zeros(0) for name in vars(run.outcome.curve)}
    curve = replace(run.outcome.curve, **fields | {"at": np.zeros(0, np.int64)})
    account = account_lines(RunRecord(replace(run, outcome=replace(run.outcome, curve=curve))))
    assert len(account.at) == len(account.equity) == len(account.drawdown) == 0
    assert len(moving_rows(np.zeros(0))) == 0


@pytest.mark.parametrize("most", [40, 200])
def test_thinned_equity_keeps_its_extremes_and_the_deepest_drawdown(make_run, most):
    record = RunRecord(make_run())
    curve = record.run.outcome.curve
    account = account_lines(record, most=most)
    assert len(account.at) <= most < len(curve.at)
    assert account.equity.min() == curve.equity.min()
    assert account.equity.max() == curve.equity.max()
    assert account.drawdown.min() == drawdowns(np.append(record.start_equity, curve.equity)).min()
    assert (account.at[0], account.at[-1]) == (curve.at[0], curve.at[-1])
    for fill in record.run.outcome.fills:
        assert fill.at in account.exposure_at
