"""Refuse numbers whose size suggests another unit than their channel's.

A rate in percent is also a valid fraction, a hundred times too large. Nothing is converted by a
guess: the import stops with the observation and the mapping key that answers it.
"""

import numpy as np

from data_feeds.clock import HOUR_NS, utc_text
from data_feeds.errors import SchemaError
from data_feeds.schema import Array, Channel, ChannelKind
from data_feeds.units import Unit

# The interest part of funding is 0.01% every eight hours, the rate of most settlements. Some venues
# with shorter intervals scale it by the hours, others do not.
DEFAULT_RATE = 1e-4
DEFAULT_HOURS = 8
SETTLEMENT_HOURS = (1, 2, 4, 8)
# Unusual rates every eight hours, by the hours that the rows cover. 0.2% is 219% a year. The most
# extreme two days of Binance's large perps from 2020 to 2026 had a median of 0.18%, the most
# extreme two months a median of 0.033%.
UNUSUAL_RATES = ((40, 2e-3), (60 * 24, 7.5e-4))
_FEW = 0.1
# Publishers of yields and rates write two decimals.
_SMALL_PERCENT, _LARGE_PERCENT = 0.25, 60.0
_VOLATILITY_POINTS = ("VIX", "VIXCLS", "VXN", "VXNCLS", "DVOL")
_RATES = ("DGS", "DTB", "DFII", "DFF", "FEDFUNDS", "T10", "BAML", "SOFR")


def ask_unit(channel: Channel, unit: str, *, is_answered: bool = False) -> None:
    """Check that numbers do not look like another unit than the declared one.

    Parameters
    ----------
    channel : rows that keep their kind's rules
    unit : the unit that the source gives for a series or a rate; empty for none
    is_answered : the user has confirmed the numbers

    Raises
    ------
    SchemaError : with the observation and the mapping key that answers it.
    """
    if is_answered or len(channel) == 0:
        return
    if channel.key.kind is ChannelKind.FUNDING and not unit:
        _ask_rate(channel)
    if channel.key.kind is ChannelKind.SERIES:
        _ask_series(channel, unit)


def _ask_rate(channel: Channel) -> None:
    rate = np.abs(channel["rate"])
    hours = _usual_hours(channel["event_at"])
    as_percent, as_fraction = (_is_default(rate, hours, factor) for factor in (100.0, 1.0))
    seen = ""
    if as_percent.mean() >= _FEW and as_percent.sum() > as_fraction.sum():
        usual = float(rate[np.argmax(as_percent)])
        share = as_percent.mean()
        seen = f"{usual:g}, in {share:.0%} of its rows, is the venues' default rate in percent"
    elif float(np.median(rate)) > _unusual_rate(len(rate) * hours) * hours / DEFAULT_HOURS:
        usual = float(np.median(rate))
        yearly = usual * 24 / hours * 365
        seen = f"its usual rate of {usual:g} would be {yearly:.0%} a year"
    if seen:
        raise SchemaError(
            f"{channel.key}: {seen}, settled every {hours} hours; if the file gives percent, set "
            "unit: percent in the mapping; if these are fractions of notional, unit: fraction"
        )


def _unusual_rate(covered_hours: int) -> float:
    """Return the rate every eight hours above which a median over these hours is unusual."""
    known = [rate for least, rate in UNUSUAL_RATES if covered_hours >= least]
    return min(known, default=float("inf"))


def _usual_hours(event: Array) -> int:
    """Return the most frequent settlement interval that venues use, hours; 8 for one row."""
    steps = np.diff(event) // HOUR_NS
    known = [int((steps == hours).sum()) for hours in SETTLEMENT_HOURS]
    return SETTLEMENT_HOURS[int(np.argmax(known))] if any(known) else DEFAULT_HOURS


def _is_default(rate: Array, hours: int, factor: float) -> Array:
    """Return a flag per rate: the venues' default, unscaled or by hours, times ``factor``."""
    scaled = DEFAULT_RATE * hours / DEFAULT_HOURS
    found: Array = np.isclose(rate, DEFAULT_RATE * factor, rtol=1e-6, atol=0)
    return found | np.isclose(rate, scaled * factor, rtol=1e-6, atol=0)


def _ask_series(channel: Channel, unit: str) -> None:
    name, value = channel.key.instrument, channel["value"]
    highest = float(np.abs(value).max())
    if unit == Unit.PERCENT and name.startswith(_RATES):
        has_more_decimals = np.abs(value * 100 - np.rint(value * 100)) > 1e-6
        if highest < _SMALL_PERCENT and has_more_decimals.any():
            _ask_factor(channel, f"no value above {highest:g} percent", "fractions", 100)
        if highest > _LARGE_PERCENT:
            _ask_factor(channel, f"a value of {highest:g} percent", "basis points", 0.01)
    if name in _VOLATILITY_POINTS and highest < 2:
        _ask_factor(channel, f"no value above {highest:g} points", "fractions", 100)


def _ask_factor(channel: Channel, seen: str, maybe: str, factor: float) -> None:
    first = utc_text(int(channel["event_at"][0]))
    raise SchemaError(
        f"{channel.key}: {seen} from {first} on; if these are {maybe}, set scale: "
        f"{{value: {factor:g}}} in the mapping; if they are correct, set scale: {{value: 1}}"
    )
