"""The checklist on real days whose market is known."""

import numpy as np
import pytest

from data_feeds.catalog import Catalog
from data_feeds.clock import DAY_NS
from data_feeds.load import load_dataset
from data_feeds.schema import ChannelKey, ChannelKind
from engine.checklist import day_report, format_day, read_state
from engine.config.market import MarketStateConfig
from engine.decision_terms import RiskTier
from engine.market_state import TIERS, Action, Driver, MarketState, Regime
from engine.run_data import state_data
from engine.signals.market.build import market_state
from engine.signals.market.grid import build_grid
from engine.signals.market.point_in_time import MarketInputs
from engine.signals.market.rolling import correlation, log_returns
from engine.signals.market.steps import known_steps
from engine.signals.positioning import open_interest_base
from tests.data_feeds.factory import ns

CONFIG = MarketStateConfig()
DECLARED = CONFIG.conditions()
FIRST, LAST = np.datetime64("2019-10-01"), np.datetime64("2026-04-30")


@pytest.fixture(scope="module")
def state(real_catalog: Catalog) -> MarketState:
    return read_state(real_catalog, CONFIG, FIRST, LAST)[0]


def row(state: MarketState, date: str) -> int:
    return int(np.searchsorted(state.dates, np.datetime64(date)))


def truth(state: MarketState, name: str, date: str) -> int:
    return int(state.conditions[name].truth[row(state, date)])


@pytest.mark.parametrize(
    ("date", "regime", "action", "tier"),
    [
        ("2019-11-15", Regime.CALM, Action.WAIT, RiskTier.NORMAL),
        ("2023-07-12", Regime.CALM, Action.WAIT, RiskTier.NORMAL),
        ("2025-06-25", Regime.CALM, Action.WAIT, RiskTier.NORMAL),
        ("2020-03-09", Regime.LIQUIDITY_SHOCK, Action.HEDGE, RiskTier.HALT),
        ("2020-03-16", Regime.LIQUIDITY_SHOCK, Action.HEDGE, RiskTier.HALT),
        ("2022-05-09", Regime.TREND_BREAK, Action.HEDGE, RiskTier.DEFENSIVE),
        ("2022-06-13", Regime.TREND_BREAK, Action.HEDGE, RiskTier.DEFENSIVE),
        ("2026-02-05", Regime.VOLATILITY_EVENT, Action.HEDGE, RiskTier.DEFENSIVE),
    ],
)
def test_known_days(
    state: MarketState, date: str, regime: Regime, action: Action, tier: RiskTier
) -> None:
    at = row(state, date)
    assert Regime(state.regime[at]) is regime
    assert Action(state.action[at]) is action
    assert TIERS[state.tier[at]] is tier


def test_the_action_of_a_half_unknown_day_is_not_wait(
    real_catalog: Catalog, state: MarketState
) -> None:
    # 2024-08-05: VIX 38.57, leaders -7.8%; no hours of bitcoin in this stretch of the data.
    day = np.datetime64("2024-08-05")
    at = row(state, str(day))
    assert state.values["vix"][at] == pytest.approx(38.57)
    assert state.values["leaders_relative"][at] == pytest.approx(-0.078, abs=0.0005)
    assert truth(state, "step_crypto", str(day)) == -1
    # Days of bitcoin tell its trend: two of three known steps hold.
    assert Action(state.action[at]) is Action.REDUCE
    assert "2 of 3 known steps hold: reduce." in day_report(state, at, DECLARED).narrative
    # Without the days of bitcoin two steps are unknown and one of two holds.
    data = state_data(real_catalog, CONFIG, day, day)
    less = data.only(key for key in data.channels if key.instrument != "BTC-USD")
    blind = market_state(less, CONFIG, day, day)
    assert known_steps(blind.conditions).tolist() == [2]
    assert Action(blind.action[0]) is Action.CANNOT_TELL
    assert TIERS[blind.tier[0]] is not RiskTier.NORMAL
    report = day_report(blind, 0, DECLARED)
    assert (report.action, report.known_steps) == ("cannot tell", 2)
    assert "1 of 2 known steps hold: cannot tell." in report.narrative
    # No unknown step is described as quiet.
    assert "Whether crypto's downside is mechanical is unknown" in report.narrative
    assert "not falling" not in report.narrative
    assert "cannot tell (2 of 4 steps are known)" in format_day(report, clock="18:30", data="x")


def test_no_narrative_contains_a_forecast(state: MarketState) -> None:
    hidden = np.flatnonzero(state.conditions["leadership_breaks_index_holds"].truth == 1)
    assert len(hidden) > 100
    for at in hidden[::20].tolist():
        text = day_report(state, at, DECLARED).narrative
        assert "The index still holds." in text
        assert not {"expect", "expected", "will", "likely"} & set(text.lower().split())
    for item in state.conditions.values():
        assert "expect" not in item.description


def test_the_day_of_the_flush_of_2026(state: MarketState, real_catalog: Catalog) -> None:
    at = row(state, "2026-02-05")
    assert Driver(state.driver[at]) is Driver.LIQUIDATIONS
    assert truth(state, "funding_negative", "2026-02-05") == 1
    assert truth(state, "extreme_fear", "2026-02-05") == 1
    assert state.values["vix"][at] == pytest.approx(21.77)
    report = day_report(state, at, DECLARED)
    assert report.known_at == "2026-02-05T23:30Z"
    assert "Crypto's downside is mechanical" in report.narrative
    nasdaq = real_catalog.read(ChannelKey("NASDAQCOM", ChannelKind.SERIES))
    place = int(np.searchsorted(nasdaq["event_at"], ns("2026-02-05")))
    change = nasdaq["value"][place] / nasdaq["value"][place - 1] - 1
    assert change == pytest.approx(-0.016, abs=0.0005)


def test_the_utc_day_of_the_flush_lost_fourteen_percent(real_catalog: Catalog) -> None:
    hours = real_catalog.read(ChannelKey("BTCUSDT-PERP", ChannelKind.BARS, "1h"))
    opened, closed = (
        hours["close"][np.searchsorted(hours["closed_at"], ns(day))]
        for day in ("2026-02-05", "2026-02-06")
    )
    assert closed / opened - 1 == pytest.approx(-0.140, abs=0.0005)


def test_open_interest_fell_less_in_bitcoin_than_in_usd(real_catalog: Catalog) -> None:
    # A quote value falls with the price: -35% in USD was -13% in BTC.
    held = real_catalog.read(ChannelKey("BTCUSDT-PERP", ChannelKind.OPEN_INTEREST))
    hours = real_catalog.read(ChannelKey("BTCUSDT-PERP", ChannelKind.BARS, "1h"))
    base = open_interest_base(held, hours)
    first, last = (
        int(np.searchsorted(held["event_at"], ns(day) + DAY_NS))
        for day in ("2026-01-29", "2026-02-05")
    )
    quote = held["open_interest_quote"]
    assert quote[last] / quote[first] - 1 == pytest.approx(-0.35, abs=0.03)
    assert base[last] / base[first] - 1 == pytest.approx(-0.13, abs=0.03)


def test_compression_of_february_2026_shows_in_its_percentile_alone(state: MarketState) -> None:
    days = (state.dates >= np.datetime64("2026-02-01")) & (
        state.dates <= np.datetime64("2026-02-28")
    )
    assert not (state.conditions["correlation_high"].truth[days] == 1).any()
    assert (state.conditions["correlation_unusual"].truth[days] == 1).any()
    assert (state.conditions["correlation_compressed"].truth[days] == 1).any()


def test_a_correlation_one_day_out_of_step_says_nothing(real_catalog: Catalog) -> None:
    first, last = np.datetime64("2021-09-01"), np.datetime64("2022-12-31")
    keys = {
        ChannelKey("BTCUSDT-PERP", ChannelKind.BARS, "1h"),
        ChannelKey("QQQ", ChannelKind.BARS, "1d"),
    }
    data = load_dataset(real_catalog, keys, ns(str(first)), ns(str(last)) + DAY_NS)
    inputs = MarketInputs(data, build_grid(first, last, "18:30"), CONFIG)
    bitcoin = log_returns(inputs.bitcoin_at_closes[0])
    nasdaq = log_returns(inputs.session_close("QQQ"))
    year = 250
    in_step = correlation(bitcoin, nasdaq, year)[-1]
    a_day_late = correlation(bitcoin[1:], nasdaq[:-1], year)[-1]
    assert in_step == pytest.approx(0.60, abs=0.05)
    assert abs(a_day_late) < 0.12


def test_labels_do_not_flicker(state: MarketState) -> None:
    lengths = np.diff(np.flatnonzero(np.diff(state.regime) != 0))
    # A regime ends before its dwell only for a worse regime or unknown data.
    short = np.flatnonzero(lengths < CONFIG.regime.dwell)
    starts = np.flatnonzero(np.diff(state.regime) != 0) + 1
    for place in short:
        now, then = state.regime[starts[place]], state.regime[starts[place + 1]]
        assert then > now or -1 in (now, then)
