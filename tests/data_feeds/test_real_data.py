"""Known values of the real files: the loader finds each one at its instant."""

import numpy as np
import pytest

from data_feeds.align import as_of, marks_on_bars, resample_bars
from data_feeds.catalog import Catalog
from data_feeds.clock import DAY_NS, utc_text
from data_feeds.load import load_dataset
from data_feeds.quality import FindingKind, QualityFinding, findings
from data_feeds.schema import Channel, ChannelKey, ChannelKind, Provenance
from data_feeds.timeframe import Timeframe
from tests.data_feeds.factory import ns

PERP = "BTCUSDT-PERP"


def read(catalog: Catalog, name: str, kind: ChannelKind, timeframe: str = "") -> Channel:
    return catalog.read(ChannelKey(name, kind, timeframe))


def on_date(channel: Channel, date: str) -> float:
    rows = np.flatnonzero(channel["event_at"] == ns(date))
    assert len(rows) == 1
    return float(channel["value"][rows[0]])


def test_hourly_lows_and_high(real_catalog: Catalog) -> None:
    hours = read(real_catalog, PERP, ChannelKind.BARS, "1h")
    for opened, low in (("2020-03-13T02:00", 3_621.81), ("2026-02-06T00:00", 59_800.0)):
        (row,) = np.flatnonzero(hours["opened_at"] == ns(opened))
        assert hours["low"][row] == low
        around = slice(row - 7 * 24, row + 7 * 24)
        assert hours["low"][around].min() == low
    top = int(np.argmax(hours["high"]))
    assert hours["high"][top] == 126_208.5
    assert utc_text(hours["opened_at"][top]).startswith("2025-10-06")


def test_the_worst_day_of_2026(real_catalog: Catalog) -> None:
    days = resample_bars(read(real_catalog, PERP, ChannelKind.BARS, "1h"), Timeframe("1d"))
    (row,) = np.flatnonzero(days["opened_at"] == ns("2026-02-05"))
    change = days["close"][row] / days["close"][row - 1] - 1
    assert round(100 * change, 2) == -14.04


def test_bars_of_all_lengths_agree(real_catalog: Catalog) -> None:
    hours = read(real_catalog, PERP, ChannelKind.BARS, "1h")
    for step in ("5m", "15m"):
        made = resample_bars(read(real_catalog, PERP, ChannelKind.BARS, step), Timeframe("1h"))
        made = made.take(made["label"] == Provenance.OBSERVED)
        both, left, right = np.intersect1d(
            hours["opened_at"], made["opened_at"], return_indices=True
        )
        assert len(both) > 8_000
        ratio = made["close"][right] / hours["close"][left]
        # Hours without one of their 5m bars are inferred and left out; the others agree to 0.17%.
        assert (ratio != 1).mean() < 1e-4
        assert np.abs(ratio - 1).max() < 0.0018


def test_a_yield_computed_from_two_others_is_inferred(real_catalog: Catalog) -> None:
    bill = read(real_catalog, "DGS3MO", ChannelKind.SERIES)
    assert (bill["label"] == Provenance.INFERRED).all()
    note = read(real_catalog, "DGS10", ChannelKind.SERIES)
    assert (note["label"] == Provenance.OBSERVED).all()


def test_funding_hits_the_venue_s_cap(real_catalog: Catalog) -> None:
    funding = read(real_catalog, PERP, ChannelKind.FUNDING)
    (row,) = np.flatnonzero(funding["event_at"] == ns("2020-03-13T08:00"))
    assert funding["rate"][row] == -0.003
    assert funding["rate"].min() == -0.003


@pytest.mark.parametrize(
    ("name", "date", "value"),
    [
        ("VIX", "2020-03-16", 82.69),
        ("VIX", "2026-02-05", 21.77),
        ("BAMLH0A0HYM2", "2020-03-23", 10.87),
        ("BAMLH0A0HYM2", "2026-02-05", 2.97),
        ("DGS10", "2020-03-09", 0.54),
        ("DGS10", "2022-10-24", 4.25),
        ("DGS10", "2026-02-05", 4.21),
        ("DGS2", "2026-02-05", 3.47),
        ("ETF_FLOWS", "2026-02-05", -434.1e6),
        ("FEAR_GREED", "2026-02-05", 12),
    ],
)
def test_series_values(real_catalog: Catalog, name: str, date: str, value: float) -> None:
    found = on_date(read(real_catalog, name, ChannelKind.SERIES), date)
    assert found == pytest.approx(value, rel=1e-12)


def test_open_interest_and_liquidations(real_catalog: Catalog) -> None:
    interest = read(real_catalog, PERP, ChannelKind.OPEN_INTEREST)
    quote = interest["open_interest_quote"]
    event = interest["event_at"]
    for day, billions in (("2026-01-29", 9.02), ("2026-02-05", 5.83)):
        end = np.searchsorted(event, ns(day) + DAY_NS)
        hours = quote[end - 23 : end + 1]
        assert (np.abs(hours / 1e9 - billions) < 0.006).any()
    liquidations = read(real_catalog, PERP, ChannelKind.LIQUIDATIONS)
    known = liquidations["event_at"]
    inside = (known > ns("2026-02-05")) & (known <= ns("2026-02-06"))
    assert round(liquidations["long_quote"][inside].sum() / 1e6) == 412


def test_a_yield_is_not_known_on_its_own_day(real_catalog: Catalog) -> None:
    yields = read(real_catalog, "DGS10", ChannelKind.SERIES)
    # Friday 2026-02-06 is published on Monday at 16:15 New York.
    instants = np.array([ns("2026-02-09T21:14"), ns("2026-02-09T21:15")])
    seen = as_of(yields, "value", instants)
    assert seen.values[0] == on_date(yields, "2026-02-05")
    assert seen.values[1] == on_date(yields, "2026-02-06")


def test_etf_bars_have_sessions_dividends_and_no_holes(real_catalog: Catalog) -> None:
    # 2,517 sessions of 2005 to 2014, 2,849 after; SH begins on 2006-06-21: 2,148 and 2,849.
    for name in ("SPY", "QQQ", "SMH", "IGV", "TLT", "IEF", "GLD", "SH"):
        entry = real_catalog.entry(ChannelKey(name, ChannelKind.BARS, "1d"))
        assert (entry.rows, entry.gaps) == (4_997 if name == "SH" else 5_366, ())
    spy = read(real_catalog, "SPY", ChannelKind.BARS, "1d")
    (row,) = np.flatnonzero(spy["opened_at"] == ns("2025-11-28T14:30"))
    assert utc_text(spy["available_at"][row]) == "2025-11-28T18:00Z"
    assert (read(real_catalog, "SPY", ChannelKind.DIVIDENDS)["amount"] > 0.4).all()


def on_session(catalog: Catalog, name: str, column: str, opened: str) -> float:
    bars = read(catalog, name, ChannelKind.BARS, "1d")
    (row,) = np.flatnonzero(bars["opened_at"] == ns(opened))
    return float(bars[column][row])


def test_the_years_before_2015_have_their_known_answers(real_catalog: Catalog) -> None:
    # Each was seen in two independent repositories; the ones of 2010 and 2008 are the README's.
    assert on_session(real_catalog, "SPY", "low", "2008-10-10T13:30") == pytest.approx(83.58)
    assert on_session(real_catalog, "SPY", "close", "2008-10-10T13:30") == pytest.approx(88.50)
    assert on_session(real_catalog, "SPY", "low", "2010-05-06T13:30") == pytest.approx(105.00)
    for name, before, after, move in (
        ("NVDA", "2008-07-02T13:30", "2008-07-03T13:30", -0.3073),
        ("MSFT", "2008-10-10T13:30", "2008-10-13T13:30", 0.1860),
    ):
        first, last = (on_session(real_catalog, name, "close", at) for at in (before, after))
        assert last / first - 1 == pytest.approx(move, abs=5e-5)
    for name, date, value in (("VXN", "2008-11-20", 80.64), ("DXY", "2008-11-20", 87.97)):
        found = on_date(read(real_catalog, name, ChannelKind.SERIES), date)
        assert found == pytest.approx(value, abs=0.005)


def test_two_files_that_continue_each_other_leave_no_step(real_catalog: Catalog) -> None:
    # 2014-12-31 to 2015-01-02, as a second repository has it.
    for name, move in (("SPY", -0.00054), ("QQQ", -0.00300), ("TLT", 0.01112)):
        first, last = (
            on_session(real_catalog, name, "close", at)
            for at in ("2014-12-31T14:30", "2015-01-02T14:30")
        )
        assert last / first - 1 == pytest.approx(move, abs=1e-5)
    # NVDA, 2019-12-31 to 2020-01-02: +1.96%, beside SMH's +2.1%.
    first, last = (
        on_session(real_catalog, "NVDA", "close", at)
        for at in ("2019-12-31T14:30", "2020-01-02T14:30")
    )
    assert last / first - 1 == pytest.approx(0.0196, abs=5e-4)
    dividends = read(real_catalog, "SPY", ChannelKind.DIVIDENDS)
    years = dividends["event_at"].astype("datetime64[ns]").astype("datetime64[Y]")
    assert np.unique(years[years <= np.datetime64("2025")], return_counts=True)[1].tolist() == (
        [4] * 21
    )


def test_intended_holes_are_reported(real_catalog: Catalog) -> None:
    entry = real_catalog.entry(ChannelKey(PERP, ChannelKind.BARS, "1h"))
    holes = [(utc_text(gap.started_at), utc_text(gap.ended_at)) for gap in entry.gaps]
    assert holes == [
        ("2021-01-01T00:00Z", "2021-07-01T00:00Z"),
        ("2023-02-01T00:00Z", "2025-01-01T00:00Z"),
    ]
    assert entry.labels["observed"] == entry.rows == 37_478


def test_the_index_marks_every_file_sound(real_catalog: Catalog) -> None:
    rows = list(real_catalog.verify())
    assert len(rows) > 30
    assert [row for row in rows if not row.is_sound] == []


def test_hourly_marks_under_five_minute_bars_stay_near_the_last_price(
    real_catalog: Catalog,
) -> None:
    bars, marks = (
        ChannelKey(PERP, ChannelKind.BARS, "5m"),
        ChannelKey(PERP, ChannelKind.MARK, "1h"),
    )
    data = load_dataset(
        real_catalog, [bars, marks], ns("2026-02-04"), ns("2026-02-08"), warmup_ns=DAY_NS
    )
    channel = data.channels[bars]
    path = marks_on_bars(channel, data.channels[marks])
    # 5 days of 288 bars, every one inferred; the premium in the crash stays below 1%.
    assert len(path.close) == 5 * 288
    assert path.inferred.all()
    assert np.abs(path.close / channel["close"] - 1).max() < 0.01
    assert data.provenance is Provenance.OBSERVED


# Known defects ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def found(real_catalog: Catalog) -> list[QualityFinding]:
    """Return all findings in the real data."""
    return list(findings(real_catalog))


def stretches(
    found: list[QualityFinding], channel: str, kind: FindingKind
) -> list[tuple[str, str, int]]:
    """Return start, end and rows of one channel's findings of one kind."""
    return [
        (utc_text(f.started_at), utc_text(f.ended_at), f.rows)
        for f in found
        if str(f.key) == channel and f.kind is kind
    ]


def test_outages_of_the_spot_venue_are_gaps(found: list[QualityFinding]) -> None:
    holes = stretches(found, "BTCUSDT-SPOT/bars/1h", FindingKind.GAP)
    assert [hole for hole in holes if hole[0].startswith("2020")] == [
        ("2020-02-09T02:00Z", "2020-02-09T03:00Z", 1),
        ("2020-02-19T12:00Z", "2020-02-19T17:00Z", 5),
        ("2020-03-04T10:00Z", "2020-03-04T11:00Z", 1),
        ("2020-04-25T02:00Z", "2020-04-25T04:00Z", 2),
        ("2020-06-28T02:00Z", "2020-06-28T05:00Z", 3),
        ("2020-11-30T06:00Z", "2020-11-30T07:00Z", 1),
        ("2020-12-21T14:00Z", "2020-12-21T18:00Z", 4),
        ("2020-12-25T02:00Z", "2020-12-25T03:00Z", 1),
    ]
    # The holes between the three windows are there, and nothing after the last of them.
    assert [hole for hole in holes if hole[2] > 1_000] == [
        ("2021-01-01T00:00Z", "2021-07-01T00:00Z", 4_344),
        ("2023-02-01T00:00Z", "2025-01-01T00:00Z", 16_800),
    ]
    assert holes[-1][1] == "2025-01-01T00:00Z"


def test_hours_of_the_perp_without_a_trade(found: list[QualityFinding]) -> None:
    assert stretches(found, "BTCUSDT-PERP/bars/1h", FindingKind.ZERO_VOLUME) == [
        ("2019-09-08T18:00Z", "2019-09-08T19:00Z", 1),
        ("2019-09-09T00:00Z", "2019-09-09T02:00Z", 2),
    ]


def test_five_minute_bars_filled_upstream_have_no_volume(found: list[QualityFinding]) -> None:
    name = "BTCUSDT-PERP/bars/5m"
    assert stretches(found, name, FindingKind.ZERO_VOLUME) == [
        ("2025-01-29T01:25Z", "2025-01-29T01:35Z", 2),
        ("2025-08-29T06:20Z", "2025-08-29T06:35Z", 3),
    ]
    # The 15-minute and hourly bars of the first one have volume: a fifth of two hours is lost.
    lost = [f for f in found if str(f.key) == name and f.kind is FindingKind.VOLUME_MISMATCH]
    (hours,) = (
        f
        for f in lost
        if str(f.against) == "BTCUSDT-PERP/bars/1h" and f.started_at == ns("2025-01-29T01:00")
    )
    assert (hours.rows, round(hours.value or 0, 2)) == (2, -0.19)


def test_the_hole_of_the_five_minute_bars_before_2023(found: list[QualityFinding]) -> None:
    holes = stretches(found, "BTCUSDT-PERP/bars/5m", FindingKind.GAP)
    # 6 h 55 min of 24 November, 37 days: 83 + 37 x 288 = 10,739 bars.
    assert holes[0] == ("2022-11-24T17:05Z", "2023-01-01T00:00Z", 10_739)


def test_no_settlement_is_missing_inside_the_windows(found: list[QualityFinding]) -> None:
    missing = stretches(found, "BTCUSDT-PERP/funding", FindingKind.MISSING_FUNDING)
    # Bars begin two days before the first settlement, and 15m bars end 45 minutes after the last
    # slot, 2026-05-17 08:00, whose rate the file no longer has.
    assert missing == [
        ("2019-09-09T00:00Z", "2019-09-10T08:00Z", 4),
        ("2026-05-17T08:00Z", "2026-05-17T16:00Z", 1),
    ]
    # 181 days x 3, 700 days x 3.
    assert stretches(found, "BTCUSDT-PERP/funding", FindingKind.GAP) == [
        ("2021-01-01T00:00Z", "2021-07-01T00:00Z", 543),
        ("2023-02-01T00:00Z", "2025-01-01T00:00Z", 2_100),
    ]


def test_eight_hours_of_open_interest_are_missing(found: list[QualityFinding]) -> None:
    holes = stretches(found, "BTCUSDT-PERP/open_interest", FindingKind.GAP)
    assert [rows for _, _, rows in holes] == [1] * 8
    assert holes[2][0] == "2026-02-07T12:00Z"


def test_the_mark_left_the_last_price_in_march_2020_alone(found: list[QualityFinding]) -> None:
    # XBTUSD's mark is another venue's spot, a stand-in; the gap between venues is not a mark's.
    apart = [
        f
        for f in found
        if f.kind is FindingKind.MARK_DIVERGENCE and f.key.instrument == "BTCUSDT-PERP"
    ]
    days = {utc_text(f.started_at)[:10] for f in apart}
    assert days == {"2020-03-12", "2020-03-13"}
    worst = max(apart, key=lambda f: f.value or 0)
    assert round(100 * (worst.value or 0), 2) == 2.57


def test_the_wick_of_july_2021_was_seen_by_the_perp_alone(found: list[QualityFinding]) -> None:
    (wick,) = (
        f
        for f in found
        if f.kind is FindingKind.RANGE_OUTLIER
        and f.started_at == ns("2021-07-26T01:00")
        and str(f.key) == "BTCUSDT-PERP/bars/1h"
    )
    assert round(100 * (wick.value or 0)) == 21


def test_etfs_have_no_spike(found: list[QualityFinding]) -> None:
    names = ("SPY", "QQQ", "SMH", "IGV", "TLT", "IEF", "GLD", "SH")
    spikes = [f for f in found if f.kind is FindingKind.SPIKE]
    told = {(f.key.instrument, utc_text(f.started_at)[:10]) for f in spikes}
    # Before 2015 there are some, among them IGV in the flash crash of 2010-05-06.
    assert ("IGV", "2010-05-06") in told
    assert {item for item in told if item[0] in names and item[1] >= "2015"} == set()


def test_daily_extremes_about_the_close_before_a_gap_are_doubtful(
    found: list[QualityFinding],
) -> None:
    days = stretches(found, "SPY/bars/1d", FindingKind.DOUBTFUL_EXTREME)
    # The data's own notes count 87 days since 2005.
    assert len(days) == 87
    opened = {start[:10] for start, _, _ in days}
    assert {"2020-02-24", "2020-04-01", "2020-04-06"} <= opened


def test_lows_of_the_other_perps(real_catalog: Catalog) -> None:
    for name, opened, low in (
        ("ETHUSDT-PERP", "2020-03-13T02:00", 84.23),
        ("ETHUSDT-PERP", "2025-10-10T21:00", 3_400.0),
        ("ETHUSDT-SPOT", "2020-03-13T02:00", 86.0),
        ("SOLUSDT-PERP", "2025-10-10T21:00", 141.28),
        ("SOLUSDT-PERP", "2026-02-06T00:00", 67.29),
    ):
        hours = read(real_catalog, name, ChannelKind.BARS, "1h")
        (row,) = np.flatnonzero(hours["opened_at"] == ns(opened))
        assert hours["low"][row] == low


def test_funding_extremes_of_the_other_perps(real_catalog: Catalog) -> None:
    for name, at, rate in (
        ("ETHUSDT-PERP", "2022-09-15T00:00", -0.003019),
        ("ETHUSDT-PERP", "2020-02-12T08:00", 0.003672),
        ("SOLUSDT-PERP", "2025-10-11T00:00", -0.003028),
    ):
        funding = read(real_catalog, name, ChannelKind.FUNDING)
        (row,) = np.flatnonzero(funding["event_at"] == ns(at))
        assert round(float(funding["rate"][row]), 6) == rate
