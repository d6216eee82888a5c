"""The embedded reconstructions pass through their facts and are whole, labelled and repeatable."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from data_feeds import releases
from data_feeds.align import resample_bars
from data_feeds.calendar import FEDERAL_RESERVE, add_business_days, session_bounds, sessions_between
from data_feeds.catalog import Catalog
from data_feeds.dataset import Dataset
from data_feeds.embedded import embedded_catalog
from data_feeds.schema import Array, Channel, ChannelKey, ChannelKind, Provenance, validate
from data_feeds.simulation import facts
from data_feeds.simulation.episodes import EPISODES, Episode
from data_feeds.simulation.factors import EQUITIES, SERIES, daily_market, phase_values
from data_feeds.simulation.facts import Fact
from data_feeds.simulation.reconstruction import PERP, TIMEFRAME, reconstruct
from data_feeds.timeframe import DAY_NS, HOUR_NS, Timeframe
from tests.data_feeds.factory import ns

BAR_NS = Timeframe(TIMEFRAME).ns
REPOSITORY = Path(__file__).resolve().parents[3]
ONE_EPISODE = "2020"
BY_NAME = {episode.name: episode for episode in EPISODES}
# "About" levels are round numbers: the path meets daily ones within rounding, and open interest,
# which the flywheel moves after its last correction, within a fifth.
ABOUT_TOLERANCE = 0.005
OPEN_INTEREST_TOLERANCE = 0.20


@pytest.fixture(scope="module")
def made() -> Dataset:
    """Everything in the embedded catalog, in memory."""
    catalog = embedded_catalog()
    channels = {entry.key: catalog.read(entry.key) for entry in catalog.entries()}
    return Dataset(catalog.instruments(), channels)


@pytest.fixture(scope="module")
def perp(made: Dataset) -> Channel:
    return made.bars(PERP, TIMEFRAME)


@pytest.fixture(scope="module")
def days(perp: Channel) -> Channel:
    return resample_bars(perp, Timeframe("1d"))


def inside(fact: Fact) -> bool:
    return any(ns(episode.start) <= ns(fact.at) < ns(episode.end) for episode in EPISODES)


def known(*fields: str, name: str = PERP, of: tuple[Fact, ...] = facts.BITCOIN) -> list[Fact]:
    return [fact for fact in of if fact.name == name and fact.field in fields and inside(fact)]


def dates(instants: Array) -> Array:
    return instants.astype("datetime64[ns]").astype("datetime64[D]")


def daily(made: Dataset, name: str) -> tuple[Array, Array]:
    """Dates and values of a series, or of an equity's closes."""
    if name in SERIES:
        channel = made.channel(name, ChannelKind.SERIES)
        return dates(channel["event_at"]), channel["value"]
    channel = made.bars(name, "1d")
    return dates(channel["closed_at"]), channel["close"]


def row_at(channel: Channel, column: str, at: str) -> int:
    (row,) = np.flatnonzero(channel[column] == ns(at))
    return int(row)


def episode_rows(channel: Channel, column: str, episode: Episode) -> Array:
    at = channel[column]
    return np.flatnonzero((at >= ns(episode.start)) & (at < ns(episode.end)))


def day_changes(days: Channel) -> Iterator[tuple[Array, Array, Episode]]:
    """Dates and close-to-close changes of bitcoin's UTC days, one episode at a time."""
    for episode in EPISODES:
        rows = episode_rows(days, "opened_at", episode)
        close = days["close"][rows]
        yield dates(days["opened_at"][rows])[1:], close[1:] / close[:-1] - 1, episode


# Facts -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fact", [f for f in facts.DAILY_FACTS if inside(f)], ids=str)
def test_a_daily_fact_is_met(made: Dataset, fact: Fact) -> None:
    on, values = daily(made, fact.name)
    (value,) = values[on == np.datetime64(fact.at)]
    if fact.measured:
        assert value == fact.value
    else:
        assert value == pytest.approx(fact.value, rel=ABOUT_TOLERANCE)


def test_no_daily_fact_is_left_out_by_a_wrong_date() -> None:
    # A fact outside every episode would never be looked at.
    assert [fact for fact in facts.DAILY_FACTS if not inside(fact)] == []
    assert [fact for fact in (*facts.BITCOIN, *facts.FUNDING) if not inside(fact)] == []


def test_bitcoin_days_close_at_their_measured_prices(days: Channel) -> None:
    for fact in known("close"):
        close = days["close"][row_at(days, "opened_at", fact.at)]
        if fact.measured:
            assert close == fact.value, fact
        else:
            assert close == pytest.approx(fact.value, rel=ABOUT_TOLERANCE), fact


def test_bars_inside_the_largest_days_close_near_the_known_prices(perp: Channel) -> None:
    for fact in facts.INTRADAY:
        close = perp["close"][row_at(perp, "opened_at", fact.at)]
        assert close == pytest.approx(fact.value, rel=ABOUT_TOLERANCE), fact


@pytest.mark.parametrize("field", ["low", "high"])
def test_an_extreme_is_in_its_bar_and_nothing_passes_it_nearby(perp: Channel, field: str) -> None:
    extremes = known(field)
    assert extremes
    for fact in extremes:
        at = perp["opened_at"]
        assert perp[field][row_at(perp, "opened_at", fact.at)] == fact.value, fact
        near = np.abs(at - ns(fact.at)) <= fact.bounds * DAY_NS
        beyond = perp[field][near].min() if field == "low" else perp[field][near].max()
        assert beyond == fact.value, fact
        assert (perp[field][near] == fact.value).sum() == 1, fact


def test_the_hour_of_an_extreme_holds_it(perp: Channel) -> None:
    # A playbook on hourly bars meets the same low.
    hours = resample_bars(perp, Timeframe("1h"))
    assert hours["low"][row_at(hours, "opened_at", "2020-03-13T02:00")] == 3_621.8
    assert hours["high"][row_at(hours, "opened_at", "2021-11-10T14:00")] == 69_198.7


def test_funding_is_as_measured_and_lowest_within_ten_days(made: Dataset) -> None:
    funding = made.channel(PERP, ChannelKind.FUNDING)
    for fact in facts.FUNDING:
        assert funding["rate"][row_at(funding, "event_at", fact.at)] == fact.value
        near = np.abs(funding["event_at"] - ns(fact.at)) <= 10 * DAY_NS
        assert funding["rate"][near].min() == fact.value


def test_no_index_closes_beyond_its_record_nearby(made: Dataset) -> None:
    for fact in facts.RECORDS:
        on, values = daily(made, fact.name)
        near = values[np.abs((on - np.datetime64(fact.at)).astype(int)) <= fact.bounds]
        # Another close may equal it: yields have two decimals.
        assert (near.max() if fact.field == "high" else near.min()) == fact.value, fact


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_records_hold_whatever_the_seed(seed: int) -> None:
    for episode in EPISODES:
        market = daily_market(episode, np.random.default_rng(seed))
        for fact in facts.RECORDS:
            if not ns(episode.start) <= ns(fact.at) < ns(episode.end):
                continue
            values = market.values[fact.name]
            away = np.abs((market.sessions - np.datetime64(fact.at)).astype(int))
            near = values[away <= fact.bounds]
            assert (near.max() if fact.field == "high" else near.min()) == fact.value, fact


def test_the_bounds_of_the_extremes_are_true_of_the_real_markets(real_catalog: Catalog) -> None:
    # A bound that is too wide bends the path: the real S&P 500 passed its high of 2020-02-19 on
    # 2020-08-18, 181 days later.
    hours = real_catalog.read(ChannelKey(PERP, ChannelKind.BARS, "1h"))
    for fact in (*known("low", "high"), *facts.RECORDS):
        if fact.name == PERP:
            at, values = hours["opened_at"], hours[fact.field]
        else:
            # GSPC is the same index; the file of SP500 ends before the low of 2026-03-30.
            name = "GSPC" if fact.name == "SP500" else fact.name
            series = real_catalog.read(ChannelKey(name, ChannelKind.SERIES))
            at, values = series["event_at"], series["value"]
        near = values[np.abs(at - ns(fact.at)) <= fact.bounds * DAY_NS]
        # Ten cents of bitcoin's price are one tick.
        tolerance = 1e-5 if fact.measured else ABOUT_TOLERANCE
        extreme = near.max() if fact.field == "high" else near.min()
        assert extreme == pytest.approx(fact.value, rel=tolerance), fact


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
            # The facts add a drift and folding takes some moves away: a third either way.
            stated = phase.equity_volatility / np.sqrt(252)
            assert 0.67 * stated < moves[first:last].std() < 1.5 * stated, (episode.name, phase)


def test_no_invented_session_is_absurd(made: Dataset) -> None:
    # Draws stop at 4 of the phase's daily standard deviations; facts and folding may add 2.
    on, level = daily(made, "SP500")
    moves = level[1:] / level[:-1] - 1
    for episode in EPISODES:
        rows = (on[1:] > np.datetime64(episode.start)) & (on[1:] < np.datetime64(episode.end))
        rows &= np.diff(on).astype(int) <= 10
        stated = phase_values(episode.phases, on[1:][rows], "equity_volatility") / np.sqrt(252)
        assert (np.abs(moves[rows]) < 6 * stated).all()


def test_a_known_return_of_one_session_is_met(made: Dataset) -> None:
    for fact in facts.DAY_RETURNS:
        on, close = daily(made, fact.name)
        (row,) = np.flatnonzero(on == np.datetime64(fact.at))
        # Two prices of about 400 USD, each rounded to a cent: 0.01 / 400 = 2.5e-5.
        assert close[row] / close[row - 1] - 1 == pytest.approx(fact.value, abs=2.5e-5)


def test_open_interest_comes_near_its_levels(made: Dataset) -> None:
    held = made.channel(PERP, ChannelKind.OPEN_INTEREST)
    for fact in (f for f in facts.OPEN_INTEREST if inside(f)):
        # The level is that of the day's end.
        row = np.flatnonzero(held["event_at"] == ns(fact.at) + DAY_NS)[0]
        near = pytest.approx(fact.value, rel=OPEN_INTEREST_TOLERANCE)
        assert held["open_interest_base"][row] == near, fact


def test_the_worst_days_are_those_that_are_known(days: Channel) -> None:
    # 4,764.7 / 7,938.4 - 1 = -40.0%; 22,471.5 / 26,564.7 - 1 = -15.4%;
    # 15,905 / 18,534 - 1 = -14.2%; 62,868.1 / 73,137.4 - 1 = -14.0%.
    worst = {"2020": ["2020-03-12"], "2022": ["2022-06-13", "2022-11-09"], "2026": ["2026-02-05"]}
    rates = {"2020-03-12": -40.0, "2022-06-13": -15.4, "2022-11-09": -14.2, "2026-02-05": -14.0}
    for on, change, episode in day_changes(days):
        expected = worst[episode.name]
        lowest = np.argsort(change)[: len(expected)]
        assert [str(day) for day in on[lowest]] == expected
        assert [round(100 * x, 1) for x in change[lowest]] == [rates[day] for day in expected]


# Form --------------------------------------------------------------------------------------------


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
    """Dates and simple returns of bitcoin and QQQ, from session to session, no episode crossed."""
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
    """Simple returns between sessions of one episode."""
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
        "from data_feeds.simulation.episodes import EPISODES;"
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
        timeout=120,
    )
    assert run.stdout.strip() == reconstruct([BY_NAME[ONE_EPISODE]]).fingerprint


def test_the_catalog_gives_back_what_reconstruct_made(made: Dataset) -> None:
    fresh = reconstruct([BY_NAME[ONE_EPISODE]])
    key = ChannelKey(PERP, ChannelKind.BARS, TIMEFRAME)
    rows = episode_rows(made.channels[key], "opened_at", BY_NAME[ONE_EPISODE])
    for column, values in fresh.channels[key].columns.items():
        assert np.array_equal(made.channels[key][column][rows], values), column


def test_another_seed_takes_another_way_through_the_same_facts(made: Dataset) -> None:
    episode = BY_NAME[ONE_EPISODE]
    other = reconstruct([replace(episode, seed=episode.seed + 1)])
    bars = other.bars(PERP, TIMEFRAME)
    before = made.bars(PERP, TIMEFRAME)
    before = before.take(episode_rows(before, "opened_at", episode))
    assert (bars["close"] != before["close"]).mean() > 0.99
    days = resample_bars(bars, Timeframe("1d"))
    for fact in (f for f in facts.BITCOIN if f.measured and ns(f.at) < ns(episode.end)):
        table, column = (days, "close") if fact.field == "close" else (bars, fact.field)
        assert table[column][row_at(table, "opened_at", fact.at)] == fact.value, fact
    for fact in facts.DAILY_FACTS:
        if fact.measured and ns(fact.at) < ns(episode.end):
            on, values = daily(other, fact.name)
            assert values[on == np.datetime64(fact.at)] == [fact.value], fact
