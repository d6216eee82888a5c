"""Findings in two channels of one market, by hand and against slow medians."""

from collections.abc import Sequence

import numpy as np
import pytest

from data_feeds.clock import DAY_NS, HOUR_NS, MINUTE_NS
from data_feeds.dataset import Dataset
from data_feeds.errors import SchemaError
from data_feeds.instrument import Instrument, InstrumentKind
from data_feeds.quality import (
    FindingKind,
    Limits,
    findings,
    mark_findings,
    peer_findings,
    timeframe_findings,
    usual_peers,
)
from data_feeds.quality.pairs import _median_around, refuse_unlike
from data_feeds.schema import Channel, ChannelKey, ChannelKind
from tests.data_feeds.factory import bars, replaced, series, session_hours
from tests.data_feeds.quality_cases import (
    SPOT,
    START,
    brief,
    closing,
    hours,
    renamed,
)

# Marks --------------------------------------------------------------------------------------------


def test_runs_of_marks_away_from_the_last_price_are_found_with_the_worst() -> None:
    last = closing([100.0] * 6)
    mark = closing([100.9, 101.5, 98, 100, 99.2, 102], kind=ChannelKind.MARK)
    found = mark_findings(mark, last)
    # 1.5% above and 2% below follow each other; 0.9% and 0.8% are within 1%.
    assert brief(found) == [("mark_divergence", 1, 3, 2), ("mark_divergence", 5, 6, 1)]
    assert [f.value for f in found] == pytest.approx([-0.02, 0.02])
    assert found[0].key == mark.key
    assert found[0].against == last.key


def test_a_run_ends_where_rows_are_missing() -> None:
    mark = closing([102.0] * 4, kind=ChannelKind.MARK)
    last = closing([100.0] * 4).take(np.array([0, 1, 3]))
    assert brief(mark_findings(mark, last)) == [
        ("mark_divergence", 0, 2, 2),
        ("mark_divergence", 3, 4, 1),
    ]


def test_marks_are_compared_at_equal_instants_only() -> None:
    # Half-hour bars: those that close on the hour are 100, the others 150.
    row = [(p, p, p, p, 1) for p in (150, 100, 150, 100)]
    last = bars([START + i * 30 * MINUTE_NS for i in range(4)], row, "30m")
    assert mark_findings(closing([100.0, 100.0], kind=ChannelKind.MARK), last) == []


def test_the_caller_sets_the_limit() -> None:
    mark = closing([100.9], kind=ChannelKind.MARK)
    assert len(mark_findings(mark, closing([100.0]), Limits(mark_rate=0.005))) == 1


# Timeframes ---------------------------------------------------------------------------------------


def quarters(close: float = 100, volume: float = 1) -> Channel:
    """Eight quarter-hour bars; the sixth closes at ``close`` with ``volume``."""
    rows = [(100, 101, 99, 100, 1)] * 8
    rows[5] = (100, 101, 99, close, volume)
    return bars([START + i * 15 * MINUTE_NS for i in range(8)], rows, "15m")


def test_bars_that_agree_with_longer_ones_are_no_finding() -> None:
    longer = bars(hours(0, 1), [(100, 101, 99, 100, 4)] * 2)
    assert timeframe_findings(quarters(), longer) == []


def test_prices_that_differ_from_longer_bars_are_outliers() -> None:
    # The hour's low: 98 in its own bar, 99 in its quarters: 99 / 98 - 1 = 1.02%.
    longer = bars(hours(0, 1), [(100, 101, 99, 100, 4), (100, 101, 98, 100, 4)])
    (found,) = timeframe_findings(quarters(), longer)
    assert brief([found]) == [("outlier", 1, 2, 1)]
    assert found.value == pytest.approx(99 / 98 - 1)
    assert (found.key.timeframe, found.against) == ("15m", longer.key)


def test_a_twentieth_of_a_percent_is_rounding() -> None:
    longer = bars(hours(0, 1), [(100, 101.05, 99, 100, 4)] * 2)
    assert timeframe_findings(quarters(), longer) == []


def test_volume_lost_upstream_is_a_mismatch() -> None:
    # 3 of 4: a quarter of the hour's volume is not there.
    longer = bars(hours(0, 1), [(100, 101, 99, 100, 4)] * 2)
    (found,) = timeframe_findings(quarters(volume=0), longer)
    assert brief([found]) == [("volume_mismatch", 1, 2, 1)]
    assert found.value == pytest.approx(-0.25)


def test_incomplete_hours_are_not_compared() -> None:
    longer = bars(hours(0, 1), [(100, 101, 99, 100, 4), (100, 150, 50, 100, 40)])
    assert timeframe_findings(quarters().take(np.arange(7)), longer) == []
    holed = quarters().take(np.array([0, 1, 2, 3, 4, 6, 7]))
    assert timeframe_findings(holed, longer) == []


def test_idle_hours_agree_with_idle_hours() -> None:
    idle = replaced(quarters(), volume=[0.0] * 8)
    assert timeframe_findings(idle, bars(hours(0, 1), [(100, 101, 99, 100, 0)] * 2)) == []


def test_bars_of_sessions_are_not_compared_but_searched_for_spikes() -> None:
    spy, quiet = session_hours(["2026-02-05", "2026-02-06"])
    spiky = replaced(quiet, high=[1, 1.5, *[1] * 12])
    day = bars([int(quiet["opened_at"][0])], [(1, 1, 1, 1, 2)], "1d")
    closed = day["opened_at"] + int(6.5 * HOUR_NS)
    day = renamed(replaced(day, closed_at=closed, available_at=closed), spy.id)
    held = {channel.key: channel for channel in (spiky, day)}
    (found,) = findings(Dataset({spy.id: spy}, held))
    assert (found.key, found.kind) == (spiky.key, FindingKind.SPIKE)


def test_bars_shorter_than_their_timeframe_are_not_compared() -> None:
    longer = bars(hours(0, 1), [(100, 101, 50, 100, 4)] * 2)
    short = quarters()["closed_at"] - MINUTE_NS
    assert timeframe_findings(replaced(quarters(), closed_at=short), longer) == []


# Peers --------------------------------------------------------------------------------------------


def test_a_steady_premium_is_no_finding_and_a_print_of_its_own_is() -> None:
    perp = closing([103.0] * 30 + [106.0] + [103.0] * 17)
    spot = closing([100.0] * 48, SPOT.id)
    close, reach = peer_findings(perp, spot, Limits(peer_range_rate=0.025))
    # 106 / 103 - 1 = 2.91% above the usual ratio of 1.03.
    assert brief([close, reach]) == [("outlier", 30, 31, 1), ("range_outlier", 30, 31, 1)]
    assert close.value == reach.value == pytest.approx(106 / 103 - 1)
    assert close.against == spot.key
    # Beyond the defaults of 2% for closes, not of 5% for highs and lows.
    assert brief(peer_findings(perp, spot)) == [("outlier", 30, 31, 1)]


def test_a_wick_in_one_source_is_found_on_either_side() -> None:
    calm = closing([100.0] * 30)
    lows = [100.0] * 30
    lows[12] = 90
    wick = renamed(replaced(calm, low=lows), SPOT.id)
    (found,) = peer_findings(wick, calm)
    assert brief([found]) == [("range_outlier", 12, 13, 1)]
    assert found.value == pytest.approx(-0.1)
    (missed,) = peer_findings(calm, wick)
    assert missed.value == pytest.approx(100 / 90 - 1)


def test_a_premium_that_moves_with_the_days_is_no_finding() -> None:
    # 10% in thirty days: a third of a percent a day, six hundredths within half a day.
    drift = 100 * np.linspace(1, 1.1, 720)
    assert peer_findings(closing(drift.tolist()), closing([100.0] * 720, SPOT.id)) == []


def test_series_compare_their_last_vintage() -> None:
    # Day 5 was published as 300 and corrected to 200 a day later; the peer says 200.
    days = [START + i * DAY_NS for i in range(20)]
    other = series(days, days, [200.0] * 20, "GSPC")
    known = [*days[:6], days[5] + DAY_NS, *days[6:]]
    values = [200.0] * 5 + [300.0, 200.0] + [200.0] * 14
    assert peer_findings(series([*days[:6], *days[5:]], known, values, "SP500"), other) == []
    values[6] = 300.0
    (found,) = peer_findings(series([*days[:6], *days[5:]], known, values, "SP500"), other)
    assert brief([found]) == [("outlier", 120, 120, 1)]
    assert found.value == pytest.approx(0.5)


def test_marks_meet_bars_at_their_instant() -> None:
    # Two days of prices that move; the mark leaves them in hour 30 alone.
    prices = np.linspace(100, 120, 48)
    marks = prices * np.where(np.arange(48) == 30, 1.03, 1)
    mark, last = closing(marks.tolist(), kind=ChannelKind.MARK), closing(prices.tolist())
    (found,) = peer_findings(mark, last)
    assert brief([found]) == [("outlier", 30, 31, 1)]
    assert found.value == pytest.approx(0.03)
    assert brief(peer_findings(last, mark)) == [("outlier", 30, 31, 1)]
    # Nothing is compared with what was another instant's.
    assert peer_findings(mark.take(slice(30, 31)), last.take(slice(0, 30))) == []


@pytest.mark.parametrize(
    ("one", "other", "words"),
    [
        ("SPY/bars/1d", "GSPC/series", "a peer of bars cannot be series; compare bars or marks"),
        ("GSPC/series", "SPY/mark/1d", "a peer of series cannot be mark; compare"),
        ("A/funding", "B/funding", "a peer of funding cannot be funding; compare"),
        ("SPY/bars/1d", "SPY/bars/1d", "always agrees with itself; name a second source"),
        ("SPY/bars/1d", "QQQ/mark/1h", "peers need one timeframe; name bars of the same length"),
    ],
)
def test_peers_that_cannot_be_compared_are_refused(one: str, other: str, words: str) -> None:
    def key(text: str) -> ChannelKey:
        name, kind, *timeframe = text.split("/")
        return ChannelKey(name, ChannelKind(kind), *timeframe)

    with pytest.raises(SchemaError, match=f"^{one} and {other}: .*{words}"):
        refuse_unlike(key(one), key(other))


def test_values_that_are_not_positive_are_left_out() -> None:
    days = [START + i * DAY_NS for i in range(3)]
    one = series(days, days, [-1.0, 0.0, 2.0], "A")
    assert peer_findings(one, series(days, days, [1.0, 1.0, 2.0], "B")) == []
    assert peer_findings(one.take(slice(2)), series(days, days, [1.0, 1.0, 2.0], "B")) == []


def test_bars_of_two_lengths_are_no_peers() -> None:
    with pytest.raises(SchemaError, match="peers need one timeframe"):
        peer_findings(quarters(), closing([100.0], SPOT.id))


def slow_median(at: Sequence[int], values: Sequence[float], reach: int) -> list[float]:
    near = [
        [value for other, value in zip(at, values, strict=True) if abs(other - instant) <= reach]
        for instant in at
    ]
    return [float(np.median(held)) for held in near]


def test_the_usual_ratio_is_a_median_of_half_a_day_to_each_side() -> None:
    rng = np.random.default_rng(3)
    at = START + np.cumsum(rng.integers(20, 100, 300)) * MINUTE_NS
    ratio = rng.normal(1, 0.01, 300)
    expected = slow_median(at.tolist(), ratio.tolist(), DAY_NS // 2)
    np.testing.assert_allclose(_median_around(at, ratio), expected, rtol=1e-12)


def test_of_daily_values_the_usual_ratio_is_a_median_of_twenty_one_rows() -> None:
    at = START + np.arange(50) * DAY_NS
    ratio = np.random.default_rng(4).normal(1, 0.01, 50)
    expected = [float(np.median(ratio[max(i - 10, 0) : i + 11])) for i in range(50)]
    np.testing.assert_allclose(_median_around(at, ratio), expected, rtol=1e-12)


def test_usual_peers_share_quote_timeframe_and_the_name_before_the_dash() -> None:
    ids = ("BTCUSDT-PERP", "BTCUSDT-SPOT", "BTCUSDT-EUR", "ETHUSDT-PERP", "SPY", "SPY2")
    instruments = {
        name: Instrument(id=name, kind=InstrumentKind.SPOT, quote="EUR" if "EUR" in name else "X")
        for name in ids
    }
    keys = [ChannelKey(name, ChannelKind.BARS, "1h") for name in ids]
    keys.append(ChannelKey("BTCUSDT-SPOT", ChannelKind.BARS, "5m"))
    keys.append(ChannelKey("BTCUSDT-PERP", ChannelKind.FUNDING))
    assert usual_peers(keys, instruments) == [(keys[0], keys[1])]
