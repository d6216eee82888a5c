"""``prepare`` depends on no later row, and a leak of one bar in any of its signals is noticed."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

import engine.signals
from data_feeds.clock import DAY_NS, MINUTE_NS
from data_feeds.dataset import Dataset
from data_feeds.load import load_dataset
from data_feeds.schema import ChannelKind
from engine.conditions import Truth
from strategies.liquidation_reclaim import (
    LiquidationReclaim,
    ReclaimParams,
    bar_readings,
    context_conditions,
    entry_conditions,
    frame,
    signals,
)
from tests.embedded import embedded_dataset
from tests.engine.signals import channels
from tests.strategies.truncation import event_cuts, first_leak

PERP = "BTCUSDT-PERP"
BAR_NS = 15 * MINUTE_NS
# The generated perp's record names no spot market; the one made up below is named here.
PARAMS = ReclaimParams(
    timeframe="15m",
    mark_timeframe="15m",
    spot_timeframe="15m",
    spot_instrument="BTCUSDT-SPOT",
)


@pytest.fixture(scope="module")
def data():
    """The embedded data's last five weeks with the channels they lack made up beside them."""
    embedded = embedded_dataset()
    bars = embedded.bars(PERP, "15m")
    noise = np.random.default_rng(8).normal(0, 0.001, len(bars))
    spot = channels.bars(
        bars["opened_at"],
        *(bars[name] * (1 + noise) for name in ("low", "high", "close")),
        bars["volume"],
        instrument="BTCUSDT-SPOT",
        timeframe="15m",
    )
    prints = channels.liquidations(bars["closed_at"], bars["volume"], bars["volume"][::-1])
    everything = {**embedded.channels, spot.key: spot, prints.key: prints}
    start = int(bars["opened_at"][-1]) - 35 * DAY_NS
    recent = {
        key: channel.take(channel["available_at"] >= start) for key, channel in everything.items()
    }
    return Dataset(embedded.instruments, recent)


@pytest.fixture(scope="module")
def cuts(data):
    return cuts_of(PARAMS, data)


def cuts_of(params, data):
    """Yield cuts around events, around slow publications, and before thin windows begin or end."""
    prepared = LiquidationReclaim(params).prepare(data)
    published = [
        channel["available_at"][len(channel) // 2 :][:6]
        for key, channel in data.channels.items()
        if key.kind is not ChannelKind.BARS
    ]
    slow = np.unique(np.concatenate(published))
    (thin,) = (item.truth for item in prepared.conditions if item.name == "thin_window")
    turns = prepared.decided_at[:-1][thin[1:] != thin[:-1]][:4]
    return np.concatenate((event_cuts(prepared)[::4], slow - BAR_NS, slow, turns))


def test_no_row_changes_when_later_data_are_removed_or_redrawn(data, cuts):
    assert len(cuts) > 40
    assert first_leak(LiquidationReclaim(PARAMS), data, cuts) is None


def test_shorts_see_no_future_either(data, cuts):
    short = PARAMS.model_copy(update={"direction": "short"})
    assert first_leak(LiquidationReclaim(short), data, cuts[::5]) is None


def ahead(values, rows):
    return np.concatenate((values[rows:], values[-rows:]))


def ahead_in_result(honest, rows=1):
    """Return a result whose rows have the values of later rows."""

    def leaky(*args, **kwargs):
        found = honest(*args, **kwargs)
        if dataclasses.is_dataclass(found):
            arrays = {f.name: getattr(found, f.name) for f in dataclasses.fields(found)}
            return dataclasses.replace(
                found, **{name: ahead(values, rows) for name, values in arrays.items()}
            )
        if isinstance(found, tuple):
            return tuple(ahead(values, rows) for values in found)
        return ahead(found, rows)

    return leaky


def two_rows_ahead(honest):
    """One row ahead is still the bar itself: the rules read the average of the bar before."""
    return ahead_in_result(honest, 2)


def ahead_in_time(honest):
    """The decision instants, the last argument that is one, lie a bar in the future."""

    def leaky(*args, **kwargs):
        moved = [
            value + BAR_NS if isinstance(value, np.ndarray) and value.dtype == np.int64 else value
            for value in args
        ]
        return honest(*moved, **kwargs)

    return leaky


LEAKS = {
    "previous": ahead_in_result,
    "wilder_atr": two_rows_ahead,
    "multiple_of_previous_mean": ahead_in_result,
    "flush_sequences": ahead_in_result,
    "realized_volatilities": ahead_in_result,
    "open_interest_base": ahead_in_result,
    "liquidation_multiple": ahead_in_result,
    "premium": ahead_in_result,
    "count_evidence": ahead_in_result,
    "not_both": ahead_in_result,
    "resolve": ahead_in_result,
    "thin_window": ahead_in_result,
    "trend": ahead_in_time,
    "derived_as_of": ahead_in_time,
    "series_change": ahead_in_time,
}


@pytest.mark.parametrize("name", LEAKS)
def test_a_leak_of_one_bar_in_a_signal_is_noticed(name, data, cuts, monkeypatch):
    honest = getattr(engine.signals, name)
    monkeypatch.setattr(engine.signals, name, LEAKS[name](honest))
    assert first_leak(LiquidationReclaim(PARAMS), data, cuts) is not None


def test_every_signal_the_rules_use_has_its_leak():
    rooms = (entry_conditions, frame, context_conditions, bar_readings, signals)
    source = "".join(Path(module.__file__).read_text() for module in rooms)
    used = {name for name in engine.signals.__all__ if f"signals.{name}(" in source}
    # Constants rather than signals: how an unknown series looks, and a container; and the instants
    # that readers are told, which decide nothing.
    constants = {"unknown_change", "unknown_values", "unknown_ages", "FlushRules", "last_seen"}
    assert used - constants == set(LEAKS)


def ns(text):
    return int(np.datetime64(text, "ns").astype(np.int64))


def load_real(catalog, params, start, end):
    needed = LiquidationReclaim.requirements(params)
    return load_dataset(
        catalog,
        needed.channels,
        ns(start),
        ns(end),
        needed.warmup_bars * params.clock.ns,
        optional=needed.optional,
    )


@pytest.mark.parametrize(
    ("timeframe", "start", "end"),
    [("1h", "2020-01-10", "2020-04-15"), ("15m", "2026-01-15", "2026-02-19")],
)
def test_real_data_cut_at_every_event_and_one_bar_around_it(real_catalog, timeframe, start, end):
    params = ReclaimParams(timeframe=timeframe)
    data = load_real(real_catalog, params, start, end)
    playbook = LiquidationReclaim(params)
    whole = playbook.prepare(data)
    blocked = (whole.values["reclaim"] > 0) & ~whole.wake_flat
    # Every prefix compared holds an order and a blocked setup.
    first = max(np.flatnonzero(whole.wake_flat)[0], np.flatnonzero(blocked)[0])
    at = event_cuts(whole)
    at = at[at >= whole.decided_at[first]]
    assert len(at) > 30
    assert first_leak(playbook, data, at, whole=whole) is None


@pytest.fixture(scope="module")
def real_window(real_catalog):
    """Parameters, data and cuts of early 2026, when every channel is known."""
    params = ReclaimParams(timeframe="15m")
    data = load_real(real_catalog, params, "2026-01-15", "2026-02-19")
    return params, data, cuts_of(params, data)


def test_real_data_cut_where_the_leaks_below_are_looked_for(real_window):
    params, data, at = real_window
    assert first_leak(LiquidationReclaim(params), data, at) is None


@pytest.mark.parametrize("name", LEAKS)
def test_a_leak_is_noticed_on_real_data_too(name, real_window, monkeypatch):
    params, data, at = real_window
    monkeypatch.setattr(engine.signals, name, LEAKS[name](getattr(engine.signals, name)))
    assert first_leak(LiquidationReclaim(params), data, at) is not None


def test_the_embedded_data_hold_trades_and_blocked_setups(data):
    # Otherwise the comparisons above would compare nothing.
    prepared = LiquidationReclaim(PARAMS).prepare(data)
    assert prepared.wake_flat.sum() >= 1
    truths = {item.name: set(item.truth) for item in prepared.conditions}
    for name in ("liquidation_prints", "open_interest_drop", "discount_to_spot", "with_trend"):
        assert {int(Truth.TRUE), int(Truth.FALSE)} <= truths[name], name
