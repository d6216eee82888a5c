"""Rates, leaders, correlation and positions, worked by hand on a few sessions."""

from itertools import combinations

import numpy as np
import pytest

from data_feeds.calendar import session_bounds, sessions_between
from data_feeds.clock import DAY_NS, HOUR_NS
from data_feeds.dataset import Dataset
from data_feeds.instrument import Instrument, InstrumentKind
from data_feeds.schema import Channel, ChannelKey, ChannelKind
from engine.config.market import MarketStateConfig
from engine.signals.market.correlation import correlations, ewma_correlation
from engine.signals.market.crypto import crypto_structure
from engine.signals.market.equity_volatility import market_volatility, shed
from engine.signals.market.grid import build_grid
from engine.signals.market.leadership import basket_moves, leadership, rows_since_low
from engine.signals.market.point_in_time import MarketInputs
from engine.signals.market.rates import market_rates
from engine.signals.market.timeframes import by_hours, timeframes
from engine.testing import candles, funding, points, series
from tests.data_feeds.factory import ns

FIRST, LAST = np.datetime64("2025-06-02"), np.datetime64("2026-02-06")
SESSIONS = sessions_between("XNYS", FIRST, LAST)
ROWS = len(SESSIONS)
PERP = "BTCUSDT-PERP"
U, F, T = -1, 0, 1


def equity(closes: np.ndarray, name: str, rows: slice = slice(None)) -> Channel:
    """Return daily bars of the sessions."""
    opened, closed = session_bounds("XNYS", SESSIONS[rows])
    prices = [(c, c * 1.001, c * 0.999, c) for c in closes[rows]]
    return candles(
        prices,
        instrument=name,
        timeframe="1d",
        opened_at=opened.tolist(),
        closed_at=closed.tolist(),
    )


def daily_series(values: np.ndarray, name: str) -> Channel:
    """Return a series with one value a session, known at 16:00 New York of its day."""
    _, closed = session_bounds("XNYS", SESSIONS)
    return series(list(zip(closed.tolist(), values.tolist(), strict=True)), name)


def hours(closes: np.ndarray, volume: np.ndarray | None = None, end: str = "2026-02-07") -> Channel:
    """Return the perp's hours that end at an instant."""
    first = ns(end) - len(closes) * HOUR_NS
    volumes = np.full(len(closes), 10.0) if volume is None else volume
    rows = [(c, c, c, c, v) for c, v in zip(closes, volumes, strict=True)]
    opened = [first + i * HOUR_NS for i in range(len(closes))]
    return candles(rows, instrument=PERP, opened_at=opened)


def state(*channels: Channel, **config) -> MarketInputs:
    kinds = {"BTCUSDT-PERP": InstrumentKind.PERP, "BTCUSDT-SPOT": InstrumentKind.SPOT}
    instruments = {}
    for channel in channels:
        name = channel.key.instrument
        is_equity = channel.key.kind is ChannelKind.BARS and name not in kinds
        kind = InstrumentKind.ETF if is_equity else kinds.get(name, InstrumentKind.SERIES)
        more = {"calendar": "XNYS", "quote": "USD"} if is_equity else {}
        instruments[name] = Instrument(id=name, kind=kind, tick_size=0.01, **more)
    data = Dataset(instruments, {channel.key: channel for channel in channels})
    return MarketInputs(data, build_grid(FIRST, LAST, "18:30"), MarketStateConfig(**config))


def last(named, name: str) -> int:
    return int(named[name].truth[-1])


# Rates -------------------------------------------------------------------------------------------


def rates(yields=None, dollar=None, **more):
    """Return the conditions of the last day; levels are flat before the given last sessions."""
    channels = []
    for tail, name, level in ((yields, "DGS10", 4.0), (dollar, "DXY", 100.0)):
        if tail is not None:
            values = np.full(ROWS, level)
            values[ROWS - len(tail) :] = tail
            channels.append(daily_series(values, name))
    return market_rates(state(*channels, **more))[1]


def test_yields_and_the_dollar_must_jump_together() -> None:
    up, strong = [4.0, 4.05, 4.1, 4.12, 4.15], [100.2, 100.4, 100.6, 100.8, 101.0]
    assert last(rates(up, strong), "macro_pressure") == T
    assert last(rates(up, [100.0] * 5), "macro_pressure") == F
    # One input known not to jump is enough for false; a missing one leaves it unknown.
    assert last(rates(up), "macro_pressure") == U
    assert last(rates([4.0] * 5), "macro_pressure") == F


def test_worsening_stops_after_sessions_without_a_new_high_and_a_slope_that_is_not_up() -> None:
    # The high of 4.30 is three sessions old and the last five fall.
    assert last(rates([4.2, 4.3, 4.28, 4.25, 4.22]), "yields_stopped") == T
    # Two sessions old: not yet.
    assert last(rates([4.1, 4.2, 4.3, 4.28, 4.25]), "yields_stopped") == F
    # No new high, but rising again.
    assert last(rates([4.5, 4.0, 4.1, 4.2, 4.3, 4.4]), "yields_stopped") == F


def test_a_fast_change_is_one_of_two_usual_ones() -> None:
    quiet = 4.0 + 0.01 * np.tile([0.0, 1.0], ROWS)[:ROWS]
    jump = quiet.copy()
    jump[-1] += 0.10
    fast = market_rates(state(daily_series(jump, "DGS10")))[1]["yields_fast"]
    calm = market_rates(state(daily_series(quiet, "DGS10")))[1]["yields_fast"]
    assert (int(fast.truth[-1]), int(calm.truth[-1])) == (T, F)
    assert fast.measured[-1] > 5


def test_the_policy_path_is_the_two_year_over_the_policy_rate() -> None:
    two = np.full(ROWS, 3.5)
    two[-10:] = 3.7
    inputs = state(daily_series(two, "DGS2"), daily_series(np.full(ROWS, 3.6), "DFF"))
    values, named = market_rates(inputs)
    assert values["policy_path"][-1] == pytest.approx(0.1)
    assert named["policy_path_hawkish"].measured[-1] == pytest.approx(0.2)
    assert last(named, "policy_path_hawkish") == T


# Leaders -----------------------------------------------------------------------------------------


def leaders(factor: np.ndarray, index: np.ndarray, **rows: slice):
    channels = [equity(100 * index, "SPY")]
    channels += [
        equity(50 * index * factor, name, rows.get(name, slice(None)))
        for name in ("SMH", "IGV", "NVDA", "MSFT")
    ]
    return leadership(state(*channels))


FLAT = np.ones(ROWS)
FALL = np.concatenate((np.ones(ROWS - 10), np.linspace(0.98, 0.80, 10)))


def test_a_basket_is_as_old_as_the_close_of_the_members_it_read() -> None:
    close = np.full(ROWS, 100.0)
    ended = slice(0, ROWS - 5)
    names = ("lower_lows_stopped", "leaders_weak", "breadth_fails")
    _, one_left = leaders(np.ones(ROWS), close, NVDA=ended)
    # The instant is 18:30 New York, two and a half hours after the close of those that remain.
    assert [int(one_left[name].age_ns[-1]) for name in names] == [5 * HOUR_NS // 2] * 3
    _, gone = leaders(np.ones(ROWS), close, SMH=ended, IGV=ended, NVDA=ended, MSFT=ended)
    assert [int(gone[name].age_ns[-1]) for name in names] == [-1] * 3
    assert int(gone["index_holds"].age_ns[-1]) == 5 * HOUR_NS // 2


def test_a_number_of_sessions_is_not_fresh_where_a_price_it_reads_is_absent() -> None:
    held = state(equity(np.full(ROWS, 100.0), "QQQ", slice(0, ROWS - 5)))
    _, named = market_volatility(held)
    assert int(named["growth_volatility_rising"].age_ns[-1]) == -1
    assert int(named["growth_volatility_rising"].age_ns[-30]) > 0


def test_a_fall_of_everything_is_no_break_of_leadership() -> None:
    # Leaders gain 0.01% a session on an index that falls by a fifth.
    values, named = leaders(1.0001 ** np.arange(ROWS), FALL)
    assert last(named, "leadership_breaks") == F
    assert values["leaders_relative"][-1] == pytest.approx(1.0001**10 - 1)
    assert last(named, "leaders_lower_low") == T


def test_leaders_that_fall_while_the_index_holds_break() -> None:
    _, named = leaders(FALL, FLAT)
    assert last(named, "leadership_breaks") == T
    assert last(named, "leadership_breaks_index_holds") == T


def test_members_that_begin_late_or_end_early_are_left_out_then() -> None:
    late, early = slice(ROWS - 40, None), slice(0, ROWS - 30)
    values, named = leaders(FALL, FLAT, NVDA=late, MSFT=early)
    counted = values["leaders_counted"]
    # A mean of 20 sessions: NVDA counts from its 20th on, MSFT no more.
    assert (counted[100], counted[-1]) == (3.0, 3.0)
    assert last(named, "leadership_breaks") == T
    moves = basket_moves(np.array([[1.0, 2.0, 2.0], [np.nan, 1.0, 4.0]]))
    assert moves[1:] == pytest.approx([np.log(2), np.log(4) / 2])


def test_lower_lows_have_stopped_after_sessions_without_one() -> None:
    falls = np.log(np.array([1.0, 0.99, 0.98, 0.97, 0.98, 0.985]))
    moves = np.diff(falls, prepend=np.nan)
    assert rows_since_low(moves, 6)[-1] == 2.0
    calm, fall, rise = np.ones(ROWS - 12), np.linspace(0.98, 0.9, 6), np.full(6, 0.92)
    low_then_flat = np.concatenate((calm, fall, rise))
    assert last(leaders(low_then_flat, FLAT)[1], "lower_lows_stopped") == T
    assert last(leaders(FALL, FLAT)[1], "lower_lows_stopped") == F


# Volatility and correlation ----------------------------------------------------------------------


def test_a_target_book_sheds_exposure_by_its_volatility() -> None:
    # 10% / 10% = 1, then 10% / 12.5% = 0.8: a fifth sold. The cap of 1.5 bounds the exposure.
    assert shed(np.array([0.10] * 5 + [0.125]), 0.10, 1.5)[-1] == pytest.approx(0.2)
    assert shed(np.array([0.05] * 5 + [0.10]), 0.10, 1.5)[-1] == pytest.approx(1 / 3)


def test_volatility_rises_with_the_index_or_with_vix() -> None:
    calm = 100 * np.cumprod(1 + 0.005 * np.where(np.arange(ROWS) % 2, 1, -1))
    wild = calm.copy()
    wild[-10:] *= np.cumprod(1 + 0.03 * np.where(np.arange(10) % 2, 1, -1))
    vix, jump = np.full(ROWS, 15.0), np.full(ROWS, 15.0)
    jump[-3:] = 20.0

    def rising(close, level):
        inputs = state(equity(close, "QQQ"), daily_series(level, "VIX"))
        return last(market_volatility(inputs)[1], "volatility_rising")

    assert (rising(calm, vix), rising(wild, vix), rising(calm, jump)) == (F, T, T)
    assert last(market_volatility(state(equity(calm, "QQQ")))[1], "volatility_rising") == U


def test_ewma_correlation_equals_a_slow_loop() -> None:
    a, b = np.random.default_rng(6).normal(size=(2, 60))
    a[30] = np.nan
    cross = first = second = 0.0
    for x, y in zip(a, b, strict=True):
        if np.isfinite(x):
            cross, first, second = (
                0.9 * old + 0.1 * new
                for old, new in ((cross, x * y), (first, x * x), (second, y * y))
            )
    assert ewma_correlation(a, b, 0.9)[-1] == pytest.approx(cross / np.sqrt(first * second))


# Positions ---------------------------------------------------------------------------------------


def positions(price=None, volume=None, **channels: Channel):
    closes = np.full(24 * 60, 100.0) if price is None else price
    held = [hours(closes, volume), *channels.values()]
    return crypto_structure(state(*held))


def interest(quote: np.ndarray, base: float | None = None) -> Channel:
    at = [ns("2026-02-06T23:00") - (len(quote) - 1 - i) * DAY_NS for i in range(len(quote))]
    columns = {
        "event_at": np.array(at, np.int64),
        "available_at": np.array(at, np.int64),
        "open_interest_base": np.full(len(quote), np.nan if base is None else base),
        "open_interest_quote": quote.astype(np.float64),
        "label": np.zeros(len(quote), np.int8),
    }
    return Channel(ChannelKey(PERP, ChannelKind.OPEN_INTEREST), columns)


def test_a_fall_of_the_price_alone_is_no_fall_of_positions() -> None:
    # The price halves, and the quote value with it: 10 BTC throughout.
    price = np.concatenate((np.full(24 * 57, 100.0), np.full(24 * 3, 50.0)))
    quote = np.array([1_000.0] * 7 + [500.0] * 3)
    named = positions(price, oi=interest(quote))[1]
    assert last(named, "open_interest_resets") == F
    assert named["open_interest_resets"].measured[-1] == pytest.approx(0.0)
    assert last(named, "bitcoin_declining") == T


@pytest.mark.parametrize(("rate", "truth"), [(-0.0001, T), (0.0, F), (0.0001, F)])
def test_funding_of_exactly_zero_is_not_negative(rate: float, truth: int) -> None:
    paid = funding([(ns("2026-02-06T16:00"), rate)])
    assert last(positions(pay=paid)[1], "funding_negative") == truth
    assert last(positions()[1], "funding_negative") == U


def crash() -> np.ndarray:
    return np.concatenate((np.full(24 * 59, 100.0), np.full(24, 90.0)))


def prints(longs_today: float) -> Channel:
    """Return hourly liquidations: 1 an hour for 40 days, then a day of more."""
    at = [ns("2026-02-07") - i * HOUR_NS for i in range(24 * 40)][::-1]
    channel = points(ChannelKind.LIQUIDATIONS, PERP, [(x, 1.0) for x in at], column="long_quote")
    longs = channel["long_quote"].copy()
    longs[-24:] = longs_today
    columns = {**channel.columns, "long_quote": longs, "short_quote": np.ones(len(at))}
    return Channel(channel.key, columns)


def busy(times: float) -> np.ndarray:
    return np.concatenate((np.full(24 * 59, 10.0), np.full(24, 10.0 * times)))


PAID = {"pay": funding([(ns("2026-02-06T16:00"), -0.001)])}
CLOSED = {"oi": interest(np.array([1_000.0] * 9 + [700.0]), None)}


QUIET = {
    "pay": funding([(ns("2026-02-06T16:00"), 0.001)]),
    "oi": interest(np.full(10, 1_000.0), 10.0),
}


def test_prints_that_rise_are_enough() -> None:
    # The last day known at 23:30Z has 23 hours of the new rate and one of the old.
    named = positions(crash(), liq=prints(5.0))[1]
    assert named["liquidations_rise"].measured[-1] == pytest.approx((23 * 5 + 1) / 24)
    assert last(named, "mechanical_downside") == T


@pytest.mark.parametrize("known", [{}, {"liq": prints(1.0)}, {"liq": prints(5.0)}])
@pytest.mark.parametrize(("sign", "volume"), [(PAID, 1.0), (CLOSED, 1.0), ({}, 5.0)])
def test_one_sign_shows_whatever_the_others_say(known, sign, volume) -> None:
    # Knowing the prints must not hide funding, open interest or volume.
    assert last(positions(crash(), busy(volume), **sign, **known)[1], "mechanical_downside") == T


@pytest.mark.parametrize(
    ("channels", "truth"),
    [
        # No sign shows, and three of four are unknown.
        ({}, U),
        # The prints are known and low; funding and open interest may show.
        ({"liq": prints(1.0)}, U),
        # The three others are known and quiet; the prints may rise.
        (QUIET, U),
        ({**QUIET, "liq": prints(1.0)}, F),
    ],
)
def test_that_no_sign_shows_is_known_only_from_all_four(channels, truth) -> None:
    assert last(positions(crash(), busy(1.0), **channels)[1], "mechanical_downside") == truth


def test_more_data_never_make_a_fall_less_mechanical() -> None:
    # Every set of channels against every larger one: a true step stays true.
    parts = {**PAID, **CLOSED, "liq": prints(1.0)}
    names = sorted(parts)
    told = {}
    for size in range(len(names) + 1):
        for some in combinations(names, size):
            named = positions(crash(), busy(1.0), **{name: parts[name] for name in some})[1]
            told[frozenset(some)] = last(named, "mechanical_downside")
    assert sum(truth == T for truth in told.values()) == 6
    assert all(
        told[more] == T
        for some, truth in told.items()
        if truth == T
        for more in told
        if some <= more
    )


def test_without_a_fall_nothing_is_mechanical_however_little_is_known() -> None:
    assert last(positions()[1], "mechanical_downside") == F


def test_a_rise_on_closing_positions_is_a_false_recovery() -> None:
    price = np.concatenate((np.full(24 * 59, 100.0), np.full(24, 104.0)))
    closing = interest(np.array([1_000.0] * 9 + [936.0]))
    assert last(positions(price, oi=closing)[1], "false_recovery") == T
    assert last(positions(price, oi=interest(np.full(10, 1_000.0), 10.0))[1], "false_recovery") == F


def test_weekends_are_thin() -> None:
    named = positions()[1]["thin_window"].truth
    days = build_grid(FIRST, LAST, "18:30").dates
    assert (named == np.isin((days.astype(int) + 3) % 7, (5, 6))).all()


def test_trends_agree_only_where_two_are_known() -> None:
    falling = np.linspace(200, 100, 24 * 60)
    values, named = timeframes(state(hours(falling), equity(np.linspace(2, 1, ROWS), "SPY")))
    assert last(named, "both_down") == T
    # Without hours of the index the trends are read on daily bars.
    assert not by_hours(named)[-1]
    assert last(named, "timeframes_agree_down") == T
    assert values["trend_bitcoin_4h"][-1] < 0
    short = timeframes(state(hours(falling[-30:])))[1]
    # Only the mean of 20 hours is known.
    assert last(short, "timeframes_agree_down") == U


def test_an_unusual_correlation_is_unknown_once_its_newest_pair_is_stale() -> None:
    random = np.random.default_rng(4)
    closes, bitcoin = (
        100 * np.exp(np.cumsum(random.normal(0, move, count)))
        for move, count in ((0.01, ROWS), (0.005, 6_000))
    )
    # QQQ's bars end ten sessions before the last day, with the close of 2026-01-23.
    inputs = state(equity(closes, "QQQ", slice(ROWS - 10)), equity(closes, "SPY"), hours(bitcoin))
    found = correlations(inputs)[1]["correlation_unusual"]
    days = inputs.grid.dates
    known = found.truth != U
    # Six days later, at 18:30, the pair of that close is older than max_age.
    assert days[known].max() == np.datetime64("2026-01-28")
    row = int(np.searchsorted(days, np.datetime64("2026-01-28")))
    assert found.age_ns is not None
    # 16:00 on the 23rd to 18:30 on the 28th.
    assert found.age_ns[row] == 5 * DAY_NS + 5 * HOUR_NS // 2
