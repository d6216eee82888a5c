"""The embedded reconstructions pass through their published values."""

from collections.abc import Iterator

import numpy as np
import pytest

from data_feeds.align import resample_bars
from data_feeds.catalog import Catalog
from data_feeds.clock import DAY_NS
from data_feeds.dataset import Dataset
from data_feeds.schema import Array, Channel, ChannelKey, ChannelKind
from data_feeds.simulation import published_values
from data_feeds.simulation.episode_parameters import EPISODES, EpisodeParameters
from data_feeds.simulation.factors import daily_market, phase_values
from data_feeds.simulation.published_values import PublishedValue
from data_feeds.simulation.reconstruction import PERP
from data_feeds.timeframe import Timeframe
from tests.data_feeds.factory import ns
from tests.data_feeds.simulation.reconstructed import daily, dates, episode_rows, row_at

# "About" levels are round numbers: the path meets daily ones within rounding, and open interest,
# which the flywheel moves after its last correction, within a fifth.
ABOUT_TOLERANCE = 0.005
OPEN_INTEREST_TOLERANCE = 0.20


def inside(item: PublishedValue) -> bool:
    return any(ns(episode.start) <= ns(item.at) < ns(episode.end) for episode in EPISODES)


def known(
    *fields: str, name: str = PERP, of: tuple[PublishedValue, ...] = published_values.BITCOIN
) -> list[PublishedValue]:
    return [item for item in of if item.name == name and item.field in fields and inside(item)]


def day_changes(days: Channel) -> Iterator[tuple[Array, Array, EpisodeParameters]]:
    """Return dates and close-to-close changes of bitcoin's UTC days, within each episode."""
    for episode in EPISODES:
        rows = episode_rows(days, "opened_at", episode)
        close = days["close"][rows]
        yield dates(days["opened_at"][rows])[1:], close[1:] / close[:-1] - 1, episode


@pytest.mark.parametrize("item", [f for f in published_values.DAILY_VALUES if inside(f)], ids=str)
def test_a_daily_published_value_is_met(made: Dataset, item: PublishedValue) -> None:
    on, values = daily(made, item.name)
    (value,) = values[on == np.datetime64(item.at)]
    if item.measured:
        assert value == item.value
    else:
        assert value == pytest.approx(item.value, rel=ABOUT_TOLERANCE)


def test_no_daily_value_is_left_out_by_a_wrong_date() -> None:
    # A value outside every episode would never be checked.
    assert [item for item in published_values.DAILY_VALUES if not inside(item)] == []
    assert [
        item for item in (*published_values.BITCOIN, *published_values.FUNDING) if not inside(item)
    ] == []


def test_bitcoin_days_close_at_their_measured_prices(days: Channel) -> None:
    for item in known("close"):
        close = days["close"][row_at(days, "opened_at", item.at)]
        if item.measured:
            assert close == item.value, item
        else:
            assert close == pytest.approx(item.value, rel=ABOUT_TOLERANCE), item


def test_bars_inside_the_largest_days_close_near_the_known_prices(perp: Channel) -> None:
    for item in published_values.INTRADAY:
        close = perp["close"][row_at(perp, "opened_at", item.at)]
        assert close == pytest.approx(item.value, rel=ABOUT_TOLERANCE), item


@pytest.mark.parametrize("field", ["low", "high"])
def test_an_extreme_is_in_its_bar_and_nothing_passes_it_nearby(perp: Channel, field: str) -> None:
    extremes = known(field)
    assert extremes
    for item in extremes:
        at = perp["opened_at"]
        assert perp[field][row_at(perp, "opened_at", item.at)] == item.value, item
        near = np.abs(at - ns(item.at)) <= item.bounds * DAY_NS
        beyond = perp[field][near].min() if field == "low" else perp[field][near].max()
        assert beyond == item.value, item
        assert (perp[field][near] == item.value).sum() == 1, item


def test_the_hour_of_an_extreme_holds_it(perp: Channel) -> None:
    # A playbook on hourly bars meets the same low.
    hours = resample_bars(perp, Timeframe("1h"))
    assert hours["low"][row_at(hours, "opened_at", "2020-03-13T02:00")] == 3_621.8
    assert hours["high"][row_at(hours, "opened_at", "2021-11-10T14:00")] == 69_198.7


def test_funding_is_as_measured_and_lowest_within_ten_days(made: Dataset) -> None:
    funding = made.channel(PERP, ChannelKind.FUNDING)
    for item in published_values.FUNDING:
        assert funding["rate"][row_at(funding, "event_at", item.at)] == item.value
        near = np.abs(funding["event_at"] - ns(item.at)) <= 10 * DAY_NS
        assert funding["rate"][near].min() == item.value


def test_no_index_closes_beyond_its_record_nearby(made: Dataset) -> None:
    for item in published_values.RECORDS:
        on, values = daily(made, item.name)
        near = values[np.abs((on - np.datetime64(item.at)).astype(int)) <= item.bounds]
        # Another close may equal it: yields have two decimals.
        assert (near.max() if item.field == "high" else near.min()) == item.value, item


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_records_hold_whatever_the_seed(seed: int) -> None:
    for episode in EPISODES:
        market = daily_market(episode, np.random.default_rng(seed))
        for item in published_values.RECORDS:
            if not ns(episode.start) <= ns(item.at) < ns(episode.end):
                continue
            values = market.values[item.name]
            away = np.abs((market.sessions - np.datetime64(item.at)).astype(int))
            near = values[away <= item.bounds]
            assert (near.max() if item.field == "high" else near.min()) == item.value, item


def test_the_bounds_of_the_extremes_are_true_of_the_real_markets(real_catalog: Catalog) -> None:
    # A bound that is too wide bends the path: the real S&P 500 passed its high of 2020-02-19 on
    # 2020-08-18, 181 days later.
    hours = real_catalog.read(ChannelKey(PERP, ChannelKind.BARS, "1h"))
    for item in (*known("low", "high"), *published_values.RECORDS):
        if item.name == PERP:
            at, values = hours["opened_at"], hours[item.field]
        else:
            # GSPC is the same index; the file of SP500 ends before the low of 2026-03-30.
            name = "GSPC" if item.name == "SP500" else item.name
            series = real_catalog.read(ChannelKey(name, ChannelKind.SERIES))
            at, values = series["event_at"], series["value"]
        near = values[np.abs(at - ns(item.at)) <= item.bounds * DAY_NS]
        # Ten cents of bitcoin's price are one tick.
        tolerance = 1e-5 if item.measured else ABOUT_TOLERANCE
        extreme = near.max() if item.field == "high" else near.min()
        assert extreme == pytest.approx(item.value, rel=tolerance), item


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_phase_has_the_volatility_it_states(seed: int) -> None:
    for episode in EPISODES:
        market = daily_market(episode, np.random.default_rng(seed))
        moves = market.returns("SP500")
        ends = [phase.start for phase in episode.phases[1:]] + [episode.end]
        for phase, end in zip(episode.phases, ends, strict=True):
            first, last = np.searchsorted(
                market.sessions, np.array([phase.start, end], dtype="datetime64[D]")
            )
            if last - first < 10:
                continue
            # Published values add a drift and folding removes moves: a third either way.
            stated = phase.equity_volatility / np.sqrt(252)
            assert 0.67 * stated < moves[first:last].std() < 1.5 * stated, (episode.name, phase)


def test_no_invented_session_is_absurd(made: Dataset) -> None:
    # Draws stop at 4 of the phase's daily standard deviations; corrections and folding may add 2.
    on, level = daily(made, "SP500")
    moves = level[1:] / level[:-1] - 1
    for episode in EPISODES:
        rows = (on[1:] > np.datetime64(episode.start)) & (on[1:] < np.datetime64(episode.end))
        rows &= np.diff(on).astype(int) <= 10
        stated = phase_values(episode.phases, on[1:][rows], "equity_volatility") / np.sqrt(252)
        assert (np.abs(moves[rows]) < 6 * stated).all()


def test_a_known_return_of_one_session_is_met(made: Dataset) -> None:
    for item in published_values.DAY_RETURNS:
        on, close = daily(made, item.name)
        (row,) = np.flatnonzero(on == np.datetime64(item.at))
        # Two prices of about 400 USD, each rounded to a cent: 0.01 / 400 = 2.5e-5.
        assert close[row] / close[row - 1] - 1 == pytest.approx(item.value, abs=2.5e-5)


def test_open_interest_comes_near_its_levels(made: Dataset) -> None:
    held = made.channel(PERP, ChannelKind.OPEN_INTEREST)
    for item in (f for f in published_values.OPEN_INTEREST if inside(f)):
        # The level is that of the day's end.
        row = np.flatnonzero(held["event_at"] == ns(item.at) + DAY_NS)[0]
        near = pytest.approx(item.value, rel=OPEN_INTEREST_TOLERANCE)
        assert held["open_interest_base"][row] == near, item


def test_the_worst_days_are_the_published_worst_days(days: Channel) -> None:
    # 4,764.7 / 7,938.4 - 1 = -40.0%; 22,471.5 / 26,564.7 - 1 = -15.4%;
    # 15,905 / 18,534 - 1 = -14.2%; 62,868.1 / 73,137.4 - 1 = -14.0%.
    worst = {"2020": ["2020-03-12"], "2022": ["2022-06-13", "2022-11-09"], "2026": ["2026-02-05"]}
    rates = {"2020-03-12": -40.0, "2022-06-13": -15.4, "2022-11-09": -14.2, "2026-02-05": -14.0}
    for on, change, episode in day_changes(days):
        expected = worst[episode.name]
        lowest = np.argsort(change)[: len(expected)]
        assert [str(day) for day in on[lowest]] == expected
        assert [round(100 * x, 1) for x in change[lowest]] == [rates[day] for day in expected]
