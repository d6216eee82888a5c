"""Equity, drawdown and exposures of the chart: exact where they are, thinned by their extremes."""

import numpy as np
import pytest

from engine.metrics import drawdowns
from engine.price_chart import run_chart
from engine.price_chart.run_chart import account_lines
from engine.price_chart.unwritten_run import UnwrittenRun
from engine.results.finished import RunRecord
from engine.testing import PERP
from tests.engine.price_chart.two_plans import two_plans


def test_exposure_is_the_signed_notional_over_equity():
    run = two_plans()
    account = run_chart(RunRecord(run)).account
    curve = run.outcome.curve
    rows = np.searchsorted(curve.at, account.at)
    np.testing.assert_array_equal(account.equity, curve.equity[rows])
    # Long 10 from hour 1 on, 5 from hour 5, none from hour 6; short 9.523 from hour 8.
    hours = (account.at - RunRecord(run).start) // 3_600_000_000_000
    held = dict(
        zip(hours.tolist(), (account.exposure[PERP.id] * account.equity).tolist(), strict=True)
    )
    assert held[2] == pytest.approx(10 * 100.0)
    assert held[5] == pytest.approx(5 * 103.0)
    assert held[6] == held[7] == 0.0
    assert held[9] == pytest.approx(-9.523 * 107.0)


@pytest.mark.parametrize("most", [40, 200])
def test_thinned_equity_keeps_its_extremes_and_the_deepest_drawdown(make_run, most):
    record = RunRecord(make_run())
    run, curve = UnwrittenRun(record), record.run.outcome.curve
    account = account_lines(run, record.run.dataset.instruments, record.traded_bars, most=most)
    assert len(account.at) < len(curve.at)
    assert account.equity.min() == curve.equity.min()
    assert account.equity.max() == curve.equity.max()
    assert account.drawdown.min() == drawdowns(curve.equity).min()
    assert (account.at[0], account.at[-1]) == (curve.at[0], curve.at[-1])
    # Each fill has the instants at which its position begins to count.
    for fill in record.run.outcome.fills:
        assert fill.at in account.at
