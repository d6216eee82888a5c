"""A small mapping and its files, for tests of the import."""

from pathlib import Path

from data_feeds.catalog import Catalog
from data_feeds.clock import utc_text
from data_feeds.schema import Channel, ChannelKey, ChannelKind
from data_feeds.sources.local_files import import_mapping

HEAD = """\
instruments:
  - {id: P, kind: perp}
  - {id: S, kind: series}
  - {id: SPY, kind: etf, quote: USD, calendar: XNYS}
  - {id: QQQ, kind: etf, quote: USD, calendar: XNYS}
  - {id: MADE, kind: perp, synthetic: true}
files:
"""
BARS = """\
  - path: bars.csv
    instrument: P
    kind: bars
    timeframe: 1h
    stamp: open
    time: {column: t, zone: UTC}
    columns: {open: o, high: h, low: l, close: c, volume: v}
    label: observed
"""
SERIES = """\
  - path: series.csv
    instrument: S
    kind: series
    stamp: reference_date
    time: {column: date}
    columns: {value: value}
    release: {lag_days: 1, at: "16:15", zone: America/New_York, business_days: FED}
    label: observed
"""
GOOD_BARS = """\
t,o,h,l,c,v
2026-02-06 00:00,10,12,9,11,5
2026-02-06 01:00,11,13,10,12,6
"""


def imported(folder: Path, mapping: str, **files: str) -> Catalog:
    for name, text in files.items():
        (folder / f"{name}.csv").write_text(text)
    (folder / "mapping.yaml").write_text(HEAD + mapping)
    catalog = Catalog(folder / "catalog")
    import_mapping(folder / "mapping.yaml", catalog)
    return catalog


def perp_bars(catalog: Catalog) -> Channel:
    return catalog.read(ChannelKey("P", ChannelKind.BARS, "1h"))


def stored_files(catalog: Catalog) -> dict[str, bytes]:
    return {
        str(path): path.read_bytes()
        for path in catalog.path.rglob("*")
        if path.is_file() and path.name != ".lock"
    }


def known_at(catalog: Catalog, name: str = "S") -> list[str]:
    return [
        utc_text(at) for at in catalog.read(ChannelKey(name, ChannelKind.SERIES))["available_at"]
    ]
