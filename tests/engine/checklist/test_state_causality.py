"""No row of the market state depends on data that became known after its instant."""

import numpy as np
import pytest

from data_feeds.catalog import Catalog
from data_feeds.clock import DAY_NS
from data_feeds.dataset import Dataset
from data_feeds.embedded import embedded_catalog
from data_feeds.load import load_dataset
from data_feeds.schema import Channel, time_columns
from engine.checklist import read_state
from engine.config.market import MarketStateConfig
from engine.market_state import Action, MarketState, Regime
from engine.signals.market.build import history_days, market_state, state_channels
from tests.data_feeds.factory import ns

CONFIG = MarketStateConfig()
FIRST, LAST = np.datetime64("2025-11-01"), np.datetime64("2026-02-12")
LABELS = ("regime", "driver", "action", "tier")


def read(source: Catalog) -> Dataset:
    start, end = ns(str(FIRST)), ns(str(LAST)) + DAY_NS
    return load_dataset(
        source, (), start, end, history_days(CONFIG) * DAY_NS, optional=state_channels(CONFIG)
    )


def with_holes(data: Dataset, seed: int, share: float = 0.1) -> Dataset:
    """Return the data without a tenth of their rows, drawn at random."""
    rng = np.random.default_rng(seed)
    kept = {key: c.take(rng.random(len(c)) >= share) for key, c in data.channels.items()}
    return Dataset(data.instruments, kept)


def replaced_after(data: Dataset, at: int, seed: int) -> Dataset:
    """Return the data with every value that became known after an instant changed."""
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
    """Return the names of the arrays that differ in the first rows."""
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


def begun_at(data: Dataset, at: int, names: tuple[str, ...]) -> Dataset:
    """Return the data with the channels of some instruments cut before an instant."""
    channels = {
        key: c.take(c["available_at"] >= at) if key.instrument in names else c
        for key, c in data.channels.items()
    }
    return Dataset(data.instruments, channels)


@pytest.mark.parametrize(
    "names",
    [
        # A perp whose hours begin later than the daily bars of bitcoin.
        ("BTCUSDT-PERP", "BTCUSDT-SPOT"),
        ("SPY",),
        ("VIX",),
        ("DXY",),
        ("NVDA", "MSFT", "SMH"),
        ("DGS2", "DFF", "BAMLH0A0HYM2"),
    ],
)
def test_what_a_channel_holds_later_changes_no_day_before_its_first_row(names) -> None:
    data = read(embedded_catalog())
    middle = int(state_of(data).decided_at[60])
    late = begun_at(data, middle, names)
    whole = state_of(late)
    first = min(
        int(late.channels[k]["available_at"].min())
        for k in late.channels
        if k.instrument in names and len(late.channels[k])
    )
    for row in (59, 40, 7):
        at = int(whole.decided_at[row])
        assert at < first
        assert changed(whole, state_of(late.cut(at)), row + 1) == [], (names, whole.dates[row])
        without = late.only(key for key in late.channels if key.instrument not in names)
        labels = {"regime", "action", "tier", "both_down", "step_crypto", "step_correlation"}
        # The rows before are those of data without the channel: a later row must not matter.
        assert not labels & set(changed(whole, state_of(without), row + 1))


def assert_same_wherever_days_begin(source: Catalog | Dataset, whole: MarketState, days) -> None:
    rng = np.random.default_rng(3)
    for day in days:
        row = int(np.searchsorted(whole.dates, np.datetime64(day)))
        before, after = (int(n) for n in rng.integers(0, 40, 2))
        for first, last in ((0, 0), (before, after)):
            begin, end = (
                whole.dates[max(row - first, 0)],
                whole.dates[min(row + last, len(whole) - 1)],
            )
            part = read_state(source, CONFIG, begin, end)[0]
            # Cut both to the one day, whatever lies around it.
            one = whole.between(whole.dates[row], whole.dates[row])
            found = part.between(whole.dates[row], whole.dates[row])
            assert changed(one, found, 1) == [], (day, begin, end)


def test_a_day_reads_the_same_wherever_the_days_begin_and_end() -> None:
    source = embedded_catalog()
    whole = read_state(source, CONFIG, FIRST, LAST)[0]
    days = [str(day) for day in whole.dates[[10, 45, 97, 103]]]
    assert_same_wherever_days_begin(source, whole, days)


def test_a_real_day_reads_the_same_wherever_the_days_begin_and_end(real_catalog: Catalog) -> None:
    whole = read_state(
        real_catalog, CONFIG, np.datetime64("2016-06-01"), np.datetime64("2026-04-30")
    )[0]
    days = ("2018-02-05", "2019-09-09", "2021-01-02", "2024-08-05")
    assert_same_wherever_days_begin(real_catalog, whole, days)
    # The perp's hours begin in 2019: before, the days of bitcoin tell its trend.
    row = int(np.searchsorted(whole.dates, np.datetime64("2018-02-05")))
    assert Action(int(whole.action[row])) is Action.REDUCE
    assert whole.conditions["both_down"].truth[row] == 1


def test_real_markets_around_the_first_hour_of_the_perp(real_catalog: Catalog) -> None:
    first, last = np.datetime64("2019-08-20"), np.datetime64("2019-10-20")
    start, end = ns(str(first)), ns(str(last)) + DAY_NS
    history = history_days(CONFIG) * DAY_NS
    data = load_dataset(real_catalog, (), start, end, history, optional=state_channels(CONFIG))
    whole = market_state(data, CONFIG, first, last)
    for row in range(0, len(whole), 5):
        part = market_state(data.cut(int(whole.decided_at[row])), CONFIG, first, last)
        assert changed(whole, part, row + 1) == [], whole.dates[row]


def test_what_is_known_today_does_enter() -> None:
    # The check itself is tested: changing the last known rows changes the same day's row.
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
        # The known data may show a bad regime; without VIX they never show calm.
        assert not (without.regime == Regime.CALM).any()
        assert (without.regime == Regime.UNKNOWN).any()
