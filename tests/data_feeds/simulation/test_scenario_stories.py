"""Forty paths of sixty days follow the descriptions of the scenarios."""

import numpy as np
import pytest

from data_feeds.schema import ChannelKey, ChannelKind
from data_feeds.simulation.scenarios import SCENARIOS
from tests.data_feeds.simulation.scenario_cases import (
    CLOCK,
    PERP,
    QQQ,
    daily_closes,
    history,
    last_value,
    mean_over,
    rms,
    session_pairs,
    sixty_days,
    total_return,
)


def test_bitcoin_gains_most_in_c_and_loses_in_b():
    a, b, c = (mean_over(name, lambda p: total_return(p, CLOCK)) for name in "ABC")
    # The mean of 40 paths of 60 days has a standard error of about 3% to 6%.
    assert c > a + 0.1
    assert a > b + 0.1
    assert abs(a) < 0.15


@pytest.mark.parametrize("name", list(SCENARIOS))
def test_bitcoin_volatility_ends_at_the_stated_multiple(name):
    start = rms(np.diff(np.log(history().channels[CLOCK]["close"][::-96][::-1]))[-20:])
    end = rms(
        np.concatenate(
            [np.diff(np.log(daily_closes(path, history())))[-30:] for path in sixty_days(name)]
        )
    )
    # 40 paths of wild days: a standard error of 5%.
    assert end / start == pytest.approx(SCENARIOS[name].bitcoin_volatility_multiple, rel=0.15)


def test_b_widens_spreads_and_lifts_yields_vix_and_the_dollar():
    for name in ("BAMLH0A0HYM2", "DGS10", "VIX", "DXY"):
        before = float(history().channel(name, ChannelKind.SERIES)["value"][-1])
        assert mean_over("B", lambda p, n=name: last_value(p, n)) > 1.01 * before, name
        shallow = mean_over("A", lambda p, n=name: last_value(p, n))
        assert shallow < mean_over("B", lambda p, n=name: last_value(p, n)), name
    # The client's A: yields stabilize, a tenth of a point around where they were.
    ten = float(history().channel("DGS10", ChannelKind.SERIES)["value"][-1])
    assert mean_over("A", lambda p: last_value(p, "DGS10")) == pytest.approx(ten, abs=0.12)
    assert mean_over("C", lambda p: last_value(p, "VIX")) < 15


def test_bitcoin_underperforms_the_nasdaq_in_b_and_technology_leads_in_c():
    assert mean_over("B", lambda p: total_return(p, CLOCK) - total_return(p, QQQ)) < -0.1
    spy = ChannelKey("SPY", ChannelKind.BARS, "1d")
    lead = [mean_over(n, lambda p: total_return(p, QQQ) - total_return(p, spy)) for n in "AC"]
    assert lead[0] < 0.03 < lead[1]


def test_the_deepest_falls_rebound_most_in_c():
    igv, spy = (ChannelKey(name, ChannelKind.BARS, "1d") for name in ("IGV", "SPY"))
    beyond = [mean_over(n, lambda p: total_return(p, igv) - total_return(p, spy)) for n in "AC"]
    assert beyond[1] > beyond[0] + 0.03


def test_bitcoin_and_the_nasdaq_decouple_in_a():
    pairs = [session_pairs(path) for path in sixty_days("A")]
    # 40 paths x 15 sessions: a standard error of 0.04 for each correlation.
    first, last = (
        np.corrcoef(*(np.concatenate([pair[i][rows] for pair in pairs]) for i in (0, 1)))[0, 1]
        for rows in (slice(None, 15), slice(-15, None))
    )
    assert last < first - 0.08


def test_leverage_unwinds_in_b():
    def forced(path):
        return float(path.channel(PERP, ChannelKind.LIQUIDATIONS)["long_quote"].sum())

    assert mean_over("B", forced) > 1.5 * mean_over("A", forced)
