"""Say in words what a drafted entry means: rows as read, stamps, units."""

from pathlib import Path

import pandas as pd

from data_feeds.calendar import ALWAYS_OPEN
from data_feeds.instrument import Instrument
from data_feeds.schema import ChannelKind
from data_feeds.sources.drafts.draft import MappingDraft
from data_feeds.sources.local_table import read_local_table
from data_feeds.sources.mapping import FileEntry, Stamp
from data_feeds.units import units_of

_LONGEST_VALUE = 25
_WORDS = {
    "price": "{quote} per unit",
    "quote": "{quote}",
    "quote_per_share": "{quote} per share",
    "base": "units traded",
    "new_shares_per_old": "new shares per old one",
    "undeclared": "no unit that anybody names (--quote percent)",
}


def understood(draft: MappingDraft) -> list[str]:
    """Return lines about each file of a drafted mapping: its rows, its clock, its units."""
    lines = []
    for entry in draft.mapping.files:
        path = Path(draft.mapping.root) / entry.path
        frame = read_local_table(path, entry.read)
        lines.append(f"{entry.path}: {len(frame)} rows, {entry.channel_key(draft.instrument.id)}")
        lines += [f"  {line}" for line in _rows(frame, entry)]
        lines.append(f"  clock: {_clock(entry, draft.instrument)}")
        lines.append(f"  units: {_units(entry, draft.instrument)}; label {entry.label}")
    return lines + [f"note: {remark}" for remark in draft.remarks]


def _rows(frame: pd.DataFrame, entry: FileEntry) -> list[str]:
    """Return the first two rows and the last one, as read, under the canonical names."""
    columns = {"time": entry.time.column, **entry.columns}
    if entry.published is not None:
        columns["published"] = entry.published.column
    shown = frame.iloc[sorted({0, min(1, len(frame) - 1), len(frame) - 1})] if len(frame) else frame
    table = [[""], *([f"row {at}"] for at in shown.index)]
    for name, column in columns.items():
        head = name if name == column else f"{name} <- {column}"
        table[0].append(head)
        for row, value in zip(table[1:], shown[column], strict=True):
            row.append(str(value)[:_LONGEST_VALUE])
    widths = [max(map(len, cells)) for cells in zip(*table, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in table
    ]


def _clock(entry: FileEntry, instrument: Instrument) -> str:
    """Return the meaning of the stamps and the instant at which a row is known."""
    column, length = entry.time.column, entry.timeframe
    zone = entry.time.zone or ("UTC" if entry.time.unit != "text" else "the zone written in it")
    if entry.kind is ChannelKind.SERIES:
        told = entry.rule(instrument.id)
        day = column if entry.published is None else entry.published.column
        return f"{column} is the date that a value measures; known {told}, counted from {day}"
    if entry.stamp is Stamp.SESSION_DATE:
        return f"{column} is the date of a session of {instrument.calendar}; {_known(entry)}"
    if entry.stamp is Stamp.SESSION_OPEN:
        return f"{column} is the open of a session of {instrument.calendar}; {_known(entry)}"
    said = (
        f"{column} is the {entry.stamp} of a bar of {length}"
        if entry.is_bar
        else f"{column} is the instant"
    )
    hours = "around the clock" if instrument.calendar == ALWAYS_OPEN else instrument.calendar
    return f"{said}, in {zone}; calendar {hours}; {_known(entry)}"


def _known(entry: FileEntry) -> str:
    return "known at its close" if entry.is_bar else "known at once"


def _units(entry: FileEntry, instrument: Instrument) -> str:
    """Return the units of the value columns, equal ones together."""
    by_unit: dict[str, list[str]] = {}
    for name, unit in units_of(instrument, entry.channel_key(instrument.id), entry.unit).items():
        said = _WORDS.get(unit, unit).format(quote=instrument.quote)
        if name == "volume" and entry.volume_unit == "quote":
            said = f"{instrument.quote}, divided by the bar's mean price"
        by_unit.setdefault(said, []).append(name)
    return "; ".join(f"{', '.join(names)} in {unit}" for unit, names in by_unit.items())
