"""Draft the CSV that TradingView exports from a chart."""

from typing import Any

import pandas as pd

from data_feeds.calendar import ALWAYS_OPEN
from data_feeds.errors import SchemaError
from data_feeds.instrument import Instrument, InstrumentKind
from data_feeds.sources.drafts.peeked_file import DraftedEntry, PeekedFile

_PRICES = {name: name for name in ("time", "open", "high", "low", "close")}


def draft(file: PeekedFile, instrument: Instrument, timeframe: str | None) -> list[DraftedEntry]:
    """Return the entry of the bars; columns of indicators are not read.

    ``time`` is the opening: seconds since 1970, an instant with the chart's offset, or the date of
    a daily bar.

    Raises
    ------
    SchemaError : a column is not there, or stamps of daily bars are no dates.
    """
    wanted = dict(_PRICES)
    if "volume" in file.names:
        wanted["volume"] = "volume"
    elif instrument.kind is not InstrumentKind.INDEX:
        raise SchemaError(
            f"{file.path}: no column Volume; show the indicator Volume in the chart and export "
            "again, or import the prices with --kind index"
        )
    columns = file.columns(wanted, "chart export of TradingView")
    stamps = file.values(columns.pop("time"))
    is_number = pd.api.types.is_numeric_dtype(stamps)
    time: dict[str, Any] = {"column": str(stamps.name)}
    time |= {"unit": "s"} if is_number else {}
    length = file.bar_length(time, instrument.calendar, timeframe)
    stamp = "open"
    if length == "1d" and instrument.calendar != ALWAYS_OPEN:
        stamp = "session_date" if _are_dates(stamps) else "session_open"
    elif not is_number and _are_dates(stamps):
        time |= {"zone": "UTC"}
    keys = {
        "kind": "bars", "timeframe": length, "stamp": stamp, "time": time, "columns": columns,
        "label": "observed", "source": "TradingView chart export", "venues": ["TradingView"],
    }  # fmt: skip
    said = (
        "prices are those of the chart: switch its adjustment for dividends off before the export"
    )
    return [DraftedEntry(keys, (said,) if instrument.kind is InstrumentKind.ETF else ())]


def _are_dates(stamps: pd.Series) -> bool:
    return bool(stamps.astype(str).str.fullmatch(r"\d{4}-\d{2}-\d{2}").all())
