"""The embedded reconstructions are whole, labelled, causal and repeatable."""

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from data_feeds import releases
from data_feeds.align import resample_bars
from data_feeds.calendar import FEDERAL_RESERVE, add_business_days, session_bounds, sessions_between
from data_feeds.clock import DAY_NS, HOUR_NS
from data_feeds.dataset import Dataset
from data_feeds.schema import Array, Channel, ChannelKey, ChannelKind, Provenance, validate
from data_feeds.simulation import published_values
from data_feeds.simulation.episode_parameters import EPISODES
from data_feeds.simulation.factors import EQUITIES, SERIES
from data_feeds.simulation.reconstruction import PERP, TIMEFRAME, reconstruct
from data_feeds.timeframe import Timeframe
from tests.data_feeds.factory import ns
from tests.data_feeds.simulation.reconstructed import (
    BAR_NS,
    BY_NAME,
    ONE_EPISODE,
    daily,
    dates,
    episode_rows,
    row_at,
)
from tests.patience import HANGS_S

REPOSITORY = Path(__file__).resolve().parents[3]


def test_every_row_is_valid_and_synthetic(made: Dataset) -> None:
    for channel in made.channels.values():
        validate(channel)
        assert len(channel) > 0
        assert (channel["label"] == Provenance.SYNTHETIC).all(), channel.key
    assert all(instrument.synthetic for instrument in made.instruments.values())
    assert made.provenance is Provenance.SYNTHETIC


def test_the_catalog_holds_every_market_of_the_episodes(made: Dataset) -> None:
    assert set(made.instruments) == {PERP, *EQUITIES, *SERIES}


@pytest.mark.parametrize("kind", [ChannelKind.BARS, ChannelKind.MARK])
def test_no_bar_is_missing_inside_an_episode(made: Dataset, kind: ChannelKind) -> None:
    channel = made.channel(PERP, kind, TIMEFRAME)
    expected = [np.arange(ns(e.start), ns(e.end), BAR_NS) for e in EPISODES]
    assert np.array_equal(channel["opened_at"], np.concatenate(expected))


def test_a_bar_opens_where_the_one_before_closed(perp: Channel) -> None:
    follows = np.diff(perp["opened_at"]) == BAR_NS
    jump = np.abs(perp["open"][1:] / perp["close"][:-1] - 1)[follows]
    # The flywheel has no gaps; rounding of a price above 3,000 to a tick of 0.1 moves it by 3e-5.
    assert jump.max() < 0.001


def test_marks_stay_within_five_percent_of_the_last_price(made: Dataset, perp: Channel) -> None:
    mark = made.channel(PERP, ChannelKind.MARK, TIMEFRAME)
    for name in ("open", "close"):
        assert np.abs(mark[name] / perp[name] - 1).max() < 0.05


def test_prices_lie_on_the_tick(perp: Channel) -> None:
    for name in ("open", "high", "low", "close"):
        ticks = perp[name] * 10
        assert np.abs(ticks - np.round(ticks)).max() < 1e-6


def test_funding_settles_every_eight_hours(made: Dataset) -> None:
    settled = made.channel(PERP, ChannelKind.FUNDING)["event_at"]
    expected = [np.arange(ns(e.start), ns(e.end), 8 * HOUR_NS) for e in EPISODES]
    assert np.array_equal(settled, np.concatenate(expected))


@pytest.mark.parametrize("kind", [ChannelKind.OPEN_INTEREST, ChannelKind.LIQUIDATIONS])
def test_open_interest_and_liquidations_are_hourly(made: Dataset, kind: ChannelKind) -> None:
    # Known at each hour's end, so the first is at 01:00 of the first day.
    expected = [np.arange(ns(e.start), ns(e.end), HOUR_NS) + HOUR_NS for e in EPISODES]
    channel = made.channel(PERP, kind)
    assert np.array_equal(channel["event_at"], np.concatenate(expected))
    assert np.array_equal(channel["available_at"], channel["event_at"])


def test_quote_open_interest_is_base_times_the_hours_last_price(
    made: Dataset, perp: Channel
) -> None:
    held = made.channel(PERP, ChannelKind.OPEN_INTEREST)
    price = perp["close"][np.searchsorted(perp["closed_at"], held["event_at"])]
    assert held["open_interest_quote"] == pytest.approx(
        held["open_interest_base"] * price, rel=1e-6
    )


@pytest.mark.parametrize("name", EQUITIES)
def test_an_equity_has_one_bar_a_session(made: Dataset, name: str) -> None:
    bars = made.bars(name, "1d")
    last = [np.datetime64(e.end) - 1 for e in EPISODES]
    sessions = np.concatenate(
        [
            sessions_between("XNYS", np.datetime64(e.start), end)
            for e, end in zip(EPISODES, last, strict=True)
        ]
    )
    opened, closed = session_bounds("XNYS", sessions)
    assert np.array_equal(bars["opened_at"], opened)
    assert np.array_equal(bars["closed_at"], closed)


@pytest.mark.parametrize("name", SERIES)
def test_a_series_is_known_when_the_real_one_is_published(made: Dataset, name: str) -> None:
    channel = made.channel(name, ChannelKind.SERIES)
    published = releases.known_at(releases.rule_for(name), dates(channel["event_at"]))
    assert np.array_equal(channel["available_at"], published)
    assert (channel["available_at"] > channel["event_at"]).all()


@pytest.mark.parametrize("name", ["TLT", "IEF"])
def test_a_coupon_is_of_the_newest_yield_that_was_published(made: Dataset, name: str) -> None:
    paid = made.channel(name, ChannelKind.DIVIDENDS)
    bars = made.bars(name, "1d")
    yields = made.channel("DGS10", ChannelKind.SERIES)
    row = np.searchsorted(bars["opened_at"], paid["event_at"])
    newest = np.searchsorted(yields["available_at"], paid["event_at"], side="right") - 1
    assert len(paid) > 30
    expected = bars["close"][row - 1] * np.maximum(yields["value"][newest], 0.5) / 1200
    np.testing.assert_allclose(paid["amount"], expected, atol=0.0001)


def test_a_yield_has_no_value_on_a_holiday_of_the_federal_reserve(made: Dataset) -> None:
    on, _ = daily(made, "DGS10")
    assert np.array_equal(add_business_days(FEDERAL_RESERVE, on, 0), on)
    # Columbus Day 2022: the exchange was open.
    assert np.datetime64("2022-10-10") not in on
    assert np.datetime64("2022-10-10") in daily(made, "SPY")[0]


def test_a_year_of_warm_up_lies_before_each_shock() -> None:
    # The phases of the sell-offs themselves; the first phase of each episode is the year before.
    shocks = {"2020": "2020-02-20", "2022": "2021-11-10", "2026": "2025-10-07"}
    for name, shock in shocks.items():
        episode = BY_NAME[name]
        assert shock in {phase.start for phase in episode.phases}
        assert ns(shock) - ns(episode.start) >= 365 * DAY_NS


# What moves with what ----------------------------------------------------------------------------


def test_open_interest_falls_less_in_bitcoin_than_in_quote(made: Dataset) -> None:
    held = made.channel(PERP, ChannelKind.OPEN_INTEREST)
    first, last = (
        np.flatnonzero(held["event_at"] == ns(day) + DAY_NS)[0]
        for day in ("2026-01-29", "2026-02-05")
    )
    base = held["open_interest_base"][last] / held["open_interest_base"][first] - 1
    quote = held["open_interest_quote"][last] / held["open_interest_quote"][first] - 1
    # Measured: -13% in BTC and -35% in USD.
    assert -0.25 < base < -0.05
    assert -0.45 < quote < -0.25
    assert quote < base - 0.15


def test_liquidations_of_longs_gather_on_the_worst_days(made: Dataset) -> None:
    channel = made.channel(PERP, ChannelKind.LIQUIDATIONS)
    at = channel["event_at"]
    for day in ("2020-03-12", "2022-06-13", "2022-11-09", "2026-02-05"):
        on = (at > ns(day)) & (at <= ns(day) + DAY_NS)
        # The two days before may be the same flush: 2022-11-08 was.
        month = (at > ns(day) - 32 * DAY_NS) & (at <= ns(day) - 2 * DAY_NS)
        assert channel["long_quote"][on].sum() > 3 * channel["long_quote"][month].sum() / 30
        assert channel["long_quote"][on].sum() > channel["short_quote"][on].sum()


def aligned_returns(made: Dataset, days: Channel) -> Mapping[str, Array]:
    """Return dates and simple returns of bitcoin and QQQ between sessions of one episode."""
    on, qqq = daily(made, "QQQ")
    bitcoin = days["close"][np.searchsorted(dates(days["opened_at"]), on)]
    crossed = np.diff(on).astype(int) > 10
    changes = {"BTC": bitcoin[1:] / bitcoin[:-1] - 1, "QQQ": qqq[1:] / qqq[:-1] - 1}
    return {"on": on[1:][~crossed], **{k: v[~crossed] for k, v in changes.items()}}


@pytest.mark.parametrize(
    ("name", "calm_until", "stress_from", "stress_until"),
    [
        ("2020", "2020-02-20", "2020-02-20", "2020-05-01"),
        ("2022", "2021-11-10", "2022-01-04", "2022-11-05"),
        ("2026", "2025-03-28", "2025-10-07", "2026-02-08"),
    ],
)
def test_bitcoin_moves_more_with_qqq_under_stress(
    made: Dataset,
    days: Channel,
    name: str,
    calm_until: str,
    stress_from: str,
    stress_until: str,
) -> None:
    table = aligned_returns(made, days)

    def correlation(first: str, last: str) -> float:
        rows = (table["on"] >= np.datetime64(first)) & (table["on"] < np.datetime64(last))
        return float(np.corrcoef(table["BTC"][rows], table["QQQ"][rows])[0, 1])

    calm = correlation(BY_NAME[name].start, calm_until)
    # Over 85 sessions a correlation is good to about 0.1: a smaller rise would say nothing.
    assert correlation(stress_from, stress_until) > calm + 0.1


def returns_of(made: Dataset, name: str) -> Array:
    """Return simple returns between sessions of one episode."""
    on, close = daily(made, name)
    return (close[1:] / close[:-1] - 1)[np.diff(on).astype(int) <= 10]


def test_sh_is_minus_one_times_spy_each_day(made: Dataset) -> None:
    difference = returns_of(made, "SH") + returns_of(made, "SPY")
    # A cent on a price of at least 10 USD is 0.1%; financing is 0.9% / 252 = 0.004%.
    assert np.abs(difference).max() < 0.0012
    assert np.abs(difference.mean()) < 0.0001


@pytest.mark.parametrize("name", ["TLT", "IEF"])
def test_a_bond_fund_falls_when_the_ten_year_yield_rises(made: Dataset, name: str) -> None:
    on, close = daily(made, name)
    yield_on, yields = daily(made, "DGS10")
    both, left, right = np.intersect1d(on, yield_on, return_indices=True)
    usual = np.diff(both).astype(int) <= 10
    change = np.diff(close[left])[usual] / close[left][:-1][usual]
    rise = np.diff(yields[right])[usual]
    assert np.corrcoef(change, rise)[0, 1] < -0.8
    assert change[rise > 0.05].mean() < 0 < change[rise < -0.05].mean()


# The same bytes ----------------------------------------------------------------------------------


def test_a_second_process_makes_the_same_rows() -> None:
    code = (
        "from data_feeds.simulation.episode_parameters import EPISODES;"
        "from data_feeds.simulation.reconstruction import reconstruct;"
        f"print(reconstruct([e for e in EPISODES if e.name == {ONE_EPISODE!r}]).fingerprint)"
    )
    run = subprocess.run(
        [sys.executable, "-c", code],
        cwd=REPOSITORY,
        env=os.environ | {"PYTHONHASHSEED": "1"},
        capture_output=True,
        text=True,
        check=True,
        timeout=HANGS_S,
    )
    assert run.stdout.strip() == reconstruct([BY_NAME[ONE_EPISODE]]).fingerprint


def test_the_catalog_returns_the_reconstructed_rows(made: Dataset) -> None:
    fresh = reconstruct([BY_NAME[ONE_EPISODE]])
    key = ChannelKey(PERP, ChannelKind.BARS, TIMEFRAME)
    rows = episode_rows(made.channels[key], "opened_at", BY_NAME[ONE_EPISODE])
    for column, values in fresh.channels[key].columns.items():
        assert np.array_equal(made.channels[key][column][rows], values), column


def test_another_seed_takes_another_way_through_the_same_published_values(made: Dataset) -> None:
    episode = BY_NAME[ONE_EPISODE]
    other = reconstruct([replace(episode, seed=episode.seed + 1)])
    bars = other.bars(PERP, TIMEFRAME)
    before = made.bars(PERP, TIMEFRAME)
    before = before.take(episode_rows(before, "opened_at", episode))
    assert (bars["close"] != before["close"]).mean() > 0.99
    days = resample_bars(bars, Timeframe("1d"))
    for item in (f for f in published_values.BITCOIN if f.measured and ns(f.at) < ns(episode.end)):
        table, column = (days, "close") if item.field == "close" else (bars, item.field)
        assert table[column][row_at(table, "opened_at", item.at)] == item.value, item
    for item in published_values.DAILY_VALUES:
        if item.measured and ns(item.at) < ns(episode.end):
            on, values = daily(other, item.name)
            assert values[on == np.datetime64(item.at)] == [item.value], item
