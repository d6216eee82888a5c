"""A plan names channels and windows; an error names its line."""

from pathlib import Path

import pytest

from data_feeds.catalog import TimeSpan
from data_feeds.clock import DAY_NS
from data_feeds.errors import YamlError
from data_feeds.fetch import load_plan
from data_feeds.fetch.make_source import SourceOptions, make_source
from data_feeds.sources.binance_archive import BinanceArchive
from data_feeds.sources.http import HttpClient
from tests.data_feeds.factory import ns

NOW = ns("2026-03-01")
PLAN = """
instruments:
  - {id: BTCUSDT-PERP, kind: perp, tick_size: 0.1}
  - {id: ETHUSDT-PERP, kind: perp, tick_size: 0.01}
  - {id: US10Y, kind: series, quote: percent}
windows:
  crash: {start: 2020-03-01, end: 2020-04-01}
  now: {start: 2026-02-01}
fetch:
  - source: ccxt
    symbol: BTC/USDT:USDT
    instrument: BTCUSDT-PERP
    channels: [bars/5m, funding]
"""


def written(folder: Path, old: str = "", new: str = "") -> Path:
    assert old in PLAN
    (folder / "plan.yaml").write_text(PLAN.replace(old, new) if old else PLAN)
    return folder / "plan.yaml"


def test_windows_are_joined_and_end_now(tmp_path: Path) -> None:
    plan, instruments = load_plan(written(tmp_path))
    assert sorted(instruments) == ["BTCUSDT-PERP", "ETHUSDT-PERP", "US10Y"]
    assert plan.fetch[0].spans(plan.windows, NOW) == (
        TimeSpan(started_at=ns("2020-03-01"), ended_at=ns("2020-04-01")),
        TimeSpan(started_at=ns("2026-02-01"), ended_at=NOW),
    )
    # A window is empty before its start.
    early = plan.fetch[0].spans(plan.windows, ns("2020-03-02"))
    assert early == (TimeSpan(started_at=ns("2020-03-01"), ended_at=ns("2020-03-01") + DAY_NS),)


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ("instrument: BTCUSDT-PERP", "each: [BTCUSDT-PERP, ETHUSDT-PERP]", 10,
         "symbol names one market"),
        ("instrument: BTCUSDT-PERP", "instrument: SOLUSDT", 10, "'SOLUSDT' is not defined"),
        ("channels: [bars/5m, funding]", "channels: [bars]", 10,
         "write it as bars/1h"),
        ("channels: [bars/5m, funding]", "channels: [funding, funding]", 10,
         "filled by two entries"),
        ("channels: [bars/5m, funding]", "channels: [bars/5m]\n    windows: [crsh]", 10,
         "no window 'crsh'; windows: crash, now"),
        ("channels: [bars/5m, funding]", "channels: [bars/5m]\n    windows: []", 14,
         "fetch.0.windows: Tuple should have at least 1 item"),
        ("end: 2020-04-01", "end: 2020-02-01", 7, "must lie after start"),
        ("start: 2026-02-01", "start: 2026", 8, "write a date"),
        ("source: ccxt", "source: cctx", 10, "cctx"),
        ("symbol: BTC", "exchnage: okx\n    symbol: BTC", 11,
         "fetch.0.exchnage: unknown key; did you mean 'exchange'?"),
    ],
)  # fmt: skip
def test_an_error_names_its_line(tmp_path: Path, old: str, new: str, line: int, words: str) -> None:
    with pytest.raises(YamlError) as caught:
        load_plan(written(tmp_path, old, new))
    assert f"plan.yaml:{line}: " in str(caught.value)
    assert words in str(caught.value)


def test_symbols_for_ids_that_are_not_asked_for_are_refused(tmp_path: Path) -> None:
    entry = "source: fred\n    instrument: US10Y\n    symbols: {US10: DGS10}\n"
    start = PLAN.index("source: ccxt")
    (tmp_path / "plan.yaml").write_text(PLAN[:start] + entry)
    with pytest.raises(YamlError, match="symbols for ids that are not asked for: US10"):
        load_plan(tmp_path / "plan.yaml")


def test_an_id_of_the_user_s_own_takes_the_rule_of_its_series(tmp_path: Path) -> None:
    entry = "source: fred\n    instrument: US10Y\n    symbols: {US10Y: DGS10}\n"
    start = PLAN.index("source: ccxt")
    (tmp_path / "plan.yaml").write_text(PLAN[:start] + entry)
    plan, instruments = load_plan(tmp_path / "plan.yaml")
    source = make_source(plan.fetch[0], instruments["US10Y"], SourceOptions(now=lambda: NOW))
    (key,) = plan.fetch[0].keys("US10Y")
    assert "16:15 America/New_York" in source.origin(key).release


@pytest.mark.parametrize(("market", "exchange"), [("um", "binanceusdm"), ("spot", "binance")])
def test_archive_and_api_of_one_venue_fill_one_channel(
    tmp_path: Path, market: str, exchange: str
) -> None:
    plan, instruments = load_plan(written(tmp_path, "source: ccxt", "source: ccxt\n    exchange: "
                                          + exchange))  # fmt: skip
    perp = instruments["BTCUSDT-PERP"]
    api = make_source(plan.fetch[0], perp, SourceOptions(now=lambda: NOW))
    archive = BinanceArchive(market, "BTCUSDT", HttpClient())  # type: ignore[arg-type]
    (bars, _) = plan.fetch[0].keys(perp.id)
    assert archive.origin(bars).venues == api.origin(bars).venues
