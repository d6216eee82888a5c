"""Draft FRED's CSV of one series, with or without ALFRED's dates of publication."""

from typing import Any

from data_feeds.clock import NEW_YORK
from data_feeds.errors import SchemaError
from data_feeds.instrument import Instrument
from data_feeds.releases import RELEASES
from data_feeds.sources.drafts.peeked_file import DraftedEntry, PeekedFile

_DATES = ("observation_date", "date", "period_start_date")
_PUBLISHED = ("realtime_start", "realtime_start_date")
_ENDED = ("realtime_end", "realtime_end_date")
_LATE = "23:59"


def draft(file: PeekedFile, instrument: Instrument, release_days: int | None) -> list[DraftedEntry]:
    """Return the entry of a series. A value is missing where the file has a full stop or ND.

    Without dates of publication the table of release rules knows the series, or ``release_days``
    gives the days from the reference date to the publication.

    Raises
    ------
    SchemaError : the columns are not FRED's, or nothing says when the values became public.
    """
    names = file.names
    dated = next((name for name in _DATES if name in names), _DATES[0])
    told = next((name for name in _PUBLISHED if name in names), None)
    values = [name for name in names if name not in (dated, *_PUBLISHED, *_ENDED)]
    if len(values) != 1:
        raise SchemaError(
            f"{file.path}: {len(values)} columns of values ({', '.join(values)}); FRED's file "
            "of one series has one: leave the others out"
        )
    columns = file.columns({"time": dated, "value": values[0]}, "file of FRED")
    keys: dict[str, Any] = {
        "kind": "series", "stamp": "reference_date", "time": {"column": columns.pop("time")},
        "columns": columns, "drop_missing": True, "label": "observed", "source": "FRED",
    }  # fmt: skip
    if told is not None:
        release = {"lag_days": 0, "at": _LATE, "zone": NEW_YORK}
        keys |= {"published": {"column": names[told]}, "release": release, "sort": True}
        said = f"each vintage is known at {_LATE} New York on its {names[told]}: ALFRED has no hour"
        return [DraftedEntry(keys, (said,))]
    known = RELEASES.get(instrument.id)
    if release_days is not None:
        keys["release"] = {"lag_days": release_days, "at": "16:15", "zone": NEW_YORK}
        days = f"{release_days} day{'' if release_days == 1 else 's'}"
        said = f"known {days} after its date, 16:15 New York, as --release-days says"
    elif known is not None:
        said = f"known by the rule of {instrument.id}: {known.rule}"
    else:
        raise SchemaError(
            f"{file.path}: {instrument.id} has no release rule: add --release-days N, the days "
            "from a value's date to its publication (not needed with ALFRED's realtime_start)"
        )
    late = "these are the latest revisions: a series that is revised looks ahead by its revisions"
    return [DraftedEntry(keys, (said, late))]
