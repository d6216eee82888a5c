"""Fills that rest on a doubtful daily high or low, by hand.

Every table closes at 100 before the doubtful day. SPY-like fund, sessions of February 2026.
"""

import json
from datetime import date

import numpy as np
import pytest

from data_feeds.calendar import session_bounds, sessions_between
from data_feeds.instrument import Instrument, InstrumentKind
from data_feeds.quality import doubtful_extremes
from data_feeds.schema import Channel, ChannelKey, ChannelKind
from engine.audit import audit_run
from engine.intents import Enter, Target
from engine.pages.run_page import run_page
from engine.pages.summary import summary
from engine.records import OrderKind
from engine.results.doubtful import doubtful_fills, doubtful_warnings
from engine.results.finished import RunRecord
from engine.testing import candles, table
from tests.engine.audit.simulated import audited_run, scripted

SPY = Instrument(
    id="SPY", kind=InstrumentKind.ETF, quote="USD", calendar="XNYS", tick_size=0.01, lot_size=1
)
CLOCK = ChannelKey("SPY", ChannelKind.BARS, "1d")
CASH = {"brokerage_cash": 100_000.0, "venue_cash": 1_000.0}
FLAT = (100.0, 100.5, 99.5, 100.0)
TIGHT = (100.0, 100.02, 99.98, 100.0)
# Opens 4% above 100, and prints a low within 0.1% of it; the other way round.
UP = (104.0, 108.0, 100.05, 107.0)
DOWN = (96.0, 99.95, 92.0, 93.0)


def days(rows, timeframe="1d") -> Channel:
    dates = sessions_between("XNYS", np.datetime64("2026-02-02"), np.datetime64("2026-04-30"))
    opened, closed = session_bounds("XNYS", dates[: len(rows)])
    return candles(rows, instrument="SPY", timeframe=timeframe, opened_at=opened, closed_at=closed)


def played(rows, *intents, **sections) -> RunRecord:
    data = table(days(rows), instruments=(SPY,))
    return RunRecord(scripted(data, {0: list(intents)}, CLOCK, account=CASH, **sections))


def long(stop=90.0, **more) -> Enter:
    return Enter("SPY", 1, stop=stop, reason="test", **more)


def told(record: RunRecord) -> list[tuple[str, float]]:
    return [(fill.role, fill.raw_price) for fill in doubtful_fills(record)]


@pytest.mark.parametrize(
    ("row", "high", "low"),
    [
        (UP, False, True),
        (DOWN, True, False),
        # Within 0.1% of 100 on either side; a little farther is outside.
        ((104.0, 108.0, 99.9001, 107.0), False, True),
        ((104.0, 108.0, 100.11, 107.0), False, False),
        ((104.0, 108.0, 99.89, 107.0), False, False),
        ((96.0, 100.11, 92.0, 93.0), False, False),
        # A move of 1% is no gap; 1.01% is a gap.
        ((100.99, 108.0, 100.0, 107.0), False, False),
        ((101.01, 108.0, 100.0, 107.0), False, True),
        ((99.01, 100.0, 92.0, 93.0), False, False),
        ((98.98, 100.0, 92.0, 93.0), True, False),
        # The other side may be anywhere.
        ((104.0, 104.0, 100.0, 102.0), False, True),
    ],
)
def test_an_extreme_about_the_close_before_a_gap_is_doubtful(row, high, low) -> None:
    flags = doubtful_extremes(days([FLAT, row, row]), SPY)
    assert [bool(side[1]) for side in flags] == [high, low]
    assert not any(side[0] for side in flags)


def test_only_daily_bars_of_an_exchange_that_nobody_made_are_doubtful() -> None:
    bars = days([FLAT, UP])
    weeks = days([FLAT, UP], "1w")
    always = SPY.model_copy(update={"kind": InstrumentKind.SPOT, "calendar": "24/7"})
    made = Channel(bars.key, {**bars.columns, "label": np.full(2, 2, np.int8)})
    assert doubtful_extremes(bars, SPY)[1].any()
    for channel, instrument in ((weeks, SPY), (bars, always), (made, SPY)):
        assert not np.any(doubtful_extremes(channel, instrument))


@pytest.mark.parametrize(
    ("day", "entry", "fills"),
    [
        # Bought at 100 of the day before, with a stop or target close by.
        ((104.0, 108.0, 99.92, 107.0), long(stop=99.95), [("stop", 99.95)]),
        ((96.0, 100.06, 92.0, 93.0), long(targets=(Target(100.05, 1.0),)), [("target", 100.05)]),
        # The close itself reaches the level, so the extreme does not matter.
        ((104.0, 108.0, 99.92, 99.94), long(stop=99.95), []),
        ((96.0, 100.06, 92.0, 100.06), long(targets=(Target(100.05, 1.0),)), []),
        # A sound low touches the stop, on a day with a doubtful high.
        (DOWN, long(stop=95.0), []),
        # Without a gap no extreme is doubtful.
        ((100.9, 108.0, 99.92, 107.0), long(stop=99.95), []),
        # Entries: a limit under the gap, a stop entry above it.
        (UP, long(kind=OrderKind.LIMIT, price=103.0), [("entry", 103.0)]),
        ((96.0, 100.06, 92.0, 93.0), long(kind=OrderKind.STOP, price=100.05), [("entry", 100.05)]),
        # A limit at which the day also closed.
        ((104.0, 108.0, 100.05, 102.0), long(kind=OrderKind.LIMIT, price=103.0), []),
    ],
)  # fmt: skip
def test_levels_that_only_the_doubtful_extreme_reaches(day, entry, fills) -> None:
    is_resting = entry.kind is not OrderKind.MARKET
    # A resting entry is decided at the close before the gap, another one a day earlier.
    record = played([TIGHT, *([] if is_resting else [TIGHT]), day, day], entry)
    assert told(record) == fills
    assert len(doubtful_warnings(record)) == len(fills)
    assert record.run.outcome.fills


def test_the_rest_of_a_doubtful_stop_that_fills_at_the_next_open_counts() -> None:
    # Of 10 shares the bar of 100 lets 9 through: 0.09 x 100.
    thin = (104.0, 108.0, 99.92, 107.0, 100.0)
    rows = [TIGHT, TIGHT, thin, (106.0, 107.0, 105.0, 106.0), FLAT]
    record = played(rows, long(stop=99.95), venue={"participation_cap": 0.09})
    stops = [(fill.raw_price, fill.quantity) for fill in record.run.outcome.fills[1:]]
    assert stops == [(99.95, -9.0), (106.0, -1.0)]
    assert told(record) == [("stop", 99.95), ("stop", 106.0)]


def test_summary_page_and_manifest_say_it_and_the_audit_finds_it_too(tmp_path) -> None:
    entry = long(targets=(Target(100.05, 1.0),))
    day = (96.0, 100.06, 92.0, 93.0)
    data = table(days([TIGHT, TIGHT, day, day]), instruments=(SPY,))
    finished = scripted(data, {0: [entry]}, CLOCK, account=CASH)
    record = RunRecord(finished)
    words = "1 of 2 fill rests on a doubtful high or low alone"
    (warning,) = doubtful_warnings(record)
    assert warning.startswith(f"WARNING: {words} (SPY target of {date(2026, 2, 4)} at 100.05)")
    assert words in " ".join(summary(record, None).split())
    assert words in run_page(record, None)
    folder = tmp_path / "run"
    assert audited_run(finished, data, folder).ok
    path = folder / "manifest.json"
    document = json.loads(path.read_text())
    assert document["doubtful_fills"] == [2]
    path.write_text(json.dumps({**document, "doubtful_fills": []}))
    rules = {finding.rule for finding in audit_run(folder, data).findings}
    assert "fills by doubtful extremes" in rules
