"""Draft Binance's public files: klines with or without a header, and funding rates."""

from typing import Any

from data_feeds.instrument import Instrument
from data_feeds.sources.drafts.peeked_file import DraftedEntry, PeekedFile

_ORDER = ("open_time", "open", "high", "low", "close", "volume")
_PRICES = ("open", "high", "low", "close")
# Spot files count microseconds from 2025 on; 1e14 ms is the year 5138, 1e14 us is 1973.
_LEAST_MICROSECONDS = 10**14


def draft(file: PeekedFile, instrument: Instrument, timeframe: str | None) -> list[DraftedEntry]:
    """Return the entry of a file of klines or funding rates."""
    if str(file.frame.columns[0]).isdigit():
        file = file.with_header(0)
    if "last_funding_rate" in file.names:
        columns = file.columns({"time": "calc_time", "rate": "last_funding_rate"}, "funding file")
        time = _time(file, columns.pop("time"))
        keys = {"kind": "funding", "stamp": "event", "time": time, "columns": columns}
        return [_with_origin(keys)]
    wanted = {name: name for name in _ORDER}
    if file.header_lines == 0:
        wanted = {name: str(i + 1) for i, name in enumerate(_ORDER)}
    columns = file.columns(wanted, "kline file of Binance")
    time = _time(file, columns.pop("open_time"))
    is_mark = not file.values(columns["volume"]).any()
    if is_mark:
        columns = {name: columns[name] for name in _PRICES}
    keys = {
        **file.read,
        "kind": "mark" if is_mark else "bars",
        "timeframe": file.bar_length(time, instrument.calendar, timeframe),
        "stamp": "open",
        "time": time,
        "columns": columns,
    }
    said = "no bar has volume: these are mark prices" if is_mark else ""
    return [_with_origin(keys, said)]


def _time(file: PeekedFile, column: str) -> dict[str, Any]:
    is_micro = bool((file.values(column) >= _LEAST_MICROSECONDS).any())
    return {"column": column, "unit": "us" if is_micro else "ms"}


def _with_origin(keys: dict[str, Any], *remarks: str) -> DraftedEntry:
    origin = {"label": "observed", "source": "Binance public data", "venues": ["Binance"]}
    return DraftedEntry({**keys, **origin}, tuple(filter(None, remarks)))
