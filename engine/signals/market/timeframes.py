"""Trends of bitcoin and the index on several timeframes, and whether they agree.

A market is up on a timeframe when its price lies above the mean of its last bars. A mean of 4-hour
bars is computed as the mean of the hours in them, so that exchange hours, which do not fill 4-hour
buckets, are treated alike.
"""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from data_feeds.clock import DAY_NS
from data_feeds.schema import ChannelKey, ChannelKind
from data_feeds.timeframe import Timeframe
from engine.conditions import Condition, Truth, all_of
from engine.config.market import Declaration
from engine.config.market.trend_conditions import HOURS, TRENDS, trend_conditions
from engine.signals.asof import derived_as_of
from engine.signals.market.declared import Maker, conditions_of
from engine.signals.market.grid import Floats
from engine.signals.market.point_in_time import DAY, HOUR, SHORTEST, MarketInputs
from engine.signals.market.readings import Flags, Reading, combined, first_known
from engine.signals.market.rolling import mean
from engine.signals.windows import rolling_sum

INTRADAY = (HOUR, "4h")
# A session's last hour may close before its day's bar, but by less than this.
_SAME_SESSION_NS = DAY_NS // 2


def timeframes(inputs: MarketInputs) -> tuple[dict[str, Floats], dict[str, Condition]]:
    """Return distances from the mean by market and timeframe, on days, and the trend conditions.

    ``both_down`` compares the index with bitcoin on 1h and 4h bars on days on which
    :func:`by_hours` holds, and on days otherwise.
    """
    names, rules = inputs.config.inputs, inputs.config.regime
    distances = {
        f"bitcoin_{SHORTEST}": _distance(inputs, names.bitcoin, SHORTEST, rules.trend_bars)
    }
    for label, hours in HOURS.items():
        bars = hours * rules.trend_bars
        distances[f"bitcoin_{label}"] = _distance(inputs, names.bitcoin, HOUR, bars)
    for label in INTRADAY:
        bars = HOURS[label] * rules.trend_bars
        distances[f"index_{label}"] = _distance(inputs, names.index, HOUR, bars)

    def over_mean(price: Floats) -> Floats:
        return price / mean(price, rules.trend_bars) - 1

    distances[f"index_{DAY}"] = inputs.of_sessions(
        over_mean(inputs.session_close(names.index)), names.index
    )
    # Where the hours of the longest trend are missing, daily bars are used.
    distances[f"bitcoin_{DAY}"] = first_known(
        [distances[f"bitcoin_{DAY}"], inputs.bitcoin.measured(over_mean)]
    )
    readings = {f"trend_{name}": distances[name] for name in TRENDS}
    makers: dict[str, Maker] = {"both_down": _both_down, "timeframes_agree_down": _agreement}
    conditions = conditions_of(inputs, trend_conditions(rules), readings, makers)
    return {name: item.value for name, item in readings.items()}, conditions


def by_hours(below: Mapping[str, Condition]) -> Flags:
    """Return the days on which trends are read on hours: both markets' hours are known and current.

    Hours are not current where the same market's daily bar is known and at least half a day newer:
    they are of an earlier session.
    """
    told = np.ones(len(below[f"index_{DAY}_down"].truth), np.bool_)
    for market in ("index", "bitcoin"):
        day = below[f"{market}_{DAY}_down"]
        for label in INTRADAY:
            hours = below[f"{market}_{label}_down"]
            assert hours.age_ns is not None
            assert day.age_ns is not None
            newer = (day.truth != Truth.UNKNOWN) & (hours.age_ns - day.age_ns >= _SAME_SESSION_NS)
            told &= (hours.truth != Truth.UNKNOWN) & ~newer
    return told


def _both_down(declared: Declaration, below: Mapping[str, Condition]) -> Condition:
    """Return the condition that index and bitcoin are both down, on the finest bars of each day."""
    name, text = declared.name, declared.words
    fine, coarse = (
        [below[f"{market}_{label}_down"] for label in labels for market in ("index", "bitcoin")]
        for labels in (INTRADAY, (DAY,))
    )
    on_hours = by_hours(below)
    hourly, daily = (all_of([part.truth for part in parts]) for parts in (fine, coarse))
    truth = np.where(on_hours, hourly, daily).astype(np.int8)
    both = combined(name, truth, text, *fine, *coarse)
    of_hours, of_days = (combined(name, truth, text, *parts) for parts in (fine, coarse))
    assert of_hours.age_ns is not None
    assert of_days.age_ns is not None
    return replace(both, age_ns=np.where(on_hours, of_hours.age_ns, of_days.age_ns))


def _distance(inputs: MarketInputs, name: str, timeframe: str, bars: int) -> Reading:
    """Return a price over the mean of its last bars - 1, as known each day."""
    channel, label = (
        inputs.held(ChannelKey(name, ChannelKind.BARS, timeframe)),
        f"{name} {timeframe}",
    )
    if channel is None:
        return inputs.missing(label)
    measure = channel["close"] / (rolling_sum(channel["close"], bars) / bars) - 1
    measure = inputs.without_holes(channel, measure, bars)
    is_bitcoin = name == inputs.config.inputs.bitcoin
    limit = inputs.crypto_max_age_ns if is_bitcoin else inputs.max_age_ns
    limit = max(limit, 2 * Timeframe(timeframe).ns)
    found = derived_as_of(channel, measure, inputs.grid.decided_at, limit)
    return Reading(np.where(found.is_fresh, found.values, np.nan), found.age_ns, (label,))


def _agreement(declared: Declaration, below: Mapping[str, Condition]) -> Condition:
    """Return the condition that all known timeframes point down; unknown below two known ones."""
    parts = [below[f"bitcoin_{label}_down"] for label in (SHORTEST, *HOURS)]
    table = np.stack([part.truth for part in parts])
    known = (table != Truth.UNKNOWN).sum(axis=0)
    down = (table == Truth.TRUE).sum(axis=0)
    truth = np.where(known >= 2, (down == known).astype(np.int8), np.int8(Truth.UNKNOWN))
    return combined(declared.name, truth.astype(np.int8), declared.words, *parts)
