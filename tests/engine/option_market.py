"""A fund with its volatility index for tests of hedges: sessions, one contract, one script."""

import numpy as np

from data_feeds.calendar import session_bounds, sessions_between
from data_feeds.instrument import Instrument, InstrumentKind
from data_feeds.options.contract import PutSpread
from data_feeds.schema import Channel, ChannelKey
from engine.testing import candles, play, series, table

SPY = Instrument(
    id="SPY", kind=InstrumentKind.ETF, quote="USD", calendar="XNYS", tick_size=0.01, lot_size=1.0
)
DAYS = sessions_between("XNYS", np.datetime64("2026-02-02"), np.datetime64("2026-04-30"))
OPENED, CLOSED = session_bounds("XNYS", DAYS)
CONTRACT = PutSpread("SPY", np.datetime64("2026-03-20"), 95.0, 80.0)
LATER = PutSpread("SPY", np.datetime64("2026-04-17"), 90.0, 75.0)
EXPIRY = int(np.searchsorted(DAYS, CONTRACT.expiry))
CASH = {"venue_cash": 0.0, "brokerage_cash": 100_000.0}


def index(values: list[float]) -> Channel:
    """VIX by reference date, known at 16:15 New York; the session before has the first value."""
    dates = np.array([DAYS[0] - np.timedelta64(3, "D"), *DAYS[: len(values)]])
    at = dates.astype("datetime64[ns]").astype(np.int64).tolist()
    found = series(list(zip(at, [values[0], *values], strict=True)), "VIX")
    known = session_bounds("XNYS", dates)[1] + 15 * 60 * 10**9
    return Channel(found.key, {**found.columns, "available_at": known})


def fund(closes: list[float], opens: list[float] | None = None) -> Channel:
    """Sessions that open at the close before, unless their opens are given."""
    opens = [closes[0], *closes[:-1]] if opens is None else opens
    rows = [(o, max(o, c), min(o, c), c, 1e7) for o, c in zip(opens, closes, strict=True)]
    return candles(
        rows,
        instrument="SPY",
        timeframe="1d",
        opened_at=OPENED[: len(rows)].tolist(),
        closed_at=CLOSED[: len(rows)].tolist(),
    )


def market(closes: list[float], vix: list[float] | None = None, opens: list[float] | None = None):
    """SPY and VIX; the index stands at 25 unless it is given."""
    levels = [25.0] * len(closes) if vix is None else vix
    return table(fund(closes, opens), index(levels), instruments=(SPY,))


def run(closes, script, *, vix=None, opens=None, **sections):
    """Play a script on SPY's sessions with all the cash at the brokerage."""
    account = {**CASH, **sections.pop("account", {})}
    clock = ChannelKey("SPY", fund(closes).key.kind, "1d")
    return play(market(closes, vix, opens), script, clock=clock, account=account, **sections)
