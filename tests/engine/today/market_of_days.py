"""A made market of sessions and hours in a catalog, and three runs that trade often on it."""

from pathlib import Path
from typing import Any

import numpy as np

from data_feeds.calendar import session_bounds, sessions_between
from data_feeds.catalog import Catalog, Origin
from data_feeds.clock import DAY_NS, HOUR_NS
from data_feeds.instrument import Instrument, InstrumentKind
from data_feeds.schema import Channel
from engine.config.models import RunConfig
from engine.config_files import read_config
from engine.testing import candles, series
from tests.data_feeds.factory import ns

FIRST, LAST = "2025-01-02", "2026-02-13"
HOURS_FROM = "2025-11-01"
ORIGIN = Origin(source="made", venues=("made",))
PERP = Instrument(id="BTCUSDT-PERP", kind=InstrumentKind.PERP, quote="USDT", tick_size=0.1)
FUNDS = tuple(
    Instrument(id=name, kind=InstrumentKind.ETF, quote="USD", calendar="XNYS", tick_size=0.01)
    for name in ("IEF", "QQQ", "SPY")
)
SERIES = {"DGS10": "percent", "DXY": "points", "VIX": "points"}
BILL = "DGS3MO"

DIP = """\
name: dip
data: {source: CATALOG, start: 2025-09-02, end: 2025-09-03}
playbook:
  name: rules
  params:
    instruments: {spy: SPY@session}
    clock: spy@session
    trades:
      dip:
        instrument: spy
        enter:
          loss: spy.close < sma(spy.close, 3 sessions)
        stop: 0.98 * spy.close
        targets:
          - {price: 1.01 * spy.close, fraction: 0.5}
          - {price: 1.05 * spy.close, fraction: 0.5}
        exit:
          bounce: spy.close > sma(spy.close, 5 sessions)
account: {venue_cash: 0, brokerage_cash: 100000, interest_series: DGS3MO}
# Tight enough to trip often. Interest is paid at the end of a day, before the day's decision.
risk: {daily_loss: {limit: 0.002}, cool_down: null}
venue: binance_usdm
"""
BREAK = """\
name: break
data: {source: CATALOG, start: 2025-11-10, end: 2025-11-11}
playbook:
  name: rules
  params:
    instruments: {btc: BTCUSDT-PERP@1h}
    clock: btc@1h
    trades:
      up:
        instrument: btc
        enter:
          above: btc.close > highest(btc.high, 6 bars)[1]
        stop: btc.close - 2 * atr(btc, 12 bars)
        exit:
          low: btc.close < lowest(btc.low, 6 bars)[1]
      down:
        instrument: btc
        side: short
        enter:
          below: btc.close < lowest(btc.low, 6 bars)[1]
        stop: btc.close + 2 * atr(btc, 12 bars)
        exit:
          high: btc.close > highest(btc.high, 6 bars)[1]
venue: binance_usdm
"""
BOOK = """\
name: book
data: {source: CATALOG, start: 2025-09-02, end: 2025-09-03}
playbook:
  name: fixed_weights
  params: {weights: {IEF: 0.3, QQQ: 0.2, SPY: 0.4}, rebalance: weekly}
account: {venue_cash: 0, brokerage_cash: 1000000, interest_series: DGS3MO}
venue: binance_usdm
"""
# Decides each hour on the close of a session.
LEAD = """\
name: lead
data: {source: CATALOG, start: 2025-11-10, end: 2025-11-11}
playbook:
  name: rules
  params:
    instruments: {btc: BTCUSDT-PERP@1h, spy: SPY@session}
    clock: btc@1h
    trades:
      up:
        instrument: btc
        enter:
          above: spy.close > sma(spy.close, 2 sessions)
        stop: 0.9 * btc.close
        exit:
          below: spy.close < sma(spy.close, 2 sessions)
venue: binance_usdm
"""
FEAR = (
    DIP.replace("name: dip", "name: fear")
    .replace("SPY@session}", "SPY@session}\n    series: {vix: VIX}")
    .replace("          loss: spy.close < sma(spy.close, 3 sessions)", "          fear: vix > 1")
)
FILES = {"dip": DIP, "break": BREAK, "book": BOOK, "lead": LEAD, "fear": FEAR}


def _walk(count: int, start: float, move: float, seed: int) -> np.ndarray:
    """Return open, high, low, close of a random walk, a row a bar."""
    random = np.random.default_rng(seed)
    close = start * np.exp(np.cumsum(random.normal(0.0, move, count)))
    opened = np.concatenate(([start], close[:-1]))
    reach = np.abs(random.normal(0.0, move, (2, count)))
    high = np.maximum(opened, close) * (1 + reach[0])
    low = np.minimum(opened, close) * (1 - reach[1])
    return np.column_stack((opened, high, low, close, np.full(count, 1e6)))


def channels() -> list[tuple[Instrument, Channel]]:
    """Return every channel with its instrument, all rows."""
    days = sessions_between("XNYS", np.datetime64(FIRST), np.datetime64(LAST))
    opened, closed = session_bounds("XNYS", days)
    found: list[tuple[Instrument, Channel]] = []
    for seed, fund in enumerate(FUNDS):
        rows = _walk(len(days), 400.0, 0.012, seed)
        times: dict[str, Any] = {"opened_at": opened.tolist(), "closed_at": closed.tolist()}
        found.append((fund, candles(rows, instrument=fund.id, timeframe="1d", **times)))
    hours = list(range(ns(HOURS_FROM), ns(LAST), HOUR_NS))
    found.append((PERP, candles(_walk(len(hours), 90_000.0, 0.006, 9), opened_at=hours)))
    for name, unit in (SERIES | {BILL: "percent"}).items():
        known = [(int(at) + HOUR_NS, 20.0 + at // DAY_NS % 3) for at in closed]
        made = Instrument(id=name, kind=InstrumentKind.SERIES, quote=unit)
        found.append((made, series(known, name)))
    return found


def made_catalog(folder: Path, known_at: int | None = None) -> Catalog:
    """Return a catalog of the rows that were known at an instant, None: of all rows."""
    catalog = Catalog(folder)
    with catalog.batch() as batch:
        for instrument, whole in channels():
            rows = whole if known_at is None else whole.cut(known_at)
            batch.replace(instrument, rows, ORIGIN)
    return catalog


def made_run(name: str, folder: Path, catalog: Catalog) -> RunConfig:
    """Return one of the three runs, reading a catalog."""
    file = folder / f"{name}.yaml"
    file.write_text(FILES[name].replace("CATALOG", str(catalog.path)))
    return read_config(str(file), None, None)
