"""Account days follow the time zone of the traded instruments."""

import numpy as np
import pytest

from data_feeds.calendar import zone_of
from data_feeds.errors import SchemaError
from data_feeds.instrument import Instrument, InstrumentKind
from engine.intents import Rebalance
from engine.risk.hedge_review import _year
from engine.testing import candles, play, table

HOUR_NS = 3_600 * 10**9


def at(text: str) -> int:
    return int(np.datetime64(text, "ns").astype(np.int64))


def fund(calendar: str) -> Instrument:
    return Instrument(
        id="FUND", kind=InstrumentKind.ETF, quote="USD", calendar=calendar, lot_size=1.0
    )


def session(calendar: str, first: str, closes: list[float]):
    """Return hourly bars of one session; each opens at the previous close."""
    opened = [at(first) + i * HOUR_NS for i in range(len(closes))]
    opens = (closes[0], *closes[:-1])
    rows = [(o, max(o, c), min(o, c), c) for o, c in zip(opens, closes, strict=True)]
    ends = [instant + HOUR_NS for instant in opened]
    bars = candles(rows, instrument="FUND", opened_at=opened, closed_at=ends)
    return table(bars, instruments=(fund(calendar),))


@pytest.mark.parametrize(
    ("calendar", "first"),
    [
        # A Tokyo session is one UTC day; midnight in New York, 05:00Z, would cut it.
        ("XTKS", "2026-02-03T00:00"),
        ("XLON", "2026-02-03T08:00"),
        # 14:00Z to 20:00Z is one New York day.
        ("XNYS", "2026-02-03T15:00"),
    ],
)
def test_a_session_is_one_day_of_a_loss_limit(calendar, first):
    # All in at 100 from the second hour on; 2% lost by the fourth, 2% more by the sixth: beyond 3%.
    closes = [100.0, 100.0, 99.0, 98.0, 97.0, 96.0]
    outcome = play(
        session(calendar, first, closes),
        {0: [Rebalance({"FUND": 1.0}, "all")]},
        account={"venue_cash": 0.0, "brokerage_cash": 100_000.0},
        notional=None,
        risk={"daily_loss": {"limit": 0.03, "scope": "block_entries"}},
    )
    assert [(event.guard, event.event) for event in outcome.guard_events] == [
        ("daily loss", "tripped")
    ]


def test_a_calendar_names_its_zone():
    found = [zone_of(name) for name in ("24/7", "XNYS", "XTKS", "XLON")]
    assert found == ["UTC", "America/New_York", "Asia/Tokyo", "Europe/London"]
    with pytest.raises(SchemaError, match="unknown"):
        zone_of("NOWHERE")


def test_the_year_of_a_hedge_is_that_of_its_exchange():
    # 20:00 in New York on the last of December is January in UTC.
    assert (_year(at("2021-01-01T01:00")), _year(at("2021-01-01T05:00"))) == (2020, 2021)
