"""The next publications of the series that the checklist reads, by their release rules."""

from collections import defaultdict

import numpy as np
from numpy.typing import NDArray

from data_feeds.calendar import ALWAYS_OPEN, add_business_days
from data_feeds.catalog import Catalog
from data_feeds.clock import Dates, Instants, midnight_ns, utc_day, utc_days, utc_text
from data_feeds.releases import RELEASES, known_at, rule_for
from data_feeds.schema import ChannelKey, ChannelKind
from engine.config.market import MarketStateConfig
from engine.today.answer_data import NextRelease
from engine.today.instants import PUBLISHED_WITHIN_NS

# A monthly value is published within two months of its reference date, all others sooner.
_BEHIND, _AHEAD = np.timedelta64(62, "D"), np.timedelta64(14, "D")
# Rows whose weekdays are those on which the series has values.
_NEWEST = 60
# Published on business days, with values of weekends and holidays too.
_EVERY_DAY = {"DFF"}
ANNOUNCED = "announced by the company"


def next_releases(source: Catalog, rules: MarketStateConfig, at: int) -> tuple[NextRelease, ...]:
    """Return the next publication of each series that the data hold, the soonest first.

    Series published at one instant for one date are one line. Company earnings are the newest
    announced dates; they have no time of day.
    """
    names = rules.inputs
    series = {name for name, kind, _ in names.channels() if kind == ChannelKind.SERIES}
    held = {entry.key.instrument for entry in source.entries()}
    lines: dict[tuple[int, str, str, bool], list[str]] = defaultdict(list)
    for name in sorted((series & held & RELEASES.keys()) - set(names.earnings)):
        found = _next_of(source, name, at)
        if found is not None:
            lines[found].append(name)
    told = [
        NextRelease(utc_text(when), tuple(named), date, words, sure)
        for (when, date, words, sure), named in lines.items()
    ]
    told += _earnings(source, set(names.earnings) & held, at)
    # A date without a time comes before the instants of its day.
    return tuple(sorted(told, key=lambda item: (item.at, item.series)))


def _next_of(source: Catalog, series: str, at: int) -> tuple[int, str, str, bool] | None:
    """Return instant, reference date, source and whether it is documented; None for a ticker.

    A series that is published as it is computed has no next publication worth a line.
    """
    rule = rule_for(series)
    if not rule.counts_from_date:
        return None
    dates, when = _publications(source, series, at)
    later = np.flatnonzero(when > at)
    if len(later) == 0:
        return None
    soonest = int(when[later].min())
    return soonest, _span(dates[when == soonest]), rule.source, rule.confirmed


def overdue_value(source: Catalog, series: str, at: int) -> tuple[str, int] | None:
    """Return date and instant (ns UTC) of the newest publication that the data lack, else None.

    Only documented release rules count; a publisher has an hour's grace.
    """
    rule = rule_for(series) if series in RELEASES else None
    if rule is None or not (rule.counts_from_date and rule.confirmed):
        return None
    dates, when = _publications(source, series, at)
    due = np.flatnonzero(when <= at - PUBLISHED_WITHIN_NS)
    stored = _stored_dates(source, series, at)
    if len(due) == 0 or len(stored) == 0:
        return None
    newest = due[np.argmax(dates[due])]
    return None if stored[-1] >= dates[newest] else (str(dates[newest]), int(when[newest]))


def _publications(source: Catalog, series: str, at: int) -> tuple[Dates, Instants]:
    """Return the reference dates around an instant, and when each is published, ns UTC."""
    rule, today = rule_for(series), utc_day(at)
    dates = np.arange(today - _BEHIND, today + _AHEAD, dtype="datetime64[D]")
    if rule.month_day is not None:
        dates = dates[dates == dates.astype("datetime64[M]")]
    elif _calendar(series) != ALWAYS_OPEN:
        dates = dates[add_business_days(_calendar(series), dates, 0) == dates]
    else:
        dates = dates[np.isin(_weekdays(dates), _weekdays(_stored_dates(source, series, at)))]
    return dates, known_at(rule, dates)


def _calendar(series: str) -> str:
    """Return the calendar of the days on which a series has values, 24/7 where its rows tell."""
    rule = rule_for(series)
    return ALWAYS_OPEN if series in _EVERY_DAY else rule.session_close or rule.business_days


def _span(dates: Dates) -> str:
    """Return the dates of one publication: a date, or the first and the last.

    >>> _span(np.array(["2026-02-06", "2026-02-07"], "datetime64[D]"))
    '2026-02-06 to 2026-02-07'
    """
    return str(dates[0]) if len(dates) == 1 else f"{dates[0]} to {dates[-1]}"


def _stored_dates(source: Catalog, series: str, at: int) -> Dates:
    """Return the reference dates of the newest rows known at an instant."""
    rows = source.read(ChannelKey(series, ChannelKind.SERIES), None, at)
    return utc_days(rows["event_at"][rows["available_at"] <= at][-_NEWEST:])


def _weekdays(dates: Dates) -> NDArray[np.int64]:
    """Return the weekday of each date, 3 for the epoch's Thursday."""
    return (dates.astype(np.int64) + 3) % 7


def _earnings(source: Catalog, names: set[str], at: int) -> list[NextRelease]:
    """Return the newest announced date of each company, where it has not passed."""
    found = []
    for name in sorted(names):
        rows = source.read(ChannelKey(name, ChannelKind.SERIES), None, at)
        known = rows["available_at"] <= at
        if not known.any():
            continue
        text = f"{int(rows['value'][known][-1]):08d}"
        day = np.datetime64(f"{text[:4]}-{text[4:6]}-{text[6:]}", "D")
        if day >= utc_day(at):
            found.append(
                NextRelease(utc_text(midnight_ns(day))[:10], (name,), str(day), ANNOUNCED, True)
            )
    return found
