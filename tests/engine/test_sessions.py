"""Bars of an exchange: no trade outside its sessions; a missing bar inside one is a hole.

New York trades from 09:30 to 16:00: 14:30Z to 21:00Z in winter, 13:30Z to 20:00Z in summer; on half
days to 13:00.
"""

from datetime import UTC, datetime

import numpy as np
import pytest

from data_feeds.calendar import sessions_between
from data_feeds.catalog import Catalog
from data_feeds.clock import HOUR_NS, MINUTE_NS
from data_feeds.dataset import Dataset
from data_feeds.errors import GapError
from data_feeds.instrument import Instrument, InstrumentKind
from data_feeds.quality import findings
from data_feeds.schema import Channel, ChannelKey, ChannelKind
from data_feeds.timeframe import Timeframe
from engine.config.models import PlaybookConfig
from engine.pages.run_rows import data_line
from engine.results.coverage import missing_bars
from engine.results.finished import RunRecord
from engine.run import run
from engine.testing import candles, table, table_config
from tests.data_feeds.factory import ns, session_hours
from tests.engine.audit.simulated import audited_run

SPY = Instrument(
    id="SPY", kind=InstrumentKind.ETF, quote="USD", calendar="XNYS", tick_size=0.01, lot_size=1
)
FLAT = (100.0, 101.0, 99.0, 100.0)


def at(*texts: str) -> list[int]:
    return [ns(text) for text in texts]


def sessions(first: str, last: str, timeframe: str) -> Channel:
    days = sessions_between("XNYS", np.datetime64(first), np.datetime64(last))
    bars = session_hours([str(day) for day in days], timeframe)[1]
    flat = candles([FLAT] * len(bars), instrument="SPY", timeframe=timeframe)
    times = {name: bars[name] for name in ("opened_at", "closed_at", "available_at")}
    return Channel(flat.key, {**flat.columns, **times})


def clock_hours(first: str, last: str, opens: range) -> Channel:
    """Hours of the UTC clock on the sessions' days, e.g. 13 to 23 o'clock; some are outside."""
    days = sessions_between("XNYS", np.datetime64(first), np.datetime64(last))
    midnights = days.astype("datetime64[ns]").astype(np.int64).tolist()
    opened = [midnight + hour * HOUR_NS for midnight in midnights for hour in opens]
    return candles([FLAT] * len(opened), instrument="SPY", opened_at=opened)


def without(channel: Channel, opened: list[int]) -> Channel:
    return channel.take(~np.isin(channel["opened_at"], opened))


def changed(channel: Channel, opened: int, **prices: float) -> Channel:
    columns = {name: values.copy() for name, values in channel.columns.items()}
    (row,) = np.flatnonzero(channel["opened_at"] == opened)
    for name, price in prices.items():
        columns[name][row] = price
    return Channel(channel.key, columns)


def held(channel: Channel, window: tuple[str, str], instrument: Instrument = SPY, **asked):
    """Run playbook hold from the window's start on, with a stop 10% below; its record."""
    data = table(channel, instruments=(instrument,))
    start, end = (datetime.fromisoformat(text).replace(tzinfo=UTC) for text in window)
    step = channel.key.timeframe
    sized_by = f"{20 * int(step[:-1])}{step[-1]}"
    config = table_config(
        data,
        account={"brokerage_cash": 100_000.0, "venue_cash": 100_000.0},
        risk={"volatility_window": sized_by, "participation_window": sized_by},
    )
    params = {
        "instrument": "SPY",
        "timeframe": step,
        "enter_at": asked.pop("enter_at", f"{window[0]}T00:00"),
        "stop_fraction": 0.1,
    }
    update = {"start": start, "end": end, **asked}
    config = config.model_copy(
        update={
            "data": config.data.model_copy(update=update),
            "playbook": PlaybookConfig(name="hold", params=params),
        }
    )
    return RunRecord(run(config, data))


# Holes --------------------------------------------------------------------------------------------

WEEK = ("2026-02-09", "2026-02-14")
NOON = [ns("2026-02-11T15:00") + i * 15 * MINUTE_NS for i in range(20)]


def test_twenty_bars_out_of_one_day_are_a_hole() -> None:
    quarters = sessions("2026-01-12", "2026-02-13", "15m")
    torn = without(quarters, NOON)
    assert len(quarters) - len(torn) == 20
    # Five sessions of 26 quarter hours.
    told = missing_bars(held(torn, WEEK))
    assert told == "20 bars of SPY 15m missing in the window (110 of 130 are there)"
    assert told in data_line(held(torn, WEEK))
    with pytest.raises(GapError, match=r"SPY/bars/15m: 20 bars missing from 2026-02-11T15:00Z"):
        held(torn, WEEK, max_gap_bars=19)
    assert "20 bars" in missing_bars(held(torn, WEEK, max_gap_bars=20))
    whole = held(quarters, WEEK, max_gap_bars=0)
    assert missing_bars(whole) == "no bar of SPY 15m missing in the window"


@pytest.mark.parametrize(
    ("timeframe", "dates", "taken", "window", "there"),
    [
        # The half day after Thanksgiving: 09:30 to 13:00 New York are 42 bars of 5 minutes.
        ("5m", ("2025-11-03", "2025-11-28"), ("2025-11-28T17:50", "2025-11-28T17:55"),
         ("2025-11-28", "2025-11-29"), "40 of 42"),
        # Clocks go back on 2 November: 13:30Z on Friday, 14:30Z on Monday; 7 hours each.
        ("1h", ("2025-10-01", "2025-11-07"), ("2025-10-31T19:30", "2025-11-03T14:30"),
         ("2025-10-31", "2025-11-04"), "12 of 14"),
        # They go forward on 8 March; a whole session is missing on Monday.
        ("30m", ("2026-02-02", "2026-03-13"), tuple(
            f"2026-03-09T{13 + i // 2}:{'30' if i % 2 == 0 else '00'}" if i % 2 == 0
            else f"2026-03-09T{14 + i // 2}:00" for i in range(13)),
         ("2026-03-06", "2026-03-11"), "26 of 39"),
        # Daily bars: one of the five sessions.
        ("1d", ("2026-01-02", "2026-02-13"), ("2026-02-11T14:30",), WEEK, "4 of 5"),
    ],
)  # fmt: skip
def test_bars_are_due_in_sessions_alone(timeframe, dates, taken, window, there) -> None:
    whole = sessions(*dates, timeframe)
    assert held(whole, window, max_gap_bars=0)
    torn = without(whole, at(*taken))
    assert len(whole) - len(torn) == len(taken)
    assert f"({there} are there)" in missing_bars(held(torn, window))
    with pytest.raises(GapError):
        held(torn, window, max_gap_bars=0)


def test_bars_on_whole_hours_have_six_hours_a_session_and_holes_of_their_own() -> None:
    # 10:00 to 16:00 New York; the bar of 09:00 reaches over the open and is never due.
    hours = clock_hours("2026-01-12", "2026-02-13", range(9, 24))
    assert missing_bars(held(hours, WEEK, max_gap_bars=0)) == (
        "no bar of SPY 1h missing in the window"
    )
    # 09:00 and 18:00 New York do not lack, 11:00 and 15:00 do.
    gone = at("2026-02-11T14:00", "2026-02-11T23:00", "2026-02-11T16:00", "2026-02-12T20:00")
    told = missing_bars(held(without(hours, gone), WEEK))
    assert told == "2 bars of SPY 1h missing in the window (28 of 30 are there)"


def test_around_the_clock_every_bar_is_due() -> None:
    always = SPY.model_copy(update={"kind": InstrumentKind.SPOT, "calendar": "24/7"})
    opened = [ns("2026-02-02") + i * HOUR_NS for i in range(12 * 24)]
    hours = candles([FLAT] * len(opened), instrument="SPY", opened_at=opened)
    weekend = ("2026-02-07", "2026-02-09")
    gone = at("2026-02-07T22:00", "2026-02-08T03:00")
    told = missing_bars(held(without(hours, gone), weekend, always))
    assert told == "2 bars of SPY 1h missing in the window (46 of 48 are there)"


def test_list_verify_and_a_run_count_the_same_holes(tmp_path) -> None:
    torn = without(sessions("2026-01-12", "2026-02-13", "15m"), NOON)
    catalog = Catalog(tmp_path)
    catalog.write(SPY, [torn])
    (entry,) = catalog.entries()
    assert [(gap.started_at, gap.rows) for gap in entry.gaps] == [(NOON[0], 20)]
    (found,) = findings(catalog)
    assert (found.kind, found.started_at, found.rows) == ("gap", NOON[0], 20)


# Bars outside -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("dates", "bar"),
    [
        # After the close at 21:00Z, before the open, over the open, and on the eve of the window.
        (("2026-01-12", "2026-02-13"), "2026-02-10T22:00"),
        (("2026-01-12", "2026-02-13"), "2026-02-11T10:00"),
        (("2026-01-12", "2026-02-13"), "2026-02-11T14:00"),
    ],
)
def test_a_stop_is_not_touched_outside_a_session(dates, bar) -> None:
    hours = clock_hours(*dates, range(9, 24))
    crash = changed(hours, ns(bar), low=50.0)
    record = held(crash, WEEK)
    assert [fill.role for fill in record.run.outcome.fills] == ["entry"]
    # The same print an hour inside the session is the stop's.
    inside = held(changed(hours, ns("2026-02-11T15:00"), low=50.0), WEEK)
    assert [fill.role for fill in inside.run.outcome.fills] == ["entry", "stop"]


def test_after_an_early_close_nothing_trades() -> None:
    # 28 November closes at 18:00Z; the hours to 21:00Z are there in the file.
    hours = clock_hours("2025-11-03", "2025-12-02", range(15, 21))
    late = changed(hours, ns("2025-11-28T19:00"), low=50.0)
    window = ("2025-11-28", "2025-12-02")
    record = held(late, window)
    assert [fill.role for fill in record.run.outcome.fills] == ["entry"]
    closes = [text[11:16] for text in opened_texts(record, "2025-11-28")]
    assert closes == ["16:00", "17:00", "18:00"]


def opened_texts(record: RunRecord, day: str) -> list[str]:
    """Return the instants of one day at which the run closed bars."""
    texts = np.datetime_as_string(record.run.outcome.curve.at.astype("datetime64[ns]"), "m")
    return [text for text in texts.tolist() if text.startswith(day)]


def test_an_order_decided_at_the_close_waits_for_the_next_session() -> None:
    hours = clock_hours("2026-01-12", "2026-02-13", range(9, 24))
    # Decided at 21:00Z on Tuesday; the next bar of the file opens then, the session's at 15:00Z.
    (fill,) = held(hours, WEEK, enter_at="2026-02-10T21:00").run.outcome.fills
    assert fill.at == ns("2026-02-11T15:00")


def test_bars_on_a_holiday_trade_nothing_and_mark_nothing() -> None:
    # Presidents' Day, Monday 16 February 2026.
    hours = clock_hours("2026-01-12", "2026-02-20", range(15, 21))
    holiday = [ns(f"2026-02-16T{hour}:00") for hour in range(15, 21)]
    rows = candles([(100, 101, 40, 41)] * 6, instrument="SPY", opened_at=holiday)
    joined = {name: np.concatenate((values, rows[name])) for name, values in hours.columns.items()}
    order = np.argsort(joined["opened_at"])
    with_holiday = Channel(hours.key, {name: values[order] for name, values in joined.items()})
    window = ("2026-02-12", "2026-02-20")
    record = held(with_holiday, window, max_gap_bars=0)
    assert [fill.role for fill in record.run.outcome.fills] == ["entry"]
    assert opened_texts(record, "2026-02-16") == []
    assert min(record.run.outcome.curve.equity) > 199_900


def test_a_run_is_the_same_with_the_rows_outside_and_without() -> None:
    hours = clock_hours("2026-01-12", "2026-02-13", range(9, 24))
    sold = changed(hours, ns("2026-02-10T22:00"), high=400.0, close=390.0, open=150.0)
    alone = clock_hours("2026-01-12", "2026-02-13", range(15, 21))
    one, other = held(sold, WEEK).run, held(alone, WEEK).run
    assert one.dataset.fingerprint == other.dataset.fingerprint
    assert one.outcome.fills == other.outcome.fills


def test_the_audit_finds_a_fill_outside_a_session(tmp_path, monkeypatch) -> None:
    hours = clock_hours("2026-01-12", "2026-02-13", range(9, 24))
    quiet = held(hours, WEEK, enter_at="2026-02-10T21:00")
    source = table(hours, instruments=(SPY,))
    assert audited_run(quiet.run, source, tmp_path / "sound").ok
    # A loader that lets every row through, and the audit's own with it.
    monkeypatch.setattr("data_feeds.load.traded_hours", lambda channel, calendar: channel)
    loose = held(hours, WEEK, enter_at="2026-02-10T21:00")
    assert loose.run.outcome.fills[0].at == ns("2026-02-10T21:00")
    report = audited_run(loose.run, source, tmp_path / "loose")
    assert "fills in a session of XNYS" in {finding.rule for finding in report.findings}


def test_verify_counts_bars_outside_sessions_once_a_channel() -> None:
    hours = clock_hours("2026-02-09", "2026-02-10", range(9, 24))
    (found,) = findings(Dataset({"SPY": SPY}, {hours.key: hours}))
    # 15 hours a day, of which 15:00Z to 20:00Z lie inside.
    assert (found.kind, found.rows) == ("outside_session", 2 * 9)
    inside = sessions("2026-02-09", "2026-02-10", "15m")
    assert list(findings(Dataset({"SPY": SPY}, {inside.key: inside}))) == []


def test_a_break_at_noon_is_no_hole_and_no_session() -> None:
    # Hong Kong: 09:30 to 12:00 and 13:00 to 16:00, UTC+8; half hours from 01:30Z and 05:00Z.
    share = SPY.model_copy(update={"calendar": "XHKG", "quote": "HKD"})
    days = sessions_between("XHKG", np.datetime64("2026-01-05"), np.datetime64("2026-01-30"))
    midnights = days.astype("datetime64[ns]").astype(np.int64).tolist()
    slots = [*range(3, 8), *range(10, 16)]
    opened = [day + slot * 30 * MINUTE_NS for day in midnights for slot in slots]
    bars = candles([FLAT] * len(opened), instrument="SPY", timeframe="30m", opened_at=opened)
    window = ("2026-01-26", "2026-01-31")
    assert missing_bars(held(bars, window, share, max_gap_bars=0)).startswith("no bar")
    torn = without(bars, at("2026-01-28T03:30", "2026-01-28T05:00"))
    assert "2 bars of SPY 30m" in missing_bars(held(torn, window, share))
    noon = [day + slot * 30 * MINUTE_NS for day in midnights for slot in range(3, 16)]
    longer = candles([FLAT] * len(noon), instrument="SPY", timeframe="30m", opened_at=noon)
    crash = changed(longer, ns("2026-01-28T04:30"), low=50.0)
    record = held(crash, window, share)
    assert [fill.role for fill in record.run.outcome.fills] == ["entry"]


def test_the_last_bar_of_a_session_is_not_longer_than_it() -> None:
    # 15:30 to 16:00 New York; a timeframe of an hour.
    bars = sessions("2026-02-09", "2026-02-10", "1h")
    assert bars["closed_at"][6] - bars["opened_at"][6] == 30 * MINUTE_NS
    assert Timeframe(bars.key.timeframe).ns == HOUR_NS
    assert bars.key == ChannelKey("SPY", ChannelKind.BARS, "1h")
