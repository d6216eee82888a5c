"""Release rules: the instant at which a macro or daily value becomes public, by series.

A reference date is the day that a value measures, not the day of its publication. If a publisher
documents no time, the default rule takes a late one and is not ``confirmed``: a decision may learn
a value some hours late. Today's rules apply to the whole history.
"""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal, Self

import numpy as np
from pydantic import Field, model_validator

from data_feeds.calendar import (
    ALWAYS_OPEN,
    FEDERAL_RESERVE,
    add_business_days,
    local_instants,
    session_bounds,
)
from data_feeds.clock import NEW_YORK, Dates, Instants, midnights_ns, parse_duration
from data_feeds.errors import SchemaError
from data_feeds.strict_model import StrictModel

Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday"]
WEEKDAYS: tuple[Weekday, ...] = ("monday", "tuesday", "wednesday", "thursday", "friday")

_ONE_MONTH = np.timedelta64(1, "M")
# A rule gives exactly one of these fields.
_DAY_FIELDS = ("lag_days", "weekday", "month_day")


class ReleaseRule(StrictModel):
    """Rule for the instant of publication, counted from a value's reference date.

    One of: ``lag`` after the fact; ``session_close`` of an exchange, plus ``lag``; or the clock
    time ``at`` in ``zone`` on a later day. That day is ``lag_days`` business days after the date,
    the next ``weekday`` after it (moved on to a business day), or the ``month_day``-th business day
    of the month after it. Business days are those of ``business_days``.
    """

    lag: str | None = Field(None, description="Duration after the fact or the close, e.g. 0m, 15m")
    session_close: str | None = Field(
        None, description="Calendar whose close counts, e.g. XNYS; no session: the next one"
    )
    lag_days: int | None = Field(None, ge=0, description="Days after the reference date")
    weekday: Weekday | None = Field(None, description="Next such weekday after the reference date")
    month_day: int | None = Field(
        None,
        ge=1,
        le=20,
        description="Business day of the month after the reference month, 1: first",
    )
    at: str | None = Field(None, pattern=r"^([01]\d|2[0-3]):[0-5]\d$", description="Local HH:MM")
    zone: str | None = Field(None, description="IANA zone of at, e.g. America/New_York")
    business_days: str = Field(
        ALWAYS_OPEN,
        description="Calendar of the days counted: 24/7, XNYS, or FED (XNYS and Fed open)",
    )
    source: str = Field("", description="Who says so, in words")
    confirmed: bool = Field(
        False, description="Whether the publisher documents the time; else it is an assumption"
    )

    @property
    def lag_ns(self) -> int:
        """Lag in nanoseconds; ``0m`` means known at once."""
        lag = self.lag or "0m"
        return 0 if lag.rstrip("smhdw") == "0" else parse_duration(lag)

    @model_validator(mode="after")
    def _one_rule(self) -> Self:
        names = ("lag", *_DAY_FIELDS) if self.session_close is None else _DAY_FIELDS
        given = [name for name in names if getattr(self, name) is not None]
        clock = [name for name in ("at", "zone") if getattr(self, name) is not None]
        if self.session_close is not None and given:
            raise ValueError(f"session_close goes with lag alone (got {given})")
        if self.session_close is None and len(given) != 1:
            raise ValueError(
                f"give one of {', '.join(names)}, or session_close (got {given or 'none'})"
            )
        if self._counts_days and len(clock) != 2:
            raise ValueError("a release day needs at (HH:MM) and zone")
        if not self._counts_days and clock:
            raise ValueError("lag counts from the fact itself: leave out at and zone")
        self._check_lag()
        return self

    @property
    def _counts_days(self) -> bool:
        return any(getattr(self, name) is not None for name in _DAY_FIELDS)

    @property
    def counts_from_date(self) -> bool:
        """True when the rule counts from a calendar day; false for a lag after the instant."""
        return self._counts_days or self.session_close is not None

    def _check_lag(self) -> None:
        try:
            _ = self.lag_ns
        except SchemaError as error:
            # Inside a model only a ValueError is reported with its key path.
            raise ValueError(str(error)) from error

    def __str__(self) -> str:
        """Return the rule in words, e.g. ``1 business day (FED) later, 16:15 America/New_York``."""
        if self.session_close is not None:
            return f"{self.session_close} close + {self.lag or '0m'}"
        if self.lag is not None:
            return f"the fact + {self.lag}"
        return f"{self._day_text()}, {self.at} {self.zone}"

    def _day_text(self) -> str:
        days = (
            "day" if self.business_days == ALWAYS_OPEN else f"business day ({self.business_days})"
        )
        if self.weekday is not None:
            return f"next {self.weekday.capitalize()} or the {days} after it"
        if self.month_day is not None:
            return f"{days} {self.month_day} of the next month"
        return f"{self.lag_days} {days} later" if self.lag_days else "same day"


def known_at(rule: ReleaseRule, dates: Dates) -> Instants:
    """Return the instants at which the values of some reference dates are published.

    Parameters
    ----------
    rule : the series' rule
    dates : reference dates in any order. A plain ``lag`` counts from the instants themselves (a
        date is its midnight UTC), every other rule from the calendar day they fall on.

    Returns
    -------
    int64 ns UTC, one for each date, holidays and weekends included.

    Raises
    ------
    SchemaError : a date lies outside the calendars.

    >>> h15 = rule_for("DGS10")
    >>> friday = np.array(["2026-02-06"], dtype="datetime64[D]")
    >>> str(known_at(h15, friday).astype("datetime64[ns]").astype("datetime64[m]")[0])
    '2026-02-09T21:15'
    """
    if rule.session_close is not None:
        sessions = add_business_days(rule.session_close, dates.astype("datetime64[D]"), 0)
        return session_bounds(rule.session_close, sessions)[1] + rule.lag_ns
    if rule.lag is not None:
        return midnights_ns(dates) + rule.lag_ns
    day = _release_days(rule, dates.astype("datetime64[D]"))
    return local_instants(day, rule.at or "", rule.zone or "")


def _release_days(rule: ReleaseRule, dates: Dates) -> Dates:
    calendar = rule.business_days
    if rule.weekday is not None:
        # 1970-01-01 was a Thursday, weekday 3 counted from Monday.
        today = (dates.astype(np.int64) + 3) % 7
        ahead = (WEEKDAYS.index(rule.weekday) - today - 1) % 7 + 1
        return add_business_days(calendar, dates + ahead.astype("timedelta64[D]"), 0)
    if rule.month_day is not None:
        begun = (dates.astype("datetime64[M]") + _ONE_MONTH).astype("datetime64[D]")
        first = add_business_days(calendar, begun, 0)
        return add_business_days(calendar, first, rule.month_day - 1)
    return add_business_days(calendar, dates, rule.lag_days or 0)


@dataclass(frozen=True)
class Release:
    """Default release rule of a series, and its documented variants by name."""

    rule: ReleaseRule
    variants: Mapping[str, ReleaseRule] = field(default_factory=lambda: MappingProxyType({}))


def rule_for(series: str, variant: str | None = None) -> ReleaseRule:
    """Return the release rule of a known series, or one of its variants.

    Raises
    ------
    SchemaError : the series or the variant is not in the table.
    """
    release = RELEASES.get(series)
    if release is None:
        near = difflib.get_close_matches(series.upper(), RELEASES, n=3, cutoff=0.5)
        hint = f" (near: {', '.join(near)})" if near else ""
        raise SchemaError(
            f"no release rule for {series!r}{hint}; its publication time is unknown; add "
            "release: {lag_days: 1, at: '16:15', zone: America/New_York, business_days: FED} "
            "or what its publisher says"
        )
    if variant is None:
        return release.rule
    if variant not in release.variants:
        known = ", ".join(release.variants) or "none"
        raise SchemaError(
            f"release {variant!r} is no variant of {series}; it has {known}; "
            "leave release out for the default"
        )
    return release.variants[variant]


def _new_york(at: str, source: str, *, confirmed: bool, **day: object) -> ReleaseRule:
    """Return a rule of a New York clock time on a Federal Reserve business day."""
    fields = {"at": at, "zone": NEW_YORK, "business_days": FEDERAL_RESERVE, **day}
    return ReleaseRule.model_validate({**fields, "source": source, "confirmed": confirmed})


def _after_close(source: str, *, confirmed: bool) -> Release:
    rule = {"session_close": "XNYS", "lag": "15m", "source": source, "confirmed": confirmed}
    return Release(ReleaseRule.model_validate(rule))


def _clock(at: str, zone: str, days: int, source: str) -> Release:
    """Return an unconfirmed clock time so many calendar days after the reference date."""
    rule = {"lag_days": days, "at": at, "zone": zone, "source": source}
    return Release(ReleaseRule.model_validate(rule))


_H15 = _new_york(
    "16:15",
    "Federal Reserve H.15, posted on business days at 16:15 ET with the rates of the day before",
    confirmed=True,
    lag_days=1,
)
_TREASURY = _new_york(
    "18:00",
    "Treasury par yield curve, from quotes of about 15:30 ET, published the same evening",
    confirmed=False,
    lag_days=0,
)
_TREASURY_REAL = _new_york(
    "18:00",
    "Treasury par real yield curve, published the same evening",
    confirmed=False,
    lag_days=0,
)
# FRED computes these from Treasury yields and shows them earlier; H.15's time is safe.
_SPREAD = _new_york(
    "16:15",
    "FRED, computed from Treasury yields; no earlier than H.15 has both",
    confirmed=False,
    lag_days=1,
)
_NOMINAL = Release(_H15, MappingProxyType({"treasury": _TREASURY}))
_COMPUTED = Release(_SPREAD, MappingProxyType({"treasury": _TREASURY}))
_VIX = _after_close(
    "Cboe: calculated until 16:15 ET, 15 minutes after the close; 13:15 on early closes",
    confirmed=True,
)
_VXN = _after_close("Cboe: as VIX", confirmed=False)
_INDEX = _after_close("Index closing value, 15 minutes after the exchange's close", confirmed=False)
_ICE_SPREAD = Release(
    _new_york(
        "10:00", "ICE BofA indices via FRED, the next business day", confirmed=False, lag_days=1
    )
)

RELEASES: Mapping[str, Release] = MappingProxyType(
    {
        "DGS10": _NOMINAL,
        "DGS2": _NOMINAL,
        "DGS3MO": _NOMINAL,
        "DTB3": _NOMINAL,
        "DFII10": Release(_H15, MappingProxyType({"treasury": _TREASURY_REAL})),
        "T10Y2Y": _COMPUTED,
        "T10Y3M": _COMPUTED,
        "T10YIE": _COMPUTED,
        "DFF": Release(
            _new_york(
                "09:00",
                "New York Fed: the prior business day's effective rate, about 09:00 ET",
                confirmed=True,
                lag_days=1,
            )
        ),
        "FEDFUNDS": Release(
            _new_york(
                "16:15",
                "Mean of the month, with the first H.15 of the next month",
                confirmed=False,
                month_day=1,
            )
        ),
        "DTWEXBGS": Release(
            _new_york(
                "16:15",
                "Federal Reserve H.10, weekly, Mondays 16:15 ET with the week before",
                confirmed=True,
                weekday="monday",
            )
        ),
        "BAMLH0A0HYM2": _ICE_SPREAD,
        "BAMLC0A0CM": _ICE_SPREAD,
        "VIX": _VIX,
        "VIXCLS": _VIX,
        "VXN": _VXN,
        "VXNCLS": _VXN,
        "SP500": _INDEX,
        "GSPC": _INDEX,
        "NASDAQCOM": _INDEX,
        # ICE quotes it on days without a New York session too: a clock time, no session.
        "DXY": _clock("17:00", NEW_YORK, 0, "ICE US Dollar Index, end of the New York FX day"),
        "ETF_FLOWS": _clock("12:00", "UTC", 1, "Issuers' holdings of the evening and next morning"),
        "FEAR_GREED": _clock("00:10", "UTC", 0, "alternative.me, updated at midnight UTC"),
        "BTC_OI_DAILY": _clock("01:00", "UTC", 1, "Computed after the UTC day has ended"),
        "DVOL": Release(
            ReleaseRule(lag="0m", source="Deribit: published as it is computed", confirmed=True)
        ),
    }
)
