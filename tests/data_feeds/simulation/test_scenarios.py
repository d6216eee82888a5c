"""Scenarios: conditional, continuous, repeatable paths."""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from data_feeds.clock import DAY_NS, HOUR_NS, MINUTE_NS
from data_feeds.dataset import Dataset
from data_feeds.errors import SchemaError
from data_feeds.instrument import Instrument, InstrumentKind
from data_feeds.releases import known_at, rule_for
from data_feeds.schema import Channel, ChannelKey, ChannelKind, Provenance, time_columns, validate
from data_feeds.simulation.scenarios import (
    SCENARIOS,
    context_channels,
    continuation,
    joined,
    refusals,
    scenario_paths,
)
from data_feeds.timeframe import Timeframe
from engine.config.models import PlaybookConfig
from engine.run import run
from engine.testing import START, candles, funding, series, table, table_config
from tests.data_feeds.factory import ns
from tests.data_feeds.simulation.scenario_cases import (
    CLOCK,
    CUT,
    PERP,
    QQQ,
    history,
    only_path,
    sixty_days,
    small_table,
)

PAGE = Path(__file__).resolve().parents[3] / "docs" / "scenarios.md"


# --- the same numbers again ---


def test_the_same_seed_gives_the_same_bytes_and_another_seed_does_not():
    data = small_table()
    assert only_path(data, seed=3).fingerprint == only_path(data, seed=3).fingerprint
    assert only_path(data, seed=3).fingerprint != only_path(data, seed=4).fingerprint


def test_a_path_depends_on_its_number_not_on_how_many_there_are():
    five = [p.fingerprint for p in scenario_paths(history(), "B", paths=5, days=2, seed=5)]
    ten = [p.fingerprint for p in scenario_paths(history(), "B", paths=10, days=2, seed=5)]
    assert ten[:5] == five
    assert len(set(ten)) == 10


def test_any_path_can_be_made_alone_and_in_any_order():
    begun = continuation(history(), "B", days=2, seed=5)
    in_order = [p.fingerprint for p in scenario_paths(history(), "B", paths=3, days=2, seed=5)]
    assert [begun.path(i).fingerprint for i in (2, 0, 1)] == [in_order[i] for i in (2, 0, 1)]
    assert (begun.begin, begun.end) == (ns(CUT), ns(CUT) + 2 * DAY_NS)


def test_bitcoin_does_not_depend_on_channels_that_say_nothing_about_it():
    with_gold = history()
    without = history().only(k for k in history().channels if k.instrument not in ("GLD", "IGV"))
    left, right = only_path(with_gold), only_path(without)
    np.testing.assert_array_equal(left.channels[CLOCK]["close"], right.channels[CLOCK]["close"])


# --- shape: continuous, valid, complete ---


@pytest.mark.parametrize("name", list(SCENARIOS))
def test_every_channel_continues_valid_synthetic_and_without_a_jump(name):
    path = only_path(history(), name, days=40)
    assert set(path.channels) == set(history().channels)
    assert all(instrument.synthetic for instrument in path.instruments.values())
    for key, channel in path.channels.items():
        before = history().channels[key]
        first = time_columns(key.kind)[0]
        validate(channel)
        if key.kind is not ChannelKind.DIVIDENDS:
            assert len(channel) > 0, key
        assert (channel["label"] == Provenance.SYNTHETIC).all()
        assert (channel[first] > before[first][-1]).all(), key
        if key.kind in (ChannelKind.BARS, ChannelKind.MARK):
            assert channel["open"][0] == before["close"][-1], key
            assert channel["closed_at"][-1] <= ns(CUT) + 40 * DAY_NS


def test_bars_have_no_hole_and_reach_the_last_day():
    path = only_path(history(), days=40)
    opened = path.channels[CLOCK]["opened_at"]
    np.testing.assert_array_equal(opened, ns(CUT) + np.arange(40 * 96) * 15 * MINUTE_NS)
    assert path.channels[CLOCK]["closed_at"][-1] == ns(CUT) + 40 * DAY_NS
    # Six weeks of sessions from Monday 2026-02-09 to Wednesday 2026-03-18, Presidents' Day off:
    # 5 full weeks (25) less a holiday, and three days.
    assert len(path.channels[QQQ]) == 25 - 1 + 3


def test_points_go_on_in_the_rhythm_of_the_data():
    path = only_path(history(), days=2)
    settled = path.channel(PERP, ChannelKind.FUNDING)["event_at"]
    np.testing.assert_array_equal(settled, ns(CUT) + np.arange(1, 7) * 8 * HOUR_NS)
    for kind in (ChannelKind.OPEN_INTEREST, ChannelKind.LIQUIDATIONS):
        hours = path.channel(PERP, kind)["event_at"]
        np.testing.assert_array_equal(hours, ns(CUT) + np.arange(1, 49) * HOUR_NS)


def test_state_begins_where_the_data_end():
    path = only_path(history(), days=2)
    held = path.channel(PERP, ChannelKind.OPEN_INTEREST)["open_interest_base"]
    before = history().channel(PERP, ChannelKind.OPEN_INTEREST)["open_interest_base"][-1]
    # Traders open and close a few percent of it in an hour, not more.
    assert held[0] == pytest.approx(before, rel=0.05)
    for name in ("DGS10", "VIX", "BAMLH0A0HYM2", "DXY", "SP500"):
        first = path.channel(name, ChannelKind.SERIES)["value"][0]
        last = history().channel(name, ChannelKind.SERIES)["value"][-1]
        assert first == pytest.approx(last, rel=0.35), name


def test_funding_begins_at_the_last_rate_and_forgets_it():
    # A premium of 0.1% + 0.05% clamp makes a rate of 0.1%; after days it is the usual one.
    hours = 240
    rates = [(START + i * 8 * HOUR_NS, 0.001) for i in range(hours // 8 + 1)]
    high = only_path(small_table(funding(rates)), days=20)
    rate = high.channel(PERP, ChannelKind.FUNDING)["rate"]
    assert 0.0003 < rate[0] < 0.0016
    assert abs(np.median(rate[-20:])) < 0.0003


def test_longer_timeframes_are_made_of_the_shorter_ones():
    quarter = history().channels[CLOCK]
    hours = _resampled(quarter, 4, "1h")
    four = _resampled(quarter, 16, "4h")
    # Known at 05:45: the hour from 05:00 and the four from 04:00 are not complete yet.
    data = Dataset(history().instruments, {c.key: c for c in (quarter, hours, four)})
    data = data.cut(ns(CUT) - DAY_NS + 5 * HOUR_NS + 45 * MINUTE_NS)
    both = joined(data, only_path(data, "B", days=2))
    for key, bars in ((hours.key, 4), (four.key, 16)):
        whole = _resampled(both.channels[CLOCK], bars, key.timeframe)
        made = both.channels[key]
        for column in ("opened_at", "high", "low", "close"):
            np.testing.assert_array_equal(made[column], whole[column][: len(made)], column)
        assert len(whole) - len(made) <= 1
        np.testing.assert_allclose(made["volume"], whole["volume"][: len(made)], atol=0.01)


def test_shorter_timeframes_walk_through_the_quarters_prices():
    data = small_table(candles([(100.0, 100.2, 99.8, 100.0)] * 240 * 12, timeframe="5m"))
    path = only_path(data)
    five, hour = path.bars(PERP, "5m"), path.bars(PERP, "1h")
    assert len(five) == 3 * 288
    np.testing.assert_allclose(five["open"][1:], five["close"][:-1], atol=0.1001)
    np.testing.assert_allclose(five["high"].reshape(-1, 12).max(axis=1), hour["high"], atol=0.1001)
    np.testing.assert_allclose(five["low"].reshape(-1, 12).min(axis=1), hour["low"], atol=0.1001)
    np.testing.assert_array_equal(five["close"][11::12], hour["close"])


def test_one_perp_of_hours_is_enough():
    path = only_path(small_table(), days=30)
    (bars,) = path.channels.values()
    assert len(bars) == 30 * 24
    assert bars["opened_at"][0] == START + 240 * HOUR_NS
    assert bars["open"][0] == 100.0


def test_assets_move_together_and_markets_of_one_asset_as_one():
    ratio = 2.0
    spot = candles([(200.0, 201.2, 198.8, 201.0), (201.0, 201.4, 199.8, 200.0)] * 120,
                   instrument="BTCUSDT-SPOT")  # fmt: skip
    other = Instrument(id="ETHUSDT-PERP", kind=InstrumentKind.PERP)
    data = small_table(spot)
    ether = candles([(10.0, 10.06, 9.94, 10.05), (10.05, 10.07, 9.99, 10.0)] * 120,
                    instrument=other.id)  # fmt: skip
    data = Dataset({**data.instruments, other.id: other}, {**data.channels, ether.key: ether})
    path = only_path(data, days=60)
    perp = path.bars(PERP, "1h")["close"]
    np.testing.assert_allclose(path.bars("BTCUSDT-SPOT", "1h")["close"], ratio * perp, atol=0.3)
    returns = [np.diff(np.log(path.bars(n, "1h")["close"][::24])) for n in (PERP, other.id)]
    assert np.corrcoef(returns)[0, 1] > 0.5


# --- equities and series ---


def test_series_are_known_by_their_release_rule_or_else_by_their_own_lag():
    lagged = series([(START + i * DAY_NS, 50.0 + i % 3) for i in range(10)], "MOOD")
    columns = dict(lagged.columns)
    columns["available_at"] = columns["available_at"] + 5 * HOUR_NS
    data = small_table(type(lagged)(lagged.key, columns))
    mood = only_path(data).channel("MOOD", ChannelKind.SERIES)
    assert (mood["available_at"] - mood["event_at"] == 5 * HOUR_NS).all()
    ten = only_path(history(), days=30).channel("DGS10", ChannelKind.SERIES)
    days = ten["event_at"].astype("datetime64[ns]").astype("datetime64[D]")
    np.testing.assert_array_equal(ten["available_at"], known_at(rule_for("DGS10"), days))
    # Presidents' Day has neither a session nor a yield.
    assert np.datetime64("2026-02-16") not in days
    assert np.is_busday(days).all()


def test_inverse_fund_moves_as_much_against_the_index():
    path = only_path(history(), "C", days=60)
    moves = [np.diff(path.bars(n, "1d")["close"]) / path.bars(n, "1d")["close"][:-1]
             for n in ("SPY", "SH")]  # fmt: skip
    # Cents of a 38-dollar fund are 0.03%.
    np.testing.assert_allclose(moves[0], -moves[1], atol=0.0006)


def test_long_bonds_fall_when_the_ten_year_yield_rises():
    for path in sixty_days("B")[:10]:
        ten = path.channel("DGS10", ChannelKind.SERIES)["value"]
        bonds = path.bars("TLT", "1d")["close"]
        change = ten[-1] - history().channel("DGS10", ChannelKind.SERIES)["value"][-1]
        moved = np.log(bonds[-1] / history().bars("TLT", "1d")["close"][-1])
        # 17 years of duration: -17% for +1 point, less convexity; 4.5% a year of own noise.
        assert moved == pytest.approx(-0.17 * change, abs=0.08)


def test_an_unknown_fund_moves_with_the_index_by_its_own_beta():
    spy = history().bars("SPY", "1d")
    doubled = {**spy.columns}
    level = 50 * (spy["close"] / spy["close"][0]) ** 2
    doubled |= {name: level.copy() for name in ("open", "high", "low", "close")}
    key = ChannelKey("LEVER", ChannelKind.BARS, "1d")
    data = Dataset(
        {
            **history().instruments,
            "LEVER": history().instruments["SPY"].model_copy(update={"id": "LEVER"}),
        },
        {**history().channels, key: type(spy)(key, doubled)},
    )
    spies = [ChannelKey("SPY", ChannelKind.BARS, "1d"), ChannelKey("SP500", ChannelKind.SERIES)]
    data = data.only([key, *spies])
    path = only_path(data, days=300)
    mine, index = (np.diff(np.log(path.bars(n, "1d")["close"])) for n in ("LEVER", "SPY"))
    # 88 common sessions of slope 2, shrunk: (88 x 2 + 60 x 1) / 148 = 1.59
    assert np.cov(mine, index)[0, 1] / index.var(ddof=1) == pytest.approx(1.59, abs=0.12)


# --- history stays what it was ---


def lagging(name="DGS10", days=6):
    """Return the history with one series that ends a number of days earlier."""
    key = ChannelKey(name, ChannelKind.SERIES)
    kept = history().channels[key]["event_at"] < ns(CUT) - days * DAY_NS
    columns = {column: values[kept] for column, values in history().channels[key].columns.items()}
    return Dataset(
        history().instruments,
        {**history().channels, key: type(history().channels[key])(key, columns)},
    )


def test_no_row_is_known_while_the_data_last():
    data = lagging()
    path = only_path(data, days=3)
    ten = path.channel("DGS10", ChannelKind.SERIES)
    # The series continues on days that are history for the other channels.
    assert ten["event_at"][0] < ns(CUT) - 3 * DAY_NS
    for key, channel in path.channels.items():
        assert (channel["available_at"] > ns(CUT)).all(), key


@pytest.mark.parametrize(
    ("kind", "column", "missing", "early"),
    [
        # The path begins at midnight: a settlement then is its own, but no bar of it is complete.
        (ChannelKind.FUNDING, "rate", 2, 1),
        (ChannelKind.FUNDING, "rate", 3, 2),
        (ChannelKind.OPEN_INTEREST, "open_interest_base", 1, 1),
        (ChannelKind.OPEN_INTEREST, "open_interest_quote", 2, 2),
    ],
)
def test_points_before_the_path_repeat_the_last_value(kind, column, missing, early):
    key = ChannelKey(PERP, kind)
    held = history().channels[key].take(slice(0, -missing))
    # A distinct value that no later row of the path can equal.
    held = Channel(key, {**held.columns, column: np.append(held[column][:-1], 0.00123)})
    data = Dataset(history().instruments, {**history().channels, key: held})
    values = only_path(data, "B", days=2).channels[key][column]
    np.testing.assert_array_equal(values[:early], 0.00123)
    assert (values[early:] != 0.00123).all()


def test_a_series_of_one_row_is_late_after_the_days_of_its_kind():
    old = series([(START - 60 * DAY_NS, 50.0)], "DXY")
    with pytest.raises(SchemaError, match="more than 45 days before the data end"):
        only_path(small_table(old))


def test_nothing_happens_in_days_that_have_passed():
    data = lagging()
    last = float(data.channel("DGS10", ChannelKind.SERIES)["value"][-1])
    ten = only_path(data, "B", days=3).channel("DGS10", ChannelKind.SERIES)
    passed = ten["event_at"] < ns("2026-02-07")
    assert passed.sum() >= 3
    np.testing.assert_allclose(ten["value"][passed], last, atol=1e-9)


def test_a_spot_that_ended_hours_earlier_keeps_its_price_to_the_perp():
    rise = [(100.0 + i, 101.0 + i, 100.0 + i, 101.0 + i) for i in range(240)]
    spot = candles([tuple(2 * x for x in row) for row in rise[:-12]], instrument="BTCUSDT-SPOT")
    data = table(candles(rise), spot)
    path = only_path(data, days=2)
    perp, other = (path.bars(name, "1h")["close"] for name in (PERP, "BTCUSDT-SPOT"))
    np.testing.assert_allclose(other[-24:] / perp[-24:], 2.0, rtol=0.002)


def test_a_fund_of_a_known_index_moves_by_percents_a_day_without_it():
    names = (CLOCK, ChannelKey("PSQ", ChannelKind.BARS, "1d"))
    path = only_path(history().only(names), "A", days=120)
    closes = path.bars("PSQ", "1d")["close"]
    yearly = np.diff(np.log(closes)).std() * np.sqrt(252)
    assert 0.08 < yearly < 0.45


# --- use ---


def test_a_playbook_runs_over_history_and_path():
    path = only_path(history(), "B", days=20, seed=2)
    both = joined(history(), path)
    assert len(both.channels[CLOCK]) == len(history().channels[CLOCK]) + 20 * 96
    config = table_config(both, notional=None)
    window = config.data.model_copy(
        update={
            "start": datetime.fromisoformat(CUT).replace(tzinfo=UTC),
            "end": datetime.fromtimestamp(ns(CUT) // 10**9 + 20 * 86_400, tz=UTC),
        }
    )
    rules = PlaybookConfig(name="liquidation_reclaim", params={"timeframe": "15m"})
    result = run(config.model_copy(update={"data": window, "playbook": rules}), both)
    assert result.dataset.provenance is Provenance.SYNTHETIC
    # Decisions continue to the end of the path; B has flushes that are reclaimed.
    assert result.outcome.curve.at[-1] == ns(CUT) + 20 * DAY_NS
    assert result.signals.values["reclaim"][-20 * 96 :].sum() > 0


def test_the_page_names_every_number_and_its_example_runs():
    text = PAGE.read_text()
    for scenario in SCENARIOS.values():
        assert scenario.title in text
    for row in text.splitlines():
        cells = [cell.strip(" `") for cell in row.strip("|").split("|")]
        if len(cells) == 4 and cells[0] in SCENARIOS["A"].__dataclass_fields__:
            shown = [float(cell) for cell in cells[1:]]
            assert shown == [getattr(SCENARIOS[name], cells[0]) for name in "ABC"], cells[0]
    numbers = set(SCENARIOS["A"].__dataclass_fields__) - {"name", "title", "story"}
    assert all(f"| `{name}` |" in text for name in numbers)
    code = text.split("```python\n")[1].split("```")[0]
    found = {"dataset": small_table()}
    exec(code, found)
    assert len(found["closes"]) == 5


# --- refusals ---


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"scenario": "D"}, "'D' is unknown; use one of A"),
        ({"paths": 0}, "paths is 0"),
        ({"days": 0}, "days is 0"),
        ({"seed": -1}, "seed is -1"),
    ],
)
def test_arguments_out_of_range_are_refused_before_the_first_path(change, words):
    asked = {"scenario": "A", "paths": 1, "days": 1, "seed": 1, **change}
    with pytest.raises(SchemaError, match=words):
        scenario_paths(small_table(), asked.pop("scenario"), **asked)


def test_a_channel_that_cannot_go_on_is_named():
    empty = small_table(funding([]))
    with pytest.raises(SchemaError, match=r"BTCUSDT-PERP/funding: no row to continue"):
        only_path(empty)
    odd = small_table(candles([(100.0, 101.0, 99.0, 100.0)] * 6, timeframe="10m"))
    with pytest.raises(SchemaError, match=r"bars/10m: a scenario continues timeframes that divide"):
        only_path(odd)
    intraday = small_table(candles([(100.0, 101.0, 99.0, 100.0)] * 6, instrument="QQQ"))
    with pytest.raises(SchemaError, match=r"QQQ/bars/1h: a scenario continues XNYS bars of 1d"):
        only_path(intraday)
    lonely = table(funding([(START, 0.0001), (START + 8 * HOUR_NS, 0.0001)]))
    with pytest.raises(SchemaError, match=r"funding: cannot be continued without bars of BTCUSDT"):
        only_path(lonely)
    for old in (series([(START - 60 * DAY_NS + i * DAY_NS, 50.0) for i in range(9)], "DXY"),
                funding([(START + i * 8 * HOUR_NS, 0.0001) for i in range(9)])):  # fmt: skip
        with pytest.raises(SchemaError, match=rf"{old.key}: its last value is of 20\d\d-"):
            only_path(small_table(old))
    stale = small_table(candles([(100.0, 101.0, 99.0, 100.0)] * 6, timeframe="15m"))
    with pytest.raises(SchemaError, match=r"bars/15m: its last bar closed 2026-02-02T01:30Z"):
        only_path(stale)
    with pytest.raises(SchemaError, match="holds no row"):
        only_path(Dataset({}, {}))


def test_a_path_joins_its_own_history_alone():
    data = small_table()
    path = only_path(data)
    with pytest.raises(SchemaError, match="join a path to the data it was made from"):
        joined(joined(data, path), path)
    with pytest.raises(SchemaError, match="in the path, not in the history"):
        joined(Dataset({}, {}), path)


def _resampled(bars, count, timeframe):
    """Return bars of a longer timeframe, by a plain loop over whole buckets."""
    frame = Timeframe(timeframe).ns
    rows = {}
    for i in range(len(bars)):
        rows.setdefault(int(bars["opened_at"][i]) // frame, []).append(i)
    rows = {bucket: found for bucket, found in rows.items() if len(found) == count}
    made = [
        (
            bars["open"][found[0]],
            bars["high"][found].max(),
            bars["low"][found].min(),
            bars["close"][found[-1]],
            bars["volume"][found].sum(),
        )
        for found in rows.values()
    ]
    return candles(made, timeframe=timeframe, opened_at=[bucket * frame for bucket in rows])


def test_every_channel_that_cannot_be_continued_is_refused_under_its_name():
    series_key, rate_key = (
        ChannelKey("DXY", ChannelKind.SERIES),
        ChannelKey(PERP, ChannelKind.FUNDING),
    )
    channels = dict(history().channels)
    for key in (series_key, rate_key):
        channels[key] = channels[key].take(slice(0, 5))
    channels[CLOCK] = channels[CLOCK].take(slice(0, 0))
    data = Dataset(history().instruments, channels)
    found = refusals(data)
    assert set(found) == {series_key, rate_key, CLOCK}
    assert all(str(error).startswith(f"{key}: ") for key, error in found.items())
    assert refusals(data.only(data.channels.keys() - found.keys())) == {}
    with pytest.raises(SchemaError):
        continuation(data, "A", days=1, seed=0)


def test_points_of_a_perp_are_refused_when_all_its_bars_are():
    keys = [key for key in history().channels if key.instrument == PERP]
    channels = {key: history().channels[key] for key in keys}
    for key in keys:
        if key.kind in (ChannelKind.BARS, ChannelKind.MARK):
            channels[key] = channels[key].take(slice(0, 5))
    found = refusals(Dataset(history().instruments, channels))
    assert set(found) == set(keys)


def test_the_context_is_the_index_yields_and_the_dollar():
    names = {key.instrument for key in context_channels(history().channels)}
    assert names == {"SP500", "SPY", "NASDAQCOM", "QQQ", "DGS10", "DXY"}
