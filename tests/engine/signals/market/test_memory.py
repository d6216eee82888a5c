"""Every setting's window is loaded in full, however far back it reaches."""

from collections.abc import Iterator

import numpy as np
import pytest

from data_feeds.calendar import session_bounds, sessions_between
from data_feeds.clock import DAY_NS, HOUR_NS
from data_feeds.dataset import Dataset
from data_feeds.instrument import Instrument, InstrumentKind
from data_feeds.schema import Channel, ChannelKind
from engine.checklist import read_state
from engine.config.market import MarketStateConfig
from engine.signals.market.build import calendar_days, history_days
from engine.signals.market.correlation import ewma_correlation
from engine.testing import candles, funding, points, series
from tests.data_feeds.factory import ns
from tests.engine.checklist.test_state_causality import changed

PERP = "BTCUSDT-PERP"
BEGIN, LAST = np.datetime64("2015-01-02"), np.datetime64("2024-03-28")
# Longer than the other settings' windows, about 747 days.
SESSIONS, DAYS = 900, 1300
# With the memory of the other settings longer than 900 sessions.
LONG_BEFORE = np.timedelta64(900, "D")
EQUITIES = ("SPY", "QQQ", "IWM", "SMH", "IGV")
LEVELS = {"VIX": 18.0, "DGS10": 4.0, "DFII10": 2.0, "DGS2": 4.0, "DFF": 4.0, "DXY": 100.0}


def walk(rows: int, rng: np.random.Generator, size: float) -> np.ndarray:
    return np.exp(np.cumsum(rng.normal(0, size, rows)))


@pytest.fixture(scope="module")
def market() -> Dataset:
    """Return nine years of random walks: equities, series, bitcoin's days, hours and positions."""
    rng = np.random.default_rng(5)
    opened, closed = session_bounds("XNYS", sessions_between("XNYS", BEGIN, LAST))
    at = {"opened_at": opened.tolist(), "closed_at": closed.tolist()}
    channels = []
    for name in EQUITIES:
        rows = [(c, c * 1.01, c * 0.99, c) for c in 100 * walk(len(opened), rng, 0.01)]
        channels.append(candles(rows, instrument=name, timeframe="1d", **at))
    for name, level in {**LEVELS, "BAMLH0A0HYM2": 4.0}.items():
        values = level * walk(len(closed), rng, 0.01)
        channels.append(series(list(zip(closed.tolist(), values.tolist(), strict=True)), name))
    first, end = ns(str(BEGIN)), ns(str(LAST)) + DAY_NS
    hours = list(range(first, end, HOUR_NS))
    price = 30_000 * walk(len(hours), rng, 0.005)
    # Whole numbers: their sums do not depend, by rounding, on where they begin.
    volume = rng.integers(10, 20, len(hours)).astype(np.float64)
    rows = [(c, c, c, c, v) for c, v in zip(price, volume, strict=True)]
    channels.append(candles(rows, instrument=PERP, opened_at=hours))
    rates = rng.normal(1e-4, 1e-4, len(hours))
    channels.append(funding(list(zip(hours, rates, strict=True))[::8]))
    longs = points(
        ChannelKind.LIQUIDATIONS, PERP, list(zip(hours, volume, strict=True)), column="long_quote"
    )
    shorts = np.ones(len(hours))
    channels.append(Channel(longs.key, {**longs.columns, "short_quote": shorts}))
    records = {
        PERP: Instrument(id=PERP, kind=InstrumentKind.PERP),
        **{
            name: Instrument(id=name, kind=InstrumentKind.ETF, quote="USD", calendar="XNYS")
            for name in EQUITIES
        },
        **{
            name: Instrument(id=name, kind=InstrumentKind.SERIES)
            for name in (*LEVELS, "BAMLH0A0HYM2")
        },
    }
    return Dataset(records, {channel.key: channel for channel in channels})


def windows() -> Iterator[tuple[str, str, object]]:
    """Yield every whole-number setting of the state, and the one duration of a window."""
    config = MarketStateConfig()
    for section in MarketStateConfig.model_fields:
        part = getattr(config, section)
        for name in getattr(type(part), "model_fields", ()):
            if type(getattr(part, name)) is int and section != "checklist":
                yield section, name, DAYS if section in ("crypto", "events") else SESSIONS
    yield "crypto", "change", f"{DAYS}d"


# One after the other: what a target book sheds reads the month and a week, and so on.
@pytest.mark.parametrize(("section", "name", "value"), list(windows()))
def test_each_setting_alone_reads_no_more_than_is_loaded(market, section, name, value) -> None:
    config = MarketStateConfig.model_validate({section: {name: value}})
    day = np.datetime64("2024-03-27")
    alone = read_state(market, config, day, day)[0]
    whole = read_state(market, config, day - LONG_BEFORE, day)[0].between(day, day)
    assert changed(whole, alone, 1) == []
    # Whatever the setting, the day is read at all.
    assert alone.conditions["leaders_weak"].truth[0] >= 0 or name == "relative"


def test_counts_of_rows_inside_a_window_lengthen_nothing() -> None:
    default = history_days(MarketStateConfig())
    for section, name in (("rates", "quiet"), ("leadership", "quiet"), ("regime", "dwell")):
        assert history_days(MarketStateConfig.model_validate({section: {name: 900}})) == default


@pytest.mark.parametrize("steps", [1, 5, 21, 63, 252, 504, 1000, 3000, 5000])
def test_calendar_days_hold_their_sessions_wherever_they_lie(steps) -> None:
    days = sessions_between("XNYS", np.datetime64("2000-01-03"), np.datetime64("2025-12-31"))
    longest = int((days[steps:] - days[:-steps]).max() / np.timedelta64(1, "D"))
    assert longest <= calendar_days(steps) <= longest + 12 + steps // 100


def slow_correlation(a: np.ndarray, b: np.ndarray, decay: float) -> float:
    """Return the weighted correlation of all pairs, computed one after the other."""
    cross = first = second = 0.0
    for x, y in zip(a, b, strict=True):
        if np.isfinite(x) and np.isfinite(y):
            cross, first, second = (
                decay * old + new for old, new in ((cross, x * y), (first, x * x), (second, y * y))
            )
    return cross / np.sqrt(first * second)


@pytest.mark.parametrize("decay", [0.05, 0.3, 0.48, 0.5, 0.6, 0.94])
@pytest.mark.parametrize("every", [0, 10, 3])
def test_a_weighted_correlation_is_known_at_every_decay(decay, every) -> None:
    a, b = np.random.default_rng(4).normal(size=(2, 400))
    if every:
        a[::every] = np.nan
    found = ewma_correlation(a, b, decay)
    pairs = np.cumsum(np.isfinite(a))
    # From the 20th pair on, on every row, be it with a pair of its own or not.
    assert np.isfinite(found).tolist() == (pairs >= 20).tolist()
    for row in (150, 300, 399):
        slow = slow_correlation(a[: row + 1], b[: row + 1], decay)
        # With a third missing the pairs left out weigh 0.94 to the 149 and less, a ten-thousandth.
        assert found[row] == pytest.approx(slow, abs=1e-4)


def test_too_few_pairs_in_its_rows_stay_unknown() -> None:
    # 40 rows with 19 pairs at their end, then one more.
    a = np.full(60, np.nan)
    a[40:] = 1.0
    found = ewma_correlation(a, np.ones(60), 0.3)
    assert np.isnan(found[:59]).all()
    assert found[59] == pytest.approx(1.0)
