"""Draft Yahoo's price history: its own CSV, and the CSV that yfinance writes."""

from typing import Any

import pandas as pd

from data_feeds.calendar import ALWAYS_OPEN
from data_feeds.errors import SchemaError
from data_feeds.instrument import Instrument, InstrumentKind
from data_feeds.sources.drafts.peeked_file import DraftedEntry, PeekedFile

_BARS = {name: name for name in ("open", "high", "low", "close", "volume")}
_ORIGIN = {"label": "observed", "source": "Yahoo Finance"}


def draft(file: PeekedFile, instrument: Instrument, timeframe: str | None) -> list[DraftedEntry]:
    """Return the entries of the bars and, where yfinance wrote them, dividends and splits.

    Open, high, low and close of Yahoo are adjusted for splits. Its column Adj Close is also
    adjusted for dividends and is not read. Without that column yfinance has usually adjusted all
    prices for dividends, so the instrument must say so.

    Raises
    ------
    SchemaError : a column is not there, or prices may contain dividends and nobody says so.
    """
    columns = list(map(str, file.frame.columns))
    first = file.frame.iloc[0] if len(file.frame) else pd.Series(dtype=object)
    if columns[0] == "Price" and str(first.iloc[0]) == "Ticker":
        file = file.with_header(3)
    names = file.names
    stamped = next((name for name in ("date", "datetime", "price") if name in names), "date")
    columns_of = file.columns({"time": stamped, **_BARS}, "price history of Yahoo")
    time: dict[str, Any] = {"column": columns_of.pop("time")}
    length = file.bar_length(time, instrument.calendar, timeframe)
    is_share = instrument.kind is InstrumentKind.ETF
    if (
        is_share
        and "adj_close" not in names
        and "dividend_adjusted" not in instrument.model_fields_set
    ):
        raise SchemaError(
            f"{file.path}: no column Adj Close: yfinance adjusts prices for dividends unless it is "
            "called with auto_adjust=False; add --dividend-adjusted or --no-dividend-adjusted"
        )
    dated = _dated(file, time, length, instrument)
    bars = {**file.read, "kind": "bars", "timeframe": length, **dated, "columns": columns_of}
    bars |= {"drop_missing": True, **_ORIGIN, "venues": [instrument.venue or "Yahoo"]}
    if is_share:
        bars["splits"] = "adjusted"
    said = ["open, high, low and close are adjusted for splits"]
    if "adj_close" in names:
        said.append("Adj Close is left out: it would put later dividends into earlier prices")
    if instrument.is_crypto:
        bars["volume_unit"] = "quote"
        said.append("Yahoo counts volume of coins in dollars: divided by the bar's mean price")
    events = _events(file, dated) if is_share and not instrument.dividend_adjusted else []
    if is_share and not instrument.dividend_adjusted and "dividends" not in names:
        said.append("the file has no dividends: returns lack them until you import them beside")
    return [DraftedEntry(bars, tuple(said)), *events]


def _dated(
    file: PeekedFile, time: dict[str, Any], length: str, instrument: Instrument
) -> dict[str, Any]:
    """Return the keys of the stamps: session dates of an exchange, else openings."""
    if length == "1d" and instrument.calendar != ALWAYS_OPEN:
        return {"stamp": "session_date", "time": time | _zone_of(file, time, instrument)}
    return {"stamp": "open", "time": time | {"zone": "UTC"}}


def _zone_of(file: PeekedFile, time: dict[str, Any], instrument: Instrument) -> dict[str, Any]:
    """Return the zone of midnights with an offset, as yfinance's history has them."""
    has_offset = file.values(time["column"]).astype(str).str.contains(r"\d:\d.*[+-]\d{2}:\d{2}$")
    if not has_offset.any():
        return {}
    if instrument.calendar not in _ZONES:
        raise SchemaError(
            f"{file.path}: dates are written as midnights of a zone; write plain dates "
            "(YYYY-MM-DD), or a mapping with time: {zone: ...}"
        )
    return {"zone": _ZONES[instrument.calendar]}


_ZONES = {
    "XNYS": "America/New_York", "XNAS": "America/New_York", "XLON": "Europe/London",
    "XETR": "Europe/Berlin", "XPAR": "Europe/Paris", "XTKS": "Asia/Tokyo", "XHKG": "Asia/Hong_Kong",
}  # fmt: skip


def _events(file: PeekedFile, dated: dict[str, Any]) -> list[DraftedEntry]:
    """Return entries of dividends and splits, where the file has any."""
    if dated["stamp"] != "session_date":
        return []
    found = []
    for kind, value, plain in (
        ("dividends", "amount", "dividends"),
        ("splits", "ratio", "stock_splits"),
    ):
        name = file.names.get(plain)
        if name is not None and (pd.to_numeric(file.values(name), errors="coerce") > 0).any():
            keys = {**file.read, "kind": kind, **dated, "columns": {value: name}}
            keys |= {"drop_zero": True, "drop_missing": True, **_ORIGIN}
            if kind == "dividends":
                keys["splits"] = "adjusted"
            found.append(DraftedEntry(keys))
    return found
