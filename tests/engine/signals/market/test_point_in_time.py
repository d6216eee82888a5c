"""Prices on the grid are known on their day or not at all; no window spans a hole."""

import numpy as np
import pytest

from data_feeds.calendar import session_bounds
from data_feeds.clock import DAY_NS, HOUR_NS
from data_feeds.dataset import Dataset
from data_feeds.instrument import Instrument, InstrumentKind
from data_feeds.schema import Channel
from engine.config.market import MarketStateConfig
from engine.market_state import Regime
from engine.signals.market.build import market_state
from engine.signals.market.crypto import crypto_structure
from engine.signals.market.grid import build_grid
from engine.signals.market.point_in_time import MarketInputs
from engine.signals.market.rates import market_rates
from engine.signals.market.readings import Reading, first_known
from engine.signals.market.timeframes import timeframes
from engine.testing import candles, series
from tests.data_feeds.factory import ns

PERP = Instrument(id="BTCUSDT-PERP", kind=InstrumentKind.PERP, tick_size=0.1)
DAILY = Instrument(id="BTC-USD", kind=InstrumentKind.SPOT, tick_size=0.01)
SPY = Instrument(id="SPY", kind=InstrumentKind.ETF, quote="USD", calendar="XNYS", tick_size=0.01)
# Friday to Tuesday; the weekend of 7 and 8 February lies between.
FIRST, LAST = np.datetime64("2026-02-06"), np.datetime64("2026-02-10")


def hours(first: str, closes: list[float], instrument: str = PERP.id) -> Channel:
    opened = [ns(first) + i * HOUR_NS for i in range(len(closes))]
    return candles([(c, c, c, c) for c in closes], instrument=instrument, opened_at=opened)


def sessions(dates: list[str], closes: list[float], late_ns: int = 0) -> Channel:
    opened, closed = session_bounds("XNYS", np.array(dates, dtype="datetime64[D]"))
    bars = candles(
        [(c, c, c, c) for c in closes],
        instrument=SPY.id,
        timeframe="1d",
        opened_at=opened.tolist(),
        closed_at=closed.tolist(),
    )
    return Channel(bars.key, {**bars.columns, "available_at": closed + late_ns})


def days(dates: list[str], closes: list[float]) -> Channel:
    opened = [ns(date) for date in dates]
    rows = [(c, c, c, c) for c in closes]
    return candles(rows, instrument=DAILY.id, timeframe="1d", opened_at=opened)


def inputs(*channels: Channel, **config: object) -> MarketInputs:
    known = {item.id: item for item in (PERP, DAILY, SPY)}
    named = {channel.key.instrument for channel in channels}
    data = Dataset({n: known[n] for n in named}, {c.key: c for c in channels})
    return MarketInputs(data, build_grid(FIRST, LAST, "18:30"), MarketStateConfig(**config))


def test_a_session_s_close_is_known_that_day_and_a_late_one_never() -> None:
    dates = ["2026-02-06", "2026-02-09", "2026-02-10"]
    on_time = inputs(sessions(dates, [1.0, 2.0, 3.0]))
    assert on_time.session_close("SPY").tolist() == [1.0, 2.0, 3.0]
    # Three hours after the close, 19:00 New York: after the day's instant.
    late = inputs(sessions(dates, [1.0, 2.0, 3.0], late_ns=3 * HOUR_NS))
    assert np.isnan(late.session_close("SPY")).all()


def test_a_missing_session_is_no_older_one() -> None:
    found = inputs(sessions(["2026-02-06", "2026-02-10"], [1.0, 3.0])).session_close("SPY")
    assert found[[0, 2]].tolist() == [1.0, 3.0]
    assert np.isnan(found[1])


def test_bitcoin_at_the_close_is_the_hour_that_ends_there() -> None:
    # 16:00 New York is 21:00Z; hour i closes at i + 1, Friday's at row 20.
    found = inputs(hours("2026-02-06", list(range(100, 196))))
    assert found.bitcoin_at_closes[0][0] == 120.0
    # A move needs both closes: the first session has none before it, the third none of its own.
    assert found.bitcoin_moves[1].tolist() == [False, True, False]


def test_without_hours_the_day_that_ends_at_midnight_stands_in_and_is_late() -> None:
    daily = days(["2026-02-06", "2026-02-07", "2026-02-08", "2026-02-09"], [1.0, 2.0, 3.0, 4.0])
    found = inputs(daily)
    hourly, price = found.bitcoin_at_closes
    assert price[:2].tolist() == [1.0, 4.0]
    assert np.isnan(hourly).all()
    assert not found.bitcoin_moves[1].any()


def test_bitcoin_is_the_perp_s_price_and_before_it_the_day_s() -> None:
    daily = days(["2026-02-04", "2026-02-05", "2026-02-06"], [1.0, 2.0, 3.0])
    reading = inputs(daily, hours("2026-02-08", [50.0] * 72)).bitcoin.reading
    # Friday 18:30 knows the day that ended at Friday 00:00; Saturday's hour is not there yet.
    assert reading.value.tolist() == [2.0, 3.0, 50.0, 50.0, 50.0]


def test_no_mean_spans_a_hole() -> None:
    # 20 hours a mean: the first after a week without bars is known 20 hours later.
    before, after = hours("2026-01-25", [10.0] * 48), hours("2026-02-08", [20.0] * 60)
    columns = {n: np.concatenate((before[n], after[n])) for n in before.columns}
    values, _ = timeframes(inputs(Channel(before.key, columns)))
    distance = values["trend_bitcoin_1h"]
    # Sunday 23:30Z: 23 hours of 20.0, distance 0; with the older ones it would be 8%.
    assert distance[2] == 0.0
    assert np.isnan(distance[:2]).all()
    # The mean of 80 hours reaches back over the hole until the data end.
    assert np.isnan(values["trend_bitcoin_4h"]).all()


def test_a_stale_series_is_unknown() -> None:
    old = series([(ns("2026-02-06") - 7 * DAY_NS, 4.0)], "DGS10")
    found = (
        MarketInputs(
            Dataset({"DGS10": Instrument(id="DGS10", kind=InstrumentKind.SERIES)}, {old.key: old}),
            build_grid(FIRST, LAST, "18:30"),
            MarketStateConfig(),
        )
        .series(("DGS10",))
        .reading
    )
    assert not found.known.any()
    assert found.inputs == ("DGS10",)


def two_dollars() -> Dataset:
    """Return DXY at 97 from Monday the 9th, and the broad index at 120 from the 5th on."""
    names = {n: Instrument(id=n, kind=InstrumentKind.SERIES) for n in ("DXY", "DTWEXBGS")}
    late = series([(ns("2026-02-09"), 97.0), (ns("2026-02-10"), 98.94)], "DXY")
    days = ("2026-02-05", "2026-02-06", "2026-02-09", "2026-02-10")
    broad = zip((ns(day) for day in days), (120.0, 120.0, 120.0, 121.2), strict=True)
    early = series(list(broad), "DTWEXBGS")
    return Dataset(names, {late.key: late, early.key: early})


def test_a_series_that_is_silent_is_replaced_by_the_next_on_that_day_alone() -> None:
    names, grid = ("DXY", "DTWEXBGS"), build_grid(FIRST, LAST, "18:30")
    whole = MarketInputs(two_dollars(), grid, MarketStateConfig()).series(names).reading
    assert whole.value.tolist() == [120.0, 120.0, 120.0, 97.0, 98.94]
    # Cut before the first row of the preferred one, the same days read the same.
    cut = MarketInputs(two_dollars().cut(ns("2026-02-08")), grid, MarketStateConfig())
    found = cut.series(names).reading
    np.testing.assert_array_equal(found.value[:2], whole.value[:2])
    np.testing.assert_array_equal(found.age_ns[:2], whole.age_ns[:2])


def two_series(first: list, second: list, names=("DXY", "DTWEXBGS")) -> MarketInputs:
    """Return two series of values by their instants, known at once."""
    made = [
        series([(ns(at), value) for at, value in rows], name)
        for rows, name in zip((first, second), names, strict=True)
    ]
    known = {name: Instrument(id=name, kind=InstrumentKind.SERIES) for name in names}
    data = Dataset(known, {channel.key: channel for channel in made})
    return MarketInputs(data, build_grid(FIRST, LAST, "18:30"), MarketStateConfig())


CALM = [(f"2026-02-{day:02d}T21:00", 14.0) for day in (5, 6)]
STORM = [(f"2026-02-{day:02d}T21:00", 38.0) for day in (5, 6, 9, 10)]


@pytest.mark.parametrize("name", ["VIX", "DFF", "DXY", "FEAR_GREED"])
def test_a_preferred_series_that_fell_silent_does_not_hide_one_that_goes_on(name) -> None:
    names = (name, "SECOND")
    found = two_series(CALM, STORM, names).series(names).reading
    # Friday's 14 stays over the weekend: the second one is no newer. On Monday it is.
    assert found.value.tolist() == [14.0, 14.0, 14.0, 38.0, 38.0]
    # 18:30 New York is 2.5 hours after 16:00.
    assert found.age_ns[[0, 3, 4]].tolist() == [2.5 * HOUR_NS] * 3
    # A second source that has ended hides nothing; the preferred one counts while it goes on.
    assert two_series(STORM, CALM, names).series(names).reading.value.tolist() == [38.0] * 5


def test_a_regime_begins_though_the_preferred_vix_is_silent() -> None:
    names = ("VIX", "VIXCLS")
    inputs = two_series(CALM, STORM, names)
    read = market_state(inputs.data, MarketStateConfig(), FIRST, LAST)
    assert read.values["vix"].tolist() == [14.0, 14.0, 14.0, 38.0, 38.0]
    # The growth index is unknown: VIX 14 does not mean calm, 38 is above 22 in any case.
    assert [Regime(int(r)) for r in read.regime[[0, 3]]] == [
        Regime.UNKNOWN,
        Regime.VOLATILITY_EVENT,
    ]


def test_two_stamps_of_one_day_are_equally_new() -> None:
    # Stamped at its day's midnight, 21 hours before the close of the same day: not behind.
    midnight = [(f"2026-02-{day:02d}", 97.0) for day in (5, 6, 9)]
    close = [(f"2026-02-{day:02d}T21:00", 120.0) for day in (5, 6, 9, 10)]
    found = two_series(midnight, close).series(("DXY", "DTWEXBGS")).reading
    # Tuesday's is missing: Monday's midnight is 45 hours before Tuesday's close.
    assert found.value.tolist() == [97.0, 97.0, 97.0, 97.0, 120.0]


def test_of_three_the_first_that_is_within_a_day_of_the_newest_counts() -> None:
    # Each is 16 hours older than the next: the first is 32 behind, the second is not.
    ages = (40, 24, 8)
    readings = [
        Reading(np.array([float(i)]), np.array([age * HOUR_NS]), (str(i),))
        for i, age in enumerate(ages)
    ]
    assert first_known(readings).value.tolist() == [1.0]
    # An unknown number is not new, however young its input.
    silent = Reading(np.array([np.nan]), np.array([0]), ("silent",))
    found = first_known([readings[0], silent])
    assert (found.value[0], found.age_ns[0]) == (0.0, 40 * HOUR_NS)
    assert found.inputs == ("0", "silent")


def test_bitcoin_s_hours_that_ended_do_not_hide_its_days() -> None:
    # Hours to Saturday 00:00, days to Monday; both may be six days old.
    daily = days([f"2026-02-{day:02d}" for day in (5, 6, 7, 8, 9)], [1.0, 2.0, 3.0, 4.0, 5.0])
    found = inputs(daily, hours("2026-02-05", [50.0] * 48), crypto_max_age="6d").bitcoin.reading
    # At 23:30Z the newest day closed 23.5 hours before. Saturday: hours of 23.5 too. Sunday: 47.5.
    assert found.value.tolist() == [50.0, 50.0, 3.0, 4.0, 5.0]


def test_a_change_is_of_one_series_and_never_from_one_to_another() -> None:
    config = MarketStateConfig(rates={"change": 1})
    grid = build_grid(FIRST, LAST, "18:30")
    moved = market_rates(MarketInputs(two_dollars(), grid, config))[1]["dollar_jump"].measured
    # On Monday DXY has no day before it: the broad index's change, 0, and not 97 / 120 - 1. On
    # Tuesday DXY's own 2%, and not the broad index's 1%.
    assert moved[3:] == pytest.approx([0.0, 0.02])


def test_flows_are_summed_over_their_own_days() -> None:
    # Five days of -200m, then nothing over a weekend: the week stays five days.
    rows = [(ns(f"2026-01-{day:02d}"), -2e8) for day in (26, 27, 28, 29, 30)]
    flows = series(rows, "ETF_FLOWS")
    data = Dataset(
        {"ETF_FLOWS": Instrument(id="ETF_FLOWS", kind=InstrumentKind.SERIES)}, {flows.key: flows}
    )
    grid = build_grid(np.datetime64("2026-01-29"), np.datetime64("2026-02-02"), "18:30")
    _, named = crypto_structure(MarketInputs(data, grid, MarketStateConfig()))
    measured = named["etf_outflows"].measured
    assert np.isnan(measured[0])
    assert measured[1:].tolist() == [-1e9] * 4
