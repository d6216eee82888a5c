"""Draft the candle files of freqtrade: Feather, JSON or Parquet; futures with mark and funding."""

from typing import Any

from data_feeds.instrument import Instrument
from data_feeds.sources.drafts.peeked_file import DraftedEntry, PeekedFile

_ORDER = ("date", "open", "high", "low", "close", "volume")
_PRICES = ("open", "high", "low", "close")


def draft(file: PeekedFile, instrument: Instrument, timeframe: str | None) -> list[DraftedEntry]:
    """Return the entry of a candle file; its name says whether it has mark prices or funding.

    A candle's date is its opening in UTC; JSON counts milliseconds. Funding rates stand in the
    column of the opening price.
    """
    is_json = ".json" in file.path.name.lower()
    wanted = {name: str(i + 1) if is_json else name for i, name in enumerate(_ORDER)}
    columns = file.columns(wanted, "candle file of freqtrade")
    time: dict[str, Any] = {"column": columns.pop("date")}
    time |= {"unit": "ms"} if is_json else {"zone": "UTC"}
    origin = {"label": "observed", "source": "freqtrade download-data"}
    name = file.path.name.lower()
    if "-funding_rate." in name:
        keys = {"kind": "funding", "stamp": "event", "time": time}
        return [DraftedEntry({**keys, "columns": {"rate": columns["open"]}, **origin})]
    is_mark = "-mark." in name
    if is_mark:
        columns = {name: columns[name] for name in _PRICES}
    keys = {
        "kind": "mark" if is_mark else "bars",
        "timeframe": file.bar_length(time, instrument.calendar, timeframe),
        "stamp": "open",
        "time": time,
        "columns": columns,
    }
    return [DraftedEntry({**keys, **origin})]
