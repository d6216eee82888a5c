"""The main path: a config that names a playbook, data in memory, and what comes back."""

from datetime import UTC, datetime

import pytest

from data_feeds.dataset import Dataset
from data_feeds.errors import CoverageError, GapError
from data_feeds.schema import Channel, ChannelKey, ChannelKind
from engine.broker.timeline import execution_bars
from engine.config.models import PlaybookConfig, ReportConfig
from engine.errors import ConfigError, PlaybookContractError, PlaybookError
from engine.run import run
from engine.run_data import load_window, settlement_channels
from engine.testing import PERP, candles, funding, hour, marks, series, table, table_config

FLAT = (100.0, 101.0, 99.0, 100.0)
WARMUP = 72  # the default window of realized volatility, 3 days of hours
HOURS = WARMUP + 6
CLOCK = ChannelKey(PERP.id, ChannelKind.BARS, "1h")

PLUGIN = '''
from typing import ClassVar

import numpy as np
from pydantic import Field

from engine.api import (
    ChannelKey, ChannelKind, Enter, Playbook, PlaybookParams, Requirements, Signals
)

CLOCK = ChannelKey("BTCUSDT-PERP", ChannelKind.BARS, "1h")


class OnceParams(PlaybookParams):
    leak: bool = Field(False, description="look one bar ahead")
    fails: str = Field("", description="the method that raises")
    wake: bool = Field(True, description="whether the entry's row is a wake")
    short_array: bool = Field(False, description="one entry too few")


class Once(Playbook[OnceParams]):
    """Buys at the first row it is asked in the window."""

    name: ClassVar[str] = "once"
    Params: ClassVar[type[PlaybookParams]] = OnceParams

    @classmethod
    def requirements(cls, params):
        return Requirements(CLOCK, frozenset({CLOCK}), frozenset(), (CLOCK.instrument,), 3)

    def prepare(self, data):
        if self.params.fails == "prepare":
            raise KeyError("nothing")
        bars = data.channels[CLOCK]
        close = bars["close"]
        self.kept = close
        signal = np.append(close[1:], close[-1:]) if self.params.leak else close.copy()
        if self.params.short_array:
            signal = signal[:-1]
        wake = np.full(len(bars), self.params.wake)
        return Signals(bars["closed_at"], {"close": signal}, wake_flat=wake)

    def on_bar(self, market, account):
        if self.params.fails == "on_bar":
            raise ZeroDivisionError("1 / 0")
        if self.params.fails == "kept":
            return [Enter(CLOCK.instrument, 1, float(self.kept[-1]) / 2, "test")]
        if self.params.fails == "none":
            return None
        if self.params.fails == "intent":
            return ["buy"]
        if self.params.fails == "instrument":
            return [Enter("DOGE", 1, 50.0, "test")]
        return [Enter(CLOCK.instrument, 1, 50.0, "test")]

    def on_fill(self, fill, account):
        if self.params.fails == "on_fill":
            raise ValueError("no")
        return ()
'''


@pytest.fixture(scope="module")
def plugins(tmp_path_factory):
    folder = tmp_path_factory.mktemp("plugins")
    (folder / "once.py").write_text(PLUGIN)
    return folder


def market(extra=()):
    rows = [(100.0 + i % 3, 104.0, 98.0, 100.0 + i % 2) for i in range(HOURS)]
    return table(candles(rows), *extra)


def config(data, *, start=WARMUP, params=None, name="once", **sections):
    base = table_config(data, **sections)
    window = base.data.model_copy(
        update={"start": datetime.fromtimestamp(hour(start) / 1e9, tz=UTC)}
    )
    playbook = PlaybookConfig(name=name, params=params or {})
    return base.model_copy(update={"data": window, "playbook": playbook})


def test_a_run_returns_config_data_signals_and_outcome(plugins):
    data = market()
    asked = config(data)
    result = run(asked, data, plugin_path=plugins)
    # Settled: the wallets have the currency in which the run's only instrument settles.
    assert result.config.account.currency == "USDT"
    names = dict.fromkeys(("currency", "venue_currency", "brokerage_currency"))
    unsettled = result.config.account.model_copy(update=names)
    assert result.config.model_copy(update={"account": unsettled}) == asked
    assert result.playbook.name == "once"
    assert len(result.signals.decided_at) == HOURS
    # The first decision is at the window's first instant, with the warm-up's last bar; it fills in
    # the first bar of the window.
    (entry,) = result.outcome.fills
    assert entry.at == entry.bar_opened_at == hour(WARMUP)
    assert result.outcome.decisions[0].decided_at == hour(WARMUP)
    assert result.outcome.curve.at[-1] == hour(HOURS)


def test_the_same_inputs_give_the_same_outcome(plugins):
    data = market()
    first, second = (run(config(data), data, plugin_path=plugins).outcome for _ in range(2))
    assert repr(first) == repr(second)


def test_progress_rises_to_the_end(plugins):
    data, seen = market(), []
    run(config(data), data, plugin_path=plugins, on_progress=seen.append)
    assert seen == sorted(seen)
    assert seen[-1] == pytest.approx(1.0)


def test_a_playbook_that_looks_ahead_fails_naming_the_signal(plugins):
    data = market()
    with pytest.raises(PlaybookContractError, match=r"once: signal close at .* looks ahead"):
        run(config(data, params={"leak": True}), data, plugin_path=plugins)


def test_what_prepare_keeps_on_self_is_not_there_when_decisions_are_made(plugins):
    data = market()
    with pytest.raises(PlaybookError, match="on_bar raised AttributeError"):
        run(config(data, params={"fails": "kept"}), data, plugin_path=plugins)


@pytest.mark.parametrize("method", ["prepare", "on_bar", "on_fill"])
def test_a_playbook_that_raises_is_named_with_the_method_and_the_instrument(plugins, method):
    data = market()
    with pytest.raises(PlaybookError, match=rf"playbook once: {method} raised .*BTCUSDT-PERP"):
        run(config(data, params={"fails": method}), data, plugin_path=plugins)


@pytest.mark.parametrize(
    ("params", "text"),
    [
        (
            {"fails": "intent"},
            "an intent is Enter, Add, Exit, MoveStop, Rebalance, Hedge, Transfer, PutOff or WakeAt",
        ),
        ({"fails": "none"}, "on_bar returned None"),
        ({"fails": "instrument"}, "'DOGE', which this run does not trade"),
        ({"wake": False}, "a bar outside its wake mask"),
        ({"short_array": True}, "signal close has 77 entries"),
    ],
)
def test_a_broken_contract_is_told_in_one_sentence(plugins, params, text):
    data = market()
    # Dense mode asks at every bar; sparse mode would not notice an intent outside a wake.
    with pytest.raises(PlaybookContractError, match=text):
        run(config(data, params=params, mode="dense"), data, plugin_path=plugins)


def test_unknown_playbooks_and_parameters_are_config_errors(plugins):
    data = market()
    with pytest.raises(ConfigError, match="no such playbook"):
        run(config(data, name="onec"), data, plugin_path=plugins)
    with pytest.raises(ConfigError, match="laek"):
        run(config(data, params={"laek": True}), data, plugin_path=plugins)


def test_a_window_whose_warmup_is_not_in_the_data_is_refused(plugins):
    data = market()
    with pytest.raises(CoverageError):
        run(config(data, start=WARMUP - 30), data, plugin_path=plugins)


def test_marks_and_funding_are_loaded_though_the_playbook_does_not_ask_for_them(plugins):
    slots = funding([(hour(WARMUP + 3), 0.001)])
    data = market([marks([FLAT] * HOURS), slots])
    result = run(config(data), data, plugin_path=plugins)
    assert result.dataset.has(PERP.id, ChannelKind.MARK, "1h")
    assert [f.kind for f in result.outcome.facts if f.kind == "funding"] == ["funding"]
    keys = settlement_channels(data, result.requirements)
    assert ChannelKey(PERP.id, ChannelKind.FUNDING) in keys


def test_extra_lag_delays_what_is_known_of_a_series_and_leaves_bars(plugins):
    rate = series([(hour(1), 3.65)], "DGS3MO")
    data = market([rate])
    asked = config(data, account={"interest_series": "DGS3MO", "brokerage_cash": 1_000.0})
    asked = asked.model_copy(update={"data": asked.data.model_copy(update={"extra_lag": "2d"})})
    result = run(asked, data, plugin_path=plugins)
    assert result.dataset.channel("DGS3MO", ChannelKind.SERIES)["available_at"][0] == hour(49)
    bars = result.dataset.bars(PERP.id, "1h")
    assert (bars["available_at"] == bars["closed_at"]).all()


def test_the_interest_series_must_be_in_the_data(plugins):
    data = market()
    asked = config(data, account={"interest_series": "DGS3MO", "brokerage_cash": 1_000.0})
    with pytest.raises(CoverageError, match="DGS3MO"):
        run(asked, data, plugin_path=plugins)


def test_the_window_holds_the_warmup_and_nothing_older(plugins):
    data = market()
    requirements = run(config(data), data, plugin_path=plugins).requirements
    window = load_window(config(data, start=WARMUP + 2), data, requirements)
    # n returns need n + 1 closes: one bar more than the longest window, here the warm-up of 3 bars
    # or the sizing windows.
    assert window.bars(PERP.id, "1h")["opened_at"][0] == hour(1)


def test_a_hole_longer_than_the_config_allows_is_refused(plugins):
    rows = [(100.0 + i % 3, 104.0, 98.0, 100.0 + i % 2) for i in range(HOURS)]
    kept = [i for i in range(HOURS) if not WARMUP + 2 <= i < WARMUP + 5]
    opened = [hour(i) for i in kept]
    data = table(candles([rows[i] for i in kept], opened_at=opened))
    asked = config(data)
    assert run(asked, data, plugin_path=plugins).outcome.fills
    strict = asked.data.model_copy(update={"max_gap_bars": 2})
    with pytest.raises(GapError, match="3 bars missing from"):
        run(asked.model_copy(update={"data": strict}), data, plugin_path=plugins)


def test_a_benchmark_that_the_data_lack_is_found_before_the_run(plugins):
    data = market()
    asked = config(data).model_copy(update={"report": ReportConfig(benchmark="GOLD")})
    with pytest.raises(ConfigError, match=r"report\.benchmark: no bars of 'GOLD'"):
        run(asked, data, plugin_path=plugins)


def test_traded_bars_that_are_known_late_are_refused():
    data = market()
    bars = data.channels[CLOCK]
    late = {**bars.columns, "available_at": bars["available_at"] + 1}
    known_late = Dataset(data.instruments, {CLOCK: Channel(CLOCK, late)})
    with pytest.raises(CoverageError, match="must be known at their close"):
        execution_bars(known_late, [CLOCK], PERP.id)
