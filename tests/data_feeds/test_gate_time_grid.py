"""Stamps off their grid are moved within tolerance and refused beyond it, for every source."""

from pathlib import Path

import numpy as np
import pytest

from data_feeds.catalog import Catalog
from data_feeds.clock import DAY_NS, HOUR_NS, MINUTE_NS
from data_feeds.errors import SchemaError
from data_feeds.gate import admitted
from data_feeds.instrument import Instrument, InstrumentKind
from data_feeds.schema import Channel, ChannelKey, ChannelKind
from tests.data_feeds.factory import PERP, bars, ns, replaced, series
from tests.data_feeds.imports import imported, perp_bars
from tests.data_feeds.quality_cases import funding

EIGHT = ns("2025-03-06T08:00")
MS = 10**6
FLAT = (100, 100, 100, 100, 1)
FUNDING = """\
  - path: funding.csv
    instrument: P
    kind: funding
    stamp: event
    time: {column: t, unit: ms}
    columns: {rate: r}
    label: observed
"""


def points(kind: ChannelKind, at: list[int], **values: float) -> Channel:
    event = np.array(at, dtype=np.int64)
    columns = {"event_at": event, "available_at": event.copy()}
    columns |= {name: np.full(len(at), value) for name, value in values.items()}
    return Channel(ChannelKey(PERP.id, kind), {**columns, "label": np.zeros(len(at), np.int8)})


@pytest.mark.parametrize(
    "late_ns",
    # Binance's milliseconds, the last unit before the hour, and the tolerance itself.
    [18 * MS, 1, -MS, -1, -(10**9), 60 * 10**9, -60 * 10**9],
)
def test_a_settlement_is_stamped_with_its_whole_hour(late_ns: int) -> None:
    passed = admitted(PERP, funding([EIGHT - 8 * HOUR_NS, EIGHT + late_ns]))
    assert passed.channel["event_at"].tolist() == [EIGHT - 8 * HOUR_NS, EIGHT]
    # A row known at the settlement is known at the settlement's hour.
    assert passed.channel["available_at"].tolist() == [EIGHT - 8 * HOUR_NS, EIGHT]
    assert (passed.snapped, passed.farthest_ns) == (1, abs(late_ns))


@pytest.mark.parametrize("late_ns", [60 * 10**9 + 1, 5 * MINUTE_NS, 30 * MINUTE_NS, -61 * 10**9])
def test_a_settlement_beyond_the_tolerance_is_refused(late_ns: int) -> None:
    with pytest.raises(SchemaError, match=r"row 1 at .* lies more than 60 s from a whole hour"):
        admitted(PERP, funding([EIGHT - 8 * HOUR_NS, EIGHT + late_ns]))


def test_two_settlements_of_one_hour_are_refused() -> None:
    with pytest.raises(SchemaError, match=r"row 1 at 2025-03-06T08:00Z.* not after"):
        admitted(PERP, funding([EIGHT, EIGHT + 18 * MS]))


def test_a_settlement_known_later_than_its_hour_stays_known_then() -> None:
    late = replaced(funding([EIGHT + 18 * MS]), available_at=[EIGHT + HOUR_NS])
    assert admitted(PERP, late).channel["available_at"].tolist() == [EIGHT + HOUR_NS]


@pytest.mark.parametrize("kind", [ChannelKind.BARS, ChannelKind.MARK])
@pytest.mark.parametrize("unit_ns", [10**9, MS, 10**3, 1])
def test_a_close_that_names_its_last_instant_is_the_close(kind: ChannelKind, unit_ns: int) -> None:
    # 07:59:59.999 is how Binance writes the close of the bar from 07:00 to 08:00.
    passed = admitted(PERP, bars([EIGHT - HOUR_NS - unit_ns], [FLAT], kind=kind))
    assert passed.channel["opened_at"].tolist() == [EIGHT - HOUR_NS]
    assert passed.channel["closed_at"].tolist() == [EIGHT]
    assert passed.channel["available_at"].tolist() == [EIGHT]
    assert passed.snapped == 1


@pytest.mark.parametrize("kind", [ChannelKind.BARS, ChannelKind.MARK])
@pytest.mark.parametrize("late_ns", [5 * 10**9, -3 * 10**9, 18 * MS, 30 * MINUTE_NS])
def test_bars_beside_their_timeframe_are_refused(kind: ChannelKind, late_ns: int) -> None:
    with pytest.raises(SchemaError, match=r"row 0 at .* is not on a multiple of 1h"):
        admitted(PERP, bars([EIGHT + late_ns], [FLAT], kind=kind))


def test_weeks_begin_on_monday_and_days_at_midnight() -> None:
    monday = ns("2025-03-03")
    assert len(admitted(PERP, bars([monday], [FLAT], "1w")).channel) == 1
    with pytest.raises(SchemaError, match="is not on a multiple of 1w"):
        admitted(PERP, bars([monday + HOUR_NS], [FLAT], "1w"))
    with pytest.raises(SchemaError, match="is not on a multiple of 1d"):
        admitted(PERP, bars([monday + 9 * HOUR_NS], [FLAT], "1d"))
    assert len(admitted(PERP, bars([monday + DAY_NS], [FLAT], "3d")).channel) == 1


def test_a_bar_is_as_long_as_its_timeframe() -> None:
    long = replaced(bars([EIGHT], [FLAT]), closed_at=[EIGHT + HOUR_NS + 1])
    long = replaced(long, available_at=[EIGHT + HOUR_NS + 1])
    with pytest.raises(SchemaError, match=r"closed_at .* is not 1h after opened_at"):
        admitted(PERP, long)


def test_an_exchange_s_bars_are_refused_when_seconds_off() -> None:
    spy = Instrument(id="SPY", kind=InstrumentKind.ETF, quote="USD", calendar="XNYS")
    opened = ns("2025-03-06T14:30")
    key = ChannelKey("SPY", ChannelKind.BARS, "15m")
    good, off = (Channel(key, bars([at], [FLAT], "15m").columns) for at in (opened, opened + 10**9))
    assert len(admitted(spy, good).channel) == 1
    with pytest.raises(SchemaError, match="off the grid of 15m bars"):
        admitted(spy, off)


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        (ChannelKind.OPEN_INTEREST, {"open_interest_base": 5.0, "open_interest_quote": np.nan}),
        (ChannelKind.LIQUIDATIONS, {"long_quote": 5.0, "short_quote": 0.0}),
        (ChannelKind.DIVIDENDS, {"amount": 1.5}),
        (ChannelKind.SERIES, {"value": 1.5}),
    ],
)
def test_jitter_around_whole_minutes_goes(kind: ChannelKind, values: dict[str, float]) -> None:
    at = [EIGHT + 18 * MS, EIGHT + 5 * MINUTE_NS - MS, EIGHT + 10 * MINUTE_NS]
    passed = admitted(PERP, points(kind, at, **values))
    grid = [EIGHT, EIGHT + 5 * MINUTE_NS, EIGHT + 10 * MINUTE_NS]
    assert passed.channel["event_at"].tolist() == grid
    # A dividend is due on the minute; an observation was not known 18 ms earlier.
    known = grid if kind is ChannelKind.DIVIDENDS else [at[0], *grid[1:]]
    assert passed.channel["available_at"].tolist() == known
    assert passed.snapped == 2


@pytest.mark.parametrize("kind", [ChannelKind.SERIES, ChannelKind.OPEN_INTEREST])
def test_jitter_is_judged_row_by_row(kind: ChannelKind) -> None:
    """Pages, cuts and the whole file give the same stamps."""
    at = [EIGHT + 400 * MS, EIGHT + HOUR_NS - MS, EIGHT + 2 * HOUR_NS + 17 * 10**9]
    moved = [EIGHT, EIGHT + HOUR_NS, EIGHT + 2 * HOUR_NS + 17 * 10**9]
    known = [EIGHT + 400 * MS, EIGHT + HOUR_NS, EIGHT + 2 * HOUR_NS + 17 * 10**9]
    series_or_interest = (
        {"value": 1.0}
        if kind is ChannelKind.SERIES
        else {"open_interest_base": 5.0, "open_interest_quote": np.nan}
    )
    for stop in (1, 2, 3):
        rows = admitted(PERP, points(kind, at[:stop], **series_or_interest)).channel
        assert rows["event_at"].tolist() == moved[:stop]
        assert rows["available_at"].tolist() == known[:stop]


def test_two_facts_of_one_minute_stay_two() -> None:
    at = [EIGHT - 200 * MS, EIGHT + 300 * MS, EIGHT + MINUTE_NS + MS]
    rows = admitted(PERP, points(ChannelKind.SERIES, at, value=1.0)).channel
    assert rows["event_at"].tolist() == [*at[:2], EIGHT + MINUTE_NS]


def test_vintages_of_one_fact_move_together() -> None:
    event = EIGHT + 3 * MS
    rows = series([event, event], [event, event + DAY_NS], [1.0, 2.0], PERP.id)
    passed = admitted(PERP, rows).channel
    assert passed["event_at"].tolist() == [EIGHT, EIGHT]
    assert passed["available_at"].tolist() == [event, event + DAY_NS]


# The import ---------------------------------------------------------------------------------------


def test_an_imported_settlement_stands_on_its_hour(tmp_path: Path) -> None:
    rows = "t,r\n1741219200000,0.0001\n1741248000018,0.0001\n"
    catalog = imported(tmp_path, FUNDING, funding=rows)
    stored = catalog.read(ChannelKey("P", ChannelKind.FUNDING))
    assert stored["event_at"].tolist() == [EIGHT - 8 * HOUR_NS, EIGHT]
    assert catalog.entry(stored.key).gaps == ()


BARS_BY_CLOSE = """\
  - path: bars.csv
    instrument: P
    kind: bars
    timeframe: 1h
    stamp: close
    time: {column: t, unit: ms}
    columns: {open: o, high: h, low: l, close: c, volume: v}
    label: observed
"""


def test_closes_of_999_ms_open_on_the_hour(tmp_path: Path) -> None:
    rows = "t,o,h,l,c,v\n1741247999999,1,1,1,1,1\n"
    assert perp_bars(imported(tmp_path, BARS_BY_CLOSE, bars=rows))["closed_at"].tolist() == [EIGHT]


def test_bars_seconds_off_are_refused_with_file_row_and_rule(tmp_path: Path) -> None:
    rows = "t,o,h,l,c,v\n1741248000000,1,1,1,1,1\n1741251605000,1,1,1,1,1\n"
    with pytest.raises(SchemaError) as caught:
        imported(tmp_path, BARS_BY_CLOSE, bars=rows)
    for words in ("bars.csv", "row 1 at 2025-03-06T08:00:05Z", "not on a multiple of 1h"):
        assert words in str(caught.value)
    assert not Catalog(tmp_path / "catalog").exists()


@pytest.mark.parametrize(
    ("unit", "count", "meant"),
    [("ms", 1741248000, "s"), ("us", 1741248000, "s"), ("us", 1741248000000, "ms"),
     ("ns", 1741248000000, "ms"), ("ns", 1741248000000000, "us")],
)  # fmt: skip
def test_numbers_in_another_unit_are_refused(
    tmp_path: Path, unit: str, count: int, meant: str
) -> None:
    mapping = FUNDING.replace("unit: ms", f"unit: {unit}")
    with pytest.raises(SchemaError, match=rf"lies in 1970 as {unit}; .*unit: {meant}"):
        imported(tmp_path, mapping, funding=f"t,r\n{count},0.0001\n")


# Daily bars of an exchange ------------------------------------------------------------------------

FUND = Instrument(id="SPY", kind=InstrumentKind.ETF, quote="USD", calendar="XNYS")


def session_days(*pairs: tuple[str, str], timeframe: str = "1d") -> Channel:
    opened, closed = (np.array([ns(pair[i]) for pair in pairs], np.int64) for i in (0, 1))
    made = bars(opened.tolist(), [FLAT] * len(pairs), timeframe)
    times = {"opened_at": opened, "closed_at": closed, "available_at": closed.copy()}
    key = ChannelKey("SPY", ChannelKind.BARS, timeframe)
    return Channel(key, {**made.columns, **times})


GOOD = ("2024-07-02T13:30", "2024-07-02T20:00")


@pytest.mark.parametrize(
    "bad",
    [
        ("2024-07-04T13:30", "2024-07-04T20:00"),  # Independence Day
        ("2024-07-06T13:30", "2024-07-06T20:00"),  # a Saturday
        ("2024-07-07T00:00", "2024-07-08T00:00"),  # a Sunday by the UTC day
    ],
)
def test_a_daily_bar_lies_on_a_session(tmp_path: Path, bad: tuple[str, str]) -> None:
    with pytest.raises(SchemaError, match=r"row 1 at .* lies on no session of XNYS"):
        Catalog(tmp_path).write(FUND, [session_days(GOOD, bad)])
    half_day = ("2024-07-03T13:30", "2024-07-03T17:00")
    assert len(admitted(FUND, session_days(GOOD, half_day)).channel) == 2


def test_a_daily_bar_is_no_longer_than_a_day() -> None:
    with pytest.raises(SchemaError, match="closed_at 2024-07-05T21:30Z is more than 1d after"):
        admitted(FUND, session_days(("2024-07-02T13:30", "2024-07-05T21:30")))
    with pytest.raises(SchemaError, match="is more than 1w after opened_at"):
        admitted(FUND, session_days(("2024-07-01T13:30", "2024-07-09T20:00"), timeframe="1w"))


def test_tokyo_opens_on_the_utc_day_of_its_session() -> None:
    tokyo = Instrument(id="SPY", kind=InstrumentKind.ETF, quote="JPY", calendar="XTKS")
    # Monday 2024-07-15 is the day of the sea, a holiday in Tokyo and none in New York.
    days = session_days(("2024-07-12T00:00", "2024-07-12T06:00"))
    assert len(admitted(tokyo, days).channel) == 1
    with pytest.raises(SchemaError, match="no session of XTKS"):
        admitted(tokyo, session_days(("2024-07-15T00:00", "2024-07-15T06:00")))


@pytest.mark.parametrize("short_ns", [10**9, MS, 1000, 1])
@pytest.mark.parametrize("shifts_open", [True, False])
def test_closes_of_sessions_are_snapped(short_ns: int, shifts_open: bool) -> None:
    for timeframe, pair in (("1d", GOOD), ("1h", ("2024-07-02T13:30", "2024-07-02T14:30"))):
        whole = session_days(pair, timeframe=timeframe)
        moved = dict(whole.columns)
        for name in ("closed_at", "available_at", *(["opened_at"] if shifts_open else [])):
            moved[name] = whole[name] - short_ns
        passed = admitted(FUND, Channel(whole.key, moved))
        assert (passed.snapped, passed.farthest_ns) == (1, short_ns)
        for name in ("opened_at", "closed_at", "available_at"):
            assert passed.channel[name].tolist() == whole[name].tolist()
