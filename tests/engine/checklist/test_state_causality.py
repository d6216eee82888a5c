"""No row of the market state depends on anything that became known after its instant."""

import numpy as np
import pytest

from data_feeds.catalog import Catalog
from data_feeds.dataset import Dataset
from data_feeds.embedded import embedded_catalog
from data_feeds.load import load_dataset
from data_feeds.schema import Channel, time_columns
from data_feeds.timeframe import DAY_NS
from engine.config.market import MarketStateConfig
from engine.signals.market.build import HISTORY_DAYS, market_state, state_channels
from engine.state import MarketState
from tests.data_feeds.factory import ns

CONFIG = MarketStateConfig()
FIRST, LAST = np.datetime64("2025-11-01"), np.datetime64("2026-02-12")
LABELS = ("regime", "driver", "action", "tier")


def read(source: Catalog) -> Dataset:
    start, end = ns(str(FIRST)), ns(str(LAST)) + DAY_NS
    return load_dataset(
        source, (), start, end, HISTORY_DAYS * DAY_NS, optional=state_channels(CONFIG)
    )


def with_holes(data: Dataset, seed: int, share: float = 0.1) -> Dataset:
    """The data without a tenth of their rows, drawn at random."""
    rng = np.random.default_rng(seed)
    kept = {key: c.take(rng.random(len(c)) >= share) for key, c in data.channels.items()}
    return Dataset(data.instruments, kept)


def replaced_after(data: Dataset, at: int, seed: int) -> Dataset:
    """The data with every value that is known after an instant made another one."""
    rng = np.random.default_rng(seed)
    channels = {}
    for key, channel in data.channels.items():
        columns = dict(channel.columns)
        later = columns["available_at"] > at
        for name in set(columns) - {*time_columns(key.kind), "label"}:
            factor = np.exp(rng.normal(0, 0.3, int(later.sum())))
            columns[name] = columns[name].copy()
            columns[name][later] *= factor
        channels[key] = Channel(key, columns)
    return Dataset(data.instruments, channels)


def state_of(data: Dataset) -> MarketState:
    return market_state(data, CONFIG, FIRST, LAST)


def changed(whole: MarketState, other: MarketState, rows: int) -> list[str]:
    """Names of what differs in the first rows."""
    arrays = [(name, getattr(whole, name), getattr(other, name)) for name in LABELS]
    arrays += [(name, values, other.values[name]) for name, values in whole.values.items()]
    for name, item in whole.conditions.items():
        twin = other.conditions[name]
        arrays += [
            (name, item.truth, twin.truth),
            (f"{name} measured", item.measured, twin.measured),
            (f"{name} age", item.age_ns, twin.age_ns),
        ]
    return [
        name
        for name, first, second in arrays
        if not np.array_equal(
            first[:rows], second[:rows], equal_nan=np.issubdtype(first.dtype, np.floating)
        )
    ]


def assert_causal(data: Dataset) -> None:
    whole = state_of(data)
    assert (whole.regime >= 0).any()
    for row in range(3, len(whole), 9):
        at = int(whole.decided_at[row])
        assert changed(whole, state_of(data.cut(at)), row + 1) == [], whole.dates[row]
        assert changed(whole, state_of(replaced_after(data, at, row)), row + 1) == []


def test_reconstructed_markets() -> None:
    assert_causal(read(embedded_catalog()))


def test_reconstructed_markets_with_holes() -> None:
    assert_causal(with_holes(read(embedded_catalog()), seed=7))


def test_real_markets(real_catalog: Catalog) -> None:
    assert_causal(read(real_catalog))


def test_what_is_known_today_does_enter() -> None:
    # The check itself: the last known rows made other ones, the same day's row changes.
    data = read(embedded_catalog())
    whole = state_of(data)
    at = int(whole.decided_at[-10])
    row = len(whole) - 10
    found = changed(whole, state_of(replaced_after(data, at - DAY_NS, 1)), row + 1)
    assert {"bitcoin", "vix", "bitcoin_falls measured"} <= set(found)


@pytest.mark.parametrize("left_out", ["VIX", "QQQ", "BTCUSDT-PERP", "DXY", "DGS10", "IGV"])
def test_a_missing_market_makes_unknown_never_false(left_out: str) -> None:
    data = read(embedded_catalog())
    whole = state_of(data)
    without = state_of(data.only(k for k in data.channels if k.instrument != left_out))
    lost = [
        n for n, c in whole.conditions.items() if (c.truth != without.conditions[n].truth).any()
    ]
    assert lost
    names = {
        "VIX": "vix_elevated",
        "QQQ": "growth_volatility_rising",
        "BTCUSDT-PERP": "funding_negative",
        "DXY": "dollar_jump",
        "DGS10": "yields_jump",
    }
    if left_out in names:
        assert (without.conditions[names[left_out]].truth == -1).all()
    if left_out in ("VIX", "QQQ"):
        assert (without.regime == -1).all()
