"""The newest row of each input that was known at an instant, and its age against a limit."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

import numpy as np

from data_feeds.align import as_of_rows
from data_feeds.catalog import Catalog
from data_feeds.clock import DAY_NS, HOUR_NS, parse_duration, utc_text
from data_feeds.load import stored_keys
from data_feeds.schema import Channel, ChannelKey, ChannelKind
from data_feeds.timeframe import Timeframe
from engine.config.market import MarketStateConfig
from engine.today.answer_data import InputAge
from engine.today.instants import due_close
from engine.today.releases_ahead import overdue_value

CHECKLIST = "checklist"
BAR_KINDS = (ChannelKind.BARS, ChannelKind.MARK)
# Longer than any stretch between two bars of a channel that is not long dead.
_LOOK_BACK_NS = 60 * DAY_NS


def newest_fact(source: Catalog, key: ChannelKey, at: int) -> int | None:
    """Return the newest close or event of a stored channel known at an instant; None for none."""
    is_bar = key.kind in BAR_KINDS
    rows = source.read(key, at - _LOOK_BACK_NS if is_bar else None, at)
    if len(rows) == 0 and is_bar:
        rows = source.read(key, None, at)
    row = int(as_of_rows(rows, np.array([at], np.int64))[0])
    return None if row < 0 else int(_facts(rows)[row])


def _facts(rows: Channel) -> np.ndarray:
    return rows["closed_at" if "closed_at" in rows.columns else "event_at"]


def aged(
    reader: str, key: ChannelKey, newest: int | None, at: int, limit_ns: int | None
) -> InputAge:
    """Return the age of an input, stale where it is absent or older than its limit."""
    age = None if newest is None else at - newest
    stale = age is None or (limit_ns is not None and age > limit_ns)
    late = "older than its limit" if stale else ""
    return InputAge(
        reader=reader,
        channel=str(key),
        newest=None if newest is None else utc_text(newest),
        age_hours=None if age is None else age / HOUR_NS,
        limit_hours=None if limit_ns is None else limit_ns / HOUR_NS,
        is_stale=stale,
        why="not in the data" if age is None else late,
    )


def bars_age(reader: str, source: Catalog, key: ChannelKey, at: int) -> InputAge:
    """Return the age of bars, whose limit is the age of the newest bar that is due.

    Finer stored bars stand for bars that are not stored themselves.
    """
    origin = stored_keys(source, [key])[key]
    newest = None if origin is None else newest_fact(source, origin, at)
    calendar = source.instruments()[key.instrument].calendar
    due = due_close(calendar, Timeframe(key.timeframe).ns, at)
    return aged(reader, key, newest, at, at - due)


def limited_ages(
    reader: str, source: Catalog, limits: Mapping[ChannelKey, int], at: int
) -> tuple[InputAge, ...]:
    """Return the age of each channel against its limit, ns; finer stored bars stand for bars."""
    stored = stored_keys(source, limits)
    found = []
    for key in sorted(limits):
        origin = stored[key]
        newest = None if origin is None else newest_fact(source, origin, at)
        found.append(aged(reader, key, newest, at, limits[key]))
    return tuple(found)


def checklist_ages(source: Catalog, rules: MarketStateConfig, at: int) -> tuple[InputAge, ...]:
    """Return the age of every input of the checklist at an instant, by the checklist's limits.

    Of several series under one input, and of bars stored in a shorter timeframe, the one that the
    checklist reads first counts: another one of them that is fresh serves as well. A series whose
    next value was due and is not stored is stale, too, within its limit of age.
    """
    names = rules.inputs
    crypto = {names.bitcoin, names.bitcoin_spot, names.bitcoin_daily}
    limits = {True: parse_duration(rules.crypto_max_age), False: parse_duration(rules.max_age)}
    keys = [ChannelKey(name, ChannelKind(kind), label) for name, kind, label in names.channels()]
    of_key = {key: limits[key.instrument in crypto] for key in keys}
    ages = [_or_overdue(age, source, at) for age in limited_ages(CHECKLIST, source, of_key, at)]
    fresh = {age.channel for age in ages if not age.is_stale}
    replaced = {channel for group in _alternatives(rules) if group & fresh for channel in group}
    return tuple(age for age in ages if not (age.is_stale and age.channel in replaced))


def _or_overdue(age: InputAge, source: Catalog, at: int) -> InputAge:
    """Return an age as stale where the publication of a later value has passed."""
    series = age.channel.removesuffix(f"/{ChannelKind.SERIES}")
    found = None if age.is_stale else overdue_value(source, series, at)
    if found is None:
        return age
    date, due = found
    return replace(age, is_stale=True, why=f"the value of {date} was due at {utc_text(due)}")


def _alternatives(rules: MarketStateConfig) -> Iterable[set[str]]:
    """Return the series that stand for one another: the names of one input."""
    single = {"earnings", "leaders", "book"}
    for field in type(rules.inputs).model_fields:
        value = getattr(rules.inputs, field)
        if isinstance(value, tuple) and field not in single:
            yield {str(ChannelKey(name, ChannelKind.SERIES)) for name in value}
