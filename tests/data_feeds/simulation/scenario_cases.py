"""Histories and paths for the tests of the scenarios."""

from functools import lru_cache

import numpy as np

from data_feeds.embedded import embedded_catalog
from data_feeds.load import held_keys, load_dataset
from data_feeds.schema import ChannelKey, ChannelKind
from data_feeds.simulation.scenarios import scenario_paths
from engine.testing import candles, table
from tests.data_feeds.factory import ns

PERP = "BTCUSDT-PERP"
CLOCK = ChannelKey(PERP, ChannelKind.BARS, "15m")
QQQ = ChannelKey("QQQ", ChannelKind.BARS, "1d")
CUT = "2026-02-07"


@lru_cache(maxsize=1)
def history():
    """Return all embedded data from October 2025 to the day after the flush."""
    catalog = embedded_catalog()
    return load_dataset(catalog, set(held_keys(catalog)), ns("2025-10-01"), ns(CUT), 0)


@lru_cache(maxsize=3)
def sixty_days(name):
    keys = [k for k in history().channels if k.kind is not ChannelKind.MARK]
    return list(scenario_paths(history().only(keys), name, paths=40, days=60, seed=11))


def small_table(*extra, rows=240, timeframe="1h", instrument=PERP):
    """Return ten days of hourly bars of a perp that alternately rises and falls by 0.5%."""
    prices = [(100.0, 100.6, 99.4, 100.5), (100.5, 100.7, 99.9, 100.0)] * (rows // 2)
    return table(candles(prices, timeframe=timeframe, instrument=instrument), *extra)


def only_path(data, name="A", days=3, seed=1):
    (path,) = scenario_paths(data, name, paths=1, days=days, seed=seed)
    return path


def last_value(path, name):
    return float(path.channel(name, ChannelKind.SERIES)["value"][-1])


def daily_closes(path, before):
    """Return bitcoin's close every 96 bars, from the history's last close on."""
    close = path.channels[CLOCK]["close"]
    return np.concatenate(([before.channels[CLOCK]["close"][-1]], close[95::96]))


def total_return(path, key):
    first = history().channels[key]["close"][-1]
    return float(np.log(path.channels[key]["close"][-1] / first))


def mean_over(name, measure):
    return float(np.mean([measure(path) for path in sixty_days(name)]))


def rms(values):
    return float(np.sqrt(np.mean(values**2)))


def session_pairs(path):
    """Return log returns of bitcoin and QQQ between New York closes."""
    bars, equity = path.channels[CLOCK], path.channels[QQQ]
    rows = np.searchsorted(bars["closed_at"], equity["closed_at"], side="right") - 1
    return np.diff(np.log(bars["close"][rows])), np.diff(np.log(equity["close"]))
