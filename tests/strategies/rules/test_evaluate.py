"""Terms over markets written by hand: own rows, joins, common instants, revisions."""

import numpy as np
import pytest

from data_feeds.schema import ChannelKind
from strategies.rules.meaning import understand
from tests.strategies.rules.written_market import (
    NAN,
    bars,
    dataset,
    evaluator,
    names,
    numbers,
    points,
    series,
    sessions,
    truths,
)

BARS = bars([1.0, 2.0, 3.0, 4.0, 5.0, 6.0])


def same(found: list[float], wanted: list[float]) -> None:
    np.testing.assert_allclose(found, wanted, atol=2e-6, equal_nan=True)


def test_arithmetic_runs_over_the_rows_of_the_clock() -> None:
    same(numbers("2 * btc.close - 1", BARS_DATA), [1, 3, 5, 7, 9, 11])


def test_a_mean_is_unknown_until_its_window_is_full() -> None:
    # (1 + 2 + 3) / 3 = 2, then one more a row
    same(numbers("sma(btc.close, 3 bars)", BARS_DATA), [NAN, NAN, 2, 3, 4, 5])


def test_an_argument_left_out_has_its_default() -> None:
    # Bands are two standard deviations wide: 1.5 + 2 x 0.5.
    same(numbers("upper_band(btc.close, 2 bars)", BARS_DATA)[:2], [NAN, 2.5])
    same(numbers("upper_band(btc.close, 2 bars, 1)", BARS_DATA)[:2], [NAN, 2.0])


def test_division_by_zero_is_unknown() -> None:
    same(numbers("1 / (btc.close - 3)", BARS_DATA), [-0.5, -1, NAN, 1, 0.5, 1 / 3])


def test_a_series_is_averaged_over_its_own_values_not_over_their_repeats() -> None:
    # Two values of VIX, 10 and 20, on an hourly clock: the mean of two is 15 from 03:00 on.
    vix = series(
        [("2026-01-29", "2026-02-02T01:00", 10.0), ("2026-01-30", "2026-02-02T03:00", 20.0)]
    )
    data = dataset(BARS, vix)
    same(numbers("vix", data), [10, 10, 20, 20, 20, 20])
    same(numbers("sma(vix, 2 bars)", data), [NAN, NAN, 15, 15, 15, 15])
    same(numbers("vix[1]", data), [NAN, NAN, 10, 10, 10, 10])


def test_a_value_older_than_its_largest_age_is_unknown() -> None:
    # 2026-01-27 is six days before the first close at 01:00 on 2 February, and one hour.
    old = dataset(BARS, series([("2026-01-27", "2026-01-28T00:00", 10.0)]))
    assert truths("vix < 25", old) == [-1] * 6
    longer = names(max_age={"vix": 30 * 86_400 * 10**9})
    assert truths("vix < 25", old, longer) == [1] * 6


def test_a_channel_that_is_absent_makes_the_condition_unknown() -> None:
    assert truths("vix < 25", BARS_DATA) == [-1] * 6
    assert truths("vix < 25 or btc.close > 4", BARS_DATA) == [-1, -1, -1, -1, 1, 1]


def test_crossing_needs_the_row_before_on_the_other_side() -> None:
    data = dataset(bars([3.0, 1.0, 2.0, 2.5, 3.0, 1.0]))
    assert truths("btc.close crosses above 2", data) == [-1, 0, 0, 1, 0, 0]
    assert truths("btc.close crosses below 2", data) == [0, 1, 0, 0, 0, 1]


def test_for_includes_the_present_row_and_one_false_row_decides() -> None:
    data = dataset(bars([1.0, 5.0, 5.0, 1.0, 5.0, 5.0]))
    assert truths("btc.close > 2 for 2 bars", data) == [0, 0, 1, 0, 0, 1]
    assert truths("btc.close > 0 for 2 bars", data) == [-1, 1, 1, 1, 1, 1]


def test_within_is_true_from_the_first_true_row_of_the_window() -> None:
    data = dataset(bars([1.0, 1.0, 5.0, 1.0, 1.0, 1.0]))
    assert truths("btc.close > 2 within 2 bars", data) == [-1, 0, 1, 1, 0, 0]


def test_a_window_of_time_holds_the_rows_after_its_start() -> None:
    # (t - 3h, t] of hourly bars are three bars; the first window reaches back to START.
    same(numbers("highest(btc.close, 3h)", BARS_DATA), [NAN, NAN, 3, 4, 5, 6])


def test_a_window_of_time_with_too_few_bars_is_unknown() -> None:
    # A bar is missing after the second one: one of three is more than a twentieth.
    data = dataset(bars([1.0, 2.0, 3.0, 4.0, 5.0], skipped=[2]))
    same(numbers("highest(btc.close, 3h)", data), [NAN, NAN, NAN, NAN, 5])
    same(numbers("highest(btc.close, 3 bars)", data), [NAN, NAN, 3, 4, 5])


def test_a_change_over_time_reads_no_value_from_before_a_hole() -> None:
    # 60 hours, 40 hours without bars, 60 hours. A day of 23 bars is full; the value of a day ago is
    # that of the last hour before the hole, 40 hours old.
    skipped = list(range(60, 100))
    data = dataset(bars([1.0] * 60 + [2.0] * 60, skipped=skipped))
    found = numbers("change(btc.close, 1d)", data)
    same(found[58:60], [0.0, 0.0])
    assert np.isnan(found[60:84]).all()
    same(found[84:], [0.0] * 36)
    # One bar missing a day ago: the hour before it counts.
    data = dataset(bars([float(hour) for hour in range(1, 49)], skipped=[20]))
    same([numbers("change(btc.close, 1d)", data)[43]], [24.0])


def test_two_instruments_meet_at_their_common_closes_inside_a_window() -> None:
    # Sessions close at 21:00 UTC, which are closes of hourly bars 21, 45 and 69 of BTC.
    data = dataset(
        bars([float(hour) for hour in range(1, 73)]),
        sessions([210.0, 900.0, 690.0], first="2026-02-02"),
    )
    # 210/21 = 10, 900/45 = 20, 690/69 = 10
    found = numbers("sma(spy.close / btc.close, 2 sessions)", data)
    assert np.isnan(found[:44]).all()
    same(found[44:68], [15.0] * 24)
    same(found[68:], [15.0] * 4)
    # Outside a window the newest price of each side counts.
    same([numbers("spy.close / btc.close", data)[41]], [210 / 42])


def test_daily_values_joined_to_hours_read_no_later_day() -> None:
    # The bar of 4 February closes at the midnight that dates the VIX of the 5th. By date it has no
    # VIX, so btc@1d.close / vix has no row there; the next one is known a day later.
    data = dataset(
        bars([float(hour) for hour in range(1, 121)]),
        bars([float(day) for day in range(1, 6)], timeframe="1d"),
        series([(f"2026-02-0{day}", f"2026-02-0{day}T21:00", 10.0 * day) for day in (2, 3, 5)]),
    )
    assert np.isnan(numbers("(btc@1d.close / vix * btc.close)[0]", data)).all()
    # Without the quotient the third day meets the VIX of the 5th, known in its 21st hour.
    found = numbers("where(vix > 0, btc@1d.close, btc.close)[0]", data)
    same(found[91:94], [1.0, 3.0, 3.0])


def test_daily_values_meet_by_their_date() -> None:
    vix = series(
        [("2026-02-02", "2026-02-02T21:00", 20.0), ("2026-02-03", "2026-02-03T21:00", 10.0)]
    )
    data = dataset(sessions([100.0, 110.0], first="2026-02-02"), vix)
    found = numbers("sma(spy.close / vix, 2 sessions)", data, names(clock="spy@session"))
    # 100/20 = 5 and 110/10 = 11
    same(found, [NAN, 8.0])


def test_a_revised_value_takes_the_place_of_the_first_one_in_the_window() -> None:
    cpi = series(
        [
            ("2026-01-01", "2026-02-02T01:00", 100.0),
            ("2026-01-01", "2026-02-02T04:00", 110.0),
            ("2026-02-01", "2026-02-02T02:00", 200.0),
            ("2026-02-01", "2026-02-02T05:00", 220.0),
        ],
        instrument="CPI",
    )
    data = dataset(BARS, cpi)
    known = names(max_age={"cpi": 90 * 86_400 * 10**9})
    same(numbers("cpi", data, known), [100, 200, 200, 200, 220, 220])
    # Rows as published would average 100 and 110, one month twice. The months' newest values are
    # 100 and 200, then 110 and 200, then 110 and 220.
    same(numbers("sma(cpi, 2 bars)", data, known), [NAN, 150, 150, 155, 165, 165])
    same(numbers("cpi - cpi[1]", data, known), [NAN, 100, 100, 90, 110, 110])
    # Nested: both means are of the values known now.
    same(numbers("sma(sma(cpi, 1 bars), 2 bars)", data, known), [NAN, 150, 150, 155, 165, 165])


def test_basis_compares_closes_of_the_same_instant() -> None:
    spot = bars([2.0, 2.0, 2.0, 5.0, 5.0], instrument="SPOT", skipped=[1])
    same(numbers("btc.basis", dataset(BARS, spot)), [-0.5, -0.5, 0.5, 1.0, 0.0, 0.2])


def test_funding_and_liquidations_are_read_by_their_names() -> None:
    data = dataset(
        BARS,
        points(ChannelKind.FUNDING, [2.0], rate=[0.0004]),
        points(ChannelKind.LIQUIDATIONS, [1.0, 3.0], long_quote=[5.0, 7.0], short_quote=[0.0, 1.0]),
    )
    same(numbers("btc.funding", data), [NAN, 0.0004, 0.0004, 0.0004, 0.0004, 0.0004])
    assert truths("btc.funding >= 4bp", data) == [-1, 1, 1, 1, 1, 1]
    same(numbers("btc.long_liquidations + btc.short_liquidations", data), [5, 5, 8, 8, 8, 8])


def test_open_interest_without_base_units_is_converted_by_the_price_of_its_instant() -> None:
    interest = points(
        ChannelKind.OPEN_INTEREST,
        [2.0, 4.0],
        open_interest_base=[NAN, 7.0],
        open_interest_quote=[100.0, 100.0],
    )
    # 100 / 2 = 50
    same(numbers("btc.open_interest", dataset(BARS, interest)), [NAN, 50, 50, 7, 7, 7])


def test_total_return_reinvests_a_dividend_in_the_bar_it_falls_into() -> None:
    spy = sessions([100.0, 98.0, 99.0], first="2026-02-02")
    paid = points(ChannelKind.DIVIDENDS, [24 + 14.5], instrument="SPY", amount=[2.0])
    found = numbers("spy.total_return", dataset(spy, paid), names(clock="spy@session"))
    # (98 + 2) / 100 = 1, then 99 / 98
    same(found, [100, 100, 100 * 99 / 98])


def test_equal_terms_are_computed_once() -> None:
    known = names()
    found = evaluator(BARS_DATA, known)
    first = understand("sma(btc.close, 2 bars) > 1", known)
    second = understand("sma(btc.close,  2 bars) < 9", known)
    found.truths(first)
    found.truths(second)
    means = [term for term in found._own if term.operation == "call"]
    assert len(means) == 1


BARS_DATA = dataset(BARS)


@pytest.mark.parametrize(
    "text",
    [
        "btc.close > sma(btc.close, 5 bars)",
        "vix < 20 for 2 bars",
        "sma(cpi, 2 bars) > 150",
        "highest(spy.close / btc.close, 2 bars) > 5",
        "btc.close crosses above cpi / 5",
        "btc.close > 30 within 10h and not (vix < 15)",
    ],
)
def test_rows_known_later_change_no_earlier_row(text: str) -> None:
    rng = np.random.default_rng(3)
    known = names(max_age={"cpi": 90 * 86_400 * 10**9})
    data = dataset(
        bars(list(rng.uniform(10, 50, 80))),
        sessions([210.0, 900.0, 690.0], first="2026-02-02"),
        series([(f"2026-02-0{day}", f"2026-02-0{day}T22:00", 10.0 * day) for day in (1, 2, 3)]),
        series(
            [
                ("2026-01-01", "2026-02-02T10:00", 100.0),
                ("2026-01-01", "2026-02-03T09:00", 110.0),
                ("2026-02-01", "2026-02-02T20:00", 200.0),
                ("2026-02-01", "2026-02-04T05:00", 220.0),
            ],
            instrument="CPI",
        ),
    )
    whole = truths(text, data, known)
    decided = data.bars("BTC", "1h")["available_at"]
    for row in (0, 1, 9, 10, 21, 33, 46, 60, 78):
        assert truths(text, data.cut(int(decided[row])), known) == whole[: row + 1]
